"""How many pages are read at once: as many as the cache of the longest answers has memory for."""

import os
from dataclasses import dataclass

import torch

MOST_ON_A_GPU = 256
MOST_ON_A_CPU = 16
"""A CPU computes, more than it waits for memory: more rows make no page faster."""
_USED_SHARE_OF_A_GPU = 0.85
_RESERVE_BYTES = 2 << 30
"""For the encoder and the prefill of the pages that come next."""
_USED_SHARE_OF_MAIN_MEMORY = 0.5
_ROWS_STEP = 8


@dataclass(frozen=True)
class Rows:
    """How many pages are read at once, and why."""

    count: int
    reason: str


def choose_rows(wanted: int | str, pages: int, row_bytes: int, device: str) -> Rows:
    """Choose the number of pages read at once: `generate.batch`, or as many as fit; never more than there are pages.

    `row_bytes` are those of the cache for one page at its longest.
    """
    if isinstance(wanted, int):
        return Rows(min(wanted, pages), "as configured")
    cuda = device.startswith("cuda")
    free = free_bytes(device)
    if cuda:
        usable, most = int(free * _USED_SHARE_OF_A_GPU) - _RESERVE_BYTES, MOST_ON_A_GPU
    else:
        usable, most = int(free * _USED_SHARE_OF_MAIN_MEMORY), MOST_ON_A_CPU
    count = max(1, min(most, usable // max(1, row_bytes)))
    if count > _ROWS_STEP:
        count -= count % _ROWS_STEP
    reason = f"{row_bytes / 1e6:,.0f} MB each, {free / 1e9:,.1f} GB free, at most {most}"
    return Rows(min(count, pages), reason)


def free_bytes(device: str) -> int:
    """Return the bytes a tensor may still take on the device, under the process's own limit where one is set."""
    if not device.startswith("cuda"):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    free, total = torch.cuda.mem_get_info()
    idle = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
    limit = int(total * torch.cuda.get_per_process_memory_fraction())
    return max(0, min(free + idle, limit - torch.cuda.memory_allocated()))


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that a device or the machine has no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)

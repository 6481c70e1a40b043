"""How much memory is in use and there, and what to do when it runs out."""

import gc
from pathlib import Path

import torch

from scribetune.core.errors import UserError

GIGABYTE = 10**9


def in_use_bytes(device: str) -> int:
    """Return the peak of allocated GPU memory, or the resident memory of this process."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def total_bytes(device: str) -> int:
    """Return the memory of the GPU, or of the machine."""
    if device == "cuda":
        return int(torch.cuda.get_device_properties(0).total_memory)
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return 0


def release() -> None:
    """Give back what a failed attempt left behind."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def too_small(step: int, longest_tokens: int, *, checkpointing: bool) -> UserError:
    """Return what is said when a single page does not fit."""
    steps = [] if checkpointing else ["set train.machine.gradient_checkpointing to true"]
    steps += [
        "lower train.max_tokens (longer pages are then left out and listed)",
        "choose a smaller train.lora.scope or train.lora.rank",
        "or use a GPU with more memory; the last checkpoint is kept, and training goes on from it",
    ]
    return UserError(
        f"Memory ran out at step {step} although every forward pass held a single page; its tokens are",
        value=longest_tokens,
        accepted="pages that fit into memory one at a time",
        todo="; ".join(steps),
    )

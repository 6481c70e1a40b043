"""What the processes do in tests of `scribetune.models.processes`; each function gets its `Group` first."""

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

import torch

from scribetune.core.errors import UserError
from scribetune.models import processes


def agree(group: processes.Group, word: str) -> list[Any]:
    """Exchange what each has, and say the same and something of one's own."""
    logging.getLogger("shared").warning("said by all")
    logging.getLogger("shared").warning("said by %d", group.rank)
    logging.getLogger("shared").info("told by %d", group.rank)
    tensors = [torch.full((3,), float(group.rank)), torch.full((2, 2), 10.0 * group.rank)]
    group.average(tensors)
    return [
        group.gather(f"{word} {group.rank}"),
        group.from_first(lambda: f"of {group.rank}"),
        [tensor.tolist() for tensor in tensors],
    ]


def refuse(group: processes.Group) -> None:
    """The second refuses; the first waits for it, and would for hours."""
    if group.rank == 1:
        raise UserError("A page is too long", value=12, accepted="10", todo="shorten it")
    group.wait()


def die(group: processes.Group) -> None:
    """The second is killed; the first waits for it."""
    if group.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    group.wait()


def wait_long(group: processes.Group, folder: str) -> None:
    """Leave the process's id in a file, and do nothing for a long time."""
    (Path(folder) / f"{group.rank}.pid").write_text(str(os.getpid()), encoding="ascii")
    group.wait()
    time.sleep(600)

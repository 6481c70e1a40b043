"""How many GPUs a training runs on: a process for each, which shares every effective batch with the others."""

import logging

from scribetune.core.config import Train
from scribetune.core.errors import UserError
from scribetune.models import processes

logger = logging.getLogger(__name__)


def number_of_processes(settings: Train, allowed: int) -> int:
    """Return how many processes a training is divided among: as many as GPUs are allowed and there, or one.

    `allowed` comes from `--resources gpu=N` and `train.machine.gpus`.

    Raises:
        UserError: The effective batch cannot be divided among them, or the backend is for one GPU alone.
    """
    if allowed == 1:
        return 1
    there = len(processes.visible_gpus())
    number = max(1, min(allowed, there))
    if number < allowed:
        where = f"{number} GPU{'s' * (number > 1)}" if there else "the CPU"
        logger.warning("%d GPUs are allowed, and %d there: the training runs on %s", allowed, there, where)
    check_divisible(settings, number)
    return number


def check_divisible(settings: Train, number: int) -> None:
    """Refuse a number of processes that cannot share an effective batch equally, in whole micro batches.

    Raises:
        UserError: So it is, or the backend is for one GPU alone; with values that would do.
    """
    if number == 1:
        return
    fewer = "use fewer GPUs (train.machine.gpus, or --resources gpu=1)"
    if settings.machine.backend == "unsloth":
        raise UserError(
            f"The training backend runs on one GPU alone, and it was given {number}",
            value="unsloth",
            accepted="auto or peft with several GPUs",
            todo=f"set train.machine.backend to auto, or {fewer}",
        )
    # Where the micro batch is chosen by forecast, it is chosen to divide what a process gets.
    micro_batch = 1 if settings.machine.micro_batch == "auto" else settings.machine.micro_batch
    if settings.effective_batch % (micro_batch * number) == 0:
        return
    each, rest = divmod(settings.effective_batch, number)
    if rest:
        larger = (each + 1) * number
        todo = f"set train.effective_batch to {larger}" + f" or {each * number}" * bool(each) + f"; or {fewer}"
    else:
        smaller = max(pages for pages in range(1, micro_batch + 1) if each % pages == 0)
        todo = f"set train.machine.micro_batch to {smaller}, with the same result; or {fewer}"
    raise UserError(
        f"The effective batch cannot be shared by {number} GPUs in micro batches of {micro_batch}; "
        "train.effective_batch is",
        value=settings.effective_batch,
        accepted=f"a multiple of micro batch × GPUs, {micro_batch * number}",
        todo=todo,
    )

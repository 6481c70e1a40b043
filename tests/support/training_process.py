"""A training in a process of its own, which dies where it is told to: as `kill -9` has it, without a last word."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from trl import SFTTrainer  # type: ignore[attr-defined]  # noqa: F401  imported once, before the processes are forked

from scribetune import training
from scribetune.models import adapters
from scribetune.training import checkpoints, page_trainer, validation
from scribetune.training import fit as fitting
from support.training_pages import TINY, settings

SETTINGS = {"checkpoints_steps": 1, "dropout": 0.1, "epochs": 3}


def _dying(call: Callable[..., Any], at_call: int) -> Callable[..., Any]:
    calls = 0

    def dies(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at_call:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **named)

    return dies


def run(folder: str, base: str, begun: Any, die_in: str = "", at_call: int = 0) -> None:
    """Train in `folder` (which holds the splits) into `folder/adapter`.

    Args:
        folder: Working folder.
        base: The base model.
        begun: An event that is set when the training loop begins.
        die_in: optimiser (while that file of a checkpoint is due), seal, rename, validation, reading or adapter.
        at_call: At which call.
    """
    torch.set_num_threads(1)
    places: dict[str, tuple[Any, str]] = {
        "optimiser": (page_trainer.PageTrainer, "_save_optimizer_and_scheduler"),
        "seal": (checkpoints, "seal"),
        "rename": (Path, "rename"),
        "validation": (validation.Validator, "_loss"),
        "reading": (validation.Validator, "_texts"),
        "adapter": (adapters, "save"),
    }
    if die_in:
        holder, name = places[die_in]
        setattr(holder, name, _dying(getattr(holder, name), at_call))
    fit = fitting.fit

    def told(*arguments: Any) -> Any:
        begun.set()
        return fit(*arguments)

    setattr(fitting, "fit", told)  # noqa: B010
    here = Path(folder)
    training.train(
        settings(**SETTINGS),
        base or str(TINY),
        here / "train.jsonl",
        here / "validation.jsonl",
        here / "adapter",
        training.WorkFolders(here / "checkpoints", here / "vision"),
    )

"""Trainings that several processes share, for tests; each function gets its `Group` first."""

import os
import signal
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor
from trl import SFTTrainer  # type: ignore[attr-defined]

from scribetune import training
from scribetune.core.errors import UserError
from scribetune.models import processes
from scribetune.training import fit as fitting
from scribetune.training import page_trainer, run, sharding, trial
from support.train_keys import diverging
from support.training_pages import TINY, settings


def one_training(group: processes.Group, folder: str, name: str, tried: trial.Trial | None = None, **train: Any) -> Any:
    """Train on the splits in `folder`, into `folder/name`; return what the training says of itself.

    Among the settings `base` is another base model's folder, `splits` where its pages lie, and `diverges` makes the
    loss no number.
    """
    here = Path(folder)
    base, splits = train.pop("base", str(TINY)), Path(train.pop("splits", folder))
    diverges = train.pop("diverges", False)
    config = diverging(settings(**train)) if diverges else settings(**train)
    return run.train_in_group(
        group,
        config,
        base,
        (splits / "train.jsonl", splits / "validation.jsonl"),
        here / name,
        training.WorkFolders(here / f"{name}-checkpoints", here / "vision"),
        tried or trial.first(config.train),
    )


def several_trainings(group: processes.Group, folder: str, cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Train once for each case; in the one named "memory" the last process has room for one page at a time."""
    backward = SFTTrainer.training_step
    results = {}
    for name, train in cases.items():
        if name == "memory" and group.rank == group.size - 1:

            def limited(self: Any, model: Any, inputs: dict[str, Any], *rest: Any) -> torch.Tensor:
                loss: torch.Tensor = backward(self, model, dict(inputs), *rest)  # type: ignore[no-untyped-call]
                if self.state.global_step and len(inputs["input_ids"]) > 1:
                    raise torch.OutOfMemoryError
                return loss

            setattr(SFTTrainer, "training_step", limited)  # noqa: B010
        results[name] = one_training(group, folder, name, **train)
        setattr(SFTTrainer, "training_step", backward)  # noqa: B010
    return results


def sharded_trainings(group: processes.Group, folder: str, cases: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Train once for each case; return each one's result, or what it was refused with.

    Beside them, as "… held", each process's weights of the base and of its decoder layers, and how many these have.
    In the case named "memory" no process has room for more than one page at a time; it starts again as `train` does.
    """
    found: dict[str, Any] = {}
    held: list[tuple[int, int, int]] = []
    fit, backward = fitting.fit, SFTTrainer.training_step

    def weighed(prepared: Any, loaded: Any, *rest: Any) -> Any:
        model = loaded.model
        parts = [
            weight for layer in sharding.layers(model) for weight in layer.parameters() if not weight.requires_grad
        ]
        own = sum(part.to_local().numel() if isinstance(part, DTensor) else part.numel() for part in parts)
        held.append((sharding.held_parameters(model)[0], own, sum(part.numel() for part in parts)))
        return fit(prepared, loaded, *rest)

    def limited(self: Any, model: Any, inputs: dict[str, Any], *rest: Any) -> torch.Tensor:
        loss: torch.Tensor = backward(self, model, dict(inputs), *rest)  # type: ignore[no-untyped-call]
        if len(inputs["input_ids"]) > 1:
            raise torch.OutOfMemoryError
        return loss

    setattr(fitting, "fit", weighed)  # noqa: B010
    for name, train in cases.items():
        if name == "memory":
            setattr(SFTTrainer, "training_step", limited)  # noqa: B010
        try:
            found[name] = one_training(group, folder, name, **train)
        except trial.AgainError as again:
            found[name] = one_training(group, folder, name, tried=again.trial, **train)
        except UserError as error:
            found[name] = str(error)
        setattr(SFTTrainer, "training_step", backward)  # noqa: B010
        found[f"{name} held"] = group.gather(held[-1])
    return found


def killed_training(
    group: processes.Group, folder: str, name: str, train: dict[str, Any], rank: int, call: int
) -> None:
    """Train until one process is killed, at that call of what begins a checkpoint."""
    calls = 0
    save = page_trainer.PageTrainer._save_checkpoint

    def dies(self: Any, *rest: Any) -> None:
        nonlocal calls
        calls += 1
        if (group.rank, calls) == (rank, call):
            os.kill(os.getpid(), signal.SIGKILL)
        save(self, *rest)

    setattr(page_trainer.PageTrainer, "_save_checkpoint", dies)  # noqa: B010
    one_training(group, folder, name, **train)

"""Trainings that several processes share, for tests; each function gets its `Group` first."""

from pathlib import Path
from typing import Any

import torch
from training_pages import TINY, settings
from trl import SFTTrainer  # type: ignore[attr-defined]

from scribetune import processes
from scribetune.training import run as training_run


def one_training(group: processes.Group, folder: str, name: str, **train: Any) -> Any:
    """Train on the splits in `folder`, into `folder/name`; return what the training says of itself.

    Among the settings `base` is another base model's folder, and `splits` where its pages lie.
    """
    here = Path(folder)
    base, splits = train.pop("base", str(TINY)), Path(train.pop("splits", folder))
    return training_run._train(
        group,
        settings(**train),
        base,
        splits / "train.jsonl",
        splits / "validation.jsonl",
        here / name,
        training_run.WorkFolders(here / f"{name}-checkpoints", here / "vision"),
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

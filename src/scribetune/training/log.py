"""The log of a training so far: what a checkpoint holds beside weights, optimiser and random numbers."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

LOG_NAME = "training_log.csv"
LOG_COLUMNS = (
    "step",
    "epoch",
    "loss",
    "learning_rate",
    "validation_loss",
    "gradient_norm",
    "token_accuracy",
    "validation_token_accuracy",
    "validation_cer",
)


@dataclass(frozen=True)
class StepFigures:
    """One optimiser step."""

    step: int  # its number, counted from 1
    epoch: float  # passes over the training pages when it ended
    loss: float  # mean cross-entropy per target token of its whole effective batch
    learning_rate: float  # the rate it was done with
    gradient_norm: float  # before clipping
    correct: float  # target tokens that were the likeliest ones; NaN where the backend does not give logits
    targets: int

    @property
    def is_finite(self) -> bool:
        """Whether loss and gradient are numbers."""
        return math.isfinite(self.loss) and math.isfinite(self.gradient_norm)


@dataclass(frozen=True)
class Validation:
    """One validation."""

    step: int  # optimiser steps done
    loss: float  # mean cross-entropy per target token
    token_accuracy: float  # share of target tokens that were the likeliest ones
    cer: float | None  # mean CER of the pages that were read; None where none were

    @property
    def rank(self) -> tuple[float, float]:
        """What is compared, the lower the better: CER, then loss. A loss that is no number comes last."""
        loss = self.loss if math.isfinite(self.loss) else math.inf
        return (0.0 if self.cer is None else self.cer, loss)


@dataclass(frozen=True)
class MemoryEvent:
    """Memory ran out in this step, and the micro batch was made smaller."""

    step: int
    micro_batch_before: int
    micro_batch_after: int


@dataclass
class TrainingLog:
    """What happened in a training; `to_json` and `from_json` carry it through a checkpoint without loss."""

    micro_batch: int  # pages per forward pass now
    rows: dict[int, dict[str, float]] = field(default_factory=dict)
    window: list[StepFigures] = field(default_factory=list)  # steps since the last row
    validations: list[Validation] = field(default_factory=list)
    best: Validation | None = None  # the best of them; of two that are equal the later
    stale: int = 0  # validations since one was better than all before
    skipped_steps: list[int] = field(default_factory=list)  # steps whose gradient was not finite
    memory_events: list[MemoryEvent] = field(default_factory=list)  # each time memory ran out
    finished: Literal["", "steps", "patience"] = ""  # empty while the training goes on; then why it ended

    def add_row(self) -> dict[str, float]:
        """Turn the window into one row of the log and return it: means over its steps, norm and rate of the last."""
        steps = [step for step in self.window if step.is_finite] or self.window
        last = steps[-1]
        row = self.rows.setdefault(last.step, {"step": float(last.step), "epoch": last.epoch})
        row["loss"] = sum(step.loss for step in steps) / len(steps)
        row["learning_rate"] = last.learning_rate
        row["gradient_norm"] = last.gradient_norm
        accuracy = sum(step.correct for step in steps) / max(1, sum(step.targets for step in steps))
        if math.isfinite(accuracy):
            row["token_accuracy"] = accuracy
        self.window.clear()
        return row

    def add_validation(self, validation: Validation, epoch: float) -> bool:
        """Record a validation; return whether it is the best so far (or as good as the best)."""
        row = self.rows.setdefault(validation.step, {"step": float(validation.step), "epoch": epoch})
        row["validation_loss"] = validation.loss
        if math.isfinite(validation.token_accuracy):
            row["validation_token_accuracy"] = validation.token_accuracy
        if validation.cer is not None:
            row["validation_cer"] = validation.cer
        self.validations.append(validation)
        better = self.best is None or validation.rank < self.best.rank
        self.stale = 0 if better else self.stale + 1
        # A loss that is no number is never the best, not even among its like: nothing was learned then.
        if better or (self.best is not None and validation.rank == self.best.rank):
            self.best = validation
            return True
        return False

    def table(self) -> list[dict[str, float]]:
        """Return the rows of the log in order."""
        return [self.rows[step] for step in sorted(self.rows)]

    def to_json(self) -> dict[str, Any]:
        """Return plain values; numbers survive JSON exactly."""
        return asdict(self) | {"rows": self.table()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "TrainingLog":
        """Return the log that `to_json` wrote."""
        records: dict[str, Any] = {
            "rows": {int(row["step"]): dict(row) for row in values["rows"]},
            "window": [StepFigures(**step) for step in values["window"]],
            "validations": [Validation(**one) for one in values["validations"]],
            "best": Validation(**values["best"]) if values["best"] else None,
            "memory_events": [MemoryEvent(**event) for event in values["memory_events"]],
        }
        return cls(**{**values, **records})


def log_csv(rows: Sequence[Mapping[str, float]]) -> str:
    """Write rows as CSV, empty where a figure was not measured; nothing in it depends on the clock."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(LOG_COLUMNS)
    for row in rows:
        writer.writerow([f"{row[column]:.8g}" if column in row else "" for column in LOG_COLUMNS])
    return text.getvalue()

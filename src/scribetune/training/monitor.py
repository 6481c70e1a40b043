"""What a person sees of a training: a live line, log records, and curves in TensorBoard. No result depends on it."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from scribetune.core import progress
from scribetune.training import memory
from scribetune.training.log import Validation

AROUND_A_JOB = True

logger = logging.getLogger(__name__)

_LOG_EVERY_S = 20.0


class Monitor:
    """Shows loss, pages per second, the remaining time and memory; `curves` is a folder for TensorBoard, or None."""

    def __init__(
        self, total: int, effective_batch: int, device: str, advance: progress.Advance, curves: Path | None
    ) -> None:
        self._total, self._batch, self._device, self._advance = total, effective_batch, device, advance
        self._curves = _writer(curves)
        self._began = self._last_logged = time.monotonic()
        self._first = self._shown = 0
        self._note = ""
        self.tell: Callable[[int, Mapping[str, float]], None] | None = None  # gets the figures of a step too

    def begin(self, step: int) -> None:
        """Start at a step: what an earlier process did does not count for the speed."""
        self._first = self._shown = step
        self._began = time.monotonic()
        self._advance(step)

    def step(self) -> None:
        """Note that a step was done; costs nothing on the device."""
        self._shown += 1
        self._advance(1, self._note)

    def validating(self) -> None:
        """Note that a validation goes on."""
        self._advance(0, "validating")

    def row(self, row: Mapping[str, float]) -> None:
        """Show a row of the training log."""
        step = int(row["step"])
        now = time.monotonic()
        rate = (self._shown - self._first) / max(now - self._began, 1e-9)
        left = (self._total - step) / rate if rate else 0.0
        used = memory.in_use_bytes(self._device) / memory.GIGABYTE
        speed = f"{rate * self._batch:.2f} pages/s"
        self._note = f"loss {row['loss']:.3f} · {speed} · {used:.1f} GB"
        self._advance(0, self._note)
        if step in (1, self._total) or now - self._last_logged >= _LOG_EVERY_S:
            self._last_logged = now
            logger.info(
                "Step %d of %d: loss %.4f, %s, %s left, %.1f GB",
                step,
                self._total,
                row["loss"],
                speed,
                _clock(left),
                used,
            )
        figures = {f"train/{name}": value for name, value in row.items() if name not in ("step", "validation_loss")}
        self._write(step, figures | {"speed/pages_per_s": rate * self._batch, "memory/GB": used})

    def validated(self, validation: Validation, *, best: bool) -> None:
        """Show a validation."""
        read = "" if validation.cer is None else f", CER {validation.cer:.4f}"
        logger.info(
            "Validation at step %d: loss %.4f%s%s", validation.step, validation.loss, read, " (best)" if best else ""
        )
        figures = {"validation/loss": validation.loss, "validation/token_accuracy": validation.token_accuracy}
        self._write(validation.step, figures | ({} if validation.cer is None else {"validation/cer": validation.cer}))

    def close(self) -> None:
        """Write what is left."""
        if self._curves is not None:
            self._curves.close()

    def _write(self, step: int, figures: Mapping[str, float]) -> None:
        if self._curves is not None:
            for name, value in figures.items():
                self._curves.add_scalar(name, value, step)
        if self.tell is not None:
            self.tell(step, figures)


class Watch(TrainerCallback):
    """Tells the monitor where a training begins."""

    def __init__(self, monitor: Monitor, resume: Path | None) -> None:
        self._monitor, self._resume = monitor, resume

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002
        """Say from where the training goes on."""
        if self._resume is not None:
            logger.info("Going on from step %d (%s)", state.global_step, self._resume)
        self._monitor.begin(int(state.global_step))


@contextmanager
def watching(total: int, effective_batch: int, device: str, curves: Path | None) -> Iterator[Monitor]:
    """Give a monitor with a bar; see `Monitor`."""
    with progress.bar("Training", total, "steps") as advance:
        monitor = Monitor(total, effective_batch, device, advance, curves)
        try:
            yield monitor
        finally:
            monitor.close()


def _writer(folder: Path | None) -> Any:
    if folder is None:
        return None
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        logger.warning("No TensorBoard curves: tensorboardX is not installed (make env installs it)")
        return None
    return SummaryWriter(logdir=str(folder))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"

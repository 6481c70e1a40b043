"""What a training did, for the lineage and the log."""

from collections.abc import Mapping
from dataclasses import dataclass

from scribetune.examples import SkippedPage
from scribetune.training.log import MemoryEvent, Validation
from scribetune.training.preflight import Preflight


@dataclass(frozen=True)
class TrainingResult:
    """What a training did. Nothing in it depends on the clock, or on whether the training was interrupted.

    Attributes:
        train_pages: Pages learned from.
        validation_pages: Pages that the validation loss was measured on.
        skipped: Pages longer than `train.max_tokens`, of both splits.
        longest_tokens: Longest sequence learned from.
        steps: Optimiser steps.
        resumed_from: Step of the checkpoint that the training went on from; 0 for a fresh start. (The one exception:
            the lineage leaves it out.)
        backend: peft or unsloth.
        backend_reason: Why.
        device: cpu or cuda.
        processes: Processes that shared the work, a GPU for each; the number changes nothing beyond rounding.
        precision: Number format of the base weights.
        precision_reason: Why.
        scope: LoRA scope.
        trainable: Trainable parameters by group.
        cached_vision_bytes: Size of the vision features that were kept; 0 where they were not cached.
        first_loss: First training loss logged.
        final_loss: Last training loss logged.
        validation_loss: Validation loss of the adapter that was kept; None without validation pages.
        validation_cer: Its CER on the validation pages that were read; None where none were.
        validations: Every validation, in order.
        kept_step: Step that the adapter is of.
        stopped: Why training ended: steps (all were done) or patience (no better validation for that long).
        skipped_steps: Steps that were skipped since their gradient was not finite.
        micro_batch: Pages per forward pass at the end; less than `train.machine.micro_batch` where memory ran out.
        memory_events: Each time memory ran out.
        preflight: What was known before the training began.
    """

    train_pages: int
    validation_pages: int
    skipped: tuple[SkippedPage, ...]
    longest_tokens: int
    steps: int
    resumed_from: int
    backend: str
    backend_reason: str
    device: str
    processes: int
    precision: str
    precision_reason: str
    scope: str
    trainable: Mapping[str, int]
    cached_vision_bytes: int
    first_loss: float
    final_loss: float
    validation_loss: float | None
    validation_cer: float | None
    validations: tuple[Validation, ...]
    kept_step: int
    stopped: str
    skipped_steps: tuple[int, ...]
    micro_batch: int
    memory_events: tuple[MemoryEvent, ...]
    preflight: Preflight

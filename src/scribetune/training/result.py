"""What a training did, for the lineage and the log."""

from collections.abc import Mapping
from dataclasses import dataclass

from scribetune.models.examples import SkippedPage
from scribetune.training.log import MemoryEvent, Validation
from scribetune.training.preflight import Preflight


@dataclass(frozen=True)
class TrainingResult:
    """What a training did. Nothing in it depends on the clock, or on whether the training was interrupted."""

    train_pages: int  # pages learned from
    validation_pages: int  # pages that the validation loss was measured on
    skipped: tuple[SkippedPage, ...]  # pages longer than `train.max_tokens`, of both splits
    longest_tokens: int  # longest sequence learned from
    steps: int
    resumed_from: int
    """Step of the checkpoint that the training went on from; 0 for a fresh start. (The one exception: the lineage
    leaves it out.)"""
    backend: str  # peft or unsloth
    backend_reason: str
    device: str  # cpu or cuda
    processes: int  # processes that shared the work, a GPU for each; the number changes nothing beyond rounding
    precision: str  # number format of the base weights
    precision_reason: str
    scope: str
    trainable: Mapping[str, int]  # trainable parameters by group
    cached_vision_bytes: int  # size of the vision features that were kept; 0 where they were not cached
    first_loss: float
    final_loss: float
    validation_loss: float | None  # validation loss of the adapter that was kept; None without validation pages
    validation_cer: float | None  # its CER on the validation pages that were read; None where none were
    validations: tuple[Validation, ...]
    kept_step: int  # step that the adapter is of
    stopped: str  # why training ended: steps (all were done) or patience (no better validation for that long)
    skipped_steps: tuple[int, ...]  # steps that were skipped since their gradient was not finite
    micro_batch: int  # pages per forward pass at the end; less than `train.machine.micro_batch` where memory ran out
    memory_events: tuple[MemoryEvent, ...]  # each time memory ran out
    preflight: Preflight  # what was known before the training began

"""What a sharded training tries, and what it tries next where memory runs out.

One process that fails within a forward or backward pass leaves the others waiting for weights in the middle of
theirs: nothing can be done again by it alone. All are ended then, and started anew with less; the training goes on from
its last checkpoint. As the very first batch holds the longest page, that is mostly before anything was learned.
"""

from dataclasses import dataclass, replace

from scribetune.core.config import Train
from scribetune.core.errors import UserError
from scribetune.training import memory
from scribetune.training.log import MemoryEvent

READ_AT_ONCE = 8
"""Validation pages that are read at once, at first."""


@dataclass(frozen=True)
class Trial:
    """How much is tried at once."""

    micro_batch: int  # most pages of a forward pass; the forecast may choose fewer
    read_batch: int = READ_AT_ONCE  # validation pages that are read at once
    recomputing: bool = False  # whether activations are computed again whatever the forecast says
    strict: bool = True  # whether only deterministic kernels are used where they are asked for
    memory_events: tuple[MemoryEvent, ...] = ()  # what became of earlier trials


def first(settings: Train) -> Trial:
    """Return what is tried first: as many pages at once as the configuration allows."""
    configured = settings.machine.micro_batch
    return Trial(settings.effective_batch if configured == "auto" else configured)


class AgainError(UserError):
    """A sharded training that must be started again in another way; a message only where nobody does so.

    `why` is a sentence without a full stop; `how` says what is different then, to follow "start again".
    """

    def __init__(self, trial: Trial, why: str, how: str) -> None:
        self.trial, self.why, self.how = trial, why, how
        super().__init__(why, todo=f"start the training again {how}; it goes on from its last checkpoint")

    def __reduce__(self) -> tuple[type["AgainError"], tuple[Trial, str, str]]:
        return AgainError, (self.trial, self.why, self.how)


def less_to_learn(trial: Trial, settings: Train, step: int, longest_tokens: int, *, checkpointing: bool) -> UserError:
    """Return what is raised where memory ran out in a training step."""
    if trial.micro_batch > 1:
        event = MemoryEvent(step, trial.micro_batch, trial.micro_batch // 2)
        fewer = replace(trial, micro_batch=event.micro_batch_after, memory_events=(*trial.memory_events, event))
        return AgainError(
            fewer,
            f"Memory ran out at step {step}",
            f"with {event.micro_batch_after} instead of {event.micro_batch_before} pages in a forward pass; the "
            f"effective batch of {settings.effective_batch} pages, and so the result, stays",
        )
    if settings.machine.gradient_checkpointing == "auto" and not checkpointing:
        return AgainError(
            replace(trial, recomputing=True),
            f"Memory ran out at step {step}",
            "with activations that are computed again, not kept",
        )
    return memory.too_small(step, longest_tokens, checkpointing=checkpointing)


def less_to_validate(trial: Trial, step: int, doing: str, pages: int, *, reading: bool) -> AgainError:
    """Return what is raised where memory ran out in a validation of more than one page at once."""
    fewer = replace(trial, read_batch=pages // 2) if reading else replace(trial, micro_batch=pages // 2)
    return AgainError(
        fewer, f"Memory ran out at step {step} in {doing}", f"with {pages // 2} instead of {pages} pages at once"
    )

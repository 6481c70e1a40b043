"""Trackers that watch a training: transformers' own callbacks, kept from changing it and from ending it."""

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy
from transformers import TrainerCallback
from transformers.integrations.integration_utils import get_reporting_integration_callbacks

from scribetune.record import trackers

AROUND_A_JOB = True

logger = logging.getLogger(__name__)


class Tracker(TrainerCallback):
    """A tracker's callback, told of the beginning, rows of the log and the end.

    A library may draw from the global random numbers, and a server may be down: the numbers are put back, and after
    its first failure a tracker is told nothing more of this training.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        made: type[TrainerCallback] = get_reporting_integration_callbacks([name])[0]
        self._callback: TrainerCallback | None = None
        self._callback = self._guarded(made)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin the run: parameters of trainer and model."""
        self._tell("on_train_begin", args, state, control, **kwargs)

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write figures of a step."""
        self._tell("on_log", args, state, control, **kwargs)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """End the run."""
        self._tell("on_train_end", args, state, control, **kwargs)

    def _tell(self, what: str, *arguments: Any, **named: Any) -> None:
        if self._callback is not None:
            self._guarded(getattr(self._callback, what), *arguments, **named)

    def _guarded(self, what: Any, *arguments: Any, **named: Any) -> Any:
        states = random.getstate(), numpy.random.get_state()
        try:
            return what(*arguments, **named)
        except Exception:
            logger.exception(
                "%s failed, and is told nothing more of this training, which goes on (then: scribetune track)",
                self.name,
            )
            self._callback = None
            return None
        finally:
            random.setstate(states[0])
            numpy.random.set_state(states[1])


def callbacks(names: Sequence[str], run: str) -> list[TrainerCallback]:
    """Return the callbacks of trackers, which write to a run; none where there are no trackers."""
    if not names:
        return []
    try:
        trackers.point(names, run)
    except Exception:
        logger.exception("The trackers %s are told nothing of this training: scribetune track", ", ".join(names))
        return []
    return [Tracker(name) for name in names]


def tell(trainer: Any, step: int, figures: Mapping[str, float]) -> None:
    """Give the trackers of a trainer the figures of a step, under the names that Trainer gives such figures."""
    names = {name: name.removeprefix("train/").replace("validation/", "eval_").replace("/", "_") for name in figures}
    for callback in trainer.callback_handler.callbacks:
        if isinstance(callback, Tracker):
            state = replace(trainer.state, global_step=step)
            callback.on_log(
                trainer.args,
                state,
                trainer.control,
                logs={names[name]: value for name, value in figures.items()},
                model=trainer.model,
            )

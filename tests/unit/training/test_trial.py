"""What a sharded training tries next where memory runs out: always less, and at last words."""

import pickle

import pytest

from scribetune.core.errors import UserError
from scribetune.training import trial
from scribetune.training.log import MemoryEvent
from support.training_pages import settings


def test_micro_batches_are_halved_then_activations_let_go_then_it_is_refused() -> None:
    train = settings(effective_batch=8, micro_batch=4, gradient_checkpointing="auto").train
    tried, events = trial.Trial(4), []
    for step, (before, after) in enumerate(((4, 2), (2, 1)), start=1):
        again = trial.less_to_learn(tried, train, step, 900, checkpointing=False)
        assert isinstance(again, trial.AgainError)
        events.append(MemoryEvent(step, before, after))
        assert again.trial == trial.Trial(after, memory_events=tuple(events))
        tried = again.trial
    again = trial.less_to_learn(tried, train, 3, 900, checkpointing=False)
    assert isinstance(again, trial.AgainError) and again.trial.recomputing
    refused = trial.less_to_learn(again.trial, train, 4, 900, checkpointing=True)
    assert not isinstance(refused, trial.AgainError)
    assert "900" in str(refused) and "lower train.max_tokens" in refused.todo


@pytest.mark.parametrize(("reading", "expected"), [(True, trial.Trial(4, read_batch=2)), (False, trial.Trial(2))])
def test_a_validation_that_did_not_fit_is_tried_with_half_the_pages(reading: bool, expected: trial.Trial) -> None:
    again = trial.less_to_validate(trial.Trial(4), 9, "reading validation pages", 4, reading=reading)
    assert again.trial == expected and "with 2 instead of 4 pages at once" in again.todo


def test_what_to_try_next_travels_from_one_process_to_another() -> None:
    sent = trial.less_to_validate(trial.Trial(4), 9, "the validation loss", 4, reading=False)
    arrived = pickle.loads(pickle.dumps(sent))  # noqa: S301
    assert isinstance(arrived, trial.AgainError) and isinstance(arrived, UserError)
    assert (arrived.trial, arrived.why, arrived.how) == (sent.trial, sent.why, sent.how)

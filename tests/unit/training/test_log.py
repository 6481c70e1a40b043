"""What a training went through survives a checkpoint without loss, and the best validation is found by CER."""

import json
import math

from scribetune.training.log import MemoryEvent, StepFigures, TrainingLog, Validation, log_csv


def step(number: int, loss: float = 1.0, norm: float = 0.1) -> StepFigures:
    return StepFigures(number, number / 10, loss, 1e-4, norm, 3.0, 4)


def test_a_log_survives_json_exactly() -> None:
    log = TrainingLog(4, window=[step(1, loss=1 / 3)], skipped_steps=[2], memory_events=[MemoryEvent(1, 8, 4)], stale=1)
    log.add_row()
    log.window = [step(3, loss=math.pi)]
    log.add_validation(Validation(3, 0.1, 0.9, 1 / 7), 0.3)
    assert TrainingLog.from_json(json.loads(json.dumps(log.to_json()))) == log


def test_the_best_has_the_lowest_cer_then_the_lowest_loss_then_comes_later() -> None:
    log = TrainingLog(1)
    figures = ((0.5, 1.0), (0.2, 3.0), (0.2, 2.0), (0.3, 0.1), (0.2, 2.0))
    taken = [
        log.add_validation(Validation(number, loss, 0.5, cer), 0.0)
        for number, (cer, loss) in enumerate(figures, start=1)
    ]
    assert taken == [True, True, True, False, True]
    assert log.best is not None and log.best.step == 5
    assert log.stale == 2  # an equal one is kept, but is no progress


def test_without_pages_that_were_read_the_loss_decides() -> None:
    log = TrainingLog(1)
    for number, loss in enumerate((2.0, 1.0, math.nan, 1.5), start=1):
        log.add_validation(Validation(number, loss, math.nan, None), 0.0)
    assert log.best is not None and log.best.step == 2


def test_a_row_is_the_mean_of_its_steps_without_those_that_were_skipped() -> None:
    log = TrainingLog(1, window=[step(1, 1.0), step(2, math.nan, math.inf), step(3, 2.0)])
    row = log.add_row()
    assert (row["step"], row["loss"], row["token_accuracy"]) == (3.0, 1.5, 0.75)
    assert log.window == []
    log.add_validation(Validation(3, 0.5, 0.25, 0.125), 0.3)
    header, line = log_csv(log.table()).splitlines()
    assert header.endswith("validation_token_accuracy,validation_cer") and line.endswith("0.25,0.125")

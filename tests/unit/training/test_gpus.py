"""How many GPUs a training gets, and what is refused before it begins."""

import logging
from typing import Any

import pytest

from scribetune import training
from scribetune.build import plan
from scribetune.core import config
from scribetune.core.errors import UserError
from scribetune.models import processes
from scribetune.training import gpus
from support.train_keys import grouped


class Offer:
    """A resource as Snakemake holds it."""

    def __init__(self, value: int | None) -> None:
        self.value = value


def settings(**train: Any) -> config.Train:
    return config.load({"train": grouped(**train)}).train


def planned(gpus: int | str) -> plan.Plan:
    return plan.Plan(config.load({"train": {"gpus": gpus}}), None, None, None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "offered", "given"),
    [
        ("auto", {}, 1),
        ("auto", {"gpu": Offer(None)}, 1),
        ("auto", {"gpu": Offer(2)}, 2),
        (1, {"gpu": Offer(4)}, 1),
        (3, {"gpu": Offer(2)}, 2),
        (3, {}, 3),
    ],
)
def test_a_training_gets_what_the_command_line_offers_up_to_train_gpus(
    wanted: int | str, offered: dict[str, Offer], given: int
) -> None:
    assert planned(wanted).gpus(offered) == given


def test_the_number_of_gpus_is_no_parameter_of_any_rule() -> None:
    plans = [planned(n) for n in (1, 2)]
    assert plans[0].settings("train") == plans[1].settings("train")
    assert "gpus" not in plans[0].settings("train")["train"]["machine"]


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda number: monkeypatch.setattr(processes, "visible_gpus", lambda: [str(n) for n in range(number)])


def test_no_more_processes_than_gpus_that_are_there_and_it_is_said(
    there: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for number, allowed, given in ((4, 1, 1), (4, 2, 2), (2, 4, 2), (1, 2, 1), (0, 2, 1)):
        there(number)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert training.number_of_processes(settings(), allowed) == given
        assert bool(caplog.text) == (given < allowed)
    assert "2 GPUs are allowed, and 0 there: the training runs on the CPU" in caplog.text


@pytest.mark.parametrize(
    ("effective", "micro", "number", "advice"),
    [
        (8, 8, 2, "set train.machine.micro_batch to 4, with the same result"),
        (12, 6, 4, "set train.machine.micro_batch to 3, with the same result"),
        (8, 1, 3, "set train.effective_batch to 9 or 6"),
        (1, 1, 2, "set train.effective_batch to 2; or use fewer GPUs"),
    ],
)
def test_an_effective_batch_that_cannot_be_shared_is_refused_with_one_that_can(
    effective: int, micro: int, number: int, advice: str
) -> None:
    with pytest.raises(UserError) as refused:
        gpus.check_divisible(settings(effective_batch=effective, micro_batch=micro), number)
    assert advice in refused.value.todo and refused.value.value == effective


def test_unsloth_is_refused_on_several_gpus_and_a_batch_that_can_be_shared_is_not() -> None:
    gpus.check_divisible(settings(effective_batch=8, micro_batch=2), 4)
    gpus.check_divisible(settings(effective_batch=8, micro_batch=8, backend="unsloth"), 1)
    with pytest.raises(UserError, match="runs on one GPU alone"):
        gpus.check_divisible(settings(backend="unsloth"), 2)


@pytest.mark.parametrize(
    ("variable", "names"), [(None, ["0", "1"]), ("3, 5,7", ["3", "5"]), ("GPU-a,GPU-b", ["GPU-a", "GPU-b"])]
)
def test_gpus_keep_the_names_that_the_environment_gives_them(
    monkeypatch: pytest.MonkeyPatch, variable: str | None, names: list[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if variable:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert processes.visible_gpus() == names

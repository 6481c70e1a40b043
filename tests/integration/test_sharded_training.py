"""Processes that share the frozen base, each holding a part of every layer, train what each would with the whole."""

import csv
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from scribetune import training
from scribetune.core.errors import UserError
from scribetune.core.files import sha256_file
from scribetune.models import adapters, processes
from scribetune.training import run as training_run
from scribetune.training import trial
from support import forked_jobs, shared_training, tiny_qwen
from support.training_pages import ANSWERS, settings, write_split

_SEVEN = (*ANSWERS, "long " * 12)
"""With an effective batch of six one page is left for the last step: one of two processes has none."""
_THREE = ("7 kg", "8 t", "9 m")
"""Of three validation pages one process reads two: it needs more forward passes than the other."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sharded")
    write_split(folder, "train", _SEVEN)
    write_split(folder, "validation", _THREE)
    prompt = tiny_qwen.family("qwen3_vl_moe").prompts["free_ocr"]
    write_split(folder / "qwen", "train", ANSWERS[:4], prompt=prompt)
    write_split(folder / "qwen", "validation", _THREE, prompt=prompt)
    return folder


@pytest.fixture(scope="module")
def made(data: Path) -> dict[str, Any]:
    """What becomes of trainings in two processes, with the base whole in each and shared; one of them was killed."""
    exact: dict[str, Any] = {
        "sharding": "full",
        "effective_batch": 4,
        "dropout": 0.1,
        "checkpoints_steps": 1,
        "epochs": 2,
        "validation_pages": 0,
    }
    killed = r"Process 2 of 2 was ended from outside; the signal is: 'SIGKILL'"
    with forked_jobs.launching(), pytest.raises(UserError, match=killed):
        processes.launch(2, shared_training.killed_training, str(data), "killed", exact, 1, 3)
    assert (data / "killed-checkpoints" / "checkpoint-2").is_dir()

    usual: dict[str, Any] = {
        "effective_batch": 6,
        "micro_batch": 3,
        "scope": "experts",
        "patience": 1,
        "validation_pages": 3,
    }
    mixture: dict[str, Any] = {
        "base": str(tiny_qwen.folder("qwen3_vl_moe")),
        "splits": str(data / "qwen"),
        "scope": "vision",
        "rank": 8,
        "gradient_checkpointing": True,
        "epochs": 1,
        "validation_pages": 3,
    }
    cases: dict[str, dict[str, Any]] = {
        "killed": exact,
        "undisturbed": exact,
        "apart": {**exact, "diverges": True},
        "memory": {**usual, "sharding": "full", "validation_pages": 0, "patience": 0},
    }
    for name, values in {"usual": usual, "mixture": mixture}.items():
        cases[f"{name}-whole"] = {**values, "sharding": "none"}
        cases[name] = {**values, "sharding": "full"}
    with forked_jobs.launching():
        found: dict[str, Any] = processes.launch(2, shared_training.sharded_trainings, str(data), cases)
    return found


def assert_alike(data: Path, name: str) -> None:
    """Log and adapter of a sharded training are those of the same training with whole bases, to 1e-5."""
    tables = []
    for folder in (name, f"{name}-whole"):
        with (data / folder / training.LOG_NAME).open(encoding="utf-8", newline="") as file:
            tables.append([[float(cell or "nan") for cell in row] for row in list(csv.reader(file))[1:]])
    assert len(tables[0]) == len(tables[1]) > 1
    for row, expected in zip(*tables, strict=True):
        assert row == pytest.approx(expected, rel=1e-5, abs=1e-5, nan_ok=True)
    weights, whole = (load_file(data / folder / adapters.WEIGHTS) for folder in (name, f"{name}-whole"))
    assert weights.keys() == whole.keys()
    assert max(float((weights[key] - whole[key]).abs().max()) for key in weights) < 1e-5
    assert any(bool(weights[key].any()) for key in weights if "lora_B" in key)


def test_losses_validations_and_adapter_are_those_of_processes_that_hold_the_whole_base(
    data: Path, made: dict[str, Any]
) -> None:
    assert_alike(data, "usual")
    whole, shared = made["usual-whole"], made["usual"]
    assert (whole.preflight.shards, shared.preflight.shards) == (1, 2)
    assert shared.validation_cer is not None
    assert [one.step for one in shared.validations] == [one.step for one in whole.validations]
    assert (shared.stopped, shared.steps, shared.kept_step) == (whole.stopped, whole.steps, whole.kept_step)


def test_a_mixture_of_experts_trains_in_every_part_and_reads_pages_while_it_is_shared(
    data: Path, made: dict[str, Any]
) -> None:
    assert_alike(data, "mixture")
    assert set(made["mixture"].trainable) == {"attention", "experts", "vision"}
    assert made["mixture"].validation_cer == made["mixture-whole"].validation_cer is not None


def test_a_process_holds_little_more_than_half_of_what_two_share(made: dict[str, Any]) -> None:
    for base, own, layers in made["usual held"]:
        assert base <= 0.6 * made["usual"].preflight.base_parameters
        assert own <= 0.51 * layers
    for _, own, layers in made["usual-whole held"]:
        assert own == layers


def test_a_killed_process_is_no_loss(data: Path, made: dict[str, Any]) -> None:
    assert made["killed"].resumed_from == 2 and made["undisturbed"].resumed_from == 0
    for name in (adapters.WEIGHTS, adapters.CONFIG, training.LOG_NAME):
        assert sha256_file(data / "killed" / name) == sha256_file(data / "undisturbed" / name)


def test_where_memory_runs_out_all_start_again_with_smaller_micro_batches(made: dict[str, Any]) -> None:
    assert made["memory"].final_loss == pytest.approx(made["usual-whole"].final_loss, rel=1e-5)
    assert made["memory"].micro_batch == 1
    assert [(event.step, event.micro_batch_after) for event in made["memory"].memory_events] == [(1, 1)]


def test_a_loss_that_is_no_number_stops_all_of_them(made: dict[str, Any]) -> None:
    assert "The training came apart" in made["apart"] and "train.optimization.learning_rate" in made["apart"]


def test_the_caller_starts_all_again_with_what_the_one_that_failed_asks_for(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[trial.Trial] = []

    def launch(number: int, *given: Any) -> Any:
        tried.append(given[-1])
        if len(tried) == 1:
            raise trial.less_to_validate(tried[0], 7, "reading validation pages", 2, reading=True)
        return number

    monkeypatch.setattr(training_run, "launch", launch)
    splits = (data / "train.jsonl", data / "validation.jsonl")
    configured = settings(sharding="full", effective_batch=4, micro_batch=2)
    done: Any = training.train(configured, "models/tiny", *splits, data / "again", data / "checkpoints", processes=2)
    assert done == 2
    assert tried == [trial.Trial(2), trial.Trial(2, read_batch=1)]
    said = "all processes start again from the last checkpoint, with 1 instead of 2 pages at once"
    assert f"Memory ran out at step 7 in reading validation pages: {said}" in caplog.text


def test_weights_of_four_bits_are_not_shared(data: Path) -> None:
    splits = (data / "train.jsonl", data / "validation.jsonl")
    configured = settings(sharding="full", quantization="4bit", effective_batch=4)
    with pytest.raises(UserError, match=r"cannot be divided among GPUs(?s:.*)set train.machine.sharding to none"):
        training.train(configured, "models/tiny", *splits, data / "four", data / "checkpoints", processes=2)

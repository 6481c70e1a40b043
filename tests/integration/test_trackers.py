"""Promises about experiment trackers: they are told what was done, by their own libraries, and change nothing.

Each runs where its library is installed (pip install mlflow wandb tensorboard): MLflow with a store of files, Weights &
Biases offline, TensorBoard with event files. TensorBoard's writer is in every environment.
"""

import csv
import importlib.util
import json
import logging
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest
from transformers import TrainerCallback

from scribetune import training
from scribetune.core import config
from scribetune.core.errors import UserError
from scribetune.core.files import sha256_file
from scribetune.record import trackers
from scribetune.report import tracking as results
from scribetune.training import tracking
from support.training_pages import ANSWERS, TINY, settings, write_split

SECRET = "planted-key-of-a-tracker"  # noqa: S105
WEIGHTS = "adapter_model.safetensors"


def installed(name: str) -> Any:
    """Return a parameter that is skipped where a tracker is not installed."""
    is_there = importlib.util.find_spec("tensorboardX" if name == "tensorboard" else name) is not None
    return pytest.param(name, marks=pytest.mark.skipif(not is_there, reason=f"pip install {name}"))


EACH = [installed("mlflow"), installed("wandb"), installed("tensorboard")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_split(folder, "train", ANSWERS[:4])
    write_split(folder, "validation", ("7 kg", "8 t"))
    return folder


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory without trackers' variables; those that are set within are taken back."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "WANDB_", "TENSORBOARD_"))]:
        del os.environ[name]
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


def train(data: Path, names: Sequence[str], run: str = "0123456789abcdef") -> Path:
    """Train into models/adapter, with dropout, whose random numbers nobody may have moved."""
    values = settings(epochs=2, validation_pages=1, dropout=0.1).model_dump(mode="json")
    told = config.load({**values, "report": {"trackers": list(names)}})
    adapter = Path("models/adapter")
    training.train(
        told, str(TINY), data / "train.jsonl", data / "validation.jsonl", adapter,
        training.WorkFolders(Path("checkpoints"), run=run),
    )  # fmt: skip
    if names:
        trackers.note_run(adapter / WEIGHTS, run)
    return adapter


@pytest.fixture(scope="module")
def untold(data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """SHA-256 of the adapter that no tracker was told of."""
    here = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("untold"))
    try:
        return sha256_file(train(data, ()) / WEIGHTS)
    finally:
        os.chdir(here)


def finish(adapter: Path) -> None:
    """Write what the rest of a build leaves."""
    (adapter / "lineage.json").write_text(json.dumps({"configuration": {"train": {"epochs": 2}}}), encoding="utf-8")
    Path("reports").mkdir(exist_ok=True)
    scores = {"promoted": True, "tuned": {"cer": 0.25}, "note": "words", "empty": None}
    Path("reports/metrics.json").write_text(json.dumps(scores), encoding="utf-8")
    with Path("reports/samples.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerows([("id", "cer_base", "cer_tuned"), ("a/p0001", "0.5", "0.25"), ("b/p0001", "", "0.125")])


def events(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Return {name: (step, value) of each} of TensorBoard's event files."""
    from tensorboardX.proto import event_pb2

    found: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(run.rglob("events.*")):
        content = path.read_bytes()
        at = 0
        while at < len(content):  # length, its checksum, event, its checksum
            size = int.from_bytes(content[at : at + 8], "little")
            event = event_pb2.Event.FromString(content[at + 12 : at + 12 + size])
            for value in event.summary.value:
                number = value.tensor.float_val[0] if value.tensor.float_val else value.simple_value
                found.setdefault(value.tag, []).append((event.step, number))
            at += size + 16
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", EACH)
def test_a_tracker_is_told_of_training_and_results_and_the_adapter_is_the_same(
    name: str, data: Path, folder: Path, untold: str, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = train(data, [name])
    assert sha256_file(adapter / WEIGHTS) == untold
    assert "failed" not in caplog.text
    if name == "wandb":
        importlib.import_module(name).finish()  # as the end of the training's process does
    finish(adapter)
    assert results.publish([name])[0].startswith(f"{name}: ")
    {"mlflow": check_mlflow, "wandb": check_wandb, "tensorboard": check_tensorboard}[name](folder)
    results.publish([name])  # once more: the same run


def check_mlflow(folder: Path) -> None:
    import mlflow

    client = mlflow.MlflowClient((folder / "work/trackers/mlflow").as_uri())
    (experiment,) = [each for each in client.search_experiments() if each.name == "scribetune"]
    (run,) = client.search_runs([experiment.experiment_id])
    id_ = run.info.run_id
    assert [each.step for each in client.get_metric_history(id_, "eval_cer")]
    assert [each.step for each in client.get_metric_history(id_, "loss")] == [1, 2, 3, 4]
    assert run.data.params["scribetune.train.epochs"] == "2"
    assert run.data.params["learning_rate"] == "0.005"  # of Trainer's own
    assert run.data.metrics["tuned.cer"] == 0.25
    pages = client.get_metric_history(id_, "page.cer_tuned")
    assert [(each.step, each.value) for each in pages] == [(0, 0.25), (1, 0.125)]
    assert [each.step for each in client.get_metric_history(id_, "page.cer_base")] == [0]
    kept = {each.path for each in client.list_artifacts(id_, "adapter")}
    assert {f"adapter/{WEIGHTS}", "adapter/lineage.json"} <= kept
    assert "reports/samples.csv" in {each.path for each in client.list_artifacts(id_, "reports")}


def of_log(content: bytes) -> Iterator[bytes]:
    """Yield the records of an offline run: LevelDB's log format, behind a header of seven bytes.

    Blocks of 32 KiB hold chunks: checksum (4), length (2), kind (1: whole, 2: first, 3: middle, 4: last), data.
    """
    at, record = 7, b""
    while at < len(content):
        if -at % 32_768 < 7:  # no chunk begins in what is left of a block
            at += -at % 32_768
            continue
        size, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
        record += content[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):
            yield record
            record = b""


def check_wandb(folder: Path) -> None:
    from wandb.proto import wandb_internal_pb2

    written = sorted((folder / "work/trackers/wandb").glob("offline-run-*-0123456789abcdef/*.wandb"))
    assert len(written) >= 2  # the training, and what followed
    names, artifacts = set(), []
    for path in written:
        for data in of_log(path.read_bytes()):
            record = wandb_internal_pb2.Record.FromString(data)
            names |= {item.key or "/".join(item.nested_key) for item in record.history.item}
            artifacts += [record.request.log_artifact.artifact] if record.request.HasField("log_artifact") else []
            artifacts += [record.artifact] if record.HasField("artifact") else []
    assert {"train/loss", "eval/cer", "pages/nrows"} <= names, " ".join(sorted(names))
    (adapter,) = [each for each in artifacts if each.name == "adapter"]
    assert {f"adapter/{WEIGHTS}", "adapter/lineage.json"} <= {each.path for each in adapter.manifest.contents}


def check_tensorboard(folder: Path) -> None:
    run = folder / "work/trackers/tensorboard/0123456789abcdef"
    assert sorted(path.suffix == ".results" for path in run.rglob("events.*")) == [False, True]  # within a second too
    found = events(run)
    assert [step for step, _ in found["train/loss"]] == [1, 2, 3, 4]
    assert found["eval/cer"]
    assert found["page/cer_tuned"] == [(0, 0.25), (1, 0.125)]
    assert found["page/cer_base"] == [(0, 0.5)]
    assert found["build/tuned.cer"] == [(0, 0.25)]
    assert "configuration/text_summary" in found


class Broken(TrainerCallback):
    """A tracker that draws random numbers, and whose server goes down."""

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        random.seed(1)
        numpy.random.seed(1)

    def on_log(self, *_: Any, **__: Any) -> None:
        raise ConnectionError(f"no answer, with {SECRET[:7]}")


@pytest.mark.slow
def test_a_tracker_that_fails_is_told_nothing_more_and_the_training_goes_on(
    data: Path, folder: Path, untold: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracking, "get_reporting_integration_callbacks", lambda _: [Broken])
    with caplog.at_level(logging.ERROR):
        adapter = train(data, ["tensorboard"])
    assert sha256_file(adapter / WEIGHTS) == untold
    assert caplog.text.count("tensorboard failed, and is told nothing more of this training") == 1


def test_a_tracker_that_is_not_installed_is_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name != "tensorboardX" else name)
    trackers.require(["tensorboard"])
    with pytest.raises(UserError, match=r"is not installed: 'mlflow, wandb'[\s\S]*pip install mlflow wandb"):
        trackers.require(["mlflow", "tensorboard", "wandb"])


def test_without_a_finished_build_nobody_is_told(folder: Path) -> None:
    with pytest.raises(UserError, match="There is no finished build"):
        results.publish(["tensorboard"])


def test_a_tracker_that_cannot_be_told_is_one_message(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = Path("models/adapter")
    adapter.mkdir(parents=True)
    (adapter / WEIGHTS).write_bytes(b"weights")
    finish(adapter)
    monkeypatch.setattr(trackers, "require", lambda _: None)

    def broken(_: object) -> str:
        raise ConnectionError("no answer")

    monkeypatch.setitem(results._TELL, "tensorboard", broken)
    with pytest.raises(UserError, match=r"tensorboard could not be told of this build \(ConnectionError: no answer\)"):
        results.publish(["tensorboard"])


def test_what_a_user_set_stays(folder: Path) -> None:
    os.environ |= {"WANDB_API_KEY": SECRET, "WANDB_PROJECT": "mine"}
    trackers.point(["wandb"], "run")
    assert os.environ["WANDB_PROJECT"] == "mine"
    assert "WANDB_MODE" not in os.environ  # with a key it is not offline
    assert not [path for path in folder.rglob("*") if path.is_file() and SECRET in path.read_text(errors="replace")]

"""What trackers are told of a finished build: configuration, scores of each test page, adapter and lineage."""

import csv
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scribetune.core import files, layout
from scribetune.core.config import flatten
from scribetune.core.errors import UserError
from scribetune.record import trackers

_SAMPLES = f"{layout.REPORTS}/samples.csv"
_METRICS = f"{layout.REPORTS}/metrics.json"
_FILES = (_METRICS, _SAMPLES, f"{layout.REPORTS}/lineage.json")
_MOST_CHARACTERS = 500  # of a parameter


@dataclass(frozen=True)
class Results:
    """A build's results, as trackers take them."""

    run: str  # the run that the adapter's training wrote to
    sha256: str  # of the adapter's weights
    parameters: Mapping[str, str]  # keys of the configuration that decided
    metrics: Mapping[str, float]  # of metrics.json, "tuned.cer"
    pages: Sequence[str]  # ids of the test pages
    columns: Mapping[str, Sequence[float]]  # metric of a page → its value by page; NaN where it has none
    paths: Sequence[Path]  # files to keep beside the adapter


def read() -> Results:
    """Read the results of the build in the working directory.

    Raises:
        UserError: There are none.
    """
    weights = Path(layout.ADAPTER, "adapter_model.safetensors")
    needed = [weights, Path(layout.ADAPTER, "lineage.json"), Path(_METRICS), Path(_SAMPLES)]
    if absent := [path.as_posix() for path in needed if not path.is_file()]:
        raise UserError(
            "There is no finished build to tell trackers of", value=absent[0], accepted="a folder that was built",
            todo="scribetune build, or --folder",
        )  # fmt: skip
    lineage = _json(needed[1])
    rows = list(csv.DictReader(Path(_SAMPLES).read_text(encoding="utf-8").splitlines()))
    names = list(rows[0]) if rows else []
    columns = {name: [_number(row[name]) for row in rows] for name in names}
    sha256 = files.sha256_file(weights)
    return Results(
        run=trackers.run_of(sha256),
        sha256=sha256,
        parameters={name: str(value)[:_MOST_CHARACTERS] for name, value in flatten(lineage["configuration"]).items()},
        metrics={name: float(value) for name, value in flatten(_json(Path(_METRICS))).items() if _is_number(value)},
        pages=[next(iter(row.values())) for row in rows],
        columns={
            name: values for name, values in columns.items() if any(math.isfinite(value) for value in values)
        },
        paths=[Path(path) for path in _FILES if Path(path).is_file()],
    )  # fmt: skip


def publish(names: Sequence[str]) -> list[str]:
    """Tell trackers of the build in the working directory; returns a line for each.

    Raises:
        UserError: One is not installed, there is no finished build, or one cannot be told.
    """
    trackers.require(names)
    results = read()
    lines = []
    for name in names:
        try:
            trackers.point([name], results.run)
            lines.append(f"{name}: {_TELL[name](results)}")
        except Exception as error:
            raise UserError(
                f"{name} could not be told of this build ({type(error).__name__}: {error})", value=results.run,
                accepted="a tracker that can be reached; the build itself is whole", todo="then: scribetune track",
            ) from error  # fmt: skip
    return lines


def _mlflow(results: Results) -> str:
    import mlflow

    run = os.environ["MLFLOW_RUN_ID"]  # start_run takes it out
    with mlflow.start_run(run_id=run):
        mlflow.set_tags({"scribetune.adapter": results.sha256})
        known = mlflow.active_run().data.params
        mlflow.log_params(
            {
                f"scribetune.{name}": value
                for name, value in results.parameters.items()
                if f"scribetune.{name}" not in known
            }
        )
        mlflow.log_metrics(results.metrics)
        for number in range(len(results.pages)):
            mlflow.log_metrics(_of_page(results, number, "page."), step=number)
        mlflow.log_artifacts(layout.ADAPTER, "adapter")
        for path in results.paths:
            mlflow.log_artifact(str(path), "reports")
    return f"run {run}"


def _wandb(results: Results) -> str:
    import wandb

    with wandb.init(project=os.environ["WANDB_PROJECT"]) as run:
        run.config.update({"scribetune": dict(results.parameters)}, allow_val_change=True)
        run.summary.update(dict(results.metrics))
        names = list(results.columns)
        rows = [[page, *(results.columns[name][at] for name in names)] for at, page in enumerate(results.pages)]
        run.log({"pages": wandb.Table(columns=["page", *names], data=rows)})
        artifact = wandb.Artifact("adapter", type="model", metadata={"sha256": results.sha256})
        artifact.add_dir(layout.ADAPTER, name="adapter")
        for path in results.paths:
            artifact.add_file(str(path), name=f"reports/{path.name}")
        run.log_artifact(artifact)
        return f"run {run.id} ({run.settings.mode})"


def _tensorboard(results: Results) -> str:
    from tensorboardX import SummaryWriter

    folder = os.environ["TENSORBOARD_LOGGING_DIR"]
    # A file of events is named by its second: one without a name of its own would replace that of a short training.
    with SummaryWriter(folder, filename_suffix=".results") as writer:
        writer.add_text("adapter", f"{results.sha256} in {Path(layout.ADAPTER).absolute()}")
        writer.add_text("configuration", "\n".join(f"    {name}: {each}" for name, each in results.parameters.items()))
        for name, value in results.metrics.items():
            writer.add_scalar(f"build/{name}", value, 0)
        for number in range(len(results.pages)):
            for name, value in _of_page(results, number, "page/").items():
                writer.add_scalar(name, value, number)
    return f"events in {os.path.relpath(folder)}"


_TELL = {trackers.MLFLOW: _mlflow, trackers.WANDB: _wandb, trackers.TENSORBOARD: _tensorboard}


def _of_page(results: Results, number: int, prefix: str) -> dict[str, float]:
    found = {f"{prefix}{name}": values[number] for name, values in results.columns.items()}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _json(path: Path) -> dict[str, Any]:
    import json

    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not (isinstance(value, float) and not math.isfinite(value))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan

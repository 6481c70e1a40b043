"""Experiment trackers that people use beside the report: what is installed, where it writes, and which run is meant.

Nothing of a build depends on one: they are told what was done. The run that a training began is the one that its
results go to afterwards (`report.tracking`).
"""

import importlib.util
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from scribetune.core import files, layout
from scribetune.core.errors import UserError

AROUND_A_JOB = True

MLFLOW, WANDB, TENSORBOARD = "mlflow", "wandb", "tensorboard"
_PACKAGES = {MLFLOW: "mlflow", WANDB: "wandb", TENSORBOARD: "tensorboardX"}
_RUN_TAG = "scribetune.run"
_EXPERIMENT = "scribetune"
_RUNS = Path(layout.TRACKERS) / "runs.json"
"""{SHA-256 of an adapter: name of the run that its training wrote to}."""


def require(trackers: Iterable[str]) -> None:
    """Refuse trackers that are not installed.

    Raises:
        UserError: One is not.
    """
    absent = [name for name in trackers if not importlib.util.find_spec(_PACKAGES[name])]
    if absent:
        raise UserError(
            "A tracker in report.trackers is not installed", value=", ".join(absent),
            accepted="trackers that are installed beside this project",
            todo=f"pip install {' '.join(_PACKAGES[name] for name in absent)}, in the same environment; or take it "
            "out of report.trackers",
        )  # fmt: skip


def point(trackers: Sequence[str], run: str) -> None:
    """Set the variables by which trackers find where to write, and the run; what the user set stays.

    Without an address, MLflow writes to work/trackers/mlflow; without a key, Weights & Biases to work/trackers,
    offline. TensorBoard's events are in work/trackers/tensorboard/<run>.
    """
    folder = Path(layout.TRACKERS).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(folder / TENSORBOARD / run)
    if WANDB in trackers:
        os.environ.setdefault("WANDB_PROJECT", _EXPERIMENT)
        os.environ.setdefault("WANDB_DIR", str(folder))
        os.environ.setdefault("WANDB_SILENT", "true")
        if not os.environ.get("WANDB_API_KEY"):
            os.environ.setdefault("WANDB_MODE", "offline")  # or it would ask, where nobody answers
        os.environ |= {"WANDB_RUN_ID": run, "WANDB_RESUME": "allow"}
    if MLFLOW in trackers:
        os.environ.setdefault("MLFLOW_TRACKING_URI", (folder / MLFLOW).as_uri())
        os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", _EXPERIMENT)
        if os.environ["MLFLOW_TRACKING_URI"].startswith("file:"):
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        os.environ["MLFLOW_RUN_ID"] = _mlflow_run(run)


def _mlflow_run(run: str) -> str:
    """Return MLflow's own name of a run, which is made where there is none."""
    import mlflow

    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    experiment = mlflow.set_experiment(os.environ["MLFLOW_EXPERIMENT_NAME"]).experiment_id
    client = mlflow.MlflowClient()
    found = client.search_runs([experiment], f"tags.`{_RUN_TAG}` = '{run}'", max_results=1)
    made: Any = found[0] if found else client.create_run(experiment, tags={_RUN_TAG: run}, run_name=run)
    return str(made.info.run_id)


def note_run(weights: Path, run: str) -> None:
    """Note which run an adapter's training wrote to."""
    files.write_json(_RUNS, {**_noted(), files.sha256_file(weights): run})


def run_of(sha256: str) -> str:
    """Return the run that an adapter's training wrote to; one of its own where no tracker was told of it."""
    return _noted().get(sha256) or sha256[:16]


def _noted() -> dict[str, str]:
    try:
        return dict(json.loads(_RUNS.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}

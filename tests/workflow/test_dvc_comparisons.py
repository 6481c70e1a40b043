"""Promises about DVC's comparisons of two builds: what differs is shown, under names that read well, and nothing else.

The repository's dvc.yaml and templates, with result files made by hand: DVC compares files, whoever made them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scribetune.core import files
from scribetune.core.config import Gate
from scribetune.evaluation import gate, scoring
from support.build import REPOSITORY

LOG = "step,epoch,loss,learning_rate,validation_loss,validation_cer\n"


def run(folder: Path, *command: str) -> str:
    variables = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "160",
    }
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=variables, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def commit(folder: Path, name: str, cer: float, rate: str) -> None:
    """Commit a build whose tuned model has this CER."""
    config = (REPOSITORY / "params.yaml").read_text(encoding="utf-8")
    changed, count = re.subn(r"(?m)^    learning_rate: .*$", f"    learning_rate: {rate}", config, count=1)
    assert count == 1
    files.write_text(folder / "params.yaml", changed)
    validated = {4: f"{cer},{cer}"}
    rows = "".join(f"{step},0.1,{3 / step},0.001,{validated.get(step, ',')}\n" for step in range(1, 9))
    files.write_text(folder / "models/adapter/training_log.csv", LOG + rows)
    samples = (
        f"index,id,cer_base,cer_tuned,table_f1_base,table_f1_tuned\n0,a/p0001,0.5,{cer},,\n1,a/p0002,0.6,{cer},0,1\n"
    )
    files.write_text(folder / "reports/samples.csv", samples)
    counted = {"cer_mean": 0.5, "table_f1": 0.25, "pages": 8}
    aggregates: dict[str, dict[str, Any]] = {
        "base": counted, "tuned": counted | {"cer_mean": cer},
        "change": {"cer_gain_low": 0.4 - cer, "cer_gain_high": 0.6 - cer, "cer_pages": 8},
    }  # fmt: skip
    scoring.write_metrics(folder / "reports/metrics.json", aggregates, gate.judge(aggregates, Gate()))
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=t", "-c", "user.email=t@t.invalid", "commit", "-qm", name)
    run(folder, "git", "tag", name)


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with two builds, tagged `slow` and `fast`."""
    folder = tmp_path_factory.mktemp("compared")
    shutil.copy2(REPOSITORY / "dvc.yaml", folder / "dvc.yaml")
    shutil.copytree(REPOSITORY / ".dvc/plots", folder / ".dvc/plots")
    (folder / ".dvc/config").touch()
    run(folder, "git", "init", "-q", "-b", "main")
    commit(folder, "slow", 0.45, "1e-4")
    commit(folder, "fast", 0.05, "1e-3")
    return folder


def plots(folder: Path) -> dict[str, Any]:
    """Return DVC's plots of both builds by their titles, as Vega-Lite."""
    run(folder, "dvc", "plots", "diff", "slow", "fast", "-o", "plots")
    html = (folder / "plots/index.html").read_text(encoding="utf-8")
    found = [json.loads(spec) for spec in re.findall(r"var spec = (\{.*\});\n", html)]
    return {spec["title"]["text"]: spec for spec in found}


def test_plots_of_two_builds_have_both_in_them_and_titled_axes(compared: Path) -> None:
    found = plots(compared)
    axes = {}
    for title, spec in found.items():
        assert {row["rev"] for row in spec["data"]["values"]} == {"slow", "fast"}, title
        marks = [layer for layer in spec.get("layer", [spec]) if "title" in layer.get("encoding", {}).get("x", {})]
        layers = marks or [layer for layer in spec["layer"] if "encoding" in layer]
        axes[title] = tuple(layers[0]["encoding"][axis].get("title") for axis in "xy")
    assert axes["Validation loss"] == ("optimiser step", "mean cross-entropy per label token")
    assert axes["CER of validation pages that were read during the training"] == (
        "optimiser step", "CER, mean over those pages",
    )  # fmt: skip
    assert axes["CER of each test page (tuned is better: below the line)"] == ("CER, base", "CER, tuned")
    assert axes["Table F1 of each test page with tables (tuned is better: above the line)"] == (
        "table F1, base", "table F1, tuned",
    )  # fmt: skip
    assert "Training loss" in axes
    assert len(axes) == 5


def test_a_step_at_which_nothing_was_measured_is_no_zero(compared: Path) -> None:
    """An empty cell would be drawn as 0: a validation loss that is perfect at all steps but a few."""
    for title, spec in plots(compared).items():
        empty = [name for name in ("dvc_inferred_y_value", "validation_loss", "validation_cer", "table_f1_tuned")
                 if any(row.get(name) == "" for row in spec["data"]["values"])]  # fmt: skip
        text = json.dumps(spec)
        used = [name for name in empty if f'"y": {{"field": "{name}"' in text]
        for name in used:
            assert f'{{"not": {{"field": "{name}", "equal": ""}}}}' in text, title
        if "alidation" in title or "Table" in title:
            assert used, title


def test_the_headline_of_two_builds_is_told_apart_with_few_digits(compared: Path) -> None:
    lines = run(compared, "dvc", "metrics", "diff", "slow", "fast").splitlines()
    headline = [line.split()[1:] for line in lines[1:] if "." not in line.split()[1]]
    assert headline == [
        ["cer", "0.45", "0.05", "-0.4"],
        ["cer_gain_low", "-0.05", "0.35", "0.4"],
        ["promoted", "0", "1", "1"],
    ]


def test_experiments_are_shown_with_the_headline_and_what_was_changed(compared: Path) -> None:
    drop = r"^(base|tuned|change|retention|gate)\.|.*/|^(Snakefile|envs|rules|scripts|src)$"  # as docs/dvc.md says
    shown = run(compared, "dvc", "exp", "show", "--no-pager", "-n", "2", "--only-changed", "--drop", drop, "--csv")
    header, *rows = (line.split(",") for line in shown.splitlines())
    values = [name for name in header if name not in ("Experiment", "rev", "typ", "Created", "parent")]
    assert values == ["promoted", "cer", "cer_gain_low", "train.optimization.learning_rate"]
    told = {row[header.index("train.optimization.learning_rate")]: row[header.index("cer")] for row in rows}
    assert told == {"0.0001": "0.45", "0.001": "0.05"}

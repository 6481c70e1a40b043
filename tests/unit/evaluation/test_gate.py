"""Promises about the verdict: when a tuned model is promoted, why it is not, and what a CI job sees of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scribetune.core import package
from scribetune.core.config import Gate
from scribetune.core.errors import UserError
from scribetune.evaluation import gate, scoring


def metrics(**changes: Any) -> dict[str, dict[str, Any]]:
    """Aggregates of a build that is better in every respect; `group__key` sets a value, None takes it away."""
    found: dict[str, dict[str, Any]] = {
        "base": {"cer_mean": 0.2404, "table_f1": 0.5, "loop_rate": 0.1},
        "tuned": {"cer_mean": 0.0099, "table_f1": 0.9, "loop_rate": 0.0, "bleu": 98.54321, "odb.text_edit": 0.1},
        "change": {"cer_gain_low": 0.2, "cer_gain_high": 0.27, "cer_pages": 21, "table_f1_gain": 0.4},
        "retention": {"base": {"cer_mean": 0.0006}, "tuned": {"cer_mean": 0.0070}},
    }
    for name, value in changes.items():
        *path, key = name.split("__")
        place: dict[str, Any] = found
        for step in path:
            place = place[step]
        if value is None:
            del place[key]
        else:
            place[key] = value
    return found


def failed(verdict: gate.Verdict) -> set[str]:
    return {check.name for check in verdict.checks if not check.passed}


def test_a_model_that_is_better_and_forgets_little_is_promoted() -> None:
    verdict = gate.judge(metrics(), Gate())
    assert verdict.promoted
    assert "from 0.2404 to 0.0099" in verdict.why[0]
    assert len(verdict.why) == 4


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"change__cer_gain_low": -0.001}, "cer"),
        ({"change__cer_gain_low": 0.0}, "cer"),
        ({"change__cer_pages": 5}, "cer"),
        ({"change__cer_gain_low": None}, "cer"),
        ({"change__table_f1_gain": -0.0101}, "table_f1"),
        ({"tuned__loop_rate": 0.11}, "loop_rate"),
        ({"retention__tuned__cer_mean": 0.0307}, "retention_cer"),
    ],
)
def test_each_condition_can_fail_alone_and_is_named(changes: dict[str, Any], check: str) -> None:
    verdict = gate.judge(metrics(**changes), Gate())
    assert not verdict.promoted
    assert failed(verdict) == {check}
    assert len(verdict.why) == 1


def test_the_limits_are_those_of_the_configuration() -> None:
    worse = metrics(change__table_f1_gain=-0.2, tuned__loop_rate=0.3, retention__tuned__cer_mean=0.5)
    assert failed(gate.judge(worse, Gate())) == {"table_f1", "loop_rate", "retention_cer"}
    wide = Gate(max_table_f1_loss=0.2, max_loop_rate_rise=0.2, max_retention_cer_rise=0.4994)
    assert gate.judge(worse, wide).promoted, "a change of exactly the limit is allowed"
    assert failed(gate.judge(metrics(), Gate(min_cer_gain=0.2))) == {"cer"}


def test_pages_without_tables_and_builds_without_retention_are_judged_by_the_rest() -> None:
    without = metrics(change__table_f1_gain=None, retention=None)
    verdict = gate.judge(without, Gate())
    assert verdict.promoted
    assert sum("was not measured" in reason for reason in verdict.why) == 2


def test_metrics_json_begins_with_the_headline_and_holds_the_verdict(tmp_path: Path) -> None:
    found = metrics()
    path = tmp_path / "reports/metrics.json"
    scoring.write_metrics(path, found, gate.judge(found, Gate()))
    written = json.loads(path.read_text(encoding="utf-8"))
    assert list(written)[:3] == ["promoted", "cer", "cer_base"]
    assert (written["promoted"], written["cer"], written["bleu"]) == (1, 0.0099, 98.5432)
    assert "teds" not in written, "what was not measured is left out, and is not 0"
    assert {group: written[group] for group in found} == found
    assert gate.read(written["gate"]) == gate.judge(found, Gate())
    assert gate.require_promotion(path).promoted


def test_a_metrics_json_of_an_earlier_version_is_named(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match="holds no verdict"):
        gate.require_promotion(path)
    with pytest.raises(UserError, match="no scores to judge by"):
        gate.require_promotion(tmp_path / "none.json")


def snakemake_gate(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the target in a folder that holds nothing but scores."""
    command = [
        sys.executable, "-m", "snakemake", "gate", "--cores", "1", "--directory", str(folder),
        "--snakefile", str(package.REPOSITORY / "Snakefile"), "--allowed-rules", "gate",
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.slow
def test_the_target_fails_where_the_model_is_not_promoted_and_says_why(tmp_path: Path) -> None:
    found = metrics()
    path = tmp_path / "reports/metrics.json"
    scoring.write_metrics(path, found, gate.judge(found, Gate()))
    passed = snakemake_gate(tmp_path)
    assert passed.returncode == 0, passed.stderr
    assert not list((tmp_path / ".snakemake").glob("receipts/gate*")), "nothing is made, so nothing can be stale"
    worse = metrics(tuned__loop_rate=0.25)
    scoring.write_metrics(path, worse, gate.judge(worse, Gate()))
    refused = snakemake_gate(tmp_path)
    assert refused.returncode != 0
    assert "The tuned model is not promoted" in refused.stderr
    assert "from 0.1000 to 0.2500" in refused.stderr
    assert "Traceback" not in refused.stderr

"""What people are told of a verdict: what it means in plain words, and what to do next about what failed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scribetune.core.config import Gate
from scribetune.evaluation import gate
from scribetune.report.data import Pair
from scribetune.report.environment import Wording
from scribetune.report.outcome import Outcome, outcome, sentence
from scribetune.report.page import render
from scribetune.report.tables import BeforeAfter, metric_row
from support.report_folder import build

LINEAGE = {
    "configuration": {
        "train": {"epochs": 3, "optimization": {"learning_rate": 0.0015}},
        "splits": {"test": 0.12},
        "base_model": {"name": "models/tiny"},
    },
    "documents": [{"split": "train"}] * 9 + [{"split": "test"}] * 2,
    "pages": [{"split": "train"}] * 20 + [{"split": "test"}] * 4,
}


def metrics(**changes: float) -> dict[str, dict[str, Any]]:
    """Return the aggregates of a build that is promoted, with changes as group_key=value."""
    found: dict[str, dict[str, Any]] = {
        "base": {"cer_mean": 0.3, "table_f1": 0.5, "loop_rate": 0.1},
        "tuned": {"cer_mean": 0.1, "table_f1": 0.9, "loop_rate": 0.0},
        "change": {"cer_gain_low": 0.1, "cer_gain_high": 0.3, "cer_pages": 20, "table_f1_gain": 0.4},
        "retention": {"base": {"cer_mean": 0.01}, "tuned": {"cer_mean": 0.02}},
    }
    for name, value in changes.items():
        group, _, key = name.partition("_")
        if group == "retention":
            found[group]["tuned"][key] = value
        else:
            found[group][key] = value
    return found


def told(lineage: Mapping[str, Any] = LINEAGE, **changes: float) -> Outcome:
    values = metrics(**changes)
    return outcome(gate.judge(values, Gate()), values, lineage, Wording("en"))


EPOCHS, RATE, BASE = "Train for fewer epochs", "Use a lower learning rate", "Start from a larger base model"
DOCUMENTS, LABELS, TABLES = "Add documents:", "Look at the worst pages first", "Add documents with tables"


@pytest.mark.parametrize(
    ("changes", "plain", "steps"),
    [
        ({}, "Better than the base model", []),
        ({"change_cer_pages": 4}, "Too few test pages to tell", ["Add documents, or raise splits.test (now 0.12)"]),
        (
            {"change_cer_gain_low": -0.01},
            "Not shown to be better than the base model",
            [DOCUMENTS, LABELS, BASE],
        ),
        (
            {"tuned_cer_mean": 0.5, "change_cer_gain_low": -0.3, "change_cer_gain_high": -0.1},
            "Worse than the base model",
            [LABELS, RATE, EPOCHS, BASE],
        ),
        (
            {"change_table_f1_gain": -0.2},
            "Better than the base model on the test pages, but tables are read worse",
            [TABLES, EPOCHS, BASE],
        ),
        (
            {"tuned_loop_rate": 0.4},
            "Better than the base model on the test pages, but more answers repeat themselves",
            [EPOCHS, RATE, DOCUMENTS],
        ),
        (
            {"retention_cer_mean": 0.2},
            "Better than the base model on the test pages, but pages outside the domain are read worse than before",
            [EPOCHS, RATE, BASE],
        ),
    ],
)
def test_what_failed_decides_what_is_said_and_what_to_do_next(
    changes: dict[str, float], plain: str, steps: list[str]
) -> None:
    found = told(LINEAGE, **changes)
    assert found.plain == plain
    assert found.word == ("not promoted" if changes else "promoted")
    assert len(found.steps) == len(steps)
    for step, begin in zip(found.steps, steps, strict=True):
        assert step.startswith(begin)


def test_steps_name_the_keys_and_what_they_are_now() -> None:
    steps = told(change_cer_pages=4, retention_cer_mean=0.2).steps
    assert "the verdict needs 6 test pages and there are 4." in steps[0]
    assert "train.epochs, now 3." in steps[1]
    assert "train.optimization.learning_rate, now 0.0015;" in steps[2]
    assert "base_model.name, now models/tiny." in steps[3]


def test_no_step_asks_for_fewer_epochs_than_one_and_none_is_told_twice() -> None:
    once = {**LINEAGE, "configuration": {"train": {"epochs": 1}}}
    found = told(once, tuned_loop_rate=0.4, retention_cer_mean=0.2)
    assert not [step for step in found.steps if step.startswith(EPOCHS)]
    assert len(found.steps) == len(set(found.steps)) == 3


def test_a_lineage_that_says_nothing_still_has_steps() -> None:
    assert "now —" in told({}, retention_cer_mean=0.2).steps[0]


def headline(**changes: float) -> str:
    values = metrics(**changes)
    rows = [metric_row("cer_mean", Pair(values["base"]["cer_mean"], values["tuned"]["cer_mean"]))]
    samples = BeforeAfter(((0, "a", Pair(0.3, 0.1)),), Pair(0.3, 0.1), 1, 0, 0)
    return sentence(rows, samples, gate.judge(values, Gate()), Wording("en"))


def test_forgetting_is_in_the_headline_where_it_is_more_than_allowed() -> None:
    assert headline() == (
        "Mean CER fell from 0.3000 to 0.1000 (−66.7 %) on 1 test page held out from training: "
        "1 better, 0 the same, 0 worse."
    )
    assert headline(retention_cer_mean=0.2).endswith(
        "Outside the domain it reads worse than before: mean CER on the retention pages rose from 0.0100 to 0.2000."
    )


def test_the_report_is_called_after_corpus_and_adapter_or_as_configured(tmp_path: Path) -> None:
    inputs = build(tmp_path, title="", corpus="<i>invoices</i>")
    html = render(inputs)
    name = f"&lt;i&gt;invoices&lt;/i&gt; · adapter {'5f' * 6}"
    assert f"<title>{name}</title>" in html
    assert f"<h1><bdi>{name}</bdi></h1>" in html
    assert "<title>Sample corpus · adapter" in render(build(tmp_path, title=""))
    own = render(build(tmp_path, title="Invoices of 2024", corpus="invoices"))
    assert "<h1><bdi>Invoices of 2024</bdi></h1>" in own
    assert f"adapter {'5f' * 6}</span>" in own, "what the heading does not say, the line below it says"


def test_a_failed_verdict_in_the_report_says_what_to_do_next(tmp_path: Path) -> None:
    inputs = build(tmp_path)
    values = json.loads(inputs.metrics_json.read_text(encoding="utf-8"))
    values["change"] |= {"cer_gain_low": -0.1, "cer_gain_high": 0.4, "cer_pages": 7}
    values["gate"] = gate.judge(values, Gate()).record()
    inputs.metrics_json.write_text(json.dumps(values), encoding="utf-8")
    html = render(inputs)
    assert '<ol id="next">' in html
    assert "Start from a larger base model" in html

"""TEDS gives the values of PubTabNet's and OmniDocBench's code."""

import json
from pathlib import Path
from typing import Any

import pytest

from scribetune.metrics import teds
from scribetune.metrics.omnidocbench.normalisation import normalised_html_table
from scribetune.metrics.tables import page_tables

GOLDEN = Path(__file__).parent / "golden"
CASES: list[dict[str, Any]] = json.loads((GOLDEN / "teds.json").read_text(encoding="utf-8"))["cases"]
PUBTABNET: dict[str, Any] = json.loads((GOLDEN / "teds_pubtabnet_sample.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-9


def document(table: str) -> str:
    """Wrap a table as it was for the golden values."""
    return f"<html><body>{table}</body></html>"


def value(golden: float | str) -> float:
    """Return the value; OmniDocBench counts as 0 what the reference raises on, and so do we."""
    return 0.0 if isinstance(golden, str) and golden.startswith("ERROR:") else float(golden)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_teds_is_that_of_pubtabnet(case: dict[str, Any]) -> None:
    reference, prediction = document(case["gt"]), document(case["pred"])
    assert teds.teds(reference, prediction) == pytest.approx(value(case["teds"]), abs=TOLERANCE)
    assert teds.teds_s(reference, prediction) == pytest.approx(value(case["teds_s"]), abs=TOLERANCE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_tables_are_normalised_as_omnidocbench_does(case: dict[str, Any]) -> None:
    assert normalised_html_table(case["gt"]) == case["odb_norm_gt"]
    assert normalised_html_table(case["pred"]) == case["odb_norm_pred"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_page_of_one_html_table_has_the_teds_of_omnidocbench(case: dict[str, Any]) -> None:
    found = page_tables(case["gt"], case["pred"])
    assert found is not None
    assert found.teds == pytest.approx(value(case["odb_teds"]), abs=TOLERANCE)
    assert found.teds_s == pytest.approx(value(case["odb_teds_s"]), abs=TOLERANCE)


@pytest.mark.parametrize("case", PUBTABNET["cases"], ids=lambda case: case["id"])
def test_teds_is_that_of_pubtabnets_own_sample(case: dict[str, Any]) -> None:
    assert teds.teds(case["gt_html"], case["pred_html"]) == pytest.approx(case["teds"], abs=TOLERANCE)
    assert teds.teds_s(case["gt_html"], case["pred_html"]) == pytest.approx(case["teds_s"], abs=TOLERANCE)

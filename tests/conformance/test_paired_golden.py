"""Paired statistics are those of scipy and numpy."""

import json
from pathlib import Path
from typing import Any

import pytest

from scribetune.metrics import paired

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "golden" / "paired_stats.json").read_text(encoding="utf-8")
)["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_paired_statistics_are_those_of_the_golden_case(case: dict[str, Any]) -> None:
    found = paired.compare(case["base"], case["tuned"])
    assert (found.wins, found.ties, found.losses) == (case["wins"], case["ties"], case["losses"])
    assert found.mean_base == case["mean_base"]
    assert found.mean_tuned == case["mean_tuned"]
    assert found.median_base == case["median_base"]
    assert found.median_tuned == case["median_tuned"]
    assert found.mean_gain == case["mean_diff"]
    assert found.relative_gain == case["rel_reduction"]
    assert found.p_value == pytest.approx(case["paired_signflip_exact_two_sided_p"], abs=1e-9)

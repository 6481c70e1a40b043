"""olmOCR's rule counts what olmOCR counts."""

import json
from pathlib import Path
from typing import Any

import pytest

from scribetune.metrics import loops

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "golden" / "olmocr_repeat_detector.json").read_text(encoding="utf-8")
)["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_repeats_at_the_end_are_those_of_olmocr(case: dict[str, Any]) -> None:
    assert list(loops.olmocr_repeats(case["text"])) == case["ngram_repeats_5"]
    assert loops.has_olmocr_loop(case["text"]) is case["baseline_repeat_fail"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_what_olmocr_fails_is_a_loop_here_too(case: dict[str, Any]) -> None:
    assert loops.has_loop(case["text"]) >= case["baseline_repeat_fail"]

"""Promises about advice on pages without a label: scans are told of a teacher, and only they."""

from scribetune.dataset import unlabelled
from scribetune.dataset.selection import Reason


def test_scans_are_counted_by_reason_and_told_who_can_label_them() -> None:
    text = unlabelled.advice({"scan": 3, "invisible_text": 9, "blank": 5, "": 2})
    assert "12 pages can be read" in text
    assert "(invisible_text 9, scan 3)" in text
    assert "`scribetune teach MODEL`" in text
    assert "`scribetune review --unlabelled`" in text
    assert "1 page can be read but has" in unlabelled.advice({"scan": 1})


def test_pages_that_nobody_can_label_are_no_occasion_for_advice() -> None:
    assert unlabelled.advice({"blank": 5, "duplicate": 2, "withdrawn": 1, "": 40}) == ""


def test_the_reasons_are_those_of_the_selection() -> None:
    assert set(unlabelled.READABLE) < set(Reason)

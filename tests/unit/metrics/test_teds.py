"""TEDS where the reference raises, and where a table would fill the memory."""

import pytest

from scribetune.metrics import teds


def document(table: str) -> str:
    return f"<html><body>{table}</body></html>"


TABLE = document("<table><tr><td>a</td><td>b</td></tr></table>")


@pytest.mark.parametrize(
    "other",
    [
        "",
        "   ",
        "no table",
        document(""),
        document("<p>text</p>"),
        document('<table><tr><td colspan="many">a</td></tr></table>'),
        "<!-- -->",
        "\x00",
    ],
)
def test_what_is_no_table_scores_zero(other: str) -> None:
    assert teds.teds(TABLE, other) == teds.teds(other, TABLE) == teds.teds_s(TABLE, other) == 0.0


def test_two_tables_without_elements_score_zero() -> None:
    assert teds.teds(document("<table></table>"), document("<table></table>")) == 0.0


def test_a_tag_within_a_cell_counts_as_one_token() -> None:
    plain, bold = (document(f"<table><tr><td>{text}</td></tr></table>") for text in ("ab", "<b>ab</b>"))
    # Two tokens of four are inserted; the tree has three elements below `table`: tr, td, b.
    assert teds.teds(plain, bold) == pytest.approx(1 - (2 / 4) / 3)
    assert teds.teds_s(plain, bold) == 1.0


def test_a_table_beyond_the_limit_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teds, "MAX_PAIRS", 15)
    other = document("<table><tr><td>a</td></tr><tr><td>b</td></tr></table>")
    assert teds.teds(TABLE, other) == 0.0
    assert teds.teds(TABLE, TABLE) == 1.0


def test_deep_nesting_is_no_error() -> None:
    deep = document("<table><tr><td>" + "<b>" * 2000 + "x" + "</b>" * 2000 + "</td></tr></table>")
    assert 0.0 <= teds.teds(TABLE, deep) <= 1.0

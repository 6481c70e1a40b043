"""Promises about bands at the edges of a page: a gap over the whole width divides them from all other text."""

from scribetune.labels.edge_bands import first_band

TEXT = [(x, 60.0 + 12 * n, x + 180, 70.0 + 12 * n) for x in (0.0, 220.0) for n in range(20)]
HEAD = [(0.0, 20.0, 80.0, 30.0), (300.0, 21.0, 400.0, 31.0)]


def test_a_row_far_above_both_columns_is_a_band() -> None:
    count, order = first_band([*TEXT, *HEAD], is_head=True)
    assert (count, order[:2]) == (2, [len(TEXT), len(TEXT) + 1])
    assert first_band([*TEXT, *HEAD], is_head=False)[0] == 0


def test_columns_without_a_gap_have_none() -> None:
    assert first_band(TEXT, is_head=True)[0] == 0
    assert first_band([], is_head=True) == (0, [])


def test_many_lines_are_no_band() -> None:
    above = [(0.0, 12.0 * n - 60, 180.0, 12.0 * n - 50) for n in range(8)]
    assert first_band([*above, *TEXT], is_head=True)[0] == 0

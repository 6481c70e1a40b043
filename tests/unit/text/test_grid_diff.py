"""Promises about differences of tables: cells are compared in the row and column that correspond, and no others."""

from scribetune.text.grid_diff import differing

FIRST = (("Name", "Mass", "Price"), ("Iron", "17", "121"), ("Lead", "29", "343"), ("Zinc", "38", "565"))


def test_the_same_table_differs_nowhere_whatever_its_blanks() -> None:
    assert differing(FIRST, [["Na me", "Mass ", "Price"], *FIRST[1:]]) == (frozenset(), frozenset())


def test_a_cell_that_says_something_else_is_marked_in_both() -> None:
    other = (*FIRST[:2], ("Lead", "20", "343"), FIRST[3])
    assert differing(FIRST, other) == ({(2, 1)}, {(2, 1)})


def test_a_row_that_the_other_has_not_moves_no_other_row() -> None:
    ours, theirs = differing(FIRST, (FIRST[0], FIRST[1], FIRST[3]))
    assert (ours, theirs) == ({(2, 0), (2, 1), (2, 2)}, set())


def test_a_column_divided_in_two_leaves_the_others_as_they_are() -> None:
    other = [(row[0], *((row[1][0], row[1][1:]) if at else ("Mass", "")), row[2]) for at, row in enumerate(FIRST)]
    ours, theirs = differing(FIRST, other)
    assert ours <= {(1, 1), (2, 1), (3, 1)}
    assert {column for _, column in theirs} <= {1, 2}


def test_cells_in_another_column_are_marked() -> None:
    turned = (*FIRST[:2], ("Lead", "343", "29"), FIRST[3])
    assert differing(FIRST, turned) == ({(2, 1), (2, 2)}, {(2, 1), (2, 2)})


def test_nothing_is_compared_with_nothing() -> None:
    assert differing((), ()) == (frozenset(), frozenset())
    assert differing((("a",),), ()) == ({(0, 0)}, set())

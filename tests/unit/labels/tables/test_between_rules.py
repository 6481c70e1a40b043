"""Promises about tables that nobody found: rules of one length, and figures in columns between them."""

from scribetune.labels.ruling_lines import Rule, Rules
from scribetune.labels.tables.between_rules import tables_between
from scribetune.labels.tables.cells import Word

THREE = Rules(tuple(Rule(0, 300, at) for at in (8, 24, 84)), (), ())


def words(rows: list[list[str]], edges: tuple[float, ...] = (5.0, 120.0, 220.0)) -> list[Word]:
    found = []
    for number, row in enumerate(rows):
        for left, text in zip(edges, row, strict=True):
            at = left
            for word in text.split():
                found.append(Word(at, 10.0 + 15 * number, at + 5 * len(word), 20.0 + 15 * number, word))
                at += 5 * len(word) + 2
    return found


ROWS = [["Group", "Before", "After"], ["North", "1.5", "2.5"], ["South", "1.6", "2.7"], ["East", "1.8", "2.9"]]


def test_figures_between_rules_of_one_length_are_a_table() -> None:
    (table,) = tables_between(words(ROWS), THREE, [])
    assert (table.rows, table.columns) == (4, 3)
    assert [cell.text for cell in table.cells if cell.row == 2] == ["South", "1.6", "2.7"]


def test_what_was_found_already_is_found_once() -> None:
    assert tables_between(words(ROWS), THREE, [(0, 0, 310, 90)]) == []


def test_text_in_columns_between_rules_is_none() -> None:
    text = [["Some words", "more of them", "and others"]] * 4
    assert tables_between(words(text), THREE, []) == []

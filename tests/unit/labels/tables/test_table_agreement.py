"""Promises about the trust of tables: a right one is trusted, one with a planted defect is not, and words say why."""

import random
from pathlib import Path

import pymupdf
import pytest
from planted_defects_tables import planted

from scribetune.core.config import Selection
from scribetune.labels.reader import LabelSettings, PageReader
from scribetune.labels.ruling_lines import Rule, Rules, Walls
from scribetune.labels.tables import agreement
from scribetune.labels.tables.cells import PageTable, Word, union
from scribetune.labels.tables.witness import Witness
from scribetune.text.grids import Cell
from support import table_words

LINES: dict[float, list[tuple[float, str]]] = {
    100: [(0, "Year"), (120, "Wool"), (190, "Coal"), (250, "Remark")],
    114: [(0, "first half"), (125, "12"), (195, "7"), (250, "late harvest")],
    128: [(0, "second half"), (120, "144"), (190, "78")],
    142: [(0, "third quarter"), (120, "190"), (190, "31"), (250, "two strikes")],
    156: [(0, "fourth quarter"), (120, "201"), (190, "64"), (250, "none at all")],
}
TEXT: dict[float, list[tuple[float, str]]] = {
    10: [(0, "The trade of the county grew in each of the years that are told of here and")],
    24: [(0, "fell in none of them, which the board had not thought likely when it met in")],
    38: [(0, "the spring of that year to speak about the price of wool, and of coal, and of")],
    52: [(0, "all that had been sent down the river in the winter before it was frozen over")],
}
WORDS = table_words.words(TEXT | {88.0: [(0.0, "Trade of the county")]} | LINES)
NOTHING = Rules((), (), ())
LEAST = Selection().min_table_trust


def right_table() -> PageTable:
    columns = (0, 120, 190, 250)
    cells = [
        Cell(row, max(n for n, left in enumerate(columns) if left <= x), text)
        for row, texts in enumerate(LINES.values())
        for x, text in texts
    ]
    return PageTable(union([word.box for word in WORDS if word.y0 >= 100]), 5, 4, tuple(cells))


def trust(table: PageTable, rules: Rules = NOTHING) -> float:
    (reading,) = agreement.of_tables([table], WORDS, rules)
    return reading.trust


def test_a_table_that_both_readings_have_is_trusted() -> None:
    (reading,) = agreement.of_tables([right_table()], WORDS, NOTHING)
    assert reading.trust > LEAST
    assert (reading.rows, reading.columns) == (reading.second_rows, reading.second_columns) == (5, 4)
    assert reading.differs == ""


@pytest.mark.parametrize("seed", range(4))
def test_planted_defects_are_not_trusted(seed: int) -> None:
    found = dict(planted(right_table(), WORDS, random.Random(seed)))
    assert {
        "two rows swapped", "cells of a row turned", "two rows merged", "a row split", "two columns merged",
        "a column split", "a cell moved a column", "a heading in the first row", "a paragraph as a table",
    } == set(found)  # fmt: skip
    assert {name: value for name, table in found.items() if (value := trust(table)) >= LEAST} == {}


def test_lines_around_all_cells_speak_for_a_table() -> None:
    ys, xs = (98, 112, 126, 140, 154, 168), (-3, 117, 187, 247, 320)
    across = tuple(Rule(xs[0], xs[-1], y) for y in ys)
    down = tuple(Rule(ys[0], ys[-1], x) for x in xs)
    assert trust(right_table(), Rules((), (), (), Walls(across, down))) > trust(right_table())


def test_words_name_the_table_its_place_and_both_readings() -> None:
    (bad,) = [t for name, t in planted(right_table(), WORDS, random.Random(1)) if name == "two rows merged"]
    readings = agreement.of_tables([right_table(), bad], WORDS, NOTHING)
    (words,) = agreement.in_words(readings, LEAST)
    assert words.startswith("Table 2 (from 0, 100 to ")
    assert "the label has 4 rows × 4 columns, the second reading 5 × 4; they differ in '" in words
    assert agreement.least(readings) == readings[1].trust
    assert agreement.from_json(agreement.as_json(readings)) == readings
    assert readings[1].second[0] == ("Year", "Wool", "Coal", "Remark")
    assert [len(readings[1].first), len(readings[1].second)] == [4, 5], "both, to be seen side by side"


def test_words_that_the_text_layer_runs_together_are_those_of_two_cells() -> None:
    joined = [w for w in WORDS if w.text not in ("144", "78")]
    joined.append(Word(120, 128, 200, 138, "14478"))
    (reading,) = agreement.of_tables([right_table()], joined, NOTHING)
    assert reading.trust > LEAST


def test_no_table_has_no_trust() -> None:
    assert agreement.least([]) == agreement.UNKNOWN
    assert agreement.as_json([]) == ""
    assert agreement.from_json("") == []
    assert agreement.of_tables([PageTable((500, 500, 600, 600), 1, 1, (Cell(0, 0, "x"),))], WORDS, NOTHING) == []


def test_tables_of_a_label_are_found_where_their_words_stand() -> None:
    label = f"Some text\n\n{right_table().markdown()}\n"
    (reading,) = agreement.of_text(label, WORDS, NOTHING)
    assert reading.trust > LEAST
    assert reading.box[1] == pytest.approx(100)


@pytest.mark.parametrize(("choice", "tables"), [("use", 1), ("ignore", 0)])
def test_the_tables_of_a_page_are_read_twice_unless_that_is_ignored(tmp_path: Path, choice: str, tables: int) -> None:
    with pymupdf.open() as document:
        page = document.new_page()
        for row, (name, one, two) in enumerate((("Year", "Wool", "Coal"), ("1990", "12", "7"), ("1991", "14", "9"))):
            for column, text in enumerate((name, one, two)):
                cell = pymupdf.Rect(72 + 100 * column, 100 + 20 * row, 172 + 100 * column, 120 + 20 * row)
                page.draw_rect(cell)
                page.insert_text((cell.x0 + 4, cell.y1 - 6), text)
        document.save(tmp_path / "a.pdf")
    settings = LabelSettings("keep", "markdown", "alt", "use", 60.0, "test", table_agreement=choice)
    read = PageReader(str(tmp_path / "a.pdf"), "", settings).read(0)
    assert "| 1990 | 12 | 7 |" in read.text
    assert len(read.tables) == tables
    assert all(reading.trust > LEAST for reading in read.tables)


def test_lines_around_every_cell_say_more_than_white_space() -> None:
    seen = {"columns": 1.0, "body": 0.1, "ruled": 1.0, "walls": 1.0, "whole": 1.0, "apart": 0.2}
    rest = {"order": 1.0, "named": 1.0, "filled": 0.9, "head": 1.0, "kinds": 1.0, "held": 1.0}
    framed = Witness(**seen, **rest)
    assert agreement.trust_of(framed) > 0.8
    # A word in another cell than its own, a line through a cell, or borders that are not drawn: no longer.
    for other in ({"order": 0.5}, {"walls": 0.5}, {"ruled": 0.3}):
        assert agreement.trust_of(Witness(**{**seen, **rest, **other})) < 0.3

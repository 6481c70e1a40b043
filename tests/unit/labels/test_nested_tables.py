"""Promises about a table in a cell: one grid in which everything has its place, and no text lost."""

from pathlib import Path

import pymupdf
import pytest
import typst

from scribetune.labels import nested_tables, reader, rows, structure, tag_tree
from scribetune.metrics.tables import page_tables
from scribetune.text.grids import Cell

ORDERS = """
#set document(date: none)
#set page(width: 400pt, height: 300pt, margin: 20pt)
= Orders
#table(columns: 2, [Region], [Items],
  [North], [all of #table(columns: 2, [Bolts], [12], [Nuts], [40]) as planned],
  [South], [none at all])
"""


def orders(folder: Path) -> Path:
    (folder / "page.typ").write_text(ORDERS, encoding="utf-8")
    typst.compile(str(folder / "page.typ"), output=str(folder / "page.pdf"))
    return folder / "page.pdf"


def test_a_tagged_table_in_a_cell_becomes_rows_and_columns_of_that_cell(tmp_path: Path) -> None:
    pdf = pymupdf.open(orders(tmp_path))
    page = structure.read(pdf[0], tag_tree.read(pdf))
    assert page is not None
    assert page.text == (
        "# Orders\n\n<table>"
        '<tr><td>Region</td><td colspan="2">Items</td></tr>'
        '<tr><td rowspan="4">North</td><td colspan="2">all of</td></tr>'
        "<tr><td>Bolts</td><td>12</td></tr>"
        "<tr><td>Nuts</td><td>40</td></tr>"
        '<tr><td colspan="2">as planned</td></tr>'
        '<tr><td>South</td><td colspan="2">none at all</td></tr>'
        "</table>"
    )
    scores = page_tables(page.text, page.text)
    assert scores is not None
    assert (scores.reference_tables, scores.content_f1, scores.teds, scores.adjacency_f1) == (1, 1.0, 1.0, 1.0)


@pytest.mark.parametrize("tags", ["use", "ignore"])
def test_no_word_of_nested_tables_is_lost(tags: str, tmp_path: Path) -> None:
    settings = reader.LabelSettings("keep", "markdown", "alt", tags, 60.0, "test")
    read = reader.PageReader(str(orders(tmp_path)), "", settings).read(0)
    assert read.word_recall == 1.0
    assert rows.count_tables(read.text) == 1


def test_smaller_cells_span_what_larger_ones_beside_them_divide() -> None:
    inner = nested_tables.SubGrid(2, 2, (Cell(0, 0, "a"), Cell(0, 1, "b"), Cell(1, 0, "c"), Cell(1, 1, "d")))
    deep = nested_tables.flattened([[nested_tables.of_text("x"), inner]])
    outer = nested_tables.flattened([[deep], [nested_tables.of_text("y")]])
    assert (outer.rows, outer.columns) == (3, 3)
    assert Cell(0, 0, "x", 2, 1) in outer.cells
    assert Cell(2, 0, "y", 1, 3) in outer.cells

"""Words that a reader found on a scan, set again as a page of a PDF: its tables are read as those of any PDF are.

So a scan's tables are found and divided by what was made for text layers (`layout_analysis`, `tables`), whoever read
its words: by the layout model, by white space and by lines that are drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any

from scribetune.labels import (
    layout_analysis,
    page_blocks,
    page_drawings,
    ruling_lines,
    text_layer,
)
from scribetune.labels.characters import characters_of
from scribetune.labels.ruling_lines import Walls
from scribetune.labels.tables import agreement, cell_words, ruled
from scribetune.labels.tables.cells import Box, PageTable, Word, holds, union

_SIZE = 0.75  # of the height of a line's box: its font
_BELOW = 0.27  # of that height, between the baseline and the lower edge
_ALIKE = 0.2  # of the usual size: other sizes that differ less are the usual one
_WIDTH = 0.7  # points, of lines that are drawn
_SHARED = 0.5  # of the smaller one's sides: two cells in one place
_NARROWEST, _WIDEST = 0.4, 2.5  # of its own width, that a word is drawn in


@dataclass(frozen=True)
class RetypedTable:
    """A table made of a reader's words."""

    table: PageTable  # in points of the retyped page
    trust: float  # what `tables.agreement` says of it
    inside: tuple[int, ...]  # the words in its box: places among those given
    words: tuple[tuple[int, ...], ...]  # of each cell, in the order of the table's cells
    is_whole: bool  # each word in its box is in a cell, or in a line above or below it


def tables_of(words: Sequence[Word], walls: Walls, width: float, height: float) -> list[RetypedTable]:
    """Return the tables of a page of these words and drawn lines, all in points."""
    if not words:
        return []
    pdf, page = _page_of(words, walls, width, height)
    with pdf:
        layer = text_layer.read(page)
        rules = ruling_lines.rules_of(page_drawings.of_page(page))
        framed = ruled.tables_of(layer, rules, cache(lambda: characters_of(page)))
        blocks = layout_analysis.blocks_of(page, layer, rules, framed)
    found = []
    for block in blocks:
        for table in block.tables if block.kind is page_blocks.Kind.TABLE else ():
            readings = agreement.of_tables([table], layer.words, rules)
            if readings:
                found.append(_with_words(table, readings[0].trust, words))
    return found


def _with_words(table: PageTable, trust: float, words: Sequence[Word]) -> RetypedTable:
    inside = tuple(number for number, word in enumerate(words) if holds(table.box, word.centre))
    taken = cell_words.of_table(table, [words[number] for number in inside])
    cells = tuple(tuple(inside[place] for place in cell) for cell in taken.by_cell)
    return RetypedTable(table, trust, inside, cells, not taken.left)


def same_cells(one: RetypedTable, other: RetypedTable, words: Sequence[Word], others: Sequence[Word]) -> bool:
    """Whether two tables have the same rows, columns and cells, and each pair of cells is in one place of the page.

    `words` are those that the first was made of, `others` those of the second. What they say is not compared.
    """
    if not (one.is_whole and other.is_whole) or _size(one.table) != _size(other.table):
        return False
    places, other_places = _places(one, words), _places(other, others)
    return places.keys() == other_places.keys() and all(
        _is_same(box, other_places[slots]) for slots, box in places.items()
    )


def _size(table: PageTable) -> tuple[int, int, int, int]:
    return table.rows, table.columns, len(table.above), len(table.below)


def _places(table: RetypedTable, words: Sequence[Word]) -> dict[tuple[int, int, int, int], Box | None]:
    """Return where each cell with text stands, by its first row and column and how many of both it takes."""
    return {
        (cell.row, cell.column, cell.row_span, cell.column_span): union([words[number].box for number in own])
        if own
        else None
        for cell, own in zip(table.table.cells, table.words, strict=True)
        if cell.text
    }


def _is_same(one: Box | None, other: Box | None) -> bool:
    if one is None or other is None:
        return False
    across, down = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return across > _SHARED * min(one[2] - one[0], other[2] - other[0]) and down > _SHARED * min(
        one[3] - one[1], other[3] - other[1]
    )


def _page_of(words: Sequence[Word], walls: Walls, width: float, height: float) -> tuple[Any, Any]:
    """Return a PDF in memory and its only page."""
    import pymupdf

    pdf = pymupdf.open()
    page = pdf.new_page(width=width, height=height)
    shape = page.new_shape()
    for rule in walls.across:
        shape.draw_line((rule.start, rule.at), (rule.end, rule.at))
    for rule in walls.down:
        shape.draw_line((rule.at, rule.start), (rule.at, rule.end))
    if walls.across or walls.down:
        shape.finish(width=_WIDTH)
    usual = _SIZE * median(word.height for word in words)
    for word in words:
        font = "helv" if word.text.isascii() else "china-s"
        size = _SIZE * word.height
        size = usual if abs(size - usual) < _ALIKE * usual else size
        natural = pymupdf.get_text_length(word.text, font, size)
        stretched = min(_WIDEST, max(_NARROWEST, (word.x1 - word.x0) / natural)) if natural else 1.0
        place = pymupdf.Point(word.x0, word.y1 - _BELOW * word.height)
        matrix = pymupdf.Matrix(stretched, 1)
        shape.insert_text(place, word.text, fontname=font, fontsize=size, morph=(place, matrix))
    shape.commit()
    return pdf, page

"""The grid of a tagged table on a page: its cells, empty ones too, by the rows, places and spans of its tags.

The rules of HTML's table model: each cell takes the first place in its row that no cell above reaches down to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scribetune.labels.tag_tree import TagCell
from scribetune.text.grids import Cell

_MOST_COLUMNS = 1_000


@dataclass(frozen=True)
class Grid:
    """A table's cells in their places."""

    rows: int
    columns: int
    cells: tuple[Cell, ...]


def grid_of(rows: Sequence[tuple[int, Sequence[TagCell]]], texts: Mapping[int, str]) -> Grid | None:
    """Return the part of a table that has text on a page; None where its tags do not say where that stands.

    Args:
        rows: The rows of the table, on all its pages: (xref, cells).
        texts: The xref of each cell on the page, and its text. What is empty in every row
            is no column, and what is empty in every column no row.
    """
    known = {cell.xref for _, cells in rows for cell in cells}
    shown = [number for number, (_, cells) in enumerate(rows) if any(texts.get(cell.xref) for cell in cells)]
    if not shown or not known.issuperset(xref for xref, text in texts.items() if text):
        return None
    first, last = shown[0], shown[-1]
    taken: set[tuple[int, int]] = set()
    placed: list[Cell] = []
    for number, (_, cells) in enumerate(rows[: last + 1]):
        column = 0
        for cell in cells:
            while (number, column) in taken:
                column += 1
            width, height = min(cell.column_span, _MOST_COLUMNS), min(cell.row_span, last + 1 - number)
            taken.update((number + down, column + right) for down in range(height) for right in range(width))
            top = max(number, first)
            if number + height > first:
                text = texts.get(cell.xref, "")
                placed.append(Cell(top - first, column, text, number + height - top, width))
            column += width
    filled = sorted({cell.row for cell in placed if cell.text})
    kept = sorted({cell.column for cell in placed if cell.text})
    places = {column: number for number, column in enumerate(kept)}
    made = []
    for found in placed:
        inside = sorted({places[column] for _, column in found.slots if column in places})
        down = [number for number, row in enumerate(filled) if found.row <= row < found.row + found.row_span]
        if inside and down and (found.text or len(down) > 1 or len(inside) > 1):
            made.append(Cell(down[0], inside[0], found.text, len(down), len(inside)))
    return Grid(len(filled), len(kept), tuple(made))


def mirrored(grid: Grid) -> Grid:
    """Return a grid whose first column is the last one."""
    cells = (replace(cell, column=grid.columns - cell.column - cell.column_span) for cell in grid.cells)
    return replace(grid, cells=tuple(sorted(cells, key=lambda cell: (cell.row, cell.column))))

"""The grid of a tagged table on a page: its cells, empty ones too, by the rows, places and spans of its tags.

The rules of HTML's table model: each cell takes the first place in its row that no cell above reaches down to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scribetune.labels.tables.cells import Box
from scribetune.labels.tag_tree import TagCell
from scribetune.text.grids import Cell

_MOST_COLUMNS = 1_000
_NEAR_ROWS = 12.0  # points between the texts of two rows


@dataclass(frozen=True)
class Grid:
    """A table's cells in their places."""

    rows: int
    columns: int
    cells: tuple[Cell, ...]
    boxes: tuple[Box, ...]  # where the text of each stands


def grid_of(
    rows: Sequence[tuple[int, Sequence[TagCell]]], texts: Mapping[int, str], boxes: Mapping[int, Box]
) -> Grid | None:
    """Return the part of a table that has text on a page; None where its tags do not say where that stands.

    Args:
        rows: The rows of the table, on all its pages: (xref, cells).
        boxes: The xref of each cell, and where it stands.
        texts: The xref of each cell on the page, and its text. What is empty in every row
            is no column, and what is empty in every column no row.
    """
    known = {cell.xref for _, cells in rows for cell in cells}
    shown = [number for number, (_, cells) in enumerate(rows) if any(texts.get(cell.xref) for cell in cells)]
    if not shown or not known.issuperset(xref for xref, text in texts.items() if text):
        return None
    first, last = shown[0], shown[-1]
    taken: set[tuple[int, int]] = set()
    placed: list[tuple[Cell, Box]] = []
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
                box = boxes.get(cell.xref, (0.0, 0.0, 0.0, 0.0))
                placed.append((Cell(top - first, column, text, number + height - top, width), box))
            column += width
    filled = sorted({cell.row for cell, _ in placed if cell.text})
    kept = sorted({cell.column for cell, _ in placed if cell.text})
    places = {column: number for number, column in enumerate(kept)}
    made = []
    for found, box in placed:
        inside = sorted({places[column] for _, column in found.slots if column in places})
        down = [number for number, row in enumerate(filled) if found.row <= row < found.row + found.row_span]
        if inside and down and (found.text or len(down) > 1 or len(inside) > 1):
            made.append((Cell(down[0], inside[0], found.text, len(down), len(inside)), box))
    return Grid(len(filled), len(kept), tuple(cell for cell, _ in made), tuple(box for _, box in made))


def stands_as_said(grid: Grid) -> bool:
    """Whether the cells of each column stand beside those of others, and those of each row above later ones.

    Tags that a program guessed leave empty cells out, so that those behind them move to other columns.
    """
    shown = [(cell, box) for cell, box in zip(grid.cells, grid.boxes, strict=True) if cell.text]
    across = [(cell.column, cell.column_span, box[0], box[2]) for cell, box in shown]
    leftwards = [(cell.column, cell.column_span, -box[2], -box[0]) for cell, box in shown]
    down = [(cell.row, cell.row_span, box[1], box[3]) for cell, box in shown]
    return _follow(grid.rows, down) and (_follow(grid.columns, across) or _follow(grid.columns, leftwards))


def go_on(upper: Sequence[Sequence[Box]], lower: Sequence[Sequence[Box]]) -> bool:
    """Whether two tables that follow each other in the tags are rows of one: programs that guess write them so.

    Args:
        upper: Where the cells of each row of the upper table stand.
        lower: The same of the lower one.

    Raises:
        EmptyCellsError: They are, and cells that are empty are in neither.
    """
    if not upper or not lower or min(len(upper), len(lower)) > 1:
        return False
    above, below = max(upper, key=len), lower[0]
    gap = min(box[1] for box in below) - max(box[3] for box in upper[-1])
    if not 0 <= gap < _NEAR_ROWS:
        return False
    places = [[n for n, box in enumerate(above) if box[0] < other[2] and other[0] < box[2]] for other in below]
    if any(len(place) != 1 for place in places) or len({place[0] for place in places}) < len(places):
        return False
    if len(below) < len(above) and len(below) > 1:
        raise EmptyCellsError
    return len(below) == len(above)


class EmptyCellsError(Exception):
    """The empty cells of a table are not tagged, so that those behind them would move to other columns."""


def _follow(count: int, cells: Sequence[tuple[int, int, float, float]]) -> bool:
    """Whether what begins in a later slot never ends before something of an earlier slot begins."""
    starts = [float("-inf")] * count
    ends = [float("inf")] * count
    for slot, span, low, high in cells:
        if span == 1:
            starts[slot] = max(starts[slot], low)
            ends[slot] = min(ends[slot], high)
    latest = float("-inf")
    for start, end in zip(starts, ends, strict=True):
        if end < latest:
            return False
        latest = max(latest, start)
    return True


def mirrored(grid: Grid) -> Grid:
    """Return a grid whose first column is the last one."""
    turned = [replace(cell, column=grid.columns - cell.column - cell.column_span) for cell in grid.cells]
    ordered = sorted(zip(turned, grid.boxes, strict=True), key=lambda one: (one[0].row, one[0].column))
    return replace(grid, cells=tuple(cell for cell, _ in ordered), boxes=tuple(box for _, box in ordered))

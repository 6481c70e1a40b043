"""A table in a cell of another, made one grid: its rows and columns divide the cell's, and what stands beside it spans.

Markdown has no tables in cells, HTML has; but a grid is what GriTS and the adjacency score compare, and what TEDS and
OmniDocBench's models write. No text is lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from scribetune.text.grids import Cell


@dataclass(frozen=True)
class SubGrid:
    """A grid of cells: a table's, or one cell's content."""

    rows: int
    columns: int
    cells: tuple[Cell, ...]  # counted from 0 within the grid


def of_text(text: str) -> SubGrid:
    """Return a text as a grid of one cell."""
    return SubGrid(1, 1, (Cell(0, 0, text),))


def stacked(parts: Sequence[SubGrid]) -> SubGrid:
    """Put what a cell holds below each other: text above a table, the table, text below it."""
    return flattened([[part] for part in parts])


def flattened(grid: Sequence[Sequence[SubGrid]]) -> SubGrid:
    """Make one grid of a table whose cells are grids; the rows are of one length.

    Each row and each column becomes as many as the largest of its cells has; what is smaller spans.
    """
    heights = [max(cell.rows for cell in row) for row in grid]
    widths = [max(row[column].columns for row in grid) for column in range(len(grid[0]))]
    cells: list[Cell] = []
    for number, row in enumerate(grid):
        top = sum(heights[:number])
        for place, part in enumerate(row):
            left = sum(widths[:place])
            cells.extend(_placed(part, top, left, heights[number], widths[place]))
    return SubGrid(sum(heights), sum(widths), tuple(sorted(cells, key=lambda cell: (cell.row, cell.column))))


def _placed(part: SubGrid, top: int, left: int, height: int, width: int) -> list[Cell]:
    """Return the cells of a part in its place; those at its right and lower edge reach to the edges of the place."""
    return [
        replace(
            cell,
            row=top + cell.row,
            column=left + cell.column,
            row_span=cell.row_span + (height - part.rows) * (cell.row + cell.row_span == part.rows),
            column_span=cell.column_span + (width - part.columns) * (cell.column + cell.column_span == part.columns),
        )
        for cell in part.cells
    ]

"""Tables of a page as grids of cells, and how they are written: Markdown where they fit, HTML where cells span."""

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

from scribetune.text.grids import Cell

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in points of the page as it is shown."""


def union(boxes: Sequence[Box]) -> Box:
    """Return the smallest box around boxes."""
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes have a part of the page in common."""
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def holds(box: Box, place: tuple[float, float]) -> bool:
    """Whether a place, such as the middle of a word, is in a box or on its edge."""
    x, y = place
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


@dataclass(frozen=True)
class Word:
    """A word of the text layer, and where it stands."""

    x0: float
    y0: float
    x1: float
    y1: float
    text: str
    place: int = 0  # among the words of a page with right-to-left text, in the order in which they are read, from 1

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    @property
    def box(self) -> Box:
        """Where it stands."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def height(self) -> float:
        """Of its box: about 1.2 times the size of its font."""
        return self.y1 - self.y0


@dataclass(frozen=True)
class PageTable:
    """A table on a page."""

    box: Box  # where it stands
    rows: int
    columns: int
    cells: tuple[Cell, ...]  # its cells, in reading order; slots that none covers are empty
    above: tuple[str, ...] = field(default=())  # lines inside the box that are no part of the table: its caption
    below: tuple[str, ...] = field(default=())  # the same below it: its notes
    may_have_one_row: bool = False  # it was one of several, or a part of a larger one

    def markdown(self, *, always_html: bool = False) -> str:
        """Write it down: a Markdown table, or HTML where a cell spans, or always.

        Lines above and below it become paragraphs.
        """
        spans = any(cell.spans for cell in self.cells)
        # A Markdown table has no place for a single column: GitHub's needs a pipe, readers see a list.
        written = self._html() if always_html or spans else self._pipes()
        return "\n\n".join([*self.above, written, *self.below])

    def _pipes(self) -> str:
        grid = [[""] * self.columns for _ in range(self.rows)]
        for cell in self.cells:
            grid[cell.row][cell.column] = cell.text.replace("|", "\\|")
        lines = ["| " + " | ".join(row) + " |" for row in grid]
        return "\n".join([lines[0], "|" + "---|" * self.columns, *lines[1:]])

    def _html(self) -> str:
        covered = {slot for cell in self.cells for slot in cell.slots}
        starts = {(cell.row, cell.column): _html_cell(cell) for cell in self.cells}
        rows = [
            "".join(
                starts.get(slot, "" if slot in covered else "<td></td>") for slot in product([row], range(self.columns))
            )
            for row in range(self.rows)
        ]
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def _html_cell(cell: Cell) -> str:
    rows = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
    columns = f' colspan="{cell.column_span}"' if cell.column_span > 1 else ""
    return f"<td{rows}{columns}>{html.escape(cell.text, quote=False)}</td>"


def grid_of(rows: Sequence[Sequence[str]], box: Box) -> PageTable:
    """Return a table without spans; rows may be of different lengths."""
    columns = max((len(row) for row in rows), default=0)
    cells = tuple(Cell(row, column, text) for row, line in enumerate(rows) for column, text in enumerate(line) if text)
    return PageTable(box, len(rows), columns, cells)

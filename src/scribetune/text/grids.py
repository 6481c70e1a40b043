"""A table as a grid: the one form in which Markdown and HTML tables are compared."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Literal

Syntax = Literal["markdown", "html"]


@dataclass(frozen=True)
class Cell:
    """A cell: its top left slot (from 0), its text, how many rows and columns it spans, whether it is a heading."""

    row: int
    column: int
    text: str
    row_span: int = 1
    column_span: int = 1
    heading: bool = field(default=False, compare=False)

    @property
    def spans(self) -> bool:
        """Whether it lies over several rows or columns."""
        return self.row_span > 1 or self.column_span > 1

    @property
    def slots(self) -> list[tuple[int, int]]:
        """(row, column) of all that it covers."""
        rows = range(self.row, self.row + self.row_span)
        return [(row, self.column + across) for row in rows for across in range(self.column_span)]


@dataclass(frozen=True)
class Table:
    """A table of rows × columns slots, each of them covered by a cell. Make it with `table`, which pads holes.

    Attributes:
        rows: Number of rows.
        columns: Number of columns.
        cells: The cells in the order of their source, padding last. Where cells overlap, the later one has the slot.
        syntax: What the table was written in.
        source: The table as it was written, where that is HTML: TEDS compares markup that a grid does not hold.
        collapsed: Whether source and cells have white space as a browser shows it.
    """

    rows: int
    columns: int
    cells: tuple[Cell, ...]
    syntax: Syntax
    source: str = field(default="", compare=False, repr=False)
    collapsed: bool = field(default=False, compare=False)

    @cached_property
    def html(self) -> str:
        """The table as HTML: its source, or its cells where it was no HTML."""
        if self.source:
            return self.source
        rows: list[list[str]] = [[] for _ in range(self.rows)]
        for cell in sorted(self.cells, key=lambda cell: (cell.row, cell.column)):
            spans = f' rowspan="{cell.row_span}"' if cell.row_span > 1 else ""
            spans += f' colspan="{cell.column_span}"' if cell.column_span > 1 else ""
            rows[cell.row].append(f"<td{spans}>{escape(cell.text, quote=False)}</td>")
        return "<table>" + "".join(f"<tr>{''.join(row)}</tr>" for row in rows) + "</table>"

    @cached_property
    def slots(self) -> tuple[tuple[int, ...], ...]:
        """For each row, for each column: the index in `cells` of the cell that covers the slot."""
        return tuple(tuple(line) for line in _slots(self.rows, self.columns, self.cells))

    def with_collapsed_spaces(self) -> "Table":
        """Return the table with runs of white space in cells as one space and none at their ends."""
        cells = tuple(
            Cell(cell.row, cell.column, " ".join(cell.text.split()), cell.row_span, cell.column_span, cell.heading)
            for cell in self.cells
        )
        return Table(self.rows, self.columns, cells, self.syntax)


def table(cells: Iterable[Cell], syntax: Syntax, source: str = "") -> Table:
    """Make a table of the given cells; slots that none covers (ragged rows) are padded with empty 1×1 cells."""
    found = tuple(cells)
    rows = max((cell.row + cell.row_span for cell in found), default=0)
    columns = max((cell.column + cell.column_span for cell in found), default=0)
    holes = [
        Cell(row, column, "")
        for row, line in enumerate(_slots(rows, columns, found))
        for column, index in enumerate(line)
        if index < 0
    ]
    return Table(rows, columns, found + tuple(holes), syntax, source)


def _slots(rows: int, columns: int, cells: tuple[Cell, ...]) -> list[list[int]]:
    slots = [[-1] * columns for _ in range(rows)]
    for index, cell in enumerate(cells):
        for row in range(cell.row, cell.row + cell.row_span):
            slots[row][cell.column : cell.column + cell.column_span] = [index] * cell.column_span
    return slots

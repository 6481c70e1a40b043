"""A style's tables as grids of cells with spans: the truth, and what is needed to set it.

Conventions where several readings could be right: a heading without a heading over it spans the levels of the header;
the name of a group of rows is in the first column alone unless lines between columns show that it spans; a heading
above the grid and totals beside it belong to the table; so does a header that is repeated on the next page.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scribetune.text.grids import Cell, Table, table
from zoo import words
from zoo.styles import TableStyle

_KINDS = ("count", "decimal", "percent", "signed", "year")


@dataclass(frozen=True)
class Sheet:
    """The part of a table on one page.

    Attributes:
        table: Its cells: every slot is covered by exactly one.
        header_rows: Rows of the header at its top.
        wide: Columns of running text: cells there are wrapped at `wide_pt`.
        wide_pt: The width of those columns.
        figures: Columns of figures.
        above: Rows that stand above the grid's lines.
        beside: Columns that stand beside them, on the right.
    """

    table: Table
    header_rows: int
    wide: frozenset[int]
    wide_pt: float
    figures: frozenset[int]
    above: int = 0
    beside: int = 0


def sheets(style: TableStyle, draw: random.Random, rows: int) -> list[Sheet]:
    """Return a table of about so many rows, as one sheet a page; two tables, where they stand side by side."""
    header, columns = _header(style, draw)
    bodies = [_body(style, draw, columns, rows) for _ in range(2 if style.features & {"pages", "side-by-side"} else 1)]
    is_repeated = draw.random() < 0.7 or "side-by-side" in style.features
    made = []
    for number, body in enumerate(bodies):
        head = header if number == 0 or is_repeated else []
        levels = max((cell.row + cell.row_span for cell in head), default=0)
        cells = [*head, *(replace(cell, row=cell.row + levels) for cell in body)]
        cells.sort(key=lambda cell: (cell.row, cell.column))
        made.append(
            Sheet(
                table(cells, "html"),
                levels,
                frozenset(i for i, kind in enumerate(columns) if kind == "text"),
                float(draw.choice((80, 100, 130))),
                frozenset(i for i, kind in enumerate(columns) if kind not in ("text", "name", "blank")),
                above=levels if "heading-above" in style.features else 0,
                beside=1 if "totals-beside" in style.features else 0,
            )
        )
    return made


def _header(style: TableStyle, draw: random.Random) -> tuple[list[Cell], list[str]]:
    """Return the cells of the header, and the kind of each column."""
    columns = ["name"]
    if "two-level" in style.features:
        width = draw.randint(2, 3)
        count = draw.randint(2, 3) if width == 2 else 2
        parts = words.headings(draw, style.script, width)
        cells = [Cell(0, 0, words.stub(draw, style.script), row_span=2)]
        for number, group in enumerate(words.groups(draw, style.script, count)):
            cells.append(Cell(0, 1 + number * width, group, column_span=width))
            cells += [Cell(1, 1 + number * width + i, part) for i, part in enumerate(parts)]
        columns += [draw.choice(_KINDS[:4]) for _ in range(width)] * count
        if draw.random() < 0.4:
            cells.append(Cell(0, len(columns), words.headings(draw, style.script, 1)[0], row_span=2))
            columns.append("count")
        return cells, columns
    if "wrapped" in style.features:
        columns += draw.sample(["text", draw.choice(_KINDS), draw.choice(("text", "count"))], 3)
        if draw.random() < 0.5:
            columns.append(draw.choice(_KINDS))
    else:
        most = 2 if "side-by-side" in style.features else 6
        columns += [draw.choice(_KINDS) for _ in range(draw.randint(2, most))]
    if "row-spans" in style.features:
        columns.insert(1, "name")
    if "empty-column" in style.features:
        columns.insert(draw.randint(2, len(columns)), "blank")
    heads = [words.stub(draw, style.script), *words.headings(draw, style.script, len(columns) - 1, _words(style))]
    if "totals-beside" in style.features:
        columns.append("count")
        heads.append(draw.choice(("", "Sum")))
    return [Cell(0, column, head) for column, head in enumerate(heads)], columns


def _words(style: TableStyle) -> int:
    """Return the most words of a heading."""
    return 5 if "wrapped-heads" in style.features else 2


def _body(style: TableStyle, draw: random.Random, columns: Sequence[str], rows: int) -> list[Cell]:
    """Return the cells below the header, counted from row 0."""
    names = words.names(draw, style.script, rows)
    units = {i: draw.choice(words.UNITS[style.producer]) for i, kind in enumerate(columns) if kind in _KINDS[:2]}
    cells = [
        Cell(row, column, _text(style, draw, kind, units.get(column, "")) if column else names[row])
        for row in range(rows)
        for column, kind in enumerate(columns)
    ]
    if "empty-cells" in style.features:
        share = draw.choice((0.1, 0.2, 0.35))
        cells = [replace(c, text="") if c.column > 0 and draw.random() < share else c for c in cells]
    if "column-spans" in style.features:
        cells = _across(draw, cells, rows, len(columns))
    if "row-spans" in style.features:
        cells = _down(draw, cells, rows)
    if "groups" in style.features:
        cells = _grouped(style, draw, cells, rows, len(columns))
    return cells


def _text(style: TableStyle, draw: random.Random, kind: str, unit: str) -> str:
    if kind == "blank":
        return ""
    if kind == "name":
        return words.name(draw, style.script, 2)
    if kind == "text":
        return words.phrase(draw, style.script, draw.choice((1, 3, 6, 10, 14)))
    found = words.figure(draw, kind)
    if "units" in style.features and unit:
        return f"{unit}{found}" if unit in "£€" else f"{found}{unit}" if unit in "%‰" else f"{found} {unit}"
    if "footnotes" in style.features and draw.random() < 0.15:
        return found + draw.choice("*†‡") if style.producer == "typst" else found + draw.choice("*ab")
    return found


def _across(draw: random.Random, cells: list[Cell], rows: int, columns: int) -> list[Cell]:
    """Let one or two rows have a cell over several columns of figures."""
    for row in draw.sample(range(1, rows), min(2, rows - 1)):
        width = draw.randint(2, max(2, columns - 1))
        first = draw.randint(1, columns - width)
        gone = range(first, first + width)
        cells = [cell for cell in cells if cell.row != row or cell.column not in gone]
        cells.append(Cell(row, first, words.missing(draw), column_span=width))
    return cells


def _down(draw: random.Random, cells: list[Cell], rows: int) -> list[Cell]:
    """Join cells of the first column below each other."""
    kept = [cell for cell in cells if cell.column > 0]
    firsts = {cell.row: cell for cell in cells if cell.column == 0}
    row = 0
    while row < rows:
        height = min(draw.randint(1, 4), rows - row)
        kept.append(replace(firsts[row], row_span=height))
        row += height
    return kept


def _grouped(style: TableStyle, draw: random.Random, cells: list[Cell], rows: int, columns: int) -> list[Cell]:
    """Put names of groups of rows between the rows."""
    starts = sorted({0, *draw.sample(range(2, rows), min(2, rows - 2))})
    moved = [replace(cell, row=cell.row + sum(start <= cell.row for start in starts)) for cell in cells]
    for number, name in enumerate(words.groups(draw, style.script, len(starts))):
        row = starts[number] + number
        if style.lines in ("grid", "columns"):
            moved.append(Cell(row, 0, name, column_span=columns))
        else:
            moved.append(Cell(row, 0, name))
            moved += [Cell(row, column, "") for column in range(1, columns)]
    return moved

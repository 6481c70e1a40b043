"""Defects planted in true tables: what a reader of tables gets wrong, made on purpose, to see who notices.

`planted(table, words, rng)` yields a name and the table with that defect; words of the page stay where they are. Used
by `table_agreement.py`.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from scribetune.labels.tables.cells import PageTable, Word, union
from scribetune.labels.tables.lines import lines_of
from scribetune.text.grids import Cell

Maker = Callable[[PageTable, random.Random], PageTable | None]


def _of_row(table: PageTable, row: int) -> list[Cell]:
    return [cell for cell in table.cells if cell.row <= row < cell.row + cell.row_span]


def _plain_rows(table: PageTable) -> list[int]:
    """Return rows after the first that no cell reaches out of, with two filled cells or more."""
    return [
        row
        for row in range(1, table.rows)
        if all(cell.row_span == 1 for cell in _of_row(table, row))
        and sum(bool(cell.text) for cell in _of_row(table, row)) > 1
    ]


def _sorted(table: PageTable, cells: Sequence[Cell], rows: int = 0, columns: int = 0) -> PageTable:
    kept = tuple(sorted((c for c in cells if c.text or c.spans), key=lambda c: (c.row, c.column)))
    return replace(table, cells=kept, rows=rows or table.rows, columns=columns or table.columns)


def rows_swapped(table: PageTable, rng: random.Random) -> PageTable | None:
    """Let two rows change places."""
    rows = _plain_rows(table)
    if len(rows) < 2:
        return None
    first, second = rng.sample(rows, 2)
    other = {first: second, second: first}
    if [c.text for c in _of_row(table, first)] == [c.text for c in _of_row(table, second)]:
        return None
    return _sorted(table, [replace(c, row=other.get(c.row, c.row)) for c in table.cells])


def cells_moved(table: PageTable, rng: random.Random) -> PageTable | None:
    """Move the cells of a row from some column on one column to the right or the left, into an empty slot."""
    choices = []
    for row in _plain_rows(table):
        held = {c.column: c for c in _of_row(table, row) if c.column_span == 1}
        if len(held) < len(_of_row(table, row)):
            continue
        for column, cell in held.items():
            for step in (-1, 1):
                if 0 <= column + step < table.columns and column + step not in held and cell.text:
                    choices.append((cell, column + step))
    if not choices:
        return None
    moved, column = rng.choice(choices)
    return _sorted(table, [replace(c, column=column) if c is moved else c for c in table.cells])


def cells_shifted(table: PageTable, rng: random.Random) -> PageTable | None:
    """Write the cells of two or three columns of a row one column off: the last of them first."""
    rows = [row for row in _plain_rows(table) if len({c.text for c in _of_row(table, row)}) > 1]
    if not rows:
        return None
    row = rng.choice(rows)
    cells = _of_row(table, row)
    turned = [replace(c, text=before.text) for c, before in zip(cells, [cells[-1], *cells[:-1]], strict=True)]
    return _sorted(table, [c for c in table.cells if c.row != row] + turned)


def rows_merged(table: PageTable, rng: random.Random) -> PageTable | None:
    """Make one row of two that follow each other."""
    rows = [row for row in _plain_rows(table) if row + 1 in _plain_rows(table)]
    if not rows:
        return None
    row = rng.choice(rows)
    merged: dict[int, Cell] = {}
    for cell in [*_of_row(table, row), *_of_row(table, row + 1)]:
        if cell.column in merged:
            merged[cell.column] = replace(merged[cell.column], text=f"{merged[cell.column].text} {cell.text}".strip())
        else:
            merged[cell.column] = replace(cell, row=row)
    slots = [slot for c in merged.values() for slot in c.slots]
    if len(set(slots)) != len(slots):
        return None
    rest = [replace(c, row=c.row - (c.row > row)) for c in table.cells if not row <= c.row <= row + 1]
    cells = [replace(c, row_span=c.row_span - 1) if c.row < row < c.row + c.row_span - 1 else c for c in rest]
    return _sorted(table, [*cells, *merged.values()], rows=table.rows - 1)


def row_split(table: PageTable, rng: random.Random) -> PageTable | None:
    """Make two rows of one: the last words of its longest cell, or its last cell, stand in a row of their own."""
    rows = _plain_rows(table)
    if not rows:
        return None
    row = rng.choice(rows)
    cells = _of_row(table, row)
    longest = max(cells, key=lambda c: len(c.text.split()))
    words = longest.text.split()
    below: list[Cell]
    if len(words) > 2:
        half = len(words) // 2
        kept = [replace(c, text=" ".join(words[:half])) if c is longest else c for c in cells]
        below = [replace(longest, text=" ".join(words[half:]), row=row + 1)]
    else:
        kept, below = cells[:-1], [replace(cells[-1], row=row + 1)]
    others = [c for c in table.cells if c not in cells]
    rest = [replace(c, row=c.row + (c.row > row)) for c in others]
    return _sorted(table, [*rest, *kept, *below], rows=table.rows + 1)


def columns_merged(table: PageTable, rng: random.Random) -> PageTable | None:
    """Make one column of two."""
    if table.columns < 3 or any(c.column_span > 1 for c in table.cells):
        return None
    column = rng.randrange(table.columns - 1)
    held: dict[tuple[int, int], Cell] = {}
    for cell in table.cells:
        at = cell.column - (cell.column > column)
        key = cell.row, at
        if key in held and held[key].row_span != cell.row_span:
            return None
        text = f"{held[key].text} {cell.text}" if key in held else cell.text
        held[key] = replace(cell, column=at, text=text)
    return _sorted(table, list(held.values()), columns=table.columns - 1)


def column_split(table: PageTable, rng: random.Random) -> PageTable | None:
    """Give the last word of the cells of a column a column of its own."""
    wordy = [
        column
        for column in range(table.columns)
        if sum(len(c.text.split()) > 1 for c in table.cells if c.column == column and c.column_span == 1) > 1
    ]
    if not wordy or any(c.column_span > 1 for c in table.cells):
        return None
    column = rng.choice(wordy)
    cells = []
    for cell in table.cells:
        words = cell.text.split()
        if cell.column == column and len(words) > 1:
            cells += [replace(cell, text=" ".join(words[:-1])), replace(cell, column=column + 1, text=words[-1])]
        else:
            cells.append(replace(cell, column=cell.column + (cell.column > column)))
    return _sorted(table, cells, columns=table.columns + 1)


MAKERS: dict[str, Maker] = {
    "two rows swapped": rows_swapped,
    "a cell moved a column": cells_moved,
    "cells of a row turned": cells_shifted,
    "two rows merged": rows_merged,
    "a row split": row_split,
    "two columns merged": columns_merged,
    "a column split": column_split,
}


def heading_in_first_row(table: PageTable, words: Sequence[Word]) -> PageTable | None:
    """Take the line of text above a table as its first row, or as a part of it where it has one cell alone."""
    x0, y0, x1, _ = table.box
    near = [w for w in words if w.y1 <= y0 + 1 and y0 - w.y1 < 3 * w.height and x0 - 5 <= w.centre[0] <= x1 + 5]
    if not near:
        return None
    line = lines_of(near)[-1]
    heading = Cell(0, 0, " ".join(word.text for word in line.words))
    cells = [replace(c, row=c.row + 1) for c in table.cells]
    return replace(
        table,
        box=union([table.box, *(word.box for word in line.words)]),
        rows=table.rows + 1,
        cells=(heading, *cells),
    )


def paragraph_as_table(words: Sequence[Word], rng: random.Random) -> PageTable | None:
    """Take lines of running text for a table: cut where blanks of its lines happen to stand near each other."""
    lines = [line for line in lines_of(words) if len(line.segments) == 1 and len(line.words) > 5]
    if len(lines) < 3:
        return None
    start = rng.randrange(max(1, len(lines) - 6))
    chosen = lines[start : start + 6]
    x0, x1 = chosen[0].words[0].x0, max(line.words[-1].x1 for line in chosen)
    cuts = [x0 + share * (x1 - x0) for share in (0.35, 0.7)]
    cells = []
    for row, line in enumerate(chosen):
        for column in range(3):
            held = [w.text for w in line.words if sum(w.centre[0] > cut for cut in cuts) == column]
            if held:
                cells.append(Cell(row, column, " ".join(held)))
    box = union([word.box for line in chosen for word in line.words])
    return PageTable(box, len(chosen), 3, tuple(cells))


def planted(table: PageTable, words: Sequence[Word], rng: random.Random) -> Iterator[tuple[str, PageTable]]:
    """Yield each defect that a table can have, by name, and the table with it; `words` are those of its page."""
    for name, make in MAKERS.items():
        made = make(table, rng)
        if made is not None:
            yield name, made
    above = heading_in_first_row(table, words)
    if above is not None:
        yield "a heading in the first row", above
    outside = [w for w in words if not (table.box[1] - 1 <= w.centre[1] <= table.box[3] + 1)]
    text = paragraph_as_table(outside, rng)
    if text is not None:
        yield "a paragraph as a table", text

"""The body of a table under repair: which columns the words of its rows are in."""

from collections.abc import Sequence
from itertools import pairwise

from scribetune.labels import line_ends
from scribetune.labels.tables.grid import Grid
from scribetune.labels.tables.lines import Segment, TableLine, is_figure
from scribetune.text.grids import Cell


def body_cells(grid: Grid, rows: Sequence[Sequence[TableLine]], offset: int) -> list[Cell]:
    """Return the cells of rows of lines; `offset` is the number of rows above them."""
    figures = _figure_columns(grid, rows)
    cells = []
    for number, row in enumerate(rows):
        texts: dict[int, dict[int, str]] = {}
        spans: dict[int, int] = {}
        for below, line in enumerate(row):
            for segment in line.segments:
                first, last = _place(grid, segment, line, figures, alone=len(row) == 1)
                held = texts.setdefault(first, {})
                held[below] = f"{held[below]} {segment.text}" if below in held else segment.text
                spans[first] = max(spans.get(first, 1), last - first + 1)
        for column, parts in texts.items():
            free = min((other for other in texts if other > column), default=len(grid.cores)) - column
            cells.append(
                Cell(offset + number, column, line_ends.joined([*parts.values()]), 1, min(spans[column], free))
            )
    return cells


def _figure_columns(grid: Grid, rows: Sequence[Sequence[TableLine]]) -> set[int]:
    """Return the columns that have figures for the most part."""
    texts: list[list[bool]] = [[] for _ in grid.cores]
    for row in rows:
        for line in row:
            for segment in line.segments:
                texts[grid.column_at(segment.middle)].append(is_figure(segment.text))
    return {column for column, held in enumerate(texts) if sum(held) > 0.5 * len(held)}


def _place(grid: Grid, segment: Segment, line: TableLine, figures: set[int], *, alone: bool) -> tuple[int, int]:
    """Return the columns of a segment of the body; one that stands in the middle of several spans them.

    `figures` are the columns of figures: words in the middle of several of these say something of all of them.
    """
    overlaps = [min(x1, segment.x1) - max(x0, segment.x0) for x0, x1 in pairwise(grid.edges)]
    best = overlaps.index(max(overlaps))
    if not alone:
        return best, best
    others = [grid.column_at(other.middle) for other in line.segments if other is not segment]
    low = max((column + 1 for column in others if column < best), default=1)
    high = min((column - 1 for column in others if column > best), default=len(grid.cores) - 1)
    if best < low or best > high:
        return best, best
    first, last = grid.column_at(segment.x0 + 1), grid.column_at(segment.x1 - 1)
    x0, x1 = grid.cores[best]
    is_remark = best in figures and not is_figure(segment.text) and segment.x1 - segment.x0 > 0.5 * (x1 - x0)
    if last == first and not is_remark and not _stands_between(grid, segment, best):
        return best, best
    return grid.centred(segment, max(low, first), min(high, last), low, high)


def _stands_between(grid: Grid, segment: Segment, column: int) -> bool:
    """Whether a segment lies beside the words of its column: it may stand in the middle of several."""
    x0, x1 = grid.cores[column]
    flush = min(abs(segment.x0 - x0), abs(segment.x1 - x1), abs(segment.middle - (x0 + x1) / 2))
    return flush > 0.4 * grid.height

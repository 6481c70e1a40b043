"""The body of a table under repair: which lines are one row, and which columns their words are in."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from scribetune.labels import line_ends
from scribetune.labels.tables.grid import Grid
from scribetune.labels.tables.lines import Segment, TableLine, is_figure
from scribetune.text.grids import Cell


def body_rows(grid: Grid, body: Sequence[TableLine]) -> list[list[TableLine]]:
    """Group the body's lines into rows."""
    bands = _bands(grid, body)
    if bands is not None:
        return bands
    gaps = [second.middle - first.middle for first, second in pairwise(body)]
    usual = median(gaps) if gaps else 0.0
    rows: list[list[TableLine]] = []
    for index, line in enumerate(body):
        if rows and _goes_on(grid, rows[-1], line, gaps[index - 1], usual):
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _bands(grid: Grid, body: Sequence[TableLine]) -> list[list[TableLine]] | None:
    """Return the rows between rules across the table, where it has one below nearly every row."""
    inner = [rule for rule in grid.wide_rules() if body[0].middle < rule < body[-1].middle]
    if len(inner) < 2 or len(inner) < 0.3 * (len(body) - 1):
        return None
    bands: list[list[TableLine]] = []
    for line in body:
        below = sum(rule < line.middle for rule in inner)
        if bands and sum(rule < bands[-1][0].middle for rule in inner) == below:
            bands[-1].append(line)
        else:
            bands.append([line])
    # Several lines of figures in a band are rows that share one.
    figures = [sum(grid.is_data(line) for line in band) for band in bands]
    return bands if max(figures) <= 1 else None


def _goes_on(grid: Grid, row: Sequence[TableLine], line: TableLine, gap: float, usual: float) -> bool:
    """Whether a line goes on with cells of the row above it."""
    before = row[-1]
    sides = {grid.column_at(segment.middle) for segment in before.segments}
    if gap < 0.7 * grid.height and not sides & {grid.column_at(segment.middle) for segment in line.segments}:
        return True  # beside it: a wrapped cell next to one that is centred on it
    if _ruled_off(grid, before, line):
        return False
    filled = {grid.column_at(segment.middle) for segment in line.segments}
    above = {grid.column_at(segment.middle) for other in row for segment in other.segments}
    first = line.segments[0].text
    goes_on = first[:1].islower() or before.segments[0].text.endswith((",", "-", "–", "/"))
    close = gap < 0.9 * usual
    if filled == {0}:
        near = close or (goes_on and gap <= 1.1 * usual)
        return near if above != {0} else goes_on and close
    figures = any(is_figure(segment.text) for segment in line.segments)
    if 0 not in filled:
        return filled <= above and not figures and gap <= 1.1 * usual
    if above == {0}:  # the name of a row stands in two lines, its figures on the second
        return first[:1].islower() and gap <= 1.1 * usual
    return filled <= above and not figures and close and len(filled) > 1


def _ruled_off(grid: Grid, upper: TableLine, lower: TableLine) -> bool:
    return any(upper.middle < rule < lower.middle for rule in grid.wide_rules())


def body_cells(grid: Grid, rows: Sequence[Sequence[TableLine]], offset: int) -> list[Cell]:
    """Return the cells of rows of lines; `offset` is the number of rows above them."""
    cells = []
    for number, row in enumerate(rows):
        texts: dict[int, dict[int, str]] = {}
        spans: dict[int, int] = {}
        for below, line in enumerate(row):
            for segment in line.segments:
                first, last = _place(grid, segment, line, alone=len(row) == 1)
                held = texts.setdefault(first, {})
                held[below] = f"{held[below]} {segment.text}" if below in held else segment.text
                spans[first] = max(spans.get(first, 1), last - first + 1)
        for column, parts in texts.items():
            width = spans[column] if len(texts) == 1 else 1
            cells.append(Cell(offset + number, column, line_ends.joined([*parts.values()]), 1, width))
    return cells


def _place(grid: Grid, segment: Segment, line: TableLine, *, alone: bool) -> tuple[int, int]:
    """Return the columns of a segment of the body."""
    first = grid.column_at(segment.x0 + 1)
    if len(line.segments) == 1 and alone:
        last = grid.column_at(segment.x1 - 1)
        if first > 0 and last > first:
            return grid.centred(segment, first, last, 1, len(grid.cores) - 1)
        return first, first
    overlaps = [min(x1, segment.x1) - max(x0, segment.x0) for x0, x1 in pairwise(grid.edges)]
    best = overlaps.index(max(overlaps))
    return best, best

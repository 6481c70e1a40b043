"""The header of a table under repair: which lines are one heading, and which columns and rows it spans."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from scribetune.labels import line_ends
from scribetune.labels.ruling_lines import by_height, covered
from scribetune.labels.tables.grid import Grid
from scribetune.labels.tables.lines import Segment, TableLine
from scribetune.text.grids import Cell

# What it costs that no heading of a line is over a column that has one in another line, or a rule below several.
_NAMED_WITHOUT = 0.1
_RULED_WITHOUT = 1.5


@dataclass(frozen=True)
class _Groups:
    """What stands below a line of headings."""

    repeated: set[tuple[int, int]]  # first and last columns of headings that repeat: n, share, n, share
    ruled: set[int]  # columns of a rule below several headings of the line, which they divide among themselves


@dataclass
class _HeaderCell:
    """A cell of the header under construction: a stack of segments over the columns `first`…`last`."""

    first: int
    last: int
    top: float
    bottom: float
    texts: list[str]
    level: int = 0

    def over(self, other: "_HeaderCell") -> bool:
        """Whether the two share a column."""
        return self.first <= other.last and other.first <= self.last


def header_cells(grid: Grid, lines: Sequence[TableLine]) -> tuple[int, list[Cell]]:
    """Return the number of header rows, and their cells."""
    cells: list[_HeaderCell] = []
    for index, line in enumerate(lines):
        below = lines[index + 1 :]
        apart = [other for other in lines if abs(other.middle - line.middle) > 0.7 * grid.height]
        named = [_named(grid, segment, line, apart) for segment in line.segments]
        nearest = sorted(apart, key=partial(_distance, line))
        continued = [_is_continued(grid, segment, line, nearest) for segment in line.segments]
        groups = {group for other in below for group in _series(grid, other)}
        spans = _spans(grid, line.segments, continued, named, _Groups(groups, _shared(grid, line, below)))
        for segment, (first, last) in zip(line.segments, spans, strict=True):
            cells.append(_HeaderCell(first, last, line.y0, line.y1, [segment.text]))
    return _levels(_stacked(grid, cells))


def _covers(grid: Grid, segment: Segment, column: int) -> bool:
    """Whether a segment stands over the body of a column."""
    x0, x1 = grid.cores[column]
    return min(x1, segment.x1) - max(x0, segment.x0) > 0.5 * min(x1 - x0, segment.x1 - segment.x0)


def _named(grid: Grid, segment: Segment, line: TableLine, apart: Sequence[TableLine]) -> set[int]:
    """Return the columns that have a heading above a line, or at or below the next one under one of its segments.

    What is centred beside a heading of two lines stands half a line below the first: it is part of no group.
    """
    below = [other for other in apart if other.middle > line.middle]
    under = [other for other in below if any(s.x0 < segment.x1 and s.x1 > segment.x0 for s in other.segments)]
    at = (under or below[-1:] or [line])[0].middle - 0.3 * grid.height
    return {
        column
        for other in apart
        if other.middle < line.middle or other.middle > at
        for one in other.segments
        for column in range(len(grid.cores))
        if _covers(grid, one, column)
    }


def within_columns(grid: Grid, segments: Sequence[Segment]) -> list[Segment]:
    """Put what one line has in one column together: justified text has wide blanks."""
    joined: list[Segment] = []
    for segment in segments:
        column = grid.column_at(segment.middle)
        if (
            joined
            and grid.column_at(joined[-1].middle) == column
            and grid.edges[column] - 1 < joined[-1].x0
            and segment.x1 < grid.edges[column + 1] + 1
        ):
            joined[-1] = Segment([*joined[-1].words, *segment.words])
        else:
            joined.append(segment)
    return joined


def _is_continued(grid: Grid, segment: Segment, beside: TableLine, lines: Sequence[TableLine]) -> float:
    """Score that a heading and the nearest above or below it are one: flush, close, too wide to stand side by side.

    Figures and dates beside each other are complete headings, and so are those that repeat below one that does not.
    """
    line, near = next(
        (
            (line, near)
            for line in lines
            if (near := [other for other in line.segments if other.x0 < segment.x1 and other.x1 > segment.x0])
        ),
        (None, []),
    )
    if line is None or len(near) != 1 or abs(line.middle - _middle(segment)) > 1.6 * grid.height:
        return 0.0
    (other,) = near
    form = _form(other)
    if "9" in form and sum(_form(one) == form for one in line.segments) > 1:
        return 0.0
    repeats = sum(one.text == other.text for one in line.segments)
    if repeats > 1 and sum(one.text == segment.text for one in beside.segments) == 1:
        return 0.0
    flush = min(abs(segment.x0 - other.x0), abs(segment.x1 - other.x1), abs(segment.middle - other.middle))
    heights = sorted((_middle(segment), line.middle))
    divided = any(heights[0] < rule.at < heights[1] and rule.start <= segment.middle <= rule.end for rule in grid.rules)
    if flush > 0.2 * grid.height or divided:
        return 0.0
    upper, lower = (segment, other) if line.middle > _middle(segment) else (other, segment)
    column = grid.column_at(other.middle)
    room = grid.edges[column + 1] - grid.edges[column] - (upper.x1 - upper.x0)
    return 0.6 if room > lower.words[0].x1 - lower.words[0].x0 + 0.5 * grid.height else 1.5


def _distance(line: TableLine, other: TableLine) -> float:
    return abs(other.middle - line.middle)


def _middle(segment: Segment) -> float:
    return segment.words[0].centre[1]


def _form(segment: Segment) -> str:
    """Return a text with letters and digits alike."""
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", segment.text))


def _spans(
    grid: Grid,
    segments: Sequence[Segment],
    continued: Sequence[float],
    named: Sequence[set[int]],
    groups: _Groups,
) -> list[tuple[int, int]]:
    """Return the columns that each heading of a line spans: those that explain best, together, where they stand.

    `continued` says how likely each goes on in a line;
    `named` are the columns that have a heading in another line, for each;
    `groups` is what the lines and rules below say of them together.
    """
    width = len(grid.cores)
    skipped = [0.0] * width
    for column in set().union(*named):
        skipped[column] = _NAMED_WITHOUT
    for column in groups.ruled:
        skipped[column] = _RULED_WITHOUT
    # The best sum for the first headings, where the last of them ends before a column; and their columns.
    best: list[tuple[float, list[tuple[int, int]]]] = [(-sum(skipped[:column]), []) for column in range(width + 1)]
    for segment, goes_on, names in zip(segments, continued, named, strict=True):
        scores = {
            (first, last): _span_score(grid, segment, first, last, names)
            + 1.0 * ((first, last) in groups.repeated)
            + goes_on * (first == last)
            for first in range(width)
            for last in range(first, width)
        }
        after = [(float("-inf"), best[0][1])] * (width + 1)
        for (first, last), score in scores.items():
            total = best[first][0] + score
            if total > after[last + 1][0]:
                after[last + 1] = (total, [*best[first][1], (first, last)])
        for column in range(1, width + 1):
            total, spans = after[column - 1]
            after[column] = max(after[column], (total - skipped[column - 1], spans), key=lambda found: found[0])
        best = after
    if len(best[-1][1]) < len(segments):
        # More headings than columns: what stands over one column is one heading.
        return [(grid.column_at(segment.middle),) * 2 for segment in segments]
    return best[-1][1]


def _span_score(grid: Grid, segment: Segment, first: int, last: int, named: set[int]) -> float:
    """Score columns for a heading: it stands over them, in their middle or flush, and parts of a group have names."""
    left, right = grid.cores[first][0], grid.cores[last][1]
    outside = [
        column for column in range(len(grid.cores)) if not first <= column <= last and _covers(grid, segment, column)
    ]
    beyond = max(0.0, grid.edges[first] - segment.x0) + max(0.0, segment.x1 - grid.edges[last + 1])
    score = -3.0 * len(outside) - 0.5 * beyond / grid.height
    if first == last:
        flush = (segment.x0 - left, segment.x1 - right, segment.middle - (left + right) / 2)
        return score - 0.5 * min(3.0, *(abs(side) / grid.height for side in flush))
    unnamed = sum(column not in named for column in range(first, last + 1))
    names = 1.0 - 0.8 * unnamed + 0.05 * (last - first)
    at_stub = 3.0 if first == 0 and not _covers(grid, segment, 0) else 0.0
    return score - 0.3 + names - at_stub - 1.5 * grid.off_centre(segment, first, last) / grid.height


def _series(grid: Grid, line: TableLine) -> list[tuple[int, int]]:
    """Return the first and last columns of each part of a line whose headings repeat from part to part."""
    texts = [segment.text for segment in line.segments]
    columns = [grid.column_at(segment.middle) for segment in line.segments]
    for width in range(2, len(texts) // 2 + 1):
        if len(texts) % width == 0 and texts == texts[:width] * (len(texts) // width) and len(set(texts)) > 1:
            return [(columns[start], columns[start + width - 1]) for start in range(0, len(texts), width)]
    return []


def _shared(grid: Grid, line: TableLine, below: Sequence[TableLine]) -> set[int]:
    """Return the columns of rules right below a line that lie below several of its headings, but not below all."""
    limit = min((other.middle for other in below if other.middle - line.middle > 0.7 * grid.height), default=0.0)
    found: set[int] = set()
    for group in by_height(grid.rules, 1.5):
        start, end = min(rule.start for rule in group), max(rule.end for rule in group)
        over = sum(start < segment.middle < end for segment in line.segments)
        is_part = end - start < 0.95 * (grid.right - grid.left)
        whole = covered(((rule.start, rule.end) for rule in group), start, end) > 0.9 * (end - start)
        if line.middle < group[0].at < limit and over > 1 and is_part and whole:
            found.update(
                index for index, (x0, x1) in enumerate(grid.cores) if min(x1, end) - max(x0, start) > 0.5 * (x1 - x0)
            )
    return found


def _stacked(grid: Grid, cells: list[_HeaderCell]) -> list[_HeaderCell]:
    """Join segments that stand below each other over the same columns, with no rule between: one wrapped cell."""
    stacks: list[_HeaderCell] = []
    for cell in cells:
        for other in reversed(stacks):
            if not cell.over(other):
                continue
            same = (cell.first, cell.last) == (other.first, other.last)
            inside = other.first <= cell.first and cell.last <= other.last
            close = cell.top - other.bottom < 0.6 * grid.height
            # A line under a wider one, with nothing beside it, goes on with it ("(total)" under "Proportion").
            alone = not any(
                beside is not cell and beside.top == cell.top and other.first <= beside.first <= other.last
                for beside in cells
            )
            narrower_above = cell.first <= other.first and other.last <= cell.last and cell.first == cell.last
            if close and not _rule_between(grid, other, cell) and (same or (inside and alone) or narrower_above):
                other.texts.extend(cell.texts)
                other.bottom = cell.bottom
            else:
                stacks.append(cell)
            break
        else:
            stacks.append(cell)
    return stacks


def _rule_between(grid: Grid, upper: _HeaderCell, lower: _HeaderCell) -> bool:
    left, right = grid.cores[lower.first][0], grid.cores[lower.last][1]
    middle = (left + right) / 2
    low, high = (upper.top + upper.bottom) / 2, (lower.top + lower.bottom) / 2
    return any(low < rule.at < high and rule.start <= middle <= rule.end for rule in grid.rules)


def _levels(cells: list[_HeaderCell]) -> tuple[int, list[Cell]]:
    """Give each cell its row: below all that stand over it; the lowest of a column reach down to the body."""
    cells.sort(key=lambda cell: (cell.top, cell.first))
    for index, cell in enumerate(cells):
        cell.level = max((other.level + 1 for other in cells[:index] if other.over(cell)), default=0)
    levels = max((cell.level + 1 for cell in cells), default=0)
    made = []
    for index, cell in enumerate(cells):
        next_below = min((other.level for other in cells[index + 1 :] if other.over(cell)), default=levels)
        made.append(
            Cell(
                cell.level,
                cell.first,
                line_ends.joined(cell.texts),
                max(1, next_below - cell.level),
                cell.last - cell.first + 1,
            )
        )
    return levels, made

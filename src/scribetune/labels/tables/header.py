"""The header of a table under repair: which lines are one heading, and which columns and rows it spans."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from scribetune.labels import line_ends
from scribetune.labels.ruling_lines import Rule
from scribetune.labels.tables.grid import Grid
from scribetune.labels.tables.lines import Segment, TableLine
from scribetune.text.grids import Cell


@dataclass
class _HeaderCell:
    """A cell of the header under construction: a stack of segments over the columns `first`…`last`."""

    first: int
    last: int
    top: float
    bottom: float
    texts: list[str]
    fixed: bool = False
    level: int = 0

    def over(self, other: "_HeaderCell") -> bool:
        """Whether the two share a column."""
        return self.first <= other.last and other.first <= self.last


def header_cells(grid: Grid, lines: Sequence[TableLine]) -> tuple[int, list[Cell]]:
    """Return the number of header rows, and their cells."""
    cells: list[_HeaderCell] = []
    for index, line in enumerate(lines):
        above, below = lines[max(0, index - 1) : index], lines[index + 1 :]
        ruled = [_by_rule(grid, segment, line, below) for segment in line.segments]
        named = {
            column
            for other in (*lines[:index], *below)
            for segment in other.segments
            for column in range(len(grid.cores))
            if _covers(grid, segment, column)
        }
        continued = [
            max((_is_continued(grid, segment, other) for other in (*above, *below[:1])), default=0.0)
            for segment in line.segments
        ]
        spans = _spans(grid, line.segments, ruled, continued, named)
        for segment, by_rule, (first, last) in zip(line.segments, ruled, spans, strict=True):
            fixed = by_rule == (first, last)
            cells.append(_HeaderCell(first, last, line.y0, line.y1, [segment.text], fixed))
    return _levels(_stacked(grid, cells))


def _covers(grid: Grid, segment: Segment, column: int) -> bool:
    """Whether a segment stands over the body of a column."""
    x0, x1 = grid.cores[column]
    return min(x1, segment.x1) - max(x0, segment.x0) > 0.5 * min(x1 - x0, segment.x1 - segment.x0)


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


def _is_continued(grid: Grid, segment: Segment, line: TableLine) -> float:
    """Score that a heading and the line below or above it are one: flush, close, too wide to stand side by side.

    Figures and dates beside each other are complete headings.
    """
    near = [other for other in line.segments if other.x0 < segment.x1 and other.x1 > segment.x0]
    if len(near) != 1 or abs(line.middle - _middle(segment)) > 1.6 * grid.height:
        return 0.0
    (other,) = near
    form = _form(other)
    if "9" in form and sum(_form(beside) == form for beside in line.segments) > 1:
        return 0.0
    flush = min(abs(segment.x0 - other.x0), abs(segment.x1 - other.x1), abs(segment.middle - other.middle))
    if flush > 0.2 * grid.height:
        return 0.0
    column = grid.column_at(other.middle)
    room = grid.edges[column + 1] - grid.edges[column] - (segment.x1 - segment.x0)
    lower = other if line.middle > _middle(segment) else segment
    return 0.6 if room > lower.words[0].x1 - lower.words[0].x0 + 0.5 * grid.height else 1.5


def _middle(segment: Segment) -> float:
    return segment.words[0].centre[1]


def _form(segment: Segment) -> str:
    """Return a text with letters and digits alike."""
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", segment.text))


def _spans(
    grid: Grid,
    segments: Sequence[Segment],
    ruled: Sequence[tuple[int, int] | None],
    continued: Sequence[float],
    named: set[int],
) -> list[tuple[int, int]]:
    """Return the columns that each heading of a line spans: those that explain best, together, where they stand.

    `ruled` has the columns of the rules below them; `continued` says how likely each goes on in a line;
    `named` are the columns that have a heading in another line.
    """
    width = len(grid.cores)
    # The best sum for the first headings, where the last of them ends before a column; and their columns.
    best: list[tuple[float, list[tuple[int, int]]]] = [(0.0, [])] * (width + 1)
    for segment, by_rule, goes_on in zip(segments, ruled, continued, strict=True):
        scores = {
            (first, last): _span_score(grid, segment, first, last, named)
            + 9.0 * ((first, last) == by_rule)
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
            after[column] = max(after[column], after[column - 1], key=lambda found: found[0])
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


def _by_rule(grid: Grid, segment: Segment, line: TableLine, below: Sequence[TableLine]) -> tuple[int, int] | None:
    """Return the columns of the rule right below a segment, where it is shorter than the table."""
    limit = next(
        (other.middle for other in below if any(s.x0 < segment.x1 and s.x1 > segment.x0 for s in other.segments)),
        None,
    )
    if limit is None:
        return None
    pieces = [
        rule
        for rule in grid.rules
        if line.middle + 0.2 * line.height < rule.at < limit and rule.start - 2 <= segment.middle <= rule.end + 2
    ]
    if not pieces:
        return None
    rule = min(pieces, key=lambda piece: (piece.at, piece.start - piece.end))
    others = [(s.x0, s.x1) for s in line.segments if s is not segment]
    start, end = _joined(rule, grid.rules, others, 1.0)
    # Each column may have a piece of its own, with white space between.
    wide = _joined(rule, grid.rules, others, 1.5 * grid.height)
    if abs(sum(wide) / 2 - segment.middle) < min(0.6 * grid.height, abs((start + end) / 2 - segment.middle) + 2):
        start, end = wide
    if end - start > 0.95 * (grid.right - grid.left) or any(min(x1, end) - max(x0, start) > 2 for x0, x1 in others):
        return None  # below several headings: no word of any of them
    spanned = [index for index, (x0, x1) in enumerate(grid.cores) if min(x1, end) - max(x0, start) > 0.5 * (x1 - x0)]
    return (spanned[0], spanned[-1]) if spanned else None


def _joined(
    rule: Rule, rules: Sequence[Rule], others: Sequence[tuple[float, float]], apart: float
) -> tuple[float, float]:
    """Return a rule with the pieces next to it at its height, up to where other headings stand above it."""
    start, end = rule.start, rule.end
    pieces = [
        piece
        for piece in rules
        if abs(piece.at - rule.at) <= 1.5 and not any(x0 < piece.end - 1 and x1 > piece.start + 1 for x0, x1 in others)
    ]
    grown = True
    while grown:
        grown = False
        for piece in pieces:
            if piece.start <= end + apart and piece.end >= start - apart and (piece.start < start or piece.end > end):
                start, end = min(start, piece.start), max(end, piece.end)
                grown = True
    return start, end


def _stacked(grid: Grid, cells: list[_HeaderCell]) -> list[_HeaderCell]:
    """Join segments that stand below each other over the same columns, with no rule between: one wrapped cell."""
    stacks: list[_HeaderCell] = []
    for cell in cells:
        for other in reversed(stacks):
            if not cell.over(other):
                continue
            same = (cell.first, cell.last) == (other.first, other.last)
            inside = other.first <= cell.first and cell.last <= other.last and not other.fixed
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

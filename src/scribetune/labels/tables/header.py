"""The header of a table under repair: which lines are one heading, and which columns and rows it spans."""

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
        taken = [_covers(grid, segment) for segment in line.segments]
        for place, segment in enumerate(line.segments):
            first, last = taken[place]
            low = taken[place - 1][1] + 1 if place else 0
            high = taken[place + 1][0] - 1 if place + 1 < len(taken) else len(grid.cores) - 1
            ruled = _by_rule(grid, segment, line, lines[index + 1 :])
            fixed = ruled is not None
            if ruled is not None:
                first, last = ruled
            elif last > first or _stands_between(grid, segment, first) or _stands_off(grid, line, first, lines[index:]):
                first, last = grid.centred(segment, first, last, low, high)
            cells.append(_HeaderCell(first, last, line.y0, line.y1, [segment.text], fixed))
    return _levels(_stacked(grid, cells))


def _covers(grid: Grid, segment: Segment) -> tuple[int, int]:
    """Return the columns whose body the segment stands over."""
    touched = [
        index
        for index, (x0, x1) in enumerate(grid.cores)
        if min(x1, segment.x1) - max(x0, segment.x0) > 0.5 * min(x1 - x0, segment.x1 - segment.x0)
    ]
    if touched:
        return touched[0], touched[-1]
    at = grid.column_at(segment.middle)
    return at, at


def _stands_between(grid: Grid, segment: Segment, column: int) -> bool:
    """Whether a segment lies beside the body of its column: a heading of several columns may stand over a gap."""
    (x0, x1), left, right = grid.cores[column], grid.edges[column], grid.edges[column + 1]
    reach = grid.height * 0.5
    return segment.x0 > x1 + reach or segment.x1 < x0 - reach or segment.x0 < left - reach or segment.x1 > right + reach


def _stands_off(grid: Grid, line: TableLine, column: int, lines: Sequence[TableLine]) -> bool:
    """Whether the next heading of the column is further away than a wrapped line would be."""
    below = next(
        (
            other
            for other in lines[1:]
            for segment in other.segments
            if segment.x0 < grid.cores[column][1] and segment.x1 > grid.cores[column][0]
        ),
        None,
    )
    return below is not None and below.middle - line.middle > 1.4 * grid.height


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
    start, end = _joined(grid, rule, others)
    if end - start > 0.95 * (grid.right - grid.left):
        return None
    spanned = [index for index, (x0, x1) in enumerate(grid.cores) if min(x1, end) - max(x0, start) > 0.5 * (x1 - x0)]
    return (spanned[0], spanned[-1]) if spanned else None


def _joined(grid: Grid, rule: Rule, others: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return a rule with the pieces that touch it at its height, up to where other headings stand above it."""
    start, end = rule.start, rule.end
    pieces = [
        piece
        for piece in grid.rules
        if abs(piece.at - rule.at) <= 1.5 and not any(x0 < piece.end - 1 and x1 > piece.start + 1 for x0, x1 in others)
    ]
    grown = True
    while grown:
        grown = False
        for piece in pieces:
            if piece.start <= end + 1.0 and piece.end >= start - 1.0 and (piece.start < start or piece.end > end):
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

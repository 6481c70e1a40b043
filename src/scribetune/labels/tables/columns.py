"""The columns of a table under repair: those found, split and merged by white space, and where their words reach."""

import re
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from scribetune.labels.tables.cells import Box, PageTable, Word
from scribetune.labels.tables.grid import Grid
from scribetune.labels.tables.lines import FLUSH, TIGHT, TableLine, is_currency, is_figure, is_leader

_CORRIDOR = 0.5
_MOSTLY = 0.6
_FIRST_DIGITS = re.compile(r"[-+−(]?\d{1,3}")
_NEXT_DIGITS = re.compile(r"\d{3}(?:[.,]\d+)?\)?")


def detected_columns(found: PageTable, boxes: Sequence[Sequence[Box | None]]) -> list[float]:
    """Return the left edges of all columns and the right edge of the last."""
    lefts: list[list[float]] = [[] for _ in range(found.columns)]
    rights: list[list[float]] = [[] for _ in range(found.columns)]
    spanning = {(cell.row, cell.column) for cell in found.cells if cell.column_span > 1}
    for row, line in enumerate(boxes):
        for column, box in enumerate(line[: found.columns]):
            if box is not None and (row, column) not in spanning:
                lefts[column].append(box[0])
                rights[column].append(box[2])
    if not all(lefts):
        return []
    edges = [median(values) for values in lefts] + [median(rights[-1])]
    return edges if all(a < b for a, b in pairwise(edges)) else []


def split_columns(grid: Grid, body: Sequence[TableLine]) -> None:
    """Add an edge wherever a corridor without words runs down a column of the body."""
    added: list[float] = []
    for left, right in pairwise(grid.edges):
        rows = [inside for line in body if (inside := [w for w in line.words if left - 1 <= w.centre[0] <= right + 1])]
        if len(rows) >= 4:
            added.extend(corridors(rows, _CORRIDOR * grid.height))
    grid.edges = sorted([*grid.edges, *added])


def merge_columns(grid: Grid, header: Sequence[TableLine], body: Sequence[TableLine]) -> None:
    """Remove columns in which the body has nothing, unless the header gives them a name of their own."""
    column = 0
    while column < len(grid.edges) - 1 and len(grid.edges) > 3:
        left, right = grid.edges[column], grid.edges[column + 1]
        rows = [line for line in body if len(line.segments) > 1] or body
        filled = sum(
            any(left <= word.centre[0] < right and not is_leader(word.text) for word in line.words) for line in rows
        )
        if filled > len(rows) // 20:
            column += 1
            continue
        side = _side_of(grid, header, left, right)
        if side is None:
            column += 1
            continue
        edge = column if side < 0 else column + 1
        # The outermost edges stay: the neighbour grows to them.
        if edge == 0:
            edge = 1
        elif edge == len(grid.edges) - 1:
            edge = column
        del grid.edges[edge]


def _side_of(grid: Grid, header: Sequence[TableLine], left: float, right: float) -> int | None:
    """Where an empty column's heading belongs: -1 to the left, 1 to the right, None if it stands by itself."""
    words = [(line, word) for line in header for word in line.words if left <= word.centre[0] < right]
    if not words:
        return -1
    if grid.drawn and (left not in grid.drawn or right not in grid.drawn):
        return -1 if left not in grid.drawn else 1
    gaps = []
    for line, word in words:
        before = [word.x0 - other.x1 for other in line.words if other.centre[0] < left]
        after = [other.x0 - word.x1 for other in line.words if other.centre[0] >= right]
        gaps.append((min(before, default=1e9), -1))
        gaps.append((min(after, default=1e9), 1))
    gap, side = min(gaps)
    return side if gap < TIGHT * grid.height * 1.6 else None


def flush_starts(grid: Grid, body: Sequence[TableLine]) -> list[float]:
    """Return where columns after the first begin, if most of their lines do: names may reach up to there."""
    found = []
    for number in range(1, len(grid.edges) - 1):
        inside = ([word.x0 for word in line.words if grid.column_at(word.centre[0]) == number] for line in body)
        firsts = [starts[0] for starts in inside if starts]
        common = [start for start in firsts if abs(start - median(firsts)) < FLUSH]
        if len(common) >= max(3, _MOSTLY * len(firsts)):
            found.append(min(common))
    return found


def column_cores(grid: Grid, body: Sequence[TableLine]) -> list[tuple[float, float]]:
    """Return from where to where the body's words reach in each column."""
    cores = []
    for left, right in pairwise(grid.edges):
        inside = [
            segment
            for line in body
            for segment in line.segments
            if left - 1 <= segment.x0 and segment.x1 <= right + grid.height * 0.5 and segment.middle < right
        ]
        starts = sorted(segment.x0 for segment in inside)
        ends = sorted(segment.x1 for segment in inside)
        if inside:
            # Single entries that reach far beside the others do not count.
            cores.append((max(left, starts[len(starts) // 20]), min(right, ends[-1 - len(ends) // 20])))
        else:
            cores.append((left, right))
    return cores


def corridors(rows: Sequence[Sequence[Word]], width: float) -> list[float]:
    """Return the middles of corridors without words that most rows have words on both sides of.

    Each row's gap is of at least `width`; a third of it is enough between figures.
    """
    candidates = sorted(
        {
            (a.x1 + b.x0) / 2
            for row in rows
            for a, b in pairwise(row)
            if b.x0 - a.x1 >= (width / 3 if is_figure(a.text) and is_figure(b.text) else width)
        }
    )
    found: list[tuple[float, float]] = []
    for x in candidates:
        corridor = _corridor_at(rows, x, width)
        if corridor is not None:
            found.append(corridor)
    # Candidates of one corridor overlap: one edge each.
    edges: list[float] = []
    reached = float("-inf")
    for left, right in sorted(found):
        if left >= reached - 0.5:
            edges.append((left + right) / 2)
            reached = right
    return edges


def _corridor_at(rows: Sequence[Sequence[Word]], x: float, width: float) -> tuple[float, float] | None:
    left, right = float("-inf"), float("inf")
    both = crossed = figures = 0
    for row in rows:
        if any(word.x0 < x < word.x1 for word in row):
            crossed += 1
            continue
        before = max((word for word in row if word.x1 <= x), key=lambda word: word.x1, default=None)
        after = min((word for word in row if word.x0 >= x), key=lambda word: word.x0, default=None)
        if before is None or after is None:
            continue
        pair = is_figure(before.text) and is_figure(after.text) and not _goes_with(before.text, after.text)
        if after.x0 - before.x1 < (width / 3 if pair else width):
            crossed += 1
            continue
        both += 1
        figures += pair
        left, right = max(left, before.x1), min(right, after.x0)
    if both < max(3, 0.6 * len(rows)) or crossed > 0.06 * len(rows) or right <= left:
        return None
    return left, right


def _goes_with(before: str, after: str) -> bool:
    """Whether a figure goes with what is before it: a currency, or a figure whose share, error or digits it is."""
    return (
        is_currency(before)
        or after.startswith(("(", "[", "±", "–"))
        or before.endswith(("±", "–", "<", ">", "="))
        or bool(_FIRST_DIGITS.fullmatch(before) and _NEXT_DIGITS.fullmatch(after))
    )

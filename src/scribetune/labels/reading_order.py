"""The order in which the lines of a page are read: columns one after another, what runs across them between.

A gutter is where most lines have a gap beside them at the same place. Lines that run across it (a title, a wide
caption) divide the page into bands; in each band the columns are read one after another, and may be divided again.
Names beside values (`names_and_values`) are no columns: they are read row by row.
"""

import math
import re
from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scribetune.labels import names_and_values
from scribetune.labels.tables.cells import Box, union
from scribetune.labels.text_layer import Line

_MAX_DEPTH = 12
_BIN = 2.0  # points
_CANDIDATES = 5
_LEAST_WIDTH = 5.0  # of a column, in sizes of the body's font
_COLUMN_ROWS = 3
_FEW_ROWS = 2
_MANY_ROWS = 6
_WIDE_GAP = 2.5  # sizes of the body's font
_ON_LINE, _TALLEST = 0.5, 2.5  # of the height of a line
_SCANNED = 80  # lines looked at to the right of one for its neighbour
_FIGURES = re.compile(r"[\W\d]*|[\divxlcIVXLC.\-–]{1,7}")


@dataclass(frozen=True)
class Column:
    """Lines that are read one after the other.

    Attributes:
        lines: In no order.
        bound: Where what stands beside them begins, in points from the left of the page; infinite at its right end.
        is_name: They are a name whose value stands beside it.
        is_value: They are the value of a name.
    """

    lines: list[Line]
    bound: float = math.inf
    is_name: bool = False
    is_value: bool = False


def columns(pieces: Sequence[Line], body: float, *, right_to_left: bool = False) -> list[list[Line]]:
    """Divide pieces of lines into columns, in the order in which these are read; a column's lines are in no order.

    `body` is the size of the page's font in points; `right_to_left`: the first column is the rightmost.
    """
    return [column.lines for column in bounded_columns(pieces, body, right_to_left=right_to_left)]


def bounded_columns(pieces: Sequence[Line], body: float, *, right_to_left: bool = False) -> list[Column]:
    """Do the same, and return how far each column reaches."""
    return _cut(Column(list(pieces)), body, right_to_left, 0)


def over_pictures(lines: Sequence[Line], pictures: Sequence[Box]) -> list[Line]:
    """Join what stands on one line on both sides of a picture no taller than a few lines: a formula drawn as one.

    Else such gaps, at about one place by chance, look like a gutter.
    """
    if not pictures:
        return list(lines)
    joined: list[Line] = []
    for line in sorted(lines, key=lambda line: line.box[0]):
        before = next((n for n, one in enumerate(joined) if any(_joins(one, p, line) for p in pictures)), None)
        if before is None:
            joined.append(line)
        else:
            one = joined[before]
            joined[before] = replace(one, spans=(*one.spans, *line.spans), box=union([one.box, line.box]))
    return sorted(joined, key=lambda line: (line.box[1], line.box[0]))


def _joins(left: Line, picture: Box, right: Line) -> bool:
    x0, y0, x1, y1 = picture
    low, high = max(left.box[1], right.box[1]), min(left.box[3], right.box[3])
    height = min(left.height, right.height)
    if not (left.horizontal and right.horizontal) or high - low < _ON_LINE * height or y1 - y0 > _TALLEST * height:
        return False
    is_between = abs(x0 - left.box[2]) < height and abs(right.box[0] - x1) < height
    return is_between and y0 < (low + high) / 2 < y1


def _cut(whole: Column, body: float, right_to_left: bool, depth: int) -> list[Column]:
    lines = whole.lines
    if len(lines) < 4 or depth > _MAX_DEPTH:
        return [whole] if lines else []
    for gutter in _gutters(lines, body):
        bands = _bands(whole, gutter, body, right_to_left)
        if len(bands) == 1 and len(bands[0]) == 1:
            continue
        result: list[Column] = []
        for band in bands:
            sides = band[::-1] if right_to_left else band
            for side in sides:
                result.extend(_cut(side, body, right_to_left, depth + 1))
        return result
    return [whole]


def _gutters(lines: Sequence[Line], body: float) -> list[float]:
    """Return where columns may lie beside each other: places at which gaps between neighbours agree, best first."""
    votes: Counter[int] = Counter()
    downwards = sorted(lines, key=lambda line: line.box[1])
    for number, line in enumerate(downwards):
        # The nearest line to the right at this height.
        _, y0, x1, y1 = line.box
        start = float("inf")
        for other in _near(downwards, number):
            left, top, _, bottom = other.box
            if left >= x1 and min(y1, bottom) - max(y0, top) > 0.3 * min(y1 - y0, bottom - top):
                start = min(start, left)
        if start < float("inf") and start - x1 >= 0.8 * body:
            votes.update(range(int(x1 // _BIN) + 1, int(start // _BIN) + 1))
    found: list[float] = []
    for _ in range(_CANDIDATES):
        if not votes:
            break
        most = max(votes.values())
        if most < 2:
            break
        best = [place for place in sorted(votes) if votes[place] == most]
        # The middle of the first stretch with as many votes.
        stretch = [best[0]]
        for place in best[1:]:
            if place != stretch[-1] + 1:
                break
            stretch.append(place)
        middle = stretch[len(stretch) // 2]
        found.append(middle * _BIN)
        for place in range(middle - int(2 * body / _BIN), middle + int(2 * body / _BIN) + 1):
            votes.pop(place, None)
    return found


def _near(downwards: Sequence[Line], number: int) -> list[Line]:
    y0, y1 = downwards[number].box[1], downwards[number].box[3]
    found = []
    for step in (-1, 1):
        at = number + step
        while 0 <= at < len(downwards) and abs(at - number) < _SCANNED:
            other = downwards[at]
            if step > 0 and other.box[1] >= y1:
                break
            if other.box[3] > y0 and other.box[1] < y1:
                found.append(other)
            at += step
    return found


def _bands(whole: Column, gutter: float, body: float, right_to_left: bool) -> list[list[Column]]:
    """Divide lines into bands from top to bottom: of one part where they run across the gutter, of two beside it."""
    across: list[Line] = []
    beside: list[Line] = []
    for line in whole.lines:
        runs_across = line.box[0] < gutter - 2 * body and line.box[2] > gutter + 2 * body
        (across if runs_across else beside).append(line)
    across.sort(key=lambda line: line.middle[1])
    heights = [line.middle[1] for line in across]
    between: list[tuple[list[Line], list[Line]]] = [([], []) for _ in range(len(across) + 1)]
    with_across: list[list[Line]] = [[line] for line in across]
    for line in beside:
        x, y = line.middle
        number = bisect(heights, y)
        row = next((n for n in (number - 1, number) if 0 <= n < len(across) and _on_one_row(line, across[n])), None)
        # The number of a heading that runs across.
        (between[number][x >= gutter] if row is None else with_across[row]).append(line)
    by_rows = names_and_values.are_beside([both for both in between if all(both)], body, right_to_left)
    bands: list[list[Column]] = []
    for number, (left, right) in enumerate(between):
        alone = with_across[number - 1] if number else []
        pairs = names_and_values.pairs(left, right, body, right_to_left) if by_rows else []
        are_columns = bool(pairs) or _are_columns(left, right, body)
        if not are_columns:
            alone = [*alone, *left, *right]
        if alone and bands and len(bands[-1]) == 1 and not bands[-1][0].is_name:
            bands[-1][0].lines.extend(alone)
        elif alone:
            bands.append([replace(whole, lines=alone)])
        if are_columns:
            bands.extend(_side_by_side(sides, whole, bool(pairs)) for sides in pairs or [[left, right]])
    return bands


def _side_by_side(sides: Sequence[list[Line]], whole: Column, by_rows: bool) -> list[Column]:
    if len(sides) < 2:
        return [replace(whole, lines=lines) for lines in sides]
    left, right = sides
    bound = min(line.box[0] for line in right)
    return [
        Column(left, min(whole.bound, bound), by_rows, whole.is_value),
        replace(whole, lines=right, is_value=whole.is_value or by_rows),
    ]


def _on_one_row(line: Line, other: Line) -> bool:
    if min(line.block, other.block) < 0:
        return False  # a table, a picture
    common = min(line.box[3], other.box[3]) - max(line.box[1], other.box[1])
    return common > _ON_LINE * max(line.height, other.height)


def _are_columns(left: Sequence[Line], right: Sequence[Line], body: float) -> bool:
    """Whether what stands on both sides of a gutter is read one after the other, and not row by row."""
    if not left or not right:
        return False
    gap = min(line.box[0] for line in right) - max(line.box[2] for line in left)
    least = _FEW_ROWS if gap > _WIDE_GAP * body else _COLUMN_ROWS
    fewer, more = sorted((_rows(left), _rows(right)))
    if more < _COLUMN_ROWS or (fewer < least and more < _MANY_ROWS):
        return False
    for side in (left, right):
        if max(line.box[2] for line in side) - min(line.box[0] for line in side) < _LEAST_WIDTH * body:
            return False
        # Page numbers, amounts: what stands beside them belongs to them.
        if sum(bool(_FIGURES.fullmatch(line.text)) for line in side) > 0.5 * len(side):
            return False
    return True


def _rows(lines: Sequence[Line]) -> int:
    """Count the rows that pieces of lines stand in."""
    count, bottom = 0, float("-inf")
    for line in sorted(lines, key=lambda line: line.middle[1]):
        if line.middle[1] > bottom:
            count += 1
            bottom = line.middle[1] + 0.5 * line.height
    return count

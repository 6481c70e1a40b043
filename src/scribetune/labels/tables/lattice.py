"""Lines drawn on a page, snapped and joined into lattices; the faces of a lattice are the cells of a ruled table."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from scribetune.labels.ruling_lines import Rule, covered
from scribetune.labels.tables.cells import Box

_TOUCH = 3.5  # points between lines that meet; between the frames of cells that are drawn as boxes
_ONE_LINE = 3.0  # points between the strokes of a double line
_WIDEST_LINE = 5.5  # of several strokes
_DASH = 4.5  # points between the dashes of a line
_SHORTEST = 4.5  # points; less is a dot
_WALL = 0.75
_MANY = 4_000  # lines; more are a drawing
_MANY_MEETINGS = 6_000_000
_COMMON = 0.5


@dataclass(frozen=True)
class Face:
    """A part of a lattice with walls around it and none inside."""

    row: int
    column: int
    row_span: int
    column_span: int
    is_closed: bool = True  # has a wall on every side
    is_whole: bool = True  # is no piece of a part that is no rectangle


@dataclass(frozen=True)
class Lattice:
    """A grid of drawn lines: places in points, faces from top to bottom, each row from left to right."""

    xs: tuple[float, ...]  # of the lines down the page
    ys: tuple[float, ...]  # of the lines across
    faces: tuple[Face, ...]
    strips: frozenset[int] = frozenset()  # rows between a table in a cell and the walls of the cell

    @property
    def box(self) -> Box:
        """Where it stands."""
        return self.xs[0], self.ys[0], self.xs[-1], self.ys[-1]

    def box_of(self, face: Face) -> Box:
        """Return where a face stands."""
        right, bottom = face.column + face.column_span, face.row + face.row_span
        return self.xs[face.column], self.ys[face.row], self.xs[right], self.ys[bottom]


def lattices_of(across: Sequence[Rule], down: Sequence[Rule], tallest: float) -> list[Lattice]:
    """Return the lattices of two lines or more each way that lines of a page make.

    One in a face of another becomes part of that. A face of more than `tallest` points, or with two others in it, is no
    cell but a page's frame, and that lattice none.
    """
    horizontal, vertical = _joined(across), _joined(down)
    if not 2 <= len(horizontal) <= _MANY or not 2 <= len(vertical) <= _MANY:
        return []
    groups = [_Lines(*group) for group in _components(horizontal, vertical)]
    groups = sorted((g for g in groups if g.is_grid), key=lambda g: -g.area)
    outer: list[_Lines] = []
    for group in groups:
        around = [other for other in outer if other.holds(group)]
        frames = [other for other in around if other.is_frame_of(group, tallest)]
        outer = [other for other in outer if other not in frames]
        if around and len(frames) < len(around):
            next(other for other in around if other not in frames).inner.append(group)
        else:
            outer.append(group)
    found = (_lattice(group) for group in outer)
    return [lattice for lattice in found if lattice is not None]


def _joined(rules: Iterable[Rule]) -> list[Rule]:
    """Join pieces and dashes of one line, and strokes over each other."""
    made: list[Rule] = []
    for group in _near(sorted(rules, key=lambda rule: rule.at), 0.8, 1.6):
        at = sum(rule.at for rule in group) / len(group)
        start = end = float("nan")
        for rule in sorted(group, key=lambda rule: rule.start):
            if rule.start <= end + _DASH:
                end = max(end, rule.end)
                continue
            if end - start > _SHORTEST:
                made.append(Rule(start, end, at))
            start, end = rule.start, rule.end
        if end - start > _SHORTEST:
            made.append(Rule(start, end, at))
    return made


def _near(rules: Sequence[Rule], apart: float, widest: float) -> list[list[Rule]]:
    """Group rules, sorted by place, that are no further apart and together no wider."""
    groups: list[list[Rule]] = []
    for rule in rules:
        if groups and rule.at - groups[-1][-1].at <= apart and rule.at - groups[-1][0].at <= widest:
            groups[-1].append(rule)
        else:
            groups.append([rule])
    return groups


def _components(horizontal: Sequence[Rule], vertical: Sequence[Rule]) -> list[tuple[list[Rule], list[Rule]]]:
    """Return the groups of lines that meet, with two lines or more each way."""
    import numpy as np

    if len(horizontal) * len(vertical) > _MANY_MEETINGS:
        return []
    across = np.array([(r.start - _TOUCH, r.end + _TOUCH, r.at) for r in horizontal])
    down = np.array([(r.start - _TOUCH, r.end + _TOUCH, r.at) for r in vertical])
    meet: Any = (
        (down[None, :, 2] >= across[:, None, 0])
        & (down[None, :, 2] <= across[:, None, 1])
        & (across[:, None, 2] >= down[None, :, 0])
        & (across[:, None, 2] <= down[None, :, 1])
    )
    groups = []
    waiting = np.ones(len(horizontal), bool)
    for first in range(len(horizontal)):
        if not waiting[first] or not meet[first].any():
            continue
        rows = np.zeros(len(horizontal), bool)
        rows[first] = True
        while True:
            columns = meet[rows].any(axis=0)
            grown = meet[:, columns].any(axis=1) | rows
            if (grown == rows).all():
                break
            rows = grown
        waiting &= ~rows
        if rows.sum() > 1 and columns.sum() > 1:
            groups.append((_chosen(horizontal, rows), _chosen(vertical, columns)))
    return groups


def _chosen(rules: Sequence[Rule], mask: Any) -> list[Rule]:
    return [rule for rule, is_chosen in zip(rules, mask.tolist(), strict=True) if is_chosen]


class _Lines:
    """Lines that meet each other, and those within one of their faces."""

    def __init__(self, across: list[Rule], down: list[Rule]) -> None:
        self.across, self.down = across, down
        self.inner: list[_Lines] = []
        self.x0 = min(*(r.start for r in across), *(r.at for r in down))
        self.x1 = max(*(r.end for r in across), *(r.at for r in down))
        self.y0 = min(*(r.start for r in down), *(r.at for r in across))
        self.y1 = max(*(r.end for r in down), *(r.at for r in across))

    @property
    def is_grid(self) -> bool:
        """Whether there are lines at two places or more each way."""
        return all(
            max(r.at for r in rules) - min(r.at for r in rules) > _WIDEST_LINE for rules in (self.across, self.down)
        )

    @property
    def area(self) -> float:
        """In square points."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    def holds(self, other: "_Lines") -> bool:
        """Whether others stand within, in one face."""
        if not (self.x0 < other.x0 and other.x1 < self.x1 and self.y0 < other.y0 and other.y1 < self.y1):
            return False
        down = any(other.x0 < r.at < other.x1 and covered([(r.start, r.end)], other.y0, other.y1) for r in self.down)
        across = any(
            other.y0 < r.at < other.y1 and covered([(r.start, r.end)], other.x0, other.x1) for r in self.across
        )
        return not down and not across

    def is_frame_of(self, other: "_Lines", tallest: float) -> bool:
        """Whether the face that others stand in is no cell: as tall as a page, or with others in it already."""
        left, top, right, bottom = self.face_around(other)
        shares = any(left < one.x0 and one.x1 < right and top < one.y0 and one.y1 < bottom for one in self.inner)
        return bottom - top > tallest or shares

    def face_around(self, other: "_Lines") -> Box:
        """Return the face that others stand in."""
        x, y = (other.x0 + other.x1) / 2, (other.y0 + other.y1) / 2
        left = max((r.at for r in self.down if r.at <= other.x0 and r.start <= y <= r.end), default=self.x0)
        right = min((r.at for r in self.down if r.at >= other.x1 and r.start <= y <= r.end), default=self.x1)
        top = max((r.at for r in self.across if r.at <= other.y0 and r.start <= x <= r.end), default=self.y0)
        bottom = min((r.at for r in self.across if r.at >= other.y1 and r.start <= x <= r.end), default=self.y1)
        return left, top, right, bottom


def _lattice(lines: _Lines) -> Lattice | None:
    """Make a lattice of lines; None where they frame nothing."""
    across, down = list(lines.across), list(lines.down)
    for inner in lines.inner:
        grown = _grown(inner, down)
        across.extend(grown[0])
        down.extend(grown[1])
    across, down = _with_sides(across, down)
    down, across = _with_sides(down, across)
    rows = _near(sorted(across, key=lambda r: r.at), _ONE_LINE, _WIDEST_LINE)
    columns = _near(sorted(down, key=lambda r: r.at), _ONE_LINE, _WIDEST_LINE)
    if len(rows) < 2 or len(columns) < 2:
        return None
    ys, xs = [_middle(group) for group in rows], [_middle(group) for group in columns]
    # walls[i][j]: whether line i has a wall along the interval j
    upright = [[_is_wall(group, *interval) for interval in pairwise(ys)] for group in columns]
    level = [[_is_wall(group, *interval) for interval in pairwise(xs)] for group in rows]
    strips = {row for inner in lines.inner for row in _strips(ys, lines, inner)}
    return _compressed(xs, ys, _faces(upright, level), strips)


def _strips(ys: Sequence[float], lines: _Lines, inner: _Lines) -> Iterator[int]:
    """Yield the rows between a table in a cell and the walls of the cell, above it and below."""
    _, top, _, bottom = lines.face_around(inner)
    if inner.y0 - top > _TOUCH:
        yield min(range(len(ys)), key=lambda index: abs(ys[index] - inner.y0)) - 1
    if bottom - inner.y1 > _TOUCH:
        yield min(range(len(ys)), key=lambda index: abs(ys[index] - inner.y1))


def _middle(group: Sequence[Rule]) -> float:
    return (group[0].at + group[-1].at) / 2


def _is_wall(group: Sequence[Rule], low: float, high: float) -> bool:
    slack = min(2.5, 0.25 * (high - low))
    low, high = low + slack, high - slack
    return covered(((r.start, r.end) for r in group), low, high) >= _WALL * (high - low)


def _grown(inner: _Lines, down: Sequence[Rule]) -> tuple[list[Rule], list[Rule]]:
    """Return the lines of a table in a cell of another: those across reach the cell's walls, its sides are these."""
    y = (inner.y0 + inner.y1) / 2
    left = max((r.at for r in down if r.at <= inner.x0 and r.start <= y <= r.end), default=inner.x0)
    right = min((r.at for r in down if r.at >= inner.x1 and r.start <= y <= r.end), default=inner.x1)
    rows = [
        Rule(
            left if r.start - inner.x0 < _TOUCH else r.start,
            right if inner.x1 - r.end < _TOUCH else r.end,
            r.at,
        )
        for r in inner.across
    ]
    return rows, [r for r in inner.down if r.at - inner.x0 > _TOUCH and inner.x1 - r.at > _TOUCH]


def _with_sides(across: Sequence[Rule], down: Sequence[Rule]) -> tuple[list[Rule], list[Rule]]:
    """Add the sides of a table that is open there: most of its lines end at one place, beyond the outermost across."""
    added = []
    first, last = min(r.at for r in down), max(r.at for r in down)
    for ends, beyond in (
        ([r.start for r in across], {r.start for r in across if r.start < first - _TOUCH}),
        ([r.end for r in across], {r.end for r in across if r.end > last + _TOUCH}),
    ):
        for end in sorted(beyond):
            heights = sorted(r.at for r, other in zip(across, ends, strict=True) if abs(other - end) <= _ONE_LINE)
            if len(heights) > max(1, _COMMON * len(across)):
                added.append(Rule(heights[0], heights[-1], end))
                break
    return list(across), [*down, *added]


def _faces(upright: Sequence[Sequence[bool]], level: Sequence[Sequence[bool]]) -> list[Face]:
    """Return the parts between walls; where one is no rectangle, each of its rows is a part."""
    height, width = len(level) - 1, len(upright) - 1
    seen: set[tuple[int, int]] = set()
    faces: list[Face] = []
    for row in range(height):
        for column in range(width):
            if (row, column) in seen:
                continue
            part, is_closed = _part(upright, level, row, column)
            seen |= part
            faces.extend(_rectangles(part, is_closed=is_closed))
    return sorted(faces, key=lambda face: (face.row, face.column))


def _part(
    upright: Sequence[Sequence[bool]], level: Sequence[Sequence[bool]], row: int, column: int
) -> tuple[set[tuple[int, int]], bool]:
    """Return the slots that no wall divides from one, and whether walls go all around them."""
    height, width = len(level) - 1, len(upright) - 1
    part, waiting, is_closed = {(row, column)}, [(row, column)], True
    while waiting:
        r, c = waiting.pop()
        for wall, slot in (
            (upright[c][r], (r, c - 1)),
            (upright[c + 1][r], (r, c + 1)),
            (level[r][c], (r - 1, c)),
            (level[r + 1][c], (r + 1, c)),
        ):
            if wall:
                continue
            if not (0 <= slot[0] < height and 0 <= slot[1] < width):
                is_closed = False
            elif slot not in part:
                part.add(slot)
                waiting.append(slot)
    return part, is_closed


def _rectangles(part: set[tuple[int, int]], *, is_closed: bool) -> list[Face]:
    """Return a part as a face, or where it is no rectangle as several: rows of it with the same columns are one."""
    rows, columns = [row for row, _ in part], [column for _, column in part]
    height, width = max(rows) - min(rows) + 1, max(columns) - min(columns) + 1
    if height * width == len(part):
        return [Face(min(rows), min(columns), height, width, is_closed)]
    faces: dict[tuple[int, int, int], Face] = {}  # by the row below, the first column, and how many
    for row in range(min(rows), max(rows) + 1):
        for first, count in _runs(sorted(column for slot, column in part if slot == row)):
            above = faces.pop((row, first, count), Face(row, first, 0, count, is_closed, is_whole=False))
            faces[row + 1, first, count] = replace(above, row_span=above.row_span + 1)
    return list(faces.values())


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield runs of numbers as (first, how many)."""
    first = 0
    for index in range(1, len(numbers) + 1):
        if index == len(numbers) or numbers[index] != numbers[index - 1] + 1:
            yield numbers[first], index - first
            first = index


def _compressed(
    xs: Sequence[float], ys: Sequence[float], faces: Sequence[Face], strips: Iterable[int]
) -> Lattice | None:
    """Leave out lines that no wall stands on."""
    columns = sorted({f.column for f in faces} | {f.column + f.column_span for f in faces})
    rows = sorted({f.row for f in faces} | {f.row + f.row_span for f in faces})
    if len(columns) < 2 or len(rows) < 2:
        return None
    x, y = {old: new for new, old in enumerate(columns)}, {old: new for new, old in enumerate(rows)}
    made = tuple(
        Face(
            y[f.row],
            x[f.column],
            y[f.row + f.row_span] - y[f.row],
            x[f.column + f.column_span] - x[f.column],
            f.is_closed,
            f.is_whole,
        )
        for f in faces
    )
    kept = frozenset(y[row] for row in strips if row in y and row + 1 in y)
    return Lattice(tuple(xs[c] for c in columns), tuple(ys[r] for r in rows), made, kept)

"""The order in which the blocks of a page are read: columns one after another (recursive XY cut).

Nagy, Seth: "Hierarchical representation of optically scanned documents" (1984). A region is cut where a white gap runs
all across it: between columns first, else at the widest gap between what stands above and below.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from scribetune.labels.tables.cells import Box

Item = TypeVar("Item")
_MAX_DEPTH = 40


def ordered(items: Sequence[tuple[Box, Item]], gutter: float, *, right_to_left: bool = False) -> list[Item]:
    """Sort (box, block) into reading order; blocks that overlap too much to be told apart go from top to bottom.

    `gutter` is the least width of the gap between columns, in points; `right_to_left`: the first column is the
    rightmost.
    """
    return [item for _, item in _cut(list(items), gutter, right_to_left, 0)]


def _cut(items: list[tuple[Box, Item]], gutter: float, right_to_left: bool, depth: int) -> list[tuple[Box, Item]]:
    if len(items) < 2 or depth > _MAX_DEPTH:
        return items
    columns = _groups(items, 0, gutter)
    parts = columns[:: -1 if right_to_left else 1] if len(columns) > 1 else _at_widest(_groups(items, 1, 0.1))
    if len(parts) == 1:
        return sorted(items, key=lambda item: (item[0][1], item[0][0]))
    return [item for part in parts for item in _cut(part, gutter, right_to_left, depth + 1)]


def _groups(items: Sequence[tuple[Box, Item]], axis: int, least: float) -> list[list[tuple[Box, Item]]]:
    """Split where a gap of at least `least` runs across: axis 0 gives columns, 1 gives rows."""
    groups: list[list[tuple[Box, Item]]] = []
    end = float("-inf")
    for item in sorted(items, key=lambda item: item[0][axis]):
        if not groups or item[0][axis] - end >= least:
            groups.append([item])
        else:
            groups[-1].append(item)
        end = max(end, item[0][axis + 2])
    return groups


def _at_widest(rows: list[list[tuple[Box, Item]]]) -> list[list[tuple[Box, Item]]]:
    """Join rows again but for the widest gap, so that columns below or above it can be seen."""
    if len(rows) < 3:
        return rows
    gaps = [min(item[0][1] for item in lower) - max(item[0][3] for item in upper) for upper, lower in pairwise(rows)]
    at = gaps.index(max(gaps)) + 1
    return [[item for row in rows[:at] for item in row], [item for row in rows[at:] for item in row]]

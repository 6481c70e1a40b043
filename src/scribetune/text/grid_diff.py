"""Where two readings of one table differ: rows and columns are aligned, and cells compared that correspond."""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeAlias

Grid: TypeAlias = Sequence[Sequence[str]]
"""Texts of cells, row by row."""
Slots: TypeAlias = AbstractSet[tuple[int, int]]
"""Rows and columns, from 0."""


def differing(one: Grid, other: Grid) -> tuple[Slots, Slots]:
    """Return the cells of either grid that the other has not in the corresponding row and column; blanks do not count.

    Rows correspond that have most texts in common, in order (alignment by dynamic programming, Needleman and Wunsch
    1970); so do columns, by the texts that corresponding rows share.
    """
    left, right = ([[_plain(cell) for cell in row] for row in grid] for grid in (one, other))
    rows = _aligned(len(left), len(right), lambda a, b: _in_common(left[a], right[b]))
    widths = [max(map(len, grid), default=0) for grid in (left, right)]
    shared = [[0] * widths[1] for _ in range(widths[0])]
    for a, b in rows.items():
        for column, text in enumerate(left[a]):
            for place, found in enumerate(right[b]):
                shared[column][place] += bool(text) and text == found
    columns = _aligned(widths[0], widths[1], lambda a, b: shared[a][b])
    return _unlike(left, right, rows, columns), _unlike(right, left, _turned(rows), _turned(columns))


def _plain(text: str) -> str:
    return "".join(text.split())


def _in_common(one: Sequence[str], other: Sequence[str]) -> float:
    """Return twice the texts that two rows share by the number of their texts."""
    rest = [text for text in other if text]
    both = len(rest) + sum(map(bool, one))
    shared = 0
    for text in filter(None, one):
        if text in rest:
            rest.remove(text)
            shared += 1
    return 2 * shared / both if both else 0.0


def _aligned(ones: int, others: int, likeness: Callable[[int, int], float]) -> dict[int, int]:
    """Return which of the others each one corresponds to, in order, so that the likeness is greatest in all."""
    likely = [[likeness(a, b) for b in range(others)] for a in range(ones)]
    best = [[0.0] * (others + 1) for _ in range(ones + 1)]
    for a in range(ones):
        for b in range(others):
            best[a + 1][b + 1] = max(best[a][b + 1], best[a + 1][b], best[a][b] + likely[a][b])
    found: dict[int, int] = {}
    a, b = ones, others
    while a and b:
        if best[a][b] == best[a - 1][b]:
            a -= 1
        elif best[a][b] == best[a][b - 1]:
            b -= 1
        else:
            a, b = a - 1, b - 1
            found[a] = b
    return found


def _turned(pairs: dict[int, int]) -> dict[int, int]:
    return {b: a for a, b in pairs.items()}


def _unlike(grid: Grid, other: Grid, rows: dict[int, int], columns: dict[int, int]) -> Slots:
    found = set()
    for row, texts in enumerate(grid):
        for column, text in enumerate(texts):
            there = other[rows[row]] if row in rows else ()
            place = columns.get(column, -1)
            if text != (there[place] if 0 <= place < len(there) else ""):
                found.add((row, column))
    return frozenset(found)

"""Inner loops that are compiled by numba once there is enough to do: tree edit distance, difflib, approximate search.

Each is plain Python over numpy arrays, and runs as such (or as the library's own function) until its work would take
longer than importing and compiling numba (`_Kernel`): a page with two small tables needs no compiler. Both ways do the
same operations in the same order, so they give the same values to the last bit. Compiled code is kept beside this file
in __pycache__ (or in numba's own cache where that cannot be written) and read from there the next time.
"""

import re
from collections.abc import Callable
from difflib import SequenceMatcher
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

Codes = NDArray[np.uint32]
Indices = NDArray[np.int64]
Floats = NDArray[np.float64]

_PATIENCE = 300_000
"""Elementary steps (one or two microseconds each in Python) after which a loop is compiled."""


class _Kernel:
    """A function that is run by Python at first and compiled once `_PATIENCE` steps are asked of it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function, self._compiled, self._steps = function, False, 0

    def is_compiled(self, steps: int) -> bool:
        """Tell whether the function is compiled, and compile it if these elementary steps more are worth it."""
        if not self._compiled:
            self._steps += steps
            if self._steps > _PATIENCE:
                self._function, self._compiled = _compiled(self._function), True
        return self._compiled

    def __call__(self, steps: int, *arguments: object) -> Any:
        """Call the function; `steps` is an upper estimate of its elementary steps."""
        self.is_compiled(steps)
        return self._function(*arguments)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    import numba

    try:
        compiled: Callable[..., Any] = numba.njit(cache=True)(function)
    except RuntimeError:
        # No folder for the cache can be written: compile for this process alone.
        compiled = numba.njit(function)
    return compiled


def codes(text: str) -> Codes:
    """Return the code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def tree_distance(
    first: tuple[Indices, Indices, Indices, Indices], second: tuple[Indices, Indices, Indices, Indices], costs: Floats
) -> float:
    """Return the edit distance of two ordered trees (Zhang and Shasha, 1989): insertion and deletion cost 1.

    Args:
        first: The nodes in postorder: leftmost leaf below each, its label, its cell (-1: none); and the key roots in
            ascending order.
        second: The same of the other tree; labels and cells are numbered over both trees.
        costs: Cost of renaming, by cell of the first and cell of the second tree, for nodes of one label; nodes without
            a cell cost 0, nodes of different labels 1.
    """
    # Every pair of subtrees of key roots is gone through once; in a table these are four times all pairs of nodes.
    steps = 4 * len(first[0]) * len(second[0])
    return float(_TREE(steps, *first, *second, costs))


def _tree_distance(
    first_left: Indices,
    first_label: Indices,
    first_cell: Indices,
    first_roots: Indices,
    second_left: Indices,
    second_label: Indices,
    second_cell: Indices,
    second_roots: Indices,
    costs: Floats,
) -> float:
    rows, columns = len(first_left), len(second_left)
    trees = np.zeros((rows, columns))
    forest = np.zeros((rows + 1, columns + 1))
    for first_root in first_roots:
        left = first_left[first_root]
        for second_root in second_roots:
            top = second_left[second_root]
            for i in range(left, first_root + 1):
                forest[i - left + 1, 0] = forest[i - left, 0] + 1.0
            for j in range(top, second_root + 1):
                forest[0, j - top + 1] = forest[0, j - top] + 1.0
            for i in range(left, first_root + 1):
                x = i - left + 1
                whole = first_left[i] == left
                for j in range(top, second_root + 1):
                    y = j - top + 1
                    best = min(forest[x - 1, y], forest[x, y - 1]) + 1.0
                    if whole and second_left[j] == top:
                        change = 1.0
                        if first_label[i] == second_label[j]:
                            change = 0.0
                            if first_cell[i] >= 0:
                                change = costs[first_cell[i], second_cell[j]]
                        best = min(best, forest[x - 1, y - 1] + change)
                        trees[i, j] = best
                    else:
                        best = min(best, forest[first_left[i] - left, second_left[j] - top] + trees[i, j])
                    forest[x, y] = best
    return float(trees[rows - 1, columns - 1])


def matching_characters(references: list[str], predictions: list[str]) -> Indices:
    """Return how many characters difflib's matching blocks hold, for each reference and each prediction.

    The blocks are those of `difflib.SequenceMatcher(None, reference, prediction)`: the longest common block, the first
    in the reference and then in the prediction where several are as long, and so on left and right of it. As there, in
    a prediction of 200 characters or more, those that make up more than 1 % start no block.

    Returns:
        references × predictions.
    """
    # difflib looks at equal characters alone: a tenth of all pairs.
    steps = sum(map(len, references)) * sum(map(len, predictions)) // 10 + 10 * len(references) * len(predictions)
    if not _MATCHING.is_compiled(steps):
        return _matching_characters_by_difflib(references, predictions)
    alphabet: dict[str, int] = {}

    def joined(texts: list[str]) -> tuple[Indices, Indices]:
        numbers = [alphabet.setdefault(sign, len(alphabet)) for text in texts for sign in text]
        ends = np.cumsum([0, *map(len, texts)])
        return np.array(numbers, dtype=np.int64), ends.astype(np.int64)

    first, first_ends = joined(references)
    second, second_ends = joined(predictions)
    found: Indices = _MATCHING(0, first, first_ends, second, second_ends, len(alphabet))
    return found


def _matching_characters_by_difflib(references: list[str], predictions: list[str]) -> Indices:
    totals = np.zeros((len(references), len(predictions)), dtype=np.int64)
    signs = [set(reference) for reference in references]
    matcher: SequenceMatcher[str] = SequenceMatcher(None)
    for column, prediction in enumerate(predictions):
        # difflib indexes its second sequence: set once, then compared with many first ones.
        matcher.set_seq2(prediction)
        for row, reference in enumerate(references):
            if not signs[row].isdisjoint(prediction):
                matcher.set_seq1(reference)
                totals[row, column] = sum(block.size for block in matcher.get_matching_blocks())
    return totals


def _matching_characters(  # noqa: PLR0912, PLR0915 - one loop, so that one function is compiled
    first: Indices, first_ends: Indices, second: Indices, second_ends: Indices, signs: int
) -> Indices:
    totals = np.zeros((len(first_ends) - 1, len(second_ends) - 1), dtype=np.int64)
    longest = 0
    for index in range(len(first_ends) - 1):
        longest = max(longest, first_ends[index + 1] - first_ends[index])
    widest = 0
    for index in range(len(second_ends) - 1):
        widest = max(widest, second_ends[index + 1] - second_ends[index])
    head = np.full(signs, -1, dtype=np.int64)
    counts = np.zeros(signs, dtype=np.int64)
    following = np.full(widest + 1, -1, dtype=np.int64)
    lengths = np.zeros((2, widest + 2), dtype=np.int64)
    waiting = np.zeros((longest + widest + 4, 4), dtype=np.int64)
    for column in range(len(second_ends) - 1):
        start, stop = second_ends[column], second_ends[column + 1]
        size = stop - start
        for j in range(size):
            counts[second[start + j]] += 1
        limit = size // 100 + 1 if size >= 200 else size
        # From the end, so that each sign's places are chained in ascending order.
        for place in range(size):
            j = size - 1 - place
            sign = second[start + j]
            if counts[sign] <= limit:
                following[j] = head[sign]
                head[sign] = j
        for row in range(len(first_ends) - 1):
            begin = first_ends[row]
            total = 0
            waiting[0, 0], waiting[0, 1], waiting[0, 2], waiting[0, 3] = 0, first_ends[row + 1] - begin, 0, size
            left = 1
            while left > 0:
                left -= 1
                i_low, i_high, j_low, j_high = waiting[left, 0], waiting[left, 1], waiting[left, 2], waiting[left, 3]
                best_i, best_j, best = i_low, j_low, 0
                for i in range(i_low, i_high):
                    now, before = i % 2, 1 - i % 2
                    j = head[first[begin + i]]
                    while 0 <= j < j_high:
                        if j >= j_low:
                            run = lengths[before, j] + 1
                            lengths[now, j + 1] = run
                            if run > best:
                                best_i, best_j, best = i - run + 1, j - run + 1, run
                        j = following[j]
                    # What the line before has left is in the way of the next one.
                    if i > i_low:
                        j = head[first[begin + i - 1]]
                        while 0 <= j < j_high:
                            lengths[before, j + 1] = 0
                            j = following[j]
                if i_high > i_low:
                    last = i_high - 1
                    j = head[first[begin + last]]
                    while 0 <= j < j_high:
                        lengths[last % 2, j + 1] = 0
                        j = following[j]
                # Frequent signs start no block, but they belong to one that they touch.
                while best_i > i_low and best_j > j_low and first[begin + best_i - 1] == second[start + best_j - 1]:
                    best_i, best_j, best = best_i - 1, best_j - 1, best + 1
                while (
                    best_i + best < i_high
                    and best_j + best < j_high
                    and first[begin + best_i + best] == second[start + best_j + best]
                ):
                    best += 1
                if best > 0:
                    total += best
                    if i_low < best_i and j_low < best_j:
                        waiting[left, 0], waiting[left, 1] = i_low, best_i
                        waiting[left, 2], waiting[left, 3] = j_low, best_j
                        left += 1
                    if best_i + best < i_high and best_j + best < j_high:
                        waiting[left, 0], waiting[left, 1] = best_i + best, i_high
                        waiting[left, 2], waiting[left, 3] = best_j + best, j_high
                        left += 1
            totals[row, column] = total
        for j in range(size):
            sign = second[start + j]
            counts[sign] = 0
            head[sign] = -1
    return totals


def occurs(pattern: str, text: str, edits: int) -> bool:
    """Tell whether some part of the text, as long as the pattern, is within so many edits (Levenshtein) of it."""
    if not pattern or len(pattern) > len(text) or edits < 0:
        return False
    if pattern in text:
        return True
    # One comparison of a window takes about a microsecond for each 64 characters.
    size = len(pattern)
    starts = range(len(text) - size + 1)
    if not _OCCURS.is_compiled(len(starts) * (1 + size // 64)):
        return any(
            Levenshtein.distance(pattern, text[start : start + size], score_cutoff=edits) <= edits for start in starts
        )
    signs, numbered = np.unique(codes(pattern), return_inverse=True)
    found = np.searchsorted(signs, codes(text))
    # What the pattern does not have is one number more.
    known = signs[np.minimum(found, len(signs) - 1)] == codes(text)
    return bool(_OCCURS(0, numbered.astype(np.int64), np.where(known, found, len(signs)).astype(np.int64), edits))


def near_starts(pattern: str, text: str, edits: int) -> list[int]:
    """Return where parts of the text begin that are within so many edits of the pattern, in ascending order.

    Of neighbouring places, which are the same part a little longer or shorter, the nearest one is given, the first of
    several.
    """
    if not pattern:
        return []
    if not edits:
        return [match.start() for match in re.finditer(f"(?={re.escape(pattern)})", text)]
    # Sellers' search from the end: for each place the least distance of the pattern to a part that begins there.
    signs, column = codes(pattern[::-1]), np.arange(len(pattern) + 1)
    rising = np.arange(len(pattern) + 1)
    nearest = np.empty(len(text), dtype=np.int64)
    for place in range(len(text) - 1, -1, -1):
        changed = np.concatenate(([0], np.minimum(column[:-1] + (signs != ord(text[place])), column[1:] + 1)))
        column = np.minimum.accumulate(changed - rising) + rising
        nearest[place] = column[-1]
    starts: list[int] = []
    previous = -2
    for place in np.flatnonzero(nearest <= edits).tolist():
        if place == previous + 1:
            if nearest[place] < nearest[starts[-1]]:
                starts[-1] = place
        else:
            starts.append(place)
        previous = place
    return starts


def _occurs(pattern: Indices, text: Indices, edits: int) -> bool:  # noqa: PLR0912, PLR0915 - compiled as one
    size = len(pattern)
    blocks = (size + 63) // 64
    one, none = np.uint64(1), np.uint64(0)
    masks = np.zeros((pattern.max() + 2, blocks), dtype=np.uint64)
    for row in range(size):
        masks[pattern[row], row // 64] |= one << np.uint64(row % 64)
    # Sellers' search: the least distance of the pattern to any part that ends here, a bound for the part of its length.
    # By bits (Myers 1999, Hyyrö 2003): where the distance rises and falls from row to row.
    rises = np.full(blocks, ~none)
    falls = np.zeros(blocks, dtype=np.uint64)
    above = np.zeros(size + 1, dtype=np.int64)
    below = np.zeros(size + 1, dtype=np.int64)
    distance = size
    for end in range(1, len(text) + 1):
        sign = text[end - 1]
        carry = 0
        for block in range(blocks):
            rise, fall, equal = rises[block], falls[block], masks[sign, block]
            vertical = equal | fall
            if carry < 0:
                equal |= one
            horizontal = (((equal & rise) + rise) ^ rise) | equal
            up = fall | ~(horizontal | rise)
            down = rise & horizontal
            last = one << np.uint64((size - 1) % 64 if block == blocks - 1 else 63)
            next_carry = 0
            if up & last != none:
                next_carry = 1
            elif down & last != none:
                next_carry = -1
            up = up << one
            down = down << one
            if carry > 0:
                up |= one
            elif carry < 0:
                down |= one
            rises[block] = down | ~(vertical | up)
            falls[block] = up & vertical
            carry = next_carry
        distance += carry
        if distance > edits or end < size:
            continue
        # A part may end here; compare the one of the pattern's length, within a band as wide as the edits.
        start = end - size
        for y in range(size + 1):
            above[y] = y
        for x in range(1, size + 1):
            low, high = max(1, x - edits), min(size, x + edits)
            below[low - 1] = x if low == 1 else edits + 1
            least = edits + 1
            for y in range(low, high + 1):
                up = above[y] if y < x + edits else edits + 1
                best = min(up, below[y - 1]) + 1
                step = above[y - 1] if pattern[x - 1] == text[start + y - 1] else above[y - 1] + 1
                best = min(best, step)
                below[y] = best
                least = min(least, best)
            above, below = below, above
            if least > edits:
                break
        if least <= edits and above[size] <= edits:
            return True
    return False


_TREE, _MATCHING, _OCCURS = _Kernel(_tree_distance), _Kernel(_matching_characters), _Kernel(_occurs)

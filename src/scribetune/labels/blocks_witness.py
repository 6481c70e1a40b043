"""What the order of a page says of texts side by side: an address and an imprint, two boxes at the head of a form.

Names and values stand side by side too, and are read row by row rightly. Two texts of their own are told from them by
their lines: each is a stack of lines, those of the one stand between those of the other and not beside them, or the
left one goes on above or below the right one with nothing beside it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from scribetune.labels.tables.cells import Box, union

_GAP = 3.0  # heights of a line between two texts
_OFF = 0.25  # of a line's height, that a line stands beside none of the other text
_LEVEL = 0.5  # of a line's height
_FEW = 2  # lines
_CENTRED = 3  # the same
_RAGGED = 4.0  # heights of a line, between the longest and the shortest
_THERE_AND_BACK, _ROW_BY_ROW = 2, 3  # turns from one text to the other


class PlacedLine(Protocol):
    """A piece of a line of the page that the label has."""

    @property
    def box(self) -> Box:
        """Where it stands."""

    @property
    def at(self) -> float:
        """Where the label has it: the middle of the positions of its words."""

    @property
    def table(self) -> int:
        """Of the label, that it is in; 0 for none."""

    @property
    def height(self) -> float:
        """Of its box."""

    @property
    def middle(self) -> float:
        """Height of its middle on the page."""


def read_across(
    lines: Sequence[PlacedLine], below: Mapping[int, int], text_of: Callable[[int], str]
) -> Iterator[tuple[int, int]]:
    """Yield pairs of lines, left and right, of two texts that the label reads row by row.

    `below` has for each line, by its number, the next one of its text, if there is one. Single letters are a text down
    the margin.
    """
    texts = []
    for stack in _stacks(below):
        its = [lines[number] for number in stack]
        if not any(line.table for line in its) and any(len(text_of(number)) > 1 for number in stack):
            texts.append(_Text(stack, union([line.box for line in its]), its[0].height))
    for left in texts:
        for right in texts:
            if not left.is_before(right):
                continue
            found = _Pair(lines, left, right)
            if min(len(found.lefts), len(found.rights)) >= _FEW and (
                found.is_between() or found.is_centred(text_of) or found.is_longer(text_of)
            ):
                yield found.lefts[0], found.rights[0]


def _stacks(below: Mapping[int, int]) -> list[list[int]]:
    """Return the texts, each its lines from above; a line below two others begins a text."""
    above = Counter(below.values())
    after = {one: other for one, other in below.items() if above[other] == 1}
    found = []
    for start in sorted(after.keys() - after.values()):
        stack = [start]
        while stack[-1] in after:
            stack.append(after[stack[-1]])
        found.append(stack)
    return found


@dataclass(frozen=True)
class _Text:
    """Lines below each other, by their numbers from above."""

    numbers: Sequence[int]
    box: Box
    height: float  # of its first line

    def is_before(self, other: "_Text") -> bool:
        """Whether another text stands to the right, behind a gutter, and at least in part beside it."""
        is_beside = self.box[1] < other.box[3] and other.box[1] < self.box[3]
        return is_beside and other.box[0] - self.box[2] > _GAP * min(self.height, other.height)


def _are_centred(lines: Sequence[PlacedLine]) -> bool:
    """Whether lines of several widths have their middles below each other."""
    middles, widths = [one.box[0] + one.box[2] for one in lines], [one.box[2] - one.box[0] for one in lines]
    height = lines[0].height
    return max(middles) - min(middles) < height and max(widths) - min(widths) > _RAGGED * height


class _Pair:
    """Two texts, and the lines of each that stand beside the other."""

    def __init__(self, lines: Sequence[PlacedLine], left: _Text, right: _Text) -> None:
        self._lines, self._left, self._right = lines, left.numbers, right.numbers
        self.lefts = self._beside(left, right.box)
        self.rights = self._beside(right, left.box)

    def _beside(self, text: _Text, box: Box) -> list[int]:
        return [number for number in text.numbers if box[1] <= self._lines[number].middle <= box[3]]

    def _turns(self) -> int:
        """Return how often the label goes from one text to the other, of the lines beside each other."""
        sides = (self.lefts, False), (self.rights, True)
        order = sorted((self._lines[number].at, is_right) for numbers, is_right in sides for number in numbers)
        return sum(one[1] != other[1] for one, other in pairwise(order))

    def is_between(self) -> bool:
        """Whether lines of the one stand between those of the other, and the label goes there and back."""
        off = sum(
            min(abs(self._lines[n].middle - self._lines[m].middle) for m in self._right) > _OFF * self._lines[n].height
            for n in self.lefts
        )
        return off >= _FEW and self._turns() >= _THERE_AND_BACK

    def is_centred(self, text_of: Callable[[int], str]) -> bool:
        """Whether the lines of one are in its middle, and the label goes from one to the other and back."""
        return self._turns() >= _THERE_AND_BACK and any(
            len(stack) >= _CENTRED
            and all(any(map(str.isalpha, text_of(n))) for n in stack)
            and _are_centred([self._lines[n] for n in stack])
            for stack in (self.lefts, self.rights)
        )

    def is_longer(self, text_of: Callable[[int], str]) -> bool:
        """Whether the left text goes on with nothing beside it, and the label goes to the right one twice.

        Numbers at the right are values of the lines beside them.
        """
        has_values = any(not any(map(str.isalpha, text_of(n))) for n in self.rights)
        if has_values or self._turns() < _ROW_BY_ROW:
            return False
        first, last = self._left.index(self.lefts[0]), self._left.index(self.lefts[-1]) + 1
        rest = self._left[:first][::-1][:_FEW], self._left[last:][:_FEW]
        return any(len(some) == _FEW and not any(map(self._has_beside, some)) for some in rest)

    def _has_beside(self, number: int) -> bool:
        """Whether something stands to the right of a line."""
        line = self._lines[number]
        return any(
            line.box[2] < other.box[0] and abs(other.middle - line.middle) < _LEVEL * line.height
            for other in self._lines
        )

"""What the order in which a page draws its words says against its label: the second reader of running text.

Who writes a PDF draws text as its program has it, a paragraph in one go: an order that owes nothing to gaps, columns or
a layout model, from which the label's order comes. Neither is believed alone. Two words that follow each other within a
paragraph of the label do so on the line, or from one line to the next, or where the page draws one after the other; a
sentence that the page draws in one go is none that the label has in two places; and lines that it draws from left to
right are not parted again and again. A page drawn row by row, over its columns, is not asked.

Asked of the words where the page has them (`placed_words`), whatever made the label.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise

from scribetune.labels.doubts import MOST_QUOTED, Doubt, Finding
from scribetune.labels.placed_words import PlacedLabel, Shown, Written, runs_leftwards
from scribetune.labels.tables.cells import union

_FORMULA = re.compile(r"qz\d+x")  # a word that stands for one: it is drawn elsewhere
_CLOSE = 1.2  # heights of a line: no wider is a blank, or what stands about a mark
_BESIDE_MARK, _MARK = 6.0, 3  # heights of a line to the text behind a mark of a list; its characters
_LEVEL = 0.5  # heights of a line
_UP = 1.0  # heights of a line: the text goes on in another column
_BELOW = 3.0  # heights of a line: the next one of a text
_SAME_SIZE = 1.2
_FEW_ENDS = 3  # of lines
_BY_ROWS = 0.25  # of the ends of lines at which the page draws something else
_PARTED = 2  # lines: one may be a head whose ends are read apart


def of_placed(placed: PlacedLabel) -> Iterator[Finding]:
    """Yield what the label has together and the page draws apart, and what it draws together and the label has apart.

    Words of tables and code are not asked for, nor are scripts that run leftwards.
    """
    if any(runs_leftwards(word.text) for word in placed.written[:1]):
        return
    reading = _Drawn(placed)
    if not reading.is_by_rows:
        yield from reading.steps()
        yield from reading.sentences()
        yield from reading.lines()


class _Drawn:
    """The words of a page as it draws them, beside those of the label."""

    def __init__(self, placed: PlacedLabel) -> None:
        self._written, self._shown, self._placed = placed.written, placed.shown, placed
        known = [at for at in sorted(placed.position) if not placed.shown[at].is_turned]
        self._next = dict(pairwise(known))  # shown word that the label has → the next one that is drawn

    @cached_property
    def _neighbours(self) -> list[tuple[int, int, int]]:
        """Words of one paragraph that follow each other: number in the label, and both as the page has them."""
        found = []
        for number in range(1, len(self._written)):
            before, after = self._written[number - 1], self._written[number]
            places = self._placed.places[number - 1], self._placed.places[number]
            if before.paragraph != after.paragraph or after.after_gap or not all(places):
                continue
            if not _is_asked(before) or not _is_asked(after):
                continue
            first, second = places[0][-1], places[1][0]
            is_one = self._shown[first].word == self._shown[second].word
            if not is_one and not self._shown[first].is_turned and not self._shown[second].is_turned:
                found.append((number, first, second))
        return found

    @cached_property
    def is_by_rows(self) -> bool:
        """Whether the page draws something else at many ends of lines: what stands beside them, in another column."""
        ends = []
        for _, first, second in self._neighbours:
            one, other = self._shown[first], self._shown[second]
            down = (other.middle - one.middle) / min(one.height, other.height)
            if not one.text.isdecimal() and _LEVEL < down < _BELOW:
                ends.append(self._next.get(first) == second)
        return len(ends) >= _FEW_ENDS and ends.count(False) > _BY_ROWS * len(ends)

    def steps(self) -> Iterator[Finding]:
        """Neighbours in a paragraph that are so neither on the page's lines nor as it is drawn.

        Text that goes on in the next column, or below a picture, may pass over what is drawn between.
        """
        drawn = {self._texts(first, second) for first, second in self._next.items()}
        for number, first, second in self._neighbours:
            if self._next.get(first) == second or self._texts(first, second) in drawn:
                continue
            down = self._shown[second].middle - self._shown[first].middle
            height = min(self._shown[first].height, self._shown[second].height)
            if first < second and not -_UP * height <= down <= _BELOW * height:
                continue
            is_mark = number < 2 or self._written[number - 2].paragraph != self._written[number].paragraph
            wide = _BESIDE_MARK if is_mark and len(self._shown[first].text) <= _MARK else _CLOSE
            is_close = self._is_level(first, second) and self._gap(first, second) <= wide * height
            if not is_close and not self._goes_on_below(first, second):
                yield self._finding(first, second, number - 1)

    def sentences(self) -> Iterator[Finding]:
        """Sentences that are drawn in one go, and that the label has in two places."""
        read = {(one.text, other.text) for one, other in pairwise(self._written)}
        for first, second, at in self._torn(read):
            one, other = self._shown[first], self._shown[second]
            is_open = one.text.isalpha() and (not one.ends or one.ends.isalpha() or one.ends in ",-")
            if is_open and other.text[0].islower() and second == first + 1 and _are_one_size(one, other):
                yield self._finding(first, second, at)

    def lines(self) -> Iterator[Finding]:
        """Lines that are drawn from left to right, and that the label has in two places; one alone is none."""
        found = [
            self._finding(first, second, at)
            for first, second, at in self._torn(set())
            if self._is_level(first, second)
            and self._shown[first].text.isalpha()
            and self._shown[second].text.isalpha()
        ]
        if len(found) >= _PARTED:
            yield from found

    def _torn(self, read: set[tuple[str, str]]) -> Iterator[tuple[int, int, int]]:
        """Yield what is drawn one after the other and has something else between in the label, and where that has it.

        Texts that follow each other elsewhere in the label (`read`) may be those, put in the wrong place.
        """
        position = self._placed.position
        for first, second in self._next.items():
            a, b = position[first], position[second]
            one, other = self._written[a], self._written[b]
            is_apart = b > a + 1 and one.paragraph != other.paragraph and not other.after_gap
            around = (one, self._written[a + 1], self._written[b - 1], other) if is_apart else ()
            if around and all(map(_is_asked, around)) and self._texts(first, second) not in read:
                yield first, second, a

    def _goes_on_below(self, first: int, second: int) -> bool:
        """Whether a line ends with the first word, and the second begins one not far below."""
        one, other = self._shown[first], self._shown[second]
        height = min(one.height, other.height)
        after, before = self._placed.right.get(first), self._placed.left.get(second)
        is_end = after is None or not self._are_together(first, after)
        is_begin = before is None or not self._are_together(before, second)
        return is_end and is_begin and _LEVEL * height < other.middle - one.middle < _BELOW * height

    def _are_together(self, left: int, right: int) -> bool:
        """Whether neighbours on a line are close, or drawn one after the other."""
        height = min(self._shown[left].height, self._shown[right].height)
        return self._gap(left, right) <= _CLOSE * height or self._next.get(left) == right

    def _is_level(self, first: int, second: int) -> bool:
        one, other = self._shown[first], self._shown[second]
        return abs(one.middle - other.middle) < _LEVEL * min(one.height, other.height)

    def _gap(self, left: int, right: int) -> float:
        return abs(self._shown[right].box[0] - self._shown[left].box[2])

    def _texts(self, first: int, second: int) -> tuple[str, str]:
        return self._shown[first].text, self._shown[second].text

    def _finding(self, first: int, second: int, at: int) -> Finding:
        one, other = self._shown[first], self._shown[second]
        label = " ".join(word.text for word in self._written[at : at + 4])
        return Finding(Doubt.DRAWN, f"{one.text} … {other.text}", label[:MOST_QUOTED], union([one.box, other.box]))


def _is_asked(word: Written) -> bool:
    return word.slot is None and not word.is_code and not _FORMULA.fullmatch(word.text)


def _are_one_size(one: Shown, other: Shown) -> bool:
    return max(one.height, other.height) < _SAME_SIZE * min(one.height, other.height)

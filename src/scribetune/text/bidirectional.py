"""The Unicode bidirectional algorithm (UAX #9) turned around: from a line as it is drawn to the text that it was.

The algorithm gives each character a level from its class and its neighbours, and turns runs of levels around. Without
explicit controls a right-to-left paragraph has two: 1, and 2 for Latin text and figures. A run of level 2 has the same
neighbours on the page as in the text, so its place says what the algorithm saw, for all but a few ambiguous lines:
`Google 12` between Hebrew words is also how `12 Google` is shown. There, what people write decides.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_ARABIC, _HEBREW, _LATIN = "AL", "R", "L"
_EUROPEAN, _NUMBER = "EN", "AN"
_OTHER = "ON"
_BRACKETS = {"(": ")", "[": "]", "{": "}", "\u2329": "\u232a", "\u27e8": "\u27e9", "\u3008": "\u3009"}
_MIRRORED = {**_BRACKETS, "<": ">", "\u00ab": "\u00bb", "\u2039": "\u203a", "\u2264": "\u2265", "\u226a": "\u226b"}
_MIRROR = {**_MIRRORED, **{close: open_ for open_, close in _MIRRORED.items()}}
_CLOSING = frozenset(",;:!?")
_PLAIN_NUMBER = re.compile(r"\d+(?:[.-]\d+)*")
_FIGURE = re.compile(r"\d(?:[^\s()\[\]]*\d)?[%\u066a\u00b0]?")
_NEXT_WORD = re.compile(r"[^\w(\[]*[^\W\d_]")
_LAST_WORD = re.compile(r"[^\s.,:;!?()]+$")
_LIST_NUMBER = re.compile(r"\d{1,3}")
_UNIT = re.compile(
    r"[kKMGTµmcdhn]?(?:m|g|[bB]|Hz|W|Wh|V|A|Pa|bps|[lL]|J|px|s)[\u00b2\u00b3]?|USD|EUR|GBP|ILS|NIS|SAR|AED|EGP|IRR|JOD|KWD|QAR|TRY|CHF|JPY|CNY|pt|min|sec|ppm|rpm|dpi|km/h|am|pm|AM|PM"
)


@dataclass(frozen=True)
class Placed:
    """A character of the line, by its place on the page."""

    index: int  # among the characters from left to right
    turned: bool  # read from right to left: brackets were mirrored


@lru_cache(4096)
def kind_of(character: str) -> str:
    """Return the bidirectional class of a character; the private ones of symbol fonts are neutral."""
    if "\ue000" <= character <= "\uf8ff":
        return _OTHER
    return unicodedata.bidirectional(character) or _OTHER


def is_leftwards(kind: str) -> bool:
    """Whether a class is one of the letters that are written from right to left."""
    return kind in (_HEBREW, _ARABIC)


def mirrored(character: str) -> str:
    """Return the character that looks like this one in a mirror."""
    return _MIRROR.get(character, character)


def logical_order(visual: Sequence[str], *, right_to_left: bool, after_arabic: bool = False) -> list[Placed]:
    """Return the characters of a line, given as drawn from left to right, in the order in which they are read.

    `right_to_left` is the direction of the paragraph, `after_arabic` whether the letter before the line is Arabic. An
    item may be a letter with its combining marks.
    """
    kinds = [kind_of(item[0]) for item in visual]
    if right_to_left:
        return _read_leftwards(0, len(kinds), visual, kinds, after_arabic=after_arabic)
    order: list[Placed] = []
    at = 0
    while at < len(kinds):
        end = _end_of_stretch(kinds, at) if is_leftwards(kinds[at]) else at
        order.extend(_read_leftwards(at, end, visual, kinds) if end > at else [Placed(at, False)])
        at = max(end, at + 1)
    return order


def brackets_as_written(text: Sequence[str], turned: Sequence[bool]) -> int:
    """Return how much better the brackets of a text in logical order fit as they are than mirrored where `turned`.

    Some layers have them as they were written, others as the shapes that are drawn. What fits opens and closes, and
    stands close to what it holds.
    """
    shapes = [mirrored(item) if is_turned else item for item, is_turned in zip(text, turned, strict=True)]
    return _fit(text) - _fit(shapes)


def _fit(text: Sequence[str]) -> int:
    found = 4 * _matching(text)
    for before, item, after in zip(["", *text], text, [*text[1:], ""], strict=False):
        if item in _MIRRORED:
            found += (not before.strip()) + bool(after.strip())
        elif item in _MIRROR:
            found += bool(before.strip()) + (not after.strip())
    return found


def _matching(text: Sequence[str]) -> int:
    waiting: list[str] = []
    found = 0
    for character in text:
        if character in _MIRRORED:
            waiting.append(_MIRRORED[character])
        elif character in waiting:
            while waiting.pop() != character:
                pass
            found += 1
    return found


def _end_of_stretch(kinds: Sequence[str], start: int) -> int:
    """Return where the right-to-left text that begins here, in a left-to-right line, ends: behind its last letter."""
    end = start + 1
    for at in range(start, len(kinds)):
        if kinds[at] == _LATIN:
            break
        if is_leftwards(kinds[at]):
            end = at + 1
    return end


def _read_leftwards(
    start: int, end: int, visual: Sequence[str], kinds: Sequence[str], *, after_arabic: bool = False
) -> list[Placed]:
    runs = _Runs(visual[start:end], kinds[start:end], after_arabic=after_arabic).found
    order: list[Placed] = []
    at = end - start
    for first, last in [*reversed(runs), (-1, 0)]:
        order.extend(Placed(start + index, True) for index in range(at - 1, last - 1, -1))
        order.extend(Placed(start + index, False) for index in range(max(first, 0), last))
        at = first
    return order


class _Runs:
    """The runs of a right-to-left line that are read from left to right, as (start, end) from left to right."""

    def __init__(self, visual: Sequence[str], kinds: Sequence[str], *, after_arabic: bool) -> None:
        self._visual = visual
        self._after_arabic = after_arabic
        self._kinds = list(kinds)
        self._followers: set[int] = set()
        self._arabic = self._contexts()
        self.found = self._joined(self._atoms())
        self.found = [self._with_ends(first, last) for first, last in self._with_brackets()]

    def _contexts(self) -> list[bool]:
        """Tell for each place whether the letter read before it is Arabic (rule W2): figures and signs part there."""
        contexts = [False] * len(self._kinds)
        is_arabic = self._after_arabic
        for at in range(len(self._kinds) - 1, -1, -1):
            contexts[at] = is_arabic
            if is_leftwards(self._kinds[at]):
                is_arabic = self._kinds[at] == _ARABIC
        latin_start = latin_end = -1  # of Latin text that the figure may belong to
        for at, kind in enumerate(self._kinds):
            if is_leftwards(kind):
                latin_end = -1
            elif kind == _LATIN:
                latin_start, latin_end = latin_start if latin_end >= 0 else at, at + 1
            elif kind == _EUROPEAN and latin_end >= 0:
                if latin_end != at and not self._follows(latin_start, latin_end, at):
                    latin_end = -1
                    continue
                contexts[at] = False
                self._followers.add(at)
                latin_end = at + 1
        return contexts

    def _atoms(self) -> list[tuple[int, int]]:
        """Return Latin letters and numbers, with the signs that belong to numbers (rules W4 and W5)."""
        kinds, count = self._kinds, len(self._kinds)
        inside = [kind in (_LATIN, _EUROPEAN, _NUMBER) for kind in kinds]
        for at in range(1, count - 1):
            before, after = self._figure(at - 1), self._figure(at + 1)
            joins = kinds[at] == "CS" or (kinds[at] == "ES" and before == _EUROPEAN)
            inside[at] = inside[at] or (joins and before is not None and before == after)
        for step in (1, -1):
            for at in range(count)[::step]:
                near = at - step
                beside = 0 <= near < count and inside[near] and (self._figure(near) or kinds[near]) in (_EUROPEAN, "ET")
                if kinds[at] == "ET" and beside and not self._arabic[at]:
                    inside[at] = True
        return _ranges(inside)

    def _figure(self, at: int) -> str | None:
        """Return the class of a digit as its context makes it."""
        if self._kinds[at] == _EUROPEAN:
            return _NUMBER if self._arabic[at] else _EUROPEAN
        return _NUMBER if self._kinds[at] == _NUMBER else None

    def _joined(self, atoms: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Join runs over the neutral characters that are Latin between them (rules W7, N1)."""
        joined: list[tuple[int, int]] = []
        for first, last in atoms:
            if joined and self._belong_together(joined[-1], (first, last)):
                joined[-1] = (joined[-1][0], last)
            else:
                joined.append((first, last))
        return joined

    def _belong_together(self, left: tuple[int, int], right: tuple[int, int]) -> bool:
        between = self._kinds[left[1] : right[0]]
        if any(map(is_leftwards, between)) or self._opens_leftwards(left, right):
            return False
        is_latin, goes_on = _LATIN in self._kinds[slice(*left)], _LATIN in self._kinds[slice(*right)]
        if is_latin:
            return self._kinds[right[0]] == _LATIN or any(at in self._followers for at in range(*right))
        if goes_on:
            # The algorithm shows no text so; whoever wrote it set the whole of it from left to right.
            return self._kinds[left[1] - 1] != _NUMBER and not any(
                item in _BRACKETS for item in self._visual[slice(left[1], right[0])]
            )
        return self._is_grouped(left, right)

    def _opens_leftwards(self, left: tuple[int, int], right: tuple[int, int]) -> bool:
        """Whether the run on the right is in brackets of right-to-left text, in a layer that has them as written."""
        if right[1] >= len(self._visual):
            return False
        closing = _BRACKETS.get(self._visual[right[1]])
        return closing in self._visual[left[1] : right[0]] and not _unclosed(self._visual[slice(*left)], str(closing))

    def _text(self, first: int, last: int) -> str:
        return "".join(self._visual[first:last])

    def _is_grouped(self, left: tuple[int, int], right: tuple[int, int]) -> bool:
        """Whether two numbers are groups of one: `1 250` is no pair of numbers that a reader would turn around."""
        if self._text(left[1], right[0]) not in (" ", "\u00a0", "\u202f"):
            return False
        start, end = self._text(*left), self._text(*right)
        groups = start.split()
        return (
            re.fullmatch(r"\d{3}(?:[.,]\d+)?%?", end) is not None
            and all(group.isdecimal() for group in groups)
            and 0 < len(groups[0]) <= 3
            and (len(groups[0]) < 3 or len(groups) > 1)
        )

    def _follows(self, start: int, end: int, at: int) -> bool:
        """Whether a figure on the right of Latin text, from start to end, follows it, as in `Windows 10`.

        Otherwise it comes before, as a unit's number does; both are shown alike. Dates and amounts are seldom part of
        a name.
        """
        between, line = self._text(end, at), "".join(item[0] for item in self._visual)
        number = _FIGURE.match(line, at)
        behind = number.end() if number else at + 1
        if any(item in _BRACKETS.values() and not _unclosed(self._visual[start:end], item) for item in between):
            return False
        opened = next((item for item in between if item in _BRACKETS), None)
        if opened is not None:
            close = line.find(_BRACKETS[opened], behind)
            return close >= 0 and not any(map(is_leftwards, self._kinds[behind:close])) and not self._is_at_edge(close)
        goes_on = _NEXT_WORD.match(line, behind)
        if goes_on and self._kinds[goes_on.end() - 1] == _LATIN:
            return True
        # A stop stands close to what it follows, and signs of a currency to their number.
        is_before = between[:1].isspace() and between[-1] in (*_CLOSING, ".")
        if is_before or any(kind_of(item[0]) == "ET" for item in between):
            return False
        name = _LAST_WORD.search(line, 0, end)
        is_unit = between == " " and name is not None and _UNIT.fullmatch(name.group()) is not None
        is_plain = number is not None and _PLAIN_NUMBER.fullmatch(number.group()) is not None
        return not is_unit and (is_plain or not between.isspace())

    def _is_at_edge(self, at: int) -> bool:
        return not self._text(at, len(self._visual)).strip()

    def _with_brackets(self) -> list[tuple[int, int]]:
        """Extend Latin runs by the bracket at one end whose partner is inside (rule N0)."""
        extended: list[tuple[int, int]] = []
        for first, last in self.found:
            begin, end = first, last
            inside = self._visual[first:last]
            if _LATIN in self._kinds[first:last]:
                end += last < len(self._visual) and _unclosed(inside, self._visual[last]) > 0
                free = first > (extended[-1][1] if extended else 0)
                begin -= free and _unopened(inside, self._visual[first - 1]) > 0
            extended.append((begin, end))
        return extended

    def _with_ends(self, first: int, last: int) -> tuple[int, int]:
        """Extend a run by the stop on its right that nothing but a left-to-right run would have there."""
        if last >= len(self._visual):
            return first, last
        sign, is_free = self._visual[last], last + 1 >= len(self._visual) or self._visual[last + 1].isspace()
        if not is_free:
            return first, last
        at_edge = not self._text(0, first).strip() or self._is_at_edge(last + 1)
        if _LATIN in self._kinds[first:last] and (sign in _CLOSING or (sign == "." and at_edge)):
            return first, last + 1
        is_first = self._is_at_edge(last + 1) and any(map(is_leftwards, self._kinds[:first]))
        is_number = _LIST_NUMBER.fullmatch(self._text(first, last))
        return first, last + (is_first and is_number is not None and sign in (".", ")"))


def _ranges(inside: Sequence[bool]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for at, is_inside in enumerate(inside):
        if is_inside and found and found[-1][1] == at:
            found[-1] = (found[-1][0], at + 1)
        elif is_inside:
            found.append((at, at + 1))
    return found


def _unclosed(text: Sequence[str], bracket: str) -> int:
    """Return how many brackets that this one closes are open at the end of a text."""
    opening = next((opening for opening, closing in _BRACKETS.items() if closing == bracket), None)
    depth = 0
    for item in text:
        depth = max(0, depth + (item == opening) - (item == bracket))
    return depth


def _unopened(text: Sequence[str], bracket: str) -> int:
    """Return how many brackets that this one opens a text closes, without having opened them."""
    closing = _BRACKETS.get(bracket)
    depth = 0
    for item in reversed(text):
        depth = max(0, depth + (item == closing) - (item == bracket))
    return depth

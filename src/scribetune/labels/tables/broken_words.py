"""Words and numbers that a narrow cell breaks, without a hyphen, where its width ends.

Nothing is known of languages here: a break is one where not a letter more had room in the cell, and the page has the
word whole elsewhere, or the rest is no word (it has no vowel). Where a table breaks such words, it breaks numbers too.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scribetune.labels.tables.cells import Box, Word
from scribetune.labels.tables.lines import lines_of

_LETTERS = re.compile(r"[^\W\d_]+")
_END = re.compile(r"[^\W\d_]+$")
_START = re.compile(r"[a-zß-öø-ÿ]+(?=[^\w]*$)")
_NUMBER_END = re.compile(r"\d$")
_NUMBER_START = re.compile(r"\d[\d.,]*\W*$")
_NO_VOWEL = re.compile(r"[bcdfghj-np-tv-xzß]+")
_UNITS = frozenset(re.findall(r"\w+", "mm cm km nm kg mg ml dl cl hl ms ns kj vs bzw pt px pc st nd rd th"))
"""What may stand below a name in a narrow column, has no vowel, and is no rest of a word."""
_SHORT_REST = 4
_EVIDENT = 2


@dataclass(frozen=True)
class _Break:
    """Where a line of a cell ends, full, and the next begins."""

    before: Word
    after: Word
    end: str  # the letters that the line ends with
    rest: str  # those that the next begins with
    is_alone: bool  # nothing else stands in the line

    @property
    def whole(self) -> str:
        """The word, if it is one."""
        return (self.end + self.rest).casefold()


def broken_in(
    cells: Sequence[tuple[Box, Sequence[Word]]], words: Sequence[Word], elsewhere: Collection[str] = frozenset()
) -> frozenset[tuple[Word, Word]]:
    """Return the pairs of words of a table that are one, broken: the last of a line and the first of the next.

    Args:
        cells: The box of each cell, which is drawn, and its words.
        words: All words of the page.
        elsewhere: Words of the document's other pages, in small letters.
    """
    full = list(_full_breaks(cells))
    if not full:
        return frozenset()
    pieces = Counter(word for one in full for word in (one.before, one.after))
    seen = Counter(part.casefold() for word in words if word not in pieces for part in _LETTERS.findall(word.text))

    def is_word(text: str, *, anywhere: bool) -> bool:
        return bool(seen[text.casefold()]) or (anywhere and text.casefold() in elsewhere)

    letters = [
        one
        for one in full
        if one.rest
        # Pieces stand on other pages too; but only a word that has its line for itself is broken for want of room.
        and not (is_word(one.end, anywhere=not one.is_alone) and is_word(one.rest, anywhere=not one.is_alone))
    ]
    known = [one for one in letters if seen[one.whole] or one.whole in elsewhere]
    rests = [one for one in letters if one.is_alone and _NO_VOWEL.fullmatch(one.rest) and not seen[one.rest]]
    sure = [one for one in rests if one.rest not in _UNITS and len(one.rest) > 1]
    if not (known or sure or len({one.whole for one in rests}) >= _EVIDENT):
        return frozenset()
    unknown = [
        one
        for one in letters
        if one.is_alone and not is_word(one.end, anywhere=True) and not is_word(one.rest, anywhere=True)
    ]
    short = [one for one in letters if one.is_alone and len(one.rest) <= _SHORT_REST and not seen[one.rest]]
    numbers = [one for one in full if not one.rest and one.is_alone and _is_number(one)]
    return frozenset((one.before, one.after) for one in (*known, *rests, *short, *unknown, *numbers))


def _is_number(one: _Break) -> bool:
    before, after = one.before, one.after
    is_shorter = after.x1 - after.x0 < before.x1 - before.x0
    return is_shorter and bool(_NUMBER_END.search(before.text) and _NUMBER_START.match(after.text))


def _full_breaks(cells: Sequence[tuple[Box, Sequence[Word]]]) -> Iterator[_Break]:
    """Return breaks where the first letter of the next line had no room, within letters or within figures."""
    found = [(box, lines_of(words)) for box, words in cells if words]
    inset = min((box[2] - line.words[-1].x1 for box, lines in found for line in lines), default=0.0)
    for box, lines in found:
        for above, below in pairwise(lines):
            before, after = above.words[-1], below.words[0]
            letter = (after.x1 - after.x0) / max(1, len(after.text))
            if before.x1 + letter <= box[2] - max(inset, 0.0):
                continue
            end, rest = _END.search(before.text), _START.match(after.text)
            is_alone = len(above.words) == 1
            if end and rest:
                yield _Break(before, after, end[0], rest[0], is_alone)
            elif _NUMBER_END.search(before.text) and _NUMBER_START.match(after.text):
                yield _Break(before, after, "", "", is_alone)

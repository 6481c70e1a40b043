"""The characters of a page as they were drawn: which words run up, down or aslope, and where a word can be cut.

MuPDF makes one word of characters that touch, whatever line is drawn between them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Any

from scribetune.labels import text_pages
from scribetune.labels.tables.cells import Box, Word, union

_STRAIGHT = 0.99
_JUMP = 0.04  # of the font's size: further from the end of the character before, one was placed by itself
_KERNING = 0.15  # of the size: so far letters of one word may be
_NEAR = 1.0  # of the size: how far from a line the first character beyond it may stand
_AT_LINE = 0.08  # of the size
_FURTHEST = 1.25  # times its width: how far the next heading aslope begins
_LARGEST = 1.5  # times the height of most words: the size of a heading aslope


@dataclass(frozen=True)
class _Character:
    text: str
    box: Box
    size: float


Key = tuple[int, int, int, int]


class Characters:
    """The characters of a page, found by the words that they make."""

    def __init__(self, textpage: Any) -> None:
        self._words: dict[Key, list[_Character]] = {}
        self._directions: dict[Key, tuple[float, float]] = {}
        for block in textpage.extractRAWDICT()["blocks"]:
            for line in block.get("lines", ()):
                for word in _words_of(line):
                    key = _key(word)
                    self._words[key] = word
                    if abs(line["dir"][0]) <= _STRAIGHT or line["dir"][0] < 0:
                        self._directions[key] = line["dir"]

    def direction(self, word: Word) -> tuple[float, float]:
        """Return where a word's next character stands from one: (1, 0) to the right, (0, -1) up, …."""
        return self._directions.get(_rounded(word.box), (1.0, 0.0))

    def slopes(self, word: Word) -> bool:
        """Whether a word runs neither along nor up or down the page."""
        return max(map(abs, self.direction(word))) <= _STRAIGHT

    def laid_down(self, words: Sequence[Word]) -> list[Word]:
        """Return words without sloping ones; headings that rise over narrow columns lie where they begin.

        Such begin at one height, nearer to each other than each is wide, and are no larger than other words: marks of
        copies all over a page are not so.
        """
        level = [word for word in words if not self.slopes(word)]
        usual = median(word.height for word in level) if level else 0.0
        rising = [(union([w.box for w in line]), line) for line in self._rising(words)]
        for box, line in rising:
            size = self._size(line[0])
            is_beside = any(
                abs(other[3] - box[3]) < size < abs(other[0] - box[0]) < _FURTHEST * (box[2] - box[0])
                for other, _ in rising
            )
            if is_beside and size <= _LARGEST * usual:
                x, y = line[0].x0, line[0].y1
                level.append(Word(x, y - usual, x + usual, y, " ".join(word.text for word in line)))
        return level

    def _rising(self, words: Sequence[Word]) -> list[list[Word]]:
        """Return the words of each line that rises to the right aslope."""
        lines: list[tuple[float, list[Word]]] = []  # how far aside each runs
        for word in sorted(words, key=lambda word: word.x0):
            across, down = self.direction(word)
            if not self.slopes(word) or across <= 0 or down >= 0:
                continue
            aside, size = word.x0 * down - word.y1 * across, self._size(word)
            near = (line for at, line in lines if abs(at - aside) < 0.5 * size and word.x0 < line[-1].x1 + size)
            line = next(near, None)
            if line is None:
                lines.append((aside, [word]))
            else:
                line.append(word)
        return [line for _, line in lines]

    def _size(self, word: Word) -> float:
        return self._words[_rounded(word.box)][0].size

    def cut(self, word: Word, walls: Iterable[float]) -> list[Word]:
        """Cut a word where one character beyond a wall was placed by itself, or two meet there; else it stays whole."""
        characters = self._words.get(_rounded(word.box))
        if characters is None or "".join(c.text for c in characters) != word.text:
            return [word]
        places = sorted({place for wall in walls if (place := _place(characters, wall)) is not None})
        if not places:
            return [word]
        parts = [characters[start:end] for start, end in pairwise([0, *places, len(characters)])]
        return [_word(part, word) for part in parts if part]


def characters_of(page: Any) -> Characters:
    """Read a pymupdf.Page for its characters."""
    import pymupdf

    return Characters(text_pages.text_page(page, pymupdf.TEXTFLAGS_DICT & ~pymupdf.TEXT_PRESERVE_LIGATURES))


def _words_of(line: dict[str, Any]) -> Iterator[list[_Character]]:
    word: list[_Character] = []
    for span in line["spans"]:
        for char in span["chars"]:
            if not char["c"].isspace():
                word.append(_Character(char["c"], tuple(char["bbox"]), span["size"]))
            elif word:
                yield word
                word = []
    if word:
        yield word


def _key(characters: Sequence[_Character]) -> Key:
    x0, y0, x1, y1 = zip(*(c.box for c in characters), strict=True)
    return _rounded((min(x0), min(y0), max(x1), max(y1)))


def _rounded(box: Box) -> Key:
    x0, y0, x1, y1 = (round(10 * value) for value in box)
    return x0, y0, x1, y1


def _word(characters: Sequence[_Character], word: Word) -> Word:
    return replace(
        word,
        x0=min(c.box[0] for c in characters),
        x1=max(c.box[2] for c in characters),
        text="".join(c.text for c in characters),
    )


def _place(characters: Sequence[_Character], wall: float) -> int | None:
    """Return the character before which a wall cuts its word."""
    best: tuple[float, int] | None = None
    for index, (before, after) in enumerate(pairwise(characters), 1):
        jump = abs(after.box[0] - before.box[2])
        apart = min(abs(before.box[2] - wall), abs(after.box[0] - wall))
        begins = before.text.islower() and after.text.isupper()
        are_letters = before.text.isalpha() and after.text.isalpha() and not begins
        is_jump = jump > (_KERNING if are_letters else _JUMP) * after.size and apart <= _NEAR * after.size
        meets = apart <= _AT_LINE * after.size and not are_letters
        if (is_jump or meets) and (best is None or apart < best[0]):
            best = (apart, index)
    return best[1] if best is not None else None

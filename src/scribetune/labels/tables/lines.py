"""The lines of words in a table's box, cut where its columns may be, and what a figure is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from scribetune.labels.tables.cells import Word

TIGHT = 0.42
FLUSH = 1.0  # points between the left edges of words that begin at one place
"""Words whose gap is below this share of their height belong together (a blank is about a fifth of it)."""
_CURRENCY = re.compile(r"[$€£¥₹₽₩₺₴฿]|EUR|USD|GBP|CHF|INR|JPY|Rs\.?")
_DOTS = re.compile(r"[.,…·\s]*")


@dataclass
class Segment:
    """Words of one line that stand close to each other, from left to right; boxes in points."""

    words: list[Word]

    @property
    def x0(self) -> float:
        """Its left edge."""
        return self.words[0].x0

    @property
    def x1(self) -> float:
        """Its right edge."""
        return max(word.x1 for word in self.words)

    @property
    def middle(self) -> float:
        """Between its edges."""
        return (self.x0 + self.x1) / 2

    @property
    def text(self) -> str:
        """Its words, blanks between them."""
        return " ".join(word.text for word in self.words)


@dataclass
class TableLine:
    """Words of about one height, from left to right."""

    words: list[Word]  # all of them
    segments: list[Segment] = field(default_factory=list)  # the same, those together that stand close to each other

    @property
    def y0(self) -> float:
        """Its upper edge."""
        return min(word.y0 for word in self.words)

    @property
    def y1(self) -> float:
        """Its lower edge."""
        return max(word.y1 for word in self.words)

    @property
    def middle(self) -> float:
        """Between its edges."""
        return median((word.y0 + word.y1) / 2 for word in self.words)

    @property
    def height(self) -> float:
        """That of most of its words."""
        return median(word.height for word in self.words)


def lines_of(words: Sequence[Word]) -> list[TableLine]:
    """Group words into lines from top to bottom, each from left to right; raised marks go with their line."""
    lines: list[TableLine] = []
    for word in sorted(words, key=lambda word: (word.y0 + word.y1) / 2):
        middle, reach = (word.y0 + word.y1) / 2, word.height * 0.3
        best = None
        for line in reversed(lines[-4:]):
            other = max(line.words, key=lambda known: known.height)
            distance = abs((other.y0 + other.y1) / 2 - middle)
            if distance < max(reach, other.height * 0.3) and (best is None or distance < best[0]):
                best = (distance, line)
        if best is None:
            lines.append(TableLine([word]))
        else:
            best[1].words.append(word)
    for line in lines:
        line.words.sort(key=lambda word: word.x0)
    limit = blank_limit(lines) if lines else 0.0
    for line in lines:
        line.segments = cut(line.words, limit)
    return sorted(lines, key=lambda line: line.middle)


def cut(words: Sequence[Word], limit: float, bounds: Sequence[float] = ()) -> list[Segment]:
    """Cut a line where words stand apart by `limit` or more; between columns by less: behind colons always."""
    segments: list[Segment] = []
    end = 0.0
    for word in words:
        gap = word.x0 - end
        apart = gap >= limit
        bound = next((bound for bound in bounds if end - 1 <= bound <= word.x0 + 1), None) if segments else None
        if bound is not None:
            before = segments[-1].words[-1].text
            figures = is_figure(before) and is_figure(word.text) and not is_currency(before)
            is_sure = figures or before.endswith(":")
            is_flush = word.x0 - bound < FLUSH
            apart = gap >= (0.3 if is_sure else 0.7 if is_flush else 0.8) * limit
        if segments and not apart:
            segments[-1].words.append(word)
            end = max(end, word.x1)
        else:
            segments.append(Segment([word]))
            end = word.x1
    return segments


def blank_limit(lines: Sequence[TableLine]) -> float:
    """Return the gap from which words do not belong together: more than a blank of the table's font."""
    height = median(word.height for line in lines for word in line.words)
    gaps = sorted(
        b.x0 - a.x1
        for line in lines
        for a, b in pairwise(line.words)
        if a.text.isalpha() and b.text.isalpha() and 0 < b.x0 - a.x1 < 0.7 * height
    )
    usual = gaps[len(gaps) // 4] if gaps else 0.0
    return max(TIGHT * height, 1.35 * usual)


def is_leader(text: str) -> bool:
    """Whether a text is nothing but dots, which lead from a name to its figures."""
    return bool(_DOTS.fullmatch(text))


def is_currency(text: str) -> bool:
    """Whether a text is the sign of a currency alone, which belongs to the amount beside it."""
    return bool(_CURRENCY.fullmatch(text))


def is_figure(text: str) -> bool:
    """Whether a text is a number, an amount, a share, a range of them, or a mark for none ("—", "†", "n/a")."""
    stripped = text.strip("()[]*†‡§#+–—-−±<>≤≥~$€£¥%‰., ")
    if not stripped:
        return not _DOTS.fullmatch(text.strip())
    letters = sum(character.isalpha() for character in stripped)
    digits = sum(character.isdigit() for character in stripped)
    return (digits > 0 and letters <= max(1, digits // 2)) or stripped.lower() in ("n/a", "na", "ref", "x")

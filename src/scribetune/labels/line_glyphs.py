"""The glyphs of a page's lines, each by its place: letters with their marks, ligatures with all their letters.

What MuPDF gives of one glyph may be several characters, and of a mark the letter as well; only one of them has a width.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from scribetune.labels.tables.cells import Box

_SHAPED = re.compile("[\ufb1d-\ufdff\ufe70-\ufefc]")
_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_HORIZONTAL = 0.99
_NO_WIDTH = 0.02  # of the font's size, as what follows
_ONE_PLACE = 0.05
_HOLE = (0.2, 0.9)
_BESIDE = 0.3
_ONE_LINE = 0.3
_NEIGHBOURS = 3
_LAM, _ALEFS = "\u0644", frozenset("\u0622\u0623\u0625\u0627\u0671")
_RUNNING = frozenset({"Span", "Link", "Em", "Strong", "Quote", "Reference", "Annot", "Sub", "Note", ""})


@dataclass(slots=True)
class Glyph:
    """A letter with its marks, or a blank."""

    text: str
    x0: float
    x1: float
    y0: float
    y1: float
    size: float
    number: int  # in MuPDF's order
    span: dict[str, Any]  # of MuPDF
    line: "Source"

    @property
    def middle(self) -> float:
        """Between its edges."""
        return (self.x0 + self.x1) / 2

    @property
    def box(self) -> Box:
        """Where it stands."""
        return self.x0, self.y0, self.x1, self.y1


@dataclass(slots=True)
class Source:
    """A line as MuPDF has it."""

    line: dict[str, Any]
    block: dict[str, Any]
    context: int  # lines of different ones are no text together: cells, paragraphs
    base: float  # of its letters
    size: float
    text: str


def sources_of(blocks: Sequence[dict[str, Any]], context: int = 0) -> Iterator[Source]:
    """Yield the lines of blocks of PyMuPDF's "rawdict", those of blocks in them too.

    `context` is that of the blocks' element of the structure: what runs in one line with others has theirs.
    """
    for block in blocks:
        kind = block.get("std") or ""
        for line in block.get("lines", ()):
            chars = [char for span in line["spans"] for char in span["chars"]]
            if chars:
                yield Source(
                    line,
                    block,
                    context,
                    median(char["origin"][1] for char in chars),
                    max(span["size"] for span in line["spans"]),
                    "".join(char["c"] for char in chars),
                )
        yield from sources_of(block.get("blocks", ()), context if kind in _RUNNING else id(block))


def rows_of(sources: Sequence[Source]) -> list[list[Source]]:
    """Put MuPDF's lines that stand on one line of the page together."""
    rows: list[list[Source]] = []
    across = [source for source in sources if source.line["dir"][0] > _HORIZONTAL]
    for source in sorted(across, key=lambda source: source.base):
        first = rows[-1][0] if rows else None
        if first is not None and source.base - first.base <= _ONE_LINE * min(source.size, first.size):
            rows[-1].append(source)
        else:
            rows.append([source])
    return rows


def glyphs_of(row: Sequence[Source]) -> list[Glyph]:
    """Return the letters and blanks of a line from left to right, marks and ligatures' further letters with theirs."""
    wide: list[Glyph] = []
    clusters: list[list[Glyph]] = []
    number = 0
    for source in row:
        for span in source.line["spans"]:
            for char in span["chars"]:
                text = _unshaped(_CONTROLS.sub("", char["c"]))
                if not text or char.get("synthetic"):
                    continue
                x0, y0, x1, y1 = char["bbox"]
                number += 1
                glyph = Glyph(text, x0, x1, y0, y1, span["size"], number, span, source)
                if x1 - x0 > _NO_WIDTH * glyph.size and not _is_mark(text):
                    wide.append(glyph)
                elif text.isspace():
                    continue
                elif clusters and clusters[-1][0].box == glyph.box and clusters[-1][-1].number == number - 1:
                    clusters[-1].append(glyph)
                else:
                    clusters.append([glyph])
    _Clusters(wide).add(clusters)
    for glyph in wide:
        glyph.text = unicodedata.normalize("NFC", glyph.text)
    in_order = sorted(wide, key=lambda glyph: glyph.middle)
    return [
        glyph
        for at, glyph in enumerate(in_order)
        if not (glyph.text.isspace() and _is_covered(glyph, in_order[max(at - _NEIGHBOURS, 0) : at + _NEIGHBOURS + 1]))
    ]


def _is_mark(text: str) -> bool:
    return unicodedata.bidirectional(text[0]) == "NSM"


def _unshaped(text: str) -> str:
    """Return letters instead of the shapes that they take in a word; a mark alone comes with a blank that it is on."""
    return unicodedata.normalize("NFKC", text).lstrip(" ") or text if _SHAPED.search(text) else text


class _Clusters:
    """Letters and marks without a width of their own, and the letters of the line that they belong to."""

    def __init__(self, letters: list[Glyph]) -> None:
        self._letters = letters  # grows by those that turn out to stand alone
        self._seen = [glyph for glyph in letters if not glyph.text.isspace()]
        self._standing: list[tuple[float, Glyph]] = []  # without a width, and where

    def add(self, clusters: Sequence[Sequence[Glyph]]) -> None:
        """Give each cluster to its letter. What stands in one place is a cluster, in MuPDF's order."""
        marks: list[Glyph] = []
        ligatures: list[Sequence[Glyph]] = []
        is_doubled = False
        for cluster in clusters:
            letters = [glyph for glyph in cluster if not _is_mark(glyph.text)]
            on_it = [glyph for glyph in cluster if _is_mark(glyph.text)]
            same = self._same_beside(letters[0]) if letters and on_it else None
            if same is not None:
                # The glyph of a mark that stands for its letter too, which has a glyph of its own.
                is_doubled = True
                _mark(same, on_it)
            elif letters and (on_it or self._is_before_hole(letters[0]) or _repeats(letters)):
                _mark(self._alone(letters), on_it)
            elif letters:
                ligatures.append(cluster)
            else:
                marks.extend(on_it)
        self._join(ligatures)
        for mark in marks:
            left, right = self._ending_at(mark), self._beginning_at(mark)
            beside = (left or right) if is_doubled else (right or left)
            letter = self._standing_at(mark) or self._around(mark) or beside or self._nearest(mark)
            if letter is not None:
                _mark(letter, [mark])

    def _join(self, ligatures: Sequence[Sequence[Glyph]]) -> None:
        """Add the further letters of ligatures to the first, which has the width; they stand where it ends.

        But some fonts draw lam-alef as two glyphs, the alef first and where the lam begins.
        """
        placed = [(cluster, self._ending_at(cluster[0]), self._beginning_at(cluster[0])) for cluster in ligatures]
        sides = [
            (right.text[0] == _LAM) - (left.text[0] == _LAM)
            for cluster, left, right in placed
            if cluster[0].text in _ALEFS and left and right
        ]
        for cluster, left, right in placed:
            is_second = cluster[0].text in _ALEFS and right is not None and right.text[0] == _LAM
            prefers_right = is_second and (sum(sides) > 0 or left is None or left.text[0] != _LAM)
            owner = right if prefers_right else left or right
            if owner is None:
                around = self._around(cluster[0])
                if around is None or cluster[0].text not in around.text:
                    self._alone(cluster)
                continue
            # MuPDF has turned around what comes before.
            ordered = cluster[::-1] if cluster[0].number < owner.number else cluster
            owner.text += "".join(glyph.text for glyph in ordered)

    def _alone(self, letters: Sequence[Glyph]) -> Glyph:
        """Let a letter be one of the line; it fills the place that its glyph has left empty."""
        letter = letters[0]
        letter.text = "".join(dict.fromkeys(glyph.text for glyph in letters))
        x = letter.middle
        self._standing.append((x, letter))
        before = max((glyph.x1 for glyph in self._letters if glyph.middle < x), default=x)
        after = min((glyph.x0 for glyph in self._letters if glyph.middle > x), default=x)
        if x - letter.size < before < x:
            letter.x0 = before
        if x < after < x + letter.size:
            letter.x1 = after
        self._letters.append(letter)
        self._seen.append(letter)
        return letter

    def _is_before_hole(self, glyph: Glyph) -> bool:
        """Whether nothing stands on the right of a place, though more comes: a letter's glyph that is not told."""
        left = self._ending_at(glyph)
        if glyph.text in _ALEFS and left is not None and left.text[0] == _LAM:
            return False
        starts = [letter.x0 - glyph.middle for letter in self._letters if letter.x1 > glyph.middle + 0.1 * glyph.size]
        return bool(starts) and _HOLE[0] * glyph.size < min(starts) < _HOLE[1] * glyph.size

    def _same_beside(self, glyph: Glyph) -> Glyph | None:
        reach = _BESIDE * glyph.size
        near = (
            letter
            for letter in self._seen
            if letter.x0 - reach < glyph.middle < letter.x1 + reach and glyph.text in letter.text
        )
        return min(near, key=lambda letter: abs(letter.middle - glyph.middle), default=None)

    def _standing_at(self, glyph: Glyph) -> Glyph | None:
        """Return a letter that has no width of its own either."""
        margin = _ONE_PLACE * glyph.size
        return next((letter for x, letter in self._standing if abs(x - glyph.middle) < margin), None)

    def _around(self, glyph: Glyph) -> Glyph | None:
        margin = _ONE_PLACE * glyph.size
        inside = (letter for letter in self._seen if letter.x0 + margin < glyph.middle < letter.x1 - margin)
        return min(inside, key=lambda letter: letter.x1 - letter.x0, default=None)

    def _ending_at(self, glyph: Glyph) -> Glyph | None:
        return self._closest(glyph, lambda letter: letter.x1)

    def _beginning_at(self, glyph: Glyph) -> Glyph | None:
        return self._closest(glyph, lambda letter: letter.x0)

    def _closest(self, glyph: Glyph, edge: Callable[[Glyph], float]) -> Glyph | None:
        near = [letter for letter in self._seen if abs(edge(letter) - glyph.middle) <= _ONE_PLACE * glyph.size]
        return min(near, key=lambda letter: abs(edge(letter) - glyph.middle), default=None)

    def _nearest(self, glyph: Glyph) -> Glyph | None:
        return min(self._seen, key=lambda letter: abs(letter.middle - glyph.middle), default=None)


def _repeats(letters: Sequence[Glyph]) -> bool:
    """Whether letters in one place are the same: two glyphs of one letter. A ligature repeats none but the lam."""
    return len(letters) > 1 and {glyph.text for glyph in letters} == {letters[0].text} != {_LAM}


def _mark(letter: Glyph, marks: Sequence[Glyph]) -> None:
    """Add combining marks to a letter, each once: some layers have them with the letter's glyph and with their own."""
    for mark in marks:
        if mark.text not in letter.text:
            letter.text += mark.text


def _is_covered(blank: Glyph, glyphs: Sequence[Glyph]) -> bool:
    """Whether letters stand where a blank should be: the one at the end of a line that was cut."""
    return any(
        min(blank.x1, glyph.x1) - max(blank.x0, glyph.x0) > 0.5 * (blank.x1 - blank.x0)
        for glyph in glyphs
        if not glyph.text.isspace()
    )

"""Drawn formulas in the text layer: a word stands for each while the page is cut into blocks, and LaTeX in the end."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scribetune.labels import text_pages
from scribetune.labels.formulas.drawn import DrawnFormula
from scribetune.labels.tables.cells import Box, Word, union
from scribetune.labels.text_layer import Line, Span, TextLayer

_GRID = 4.0  # places are compared in quarters of a point
_NEW_BLOCK = 100_000
_ASCENT, _DESCENT = 0.72, 0.2  # of the font's size: of the word that stands for a formula in a line
_CELL = re.compile(r"^\||<t[dh]\b")

Place = tuple[int, int]


@dataclass(frozen=True)
class Stand:
    """The words that stand for formulas."""

    formulas: dict[str, DrawnFormula] = field(default_factory=dict)  # by word
    unknown: int = 0  # formulas whose LaTeX is not known

    def fill(self, text: str, left_out: Sequence[Line] = ()) -> tuple[str, int, int]:
        """Put LaTeX where a formula's word stands.

        Returns the text, how many formulas it has, and how many words are not there exactly once; those of lines that
        were `left_out` need not be.
        """
        found = lost = 0
        dropped = " ".join(line.text for line in left_out)
        for word, formula in self.formulas.items():
            count = text.count(word)
            found += count == 1
            lost += count > 1 or (count == 0 and word not in dropped)
            if formula.display:
                lines = text.split("\n")
                text = "\n".join(_displayed(line, word, formula.latex) if word in line else line for line in lines)
            else:
                text = text.replace(word, f"${formula.latex}$")
        return text, found, lost


def _displayed(line: str, word: str, latex: str) -> str:
    """Put a displayed formula on lines of its own; in a cell it stands in the line."""
    if _CELL.search(line) or line.startswith("#"):
        return line.replace(word, f"${latex}$")
    before, _, after = line.partition(word)
    parts = [before.rstrip(), f"$${latex}$$", after.strip()]
    return "\n\n".join(part for part in parts if part.strip())


def put(page: Any, layer: TextLayer, formulas: Sequence[DrawnFormula]) -> tuple[TextLayer, Stand]:
    """Put a word in the place of each formula whose LaTeX is known; the layer is that of the pymupdf.Page."""
    import pymupdf

    known = [formula for formula in formulas if formula.latex]
    unknown = len(formulas) - len(known)
    if not known:
        return layer, Stand(unknown=unknown)
    words = {f"qz{number:03d}x": formula for number, formula in enumerate(known)}
    owners = {
        place: word
        for word, formula in words.items()
        for glyph in formula.glyphs
        for place in [_place(glyph.x, glyph.y)]
    }
    flags = pymupdf.TEXTFLAGS_DICT & ~(pymupdf.TEXT_PRESERVE_LIGATURES | pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE)
    taken = _Taken(text_pages.text_page(page, flags).extractRAWDICT()["blocks"], owners, words)
    lines = [made for line in layer.lines for made in taken.line(line)]
    lines.extend(
        Line((_span(word, formula, formula.box),), formula.box, _NEW_BLOCK + number)
        for number, (word, formula) in enumerate(words.items())
        if formula.display or word not in taken.placed
    )
    return replace(layer, lines=tuple(lines), words=tuple(taken.words(layer.words))), Stand(words, unknown)


def _place(x: float, y: float) -> Place:
    return round(x * _GRID), round(y * _GRID)


def _span(word: str, formula: DrawnFormula, box: Box) -> Span:
    size = max(glyph.size for glyph in formula.glyphs)
    return Span(word, box, size, False, False, False, False, math=formula.display)


def _line_box(formula: DrawnFormula) -> Box:
    """Return the box of a formula as one of letters in its line."""
    x0, x1 = min(glyph.x for glyph in formula.glyphs), max(max(glyph.box[2], glyph.end) for glyph in formula.glyphs)
    size = max(glyph.size for glyph in formula.glyphs)
    base = max(
        (glyph for glyph in formula.glyphs if glyph.size > 0.9 * size and not glyph.is_centred),
        key=lambda glyph: -glyph.x,
        default=formula.glyphs[0],
    ).y
    return x0, base - _ASCENT * size, x1, base + _DESCENT * size


@dataclass(frozen=True)
class _Part:
    """Characters of one span that follow each other, or the word of a formula."""

    text: str
    box: Box
    word: str  # of the formula, "" for none


class _Taken:
    """What of a page's text belongs to formulas."""

    def __init__(
        self, blocks: Sequence[dict[str, Any]], owners: dict[Place, str], formulas: dict[str, DrawnFormula]
    ) -> None:
        self._owners = owners
        self._formulas = formulas
        self._boxes = [(formula.box, word) for word, formula in formulas.items() if formula.display]
        self.placed: set[str] = set()
        self._spans: dict[tuple[int, ...], list[tuple[Any, str]]] = {}
        self._words: dict[tuple[int, ...], list[tuple[Any, str]]] = {}
        for block in blocks:
            for line in block.get("lines", ()):
                self._add(line)

    def _add(self, line: dict[str, Any]) -> None:
        word: list[tuple[Any, str]] = []
        for span in line["spans"]:
            owned: list[tuple[Any, str]] = []
            for char in span["chars"]:
                # Marks have no place of their own.
                is_mark = bool(owned) and unicodedata.combining(char["c"][:1]) > 0
                owned.append((char, owned[-1][1] if is_mark else self._owner(char)))
            owned = [
                (char, owned[at - 1][1] if char["c"].isspace() and 0 < at < len(owned) - 1
                 and owned[at - 1][1] == owned[at + 1][1] else owner)
                for at, (char, owner) in enumerate(owned)
            ]  # fmt: skip
            if any(owner for _, owner in owned):
                self._spans[_key(tuple(span["bbox"]))] = owned
            for char, owner in owned:
                if not char["c"].isspace():
                    word.append((char, owner))
                    continue
                self._add_word(word)
                word = []
        self._add_word(word)

    def _add_word(self, word: list[tuple[Any, str]]) -> None:
        if any(owner for _, owner in word):
            self._words[_key(union([tuple(char["bbox"]) for char, _ in word]))] = word

    def _owner(self, char: dict[str, Any]) -> str:
        """Return the word of the formula that a character belongs to, "" where it belongs to none."""
        x, y = _place(*char["origin"])
        for dx in (0, -1, 1):
            for dy in (0, -1, 1):
                if (x + dx, y + dy) in self._owners:
                    return self._owners[x + dx, y + dy]
        if self._boxes and not char["c"].isspace():
            left, _, right, _ = char["bbox"]
            middle = (left + right) / 2
            for (x0, y0, x1, y1), word in self._boxes:
                if x0 - 0.5 < middle < x1 + 0.5 and y0 - 0.5 < char["origin"][1] < y1 + 0.5:
                    return word
        return ""

    def line(self, line: Line) -> list[Line]:
        """Return a line with words for its formulas, none where nothing else is on it."""
        if not any(_key(span.box) in self._spans for span in line.spans):
            return [line]
        spans: list[Span] = []
        for span in line.spans:
            owned = self._spans.get(_key(span.box))
            if owned is None:
                if span.text.strip():  # blanks of large fonts are as high as these
                    spans.append(span)
                continue
            for part in _parts(owned):
                if not part.word:
                    if part.text.strip():
                        spans.append(replace(span, text=part.text, box=part.box))
                elif part.word not in self.placed and not self._formulas[part.word].display:
                    self.placed.add(part.word)
                    formula = self._formulas[part.word]
                    spans.append(_span(part.word, formula, _line_box(formula)))
        if not any(span.text.strip() for span in spans):
            return []
        return [replace(line, spans=tuple(spans), box=union([span.box for span in spans]))]

    def words(self, words: Sequence[Word]) -> list[Word]:
        """Return words of the layer without those of formulas, with the ones that stand for these."""
        made: list[Word] = []
        for word in words:
            owned = self._words.get(_key(word.box))
            if owned is None:
                made.append(word)
            else:
                made.extend(Word(*part.box, part.text) for part in _parts(owned) if not part.word and part.text.strip())
        for text, formula in self._formulas.items():
            made.append(Word(*(formula.box if formula.display else _line_box(formula)), text))
        return made


def _key(box: Box) -> tuple[int, ...]:
    return tuple(round(10 * value) for value in box)


def _parts(owned: Sequence[tuple[Any, str]]) -> list[_Part]:
    runs: list[tuple[str, list[Any]]] = []
    for char, owner in owned:
        if runs and runs[-1][0] == owner:
            runs[-1][1].append(char)
        else:
            runs.append((owner, [char]))
    return [
        _Part("".join(char["c"] for char in chars), union([tuple(char["bbox"]) for char in chars]), owner)
        for owner, chars in runs
    ]

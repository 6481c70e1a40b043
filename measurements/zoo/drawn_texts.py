"""Paragraphs and lists drawn line by line, as many programs write them: words divided, capitals dropped."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pymupdf

from zoo import fonts
from zoo.styles import TextStyle
from zoo.texts import TextBlock

_VOWELS = set("aeiouy")
_GUTTER = 24.0


@dataclass(frozen=True)
class _Look:
    """How a page looks; lengths in points."""

    font: str
    bold: str
    size: float
    pitch: float  # between the lines of a paragraph
    gap: float  # between paragraphs, beyond the pitch
    indent: float  # of first lines, or of all others where it hangs
    margin: float
    hyphen: str  # at the end of a line where a word is divided; "" for undivided words
    bullet: str

    def width(self, text: str) -> float:
        """Return the width of a text."""
        return fonts.width(text, self.font, self.size)


@dataclass(frozen=True)
class _Line:
    """A line of a block: how far it starts to the right, and its text."""

    left: float
    text: str


def document(style: TextStyle, blocks: Sequence[TextBlock], draw: random.Random) -> Any:
    """Return a pymupdf.Document of one page; None where the blocks do not fit."""
    look = _look(style, draw)
    pdf = pymupdf.open()
    shape = pdf.new_page(width=595, height=842).new_shape()
    columns = 2 if "columns" in style.features else 1
    width = (595 - 2 * look.margin - (columns - 1) * _GUTTER) / columns
    # Columns as high as they have to be, so that there are two.
    least = sum(_height(style, look, block, width) for block in blocks) / columns
    bottom = look.margin + least + (0.0 if columns == 1 else 3 * look.pitch)
    bottom = min(842 - look.margin, max(bottom, 842 - look.margin if columns == 1 else 0.0))
    column, y = 0, look.margin + look.size
    for number, block in enumerate(blocks):
        height = _height(style, look, block, width)
        if y + height - look.gap - look.pitch > bottom:
            column, y = column + 1, look.margin + look.size
        if column == columns or y + height > 842 - look.margin + look.gap + look.pitch:
            return None
        y += _put(shape, style, look, block, (look.margin + column * (width + _GUTTER), y), width, is_first=number == 0)
        follows = blocks[number + 1] if number + 1 < len(blocks) else None
        goes_on = follows is not None and (follows.kind == "item" or "list-then-text" in style.features)
        y += 0.0 if block.kind == "item" and goes_on else look.gap
    shape.commit()
    return pdf


def _look(style: TextStyle, draw: random.Random) -> _Look:
    font, bold = draw.choice(fonts.LATIN)
    size = draw.choice((9.0, 10.0, 11.0))
    pitch = size * (draw.choice((2.0, 2.2)) if "double" in style.features else draw.choice((1.15, 1.2, 1.3)))
    gap = 0.0 if "tight" in style.features else size * draw.choice((0.5, 0.8, 1.1))
    hyphen = "\u00ad" if "soft-hyphens" in style.features else "-" if "hyphens" in style.features else ""
    indent = draw.choice((12.0, 18.0, 24.0))
    # Latin-1, in which the text of a base-14 font is written, has no bullet but this and the dash.
    return _Look(font, bold, size, pitch, gap, indent, draw.choice((60.0, 72.0)), hyphen, draw.choice("·-"))


def _height(style: TextStyle, look: _Look, block: TextBlock, width: float) -> float:
    if block.kind == "heading":
        return look.pitch * 1.6 + look.gap
    return len(_lines(style, look, block, width, is_first=False)) * look.pitch + look.gap


def _put(
    shape: Any,
    style: TextStyle,
    look: _Look,
    block: TextBlock,
    at: tuple[float, float],
    width: float,
    *,
    is_first: bool,
) -> float:
    """Draw a block; return its height without the gap below it."""
    x, y = at
    if block.kind == "heading":
        shape.insert_text((x, y + 0.4 * look.pitch), block.text, fontsize=1.35 * look.size, fontname=look.bold)
        return 1.6 * look.pitch
    lines = _lines(style, look, block, width, is_first=is_first)
    if is_first and "drop-capital" in style.features:
        size = (look.pitch + 0.72 * look.size) / 0.72
        shape.insert_text((x, y + look.pitch), block.text[0], fontsize=size, fontname=look.font)
    if block.kind == "item":
        shape.insert_text((x, y), block.mark or look.bullet, fontsize=look.size, fontname=look.font)
    for number, line in enumerate(lines):
        shape.insert_text((x + line.left, y + number * look.pitch), line.text, fontsize=look.size, fontname=look.font)
    return max(len(lines), 2 if is_first and "drop-capital" in style.features else 1) * look.pitch


def _lines(style: TextStyle, look: _Look, block: TextBlock, width: float, *, is_first: bool) -> list[_Line]:
    """Return the lines of a paragraph or an item."""
    text = block.text
    drop = 0.0
    if is_first and "drop-capital" in style.features:
        size = (look.pitch + 0.72 * look.size) / 0.72
        drop = fonts.width(text[0], look.font, size) + 2
        text = text[1:]
    lines: list[_Line] = []
    rest = text.split(" ")
    while rest:
        left = _left(style, look, block, len(lines)) + (drop if len(lines) < 2 else 0.0)
        taken, rest = _taken(look, rest, width - left)
        lines.append(_Line(left, taken))
    return lines


def _left(style: TextStyle, look: _Look, block: TextBlock, line: int) -> float:
    if block.kind == "item":
        return 16.0
    if "hanging" in style.features:
        return look.indent if line else 0.0
    return look.indent if "indent" in style.features and line == 0 else 0.0


def _taken(look: _Look, words: list[str], width: float) -> tuple[str, list[str]]:
    """Return what fits on a line, at least one word, and the words that are left."""
    count = 1
    while count < len(words) and look.width(" ".join(words[: count + 1])) <= width:
        count += 1
    line, rest = " ".join(words[:count]), words[count:]
    if not look.hyphen or not rest:
        return line, rest
    for place in reversed(_places(rest[0])):
        longer = f"{line} {rest[0][:place]}"
        if look.width(longer + "-") <= width:
            return longer + look.hyphen, [rest[0][place:], *rest[1:]]
    return line, rest


def _places(word: str) -> list[int]:
    """Return where a word may be divided: between a vowel and a consonant, three letters on each side."""
    if not word.isalpha():
        return []
    return [i for i in range(3, len(word) - 2) if word[i - 1] in _VOWELS and word[i] not in _VOWELS]

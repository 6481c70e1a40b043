"""Pages for pre-training, drawn with Pillow: text of `tiny_pretraining.text` in many layouts.

Every page follows from (seed, index, limits) alone. The renderer knows where each character stands: beside its text, a
page comes with the character under each patch of the model. Text is transcribed as it is printed: one line of the
page is one line of text, columns one after the other, the cells of a table row separated by one blank, bullets as they
are drawn.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from tiny_pretraining.examples import Example, Glyph, finish
from tiny_pretraining.fonts import Font
from tiny_pretraining.text import Piece, Source, is_han
from tiny_pretraining.tiny_model import PAGE_PX


@dataclass(frozen=True)
class Limits:
    """How much may stand on a page.

    Attributes:
        lines: Most lines.
        characters: Most characters; a Chinese one counts as `HAN_WEIGHT`.
        chinese: Share of pages in Chinese.
        rough: Share of pages with the traces of scanning.
    """

    lines: int
    characters: int = 430
    chinese: float = 0.35
    rough: float = 0.5


HAN_WEIGHT = 2.4


@lru_cache(maxsize=4096)
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=400_000)
def _advance(path: Path, size: int, character: str) -> float:
    return _font(path, size).getlength(character)


@lru_cache(maxsize=1024)
def _drawable(latin: Font, han: Font) -> frozenset[str]:
    wide = {character for character in han.characters if is_han(character)}
    narrow = {character for character in latin.characters if not is_han(character)}
    return frozenset(wide | narrow | {" "})


@dataclass(frozen=True)
class Face:
    """The fonts of a page: one for Latin letters, one for Chinese characters; and whether strokes are thickened."""

    latin: Font
    han: Font

    @property
    def drawable(self) -> frozenset[str]:
        """Characters that one of them has."""
        return _drawable(self.latin, self.han)

    def of(self, character: str) -> Path:
        """Return the file that draws a character."""
        return self.han.path if is_han(character) else self.latin.path

    def width(self, text: str, size: int) -> float:
        """Return the width of a line in pixels."""
        return sum(_advance(self.of(character), size, character) for character in text)


class _Sheet:
    """A page being drawn, and the characters on it in reading order."""

    def __init__(self, width: int, height: int, paper: int, ink: int) -> None:
        self.image = Image.new("L", (width, height), paper)
        self.draw = ImageDraw.Draw(self.image)
        self.paper, self.ink = paper, ink
        self.glyphs: list[Glyph] = []
        self.lines: list[str] = []

    def write(self, x: float, baseline: float, text: str, face: Face, size: int, ink: int | None = None) -> float:
        """Draw text and return where it ends."""
        start = 0
        for end in range(1, len(text) + 1):
            if end < len(text) and is_han(text[end]) == is_han(text[start]):
                continue
            run, path = text[start:end], face.of(text[start])
            font = _font(path, size)
            self.draw.text((x, baseline), run, font=font, fill=self.ink if ink is None else ink, anchor="ls")
            advances = [_advance(path, size, character) for character in run]
            width = font.getlength(run)
            stretch = width / sum(advances) if sum(advances) else 1.0  # kerning, spread over the run
            left = x
            for character, advance in zip(run, advances, strict=True):
                right = left + advance * stretch
                if character != " ":
                    self.glyphs.append(Glyph(character, left, baseline - 0.72 * size, right, baseline + 0.14 * size))
                left = right
            x += width
            start = end
        return x


@dataclass
class _Budget:
    """What may still be written on a page."""

    lines: int
    characters: float

    def spend(self, text: str) -> None:
        self.lines -= 1
        self.characters -= sum(HAN_WEIGHT if is_han(character) else 1.0 for character in text)

    @property
    def is_spent(self) -> bool:
        return self.lines <= 0 or self.characters < 8

    def fits(self, text: str) -> bool:
        cost = sum(HAN_WEIGHT if is_han(character) else 1.0 for character in text)
        return self.lines > 0 and self.characters >= cost


def wrap(pieces: Sequence[Piece], face: Face, size: int, width: float) -> list[str]:
    """Break a paragraph into lines; a piece wider than a line is left out."""
    lines: list[str] = []
    line, used = "", 0.0
    for piece in pieces:
        text = " " + piece.text if piece.blank and line else piece.text
        needed = face.width(text, size)
        # No line begins with a closing mark.
        if line and used + needed > width and piece.text not in "，。、；：！？）》”」】":
            lines.append(line)
            text = piece.text
            line, used, needed = "", 0.0, face.width(text, size)
        if used + needed <= width * 1.04:
            line, used = line + text, used + needed
    return [*lines, line] if line else lines


@dataclass
class _Column:
    """Where blocks are put, from top to bottom; lengths in pixels of the drawn page."""

    sheet: _Sheet
    source: Source
    face: Face
    size: int
    left: float
    right: float
    y: float
    bottom: float
    leading: float
    budget: _Budget
    align: str
    rng: random.Random = field(repr=False)

    @property
    def width(self) -> float:
        return self.right - self.left

    def has_room(self, size: int) -> bool:
        return self.y + 1.3 * size <= self.bottom and not self.budget.is_spent

    def line(self, text: str, *, size: int | None = None, indent: float = 0.0, ink: int | None = None) -> bool:
        """Write one line, unless it does not fit; return whether it did."""
        size = size or self.size
        if not text or not self.has_room(size) or not self.budget.fits(text):
            return False
        width = self.face.width(text, size)
        if indent + width > self.width * 1.05:
            return False
        x = self.left + indent
        if self.align == "center":
            x = self.left + (self.width - width) / 2
        elif self.align == "right":
            x = self.right - width
        self.y += size
        self.sheet.write(x, self.y, text, self.face, size, ink)
        self.y += (self.leading - 1.0) * size
        self.sheet.lines.append(text)
        self.budget.spend(text)
        return True


def _paragraph(column: _Column) -> None:
    length = column.rng.randint(20, 200)
    pieces = column.source.paragraph(length // 2 if column.source.chinese else length)
    for text in wrap(pieces, column.face, column.size, column.width):
        if not column.line(text):
            break
    column.y += column.size * column.rng.uniform(0.1, 1.0)


def _heading(column: _Column) -> None:
    rng = column.rng
    size = min(round(column.size * rng.uniform(1.1, 1.6)), round(44 * column.sheet.image.width / PAGE_PX * 1.6))
    pieces = column.source.pieces(column.source.phrase(rng.randint(1, 4)))
    ink = rng.choice((None, None, min(column.sheet.ink + 40, 110)))
    align, column.align = column.align, rng.choice((column.align, "left", "center"))
    for text in wrap(pieces, column.face, size, column.width)[:2]:
        if column.line(text, size=size, ink=ink) and rng.random() < 0.12:
            y = column.y - 0.1 * size
            column.sheet.draw.line((column.left, y, column.right, y), fill=column.sheet.ink, width=rng.randint(1, 3))
    column.align = align
    column.y += column.size * rng.uniform(0.0, 0.6)


def _list(column: _Column) -> None:
    rng = column.rng
    marks = [mark for mark in "••–-●○■□▲☐☑✓*" if mark in column.face.drawable] or ["-"]
    mark = rng.choice(marks)
    style = rng.choice(("mark", "mark", "number", "letter", "paren"))
    align, column.align = column.align, "left"
    for number in range(1, rng.randint(2, 5) + 1):
        letter = "abcdefgh"[number - 1]
        head = {"mark": mark, "number": f"{number}.", "letter": f"{letter})", "paren": f"({number})"}[style]
        lead = column.face.width(head + " ", column.size) * rng.choice((1.0, 1.0, 1.4))
        item = column.source.pieces(column.source.phrase(rng.randint(1, 6)))
        lines = wrap(item, column.face, column.size, column.width - lead)[:2]
        if not lines or not column.budget.fits(f"{head} {lines[0]}") or not column.has_room(column.size):
            break
        baseline = column.y + column.size
        column.sheet.write(column.left, baseline, head, column.face, column.size)
        if not column.line(lines[0], indent=lead):
            break
        column.sheet.lines[-1] = f"{head} {lines[0]}"
        for text in lines[1:]:
            column.line(text, indent=lead)
    column.align = align
    column.y += column.size * rng.uniform(0.1, 0.6)


def _entries(column: _Column) -> None:
    """Lines with something at each end, as in totals and forms."""
    rng = column.rng
    filler = rng.choice(("", "", "", "."))
    for _ in range(rng.randint(1, 4)):
        label = column.source.cell() + rng.choice((":", ":", "", "："[: column.source.chinese]))
        value = column.source.number()
        widths = [column.face.width(text, column.size) for text in (label, value)]
        gap = column.width - sum(widths)
        text = f"{label} {value}"
        if gap < column.size or not column.has_room(column.size) or not column.budget.fits(text):
            break
        column.y += column.size
        x = column.sheet.write(column.left, column.y, label, column.face, column.size)
        near = rng.random() < 0.3
        start = x + column.size * rng.uniform(0.5, 2.0) if near else column.right - widths[1]
        if filler and not near:
            column.sheet.draw.line(
                (x + 0.3 * column.size, column.y, start - 0.3 * column.size, column.y), fill=column.sheet.ink, width=1
            )
        column.sheet.write(min(start, column.right - widths[1]), column.y, value, column.face, column.size)
        column.y += (column.leading - 1.0) * column.size
        column.sheet.lines.append(text)
        column.budget.spend(text)
    column.y += column.size * rng.uniform(0.1, 0.6)


def _formula(column: _Column) -> None:
    align, column.align = column.align, column.rng.choice(("left", "center"))
    column.line(column.source.formula())
    column.align = align
    column.y += column.size * column.rng.uniform(0.1, 0.8)


def _table(column: _Column) -> None:
    """Draw a table, as many of its columns and rows as there is room for."""
    rng, size, sheet = column.rng, column.size, column.sheet
    padding = size * rng.uniform(0.2, 0.6)
    cells, numeric = _table_cells(column)
    widths = [max(column.face.width(row[c], size) for row in cells) + 2 * padding for c in range(len(numeric))]
    while len(widths) > 1 and sum(widths) > column.width:
        widths.pop()
    count = len(widths)
    if count < 2:
        return
    if rng.random() < 0.5:
        spare = column.width - sum(widths)
        widths = [width + spare * rng.uniform(0.3, 1.0) / count for width in widths]
    height = size * rng.uniform(1.25, 1.9)
    kept: list[list[str]] = []
    for row in cells:
        text = " ".join(row[:count])
        if column.y + height * (len(kept) + 1) > column.bottom or not column.budget.fits(text):
            break
        column.budget.spend(text)
        kept.append(row[:count])
    if not kept:
        return
    edges = [column.left]
    for width in widths:
        edges.append(edges[-1] + width)
    tops = [column.y + number * height for number in range(len(kept) + 1)]
    has_dark_header = _table_rules(sheet, rng, edges, tops)
    centred = rng.random() < 0.2
    for number, row in enumerate(kept):
        baseline = tops[number] + height / 2 + 0.34 * size
        ink = 245 if has_dark_header and number == 0 else None
        for c, text in enumerate(row):
            width = column.face.width(text, size)
            x = edges[c] + padding
            if centred:
                x = (edges[c] + edges[c + 1] - width) / 2
            elif numeric[c]:
                x = edges[c + 1] - padding - width
            sheet.write(x, baseline, text, column.face, size, ink)
        sheet.lines.append(" ".join(row))
    column.y = tops[-1] + size * rng.uniform(0.3, 1.0)


def _table_cells(column: _Column) -> tuple[list[list[str]], list[bool]]:
    """Return the cells by row, the header first, and whether each column is numeric."""
    rng, source = column.rng, column.source
    rows = min(rng.randint(2, 6), column.budget.lines)
    numeric = [number > 0 and rng.random() < 0.75 for number in range(rng.randint(2, 5))]

    def cell(row: int, number: int) -> str:
        if numeric[number] and row > 0:
            return source.number()
        return str(row) if number == 0 and rng.random() < 0.1 else source.cell()

    return [[cell(row, number) for number in range(len(numeric))] for row in range(rows)], numeric


def _table_rules(sheet: _Sheet, rng: random.Random, edges: Sequence[float], tops: Sequence[float]) -> bool:
    """Draw fills and rules between the given positions, and return whether the header is dark."""
    rules = rng.choice(("grid", "grid", "rows", "open", "header", "none"))
    line = rng.randint(1, 3)
    shade = rng.choice((None, None, 225, 238, 200, "dark", "zebra"))
    ink = min(sheet.ink + rng.choice((0, 60, 120)), 190)
    for number, (top, bottom) in enumerate(pairwise(tops)):
        if shade == "zebra" and number % 2 == 1:
            sheet.draw.rectangle((edges[0], top, edges[-1], bottom), fill=min(232, sheet.paper))
        elif number == 0 and shade not in (None, "zebra"):
            tone = shade if isinstance(shade, int) else 60
            sheet.draw.rectangle((edges[0], top, edges[-1], bottom), fill=min(tone, sheet.paper))
    across = {"grid": tops, "rows": tops, "open": tops[1:-1], "header": tops[:2], "none": ()}[rules]
    down = {"grid": edges, "open": edges[1:-1]}.get(rules, ())
    for y in across:
        sheet.draw.line((edges[0], y, edges[-1], y), fill=ink, width=line)
    for x in down:
        sheet.draw.line((x, tops[0], x, tops[-1]), fill=ink, width=line)
    return shade == "dark"


_BLOCKS: Sequence[tuple[Callable[[_Column], None], float]] = (
    (_paragraph, 0.42),
    (_heading, 0.12),
    (_list, 0.12),
    (_entries, 0.08),
    (_formula, 0.05),
    (_table, 0.21),
)


def draw_page(seed: int, index: int, fonts: Sequence[Font], limits: Limits, *, held_out: bool = False) -> Example:
    """Draw page `index` of the sequence that begins with `seed`; the same arguments always give the same page.

    Args:
        seed: Of the sequence. Training and evaluation use different ones.
        index: From 0.
        fonts: To choose from.
        limits: How much stands on it.
        held_out: Use the fonts that training does not use.
    """
    # A string seed is hashed by its content (SHA-512): neighbouring indices have nothing in common.
    rng = random.Random(f"{seed}/page/{index}")  # noqa: S311 (content, no secret)
    while True:
        sheet, scale = _compose(rng, fonts, limits, held_out=held_out)
        if sheet.lines:
            break
    return finish(
        sheet.image,
        [Glyph(g.character, g.left / scale, g.top / scale, g.right / scale, g.bottom / scale) for g in sheet.glyphs],
        "\n".join(sheet.lines),
        rng,
        limits.rough,
    )


def _compose(rng: random.Random, fonts: Sequence[Font], limits: Limits, *, held_out: bool) -> tuple[_Sheet, float]:
    """Lay out and draw a page at a scale (drawn pixels per final pixel) between 1 and 1.6."""
    chinese = rng.random() < limits.chinese
    latin = [font for font in fonts if font.script == "latin" and font.held_out == held_out]
    han = [font for font in fonts if font.script == "han" and font.held_out == held_out]
    wide = rng.choice(han)
    face = Face(wide if rng.random() < 0.1 + 0.15 * chinese else rng.choice(latin), wide)
    scale = rng.choice((1.0, 1.0, 1.0, 1.0, 1.25, 1.6))
    proportion = rng.choice((0.7, 0.76, 0.8, 0.86, 0.92, 1.0, 1.0))
    long, short = round(PAGE_PX * scale), round(PAGE_PX * scale * proportion)
    width, height = (short, long) if rng.random() < 0.55 else (long, short)
    ink = rng.choice((0, 0, 0, 20, 45, rng.randint(0, 100)))
    paper = rng.choice((255, 255, 255, 250, rng.randint(215, 255)))
    sheet = _Sheet(width, height, paper, ink)
    final = rng.randint(22, 34) if rng.random() < 0.85 else rng.randint(34, 44)
    size = max(22, round(final * scale))
    margin = rng.uniform(0.02, 0.08) * long
    count = rng.randint(1, limits.lines) if rng.random() < 0.5 else limits.lines
    budget = _Budget(count, limits.characters)
    leading = rng.uniform(1.15, 1.7)
    # Short pages begin anywhere, so that text is seen all over the page from the start.
    free = height - 2 * margin - count * size * leading * 1.25
    top = margin + max(0.0, free) * rng.random()
    columns = 2 if rng.random() < 0.1 and final <= 28 else 1
    gutter = size * 1.2
    column_width = (width - 2 * margin - gutter * (columns - 1)) / columns
    source = Source(rng, chinese=chinese, drawable=face.drawable)
    align = rng.choice(("left", "left", "left", "left", "left", "center", "right"))
    only_table = rng.random() < 0.08
    for number in range(columns):
        left = margin + number * (column_width + gutter)
        if columns == 1 and rng.random() < 0.25:
            left += rng.random() * 0.15 * column_width
        share = _Budget(math.ceil(budget.lines / columns), budget.characters / columns)
        column = _Column(
            sheet, source, face, size, left, margin + number * (column_width + gutter) + column_width,
            top, height - margin, leading, share, align, rng,
        )  # fmt: skip
        for _ in range(12):
            if not column.has_room(size):
                break
            block = _table if only_table else rng.choices([b for b, _ in _BLOCKS], [w for _, w in _BLOCKS])[0]
            block(column)
    if rng.random() < 0.05:
        inset = margin * 0.4
        sheet.draw.rectangle((inset, inset, width - inset, height - inset), outline=ink, width=rng.randint(1, 3))
    return sheet, scale

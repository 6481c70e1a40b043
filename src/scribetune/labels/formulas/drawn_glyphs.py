"""The glyphs that a page draws, each with what it means in a formula, its baseline and the box of its ink.

A text page of MuPDF's knows neither a glyph's name nor its ink: of a large bracket it says a box as high as a letter,
and no character. Here a device takes the glyphs from the page's display list, font by font.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import Any

from scribetune.documents import symbol_fonts
from scribetune.labels.formulas.glyph_names import Meaning, meaning_of
from scribetune.labels.tables.cells import Box

AXIS = 0.25
"""How far the middle of operators is above the baseline, in sizes of the font."""
_OFF_AXIS = 0.2
_TALL = 1.2  # sizes
_UPRIGHT = 0.02  # how much of a letter's size its baseline may rise
_TINY = 0.5  # points
_THIN = 1.5  # points: the height of a line that is drawn as an image


_Item = tuple[float, float, float, int, int, int]  # x, y, advance, glyph, character, code


@dataclass(frozen=True, slots=True)
class Glyph:
    """A glyph on an upright page."""

    meaning: Meaning
    character: str  # that the PDF says it is, "" for none
    font: str  # its name
    x: float  # where it begins on its baseline
    y: float  # of the baseline
    size: float  # of the font, in points
    box: Box  # of its ink
    end: float  # where the next glyph begins, if nothing is between them

    @property
    def middle(self) -> tuple[float, float]:
        """Of its ink."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def is_centred(self) -> bool:
        """Whether it is centred on the axis of its line, whatever its font calls the baseline: large signs are."""
        if self.meaning.kind in ("op", "radical", "piece"):
            return True
        off_axis = abs(self.middle[1] - self.y + AXIS * self.size) > _OFF_AXIS * self.size
        is_fence = self.meaning.kind in ("open", "close") or self.meaning.latex in ("|", r"\|")
        return is_fence and (off_axis or self.box[3] - self.box[1] > _TALL * self.size)


def read(page: Any) -> tuple[list[Glyph], list[Box]]:
    """Return the glyphs of a pymupdf.Page that is not rotated, without blanks and what does not run across it.

    Also the boxes of lines that are drawn as images, as programs for printers do.
    """
    runs, lines = _run(page)
    found = [glyph for font, matrix, items in runs for glyph in _glyphs(font, matrix, items)]
    return _once(found), lines


@dataclass(frozen=True, slots=True)
class Inked:
    """A glyph that is seen on an upright page, whatever it means."""

    character: str  # that the PDF says it is, "" for none
    font: str  # its name
    y: float  # of the baseline
    size: float  # of the font, in points
    box: Box  # of its ink


def inked(page: Any) -> list[Inked]:
    """Return the glyphs of a pymupdf.Page that is not rotated, those of no meaning and blanks too, with ink."""
    found: list[Inked] = []
    for font, (a, b, c, d), items in _run(page)[0]:
        size = math.hypot(c, d)
        if a <= 0 or abs(b) > _UPRIGHT * abs(a) or d >= 0 or size < _TINY:
            continue
        for x, y, _, glyph, character, _ in items:
            x0, y0, x1, y1 = font.ink(glyph) if glyph >= 0 else (0.0, 0.0, 0.0, 0.0)
            if (x0, y0, x1, y1) == font.box:
                continue  # that of a glyph which cannot be drawn
            if x1 > x0 and y1 > y0:
                box = (x + a * x0, y + d * y1, x + a * x1, y + d * y0)
                found.append(Inked(_text(character), font.name, y, size, box))
    return found


def _run(page: Any) -> tuple[list[tuple["_Font", tuple[float, ...], list[_Item]]], list[Box]]:
    """Return runs of glyphs, each with its font and its matrix, and the lines that are drawn as images."""
    from pymupdf import mupdf

    device = _device()()
    everywhere = mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
    mupdf.fz_run_display_list(page.get_displaylist().this, device, mupdf.FzMatrix(), everywhere, mupdf.FzCookie())
    fonts: dict[int, _Font] = {}
    runs = []
    for font, matrix, items in device.runs:
        if id(font) not in fonts:  # the device keeps one object for each
            fonts[id(font)] = _Font(font)
        runs.append((fonts[id(font)], matrix, items))
    return runs, device.lines


def _glyphs(font: "_Font", matrix: tuple[float, ...], items: list[_Item]) -> Iterator[Glyph]:
    a, b, c, d = matrix
    size = math.hypot(c, d)
    if a <= 0 or abs(b) > _UPRIGHT * abs(a) or d >= 0 or size < _TINY:
        return
    for number, (x, y, advance, glyph, character, code) in enumerate(items):
        if glyph < 0:
            continue
        further = takewhile(lambda item: item[3] < 0, items[number + 1 :])  # of a glyph for several characters
        letters = _text(character) + "".join(_text(item[4]) for item in further)
        text = _LIGATURES.get(letters, _SAME_LETTERS.get(letters, letters))
        text = symbol_fonts.meaning(font.name, text) if len(text) == 1 else text
        if text.isspace():
            continue
        x0, y0, x1, y1 = font.ink(glyph)
        if x1 <= x0 or y1 <= y0:
            continue
        several = len(text) > 1
        meaning = Meaning(text, text=text, style="rm") if several else font.meaning(glyph, text, code)
        box = (x + a * x0, y + d * y1, x + a * x1, y + d * y0)
        yield Glyph(meaning, text, font.name, x, y, size, box, x + a * advance)


_SAME_LETTERS = {"\u2126": "Ω", "\u2206": "Δ"}  # signs of units and differences
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl"}


def _text(character: int) -> str:
    is_character = 0 < character < 0x110000 and not 0xD800 <= character < 0xE000
    return chr(character) if is_character and not 0xFE00 <= character < 0xFE10 else ""  # variants of the one before


def _once(glyphs: list[Glyph]) -> list[Glyph]:
    """Return glyphs without those drawn again where they stand."""
    seen: set[tuple[str, str, int, int]] = set()
    kept = []
    for glyph in glyphs:
        key = (glyph.meaning.latex, glyph.character, round(glyph.x * 2), round(glyph.y * 2))
        if key not in seen:
            seen.add(key)
            kept.append(glyph)
    return kept


class _Font:
    """A font of the page, asked once for each glyph."""

    def __init__(self, font: Any) -> None:
        from pymupdf import mupdf

        self._font = font
        self.name = str(mupdf.fz_font_name(font))
        whole = mupdf.fz_font_bbox(font)
        self.box: Box = (whole.x0, whole.y0, whole.x1, whole.y1)
        self._inks: dict[int, Box] = {}
        self._names: dict[int, str] = {}

    def ink(self, glyph: int) -> Box:
        """Return the box of a glyph's ink for a font of one point, upwards from the baseline."""
        from pymupdf import mupdf

        if glyph not in self._inks:
            box = mupdf.fz_bound_glyph(self._font, glyph, mupdf.FzMatrix())
            self._inks[glyph] = (box.x0, box.y0, box.x1, box.y1)
        return self._inks[glyph]

    def meaning(self, glyph: int, character: str, code: int) -> Meaning:
        """Return what a glyph is."""
        from pymupdf import mupdf

        if glyph not in self._names:
            self._names[glyph] = str(mupdf.fz_get_glyph_name2(self._font, glyph))
        return meaning_of(self.name, self._names[glyph], character, code)


@cache
def _device() -> Any:
    """Return the class, made when PyMuPDF is there."""
    import ctypes
    import struct

    from pymupdf import mupdf

    item = struct.Struct("=fffiii")  # of MuPDF's fz_text_item: x, y, advance, glyph, character, code

    class _Recorder(mupdf.FzDevice2):  # type: ignore[misc]  # pymupdf has no types
        """Takes down glyphs; its methods have MuPDF's names and arguments."""

        def __init__(self) -> None:
            super().__init__()
            for name in ("fill_text", "stroke_text", "fill_image", "fill_image_mask"):
                getattr(self, f"use_virtual_{name}")()
            self.runs: list[tuple[Any, tuple[float, ...], list[_Item]]] = []
            self.lines: list[Box] = []
            self._fonts: dict[int, Any] = {}

        def fill_text(self, _context: Any, text: Any, matrix: Any, *_: Any) -> None:
            self._take(text, matrix)

        def stroke_text(self, _context: Any, text: Any, _stroke: Any, matrix: Any, *_: Any) -> None:
            self._take(text, matrix)

        def fill_image(self, _context: Any, _image: Any, m: Any, *_: Any) -> None:
            x = sorted((m.e, m.e + m.a + m.c))
            y = sorted((m.f, m.f + m.b + m.d))
            if y[1] - y[0] <= _THIN < x[1] - x[0]:
                self.lines.append((x[0], y[0], x[1], y[1]))

        def fill_image_mask(self, context: Any, image: Any, matrix: Any, *_: Any) -> None:
            self.fill_image(context, image, matrix)

        def _take(self, text: Any, m: Any) -> None:
            span = text.head
            while span:
                if span.len:
                    key = int(span.font.this)
                    if key not in self._fonts:
                        self._fonts[key] = mupdf.FzFont(mupdf.ll_fz_keep_font(span.font))
                    t = span.trm
                    matrix = (
                        t.a * m.a + t.b * m.c, t.a * m.b + t.b * m.d,
                        t.c * m.a + t.d * m.c, t.c * m.b + t.d * m.d,
                    )  # fmt: skip
                    content = ctypes.string_at(int(span.items.this), item.size * span.len)
                    items = [
                        (x * m.a + y * m.c + m.e, x * m.b + y * m.d + m.f, advance, glyph, character, code)
                        for x, y, advance, glyph, character, code in item.iter_unpack(content)
                    ]
                    self.runs.append((self._fonts[key], matrix, items))
                span = span.next

    return _Recorder

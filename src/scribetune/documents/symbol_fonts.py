"""Fonts of symbols: what their glyphs mean by the font's own table, and which of them are pictures and mean nothing.

A pictogram is a glyph like any other, and the PDF says of it the letter on whose key it lies (`d`, `x`). A font none
of whose letters looks like itself, nor like any other letter, is one of pictures; so is a barcode's: they are blanks in
the text. Mathematical fonts of TeX call their glyphs by names that tell what they are, whatever /ToUnicode says.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from scribetune.core.package import package_file
from scribetune.documents import drawn_page, glyph_shapes, ligatures
from scribetune.documents.drawn_page import FontUse

_TABLE: Mapping[str, Any] = MappingProxyType(json.loads(package_file("symbol_fonts.json").read_text(encoding="utf-8")))
_SYMBOL = re.compile(r"^(?:[A-Z]{6}\+)?Symbol(?!\w*Std)", re.IGNORECASE)
_WINGDINGS = re.compile(r"Wingdings(?![- ]?[23])", re.IGNORECASE)
_DINGBATS = re.compile(r"Wingdings|Webdings", re.IGNORECASE)
_EXTRA = re.compile(r"^(?:[A-Z]{6}\+)?MT[- ]?Extra", re.IGNORECASE)
_ICONS = re.compile(r"awesome|ico(?:n|moon)|glyphicon|fontello", re.IGNORECASE)
_BARCODES = re.compile(
    r"(?:code|c)[- _]?(?:39|128)|3[- _]?of[- _]?9|2[- _]?of[- _]?5|barcode|^(?:\w+\+)?EAN[- _]?\d*", re.I
)
_MATHEMATICS = re.compile(r"(?:^|\+)(?:CM(?:MI|SY|EX|BSY|MIB)|MS[AB]M)\d*", re.IGNORECASE)
_SIMPLE = ("Type1", "TrueType")
_SYMBOLIC = 4  # of a font descriptor's /Flags
_LETTERS = 6  # of a font that are looked at
_NOT_ITSELF, _NO_LETTER = 0.4, 0.8  # likeness; letters of common typefaces are like themselves by about 0.9
_SMALL_FORMS = range(0xF721, 0xF800)  # Adobe's small capitals, seen as capitals, and old-style figures: Latin-1, moved
_OF_ONE_BYTE = range(0xF020, 0xF100)
MAYBE = re.compile("[\ue000-\uf8ff]")


class SymbolFonts:
    """The fonts of a document that mean something else than they say; each is looked at once."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def of_page(self, page: Any) -> ligatures.Meanings:
        """Return what the fonts that a pymupdf.Page is the first to use mean, where that is not what the PDF says."""
        found: dict[int, Mapping[int, str]] = {}
        doubtful: set[int] = set()
        for number, _, kind, name, *_ in page.get_fonts(full=True):
            # A font written down in the page's resources has no number, and cannot be mended.
            if number < 1 or number in self._known or kind not in _SIMPLE:
                continue
            self._known.add(number)
            if _BARCODES.search(name):
                found[number] = _BLANKS
            elif _MATHEMATICS.search(name):
                meanings = _by_names(page.parent, number)
                if meanings:
                    found[number] = meanings
            elif _DINGBATS.search(name) and page.parent.xref_get_key(number, "ToUnicode")[0] != "xref":
                found[number] = {code: _dingbat(name, code) or " " for code in range(0x21, 0x100)}
            elif not _SYMBOL.search(name) and _is_symbolic(page.parent, number):
                doubtful.add(number)
        if doubtful:
            uses = drawn_page.read(page.get_displaylist()).fonts
            pictures = {int(use.font.m_internal.this): _BLANKS for use in uses if _draws_pictures(use)}
            told = ligatures.by_object(page, pictures) if pictures else {}
            found.update({number: blanks for number, blanks in told.items() if number in doubtful})
        return found


_BLANKS: Mapping[int, str] = MappingProxyType(dict.fromkeys(range(256), " "))


@cache
def meaning(font: str, character: str) -> str:
    """Return what a private character of a font by this name stands for; itself where nobody knows.

    Icons are blanks: they are pictures.
    """
    code = ord(character)
    if not MAYBE.match(character):
        return character
    if _ICONS.search(font):
        return " "
    if _SYMBOL.search(font) and code in _OF_ONE_BYTE:
        return _in_row(_TABLE["symbol"], code - 0xF000) or character
    if _DINGBATS.search(font):
        return _dingbat(font, code - 0xF000) or character
    if _EXTRA.search(font):
        return str(_TABLE["extra"].get(f"{code - 0xF000:02x}", character))
    return chr(code - 0xF700).upper() if code in _SMALL_FORMS else _in_row(_TABLE["private"], code) or character


def is_of_pictures(font: str) -> bool:
    """Whether a font by this name has icons, dingbats or barcodes, which are no text."""
    return bool(_ICONS.search(font) or _DINGBATS.search(font) or _BARCODES.search(font))


def _dingbat(font: str, code: int) -> str:
    known: str = _TABLE["wingdings"].get(f"{code:02x}", "") if _WINGDINGS.search(font) else ""
    return known


def _in_row(rows: Mapping[str, str], code: int) -> str:
    """Return the character at a code, of rows by the code of their first one; "" where there is none."""
    for first, row in rows.items():
        if 0 <= code - int(first, 16) < len(row):
            return row[code - int(first, 16)]
    return ""


def _by_names(pdf: Any, font: int) -> dict[int, str]:
    """Return what the names in a font's /Differences mean, by code."""
    kind, listed = pdf.xref_get_key(font, "Encoding/Differences")
    found: dict[int, str] = {}
    code = 0
    for number, name in re.findall(r"(?<![\w/.])(\d+)|/([^\s/\[\]<>()]+)", listed if kind == "array" else ""):
        if number:
            code = int(number)
            continue
        if name in _TABLE["names"]:
            found[code] = _TABLE["names"][name]
        code += 1
    return found


def _is_symbolic(pdf: Any, font: int) -> bool:
    kind, flags = pdf.xref_get_key(font, "FontDescriptor/Flags")
    return kind == "int" and bool(int(flags) & _SYMBOLIC)


def _draws_pictures(use: FontUse) -> bool:
    """Whether a font in the PDF says that it has letters, and draws none."""
    if use.font.m_internal.flags.ft_substitute:
        return False
    letters = [(glyph, code) for glyph, code in use.claims.tolist() if 0x20 < code < 0x7F and chr(code).isalnum()]
    letters = letters[:_LETTERS]
    if not letters:
        return False
    scale = glyph_shapes.scale_of(use.font, [glyph for glyph, _ in letters])
    shapes = glyph_shapes.drawn([[(use.font, *letter)] for letter in letters], scale)
    latin = glyph_shapes.letters_of("latin").shapes
    for (_, code), shade, stretch in zip(letters, shapes.shades, shapes.stretch, strict=True):
        own = [glyph_shapes.known_shapes(case) for case in {chr(code).lower(), chr(code).upper()}]
        alike = max(float(glyph_shapes.likeness(known, shade, stretch).max()) for known in own if known is not None)
        if alike > _NOT_ITSELF or float(glyph_shapes.likeness(latin, shade, stretch).max()) > _NO_LETTER:
            return False
    return bool(shapes.shades.any())

"""Ligatures that a font says are signs, told by their shapes and given their letters: `di!erent`, `"rst`, `su$cient`.

Old fonts have `ff`, `fi`, `fl`, `ffi` and `ffl` where others have signs, or say nothing of what they are. A glyph that
is said to be no letter, and looks like the letters of one ligature side by side, in the page's own fonts or in known
ones, more than like any other, any letter or the sign, is that ligature. What is found is written into the font's
/ToUnicode, in memory: whoever reads the document from then on reads the letters.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from scribetune.documents import drawn_page, glyph_shapes
from scribetune.documents.drawn_page import DrawnPage, FontUse
from scribetune.documents.glyph_shapes import Glyph, Shapes

_LIGATURES = ("ff", "fi", "fl", "ffi", "ffl")
_KNOWN_FONTS = ("helv", "hebo", "tiro", "tiit", "tibo")
_ALIKE = 0.82
_PERHAPS = 0.7  # so much like a ligature of a known font
_CLEARLY = 1.3  # times as far from alike is another one
_IN_WORD = 0.3  # of the places of a sign on a page: other fonts may have it too
_LOWEST = 0.45  # em: signs of the upper half of a line are lower
_SIMPLE, _BY_GLYPH = ("/Type1", "/MMType1", "/TrueType", "/Type3"), ("/Identity-H", "/Identity-V")
_CODES = 0x110000
_MOST_KNOWN = 20_000  # glyphs that are remembered
_COMMON = frozenset(map(ord, " .,:;()[]-–—/"))
_OFTEN = r"\w\s.,;:()\[\]/'’\"“”…@_=*+~<>–—-"  # beside letters
_IN_WORDS = re.compile(rf"[a-z][^{_OFTEN}]|[^{_OFTEN}][a-z]|[a-z]\"[a-z]|[\x0b\x0c\x1c-\x1f]")

Meanings = Mapping[int, Mapping[int, str]]
"""Number of a font's object in the PDF → code → the letters that it draws."""


def displayed(page: Any) -> tuple[Any, DrawnPage]:
    """Return a pymupdf.Page's display list and what it draws, once the fonts of its document say what that is."""
    shown = page.get_displaylist()
    drawn = drawn_page.read(shown)
    meanings = of_page(page, drawn.fonts)
    if meanings:
        mend(page.parent, meanings)
        shown = page.get_displaylist()
        drawn = drawn_page.read(shown)
    return shown, drawn


def may_be_in(text: str) -> bool:
    """Whether a page's text has signs, or characters of no meaning, in words: ligatures are looked for there alone."""
    return bool(_IN_WORDS.search(text))


def of_page(page: Any, uses: Sequence[FontUse]) -> Meanings:
    """Return the ligatures among what a pymupdf.Page draws whose fonts say that they are signs."""
    suspects = [(use, places) for use in uses if (places := _suspects(use))]
    if not suspects:
        return {}
    names, parts = list(_known().names), [_known().ligatures]
    for use in uses:
        words = _composed(use)
        names += words
        if words:
            parts.append(glyph_shapes.drawn(list(words.values()), _scale(use)))
    references = glyph_shapes.joined(parts)
    told = {}
    for use, places in suspects:
        alike = _told(use, places, names, references)
        found = {code: letters for code, (sign, letters) in alike.items() if _is_in_words(sign, text_of(page))}
        if found:
            told[int(use.font.m_internal.this)] = found
    return by_object(page, told) if told else {}


def text_of(page: Any) -> str:
    """Return a pymupdf.Page's text as its fonts say it, unknown characters as such."""
    import pymupdf

    text: str = page.get_text("text", flags=pymupdf.TEXTFLAGS_TEXT & ~pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE)
    return text


def _is_in_words(sign: str, text: str) -> bool:
    """Whether what a sign is said to be stands beside letters for a good part."""
    letter = r"[^\W\d_]"
    beside = re.findall(f"{letter}{re.escape(sign)}|{re.escape(sign)}{letter}", text)
    return len(beside) > _IN_WORD * text.count(sign)


def mend(pdf: Any, meanings: Meanings) -> None:
    """Have the fonts of a pymupdf.Document mean what they draw, in memory; pages that are read from now on say so."""
    import pymupdf

    for font, letters in meanings.items():
        width = 4 if pdf.xref_get_key(font, "Subtype")[1] == "/Type0" else 2
        rows = "".join(
            f"<{code:0{width}x}> <{text.encode('utf-16-be').hex()}>\n" for code, text in sorted(letters.items())
        )
        added = f"{len(letters)} beginbfchar\n{rows}endbfchar\n"
        kind, value = pdf.xref_get_key(font, "ToUnicode")
        told = pdf.xref_stream(int(value.split()[0])).decode("latin-1") if kind == "xref" else ""
        before, end, after = told.rpartition("endcmap")
        if not end:
            before = (
                "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
                f"1 begincodespacerange <{'0' * width}> <{'f' * width}> endcodespacerange\n"
            )
            end, after = "endcmap", " end end"
        number = pdf.get_new_xref()  # several fonts may share one
        pdf.update_object(number, "<<>>")
        pdf.update_stream(number, f"{before}{added}{end}{after}".encode("latin-1"))
        pdf.xref_set_key(font, "ToUnicode", f"{number} 0 R")
    pymupdf.TOOLS.store_shrink(100)  # fonts as they were read before


_known_signs: dict[tuple[Any, int, int], bool] = {}
"""(font program, glyph, character) → whether it looks like a known font's ligature; they come page after page."""


def _suspects(use: FontUse) -> list[int]:
    """Return the places among a font's claims of glyphs that are said to be no letters, and may be ligatures."""
    if use.font.m_internal.flags.ft_substitute:
        return []
    claims = use.claims.tolist()
    signs = [place for place, (_, code) in enumerate(claims) if code not in _COMMON and _is_sign(code)]
    program = glyph_shapes.program_of(use.font) if signs else None
    if program is None:
        return signs
    new = [place for place in signs if (program, *claims[place]) not in _known_signs]
    if new:
        shapes = glyph_shapes.drawn([[(use.font, *claims[place])] for place in new])
        if len(_known_signs) > _MOST_KNOWN:
            _known_signs.clear()
        for place, shade, stretch, height in zip(new, shapes.shades, shapes.stretch, shapes.height, strict=True):
            alike = height >= _LOWEST and glyph_shapes.likeness(_known().ligatures, shade, stretch).max() > _PERHAPS
            _known_signs[program, *claims[place]] = bool(alike)
    return [place for place in signs if _known_signs[program, *claims[place]]]


def _is_sign(code: int) -> bool:
    """Whether a character is no letter, figure or blank: a sign, a control character, or one of no meaning."""
    return 0 <= code < _CODES and (code < 0x20 or not (chr(code).isalnum() or chr(code).isspace()))


class _Known:
    """What known fonts have, as drawn: ligatures, as characters and as letters side by side, and letters."""

    def __init__(self) -> None:
        latin = glyph_shapes.letters_of("latin")
        self.names: list[str] = []
        ligatures, letters = [], []
        for name, first, end in zip(latin.names, latin.starts, [*latin.starts[1:], None], strict=True):
            shapes = glyph_shapes.part(latin.shapes, first, end)
            whole = unicodedata.normalize("NFKC", name)
            if whole in _LIGATURES:
                ligatures.append(shapes)
                self.names += [whole] * len(shapes.stretch)
            else:
                letters.append(shapes)
        words = [(font, name) for font in _KNOWN_FONTS for name in _LIGATURES]
        drawn = [[glyph_shapes.known_glyph(font, letter) for letter in name] for font, name in words]
        self.names += [name for _, name in words]
        self.ligatures = glyph_shapes.joined([*ligatures, glyph_shapes.drawn(drawn)])
        self.letters = glyph_shapes.joined(letters)


@cache
def _known() -> _Known:
    return _Known()


def _composed(use: FontUse) -> dict[str, list[Glyph]]:
    """Return the ligatures that the letters of a font make side by side."""
    letters = {chr(code): (use.font, glyph, code) for glyph, code in use.claims.tolist() if chr(code & 0xFFFF) in "fil"}
    return {name: [letters[letter] for letter in name] for name in _LIGATURES if set(name) <= letters.keys()}


def _scale(use: FontUse) -> glyph_shapes.Scale:
    letters = [glyph for glyph, code in use.claims.tolist() if 0 < code < _CODES and chr(code).isalnum()]
    return glyph_shapes.scale_of(use.font, letters)


def _told(use: FontUse, places: Sequence[int], names: Sequence[str], references: Shapes) -> dict[int, tuple[str, str]]:
    """Return the ligatures among some of a font's glyphs, by their codes: (what they are said to be, their letters)."""
    claims, codes = use.claims.tolist(), use.codes.tolist()
    shapes = glyph_shapes.drawn([[(use.font, *claims[place])] for place in places], _scale(use))
    letters = _known().letters
    found: dict[int, tuple[str, str]] = {}
    for place, shade, stretch, height in zip(places, shapes.shades, shapes.stretch, shapes.height, strict=True):
        if height < _LOWEST:
            continue
        alike: dict[str, float] = {}
        for name, likeness in zip(names, glyph_shapes.likeness(references, shade, stretch).tolist(), strict=True):
            alike[name] = max(alike.get(name, likeness), likeness)
        best, second = sorted(alike, key=alike.__getitem__, reverse=True)[:2]
        others = [alike[second], float(glyph_shapes.likeness(letters, shade, stretch).max())]
        sign = glyph_shapes.known_shapes(chr(claims[place][1])) if claims[place][1] > 0x20 else None
        if sign is not None:
            others.append(float(glyph_shapes.likeness(sign, shade, stretch).max()))
        if alike[best] >= _ALIKE and 1 - max(others) >= _CLEARLY * (1 - alike[best]):
            found[codes[place]] = chr(claims[place][1]), best
    return found


def by_object(page: Any, told: Mapping[int, Mapping[int, str]]) -> dict[int, Mapping[int, str]]:
    """Return what is told of fonts, given by their addresses, by the numbers of their objects."""
    import pymupdf
    from pymupdf import mupdf

    pdf = pymupdf._as_pdf_document(page.parent)
    found = {}
    for number, *_ in page.get_fonts(full=True):
        kind, encoding = (page.parent.xref_get_key(number, key)[1] for key in ("Subtype", "Encoding"))
        if kind not in _SIMPLE and encoding not in _BY_GLYPH:
            continue
        named = mupdf.pdf_new_indirect(pdf, number, 0)
        loaded = mupdf.ll_pdf_load_font(pdf.m_internal, None, named.m_internal)
        try:
            address = int(loaded.font.this)
        finally:
            mupdf.ll_pdf_drop_font(loaded)
        if address in told:
            found[number] = told[address]
    return found

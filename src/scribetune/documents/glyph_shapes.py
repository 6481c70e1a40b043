"""What a font draws, compared with what the PDF says it means: a wrong /ToUnicode shows letters and says others.

Each glyph of a page is drawn alone, cut out, brought to one size, and compared with the letters of known fonts:
MuPDF's Helvetica, Times and Courier for Latin, Greek and Cyrillic, its fallback font for Chinese, Japanese and Korean.
An odd typeface resembles none of them much, and yet its `a` resembles an `a` more than most other letters. So what
counts is how many letters of the script a glyph resembles more than the one it is said to be, and by how much
(`_doubt`). The verdict is on a font, by the mean over its glyphs: 0.0 for common typefaces, 0.1 to 0.3 for handwriting
and black letter, about 1 where letters are exchanged. In a font that tells the truth a single glyph may lie.

Scripts without a known font here (Arabic, Hebrew, Thai, Indic) and marks are not judged.
"""

import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scribetune.documents.drawn_page import FontUse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_EM, _CELL, _LEFT, _BASELINE = 36, 64, 14, 46  # pixels of a drawn glyph
_SIDE = 16  # a glyph is compared as _SIDE × _SIDE shades
_BLUR = 0.9
_LEAST_INK = 0.25  # of black
_NARROWEST = 0.4  # a glyph is stretched to a square no further than this
_STRETCH, _STRETCH_COST = 0.35, 0.35
_MOST_GLYPHS = 40  # of a font on a page: its most frequent ones
_LYING_FONT = 0.7
_MANY_FORMS = ("han", "kana", "hangul")
_SOUND_FONT, _LYING_GLYPH = 0.1, 0.9
_MOST_KNOWN = 20_000  # glyphs that are remembered
_LOW = 0.25  # em: a dot, a dash, a leader
_CODES = 0x110000
_COMMON_HEIGHT = (0.3, 1.4)  # em, of most glyphs of a font
_LETTER_FONTS = ("helv", "hebo", "heit", "tiro", "tibo", "tiit", "cour")
_OTHER_FORMS = MappingProxyType({"a": "ɑ", "g": "ɡ"})  # of a letter, as geometric typefaces have them
_DIGITS = tuple("0123456789")
_LATIN = tuple(letter.upper() + letter for letter in "abcdefghijklmnopqrstuvwxyz")
_SCRIPTS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "latin": (*_LATIN, *_DIGITS, "ﬁ", "ﬂ", "ﬀ"),
        "greek": tuple(letter.upper() + letter for letter in "αβγδεζηθικλμνξοπρστυφχψω") + _DIGITS,
        "cyrillic": tuple(letter.upper() + letter for letter in "абвгдежзийклмнопрстуфхцчшщъыьэюя") + _DIGITS,
        "han": tuple("的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生")
        + tuple("自会那后能对着事其里所去行过家十用发天如然作方成者多日都三小军二无同么经法当起")
        + _LATIN
        + _DIGITS,
        "kana": tuple("あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん")
        + tuple("アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワヲン")
        + _LATIN
        + _DIGITS,
        "hangul": tuple(
            "가나다라마바사아자차카타파하고노도로모보소오조초코토포호구누두루무부수우주추쿠투푸후은을인에의한"
        )
        + _LATIN
        + _DIGITS,
    }
)
"""Script → letters that a glyph is compared with besides its own; upper and lower case are one, for small capitals."""


@dataclass(frozen=True)
class _Shapes:
    """Glyphs as drawn: n of them."""

    shades: "Floats"  # n × _SIDE², of mean 0 and length 1; zeros where there is no ink
    stretch: "Floats"  # logarithm of width by height
    height: "Floats"  # of the ink, in em


def unlike(uses: Sequence[FontUse]) -> int:
    """Return how many of a page's letters and figures are drawn as others than the PDF says."""
    return sum(map(_unlike_in, uses))


def leaders(uses: Sequence[FontUse], is_unmapped: Callable[[str], bool]) -> int:
    """Return how many of a page's characters without a meaning are no letters: blanks, dots, dashes, leaders, rules.

    Of a font that is not in the PDF nobody knows what its glyphs look like.
    """
    found = 0
    for use in uses:
        if use.font.m_internal.flags.ft_substitute:
            continue
        unmapped = [
            (glyph, code, count)
            for (glyph, code), count in zip(use.claims.tolist(), use.counts.tolist(), strict=True)
            if code < _CODES and is_unmapped(chr(code))
        ]
        if unmapped:
            scale = 1.0 if use.font.m_internal.buffer else _scale(use.font, [(glyph, "") for glyph, _, _ in unmapped])
            heights = _drawn([(use.font, glyph, code) for glyph, code, _ in unmapped], scale).height
            found += sum(count for (_, _, count), height in zip(unmapped, heights, strict=True) if height <= _LOW)
    return found


def _unlike_in(use: FontUse) -> int:
    claims = [_claimed(code) for code in use.claims[:, 1].tolist()]
    # Fonts of scripts that are not judged draw figures of their own where they say 1, 2, 3.
    judged = _DIGITS if any(claim is None for claim in claims) else ()
    letters: list[tuple[int, int, str]] = sorted(
        (-count, glyph, claim)
        for claim, glyph, count in zip(claims, use.claims[:, 0].tolist(), use.counts.tolist(), strict=True)
        if claim and claim not in judged
    )
    doubts = _doubts(use.font, [(glyph, claim) for _, glyph, claim in letters[:_MOST_GLYPHS]])
    known = [doubt for doubt in doubts if doubt >= 0]
    if not known:
        return 0
    if sum(known) > _LYING_FONT * len(known):
        return -sum(count for count, _, _ in letters)
    if median(known) > _SOUND_FONT:
        return 0
    # Chinese has typefaces with other forms of single characters.
    lying = (
        count
        for (count, _, claim), doubt in zip(letters, doubts, strict=False)
        if doubt > _LYING_GLYPH and _script(claim) not in _MANY_FORMS
    )
    return -sum(lying)


@cache
def _claimed(code: int) -> str | None:
    """Return the letter or figure that a glyph is said to be, full-width forms as plain ones.

    "" for a mark or nothing; None for a letter of a script that is not judged.
    """
    if not 0x20 < code < _CODES or 0xD800 <= code < 0xE000:
        return ""
    character = unicodedata.normalize("NFKC", chr(code))
    if len(character) != 1 or not character.isalnum():
        return ""
    return character if _script(character) else None


def _script(character: str) -> str:
    """Return the key of `_SCRIPTS` for a character, or ""."""
    if character in _DIGITS:
        return "latin"
    name = unicodedata.name(character, "")
    for start, script in (
        ("LATIN", "latin"),
        ("GREEK", "greek"),
        ("CYRILLIC", "cyrillic"),
        ("CJK", "han"),
        ("HIRAGANA", "kana"),
        ("KATAKANA", "kana"),
        ("HANGUL SYLLABLE", "hangul"),
    ):
        if name.startswith(start):
            return script
    return ""


_known: "OrderedDict[tuple[Any, int, str], float]" = OrderedDict()
"""(font program, glyph, character) → doubt; the same glyphs come page after page."""


def _doubts(font: Any, glyphs: Sequence[tuple[int, str]]) -> list[float]:
    """Return the doubt about each (glyph, character) of a font; see `_doubt`."""
    program = _program(font)
    doubts = {key: _known[program, *key] for key in glyphs if program and (program, *key) in _known}
    missing = [key for key in glyphs if key not in doubts]
    if missing:
        scale = 1.0 if program else _scale(font, missing)
        shapes = _drawn([(font, glyph, ord(character)) for glyph, character in missing], scale)
        found = {key: _doubt(shapes, number, key[1]) for number, key in enumerate(missing)}
        doubts.update(found)
        if program:
            _known.update({(program, *key): doubt for key, doubt in found.items()})
            while len(_known) > _MOST_KNOWN:
                _known.popitem(last=False)
    return [doubts[key] for key in glyphs]


def _scale(font: Any, glyphs: Sequence[tuple[int, str]]) -> float:
    """Return by how much glyphs that are drawings of the PDF are to be drawn larger: their em may be of any size."""
    from pymupdf import mupdf

    boxes = [mupdf.fz_bound_glyph(font, glyph, mupdf.FzMatrix()) for glyph, _ in glyphs]
    height = median(max(box.y1, 0.0) - min(box.y0, 0.0) for box in boxes)
    return 1.0 if not height or _COMMON_HEIGHT[0] <= height <= _COMMON_HEIGHT[1] else 0.9 / height


def _program(font: Any) -> tuple[str, int, bytes, bytes] | None:
    """Return what tells an (embedded) font program from others; None for glyphs that are drawings of the PDF."""
    from pymupdf import mupdf

    held = font.m_internal.buffer
    if not held:
        return None
    content = mupdf.ll_fz_buffer_storage_memoryview(held, 0)
    return mupdf.fz_font_name(font), len(content), _digest(content[:65536]), _digest(content[-65536:])


def _digest(content: memoryview) -> bytes:
    import hashlib

    return hashlib.blake2b(content, digest_size=16).digest()


def _doubt(shapes: _Shapes, number: int, character: str) -> float:
    """Return how little a glyph resembles the character that it is said to be.

    The part of the other letters of the script that it resembles more, and by how much it resembles the most alike of
    them more: from 0 to about 2. -1 where there is no ink, or no known font has the character.
    """
    import numpy as np

    shade, stretch = shapes.shades[number], shapes.stretch[number]
    cases = {character, character.upper(), character.lower()}
    known = [shape for case in sorted(cases) if len(case) == 1 and (shape := _known_shapes(case)) is not None]
    if not known or not shade.any():
        return -1.0
    own = max(float(_likeness(shape, shade, stretch).max()) for shape in known)
    letters = _letters(_script(character))
    best = np.maximum.reduceat(_likeness(letters.shapes, shade, stretch), letters.starts)
    others = best[[not cases & set(letter) for letter in letters.names]]
    return float((others > own).mean()) + max(0.0, float(others.max()) - own)


def _likeness(known: _Shapes, shade: "Floats", stretch: "Floats") -> "Floats":
    """Return how much a glyph resembles each of some: the correlation of their shades, less where one is much wider."""
    import numpy as np

    unlike_width = np.clip(np.abs(known.stretch - stretch) - _STRETCH, 0, 1)
    likeness: Floats = known.shades @ shade - _STRETCH_COST * unlike_width
    return likeness


@dataclass(frozen=True)
class _Letters:
    """The letters of a script in the known fonts."""

    names: tuple[str, ...]  # both cases of a letter are one name
    shapes: _Shapes  # those of one letter follow each other
    starts: "NDArray[np.int64]"  # where each letter's begin


@cache
def _letters(script: str) -> _Letters:
    import numpy as np

    names, parts, starts = [], [], [0]
    for name in _SCRIPTS[script]:
        found = [shape for case in name if (shape := _known_shapes(case)) is not None]
        if found:
            names.append(name)
            parts.extend(found)
            starts.append(starts[-1] + sum(len(shape.stretch) for shape in found))
    joined = (np.concatenate([getattr(part, field) for part in parts]) for field in ("shades", "stretch", "height"))
    return _Letters(tuple(names), _Shapes(*joined), np.asarray(starts[:-1]))


@lru_cache(maxsize=8192)
def _known_shapes(character: str) -> _Shapes | None:
    """Return a character as the known fonts have it; None if they do not."""
    names = _LETTER_FONTS if ord(character) < 0x2E80 else ()
    wanted = [(name, character) for name in names]
    if character in _OTHER_FORMS:
        wanted.append(("cjk", _OTHER_FORMS[character]))
    glyphs = [_glyph(name, form) for name, form in wanted if _font(name).has_glyph(ord(form))]
    if not glyphs and _font("cjk").has_glyph(ord(character)):
        glyphs = [_glyph("cjk", character)]
    return _drawn(glyphs) if glyphs else None


def _glyph(name: str, character: str) -> tuple[Any, int, int]:
    font = _font(name)
    return font.this, font.has_glyph(ord(character)), ord(character)


@cache
def _font(name: str) -> Any:
    import pymupdf

    return pymupdf.Font(name)


def _drawn(glyphs: Sequence[tuple[Any, int, int]], scale: float = 1.0) -> _Shapes:
    """Draw glyphs, given as (font, number, character), by a scale."""
    import numpy as np
    from pymupdf import mupdf

    count = len(glyphs)
    pixmap = mupdf.FzPixmap(mupdf.fz_device_gray(), mupdf.FzIrect(0, 0, _CELL, count * _CELL), mupdf.FzSeparations(), 0)
    mupdf.fz_clear_pixmap_with_value(pixmap, 255)
    device = mupdf.fz_new_draw_device(mupdf.FzMatrix(), pixmap)
    text = mupdf.FzText()
    for number, (font, glyph, character) in enumerate(glyphs):
        place = mupdf.FzMatrix(scale * _EM, 0, 0, -scale * _EM, _LEFT, number * _CELL + _BASELINE)
        mupdf.fz_show_glyph(text, font, place, glyph, character, 0, 0, mupdf.FZ_BIDI_LTR, mupdf.FZ_LANG_UNSET)
    mupdf.fz_fill_text(device, text, mupdf.FzMatrix(), mupdf.fz_device_gray(), [0.0], 1.0, mupdf.FzColorParams())
    mupdf.fz_close_device(device)
    samples = np.asarray(mupdf.fz_pixmap_samples_memoryview(pixmap), np.uint8).reshape(count, _CELL, _CELL)
    ink = (255 - samples.astype(np.float32)) / 255
    shades = np.zeros((count, _SIDE * _SIDE), np.float32)
    stretch, heights = np.zeros(count, np.float32), np.zeros(count, np.float32)
    for number, cell in enumerate(ink):
        seen = cell > _LEAST_INK
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        if not len(rows):
            continue
        part = cell[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        height, width = part.shape
        stretch[number], heights[number] = np.log(width / height), height / _EM
        down = _averages(height, max(height, int(_NARROWEST * width)))
        across = _averages(width, max(width, int(_NARROWEST * height)))
        shade = (down @ part @ across.T).ravel()
        shade -= shade.mean()
        length = float(np.linalg.norm(shade))
        shades[number] = shade / length if length > 1e-6 else 0.0
    return _Shapes(shades, stretch, heights)


@cache
def _averages(size: int, span: int) -> "Floats":
    """Return the matrix that brings `size` pixels, in the middle of a span, to `_SIDE` blurred ones."""
    import numpy as np

    edges = np.linspace(0, span, _SIDE + 1) - (span - size) / 2
    first, last, pixel = edges[:-1, None], edges[1:, None], np.arange(size)
    overlap = np.clip(np.minimum(last, pixel + 1) - np.maximum(first, pixel), 0, None) * (_SIDE / span)
    places = np.arange(_SIDE)
    blur = np.exp(-0.5 * ((places[:, None] - places) / _BLUR) ** 2)
    matrix: Floats = (blur / blur.sum(axis=1, keepdims=True) @ overlap).astype(np.float32)
    return matrix

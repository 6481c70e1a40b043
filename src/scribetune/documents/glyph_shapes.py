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
_LEAST_STRANGE, _ALIKE, _MOSTLY = 8, 0.85, 0.8
_ASCII = 0x7F
_MANY_FORMS = ("han", "kana", "hangul")
_SOUND_FONT, _LYING_GLYPH = 0.1, 0.9
_MOST_KNOWN = 20_000  # glyphs that are remembered
_LOW = 0.25  # em: a dot, a dash, a leader
_CODES = 0x110000
_COMMON_HEIGHT, _USUAL_HEIGHT, _NO_HEIGHT = (0.3, 1.4), 0.5, 1e-4  # em, of most glyphs of a font
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


Glyph = tuple[Any, int, int]  # font, number, character
Scale = tuple[float, float]  # by how much a glyph is drawn larger, across and upwards
_AS_IT_IS = (1.0, 1.0)


@dataclass(frozen=True)
class Shapes:
    """Glyphs as drawn, or some side by side: n of them."""

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
            scale = scale_of(use.font, [glyph for glyph, _, _ in unmapped])
            heights = _drawn([(use.font, glyph, code) for glyph, code, _ in unmapped], scale).height
            found += sum(count for (_, _, count), height in zip(unmapped, heights, strict=True) if height <= _LOW)
    return found


def _unlike_in(use: FontUse) -> int:
    return _said_to_be_strange(use) + _said_to_be_others(use)


def _said_to_be_strange(use: FontUse) -> int:
    """Return how many characters a page has in a font that draws Latin letters and says signs, or other scripts."""
    strange = [
        (-count, glyph, code)
        for (glyph, code), count in zip(use.claims.tolist(), use.counts.tolist(), strict=True)
        if _ASCII < code < _CODES and not _claimed(code) and not chr(code).isspace() and not is_private(code)
    ]
    if len(strange) < _LEAST_STRANGE:
        return 0
    most = sorted(strange)[:_MOST_GLYPHS]
    shapes = _drawn([(use.font, glyph, code) for _, glyph, code in most])
    known = letters_of("latin").shapes
    alike = sum(
        float(likeness(known, shade, stretch).max()) > _ALIKE
        for shade, stretch in zip(shapes.shades, shapes.stretch, strict=True)
    )
    return -sum(count for count, _, _ in strange) if alike > _MOSTLY * len(most) else 0


def is_private(code: int) -> bool:
    """Whether a character has no meaning."""
    return 0xE000 <= code <= 0xF8FF or code == 0xFFFD


def _said_to_be_others(use: FontUse) -> int:
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
    program = program_of(font)
    doubts = {key: _known[program, *key] for key in glyphs if program and (program, *key) in _known}
    missing = [key for key in glyphs if key not in doubts]
    if missing:
        scale = scale_of(font, [glyph for glyph, _ in missing])
        shapes = _drawn([(font, glyph, ord(character)) for glyph, character in missing], scale)
        found = dict(zip(missing, _doubts_about(shapes, [character for _, character in missing]), strict=True))
        doubts.update(found)
        if program:
            _known.update({(program, *key): doubt for key, doubt in found.items()})
            while len(_known) > _MOST_KNOWN:
                _known.popitem(last=False)
    return [doubts[key] for key in glyphs]


def scale_of(font: Any, glyphs: Sequence[int]) -> Scale:
    """Return by how much some glyphs of a font are to be drawn larger.

    Where they are drawings of the PDF their em may be of any size, and they may hang upside down.
    """
    from pymupdf import mupdf

    if font.m_internal.buffer:
        return _AS_IT_IS
    boxes = [mupdf.fz_bound_glyph(font, glyph, mupdf.FzMatrix()) for glyph in glyphs]
    sides = [(max(box.y1, 0.0), max(-box.y0, 0.0)) for box in boxes if box.y1 - box.y0 > _NO_HEIGHT]
    if not sides:
        return _AS_IT_IS
    above, below = zip(*sides, strict=True)
    height = median(map(sum, sides))
    size = 1.0 if _COMMON_HEIGHT[0] <= height <= _COMMON_HEIGHT[1] else _USUAL_HEIGHT / height
    return size, -size if sum(below) > sum(above) else size


def program_of(font: Any) -> tuple[str, int, bytes, bytes] | None:
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


def _doubts_about(shapes: Shapes, characters: Sequence[str]) -> list[float]:
    """Return how little each glyph resembles the character that it is said to be.

    The part of the other letters of the script that it resembles more, and by how much it resembles the most alike of
    them more: from 0 to about 2. -1 where there is no ink, or no known font has the character.
    """
    import numpy as np

    doubts = [-1.0] * len(characters)
    by_script: dict[str, list[int]] = {}
    for number, character in enumerate(characters):
        if shapes.shades[number].any():
            by_script.setdefault(_script(character), []).append(number)
    for script, numbers in by_script.items():
        letters = letters_of(script)
        likeness = shapes.shades[numbers] @ letters.shapes.shades.T
        unlike_width = np.abs(letters.shapes.stretch - shapes.stretch[numbers, None]) - _STRETCH
        best = np.maximum.reduceat(likeness - _STRETCH_COST * np.clip(unlike_width, 0, 1), letters.starts, axis=1)
        for number, alike in zip(numbers, best, strict=True):
            cases, is_own = _own(characters[number], script)
            own = float(alike[is_own].max()) if is_own.any() else _own_likeness(cases, shapes, number)
            others = alike[~is_own]
            if own > -1.0:
                doubts[number] = float((others > own).mean()) + max(0.0, float(others.max()) - own)
    return doubts


@lru_cache(maxsize=8192)
def _own(character: str, script: str) -> tuple[tuple[str, ...], "NDArray[np.bool_]"]:
    """Return the forms of a letter, and which of the letters of its script it is."""
    import numpy as np

    cases = {character, character.upper(), character.lower()}
    return tuple(sorted(cases)), np.asarray([bool(cases & set(letter)) for letter in letters_of(script).names])


def _own_likeness(cases: Sequence[str], shapes: Shapes, number: int) -> float:
    """Return how much a glyph resembles a letter; -1 where no known font has it."""
    known = [shape for case in cases if len(case) == 1 and (shape := known_shapes(case)) is not None]
    alike = (float(likeness(shape, shapes.shades[number], shapes.stretch[number]).max()) for shape in known)
    return max(alike, default=-1.0)


def likeness(known: Shapes, shade: "Floats", stretch: "Floats") -> "Floats":
    """Return how much a glyph resembles each of some: the correlation of their shades, less where one is much wider."""
    import numpy as np

    unlike_width = np.clip(np.abs(known.stretch - stretch) - _STRETCH, 0, 1)
    found: Floats = known.shades @ shade - _STRETCH_COST * unlike_width
    return found


@dataclass(frozen=True)
class _Letters:
    """The letters of a script in the known fonts."""

    names: tuple[str, ...]  # both cases of a letter are one name
    shapes: Shapes  # those of one letter follow each other
    starts: "NDArray[np.int64]"  # where each letter's begin


@cache
def letters_of(script: str) -> _Letters:
    """Return the letters of a key of `_SCRIPTS`."""
    import numpy as np

    names, parts, starts = [], [], [0]
    for name in _SCRIPTS[script]:
        found = [shape for case in name if (shape := known_shapes(case)) is not None]
        if found:
            names.append(name)
            parts.extend(found)
            starts.append(starts[-1] + sum(len(shape.stretch) for shape in found))
    return _Letters(tuple(names), joined(parts), np.asarray(starts[:-1]))


def part(shapes: Shapes, first: int, end: int | None) -> Shapes:
    """Return some shapes of many."""
    return Shapes(shapes.shades[first:end], shapes.stretch[first:end], shapes.height[first:end])


def joined(parts: Sequence[Shapes]) -> Shapes:
    """Return shapes behind each other."""
    import numpy as np

    return Shapes(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("shades", "stretch", "height"))
    )


@lru_cache(maxsize=8192)
def known_shapes(character: str) -> Shapes | None:
    """Return a character as the known fonts have it; None if they do not."""
    names = _LETTER_FONTS if ord(character) < 0x2E80 or character in "ﬀﬁﬂ" else ()
    wanted = [(name, character) for name in names]
    if character in _OTHER_FORMS:
        wanted.append(("cjk", _OTHER_FORMS[character]))
    glyphs = [known_glyph(name, form) for name, form in wanted if _font(name).has_glyph(ord(form))]
    if not glyphs and _font("cjk").has_glyph(ord(character)):
        glyphs = [known_glyph("cjk", character)]
    return _drawn(glyphs) if glyphs else None


def known_glyph(name: str, character: str) -> Glyph:
    """Return a character's glyph in one of MuPDF's own fonts."""
    font = _font(name)
    return font.this, font.has_glyph(ord(character)), ord(character)


@cache
def _font(name: str) -> Any:
    import pymupdf

    return pymupdf.Font(name)


def _drawn(glyphs: Sequence[Glyph], scale: Scale = _AS_IT_IS) -> Shapes:
    """Draw glyphs by a scale."""
    return drawn([(glyph,) for glyph in glyphs], scale)


def drawn(words: Sequence[Sequence[Glyph]], scale: Scale = _AS_IT_IS) -> Shapes:
    """Draw words by a scale, each of one glyph or of some side by side, no wider than one em and a quarter."""
    import numpy as np
    from pymupdf import mupdf

    count = len(words)
    wider, taller = scale
    pixmap = mupdf.FzPixmap(mupdf.fz_device_gray(), mupdf.FzIrect(0, 0, _CELL, count * _CELL), mupdf.FzSeparations(), 0)
    mupdf.fz_clear_pixmap_with_value(pixmap, 255)
    device = mupdf.fz_new_draw_device(mupdf.FzMatrix(), pixmap)
    text = mupdf.FzText()
    for number, word in enumerate(words):
        x = float(_LEFT)
        for font, glyph, character in word:
            place = mupdf.FzMatrix(wider * _EM, 0, 0, -taller * _EM, x, number * _CELL + _BASELINE)
            mupdf.fz_show_glyph(text, font, place, glyph, character, 0, 0, mupdf.FZ_BIDI_LTR, mupdf.FZ_LANG_UNSET)
            if len(word) > 1:
                x += wider * _EM * mupdf.fz_advance_glyph(font, glyph, 0)
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
    return Shapes(shades, stretch, heights)


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

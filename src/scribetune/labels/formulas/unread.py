"""What of a page's formulas no text layer says: glyphs that mean nothing, pictures in a line, fractions of text.

A label without them reads on as if nothing were there ("at least ." for "at least τ."), or has the numbers of a
fraction anywhere. Nobody can tell what they are from the text layer, so that the page is not learned from. Bullets,
icons and leaders, which have no meaning either, stand at the edge of a text; a picture of one shape is an icon.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

from scribetune.documents import drawn_page, symbol_fonts
from scribetune.labels.formulas import drawn_glyphs
from scribetune.labels.formulas.drawn_glyphs import Inked
from scribetune.labels.ruling_lines import Rule, Rules
from scribetune.labels.tables.cells import Box, Word, union
from scribetune.labels.tables.lines import lines_of
from scribetune.labels.text_layer import Line, TextLayer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LEAST_HEIGHT, _LEAST_WIDTH = 0.3, 0.05  # sizes of the font: dots, dashes and hairs are no letters
_BESIDE = 1.0  # the same: how far what stands before and behind a glyph may be
_LEVEL = 0.12  # the same
_CODES = 0x110000
_PIECES = re.compile("[\u239b-\u23ae]")
_BEGUN = re.compile(r"([a-z]{2,})\$\\mathrm\{[a-z]\}")  # "messa$\mathrm{g}\mathrm{e}M$": words that formulas tore
_ENDED = re.compile(r"\\mathrm\{[a-z]\}\$([a-z]{2,})")
_LOWEST, _HIGHEST, _NARROWEST = 0.7, 4.5, 0.7  # sizes of the line's font: pictures in a line
_WIDEST = 0.8  # of the page
_NEAR = 1.2  # sizes of the line's font: from a picture to the text beside it
_SEVERAL = 2  # pictures; one with text on both sides is enough
_LONG = 2.5  # times as wide as high is a displayed formula
_MARGIN = 0.1  # of the page's height, where logos stand
_ZOOM = 3.0
_LIGHT, _DARK = 0.7, 0.3  # of white: the ground, and how much darker ink is
_LEAST_INK, _MOST_INK = 0.02, 0.4  # of a picture
_COLOURED = 0.25  # between the channels of a colour
_LETTERS = 3  # shapes side by side
_MOST_TOLD = 3
_CLOSE, _FAR = 0.25, 1.3  # heights of a word: from a bar to what it divides
_TURNED = 2.0  # usual heights: a word up or down the page
_LONGEST = 12.0  # the same: bars of fractions
_REACH = 0.3  # the same: over the ends of the bar
_ON_AXIS = 0.3  # the same: off its height
_TO_BAR = 1.5  # the same: from a bar to the text beside it
_SAME = 1.5  # points
_FARTHEST = 8.0  # heights of an upright bar, to the next one
_MOST_ROWS, _MOST_PAIRS = 8, 200


class What(StrEnum):
    """Why a place cannot be read."""

    GLYPH = "a glyph that means nothing"
    PIECE = "a piece of a large bracket, or a character without meaning"
    PICTURE = "a picture in a line of text"
    STACK = "texts above each other beside a line"
    WORD = "a word of which a formula took letters"


@dataclass(frozen=True)
class Unread:
    """A place on the page that its label lacks."""

    what: What
    box: Box  # in points of the page


def on_page(page: Any, layer: TextLayer, rules: Rules, known: Sequence[Box] = ()) -> list[Unread]:
    """Return what of an upright pymupdf.Page its text layer does not say; `known` are formulas that were read."""
    found = [*_silent(page), *_pictures(page, layer), *_stacks(layer.words, rules)]
    return [place for place in found if not any(_is_in(place.box, box) for box in known)]


def beside(places: Sequence[Unread], drawings: Sequence[Box]) -> list[Unread]:
    """Return the places that are no part of drawings, whose words no label has."""
    return [place for place in places if not any(_is_in(place.box, box) for box in drawings)]


def in_label(text: str, layer: TextLayer) -> list[Unread]:
    """Return where a label has what no text has: pieces of brackets, private characters, words torn by formulas."""
    wrong = {character for character in set(text) - set("\n\t") if _is_no_text(character)}
    pieces = [Unread(What.PIECE, word.box) for word in layer.words if not wrong.isdisjoint(word.text)] if wrong else []
    begun, ended = tuple(set(_BEGUN.findall(text))), tuple(set(_ENDED.findall(text)))
    whole = set(re.findall(r"\w+", text)) if begun or ended else set()
    torn = []
    for word in layer.words if whole else ():
        letters = word.text.strip(",.;:()")
        if letters not in whole and (letters.startswith(begun) or letters.endswith(ended)):
            torn.append(Unread(What.WORD, word.box))
    return [*pieces, *torn]


def _is_no_text(character: str) -> bool:
    return bool(_PIECES.match(character)) or unicodedata.category(character) in ("Cc", "Co", "Cn", "Cs")


def in_words(places: Sequence[Unread]) -> str:
    """Say where the first of them stand."""
    told = [f"{place.what} at {place.box[0]:.0f}, {place.box[1]:.0f} points" for place in places[:_MOST_TOLD]]
    more = f", and {len(places) - _MOST_TOLD} more" if len(places) > _MOST_TOLD else ""
    return f"Not in the text layer: {', '.join(told)}{more}" if told else ""


def _is_in(box: Box, other: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return other[0] - 1 <= x <= other[2] + 1 and other[1] - 1 <= y <= other[3] + 1


def _silent(page: Any) -> list[Unread]:
    """Return glyphs that are seen between others and say nothing."""
    if not any(_has_silent(use) for use in drawn_page.read(page.get_displaylist()).fonts):
        return []
    glyphs = [glyph for glyph in drawn_glyphs.inked(page) if not _is_faint(glyph)]
    glyphs.sort(key=lambda glyph: (round(glyph.y), glyph.box[0]))
    found = []
    for (before, glyph), (_, after) in pairwise(pairwise(glyphs)):
        if (
            _says_nothing(glyph.font, glyph.character)
            and glyph.box[3] - glyph.box[1] >= _LEAST_HEIGHT * glyph.size
            and not _says_nothing(before.font, before.character)
            and not _says_nothing(after.font, after.character)
            and all(abs(other.y - glyph.y) < _LEVEL * glyph.size for other in (before, after))
            and max(glyph.box[0] - before.box[2], after.box[0] - glyph.box[2]) < _BESIDE * glyph.size
        ):
            found.append(Unread(What.GLYPH, glyph.box))
    return found


def _has_silent(use: drawn_page.FontUse) -> bool:
    from pymupdf import mupdf

    if use.font.m_internal.flags.ft_substitute:
        return False  # nobody knows what its glyphs look like
    name = str(mupdf.fz_font_name(use.font))
    for glyph, code in use.claims.tolist():
        if _says_nothing(name, chr(code) if 0 < code < _CODES else ""):
            box = mupdf.fz_bound_glyph(use.font, glyph, mupdf.FzMatrix())
            if box.y1 - box.y0 >= _LEAST_HEIGHT and box.x1 - box.x0 >= _LEAST_WIDTH:
                return True
    return False


def _is_faint(glyph: Inked) -> bool:
    """Whether a glyph is a blank, or as small as a dot that says nothing."""
    x0, y0, x1, y1 = glyph.box
    least = _LEAST_WIDTH * glyph.size
    return x1 - x0 < least or (y1 - y0 < least) or (glyph.character.isspace() and y1 - y0 < _LEAST_HEIGHT * glyph.size)


def _says_nothing(font: str, character: str) -> bool:
    """Whether nobody knows what a glyph is that a font calls so; icons are pictures by the name of their font."""
    if symbol_fonts.is_of_pictures(font):
        return False
    said = symbol_fonts.meaning(font, character) if len(character) == 1 else character
    return not said.strip("\ufffd\u00a0 ") or unicodedata.category(said[0]) in ("Cc", "Co", "Cn", "Zs")


def _stacks(words: Sequence[Word], rules: Rules) -> list[Unread]:
    """Return fractions and determinants of fonts for text: what is over, under or between bars, a line on their height.

    What is written on an underline has no word on the line's own height, and a table's columns have rows alike.
    """
    usual = median(word.height for word in words) if words else 0.0
    words = [word for word in words if word.height < _TURNED * usual]
    extents = Counter((round(rule.start), round(rule.end)) for rule in rules.horizontal)
    bars = [_fraction(rule, words) for rule in rules.horizontal if extents[round(rule.start), round(rule.end)] == 1]
    upright = sorted(rules.vertical, key=lambda rule: rule.at)
    pairs = [
        (one, other) for number, one in enumerate(upright) for other in upright[number + 1 :] if _are_alike(one, other)
    ]
    between = [_determinant(one, other, words, rules) for one, other in pairs[:_MOST_PAIRS]]
    return [Unread(What.STACK, box) for box in (*bars, *between) if box is not None]


def _fraction(bar: Rule, words: Sequence[Word]) -> Box | None:
    """Return the box of what a bar divides, with text before or behind it at its height; None for another line."""
    above = [word for word in words if _is_level(word, bar, -1) and _overlaps(word, bar)]
    below = [word for word in words if _is_level(word, bar, 1) and _overlaps(word, bar)]
    if not above or not below:
        return None
    inside = [*above, *below]
    size = max(word.height for word in inside)
    x0, y0, x1, y1 = union([word.box for word in inside])
    if bar.end - bar.start > _LONGEST * size or any(_gap(part) > size for part in (above, below)):
        return None  # columns of a table, ticks of an axis
    is_filled = max(bar.start - x0, x1 - bar.end) < _REACH * size and (x1 - x0) + size > bar.end - bar.start
    beside = any(
        abs(word.centre[1] - bar.at) < _ON_AXIS * word.height
        and min(abs(bar.start - word.x1), abs(word.x0 - bar.end)) < _TO_BAR * size
        for word in words
    )
    return (min(x0, bar.start), y0, max(x1, bar.end), y1) if is_filled and beside else None


def _gap(words: Sequence[Word]) -> float:
    """Return the widest gap between words, in whatever line they are."""
    ordered = sorted(words, key=lambda word: word.x0)
    return max((after.x0 - before.x1 for before, after in pairwise(ordered)), default=0.0)


def _is_level(word: Word, bar: Rule, side: int) -> bool:
    return _CLOSE * word.height < side * (word.centre[1] - bar.at) < _FAR * word.height


def _overlaps(word: Word, bar: Rule) -> bool:
    return word.x0 < bar.end and word.x1 > bar.start


def _are_alike(one: Rule, other: Rule) -> bool:
    """Whether two lines stand beside each other, as high as a few lines of text."""
    return (
        abs(one.start - other.start) < _SAME
        and abs(one.end - other.end) < _SAME
        and 1 < other.at - one.at < _FARTHEST * (one.end - one.start)
    )


def _determinant(left: Rule, right: Rule, words: Sequence[Word], rules: Rules) -> Box | None:
    """Return the box of rows of words between two upright bars with one line before or behind them, else None."""
    box = left.at, left.start, right.at, left.end
    if any(
        rule.start < right.at + _SAME and rule.end > left.at - _SAME and box[1] - _SAME < rule.at < box[3] + _SAME
        for rule in rules.horizontal
    ):
        return None
    if any(
        left.at + _SAME < rule.at < right.at - _SAME and rule.start < box[3] and rule.end > box[1]
        for rule in rules.vertical
    ):
        return None
    level = [word for word in words if box[1] < word.centre[1] < box[3]]
    inside = [word for word in level if left.at < word.centre[0] < right.at]
    rows = lines_of(inside)
    if not 1 < len(rows) <= _MOST_ROWS:
        return None
    size = max(word.height for word in inside)
    beside = [
        word for word in level if -1 < left.at - word.x1 < _TO_BAR * size or -1 < word.x0 - right.at < _TO_BAR * size
    ]
    middle = (box[1] + box[3]) / 2
    return box if beside and all(abs(word.centre[1] - middle) < _ON_AXIS * size for word in beside) else None


def _pictures(page: Any, layer: TextLayer) -> list[Unread]:
    """Return pictures of several shapes, dark on a light ground, that stand in lines of text, or where one would."""
    lines = [line for line in layer.lines if line.horizontal]
    if not lines or not layer.images:
        return []
    size = median(line.size for line in lines)
    between: list[Box] = []
    others: list[Box] = []
    for box in layer.images:
        if any(_is_strip(box, other) for other in layer.images):
            continue
        if any(_is_in((*word.centre, *word.centre), box) for word in layer.words):
            continue
        sides = {side for line in lines if _is_in_line(box, line, layer.width) for side in _sides(box, line)}
        if len(sides) > 1:
            between.append(box)
        elif sides or _is_displayed(box, size, layer):
            others.append(box)
    if not between and len(others) < _SEVERAL:
        return []
    written = [box for box in (*between, *others) if _is_written(page, box)]
    if len(written) < _SEVERAL and not any(box in between for box in written):
        return []
    return [Unread(What.PICTURE, box) for box in written]


def _is_strip(box: Box, other: Box) -> bool:
    """Whether two pictures are parts of one, cut across."""
    is_as_wide = abs(box[0] - other[0]) < 1 and abs(box[2] - other[2]) < 1
    return is_as_wide and min(abs(box[1] - other[3]), abs(box[3] - other[1])) < 1


def _is_displayed(box: Box, size: float, layer: TextLayer) -> bool:
    """Whether a picture is as wide and as high as a displayed formula, and in the body of its page."""
    x0, y0, x1, y1 = box
    return (
        _LOWEST * size <= y1 - y0 <= _HIGHEST * size
        and _LONG * (y1 - y0) <= x1 - x0 <= _WIDEST * layer.width
        and _MARGIN * layer.height < (y0 + y1) / 2 < (1 - _MARGIN) * layer.height
    )


def _is_in_line(box: Box, line: Line, width: float) -> bool:
    x0, y0, x1, y1 = box
    return (
        y0 < line.middle[1] < y1
        and _LOWEST * line.size <= y1 - y0 <= _HIGHEST * line.size
        and _NARROWEST * line.size <= x1 - x0 <= _WIDEST * width
    )


def _sides(box: Box, line: Line) -> list[str]:
    """Return on which sides of a box text of a line stands near it."""
    near = _NEAR * line.size
    spans = [span.box for span in line.spans if span.text.strip()]
    left = any(-near < box[0] - span[2] < near for span in spans)
    right = any(-near < span[0] - box[2] < near for span in spans)
    return ["left"] * left + ["right"] * right


def _is_written(page: Any, box: Box) -> bool:
    """Whether a picture shows several shapes side by side, in ink on a light ground: no photo, no icon, no bullet."""
    import numpy as np
    import pymupdf

    shown = page.get_pixmap(matrix=pymupdf.Matrix(_ZOOM, _ZOOM), clip=pymupdf.Rect(box), colorspace="rgb", alpha=False)
    if not shown.width or not shown.height:
        return False
    samples = np.frombuffer(shown.samples, np.uint8).reshape(shown.height, shown.stride)[:, : 3 * shown.width]
    colours = samples.reshape(shown.height, shown.width, 3).astype(np.float32) / 255
    shades = colours.mean(axis=2)
    ground = float(np.median(shades))
    ink = shades < ground - _DARK
    if ground < _LIGHT or not _LEAST_INK <= float(ink.mean()) <= _MOST_INK:
        return False
    mean = colours[ink].mean(axis=0)  # letters smoothed for a screen have edges of all colours
    return float(mean.max() - mean.min()) <= _COLOURED and _runs(ink.any(axis=0)) >= _LETTERS


def _runs(columns: "NDArray[np.bool_]") -> int:
    """Return how many runs of columns with ink there are."""
    import numpy as np

    return int(np.count_nonzero(columns[1:] & ~columns[:-1]) + bool(len(columns) and columns[0]))

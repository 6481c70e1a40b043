"""The text layer of a page, read for its content: lines of spans with their fonts, in logical order, and their words.

Labels are written of this. Whether the layer can be trusted at all, `text_layer_checks` says, by counting; what nobody
sees of a layer that can, `without_unseen` takes out.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

from scribetune.labels import font_widths, line_ends, right_to_left, text_pages
from scribetune.labels.tables.cells import Box, Word, union
from scribetune.text.markdown import is_cjk

_ITALIC, _MONO, _BOLD = 2, 8, 16  # span flags of MuPDF
_TYPE3 = ("Unnamed-T3", "Type3 (")  # their glyphs are drawings: MuPDF tells no alpha
_MIN_SIDEWAYS = 40  # characters; fewer are a stamp, or the name of a drawing
_MOSTLY = 0.7
_SAME_LINE = 0.5
_BLANK = 0.15
_CJK_BLANK = 0.4
_HORIZONTAL = 0.99
_MATH_FONT = re.compile(
    r"CM(?:MI|SY|EX|BSY|MIB)\d|MS[AB]M\d|Math|MT(?:MI|SY|EX)|LCMS|rsfs|eufm|Euclid(?:Math|Ext|Symbol)", re.IGNORECASE
)
_MATH_CHARACTER = re.compile(
    "[\u2200-\u2211\u2213-\u2218\u221a-\u2263\u2266-\u22ef\u27c0-\u27ef\u2a00-\u2aff\U0001d400-\U0001d7ff]"
)
_MONO_FONT = re.compile(r"Nimbus ?Mon|Courier|CMTT|SFTT|LMMono")  # not all say so of themselves
_UNKNOWN = "\ufffd"
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ufeff\ufffd]")
_WORDS_AT_ONCE = 64  # compared with the boxes near them
_NOTE_MARK = re.compile(r"\s*(?:\d{1,3}|[a-z]|[*†‡§¶#]{1,3})\s*")
_SUPERSCRIPT = re.compile(r"\s*(?:[^\s]{1,12}|[^\s]{1,4}(?:[,;]?\s[^\s]{1,4}){1,5})\s*")
_SUBSCRIPT = re.compile(r"[^\W_]{1,6}\s?")
_MARK_SIZE = 0.85
_DEEPEST = 0.5  # below the line, as a share of its size
_LOWEST, _CLEARLY, _HIGHEST = 0.1, 0.2, 0.75  # above the line, as shares of its size
_FULL_WIDTH = re.compile("[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff60]+")
_QUARTER_BLANK = 0.35
_LEAST_SIZE = 0.3  # of a span's height
_READABLE = 0.0015  # of the longer side of a page: four dots of an image that a model sees
_NEAR = 0.7  # of a line's height: no wider is a blank


@dataclass(frozen=True)
class Span:
    """A run of characters in one font."""

    text: str  # as it is read: right-to-left runs in logical order
    box: Box  # where it stands
    size: float  # of the font, in points
    bold: bool
    italic: bool
    mono: bool  # all characters of the font are equally wide
    raised: bool  # above the line, like the mark of a footnote
    math: bool = False  # the font is one for formulas
    lowered: bool = False  # below the line, like the figure of a chemical formula; in no formula's letters


@dataclass(frozen=True)
class Line:
    """Spans that follow each other on one line of the page."""

    spans: tuple[Span, ...]
    box: Box
    block: int
    horizontal: bool = True

    @cached_property
    def text(self) -> str:
        """Its characters, blanks at the ends removed."""
        return joined(self.spans).strip()

    @property
    def middle(self) -> tuple[float, float]:
        """Of its box."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def height(self) -> float:
        """Of its box."""
        return self.box[3] - self.box[1]

    @property
    def size(self) -> float:
        """Size of the font of its longest span."""
        return max(self.spans, key=lambda span: len(span.text)).size

    @property
    def bold(self) -> bool:
        """Whether all of it is."""
        return all(span.bold for span in self.spans if span.text.strip())

    @property
    def is_formula(self) -> bool:
        """Whether it is, for the most part, set in fonts or characters of formulas."""
        characters = math = 0
        for span in self.spans:
            seen = sum(not character.isspace() for character in span.text)
            characters += seen
            math += seen if span.math else len(_MATH_CHARACTER.findall(span.text))
        return math >= 3 and math >= 0.3 * characters

    @property
    def mono(self) -> bool:
        """Whether all of it is in a font whose characters are equally wide."""
        return all(span.mono for span in self.spans if span.text.strip())


@dataclass(frozen=True)
class TextLayer:
    """What a page's text layer holds."""

    lines: tuple[Line, ...]  # in the order of the file; blank ones and, where others exist, invisible ones left out
    words: tuple[Word, ...]  # for tables
    images: tuple[Box, ...]  # boxes of the images
    width: float  # of the page, in points
    height: float  # the same
    unseen: tuple[Word, ...] = ()  # words that were taken out, since nobody sees them


def read(page: Any) -> TextLayer:
    """Read a pymupdf.Page that is not rotated; ligatures come as their letters, /ActualText instead of glyphs."""
    import pymupdf

    # Numbers of glyphs in place of unknown characters would be read as letters.
    left_out = pymupdf.TEXT_PRESERVE_LIGATURES | pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE
    flags = pymupdf.TEXTFLAGS_DICT & ~left_out
    textpage = text_pages.text_page(page, flags)
    again = text_pages.doubled([(word[4], word[:4]) for word in textpage.extractWORDS()])
    if again and right_to_left.has_letters(textpage.extractText()):
        textpage = text_pages.text_page_once(page, flags)
    found = textpage.extractDICT()
    ordered = right_to_left.in_order(textpage)
    lines: list[Line] = []
    hidden: list[Line] = []
    images: list[Box] = []
    equal = font_widths.equally_wide(span for block in found["blocks"] for span in _spans_of(block))
    for number, block in enumerate(ordered.blocks if ordered else found["blocks"]):
        if block["type"] == 1:
            images.append(_box(block["bbox"]))
        for line in block.get("lines", []):
            spans = [span for span in line["spans"] if span["text"].strip("\u200b\ufeff")]
            if not any(span["text"].strip() for span in spans):
                continue
            seen = [s for s in spans if s.get("alpha", 255) or s["font"].startswith(_TYPE3)]
            made = _line(seen or spans, number, equal, horizontal=abs(line["dir"][0]) > _HORIZONTAL)
            if made.text:  # characters of no meaning are blanks
                (lines if seen else hidden).append(made)
    if not ordered and any(_has_no_size(span) for block in found["blocks"] for span in _spans_of(block)):
        lines = _with_pieces_joined(lines)
    found_words = ordered.words if ordered else [Word(*_box(w[:4]), w[4]) for w in textpage.extractWORDS()]
    shown = lines or hidden
    if again:
        shown, found_words = _once(shown, found_words)
    named = ((word, text_pages.with_leaders(word.text).replace(_UNKNOWN, "")) for word in found_words)
    words = tuple(replace(word, text=text) for word, text in named if text)
    if any("\u00ad" in word.text for word in words):
        are_hyphens = line_ends.are_hyphens(line.text for line in shown)
        shown = [_with_drawn_hyphens(line, are_hyphens=are_hyphens) for line in shown]
        words = tuple(
            replace(word, text=line_ends.with_drawn_hyphens([word.text], are_hyphens=are_hyphens)[0]) for word in words
        )
    layer = TextLayer(tuple(shown), words, tuple(images), found["width"], found["height"])
    smallest = _READABLE * max(layer.width, layer.height)
    return _of_spans(layer, lambda span: span.size >= smallest)


def _with_drawn_hyphens(line: Line, *, are_hyphens: bool) -> Line:
    """Return a line with hyphens, or nothing, for soft hyphens within it."""
    texts = line_ends.with_drawn_hyphens([span.text for span in line.spans], are_hyphens=are_hyphens)
    spans = tuple(replace(span, text=text) for span, text in zip(line.spans, texts, strict=True))
    return replace(line, spans=spans)


def _once(lines: Sequence[Line], words: Sequence[Word]) -> tuple[list[Line], list[Word]]:
    """Return lines and words without what is drawn again in the same place: bold by hand, outlines, shadows."""
    shadows = text_pages.shadows([(line.text, line.box) for line in lines])
    gone = text_pages.doubled([(word.text, word.box) for word in words])
    for shadow, line in shadows.items():
        parts = set(lines[shadow].text.split()) - set(lines[line].text.split())
        x0, y0, x1, y1 = lines[shadow].box
        for number, word in enumerate(words):
            x, y = word.centre
            if word.text in parts and x0 <= x <= x1 and y0 <= y <= y1:
                gone.add(number)
    kept = [line for number, line in enumerate(lines) if number not in shadows]
    return kept, [word for number, word in enumerate(words) if number not in gone]


def is_sideways(layer: TextLayer) -> bool:
    """Whether most of a page's text runs up or down it: a wide table on an upright page."""
    characters = sum(len(line.text) for line in layer.lines)
    across = sum(len(line.text) for line in layer.lines if line.horizontal)
    return characters >= _MIN_SIDEWAYS and across < (1 - _MOSTLY) * characters


def turn_upright(page: Any) -> None:
    """Turn an (in-memory) pymupdf.Page whose text runs up or down it, so that it is read from left to right."""
    import pymupdf

    downwards = upwards = 0
    for block in page.get_text("dict", flags=pymupdf.TEXTFLAGS_TEXT)["blocks"]:
        for line in block.get("lines", []):
            length = sum(len(span["text"]) for span in line["spans"])
            downwards += length * (line["dir"][1] > _HORIZONTAL)
            upwards += length * (line["dir"][1] < -_HORIZONTAL)
    page.set_rotation(270 if downwards > upwards else 90)
    page.remove_rotation()


def without_unseen(layer: TextLayer, is_seen: Callable[[Box], bool]) -> TextLayer:
    """Return a text layer without what nobody sees of it: text in the colour of the ground, covered, or clipped away.

    Spans without any contrast (`is_seen` of their box) go, their words to `unseen`. Those without a letter or a digit
    stay: a row of underscores lies at the edge of its box.
    """
    return _of_spans(layer, lambda span: not any(map(str.isalnum, span.text)) or is_seen(span.box))


def _of_spans(layer: TextLayer, is_shown: Callable[[Span], bool]) -> TextLayer:
    """Return a text layer with the spans that are shown alone; the words of the others are `unseen`."""
    lines: list[Line] = []
    gone: list[Box] = []
    for line in layer.lines:
        kept = [span for span in line.spans if is_shown(span)]
        if len(kept) == len(line.spans):
            lines.append(line)
            continue
        gone.extend(span.box for span in line.spans if span not in kept)
        if any(span.text.strip() for span in kept):
            lines.append(replace(line, spans=tuple(kept), box=union([span.box for span in kept])))
    if not gone:
        return layer
    shown = [span.box for line in lines for span in line.spans]
    is_gone = [
        in_gone and not in_shown
        for in_gone, in_shown in zip(_are_in(layer.words, gone), _are_in(layer.words, shown), strict=True)
    ]
    words = tuple(word for word, gone in zip(layer.words, is_gone, strict=True) if not gone)
    unseen = tuple(word for word, gone in zip(layer.words, is_gone, strict=True) if gone)
    return replace(layer, lines=tuple(lines), words=words, unseen=(*layer.unseen, *unseen))


def _are_in(words: Sequence[Word], boxes: Sequence[Box]) -> list[bool]:
    """Whether the middle of each word is in one of the boxes; a map has ten thousand of both."""
    import numpy as np

    if not words or not boxes:
        return [False] * len(words)
    edges, centres = np.asarray(boxes), np.asarray([word.centre for word in words])
    found = np.zeros(len(words), bool)
    # From top to bottom, so that few words at once are near few boxes.
    downwards = np.argsort(centres[:, 1], kind="stable")
    for first in range(0, len(words), _WORDS_AT_ONCE):
        at = downwards[first : first + _WORDS_AT_ONCE]
        x, y = centres[at].T[..., None]
        near = edges[(edges[:, 1] <= y.max()) & (edges[:, 3] >= y.min())]
        x0, y0, x1, y1 = near.T
        found[at] = ((x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)).any(axis=1)
    is_in: list[bool] = found.tolist()
    return is_in


def _box(values: Sequence[float]) -> Box:
    x0, y0, x1, y1 = values
    return x0, y0, x1, y1


def _raised(spans: Sequence[dict[str, Any]]) -> list[bool]:
    """Return which spans of a line stand above it: marks of notes, exponents, ordinals.

    MuPDF flags whatever stands higher than the first character of its line: text behind a large initial too, or another
    cell's. The line is where most of its characters stand; what is raised above it is smaller, or a mark.
    """
    weights: Counter[float] = Counter()
    for span in spans:
        weights[round(span["origin"][1], 1)] += len(span["text"].strip())
    main = max(spans, key=lambda span: (weights[round(span["origin"][1], 1)], span["size"]))
    baseline, size = main["origin"][1], main["size"]

    return [is_raised(span["text"], span["size"], baseline - span["origin"][1], size) for span in spans]


def _lowered(spans: Sequence[dict[str, Any]]) -> list[bool]:
    """Return which spans of a line stand below what they follow, and are smaller: the figure of CO₂, an index.

    Indices of letters in fonts of formulas are a matter of LaTeX.
    """
    found = [False] * len(spans)
    for number, (before, span) in enumerate(pairwise(spans), 1):
        below = span["origin"][1] - before["origin"][1]
        found[number] = (
            _LOWEST * before["size"] <= below <= _DEEPEST * before["size"]
            and span["size"] <= _MARK_SIZE * before["size"]
            and span["bbox"][0] - before["bbox"][2] < _CLEARLY * before["size"]
            and before["text"][-1:].isalnum()
            and bool(_SUBSCRIPT.fullmatch(span["text"]))
            and not _MATH_FONT.search(before["font"])
            and not _MATH_FONT.search(span["font"])
        )
    return found


def is_raised(text: str, size: float, above: float, main_size: float) -> bool:
    """Whether a text stands so far above a line whose characters have `main_size` as an exponent, or a mark, does."""
    if not _LOWEST * main_size <= above <= _HIGHEST * main_size or not text.strip():
        return False
    if size <= _MARK_SIZE * main_size:
        return bool(_SUPERSCRIPT.fullmatch(text))
    return bool(_NOTE_MARK.fullmatch(text)) and above >= _CLEARLY * main_size


def _spans_of(block: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for line in block.get("lines", ()):
        if abs(line["dir"][0]) > _HORIZONTAL:
            yield from line["spans"]


def _has_no_size(span: Mapping[str, Any]) -> bool:
    """Whether a font's em is one dot, as where its glyphs are drawings: MuPDF takes each gap for a column's."""
    return bool(span["size"] < _LEAST_SIZE * (span["bbox"][3] - span["bbox"][1]))


def _with_size(span: dict[str, Any]) -> dict[str, Any]:
    """Return a span of a line across the page with the size that is seen."""
    return {**span, "size": span["bbox"][3] - span["bbox"][1]} if _has_no_size(span) else span


def _with_pieces_joined(lines: Sequence[Line]) -> list[Line]:
    """Join lines that follow each other with no more than a blank between them."""
    made: list[Line] = []
    for line in lines:
        last = made[-1] if made else None
        if last is not None and last.horizontal and line.horizontal:
            near = _NEAR * min(last.height, line.height)
            if abs(line.box[3] - last.box[3]) < near and -near < line.box[0] - last.box[2] < near:
                made[-1] = replace(last, spans=(*last.spans, *line.spans), box=union([last.box, line.box]))
                continue
        made.append(line)
    return made


def _line(spans: Sequence[dict[str, Any]], block: int, equal: Collection[str] = (), *, horizontal: bool) -> Line:
    if horizontal:
        spans = [_with_size(span) for span in spans]
    raised = _raised(spans) if horizontal else [False] * len(spans)
    lowered = _lowered(spans) if horizontal else [False] * len(spans)
    made = tuple(
        Span(
            _readable(_without_quarter_blank(span, span["text"])),
            _box(span["bbox"]),
            span["size"],
            bool(span["flags"] & _BOLD),
            bool(span["flags"] & _ITALIC),
            is_mono(span) or span["font"] in equal,
            raised[number],
            bool(_MATH_FONT.search(span["font"])),
            lowered[number],
        )
        for number, span in enumerate(spans)
    )
    return Line(made, union([span.box for span in made]), block, horizontal)


def is_mono(span: Mapping[str, Any]) -> bool:
    """Whether the characters of a span's font, of a dictionary of MuPDF's, are equally wide."""
    return bool(span["flags"] & _MONO or _MONO_FONT.search(span["font"]))


def _without_quarter_blank(span: Mapping[str, Any], text: str) -> str:
    """Return text without the blank that MuPDF reads in the gap which word processors set after figures in Chinese.

    The gap before the figures, just as wide, it does not read as one.
    """
    characters = text[1:]
    if text[:1] != " " or not _FULL_WIDTH.fullmatch(characters):
        return text
    blank = span["bbox"][2] - span["bbox"][0] - len(characters) * span["size"]
    return characters if blank < _QUARTER_BLANK * span["size"] else text


def _readable(text: str) -> str:
    """Return text in NFC; a control character or the replacement one stands for a glyph that has no other: a blank."""
    return unicodedata.normalize("NFC", _CONTROL.sub(" ", text_pages.with_leaders(text)))


def is_apart(before: str, after: str, left: Box, right: Box) -> bool:
    """Whether a blank is seen between two texts on a line; formulas stand off Chinese a little, without one."""
    if before[-1:].isspace() or after[:1].isspace():
        return False
    height = min(left[3] - left[1], right[3] - right[1])
    gap = max(right[0] - left[2], left[0] - right[2])  # to the right, or to the left
    return gap > height * (_CJK_BLANK if is_cjk(before[-1:]) or is_cjk(after[:1]) else _BLANK)


def needs_blank(before: Span, after: Span) -> bool:
    """Whether a blank is seen between two spans that follow each other on a line."""
    return is_apart(before.text, after.text, before.box, after.box)


def joined(spans: Sequence[Span]) -> str:
    """Return the text of spans on one line, with the blanks that are seen between them."""
    text = spans[0].text if spans else ""
    for before, after in pairwise(spans):
        text += (" " if needs_blank(before, after) else "") + after.text
    return text


def visual_lines(lines: Sequence[Line]) -> list[Line]:
    """Put pieces that stand on one line of the page together, in the order in which they are read, top to bottom."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.middle[1], line.box[0])):
        for row in reversed(rows[-3:]):
            if line.horizontal and row[0].horizontal and _same_height(row, line):
                row.append(line)
                break
        else:
            rows.append([line])
    made = []
    for row in rows:
        leftwards = right_to_left.is_right_to_left("".join(line.text for line in row))
        ordered = sorted(row, key=lambda line: line.box[0], reverse=leftwards)
        spans = tuple(span for line in ordered for span in line.spans)
        made.append(Line(spans, union([line.box for line in ordered]), ordered[0].block, ordered[0].horizontal))
    return made


def _same_height(row: Sequence[Line], line: Line) -> bool:
    top, bottom = min(other.box[1] for other in row), max(other.box[3] for other in row)
    overlap = min(bottom, line.box[3]) - max(top, line.box[1])
    beside = all(line.box[0] >= other.box[2] - 2 or line.box[2] <= other.box[0] + 2 for other in row)
    return beside and overlap > _SAME_LINE * min(bottom - top, line.height)

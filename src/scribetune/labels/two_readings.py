"""Scans read by two readers that share nothing: a line is trusted where both say the same, letter by letter.

What misleads both of them counts for nothing (`agreed_lines`). The first is `image_reading`; the second is Tesseract
where it is installed, line by line, else the first once more with more of the page around each line, where only what is
certain counts. Blanks need not be the same.
"""

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from scribetune.labels import agreed_lines, image_reading, reading_order, scanned_words, text_layer
from scribetune.labels.image_reading import ReadText
from scribetune.labels.tables.cells import Box, Word

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Corners = tuple[tuple[float, float], ...]

BY_TWO, BY_ONE = "rapidocr and tesseract", "rapidocr, twice"
"""Who read a page."""
_CERTAIN = 0.95
_BESIDE = 2.5  # of a line's height: a colon may stand so far behind it
_AROUND = 0.12  # of its height
_UPRIGHT = 1.5  # higher than wide by so much: the line runs up or down
_MARGIN_PX = 12
_COLONS = (":", "：")
_END_MARKS = ":.,;"  # that may stand a little apart from a line
_BESIDES = 0.2  # of their heights that two lines at one height share
_SAME_ROW = 0.4


@dataclass(frozen=True)
class DoublyRead:
    """A line of a scan."""

    text: str  # as the first reader has it
    other: str  # as the second has it
    agrees: bool
    box: Box  # pixels of the image
    words: tuple[Word, ...] = ()  # as the first reader has them, in pixels; none of lines that run up or down
    others: tuple[Word, ...] = ()  # as the second has them


@dataclass(frozen=True)
class SecondText:
    """What the second reader says of an image of a line."""

    text: str  # "" where it reads nothing
    words: tuple[tuple[float, float, str], ...] = ()  # from left to right: where each begins and ends, in pixels


def readers() -> str:
    """Return who reads."""
    return BY_TWO if shutil.which("tesseract") else BY_ONE


def lines_of(image: "Image", languages: str) -> list[DoublyRead]:
    """Read the lines of an image twice, from the top; `languages` are Tesseract's (`eng+chi_sim`)."""
    import numpy as np

    found = image_reading.find(image)
    pixels = np.asarray(image.convert("L"))
    wider = {number: place for number, corners in enumerate(found) if (place := _with_ends(corners, found, pixels))}
    cuts = [image_reading.cut_out(image, place) for place in (*found, *wider.values())]
    first = [image_reading.text_of(cut) for cut in cuts]
    if readers() == BY_TWO:
        second = _by_tesseract(cuts, languages)
    else:
        more = [_wider(place, _AROUND, _AROUND, _AROUND) for place in (*found, *wider.values())]
        again = [image_reading.text_of(image_reading.cut_out(image, place)) for place in more]
        both = zip(first, again, strict=True)
        second = [SecondText(other.text if min(one.least, other.least) >= _CERTAIN else "") for one, other in both]
    at = {number: len(found) + place for place, number in enumerate(wider)}
    lines = []
    colons = []
    for number, corners in enumerate(found):
        ends = at.get(number)
        line = _line((first[number], second[number]), (first[ends], second[ends]) if ends is not None else None)
        if line is not None:
            box = image_reading.around(corners)
            own = second[number].words, cuts[number].width
            lines.append(_with_words(replace(line, box=box), first[number], *own, pixels))
            colons.append(agreed_lines.colons_beside(box, *_beside(corners, found), pixels))
    return [
        replace(line, agrees=line.agrees and all(_is_read(place, line, lines) for place in places if place is not None))
        for line, places in zip(lines, colons, strict=True)
    ]


def _line(read: "tuple[ReadText, SecondText]", with_ends: "tuple[ReadText, SecondText] | None") -> DoublyRead | None:
    """Put the readings of a line together, those of it with what stands beside it too; None where nothing is read."""
    (one, other), text, others = read, read[0].text.strip(), [read[1]]
    if with_ends is not None:
        longer = with_ends[0].text.strip()
        if Counter(_letters(longer)) - Counter(_letters(text)) - Counter(_END_MARKS * len(longer)):
            longer = text  # a rule read as a 1, or another line's letters
        # What stands beside it is a part of the line where the first reader says so, else dirt.
        others = [with_ends[1], other] if _letters(longer) == _letters(text) else [with_ends[1]]
        one = one if longer == text else with_ends[0]
        text = longer
    agreed = [said for said in others if _letters(said.text) == _letters(text)]
    if not text and not any(said.text for said in others):
        return None
    agrees = bool(agreed) and not agreed_lines.is_doubtful(text, one.least)
    return DoublyRead(text, [*agreed, *others][0].text, agrees, (0.0, 0.0, 0.0, 0.0))


def _is_read(place: float, line: DoublyRead, lines: Sequence[DoublyRead]) -> bool:
    """Whether a colon that is seen beside a line, so far from the left, is read at the end of a text in that row."""
    far = _BESIDE * (line.box[3] - line.box[1])
    row = (other for other in lines if _are_beside(other.box, line.box))
    return any(
        (other.text[-1:] in _COLONS and other.box[0] < place < other.box[2] + far)
        or (other.text[:1] in _COLONS and other.box[0] - far < place < other.box[2])
        for other in row
    )


def _with_words(
    line: DoublyRead,
    read: ReadText,
    others: Sequence[tuple[float, float, str]],
    width: int,
    pixels: "NDArray[np.uint8]",
) -> DoublyRead:
    """Return a line with the words of both readers where they stand; those of the second are on a cut of that width."""
    x0, y0, x1, y1 = line.box
    if y1 - y0 > _UPRIGHT * (x1 - x0) and len(line.text) > 1:
        return line
    scale = (x1 - x0) / max(1, width)
    placed = (Word(x0 + left * scale, y0, x0 + right * scale, y1, text) for left, right, text in others)
    return replace(line, words=tuple(scanned_words.of_line(read, line.box, pixels)), others=tuple(placed))


def _letters(text: str) -> str:
    return "".join(text.split())


def _with_ends(corners: "Corners", all_lines: Sequence["Corners"], pixels: "NDArray[np.uint8]") -> "Corners | None":
    """Return a line with what stands a little apart on both sides, as far as no other line begins there, if it does."""
    import numpy as np

    left, top, right, bottom = image_reading.around(corners)
    height = bottom - top
    if height >= right - left:
        return None
    before, after = _beside(corners, all_lines)
    rows = slice(max(0, int(top + height / 5)), max(1, int(bottom - height / 10)))
    inside = pixels[rows, max(0, int(left)) : int(right)]
    if not inside.size:
        return None
    dark, light = np.percentile(inside, (5, 90))
    ink = (pixels[rows] < (dark + light) / 2).any(axis=0)
    behind = np.flatnonzero(ink[int(right) + 1 : int(right + after)])
    ahead = np.flatnonzero(ink[max(0, int(left - before)) : max(0, int(left))][::-1])
    if not ahead.size and not behind.size:
        return None
    margin = _AROUND * height
    return _wider(
        corners, 0.0,
        min(before, ahead[-1] + margin) / height if ahead.size else 0.0,
        min(after, behind[-1] + 1 + margin) / height if behind.size else 0.0,
    )  # fmt: skip


def _beside(corners: "Corners", all_lines: Sequence["Corners"]) -> tuple[float, float]:
    """Return how far to the left, and to the right, of a line something may stand that belongs to it, in pixels."""
    left, top, right, bottom = image_reading.around(corners)
    height = bottom - top
    before = after = _BESIDE * height
    for other in all_lines:
        x0, y0, x1, y1 = image_reading.around(other)
        if other is corners or min(bottom, y1) - max(top, y0) < _BESIDES * min(height, y1 - y0):
            continue
        if x0 >= right - height / 2:
            after = min(after, max(0.0, x0 - right))
        elif x1 <= left + height / 2:
            before = min(before, max(0.0, left - x1))
    return before, after


def _wider(corners: "Corners", above: float, before: float, after: float) -> "Corners":
    """Return a line with more around it, in shares of its height."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    wide = max(1e-6, ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5)
    across, down = (x1 - x0) / wide, (y1 - y0) / wide
    high = ((x3 - x0) ** 2 + (y3 - y0) ** 2) ** 0.5
    left, right, up = high * before, high * after, high * above
    return (
        (x0 - left * across + up * down, y0 - left * down - up * across),
        (x1 + right * across + up * down, y1 + right * down - up * across),
        (x2 + right * across - up * down, y2 + right * down + up * across),
        (x3 - left * across - up * down, y3 - left * down + up * across),
    )


def _by_tesseract(cuts: Sequence["Image"], languages: str) -> list[SecondText]:
    """Read images of lines with Tesseract."""
    from PIL import Image

    if not cuts:
        return []
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for number, cut in enumerate(cuts):
            framed = Image.new("L", (cut.width + 2 * _MARGIN_PX, cut.height + 2 * _MARGIN_PX), 255)
            framed.paste(cut.convert("L"), (_MARGIN_PX, _MARGIN_PX))
            names.append(str(Path(folder) / f"{number}.png"))
            framed.save(names[-1], compress_level=1)
        found = scanned_words.by_tesseract(names, languages, scanned_words.ONE_LINE)
    said: dict[int, list[scanned_words.TesseractWord]] = {}
    for word in found:
        said.setdefault(word.page, []).append(word)
    return [_said(said.get(number, ())) for number in range(1, len(cuts) + 1)]


def _said(words: Sequence[scanned_words.TesseractWord]) -> SecondText:
    return SecondText(
        " ".join(word.text for word in words),
        tuple((word.box[0] - _MARGIN_PX, word.box[2] - _MARGIN_PX, word.text) for word in words if word.is_word),
    )


def in_order(lines: Sequence[DoublyRead]) -> list[list[DoublyRead]]:
    """Return lines as they are read: column by column, what stands at one height in one row, from left to right."""
    if not lines:
        return []
    body = median(line.box[3] - line.box[1] for line in lines) / 1.3
    pieces = [_piece(line, body) for line in lines]
    known = {id(piece): line for piece, line in zip(pieces, lines, strict=True)}
    rows: list[list[DoublyRead]] = []
    for column in reading_order.columns(pieces, body):
        first = len(rows)
        for line in sorted((known[id(piece)] for piece in column), key=lambda line: line.box[1] + line.box[3]):
            if len(rows) > first and _are_beside(rows[-1][-1].box, line.box):
                rows[-1].append(line)
            else:
                rows.append([line])
    return [sorted(row, key=lambda line: line.box[0]) for row in rows]


def _piece(line: DoublyRead, body: float) -> text_layer.Line:
    span = text_layer.Span(line.text, line.box, body, bold=False, italic=False, mono=False, raised=False)
    return text_layer.Line((span,), line.box, 0)


def _are_beside(one: Box, other: Box) -> bool:
    shared = min(one[3], other[3]) - max(one[1], other[1])
    return shared > _SAME_ROW * min(one[3] - one[1], other[3] - other[1])

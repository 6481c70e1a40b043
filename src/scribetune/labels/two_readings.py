"""Scans read by two readers that share nothing: a line is trusted where both say the same, letter by letter.

The first is `image_reading`; the second is Tesseract where it is installed, line by line, else the first once more with
more of the page around each line, where only what is certain counts. Blanks need not be the same.
"""

import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from scribetune.core import isolation
from scribetune.labels import image_reading, reading_order, text_layer
from scribetune.labels.tables.cells import Box

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
_MARGIN_PX = 12
_TIMEOUT_S = 600
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


def readers() -> str:
    """Return who reads."""
    return BY_TWO if shutil.which("tesseract") else BY_ONE


def of_file(path: str, languages: str) -> list[DoublyRead]:
    """Read an image file; runs in a worker process.

    Raises:
        TooLargeError: It has more pixels than are decoded.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return lines_of(image.convert("RGB"), languages)
    except Image.DecompressionBombError as error:
        raise isolation.TooLargeError(str(error)) from error


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
        second = [other.text if min(one.least, other.least) >= _CERTAIN else "" for one, other in both]
    at = {number: len(found) + place for place, number in enumerate(wider)}
    lines = []
    for number, corners in enumerate(found):
        text, others = first[number].text.strip(), [second[number]]
        if number in at:
            with_ends = first[at[number]].text.strip()
            if Counter(_letters(with_ends)) - Counter(_letters(text)) - Counter(_END_MARKS * len(with_ends)):
                with_ends = text  # a rule read as a 1, or another line's letters
            # What stands beside it is a part of the line where the first reader says so, else dirt.
            others = [second[at[number]], *others] if _letters(with_ends) == _letters(text) else [second[at[number]]]
            text = with_ends
        agreed = [other for other in others if _letters(other) == _letters(text)]
        if text or any(others):
            lines.append(DoublyRead(text, [*agreed, *others][0], bool(agreed), image_reading.around(corners)))
    return lines


def _letters(text: str) -> str:
    return "".join(text.split())


def _with_ends(corners: "Corners", all_lines: Sequence["Corners"], pixels: "NDArray[np.uint8]") -> "Corners | None":
    """Return a line with what stands a little apart on both sides, as far as no other line begins there, if it does."""
    import numpy as np

    left, top, right, bottom = image_reading.around(corners)
    height = bottom - top
    if height >= right - left:
        return None
    before = after = _BESIDE * height
    for other in all_lines:
        x0, y0, x1, y1 = image_reading.around(other)
        if other is corners or min(bottom, y1) - max(top, y0) < _BESIDES * min(height, y1 - y0):
            continue
        if x0 >= right - height / 2:
            after = min(after, max(0.0, x0 - right))
        elif x1 <= left + height / 2:
            before = min(before, max(0.0, left - x1))
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


def _by_tesseract(cuts: Sequence["Image"], languages: str) -> list[str]:
    """Read images of lines with Tesseract; "" where it reads nothing."""
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
        listed = Path(folder) / "lines.txt"
        listed.write_text("\n".join(names), encoding="utf-8")
        read = subprocess.run(  # noqa: S603
            ["tesseract", str(listed), "stdout", "--psm", "7", "-l", languages, "--dpi", "150"],  # noqa: S607
            capture_output=True, timeout=_TIMEOUT_S, check=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )  # fmt: skip
    texts = [" ".join(text.split()) for text in read.stdout.decode("utf-8", "replace").split("\f")]
    return [*texts, *[""] * len(cuts)][: len(cuts)]


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

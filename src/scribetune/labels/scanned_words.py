"""Words of a scan, each where its ink is: by the first reader line by line, by Tesseract on the whole page.

Tables are told by where words stand. So the second reader looks for words by itself, in the whole image; lines that it
passes over (single figures, signs) it is shown one by one.
"""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from scribetune.labels.image_reading import ReadText
from scribetune.labels.tables.cells import Box, Word

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Pixels = NDArray[np.uint8]

_APART = 1.6  # of a line's height: what stands so far from the character before it is another word
_FULL = 0.9  # of a line's height: ink so high is a rule
ONE_LINE, ANYWHERE = 7, 11
"""Ways in which Tesseract looks at an image: as one line; for words that stand anywhere."""
_TIMEOUT_S = 600
_WORD_ROWS, _FIELDS = "5", 12  # of Tesseract's table
_LEAST_CERTAIN = 20.0  # of 100
_NO_WORD = frozenset("|_—-–~.,:;'\"`‘’“”[]{}()")  # rules and dirt
_SIGN_CERTAIN, _DASHES = 60.0, "-–—"
_TALLEST, _LOWEST = 2.2, 0.15  # of the usual height of a line
_MARGIN = 0.12  # of a line's height, around its letters
_AS_USUAL = (0.6, 1.6)  # of that height: other lines are put at their middle


@dataclass(frozen=True)
class TesseractWord:
    """A word as Tesseract has it."""

    page: int  # of those read, from 1
    line: tuple[int, int, int]  # its block, paragraph and line on that page
    box: Box  # around its letters, in pixels
    certain: float  # 0–100
    text: str

    @property
    def is_word(self) -> bool:
        """Whether it is one, and no rule or dirt."""
        if _NO_WORD.issuperset(self.text):
            return self.certain >= _SIGN_CERTAIN and self.text in _DASHES
        return self.certain >= _LEAST_CERTAIN


def of_line(read: ReadText, box: Box, pixels: "Pixels") -> list[Word]:
    """Return the words of a line, in pixels of the gray image that it was found on, at `box`."""
    x0, y0, x1, y1 = box
    high = y1 - y0
    text = read.text
    if not text.strip() or len(read.places) != len(text):
        return []
    at = [x0 + place * (x1 - x0) for place in read.places]
    step = min(high, median(b - a for a, b in pairwise(at))) if len(at) > 1 else high / 2
    parts: list[list[int]] = []
    for number, character in enumerate(text):
        if character.isspace():
            continue
        follows = number and not text[number - 1].isspace() and at[number] - at[number - 1] <= _APART * high
        if parts and follows:
            parts[-1].append(number)
        else:
            parts.append([number])
    edges = [x0, *((at[one[-1]] + at[other[0]]) / 2 for one, other in pairwise(parts)), x1]
    words = []
    for part, left, right in zip(parts, edges, edges[1:], strict=False):
        begin = left if part is parts[0] else max(left, at[part[0]] - step)
        end = right if part is parts[-1] else min(right, at[part[-1]] + step)
        begin, end = _inked(pixels, begin, y0, end, y1)
        words.append(Word(begin, y0, end, y1, "".join(text[number] for number in part)))
    return words


def _inked(pixels: "Pixels", x0: float, y0: float, x1: float, y1: float) -> tuple[float, float]:
    """Return where ink begins and ends in a part of an image, rules down it left out; all of it where there is none."""
    import numpy as np

    part = pixels[max(0, round(y0)) : max(0, round(y1)), max(0, round(x0)) : max(0, round(x1))]
    if part.size == 0:
        return x0, max(x0 + 1, x1)
    dark, light = np.percentile(part, (3, 80))
    ink = part < (dark + light) / 2
    columns = np.flatnonzero(ink.any(axis=0) & (ink.mean(axis=0) < _FULL))
    if not columns.size:
        return x0, max(x0 + 1, x1)
    return max(0, round(x0)) + float(columns[0]), max(0, round(x0)) + float(columns[-1] + 1)


def by_tesseract(paths: Sequence[str], languages: str, mode: int) -> list[TesseractWord]:
    """Read image files with Tesseract in one of its ways."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "images.txt"
        listed.write_text("\n".join(paths), encoding="utf-8")
        read = subprocess.run(  # noqa: S603
            ["tesseract", str(listed), "stdout", "--psm", str(mode), "-l", languages, "--dpi", "150",  # noqa: S607
             "-c", "tessedit_create_tsv=1"],
            capture_output=True, timeout=_TIMEOUT_S, check=True,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )  # fmt: skip
    words = []
    for row in read.stdout.decode("utf-8", "replace").split("\n"):
        cells = row.split("\t")
        if len(cells) == _FIELDS and cells[0] == _WORD_ROWS and cells[11].strip():
            page, block, paragraph, line = map(int, cells[1:5])
            left, top, width, height = map(float, cells[6:10])
            box = left, top, left + width, top + height
            words.append(TesseractWord(page, (block, paragraph, line), box, float(cells[10]), cells[11].strip()))
    return words


def of_page(image: "Image", languages: str, high: float) -> list[Word]:
    """Return the words that Tesseract finds on a whole image, in pixels; `high` is the usual height of a line's box."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "page.png")
        image.convert("L").save(path, compress_level=1)
        found = by_tesseract([path], languages, ANYWHERE)
    fitting = (_LOWEST * high, _TALLEST * high)
    is_high = {word: fitting[0] < word.box[3] - word.box[1] < fitting[1] or word.text in _DASHES for word in found}
    return placed([word for word in found if word.is_word and is_high[word]], high)


def placed(found: Sequence[TesseractWord], high: float) -> list[Word]:
    """Return words as high as their lines' boxes, which the first reader has a little larger than their letters."""
    words = []
    for _, line in groupby(sorted(found, key=lambda word: word.line), key=lambda word: word.line):
        own = list(line)
        top, bottom = min(word.box[1] for word in own), max(word.box[3] for word in own)
        is_usual = _AS_USUAL[0] * high <= bottom - top <= _AS_USUAL[1] * high
        for word in own:
            x0, y0, x1, y1 = word.box
            middle = (y0 + y1) / 2
            upper, lower = (
                (top, bottom) if is_usual else (middle - (0.5 - _MARGIN) * high, middle + (0.5 - _MARGIN) * high)
            )
            text = word.text.strip("|") or word.text
            words.append(Word(x0, upper - _MARGIN * high, x1, lower + _MARGIN * high, text))
    return words


def together(words: Sequence[Word], others: Sequence[Word]) -> list[Word]:
    """Return words, and those of `others` that stand where none of them does."""
    return [*words, *(other for other in others if not any(_overlap(word, other) for word in words))]


def _overlap(one: Word, other: Word) -> bool:
    across = min(one.x1, other.x1) - max(one.x0, other.x0)
    down = min(one.y1, other.y1) - max(one.y0, other.y0)
    return across > 0.3 * min(one.x1 - one.x0, other.x1 - other.x0) and down > 0.3 * min(one.height, other.height)

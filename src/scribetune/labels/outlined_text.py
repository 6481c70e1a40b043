"""Letters drawn as outlines: what looks like rows of text among a page's paths, where the text layer has no words.

What it says nobody knows before the page's image is read; this tells, from what is known of a page anyway, where that
is worth its time.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scribetune.labels.tables.cells import Word

_LEAST_HEIGHT, _MOST_HEIGHT = 3.0, 40.0  # points, of a letter
_PARTS = 6  # lines and curves of a letter's outline: boxes, rules and dots have fewer
_WIDTH = 0.5  # of its height: a letter, where a path has several
_LETTERS = 12  # of a row
_ROW = 6.0  # points


def is_on(drawings: Sequence[Mapping[str, Any]], words: Sequence[Word]) -> bool:
    """Whether a page has rows of such letters; `drawings` are its paths as PyMuPDF's `get_cdrawings` gives them."""
    import numpy as np

    found = [(path["rect"], letters) for path in drawings if "f" in path["type"] and (letters := _letters(path))]
    if not _has_row(found):
        return False
    boxes = np.array([(word.x0, word.y0, word.x1, word.y1) for word in words]).reshape(-1, 4)
    return _has_row([one for one in found if not _is_in(one[0], boxes)])


def _letters(path: Mapping[str, Any]) -> int:
    """Return how many letters a filled path may be; 0 for what is none."""
    x0, y0, x1, y1 = (float(side) for side in path["rect"])
    height = y1 - y0
    if not _LEAST_HEIGHT <= height <= _MOST_HEIGHT:
        return 0
    return min(len(path["items"]) // _PARTS, max(1, round((x1 - x0) / (_WIDTH * height))))


def _has_row(found: Sequence[tuple[Sequence[float], int]]) -> bool:
    rows: Counter[int] = Counter()
    for box, letters in found:
        rows[int((box[1] + box[3]) / 2 // _ROW)] += letters
    return any(count + rows[row + 1] >= _LETTERS for row, count in list(rows.items()))


def _is_in(box: Sequence[float], words: Any) -> bool:
    """Whether the middle of a box lies in one of the words (n × 4)."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    inside = (words[:, 0] <= x) & (x <= words[:, 2]) & (words[:, 1] <= y) & (y <= words[:, 3])
    return bool(inside.any())

"""Bands at the upper and lower edge of a page: what a gap over the whole width divides from all other text."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from scribetune.labels.tables.cells import Box

_GAP = 0.9  # of the usual height of a line
_LINES = 5.0  # times that height: more is text
_DEEP = 0.15  # of the height of the text


def first_band(boxes: Sequence[Box], *, is_head: bool) -> tuple[int, list[int]]:
    """Return how many boxes are of the first band from an edge, 0 for none, and the numbers of all from there.

    Boxes of lines, or of parts of them, in points of the page.
    """
    if not boxes:
        return 0, []
    order = sorted(range(len(boxes)), key=lambda number: boxes[number][1] if is_head else -boxes[number][3])
    height = median(y1 - y0 for _, y0, _, y1 in boxes)
    top, bottom = min(box[1] for box in boxes), max(box[3] for box in boxes)
    reach = top if is_head else bottom
    for count, (before, after) in enumerate(pairwise(order), 1):
        reach = max(reach, boxes[before][3]) if is_head else min(reach, boxes[before][1])
        if (reach - top if is_head else bottom - reach) > min(_DEEP * (bottom - top), _LINES * height):
            break
        if (boxes[after][1] - reach if is_head else reach - boxes[after][3]) > _GAP * height:
            return count, order
    return 0, order

"""What speaks against a line of a scan although two readers read it alike: what misleads both of them.

Points and colons are the first to go where print is faint: neither reader misses them. So the ink itself is asked, and
what a figure or a name looks like that has lost one.
"""

import re
from typing import TYPE_CHECKING

from scribetune.labels.tables.cells import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

_UNSURE = 0.5
"""Certainty of the first reader's least certain letter."""
_LOST_POINT = re.compile(r"\d \d{1,2}(?!\d)|\d ,|\d, \d\d(?!\d)")
"""Figures with a blank where an amount has its mark: `327 00`."""
_LOST_DOT = re.compile(r"[^\W\d]{4,}\. ?\d")
"""A name, a point and a figure: the point may be a colon whose upper dot is faint: `Time. 11:49`."""
_NO_ZERO = re.compile(r"O[.,]\d")
"""A letter where an amount has its 0: `RMO.06`."""
_FAINT = 0.2  # of the contrast of a line's letters: the dots of a colon have so much at least
_LEAST_DOT, _MOST_DOT = 0.04, 0.3  # of a line's height
_DIRTY = 6  # dots: among so many two stand above each other by chance
_APART = (0.15, 0.6)  # of it: the middles of a colon's dots
_SHIFTED = 0.12  # of it: one dot from the other, sideways


def is_doubtful(text: str, least: float) -> bool:
    """Whether a line may be wrong that two readers read alike; `least` is how certain the first is of each letter."""
    return least <= _UNSURE or any(pattern.search(text) for pattern in (_LOST_POINT, _LOST_DOT, _NO_ZERO))


def colons_beside(box: Box, before: float, after: float, pixels: "Pixels") -> tuple[float | None, float | None]:
    """Return where a colon is seen before a line of a gray image, and where one behind it, from the left of the image.

    It may stand so far off on either side, in pixels.
    """
    import numpy as np

    left, top, right, bottom = box
    rows = slice(max(0, round(top)), max(1, round(bottom)))
    inside = pixels[rows, max(0, round(left)) : round(right)]
    if not inside.size or bottom <= top:
        return None, None
    dark, light = np.percentile(inside, (5, 90))
    limit = light - _FAINT * (float(light) - float(dark))
    found = []
    for start, end in ((left - before, left), (right, right + after)):
        first = max(0, round(start))
        place = _colon(pixels[rows, first : max(0, round(end))] < limit, bottom - top)
        found.append(None if place is None else first + place)
    return found[0], found[1]


def _colon(ink: "NDArray[np.bool_]", high: float) -> float | None:
    """Return where two small dots stand above each other, if they do: the middle of the first such pair."""
    from scipy import ndimage

    if not ink.size:
        return None
    labels, _ = ndimage.label(ink, [[1, 1, 1]] * 3)
    dots = []
    for down, across in ndimage.find_objects(labels):
        sides = down.stop - down.start, across.stop - across.start
        if _LEAST_DOT * high <= max(sides) <= _MOST_DOT * high:
            dots.append(((across.start + across.stop) / 2, (down.start + down.stop) / 2))
    if len(dots) > _DIRTY:
        return None
    for one in dots:
        for other in dots:
            is_beneath = _APART[0] * high <= other[1] - one[1] <= _APART[1] * high
            if is_beneath and abs(one[0] - other[0]) <= _SHIFTED * high:
                return float(one[0] + other[0]) / 2
    return None

"""Text read off an image: where its lines stand, and what each says; no text layer is asked.

The networks are PaddleOCR's (`image_models`); what goes into them and what is made of their answers follows PaddleOCR:
differentiable binarisation (Liao et al. 2020) for lines, connectionist temporal classification for their text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from scribetune.labels import image_models
from scribetune.labels.tables.cells import Box

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Floats = NDArray[np.float32]

SHORT_SIDE_PX = 736
"""Of the image in which lines are looked for."""
_MOST_SIDE_PX = 2000
_STRIDE = 32
_LIKELY, _LIKELY_LINE = 0.3, 0.5
_UNCLIP = 1.6  # the network shrinks lines: by area / perimeter of what is left
_LEAST_SIDE = 3
_UPRIGHT = 1.5  # higher than wide by so much: the line runs downwards
_LINE_PX = 48  # height of a line for the recogniser
_LEAST_WIDTH_PX, _MOST_WIDTH_PX = 48, 3200
_LEVELLED_PX = 1200  # long side of the image in which the slope of a page is looked for
_DARKER = 40  # than the paper
_MOST_SKEW, _LEVEL_ENOUGH = 2.0, 0.1  # degrees
_LEVEL = 0.02  # radians: lines that slope less are cut out as they are


@dataclass(frozen=True)
class ReadText:
    """What an image of one line says."""

    text: str
    score: float  # mean certainty of its characters, 0–1; 0 where there are none
    least: float = 0.0  # certainty of the least certain one
    places: tuple[float, ...] = ()  # of each character's middle, as a share of the width


@dataclass(frozen=True)
class FoundLine:
    """A line of text on an image, in pixels, and what it says."""

    corners: tuple[tuple[float, float], ...]  # from the top left, clockwise as it is read
    read: ReadText

    @property
    def box(self) -> Box:
        """The upright box around it."""
        return around(self.corners)


def around(corners: Sequence[tuple[float, float]]) -> Box:
    """Return the upright box around corners."""
    across, down = zip(*corners, strict=True)
    return min(across), min(down), max(across), max(down)


def lines_of(image: "Image", short_side_px: int = SHORT_SIDE_PX) -> list[FoundLine]:
    """Find and read the lines of an image, in the order of their tops."""
    found = (FoundLine(corners, text_of(cut_out(image, corners))) for corners in find(image, short_side_px))
    return [line for line in found if line.read.text.strip()]


def levelled(image: "Image") -> "Image":
    """Return an image turned so that its lines of text are level; as it is where they are, within a tenth of a degree.

    The right angle is the one at which dark pixels gather in the fewest rows.
    """
    import numpy as np
    from PIL import Image

    scale = min(1.0, _LEVELLED_PX / max(image.size))
    small = image.convert("L").resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)
    down, across = np.nonzero(pixels < np.median(pixels) - _DARKER)
    if not len(down):
        return image
    spread = across.max() * np.tan(np.radians(_MOST_SKEW)) + 1

    def gathered(angle: float) -> float:
        rows = np.bincount(np.round(down - across * np.tan(np.radians(angle)) + spread).astype(int))
        return float((rows.astype(float) ** 2).sum())

    angles = [tenths / 10 for tenths in range(round(-10 * _MOST_SKEW), round(10 * _MOST_SKEW) + 1)]
    best = max(angles, key=lambda angle: (gathered(angle), -abs(angle)))
    if abs(best) <= _LEVEL_ENOUGH:
        return image
    return image.convert("RGB").rotate(best, Image.Resampling.BICUBIC, fillcolor="white")


def find(image: "Image", short_side_px: int = SHORT_SIDE_PX) -> list[tuple[tuple[float, float], ...]]:
    """Return the corners of the lines of text on an image, in pixels, from the top; none are read."""
    import numpy as np
    from scipy import ndimage

    scale = min(max(1.0, short_side_px / min(image.size)), _MOST_SIDE_PX / max(image.size))
    width, height = (max(1, round(side * scale / _STRIDE)) * _STRIDE for side in image.size)
    network = image_models.session(image_models.FINDER)
    (answer,) = network.run(None, {"x": _input(_coloured(image).resize((width, height)))})
    likely: Floats = answer[0, 0]
    marked = ndimage.binary_dilation(likely > _LIKELY, np.ones((2, 2)))
    labels, _ = ndimage.label(marked, np.ones((3, 3)))
    across, down = image.width / width, image.height / height
    lines = []
    for number, part in enumerate(ndimage.find_objects(labels), 1):
        inside = labels[part] == number
        if likely[part][inside].mean() < _LIKELY_LINE:
            continue
        corners = _around(inside, part[1].start, part[0].start)
        if corners is not None:
            lines.append(tuple((x * across, y * down) for x, y in corners))
    return sorted(lines, key=lambda corners: (min(y for _, y in corners), min(x for x, _ in corners)))


def _around(inside: "NDArray[np.bool_]", left: int, top: int) -> "list[tuple[float, float]] | None":
    """Return the corners of the smallest rectangle around marked pixels, widened by what the network shrank it."""
    import numpy as np

    rows = np.flatnonzero(inside.any(axis=1))
    firsts = inside[rows].argmax(axis=1)
    lasts = inside.shape[1] - 1 - inside[rows, ::-1].argmax(axis=1)
    points = np.concatenate([np.stack([firsts, rows], 1), np.stack([lasts, rows], 1)]).astype(float)
    turn = _slope(points)
    turned = points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    (x0, y0), (x1, y1) = turned.min(axis=0), turned.max(axis=0)
    wide, high = x1 - x0, y1 - y0
    if min(wide, high) < _LEAST_SIDE:
        return None
    by = wide * high * _UNCLIP / (2 * (wide + high))
    corners = [(x0 - by, y0 - by), (x1 + by, y0 - by), (x1 + by, y1 + by), (x0 - by, y1 + by)]
    back = np.array(corners) @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    if high > _UPRIGHT * wide:  # it is read from top to bottom, or from bottom to top: as PaddleOCR, from the bottom
        back = np.roll(back, 1, axis=0)
    return [(float(x + left), float(y + top)) for x, y in back]


def _slope(points: "NDArray[np.float64]") -> float:
    """Return by which angle (radians) points are turned in the smallest rectangle around them."""
    import numpy as np
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = points[ConvexHull(points).vertices]
    except QhullError:  # they lie on one line, or are too few
        return 0.0
    edges = np.diff(np.concatenate([hull, hull[:1]]), axis=0)
    angles = np.unique(np.arctan2(edges[:, 1], edges[:, 0]) % (np.pi / 2))
    angles = np.concatenate([[0.0], np.where(angles > np.pi / 4, angles - np.pi / 2, angles)])
    areas = []
    for angle in angles:
        turned = hull @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        areas.append(np.prod(turned.max(axis=0) - turned.min(axis=0)))
    best = float(angles[int(np.argmin(areas))])
    return best if abs(best) > _LEVEL else 0.0


def cut_out(image: "Image", corners: Sequence[tuple[float, float]]) -> "Image":
    """Return a line, given by its corners, upright and of the height that it is read in."""
    from PIL import Image

    first, second, third, fourth = corners
    wide = max(1, round(_distance(first, second)))
    high = max(1, round(_distance(first, fourth)))
    quad = (*first, *fourth, *third, *second)
    cut = _coloured(image).transform(
        (wide, high), Image.Transform.QUAD, quad, Image.Resampling.BICUBIC, fillcolor="white"
    )
    width = min(max(1, round(wide * _LINE_PX / high)), _MOST_WIDTH_PX)
    return cut.resize((width, _LINE_PX), Image.Resampling.BILINEAR)


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(((one[0] - other[0]) ** 2 + (one[1] - other[1]) ** 2) ** 0.5)


def text_of(line: "Image") -> ReadText:
    """Read an image of one line, `_LINE_PX` high."""
    import numpy as np

    given = _input(_coloured(line))
    missing = max(0, _LEAST_WIDTH_PX - line.width)
    given = np.pad(given, ((0, 0), (0, 0), (0, 0), (0, missing)))
    (answer,) = image_models.session(image_models.RECOGNISER).run(None, {"x": given})
    likely: Floats = answer[0]
    best = likely.argmax(axis=1)
    kept = [0, *(step + 1 for step, (one, other) in enumerate(pairwise(best)) if one != other)]
    kept = [step for step in kept if best[step]]
    if not kept:
        return ReadText("", 0.0)
    known = image_models.alphabet()
    share = given.shape[3] / (line.width * len(best))
    return ReadText(
        "".join(known[best[step]] for step in kept),
        float(likely[kept, best[kept]].mean()),
        float(likely[kept, best[kept]].min()),
        tuple((step + 0.5) * share for step in kept),
    )


def _coloured(image: "Image") -> "Image":
    """Return an RGB image, itself where it is one: a page is not copied for each of its words."""
    return image if image.mode == "RGB" else image.convert("RGB")


def _input(image: "Image") -> "NDArray[np.float32]":
    """Return an RGB image as networks take it: 1 × 3 × height × width, blue first, −1 to 1."""
    import numpy as np

    pixels: Any = np.asarray(image, np.float32)[..., ::-1] / 127.5 - 1
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])

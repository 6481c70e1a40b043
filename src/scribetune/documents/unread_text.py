"""Rows of text that a page shows and its text layer lacks: a stamp on a scan, a layer over a part of one.

Letters of a row are dark strokes, many and of one height, beside each other: that tells scanned text from photographs
and charts. What words or smaller pictures cover is not looked at.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from scribetune.documents.page_images import PageImage

Box = Sequence[float]

_LONG_SIDES_PX = (1152, 576)  # rows are looked for in images of about these sizes: small print, then large
_BLOCK_PX = 24  # within this the ground has one shade
_LEAST_CONTRAST = 60
_GAP_STEPS = (1, 2, 4)  # between words of a row: their sum in pixels
_LEAST_HEIGHT_PX, _MOST_HEIGHT_PX = 5, 34
_LONGER = 5  # a row is so many times as long as high
_INK = (0.06, 0.6)  # part of its box
_STROKES = (0.45, 4.0)  # that a line across it meets, by a length of its height
_LEAST_ROWS = 3


def share(image: "PageImage", read: Sequence[Box], left_out: Sequence[Box]) -> float:
    """Return which part of the length of all rows of text on a page has no words, 0–1.

    `read` are boxes of words, `left_out` of pictures, in points of the page as it is rendered. Fewer than three rows,
    upright or sideways, are none: a signature, the name of a picture.
    """
    length = sum(max(right - left, bottom - top) for left, top, right, bottom in read)
    for long_side_px in _LONG_SIDES_PX:
        step = max(1, round(max(image.width, image.height) / long_side_px))
        ink = _ink(image.pixels if image.pixels.ndim == 2 else image.pixels[..., 1], step)
        scale = image.scale / step
        for left, top, right, bottom in (*read, *left_out):
            rows = slice(max(0, int(top * scale) - 1), max(0, int(bottom * scale) + 2))
            ink[rows, max(0, int(left * scale) - 1) : max(0, int(right * scale) + 2)] = False
        for turned in (ink, ink.T):
            lengths = _row_lengths(turned)
            if len(lengths) >= _LEAST_ROWS:
                unread = sum(lengths) / scale
                return round(unread / (unread + length), 6)
    return 0.0


def _row_lengths(ink: "NDArray[np.bool_]") -> list[int]:
    """Return the lengths of rows of text, in pixels."""
    from scipy import ndimage

    joined = ink.copy()
    for gap in _GAP_STEPS:
        joined[:, gap:] |= joined[:, :-gap].copy()
    labels, _ = ndimage.label(joined)
    boxes = [part for part in ndimage.find_objects(labels) if _is_row(ink[part])]
    return [part[1].stop - part[1].start - sum(_GAP_STEPS) for part in boxes]


def _ink(pixels: "NDArray[np.uint8]", step: int) -> "NDArray[np.bool_]":
    """Return what is darker than the ground around it, in an image `step` times smaller."""
    import numpy as np

    small = pixels[::step, ::step]
    if step > 1:  # thin strokes lie between
        between = pixels[step // 2 :: step, step // 2 :: step]
        height, width = between.shape
        small = small[:height, :width]
        small = np.minimum(small, between)
    height, width = (size // _BLOCK_PX * _BLOCK_PX for size in small.shape)
    if not height or not width:
        return np.zeros(small.shape, bool)
    small = small[:height, :width]
    blocks = small.reshape(height // _BLOCK_PX, _BLOCK_PX, width // _BLOCK_PX, _BLOCK_PX).max(axis=(1, 3))
    ground = blocks.repeat(_BLOCK_PX, axis=0).repeat(_BLOCK_PX, axis=1)
    ink: NDArray[np.bool_] = small < np.maximum(ground, _LEAST_CONTRAST) - _LEAST_CONTRAST
    return ink


def _is_row(ink: "NDArray[np.bool_]") -> bool:
    height, width = ink.shape
    if not _LEAST_HEIGHT_PX <= height <= _MOST_HEIGHT_PX or width < _LONGER * height:
        return False
    if not _INK[0] <= ink.mean() <= _INK[1]:
        return False
    strokes = (ink[:, 1:] & ~ink[:, :-1]).sum() / height  # of an average line across
    return bool(_STROKES[0] <= strokes * height / width <= _STROKES[1])

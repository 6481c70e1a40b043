"""Page images: a page as a lossless PNG of a fixed long side, gray where the page is gray, the same bytes every time.

Four fifths of the time once went into choosing filters and compressing PNG with Pillow, most of the rest into rendering
gray pages in colour and finding out that they are gray (docs/benchmarks.md). So a page is asked for colour first, by a
device that only looks at colours; it is rendered in one channel where it has none, and written without row filters by
zlib-ng, which suits pages: flat areas, sharp edges. The files are smaller besides.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scribetune.core.isolation import TooLargeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

LEAST_CONTRAST = 12
"""Of 255: what differs less from what is around it, no reader sees."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GRAY, _RGB = 0, 2
_LEVEL = 2
_ROWS_AT_ONCE = 64


@dataclass(frozen=True)
class PageImage:
    """A rendered page."""

    pixels: "NDArray[np.uint8]"  # height × width (× 3 for RGB) bytes
    scale: float  # pixels per point of the page
    memory: Any = None  # what holds the pixels: they are not copied out of the pymupdf.Pixmap, and die with it

    @property
    def mode(self) -> str:
        """Pillow's name for the kind of pixels: "L" or "RGB"."""
        return "L" if self.pixels.ndim == 2 else "RGB"

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])

    @property
    def is_blank(self) -> bool:
        """Whether nothing is seen on it: no channel differs anywhere by as much as `LEAST_CONTRAST`."""
        for channel in (self.pixels,) if self.mode == "L" else (self.pixels[..., number] for number in (1, 0, 2)):
            lowest, highest = 255, 0
            for row in range(0, self.height, _ROWS_AT_ONCE):
                part = channel[row : row + _ROWS_AT_ONCE]
                lowest, highest = min(lowest, int(part.min())), max(highest, int(part.max()))
                if highest - lowest >= LEAST_CONTRAST:
                    return False
        return True


def render(page: Any, shown: Any, long_side_px: int, color: str) -> PageImage:
    """Render a pymupdf.Page, rotation, annotations and form fields as a reader sees them.

    Args:
        page: The page.
        shown: Its display list, `page.get_displaylist()`.
        long_side_px: Length of the longer side of the image, exactly.
        color: "auto" (gray where nothing on the page has a colour), "gray" or "rgb".

    Raises:
        TooLargeError: It would take more memory than allowed.
        ValueError: The page has no size.
    """
    import numpy as np
    import pymupdf

    if page.rect.is_empty:
        raise ValueError("the page has no size (its boxes, or its UserUnit, are wrong)")
    # Scaled by pixels, not dpi: page boxes in the wild run from postage stamps to posters.
    scale = long_side_px / max(page.rect.width, page.rect.height, 1e-6)
    in_gray = color == "gray" or (color == "auto" and not has_color(shown))
    # Rounding may give a row or column more than asked for.
    clip = pymupdf.Rect(0, 0, max(1, round(page.rect.width * scale)), max(1, round(page.rect.height * scale))) / scale
    pixmap = shown.get_pixmap(
        matrix=pymupdf.Matrix(scale, scale),
        colorspace=pymupdf.csGRAY if in_gray else pymupdf.csRGB,
        alpha=False,
        clip=clip,
    )
    rows = np.frombuffer(pixmap.samples_mv, np.uint8).reshape(pixmap.height, pixmap.stride)
    if in_gray:
        return PageImage(rows[:, : pixmap.width], scale, pixmap)
    pixels = rows[:, : pixmap.width * 3].reshape(pixmap.height, pixmap.width, 3)
    # An image in colours may be gray all the same, and a colour may be hidden behind something.
    if color == "auto" and is_gray(pixels):
        return PageImage(np.ascontiguousarray(pixels[..., 0]), scale)
    return PageImage(pixels, scale, pixmap)


def of_page(page: Any, long_side_px: int, color: str) -> PageImage:
    """Render a page that nothing else is asked of; see `render`."""
    return render(page, page.get_displaylist(), long_side_px, color)


def has_color(shown: Any) -> bool:
    """Whether anything in a pymupdf.DisplayList may have a colour: text, drawing, shading, an image that is not gray.

    Images are judged by their colour space: their pixels would be decoded here, and once more for the page.
    """
    from pymupdf import mupdf

    # The device writes into this while it runs; the function that only returns the value at the start is of no use.
    found = mupdf.ll_fz_new_test_device_outparams()
    nothing_behind = mupdf.FzDevice().m_internal
    device = mupdf.FzDevice(
        mupdf.ll_fz_new_test_device_outparams_fn(0.0, mupdf.FZ_TEST_OPT_SHADINGS, nothing_behind, found)
    )
    everywhere = mupdf.FzRect(mupdf.FzRect.Fixed_INFINITE)
    try:
        mupdf.fz_run_display_list(shown.this, device, mupdf.FzMatrix(), everywhere, mupdf.FzCookie())
        mupdf.fz_close_device(device)
    except (RuntimeError, mupdf.FzErrorBase):
        # The device stops at the first colour with an exception. Whatever else it cannot read is left to rendering.
        return True
    return bool(found.is_color)


def is_gray(pixels: "NDArray[np.uint8]") -> bool:
    """Whether the three channels are the same everywhere; ends at the first rows that have a colour."""
    for row in range(0, pixels.shape[0], _ROWS_AT_ONCE):
        part = pixels[row : row + _ROWS_AT_ONCE]
        if not ((part[..., 0] == part[..., 1]).all() and (part[..., 1] == part[..., 2]).all()):
            return False
    return True


def png(image: PageImage) -> bytes:
    """Return an image as PNG: 8 bits per channel, no row filters, no metadata; the same bytes for the same pixels."""
    import numpy as np
    from zlib_ng import zlib_ng

    width = image.pixels[0].size
    # A few rows at a time stay in the processor's cache. Each begins with its filter, 0: none.
    rows = np.zeros((_ROWS_AT_ONCE, 1 + width), np.uint8)
    stream = zlib_ng.compressobj(_LEVEL)
    parts = []
    for top in range(0, image.height, _ROWS_AT_ONCE):
        part = image.pixels[top : top + _ROWS_AT_ONCE].reshape(-1, width)
        rows[: len(part), 1:] = part
        parts.append(stream.compress(rows[: len(part)]))
    data = b"".join((*parts, stream.flush()))
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, _GRAY if image.mode == "L" else _RGB, 0, 0, 0)
    return b"".join((_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", data), _chunk(b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def check_pixels(sizes: "Iterable[tuple[int, int]]", max_megapixels: float) -> None:
    """Refuse images, given as (width, height) in pixels, that have more than allowed, before anything is decoded.

    Raises:
        TooLargeError: The message has the size.
    """
    for width, height in sizes:
        millions = width * height / 1e6
        if millions > max_megapixels:
            raise TooLargeError(
                f"an image on it has {width} × {height} pixels, {millions:.0f} million; "
                f"documents.max_megapixels is {max_megapixels:g}"
            )

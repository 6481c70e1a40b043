"""Image files as documents: PNG, JPEG, WebP and BMP are one page, TIFF as many as it holds.

Pillow decodes them, in the worker that renders: nothing is decoded before its pixels are counted. An image has no text
layer; its labels come from people or from a teacher.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.documents import page_images
from scribetune.documents.page_images import PageImage

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")
_SUBFILE, _REDUCED = 254, 1  # TIFF: this frame is a smaller copy of another
_ORIENTATION = 274  # EXIF
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_WHITE = (255, 255, 255, 255)


class UnreadableImageError(Exception):
    """A file holds no image of a kind that is read."""


@dataclass(frozen=True)
class ImageDocument:
    """An image file that was opened."""

    picture: "Picture"
    frames: tuple[int, ...]  # that are pages, by their numbers in the file

    @property
    def page_count(self) -> int:
        """Number of pages."""
        return len(self.frames)

    def page(self, index: int, long_side_px: int, color: str, max_megapixels: float) -> PageImage:
        """Return a page, counted from 0, as an image of this long side; for `color` see `page_images.render`.

        It is turned as the camera says, and lies on white where it lets that through.

        Raises:
            TooLargeError: It has more pixels than allowed; it is not decoded then.
            OSError: It is damaged, or ends too early.
        """
        import numpy as np
        from PIL import Image, ImageOps

        with _any_size():
            self.picture.seek(self.frames[index])
        page_images.check_pixels([self.picture.size], max_megapixels)
        self.picture.load()
        # Pillow turns TIFF itself while it reads it.
        is_turned = self.picture.format != "TIFF" and self.picture.getexif().get(_ORIENTATION, 1) != 1
        shown = _plain(ImageOps.exif_transpose(self.picture) if is_turned else self.picture)
        scale = long_side_px / max(shown.size)
        size = (max(1, round(shown.width * scale)), max(1, round(shown.height * scale)))
        if max(size) > 1 and shown.size != size:
            shown = shown.resize(size, Image.Resampling.LANCZOS)
        if color == "gray" and shown.mode != "L":
            shown = shown.convert("L")
        pixels = np.asarray(shown)
        if color == "rgb" and pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        elif color == "auto" and pixels.ndim == 3 and page_images.is_gray(pixels):
            pixels = np.ascontiguousarray(pixels[..., 0])
        return PageImage(pixels, scale)


def open_image(path: str) -> ImageDocument:
    """Open an image file; only what its beginning says of it is read, and how many pages it has.

    Raises:
        UnreadableImageError: Its content is none of `FORMATS`; the message says what to do.
    """
    from PIL import Image

    try:
        with _any_size():
            picture = Image.open(path, formats=FORMATS)
            frames = tuple(_pages(picture)) if picture.format == "TIFF" else (0,)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UnreadableImageError(_why(path)) from error
    return ImageDocument(picture, frames)


def _pages(picture: "Picture") -> Iterator[int]:
    """Yield the frames of a TIFF that are pages, without smaller copies of them (all, where there is nothing else)."""
    kept = []
    count = int(getattr(picture, "n_frames", 1))
    for number in range(count):
        picture.seek(number)
        kind = getattr(picture, "tag_v2", {}).get(_SUBFILE, 0)
        if not int(kind) & _REDUCED:
            kept.append(number)
    yield from kept or range(count)


@contextmanager
def _any_size() -> Iterator[None]:
    """Let Pillow open images of any size: their pixels are counted here, by `documents.max_megapixels`."""
    from PIL import Image

    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def _plain(picture: "Picture") -> "Picture":
    """Return an image in 8 bits, gray or RGB, whatever it has: palettes, CMYK, 16 bits, transparency."""
    import numpy as np
    from PIL import Image

    if picture.mode in _DEEP:
        values = np.asarray(picture).astype(np.float64)
        lowest, highest = (0.0, 65535.0) if picture.mode.startswith("I;16") else (values.min(), values.max())
        shown = Image.fromarray(
            np.clip((values - lowest) * (255 / max(highest - lowest, 1e-9)), 0, 255).astype("uint8")
        )
    elif picture.has_transparency_data:
        ground = Image.new("RGBA", picture.size, _WHITE)
        shown = Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB")
    else:
        shown = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    return shown


def _why(path: str) -> str:
    with Path(path).open("rb") as stream:
        head = stream.read(1024)
    if not head:
        return "the file has no content; get it again, or remove it"
    if b"%PDF-" in head:
        return "the content is a PDF; give it a name that ends in .pdf"
    return "the file is no PNG, JPEG, TIFF, WebP or BMP that can be read, whatever its name; get it again, or remove it"

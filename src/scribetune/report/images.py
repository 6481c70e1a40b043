"""Page images for the report: a small one of each, embedded; large ones embedded while they are few, else links."""

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

LOGGER = logging.getLogger(__name__)

LONG_SIDE_PX = 900
"""Longest side of an embedded image: enough to read a page of ordinary type, about 30 KB."""
WEBP_QUALITY = 60
THUMBNAIL_PX = 128
"""Longest side of the small image that stands for a page in the list: a page's layout can be told, for about 1 KB."""
THUMBNAIL_QUALITY = 45
SMALL_PX = 420
"""Longest side of an image that stands beside another: large type can be read."""
_AROUND = 0.04  # of a page's longer side: what is shown around a marked place
_SAME_SHAPE = 0.02
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class PageImage:
    """How one page is shown."""

    source: str  # `data:` URI (then `embedded`, with its size) or URL relative to the report, "" where is no image
    link: str  # the full-size image
    embedded: bool
    thumbnail: str  # a small one (`THUMBNAIL_PX`) as base64 of WebP
    width_px: int | None
    height_px: int | None
    problem: str  # why there is no image


def relative_url(image: str) -> str:
    """Return the URL of a file of the working directory as seen from reports/, percent-encoded.

    Encoding the colon keeps a hostile "path" from being a URL with a scheme of its own.
    """
    return "../" + quote(image.replace("\\", "/").lstrip("/"), safe="/", errors="replace")


def page_image(working_directory: Path, image: str, *, embed: bool) -> PageImage:
    """Prepare one page image.

    An image that is missing or broken is described by `problem` and logged: a report without one page's image is still
    worth having.
    """
    from PIL import Image

    link = relative_url(image)
    try:
        with Image.open(working_directory / image) as picture:
            shown = picture.convert("L" if picture.mode in ("1", "L", "LA", "I;16") else "RGB")
        # The small one is made of the large one: a page image may have ten times its pixels.
        large = _shrunk_webp(shown, LONG_SIDE_PX, WEBP_QUALITY) if embed else None
        small = _shrunk_webp(shown, THUMBNAIL_PX, THUMBNAIL_QUALITY)
    except (OSError, ValueError) as error:
        LOGGER.warning("page image %s is left out of the report: %s", image, error)
        problem = "file not found" if isinstance(error, FileNotFoundError) else "not readable as an image"
        return PageImage("", link, False, "", None, None, problem)
    if large is None:
        return PageImage(link, link, False, small[0], None, None, "")
    return PageImage(f"data:image/webp;base64,{large[0]}", link, True, small[0], *large[1:], "")


def marked_places(
    working_directory: Path, image: str, places: Sequence[Box], size_pt: tuple[float, float] | None
) -> str:
    """Return the part of a page image around places, framed in red, as a `data:` URI; "" where that cannot be shown.

    `places` are left, top, right, bottom: in points of a page of `size_pt` (width, height), or in pixels of the image
    where that is None. A page that was turned to be read has other sides than its image: its places are not on it.
    """
    from PIL import Image, ImageDraw

    if not places:
        return ""
    try:
        with Image.open(working_directory / image) as picture:
            shown = picture.convert("RGB")
    except (OSError, ValueError):
        return ""  # the page itself is shown without its image too, and the log says so
    scale = shown.width / size_pt[0] if size_pt else 1.0
    if size_pt and abs(scale * size_pt[1] - shown.height) > _SAME_SHAPE * shown.height:
        return ""
    boxes = [tuple(scale * edge for edge in place) for place in places]
    left, top, right, bottom = (around(box[n] for box in boxes) for n, around in enumerate((min, min, max, max)))
    by = _AROUND * max(shown.size)
    part = (
        round(max(0, left - by)), round(max(0, top - by)),
        round(min(shown.width, right + by)), round(min(shown.height, bottom + by)),
    )  # fmt: skip
    if part[0] >= part[2] or part[1] >= part[3]:
        return ""
    draw = ImageDraw.Draw(shown)
    for x0, y0, x1, y1 in boxes:
        edge = max(2, round(max(shown.size) / 500))
        draw.rectangle(
            (x0 - edge, y0 - edge, max(x0, x1) + edge, max(y0, y1) + edge), outline=(200, 30, 40), width=edge
        )
    return f"data:image/webp;base64,{_shrunk_webp(shown.crop(part), LONG_SIDE_PX, WEBP_QUALITY)[0]}"


def small_image(working_directory: Path, image: str) -> str:
    """Return a page image of `SMALL_PX` as a `data:` URI; "" where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(working_directory / image) as picture:
            small = _shrunk_webp(picture.convert("RGB"), SMALL_PX, THUMBNAIL_QUALITY)[0]
    except (OSError, ValueError):
        return ""
    return f"data:image/webp;base64,{small}"


def embedded_image(content: bytes) -> str:
    """Return an image file's content as a `data:` URI of what fits into a report; "" where it is no image."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as picture:
            return f"data:image/webp;base64,{_shrunk_webp(picture.convert('RGB'), LONG_SIDE_PX, WEBP_QUALITY)[0]}"
    except (OSError, ValueError):
        return ""


def _shrunk_webp(picture: "Picture", long_side_px: int, quality: int) -> tuple[str, int, int]:
    """Shrink a picture, in its place; return it in base64, its width and height: the same picture gives the same."""
    from PIL import Image

    picture.thumbnail((long_side_px, long_side_px), Image.Resampling.LANCZOS, reducing_gap=1.0)
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, "WEBP", quality=quality, method=2)
    return base64.b64encode(stream.getvalue()).decode("ascii"), picture.width, picture.height

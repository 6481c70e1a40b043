"""Page images for the report: embedded while they are few, links to data/pages beyond that."""

import base64
import io
import logging
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

LOGGER = logging.getLogger(__name__)

LONG_SIDE_PX = 900
"""Longest side of an embedded image: enough to read a page of ordinary type, about 30 KB."""
WEBP_QUALITY = 60


@dataclass(frozen=True)
class PageImage:
    """How one page is shown.

    Attributes:
        source: A `data:` URI, or a URL relative to the report; empty where there is no image.
        link: The full-size image, relative to the report.
        embedded: Whether `source` is a `data:` URI.
        width_px: Width of the shown image; None where it is not known.
        height_px: Height of the shown image; None where it is not known.
        problem: Why there is no image; empty when there is one.
    """

    source: str
    link: str
    embedded: bool
    width_px: int | None
    height_px: int | None
    problem: str


def relative_url(image: str) -> str:
    """Return the URL of a file of the working directory as seen from reports/, percent-encoded.

    Encoding the colon keeps a hostile "path" from being a URL with a scheme of its own.
    """
    return "../" + quote(image.replace("\\", "/").lstrip("/"), safe="/", errors="replace")


def page_image(working_directory: Path, image: str, *, embed: bool) -> PageImage:
    """Prepare one page image.

    Args:
        working_directory: The folder `image` is relative to.
        image: Path as in the split files.
        embed: Shrink it to `LONG_SIDE_PX` and embed it as WebP; otherwise link to it.

    Returns:
        The image; one that is missing or broken is described by `problem` and logged, since a report without one page's
        image is still worth having.
    """
    from PIL import Image

    link = relative_url(image)
    if not embed:
        return PageImage(link, link, False, None, None, "")
    try:
        with Image.open(working_directory / image) as picture:
            shown = picture.convert("L" if picture.mode in ("1", "L", "LA", "I;16") else "RGB")
        shown.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX), Image.Resampling.LANCZOS, reducing_gap=1.0)
        stream = io.BytesIO()
        shown.convert("RGB").save(stream, "WEBP", quality=WEBP_QUALITY, method=2)
    except (OSError, ValueError) as error:
        LOGGER.warning("page image %s is left out of the report: %s", image, error)
        problem = "file not found" if isinstance(error, FileNotFoundError) else "not readable as an image"
        return PageImage("", link, False, None, None, problem)
    source = "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
    return PageImage(source, link, True, shown.width, shown.height, "")

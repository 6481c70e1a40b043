"""Page images of a benchmark: pages of PDFs are rendered as training pages are, images are taken as they are.

Files of a benchmark are as untrusted as any: they are opened in worker processes with limits of time and memory. The
model's own processor brings an image to the resolution that it sees, from the pixels that the benchmark ships.
"""

import io
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scribetune.core import files, isolation, layout
from scribetune.core.errors import UserError, counted
from scribetune.core.progress import bar
from scribetune.documents import drawn_page, page_images, rendering
from scribetune.documents.inputs import document_id
from scribetune.evaluation.public.listing import MISSING, PDF_SUFFIX, ListedPage

logger = logging.getLogger(__name__)

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
"""Formats that Pillow is asked for; others (EPS, which runs Ghostscript, among them) are refused."""
LARGEST_PIXELS = 89_000_000
"""Larger images are reduced to this: beyond it Pillow warns wherever the image is opened again."""
OK = "ok"
_ORIENTATION = 0x0112
_LAYER_CHARACTERS = 50_000
COLUMNS = ("id", "source", "page", "image", "image_sha256", "width_px", "height_px", "status", "message")
_TODO = {
    "missing": "put the file there, under the name that truth has",
    "timed_out": "raise documents.timeout_s_per_page, or leave the page out",
    "too_large": "raise documents.max_megapixels or documents.memory_mb, or leave the page out",
}


@dataclass(frozen=True)
class ImageSettings:
    """What decides about images."""

    long_side_px: int
    color: str
    timeout_s_per_page: float
    memory_mb: int
    max_megapixels: float


@dataclass(frozen=True)
class PreparedPage:
    """A page image as a worker made it: file content, size, and the text layer of a PDF's page ("" of an image)."""

    data: bytes
    suffix: str
    width_px: int
    height_px: int
    layer: str


@dataclass(frozen=True)
class BenchmarkPage:
    """A page of a benchmark and what became of it."""

    listed: ListedPage
    image: str = ""
    image_sha256: str = ""
    width_px: int = 0
    height_px: int = 0
    status: str = OK  # or `missing`, `unreadable`, `timed_out`, `too_large`
    message: str = ""  # why it is not ok, and what to do
    layer: str = ""  # text layer of a PDF's page

    def row(self) -> dict[str, Any]:
        """Return the page's row of the manifest, `COLUMNS`."""
        listed = self.listed
        values = (listed.id, listed.source, listed.page, self.image, self.image_sha256, self.width_px, self.height_px)
        return dict(zip(COLUMNS, (*values, self.status, self.message), strict=True))

    def record(self, name: str, prompt: str) -> dict[str, Any]:
        """Return the page as a ShareGPT record whose answer is empty: what is true of it is for the scores alone."""
        return {
            "id": self.listed.id,
            "document": name,
            "page": self.listed.page or 1,
            "image_sha256": self.image_sha256,
            "category": "benchmark",
            "language": "",
            "layer": self.layer,
            "conversations": [{"from": "human", "value": prompt}, {"from": "gpt", "value": ""}],
            "images": [self.image],
        }


def prepare(
    name: str, listed: Sequence[ListedPage], folder: Path, settings: ImageSettings, workers: int
) -> list[BenchmarkPage]:
    """Make the images of a benchmark's pages below data/benchmarks/images.

    Returns one result per page, in the same order. A page that cannot be read costs itself alone.

    Raises:
        UserError: Not one page can be read.
    """
    target = Path(layout.BENCHMARKS) / "images" / name
    there = [page for page in listed if page.sha256 != MISSING]
    results: dict[str, BenchmarkPage] = {
        page.id: _failed(page, "missing", f"there is no {page.source} in the folder of images")
        for page in listed
        if page.sha256 == MISSING
    }
    jobs = [((folder / page.source).as_posix(), page.page, settings) for page in there]
    tasks = [isolation.Task(prepare_page, job, settings.timeout_s_per_page) for job in jobs]
    with (
        isolation.Workers(min(workers, len(tasks)), settings.memory_mb, rendering.prepare_worker) as started,
        bar("Preparing", len(tasks), "pages") as advance,
    ):
        for page, outcome in zip(there, started.run(tasks), strict=True):
            results[page.id] = _stored(page, outcome, target)
            advance()
    os.sync()
    files.keep_only(target, "*", {result.image for result in results.values()})
    made = [results[page.id] for page in listed]
    unread = [page for page in made if page.status != OK]
    for lost in unread:
        logger.warning("%s: %s: %s", lost.listed.id, lost.status, lost.message)
    if len(unread) == len(made):
        raise UserError(
            f"Benchmark {name}: not one of its {len(made)} pages can be read; the first: {made[0].message}",
            value=made[0].listed.source,
            accepted=f"images ({', '.join(FORMATS)}) or PDFs",
            todo="correct the folder, or take the benchmark out of evaluation.benchmarks",
        )
    return made


def _stored(page: ListedPage, outcome: isolation.Outcome, folder: Path) -> BenchmarkPage:
    if outcome.failure:
        status = outcome.failure if outcome.failure in _TODO else "unreadable"
        return _failed(page, status, outcome.message.removeprefix("ValueError: "))
    made: PreparedPage = outcome.value
    # A slug of the id, unique whatever is in it; the worker wrote nothing: paths are this process's affair.
    path = folder / f"{document_id(f'{page.id}/')}{made.suffix}"
    files.write_bytes(path, made.data, durable=False)
    digest, size = files.sha256_bytes(made.data), (made.width_px, made.height_px)
    return BenchmarkPage(page, path.as_posix(), digest, *size, layer=made.layer)


def _failed(page: ListedPage, status: str, why: str) -> BenchmarkPage:
    todo = _TODO.get(status, f"accepted are {', '.join(FORMATS)} and PDF: convert the file, or leave the page out")
    return BenchmarkPage(page, status=status, message=f"{why}; {todo}")


def prepare_page(path: str, page: int, settings: ImageSettings) -> PreparedPage:
    """Make the image of one page; runs in a worker process.

    Raises:
        TooLargeError: More pixels or memory than allowed.
        ValueError: The PDF cannot be opened or has no such page.
        Exception: Whatever Pillow or MuPDF meets.
    """
    if path.lower().endswith(PDF_SUFFIX):
        return _of_pdf(path, page, settings)
    return _of_image(Path(path).read_bytes(), settings)


def _of_pdf(path: str, number: int, settings: ImageSettings) -> PreparedPage:
    pdf, status, message = rendering.open_pdf(path, "")
    if pdf is None:
        raise ValueError(f"{status}: {message}")
    if not 1 <= number <= pdf.page_count:
        raise ValueError(f"it has {counted(pdf.page_count, 'page')}, and no page {number or '(no number)'}")
    page = pdf[number - 1]
    drawn = drawn_page.read(page.get_displaylist()).images
    page_images.check_pixels(((one.width_px, one.height_px) for one in drawn), settings.max_megapixels)
    image = page_images.of_page(page, settings.long_side_px, settings.color)
    return PreparedPage(
        page_images.png(image), ".png", image.width, image.height, page.get_text("text")[:_LAYER_CHARACTERS]
    )


def _of_image(data: bytes, settings: ImageSettings) -> PreparedPage:
    import numpy as np
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # the limit is the user's own, below, before anything is decoded
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        page_images.check_pixels([image.size], settings.max_megapixels)
        image.load()
        pixels = image.width * image.height
        is_plain = image.mode in ("L", "RGB") and "transparency" not in image.info
        is_upright = image.getexif().get(_ORIENTATION, 1) == 1
        if is_plain and is_upright and image.format in ("PNG", "JPEG") and pixels <= LARGEST_PIXELS:
            return PreparedPage(data, f".{image.format.lower()}", image.width, image.height, "")
        turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I"):  # 16 bits per pixel
        turned = turned.convert("L")
    if turned.mode == "L" and "transparency" not in turned.info:
        flat = turned
    else:
        ground = Image.new("RGBA", turned.size, "white")  # a page is seen on white paper
        ground.alpha_composite(turned.convert("RGBA"))
        flat = ground.convert("RGB")
    if pixels > LARGEST_PIXELS:
        width, height = (max(1, int(side * (LARGEST_PIXELS / pixels) ** 0.5)) for side in flat.size)
        flat = flat.resize((width, height), Image.Resampling.LANCZOS)
    shown = page_images.PageImage(np.asarray(flat, dtype=np.uint8), 1.0)
    return PreparedPage(page_images.png(shown), ".png", flat.width, flat.height, "")

"""Page images: every page of every PDF as a lossless PNG of a fixed long side, with a manifest of what became of it."""

import io
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scribetune import files, isolation, layout
from scribetune.documents import Document, DocumentStatus
from scribetune.progress import bar

logger = logging.getLogger(__name__)


class PageStatus(StrEnum):
    """Whether a page could be rendered, and whether there is anything on it."""

    OK = "ok"
    BLANK = "blank"
    ERROR = "error"


@dataclass(frozen=True)
class PageRow:
    """One page in data/manifests/pages. Sizes are in pixels of the image; `page` counts from 1."""

    document: str
    page: int
    image: str
    image_sha256: str
    width_px: int
    height_px: int
    mode: str
    status: str
    message: str


@dataclass(frozen=True)
class DocumentRow:
    """One document in data/manifests/documents. `pages` is the number of pages the PDF has."""

    document: str
    path: str
    sha256: str
    bytes: int
    status: str
    pages: int
    message: str


@dataclass(frozen=True)
class RenderedDocument:
    """What became of one PDF."""

    document: DocumentRow
    pages: tuple[PageRow, ...]


def open_pdf(path: str, password: str) -> tuple[Any, DocumentStatus, str]:
    """Open a PDF and say whether it can be read.

    Args:
        path: The file.
        password: Tried where the file asks for one; "" for none.

    Returns:
        (pymupdf.Document or None, status, message in plain words).
    """
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    if Path(path).stat().st_size == 0:
        return None, DocumentStatus.EMPTY_FILE, "the file has no content"
    try:
        # Without filetype MuPDF guesses from the content, so that HTML named .pdf shows as what it is.
        document = pymupdf.open(path)
    except (pymupdf.FileDataError, RuntimeError, ValueError) as error:
        starts_as_pdf = b"%PDF-" in _head(path)
        status = DocumentStatus.ERROR if starts_as_pdf else DocumentStatus.NOT_A_PDF
        reason = "the file is damaged beyond repair" if starts_as_pdf else "the file is not a PDF"
        # MuPDF's message names the whole path, which differs from machine to machine.
        logger.info("%s: %s", path, error)
        return None, status, reason
    if not document.is_pdf:
        return None, DocumentStatus.NOT_A_PDF, f"the content is {document.metadata.get('format') or 'something else'}"
    if document.needs_pass and not document.authenticate(password):
        tried = "the password given does not open it" if password else "it needs a password"
        hint = "name an environment variable that holds it in the sheet (password_variable)"
        return None, DocumentStatus.ENCRYPTED, f"{tried}; {hint}"
    if document.page_count == 0:
        return None, DocumentStatus.ZERO_PAGES, "the PDF has no pages (often a sign of damage)"
    return document, DocumentStatus.OK, ""


def _head(path: str) -> bytes:
    with Path(path).open("rb") as stream:
        return stream.read(1024)


def encode_page(page: Any, long_side_px: int, color: str) -> tuple[bytes, int, int, str, bool]:
    """Render a pymupdf page, rotation, annotations and form fields as a reader sees them.

    Args:
        page: A pymupdf.Page.
        long_side_px: Length of the longer side of the image.
        color: "auto" (gray where the page has no colour), "gray" or "rgb".

    Returns:
        (PNG bytes, width in px, height in px, Pillow mode "L" or "RGB", whether every pixel is the same).
    """
    import numpy as np
    import pymupdf
    from PIL import Image

    # Scaled by pixels, not dpi: page boxes in the wild run from postage stamps to posters.
    zoom = long_side_px / max(page.rect.width, page.rect.height, 1e-6)
    space = pymupdf.csGRAY if color == "gray" else pymupdf.csRGB
    pixmap = page.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), colorspace=space, alpha=False, annots=True)
    # A copy: samples_mv dies with the Pixmap.
    samples = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.stride)
    pixels = samples[:, : pixmap.width * pixmap.n].reshape(pixmap.height, pixmap.width, pixmap.n)
    if color == "auto" and bool((pixels == pixels[..., :1]).all()):
        pixels = pixels[..., :1]
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)  # four fifths of a page's time would go into level 6
    blank = bool((pixels == pixels[:1, :1]).all())
    return buffer.getvalue(), image.width, image.height, image.mode, blank


def page_count(path: str, password: str) -> int:
    """Return how many pages a PDF has; 0 where it cannot be opened."""
    document, _, _ = open_pdf(path, password)
    return document.page_count if document is not None else 0


def render_document(
    document: str, path: str, relative_path: str, password: str, long_side_px: int, color: str
) -> RenderedDocument:
    """Render every page of one PDF below data/pages; runs in a worker process.

    Args:
        document: Its id.
        path: The file.
        relative_path: How it is named in reports.
        password: Password or "".
        long_side_px: Length of the longer side of the images.
        color: See `encode_page`.

    Returns:
        The document's row and its pages' rows. A page that fails has a row with status `error` and no image.
    """
    digest, size = files.sha256_file(Path(path)), Path(path).stat().st_size
    pdf, status, message = open_pdf(path, password)
    if pdf is None:
        return RenderedDocument(DocumentRow(document, relative_path, digest, size, status, 0, message), ())
    rows = []
    for index in range(pdf.page_count):
        target = layout.page_image(document, index + 1)
        try:
            png, width, height, mode, blank = encode_page(pdf[index], long_side_px, color)
        except (RuntimeError, ValueError, OverflowError) as error:
            reason = f"cannot be rendered ({str(error).splitlines()[0]})"
            rows.append(PageRow(document, index + 1, "", "", 0, 0, "", PageStatus.ERROR, reason))
            continue
        files.write_bytes(target, png)
        state = PageStatus.BLANK if blank else PageStatus.OK
        rows.append(
            PageRow(document, index + 1, target.as_posix(), files.sha256_bytes(png), width, height, mode, state, "")
        )
    row = DocumentRow(document, relative_path, digest, size, DocumentStatus.OK, pdf.page_count, "")
    return RenderedDocument(row, tuple(rows))


@dataclass(frozen=True)
class RenderSettings:
    """What decides about page images; part of each document's key for reuse."""

    long_side_px: int
    color: str
    timeout_s_per_page: float
    code: str


def render_shard(
    documents: Sequence[Document],
    passwords: Mapping[str, str],
    settings: RenderSettings,
    workers: int,
    withdrawn: Mapping[str, str] = MappingProxyType({}),
) -> list[RenderedDocument]:
    """Render a shard's documents; those whose content, settings and code are unchanged are taken as they are.

    Args:
        documents: The shard's documents.
        passwords: Document id → password or "".
        settings: What decides about the images.
        workers: Number of worker processes.
        withdrawn: Document id → sha256 of the content that must not be read; it gets a row that says so, and no image.

    Returns:
        One result per document, in the same order.
    """
    results: dict[str, RenderedDocument] = {}
    waiting: list[tuple[Document, str, str]] = []
    for document in documents:
        if document.id in withdrawn and files.sha256_file(document.path) == withdrawn[document.id]:
            results[document.id] = _failed(document, DocumentStatus.WITHDRAWN, f"see {layout.WITHDRAWN}")
            continue
        password = passwords.get(document.id, "")
        key = _key(document, password, settings)
        kept = _load_record(document.id, key)
        if kept is not None:
            results[document.id] = kept
        else:
            waiting.append((document, password, key))
    logger.info("%d documents unchanged or withdrawn, %d to render", len(results), len(waiting))

    limit = settings.timeout_s_per_page
    with (
        isolation.Workers(min(workers, len(waiting))) as started,
        bar("Rendering", len(waiting), "documents") as advance,
    ):
        counts = list(started.run([isolation.Task(page_count, (str(d.path), word), limit) for d, word, _ in waiting]))
        outcomes = started.run(
            [
                isolation.Task(
                    render_document,
                    (d.id, str(d.path), d.relative_path, word, settings.long_side_px, settings.color),
                    limit * max(1, count.value or 1),
                )
                for (d, word, _), count in zip(waiting, counts, strict=True)
                if not count.failure
            ]
        )
        for (document, password, key), count in zip(waiting, counts, strict=True):
            outcome = count if count.failure else next(outcomes)
            if outcome.failure:
                result = _failed(document, outcome.failure, outcome.message)
            else:
                result = outcome.value
                if _is_lasting(result.document.status, password):
                    _store_record(result, key)
            if result.document.status != DocumentStatus.OK:
                logger.warning("%s: %s: %s", document.relative_path, result.document.status, result.document.message)
            files.keep_only(Path(layout.PAGES) / document.id, "p*.png", {row.image for row in result.pages})
            results[document.id] = result
            advance(note=document.id)
    return [results[document.id] for document in documents]


def _is_lasting(status: str, password: str) -> bool:
    """Return whether the same PDF would end the same way next time.

    A time limit or a crash may have been the machine's fault (those never come here), and a password that does not
    open a document may be another one next time, which the record's key does not tell.
    """
    return not (status == DocumentStatus.ENCRYPTED and password)


def _failed(document: Document, failure: str, message: str) -> RenderedDocument:
    row = DocumentRow(
        document.id,
        document.relative_path,
        files.sha256_file(document.path),
        document.path.stat().st_size,
        DocumentStatus(failure),
        0,
        message,
    )
    return RenderedDocument(row, ())


def _key(document: Document, password: str, settings: RenderSettings) -> str:
    content = files.sha256_file(document.path)
    # Whether there is a password, never the password or a hash of it: the record travels with the data.
    parts = [document.relative_path, content, bool(password), asdict(settings)]
    return files.sha256_bytes(json.dumps(parts).encode())


def _record_path(document: str) -> Path:
    return Path(layout.PAGES) / document / "document.json"


def _store_record(result: RenderedDocument, key: str) -> None:
    record = {"key": key, "document": asdict(result.document), "pages": [asdict(row) for row in result.pages]}
    files.write_json(_record_path(result.document.document), record)


def _load_record(document: str, key: str) -> RenderedDocument | None:
    """Return an earlier result if its key is the same and every image is still what it was."""
    path = _record_path(document)
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["key"] != key:
            return None
        rows = tuple(PageRow(**row) for row in record["pages"])
        result = RenderedDocument(DocumentRow(**record["document"]), rows)
    except (ValueError, KeyError, TypeError) as error:
        logger.warning("%s is not readable (%s): the document is rendered again", path, error)
        return None
    for row in result.pages:
        if row.image and not (Path(row.image).exists() and files.sha256_file(Path(row.image)) == row.image_sha256):
            logger.warning("%s is missing or altered: the document is rendered again", row.image)
            return None
    return result

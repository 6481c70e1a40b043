"""Pages of PDFs and images: an image of each, what its text layer is worth, what became of every page and document."""

import logging
import mmap
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scribetune.core import files, isolation, layout
from scribetune.core.errors import DiskFullError
from scribetune.core.progress import bar, counting
from scribetune.documents import image_files, ligatures, page_images, page_trees, text_layer_checks
from scribetune.documents.inputs import Document, DocumentStatus, is_image
from scribetune.record import reuse

logger = logging.getLogger(__name__)

_SCAN_SHARE = 0.01
_COVERED_SHARE = 0.7  # of a page; images within its margins cover less, and may be figures with text in them
_UNREAD_SHARE, _MOSTLY_UNREAD_SHARE = 0.08, 0.5


class PageStatus(StrEnum):
    """What a page is good for; the value is what data/manifests shows. Labels are made of the text layer."""

    OK = "ok"
    SCAN = "scan"
    BLANK = "blank"
    VECTOR_ONLY = "vector_only"
    GARBAGE_TEXT = "garbage_text"
    INVISIBLE_TEXT = "invisible_text"
    HIDDEN_TEXT = "hidden_text"
    LOW_RECALL = "low_recall"
    TOO_LONG = "too_long"
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    ERROR = "error"


UNREADABLE_PAGE = frozenset({PageStatus.TIMED_OUT, PageStatus.TOO_LARGE, PageStatus.ERROR})
"""Pages that have no image."""
_BY_HAND = "label it by hand (labels.corrections), or by a model (scribetune teach), if it is to be used"


@dataclass(frozen=True)
class PageRow:
    """One page in data/manifests/pages.

    Attributes:
        document: Document id.
        page: Counted from 1.
        image: Path of the image; "" where there is none.
        image_sha256: Of its content.
        width_px: Of the image.
        height_px: Of the image.
        mode: "L" (gray) or "RGB".
        layer_characters: Characters of the text layer, white space left out.
        garbage_share: Part of them that maps to no character, leaders and rules left out.
        unlike_share: Part of them that is drawn as other letters or figures.
        invisible_share: Part of its words that is not painted at all.
        hidden_share: Part of the characters that is painted and not seen.
        image_share: Part of the page that images cover.
        unread_share: Part of the rows of text that is seen on a page covered by images, and not in the layer.
        status: A `PageStatus`.
        message: Why, and what to do, in plain words; "" for `ok`.
    """

    document: str
    page: int
    image: str
    image_sha256: str
    width_px: int
    height_px: int
    mode: str
    layer_characters: int
    garbage_share: float
    unlike_share: float
    invisible_share: float
    hidden_share: float
    image_share: float
    unread_share: float
    status: str
    message: str


@dataclass(frozen=True)
class DocumentRow:
    """One document in data/manifests/documents. `pages` is the number of pages that it has, each with a row."""

    document: str
    path: str
    sha256: str
    bytes: int
    status: str
    pages: int
    message: str


@dataclass(frozen=True)
class RenderedDocument:
    """What became of one document."""

    document: DocumentRow
    pages: tuple[PageRow, ...]


@dataclass(frozen=True)
class LayerLimits:
    """Which text layers may become labels: the greatest shares of characters that are not what a reader sees."""

    max_unmapped_share: float = 0.05
    max_invisible_share: float = 0.05
    max_hidden_share: float = 0.05


@dataclass(frozen=True)
class RenderSettings:
    """What decides about page images and statuses; all but `limits` is part of each document's key for reuse."""

    long_side_px: int  # length of the longer side of the images
    color: str  # see `page_images.render`
    timeout_s_per_page: float  # a page that takes longer is given up
    code: str  # digest of the code
    memory_mb: int = isolation.MEMORY_MB  # most memory of a worker
    max_megapixels: float = 250.0  # pages with a larger image on them are not rendered
    max_pages: int = 10_000  # documents with more pages are not rendered
    limits: LayerLimits = field(default_factory=LayerLimits)  # judged anew, without rendering


def open_pdf(path: str, password: str) -> tuple[Any, DocumentStatus, str]:
    """Open a PDF, with the password if it asks for one, and say whether it can be read.

    Returns:
        (pymupdf.Document or None, status, message in plain words: why, and what to do).

    Raises:
        TooLargeError: It takes more memory than allowed.
    """
    import pymupdf

    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    if Path(path).stat().st_size == 0:
        return None, DocumentStatus.NOT_A_PDF, "the file has no content; get it again, or remove it"
    try:
        # Without filetype MuPDF guesses from the content, so that HTML named .pdf shows as what it is.
        document = pymupdf.open(path)
        status, message = _state(document, path, password)
        is_sound = status not in (DocumentStatus.OK, DocumentStatus.ZERO_PAGES) or page_trees.is_sound(document)
    except (pymupdf.FileDataError, pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError) as error:
        if isolation.is_memory_error(error):
            raise isolation.TooLargeError(str(error)) from error
        # MuPDF's message names the whole path, which differs from machine to machine.
        logger.info("%s: %s", path, error)
        document = None
        status, message = _what_it_is(path)
        is_sound = status != DocumentStatus.ERROR
    if not is_sound:
        mended = _mended(path, password)
        if mended is not None:
            found = f"{mended.document.page_count} page(s) were found {mended.how}"
            return mended.document, DocumentStatus.OK, f"its page tree is wrong; {found}"
    if status in (DocumentStatus.ERROR, DocumentStatus.ZERO_PAGES) and _mentions_encryption(path):
        status, message = DocumentStatus.ENCRYPTED, _UNKNOWN_ENCRYPTION
    return (document, status, message) if status == DocumentStatus.OK else (None, status, message)


def _state(document: Any, path: str, password: str) -> tuple[DocumentStatus, str]:
    """Return what an opened document is, and why; unlocks it if it can."""
    if not document.is_pdf:
        kind = document.metadata.get("format") or "something else"
        todo = "give it a name that says so (.png, .jpg, .tif)" if kind == "Image" else "convert it to PDF"
        return DocumentStatus.NOT_A_PDF, f"the content is {kind}; {todo}, or remove it"
    if document.needs_pass and not document.authenticate(password):
        if password:
            return DocumentStatus.ENCRYPTED, "the password given does not open it; correct the variable's value"
        hint = "name an environment variable that holds it in the sheet (password_variable)"
        return DocumentStatus.ENCRYPTED, f"it needs a password; {hint}"
    pages = document.page_count
    if _is_cut_off(path):
        return DocumentStatus.TRUNCATED, _CUT_OFF
    if pages <= 0:
        return DocumentStatus.ZERO_PAGES, "the PDF has no pages (often a sign of damage); get it again"
    return DocumentStatus.OK, ""


def _mended(path: str, password: str) -> page_trees.Repaired | None:
    """Return a PDF whose page tree was put right, if that is what is wrong with it."""
    import pymupdf

    try:
        return page_trees.repaired(path, password)
    except (pymupdf.FileDataError, pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError) as error:
        if isolation.is_memory_error(error):
            raise isolation.TooLargeError(str(error)) from error
        logger.info("%s: its page tree cannot be put right: %s", path, error)
        return None


def _what_it_is(path: str) -> tuple[DocumentStatus, str]:
    """Return what a file is that cannot be opened, and why."""
    if b"%PDF-" not in _head(path):
        return DocumentStatus.NOT_A_PDF, "the file is not a PDF, whatever its name; get the PDF, or remove it"
    if _is_cut_off(path):
        return DocumentStatus.TRUNCATED, _CUT_OFF
    return DocumentStatus.ERROR, "the file is damaged beyond repair; get it again, or print it anew"


_UNKNOWN_ENCRYPTION = "it is encrypted in a way that cannot be undone here; save it without protection"
_CROSS_REFERENCES = re.compile(rb"endobj\s+(?:xref|trailer|startxref)\b|/Type\s*/XRef\b")
_CUT_OFF = "the end of the file is missing, so pages may be incomplete; get the whole file again"


def _head(path: str) -> bytes:
    with Path(path).open("rb") as stream:
        return stream.read(1024)


def _mentions_encryption(path: str) -> bool:
    """Whether a PDF's trailer names a dictionary of encryption; it is never compressed, nor encrypted itself."""
    with Path(path).open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return re.search(rb"/Encrypt\s*(?:<<|\d+\s+\d+\s+R)", content) is not None


def _is_cut_off(path: str) -> bool:
    """Whether a PDF stops in the middle: what comes behind its last object is missing, so that others may be too."""
    with Path(path).open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        last = content.rfind(b" obj")
        if content.rfind(b"%%EOF") >= last:
            return False
        # Cross-references are written behind everything else (but in a linearized file, which begins with some): where
        # they have begun, no page is missing.
        return b"/Linearized" in content[:1024] or not _CROSS_REFERENCES.search(content, max(0, last))


def render_document(
    document: str, path: str, relative_path: str, password: str, digest: str, settings: RenderSettings, first: int = 0
) -> Iterator[DocumentRow | PageRow]:
    """Render every page of one PDF or image file below data/pages; runs in a worker process, a page a step.

    `relative_path` names it in reports, `digest` is its sha256; `first` is the step to begin with: 0 is the document's
    row, n the row of page n. Yields the document's row, then its pages' rows, not judged yet. A page that fails has a
    row without image.
    """
    opened: tuple[Any, DocumentStatus, str] = _open_image(path) if is_image(path) else open_pdf(path, password)
    pdf, status, message = opened
    pages = pdf.page_count if pdf is not None else 0
    if pages > settings.max_pages:
        status = DocumentStatus.TOO_LARGE
        message = f"it has {pages} pages; divide it, or raise documents.max_pages ({settings.max_pages})"
        pages = 0
    if first == 0:
        yield DocumentRow(document, relative_path, digest, Path(path).stat().st_size, status, pages, message)
    for number in range(max(1, first), pages + 1):
        try:
            if isinstance(pdf, image_files.ImageDocument):
                yield _render_image(document, number, pdf, settings)
            else:
                yield render_page(document, number, pdf[number - 1], settings)
        except DiskFullError:
            raise
        except Exception as error:  # MuPDF and what is around it raise whatever they meet; the page says so
            if isolation.is_memory_error(error):
                yield _without_image(document, number, "too_large", str(error) or "it takes too much memory")
            else:
                yield _without_image(document, number, "error", (str(error).splitlines() or [type(error).__name__])[0])


def _open_image(path: str) -> tuple[image_files.ImageDocument | None, DocumentStatus, str]:
    """Open an image file as `open_pdf` does a PDF."""
    try:
        return image_files.open_image(path), DocumentStatus.OK, ""
    except image_files.UnreadableImageError as error:
        return None, DocumentStatus.NOT_AN_IMAGE, str(error)


def _render_image(document: str, number: int, opened: image_files.ImageDocument, settings: RenderSettings) -> PageRow:
    """Render one page of an image file; see `render_page`. It has no text layer."""
    image = opened.page(number - 1, settings.long_side_px, settings.color, settings.max_megapixels)
    return _written(document, number, image, text_layer_checks.LayerMeasures(0, 0, 0, 0, 0, 0, 1.0, 0.0))


def _is_over(size: tuple[int, int], max_megapixels: float) -> bool:
    return size[0] * size[1] > max_megapixels * 1e6


def render_page(document: str, number: int, page: Any, settings: RenderSettings) -> PageRow:
    """Render one page (a pymupdf.Page, its number from 1) below data/pages and measure its text layer.

    Returns:
        Its row, for `judge`: status `blank` where nothing is seen, else `ok`.

    Raises:
        TooLargeError: An image on it has too many pixels.
        Exception: Whatever MuPDF meets.
    """
    # Resources may be shared by all pages: what counts is what is drawn on this one.
    shown, drawn = ligatures.displayed(page)
    spans = text_layer_checks.extract(shown)
    page_images.check_pixels(((one.width_px, one.height_px) for one in drawn.images), settings.max_megapixels)
    image = page_images.render(page, shown, settings.long_side_px, settings.color)
    layer = text_layer_checks.measure(spans, drawn, image)
    if image.is_blank and not layer.image_share:
        _check_images(page, settings.max_megapixels)
    return _written(document, number, image, layer)


def _written(
    document: str, number: int, image: page_images.PageImage, layer: text_layer_checks.LayerMeasures
) -> PageRow:
    """Write a page's image below data/pages, and return its row."""
    png = page_images.png(image)
    target = layout.page_image(document, number)
    files.write_bytes(target, png, durable=False)
    return PageRow(
        document=document,
        page=number,
        image=target.as_posix(),
        image_sha256=files.sha256_bytes(png),
        width_px=image.width,
        height_px=image.height,
        mode=image.mode,
        layer_characters=layer.characters,
        garbage_share=layer.share(layer.unmapped),
        unlike_share=layer.share(layer.unlike),
        invisible_share=layer.invisible_share,
        hidden_share=layer.share(layer.hidden),
        image_share=round(layer.image_share, 6),
        unread_share=layer.unread_share,
        status=PageStatus.BLANK if image.is_blank else PageStatus.OK,
        message="",
    )


def _check_images(page: Any, max_megapixels: float) -> None:
    """Refuse a page that shows nothing where it has an image that MuPDF leaves out, because it cannot decode it.

    Raises:
        ValueError: There is such an image.
        TooLargeError: It has too many pixels to be tried.
    """
    import pymupdf

    for number, _, width, height, *rest in page.get_images():
        if _is_over((width, height), max_megapixels):
            # Resources may be shared by all pages: what counts is what this one's own content draws.
            if re.search(rb"/%b\s+Do\b" % re.escape(rest[3].encode()), page.read_contents()):
                page_images.check_pixels([(width, height)], max_megapixels)
            continue
        try:
            pymupdf.Pixmap(page.parent, number)
        except (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError) as error:
            if isolation.is_memory_error(error):
                raise
            raise ValueError(f"an image on it cannot be decoded ({rest[4]})") from error


_TO_DO_FOR_PAGES = {
    "timed_out": "see whether a viewer shows it; raise documents.timeout_s_per_page, or print the page anew",
    "too_large": "raise documents.max_megapixels or documents.memory_mb, or print the page anew with smaller images",
    "error": "see whether a viewer shows it; print the page anew",
}


def _without_image(document: str, page: int, failure: str, why: str) -> PageRow:
    status = PageStatus.ERROR if failure == "crashed" else PageStatus(failure)
    message = f"cannot be rendered: {why[:300]}; {_TO_DO_FOR_PAGES[status]}"
    return PageRow(document, page, "", "", 0, 0, "", 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, status, message)


def judge(row: PageRow, limits: LayerLimits) -> PageRow:
    """Return a page's row, as `render_document` yields it, with the status that its measures give it, and why."""
    if row.status in UNREADABLE_PAGE:
        return row
    status, why = _kind_of_layer(row, limits)
    return replace(row, status=status, message=f"{why}; {_BY_HAND}" if why else "")


def _kind_of_layer(row: PageRow, limits: LayerLimits) -> tuple[PageStatus, str]:
    """Return the status of a page that has an image, and why."""
    images = f"{row.image_share:.0%} of it are images"
    if not row.layer_characters:
        if row.image_share >= _SCAN_SHARE:
            unseen = " on which nothing is seen: they are white, or damaged" if row.status == PageStatus.BLANK else ""
            return PageStatus.SCAN, f"it has no text layer, {images}{unseen}"
        if row.status == PageStatus.BLANK:
            return PageStatus.BLANK, "nothing is seen on it"
        return PageStatus.VECTOR_ONLY, "it has no text layer, only drawings"
    checks = (
        (row.garbage_share, limits.max_unmapped_share, PageStatus.GARBAGE_TEXT, "characters map to none"),
        (
            row.unlike_share,
            limits.max_unmapped_share,
            PageStatus.GARBAGE_TEXT,
            "characters are drawn as others: the text says what nobody sees",
        ),
        (
            row.invisible_share,
            limits.max_invisible_share,
            PageStatus.INVISIBLE_TEXT,
            "words are not painted (an OCR layer?)",
        ),
        (row.hidden_share, limits.max_hidden_share, PageStatus.HIDDEN_TEXT, "characters are covered or unseen"),
    )
    for found, most, status, what in checks:
        if found > most:
            return status, f"{found:.0%} of the text layer's {what}"
    if row.unread_share > (_UNREAD_SHARE if row.image_share >= _COVERED_SHARE else _MOSTLY_UNREAD_SHARE):
        return PageStatus.SCAN, f"{row.unread_share:.0%} of the text seen on it is in no text layer, {images}"
    return PageStatus.OK, ""


def prepare_worker() -> None:
    """Import what rendering needs, once per worker.

    PyMuPDF loads layout models where it finds pymupdf.layout: 0.7 s and 54 MB that no page image needs.
    """
    sys.modules["pymupdf.layout"] = None  # type: ignore[assignment]  # Python's own way to say that there is none
    import numpy  # noqa: F401
    import pymupdf  # noqa: F401
    from zlib_ng import zlib_ng  # noqa: F401


def render_shard(
    documents: Sequence[Document],
    passwords: Mapping[str, str],
    settings: RenderSettings,
    workers: int,
    withdrawn: Mapping[str, str] = MappingProxyType({}),
    variables: Mapping[str, str] = MappingProxyType({}),
) -> list[RenderedDocument]:
    """Render a shard's documents; those whose content, settings and code are unchanged are taken as they are.

    Args:
        documents: The shard's documents; the results come in the same order.
        passwords: Document id → password or "".
        settings: What decides about the images.
        workers: Number of worker processes.
        withdrawn: Document id → sha256 of the content that must not be read; it gets a row that says so, and no image.
        variables: Document id → environment variable that the sheet names for its password, for messages.
    """
    results: dict[str, RenderedDocument] = {}
    waiting: list[tuple[Document, str, str, str]] = []
    for document in documents:
        digest, why = _digest(document)
        if not digest:
            results[document.id] = _failed(document, "", DocumentStatus.ERROR, why)
            files.keep_only(Path(layout.PAGES) / document.id, "p*.png", ())
            continue
        if withdrawn.get(document.id) == digest:
            results[document.id] = _failed(document, digest, DocumentStatus.WITHDRAWN, f"see {layout.WITHDRAWN}")
            continue
        password = passwords.get(document.id, "")
        key = _key(document, digest, password, settings)
        kept = _load_record(document.id, key)
        if kept is not None:
            results[document.id] = kept
        else:
            waiting.append((document, digest, password, key))
    logger.info("%d documents unchanged or withdrawn, %d to render", len(results), len(waiting))

    with (
        isolation.Workers(min(workers, len(waiting)), settings.memory_mb, prepare_worker) as started,
        bar("Rendering", len(waiting), "documents") as advance,
    ):
        outcomes = started.run_steps(
            [
                isolation.Task(
                    render_document,
                    (d.id, str(d.path), d.relative_path, password, digest, settings),
                    settings.timeout_s_per_page,
                    weight=d.path.stat().st_size,
                )
                for d, digest, password, _ in waiting
            ],
            counting(advance, PageRow, "pages"),
            lambda number: advance(note=waiting[number][0].id),
        )
        for (document, digest, password, key), steps in zip(waiting, outcomes, strict=True):
            result = _result(document, digest, steps)
            if not any(step.failure for step in steps) and _is_lasting(result.document.status, password):
                _store_record(result, key)
            folder = Path(layout.PAGES) / document.id
            files.keep_only(folder, "p*.png", {row.image for row in result.pages})
            files.keep_only(folder, ".p*.tmp", ())  # of workers that were killed while they wrote
            results[document.id] = result
    if waiting:
        os.sync()
    judged = [_judged(results[document.id], settings.limits, variables) for document in documents]
    for result in judged:
        if result.document.status not in (DocumentStatus.OK, DocumentStatus.WITHDRAWN):
            logger.warning("%s: %s: %s", result.document.path, result.document.status, result.document.message)
    return judged


def _digest(document: Document) -> tuple[str, str]:
    """Return a document's SHA-256, or "" and why it has none."""
    if document.fault:
        return "", document.fault
    try:
        return files.sha256_file(document.path), ""
    except OSError as error:
        return "", f"the file cannot be read ({error.strerror}); correct its permissions or its link, or remove it"


def _result(document: Document, digest: str, steps: Sequence[isolation.Outcome]) -> RenderedDocument:
    """Put a document together from the outcomes of its steps: its own row, then a row for each page."""
    if steps[0].failure:
        status, why = _document_failure(steps[0])
        return _failed(document, digest, status, why)
    row: DocumentRow = steps[0].value
    pages: list[PageRow] = []
    for number, step in enumerate(steps[1:], start=1):
        if step.failure and number <= row.pages:
            pages.append(_without_image(document.id, number, step.failure, step.message))
        elif not step.failure:
            pages.append(step.value)
    lost = [(number, step) for number, step in enumerate(steps[1:], start=1) if step.failure]
    if len(pages) < row.pages:
        status, why = _document_failure(lost[-1][1])
        lost_pages = ", ".join(str(number) for number, _ in lost)
        row = replace(row, status=status, message=f"given up after pages {lost_pages}: {why}")
        pages += [
            _without_image(document.id, number, lost[-1][1].failure, "the document was given up before it")
            for number in range(len(pages) + 1, row.pages + 1)
        ]
    elif row.status == DocumentStatus.OK and all(page.status in UNREADABLE_PAGE for page in pages):
        # Statuses of pages that have no image are statuses of documents too.
        row = replace(row, status=DocumentStatus(pages[0].status), message=f"no page of it: {pages[0].message}")
    return RenderedDocument(row, tuple(pages))


_TO_DO_FOR_DOCUMENTS = {
    DocumentStatus.TIMED_OUT: "raise documents.timeout_s_per_page, or print it anew from a viewer that shows it",
    DocumentStatus.TOO_LARGE: "raise documents.memory_mb, or print it anew from a viewer that shows it",
    DocumentStatus.ERROR: "get it again, or print it anew from a viewer that shows it",
}


def _document_failure(outcome: isolation.Outcome) -> tuple[DocumentStatus, str]:
    status = DocumentStatus.ERROR if outcome.failure == "crashed" else DocumentStatus(outcome.failure)
    return status, f"{outcome.message}; {_TO_DO_FOR_DOCUMENTS[status]}"


def _judged(result: RenderedDocument, limits: LayerLimits, variables: Mapping[str, str]) -> RenderedDocument:
    """Return a result as the manifests have it."""
    row = result.document
    variable = variables.get(row.document, "")
    if row.status == DocumentStatus.ENCRYPTED and variable:
        row = replace(row, message=f"the environment variable {variable} of the sheet does not hold its password")
    return RenderedDocument(row, tuple(judge(page, limits) for page in result.pages))


def _is_lasting(status: str, password: str) -> bool:
    """Return whether the same PDF would end the same way next time.

    A time limit or a crash may have been the machine's fault (those never come here), and a password that does not
    open a document may be another one next time, which the record's key does not tell.
    """
    return not (status == DocumentStatus.ENCRYPTED and password)


def _failed(document: Document, digest: str, status: DocumentStatus, message: str) -> RenderedDocument:
    size = document.path.stat().st_size if document.path.is_file() else 0
    return RenderedDocument(DocumentRow(document.id, document.relative_path, digest, size, status, 0, message), ())


def _key(document: Document, digest: str, password: str, settings: RenderSettings) -> str:
    decisive = {name: value for name, value in asdict(settings).items() if name != "limits"}
    # Whether there is a password, never the password or a hash of it: the record travels with the data.
    return reuse.key_of(document.relative_path, digest, bool(password), decisive)


def _store_record(result: RenderedDocument, key: str) -> None:
    content = {"document": asdict(result.document), "pages": [asdict(row) for row in result.pages]}
    reuse.store(reuse.record_path(layout.PAGES, result.document.document), key, content, durable=False)


def _load_record(document: str, key: str) -> RenderedDocument | None:
    """Return an earlier result if its key is the same and every image is still what it was."""

    def parsed(content: Mapping[str, Any]) -> RenderedDocument:
        rows = tuple(PageRow(**row) for row in content["pages"])
        return RenderedDocument(DocumentRow(**content["document"]), rows)

    def on_disk(result: RenderedDocument) -> list[tuple[str, str]]:
        return [(row.image, row.image_sha256) for row in result.pages if row.image]

    return reuse.load(reuse.record_path(layout.PAGES, document), key, parsed, on_disk, "rendered")

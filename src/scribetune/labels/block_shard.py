"""The places of a shard's blocks: its labels and PDFs, page by page in workers."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scribetune.core import isolation
from scribetune.core.progress import bar
from scribetune.documents.inputs import Document, is_image
from scribetune.documents.rendering import open_pdf
from scribetune.labels import block_boxes
from scribetune.labels.mended_fonts import MendedFonts
from scribetune.labels.reader import UnreadablePdfError, prepare_worker
from scribetune.text import placed_blocks
from scribetune.text.placed_blocks import PlacedPage

logger = logging.getLogger(__name__)


def place_shard(
    documents: Sequence[Document],
    labels: Sequence[Mapping[str, Any]],
    passwords: Mapping[str, str],
    timeout_s_per_page: float,
    workers: int,
) -> list[dict[str, Any]]:
    """Return a record for each page with a label (`placed_blocks.as_record`), in order.

    Args:
        documents: The shard's documents.
        labels: Its rows of data/manifests/labels.
        passwords: Document id → password or "".
        timeout_s_per_page: Most processor time of a page.
        workers: Number of worker processes.
    """
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in labels:
        if row["status"] == "ok" and row["label"]:
            rows.setdefault(row["document"], []).append(row)
    wanted = [document for document in documents if document.id in rows]
    tasks = [
        isolation.Task(
            place_document,
            (
                str(document.path),
                passwords.get(document.id, ""),
                [(int(row["page"]), str(row["label"])) for row in rows[document.id]],
            ),
            timeout_s_per_page,
            weight=len(rows[document.id]),
        )
        for document in wanted
    ]
    records: list[dict[str, Any]] = []
    if not tasks:
        return records
    with (
        isolation.Workers(min(workers, len(tasks)), prepare=prepare_worker) as started,
        bar("Placing blocks", sum(map(len, rows.values())), "pages") as advance,
    ):
        outcomes = started.run_steps(tasks, lambda value: advance() if isinstance(value, PlacedPage) else None)
        for document, steps in zip(wanted, outcomes, strict=True):
            found = _pages(len(rows[document.id]), steps)
            for row, page in zip(rows[document.id], found, strict=True):
                records.append(placed_blocks.as_record(document.id, int(row["page"]), str(row["label_sha256"]), page))
    left_out = [record for record in records if record["reason"]]
    logger.info("%d of %d pages have a box for every block", len(records) - len(left_out), len(records))
    for record in left_out:
        logger.info("%s: %s", record["id"], record["reason"])
    return records


def _pages(count: int, steps: Sequence[isolation.Outcome]) -> list[PlacedPage]:
    """Return a page for each that was asked for, from the outcomes of opening the document and of its pages."""
    opening = steps[0]
    why = opening.message if opening.failure else str(opening.value)
    if why:
        return [PlacedPage(reason=why)] * count
    pages = [PlacedPage(reason=step.message or step.failure) if step.failure else step.value for step in steps[1:]]
    return [*pages, *[PlacedPage(reason="the document was given up before it")] * (count - len(pages))]


def place_document(
    path: str, password: str, pages: Sequence[tuple[int, str]], first: int = 0
) -> Iterator[str | PlacedPage]:
    """Place the blocks of pages, given with the paths of their labels; runs in a worker, a page a step.

    `first` is the step to begin with: 0 is opening the document, n the n-th of its pages. Yields why it cannot be
    opened, "" if it can; then its pages.
    """
    if is_image(path):
        if first == 0:
            yield "an image has no text layer that says where its words are"
        return
    try:
        fonts = _opened(path, password)
    except UnreadablePdfError as error:
        if first:
            raise  # it could be read before: the step that was to come is lost
        yield str(error)
        return
    if first == 0:
        yield ""
    for page, label in pages[max(0, first - 1) :]:
        text = Path(label).read_bytes().decode("utf-8").rstrip("\n")
        try:
            yield block_boxes.of_page(text, fonts.page(page - 1))
        except Exception as error:  # MuPDF raises whatever it meets; the page has no boxes, and says why
            if isolation.is_memory_error(error):
                raise
            yield PlacedPage(reason=f"{type(error).__name__}: {error}"[:300])


def _opened(path: str, password: str) -> MendedFonts:
    pdf, status, message = open_pdf(path, password)
    if pdf is None:
        raise UnreadablePdfError(f"{status}: {message}")
    return MendedFonts((pdf,))

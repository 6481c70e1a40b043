"""The retention set from a folder of the user's own PDFs: their pages, and what their text layers say.

A page is of use where its text layer can be believed: what is measured is whether the tuned model reads such pages
worse than the base does, in plain text. PDFs are opened in worker processes, within the limits of those that are
learned from.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scribetune.core import files, isolation
from scribetune.core.errors import UserError
from scribetune.documents import page_images
from scribetune.documents.inputs import Document
from scribetune.labels.reader import LabelSettings, PageReader, UnreadablePdfError, prepare_worker

logger = logging.getLogger(__name__)

_MOST_PAGES_OF_ONE = 20
"""Pages that are read of a document at most: the set is to be of many."""
_LEAST_CHARACTERS = 20
_LEAST_RECALL = 0.95
_MOST_UNMAPPED = 0.05


@dataclass(frozen=True)
class ReadPage:
    """A page of a document: its number from 1, its image as PNG, what its text layer says."""

    document: str
    page: int
    png: bytes
    text: str
    is_usable: bool


def read_document(
    document: str, path: str, settings: LabelSettings, long_side_px: int, first: int = 0
) -> Iterator[str | ReadPage]:
    """Yield why a PDF cannot be opened, "" if it can; then its pages. Runs in a worker process, a page a step.

    `first` is the step to begin with: 0 is opening it, n its page n.
    """
    try:
        reader = PageReader(path, "", settings)
    except UnreadablePdfError as error:
        yield str(error)
        return
    if first == 0:
        yield ""
    import pymupdf

    with pymupdf.open(path) as pdf:
        for number in range(max(1, first), min(reader.page_count, _MOST_PAGES_OF_ONE) + 1):
            read = reader.read(number - 1)
            usable = (
                len(read.text.strip()) >= _LEAST_CHARACTERS
                and min(read.word_recall, read.word_precision) >= _LEAST_RECALL
                and read.unmapped_share <= _MOST_UNMAPPED
            )
            png = page_images.png(page_images.of_page(pdf[number - 1], long_side_px, "auto")) if usable else b""
            yield ReadPage(document, number, png, read.text.rstrip("\n"), usable)


def read(documents: Sequence[Document], settings: LabelSettings, long_side_px: int, workers: int) -> list[ReadPage]:
    """Return the usable pages of PDFs, by document and page; what cannot be read is said in the log."""
    tasks = [
        isolation.Task(read_document, (one.id, str(one.path), settings, long_side_px), settings.timeout_s_per_page)
        for one in documents
    ]
    found: list[ReadPage] = []
    with isolation.Workers(min(workers, len(tasks)), prepare=prepare_worker) as started:
        for document, steps in zip(documents, started.run_steps(tasks), strict=True):
            for step in steps:
                if step.failure or (isinstance(step.value, str) and step.value):
                    logger.warning("%s: %s", document.path, step.message or step.value)
                elif isinstance(step.value, ReadPage) and step.value.is_usable:
                    found.append(step.value)
    return found


def chosen(pages: Sequence[ReadPage], count: int) -> list[ReadPage]:
    """Return so many pages, of as many documents as there are: first one of each, then a second one.

    Which of a document come first is decided by hash: a title page says little.
    """

    def place(page: ReadPage) -> bytes:
        return hashlib.sha256(f"{page.document}/{page.page}".encode()).digest()

    turns: dict[str, list[ReadPage]] = {}
    for page in sorted(pages, key=place):
        turns.setdefault(page.document, []).append(page)
    most = max(map(len, turns.values()), default=0)
    dealt = [turns[name][turn] for turn in range(most) for name in sorted(turns) if turn < len(turns[name])]
    return sorted(dealt[:count], key=lambda page: (page.document, page.page))


def write(pages: Sequence[ReadPage], prompt: str, records: Path) -> None:
    """Write the pages' images beside `records`, and their ShareGPT records, like those of the test split.

    Raises:
        UserError: There are none.
    """
    if not pages:
        raise UserError(
            "No page of retention.folder has a text layer that can be believed", value="0 pages",
            accepted="born-digital PDFs with text, without a password",
            todo="put some there; or empty retention.folder, and the built-in pages are taken",
        )  # fmt: skip
    rows: list[dict[str, Any]] = []
    for page in pages:
        document = f"retention-{page.document}"
        image = records.parent / "images" / f"{document}-p{page.page:04d}.png"
        files.write_bytes(image, page.png)
        rows.append(
            {
                "id": f"{document}/p{page.page:04d}",
                "document": document,
                "page": page.page,
                "image_sha256": files.sha256_bytes(page.png),
                "label_sha256": files.sha256_bytes(page.text.encode()),
                "label_source": "machine",
                "category": "retention",
                "language": "",
                "conversations": [{"from": "human", "value": prompt}, {"from": "gpt", "value": page.text}],
                "images": [image.as_posix()],
            }
        )
    files.write_jsonl(records, rows)

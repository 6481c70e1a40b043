"""The labels of a shard: which documents are new, worked on in workers, and written with people's corrections."""

import logging
import os
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scribetune.core import files, isolation, layout
from scribetune.core.progress import Advance, bar
from scribetune.documents.inputs import Document, DocumentStatus
from scribetune.labels import continued_tables, corrections
from scribetune.labels.continued_tables import PageEnds
from scribetune.labels.reader import LabelledPage, LabelSettings, label_document, prepare_worker
from scribetune.labels.rows import LabelRow, LabelStatus, row_without_label
from scribetune.record import reuse

logger = logging.getLogger(__name__)


def label_shard(
    documents: Sequence[Document],
    rendered: Mapping[str, tuple[str, Sequence[int]]],
    passwords: Mapping[str, str],
    corrected: Mapping[tuple[str, int], Path],
    settings: LabelSettings,
    workers: int,
    unseen: Mapping[str, Sequence[int]] = MappingProxyType({}),
) -> list[LabelRow]:
    """Label a shard's pages; documents whose content, settings and code are unchanged are taken as they are.

    Args:
        documents: The shard's documents.
        rendered: Document id → (sha256 of the PDF, pages that have an image).
        passwords: Document id → password or "".
        corrected: (document id, page) → label by people or a teacher model.
        settings: What decides about labels.
        workers: Number of worker processes.
        unseen: Document id → pages that have text which nobody sees: it is left out of their labels.

    Returns:
        One row per rendered page, in order.
    """
    records: dict[str, _Record] = {}
    waiting: list[tuple[Document, str, Sequence[int]]] = []
    for document in documents:
        digest, pages = rendered.get(document.id, ("", ()))
        if not pages:
            continue
        key = reuse.key_of(digest, list(pages), asdict(settings), list(unseen.get(document.id, ())))
        kept = _load_record(document.id, key)
        if kept is None:
            waiting.append((document, key, pages))
        else:
            records[document.id] = kept
    logger.info("%d documents unchanged, %d to label", len(records), len(waiting))
    if waiting:
        records |= _labelled_anew(waiting, passwords, settings, workers, unseen)
    return [
        row
        for document in documents
        if document.id in records
        for row in _with_corrections(document.id, records[document.id], corrected)
    ]


def _labelled_anew(
    waiting: Sequence[tuple[Document, str, Sequence[int]]],
    passwords: Mapping[str, str],
    settings: LabelSettings,
    workers: int,
    unseen: Mapping[str, Sequence[int]],
) -> "dict[str, _Record]":
    """Label documents, given with their keys and pages, in worker processes, and store what came of each."""
    tasks = [
        isolation.Task(
            label_document,
            (
                document.id,
                str(document.path),
                passwords.get(document.id, ""),
                settings,
                tuple(pages),
                tuple(unseen.get(document.id, ())),
            ),
            settings.timeout_s_per_page,
            weight=len(pages),
        )
        for document, _, pages in waiting
    ]
    records: dict[str, _Record] = {}
    ocr: dict[tuple[str, int], float] = {}
    with (
        isolation.Workers(min(workers, len(waiting)), prepare=prepare_worker) as started,
        bar("Labelling", sum(len(pages) for _, _, pages in waiting), "pages") as advance,
    ):
        count = _Count({document.id: len(pages) for document, _, pages in waiting}, advance)
        outcomes = started.run_steps(tasks, count.heard, lambda number: count.ended(waiting[number][0].id))
        for (document, key, pages), steps in zip(waiting, outcomes, strict=True):
            labelled = _labelled(document.id, pages, steps)
            lost = [step for step in steps if step.failure]
            # What a time limit or a crash cost may have been the machine's fault: it is tried again next time.
            record = _Record("" if lost else key, tuple(page.row for page in labelled), {})
            records[document.id] = record
            if not lost:
                _store_record(document.id, record)
            for step in lost:
                logger.warning("%s: %s: %s", document.relative_path, step.failure, step.message)
            ocr.update({(document.id, page.row.page): page.ocr_seconds for page in labelled if page.ocr_seconds})
            files.keep_only(Path(layout.LABELS) / document.id, ".p*.tmp", ())  # of workers killed while they wrote
    os.sync()
    _log_ocr(ocr)
    return records


@dataclass
class _Count:
    """Moves a bar of pages on as they come: documents end late, the longest begin first."""

    left: dict[str, int]  # pages of each document that did not come yet
    advance: Advance
    documents: int = field(init=False)  # of which pages were to come

    def __post_init__(self) -> None:
        self.documents = len(self.left)

    def heard(self, value: object) -> None:
        """Count a page that was labelled."""
        if isinstance(value, LabelledPage):
            self.left[value.row.document] -= 1
            self.advance(1, self._note())

    def ended(self, document: str) -> None:
        """Count the pages of a document that never came: they were lost, or it could not be opened."""
        lost = self.left.pop(document)
        self.advance(lost, self._note())

    def _note(self) -> str:
        return f"{self.documents - len(self.left):,} of {self.documents:,} documents"


def _labelled(document: str, pages: Sequence[int], steps: Sequence[isolation.Outcome]) -> list[LabelledPage]:
    """Put a document together from the outcomes of its steps: one labelled page for each that was asked for."""
    opening = steps[0]
    if opening.failure or opening.value:
        status = LabelStatus(opening.failure) if opening.failure else LabelStatus.ERROR
        why = opening.message if opening.failure else opening.value
        return [LabelledPage(row_without_label(document, page, status, why)) for page in pages]
    labelled: list[LabelledPage] = []
    for page, step in zip(pages, steps[1:], strict=False):  # fewer steps where the document was given up
        if step.failure:
            labelled.append(LabelledPage(row_without_label(document, page, LabelStatus(step.failure), step.message)))
        else:
            labelled.append(step.value)
    for page in pages[len(labelled) :]:
        why = "the document was given up before it"
        labelled.append(LabelledPage(row_without_label(document, page, LabelStatus(steps[-1].failure), why)))
    return _with_continued(labelled)


def _with_continued(pages: Sequence[LabelledPage]) -> list[LabelledPage]:
    """Say in the rows of a document's pages, in order, which tables go on from the page before."""
    before = [None, *pages][: len(pages)]
    return [
        page if last is None else replace(page, row=_continuing(page.row, last.row, last.ends, page.ends))
        for last, page in zip(before, pages, strict=True)
    ]


def _continuing(row: LabelRow, before: LabelRow, above: PageEnds, below: PageEnds) -> LabelRow:
    """Return a page's row with the table of the page before, if that is the one before, that its first goes on with."""
    number = continued_tables.continued(above, below) if before.page + 1 == row.page else 0
    return replace(row, continues=f"p{before.page:04d}-t{number}" if number else "")


def _log_ocr(seconds: Mapping[tuple[str, int], float]) -> None:
    """Say what the second opinion cost, page by page and in all."""
    for (document, page), spent in seconds.items():
        logger.info("OCR of %s page %d: %.2f s", document, page, spent)
    if seconds:
        total = sum(seconds.values())
        logger.info("OCR of %d pages: %.1f s, %.2f s a page", len(seconds), total, total / len(seconds))


def _with_corrections(document: str, record: "_Record", corrected: Mapping[tuple[str, int], Path]) -> list[LabelRow]:
    """Put a document's corrections in place, and take back those that are gone; returns the rows that result."""
    replaced: dict[int, str] = {}
    for row in record.rows:
        target = layout.page_label(document, row.page)
        if (document, row.page) in corrected:
            if row.label:
                text = record.replaced.get(row.page)
                replaced[row.page] = target.read_bytes().decode("utf-8") if text is None else text
        elif row.page in record.replaced:
            corrections.write_changed(target, record.replaced[row.page])
    # The record comes first: whatever is interrupted after it, the machine's text is not lost.
    if record.key and replaced != record.replaced:
        _store_record(document, _Record(record.key, record.rows, replaced))
    by_row = ((row, corrected.get((document, row.page))) for row in record.rows)
    rows = [row if path is None else corrections.correct(row, path) for row, path in by_row]
    rows = _with_corrected_tables(rows, {page for owner, page in corrected if owner == document})
    # Of pages that the PDF no longer has, and of corrections taken back where the machine can read nothing.
    files.keep_only(Path(layout.LABELS) / document, "p*.md", {row.label for row in rows})
    return rows


def _with_corrected_tables(rows: Sequence[LabelRow], corrected: AbstractSet[int]) -> list[LabelRow]:
    """Say of pages that were corrected, and of those behind them, anew which tables go on: by their labels alone."""
    found = list(rows)
    for at in range(1, len(rows)):
        before, row = rows[at - 1], rows[at]
        if corrected & {before.page, row.page} and before.label and row.label:
            above, below = (Path(one.label).read_text(encoding="utf-8") for one in (before, row))
            found[at] = _continuing(row, before, continued_tables.of_text(above), continued_tables.of_text(below))
    return found


def pages_with_unseen(page_rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the pages of a document, from its rows in data/manifests/pages, of whose text a part is seen by nobody."""
    return [int(row["page"]) for row in page_rows if row["hidden_share"] > 0 or row["invisible_share"] > 0]


def usable_pages(status: str, page_rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the pages of a document that have an image and are worth reading."""
    if status != DocumentStatus.OK:
        return []
    return [int(row["page"]) for row in page_rows if row["image"]]


@dataclass(frozen=True)
class _Record:
    """data/labels/<doc>/document.json: what the machine made of a document.

    Attributes:
        key: Hash of everything that decided about the labels; "" where that is not to be kept.
        rows: One per page, as the machine labelled it.
        replaced: Page → the machine's text, where a correction stands in its place on disk. So a correction costs no
            reading of the document, neither when it comes, nor later, nor when it is taken back.
    """

    key: str
    rows: tuple[LabelRow, ...]
    replaced: Mapping[int, str]


def _store_record(document: str, record: _Record) -> None:
    replaced = {f"{page:04d}": text for page, text in record.replaced.items()}
    content = {"pages": [asdict(row) for row in record.rows], "replaced": replaced}
    reuse.store(reuse.record_path(layout.LABELS, document), record.key, content)


def _load_record(document: str, key: str) -> _Record | None:
    """Return the earlier machine labels if their key is the same and every file is what it was."""

    def parsed(content: Mapping[str, Any]) -> _Record:
        rows = tuple(LabelRow(**row) for row in content["pages"])
        replaced = {int(page): str(text) for page, text in content["replaced"].items()}
        for row in rows:
            if (
                row.label
                and row.page in replaced
                and files.sha256_bytes(replaced[row.page].encode()) != row.label_sha256
            ):
                raise ValueError(f"the machine's text of page {row.page} is altered")
        return _Record(key, rows, replaced)

    def on_disk(record: _Record) -> list[tuple[str, str]]:
        return [(row.label, row.label_sha256) for row in record.rows if row.label and row.page not in record.replaced]

    return reuse.load(reuse.record_path(layout.LABELS, document), key, parsed, on_disk, "labelled")

"""Documents into Markdown with the tuned model: page by page, resumable, a row in the manifest for each."""

import logging
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from scribetune.conversion import given, written
from scribetune.conversion.manifest import MANIFEST, WITH_TEXT, Journal, PageResult
from scribetune.conversion.pages import RenderedPage, Renderer
from scribetune.conversion.readers import PageReader, Reading
from scribetune.core import files, progress
from scribetune.core.config import Config
from scribetune.core.disk_space import require_some
from scribetune.core.errors import UserError, counted
from scribetune.documents.inputs import Document, DocumentStatus
from scribetune.documents.rendering import DocumentRow, PageStatus, RenderSettings
from scribetune.text import grounding

logger = logging.getLogger(__name__)

LEAST_MEAN_PROBABILITY = 0.9
"""A page whose tokens have a lower mean probability is `unsure`; docs/conversion.md says what was seen."""
_SHOWN = 10
_LOCKED = "it needs a password (--password-variable)"
_FIRST_PAGES = 4  # made together before the reader has said how many it wants


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a conversion."""

    output: Path
    pages: given.PageRanges = field(default_factory=given.PageRanges)
    kind: written.Format = "markdown"
    page_marks: bool = False
    tables: bool = False  # each table as CSV too
    places: bool = False  # coordinates that a model writes stay in its texts
    keep_images: bool = False
    password: str = ""  # of documents that ask for one
    least_mean_probability: float = LEAST_MEAN_PROBABILITY
    workers: int = 1


@dataclass
class Conversion:
    """What came of one."""

    statuses: Counter[str] = field(default_factory=Counter)  # of pages
    unread: list[PageResult] = field(default_factory=list)  # pages and documents without a text
    flagged: list[PageResult] = field(default_factory=list)  # pages whose text is to be looked at
    documents: int = 0
    read: int = 0  # pages that were read now
    read_before: int = 0
    is_stopped: bool = False  # by its watcher
    seconds: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether every page has a text."""
        return not (self.unread or self.is_stopped)


class Watcher(Protocol):
    """Sees a conversion go on, and may end it."""

    def planned(self, pages: Sequence[tuple[str, int]]) -> None:
        """Take the pages that are wanted, as (document, number); number 0 is a document without pages to be read."""
        ...

    def kept(self, row: PageResult) -> None:
        """Take a row that was written now."""
        ...

    def goes_on(self) -> bool:
        """Whether further pages are to be read."""
        ...


def convert(
    inputs: Sequence[Path],
    config: Config,
    wanted: Wanted,
    make_reader: Callable[[], PageReader],
    stdin: BinaryIO | None = None,
    watcher: Watcher | None = None,
) -> Conversion:
    """Read documents into the output folder; what an earlier call has read there is taken as it is.

    Args:
        inputs: Files, folders, or `-` for the standard input.
        config: Of it `pages`, `documents` (limits), `task` and `generate` are used.
        wanted: What is wanted.
        make_reader: Called once, where a document has pages. The reader is opened when one of them must be read.
        stdin: The standard input.
        watcher: Told how it goes on.

    Raises:
        UserError: See `given.documents`; the output folder is in use, or is none; the model cannot be used.
    """
    began = time.perf_counter()
    output = wanted.output
    if output.exists() and not output.is_dir():
        raise UserError("The output folder is a file", value=str(output), todo="name another one (-o)")
    output.mkdir(parents=True, exist_ok=True)
    require_some(output)
    with Journal(output) as journal, tempfile.TemporaryDirectory(prefix=".rendered-", dir=output) as made:
        _remove_leftovers(output, Path(made))
        scratch = Path(made)
        found = given.documents(inputs, stdin or sys.stdin.buffer, scratch)
        passwords = {document.id: wanted.password for document in found}
        with Renderer(found, passwords, render_settings(config), scratch, wanted.workers) as renderer:
            run = _Run(journal, renderer, found, wanted, watcher)
            run.look()
            run.read(make_reader)
        done = run.finish()
    done.seconds = time.perf_counter() - began
    return done


def _remove_leftovers(output: Path, mine: Path) -> None:
    """Remove page images of calls that were killed; the journal's lock says that none is at work."""
    for left in output.glob(".rendered-*"):
        if left != mine:
            shutil.rmtree(left, ignore_errors=True)


def render_settings(config: Config) -> RenderSettings:
    """Return how pages are rendered: as a build of that configuration renders them."""
    most = config.documents
    return RenderSettings(
        config.pages.long_side_px, config.pages.color, most.timeout_s_per_page, "", most.memory_mb, most.max_megapixels,
        most.max_pages,
    )  # fmt: skip


@dataclass
class _Run:
    """One conversion under way."""

    journal: Journal
    renderer: Renderer
    documents: Sequence[Document]
    wanted: Wanted
    watcher: Watcher | None = None
    rows: Mapping[str, DocumentRow] = field(default_factory=dict)
    order: list[tuple[str, int]] = field(default_factory=list)
    done: Conversion = field(default_factory=Conversion)
    under_way: dict[int, tuple[RenderedPage, Path]] = field(default_factory=dict)  # by their place among those read
    settled: set[tuple[str, int]] = field(default_factory=set)  # pages that have their row of this call

    def look(self) -> None:
        """Find out which documents can be opened, and which pages are wanted."""
        self.rows = {row.document: row for row in self.renderer.look()}
        self.done.documents = len(self.documents)
        for document in self.documents:
            row = self.rows[document.id]
            if row.status != DocumentStatus.OK:
                self.order.append((document.id, 0))
                needs_password = row.status == DocumentStatus.ENCRYPTED and not self.wanted.password
                # The build's own words speak of its sheet, which is not asked here.
                message = _LOCKED if needs_password else row.message
                self._add(PageResult(document.id, row.path, 0, row.status, message=message))
                continue
            pages = list(self.wanted.pages.of(row.pages))
            if not pages:
                self.order.append((document.id, 0))
                message = f"none of the wanted pages; it has {row.pages}"
                self._add(PageResult(document.id, row.path, 0, "no_such_page", message=message))
            self.order += [(document.id, page) for page in pages]
        if self.watcher is not None:
            self.watcher.planned(self.order)

    def read(self, make_reader: Callable[[], PageReader]) -> None:
        """Read what was not read before."""
        pages = [key for key in self.order if key[1]]
        if not pages:
            return
        reader = make_reader()
        missing = [key for key in pages if not self._is_finished(key, reader.made_by)]
        self.done.read_before = len(pages) - len(missing)
        if self.done.read_before:
            logger.info("%d of %d pages were read before", self.done.read_before, len(pages))
        self.settled.update(set(pages) - set(missing))
        if not missing:
            return
        with (
            progress.bar("Converting", len(missing), "pages") as advance,
            closing(self._images(missing, reader, advance)) as images,
            closing(reader.read(images)) as readings,
        ):
            began = time.perf_counter()
            for index, reading in readings:
                page, image = self.under_way.pop(index)
                status, message = reading.status(self.wanted.least_mean_probability)
                text = None if reading.failure else self._text(reading.text)
                self._keep(self._result(page, reader, reading, status, message), text)
                self._drop(image)
                advance(note=f"{self.done.read / max(1e-9, time.perf_counter() - began):.2f} pages/s")
                if self._is_enough():
                    break

    def _is_enough(self) -> bool:
        self.done.is_stopped = self.watcher is not None and not self.watcher.goes_on()
        return self.done.is_stopped

    def _is_finished(self, key: tuple[str, int], made_by: str) -> bool:
        return self.journal.finished(*key, self.rows[key[0]].sha256, self._made_by(made_by))

    def _made_by(self, made_by: str) -> str:
        settings = self.renderer.settings
        kept = "places" if self.wanted.places else "text"
        return f"{made_by}-{settings.long_side_px}-{settings.color}-{kept}"

    def _images(
        self, missing: Sequence[tuple[str, int]], reader: PageReader, advance: progress.Advance
    ) -> Generator[Path, None, None]:
        """Yield images of pages to be read as they are asked for; rows of pages that nobody reads are written here."""
        at_once = _FIRST_PAGES
        with closing(self.renderer.batches(missing, lambda: at_once)) as batches:
            number = 0
            for page in (page for batch in batches for page in batch):
                if self._is_enough():
                    return
                if page.image is None:
                    reading = Reading(failure=page.message)
                    self._keep(self._result(page, reader, reading, page.status, page.message), None)
                    advance()
                elif page.status == PageStatus.BLANK:
                    self._keep(self._result(page, reader, Reading(), PageStatus.BLANK, "nothing is seen on it"), "")
                    self._drop(page.image)
                    advance()
                else:
                    if not number:  # only now: a model takes long to load, and the next pages are made meanwhile
                        at_once = reader.open()
                    self.under_way[number] = page, page.image
                    number += 1
                    yield page.image

    def _text(self, text: str) -> str:
        return text if self.wanted.places else grounding.plain(text)

    def _drop(self, image: Path) -> None:
        if self.wanted.keep_images:
            target = self.wanted.output / "images" / image.parent.name / image.name
            target.parent.mkdir(parents=True, exist_ok=True)
            image.replace(target)
        else:
            image.unlink(missing_ok=True)

    def _result(
        self, page: RenderedPage, reader: PageReader, reading: Reading, status: str, message: str
    ) -> PageResult:
        row = self.rows[page.document]
        return PageResult(
            page.document, row.path, page.page, str(status), reading.stop_reason, reading.tokens, reading.seconds,
            reading.mean_probability, reading.least_probability, message=message, document_sha256=row.sha256,
            made_by=self._made_by(reader.made_by),
        )  # fmt: skip

    def _keep(self, result: PageResult, text: str | None) -> None:
        """Write a page's text, then its row: a row is never there without its text."""
        if text is not None:
            content = text.strip("\n") + "\n" if text.strip() else ""
            target = written.page_path(result.document, result.page)
            files.write_text(self.wanted.output / target, content)
            result = replace(result, text=target.as_posix(), text_sha256=files.sha256_bytes(content.encode()))
        self._add(result)
        self.done.read += 1

    def _add(self, row: PageResult) -> None:
        self.journal.add(row)
        self.settled.add((row.document, row.page))
        if self.watcher is not None:
            self.watcher.kept(row)

    def finish(self) -> Conversion:
        """Write documents, tables and the manifest of all that was wanted."""
        by_document: dict[str, list[PageResult]] = {}
        self.order = [key for key in self.order if key in self.settled]  # a stopped one has not come to all
        for key in self.order:
            row = self.journal.rows[key]
            self.done.statuses[row.status] += 1
            if row.status not in WITH_TEXT:
                self.done.unread.append(row)
            elif row.status not in ("ok", "blank"):
                self.done.flagged.append(row)
            if row.page:
                by_document.setdefault(row.document, []).append(row)
        for name, rows in by_document.items():
            wanted = self.wanted
            written.write_document(
                wanted.output, name, rows, wanted.kind, page_marks=wanted.page_marks, joins_tables=not wanted.places
            )  # fmt: skip
            if self.wanted.tables:
                for row in rows:
                    if row.status in WITH_TEXT:
                        text = (self.wanted.output / row.text).read_text(encoding="utf-8")
                        written.write_tables(self.wanted.output, row, text)
        self.journal.write_manifest(self.order)
        return self.done


def summary(done: Conversion, output: Path) -> str:
    """Return what a conversion came to, in some lines."""
    counts = ", ".join(f"{count} {status}" for status, count in sorted(done.statuses.items()))
    rate = f", {done.read / done.seconds:.2f} pages/s" if done.read and done.seconds else ""
    before = f", {done.read_before} were read before" if done.read_before else ""
    lines = [
        f"{counted(done.documents, 'document')} in {output}: {counts}",
        f"{counted(done.read, 'page')} read in {progress.words(done.seconds)}{rate}{before}",
        f"A row for each page: {output / MANIFEST}",
    ]
    for title, rows in (("To be looked at", done.flagged), ("Without a text", done.unread)):
        lines += [f"{title}:"] * bool(rows)
        for row in rows[:_SHOWN]:
            where = f"{row.path}, page {row.page}" if row.page else row.path
            lines.append(f"  {where}: {row.status}: {row.message}")
        if len(rows) > _SHOWN:
            lines.append(f"  and {len(rows) - _SHOWN} more, in {MANIFEST}")
    return "\n".join(lines) + "\n"

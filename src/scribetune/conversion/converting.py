"""Documents into Markdown with the tuned model: page by page, resumable, a row in the manifest for each."""

import logging
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from scribetune.conversion import given, written
from scribetune.conversion.manifest import MANIFEST, WITH_TEXT, Journal, PageResult
from scribetune.conversion.pages import RenderedPage, Renderer
from scribetune.conversion.readers import PageReader, Reading
from scribetune.core import files, progress
from scribetune.core.config import Config
from scribetune.core.disk_space import require_some
from scribetune.core.errors import UserError
from scribetune.documents.inputs import Document, DocumentStatus
from scribetune.documents.rendering import DocumentRow, PageStatus, RenderSettings

logger = logging.getLogger(__name__)

LEAST_MEAN_PROBABILITY = 0.9
"""A page whose tokens have a lower mean probability is `unsure`; docs/conversion.md says what was seen."""
_SHOWN = 10
_MARK = re.compile(r"<\|ref\|>(.*?)<\|/ref\|><\|det\|>.*?<\|/det\|>\n?", re.DOTALL)


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
    seconds: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether every page has a text."""
        return not self.unread


def convert(
    inputs: Sequence[Path],
    config: Config,
    wanted: Wanted,
    make_reader: Callable[[], PageReader],
    stdin: BinaryIO | None = None,
) -> Conversion:
    """Read documents into the output folder; what an earlier call has read there is taken as it is.

    Args:
        inputs: Files, folders, or `-` for the standard input.
        config: Of it `pages`, `documents` (limits), `task` and `generate` are used.
        wanted: What is wanted.
        make_reader: Called once, when there is a page to be read: a model takes long to load.
        stdin: The standard input.

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
        with Renderer(found, passwords, _render_settings(config), scratch, wanted.workers) as renderer:
            run = _Run(journal, renderer, found, wanted)
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


def _render_settings(config: Config) -> RenderSettings:
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
    rows: Mapping[str, DocumentRow] = field(default_factory=dict)
    order: list[tuple[str, int]] = field(default_factory=list)
    done: Conversion = field(default_factory=Conversion)

    def look(self) -> None:
        """Find out which documents can be opened, and which pages are wanted."""
        self.rows = {row.document: row for row in self.renderer.look()}
        self.done.documents = len(self.documents)
        for document in self.documents:
            row = self.rows[document.id]
            if row.status != DocumentStatus.OK:
                self.order.append((document.id, 0))
                self.journal.add(PageResult(document.id, row.path, 0, row.status, message=row.message))
                continue
            pages = list(self.wanted.pages.of(row.pages))
            if not pages:
                self.order.append((document.id, 0))
                message = f"none of the wanted pages; it has {row.pages}"
                self.journal.add(PageResult(document.id, row.path, 0, "no_such_page", message=message))
            self.order += [(document.id, page) for page in pages]

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
        began = time.perf_counter()
        with progress.bar("Converting", len(missing), "pages") as advance:
            for batch in self.renderer.batches(missing, reader.at_once):
                for result, text in self._read_batch(batch, reader):
                    self._keep(result, text)
                    self.done.read += 1
                    advance(note=f"{self.done.read / max(1e-9, time.perf_counter() - began):.2f} pages/s")

    def _is_finished(self, key: tuple[str, int], made_by: str) -> bool:
        return self.journal.finished(*key, self.rows[key[0]].sha256, self._made_by(made_by))

    def _made_by(self, made_by: str) -> str:
        settings = self.renderer.settings
        kept = "places" if self.wanted.places else "text"
        return f"{made_by}-{settings.long_side_px}-{settings.color}-{kept}"

    def _read_batch(self, batch: Sequence[RenderedPage], reader: PageReader) -> Iterator[tuple[PageResult, str | None]]:
        """Yield (result, text or None) of pages as they come to their end."""
        seen: list[tuple[RenderedPage, Path]] = []
        for page in batch:
            if page.image is None:
                yield self._result(page, reader, Reading(failure=page.message), page.status, page.message), None
            elif page.status == PageStatus.BLANK:
                yield self._result(page, reader, Reading(), PageStatus.BLANK, "nothing is seen on it"), ""
                self._drop(page.image)
            else:
                seen.append((page, page.image))
        for index, reading in reader.read([image for _, image in seen]):
            page, image = seen[index]
            status, message = reading.status(self.wanted.least_mean_probability)
            text = None if reading.failure else self._text(reading.text)
            yield self._result(page, reader, reading, status, message), text
            self._drop(image)

    def _text(self, text: str) -> str:
        return text if self.wanted.places else _MARK.sub("", text)

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
        self.journal.add(result)

    def finish(self) -> Conversion:
        """Write documents, tables and the manifest of all that was wanted."""
        by_document: dict[str, list[PageResult]] = {}
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
            written.write_document(self.wanted.output, name, rows, self.wanted.kind, page_marks=self.wanted.page_marks)
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
        f"{done.documents} documents in {output}: {counts}",
        f"{done.read} pages read in {progress.words(done.seconds)}{rate}{before}",
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

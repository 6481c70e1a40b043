"""Pages of documents as images, some ahead of the reader, in worker processes with limits of time and memory.

They are rendered as the build renders: same code, same settings, same bytes.
"""

import itertools
import logging
import os
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scribetune.core import isolation
from scribetune.core.files import sha256_file
from scribetune.documents import rendering
from scribetune.documents.inputs import Document, DocumentStatus
from scribetune.documents.rendering import DocumentRow, PageRow, PageStatus, RenderSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RenderedPage:
    """A page, or why there is no image of it."""

    document: str
    page: int  # counted from 1
    image: Path | None  # below the scratch folder; whoever read it may remove it
    status: str = PageStatus.OK  # `ok`, `blank` (nothing is seen on it), or a status of pages without an image
    message: str = ""  # why, in words


@dataclass
class Renderer:
    """Renders pages of documents into a scratch folder; a context manager, whose workers end with it."""

    documents: Sequence[Document]
    passwords: Mapping[str, str]  # document id → password
    settings: RenderSettings
    scratch: Path
    workers: int = 1
    _started: isolation.Workers = field(init=False)

    def __post_init__(self) -> None:
        self._started = isolation.Workers(self.workers, self.settings.memory_mb, rendering.prepare_worker)
        self._by_id = {document.id: document for document in self.documents}

    def __enter__(self) -> "Renderer":
        self._started.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._started.__exit__(*raised)

    def look(self) -> list[DocumentRow]:
        """Return each document's row: whether it can be opened, and how many pages it has."""
        sound = [document for document in self.documents if not document.fault]
        outcomes = self._started.run([self._task(_first_row, document) for document in sound])
        rows = {document.id: _row(document, outcome) for document, outcome in zip(sound, outcomes, strict=True)}
        return [
            rows.get(document.id)
            or DocumentRow(document.id, document.relative_path, "", 0, DocumentStatus.ERROR, 0, document.fault)
            for document in self.documents
        ]

    def batches(
        self, wanted: Sequence[tuple[str, int]], at_once: Callable[[], int]
    ) -> Generator[list[RenderedPage], None, None]:
        """Yield pages, given as (document id, number), in batches of `at_once`; one is made while another is read.

        `at_once` is asked for each batch.

        What goes wrong in the thread that renders is raised here.
        """
        made: queue.Queue[list[RenderedPage] | BaseException | None] = queue.Queue(maxsize=1)
        ended = threading.Event()

        def put(value: list[RenderedPage] | BaseException | None) -> None:
            while not ended.is_set():
                try:
                    made.put(value, timeout=0.2)
                except queue.Full:
                    continue
                return

        def work() -> None:
            try:
                start = 0
                while start < len(wanted) and not ended.is_set():
                    end = start + at_once()
                    put(self._rendered(wanted[start:end]))
                    start = end
                put(None)
            except BaseException as error:  # raised again where it is waited for
                put(error)

        thread = threading.Thread(target=work, name="rendering", daemon=True)
        thread.start()
        try:
            while (batch := made.get()) is not None:
                if isinstance(batch, BaseException):
                    raise batch
                yield batch
        finally:
            ended.set()
            thread.join()

    def _rendered(self, wanted: Sequence[tuple[str, int]]) -> list[RenderedPage]:
        """Render pages: one task for each row of neighbours."""
        runs: list[list[int]] = []
        owners: list[Document] = []
        for name, page in wanted:
            if runs and owners[-1].id == name and runs[-1][-1] + 1 == page:
                runs[-1].append(page)
            else:
                runs.append([page])
                owners.append(self._by_id[name])
        tasks = [self._task(_pages, owner, run[0], run[-1]) for owner, run in zip(owners, runs, strict=True)]
        found: list[RenderedPage] = []
        for owner, run, outcomes in zip(owners, runs, self._started.run_steps(tasks), strict=True):
            for page, outcome in itertools.zip_longest(run, outcomes[1 : len(run) + 1]):
                found.append(self._page(owner.id, page, outcome, outcomes[-1]))
        return found

    def _page(self, name: str, page: int, outcome: isolation.Outcome | None, last: isolation.Outcome) -> RenderedPage:
        if outcome is None or outcome.failure:
            failed = outcome or last
            status = PageStatus.ERROR if failed.failure in ("crashed", "") else PageStatus(failed.failure)
            why = failed.message if outcome else f"the document was given up before it: {last.message}"
            return RenderedPage(name, page, None, status, why)
        row: PageRow = outcome.value
        image = self.scratch / row.image if row.image else None
        return RenderedPage(name, page, image, row.status, row.message)

    def _task(self, function: Any, document: Document, *pages: int) -> isolation.Task:
        here = replace(document, path=document.path.absolute())
        password = self.passwords.get(document.id, "")
        arguments = (str(self.scratch.absolute()), here, password, self.settings, *pages)
        return isolation.Task(function, arguments, self.settings.timeout_s_per_page)


def _row(document: Document, outcome: isolation.Outcome) -> DocumentRow:
    if not outcome.failure:
        row: DocumentRow = outcome.value
        return row
    status = DocumentStatus.ERROR if outcome.failure == "crashed" else DocumentStatus(outcome.failure)
    return DocumentRow(document.id, document.relative_path, "", 0, status, 0, outcome.message)


def _first_row(scratch: str, document: Document, password: str, settings: RenderSettings) -> DocumentRow:
    """Open a document and hash it; runs in a worker."""
    row = next(_steps(scratch, document, password, settings, 0))
    if not isinstance(row, DocumentRow):
        raise TypeError(row)
    return replace(row, sha256=sha256_file(document.path))


def _pages(
    scratch: str, document: Document, password: str, settings: RenderSettings, begin: int, end: int, first: int = 0
) -> Iterator[DocumentRow | PageRow | None]:
    """Render the pages from `begin` to `end`; runs in a worker.

    Step n is the n-th of them. Step 0 is nothing: a task ends where its first step fails, which one page must not do.
    """
    if first == 0:
        yield None
        first = 1
    steps = _steps(scratch, document, password, settings, begin + first - 1)
    yield from itertools.islice(steps, end - begin + 2 - first)


def _steps(
    scratch: str, document: Document, password: str, settings: RenderSettings, first: int
) -> Iterator[DocumentRow | PageRow]:
    os.chdir(scratch)  # page images lie at paths of the build's layout, below the working directory
    return rendering.render_document(
        document.id, str(document.path), document.relative_path, password, "", settings, first
    )

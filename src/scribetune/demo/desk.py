"""The documents of a visit: each waits for its turn, is read as `scribetune convert` reads, and goes away.

Documents are read one after another, in one thread, by one model that is loaded with the first of them. Pages are
rendered in worker processes with limits of time and memory, as everywhere.
"""

import logging
import queue
import secrets
import shutil
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scribetune.conversion import converting, written
from scribetune.conversion.manifest import WITH_TEXT, PageResult
from scribetune.conversion.readers import PageReader, Reading
from scribetune.core import layout
from scribetune.core.config import Config
from scribetune.core.errors import UserError
from scribetune.documents.inputs import document_id, is_image, shown_path
from scribetune.text.markdown_view import RENDERED_CHARACTERS, rendered

logger = logging.getLogger(__name__)

MOST_UPLOAD_BYTES = 100 * 2**20
MOST_WAITING = 5
"""Documents that are uploaded, wait or are read at a time."""
MOST_KEPT = 10
"""Documents whose pages can be looked at; the oldest goes when another one comes."""
_MOST_NAME_CHARACTERS = 200
_GIVEN = "given"


class DemoError(Exception):
    """A text for the visitor: `english` is a key of demo.zh.json, in which {name} stands for a value."""

    def __init__(self, status: int, english: str, **values: object) -> None:
        super().__init__(english.format(**values))
        self.status = status  # of HTTP
        self.english = english
        self.values = values


@dataclass
class Upload:
    """A document that was given, and what became of it; `converting.Watcher` of its own conversion."""

    id: str
    name: str  # as its user calls it; no path is made of it
    folder: Path
    state: str = "uploading"
    """`waiting`, `opening`, `loading` (the model), `reading`; then `done`, `stopped` or `failed`."""
    message: str = ""  # why it failed
    wanted: tuple[int, ...] = ()  # pages to be read
    rows: dict[int, PageResult] = field(default_factory=dict)
    is_cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def path(self) -> Path:
        """Where its content lies: only the kind of file is taken from its name."""
        suffix = Path(self.name).suffix.lower() if is_image(self.name) else ".pdf"
        return self.folder / f"{_GIVEN}{suffix}"

    @property
    def output(self) -> Path:
        """The output folder of its conversion."""
        return self.folder / "out"

    @property
    def is_ended(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in ("done", "stopped", "failed")

    def planned(self, pages: Sequence[tuple[str, int]]) -> None:
        """Take the pages that are wanted."""
        self.wanted = tuple(page for _, page in pages if page)

    def kept(self, row: PageResult) -> None:
        """Take what became of a page, or of the document."""
        if row.page:
            self.rows[row.page] = row
        else:
            self.message = f"{row.status}: {row.message}"

    def goes_on(self) -> bool:
        """Whether further pages are to be read."""
        return not self.is_cancelled.is_set()


@dataclass
class _Shown:
    """A reader that tells its document when the model is loaded."""

    reader: PageReader
    upload: Upload
    made_by: str = field(init=False)

    def __post_init__(self) -> None:
        self.made_by = self.reader.made_by

    def open(self) -> int:
        """Load it, and say so."""
        self.upload.state = "loading"
        try:
            return self.reader.open()
        finally:
            self.upload.state = "reading"

    def read(self, images: Iterable[Path]) -> Generator[tuple[int, Reading], None, None]:
        """Read."""
        return self.reader.read(images)


class Desk:
    """Takes documents, and has them read in a thread; a context manager.

    Args:
        config: As `converting.convert` takes it.
        make_reader: Called once, for the first document.
        folder: Where documents lie while they are here; see `scratch`.
    """

    def __init__(self, config: Config, make_reader: Callable[[], PageReader], folder: Path) -> None:
        self._config, self._make_reader, self._folder = config, make_reader, folder
        self._reader: PageReader | None = None
        self._uploads: dict[str, Upload] = {}
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[Upload | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="desk", daemon=True)

    def __enter__(self) -> "Desk":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Wait for the page under way: nothing is written into the folder afterwards."""
        with self._lock:
            for upload in self._uploads.values():
                upload.is_cancelled.set()
        self._waiting.put(None)
        self._thread.join()

    def begin(self, name: str) -> Upload:
        """Make a place for a document that is being sent.

        Raises:
            DemoError: Too many are here.
        """
        with self._lock:
            if sum(not upload.is_ended for upload in self._uploads.values()) >= MOST_WAITING:
                raise DemoError(429, "{most} documents are waiting: stop one of them, or wait.", most=MOST_WAITING)
            ended = [upload for upload in self._uploads.values() if upload.is_ended]
            for upload in ended[: max(0, len(self._uploads) + 1 - MOST_KEPT)]:
                self._remove(upload)
            key = secrets.token_urlsafe(12)
            upload = Upload(key, shown_path(name)[:_MOST_NAME_CHARACTERS] or _GIVEN, self._folder / key)
            upload.folder.mkdir()
            self._uploads[key] = upload
            return upload

    def accept(self, upload: Upload) -> None:
        """Let a document that was sent wait for its turn."""
        upload.state = "waiting"
        self._waiting.put(upload)

    def drop(self, upload: Upload) -> None:
        """Remove a document that was not sent to its end."""
        with self._lock:
            self._remove(upload)

    def _remove(self, upload: Upload) -> None:
        self._uploads.pop(upload.id, None)
        shutil.rmtree(upload.folder, ignore_errors=True)

    def cancel(self, key: str) -> dict[str, Any]:
        """Read no further page of a document; the page under way is read to its end."""
        upload = self._find(key)
        upload.is_cancelled.set()
        if upload.state == "waiting":
            upload.state = "stopped"
        return self.state(key)

    def state(self, key: str) -> dict[str, Any]:
        """Return how far a document is."""
        upload = self._find(key)
        with self._lock:
            names = list(self._uploads)
            before = sum(
                not other.is_ended for other in self._uploads.values() if names.index(other.id) < names.index(key)
            )
        rows = dict(upload.rows)
        return {
            "id": upload.id,
            "name": upload.name,
            "state": upload.state,
            "before": before,
            "stopping": upload.is_cancelled.is_set() and not upload.is_ended,
            "message": upload.message,
            "pages": [[page, rows[page].status if page in rows else ""] for page in upload.wanted],
        }

    def page(self, key: str, number: int) -> dict[str, Any]:
        """Return a page that was read: its text as it is, and as HTML that can be trusted."""
        upload = self._find(key)
        row = self._row(upload, number)
        text = (upload.output / row.text).read_text(encoding="utf-8") if row.status in WITH_TEXT else ""
        return {
            "page": number,
            "status": row.status,
            "message": row.message,
            "seconds": row.seconds,
            "probability": row.mean_probability if row.mean_probability >= 0 else None,
            "text": text,
            "html": str(rendered(text)),
            "omitted": max(0, len(text) - RENDERED_CHARACTERS),
        }

    def image(self, key: str, number: int) -> Path:
        """Return the image of a page that was read."""
        upload = self._find(key)
        row = self._row(upload, number)
        path = upload.output / "images" / row.document / f"{layout.page_name(number)}.png"
        if not path.is_file():
            raise DemoError(404, "There is no image of this page.")
        return path

    def whole(self, key: str) -> tuple[str, str]:
        """Return a name for the file of a document, and the Markdown of its pages as far as they were read."""
        upload = self._find(key)
        rows = [row for _, row in sorted(upload.rows.items())]
        if not any(row.status in WITH_TEXT for row in rows):
            raise DemoError(404, "There is no text of this document yet.")
        return f"{document_id(Path(upload.name).name)}.md", written.markdown(upload.output, rows)

    def _find(self, key: str) -> Upload:
        upload = self._uploads.get(key)
        if upload is None:
            raise DemoError(404, "This document is no longer here: give it again.")
        return upload

    def _row(self, upload: Upload, number: int) -> PageResult:
        row = upload.rows.get(number)
        if row is None:
            raise DemoError(404, "This page was not read.")
        return row

    def _work(self) -> None:
        while (upload := self._waiting.get()) is not None:
            try:
                self._convert(upload)
            except UserError as error:
                upload.message, upload.state = str(error), "failed"
            except Exception as error:  # whatever one document does, the next one gets its turn
                logger.exception("A document was given up: %s", upload.id)
                upload.message, upload.state = f"{type(error).__name__}: {error}", "failed"

    def _convert(self, upload: Upload) -> None:
        if upload.is_cancelled.is_set():
            upload.state = "stopped"
            return
        upload.state = "opening"
        wanted = converting.Wanted(upload.output, keep_images=True)
        done = converting.convert([upload.path], self._config, wanted, lambda: self._shown(upload), watcher=upload)
        upload.path.unlink(missing_ok=True)
        is_stopped = done.is_stopped or (upload.is_cancelled.is_set() and len(upload.rows) < len(upload.wanted))
        upload.state = "stopped" if is_stopped else "done" if upload.wanted else "failed"

    def _shown(self, upload: Upload) -> PageReader:
        if self._reader is None:
            self._reader = self._make_reader()
        return _Shown(self._reader, upload)

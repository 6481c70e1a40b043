"""The manifest of a conversion: a row for each page, on the disk before the next page is waited for.

While pages are read, rows are added to pages.jsonl; a call that was stopped goes on from them. At the end they are in
manifest.csv too, in the documents' order.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any

from scribetune.core import csv_files, files
from scribetune.core.errors import UserError

logger = logging.getLogger(__name__)

JOURNAL = Path(".conversion/pages.jsonl")
MANIFEST = "manifest.csv"


@dataclass(frozen=True)
class PageResult:
    """What became of a page, or of a document that could not be opened (page 0)."""

    document: str  # its name in the output folder
    path: str  # as it was given, below its folder
    page: int  # counted from 1
    status: str
    """`ok`; `blank`: nothing is on it, and no model read it; `loop`, `cut`, `unsure`: there is a text, to be looked at;
    else why there is none (statuses of documents and pages, as the build's manifests have them)."""
    stop_reason: str = ""  # `eos`, `length` or `loop`: see `generation.Prediction`
    tokens: int = 0
    seconds: float = 0.0  # from its place in the model to its end; pages that are read together share them
    mean_probability: float = -1.0  # geometric mean over the tokens; -1 where it is not known
    least_probability: float = -1.0
    text: str = ""  # the file of its text, below the output folder
    text_sha256: str = ""
    message: str = ""
    document_sha256: str = ""
    made_by: str = ""  # digest of all that decides about the text: model, prompt, settings


WITH_TEXT = frozenset({"ok", "blank", "loop", "cut", "unsure"})
_KINDS: Mapping[str, Any] = {
    field.name: (int, float) if isinstance(field.default, float) else type(field.default)
    for field in fields(PageResult)
    if field.default is not MISSING
} | {"document": str, "path": str, "page": int, "status": str}
_COLUMNS = tuple(field.name for field in fields(PageResult) if field.name != "made_by")


class Journal:
    """Rows of a conversion as they come; a context manager that keeps other processes out of the output folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / JOURNAL
        self._handle: int | None = None
        self.rows: dict[tuple[str, int], PageResult] = {}

    def __enter__(self) -> "Journal":
        """Open the journal and read it.

        Raises:
            UserError: Another conversion writes into the folder.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise UserError(
                "Another conversion writes into this folder", value=str(self._folder),
                todo="wait for it or end it, or name another folder (-o)",
            ) from None  # fmt: skip
        self._handle = handle
        data = self._path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):  # killed while it wrote
            os.ftruncate(handle, whole)
        for line in data[:whole].splitlines():
            row = _parsed(line)
            if row is None:
                logger.warning("%s: a line that is no row; its page is read again", self._path)
            else:
                self.rows[row.document, row.page] = row
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def finished(self, document: str, page: int, document_sha256: str, made_by: str) -> bool:
        """Whether a page was read before from the same document, by the same model and settings, and its text is there.

        Only what has a text counts: what failed is tried again.
        """
        row = self.rows.get((document, page))
        if row is None or row.status not in WITH_TEXT:
            return False
        if (row.document_sha256, row.made_by) != (document_sha256, made_by):
            return False
        try:
            return files.sha256_file(self._folder / row.text) == row.text_sha256
        except OSError:
            return False

    def add(self, row: PageResult) -> None:
        """Write a row; it is on the disk when this returns."""
        if self._handle is None:
            raise RuntimeError("the journal is not open")
        data = (json.dumps(asdict(row), ensure_ascii=True, sort_keys=True) + "\n").encode()
        while data:
            data = data[os.write(self._handle, data) :]
        os.fsync(self._handle)
        self.rows[row.document, row.page] = row

    def write_manifest(self, order: Iterable[tuple[str, int]]) -> None:
        """Write manifest.csv with these rows, in their order."""
        rows = [self.rows[key] for key in order if key in self.rows]
        text = csv_files.text_of(_COLUMNS, ([_cell(getattr(row, name)) for name in _COLUMNS] for row in rows))
        files.write_text(self._folder / MANIFEST, text)


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return "" if value < 0 else f"{value:.4f}"
    return value


def _parsed(line: bytes) -> PageResult | None:
    try:
        values: Mapping[str, Any] = json.loads(line)
        row = PageResult(**values)
    except (ValueError, TypeError):
        return None
    sound = all(isinstance(getattr(row, field.name), _KINDS[field.name]) for field in fields(row))
    return row if sound else None

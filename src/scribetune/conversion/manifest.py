"""The manifest of a conversion: a row for each page, on the disk before the next page is waited for.

While pages are read, rows are added to pages.jsonl; a call that was stopped goes on from them. At the end they are in
manifest.csv too, in the documents' order.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from scribetune.core import csv_files, files
from scribetune.core.errors import UserError
from scribetune.core.line_journal import LineJournal

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


class Journal(LineJournal):
    """Rows of a conversion as they come; a context manager that keeps other processes out of the output folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / JOURNAL)
        self._folder = folder
        self.rows: dict[tuple[str, int], PageResult] = {}

    def in_use(self) -> UserError:
        """Return what is said where another conversion writes into the folder."""
        return UserError(
            "Another conversion writes into this folder",
            value=str(self._folder),
            todo="wait for it or end it, or name another folder (-o)",
        )

    def read_line(self, number: int, line: bytes) -> None:
        """Take up a row."""
        row = _parsed(line)
        if row is None:
            logger.warning("%s:%d is no row; its page is read again", self.path, number)
        else:
            self.rows[row.document, row.page] = row

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
        self.write_line(json.dumps(asdict(row), ensure_ascii=True, sort_keys=True))
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

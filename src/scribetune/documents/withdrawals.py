"""Withdrawn documents: config/withdrawn.csv, the list of what must never be learned from again.

A document is withdrawn by its content, so it stays out under any name; and by the content of its pages' labels, so
that the same pages in a PDF that was saved anew stay out too.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from scribetune.core import csv_files, files
from scribetune.core.errors import UserError
from scribetune.documents.inputs import Document

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Withdrawal:
    """One line of config/withdrawn.csv.

    `path` and `document` are what it was called then; `bytes` is the size of the PDF, so that a build need only hash
    files of that size, None where it is not known.
    """

    sha256: str
    path: str = ""
    document: str = ""
    date: str = ""
    reason: str = ""
    label_sha256: tuple[str, ...] = ()
    bytes: int | None = None


COLUMNS = tuple(field.name for field in fields(Withdrawal))


@dataclass(frozen=True)
class Withdrawn:
    """What selection must refuse: hashes of PDFs and of labels."""

    documents: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()


def read(path: Path) -> tuple[Withdrawal, ...]:
    """Read the list; an absent file and one that holds its header alone are the same.

    Raises:
        UserError: A wrong column, or a hash or a size that is none.
    """
    if not path.exists():
        return ()
    table = csv_files.read_table(path, COLUMNS, required="sha256")
    return tuple(_withdrawal(path, number, cells) for number, cells in table)


def _withdrawal(path: Path, number: int, cells: Mapping[str, str]) -> Withdrawal:
    labels = tuple(part.strip() for part in cells["label_sha256"].split(";") if part.strip())
    for value in (cells["sha256"], *labels):
        if not _SHA256.fullmatch(value):
            raise UserError(
                f"{path}, line {number}: not a SHA-256", value=value, accepted="64 hexadecimal digits in lower case",
                todo="correct the line, or remove it and run scribetune forget",
            )  # fmt: skip
    if cells["bytes"] and not cells["bytes"].isdecimal():
        raise UserError(
            f"{path}, line {number}: not a size in bytes", value=cells["bytes"], accepted="a number, or nothing",
            todo="correct the line",
        )  # fmt: skip
    values: dict[str, Any] = {**cells, "label_sha256": labels, "bytes": int(cells["bytes"]) if cells["bytes"] else None}
    return Withdrawal(**values)


def write(path: Path, withdrawals: Iterable[Withdrawal]) -> None:
    """Write the whole list, atomically."""
    rows = (asdict(row) | {"label_sha256": ";".join(sorted(row.label_sha256))} for row in withdrawals)
    files.write_text(path, csv_files.text_of(COLUMNS, (row.values() for row in rows)))


def refused(withdrawals: Iterable[Withdrawal]) -> Withdrawn:
    """Return the hashes that selection must refuse."""
    rows = tuple(withdrawals)
    return Withdrawn(
        frozenset(row.sha256 for row in rows), frozenset(label for row in rows for label in row.label_sha256)
    )


def among(documents: Iterable[Document], withdrawals: Iterable[Withdrawal]) -> dict[str, str]:
    """Return {document id: sha256} of the documents that are withdrawn.

    Only files whose size is that of a withdrawn PDF are hashed: this runs whenever the Snakefile is read. A file that
    is yet to be made (the sample corpus) is known by its id. So is one whose line gives no size; where that line's PDF
    has another name now, selection still refuses it.
    """
    rows = tuple(withdrawals)
    by_size: dict[int | None, set[str]] = {}
    by_name: dict[str, set[str]] = {}
    for row in rows:
        by_size.setdefault(row.bytes, set()).add(row.sha256)
        by_name.setdefault(row.document, set()).add(row.sha256)
    found: dict[str, str] = {}
    for document in documents if rows else ():
        named = by_name.get(document.id, set())
        try:
            candidates = by_size.get(document.path.stat().st_size, set()) | (named & by_size.get(None, set()))
            digest = files.sha256_file(document.path) if candidates else ""
        except OSError:
            if named:
                found[document.id] = min(named)
            continue
        if digest in candidates:
            found[document.id] = digest
    return found

"""data/corrections/reviews.csv: what people decided on pages, one row per decision, the newest of a page holds.

The build reads from it which pages people have rejected. Corrected texts are files beside it, as they always were.
"""

import csv
import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter
from pathlib import Path

from scribetune.core import csv_files, files, layout, user_text
from scribetune.core.errors import UserError

NAME = "reviews.csv"
WORK = Path(layout.REVIEW)
"""Drafts, the token and the lock: what is not worth a place in git."""


class Verdict(StrEnum):
    """What a person decided on a page."""

    ACCEPT = "accept"
    CORRECT = "correct"
    REJECT = "reject"


@dataclass(frozen=True)
class Review:
    """One decision.

    `reason` is never empty where the page was rejected; `reviewed_at` is in UTC, as ISO 8601; a rejection holds for the
    PDF of `document_sha256`; `label_sha256` is the label that was judged, `corrected_sha256` the one that took its
    place ("" for none).
    """

    document: str
    page: int
    verdict: str
    reason: str
    reviewer: str
    reviewed_at: str
    queue: str
    document_sha256: str
    label_sha256: str
    corrected_sha256: str

    @property
    def page_id(self) -> str:
        """Id of the page, as in splits and predictions."""
        return f"{self.document}/p{self.page:04d}"


COLUMNS = tuple(field.name for field in fields(Review))
_CELLS = attrgetter(*COLUMNS)


def path_in(corrections: Path) -> Path:
    """Return the path of the table in the folder of corrections."""
    return corrections / NAME


def leads_outside(corrections: Path, document: str) -> Path | None:
    """Return where the folder of a document's corrections leads if it is a link to another place; None if it is not."""
    place = (corrections / document).resolve()
    return None if place == corrections.resolve() / document else place


def read(path: Path) -> tuple[Review, ...]:
    """Read the table, oldest decision first; a file that is not there has none.

    Raises:
        UserError: It is not such a table; the message names the line.
    """
    if not path.exists():
        return ()
    try:
        (_, header), *rows = csv_files.read_cells(user_text.read(path, line_ends=True)) or [(1, [])]
    except (OSError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {error}", todo="restore it with git") from error
    if tuple(header) != COLUMNS:
        raise _malformed(path, 1, header, f"the header {','.join(COLUMNS)}")
    reviews = [_review(path, line, row) for line, row in rows]
    return tuple(sorted(reviews, key=lambda review: review.reviewed_at))


def _review(path: Path, line: int, cells: list[str]) -> Review:
    if len(cells) != len(COLUMNS):
        raise _malformed(path, line, cells, f"{len(COLUMNS)} cells")
    values = dict(zip(COLUMNS, cells, strict=True))
    page = values.pop("page")
    if not (page.isascii() and page.isdigit() and int(page) > 0):
        raise _malformed(path, line, page, "a page, counted from 1")
    if values["verdict"] not in set(Verdict):
        raise _malformed(path, line, values["verdict"], f"one of {', '.join(Verdict)}")
    return Review(page=int(page), **values)


def _malformed(path: Path, line: int, value: object, accepted: str) -> UserError:
    return UserError(
        f"{path}:{line} is no decision on a page", value=value, accepted=accepted,
        todo="correct the line, or restore the file with git",
    )  # fmt: skip


def add(path: Path, review: Review) -> None:
    """Add a decision; the file is replaced as a whole, so that a crash leaves the old one or the new one.

    Call it under `locked`: what another process added in the meantime would be lost.

    Raises:
        UserError: The file there is not such a table.
    """
    files.write_text(path, csv_files.text_of(COLUMNS, map(_CELLS, (*read(path), review))))


def newest(reviews: Iterable[Review]) -> dict[str, Review]:
    """Return page id → the decision that holds."""
    return {review.page_id: review for review in reviews}


def rejected(path: Path) -> dict[str, str]:
    """Return page id → sha256 of the PDF, of pages whose newest decision is a rejection, sorted.

    Raises:
        UserError: The file there is not such a table.
    """
    holding = newest(read(path))
    return {page: row.document_sha256 for page, row in sorted(holding.items()) if row.verdict == Verdict.REJECT}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a build's reviews: between threads, and between servers on the same folder."""
    path = folder / WORK / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield  # closing the file gives the lock back, also where the process is killed

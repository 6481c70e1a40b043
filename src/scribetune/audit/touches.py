"""Which adapters, merged models and reports a document or a page went into, over all of history."""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from scribetune.audit import build_folder, history
from scribetune.audit.answers import entry_json, row_json, unreadable_json
from scribetune.audit.history import Entry, Unreadable
from scribetune.audit.lineage_reader import DocumentRow, Lineage, PageRow
from scribetune.core import files, layout
from scribetune.core.errors import UserError
from scribetune.documents.inputs import outcome

_PAGE_ID = re.compile(r"(?P<document>.+)/p(?P<page>\d{4,})")
_HASH = re.compile(r"[0-9a-f]{8,64}")


class Use(StrEnum):
    """What a build did with a document's pages; the value is what people read."""

    TRAINED = "trained on"
    VALIDATED = "validation only"
    TESTED = "test only"
    LEFT_OUT = "left out of training"


MEANING = {
    Use.TRAINED: "the adapter learned from it",
    Use.VALIDATED: "the validation loss was measured on it; no weight was changed by it",
    Use.TESTED: "both models read it and were scored on it; nothing was learned from it",
    Use.LEFT_OUT: "every page of it asked for is longer than train.max_tokens, so that none was learned from",
}


@dataclass(frozen=True)
class Touch:
    """One lineage that a document went into."""

    entry: Entry  # which version: commits, tags, working tree, and the whole lineage without its rows
    document: DocumentRow  # its row in that lineage
    pages: tuple[PageRow, ...]  # the pages asked for, sorted
    skipped: frozenset[str]  # those of them that the training left out
    # False where only the name (id or path) is the one asked for, and the file's content was another
    same_content: bool
    use: Use  # what was done with these pages

    @property
    def went_into(self) -> tuple[str, ...]:
        """Those of "adapter", "merged" and "report" that depend on it; a test document is in reports alone."""
        lineage = self.entry.lineage
        learned = self.use is Use.TRAINED
        depends = (("adapter", learned), ("merged", learned and lineage.merged), ("report", lineage.metrics))
        return tuple(name for name, holds in depends if holds)


@dataclass(frozen=True)
class Touched:
    """The answer.

    `sha256` are the contents that were searched for: of the file, and every content that its name has had. `refused` is
    "status: reason" where reports/documents.csv has the document and no lineage does, else "".
    """

    target: str
    sha256: tuple[str, ...]
    touches: tuple[Touch, ...]
    refused: str
    unreadable: tuple[Unreadable, ...]
    limits: tuple[str, ...]

    @property
    def learned_by(self) -> tuple[str, ...]:
        """SHA-256 of the weights of every adapter that learned from it, newest first, each once."""
        return tuple(dict.fromkeys(t.entry.lineage.weights_sha256 for t in self.touches if t.use is Use.TRAINED))

    def as_json(self) -> dict[str, Any]:
        """Return the answer as plain values; the command's help documents the keys."""
        return {
            "target": self.target,
            "sha256": list(self.sha256),
            "learned_by": list(self.learned_by),
            "touches": [_touch_json(touch) for touch in self.touches],
            "refused": self.refused,
            "unreadable": unreadable_json(self.unreadable),
            "limits": list(self.limits),
        }


def _touch_json(touch: Touch) -> dict[str, Any]:
    lineage = touch.entry.lineage
    return {
        "lineage": entry_json(touch.entry),
        "adapter": lineage.weights_sha256,
        "merged": dict(lineage.merged_files),
        "went_into": list(touch.went_into),
        "use": str(touch.use),
        "same_content": touch.same_content,
        "document": row_json(touch.document),
        "pages": [row_json(page) | {"learned": _learned(page, touch.skipped)} for page in touch.pages],
    }


def _learned(page: PageRow, skipped: frozenset[str]) -> bool:
    return page.split == "train" and page.id not in skipped


@dataclass
class _Search:
    """What is looked for; grows as lineages say which contents a name has had."""

    target: str  # as it was asked
    path: str  # POSIX path as asked, without "./" and without the build's own folder
    page: int | None  # page number asked for, None for all pages
    name: str  # document id asked for; "" where the target can be no id
    # contents that the target itself names (a file's), which count as "the same content"
    given: set[str] = field(default_factory=set)
    contents: set[str] = field(default_factory=set)  # those and every content that the name has had
    prefix: str = ""  # A hash or its beginning; "" where the target is none
    page_hit: bool = False

    def named(self, rows: Iterable[DocumentRow]) -> set[str]:
        """Return the ids of the documents with the id or the path that was asked for."""
        rows = list(rows)
        below = [self.path.removeprefix(f"{folder}/") for folder in (layout.RAW, layout.SAMPLES)]
        exact = {row.document for row in rows if row.document == self.name or row.path in {self.path, *below}}
        if exact or below != [self.path, self.path]:
            return exact
        # The folder of PDFs may be any other: what is below it is the end of the path, and the longest end counts.
        ends = [row for row in rows if self.path.endswith(f"/{row.path}")]
        return {max(ends, key=lambda row: len(row.path)).document} if ends else set()

    def learn(self, lineage: Lineage) -> None:
        """Note the contents that the lineage has under the name, and those that the hash means."""
        named = self.named(lineage.documents)
        found = {row.sha256 for row in lineage.documents if row.document in named}
        if self.prefix and not found:
            meant = {row.sha256 for row in lineage.documents if row.sha256.startswith(self.prefix)}
            if not meant:
                self._learn_page(lineage)
            self.given |= meant
            if len(self.given) > 1 and not self.page_hit:
                raise UserError(
                    "Several documents have a SHA-256 that begins so", value=self.prefix,
                    accepted=", ".join(sorted(self.given)), todo="give more digits",
                )  # fmt: skip
        self.contents |= found | self.given

    def _learn_page(self, lineage: Lineage) -> None:
        """The hash may be that of a page image or of a label."""
        for page in lineage.pages:
            if page.image_sha256.startswith(self.prefix) or page.label_sha256.startswith(self.prefix):
                self.page, self.page_hit = page.page, True
                self.given |= {row.sha256 for row in lineage.documents if row.document == page.document}

    def touches(self, entry: Entry) -> Iterator[Touch]:
        """Yield what a lineage did with what is looked for."""
        lineage = entry.lineage
        named = self.named(lineage.documents)
        rows = {row.document: row for row in lineage.documents if row.sha256 in self.contents or row.document in named}
        if not rows:
            return
        pages: dict[str, list[PageRow]] = {}
        for page in lineage.pages:
            if page.document in rows and self.page in (None, page.page):
                pages.setdefault(page.document, []).append(page)
        skipped = lineage.skipped_pages
        slim = entry.without_rows()
        for document, found in pages.items():
            # Asked by name, every content that name has had is meant; asked by file or hash, that content alone.
            same = rows[document].sha256 in (self.given or self.contents)
            yield Touch(slim, rows[document], tuple(found), skipped & {page.id for page in found}, same,
                        _use(rows[document], found, skipped))  # fmt: skip


def _use(row: DocumentRow, pages: Iterable[PageRow], skipped: frozenset[str]) -> Use:
    if row.split == "train":
        return Use.TRAINED if any(page.id not in skipped for page in pages) else Use.LEFT_OUT
    return Use.VALIDATED if row.split == "validation" else Use.TESTED


def touched_by(folder: Path, target: str, revision: str | None = None) -> Touched:
    """Find everything that a document or page went into.

    Args:
        folder: The build's folder.
        target: A PDF on disk, a path as in reports/documents.csv, a document id, a page id (`<document>/p0001`), or
            the SHA-256 (eight digits or more) of a PDF, a page image or a label.
        revision: Ask this git revision alone; None asks the working tree and all of history.

    Raises:
        UserError: Nothing is known under that name, or an abbreviated hash means several documents.
    """
    search = _search(folder, target)
    table = _documents_table(folder)
    # A duplicate that the build set aside is in no lineage, and its content went in under the name of the one kept.
    search.contents |= {row["sha256"] for row in _rows_named(search, table) if row.get("sha256")}
    missing: list[Unreadable] = []
    known: set[str] = set()
    touches: list[Touch] = []
    while True:  # again where an older lineage taught a content that a newer one has under another name
        touches.clear()
        missing.clear()
        asked_with: set[str] = set()
        taught_late = False
        for found in [history.at(folder, revision)] if revision else history.walk(folder):
            if isinstance(found, Unreadable):
                missing.append(found)
                continue
            known.update(name for row in found.lineage.documents for name in (row.document, row.path))
            before = set(search.contents)
            search.learn(found.lineage)
            taught_late = taught_late or bool(asked_with and search.contents - before)
            asked_with.add(found.md5)
            touches.extend(search.touches(found))
        if not taught_late:
            break
    limits = () if revision else history.limits(folder)
    refused = "" if touches else _refused(search, table)
    if not touches and not refused and not search.given:
        raise _unknown(target, known, missing, limits, revision)
    return Touched(target, tuple(sorted(search.contents)), tuple(touches), refused, tuple(missing), limits)


def _search(folder: Path, target: str) -> _Search:
    on_disk = next((path for path in (Path(target), folder / target) if target and path.is_file()), None)
    if on_disk is not None:
        try:
            content = files.sha256_file(on_disk)
        except OSError as error:
            raise UserError(
                f"The file cannot be read ({error.strerror})", value=target, accepted="a readable PDF",
                todo="correct its permissions (ls -l), or give its document id",
            ) from error  # fmt: skip
        # Another PDF of the same name elsewhere on the disk is another document.
        resolved, top = on_disk.resolve(), folder.resolve()
        path = resolved.relative_to(top).as_posix() if resolved.is_relative_to(top) else ""
        return _Search(target, path, None, "", {content}, {content})
    path = target.removeprefix("./")
    page = _PAGE_ID.fullmatch(target)
    if page:
        return _Search(target, "", int(page["page"]), page["document"])
    prefix = target.lower() if _HASH.fullmatch(target.lower()) else ""
    return _Search(target, path, None, target, prefix=prefix)


def _documents_table(folder: Path) -> list[dict[str, str]]:
    """Return the rows of reports/documents.csv, the last build's word on every input; [] where there is none."""
    table = folder / layout.REPORTS / "documents.csv"
    return build_folder.rows(table) if table.is_file() else []


def _rows_named(search: _Search, table: list[dict[str, str]]) -> list[dict[str, str]]:
    named = search.named(DocumentRow(row.get("document", ""), row.get("path", ""), "", "") for row in table)
    return [row for row in table if row.get("document", "") in named]


def _refused(search: _Search, table: list[dict[str, str]]) -> str:
    """Return "status: message" of a document that the last build knew and used nothing of; "" where it knew none."""
    by_content = [row for row in table if row.get("sha256", "") in search.contents]
    for row in [*_rows_named(search, table), *by_content]:
        became = outcome({"status": "", **row})
        if became != "ok":
            return f"{became}: {row.get('message') or row.get('reasons') or 'no page of it was accepted'}"
        if search.page is None:
            return "ok: accepted, and in no lineage yet"
    return ""


def _unknown(
    target: str, known: set[str], missing: list[Unreadable], limits: tuple[str, ...], revision: str | None
) -> UserError:
    name = target.rpartition("/p")[0] if _PAGE_ID.fullmatch(target) and target not in known else target
    close = difflib.get_close_matches(
        Path(name).name if name.endswith(".pdf") else name, sorted(known), n=3, cutoff=0.5
    )
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    if name in known:
        hint = f"the document {name} is known, this page of it is in no split; "
    unread = f"; {len(missing)} lineages could not be read (scribetune log says which)" if missing else ""
    place = f"the lineage at {revision} (without --rev, all of history is asked)" if revision else "any of the lineages"
    return UserError(
        f"No document or page of this name or hash is in {place}{unread}",
        value=target,
        accepted="a PDF on disk, a path as in reports/documents.csv, a document id, a page id (DOCUMENT/p0001) or a "
        "SHA-256",
        todo=f"{hint}reports/documents.csv lists the documents" + "".join(f". {limit}" for limit in limits),
    )

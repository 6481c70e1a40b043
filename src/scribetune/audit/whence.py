"""What made an adapter, a merged model, a report or a prediction."""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from scribetune.audit import dvc, history, lineage_reader
from scribetune.audit.answers import (
    SHORT,
    entry_json,
    headline,
    label_sources,
    reviewers,
    row_json,
    split_counts,
    unreadable_json,
)
from scribetune.audit.history import Entry, Unreadable
from scribetune.audit.lineage_reader import Lineage, PageRow
from scribetune.core import files, layout
from scribetune.core.errors import UserError
from scribetune.record import remembered

_HASH = re.compile(r"[0-9a-f]{8,64}")
_PAGE_ID = re.compile(r"(?P<document>.+)/p\d{4,}")
ACCEPTED = (
    "models/adapter, models/merged, a file of reports/, a page id (DOCUMENT/p0001), an adapter's folder or file "
    "elsewhere, or the SHA-256 of an adapter's, merged model's or report's file"
)


class Match(StrEnum):
    """Whether a file on disk is the one that the lineage speaks of."""

    MATCHES = "matches"
    DIFFERS = "differs"
    MISSING = "missing"
    NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class OnDisk:
    """One file compared with the record; `recorded` and `found` are digests, "" where there is none."""

    path: str
    match: Match
    recorded: str
    found: str


@dataclass(frozen=True)
class Answer:
    """What made something.

    `subject` is the target in words. `on_disk` is empty where nothing on disk was asked about (--rev, a hash, a page);
    `unreadable` are lineages that a search by hash could not look into.
    """

    target: str
    subject: str
    entry: Entry
    on_disk: tuple[OnDisk, ...] = ()
    page: PageRow | None = None
    notes: tuple[str, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the answer as plain values; the command's help documents the keys."""
        lineage = self.entry.lineage
        return {
            "target": self.target,
            "subject": self.subject,
            "lineage": entry_json(self.entry),
            "adapter": dict(lineage.adapter),
            "headline": headline(lineage),
            "metrics": dict(lineage.metrics),
            "splits": {name: row_json(count) for name, count in split_counts(lineage).items()},
            "label_sources": label_sources(lineage),
            "reviewers": reviewers(lineage),
            "on_disk": [row_json(check) | {"match": str(check.match)} for check in self.on_disk],
            "page": row_json(self.page) if self.page else None,
            "notes": list(self.notes),
            "base_model": row_json(lineage.base_model),
            **{name: dict(getattr(lineage, name)) for name in ("configuration", "generation", "code")},
            "environment": row_json(lineage.environment),
            **{name: dict(getattr(lineage, name)) for name in ("hardware", "training")},
            "merged": dict(lineage.merged_files),
            **{name: dict(getattr(lineage, name)) for name in ("outputs", "benchmarks")},
            "scribetune": lineage.scribetune,
            "documents": [row_json(row) for row in lineage.documents],
            "pages": [row_json(row) for row in lineage.pages],
            "unreadable": unreadable_json(self.unreadable),
        }


def whence(folder: Path, target: str, revision: str | None = None) -> Answer:
    """Find what made the target.

    `target` is one of `ACCEPTED`. Without a revision the working tree is asked, and files on disk are compared with the
    record.

    Raises:
        UserError: The target is unknown, or there is no lineage.
    """
    if target.lower().endswith(".pdf"):
        raise UserError(
            "A PDF is what a build starts from: nothing here made it", value=target, accepted=ACCEPTED,
            todo=f"to see what was made from it: scribetune touched-by {target}",
        )  # fmt: skip
    path = _inside(folder, target)
    if path == layout.ADAPTER or path.startswith(f"{layout.ADAPTER}/"):
        return _adapter(folder, target, revision)
    if path == layout.MERGED or path.startswith(f"{layout.MERGED}/"):
        entry = history.find(folder, revision)
        if not entry.lineage.merged_files:
            raise UserError(
                "No merged model is recorded with this lineage", value=entry.lineage.origin,
                accepted="a finished build, whose reports/lineage.json names its merged model",
                todo=f"finish it: {remembered.command(folder)}",
            )  # fmt: skip
        checks = () if revision else _compare(folder / layout.MERGED, entry.lineage.merged_files)
        return Answer(target, f"merged model made from the adapter {_short(entry.lineage)}", entry, checks)
    if path == layout.REPORTS or path.startswith((f"{layout.REPORTS}/", f"{layout.SPLITS}/")):
        return _report(folder, target, path, revision)
    elsewhere = next((place for place in (Path(target), folder / target) if target and place.exists()), None)
    if elsewhere is not None:
        return _elsewhere(folder, target, elsewhere, revision)
    if _HASH.fullmatch(target.lower()):
        return _by_hash(folder, target, target.lower(), revision)
    if _PAGE_ID.fullmatch(target):
        return _page(folder, target, revision)
    raise _unknown(target, history.find(folder, revision).lineage)


def _inside(folder: Path, target: str) -> str:
    """Return the target as a POSIX path relative to the build's folder where it lies there; else as it was given."""
    path = Path(target)
    top = folder.resolve()
    for place in (path, folder / path):
        resolved = place.resolve()
        if place.exists() and resolved.is_relative_to(top):
            return resolved.relative_to(top).as_posix()
    return path.as_posix()


def _adapter(folder: Path, target: str, revision: str | None) -> Answer:
    entry = history.find(folder, revision)
    notes: tuple[str, ...] = ()
    if revision is None and entry.path == history.BUILD and (folder / history.ADAPTER).is_file():
        own = lineage_reader.read(folder / history.ADAPTER)
        if own.adapter != entry.lineage.adapter:
            notes = (
                f"{history.BUILD} speaks of another adapter ({_short(entry.lineage)}): the report is of an earlier "
                "training, and this answer has no scores. To bring it up to date: "
                f"{remembered.command(folder)}",
            )
            entry = history.working_tree(folder, history.ADAPTER)
    checks = () if revision else _compare(folder / layout.ADAPTER, entry.lineage.adapter)
    return Answer(target, f"adapter {_short(entry.lineage)}", entry, checks, notes=notes)


def _report(folder: Path, target: str, path: str, revision: str | None) -> Answer:
    entry = history.find(folder, revision)
    lineage = entry.lineage
    if entry.path != history.BUILD:
        raise UserError(
            "No report is recorded: there is only the adapter's own lineage", value=lineage.origin,
            accepted="a finished build", todo=f"finish it: {remembered.command(folder)}",
        )  # fmt: skip
    recorded = path in lineage.outputs
    if not recorded and not (folder / path).exists() and path not in _REPORT_FILES:
        raise _unknown(target, lineage)
    model = "base model" if "/base" in path else f"adapter {_short(lineage)}"
    kind = "predictions of the " if path.startswith(layout.PREDICTIONS) else "report on the "
    if path.startswith(f"{layout.BENCHMARK_REPORTS}/"):
        name = Path(path).parts[2] if len(Path(path).parts) > 2 else ""
        is_read = Path(path).name in ("base.jsonl", "tuned.jsonl")
        kind = f"predictions on the benchmark {name} of the " if is_read else f"scores on the benchmark {name} of the "
    if path.startswith(layout.SPLITS):
        kind, model = "test pages of the ", f"build of the adapter {_short(lineage)}"
    if revision:
        return Answer(target, kind + model, entry)
    if recorded:
        return Answer(target, kind + model, entry, _compare(folder, {path: lineage.outputs[path]}))
    if path in (history.BUILD, layout.REPORTS):
        return Answer(target, kind + model, entry, _compare(folder, lineage.outputs))
    return Answer(target, kind + model, entry, (_against_lock(folder, path),))


_REPORT_FILES = (
    layout.REPORTS,
    f"{layout.REPORTS}/index.html",
    f"{layout.REPORTS}/samples.csv",
    history.BUILD,
)


def _against_lock(folder: Path, path: str) -> OnDisk:
    """Compare a file that no lineage hashes with DVC's record of it (MD5)."""
    recorded = dvc.locked_md5(folder, path)
    if (folder / path).is_file() and not recorded:
        return OnDisk(path, Match.NOT_RECORDED, "", dvc.md5_of_file(folder / path))
    return _checked(folder, path, recorded, dvc.md5_of_file)


def _elsewhere(folder: Path, target: str, place: Path, revision: str | None) -> Answer:
    """An adapter, or a file of one, that was copied out of the build."""
    if revision is None and (place / lineage_reader.FILE_NAME).is_file():
        lineage = lineage_reader.read(place)
        entry, _ = _first(folder, lambda other: other.adapter == lineage.adapter)
        notes: tuple[str, ...] = ()
        if entry is None:
            notes = ("The build's folder and its history do not know this adapter: its own lineage.json speaks.",)
            entry = Entry(str(place / lineage_reader.FILE_NAME), "", (), (), in_working_tree=False, lineage=lineage)
        subject = f"adapter {_short(lineage)}"
        return Answer(target, subject, entry, _compare(place, lineage.adapter), notes=notes)
    if place.is_dir():
        place = place / lineage_reader.WEIGHTS
        if not place.is_file():
            raise UserError("Not an adapter's folder", value=target, accepted=ACCEPTED, todo="correct the path")
    digest = files.sha256_file(place)
    answer = _by_hash(folder, target, digest, revision)
    return replace(answer, on_disk=(OnDisk(str(place), Match.MATCHES, digest, digest),))


def _by_hash(folder: Path, target: str, digest: str, revision: str | None) -> Answer:
    names: list[str] = []

    def has(lineage: Lineage) -> bool:
        names[:] = [name for name, recorded in _recorded(lineage) if recorded.startswith(digest)]
        return bool(names)

    if revision:
        asked = history.at(folder, revision)
        entry, missing = asked if has(asked.lineage) else None, list[Unreadable]()
    else:
        entry, missing = _first(folder, has)
    if entry is None:
        unread = f"; {len(missing)} lineages could not be read (scribetune log says which)" if missing else ""
        raise UserError(
            f"No lineage has a file of this SHA-256{unread}", value=digest, accepted=ACCEPTED,
            todo="scribetune log lists the adapters; scribetune touched-by takes the SHA-256 of a PDF",
        )  # fmt: skip
    subject = f"{names[0]}, of the build of the adapter {_short(entry.lineage)}"
    return Answer(target, subject, entry, unreadable=tuple(missing))


def _recorded(lineage: Lineage) -> Iterator[tuple[str, str]]:
    """Yield (path, SHA-256) of every file that the lineage says was made."""
    for folder, hashes in ((f"{layout.ADAPTER}/", lineage.adapter), (f"{layout.MERGED}/", lineage.merged_files)):
        yield from ((folder + name, digest) for name, digest in hashes.items())
    yield from lineage.outputs.items()


def _first(folder: Path, wanted: Callable[[Lineage], bool]) -> tuple[Entry | None, list[Unreadable]]:
    """Return the newest entry whose lineage is wanted, and what could not be read on the way to it."""
    missing: list[Unreadable] = []
    for found in history.walk(folder):
        if isinstance(found, Unreadable):
            missing.append(found)
        elif wanted(found.lineage):
            return found, missing
    return None, missing


def _page(folder: Path, target: str, revision: str | None) -> Answer:
    entry = history.find(folder, revision)
    lineage = entry.lineage
    row = next((page for page in lineage.pages if page.id == target), None)
    if row is None:
        raise _unknown(target, lineage)
    name = _short(lineage)
    if row.split == "test":
        subject = f"test page of the adapter {name}; nothing is recorded as predicted yet"
        if lineage.metrics:
            read = f"tuned.jsonl has what the adapter {name} read on it, base.jsonl the base"
            subject = f"test page; reports/predictions/{read}"
    elif row.id in lineage.skipped_pages:
        subject = f"{row.split} page, left out by the training of the adapter {name}: longer than train.max_tokens"
    elif row.split == "train":
        subject = f"train page: the adapter {name} learned from it, and no prediction of it is recorded"
    else:
        subject = f"validation page: the loss of the adapter {name} was measured on it, and no prediction is recorded"
    return Answer(target, subject, entry, page=row)


def _compare(folder: Path, recorded: Mapping[str, str]) -> tuple[OnDisk, ...]:
    """Hash files below `folder` and compare them with the record."""
    return tuple(_checked(folder, name, digest, files.sha256_file) for name, digest in sorted(recorded.items()))


def _checked(folder: Path, name: str, recorded: str, digest_of: Callable[[Path], str]) -> OnDisk:
    if not (folder / name).is_file():
        return OnDisk(name, Match.MISSING, recorded, "")
    found = digest_of(folder / name)
    return OnDisk(name, Match.MATCHES if found == recorded else Match.DIFFERS, recorded, found)


def _short(lineage: Lineage) -> str:
    return lineage.weights_sha256[:SHORT] or "without weights"


def _unknown(target: str, lineage: Lineage) -> UserError:
    known = [layout.ADAPTER, layout.MERGED, *_REPORT_FILES, *lineage.outputs]
    if _PAGE_ID.fullmatch(target):
        known = [page.id for page in lineage.pages]
    close = difflib.get_close_matches(target, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    if any(row.document == target for row in lineage.documents):
        hint = f"for a document, ask: scribetune touched-by {target}. "
    return UserError(
        f"Nothing of this name is in {lineage.origin}", value=target, accepted=ACCEPTED,
        todo=f"{hint}A document's pages: scribetune touched-by DOCUMENT",
    )  # fmt: skip

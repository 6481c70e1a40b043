"""Withdrawing a document: keep it out from now on, and say what it touched.

`find` names what is meant, `record` writes config/withdrawn.csv, `touched` asks all of history; `audit.purge` removes
local copies.
"""

import datetime
import difflib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from scribetune.audit import build_folder, history
from scribetune.audit.expected_hashes import DOCUMENT_RECORD
from scribetune.core import files, layout
from scribetune.core.errors import UserError
from scribetune.core.package import REPOSITORY
from scribetune.documents import withdrawals
from scribetune.documents.inputs import document_id, is_document, is_image
from scribetune.documents.withdrawals import Withdrawal
from scribetune.record import remembered

_SHA256 = re.compile(r"[0-9a-f]{64}")
EMPTY_LABEL = files.sha256_bytes(b"")


@dataclass(frozen=True, order=True)
class Named:
    """One name under which a withdrawn content is known.

    `path` is below the folder of input PDFs; `bytes` is None where only history knows the content; `file` is where it
    lies on this disk, None where it does not.
    """

    sha256: str
    path: str
    document: str
    bytes: int | None = None
    file: Path | None = None


@dataclass(frozen=True)
class Touched:
    """One version of an adapter (and what was made with it) that the document went into.

    `where` names it: tags, commit or "working tree". `splits` has the number of the document's pages by split;
    `learned_from` is False where they were only measured on.
    """

    where: str
    commits: tuple[str, ...]
    in_working_tree: bool
    weights_sha256: str
    splits: Mapping[str, int]
    learned_from: bool


@dataclass(frozen=True)
class Reach:
    """What a document touched over all history, and what of history could not be read."""

    touched: tuple[Touched, ...]
    unreadable: tuple[str, ...]


@dataclass(frozen=True)
class Recorded:
    """What `record` did."""

    added: tuple[Withdrawal, ...]  # lines written to config/withdrawn.csv
    known: tuple[Withdrawal, ...]  # lines that were there already
    elsewhere: tuple[str, ...]  # pages of other documents that have one of the labels, and are refused from now on too

    @property
    def labels(self) -> frozenset[str]:
        """Hashes of all labels of the withdrawn document."""
        return withdrawals.refused((*self.added, *self.known)).labels


def find(folder: Path, target: str, raw: Path | None = None) -> tuple[Named, ...]:
    """Find every name of the content that is meant (at least one), sorted.

    Where the file of that name was changed since the last build, both contents are meant: the one that was built with
    and the one that is there.

    `target` is the path of a PDF or an image on disk, a path as in reports/documents.csv, a document id, or a SHA-256.

    Raises:
        UserError: Nothing is known by that name.
    """
    roots = [raw] if raw is not None else build_folder.raw_folders(folder)
    known = _known(folder)
    # Only a PDF, or an image among the inputs: a document's id may happen to be the name of any file here.
    places = (Path(target), folder / target) if is_document(target) else ()
    on_disk = next((path for path in places if path.is_file() and (not is_image(target) or _below(path, roots))), None)
    if on_disk is not None:
        relative = _below(on_disk, roots)
        file = _of_file(on_disk, relative)
        if not relative and any(row.path == target and row.sha256 != file.sha256 for row in known):
            raise UserError(
                f"The name means two documents: {on_disk}, and another that the build knows by it", value=target,
                accepted="a name that means one document", todo="give its document id or its SHA-256, or a longer path",
            )  # fmt: skip
        found = {file, *(row for row in known if relative and row.path == relative)}
    else:
        found = {row for row in known if target in (row.sha256, row.path, row.document)}
        if not found:
            known |= _once_known(folder)
            found = {row for row in known if target in (row.sha256, row.path, row.document)}
        if not found and _SHA256.fullmatch(target):
            found = {Named(target, "", "")}  # a document that this build never saw can be kept out in advance
        if target not in {row.sha256 for row in found}:
            there = {row.path: _located(row.path, roots) for row in found if row.path}
            found |= {_of_file(file, path) for path, file in there.items() if file is not None}
    if not found:
        names = sorted({name for row in known for name in (row.document, row.path)})
        close = difflib.get_close_matches(target, names, n=3)
        raise UserError(
            "No such document", value=target,
            accepted="a PDF or an image on disk, a path or a document id as in reports/documents.csv, or a SHA-256",
            todo=f"did you mean {' or '.join(map(repr, close))}?" if close else "look it up in reports/documents.csv",
        )  # fmt: skip
    hashes = {row.sha256 for row in found}
    found |= {row for row in known if row.sha256 in hashes}
    named: dict[tuple[str, str], Named] = {}
    for row in sorted(found, key=lambda row: (row.bytes is None, row.sha256, row.path)):
        place = _located(row.path, roots)
        same = place is not None and files.sha256_file(place) == row.sha256
        named.setdefault((row.sha256, row.path), replace(row, file=place if same else None))
    # A bare copy elsewhere, or a bare hash, says nothing that a name of the same content does not say better.
    better = {row.sha256 for row in named.values() if row.document}
    return tuple(named[key] for key in sorted(named) if named[key].document or named[key].sha256 not in better)


def _located(path: str, roots: Iterable[Path]) -> Path | None:
    return next((root / path for root in roots if path and (root / path).is_file()), None)


def _below(path: Path, roots: Iterable[Path]) -> str:
    """Return a file's path below the folder of input PDFs; "" where it is not there."""
    resolved = path.resolve()
    for root in roots:
        if resolved.is_relative_to(root.resolve()):
            return resolved.relative_to(root.resolve()).as_posix()
    return ""


def _of_file(file: Path, relative: str) -> Named:
    name = document_id(relative) if relative else ""
    return Named(files.sha256_file(file), relative, name, file.stat().st_size)


def _known(folder: Path) -> set[Named]:
    """Return what the last build and config/withdrawn.csv know."""
    known = {
        Named(row.sha256, row.path, row.document, row.bytes) for row in withdrawals.read(folder / layout.WITHDRAWN)
    }
    for cells in _rows(folder, "documents"):
        size = int(cells["bytes"]) if cells.get("bytes") else None
        known.add(Named(cells["sha256"], cells["path"], cells["document"], size))
    return known


def _once_known(folder: Path) -> set[Named]:
    """Return what older builds knew: documents deleted since."""
    found = set()
    for entry in history.walk(folder):
        if isinstance(entry, history.Entry):
            found |= {Named(row.sha256, row.path, row.document) for row in entry.lineage.documents}
    return found


def record(
    folder: Path, named: Iterable[Named], reason: str, day: datetime.date, labels: Iterable[str] = ()
) -> Recorded:
    """Add a content's names to config/withdrawn.csv; those already there stay as they are, and gain labels.

    Raises:
        UserError: The list is damaged.
    """
    path = folder / layout.WITHDRAWN
    before = withdrawals.read(path)
    wanted = tuple(named)
    hashes = {row.sha256 for row in wanted}
    refused = tuple(sorted(set(labels) - {EMPTY_LABEL}))
    there = {(row.sha256, row.path) for row in before}
    added = tuple(
        Withdrawal(row.sha256, row.path, row.document, day.isoformat(), reason, refused, row.bytes)
        for row in wanted
        if (row.sha256, row.path) not in there
    )
    kept = tuple(
        replace(row, label_sha256=tuple(sorted({*row.label_sha256, *refused}))) if row.sha256 in hashes else row
        for row in before
    )
    if added or kept != before:
        withdrawals.write(path, (*kept, *added))
    known = tuple(row for row in kept if row.sha256 in hashes)
    return Recorded(added, known, _elsewhere(folder, wanted, set(refused)))


def labels_here(folder: Path, named: Iterable[Named]) -> frozenset[str]:
    """Return the hashes of a document's labels in this folder.

    Where people corrected a label, the machine's counts too: the same PDF saved anew under another name would get it.
    """
    own: set[str] = set()
    names = {row.document for row in built_from(folder, named)}
    own |= {cells["label_sha256"] for cells in _rows(folder, "labels") if cells["document"] in names}
    for name in names:
        try:
            machine = json.loads((folder / layout.LABELS / name / DOCUMENT_RECORD).read_bytes())["pages"]
            own |= {str(page["label_sha256"]) for page in machine}
        except (OSError, ValueError, KeyError, TypeError):
            continue  # never labelled, or removed already
    return frozenset(own - {"", EMPTY_LABEL})


def _contents(folder: Path) -> dict[str, str]:
    """Return {document id: SHA-256 of the PDF} as the last build read it."""
    return {cells["document"]: cells["sha256"] for cells in _rows(folder, "documents")}


def built_from(folder: Path, named: Iterable[Named]) -> tuple[Named, ...]:
    """Return those names whose pages and labels in this folder are of the content meant, not of a later one."""
    contents = _contents(folder)

    def built(name: str) -> str | None:
        if name in contents:
            return contents[name]
        try:  # deleted since: what lies there says itself what it was made from
            record = json.loads((folder / layout.PAGES / name / DOCUMENT_RECORD).read_bytes())
            return str(record["document"]["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    return tuple(row for row in named if row.document and built(row.document) in (row.sha256, None))


def _elsewhere(folder: Path, named: Iterable[Named], labels: set[str]) -> tuple[str, ...]:
    """Return ids of pages of other documents that have one of these labels."""
    hashes = {row.sha256 for row in named}
    its = {name for name, sha256 in _contents(folder).items() if sha256 in hashes}
    return tuple(
        sorted(
            f"{cells['document']}/{layout.page_name(int(cells['page']))}"
            for cells in _rows(folder, "labels")
            if cells["label_sha256"] in labels and cells["document"] not in its
        )
    )


def _rows(folder: Path, stage: str) -> list[dict[str, str]]:
    """Return the rows of a stage's manifests."""
    found: list[dict[str, str]] = []
    for path in build_folder.current_manifests(folder, stage):
        try:
            found += build_folder.rows(path)
        except (OSError, ValueError) as error:
            raise UserError(
                f"A manifest cannot be read ({error})", value=str(path), accepted="a manifest that the build wrote",
                todo=f"remove it and build again ({remembered.command(folder, 'labels')}), then repeat this",
            ) from error  # fmt: skip
    return found


def touched(folder: Path, hashes: Iterable[str], labels: Iterable[str] = ()) -> tuple[Reach, frozenset[str]]:
    """Return what the content went into over all history, and the hashes of its pages' labels there.

    The same page in another PDF counts too: one of `labels`, the hashes of its labels.
    """
    wanted, seen_labels = set(hashes), set(labels)
    found, unreadable = [], []
    known_labels: set[str] = set()
    for entry in history.walk(folder):
        if isinstance(entry, history.Unreadable):
            unreadable.append(f"{entry.what}: {entry.reason}. To include it: {entry.todo}")
            continue
        lineage = entry.lineage
        names = {row.document for row in lineage.documents if row.sha256 in wanted}
        own = [page for page in lineage.pages if page.document in names]
        known_labels |= {page.label_sha256 for page in own}
        pages = own + [p for p in lineage.pages if p.document not in names and p.label_sha256 in seen_labels]
        if not pages:
            continue
        found.append(
            Touched(
                where=entry.where,
                commits=tuple(commit.hash for commit in entry.commits),
                in_working_tree=entry.in_working_tree,
                weights_sha256=lineage.weights_sha256,
                splits=dict(Counter(page.split for page in pages)),
                # Validation pages may choose which step's adapter is kept; only train pages are learned.
                learned_from=any(page.split == "train" and page.id not in lineage.skipped_pages for page in pages),
            )
        )
    unreadable += history.limits(folder)
    return Reach(tuple(found), tuple(unreadable)), frozenset(known_labels - {EMPTY_LABEL})


def build_without(folder: Path, configfiles: Iterable[Path], cores: int) -> None:
    """Run the build, which leaves withdrawn documents out; Snakemake's output goes to standard error.

    Raises:
        UserError: The build failed; the withdrawal stands.
    """
    done = build_folder.run_snakemake(REPOSITORY, folder, configfiles, cores)
    if done.returncode != 0:
        raise UserError(
            "The build without the document failed; the document is withdrawn all the same",
            value=f"snakemake ended with status {done.returncode}", accepted="a build that runs to its end",
            todo=f"mend what it names above, then {remembered.command(folder)}",
        )  # fmt: skip


def as_json(named: Iterable[Named], recorded: Recorded, reach: Reach) -> dict[str, Any]:
    """Return plain values: documents, already_withdrawn, labels, refused_elsewhere, touched, unreadable."""
    return {
        "documents": [asdict(row) | {"file": row.file and str(row.file)} for row in named],
        "already_withdrawn": not recorded.added,
        "labels": len(recorded.labels),
        "refused_elsewhere": list(recorded.elsewhere),
        "touched": [asdict(item) for item in reach.touched],
        "unreadable": list(reach.unreadable),
    }

"""Withdrawing a document: keep it out from now on, say what it touched, remove what is kept of it here.

`find` names what is meant, `record` writes config/withdrawn.csv, `touched` asks all of history, `plan_purge` and
`purge` remove local copies, and `remains` says what no command here can take back.
"""

import configparser
import csv
import datetime
import difflib
import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scribetune import files, layout, withdrawals
from scribetune.audit import cache, history, verify
from scribetune.documents import document_id
from scribetune.errors import UserError
from scribetune.package import REPOSITORY
from scribetune.withdrawals import Withdrawal

_SHA256 = re.compile(r"[0-9a-f]{64}")
_EMPTY = hashlib.sha256(b"").hexdigest()
_DEFAULT_CORRECTIONS = "data/corrections"
_DOCUMENT_RECORD = "document.json"
_PAGE_FILE = re.compile(r"p\d{4,}\.(?:png|md)")


@dataclass(frozen=True, order=True)
class Named:
    """One name under which a withdrawn content is known.

    Attributes:
        sha256: Of the PDF.
        path: Below the folder of input PDFs.
        document: Its id.
        bytes: Its size; None where only history knows it.
        file: Where it lies on this disk; None where it does not.
    """

    sha256: str
    path: str
    document: str
    bytes: int | None = None
    file: Path | None = None


@dataclass(frozen=True)
class Touched:
    """One version of an adapter (and what was made with it) that the document went into.

    Attributes:
        where: Tags, commit or "working tree".
        commits: Hashes of the commits that record it, newest first.
        in_working_tree: Whether it is the one that lies here.
        weights_sha256: Of the adapter's weights.
        splits: Split → number of the document's pages in it.
        learned_from: Whether any of its pages was trained on; else it was only measured on.
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
    """What `record` did.

    Attributes:
        added: Lines written to config/withdrawn.csv.
        known: Lines that were there already.
        elsewhere: Pages of other documents that have one of the labels, and are refused from now on too.
    """

    added: tuple[Withdrawal, ...]
    known: tuple[Withdrawal, ...]
    elsewhere: tuple[str, ...]

    @property
    def labels(self) -> frozenset[str]:
        """Hashes of all labels of the withdrawn document."""
        return withdrawals.refused((*self.added, *self.known)).labels


@dataclass(frozen=True)
class Purge:
    """What is kept of a document on this machine: files and folders, and objects in DVC's cache that are only its."""

    paths: tuple[Path, ...]
    objects: tuple[Path, ...]


def find(folder: Path, target: str, raw: Path | None = None) -> tuple[Named, ...]:
    """Find every name of the content that is meant.

    Where the file of that name was changed since the last build, both contents are meant: the one that was built with
    and the one that is there.

    Args:
        folder: Working directory of the build.
        target: Path of a PDF on disk, path as in reports/documents.csv, document id, or SHA-256.
        raw: Folder of the input PDFs; by default as `verify.raw_folders` finds it.

    Returns:
        Names with these contents, sorted; at least one.

    Raises:
        UserError: Nothing is known by that name.
    """
    roots = [raw] if raw is not None else verify.raw_folders(folder)
    known = _known(folder)
    # Only a PDF: a document's id may happen to be the name of any file here.
    places = (Path(target), folder / target) if target.lower().endswith(".pdf") else ()
    on_disk = next((path for path in places if path.is_file()), None)
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
            accepted="a PDF on disk, a path or a document id as in reports/documents.csv, or a SHA-256",
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
    for manifest in verify.current_manifests(folder, "documents"):
        for cells in _rows(manifest):
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

    Args:
        folder: Working directory of the build.
        named: From `find`.
        reason: Why, in words.
        day: Today.
        labels: Hashes of its pages' labels: `labels_here`, and those that history knows (`touched`).

    Raises:
        UserError: The list is damaged.
    """
    path = folder / layout.WITHDRAWN
    before = withdrawals.read(path)
    wanted = tuple(named)
    hashes = {row.sha256 for row in wanted}
    refused = tuple(sorted(set(labels) - {_EMPTY}))
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
    names = {row.document for row in _here(folder, named)}
    for manifest in verify.current_manifests(folder, "labels"):
        own |= {cells["label_sha256"] for cells in _rows(manifest) if cells["document"] in names}
    for name in names:
        try:
            machine = json.loads((folder / layout.LABELS / name / _DOCUMENT_RECORD).read_bytes())["pages"]
            own |= {str(page["label_sha256"]) for page in machine}
        except (OSError, ValueError, KeyError, TypeError):
            continue  # never labelled, or removed already
    return frozenset(own - {"", _EMPTY})


def _contents(folder: Path) -> dict[str, str]:
    """Return {document id: SHA-256 of the PDF} as the last build read it."""
    return {
        cells["document"]: cells["sha256"]
        for manifest in verify.current_manifests(folder, "documents")
        for cells in _rows(manifest)
    }


def _here(folder: Path, named: Iterable[Named]) -> tuple[Named, ...]:
    """Return those names whose pages and labels in this folder are of the content meant, not of a later one."""
    contents = _contents(folder)

    def built(name: str) -> str | None:
        if name in contents:
            return contents[name]
        try:  # deleted since: what lies there says itself what it was made from
            record = json.loads((folder / layout.PAGES / name / _DOCUMENT_RECORD).read_bytes())
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
            for manifest in verify.current_manifests(folder, "labels")
            for cells in _rows(manifest)
            if cells["label_sha256"] in labels and cells["document"] not in its
        )
    )


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(
            f"A manifest cannot be read ({error})", value=str(path), accepted="a manifest that the build wrote",
            todo="remove it and build again (snakemake labels --cores 1), then repeat this",
        ) from error  # fmt: skip


def touched(folder: Path, hashes: Iterable[str], labels: Iterable[str] = ()) -> tuple[Reach, frozenset[str]]:
    """Return what the content went into over all history, and the hashes of its pages' labels there.

    Args:
        folder: Working directory of the build.
        hashes: SHA-256 of the PDF (several where its name stood for several).
        labels: Hashes of its labels: the same page in another PDF counts too.
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
        splits: dict[str, int] = {}
        for page in pages:
            splits[page.split] = splits.get(page.split, 0) + 1
        found.append(
            Touched(
                where=entry.where,
                commits=tuple(commit.hash for commit in entry.commits),
                in_working_tree=entry.in_working_tree,
                weights_sha256=lineage.weights_sha256,
                splits=splits,
                # Validation pages may choose which step's adapter is kept; only train pages are learned.
                learned_from=any(page.split == "train" and page.id not in lineage.skipped_pages for page in pages),
            )
        )
    unreadable += history.limits(folder)
    return Reach(tuple(found), tuple(unreadable)), frozenset(known_labels - {_EMPTY})


# ---- removing what is kept here


def plan_purge(folder: Path, named: Iterable[Named], labels: Iterable[str]) -> Purge:
    """Say what `purge` would remove; a PDF of the sample corpus stays, since every build makes it again.

    Args:
        folder: Working directory of the build.
        named: From `find`.
        labels: Hashes of the document's labels.
    """
    wanted = tuple(named)
    corrections = _corrections(folder)
    paths: set[Path] = set()
    for row in _here(folder, wanted):
        places = [folder / layout.PAGES, folder / layout.LABELS, corrections, folder / layout.REVIEW / "drafts"]
        paths |= {root / row.document for root in places if (root / row.document).is_dir()}
    paths |= {row.file for row in wanted if row.file is not None and not _is_sample(folder, row.file)}
    # Nothing says which of their files are of these documents: they go as a whole.
    paths |= {folder / cache for cache in layout.CACHES if (folder / cache).is_dir()}
    return Purge(tuple(sorted(paths)), tuple(sorted(_objects(folder, wanted, set(labels)))))


def purge(chosen: Purge) -> None:
    """Remove what `plan_purge` chose; what is gone already does not matter.

    Raises:
        UserError: Something cannot be removed; what was chosen before it is gone.
    """
    for path in (*chosen.objects, *chosen.paths):
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(
                f"Cannot be removed ({error.strerror})", value=str(path), accepted="files this user may remove",
                todo="correct its permissions and repeat the command: it goes on where it stopped",
            ) from error  # fmt: skip


def _is_sample(folder: Path, path: Path) -> bool:
    return path.resolve().is_relative_to((folder / layout.SAMPLES).resolve())


def _corrections(folder: Path) -> Path:
    config = folder / "config" / "config.yaml"
    if config.is_file():
        import yaml

        try:
            return folder / str(yaml.safe_load(config.read_bytes())["labels"]["corrections"])
        except (yaml.YAMLError, KeyError, TypeError):
            pass  # Snakemake complains about it
    return folder / _DEFAULT_CORRECTIONS


def _objects(folder: Path, named: Iterable[Named], labels: set[str]) -> set[Path]:
    """Return objects of DVC's cache that only this document's pages, labels and PDF refer to, over all history.

    Every list of a folder that lies in the cache is read. An object stays if any of them names it for anything else,
    or if it is of another content that once had the same name.
    """
    home = history.cache_folder(folder)
    wanted = tuple(named)
    names = {row.document for row in wanted if row.document}
    pdfs = {row.path for row in wanted if row.path}
    hashes = {row.sha256 for row in wanted}
    own: set[str] = set()
    shared = {output.md5 for output in cache.outputs(folder)}
    for listing in sorted((home / "files" / "md5").glob("??/*.dir")):
        try:
            members = {str(row["relpath"]): str(row["md5"]) for row in json.loads(listing.read_bytes())}
        except (OSError, ValueError, KeyError, TypeError):
            continue  # damaged: scribetune verify --cache tells
        for path, md5 in members.items():
            name, _, file = path.partition("/")
            of_it = False
            if name in names and (file == _DOCUMENT_RECORD or _PAGE_FILE.fullmatch(file)):
                kept = cache.object_path(home, members.get(f"{name}/{_DOCUMENT_RECORD}", ""))
                of_it = _is_record_of(kept, hashes, labels)
            elif path in pdfs:
                place = cache.object_path(home, md5)
                of_it = place.is_file() and files.sha256_file(place) in hashes
            (own if of_it else shared).add(md5)
    places = (cache.object_path(home, md5) for md5 in own - shared)
    return {place for place in places if place.is_file()}


def _is_record_of(path: Path, hashes: set[str], labels: set[str]) -> bool:
    """Say whether a document.json (of pages or of labels) is of one of these PDFs."""
    try:
        record = json.loads(path.read_bytes())
        if "document" in record:
            return record["document"]["sha256"] in hashes
        found = {str(page["label_sha256"]) for page in record["pages"]} - {"", _EMPTY}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(found) and found <= labels


# ---- what stays


def remains(folder: Path, named: Iterable[Named], reach: Reach, *, purged: bool) -> tuple[str, ...]:
    """Say, in sentences, what still holds something of the document, and the command for it where there is one."""
    wanted = tuple(named)
    found: list[str] = []
    for row in wanted:
        if row.file is None:
            continue
        if _is_sample(folder, row.file):
            found.append(f"{row.file}: made again by every build with the sample corpus, and refused by it")
        elif row.file.exists():
            found.append(f"{row.file}: the PDF itself (--purge removes it)")
    if not purged and any((folder / root / row.document).is_dir() for row in wanted for root in (layout.PAGES,
                                                                                                 layout.LABELS)
                          if row.document):  # fmt: skip
        found.append(f"its folders in {layout.PAGES} and {layout.LABELS} (--purge removes them)")
    learned: dict[str, list[str]] = {}
    for item in reach.touched:
        if item.learned_from:
            learned.setdefault(item.weights_sha256, []).append(item.where)
    for weights, places in learned.items():
        found.append(
            f"adapter {weights[:12]} ({'; '.join(places)}) was trained with it, and its merged model and predictions "
            "come from that: what they learned cannot be taken out of them; stop using them"
        )
    in_git = [path for path in (_corrections(folder) / row.document for row in wanted if row.document)
              if _in_git_history(folder, path)]  # fmt: skip
    in_git += [row.file for row in wanted if row.file is not None and _in_git_history(folder, row.file)]
    found += [f"git history has {path}: git filter-repo --invert-paths --path rewrites it" for path in in_git]
    if (history.cache_folder(folder) / "files").is_dir():
        found.append(
            "DVC's cache: older splits, predictions and reports hold its text and pages. After the build without it, "
            "scribetune commit, then dvc gc --workspace removes everything that the present build does not use"
        )
    for name, url in remotes(folder).items():
        found.append(
            f"DVC remote {name} ({url}), if it was pushed: "
            f"dvc gc --workspace --cloud --remote {name} does the same there"
        )
    checkpoints = folder / layout.CHECKPOINTS
    if checkpoints.is_dir() and any(checkpoints.iterdir()):
        found.append(f"{checkpoints}: checkpoints of interrupted trainings may have learned from it; remove them")
    return tuple(found)


def remotes(folder: Path) -> dict[str, str]:
    """Return {name: address} of the DVC remotes that the project's configuration names."""
    found: dict[str, str] = {}
    for name in ("config", "config.local"):
        settings = configparser.RawConfigParser(strict=False, allow_no_value=True)
        try:
            settings.read(folder / ".dvc" / name, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue
        for section in settings.sections():
            remote = re.fullmatch(r"'?remote \"(.+)\"'?", section)
            if remote:
                found[remote.group(1)] = settings.get(section, "url", fallback="") or found.get(remote.group(1), "")
    return found


def _in_git_history(folder: Path, path: Path) -> bool:
    try:
        shown = subprocess.run(  # noqa: S603  an argument list, no shell
            ["git", "log", "--all", "-1", "--format=%H", "--", str(path.absolute())],  # noqa: S607  the user's git
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError:
        return False
    return shown.returncode == 0 and bool(shown.stdout.strip())


def build_without(folder: Path, configfiles: Iterable[Path], cores: int) -> None:
    """Run the build, which leaves withdrawn documents out; Snakemake's output goes to standard error.

    Raises:
        UserError: The build failed; the withdrawal stands.
    """
    # Targets come first: --configfile and --resources take every word that follows.
    command = [sys.executable, "-m", "snakemake", "all", "--snakefile", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--cores", str(cores), "--resources", "gpu=1"]
    given = [str(path.resolve()) for path in configfiles]
    command += ["--configfile", *given] if given else []
    done = subprocess.run(command, stdout=sys.stderr, check=False)  # noqa: S603  an argument list, no shell
    if done.returncode != 0:
        raise UserError(
            "The build without the document failed; the document is withdrawn all the same",
            value=f"snakemake ended with status {done.returncode}", accepted="a build that runs to its end",
            todo="mend what it names above, then snakemake --cores 1 --resources gpu=1",
        )  # fmt: skip


def as_json(named: Iterable[Named], recorded: Recorded, reach: Reach) -> dict[str, Any]:
    """Return plain values: documents, already_withdrawn, labels, refused_elsewhere, touched, unreadable."""
    return {
        "documents": [
            {"sha256": row.sha256, "path": row.path, "document": row.document, "bytes": row.bytes,
             "file": None if row.file is None else str(row.file)}
            for row in named
        ],
        "already_withdrawn": not recorded.added,
        "labels": len(recorded.labels),
        "refused_elsewhere": list(recorded.elsewhere),
        "touched": [
            {"where": item.where, "commits": list(item.commits), "in_working_tree": item.in_working_tree,
             "weights_sha256": item.weights_sha256, "splits": dict(item.splits), "learned_from": item.learned_from}
            for item in reach.touched
        ],
        "unreadable": list(reach.unreadable),
    }  # fmt: skip

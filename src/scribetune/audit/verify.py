"""Verification: every hash that a build recorded is computed again, and what does not hold is named.

Three things can be wrong. A file was *altered* (its content is not what was recorded), it is *missing* (recorded, and
not there), or it is *unexplained*: it lies among the build's results and nothing recorded it.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scribetune.audit import build_folder, dvc, expected_hashes, lineage_reader
from scribetune.audit.expected_hashes import PROOF, ExpectedHash, ExpectedHashes, Finding, Kind, State
from scribetune.core import layout
from scribetune.core.errors import UserError
from scribetune.core.files import open_regular

_BLOCK = 1 << 20
_SWEPT: Mapping[str, Kind] = {
    layout.PAGES: Kind.PAGE_IMAGE,
    layout.LABELS: Kind.LABEL,
    layout.ADAPTER: Kind.ADAPTER,
    layout.MERGED: Kind.MERGED,
    layout.PREDICTIONS: Kind.PREDICTIONS,
}
"""Folders that hold nothing but what the build recorded, and the kind of what lies there."""

_UNHASHED = (
    f"{layout.ADAPTER}/README.md",
    f"{layout.ADAPTER}/{lineage_reader.FILE_NAME}",
    f"{layout.MERGED}/README.md",
    f"{layout.MERGED}/{lineage_reader.FILE_NAME}",
    PROOF,
)
"""Results whose hash a record may lack, since they are that record or are written after it."""


@dataclass(frozen=True)
class Verification:
    """What was checked and what came of it."""

    folder: str
    checked: Mapping[Kind, int]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether everything recorded is there and unaltered, and nothing else is."""
        return not self.findings

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to verify."""
        return not self.checked and not self.findings

    def count(self, kind: Kind, state: State) -> int:
        """Return how many findings of a kind there are in a state."""
        return sum(finding.kind == kind and finding.state == state for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return plain values: folder, holds, kinds (checked, altered, missing, unexplained), findings, notes."""
        kinds = [kind for kind in Kind if kind in self.checked or any(f.kind == kind for f in self.findings)]
        return {
            "folder": self.folder,
            "holds": self.holds,
            "kinds": {
                kind: {"checked": self.checked.get(kind, 0), **{str(s): self.count(kind, s) for s in State}}
                for kind in kinds
            },
            "findings": [asdict(finding) for finding in self.findings],
            "notes": list(self.notes),
        }


def verify(
    folder: Path,
    raw: Path | None = None,
    *,
    with_cache: bool = False,
    allowed_signers: Path | None = None,
    workers: int = 0,
) -> Verification:
    """Compute every recorded hash again.

    Args:
        folder: Working directory of a build.
        raw: Folder of the input PDFs; by default the one that config/config.yaml names, data/raw or data/samples.
        with_cache: Whether the objects in DVC's cache are checked too.
        allowed_signers: File that says whose keys may sign reports/lineage.json; by default git's. Where it is given,
            a signature must be there, and by one of them.
        workers: Threads that hash; 0 for one per core.

    Raises:
        UserError: `folder` is no folder, or there is no such file of allowed signers.
    """
    if not folder.is_dir():
        raise UserError(
            "There is no such folder", value=str(folder), accepted="the working directory of a build",
            todo="correct --folder",
        )  # fmt: skip
    found = expected_hashes.gather(folder, raw, allowed_signers, with_cache=with_cache)
    withdrawn = _withdrawn(folder)
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        findings = [*found.findings, *_compare(found, pool, withdrawn), *_compare_folders(found, pool)]
    if found.expected or found.findings:
        findings += _unexplained(found, withdrawn)
    checked = Counter(expected.kind for expected in found.expected)
    checked += Counter({Kind.SIGNATURE: int(found.is_signed), Kind.DVC_OUTPUT: len(found.whole_folders)})
    order = list(Kind)
    ordered = sorted(
        _once(findings), key=lambda finding: (order.index(finding.kind), finding.path, finding.recorded_by)
    )
    return Verification(str(folder), checked, tuple(ordered), tuple(found.notes))


def digests(path: Path, names: Iterable[str]) -> dict[str, str]:
    """Return {"sha256" or "md5": hex digest} of a file, read once and in blocks.

    Raises:
        OSError: The file cannot be read.
    """
    engines = {name: hashlib.new(name, usedforsecurity=False) for name in sorted(set(names))}
    with open_regular(path) as stream:
        while block := stream.read(_BLOCK):
            for engine in engines.values():
                engine.update(block)
    return {name: engine.hexdigest() for name, engine in engines.items()}


def _compare(found: ExpectedHashes, pool: ThreadPoolExecutor, withdrawn: set[str]) -> Iterator[Finding]:
    wanted: dict[str, set[str]] = {}
    for expected in found.expected:
        wanted.setdefault(expected.path, set()).add("md5" if expected.md5 else "sha256")
    hashed = dict(
        zip(wanted, pool.map(lambda item: _digests(found.place(item[0]), item[1]), wanted.items()), strict=True)
    )
    ends = build_folder.job_ends(found.folder)
    for expected in found.expected:
        here, why = hashed[expected.path]
        actual = here.get("md5" if expected.md5 else "sha256", "")
        if actual == expected.hash:
            continue
        state = State.ALTERED if actual or why else State.MISSING
        note = why or _note(expected, state, ends, withdrawn)
        yield Finding(expected.kind, state, expected.path, expected.recorded_by, expected.hash, actual, note)


def _digests(path: Path, names: Iterable[str]) -> tuple[dict[str, str], str]:
    """Return (digests, why the file cannot be read); neither where there is no such file."""
    try:
        return digests(path, names), ""
    except (FileNotFoundError, NotADirectoryError):
        return {}, ""
    except OSError as error:
        return {}, f"cannot be read ({error.strerror})"


def _note(expected: ExpectedHash, state: State, ends: Mapping[str, float], withdrawn: set[str]) -> str:
    if expected.kind == Kind.CACHE_OBJECT:
        owner = f"belongs to {expected.recorded_by}"
        if state == State.MISSING and withdrawn & set(Path(expected.recorded_by).parts):
            return f"{owner}, of a withdrawn document; scribetune commit records the build without it"
        if state == State.MISSING:
            return f"{owner}; dvc fetch brings it from a remote"
        return f"{owner}; remove it, then dvc fetch (or scribetune commit, if the file in the working tree is good)"
    if ends.get(expected.path, 0.0) > ends.get(expected.recorded_by, float("inf")):
        return (
            f"made again by the build since {expected.recorded_by} was written: scribetune build brings that up to date"
        )
    return ""


def _compare_folders(found: ExpectedHashes, pool: ThreadPoolExecutor) -> Iterator[Finding]:
    """Compare whole folders with the MD5 of their list, where DVC's list itself is not at hand."""
    for output in found.whole_folders:
        root = found.folder / output.path
        if not root.is_dir():
            yield Finding(Kind.DVC_OUTPUT, State.MISSING, output.path, output.recorded_by, output.md5)
            continue
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        hashes = pool.map(lambda path: _digests(path, ("md5",))[0].get("md5", ""), paths)
        listed = [dvc.Member(p.relative_to(root).as_posix(), md5) for p, md5 in zip(paths, hashes, strict=True)]
        actual = dvc.folder_md5(listed)
        if actual != output.md5:
            note = "some file in it was altered, added or removed; with its list in DVC's cache (dvc fetch) it is named"
            yield Finding(Kind.DVC_OUTPUT, State.ALTERED, output.path, output.recorded_by, output.md5, actual, note)


def _unexplained(found: ExpectedHashes, withdrawn: set[str]) -> Iterator[Finding]:
    explained = found.explained | set(_UNHASHED)
    for root, kind in _SWEPT.items():
        for path in sorted((found.folder / root).rglob("*")):
            name = path.relative_to(found.folder).as_posix()
            if path.is_dir() or name in explained:
                continue
            parts = path.relative_to(found.folder / root).parts
            note = ""
            if path.suffix == ".tmp":
                note = "left by a write that was interrupted: it can be removed"
            elif kind in (Kind.PAGE_IMAGE, Kind.LABEL) and parts[0] in withdrawn:
                note = f"of a withdrawn document; scribetune forget {parts[0]} --purge removes it"
            elif kind in (Kind.PAGE_IMAGE, Kind.LABEL):
                note = "of a document that the build no longer knows, or put there by hand"
            yield Finding(kind, State.UNEXPLAINED, name, note=note)


def _withdrawn(folder: Path) -> set[str]:
    """Return the ids of withdrawn documents."""
    path = folder / layout.WITHDRAWN
    return {row.get("document") or "" for row in build_folder.rows(path)} if path.is_file() else set()


def _once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Leave out what says the same of a file again: dvc.lock, of a file that a nearer record already spoke of."""
    seen: set[tuple[str, State]] = set()
    by_dvc = []
    for finding in findings:
        if finding.kind == Kind.DVC_OUTPUT:
            by_dvc.append(finding)
            continue
        key = (finding.path, finding.state)
        if key not in seen or finding.kind == Kind.CACHE_OBJECT:
            seen.add(key)
            yield finding
    yield from (finding for finding in by_dvc if (finding.path, finding.state) not in seen)

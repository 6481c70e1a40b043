"""What a build replaces on purpose: adapter, merged model and reports stay in `work/replaced`, named by their hash.

A copy is made when the build starts, before any job. Jobs make a new result beside the old one, and it takes the old
one's place when it is whole (`core.files.in_place_of`): there is no moment without either.
"""

import os
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from scribetune.core import files, layout

AROUND_A_JOB = True


@dataclass(frozen=True)
class Kind:
    """A folder of results that is kept when it is replaced."""

    name: str  # what the copies are called: adapter-<hash>
    folder: str  # where it lies, relative to the working directory
    identity: str  # the file in it whose hash names a copy
    last: str  # the file that is written last: without it the folder is not whole
    rule: str  # whose job replaces it


ADAPTER = Kind("adapter", layout.ADAPTER, "adapter_model.safetensors", "lineage.json", "train_adapter")
MERGED = Kind("merged", layout.MERGED, "merge_proof.json", "merge_proof.json", "merge_adapter")
REPORTS = Kind("reports", layout.REPORTS, "metrics.json", "metrics.json", "score_predictions")
KINDS = (MERGED, REPORTS, ADAPTER)
"""In the order in which copies are given up: what is largest and soonest made again first."""


def keep(rules: Collection[str], folder: Path = Path()) -> list[Path]:
    """Keep the whole results that jobs of these rules will replace, each under the hash of what it is; return where.

    Files are links to the same content: they take no space until the original is replaced. All that write results
    write a new file and rename it, so that none changes through a link.
    """
    kept = [_keep(kind, folder) for kind in KINDS if kind.rule in rules]
    return [path for path in kept if path is not None]


def _keep(kind: Kind, folder: Path) -> Path | None:
    source = folder / kind.folder
    if not ((source / kind.last).is_file() and (source / kind.identity).is_file()):
        return None
    target = folder / layout.REPLACED / f"{kind.name}-{files.sha256_file(source / kind.identity)[:12]}"
    if target.exists():
        os.utime(target)
        return target
    unfinished = target.with_name(f".{target.name}")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, unfinished, symlinks=True, copy_function=_link)
    os.utime(unfinished)
    unfinished.rename(target)
    return target


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        shutil.copy2(source, target)


@dataclass(frozen=True)
class Copy:
    """A kept folder of results."""

    path: Path
    kind: Kind
    bytes: int
    kept: float  # when, in seconds since 1970


def copies(folder: Path = Path()) -> list[Copy]:
    """Return what is kept, oldest first."""
    found = []
    for kind in KINDS:
        for path in (folder / layout.REPLACED).glob(f"{kind.name}-*"):
            size = sum(item.lstat().st_size for item in path.rglob("*") if not item.is_dir())
            found.append(Copy(path, kind, size, path.stat().st_mtime))
    return sorted(found, key=lambda copy: (copy.kept, copy.path))


def tidy(most_bytes: float, folder: Path = Path()) -> list[Copy]:
    """Remove copies of what is in its place still or again, then the oldest until the rest takes `most_bytes` at most.

    Merged models go first and adapters last; the list of what went for want of room is returned.
    """
    for kind in KINDS:
        identity = folder / kind.folder / kind.identity
        if identity.is_file():
            same = folder / layout.REPLACED / f"{kind.name}-{files.sha256_file(identity)[:12]}"
            shutil.rmtree(same, ignore_errors=True)
    kept = copies(folder)
    given_up: list[Copy] = []
    for copy in sorted(kept, key=lambda copy: (KINDS.index(copy.kind), copy.kept)):
        if sum(item.bytes for item in kept) - sum(item.bytes for item in given_up) <= most_bytes:
            break
        shutil.rmtree(copy.path, ignore_errors=True)
        given_up.append(copy)
    return given_up


def remove(folder: Path = Path()) -> list[Copy]:
    """Remove all that is kept; return what it was."""
    found = copies(folder)
    shutil.rmtree(folder / layout.REPLACED, ignore_errors=True)
    return found

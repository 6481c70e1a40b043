"""DVC's side of the audit: what dvc.lock records, and the objects in the cache that it refers to.

DVC itself is not imported: it takes a second, and the formats read here (dvc.lock 2.0, `files/md5`, `.dir` lists) are
stable. `history.cache_folder` says where the cache is.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scribetune.audit import history
from scribetune.errors import UserError

LOCK = history.LOCK
_FOLDER = ".dir"


@dataclass(frozen=True)
class Output:
    """One output that DVC records.

    Attributes:
        path: Relative to the project, POSIX.
        md5: Of the file, or of the list of a folder's files; then it ends in `.dir`.
        in_cache: Whether DVC keeps the content (`cache: false` says it is left to git).
        recorded_by: dvc.lock, or the .dvc file.
    """

    path: str
    md5: str
    in_cache: bool
    recorded_by: str

    @property
    def is_folder(self) -> bool:
        """Whether the output is a folder."""
        return self.md5.endswith(_FOLDER)


@dataclass(frozen=True, order=True)
class Member:
    """One file of a folder that DVC records; `path` is relative to the folder."""

    path: str
    md5: str


def outputs(folder: Path) -> tuple[Output, ...]:
    """Return what DVC records of a project: the outputs in dvc.lock and in *.dvc files, sorted by path.

    Args:
        folder: Holds dvc.lock; `*.dvc` files are looked for there and two levels down.

    Raises:
        UserError: dvc.lock or a .dvc file is damaged.
    """
    found: list[Output] = []
    lock = folder / LOCK
    if lock.is_file():
        uncached = _uncached(folder)
        stages = _mapping(lock).get("stages") or {}
        try:
            for stage in stages.values():
                for out in stage.get("outs", ()):
                    path = str(out["path"])
                    found.append(Output(path, str(out["md5"]), path not in uncached, LOCK))
        except (AttributeError, KeyError, TypeError) as error:
            raise _damaged(lock, error) from error
    for single in sorted(path for depth in ("*.dvc", "*/*.dvc", "*/*/*.dvc") for path in folder.glob(depth)):
        if not single.is_file():
            continue
        name = single.relative_to(folder).as_posix()
        try:
            for out in _mapping(single).get("outs") or ():
                path = (single.parent / str(out["path"])).relative_to(folder).as_posix()
                found.append(Output(path, str(out["md5"]), bool(out.get("cache", True)), name))
        except (AttributeError, KeyError, TypeError) as error:
            raise _damaged(single, error) from error
    return tuple(sorted(found, key=lambda output: output.path))


def _uncached(folder: Path) -> set[str]:
    """Return the outputs that dvc.yaml says are not kept in the cache: dvc.lock does not say it."""
    path = folder / "dvc.yaml"
    if not path.is_file():
        return set()
    found = set()
    for stage in (_mapping(path).get("stages") or {}).values():
        for group in ("outs", "metrics", "plots"):
            for out in stage.get(group) or ():
                if isinstance(out, dict):
                    found |= {name for name, said in out.items() if isinstance(said, dict) and not said.get("cache", 1)}
    return found


def _mapping(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        content = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  safe
    except yaml.YAMLError as error:
        raise _damaged(path, error) from error
    if not isinstance(content, dict):
        raise _damaged(path, "it holds no keys")
    return content


def _damaged(path: Path, why: object) -> UserError:
    return UserError(
        f"{path.name} cannot be read ({str(why).splitlines()[0]})", value=str(path), accepted="the YAML that DVC wrote",
        todo="restore it from git (git checkout -- it), or write it anew with scribetune commit",
    )  # fmt: skip


def object_path(cache: Path, md5: str) -> Path:
    """Return where the cache keeps an object; a folder's list keeps its `.dir` in the name."""
    return cache / "files" / "md5" / md5[:2] / md5[2:]


def members(cache: Path, output: Output) -> tuple[Member, ...] | None:
    """Return the files of a recorded folder, from its list in the cache; None where that is missing or damaged."""
    try:
        content = object_path(cache, output.md5).read_bytes()
        if _md5(content) != output.md5.removesuffix(_FOLDER):
            return None
        return tuple(sorted(Member(str(row["relpath"]), str(row["md5"])) for row in json.loads(content)))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def folder_md5(found: Iterable[Member]) -> str:
    """Return the MD5 that DVC gives a folder with these files."""
    rows = [{"md5": member.md5, "relpath": member.path} for member in sorted(found)]
    return _md5(json.dumps(rows, sort_keys=True).encode()) + _FOLDER


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()

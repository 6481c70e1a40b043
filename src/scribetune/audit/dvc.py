"""What DVC records of a build: dvc.lock, the .dvc files, its configuration, and the objects in its cache.

DVC itself is not imported: it takes a second, and the formats read here (dvc.lock 2.0, `files/md5`, `.dir` lists) are
stable.
"""

import configparser
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scribetune.core.errors import UserError

LOCK = "dvc.lock"
_FOLDER = ".dir"


@dataclass(frozen=True)
class Stage:
    """A stage in dvc.lock: path → MD5 of what it read and of what it made; "" where none is recorded."""

    deps: Mapping[str, str]
    outs: Mapping[str, str]


@dataclass(frozen=True)
class Output:
    """One output that DVC records."""

    path: str  # relative to the project, POSIX
    md5: str  # of the file, or of the list of a folder's files; then it ends in `.dir`
    in_cache: bool  # whether DVC keeps the content (`cache: false` says it is left to git)
    recorded_by: str  # dvc.lock, or the .dvc file

    @property
    def is_folder(self) -> bool:
        """Whether the output is a folder."""
        return self.md5.endswith(_FOLDER)


@dataclass(frozen=True, order=True)
class Member:
    """One file of a folder that DVC records; `path` is relative to the folder."""

    path: str
    md5: str


def stages(lock: bytes) -> list[Stage]:
    """Return the stages in the content of a dvc.lock.

    Raises:
        ValueError: It is damaged.
    """
    try:
        found = (_mapping(lock).get("stages") or {}).values()
        return [
            Stage(*({str(e["path"]): str(e.get("md5", "")) for e in stage.get(kind, ())} for kind in ("deps", "outs")))
            for stage in found
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(str(error).splitlines()[0]) from error


def locked_md5(folder: Path, path: str, kind: str = "outs") -> str:
    """Return the MD5 that the dvc.lock of a folder has for what a stage made (or, of "deps", read); "" without one."""
    try:
        found = stages((folder / LOCK).read_bytes())
    except (OSError, ValueError):
        return ""
    return next((md5s[path] for md5s in (getattr(stage, kind) for stage in found) if path in md5s), "")


def outputs(folder: Path) -> tuple[Output, ...]:
    """Return what DVC records of a project: the outputs in dvc.lock and in *.dvc files, sorted by path.

    `*.dvc` files are looked for in the folder, which holds dvc.lock, and two levels down.

    Raises:
        UserError: dvc.lock or a .dvc file is damaged.
    """
    found: list[Output] = []
    path = folder / LOCK
    try:
        if path.is_file():
            made = {name: md5 for stage in stages(path.read_bytes()) for name, md5 in stage.outs.items()}
            path = folder / "dvc.yaml"
            uncached = set(_uncached(path))
            found = [Output(name, md5, name not in uncached, LOCK) for name, md5 in made.items()]
        for path in sorted(single for depth in ("*.dvc", "*/*.dvc", "*/*/*.dvc") for single in folder.glob(depth)):
            for out in _mapping(path.read_bytes()).get("outs") or () if path.is_file() else ():
                name = (path.parent / str(out["path"])).relative_to(folder).as_posix()
                in_cache, by = bool(out.get("cache", True)), path.relative_to(folder).as_posix()
                found.append(Output(name, str(out["md5"]), in_cache, by))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path.name} cannot be read ({str(error).splitlines()[0]})", value=str(path),
            accepted="the YAML that DVC wrote",
            todo="restore it from git (git checkout -- it), or write it anew with scribetune commit",
        ) from error  # fmt: skip
    return tuple(sorted(found, key=lambda output: output.path))


def _uncached(path: Path) -> Iterator[str]:
    """Yield the outputs that dvc.yaml says are not kept in the cache: dvc.lock does not say it."""
    for stage in (_mapping(path.read_bytes()).get("stages") or {}).values() if path.is_file() else ():
        for out in (out for group in ("outs", "metrics", "plots") for out in stage.get(group) or ()):
            if isinstance(out, dict):
                yield from (name for name, keys in out.items() if isinstance(keys, dict) and not keys.get("cache", 1))


def _mapping(content: bytes) -> dict[str, Any]:
    """Return YAML with keys.

    Raises:
        ValueError: It is something else.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast, where it is there
    try:
        found = yaml.load(content, Loader=loader)  # noqa: S506  both loaders are the safe ones
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if not isinstance(found, dict):
        raise ValueError("it holds no keys")  # noqa: TRY004  the file is at fault, not a caller
    return found


# ---- the cache


def cache_folder(folder: Path) -> Path:
    """Return DVC's cache: `cache.dir` of the configuration (local before project before user), else .dvc/cache."""
    dvc = next((parent / ".dvc" for parent in (folder.resolve(), *folder.resolve().parents)
                if (parent / ".dvc").is_dir()), folder / ".dvc")  # fmt: skip
    home = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "dvc"
    chosen = dvc / "cache"
    for file in (
        Path(os.environ.get("DVC_SYSTEM_CONFIG_DIR") or "/etc/xdg/dvc") / "config",
        Path(os.environ.get("DVC_GLOBAL_CONFIG_DIR") or home) / "config",
        dvc / "config",
        dvc / "config.local",
    ):
        directory = _settings(file).get("cache", "dir", fallback=None)
        if directory:  # relative to the file that says it
            chosen = file.parent / Path(directory.strip("\"'")).expanduser()
    return chosen


def remotes(folder: Path) -> dict[str, str]:
    """Return {name: address} of the remotes that the project's configuration names."""
    found: dict[str, str] = {}
    for name in ("config", "config.local"):
        settings = _settings(folder / ".dvc" / name)
        for section in settings.sections():
            remote = re.fullmatch(r"'?remote \"(.+)\"'?", section)
            if remote:
                found[remote.group(1)] = settings.get(section, "url", fallback="") or found.get(remote.group(1), "")
    return found


def _settings(file: Path) -> configparser.RawConfigParser:
    settings = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        settings.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        # DVC itself will complain about it; the cache may well be where it always is.
        return configparser.RawConfigParser()
    return settings


def object_path(cache: Path, md5: str) -> Path:
    """Return where the cache keeps an object; a folder's list keeps its `.dir` in the name."""
    return cache / "files" / "md5" / md5[:2] / md5[2:]


def content(cache: Path, md5: str) -> bytes:
    """Return an object of the cache.

    Raises:
        OSError: It is not there, or cannot be read.
        ValueError: It is damaged.
    """
    found = object_path(cache, md5).read_bytes()
    if md5_of(found) != md5.removesuffix(_FOLDER):
        raise ValueError(f"{object_path(cache, md5)} is damaged: its MD5 is not its name")
    return found


def members(cache: Path, md5: str) -> tuple[Member, ...] | None:
    """Return the files of a recorded folder, from its list in the cache; None where that is missing or damaged."""
    try:
        return tuple(sorted(Member(str(row["relpath"]), str(row["md5"])) for row in json.loads(content(cache, md5))))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def folder_md5(found: Iterable[Member]) -> str:
    """Return the MD5 that DVC gives a folder with these files."""
    rows = [{"md5": member.md5, "relpath": member.path} for member in sorted(found)]
    return md5_of(json.dumps(rows, sort_keys=True).encode()) + _FOLDER


def md5_of(data: bytes) -> str:
    """Return the MD5 of a content, in hex: a name, no protection."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def md5_of_file(path: Path) -> str:
    """Return the MD5 of a file's content.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()

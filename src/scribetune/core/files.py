"""Files on disk: content hashes, and writes that are either whole or absent."""

import errno
import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from scribetune.core.errors import DiskFullError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Numbers of the errors that say that there is no room on a disk, or in a user's share of it."""
_FULL_IN_WORDS = re.compile(r"no space left|disk quota exceeded|disk is full|os error (28|122)\b", re.IGNORECASE)
_NEXT_TO_NOTHING_BYTES = 1_000_000


def sha256_bytes(data: bytes) -> str:
    """Return the hex SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the hex SHA-256 of a file's content, read in blocks.

    Raises:
        OSError: The file cannot be read, or is no regular one: a pipe would wait for ever, a device have no end.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "no regular file", str(path))
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: object) -> str:
    """Return the hex SHA-256 of a value's JSON with sorted keys."""
    return sha256_bytes(json.dumps(value, ensure_ascii=False, sort_keys=True).encode())


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write `data` to `path` atomically: temporary name in the same folder, fsync, rename. Makes the folder.

    Args:
        path: The file.
        data: Its content.
        durable: False leaves out the fsync, for one of many files whose hashes are compared before they are used again:
            waiting for the disk would take longer than making them. Call `os.sync` when all are written.

    Raises:
        DiskFullError: There is no room; what there was at `path` is as it was.
        OSError: It cannot be written for another reason.
    """
    try:
        _write_bytes(path, data, durable=durable)
    except OSError as error:
        if error.errno in FULL:
            raise full_disk(error, path, len(data)) from error
        raise


def _write_bytes(path: Path, data: bytes, *, durable: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def full_disk(error: BaseException, path: Path, needed: int | None = None) -> DiskFullError:
    """Return what to tell of a full disk: the file or folder written to, and the bytes needed, where they are known."""
    place = next(one for one in (path, *path.absolute().parents) if one.exists())
    there = os.statvfs(place)
    free, files_left = there.f_bavail * there.f_frsize, there.f_favail
    room = f"{needed:,} bytes" if needed else "room for what a job writes"
    if there.f_files and not files_left:
        room += " and one more file: no file can be made there, whatever its size"
    quota = getattr(error, "errno", None) == errno.EDQUOT
    return DiskFullError(
        "Your share of the disk (quota) is used up" if quota else "The disk is full",
        value=str(path),
        accepted=f"{room}; free are {free:,} bytes",
        todo="free some space, or build in a folder on another disk; then give the same command again. "
        "What was finished before is whole",
    )


def of_full_disk(error: BaseException) -> DiskFullError | None:
    """Return what to tell where an error says, or comes of one that says, that a disk is full; None for others.

    Libraries hide the system's number: in words, or behind "file write failed". These count where nothing is free.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DiskFullError):
            return cause
        if isinstance(cause, OSError) and cause.errno in FULL:
            return full_disk(cause, Path(str(cause.filename)) if cause.filename else _fullest())
        cause = cause.__cause__ or cause.__context__
    is_write = isinstance(error, OSError | RuntimeError) and free_bytes(_fullest()) < _NEXT_TO_NOTHING_BYTES
    return full_disk(error, _fullest()) if is_write or _FULL_IN_WORDS.search(str(error)) else None


def _fullest() -> Path:
    """Return the working directory or the folder of temporary files, whichever has less room."""
    return min((Path.cwd(), Path(tempfile.gettempdir())), key=free_bytes)


def free_bytes(folder: Path) -> int:
    """Return the room on the disk of a folder that a user may take, in bytes."""
    there = os.statvfs(folder)
    return there.f_bavail * there.f_frsize


def keep_only(folder: Path, pattern: str, kept: Collection[str]) -> None:
    """Remove the files of `folder` that match `pattern` and whose POSIX path is not in `kept`."""
    for path in sorted(folder.glob(pattern)):
        if path.as_posix() not in kept:
            path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with the line ends it has, atomically."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: object, *, durable: bool = True) -> None:
    """Write `value` as JSON with sorted keys, two-space indent and a final newline, atomically; see `write_bytes`."""
    text = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False) + "\n"
    write_bytes(path, text.encode("utf-8"), durable=durable)


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write one JSON object per line (keys in the order given), atomically."""
    write_text(path, "".join(json.dumps(dict(row), ensure_ascii=False, allow_nan=False) + "\n" for row in rows))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read one JSON object per line; blank lines are skipped.

    Raises:
        ValueError: A line is not a JSON object; the message names file and line.
    """
    return parse_jsonl(path.read_text(encoding="utf-8"), path)


def parse_jsonl(text: str, path: Path) -> list[dict[str, Any]]:
    """Return the JSON objects of a text, as `read_jsonl` does; `path` is for messages.

    Raises:
        ValueError: See there.
    """
    rows: list[dict[str, Any]] = []
    # Split on "\n" only: JSON strings may hold U+2028 and other characters that splitlines() cuts at.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}:{number}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise ValueError(  # noqa: TRY004  the file is at fault, not a caller
                f"{path}:{number}: expected a JSON object, found {type(row).__name__}"
            )
        rows.append(row)
    return rows

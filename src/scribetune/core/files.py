"""Files on disk: content hashes, and writes that are either whole or absent."""

import contextlib
import ctypes
import errno
import hashlib
import io
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scribetune.core.disk_space import FULL, full_disk


def sha256_bytes(data: bytes) -> str:
    """Return the hex SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def open_regular(path: Path) -> io.BufferedReader:
    """Open a file for reading that must be a regular one: a pipe would wait for ever, a device have no end.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return path.open("rb")


def sha256_file(path: Path) -> str:
    """Return the hex SHA-256 of a file's content, read in blocks.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    with open_regular(path) as stream:
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


@contextlib.contextmanager
def in_place_of(target: Path) -> Iterator[Path]:
    """Give an empty folder beside `target` (a link is followed), which takes its place when the body is done.

    Where the body fails, what it wrote is removed and `target` is as it was; at every moment `target` is one or the
    other, whole. (Where the file system cannot exchange two names in one step, there is none for an instant.)
    """
    final = target.resolve()
    fresh, old = (final.with_name(f".{final.name}.{what}") for what in ("new", "old"))
    _remove(fresh)  # left by a process that was killed
    if old.exists() and not final.exists():
        old.rename(final)
    _remove(old)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        if not final.exists():
            fresh.rename(final)
        elif not _exchange(fresh, final):
            final.rename(old)
            fresh.rename(final)
    except BaseException:
        if old.exists() and not final.exists():
            old.rename(final)
        raise
    finally:
        # After an exchange, what was there bears the name of the new one.
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step (Linux: renameat2); False where the system or the file system has no such step."""
    at_current_folder, exchange = -100, 2
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    if rename(at_current_folder, os.fsencode(one), at_current_folder, os.fsencode(other), exchange) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM):
        return False
    raise OSError(number, os.strerror(number), str(one))


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

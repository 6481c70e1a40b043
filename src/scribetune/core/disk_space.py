"""Room on disks: how a full one is told from other errors, and what is said of it."""

import errno
import logging
import os
import re
import tempfile
from pathlib import Path

from scribetune.core.errors import DiskFullError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Numbers of the errors that say that there is no room on a disk, or in a user's share of it."""
_FULL_IN_WORDS = re.compile(r"no space left|disk quota exceeded|disk is full|os error (28|122)\b", re.IGNORECASE)
_NEXT_TO_NOTHING_BYTES = 1_000_000


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


def require_some(folder: Path) -> None:
    """Refuse to begin where next to nothing is free: Snakemake itself would fail, with tracebacks.

    Raises:
        DiskFullError: Less than a megabyte is free.
    """
    if free_bytes(folder) < _NEXT_TO_NOTHING_BYTES:
        logging.raiseExceptions = False  # log files do not fit either; each line of theirs would be a traceback
        raise full_disk(OSError(errno.ENOSPC, ""), folder.absolute(), _NEXT_TO_NOTHING_BYTES)


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

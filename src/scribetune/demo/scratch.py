"""The temporary folder of a server: nobody else may read it, and it goes with the server.

A server that was killed removes nothing; the next one does it. A lock that ends with its process says which are left.
"""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "scribetune-demo-"
_LOCK = "lock"


@contextmanager
def folder() -> Iterator[Path]:
    """Give an empty folder for this user alone, and remove it at the end, with those of servers that were killed."""
    root = Path(tempfile.gettempdir())
    remove_left(root)
    # Under another name until it is locked: a server that starts now would take it for one that was left.
    made = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=root))
    with (made / _LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = made.rename(root / made.name.removeprefix("."))
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def remove_left(root: Path) -> None:
    """Remove folders of servers that are no more."""
    for path in root.glob(f"{_PREFIX}*"):
        try:
            about = path.lstat()
            if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
                continue
            with (path / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:  # in use, or gone meanwhile
            continue

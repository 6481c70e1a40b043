"""SHA-256 of files, remembered from one command to the next, as git's index remembers them."""

import errno
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Self

from scribetune.core import files

logger = logging.getLogger(__name__)

_NO_FILE = {errno.ENOENT, errno.ENOTDIR, errno.EINVAL}  # nothing, or a folder where a file belongs or the other way
_INDEX = Path(".snakemake/file-hashes.sqlite")


class FileHashes:
    """SHA-256 of files below a folder, remembered until size, times or inode of a file change.

    The memory is a cache in .snakemake/ that git does not track, read when the first file is asked for; where it cannot
    be used, files are read. Names of one file (hard links) are one file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._database: sqlite3.Connection | None = None
        self._known: dict[str, tuple[str, str]] = {}
        self._new: dict[str, tuple[str, str]] = {}
        self._is_asked = True
        self._of_file: dict[tuple[int, str], str] = {}  # (device, state) → SHA-256, of what was read just now

    def __enter__(self) -> Self:
        """Begin; see the class."""
        self._is_asked = False
        return self

    def _remember(self) -> None:
        """Read the memory, once: most who open it ask for no file."""
        self._is_asked = True
        path = self._folder / _INDEX
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=30)
            self._database.execute("CREATE TABLE IF NOT EXISTS hashes (path TEXT PRIMARY KEY, state TEXT, sha256 TEXT)")
            with closing(self._database.execute("SELECT path, state, sha256 FROM hashes")) as rows:
                self._known = {path: (state, sha) for path, state, sha in rows}
        except (sqlite3.Error, OSError) as error:
            logger.info("Hashes of files are not remembered (%s): %s", path, error)
            self._database = None

    def __exit__(self, *_: object) -> None:
        """Write down what was new."""
        if self._database is None:
            return
        try:
            with self._database:
                self._database.executemany(
                    "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?)",
                    [(path, state, sha) for path, (state, sha) in self._new.items()],
                )
        except (sqlite3.Error, UnicodeError) as error:  # a name that is not UTF-8 is no text to a database
            logger.info("Hashes of files are not remembered: %s", error)
        finally:
            self._database.close()

    def sha256(self, path: str) -> str:
        """Return the hex SHA-256 of a file (relative to the folder).

        Raises:
            OSError: It cannot be read.
        """
        if not self._is_asked:
            self._remember()
        full = f"{self._folder}/{path}" if not path.startswith("/") else path
        stat = os.stat(full)  # noqa: PTH116  every input of every job, whenever the Snakefile is read
        state = f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"
        if self._known.get(path, ("", ""))[0] != state:
            sha256 = self._of_file.get((stat.st_dev, state)) or files.sha256_file(Path(full))
            self._known[path] = self._new[path] = (state, sha256)
            self._of_file[stat.st_dev, state] = sha256
        return self._known[path][1]

    def find(self, path: str) -> str:
        """Return `sha256`, or "" where there is no such file: nothing, or something else in its place."""
        try:
            return self.sha256(path)
        except OSError as error:
            if error.errno in _NO_FILE:
                return ""
            raise

    def differs(self, path: str, sha256: str) -> bool:
        """Return whether there is such a file, it can be read, and its content is another one."""
        try:
            return self.sha256(path) != sha256
        except OSError:
            return False

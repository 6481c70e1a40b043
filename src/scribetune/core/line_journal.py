"""A file of lines that one process at a time adds to, each on the disk before it goes on: what is left after a kill."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from scribetune.core.errors import UserError


class LineJournal:
    """Lines as they come; a context manager that keeps other processes out.

    A line counts when it is whole: a process that is killed while it writes leaves a last line without its end, which
    is cut off when the file is opened again.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def __enter__(self) -> Self:
        """Open the file and read it.

        Raises:
            UserError: Another process is writing it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise self.in_use() from None
        self._handle = handle
        # The name of a new file must be on the disk too.
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self.was_cut()
            os.ftruncate(handle, whole)
        for number, line in enumerate(data[:whole].split(b"\n")[:-1], start=1):
            self.read_line(number, line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def in_use(self) -> UserError:
        """Return what is said where another process has the file."""
        return UserError("Another process writes", value=str(self.path), todo="wait for it, or end it")

    def was_cut(self) -> None:
        """Hear that the last line has no end."""

    def read_line(self, number: int, line: bytes) -> None:
        """Take up a line that was there, without its end; lines are counted from 1."""
        raise NotImplementedError

    def write_line(self, line: str) -> None:
        """Write a line; it is on the disk when this returns."""
        if self._handle is None:
            raise RuntimeError("the journal is not open")
        data = f"{line}\n".encode()
        while data:
            data = data[os.write(self._handle, data) :]
        os.fsync(self._handle)

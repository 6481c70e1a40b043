"""What was read before an interruption: one line per page, on the disk before the next page is waited for."""

import fcntl
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import get_args

from scribetune.core.errors import UserError
from scribetune.generation.reader import StopReason

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a model wrote for a page image."""

    image: str  # SHA-256 of the image file
    text: str
    tokens: int  # tokens it wrote, the end token included
    stop_reason: StopReason


class Journal:
    """Answers of one model under one set of settings; a context manager that keeps other processes out.

    A line counts when it is whole: a process that is killed while it writes leaves a last line without its end, which
    is cut off when the journal is opened again. A line that cannot be read is left out, with a warning; its page is
    read again.

    The file is named by everything that decides about the answers.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._answers: dict[str, Answer] = {}
        self._handle: int | None = None

    def __enter__(self) -> "Journal":
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
            raise UserError(
                "Another process is reading the same pages with the same model; it holds",
                value=str(self.path),
                todo="wait for it, or end it (a job goes on running when snakemake alone is killed), and start again",
            ) from None
        self._handle = handle
        # The name of a new file must be on the disk too.
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        self._read()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    @property
    def answers(self) -> Mapping[str, Answer]:
        """Answers by the SHA-256 of the page image."""
        return MappingProxyType(self._answers)

    def add(self, answer: Answer) -> None:
        """Write an answer; it is on the disk when this returns."""
        if self._handle is None:
            raise RuntimeError("the journal is not open")
        line = json.dumps(asdict(answer), ensure_ascii=True, sort_keys=True) + "\n"
        data = line.encode()
        while data:
            data = data[os.write(self._handle, data) :]
        os.fsync(self._handle)
        self._answers[answer.image] = answer

    def _read(self) -> None:
        if self._handle is None:
            raise RuntimeError("the journal is not open")
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            logger.warning("%s ends within a line, as after a kill: the page is read again", self.path)
            os.ftruncate(self._handle, whole)
        for number, line in enumerate(data[:whole].split(b"\n")[:-1], start=1):
            answer = _parse(line)
            if answer is None:
                logger.warning("%s:%d is not an answer: the page is read again", self.path, number)
            else:
                self._answers[answer.image] = answer


def _parse(line: bytes) -> Answer | None:
    try:
        answer = Answer(**json.loads(line))
    except (ValueError, TypeError):
        return None
    sound = (
        isinstance(answer.image, str)
        and isinstance(answer.text, str)
        and isinstance(answer.tokens, int)
        and answer.stop_reason in get_args(StopReason)
    )
    return answer if sound else None

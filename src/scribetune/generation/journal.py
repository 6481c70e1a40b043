"""What was read before an interruption: one line per page, on the disk before the next page is waited for."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import get_args

from scribetune.core.errors import UserError
from scribetune.core.line_journal import LineJournal
from scribetune.generation.reader import StopReason

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What a model wrote for a page image."""

    image: str  # SHA-256 of the image file
    text: str
    tokens: int  # tokens it wrote, the end token included
    stop_reason: StopReason
    confidence: float = -1.0  # geometric mean of the tokens' probabilities
    least: float = -1.0  # probability of the token that the model was least sure of


class Journal(LineJournal):
    """Answers of one model under one set of settings; a context manager that keeps other processes out.

    A line that cannot be read is left out, with a warning; its page is read again.

    The file is named by everything that decides about the answers.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._answers: dict[str, Answer] = {}

    @property
    def answers(self) -> Mapping[str, Answer]:
        """Answers by the SHA-256 of the page image."""
        return MappingProxyType(self._answers)

    def add(self, answer: Answer) -> None:
        """Write an answer; it is on the disk when this returns."""
        self.write_line(json.dumps(asdict(answer), ensure_ascii=True, sort_keys=True))
        self._answers[answer.image] = answer

    def in_use(self) -> UserError:
        """Return what is said where another process has the file."""
        return UserError(
            "Another process is reading the same pages with the same model; it holds",
            value=str(self.path),
            todo="wait for it, or end it (a job goes on running when snakemake alone is killed), and start again",
        )

    def was_cut(self) -> None:
        """Say that the last line has no end."""
        logger.warning("%s ends within a line, as after a kill: the page is read again", self.path)

    def read_line(self, number: int, line: bytes) -> None:
        """Take up an answer."""
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

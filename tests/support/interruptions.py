"""A training that ends in its midst, as with a kill, right after a checkpoint."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scribetune.training import checkpoints


class InterruptedRunError(Exception):
    """Ends a training in the midst of it, once."""


def interrupt_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Have the next training end right after its checkpoint of a step; the one after that runs on."""
    writing = checkpoints.writing

    @contextmanager
    def written(folder: Path, at_step: int, mark: str) -> Iterator[Path]:
        with writing(folder, at_step, mark) as staged:
            yield staged
        if at_step == step:
            monkeypatch.setattr(checkpoints, "writing", writing)
            raise InterruptedRunError

    monkeypatch.setattr(checkpoints, "writing", written)

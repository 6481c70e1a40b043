"""Pages outside the domain that a training takes into its batches, so that less is forgotten: how many, and where."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scribetune.core import files


def count(learned: int, share: float) -> int:
    """Return how many pages make up a share of all that are learned from, beside so many of the domain."""
    return round(learned * share / (1 - share))


@contextmanager
def mixed_in(train: Path, replayed: Path | None, folder: Path) -> Iterator[Path]:
    """Give records to train on: `train` as it is, or with the replayed ones behind it in a file that goes away.

    A training shuffles its pages in every epoch: a batch has the share in the mean.
    """
    if replayed is None:
        yield train
        return
    path = folder / "train_with_replay.jsonl"
    files.write_text(path, train.read_text(encoding="utf-8") + replayed.read_text(encoding="utf-8"))
    try:
        yield path
    finally:
        path.unlink()

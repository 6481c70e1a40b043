"""Checkpoints of a training: written beside their name, sealed, renamed; used only by the very training they are of.

A process may be killed at any moment. What it was writing then bears another name (`.checkpoint-<step>.partial`), or
lacks its seal, or differs from it; none of these is ever used.
"""

import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scribetune.core.files import sha256_file, write_json

logger = logging.getLogger(__name__)

SEAL = "complete.json"
_KEPT = 2
_NAME = re.compile(r"checkpoint-(\d+)")
_PARTIAL = ".checkpoint-*.partial"


@contextmanager
def writing(folder: Path, step: int, mark: str) -> Iterator[Path]:
    """Give a folder to write a checkpoint into; when the block ends it becomes `checkpoint-<step>`, whole or never.

    Checkpoints before the last two are removed afterwards. `mark` is the training's fingerprint.
    """
    staged, final = folder / f".checkpoint-{step}.partial", folder / f"checkpoint-{step}"
    for left in (staged, final):
        if left.exists():
            shutil.rmtree(left)
    staged.mkdir(parents=True)
    yield staged
    seal(staged, mark)
    for path in (*_contents(staged), staged):
        _flush(path)
    staged.rename(final)
    _flush(folder)
    for _, path in _numbered(folder)[:-_KEPT]:
        shutil.rmtree(path)


def seal(folder: Path, mark: str) -> None:
    """Record that a checkpoint is whole: the training's fingerprint and a hash of every file in it."""
    files = {str(path.relative_to(folder)): sha256_file(path) for path in _contents(folder)}
    write_json(folder / SEAL, {"fingerprint": mark, "files": files})


def last_valid(folder: Path, mark: str) -> Path | None:
    """Return the latest whole checkpoint of the training with this fingerprint, or None; the folder need not exist."""
    if not folder.is_dir():
        return None
    for step, path in reversed(_numbered(folder)):
        reason = _flaw(path, mark)
        if reason is None:
            return path
        logger.info("Checkpoint of step %d is not used: %s", step, reason)
    return None


def step_of(checkpoint: Path | None) -> int:
    """Return how many optimiser steps a checkpoint was written after; 0 for None."""
    return int(checkpoint.name.rpartition("-")[2]) if checkpoint else 0


def clear(folder: Path, keep: Path | None) -> None:
    """Remove everything of a checkpoint folder but the checkpoint to go on from: it is of no use any more."""
    if keep is None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for left in (*folder.glob(_PARTIAL), *(path for _, path in _numbered(folder))):
        if left != keep:
            shutil.rmtree(left)


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    return sorted((int(match[1]), path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name)))


def _flaw(path: Path, mark: str) -> str | None:
    """Say why a checkpoint cannot be used; None when it can."""
    sealed = path / SEAL
    if not sealed.is_file():
        return "it was not finished"
    try:
        record = json.loads(sealed.read_text(encoding="utf-8"))
        recorded_mark, recorded_files = record["fingerprint"], record["files"]
    except (ValueError, KeyError, TypeError):
        return "its seal is damaged"
    if recorded_mark != mark:
        return "it belongs to another training (configuration, data, base model or versions differ)"
    found = {str(item.relative_to(path)): sha256_file(item) for item in _contents(path)}
    return None if found == recorded_files else "its files are not those that were written"


def _contents(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)


def _flush(path: Path) -> None:
    """Have a file, or the names in a folder, written to the disk: a rename must not outlive a power cut alone."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

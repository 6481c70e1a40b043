"""Checkpoints of a training: sealed when whole, and used only by the very training that wrote them."""

import json
import logging
import re
from pathlib import Path
from typing import Any

from scribetune.files import sha256_bytes, sha256_file, write_json

logger = logging.getLogger(__name__)

SEAL = "complete.json"
_NAME = re.compile(r"checkpoint-(\d+)")


def fingerprint(facts: dict[str, Any]) -> str:
    """Return one hash over everything that decides how a training goes on (JSON values only)."""
    return sha256_bytes(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode())


def seal(folder: Path, mark: str) -> None:
    """Record that a checkpoint is whole: the training's fingerprint and a hash of every file in it."""
    files = {str(path.relative_to(folder)): sha256_file(path) for path in _contents(folder)}
    write_json(folder / SEAL, {"fingerprint": mark, "files": files})


def last_valid(folder: Path, mark: str) -> Path | None:
    """Return the latest checkpoint of this training that is whole, or None.

    Args:
        folder: Holds `checkpoint-<step>` folders; need not exist.
        mark: Fingerprint of the training that wants to go on.
    """
    if not folder.is_dir():
        return None
    numbered = [(int(match[1]), path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    for step, path in sorted(numbered, reverse=True):
        reason = _flaw(path, mark)
        if reason is None:
            return path
        logger.info("Checkpoint of step %d is not used: %s", step, reason)
    return None


def _flaw(path: Path, mark: str) -> str | None:
    """Say why a checkpoint cannot be used; None when it can."""
    sealed = path / SEAL
    if not sealed.is_file():
        return "it was not finished"
    record = json.loads(sealed.read_text(encoding="utf-8"))
    if record["fingerprint"] != mark:
        return "it belongs to another training (configuration, data, base model or versions differ)"
    found = {str(item.relative_to(path)): sha256_file(item) for item in _contents(path)}
    return None if found == record["files"] else "its files are not those that were written"


def _contents(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SEAL)

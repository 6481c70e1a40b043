"""A small model of the main family with random weights: made once a process, in a temporary folder."""

import tempfile
from functools import cache
from pathlib import Path

from tiny_pretraining import tiny_model

_KEPT: list[tempfile.TemporaryDirectory[str]] = []


@cache
def folder() -> Path:
    """Return its folder; the same bytes in every process."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix="stand-in-"))
    made = Path(_KEPT[-1].name) / "model"
    tiny_model.make(made)
    return made

"""What the tuned model reads on the pages of a build, as far as it was asked: test pages, and after `suspects` all."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from scribetune.core import csv_files, files, layout
from scribetune.dataset import long_pages
from scribetune.text import grounding

SETS = ("tuned", "tuned_train", "tuned_validation")
"""Predictions by their names in reports/predictions."""


@dataclass(frozen=True)
class Reading:
    """What the tuned model read on one page, without marks of places.

    `confidence` is the geometric mean of its tokens' probabilities, or None where that was not noted; `is_whole` tells
    that the model ended by itself.
    """

    text: str
    confidence: float | None
    is_whole: bool


def paths(folder: Path) -> list[Path]:
    """Return the files of predictions that a build's folder has."""
    found = [folder / layout.PREDICTIONS / f"{name}.jsonl" for name in SETS]
    return [path for path in found if path.is_file()]


def read(folder: Path) -> dict[str, Reading]:
    """Return page id → reading; the parts of a page that was cut are one reading."""
    parts: dict[str, list[Reading]] = defaultdict(list)
    sure = _confidences(folder)
    for path in paths(folder):
        for row in files.read_jsonl(path):
            whole = row.get("stop_reason", "eos") == "eos"
            reading = Reading(grounding.plain(str(row["text"])), sure.get(str(row["id"])), whole)
            parts[long_pages.page_of(str(row["id"]))].append(reading)  # in order, as in the split
    return {page: found[0] if len(found) == 1 else _joined(found) for page, found in parts.items()}


def _joined(parts: list[Reading]) -> Reading:
    known = [part.confidence for part in parts if part.confidence is not None]
    return Reading(
        "\n\n".join(part.text for part in parts), min(known, default=None), all(part.is_whole for part in parts)
    )


def _confidences(folder: Path) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in SETS:
        path = folder / layout.PREDICTION_JOURNALS / f"{name}.confidence.csv"
        if path.is_file():
            found.update((row["id"], float(row["mean"])) for row in csv_files.read(path) if float(row["mean"]) >= 0)
    return found

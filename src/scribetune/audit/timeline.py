"""Adapters over time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scribetune.audit import history
from scribetune.audit.answers import (
    SplitCount,
    entry_json,
    headline,
    label_sources,
    row_json,
    split_counts,
    unreadable_json,
)
from scribetune.audit.history import Entry, Unreadable


@dataclass(frozen=True)
class Row:
    """One lineage: its entry (documents and pages left out) and what is shown of it."""

    entry: Entry
    splits: dict[str, SplitCount]
    label_sources: dict[str, int]
    headline: dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class Timeline:
    """Rows newest first, and what could not be searched."""

    rows: tuple[Row, ...]
    unreadable: tuple[Unreadable, ...]
    limits: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain values; the command's help documents the keys."""
        return {
            "adapters": [
                {
                    "lineage": entry_json(row.entry),
                    "adapter": row.entry.lineage.weights_sha256,
                    "splits": {name: row_json(count) for name, count in row.splits.items()},
                    "label_sources": row.label_sources,
                    "headline": row.headline,
                }
                for row in self.rows
            ],
            "unreadable": unreadable_json(self.unreadable),
            "limits": list(self.limits),
        }


def timeline(folder: Path, revision: str | None = None) -> Timeline:
    """Return every adapter of the working tree and of all history, or of one revision's history.

    Raises:
        UserError: No such revision.
    """
    rows: list[Row] = []
    missing: list[Unreadable] = []
    for found in history.walk(folder, revision):
        if isinstance(found, Unreadable):
            missing.append(found)
            continue
        lineage = found.lineage
        counts, sources, scores = split_counts(lineage), label_sources(lineage), headline(lineage)
        rows.append(Row(found.without_rows(), counts, sources, scores))
    return Timeline(tuple(rows), tuple(missing), history.limits(folder))

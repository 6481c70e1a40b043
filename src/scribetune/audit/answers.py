"""Answers as plain values (for --json) and the names of metrics, shared by every query."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from scribetune.audit.history import Commit, Entry, Unreadable
from scribetune.audit.lineage_reader import SPLITS, Lineage
from scribetune.core.errors import counted

HEADLINE = ("cer_mean", "cer_median", "table_f1", "wer_mean", "bleu", "loop_rate")
"""Aggregates shown first, in this order; docs/metrics.md defines them."""

SHORT = 12
"""Hex digits that people are shown of a hash."""

_LISTED = 8
"""Longest list that is shown in full."""


@dataclass(frozen=True)
class SplitCount:
    """Documents and pages of one split."""

    documents: int
    pages: int


def split_counts(lineage: Lineage) -> dict[str, SplitCount]:
    """Return split → counts, for all three splits."""
    documents = Counter(row.split for row in lineage.documents)
    pages = Counter(row.split for row in lineage.pages)
    return {split: SplitCount(documents[split], pages[split]) for split in SPLITS}


def label_sources(lineage: Lineage) -> dict[str, int]:
    """Return label source → pages, most first."""
    return dict(Counter(row.label_source for row in lineage.pages).most_common())


def reviewers(lineage: Lineage) -> dict[str, int]:
    """Return reviewer → pages, most first; pages without a named reviewer are left out."""
    return dict(Counter(row.reviewer for row in lineage.pages if row.reviewer).most_common())


def headline(lineage: Lineage) -> dict[str, dict[str, float | None]]:
    """Return headline metric → {"base": …, "tuned": …}; {} where nothing was scored.

    Last comes `retention.cer_mean`, of the pages that nobody trains on: forgetting shows there.
    """
    found = {
        name: {model: lineage.metric(model, name) for model in ("base", "tuned")}
        for name in HEADLINE
        if lineage.metric("tuned", name) is not None
    }
    kept = lineage.metrics.get("retention")
    if kept:
        found[f"retention.{HEADLINE[0]}"] = {model: kept[model].get(HEADLINE[0]) for model in ("base", "tuned")}
    return found


def in_words(value: Any) -> str:
    """Return a recorded value as people read it: digests and numbers short, null and the empty text as "none"."""
    if value is None or value == "":
        return "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef"):
        return value[:SHORT]
    if isinstance(value, list) and 0 < len(value) <= _LISTED and not any(isinstance(one, list | dict) for one in value):
        return ", ".join(map(in_words, value))
    if isinstance(value, list | dict):
        return counted(len(value), "entry")
    return str(value)


def row_json(row: Any) -> dict[str, Any]:
    """Return a flat dataclass as {field: value} (dataclasses.asdict copies deeply, which costs with 20,000 pages)."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


def commit_json(commit: Commit) -> dict[str, str]:
    """Return {"hash", "date", "subject"}."""
    return {"hash": commit.hash, "date": commit.date, "subject": commit.subject}


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return which version of a lineage it is: {"path", "md5", "commits", "tags", "working_tree"}."""
    return {
        "path": entry.path,
        "md5": entry.md5,
        "commits": [commit_json(commit) for commit in entry.commits],
        "tags": list(entry.tags),
        "working_tree": entry.in_working_tree,
    }


def unreadable_json(missing: Iterable[Unreadable]) -> list[dict[str, Any]]:
    """Return what could not be read: [{"what", "md5", "commits", "reason", "todo"}]."""
    return [
        row_json(item) | {"commits": [commit_json(commit) for commit in item.commits]} for item in missing
    ]  # fmt: skip

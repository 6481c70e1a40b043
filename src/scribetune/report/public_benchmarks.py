"""How a benchmark's scores are shown: the same tables and sentences in report, model card and on the terminal."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scribetune.core.errors import counted
from scribetune.core.package import package_file
from scribetune.report.data import Pair
from scribetune.report.tables import verdict

_DATA: Mapping[str, Any] = json.loads(package_file("benchmark_columns.json").read_text(encoding="utf-8"))
KINDS: Mapping[str, str] = _DATA["kinds"]
NAMES: Mapping[str, str] = _DATA["names"]
"""Names of the metrics that are compared page by page, in the order shown."""
_NAMED = 3


@dataclass(frozen=True)
class Note:
    """A sentence about a benchmark; `serious` where a reader must not miss it."""

    text: str
    serious: bool = False

    def __post_init__(self) -> None:
        """End the sentence, whatever a message or a name in it ends with."""
        object.__setattr__(self, "text", self.text.rstrip(".") + ".")


@dataclass(frozen=True)
class Cell:
    """A value as it is shown, and its 95 % interval where it has one ("" without)."""

    value: float | None
    text: str
    interval: str = ""


@dataclass(frozen=True)
class TableColumn:
    """A column of a published table: heading ("Text edit ↓"), both models' cells, and the change in words."""

    heading: str
    base: Cell
    tuned: Cell
    change: Cell
    verdict: str


@dataclass(frozen=True)
class GroupTable:
    """Pages by one attribute, or facts by type: headings, and a row (name, pages or facts, columns) per value."""

    title: str
    counted: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[TableColumn, ...]], ...]


@dataclass(frozen=True)
class ChangeRow:
    """One metric compared page by page: name, pages, gain with its interval, p ("" where none), better/same/worse."""

    name: str
    pages: int
    gain: str
    interval: str
    p: str
    outcome: str


@dataclass(frozen=True)
class BenchmarkView:
    """A benchmark as it is shown."""

    name: str
    kind: str
    columns: tuple[TableColumn, ...]
    notes: tuple[Note, ...]
    changes: tuple[ChangeRow, ...]
    groups: tuple[GroupTable, ...]


def view(scores: Mapping[str, Any]) -> BenchmarkView:
    """Arrange the content of a scores.json."""
    return BenchmarkView(
        name=scores["name"],
        kind=KINDS[scores["kind"]],
        columns=tuple(map(table_column, scores["columns"])),
        notes=(*notes(scores), *column_notes(scores["columns"])),
        changes=tuple(_change(key, scores["change"][key]) for key in NAMES if key in scores["change"]),
        groups=tuple(map(_group, scores["groups"])),
    )


def table_column(column: Mapping[str, Any]) -> TableColumn:
    """Arrange one column of a table."""
    values = Pair(column["base"], column["tuned"])
    digits = int(column.get("digits", 4))  # as published: two of values up to 100, four of those up to 1

    def cell(key: str, value: float | None, sign: str = "") -> Cell:
        interval = (f"{column[f'{key}_{end}']:.{digits}f}" for end in ("low", "high") if f"{key}_low" in column)
        text = "—" if value is None else f"{value:{sign}.{digits}f}"
        return Cell(value, text.replace("-", "−") if sign else text, " to ".join(interval).replace("-", "−"))

    base, tuned, change = cell("base", values.base), cell("tuned", values.tuned), cell("gain", values.change, "+")
    arrow = {"lower": " ↓", "higher": " ↑"}[column["better"]]
    return TableColumn(column["name"] + arrow, base, tuned, change, verdict(values, column["better"]))


def _change(key: str, found: Mapping[str, Any]) -> ChangeRow:
    gain, interval = f"{found['gain']:+.4f}", f"{found['low']:.4f} to {found['high']:.4f}"
    p = f"{found['p']:.4f}" if "p" in found else ""
    outcome = f"{found['wins']} / {found['ties']} / {found['losses']}" if "wins" in found else ""
    return ChangeRow(NAMES[key], int(found["pages"]), gain.replace("-", "−"), interval.replace("-", "−"), p, outcome)


def _group(table: Mapping[str, Any]) -> GroupTable:
    rows = tuple(
        (str(row["name"]), int(row["pages"]), tuple(map(table_column, row["columns"]))) for row in table["rows"]
    )
    headings = tuple(column.heading for column in rows[0][2]) if rows else ()
    return GroupTable(str(table["attribute"]).replace("_", " "), str(table["counted"]), headings, rows)


def column_notes(columns: Sequence[Mapping[str, Any]]) -> list[Note]:
    """Say what columns are empty, or not what is published."""
    return [Note(f"{column['name']}: {column['note']}.") for column in columns if column["note"]]


def notes(scores: Mapping[str, Any]) -> list[Note]:
    """Say what was scored, what could not be, and whether the adapter may have learned from it."""
    counts, unread, refused, leakage = (scores[key] for key in ("pages", "unread", "refused", "leakage"))
    found = [Note(f"Scored: {counts['scored']} of {counted(counts['in_truth'], 'page')} of the set.")]
    if counts["chosen"] < counts["in_truth"]:
        found.append(Note(f"The benchmark's max_pages chose {counts['chosen']} pages; the others were not read."))
    if unread["count"]:
        lost, named = counted(unread["count"], "page"), _names(unread, "{page} ({status}: {why})")
        found.append(Note(f"Not scored, and in no mean: {lost} whose image cannot be had: {named}", True))
    if refused["count"]:
        lost, named = counted(refused["count"], "record"), _names(refused, "{record}: {why}")
        found.append(Note(f"Left out: {lost} of truth that cannot be used: {named}", True))
    if any(scores["cut"].values()):
        cut = ", ".join(f"{count} of the {model} model" for model, count in scores["cut"].items())
        found.append(Note(f"Answers cut at the token limit (generate.max_new_tokens): {cut}", True))
    found.append(_leakage(leakage))
    same = leakage["same_images"]
    if same["count"]:
        count, named = counted(same["count"], "page"), _names(same, "{page} ({learned})")
        found.append(Note(f"{count} with the very image of a page learned from: {named}", True))
    if leakage["unchecked"]:
        count = counted(leakage["unchecked"], "page")
        found.append(Note(f"{count} without any text to compare with pages learned from."))
    return found


def _leakage(leakage: Mapping[str, Any]) -> Note:
    near, learned = leakage["near_duplicates"], counted(leakage["learned"], "page")
    where = f"the {learned} that the adapter learned from (training and validation)"
    if not near["count"]:
        return Note(f"None of the {leakage['checked']} pages compared by text is a near-duplicate of one of {where}.")
    named = _names(near, "{page} (of {learned})")
    return Note(
        f"Near-duplicates of {where}: {near['count']} of the {leakage['checked']} pages compared by text: {named}. "
        "Scores on them say nothing about new pages",
        True,
    )


def _names(found: Mapping[str, Any], form: str) -> str:
    """Name the first few of the pages or records, and say how many more there are."""
    named = [form.format_map(row) for row in found["first"][:_NAMED]]
    more = f"; and {found['count'] - len(named)} more (scores.json)" if found["count"] > _NAMED else ""
    return "; ".join(named) + more

"""How a benchmark's scores are shown: the same tables and sentences in report, model card and on the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scribetune.report_data import Pair
from scribetune.report_tables import verdict

KINDS: Mapping[str, str] = {
    "omnidocbench": "OmniDocBench, end to end; columns as in the tables of v1.5",
    "olmocr": "olmOCR-bench: facts that hold, in percent; columns as in its table; formulas compared by LaTeX tokens",
    "pages": "Pages of text",
}
NAMES: Mapping[str, str] = {
    "odb.text_edit": "Text edit",
    "odb.formula_edit": "Formula edit",
    "odb.table_teds": "Table TEDS",
    "odb.table_teds_s": "Table TEDS-S",
    "odb.reading_order": "Read order edit",
    "cer": "CER",
    "wer": "WER",
    "table_f1": "Table F1",
    "hallucination": "Hallucination",
    "loop": "Loops",
    "olmocr.pass_rate": "Pass rate, mean over files",
}
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
    change = values.change
    cells = [_cell(column, model) for model in ("base", "tuned")]
    shown = "—" if change is None else _signed(change, column)
    arrow = {"lower": " ↓", "higher": " ↑"}[column["better"]]
    difference = Cell(change, shown, _interval(column, "gain"))
    return TableColumn(column["name"] + arrow, cells[0], cells[1], difference, verdict(values, column["better"]))


def _cell(column: Mapping[str, Any], model: str) -> Cell:
    value = column[model]
    text = "—" if value is None else f"{value:.{_digits(column)}f}"
    return Cell(value, text, _interval(column, model))


def _digits(column: Mapping[str, Any]) -> int:
    """As published: two digits of values up to 100, four of those up to 1."""
    return int(column.get("digits", 4))


def _interval(column: Mapping[str, Any], key: str) -> str:
    if f"{key}_low" not in column:
        return ""
    digits = _digits(column)
    return f"{column[f'{key}_low']:.{digits}f} to {column[f'{key}_high']:.{digits}f}".replace("-", "−")


def _signed(value: float, column: Mapping[str, Any]) -> str:
    return f"{value:+.{_digits(column)}f}".replace("-", "−")


def _change(key: str, found: Mapping[str, Any]) -> ChangeRow:
    outcome = f"{found['wins']} / {found['ties']} / {found['losses']}" if "wins" in found else ""
    return ChangeRow(
        name=NAMES[key],
        pages=int(found["pages"]),
        gain=f"{found['gain']:+.4f}".replace("-", "−"),
        interval=f"{found['low']:.4f} to {found['high']:.4f}".replace("-", "−"),
        p=f"{found['p']:.4f}" if "p" in found else "",
        outcome=outcome,
    )


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
    found = [Note(f"Scored: {counts['scored']} of {_plural(counts['in_truth'], 'page')} of the set.")]
    if counts["chosen"] < counts["in_truth"]:
        found.append(Note(f"The benchmark's max_pages chose {counts['chosen']} pages; the others were not read."))
    if unread["count"]:
        named = _names([f"{row['page']} ({row['status']}: {row['why']})" for row in unread["first"]], unread["count"])
        found.append(
            Note(
                f"Not scored, and in no mean: {_plural(unread['count'], 'page')} whose image cannot be had: {named}",
                True,
            )
        )
    if refused["count"]:
        named = _names([f"{row['record']}: {row['why']}" for row in refused["first"]], refused["count"])
        found.append(
            Note(f"Left out: {_plural(refused['count'], 'record')} of truth that cannot be used: {named}", True)
        )
    if any(scores["cut"].values()):
        cut = ", ".join(f"{count} of the {model} model" for model, count in scores["cut"].items())
        found.append(Note(f"Answers cut at the token limit (generate.max_new_tokens): {cut}", True))
    found.append(_leakage(leakage))
    same = leakage["same_images"]
    if same["count"]:
        named = _names([f"{row['page']} ({row['learned']})" for row in same["first"]], same["count"])
        found.append(
            Note(f"{_plural(same['count'], 'page')} with the very image of a page learned from: {named}", True)
        )
    if leakage["unchecked"]:
        found.append(
            Note(f"{_plural(leakage['unchecked'], 'page')} without any text to compare with pages learned from.")
        )
    return found


def _leakage(leakage: Mapping[str, Any]) -> Note:
    near, learned = leakage["near_duplicates"], _plural(leakage["learned"], "page")
    where = f"the {learned} that the adapter learned from (training and validation)"
    if not near["count"]:
        return Note(f"None of the {leakage['checked']} pages compared by text is a near-duplicate of one of {where}.")
    named = _names([f"{row['page']} (of {row['learned']})" for row in near["first"]], near["count"])
    return Note(
        f"Near-duplicates of {where}: {near['count']} of the {leakage['checked']} pages compared by text: {named}. "
        "Scores on them say nothing about new pages",
        True,
    )


def _names(found: Sequence[str], count: int) -> str:
    more = f"; and {count - len(found[:_NAMED])} more (scores.json)" if count > _NAMED else ""
    return "; ".join(found[:_NAMED]) + more


def _plural(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"

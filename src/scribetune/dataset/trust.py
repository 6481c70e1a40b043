"""How far a label can be trusted: the probability that it is right, from all that was checked, and the reasons.

A logistic model of few parts, each of which can only lower the trust: log odds = `BASE` less the weights of the parts
that speak against the label, each by the logarithm of how much there is of it. The weights are fitted by
`python measurements/planted_defects.py --fit`, on pages with planted defects and on pages read by people. A part that
was not checked is absent, and speaks neither for nor against.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TEACHER = 0.5
"""Of a label that another model wrote: it was made from the image, and nothing here speaks of it."""
_LEAST = 0.001
_BETWEEN = "; "
_TOLD = 0.05  # of the log odds: what lowers them less is no reason


@dataclass(frozen=True)
class Part:
    """One thing that was checked.

    Attributes:
        name: Of the part, and of what it is fitted as.
        amount: How much speaks against a label, from its page's row and its own; 0 for nothing, None if not checked.
        weight: What each unit of log(1 + amount) takes off the log odds.
        reason: What a person is told.
        unit: Of the amount, which follows it.
    """

    name: str
    amount: Callable[[Mapping[str, Any]], float | None]
    weight: float
    reason: str
    unit: str = ""


@dataclass(frozen=True)
class Trust:
    """How far a label can be trusted, within 0 and 1, and what speaks against it, the weightiest first."""

    value: float
    reasons: tuple[str, ...] = ()


def _number(row: Mapping[str, Any], column: str) -> float | None:
    """Return a cell that holds a number of what was checked; None for another, or none."""
    try:
        value = float(row[column])
    except (KeyError, ValueError, TypeError):
        return None
    return None if math.isnan(value) or value < 0 else value


def _count(column: str) -> Callable[[Mapping[str, Any]], float | None]:
    return lambda row: _number(row, column)


def _percent(column: str) -> Callable[[Mapping[str, Any]], float | None]:
    def amount(row: Mapping[str, Any]) -> float | None:
        share = _number(row, column)
        return None if share is None else 100 * share

    return amount


def _missing_percent(column: str) -> Callable[[Mapping[str, Any]], float | None]:
    def amount(row: Mapping[str, Any]) -> float | None:
        share = _number(row, column)
        return None if share is None else max(0.0, 100 * (1 - share))

    return amount


def _odds_against_tables(row: Mapping[str, Any]) -> float | None:
    trusted = _number(row, "table_trust")
    return None if trusted is None else (1 - trusted) / max(trusted, _LEAST)


def _untagged_tables(row: Mapping[str, Any]) -> float | None:
    if str(row.get("is_tagged", "")).lower() == "true" or _number(row, "table_trust") is not None:
        return 0.0
    tables = _number(row, "tables")
    return None if tables is None else min(tables, 1.0)  # one that is read wrong makes the page wrong


def _lost_lines(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the lines that a page's image shows where there are no words, each with its text and its box."""
    told = row.get("disagreements")
    found = json.loads(told) if isinstance(told, str) and told else ()
    return [line for one in found if one.get("kind") == "lost" for line in one["readings"]]


def _lines_lost(row: Mapping[str, Any]) -> float | None:
    return None if _number(row, "agreement") is None else float(len(_lost_lines(row)))


def _of_witnesses(column: str, weight: float, reason: str) -> Part:
    """Return the part that is one of the counts of `labels.witnesses`, by its column."""
    return Part(column, _count(column), weight, reason)


BASE = 2.4
PARTS = (
    _of_witnesses("words_lost", 3.7, "words of the page are not in the label"),
    _of_witnesses("words_surplus", 3.5, "words of the label are not on the page, or not so often"),
    _of_witnesses("words_cut", 4.5, "words joined or divided otherwise than on the page"),
    _of_witnesses("phrases_torn", 1.8, "words close together on a line are apart in the label"),
    _of_witnesses("lines_torn", 1.2, "lines that go on below are apart in the label"),
    _of_witnesses("order_breaks", 3.0, "lines stand before what is above them, or to their left"),
    _of_witnesses("sentences_cut", 3.0, "text that goes on is cut by what stands elsewhere"),
    _of_witnesses("lines_woven", 0.2, "paragraphs go over the gap between columns and back"),
    _of_witnesses("values_parted", 1.4, "values are parted from the names beside them"),
    _of_witnesses("cells_astray", 4.7, "cells stand in another row or column on the page"),
    _of_witnesses("cells_merged", 0.1, "cells have two columns of the page"),
    _of_witnesses("headings_in_tables", 5.7, "headings are rows of a table"),
    _of_witnesses("columns_split", 2.0, "headings of a table stand beside their columns"),
    _of_witnesses("marks_in_words", 2.4, "words have marks among their letters"),
    _of_witnesses(
        "figures_astray",
        2.9,
        "pictures that layout analysis sees otherwise, without a mark in their place, or a form or text for a drawing",
    ),
    _of_witnesses(
        "drawn_apart",
        3.0,
        "words have other neighbours than on the page's lines and in the order in which it draws them",
    ),
    Part("recall", _missing_percent("word_recall"), 0.1, "words of the text layer are missing, by place", " %"),
    Part("precision", _missing_percent("word_precision"), 0.1, "words are not where the text layer has them", " %"),
    Part("glyphs", _percent("unlike_share"), 4.2, "characters are drawn as others than the PDF says", " %"),
    Part("unmapped", _percent("unmapped_share"), 2.5, "glyphs map to no character", " %"),
    Part("unread", _percent("unread_share"), 0.5, "rows of text are seen that the text layer has not", " %"),
    Part("formulas", _count("formulas_unicode"), 0.1, "formulas are characters without LaTeX"),
    Part("formulas lost", _count("formulas_lost"), 2.0, "LaTeX of formulas found no place"),
    Part("tables", _untagged_tables, 3.0, "the page has tables, and neither tags nor a second reading confirm them"),
    Part("table agreement", _odds_against_tables, 2.4, "two readings of a table differ", " to 1 against it"),
    Part("lines lost", _lines_lost, 3.0, "lines are seen in the image that the text layer has not"),
    Part("image", _missing_percent("agreement"), 0.5, "the reading of the image has other words", " %"),
)
"""All that is checked, each with its weight."""


def of(row: Mapping[str, Any]) -> Trust:
    """Return the trust in a label, from its row in the manifest of labels joined with that of its page.

    A person's label has 1, another model's one half; one that failed has 0.
    """
    status = row.get("status_label", row.get("status"))
    if status != "ok":
        return Trust(0.0)
    if row["label_source"] == "correction":
        return Trust(1.0)
    if row["label_source"] == "teacher":
        return Trust(_TEACHER, ("a model wrote the label from the image",))
    odds, against = BASE, []
    for part in PARTS:
        amount = part.amount(row)
        lowered = part.weight * math.log1p(amount) if amount else 0.0
        odds -= lowered
        if lowered > _TOLD:
            against.append((-lowered, _told(part, amount or 0.0, _places(row))))
    return Trust(round(1 / (1 + math.exp(-odds)), 4), tuple(reason for _, reason in sorted(against)))


def joined(reasons: Sequence[str]) -> str:
    """Return reasons as one cell of a manifest."""
    return _BETWEEN.join(reasons)


def parted(cell: str) -> tuple[str, ...]:
    """Return the reasons that `joined` put into a cell."""
    return tuple(filter(None, cell.split(_BETWEEN)))


def _places(row: Mapping[str, Any]) -> list[Sequence[Any]]:
    """Return what was found where: name of the part, what the page has, what the label has, left and top in points."""
    findings = str(row.get("findings") or "")
    lost = (("lines lost", line["image"], "", *(round(side) for side in line["box"][:2])) for line in _lost_lines(row))
    return [*(json.loads(findings) if findings else ()), *lost]


def _told(part: Part, amount: float, places: Sequence[Sequence[Any]]) -> str:
    """Return a reason with the first place that it was seen at."""
    reason = f"{part.reason}: {amount:.{1 if part.unit else 0}f}{part.unit}"
    for kind, page, label, x, y, *_ in places:
        if kind == part.name:
            quoted = f"page “{page}”" if page else "page nothing"
            written = f"label “{label}”" if label else "label nothing"
            return f"{reason} ({quoted}, {written}, {x} pt from the left, {y} pt from the top)".replace(";", ",")
    return reason

"""Places where a page speaks against its label: their kinds, and how the manifest tells of them."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scribetune.labels.tables.cells import Box

MOST_QUOTED = 40  # characters
_MOST_TOLD = 3  # findings of a kind


class Doubt(StrEnum):
    """What a page says against its label; the name of its count in the manifest."""

    LOST = "words_lost"
    SURPLUS = "words_surplus"
    CUT = "words_cut"
    TORN = "phrases_torn"
    FLOW = "lines_torn"
    ORDER = "order_breaks"
    SENTENCES = "sentences_cut"
    WOVEN = "lines_woven"
    PARTED = "values_parted"
    ASTRAY = "cells_astray"
    MERGED = "cells_merged"
    SPLIT = "columns_split"
    HEADING = "headings_in_tables"
    MARKS = "marks_in_words"
    FIGURES = "figures_astray"
    DRAWN = "drawn_apart"


LIGHT = (Doubt.WOVEN, Doubt.MERGED)
"""Kinds of which one finding alone leaves a label trusted (`dataset.trust`); one of any other does not."""


@dataclass(frozen=True)
class Finding:
    """One place that speaks against a label."""

    doubt: Doubt
    page: str  # what the page reads there
    label: str  # what the label has instead, "" where it has nothing
    box: Box  # in points of the page


def counts(findings: Sequence[Finding]) -> dict[str, int]:
    """Return how many findings there are of each kind, by its column in the manifest."""
    found = Counter(finding.doubt for finding in findings)
    return {doubt.value: found[doubt] for doubt in Doubt}


def as_text(findings: Sequence[Finding]) -> str:
    """Write the first findings of each kind down: a JSON list of [kind, page, label, x0, y0, x1, y1], "" for none."""
    kept = [f for doubt in Doubt for f in [f for f in findings if f.doubt is doubt][:_MOST_TOLD]]
    told = [[f.doubt.value, f.page[:MOST_QUOTED], f.label[:MOST_QUOTED], *map(round, f.box)] for f in kept]
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")) if told else ""

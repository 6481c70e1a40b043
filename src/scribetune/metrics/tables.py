"""Table metrics of a page that has any number of tables, in the reference and in the prediction.

With m tables in the reference and n in the prediction, an assignment pairs min(m, n) of them so that the sum of their
GriTS_Con F1 is greatest (Hungarian method; ties go to the pairing nearest to reading order). For a similarity s of
one pair (GriTS_Con, GriTS_Top, adjacency F1, TEDS or TEDS-S), with S its sum over the pairs,

    precision = S / n,  recall = S / m,  F1 = 2 S / (m + n).

Each table has one vote, whatever its size. One table on both sides: F1 is s itself. A missing prediction adds 0 (n =
0 gives F1 = 0); a predicted table without a reference counts against precision (m = 0 gives F1 = 0); a page without
tables on both sides is not counted (None).

White space first: where an HTML table of the page, in either text, is indented or padded, all its tables are compared
as a browser shows them (`text.html_spaces`). Compact HTML is compared with every blank, as the reference
implementations do. Where either table is Markdown, which cannot hold white space at a cell's ends, white space in cells
is collapsed on both sides.

TEDS compares markup, as OmniDocBench normalises it: of two HTML tables that of their sources; where either is Markdown,
both are written as HTML from their cells.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from scribetune.metrics import adjacency, grits, teds
from scribetune.metrics.markdown import find_tables
from scribetune.metrics.omnidocbench.normalisation import normalised_html_table
from scribetune.text.grids import Table

_ORDER_WEIGHT = 1e-9
"""Cost of pairing tables one place apart in reading order: decides ties, changes no score."""


@dataclass(frozen=True)
class PageTables:
    """Table scores of one page, each within 0 and 1.

    The content is compared by GriTS_Con, the structure by GriTS_Top, adjacency as in ICDAR 2013: as there, a table with
    a single filled cell has no relation and gives 0. Precision is 0 where nothing is predicted, recall where nothing
    was to be found.
    """

    reference_tables: int
    predicted_tables: int
    content_f1: float
    content_precision: float
    content_recall: float
    structure_f1: float
    adjacency_f1: float
    teds: float
    teds_s: float


def page_tables(reference: str, hypothesis: str) -> PageTables | None:
    """Score the tables of a page by the formula above.

    None where neither text has a table.
    """
    references, predictions = find_tables(reference), find_tables(hypothesis)
    if any(table.collapsed for table in [*references, *predictions]):
        references, predictions = find_tables(reference, collapse=True), find_tables(hypothesis, collapse=True)
    if not references and not predictions:
        return None
    pairs = [
        _comparable(references[first], predictions[second]) for first, second in _assignment(references, predictions)
    ]
    content = sum(_content_f1(*pair) for pair in pairs)
    similarities = [_teds(reference.html, prediction.html) for reference, prediction in pairs]
    both = len(references) + len(predictions)
    return PageTables(
        reference_tables=len(references),
        predicted_tables=len(predictions),
        content_f1=2 * content / both,
        content_precision=content / len(predictions) if predictions else 0.0,
        content_recall=content / len(references) if references else 0.0,
        structure_f1=2 * sum(grits.grits_top(*pair).f1 for pair in pairs) / both,
        adjacency_f1=2 * sum(adjacency.icdar13(*pair).f1 for pair in pairs) / both,
        teds=2 * sum(score for score, _ in similarities) / both,
        teds_s=2 * sum(score for _, score in similarities) / both,
    )


def _comparable(reference: Table, prediction: Table) -> tuple[Table, Table]:
    if reference.syntax == prediction.syntax == "html":
        return reference, prediction
    return reference.with_collapsed_spaces(), prediction.with_collapsed_spaces()


# A looping model writes the same table many times over.
@lru_cache(maxsize=1024)
def _content_f1(reference: Table, prediction: Table) -> float:
    return grits.grits_con(reference, prediction).f1


@lru_cache(maxsize=1024)
def _teds(reference: str, prediction: str) -> tuple[float, float]:
    """Return TEDS and TEDS-S of two tables, each within a document of its own."""
    first, second = (
        teds.tree_from_html(normalised_html_table(f"<html><body>{table}</body></html>"))
        for table in (reference, prediction)
    )
    return teds.similarity(first, second), teds.similarity(first, second, structure_only=True)


def _assignment(references: list[Table], predictions: list[Table]) -> list[tuple[int, int]]:
    if len(references) == len(predictions) == 1:
        return [(0, 0)]
    if not references or not predictions:
        return []
    from scipy.optimize import linear_sum_assignment

    gain = np.array(
        [
            [
                _content_f1(*_comparable(reference, prediction)) - _ORDER_WEIGHT * abs(first - second)
                for second, prediction in enumerate(predictions)
            ]
            for first, reference in enumerate(references)
        ]
    )
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))

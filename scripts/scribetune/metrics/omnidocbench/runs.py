"""Aggregates over pages, as OmniDocBench v1.5 publishes them.

Distances are averaged over pages, each page being one pool (its `ALL_page_avg`); TEDS first over a page's tables, then
over pages. Pages without elements of a kind are not counted. Beside them, for comparison: all elements in one pool
(`whole`) and the mean over elements (`by_element`).

The original's pages are told apart by the name of their image, of which it drops what follows the last "_" unless it
ends in ".jpg". Here a page is a page.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scribetune.metrics.omnidocbench.page_scores import Element, PageElements, ReadingOrder, page_scores


@dataclass(frozen=True)
class Distances:
    """A distance over a run: mean over pages, over all elements in one pool, mean over elements; None without any."""

    by_page: float | None
    whole: float | None
    by_element: float | None


@dataclass(frozen=True)
class Similarities:
    """TEDS over a run: mean over pages, and over all tables; None without any."""

    by_page: float | None
    by_element: float | None


@dataclass(frozen=True)
class RunScores:
    """Scores of a run.

    Attributes:
        text: `odb.text_edit`.
        formula: `odb.formula_edit`.
        table: Distance of tables' normalised HTML.
        table_teds: `odb.table_teds`.
        table_teds_s: By structure alone.
        reading_order: `odb.reading_order`.
        hallucination_rate: Mean share of predicted blocks that answer nothing.
    """

    text: Distances
    formula: Distances
    table: Distances
    table_teds: Similarities
    table_teds_s: Similarities
    reading_order: Distances
    hallucination_rate: float | None


def overall_without_cdm(text_edit: float, table_teds: float) -> float:
    """Return "overall (no CDM)", 0 to 100: the mean of (1 - text distance) × 100 and TEDS × 100.

    The published overall value has CDM of the formulas as a third part; this one is not comparable with it.
    """
    return 50 * (1 - text_edit + table_teds)


def run_scores(pages: Sequence[PageElements]) -> RunScores:
    """Aggregate the elements of all pages of a run."""
    # Formulas that were read as text join the text, if the run has any.
    has_text = any(page.text for page in pages)
    orders = [[page.order] for page in pages if page.order]
    shares = [share for page in pages if (share := page_scores(page).hallucination) is not None]
    return RunScores(
        text=_distances([[*page.text, *(page.formulas_as_text if has_text else ())] for page in pages]),
        formula=_distances([page.formulas for page in pages]),
        table=_distances([page.tables for page in pages]),
        table_teds=_similarities([[table.teds for table in page.tables] for page in pages]),
        table_teds_s=_similarities([[table.teds_s for table in page.tables] for page in pages]),
        reading_order=_distances(orders),
        hallucination_rate=_mean(shares),
    )


def _distances(pages: Sequence[Sequence[Element | ReadingOrder]]) -> Distances:
    elements = [element for page in pages for element in page]
    pools = [(sum(element.edits for element in page), sum(element.length for element in page)) for page in pages]
    length = sum(element.length for element in elements)
    return Distances(
        by_page=_mean([edits / size for edits, size in pools if size]),
        whole=sum(element.edits for element in elements) / length if length else None,
        by_element=_mean([element.edits / element.length for element in elements if element.length]),
    )


def _similarities(pages: Sequence[Sequence[float | None]]) -> Similarities:
    counted = [[value for value in page if value is not None] for page in pages]
    return Similarities(
        by_page=_mean([sum(page) / len(page) for page in counted if page]),
        by_element=_mean([value for page in counted for value in page]),
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None

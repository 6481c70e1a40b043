"""Scorer of the ICDAR 2013 table competition's data: labels' tables against the cells that people marked.

Göbel, Hassan, Oro, Orsi: "ICDAR 2013 Table Competition". A document's `*-str.xml` has its tables, each of one or more
regions (a region lies on one page), each region its cells with rows and columns from 0. Labels are made page by page,
so that a region is a table here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from lxml import etree
from scipy.optimize import linear_sum_assignment

from scribetune.metrics import adjacency, grits
from scribetune.metrics.markdown import find_tables
from scribetune.text.grids import Cell, Table, table


@dataclass(frozen=True)
class DocumentScore:
    """One document's tables, scored together.

    Attributes:
        adjacency_correct: Adjacency relations in common.
        adjacency_reference: Relations that people marked.
        adjacency_predicted: Relations of the labels' tables, those of tables where there is none included.
        content: Sum of GriTS_Con over the tables paired with each other.
        reference_tables: Tables (regions) that people marked.
        predicted_tables: Tables in the labels of all pages.
    """

    adjacency_correct: int
    adjacency_reference: int
    adjacency_predicted: int
    content: float
    reference_tables: int
    predicted_tables: int

    @property
    def adjacency_f1(self) -> float:
        """2 × correct / (relations marked + relations predicted)."""
        both = self.adjacency_reference + self.adjacency_predicted
        return 2 * self.adjacency_correct / both if both else 1.0

    @property
    def grits_con(self) -> float:
        """Mean GriTS_Con of the tables marked: 0 for one that was not found."""
        return self.content / self.reference_tables if self.reference_tables else 1.0

    @property
    def grits_con_f1(self) -> float:
        """2 × summed GriTS_Con / (tables marked + tables predicted): tables where there is none count against it."""
        both = self.reference_tables + self.predicted_tables
        return 2 * self.content / both if both else 1.0


def total(scores: Sequence[DocumentScore]) -> DocumentScore:
    """Add documents up, for figures over all tables."""
    return DocumentScore(
        sum(score.adjacency_correct for score in scores),
        sum(score.adjacency_reference for score in scores),
        sum(score.adjacency_predicted for score in scores),
        sum(score.content for score in scores),
        sum(score.reference_tables for score in scores),
        sum(score.predicted_tables for score in scores),
    )


def references(structure: Path) -> dict[int, list[Table]]:
    """Read a `*-str.xml`.

    Returns:
        Page (from 1) → its tables in the order of the file.
    """
    pages: dict[int, list[Table]] = {}
    for region in etree.parse(str(structure)).iter("region"):
        cells = [_cell(cell) for cell in region.iter("cell")]
        # Some of the files count from 1: a row and a column that no cell is in are none of the table's.
        top, left = min(cell.row for cell in cells), min(cell.column for cell in cells)
        cells = [replace(cell, row=cell.row - top, column=cell.column - left) for cell in cells]
        pages.setdefault(int(region.get("page") or 1), []).append(table(cells, "html"))
    return pages


def _cell(element: "etree._Element") -> Cell:
    row, column = int(element.get("start-row") or 0), int(element.get("start-col") or 0)
    rows = int(element.get("end-row") or row) - row + 1
    columns = int(element.get("end-col") or column) - column + 1
    return Cell(row, column, " ".join((element.findtext("content") or "").split()), rows, columns)


def score(marked: Mapping[int, Sequence[Table]], labels: Mapping[int, str]) -> DocumentScore:
    """Score one document.

    Args:
        marked: Page → its tables, from `references`.
        labels: Page → its label.
    """
    scores = [
        _page(marked.get(page, ()), find_tables(labels.get(page, ""))) for page in sorted(set(marked) | set(labels))
    ]
    return total(scores)


def _page(marked: Sequence[Table], found: Sequence[Table]) -> DocumentScore:
    """Pair the tables of one page for the greatest sum of GriTS_Con, and add up both measures."""
    found = [grid.with_collapsed_spaces() for grid in found]
    gain = np.array([[grits.grits_con(one, other).f1 for other in found] for one in marked])
    pairs = list(zip(*linear_sum_assignment(gain, maximize=True), strict=True)) if gain.size else []
    relations = [adjacency.icdar13(marked[first], found[second]) for first, second in pairs]
    return DocumentScore(
        sum(relation.correct for relation in relations),
        sum(adjacency.icdar13(grid, grid).reference_relations for grid in marked),
        sum(adjacency.icdar13(grid, grid).predicted_relations for grid in found),
        float(sum(gain[first, second] for first, second in pairs)),
        len(marked),
        len(found),
    )

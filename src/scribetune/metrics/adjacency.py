"""Adjacency relations between neighbouring cells (ICDAR 2013 table competition), for comparison with older work.

`icdar13` is SciTSR's evaluation (Academic-Hammer/SciTSR, scitsr/eval.py, blanks compared): texts without white space
and in upper case; blank cells are skipped and counted; F1 = 2 P R / (P + R) over the multiset of relations (from, to,
direction, blanks between). This is `table_adj_f1`.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from scribetune.text.grids import Table

Direction = Literal["right", "down"]
Relation = tuple[str, str, Direction, int]
"""Text of a cell, text of its neighbour, where that lies, and how many blank slots lie between."""

_WHITE_SPACE = str.maketrans("", "", "\r\n \t")


@dataclass(frozen=True)
class Adjacency:
    """Relations in common, in the reference and in the prediction, with the scores made of them."""

    correct: int
    reference_relations: int
    predicted_relations: int
    precision: float
    recall: float
    f1: float


def icdar13(reference: Table, prediction: Table) -> Adjacency:
    """Compare as SciTSR does; precision, recall and F1 are 0 where there is no relation to divide by (1×1 tables)."""
    wanted, found = _relations(reference), _relations(prediction)
    correct = (Counter(wanted) & Counter(found)).total()
    precision, recall = (correct / len(relations) if relations else 0.0 for relations in (found, wanted))
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Adjacency(correct, len(wanted), len(found), precision, recall, f1)


def _relations(table: Table) -> list[Relation]:
    """Relate each cell with text to the next one to the right in each of its rows, and below in each of its columns.

    A pair of cells is related once: to the right before down, the first row (column) that shows it decides.
    """
    rows, columns = table.slots, tuple(zip(*table.slots, strict=True))
    related: dict[tuple[int, int], Relation] = {}
    direction: Direction
    for direction, lines in (("right", rows), ("down", columns)):
        for line in lines:
            before, end = -1, 0
            for position, cell in enumerate(line):
                if not table.cells[cell].text.strip():
                    continue
                if before >= 0 and cell != before and (before, cell) not in related:
                    texts = (
                        table.cells[index].text.strip().translate(_WHITE_SPACE).upper() for index in (before, cell)
                    )
                    related[before, cell] = (*texts, direction, position - end - 1)  # type: ignore[assignment]
                before, end = cell, position
    return list(related.values())

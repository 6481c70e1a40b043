"""Adjacency relations between neighbouring cells (ICDAR 2013 table competition), for comparison with older work.

Three published variants, each exact against its own code:

- `icdar13`: SciTSR's evaluation (Academic-Hammer/SciTSR, scitsr/eval.py, blanks compared): texts without white space
  and in upper case; blank cells are skipped and counted. This is `table_adj_f1`.
- `directed`: table-transformer's `dar_con_original`: exact texts, blank cells skipped and counted.
- `directed_with_blanks`: table-transformer's `dar_con_new`: exact texts, blank cells are neighbours like others.

Each gives F1 = 2 P R / (P + R) over the multiset of relations (from, to, direction, blanks between).
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from scribetune.metrics.grids import Table

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
    return _compare(_scitsr_relations(reference), _scitsr_relations(prediction), undefined=0.0)


def directed(reference: Table, prediction: Table) -> Adjacency:
    """Compare as table-transformer's `dar_con_original`; a share of nothing is 1."""
    return _compare(_relations(reference, blanks=False), _relations(prediction, blanks=False), undefined=1.0)


def directed_with_blanks(reference: Table, prediction: Table) -> Adjacency:
    """Compare as table-transformer's `dar_con_new`; empty cases as for `directed`."""
    return _compare(_relations(reference, blanks=True), _relations(prediction, blanks=True), undefined=1.0)


def _compare(reference: list[Relation], prediction: list[Relation], *, undefined: float) -> Adjacency:
    correct = (Counter(reference) & Counter(prediction)).total()
    precision = correct / len(prediction) if prediction else undefined
    recall = correct / len(reference) if reference else undefined
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Adjacency(correct, len(reference), len(prediction), precision, recall, f1)


def _scitsr_relations(table: Table) -> list[Relation]:
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


def _relations(table: Table, *, blanks: bool) -> list[Relation]:
    """Relate each cell to its next neighbours below and to the right; with `blanks`, blank cells count like others."""
    relations: list[Relation] = []
    for cell in table.cells:
        if not blanks and not cell.text:
            continue
        bottom, right = cell.row + cell.row_span, cell.column + cell.column_span
        neighbours: dict[int, tuple[Direction, int]] = {}
        for column in range(cell.column, right):
            for row in range(bottom, table.rows):
                if blanks or table.cells[table.slots[row][column]].text:
                    neighbours[table.slots[row][column]] = ("down", row - bottom)
                    break
        for row in range(cell.row, bottom):
            for column in range(right, table.columns):
                if blanks or table.cells[table.slots[row][column]].text:
                    neighbours[table.slots[row][column]] = ("right", column - right)
                    break
        relations.extend((cell.text, table.cells[index].text, *place) for index, place in neighbours.items())
    return relations

"""GriTS: similarity of two tables as grids (Smock, Pesala, Abraham, "GriTS: Grid table similarity metric", 2022).

Defined by Microsoft's table-transformer, src/grits.py at commit 16d124f, whose values this module gives (1e-9): a
common substructure of both grids (some rows and some columns of each, in order) is found by two alignments, one of
rows and one of columns, each by dynamic programming over 1-D alignments; with M the summed similarity of its slots,

    precision = M / slots(prediction),  recall = M / slots(reference),  F1 = 2 M / (slots(reference) +
    slots(prediction)).

Ties are broken as there (both, then skip a reference line, then a predicted one), or values would differ. The
alignments of all pairs of rows run together in numpy, and a similarity is computed once per distinct pair of cells, by
difflib's matching blocks (`kernels.matching_characters`).
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from scribetune.metrics import kernels
from scribetune.text.grids import Table

Feature = TypeVar("Feature", bound=Hashable)
Scores = NDArray[np.float64]
Indices = NDArray[np.intp]
RelativeSpan = tuple[int, int, int, int]


@dataclass(frozen=True)
class Grits:
    """GriTS of one pair of tables; all values within 0 and 1.

    Attributes:
        f1: F-measure, the score.
        precision: Matched similarity / slots of the prediction; 1 where it has none.
        recall: Matched similarity / slots of the reference; 1 where it has none.
        upper_bound: F-measure that no common substructure can exceed (the alignment is a heuristic).
    """

    f1: float
    precision: float
    recall: float
    upper_bound: float


def grits_con(reference: Table, prediction: Table) -> Grits:
    """Return GriTS_Con: structure and content. Cells are compared by `text_similarity`."""
    return _grits(_texts(reference), _texts(prediction), _text_similarities)


def grits_top(reference: Table, prediction: Table) -> Grits:
    """Return GriTS_Top: structure alone.

    Slots are compared by their cell's rectangle relative to the slot: area of the intersection / area of the smallest
    rectangle around both.
    """
    return _grits(_relative_spans(reference), _relative_spans(prediction), _span_similarities)


def text_similarity(reference: str, prediction: str) -> float:
    """Return 2 × matching characters / summed length by difflib's matching blocks; 1 where both are empty."""
    return float(_text_similarities([reference], [prediction])[0, 0])


def _texts(table: Table) -> list[list[str]]:
    return [[table.cells[index].text for index in line] for line in table.slots]


def _relative_spans(table: Table) -> list[list[RelativeSpan]]:
    """For each slot, its cell's left, top, right and bottom edge relative to the slot; (0, 0, 1, 1) without spans."""
    spans: list[list[RelativeSpan]] = []
    for row, line in enumerate(table.slots):
        spans.append([])
        for column, index in enumerate(line):
            cell = table.cells[index]
            left, top = cell.column - column, cell.row - row
            spans[-1].append((left, top, left + cell.column_span, top + cell.row_span))
    return spans


def _text_similarities(references: Sequence[str], predictions: Sequence[str]) -> Scores:
    matched = kernels.matching_characters(list(references), list(predictions))
    lengths = np.add.outer([len(text) for text in references], [len(text) for text in predictions])
    similarities: Scores = np.where(lengths > 0, 2 * matched / np.maximum(lengths, 1), 1.0)
    return similarities


def _span_similarities(references: Sequence[RelativeSpan], predictions: Sequence[RelativeSpan]) -> Scores:
    similarities = np.zeros((len(references), len(predictions)))
    for first, one in enumerate(references):
        for second, other in enumerate(predictions):
            # Both hold the slot itself, so they always intersect.
            width = min(one[2], other[2]) - max(one[0], other[0])
            height = min(one[3], other[3]) - max(one[1], other[1])
            around = (max(one[2], other[2]) - min(one[0], other[0])) * (max(one[3], other[3]) - min(one[1], other[1]))
            similarities[first, second] = width * height / around
    return similarities


def _grits(
    reference: Sequence[Sequence[Feature]],
    prediction: Sequence[Sequence[Feature]],
    similarity: Callable[[Sequence[Feature], Sequence[Feature]], Scores],
) -> Grits:
    first, first_features = _numbered(reference)
    second, second_features = _numbered(prediction)
    if not first.size or not second.size:
        return _f_measures(0.0, 0.0, first.size, second.size)
    similarities = similarity(first_features, second_features)
    rows, row_total = _align(_line_scores(first, second, similarities))
    columns, column_total = _align(_line_scores(first.T, second.T, similarities))
    matched = 0.0
    for row, predicted_row in rows:
        for column, predicted_column in columns:
            matched += float(similarities[first[row, column], second[predicted_row, predicted_column]])
    return _f_measures(matched, min(row_total, column_total), first.size, second.size)


def _numbered(grid: Sequence[Sequence[Feature]]) -> tuple[Indices, list[Feature]]:
    """Number the distinct features: a rows × columns array of numbers, and the features by number."""
    numbers: dict[Feature, int] = {}
    lines = [[numbers.setdefault(feature, len(numbers)) for feature in line] for line in grid]
    return np.array(lines, dtype=np.intp), list(numbers)


def _line_scores(first: Indices, second: Indices, similarities: Scores) -> Scores:
    """Return for each row of `first` and each of `second` the best total of a 1-D alignment of their slots."""
    nothing = np.zeros((first.shape[0], second.shape[0]))
    above = [nothing] * (second.shape[1] + 1)
    for column in range(first.shape[1]):
        by_feature = similarities[first[:, column]]
        current = [nothing]
        for other in range(second.shape[1]):
            both = above[other] + by_feature[:, second[:, other]]
            current.append(np.maximum(both, np.maximum(above[other + 1], current[other])))
        above = current
    return above[-1]


def _align(rewards: Scores) -> tuple[list[tuple[int, int]], float]:
    """Align two sequences of lines in order for the greatest total reward; return the pairs and the total."""
    lines, others = rewards.shape
    values = rewards.tolist()
    totals = [[0.0] * (others + 1) for _ in range(lines + 1)]
    for line in range(1, lines + 1):
        reward, before, current = values[line - 1], totals[line - 1], totals[line]
        for other in range(1, others + 1):
            current[other] = max(before[other - 1] + reward[other - 1], before[other], current[other - 1])
    pairs = []
    line, other = lines, others
    while line and other:
        total = totals[line][other]
        if totals[line - 1][other - 1] + values[line - 1][other - 1] == total:
            line, other = line - 1, other - 1
            pairs.append((line, other))
        elif totals[line - 1][other] == total:
            line -= 1
        else:
            other -= 1
    return pairs[::-1], totals[-1][-1]


def _f_measures(matched: float, bound: float, reference_slots: int, prediction_slots: int) -> Grits:
    precision = matched / prediction_slots if prediction_slots else 1.0
    recall = matched / reference_slots if reference_slots else 1.0
    return Grits(
        f1=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        precision=precision,
        recall=recall,
        upper_bound=_bound(bound, reference_slots, prediction_slots),
    )


def _bound(bound: float, reference_slots: int, prediction_slots: int) -> float:
    precision = bound / prediction_slots if prediction_slots else 1.0
    recall = bound / reference_slots if reference_slots else 1.0
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

r"""Which predicted block answers which annotation: OmniDocBench's `quick_match` (utils/match_quick.py, match.py).

Lines are compared by Levenshtein distance / length of the longer. In this order: predictions that resemble an ignored
annotation (captions, headers, footers) are set aside; predictions that together resemble one annotation are joined;
an assignment of least cost pairs lines, pairs above 0.7 are undone; an unpaired annotation that occurs within a
prediction joins it; what then is left over on both sides is paired, whatever it costs.

The original asks, window by window, how near an annotation comes to any part of a prediction, only to compare that with
a limit: here one search answers yes or no (`kernels.occurs`). Where the original gives up after 30 seconds and pairs
lines simply, `MAX_COMPARISONS` decides, so that results do not depend on the machine.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from scribetune.metrics import kernels
from scribetune.metrics.omnidocbench.elements import Block
from scribetune.metrics.omnidocbench.ground_truth import FORMULA, IGNORED, TEXT, Annotation, Order
from scribetune.metrics.omnidocbench.normalisation import normalised_formula, normalised_text

MAX_COMPARISONS = 250_000
"""Annotations × blocks beyond which lines are paired simply."""

_FAR = 0.7
_NEAR = 0.25
_WITHIN = 0.4
_JOINED = 0.6
_ARRAY = re.compile(r"\\begin\{array\}\{(?P<spec>[^}]*)\}(?P<body>.*?)\\end\{array\}", re.DOTALL)
_LINE_END = re.compile(r"\\\\")

Costs = NDArray[np.float64]


@dataclass(frozen=True)
class Match:
    """Annotations and the blocks that answer them; either side may be empty."""

    references: tuple[int, ...]  # numbers of the annotations' lines
    predictions: tuple[int, ...]  # numbers of the predictions' lines
    reference_orders: tuple[Order | None, ...]  # reading order of the annotations; None where one has none
    prediction_place: int | None  # where the first block stands in the page; None without one
    reference_category: str  # category of the annotations, the most common where they are several
    prediction_category: str  # category of the first block
    reference: str  # the annotations' text
    prediction: str  # the blocks' text
    normalised_reference: str  # the annotations' text as it is compared
    normalised_prediction: str  # the blocks' text as it is compared
    edit: float  # distance by which they were paired


@dataclass(frozen=True)
class Matching:
    """All pairs of a page, and how many of its lines of text and formulas they leave out."""

    matches: tuple[Match, ...]  # the pairs, and the annotations without an answer
    lines: int  # number of predicted lines, without inline formulas
    stray_lines: int  # how many of them are matched with nothing


@dataclass(frozen=True)
class _Lines:
    """Lines of one side that have something to compare, and their places, which are those of *all* its lines.

    The original drops empty lines and goes on counting by the shorter list, so that places after a dropped line are
    those of earlier ones. So it is here.
    """

    raw: tuple[str, ...]
    normalised: tuple[str, ...]
    categories: tuple[str, ...]
    places: tuple[Order | None, ...]


@dataclass
class _Pair:
    """Lines on both sides; a key of predictions as in the original, where it identifies a pair."""

    references: list[int]
    predictions: tuple[int, ...]
    edit: float


def match(annotations: Sequence[Annotation], blocks: Sequence[Block]) -> Matching:
    """Match the annotations of text and formulas with the blocks of text and formulas, tables left aside."""
    references = _reference_lines(annotations)
    ordered = sorted(
        enumerate(blocks), key=lambda pair: (pair[1].fine_category == "equation_inline", pair[1].start, pair[0])
    )
    predictions = _prediction_lines([block for _, block in ordered])
    count, others = len(references.raw), len(predictions.raw)
    if not count:
        return _matching((), predictions, set())
    if not others:
        unanswered = tuple(_match(references, predictions, (number,), (), 1.0) for number in range(count))
        return _matching(unanswered, predictions, set())
    costs = distances(references.normalised, predictions.normalised)
    if count == others == 1:
        return _matching((_match(references, predictions, (0,), (0,), float(costs[0, 0])),), predictions, set())
    if count * others > MAX_COMPARISONS:
        return _matching(_simple_matches(references, predictions, costs), predictions, set())
    ignored = [number for number in range(count) if references.categories[number] in IGNORED]
    aside = set(np.argwhere(costs[ignored] < _NEAR)[:, 1].tolist()) if ignored else set()
    kept = [number for number in range(count) if references.categories[number] not in IGNORED]
    open_lines = [number for number in range(others) if number not in aside]
    pairs = _quick(
        [references.normalised[number] for number in kept],
        [predictions.normalised[number] for number in open_lines],
        costs[np.ix_(kept, open_lines)],
    )
    matches = []
    for pair in pairs:
        first = tuple(kept[number] for number in pair.references)
        if first:
            second = tuple(open_lines[number] for number in pair.predictions)
            matches.append(_match(references, predictions, first, second, pair.edit))
    return _matching(tuple(matches), predictions, aside)


def match_simply(
    references: Sequence[str], predictions: Sequence[str]
) -> tuple[list[tuple[int | None, float]], list[int]]:
    """Pair lines by one assignment of least cost, as the original does with tables.

    Return for each reference the number of its prediction (None without one) and their distance (1 without); and the
    numbers of the predictions that were left over.
    """
    if not predictions:
        return [(None, 1.0)] * len(references), []
    return _assigned(distances(references, predictions))


def distances(references: Sequence[str], predictions: Sequence[str]) -> Costs:
    """Return Levenshtein / length of the longer for each pair; 0 where both are empty."""
    edits = process.cdist(references, predictions, scorer=Levenshtein.distance, dtype=np.int64)
    longer = np.maximum.outer([len(line) for line in references], [len(line) for line in predictions])
    ratios: Costs = edits / np.maximum(longer, 1)
    return ratios


def _assigned(costs: Costs) -> tuple[list[tuple[int | None, float]], list[int]]:
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs)
    found = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    pairs = [
        (found[number], float(costs[number, found[number]])) if number in found else (None, 1.0)
        for number in range(costs.shape[0])
    ]
    return pairs, [number for number in range(costs.shape[1]) if number not in set(columns.tolist())]


def _simple_matches(references: _Lines, predictions: _Lines, costs: Costs) -> tuple[Match, ...]:
    matches = []
    for number, (column, edit) in enumerate(_assigned(costs)[0]):
        if column is None:
            matches.append(_match(references, predictions, (number,), (), 1.0))
            continue
        found = _match(references, predictions, (number,), (column,), edit)
        # The original takes the first prediction's number, 0, for none.
        matches.append(found if column else replace(found, prediction_category="", prediction_place=None))
    return tuple(matches)


def _matching(matches: tuple[Match, ...], predictions: _Lines, aside: set[int]) -> Matching:
    answering = aside | {number for found in matches if found.references for number in found.predictions}
    lines = [number for number, category in enumerate(predictions.categories) if category != "equation_inline"]
    return Matching(matches, len(lines), sum(number not in answering for number in lines))


def _reference_lines(annotations: Sequence[Annotation]) -> _Lines:
    lines = [line for annotation in annotations for line in _split_annotation(annotation)]
    rows = []
    for line in lines:
        if line.category == FORMULA:
            rows.append((line.latex, normalised_formula(line.latex), line.category))
        elif line.category in TEXT or line.category in IGNORED:
            rows.append((line.text, normalised_text(line.text), line.category))
    return _lines(rows, [line.order or None for line in lines])


def _prediction_lines(blocks: Sequence[Block]) -> _Lines:
    lines = [line for block in blocks for line in _split_block(block)]
    forms = [normalised_formula if line.category == FORMULA else normalised_text for line in lines]
    rows = [(line.content, form(line.content), line.name) for line, form in zip(lines, forms, strict=True)]
    # Names of predictions are looked up by the shorter list's numbers too.
    found = _lines(rows, [line.start for line in lines])
    return replace(found, categories=tuple(row[2] for row in rows)[: len(found.raw)])


def _lines(rows: Sequence[tuple[str, str, str]], places: Sequence[Order | None]) -> _Lines:
    kept = [row for row in rows if row[0] and row[1]]
    raw, normalised, categories = (tuple(column) for column in zip(*kept, strict=True)) if kept else ((), (), ())
    return _Lines(raw, normalised, categories, tuple(places))


def _one_column_array(latex: str) -> re.Match[str] | None:
    """Find an array of a single column: its rows are formulas of their own."""
    if "\\begin{array" not in latex:
        return None
    array = _ARRAY.search(latex)
    if array is None:
        return None
    spec = re.sub(r"\s+|\|", "", array["spec"])
    spec = re.sub(r"!{[^}]*}", "", re.sub(r"@{[^}]*}", "", spec))
    return array if spec in {"l", "c", "r"} else None


def _split_annotation(annotation: Annotation) -> list[Annotation]:
    array = _one_column_array(annotation.latex) if annotation.category == FORMULA else None
    if array is None:
        return [annotation]
    rows = [row.strip() for row in _LINE_END.split(array["body"]) if row.strip()]
    first = float(annotation.order or 0)
    return [
        replace(annotation, latex=f"\\[{row}\\]", order=round(first + number / 10, 1))
        for number, row in enumerate(rows, start=1)
    ]


def _split_block(block: Block) -> list[Block]:
    array = _one_column_array(block.content) if block.category == FORMULA else None
    if array is None:
        return [block]
    lines, position = [], 0
    for row in (row.strip() for row in _LINE_END.split(array["body"])):
        if not row:
            continue
        place = array["body"].find(row, position)
        position = place + len(row)
        start = block.start + array.start("body") + place
        lines.append(replace(block, content=f"\\[{row}\\]", start=start, end=start + len(row) - 1))
    return lines


def _match(
    references: _Lines, predictions: _Lines, first: tuple[int, ...], second: tuple[int, ...], edit: float
) -> Match:
    """Make a pair of lines by their numbers; an annotation without an answer is paired with ()."""
    category = Counter(references.categories[number] for number in first).most_common(1)[0][0]
    answer, place = (predictions.categories[second[0]], predictions.places[second[0]]) if second else ("", None)
    return Match(
        references=first,
        predictions=second,
        reference_orders=tuple(references.places[number] for number in first),
        prediction_place=None if place is None else int(place),
        reference_category=category,
        prediction_category=answer,
        reference=_joined([references.raw[number] for number in first], formula=category == FORMULA),
        prediction=_joined([predictions.raw[number] for number in second], formula="equation" in answer),
        normalised_reference="".join(references.normalised[number] for number in first),
        normalised_prediction="".join(predictions.normalised[number] for number in second),
        edit=edit,
    )


def _joined(lines: list[str], *, formula: bool) -> str:
    if not formula or len(lines) == 1:
        return "".join(lines)
    rows = " \\\\ ".join("{" + line.strip("$").strip("\n") + "}" for line in lines)
    return f"\\begin{{array}}{{l}} {rows} \\end{{array}}"


def _quick(references: list[str], predictions: list[str], costs: Costs) -> list[_Pair]:
    """Pair lines; the result is ordered as in the original, annotations without an answer last."""
    matched = _least_cost(references, predictions, costs)
    pairs: dict[tuple[int, ...], list[int]] = {}
    for number, key in matched.items():
        pairs.setdefault(key, []).append(number)
    taken = set(matched)
    unmatched = [number for number in range(len(references)) if number not in matched]
    for place, line in enumerate(predictions):
        within = [number for number in unmatched if _occurs(references[number], line, _WITHIN, inclusive=False)]
        if not within:
            continue
        pairs.setdefault((place,), []).extend(number for number in within if number not in taken)
        taken.update(within)
    found = [
        _Pair(sorted(numbers), key, _edit(references, predictions, sorted(numbers), key))
        for key, numbers in pairs.items()
        if numbers
    ]
    # Sets as in the original: the assignment of what is left over depends on the order in which they are gone through.
    left = set(range(len(references))) - set().union(*[set(numbers) for numbers in pairs.values()])
    over = set(range(len(predictions))) - {place for key in pairs for place in key}
    if over and left:
        from scipy.optimize import linear_sum_assignment

        rows, columns = list(left), list(over)
        for row, column in zip(*linear_sum_assignment(costs[np.ix_(rows, columns)]), strict=True):
            found.append(_Pair([rows[row]], (columns[column],), 1.0))
    elif over:
        found.append(_Pair([], tuple(over), 1.0))
    answered = {number for pair in found for number in pair.references}
    return [*found, *(_Pair([number], (), 1.0) for number in range(len(references)) if number not in answered)]


def _edit(references: list[str], predictions: list[str], numbers: list[int], key: tuple[int, ...]) -> float:
    """Return the distance of a pair; where annotations are joined, of the first prediction alone, as the original."""
    reference = "".join(references[number] for number in numbers)
    prediction = predictions[key[0]] if len(numbers) > 1 else " ".join(predictions[place] for place in key)
    return Levenshtein.distance(reference, prediction) / max(len(reference), len(prediction))


def _least_cost(references: list[str], predictions: list[str], costs: Costs) -> dict[int, tuple[int, ...]]:
    """Return for annotations the predictions they are assigned, pairs above `_FAR` left out."""
    from scipy.optimize import linear_sum_assignment

    groups = _joined_predictions(references, predictions, costs)
    if groups is not None and len(groups) < len(predictions):
        costs = distances(references, [" ".join(predictions[place] for place in group) for group in groups])
    rows, columns = linear_sum_assignment(costs)
    return {
        int(row): groups[column] if groups is not None else (int(column),)
        for row, column in zip(rows, columns, strict=True)
        if costs[row, column] <= _FAR
    }


def _joined_predictions(references: list[str], predictions: list[str], costs: Costs) -> list[tuple[int, ...]] | None:
    """Join neighbouring predictions that together resemble an annotation; None where there is none to look at."""
    near = np.argwhere(costs < _NEAR)
    done, closed = set(near[:, 0].tolist()), set(near[:, 1].tolist())
    waiting = [number for number in range(len(references)) if number not in done]
    free = [place for place in range(len(predictions)) if place not in closed]
    if not waiting or not free:
        return None
    # Two neighbours, the commonest question, for all annotations at once.
    firsts = [place for place in free if place + 1 < len(predictions) and place + 1 not in closed]
    twos = [f"{predictions[place]} {predictions[place + 1]}" for place in firsts]
    both = distances([references[number] for number in waiting], twos) if twos else np.zeros((len(waiting), 0))
    columns = {place: column for column, place in enumerate(firsts)}
    subsets: list[tuple[tuple[int, ...], float]] = []
    for row, number in enumerate(waiting):
        found: list[tuple[tuple[int, ...], float]] = []
        for place in free:
            cost, column = float(costs[number, place]), columns.get(place)
            is_nearer = column is not None and both[row, column] <= cost
            found.append(
                _grown(references[number], predictions, place, closed, cost) if is_nearer else ((place,), cost)
            )
        subsets.append(min(found, key=lambda subset: subset[1]))
    groups: list[tuple[int, ...]] = [(place,) for place in range(len(predictions))]
    for group in _chosen(subsets):
        # In the original, groups that overlap are an error; the first one stays.
        if all((place,) in groups for place in group):
            first = groups.index((group[0],))
            groups[first : first + len(group)] = [group]
    return groups


def _grown(
    reference: str, predictions: list[str], place: int, closed: set[int], cost: float
) -> tuple[tuple[int, ...], float]:
    """Add the next prediction as long as that brings the group nearer and each is found within the annotation."""
    size, line = 1, predictions[place]
    # Each one after the first is asked the same, and more strictly, before it is added.
    if not _occurs(line, reference, _JOINED, inclusive=True):
        return (place,), cost
    while place + size < len(predictions) and place + size not in closed:
        following = predictions[place + size]
        longer = f"{line} {following}"
        next_cost = Levenshtein.distance(reference, longer) / max(len(reference), len(longer))
        if next_cost > cost or not _occurs(following, reference, _JOINED, inclusive=False):
            break
        size, line, cost = size + 1, longer, next_cost
        if len(longer) > len(reference):
            break
    return tuple(range(place, place + size)), cost


def _occurs(pattern: str, text: str, share: float, *, inclusive: bool) -> bool:
    """Tell whether a part of the text, as long as the pattern, is nearer than a share of its length (or as near)."""
    edits = int(share * len(pattern)) + 1
    while edits >= 0 and (edits / len(pattern) > share or (edits / len(pattern) == share and not inclusive)):
        edits -= 1
    return kernels.occurs(pattern, text, edits)


def _chosen(subsets: list[tuple[tuple[int, ...], float]]) -> list[tuple[int, ...]]:
    """Choose among groups of predictions that overlap, as the original does: the path of the least mean cost."""
    if not subsets:
        return []
    ordered = sorted(subsets, key=lambda subset: subset[0][0])
    clusters = [[ordered[0]]]
    for subset in ordered[1:]:
        if any(set(subset[0]) & set(other[0]) for other in clusters[-1]):
            clusters[-1].append(subset)
        else:
            clusters.append([subset])
    return [group for cluster in clusters for group in _cheapest_path(cluster)]


def _cheapest_path(cluster: list[tuple[tuple[int, ...], float]]) -> list[tuple[int, ...]]:
    paths = [[cluster[0]]]
    for subset in cluster[1:]:
        new = True
        for path in paths:
            clashes = same = False
            position = 0
            # The path changes under way, and is gone through as it then is.
            while position < len(path):
                other = path[position]
                position += 1
                if other[0] == subset[0]:
                    clashes = same = True
                    if other[1] > subset[1]:
                        path.remove(other)
                        path.append(subset)
                elif set(other[0]) & set(subset[0]):
                    clashes = True
            if not clashes:
                path.append(subset)
            new = new and clashes and not same
        if new:
            paths.append([subset])
    best = min(paths, key=lambda path: sum(cost for _, cost in path) / len(path))
    return [group for group, _ in best]

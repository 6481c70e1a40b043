"""Tables that the layout model took for text: figures below each other between three rules of one length or more."""

from collections.abc import Sequence
from itertools import pairwise

from scribetune.labels.ruling_lines import Rules
from scribetune.labels.tables.cells import Box, PageTable, Word, overlap
from scribetune.labels.tables.columns import corridors
from scribetune.labels.tables.lines import is_figure, lines_of
from scribetune.labels.tables.repair import repair
from scribetune.text.grids import Cell

_SAME_PLACE = 2.0  # points
_LEAST_SIDE = 30.0
_CORRIDOR = 0.5  # of the words' height
_FIGURES = 0.4  # of the cells beside the first column


def tables_between(words: Sequence[Word], rules: Rules, taken: Sequence[Box]) -> list[PageTable]:
    """Return tables between rules across, where nothing else (`taken`, points) was found on the page."""
    found: list[PageTable] = []
    seen: set[tuple[int, int]] = set()
    for first in rules.horizontal:
        place = (round(first.start / _SAME_PLACE), round(first.end / _SAME_PLACE))
        if place in seen:
            continue
        seen.add(place)
        heights = sorted(
            rule.at
            for rule in rules.horizontal
            if abs(rule.start - first.start) < _SAME_PLACE and abs(rule.end - first.end) < _SAME_PLACE
        )
        box = (first.start, heights[0], first.end, heights[-1])
        is_large = box[2] - box[0] > _LEAST_SIDE and box[3] - box[1] > _LEAST_SIDE
        if len(heights) < 3 or not is_large or any(overlap(box, other) for other in taken):
            continue
        found.extend(_table(box, [h for h in heights if h > box[1] + _SAME_PLACE], words, rules))
    return found


def _table(box: Box, heights: Sequence[float], words: Sequence[Word], rules: Rules) -> list[PageTable]:
    """Return what is between rules as a table, if its words stand in columns and say figures."""
    inside = [word for word in words if box[0] <= word.centre[0] <= box[2] and box[1] < word.centre[1] < box[3]]
    lines = lines_of(inside)
    body = [line for line in lines if line.middle > heights[0]]
    if len(body) < 2 or len(body) == len(lines):
        return []
    inner = corridors([line.words for line in body], _CORRIDOR * body[0].height)
    beside = [segment for line in body for segment in line.segments if inner and segment.x0 > inner[0]]
    if not inner or sum(is_figure(segment.words[0].text) for segment in beside) < _FIGURES * len(beside):
        return []
    edges = [box[0], *inner, box[2]]
    boxes = [[(left, line.y0, right, line.y1) for left, right in pairwise(edges)] for line in lines]
    # Which way the table is read is told from its words.
    everything = (Cell(0, 0, " ".join(word.text for word in inside)),)
    rough = PageTable(box, len(lines), len(edges) - 1, everything)
    return [table for table in repair(rough, boxes, words, rules) if table.cells != everything]

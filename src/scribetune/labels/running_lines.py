"""Lines that run along at the edges of a document's pages: headers and feet, told by standing where others stand.

A line is one of them if the same text, whatever its figures, stands at the same height on a good part of the sampled
pages. What stands beside such lines, or between them and the edge of the page, belongs to them: a chapter's name, a
version. They are read from left to right, row by row, before and after all else.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from scribetune.labels.sampled_pages import SampledPage
from scribetune.labels.text_layer import Line

_LOWEST_HEADER, _HIGHEST_FOOT = 0.22, 0.86  # of the page's height
_VERY_EDGE = 0.085  # the same: whatever stands there runs along
_LEAST_PAGES = 2
_LEAST_SHARE = 0.4  # of the sampled pages: even and odd ones may differ
_SAME_HEIGHT = 3.0  # points
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Apart:
    """Lines of a page, divided."""

    header: tuple[Line, ...]
    body: tuple[Line, ...]
    foot: tuple[Line, ...]


@dataclass(frozen=True)
class RunningLines:
    """What runs along on the pages of a document: (height of its middle in points, text without blanks and figures)."""

    texts: tuple[tuple[float, str], ...] = ()

    def apart(self, lines: Sequence[Line], height: float) -> Apart:
        """Divide lines of a page of a height in points; those that run up or down it belong to its body."""
        level = sorted((line for line in lines if line.horizontal), key=lambda line: line.middle[1])
        end = self._end_of_edge([(line, line.middle[1], line.box[3]) for line in level], height, _LOWEST_HEADER)
        start = height - self._end_of_edge(
            [(line, height - line.middle[1], height - line.box[1]) for line in reversed(level)],
            height,
            1 - _HIGHEST_FOOT,
        )
        above = tuple(line for line in level if line.middle[1] < end)
        below = tuple(line for line in level if line.middle[1] > start and line.middle[1] >= end)
        gone = {id(line) for line in (*above, *below)}
        return Apart(above, tuple(line for line in lines if id(line) not in gone), below)

    def _end_of_edge(self, lines: Sequence[tuple[Line, float, float]], height: float, deepest: float) -> float:
        """Return how far an edge reaches: lines from the outside, each with its middle and its inner end from there.

        It ends with what runs along on no other page, unless that stands at the very edge.
        """
        end = -1.0
        for line, middle, inner in lines:
            if inner > deepest * height:
                break
            if self._has(line):
                end = max(end, inner)
            elif middle > end and middle > _VERY_EDGE * height:
                if any(
                    abs(other.middle[1] - line.middle[1]) < 0.5 * line.height and self._has(other)
                    for other, *_ in lines
                ):
                    continue
                break
        return end

    def _has(self, line: Line) -> bool:
        text = _masked(line.text)
        return any(
            abs(line.middle[1] - height) < _SAME_HEIGHT and (text in other if len(text) > 1 else text == other)
            for height, other in self.texts
        )


def of_sample(pages: Sequence[SampledPage]) -> RunningLines:
    """Find the lines that run along in a sample of a document's pages."""
    places: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for page in pages:
        for line in page.lines:
            if line.box[3] < _LOWEST_HEADER * page.height or line.box[1] > _HIGHEST_FOOT * page.height:
                places[_masked(line.text)].append(((line.box[1] + line.box[3]) / 2, page.number))
    least = max(_LEAST_PAGES, _LEAST_SHARE * len(pages))
    found = []
    for text, seen in places.items():
        for height, _ in seen:
            numbers = {number for other, number in seen if abs(other - height) < _SAME_HEIGHT}
            if text and len(numbers) >= least:
                found.append((round(height, 1), text))
    return RunningLines(tuple(sorted(set(found))))


def _masked(text: str) -> str:
    return _DIGITS.sub("0", "".join(text.split()))

"""How far each line of a page could have gone: to what stands beside it, or to where the text of the page ends.

A line that ends although the next word had found room there ends on purpose: a name, an address, a heading.
"""

from bisect import bisect_left
from collections.abc import Sequence

from scribetune.labels.tables.cells import Box
from scribetune.labels.text_layer import Line

_NEAR = 2.5  # heights of a line, above and below it
_GAP = 0.5  # heights of a line, between it and what stands beside it
_LONG = 20  # characters: shorter ones are page numbers, amounts


class LineRoom:
    """The lines of a page, asked for the room that one has; of text that runs from left to right."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = sorted((line for line in lines if line.horizontal), key=lambda line: line.box[1])
        self._tops = [line.box[1] for line in self._lines]
        self._tallest = max((line.height for line in self._lines), default=0.0)
        ends = [line.box[2] for line in self._lines if len(line.text) >= _LONG] or [line.box[2] for line in self._lines]
        self._end = max(ends, default=0.0)
        self._known: dict[Box, float] = {}

    def of(self, line: Line) -> float:
        """Return where the line would end at most, in points from the left of the page; where it ends, at least."""
        if line.box not in self._known:
            self._known[line.box] = self._measured(line)
        return self._known[line.box]

    def _measured(self, line: Line) -> float:
        _, y0, x1, y1 = line.box
        reach = _NEAR * line.height
        end = max(self._end, x1)
        first = bisect_left(self._tops, y0 - reach - self._tallest)
        last = bisect_left(self._tops, y1 + reach)
        for other in self._lines[first:last]:
            if other.box[0] >= x1 - 1 and other.box[3] > y0 - reach:
                end = min(end, max(other.box[0] - _GAP * line.height, x1))
        return end

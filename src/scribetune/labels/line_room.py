"""How far each line of a page could have gone: to what stands beside it, to its column's or to the text's right end.

A line that ends although the next word had found room there ends on purpose: a name, an address, a heading.
"""

from bisect import bisect_left
from collections.abc import Sequence

from scribetune.labels.reading_order import Column
from scribetune.labels.tables.cells import Box
from scribetune.labels.text_layer import Line

_OVERLAP = 0.3  # of the height of the lower one, by which two lines stand beside each other
_GAP = 0.5  # heights of a line, between it and what stands beside it
_LONG = 20  # characters: shorter ones are page numbers, amounts


class LineRoom:
    """The lines of a page, and the columns they stand in, asked for the room that one has: of text to the right."""

    def __init__(self, lines: Sequence[Line], columns: Sequence[Column] = ()) -> None:
        level = [line for line in lines if line.horizontal]
        self._end = max(
            [line.box[2] for line in level if len(line.text) >= _LONG] or [line.box[2] for line in level], default=0.0
        )
        pieces = [(line, column) for column in columns for line in column.lines if line.horizontal]
        pieces += [(line, Column([])) for line in level]
        self._pieces = sorted(pieces, key=lambda piece: piece[0].box[1])
        self._tops = [line.box[1] for line, _ in self._pieces]
        self._tallest = max((line.height for line, _ in self._pieces), default=0.0)
        self._known: dict[Box, tuple[float, bool]] = {}

    def of(self, line: Line) -> float:
        """Return where the line would end at most, in points from the left of the page; where it ends, at least."""
        return self._measured(line)[0]

    def is_in_pair(self, line: Line) -> bool:
        """Whether a line is of a name or a value that stand side by side."""
        return self._measured(line)[1]

    def _measured(self, line: Line) -> tuple[float, bool]:
        if line.box not in self._known:
            x0, y0, x1, y1 = line.box
            end, is_paired = max(self._end, x1), False
            first = bisect_left(self._tops, y0 - self._tallest)
            last = bisect_left(self._tops, y1)
            for other, column in self._pieces[first:last]:
                common = min(other.box[3], y1) - max(other.box[1], y0)
                if common < _OVERLAP * min(other.height, line.height):
                    continue
                bound = other.box[0]
                if x0 - 1 <= other.middle[0] <= x1 + 1:
                    bound = column.bound
                    is_paired = is_paired or column.is_name or column.is_value
                if bound >= x1 - 1:
                    end = min(end, max(bound - _GAP * line.height, x1))
            self._known[line.box] = end, is_paired
        return self._known[line.box]

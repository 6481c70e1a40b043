"""A table under repair as a grid: where its columns are, where their words reach, and the rules across it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from scribetune.labels.ruling_lines import Rule, by_height, covered
from scribetune.labels.tables.cells import Box
from scribetune.labels.tables.lines import Segment, TableLine, is_figure

_YEAR = re.compile(r"[(*]*(?:19|20)\d\d(?:[-–/]\d{2,4})?[)*†‡a-z]?")
_COUNTED = re.compile(r"\(?[nN]\s*=")  # how many there are of what a heading names
_WIDE_RULE = 0.7
_ONE_HEIGHT = 2.5


@dataclass
class Grid:
    """The columns of a table, found step by step; lengths and places in points."""

    edges: list[float]  # the left edge of each column, and the right edge of the last
    height: float  # of most of its words
    limit: float  # the gap from which words do not belong together
    left: float  # where its words begin
    right: float  # where they end
    rules: tuple[Rule, ...]  # lines across, those made of dashes included
    shades: tuple[Rule, ...]  # upper and lower edges of filled boxes
    drawn: set[float]  # edges that lines stand on
    cores: list[tuple[float, float]] = field(default_factory=list)  # where the body's words reach; empty until known

    def column_at(self, x: float) -> int:
        """Return the column that a place is in, from 0."""
        return min(max(sum(edge <= x for edge in self.edges[1:-1]), 0), len(self.edges) - 2)

    def wide_rules(self) -> list[float]:
        """Heights of the rules across the table, pieces at one height put together."""
        width = self.right - self.left
        stub = max(self.left + 1, min(self.edges[1], self.left + 0.1 * width) - 1)
        return [
            median(rule.at for rule in group)
            for group in by_height((*self.rules, *self.shades), _ONE_HEIGHT)
            if covered(((rule.start, rule.end) for rule in group), self.left, self.right) >= _WIDE_RULE * width
            # A rule that leaves out the first column is one below headings of the others.
            and any(rule.start <= stub for rule in group)
        ]

    def is_data(self, line: TableLine) -> bool:
        """Whether a line has figures in half of the columns after the first, or nothing else; years are headings."""
        filled = [word for word in line.words if word.centre[0] > self.edges[1]]
        if not filled or all(_YEAR.fullmatch(word.text) for word in filled):
            return False
        figures = [word for word in filled if is_figure(word.text)]
        places = {sum(edge <= word.centre[0] for edge in self.edges[1:-1]) for word in figures}
        stub = any(word.centre[0] < self.edges[1] for word in line.words)
        share = len(figures) / len(filled)
        if any(_COUNTED.match(word.text) for word in filled):
            return False
        return stub and (share == 1 or (share >= 0.6 and len(places) >= (len(self.edges) - 2) / 2))

    def centred(self, segment: Segment, first: int, last: int, low: int, high: int) -> tuple[int, int]:
        """Return the most columns, around those that it stands over, whose middle is that of the segment."""
        found = (first, last)
        for start in range(max(low, min(first, 1)), first + 1):
            for end in range(last, high + 1):
                if end - start > found[1] - found[0] and self.off_centre(segment, start, end) < 0.6 * self.height:
                    found = (start, end)
        return found

    def off_centre(self, segment: Segment, first: int, last: int) -> float:
        """Return how far a segment is from the middle of some columns: of their words, or between their edges."""
        by_words = (self.cores[first][0] + self.cores[last][1]) / 2
        by_edges = (self.edges[first] + self.edges[last + 1]) / 2
        return min(abs(by_words - segment.middle), abs(by_edges - segment.middle))


def drawn_edges(edges: Sequence[float], upright: Sequence[Rule], box: Box) -> set[float]:
    """Return the edges between columns that lines down the page stand on, along most of the table."""
    height = box[3] - box[1]
    return {
        edge
        for edge in edges[1:-1]
        if covered(((r.start, r.end) for r in upright if abs(r.at - edge) <= 4), box[1], box[3]) >= 0.6 * height
    }

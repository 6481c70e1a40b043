"""The straight lines drawn on a page: what frames and divides its tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scribetune.labels.tables.cells import Box

_THIN = 3.0


@dataclass(frozen=True)
class Rule:
    """A straight line on the page: horizontal from `start` to `end` at height `at`, or vertical likewise."""

    start: float
    end: float
    at: float


@dataclass(frozen=True)
class Rules:
    """The straight lines of a page."""

    horizontal: tuple[Rule, ...]  # lines across
    vertical: tuple[Rule, ...]  # lines down the page, and the left and right edges of filled boxes
    edges: tuple[Rule, ...]  # upper and lower edges of filled boxes: shading, which says less than a line

    def within(self, box: Box) -> "Rules":
        """Return what lies in, or on the border of, a box."""
        x0, y0, x1, y1 = box
        return Rules(
            tuple(r for r in self.horizontal if y0 - 3 <= r.at <= y1 + 3 and min(r.end, x1) - max(r.start, x0) > 2),
            tuple(r for r in self.vertical if x0 - 3 <= r.at <= x1 + 3 and min(r.end, y1) - max(r.start, y0) > 2),
            tuple(r for r in self.edges if y0 - 3 <= r.at <= y1 + 3 and min(r.end, x1) - max(r.start, x0) > 2),
        )


def rules_of(drawings: Iterable[Mapping[str, Any]]) -> Rules:
    """Make rules of a page's drawings, as PyMuPDF's `get_cdrawings` gives them."""
    horizontal: list[Rule] = []
    vertical: list[Rule] = []
    edges: list[Rule] = []

    def add(x0: float, y0: float, x1: float, y1: float, *, is_box: bool, drawn: bool = True) -> None:
        if y1 - y0 <= _THIN < x1 - x0:
            horizontal.append(Rule(x0, x1, (y0 + y1) / 2))
        elif x1 - x0 <= _THIN < y1 - y0:
            vertical.append(Rule(y0, y1, (x0 + x1) / 2))
        elif is_box and min(x1 - x0, y1 - y0) > _THIN:
            (horizontal if drawn else edges).extend((Rule(x0, x1, y0), Rule(x0, x1, y1)))
            vertical.extend((Rule(y0, y1, x0), Rule(y0, y1, x1)))

    for path in drawings:
        drawn = path.get("color") is not None and "s" in path["type"]
        for item in path["items"]:
            if item[0] == "l" and drawn:
                (x0, y0), (x1, y1) = item[1], item[2]
                add(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1), is_box=False)
            elif item[0] == "re":
                add(*item[1], is_box=True, drawn=drawn)
            elif item[0] == "qu":
                xs, ys = zip(*item[1], strict=True)
                add(min(xs), min(ys), max(xs), max(ys), is_box=True, drawn=drawn)
    return Rules(tuple(horizontal), tuple(vertical), tuple(edges))


def by_height(rules: Iterable[Rule], apart: float) -> list[list[Rule]]:
    """Return horizontal rules from top to bottom, the pieces of one line (no further `apart`) together."""
    heights: list[list[Rule]] = []
    for rule in sorted(rules, key=lambda rule: rule.at):
        if heights and rule.at - heights[-1][-1].at <= apart:
            heights[-1].append(rule)
        else:
            heights.append([rule])
    return heights


def covered(intervals: Iterable[tuple[float, float]], low: float, high: float) -> float:
    """Return how much of low…high intervals cover, in points; overlaps count once."""
    total, reached = 0.0, low
    for start, end in sorted(intervals):
        first, last = max(start, reached), min(end, high)
        if last > first:
            total += last - first
            reached = last
    return total

"""The straight lines drawn on a page: what frames and divides its tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scribetune.labels.tables.cells import Box

_THIN = 3.0
_THICK = 6.0
_WHITE = 0.97
_TOUCHING = 1.0
_MANY_BOXES = 1_000
_SLOPE = 8.0  # points, both ways: less is a sign in a cell, or a rounded corner
_STROKES = 0.3  # for each text
_SHORT = 8.0  # points
_SLANT = 0.7  # points, both ways: the head of an arrow


@dataclass(frozen=True)
class Rule:
    """A straight line on the page: horizontal from `start` to `end` at height `at`, or vertical likewise."""

    start: float
    end: float
    at: float


@dataclass(frozen=True)
class Walls:
    """Lines as the walls of a table's cells."""

    across: tuple[Rule, ...] = ()
    down: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Rules:
    """The straight lines of a page."""

    horizontal: tuple[Rule, ...]  # lines across
    vertical: tuple[Rule, ...]  # lines down the page, and the left and right edges of filled boxes
    edges: tuple[Rule, ...]  # upper and lower edges of filled boxes: shading, which says less than a line
    lines: Walls = field(default=Walls())  # lines that are seen, and frames of boxes
    shading: Walls = field(default=Walls())  # all edges of coloured boxes, and white lines, which divide these
    sloping: tuple[Box, ...] = ()  # the boxes of strokes that slope or bend: of drawings
    slanted: tuple[
        Box, ...
    ] = ()  # the boxes of paths with a line that slopes, or with nothing but curves: arrows, dots
    short: tuple[Box, ...] = ()  # the boxes of short straight strokes: ticks of axes among them

    def within(self, box: Box) -> "Rules":
        """Return what lies in, or on the border of, a box; `lines` are all there are."""
        x0, y0, x1, y1 = box
        return Rules(
            tuple(r for r in self.horizontal if y0 - 3 <= r.at <= y1 + 3 and min(r.end, x1) - max(r.start, x0) > 2),
            tuple(r for r in self.vertical if x0 - 3 <= r.at <= x1 + 3 and min(r.end, y1) - max(r.start, y0) > 2),
            tuple(r for r in self.edges if y0 - 3 <= r.at <= y1 + 3 and min(r.end, x1) - max(r.start, x0) > 2),
            self.lines,
        )

    def is_drawing(self, box: Box, texts: int) -> bool:
        """Whether strokes slope in a box as often as a diagram of a few texts has it: no table does."""
        x0, y0, x1, y1 = box
        inside = sum(x0 <= (b[0] + b[2]) / 2 <= x1 and y0 <= (b[1] + b[3]) / 2 <= y1 for b in self.sloping)
        return inside > _STROKES * texts


def rules_of(drawings: Iterable[Mapping[str, Any]]) -> Rules:
    """Make rules of a page's drawings, as PyMuPDF's `get_cdrawings` gives them."""
    horizontal: list[Rule] = []
    vertical: list[Rule] = []
    edges: list[Rule] = []
    lines = _Walls()
    shading = _Walls()

    def add(x0: float, y0: float, x1: float, y1: float, *, is_box: bool, drawn: bool = True) -> None:
        if y1 - y0 <= _THIN < x1 - x0:
            horizontal.append(Rule(x0, x1, (y0 + y1) / 2))
        elif x1 - x0 <= _THIN < y1 - y0:
            vertical.append(Rule(y0, y1, (x0 + x1) / 2))
        elif is_box and min(x1 - x0, y1 - y0) > _THIN:
            (horizontal if drawn else edges).extend((Rule(x0, x1, y0), Rule(x0, x1, y1)))
            vertical.extend((Rule(y0, y1, x0), Rule(y0, y1, x1)))

    sloping: list[Box] = []
    slanted: list[Box] = []
    short: list[Box] = []
    for path in drawings:
        drawn = path.get("color") is not None and "s" in path["type"]
        for item in path["items"]:
            if item[0] in ("l", "c") and drawn:
                corners = _box_of(item[1:])
                if min(corners[2] - corners[0], corners[3] - corners[1]) > _SLOPE:
                    sloping.append(corners)
            if item[0] == "l" and drawn:
                stroke = _box_of(item[1:3])
                add(*stroke, is_box=False)
                width, height = stroke[2] - stroke[0], stroke[3] - stroke[1]
                if min(width, height) < _SLANT < max(width, height) <= _SHORT:
                    short.append(stroke)
            elif item[0] in ("re", "qu"):
                add(*_box_of(item), is_box=True, drawn=drawn)
        if _is_slanted(path):
            slanted.append(path["rect"])
        _add_walls(path, lines, shading)
    walls = (lines.walls(), shading.walls())
    return Rules(tuple(horizontal), tuple(vertical), tuple(edges), *walls, tuple(sloping), tuple(slanted), tuple(short))


def _is_slanted(path: Mapping[str, Any]) -> bool:
    """Whether a path is no frame: a line slopes in it, or it is nothing but curves; frames have round corners at most.

    A path without its box is a clipping one.
    """
    items = path["items"]
    if "rect" not in path or not items:
        return False
    if all(item[0] == "c" for item in items):
        return True
    lines = (_box_of(item[1:3]) for item in items if item[0] == "l")
    return any(min(x1 - x0, y1 - y0) > _SLANT for x0, y0, x1, y1 in lines)


def _box_of(item: Sequence[Any]) -> Box:
    """Return the box around an item of a path, or around points."""
    if item[0] == "re":
        x0, y0, x1, y1 = item[1]
        return x0, y0, x1, y1
    xs, ys = zip(*(item[1] if item[0] == "qu" else item), strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _add_walls(path: Mapping[str, Any], lines: "_Walls", shading: "_Walls") -> None:
    """Add what a path draws to the lines that are seen, or to shading."""
    stroke, fill = _seen(path, "color", "stroke_opacity"), _seen(path, "fill", "fill_opacity")
    width = (path.get("width") or 0.0) if stroke is not None else 0.0
    if stroke is not None:
        for item in path["items"]:
            if item[0] not in ("l", "re", "qu"):
                continue
            box = _box_of(item[1:3] if item[0] == "l" else item)
            if item[0] == "l" and not _is_thin(box):
                continue  # it slopes
            if width > _THICK:
                shading.add(box, width / 2, path.get("color"))
            else:
                (shading if stroke else lines).add(box)
    if fill is not None:
        for box in _filled(path["items"]):
            if _is_thin(box) and not fill:
                lines.add(box)
            elif _is_thin(box):
                shading.add(box)
            elif not fill:
                shading.add(box, 0.0, path["fill"])


def _is_thin(box: Box) -> bool:
    return min(box[2] - box[0], box[3] - box[1]) <= _THIN


def _filled(items: Sequence[Sequence[Any]]) -> Iterator[Box]:
    """Yield the boxes that are filled, those drawn by their sides among them."""
    sides: list[Any] = []
    for item in (*items, ("end",)):
        if sides and (item[0] != "l" or item[1] != sides[-1]):
            box = _box_of(sides)
            corners = all(x in (box[0], box[2]) and y in (box[1], box[3]) for x, y in sides)
            if len(sides) > 2 and (corners or _is_thin(box)):
                yield box
            sides = []
        if item[0] == "l":
            sides.extend(item[1:3] if not sides else item[2:3])
        elif item[0] in ("re", "qu"):
            yield _box_of(item)


def _seen(path: Mapping[str, Any], colour: str, opacity: str) -> bool | None:
    """Whether a path is stroked, or filled, in white; None where it is not, or not to be seen."""
    found = path.get(colour)
    if found is None or ("s" if colour == "color" else "f") not in path["type"] or path.get(opacity, 1) == 0:
        return None
    # Gray, RGB or CMYK; PyMuPDF gives RGB.
    return all(part >= _WHITE for part in found)


class _Walls:
    def __init__(self) -> None:
        self.across: list[Rule] = []
        self.down: list[Rule] = []
        self.boxes: dict[Any, list[Box]] = {}

    def add(self, box: Box, around: float = 0.0, colour: Any = None) -> None:
        """Add a line, or a box: its frame, or with a colour its area, `around` wider than the line on each side."""
        x0, y0, x1, y1 = box
        is_low, is_narrow = y1 - y0 <= _THIN, x1 - x0 <= _THIN
        if colour is not None:
            around_x, around_y = around * is_narrow, around * is_low
            filled = (x0 - around_x, y0 - around_y, x1 + around_x, y1 + around_y)
            self.boxes.setdefault(tuple(colour), []).append(filled)
        elif not is_low and not is_narrow:
            self._frame(box)
        else:
            # A dot may be one of a line either way.
            if is_low:
                self.across.append(Rule(x0, x1, (y0 + y1) / 2))
            if is_narrow:
                self.down.append(Rule(y0, y1, (x0 + x1) / 2))

    def _frame(self, box: Box) -> None:
        x0, y0, x1, y1 = box
        self.across.extend((Rule(x0, x1, y0), Rule(x0, x1, y1)))
        self.down.extend((Rule(y0, y1, x0), Rule(y0, y1, x1)))

    def walls(self) -> Walls:
        """Return what was added; boxes of one colour that touch show no edge between them."""
        for boxes in self.boxes.values():
            unique = sorted(set(boxes))
            if len(unique) > _MANY_BOXES:
                continue
            for box in unique:
                x0, y0, x1, y1 = box
                for y, other in ((y0, 3), (y1, 1)):
                    if not any(abs(b[other] - y) < _TOUCHING and b[0] <= x0 + 1 and x1 - 1 <= b[2] for b in unique):
                        self.across.append(Rule(x0, x1, y))
                for x, other in ((x0, 2), (x1, 0)):
                    if not any(abs(b[other] - x) < _TOUCHING and b[1] <= y0 + 1 and y1 - 1 <= b[3] for b in unique):
                        self.down.append(Rule(y0, y1, x))
        return Walls(tuple(self.across), tuple(self.down))


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

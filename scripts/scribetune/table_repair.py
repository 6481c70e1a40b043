"""Tables of layout analysis, repaired by what stands on the page: columns, headers over several columns, wrapped rows.

PyMuPDF's table finder has the place of a table right, and all of a table whose cells are framed by lines. Where columns
are told apart by white space alone it splits headings between them, merges narrow columns and takes each line of a
wrapped cell for a row. Such tables are built again from the words in their box:

1. Columns: those found, split where a corridor without words runs down the table's body, and merged where the body has
   nothing in them.
2. Header: the lines above the first rule across the table (or, without rules, above the first line of figures). Words
   close to each other are one cell; it spans what a rule below it spans, or the columns that it is centred over.
3. Body: lines are rows, but for those that go on with a cell of the line before.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median
from typing import Any

from scribetune.table_cells import Box, Cell, PageTable, Word
from scribetune.text_layer import without_breaks

_TIGHT = 0.42
"""Words whose gap is below this share of their height belong together (a blank is about a fifth of it)."""
_CORRIDOR = 0.5
_THIN = 3.0
_LEADER = re.compile(r"[.·…]{4,}|_{4,}")
_HYPHEN = re.compile("[-\u00ad\u2010]")
_DOTS = re.compile(r"[.,…·\s]*")
_TEXT_RULE = re.compile(r"[-–—_=]{5,}")
_YEAR = re.compile(r"[(*]*(?:19|20)\d\d(?:[-–/]\d{2,4})?[)*†‡a-z]?")
_WIDE_RULE = 0.7
_MAX_HEADER_LINES = 10


@dataclass(frozen=True)
class Rule:
    """A straight line on the page: horizontal from `start` to `end` at height `at`, or vertical likewise."""

    start: float
    end: float
    at: float


@dataclass(frozen=True)
class Rules:
    """The straight lines of a page.

    Attributes:
        horizontal: Lines across.
        vertical: Lines down the page, and the left and right edges of filled boxes.
        edges: Upper and lower edges of filled boxes: shading, which says less than a line.
    """

    horizontal: tuple[Rule, ...]
    vertical: tuple[Rule, ...]
    edges: tuple[Rule, ...]

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
    found = _Found()
    for path in drawings:
        drawn = path.get("color") is not None and "s" in path["type"]
        for item in path["items"]:
            if item[0] == "l" and drawn:
                (x0, y0), (x1, y1) = item[1], item[2]
                found.line(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
            elif item[0] == "re":
                found.box(*item[1], drawn=drawn)
            elif item[0] == "qu":
                xs, ys = zip(*item[1], strict=True)
                found.box(min(xs), min(ys), max(xs), max(ys), drawn=drawn)
    return Rules(tuple(found.horizontal), tuple(found.vertical), tuple(found.edges))


@dataclass
class _Found:
    horizontal: list[Rule] = field(default_factory=list)
    vertical: list[Rule] = field(default_factory=list)
    edges: list[Rule] = field(default_factory=list)

    def line(self, x0: float, y0: float, x1: float, y1: float) -> None:
        if y1 - y0 <= _THIN < x1 - x0:
            self.horizontal.append(Rule(x0, x1, (y0 + y1) / 2))
        elif x1 - x0 <= _THIN < y1 - y0:
            self.vertical.append(Rule(y0, y1, (x0 + x1) / 2))

    def box(self, x0: float, y0: float, x1: float, y1: float, *, drawn: bool) -> None:
        if min(x1 - x0, y1 - y0) <= _THIN:
            self.line(x0, y0, x1, y1)
            return
        (self.horizontal if drawn else self.edges).extend((Rule(x0, x1, y0), Rule(x0, x1, y1)))
        self.vertical.extend((Rule(y0, y1, x0), Rule(y0, y1, x1)))


@dataclass
class _Segment:
    """Words of one line that stand close to each other."""

    words: list[Word]

    @property
    def x0(self) -> float:
        return self.words[0].x0

    @property
    def x1(self) -> float:
        return max(word.x1 for word in self.words)

    @property
    def middle(self) -> float:
        return (self.x0 + self.x1) / 2

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@dataclass
class _Line:
    words: list[Word]
    segments: list[_Segment] = field(default_factory=list)

    @property
    def y0(self) -> float:
        return min(word.y0 for word in self.words)

    @property
    def y1(self) -> float:
        return max(word.y1 for word in self.words)

    @property
    def middle(self) -> float:
        return median((word.y0 + word.y1) / 2 for word in self.words)

    @property
    def height(self) -> float:
        return median(word.height for word in self.words)


def lines_of(words: Sequence[Word]) -> list[_Line]:
    """Group words into lines from top to bottom, each from left to right; raised marks go with their line."""
    lines: list[_Line] = []
    for word in sorted(words, key=lambda word: (word.y0 + word.y1) / 2):
        middle, reach = (word.y0 + word.y1) / 2, word.height * 0.3
        best = None
        for line in reversed(lines[-4:]):
            other = max(line.words, key=lambda known: known.height)
            distance = abs((other.y0 + other.y1) / 2 - middle)
            if distance < max(reach, other.height * 0.3) and (best is None or distance < best[0]):
                best = (distance, line)
        if best is None:
            lines.append(_Line([word]))
        else:
            best[1].words.append(word)
    for line in lines:
        line.words.sort(key=lambda word: word.x0)
    limit = _blank_limit(lines) if lines else 0.0
    for line in lines:
        line.segments = _segments(line.words, limit)
    return sorted(lines, key=lambda line: line.middle)


def _segments(words: Sequence[Word], limit: float, bounds: Sequence[float] = ()) -> list[_Segment]:
    """Cut a line where words stand apart by `limit` or more; between columns by less, and between figures always."""
    segments: list[_Segment] = []
    end = 0.0
    for word in words:
        gap = word.x0 - end
        if segments and any(end - 1 <= bound <= word.x0 + 1 for bound in bounds):
            figures = is_figure(segments[-1].words[-1].text) and is_figure(word.text)
            apart = gap >= (0.3 if figures else 0.8) * limit
        else:
            apart = gap >= limit
        if segments and not apart:
            segments[-1].words.append(word)
            end = max(end, word.x1)
        else:
            segments.append(_Segment([word]))
            end = word.x1
    return segments


def _blank_limit(lines: Sequence[_Line]) -> float:
    """Return the gap from which words do not belong together: more than a blank of the table's font."""
    height = median(word.height for line in lines for word in line.words)
    gaps = sorted(
        b.x0 - a.x1
        for line in lines
        for a, b in pairwise(line.words)
        if a.text.isalpha() and b.text.isalpha() and 0 < b.x0 - a.x1 < 0.7 * height
    )
    usual = gaps[len(gaps) // 4] if gaps else 0.0
    return max(_TIGHT * height, 1.35 * usual)


def repair(
    found: PageTable, boxes: Sequence[Sequence[Box | None]], words: Sequence[Word], rules: Rules
) -> list[PageTable]:
    """Return a table as a reader sees it: several, where tables with the same headings stand side by side.

    Args:
        found: What layout analysis made of it.
        boxes: The boxes of its cells, rows × columns; None where a cell covers the slot.
        words: All words of the page.
        rules: All rules of the page.

    Returns:
        The repaired tables; the one found where its cells are framed by lines, or its text is not horizontal.
    """
    return _side_by_side(_repaired(found, boxes, words, rules))


def _side_by_side(table: PageTable) -> list[PageTable]:
    """Tell tables apart that repeat the same two or more headings from left to right."""
    headings = {cell.column: cell.text for cell in table.cells if cell.row == 0}
    if len(headings) < table.columns or any(cell.spans for cell in table.cells):
        return [table]
    names = [headings[column] for column in range(table.columns)]
    width = next(
        (
            width
            for width in range(2, table.columns // 2 + 1)
            if table.columns % width == 0 and names == names[:width] * (table.columns // width)
        ),
        None,
    )
    if width is None or len(set(names)) < 2:
        return [table]
    parts = []
    for left in range(0, table.columns, width):
        cells = tuple(
            replace(cell, column=cell.column - left) for cell in table.cells if left <= cell.column < left + width
        )
        parts.append(PageTable(table.box, max(cell.row for cell in cells) + 1, width, cells))
    parts[0] = replace(parts[0], above=table.above)
    parts[-1] = replace(parts[-1], below=table.below)
    return parts


def _repaired(
    found: PageTable, boxes: Sequence[Sequence[Box | None]], words: Sequence[Word], rules: Rules
) -> PageTable:
    x0, y0, x1, y1 = found.box
    inside = [w for w in words if x0 - 2 <= w.centre[0] <= x1 + 2 and y0 - 1 <= w.centre[1] <= y1 + 1]
    near = rules.within(found.box)
    edges = _columns_found(found, boxes)
    if len(inside) < 4 or len(edges) < 3:
        return _stripped(found)
    tall = sum(len(word.text) > 2 and word.height > 2 * (word.x1 - word.x0) for word in inside)
    rebuilding = _Rebuilding(found, edges, boxes, inside, near)
    if tall > 1 or rebuilding.is_framed():
        return _stripped(found)
    return rebuilding.table()


def _stripped(table: PageTable) -> PageTable:
    """Take rows of running text over all columns off the top and the bottom: captions and notes."""
    above: list[str] = []
    below: list[str] = []
    cells = list(table.cells)
    top, bottom = 0, table.rows
    while bottom - top > 2 and (cell := _running(cells, top, table.columns)):
        above.append(cell.text)
        cells.remove(cell)
        top += 1
    while bottom - top > 2 and (cell := _running(cells, bottom - 1, table.columns)):
        below.insert(0, cell.text)
        cells.remove(cell)
        bottom -= 1
    kept = tuple(replace(cell, row=cell.row - top) for cell in cells)
    return replace(table, rows=bottom - top, cells=kept, above=tuple(above), below=tuple(below))


def _running(cells: Sequence[Cell], row: int, columns: int) -> Cell | None:
    """Return a row's only cell, where it is a text of some length over all columns."""
    there = [cell for cell in cells if cell.row <= row < cell.row + cell.row_span]
    if len(there) != 1 or there[0].column_span < max(2, columns) or there[0].row_span > 1:
        return None
    return there[0] if len(there[0].text.split()) >= 4 else None


def _columns_found(found: PageTable, boxes: Sequence[Sequence[Box | None]]) -> list[float]:
    """Return the left edges of all columns and the right edge of the last."""
    lefts: list[list[float]] = [[] for _ in range(found.columns)]
    rights: list[list[float]] = [[] for _ in range(found.columns)]
    spanning = {(cell.row, cell.column) for cell in found.cells if cell.column_span > 1}
    for row, line in enumerate(boxes):
        for column, box in enumerate(line[: found.columns]):
            if box is not None and (row, column) not in spanning:
                lefts[column].append(box[0])
                rights[column].append(box[2])
    if not all(lefts):
        return []
    edges = [median(values) for values in lefts] + [median(rights[-1])]
    return edges if all(a < b for a, b in pairwise(edges)) else []


def _drawn(edges: Sequence[float], rules: Rules, box: Box) -> set[float]:
    """Return the edges between columns that lines stand on, along most of the table."""
    height = box[3] - box[1]
    return {
        edge
        for edge in edges[1:-1]
        if _covered(((r.start, r.end) for r in rules.vertical if abs(r.at - edge) <= 4), box[1], box[3]) >= 0.6 * height
    }


def _covered(intervals: Iterable[tuple[float, float]], low: float, high: float) -> float:
    total, reached = 0.0, low
    for start, end in sorted(intervals):
        first, last = max(start, reached), min(end, high)
        if last > first:
            total += last - first
            reached = last
    return total


@dataclass
class _HeaderCell:
    """A cell of the header under construction: a stack of segments over the columns `first`…`last`."""

    first: int
    last: int
    top: float
    bottom: float
    texts: list[str]
    fixed: bool = False
    level: int = 0

    def over(self, other: "_HeaderCell") -> bool:
        """Whether the two share a column."""
        return self.first <= other.last and other.first <= self.last


class _Rebuilding:
    def __init__(
        self,
        found: PageTable,
        edges: list[float],
        boxes: Sequence[Sequence[Box | None]],
        words: Sequence[Word],
        rules: Rules,
    ) -> None:
        self.found = found
        self.edges = edges
        self.row_tops = [min((box[1] for box in line if box is not None), default=0.0) for line in boxes if any(line)]
        drawn = [w for w in words if _TEXT_RULE.fullmatch(w.text)]
        kept = [w for w in words if not _TEXT_RULE.fullmatch(w.text) and not _LEADER.fullmatch(w.text)]
        self.lines = lines_of(kept)
        self.height = median(word.height for word in kept) if kept else 10.0
        self.limit = _blank_limit(self.lines) if self.lines else 0.0
        self.rules = (*rules.horizontal, *(Rule(w.x0, w.x1, w.centre[1]) for w in drawn))
        self.shades = rules.edges
        self.drawn = _drawn(edges, rules, found.box)
        self.left = min((word.x0 for word in kept), default=found.box[0])
        self.right = max((word.x1 for word in kept), default=found.box[2])
        self.above: list[str] = []
        self.below: list[str] = []

    def is_framed(self) -> bool:
        """Whether lines stand between nearly all columns, and no column is two."""
        if len(self.drawn) < 0.75 * (len(self.edges) - 2):
            return False
        for left, right in pairwise(self.edges):
            rows = [
                inside for line in self.lines if (inside := [w for w in line.words if left <= w.centre[0] <= right])
            ]
            if len(rows) >= 6 and _corridors(rows, 1.5 * self.height):
                return False
        return True

    def table(self) -> PageTable:
        if len(self.lines) < 2:
            return self.found
        self._strip()
        if len(self.lines) < 2:
            return self.found
        start = self._body_start()
        header, body = self.lines[:start], self.lines[start:]
        if not body:
            return self.found
        self._split_columns(body)
        self._merge_columns(header, body)
        for line in body:
            line.segments = _segments(line.words, self.limit, self.edges[1:-1])
        self.cores = self._cores(body)
        levels, header_cells = self._header(header)
        rows = self._rows(body)
        cells = [*header_cells, *self._body_cells(rows, levels)]
        columns = len(self.edges) - 1
        if columns < 2 or self._lost(cells):
            return self.found
        return PageTable(
            self.found.box,
            levels + len(rows),
            columns,
            tuple(sorted(cells, key=lambda cell: (cell.row, cell.column))),
            tuple(self.above),
            tuple(self.below),
        )

    def _lost(self, cells: Sequence[Cell]) -> bool:
        """Whether cells lie over each other, or a word is in none."""
        slots = [
            (row, column)
            for cell in cells
            for row in range(cell.row, cell.row + cell.row_span)
            for column in range(cell.column, cell.column + cell.column_span)
        ]
        # Hyphens at line ends are gone from the cells.
        wanted = sum(len(_HYPHEN.sub("", word.text)) for line in self.lines for word in line.words)
        held = sum(len(_HYPHEN.sub("", cell.text).replace(" ", "")) for cell in cells)
        return len(set(slots)) != len(slots) or held < wanted

    # -- lines that are none of the table ------------------------------------------------------------------

    def _strip(self) -> None:
        """Take captions off the top and notes off the bottom: lines of running text from the table's left edge."""
        while len(self.lines) > 2 and self._is_running_text(self.lines[0]):
            self.above.append(self.lines.pop(0).segments[0].text)
        while len(self.lines) > 2 and self._is_running_text(self.lines[-1]):
            self.below.insert(0, self.lines.pop().segments[0].text)

    def _is_running_text(self, line: _Line) -> bool:
        if len(line.segments) != 1 or len(line.words) < 3:
            return False
        segment = line.segments[0]
        crossed = sum(segment.x0 < edge < segment.x1 for edge in self.edges[1:-1])
        starts_left = segment.x0 < self.edges[1] - self.height and segment.x0 - self.left < 3 * self.height
        return starts_left and crossed >= min(2, len(self.edges) - 2)

    # -- header and body -----------------------------------------------------------------------------------

    def _wide_rules(self) -> list[float]:
        """Heights of the rules across the table, pieces at one height put together."""
        heights: list[list[Rule]] = []
        for rule in sorted((*self.rules, *self.shades), key=lambda rule: rule.at):
            if heights and rule.at - heights[-1][-1].at <= 2.5:
                heights[-1].append(rule)
            else:
                heights.append([rule])
        width = self.right - self.left
        stub = max(self.left + 1, min(self.edges[1], self.left + 0.1 * width) - 1)
        return [
            median(rule.at for rule in group)
            for group in heights
            if _covered(((rule.start, rule.end) for rule in group), self.left, self.right) >= _WIDE_RULE * width
            # A rule that leaves out the first column is one below headings of the others.
            and any(rule.start <= stub for rule in group)
        ]

    def _body_start(self) -> int:
        """Return the index of the first line of the body."""
        middles = [line.middle for line in self.lines]
        figures = next((i for i, line in enumerate(self.lines) if self._is_data(line)), None)
        for rule in self._wide_rules():
            above = sum(middle < rule for middle in middles)
            if 0 < above <= min(_MAX_HEADER_LINES, len(self.lines) - 1):
                # A rule below lines of figures is one between rows of the body.
                if figures is not None and figures < above:
                    return figures
                return above
        if figures is not None and 0 < figures <= _MAX_HEADER_LINES:
            return self._before_stub(figures)
        return 1 if figures != 0 else 0

    def _before_stub(self, index: int) -> int:
        """Lines with text in the first column alone, right above the first figures, are the body's (a group's name)."""
        while index > 1:
            line = self.lines[index - 1]
            if len(line.segments) == 1 and line.segments[0].x1 < self.edges[1] and index - 1 >= 1:
                index -= 1
            else:
                break
        return index

    def _is_data(self, line: _Line) -> bool:
        """Whether a line has figures in half of the columns after the first; years alone are headings."""
        filled = [word for word in line.words if word.centre[0] > self.edges[1]]
        if not filled or all(_YEAR.fullmatch(word.text) for word in filled):
            return False
        figures = [word for word in filled if is_figure(word.text)]
        places = {sum(edge <= word.centre[0] for edge in self.edges[1:-1]) for word in figures}
        stub = any(word.centre[0] < self.edges[1] for word in line.words)
        share = len(figures) / len(filled)
        return stub and share >= 0.6 and len(places) >= max(1, (len(self.edges) - 2) / 2)

    # -- columns -------------------------------------------------------------------------------------------

    def _split_columns(self, body: Sequence[_Line]) -> None:
        """Add an edge wherever a corridor without words runs down a column of the body."""
        added: list[float] = []
        for left, right in pairwise(self.edges):
            rows = [
                inside for line in body if (inside := [w for w in line.words if left - 1 <= w.centre[0] <= right + 1])
            ]
            if len(rows) >= 4:
                added.extend(_corridors(rows, _CORRIDOR * self.height))
        self.edges = sorted([*self.edges, *added])

    def _merge_columns(self, header: Sequence[_Line], body: Sequence[_Line]) -> None:
        """Remove columns in which the body has nothing, unless the header gives them a name of their own."""
        column = 0
        while column < len(self.edges) - 1 and len(self.edges) > 3:
            left, right = self.edges[column], self.edges[column + 1]
            rows = [line for line in body if len(line.segments) > 1] or body
            filled = sum(any(left <= word.centre[0] < right for word in line.words) for line in rows)
            if filled > len(rows) // 20:
                column += 1
                continue
            side = self._side_of(header, left, right)
            if side is None:
                column += 1
                continue
            edge = column if side < 0 else column + 1
            # The outermost edges stay: the neighbour grows to them.
            if edge == 0:
                edge = 1
            elif edge == len(self.edges) - 1:
                edge = column
            del self.edges[edge]

    def _side_of(self, header: Sequence[_Line], left: float, right: float) -> int | None:
        """Where an empty column's heading belongs: -1 to the left, 1 to the right, None if it stands by itself."""
        words = [(line, word) for line in header for word in line.words if left <= word.centre[0] < right]
        if not words:
            return -1
        if self.drawn and (left not in self.drawn or right not in self.drawn):
            return -1 if left not in self.drawn else 1
        gaps = []
        for line, word in words:
            before = [word.x0 - other.x1 for other in line.words if other.centre[0] < left]
            after = [other.x0 - word.x1 for other in line.words if other.centre[0] >= right]
            gaps.append((min(before, default=1e9), -1))
            gaps.append((min(after, default=1e9), 1))
        gap, side = min(gaps)
        return side if gap < _TIGHT * self.height * 1.6 else None

    def _cores(self, body: Sequence[_Line]) -> list[tuple[float, float]]:
        """Return from where to where the body's words reach in each column."""
        cores = []
        for left, right in pairwise(self.edges):
            inside = [
                segment
                for line in body
                for segment in line.segments
                if left - 1 <= segment.x0 and segment.x1 <= right + self.height * 0.5 and segment.middle < right
            ]
            starts = sorted(segment.x0 for segment in inside)
            ends = sorted(segment.x1 for segment in inside)
            if inside:
                # Single entries that reach far beside the others do not count.
                cores.append((max(left, starts[len(starts) // 20]), min(right, ends[-1 - len(ends) // 20])))
            else:
                cores.append((left, right))
        return cores

    def _column_at(self, x: float) -> int:
        return min(max(sum(edge <= x for edge in self.edges[1:-1]), 0), len(self.edges) - 2)

    # -- header --------------------------------------------------------------------------------------------

    def _header(self, lines: Sequence[_Line]) -> tuple[int, list[Cell]]:
        """Return the number of header rows, and their cells."""
        cells: list[_HeaderCell] = []
        for index, line in enumerate(lines):
            taken = [self._covers(segment) for segment in line.segments]
            for place, segment in enumerate(line.segments):
                first, last = taken[place]
                low = taken[place - 1][1] + 1 if place else 0
                high = taken[place + 1][0] - 1 if place + 1 < len(taken) else len(self.cores) - 1
                ruled = self._by_rule(segment, line, lines[index + 1 :])
                fixed = ruled is not None
                if ruled is not None:
                    first, last = ruled
                elif (
                    last > first or self._stands_between(segment, first) or self._stands_off(line, first, lines[index:])
                ):
                    first, last = self._centred(segment, first, last, low, high)
                cells.append(_HeaderCell(first, last, line.y0, line.y1, [segment.text], fixed))
        return self._levels(self._stacked(cells))

    def _covers(self, segment: _Segment) -> tuple[int, int]:
        """Return the columns whose body the segment stands over."""
        touched = [
            index
            for index, (x0, x1) in enumerate(self.cores)
            if min(x1, segment.x1) - max(x0, segment.x0) > 0.5 * min(x1 - x0, segment.x1 - segment.x0)
        ]
        if touched:
            return touched[0], touched[-1]
        at = self._column_at(segment.middle)
        return at, at

    def _stands_between(self, segment: _Segment, column: int) -> bool:
        """Whether a segment lies beside the body of its column: a heading of several columns may stand over a gap."""
        (x0, x1), left, right = self.cores[column], self.edges[column], self.edges[column + 1]
        reach = self.height * 0.5
        return (
            segment.x0 > x1 + reach
            or segment.x1 < x0 - reach
            or segment.x0 < left - reach
            or segment.x1 > right + reach
        )

    def _stands_off(self, line: _Line, column: int, lines: Sequence[_Line]) -> bool:
        """Whether the next heading of the column is further away than a wrapped line would be."""
        below = next(
            (
                other
                for other in lines[1:]
                for segment in other.segments
                if segment.x0 < self.cores[column][1] and segment.x1 > self.cores[column][0]
            ),
            None,
        )
        return below is not None and below.middle - line.middle > 1.4 * self.height

    def _by_rule(self, segment: _Segment, line: _Line, below: Sequence[_Line]) -> tuple[int, int] | None:
        """Return the columns of the rule right below a segment, where it is shorter than the table."""
        limit = next(
            (other.middle for other in below if any(s.x0 < segment.x1 and s.x1 > segment.x0 for s in other.segments)),
            None,
        )
        if limit is None:
            return None
        pieces = [
            rule
            for rule in self.rules
            if line.middle + 0.2 * line.height < rule.at < limit and rule.start - 2 <= segment.middle <= rule.end + 2
        ]
        if not pieces:
            return None
        rule = min(pieces, key=lambda piece: (piece.at, piece.start - piece.end))
        others = [(s.x0, s.x1) for s in line.segments if s is not segment]
        start, end = self._joined(rule, others)
        if end - start > 0.95 * (self.right - self.left):
            return None
        spanned = [
            index for index, (x0, x1) in enumerate(self.cores) if min(x1, end) - max(x0, start) > 0.5 * (x1 - x0)
        ]
        return (spanned[0], spanned[-1]) if spanned else None

    def _joined(self, rule: Rule, others: Sequence[tuple[float, float]]) -> tuple[float, float]:
        """Return a rule with the pieces that touch it at its height, up to where other headings stand above it."""
        start, end = rule.start, rule.end
        pieces = [
            piece
            for piece in self.rules
            if abs(piece.at - rule.at) <= 1.5
            and not any(x0 < piece.end - 1 and x1 > piece.start + 1 for x0, x1 in others)
        ]
        grown = True
        while grown:
            grown = False
            for piece in pieces:
                if piece.start <= end + 1.0 and piece.end >= start - 1.0 and (piece.start < start or piece.end > end):
                    start, end = min(start, piece.start), max(end, piece.end)
                    grown = True
        return start, end

    def _centred(self, segment: _Segment, first: int, last: int, low: int, high: int) -> tuple[int, int]:
        """Return the most columns, around those that it stands over, whose middle is that of the segment."""
        found = (first, last)
        for start in range(max(low, min(first, 1)), first + 1):
            for end in range(last, high + 1):
                if end - start > found[1] - found[0] and self._off_centre(segment, start, end) < 0.6 * self.height:
                    found = (start, end)
        return found

    def _off_centre(self, segment: _Segment, first: int, last: int) -> float:
        by_words = (self.cores[first][0] + self.cores[last][1]) / 2
        by_edges = (self.edges[first] + self.edges[last + 1]) / 2
        return min(abs(by_words - segment.middle), abs(by_edges - segment.middle))

    def _stacked(self, cells: list[_HeaderCell]) -> list[_HeaderCell]:
        """Join segments that stand below each other over the same columns, with no rule between: one wrapped cell."""
        stacks: list[_HeaderCell] = []
        for cell in cells:
            for other in reversed(stacks):
                if not cell.over(other):
                    continue
                same = (cell.first, cell.last) == (other.first, other.last)
                inside = other.first <= cell.first and cell.last <= other.last and not other.fixed
                close = cell.top - other.bottom < 0.6 * self.height
                # A line under a wider one, with nothing beside it, goes on with it ("(total)" under "Proportion").
                alone = not any(
                    beside is not cell and beside.top == cell.top and other.first <= beside.first <= other.last
                    for beside in cells
                )
                narrower_above = cell.first <= other.first and other.last <= cell.last and cell.first == cell.last
                if close and not self._rule_between(other, cell) and (same or (inside and alone) or narrower_above):
                    other.texts.extend(cell.texts)
                    other.bottom = cell.bottom
                else:
                    stacks.append(cell)
                break
            else:
                stacks.append(cell)
        return stacks

    def _rule_between(self, upper: _HeaderCell, lower: _HeaderCell) -> bool:
        left, right = self.cores[lower.first][0], self.cores[lower.last][1]
        middle = (left + right) / 2
        low, high = (upper.top + upper.bottom) / 2, (lower.top + lower.bottom) / 2
        return any(low < rule.at < high and rule.start <= middle <= rule.end for rule in self.rules)

    def _levels(self, cells: list[_HeaderCell]) -> tuple[int, list[Cell]]:
        """Give each cell its row: below all that stand over it; the lowest of a column reach down to the body."""
        cells.sort(key=lambda cell: (cell.top, cell.first))
        for index, cell in enumerate(cells):
            cell.level = max((other.level + 1 for other in cells[:index] if other.over(cell)), default=0)
        levels = max((cell.level + 1 for cell in cells), default=0)
        made = []
        for index, cell in enumerate(cells):
            next_below = min((other.level for other in cells[index + 1 :] if other.over(cell)), default=levels)
            made.append(
                Cell(
                    cell.level,
                    cell.first,
                    without_breaks(" ".join(cell.texts)),
                    max(1, next_below - cell.level),
                    cell.last - cell.first + 1,
                )
            )
        return levels, made

    # -- body ----------------------------------------------------------------------------------------------

    def _rows(self, body: Sequence[_Line]) -> list[list[_Line]]:
        """Group the body's lines into rows."""
        bands = self._bands(body)
        if bands is not None:
            return bands
        gaps = [second.middle - first.middle for first, second in pairwise(body)]
        usual = median(gaps) if gaps else 0.0
        rows: list[list[_Line]] = []
        for index, line in enumerate(body):
            if rows and self._goes_on(rows[-1], line, gaps[index - 1], usual):
                rows[-1].append(line)
            else:
                rows.append([line])
        return rows

    def _bands(self, body: Sequence[_Line]) -> list[list[_Line]] | None:
        """Return the rows between rules across the table, where it has one below nearly every row."""
        inner = [rule for rule in self._wide_rules() if body[0].middle < rule < body[-1].middle]
        if len(inner) < 2 or len(inner) < 0.3 * (len(body) - 1):
            return None
        bands: list[list[_Line]] = []
        for line in body:
            below = sum(rule < line.middle for rule in inner)
            if bands and sum(rule < bands[-1][0].middle for rule in inner) == below:
                bands[-1].append(line)
            else:
                bands.append([line])
        # Several lines of figures in a band are rows that share one.
        figures = [sum(self._is_data(line) for line in band) for band in bands]
        return bands if max(figures) <= 1 else None

    def _goes_on(self, row: Sequence[_Line], line: _Line, gap: float, usual: float) -> bool:
        """Whether a line goes on with cells of the row above it."""
        before = row[-1]
        sides = {self._column_at(segment.middle) for segment in before.segments}
        if gap < 0.7 * self.height and not sides & {self._column_at(segment.middle) for segment in line.segments}:
            return True  # beside it: a wrapped cell next to one that is centred on it
        if self._ruled_off(before, line):
            return False
        filled = {self._column_at(segment.middle) for segment in line.segments}
        above = {self._column_at(segment.middle) for other in row for segment in other.segments}
        first = line.segments[0].text
        goes_on = first[:1].islower() or before.segments[0].text.endswith((",", "-", "–", "/"))
        close = gap < 0.9 * usual
        if filled == {0}:
            near = close or (goes_on and gap <= 1.1 * usual)
            return near if above != {0} else goes_on and close
        figures = any(is_figure(segment.text) for segment in line.segments)
        if 0 not in filled:
            return filled <= above and not figures and gap <= 1.1 * usual
        if above == {0}:  # the name of a row stands in two lines, its figures on the second
            return first[:1].islower() and gap <= 1.1 * usual
        return filled <= above and not figures and close and len(filled) > 1

    def _ruled_off(self, upper: _Line, lower: _Line) -> bool:
        return any(upper.middle < rule < lower.middle for rule in self._wide_rules())

    def _body_cells(self, rows: Sequence[Sequence[_Line]], offset: int) -> list[Cell]:
        cells = []
        for number, row in enumerate(rows):
            texts: dict[int, list[str]] = {}
            spans: dict[int, int] = {}
            for line in row:
                for segment in line.segments:
                    first, last = self._place(segment, line, alone=len(row) == 1)
                    texts.setdefault(first, []).append(segment.text)
                    spans[first] = max(spans.get(first, 1), last - first + 1)
            for column, parts in texts.items():
                width = spans[column] if len(texts) == 1 else 1
                cells.append(Cell(offset + number, column, without_breaks(" ".join(parts)), 1, width))
        return cells

    def _place(self, segment: _Segment, line: _Line, *, alone: bool) -> tuple[int, int]:
        """Return the columns of a segment of the body."""
        first = self._column_at(segment.x0 + 1)
        if len(line.segments) == 1 and alone:
            last = self._column_at(segment.x1 - 1)
            if first > 0 and last > first:
                return self._centred(segment, first, last, 1, len(self.cores) - 1)
            return first, first
        overlaps = [min(x1, segment.x1) - max(x0, segment.x0) for x0, x1 in pairwise(self.edges)]
        best = overlaps.index(max(overlaps))
        return best, best


def _corridors(rows: Sequence[Sequence[Word]], width: float) -> list[float]:
    """Return the middles of corridors without words that most rows have words on both sides of.

    Each row's gap is of at least `width`; a third of it is enough between figures.
    """
    candidates = sorted(
        {
            (a.x1 + b.x0) / 2
            for row in rows
            for a, b in pairwise(row)
            if b.x0 - a.x1 >= (width / 3 if is_figure(a.text) and is_figure(b.text) else width)
        }
    )
    found: list[tuple[float, float]] = []
    for x in candidates:
        corridor = _corridor_at(rows, x, width)
        if corridor is not None:
            found.append(corridor)
    # Candidates of one corridor overlap: one edge each.
    edges: list[float] = []
    reached = float("-inf")
    for left, right in sorted(found):
        if left >= reached - 0.5:
            edges.append((left + right) / 2)
            reached = right
    return edges


def _corridor_at(rows: Sequence[Sequence[Word]], x: float, width: float) -> tuple[float, float] | None:
    left, right = float("-inf"), float("inf")
    both = crossed = figures = 0
    for row in rows:
        if any(word.x0 < x < word.x1 for word in row):
            crossed += 1
            continue
        before = max((word for word in row if word.x1 <= x), key=lambda word: word.x1, default=None)
        after = min((word for word in row if word.x0 >= x), key=lambda word: word.x0, default=None)
        if before is None or after is None:
            continue
        pair = is_figure(before.text) and is_figure(after.text)
        if after.x0 - before.x1 < (width / 3 if pair else width):
            crossed += 1
            continue
        both += 1
        figures += pair
        left, right = max(left, before.x1), min(right, after.x0)
    if both < max(3, 0.6 * len(rows)) or crossed > 0.06 * len(rows) or right <= left:
        return None
    return left, right


def is_figure(text: str) -> bool:
    """Whether a text is a number, an amount, a share, a range of them, or a mark for none ("—", "†", "n/a")."""
    stripped = text.strip("()[]*†‡§#+–—-−±<>≤≥~$€£¥%‰., ")
    if not stripped:
        return not _DOTS.fullmatch(text.strip())
    letters = sum(character.isalpha() for character in stripped)
    digits = sum(character.isdigit() for character in stripped)
    return (digits > 0 and letters <= max(1, digits // 2)) or stripped.lower() in ("n/a", "na", "ref", "x")

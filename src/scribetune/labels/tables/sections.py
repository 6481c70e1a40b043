"""Headings in the box of a table: they end it, and what follows is another table, or text.

Forms are set as names and values under numbered headings, and white space alone tells no table from the next: the
table finder takes a page of them for one. Headings stand alone in their line and differ from the names of rows: they
are larger, begin further left, reach over the columns, or fill a band.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from statistics import median

from scribetune.labels.layout_model import DetectedTable, Region
from scribetune.labels.page_blocks import begins_section
from scribetune.labels.ruling_lines import Rules, covered
from scribetune.labels.tables.cells import Box, PageTable, Word, union
from scribetune.labels.tables.lines import TableLine, lines_of
from scribetune.labels.text_layer import Line
from scribetune.text.grids import Cell

_CONTINUED = re.compile(
    r"\(?(?:Fortsetzung|Continued|Cont[’']?d|Suite|Continua|Continuación|Vervolg)\b[^)]{0,30}\)?", re.IGNORECASE
)
_LARGER = 1.1  # times the size of most characters of the table; a heading without a number is larger still
_MUCH_LARGER = 1.2
_BLANK = 1.5  # of the height of words: the most between words of one text
_AFTER_NUMBER = 4.0
_OUTDENTED = 0.4  # of the height
_INDENTED = 2.5
_BAND = 0.9  # of the table's width
_LONGEST = 200  # characters
_WORD = re.compile(r"[^\W\d_]{3,}|[\u3040-\u9fff]{2,}")


@dataclass(frozen=True)
class _Row:
    """A line of words in the box of a table."""

    line: TableLine
    size: float  # of its largest font
    kind: str  # "row", "heading" or "text"


def apart(regions: Sequence[Region], lines: Sequence[Line], words: Sequence[Word], rules: Rules) -> list[Region]:
    """Return the regions of a page, those of tables cut at the headings in them.

    Args:
        regions: Of the page; tables that lines frame stay as they are.
        lines: All of the page: what fonts their words have.
        words: All of the page.
        rules: All of the page.
    """
    found: list[Region] = []
    for region in regions:
        parts = [_parts(one, lines, words, rules) for one in region.tables]
        if all(len(part) == 1 for part in parts):
            found.append(region)
        else:
            found.extend(part for some in parts for part in some)
    return found


def _parts(found: DetectedTable, lines: Sequence[Line], words: Sequence[Word], rules: Rules) -> list[Region]:
    rows = _rows(found, lines, words, rules)
    kinds = {row.kind for row in rows}
    if kinds <= {"row"}:
        return [Region("table", found.table.box, (found,))]
    parts: list[Region] = []
    for kind, run in groupby(rows, key=lambda row: row.kind):
        group = list(run)
        if kind == "heading":
            parts.extend(Region("section-header", _box(part)) for part in _headings(group))
        elif kind == "row" and any(len(row.line.segments) > 1 for row in group):
            parts.append(_part(found, _box(group), len(group)))
        else:
            parts.append(Region("text", _box(group)))
    return parts


def _box(rows: Sequence[_Row]) -> Box:
    return union([word.box for row in rows for word in row.line.words])


def _part(found: DetectedTable, box: Box, count: int) -> Region:
    """Return the rows of a table within a box as a table."""
    x0, _, x1, _ = found.table.box
    box = (min(x0, box[0]), box[1], max(x1, box[2]), box[3])
    inside = [
        number
        for number, row in enumerate(found.boxes)
        if any(slot is not None and box[1] <= (slot[1] + slot[3]) / 2 <= box[3] for slot in row)
    ]
    boxes = tuple(found.boxes[number] for number in inside)
    cells = tuple(
        replace(cell, row=inside.index(cell.row), row_span=1) for cell in found.table.cells if cell.row in inside
    )
    columns = range(found.table.columns)
    if not all(any(row[column] is not None for row in boxes) for column in columns):
        # The columns are those of the whole; the words say which of them this part has.
        boxes, cells = found.boxes, (Cell(0, 0, ""),)
    table = PageTable(box, max(len(boxes), count), found.table.columns, cells, may_have_one_row=True)
    return Region("table", box, (DetectedTable(table, boxes),))


def _headings(rows: Sequence[_Row]) -> list[list[_Row]]:
    """Return the lines of each heading: one goes on in the line below it in the same size, if that has no number."""
    made: list[list[_Row]] = []
    for row in rows:
        before = made[-1][-1] if made else None
        goes_on = (
            before is not None
            and not begins_section(_text(row.line))
            and abs(before.size - row.size) < 0.05 * row.size
            and row.line.y0 - before.line.y1 < 0.5 * row.line.height
        )
        if goes_on:
            made[-1].append(row)
        else:
            made.append([row])
    return made


def _text(line: TableLine) -> str:
    return " ".join(word.text for word in line.words)


def _rows(found: DetectedTable, lines: Sequence[Line], words: Sequence[Word], rules: Rules) -> list[_Row]:
    x0, y0, x1, y1 = found.table.box
    inside = [w for w in words if x0 - 2 <= w.centre[0] <= x1 + 2 and y0 - 1 <= w.centre[1] <= y1 + 1]
    near = [line for line in lines if line.horizontal and y0 - 1 <= line.middle[1] <= y1 + 1]
    rows = lines_of(inside) if inside else []
    if len(rows) < 2 or not near:
        return []
    sizes: Counter[float] = Counter()
    for line in near:
        sizes[round(line.size, 1)] += len(line.text)
    usual = sizes.most_common(1)[0][0]
    starts = Counter(round(row.words[0].x0) for row in rows if len(row.segments) > 1)
    left = starts.most_common(1)[0][0] if starts else min(row.words[0].x0 for row in rows)
    second = [row.segments[1].x0 for row in rows if len(row.segments) > 1]
    layout = _Layout(usual, left, median(second) if second else x1, (x0, y0, x1, y1))
    made = []
    for number, row in enumerate(rows):
        size = max((line.size for line in near if abs(line.middle[1] - row.middle) < 0.3 * row.height), default=usual)
        is_edge = number in (0, len(rows) - 1)
        kind = "text" if is_edge and _CONTINUED.fullmatch(_text(row)) else "row"
        if layout.is_heading(row, size, rules, is_edge=is_edge):
            kind = "heading"
        made.append(_Row(row, size, kind))
    return made


@dataclass(frozen=True)
class _Layout:
    """What the rows of a table have in common; places in points."""

    size: float  # of most characters
    left: float  # where most rows begin
    second: float  # where what stands beside their names begins
    box: Box

    def is_heading(self, row: TableLine, size: float, rules: Rules, *, is_edge: bool) -> bool:
        """Whether a line is no row: a text alone, numbered and set apart, or much larger than the others.

        A number is enough where the first or the last line of the table has it.
        """
        text = _text(row)
        is_numbered = begins_section(text)
        if len(text) > _LONGEST or not _WORD.search(text) or not _is_alone(row, is_numbered):
            return False
        height, x0 = row.height, row.words[0].x0
        if x0 > self.left + _INDENTED * height:
            return False
        if not is_numbered:
            return size >= _MUCH_LARGER * self.size and not text.endswith((".", ",", ";", ":"))
        return (
            is_edge
            or size >= _LARGER * self.size
            or x0 < self.left - _OUTDENTED * height
            or row.words[-1].x1 > self.second + height
            or self._is_in_band(row, rules)
        )

    def _is_in_band(self, row: TableLine, rules: Rules) -> bool:
        """Whether edges of shading run right above and below a line, over the width of the table."""
        x0, _, x1, _ = self.box
        above = [r for r in rules.edges if row.y0 - 0.5 * row.height <= r.at <= row.middle]
        below = [r for r in rules.edges if row.middle <= r.at <= row.y1 + 0.5 * row.height]
        return all(covered([(r.start, r.end) for r in some], x0, x1) >= _BAND * (x1 - x0) for some in (above, below))


def _is_alone(row: TableLine, is_numbered: bool) -> bool:
    """Whether the words of a line are one text; a number may stand apart from it."""
    gaps = [after.x0 - before.x1 for before, after in pairwise(row.words)]
    if is_numbered and gaps and gaps.pop(0) > _AFTER_NUMBER * row.height:
        return False
    return all(gap <= _BLANK * row.height for gap in gaps)

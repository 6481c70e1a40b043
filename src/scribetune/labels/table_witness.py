"""What a page says against the tables of its label: a column is a column on the page, a row a row, a heading none.

Asked of the words where the page has them (`placed_words`), whatever made the label.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from scribetune.labels.doubts import MOST_QUOTED, Doubt, Finding
from scribetune.labels.placed_words import PlacedLabel, Shown, Slot, runs_leftwards
from scribetune.labels.tables.cells import Box, union

_PHRASE = 1.0  # of a line's height: words this near are one segment of a line
_OVERLAPS = 0.5  # of the narrower of two segments
_LEVEL = 0.5  # of a line's height
_OTHER_LINE = 0.7  # of a line's height, from the middle of one to that of the next
_LEAST_ROWS = 3
_OFF = 0.7  # of a line's height: further from the next row than any row of the table
_SECTION = re.compile(r"(?:ABSCHNITT|SECTION|RUBRIQUE)?\s*\d{1,2}(?: \d{1,2}){1,2} [^\W\d_]{3}")
_LARGER = 1.2  # times the height of the other cells


def of_tables(placed: PlacedLabel) -> Iterator[Finding]:
    """Yield the places where cells of a label's tables do not stand as the page has them."""
    for table in _Tables(placed).all():
        yield from (*table.astray(), *table.merged(), *table.split(), *table.headings())


def is_gutter(gap: Box, other: Box) -> bool:
    """Whether two gaps are one above the other: lines may stand closer than their boxes are high."""
    shared = min(gap[2], other[2]) - max(gap[0], other[0])
    apart = abs(gap[1] + gap[3] - other[1] - other[3]) / 2
    is_apart = apart > _OTHER_LINE * min(gap[3] - gap[1], other[3] - other[1])
    return is_apart and shared > _OVERLAPS * min(gap[2] - gap[0], other[2] - other[0])


@dataclass(frozen=True)
class _Cell:
    slot: Slot
    words: tuple[Shown, ...]
    box: Box

    @property
    def middle(self) -> tuple[float, float]:
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2

    @property
    def height(self) -> float:
        return median(word.height for word in self.words)

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)[:MOST_QUOTED]

    def gaps(self) -> Iterator[Box]:
        """Yield the gaps in its lines that are wider than blanks."""
        for left, right in pairwise(self.words):
            height = min(left.height, right.height)
            if abs(left.middle - right.middle) < _LEVEL * height and right.box[0] - left.box[2] > _PHRASE * height:
                yield left.box[2], left.box[1], right.box[0], left.box[3]


class _Tables:
    """The tables of a label, with the places of their cells."""

    def __init__(self, placed: PlacedLabel) -> None:
        self._held: dict[Slot, list[Shown]] = defaultdict(list)
        for word, places in zip(placed.written, placed.places, strict=True):
            if word.slot is not None:
                self._held[word.slot].extend(placed.shown[at] for at in places)

    def all(self) -> Iterator["_Table"]:
        """Yield each table that has cells on the page."""
        tables: dict[int, list[_Cell]] = defaultdict(list)
        for slot, words in self._held.items():
            if words:
                tables[slot.table].append(_Cell(slot, tuple(words), union([word.box for word in words])))
        for cells in tables.values():
            yield _Table(cells)


class _Table:
    def __init__(self, cells: Sequence[_Cell]) -> None:
        self._cells = cells

    def astray(self) -> Iterator[Finding]:
        """Cells that the page has in another row or column."""
        rows: dict[int, list[_Cell]] = defaultdict(list)
        columns: dict[int, list[_Cell]] = defaultdict(list)
        for cell in self._cells:
            if cell.slot.rows == 1:
                rows[cell.slot.row].append(cell)
            if cell.slot.columns == 1:
                columns[cell.slot.column].append(cell)
        found: dict[Slot, tuple[_Cell, _Cell]] = {}
        for line in rows.values():
            for cell, other in pairwise(sorted(line, key=lambda cell: cell.slot.column)):
                is_beside = cell.box[2] <= other.box[0] + 0.3 * cell.height
                is_level = min(cell.box[3], other.box[3]) - max(cell.box[1], other.box[1]) > -0.2 * cell.height
                if not is_level or not (is_beside or self._is_leftwards):
                    found.setdefault(other.slot, (cell, other))
        for line in columns.values():
            for cell, other in pairwise(sorted(line, key=lambda cell: cell.slot.row)):
                if cell.slot.row + cell.slot.rows > other.slot.row:
                    continue
                if other.middle[1] - cell.middle[1] < _LEVEL * min(cell.height, other.height):
                    found.setdefault(other.slot, (cell, other))
        for cell, other in found.values():
            yield Finding(Doubt.ASTRAY, other.text, f"{cell.text} | {other.text}", other.box)

    @property
    def _is_leftwards(self) -> bool:
        return any(runs_leftwards(word.text) for cell in self._cells for word in cell.words)

    def merged(self) -> Iterator[Finding]:
        """Cells of one column with the same gap in each: two columns of the page."""
        columns: dict[int, list[tuple[_Cell, Box]]] = defaultdict(list)
        for cell in self._cells:
            if cell.slot.columns == 1:
                columns[cell.slot.column].extend((cell, gap) for gap in cell.gaps())
        for found in columns.values():
            for cell, gap in found:
                rows = {other.slot.row for other, its in found if is_gutter(gap, its)}
                if rows - {cell.slot.row}:
                    yield Finding(Doubt.MERGED, cell.text, cell.text, cell.box)

    def split(self) -> Iterator[Finding]:
        """Headings with nothing below them, over cells that the label has in the column beside."""
        columns: dict[int, list[_Cell]] = defaultdict(list)
        for cell in self._cells:
            columns[cell.slot.column].append(cell)
        first = min(cell.slot.row for cell in self._cells)
        for number, cells in columns.items():
            if len(cells) > 1 or cells[0].slot.row != first or cells[0].slot.columns > 1:
                continue
            for beside in (columns.get(number - 1, []), columns.get(number + 1, [])):
                x0, x1 = cells[0].box[0], cells[0].box[2]
                has_heading = any(cell.slot.row == first for cell in beside)
                if not has_heading and sum(x0 < cell.middle[0] < x1 for cell in beside) > 1:
                    yield Finding(Doubt.SPLIT, cells[0].text, cells[0].text, cells[0].box)

    def headings(self) -> Iterator[Finding]:
        """First and last rows of one text that is set larger than the others, or stands further off, or is numbered."""
        rows: dict[int, list[_Cell]] = defaultdict(list)
        for cell in self._cells:
            rows[cell.slot.row].append(cell)
        order = [rows[row] for row in sorted(rows)]
        gaps = [min(c.box[1] for c in after) - max(c.box[3] for c in before) for before, after in pairwise(order)]
        if len(order) < _LEAST_ROWS:
            return
        for cells, gap, others in ((order[0], gaps[0], gaps[1:]), (order[-1], gaps[-1], gaps[:-1])):
            rest = [cell.height for cell in self._cells if cell.slot.row != cells[0].slot.row]
            is_larger = cells[0].height > _LARGER * median(rest)
            is_off = gap > max(others) + _OFF * median(rest)
            is_numbered = bool(_SECTION.match(cells[0].text))
            if len(cells) == 1 and cells[0].slot.column == 0 and (is_larger or is_off or is_numbered):
                yield Finding(Doubt.HEADING, cells[0].text, cells[0].text, cells[0].box)

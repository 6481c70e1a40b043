"""Tables of layout analysis, repaired by what stands on the page: columns, headers over several columns, wrapped rows.

PyMuPDF's table finder has the place of a table right. Where columns are told apart by white space it splits headings
between them, merges narrow columns and takes each line of a wrapped cell for a row. All tables but those whose cells
lines frame (`tables.ruled`) are built again from the words in their box:

1. Columns: those found, split where a corridor without words runs down the table's body, and merged where the body has
   nothing in them.
2. Header: the lines above the first rule across the table (or, without rules, above the first line of figures). Words
   close to each other are one cell; it spans the columns that it is centred over.
3. Body: lines are rows, but for those that go on with a cell of the line before.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from scribetune.labels.ruling_lines import Rule, Rules
from scribetune.labels.tables import direction
from scribetune.labels.tables.body import body_cells
from scribetune.labels.tables.cells import Box, PageTable, Word
from scribetune.labels.tables.columns import column_cores, detected_columns, flush_starts, merge_columns, split_columns
from scribetune.labels.tables.grid import Grid, drawn_edges
from scribetune.labels.tables.header import header_cells, within_columns
from scribetune.labels.tables.lines import TableLine, blank_limit, cut, lines_of
from scribetune.labels.tables.rows import RowDivision
from scribetune.text.grids import Cell

_LEADER = re.compile(r"[.·…]{4,}|_{4,}")
_HYPHEN = re.compile("[-\u00ad\u2010\u2011]")
_TEXT_RULE = re.compile(r"[-–—_=]{5,}")
_MAX_HEADER_LINES = 10


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
        The repaired tables; the one found where its text is not horizontal. The
        columns of tables in right-to-left scripts are in the order in which they are read: the rightmost is the first.
    """
    if direction.reads_leftwards(found):
        turned = _side_by_side(_repaired(*direction.mirrored(found, boxes, words, rules)))
        return [
            replace(table, box=direction.mirrored_box(table.box), cells=tuple(direction.with_signs_first(table.cells)))
            for table in turned
        ]
    found, words = direction.with_runs(found, boxes, words)
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
    edges = detected_columns(found, boxes)
    if len(inside) < 4 or len(edges) < 3:
        return _stripped(found)
    tall = sum(len(word.text) > 2 and word.height > 2 * (word.x1 - word.x0) for word in inside)
    if tall > max(1, 0.1 * len(inside)):
        return _stripped(found)
    return _Rebuilding(found, edges, inside, near).table()


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


class _Rebuilding:
    def __init__(self, found: PageTable, edges: list[float], words: Sequence[Word], rules: Rules) -> None:
        self.found = found
        drawn = [w for w in words if _TEXT_RULE.fullmatch(w.text)]
        kept = [w for w in words if not _TEXT_RULE.fullmatch(w.text) and not _LEADER.fullmatch(w.text)]
        self.lines = lines_of(kept)
        self.grid = Grid(
            edges,
            height=median(word.height for word in kept) if kept else 10.0,
            limit=blank_limit(self.lines) if self.lines else 0.0,
            left=min((word.x0 for word in kept), default=found.box[0]),
            right=max((word.x1 for word in kept), default=found.box[2]),
            rules=(*rules.horizontal, *(Rule(w.x0, w.x1, w.centre[1]) for w in drawn)),
            shades=rules.edges,
            drawn=drawn_edges(edges, rules.vertical, found.box),
        )
        self.above: list[str] = []
        self.below: list[str] = []

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
        split_columns(self.grid, body)
        merge_columns(self.grid, header, body)
        bounds = [*flush_starts(self.grid, body), *self.grid.edges[1:-1]]
        for line in body:
            line.segments = cut(line.words, self.grid.limit, bounds)
        for line in header:
            line.segments = within_columns(self.grid, line.segments)
        self.grid.cores = column_cores(self.grid, body)
        levels, cells = header_cells(self.grid, header)
        rows = RowDivision(self.grid, body).rows()
        cells += body_cells(self.grid, rows, levels)
        width = len(self.grid.edges) - 1
        if width < 2 or self._lost(cells):
            return self.found
        return replace(
            self.found,
            rows=levels + len(rows),
            columns=width,
            cells=tuple(sorted(cells, key=lambda cell: (cell.row, cell.column))),
            above=tuple(self.above),
            below=tuple(self.below),
            may_have_one_row=self.found.may_have_one_row or self.found.rows > 1,
        )

    def _lost(self, cells: Sequence[Cell]) -> bool:
        """Whether cells lie over each other, or a word is in none."""
        slots = [slot for cell in cells for slot in cell.slots]
        # Hyphens at line ends are gone from the cells.
        wanted = sum(len(_HYPHEN.sub("", word.text)) for line in self.lines for word in line.words)
        held = sum(len(_HYPHEN.sub("", cell.text).replace(" ", "")) for cell in cells)
        return len(set(slots)) != len(slots) or held < wanted

    def _strip(self) -> None:
        """Take captions off the top and notes off the bottom: lines of running text from the table's left edge."""
        while len(self.lines) > 2 and self._is_running_text(self.lines[0]):
            self.above.append(self.lines.pop(0).segments[0].text)
        while len(self.lines) > 2 and self._is_running_text(self.lines[-1]):
            self.below.insert(0, self.lines.pop().segments[0].text)

    def _is_running_text(self, line: TableLine) -> bool:
        if len(line.segments) != 1 or len(line.words) < 3:
            return False
        segment = line.segments[0]
        crossed = sum(segment.x0 < edge < segment.x1 for edge in self.grid.edges[1:-1])
        starts_left = (
            segment.x0 < self.grid.edges[1] - self.grid.height and segment.x0 - self.grid.left < 3 * self.grid.height
        )
        return starts_left and crossed >= min(2, len(self.grid.edges) - 2)

    def _body_start(self) -> int:
        """Return the index of the first line of the body.

        Of two columns no heading spans some: there headings are a row like others. Names with a colon are of rows.
        """
        start = self._header_end() if len(self.grid.edges) > 3 else 0
        return 0 if sum(line.segments[0].text.endswith(":") for line in self.lines[:start]) > 1 else start

    def _header_end(self) -> int:
        middles = [line.middle for line in self.lines]
        figures = next((i for i, line in enumerate(self.lines) if self.grid.is_data(line)), None)
        rules = [rule for rule in self.grid.wide_rules() if middles[0] < rule < middles[-1]]
        for rule in rules:
            above = sum(middle < rule for middle in middles)
            if 0 < above <= min(_MAX_HEADER_LINES, len(self.lines) - 1):
                # A rule below lines of figures is one between rows of the body.
                # The only one may divide figures that are headings from the others.
                if figures is not None and figures < above - (len(rules) == 1):
                    return figures
                return above
        if figures is not None and 0 < figures <= _MAX_HEADER_LINES:
            return self._before_stub(figures)
        return 1 if figures != 0 else 0

    def _before_stub(self, index: int) -> int:
        """Lines with text in the first column alone, right above the first figures, are the body's (a group's name)."""
        while index > 1:
            line = self.lines[index - 1]
            if len(line.segments) == 1 and line.segments[0].x1 < self.grid.edges[1] and index - 1 >= 1:
                index -= 1
            else:
                break
        return index

"""What belongs to a ruled table and stands outside its lines: headings above it, totals below and beside it."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from scribetune.labels.tables.cell_text import text_of
from scribetune.labels.tables.cells import PageTable, Word, union
from scribetune.labels.tables.lattice import Lattice
from scribetune.labels.tables.lines import Segment, is_figure, lines_of
from scribetune.text.grids import Cell

_NEAR = 1.0  # times the height of words: between the lines drawn and a row outside them
_LEADING = 0.35  # times the height: between two lines of one heading
_HEADING_LINES = 4
_SHARE = 0.6
_ALIGNED = 2.5  # points
_CENTRED = 0.6  # times the height
_BESIDE = 5.0  # times the height
_FAR_BESIDE = 12.0  # where every row has one

Held = Sequence[Sequence[Word]]
Columns = tuple[int, int]  # the first, and the last
Row = dict[Columns, list[Segment]]  # segments by the columns that they stand over


def with_rows_around(table: PageTable, lattice: Lattice, held: Held, words: Sequence[Word], height: float) -> PageTable:
    """Add rows of headings above the lines, and one of totals below them, where words stand over and under columns."""
    _, y0, _, y1 = lattice.box
    above = _rows(lattice, [w for w in words if y0 - 8 * height < w.centre[1] < y0], height, upwards=True)
    below = _rows(lattice, [w for w in words if y1 < w.centre[1] < y1 + 3 * height], height, upwards=False)[:1]
    headings = _headings(above, table)
    totals = _added(below[0], table.rows) if below and _are_totals(below[0], lattice, held) else []
    levels = max((cell.row + 1 for cell in headings), default=0)
    outside = [row for row, is_part in ((above, headings), (below, totals)) if is_part]
    words_outside = [w for rows in outside for row in rows for part in row.values() for s in part for w in s.words]
    return replace(
        table,
        rows=table.rows + levels + bool(totals),
        cells=(*headings, *(replace(cell, row=cell.row + levels) for cell in (*table.cells, *totals))),
        box=union([table.box, *(w.box for w in words_outside)]),
    )


def _headings(above: Sequence[Row], table: PageTable) -> list[Cell]:
    """Return the cells of lines above a table, nearest first: a row of groups of columns, and one of their names."""
    groups = next((n for n, row in enumerate(above) if any(last > first for first, last in row)), len(above))
    names = list(above[:groups])
    while names and not _are_headings(names, table):
        names.pop()
    cells: list[Cell] = []
    if groups < len(above) and len(names) == groups:
        cells = _added(above[groups], 0)
        if len(cells) < 2:
            cells = []
    merged: Row = {}
    for row in reversed(names):
        for columns, segments in row.items():
            merged.setdefault(columns, []).extend(segments)
    return cells + _added(merged, int(bool(cells)))


def _added(row: Row, number: int) -> list[Cell]:
    return [Cell(number, first, _text(row[first, last]), column_span=last - first + 1) for first, last in sorted(row)]


def _text(segments: Sequence[Segment]) -> str:
    return text_of([word for segment in segments for word in segment.words], lambda _: (1.0, 0.0))


def _rows(lattice: Lattice, words: Sequence[Word], height: float, *, upwards: bool) -> list[Row]:
    """Return the lines of words next to a lattice whose parts stand each over, or under, columns; nearest first."""
    x0, y0, x1, y1 = lattice.box
    lines = lines_of(words) if words else []
    if upwards:
        lines.reverse()
    found: list[Row] = []
    edge, apart = (y0 if upwards else y1), _NEAR * height
    for line in lines[:_HEADING_LINES]:
        gap = edge - line.y1 if upwards else line.y0 - edge
        if gap > apart or line.words[0].x0 < x0 - _ALIGNED or line.words[-1].x1 > x1 + _ALIGNED:
            break
        row: Row = {}
        for segment in line.segments:
            columns = columns_under(lattice.xs, segment, height)
            if columns is None or (columns[1] > columns[0] and not upwards):
                return found
            row.setdefault(columns, []).append(segment)
        taken = [column for first, last in row for column in range(first, last + 1)]
        if len(set(taken)) < len(taken):
            return found
        found.append(row)
        edge, apart = (line.y0 if upwards else line.y1), _LEADING * height
    return found


def columns_under(xs: Sequence[float], segment: Segment, height: float) -> Columns | None:
    """Return the column that a segment stands in with all of its width, or the fewest that it is centred over."""
    last = next((n for n, right in enumerate(xs[1:]) if segment.x1 <= right + _ALIGNED), len(xs) - 2)
    first = max((n for n, left in enumerate(xs[:-1]) if left - _ALIGNED <= segment.x0), default=0)
    if first >= last:
        return last, last
    for span in range(last - first, len(xs) - 1):
        for start in range(max(0, last - span), min(first, len(xs) - 2 - span) + 1):
            if abs((xs[start] + xs[start + span + 1]) / 2 - segment.middle) < _CENTRED * height:
                return start, start + span
    return None


def _are_headings(rows: Sequence[Row], table: PageTable) -> bool:
    """Whether lines above a table are its head: over most columns, and more than over the first."""
    columns = {column for row in rows for column in row}
    if len(columns) < max(2, _SHARE * table.columns) or (len(rows) > 1 and max(map(len, rows)) < 2):
        return False
    first = [cell.text for cell in table.cells if cell.row == 0 and cell.text]
    has_figures = any(is_figure(text) for cell in table.cells if cell.row > 0 for text in cell.text.split())
    # Where a row without figures heads rows of figures, the headings are within the lines.
    return not has_figures or any(is_figure(word) for text in first for word in text.split())


def _are_totals(row: Row, lattice: Lattice, held: Held) -> bool:
    """Whether a line below a table is its last row: figures that stand as those of their columns do."""
    figures = 0
    for (column, _), segments in row.items():
        for segment in segments:
            if not is_figure(segment.words[-1].text):
                continue
            others = [
                line.words
                for face, words in zip(lattice.faces, held, strict=True)
                if face.column == column and face.column_span == 1 and words
                for line in lines_of(words)
                if is_figure(line.words[-1].text)
            ]
            aligned = sum(
                abs(words[-1].x1 - segment.x1) <= _ALIGNED
                or abs(words[0].x0 - segment.x0) <= _ALIGNED
                or abs((words[0].x0 + words[-1].x1) / 2 - segment.middle) <= 1
                for words in others
            )
            if not others or aligned < _SHARE * len(others):
                return False
            figures += 1
    return figures > 0


def beside(table: PageTable, lattice: Lattice, words: Sequence[Word], height: float) -> PageTable:
    """Add a column of figures to the right of the lines, where one stands beside most rows."""
    x1 = lattice.xs[-1]
    found: dict[int, list[Word]] = {}
    for row, (upper, lower) in enumerate(pairwise(lattice.ys)):
        inside = [w for w in words if w.centre[0] > x1 and upper <= w.centre[1] < lower]
        if inside:
            found[row] = inside
    body = {row: held for row, held in found.items() if row > 0}
    count = len(lattice.ys) - 2  # of rows below the first
    gap = min((word.x0 for held in body.values() for word in held), default=0.0) - x1
    is_near = len(body) >= _SHARE * count and gap < _BESIDE * height
    if len(body) < 2 or not (is_near or (len(body) == count and gap < _FAR_BESIDE * height)):
        return table
    lines = [line for held in body.values() for line in lines_of(held)]
    if any(len(line.segments) > 1 or not is_figure(line.words[-1].text) for line in lines):
        return table
    if len(lines) != len(body):
        return table
    shift = int(table.box[1] < lattice.ys[0])  # the row of headings above
    added = [Cell(row + shift, table.columns, text_of(held, lambda _: (1.0, 0.0))) for row, held in found.items()]
    cells = tuple(sorted((*table.cells, *added), key=lambda cell: (cell.row, cell.column)))
    box = union([table.box, *(w.box for held in found.values() for w in held)])
    return replace(table, columns=table.columns + 1, cells=cells, box=box)

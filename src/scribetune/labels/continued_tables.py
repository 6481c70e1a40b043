"""Tables that go on over a page: the last table of one page and the first of the next, where these are one table.

They are one where the next page begins with a table of as many columns that repeats the header, or has none: its first
row is one of figures where the rows above have figures, below a table that reaches the foot of its page, with columns
in the same places. "Continued" says so too. Where tags name one element on both pages, its author says it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from scribetune.labels.page_blocks import Kind, PageBlock
from scribetune.labels.tables.cells import PageTable, Word, holds
from scribetune.labels.tables.lines import is_figure
from scribetune.metrics.markdown import find_tables
from scribetune.text.grids import Cell, Table, table

_REACHES = 0.7  # of a page's height: the table ends there, or below
_PLACE = 3.0  # points
_ALIKE = 0.7  # of the columns
_GAP = 2.0  # points between the words of two columns
_FIGURES = 0.5  # of a column's rows
_BESIDE = frozenset({Kind.HEADER, Kind.FOOTER, Kind.FOOTNOTE})
_MOST_MARK_CHARACTERS = 120
_YEAR = re.compile(r"(?:FY\s?)?(?:19|20)\d\d")
_CONTINUED = re.compile(
    r"continued|cont['’]?d|\(cont\.?\)|fortsetzung|fortgesetzt|\(suite\)|suite (?:du|de la|page)|continuación|"
    r"\(cont\.|continua(?:zione|ção)|续表|續表|接上页|接上頁|转下页|轉下頁|接下页",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class TableEnd:
    """A table at the upper or lower end of a page.

    Attributes:
        number: Which of the page's tables it is, from 1.
        columns: Number of its columns.
        header: The texts of its first row.
        usual: For each column, whether most of its cells below the first row are figures.
        places: Where the words of its columns begin and end across the page, in points; () where that is not known.
        bottom: Where it ends, as a share of the page's height; 1.0 where that is not known.
    """

    number: int
    columns: int
    header: tuple[str, ...]
    usual: tuple[bool, ...]
    places: tuple[tuple[float, float], ...] = ()
    bottom: float = 1.0


@dataclass(frozen=True)
class PageEnds:
    """How a page begins and ends, as far as tables go.

    Attributes:
        first: The table that it begins with; None where something else comes first.
        last: The table that it ends with.
        is_continued: Whether something before the first table says that it goes on from the page before.
        elements: Structure elements (xref) of its tables → the number of each; {} where tags do not say it.
    """

    first: TableEnd | None = None
    last: TableEnd | None = None
    is_continued: bool = False
    elements: Mapping[int, int] | None = None


def of_blocks(blocks: Sequence[PageBlock], words: Sequence[Word], height: float) -> PageEnds:
    """Return the ends of a page, `height` points high, from its blocks and words."""
    shown = [block for block in blocks if block.kind not in _BESIDE]
    tables = [one for block in shown for one in block.tables]
    marks = [block.kind is not Kind.TABLE and _is_mark(" ".join(line.text for line in block.lines)) for block in shown]
    rest = [block for block, is_mark in zip(shown, marks, strict=True) if not is_mark]
    if not tables or not rest:
        return PageEnds()
    begins, ends = bool(rest[0].tables), bool(rest[-1].tables)
    leading = marks.index(False)
    return PageEnds(
        _of_page_table(tables[0], 1, words, height) if begins and all(map(_is_mark, tables[0].above)) else None,
        _of_page_table(tables[-1], len(tables), words, height) if ends else None,
        any(marks[:leading]) or (begins and bool(tables[0].above)),
    )


def of_text(label: str, elements: Mapping[int, int] | None = None) -> PageEnds:
    """Return the ends of a page from its label alone: a tagged page, or one that people or a model labelled."""
    blocks = label.strip().split("\n\n")
    tables = [find_tables(block) for block in blocks]
    count = sum(map(len, tables))
    marks = [not found and _is_mark(block) for block, found in zip(blocks, tables, strict=True)]
    rest = [found for found, is_mark in zip(tables, marks, strict=True) if not is_mark]
    if not count:
        return PageEnds(elements=elements)
    return PageEnds(
        _of_table(rest[0][0], 1) if rest[0] else None,
        _of_table(rest[-1][-1], count) if rest[-1] else None,
        any(marks[: marks.index(False)]),
        elements,
    )


def continued(before: PageEnds, after: PageEnds) -> int:
    """Return which table of a page, from 1, the first one of the next page goes on with; 0 where there is none."""
    for element, number in (after.elements or {}).items():
        if number == 1 and element in (before.elements or {}):
            return (before.elements or {})[element]
    above, below = before.last, after.first
    if above is None or below is None or above.columns != below.columns or above.columns < 2:
        return 0
    if after.is_continued or _same_header(above, below):
        return above.number
    counted = [text for text, usual in zip(below.header, above.usual, strict=True) if usual]
    is_body = bool(counted) and all(map(_is_figure, counted)) and not all(map(_YEAR.fullmatch, counted))
    goes_on = is_body and above.bottom >= _REACHES and _same_places(above, below)
    return above.number if goes_on else 0


def joined(labels: Sequence[str], continues: Sequence[bool]) -> str:
    """Return the labels of a document's pages as one text, tables that go on over pages written once.

    `continues` says of each page whether its first table goes on with the last one of the page before. A header that is
    repeated comes once; what stands between the two parts (a page number, a running head) follows the table.
    """
    text: list[str] = []
    for label, goes_on in zip(labels, continues, strict=True):
        blocks = [block for block in label.strip().split("\n\n") if block]
        above = next((at for at in reversed(range(len(text))) if find_tables(text[at])), None) if goes_on else None
        below = next((at for at, block in enumerate(blocks) if find_tables(block)), None)
        if above is not None and below is not None:
            text[above] = _one_table(find_tables(text[above])[-1], find_tables(blocks[below])[0])
            del blocks[below]
        text.extend(blocks)
    return "\n\n".join(text) + "\n" if text else ""


def _one_table(above: Table, below: Table) -> str:
    header = _row(above, 0) == _row(below, 0)
    skipped = _header_rows(above, below) if header else 0
    moved = [
        Cell(cell.row + above.rows - skipped, cell.column, cell.text, cell.row_span, cell.column_span)
        for cell in below.cells
        if cell.row >= skipped
    ]
    whole = table([*above.cells, *moved], above.syntax)
    page_table = PageTable((0, 0, 0, 0), whole.rows, whole.columns, whole.cells)
    return page_table.markdown(always_html="html" in (above.syntax, below.syntax))


def _header_rows(above: Table, below: Table) -> int:
    """Return how many rows both tables begin with."""
    rows = min(above.rows, below.rows)
    return next((row for row in range(rows) if _row(above, row) != _row(below, row)), rows)


def _row(found: Table, row: int) -> tuple[tuple[int, int, int, str], ...]:
    cells = (cell for cell in found.cells if cell.row == row)
    return tuple(sorted((c.column, c.row_span, c.column_span, " ".join(c.text.split())) for c in cells))


def _is_mark(text: str) -> bool:
    return len(text) <= _MOST_MARK_CHARACTERS and bool(_CONTINUED.search(text))


def _same_header(above: TableEnd, below: TableEnd) -> bool:
    return above.header == below.header and any(any(map(str.isalpha, text)) for text in above.header)


def _same_places(above: TableEnd, below: TableEnd) -> bool:
    """Whether most columns of words begin, end or have their middles in the same places."""
    if not above.places or not below.places:
        return False

    def is_there(place: tuple[float, float]) -> bool:
        return any(
            min(abs(x0 - place[0]), abs(x1 - place[1]), abs(x0 + x1 - sum(place)) / 2) <= _PLACE
            for x0, x1 in above.places
        )

    return sum(map(is_there, below.places)) >= _ALIKE * max(len(below.places), len(above.places))


def _of_page_table(found: PageTable, number: int, words: Sequence[Word], height: float) -> TableEnd:
    end = _of_table(table(found.cells, "html"), number, found.columns)
    inside = sorted(word.box[::2] for word in words if holds(found.box, word.centre))
    places: list[tuple[float, float]] = []
    for x0, x1 in inside:
        if places and x0 - places[-1][1] < _GAP:
            places[-1] = (places[-1][0], max(places[-1][1], x1))
        else:
            places.append((x0, x1))
    return replace(end, places=tuple(places), bottom=found.box[3] / max(height, 1.0))


def _of_table(found: Table, number: int, columns: int = 0) -> TableEnd:
    columns = columns or found.columns
    texts = {slot: cell.text for cell in found.cells for slot in cell.slots}
    first = tuple(" ".join(texts.get((0, column), "").split()) for column in range(columns))
    usual = []
    for column in range(columns):
        below = [text for row in range(1, found.rows) if (text := texts.get((row, column), ""))]
        usual.append(bool(below) and sum(map(_is_figure, below)) > _FIGURES * len(below))
    return TableEnd(number, columns, first, tuple(usual))


def _is_figure(text: str) -> bool:
    """Whether a cell is a figure, maybe with its unit."""
    return not text or any(map(is_figure, text.split())) or (any(map(str.isdigit, text)) and len(text) < 12)

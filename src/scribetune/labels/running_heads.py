"""Running heads, feet and page numbers: found by what repeats over the pages of a document, else by the page alone.

A line is one where pages near by have the same text, or one that counts pages, in the same place: every other page is
enough, since left and right pages differ. Pages are compared with those next to them, whatever pages are labelled and
in whatever order. Of a single page, its outermost line is one if it is a page number, or stands at both edges of the
text with a number or a third piece, over or below text that does not.
"""

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from statistics import median
from typing import Any

from scribetune.core import isolation
from scribetune.labels import plain_pages
from scribetune.labels.page_blocks import Kind, PageBlock
from scribetune.labels.ruling_lines import Rules
from scribetune.labels.tables.cells import Box, union
from scribetune.labels.text_layer import Line, TextLayer

logger = logging.getLogger(__name__)

_REACH = 4  # pages before and after
_HEAD, _FOOT = 0.22, 0.18  # shares of a page's height in which they are looked for
_MARGIN = 0.085  # what stands in it may change from page to page
_ALONE = 0.13  # where they are looked for on a page alone
_PLACE = 3.0  # points
_ALIKE = 0.5  # points, of sizes
_LARGE, _TITLE = 1.25, 1.5  # times the size of the text
_TALLEST = 3.0  # times its size: a line of text
_FORM = 0.5  # of a page's lines: where more are the same on another page, both are copies of one form
_FEW_ROWS = 5
_WIDE = 2.0  # times a line's height: a gap that divides it
_NEAR = 2.0  # times a line's height, to the next line of a table
_BAND_ROWS = 6
_OVERLAP = 0.3  # of a line's height
_BAND_PIECES = 4  # in a row of it: there are more in one of a table
_BAND_NUMBERS = 2  # in a running head: there are more at the axis of a plot
_FROM_NUMBER = 5.0  # times a line's height, from a number to the text of a running head: a heading stands nearer
_CELL = 0.35  # of the width of the text: a cell of a table is no wider
_PICTURE = 0.1  # of the height of a page: a picture among the text, no logo
_DEEP = 0.17  # of a page's height: how far such rows reach into it
_APART = 2.0  # times the usual distance of rows
_RULE = 0.6  # of the width of the text
_EDGES = (Kind.HEADER, Kind.FOOTER)
_NUMBERS = re.compile(r"(\d+)")
_ROMAN = re.compile(r"[ivxl]{1,7}", re.IGNORECASE)
_ROMAN_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50}
_PAGE_NUMBER = re.compile(
    r"(?:(?:page|pg?\.|seite|s\.|pagina|página|pág\.|str\.|стр\.)\s*:?\s*)?[-–—]?\s*(?:\d{1,4}|[ivxl]{1,7})\s*[-–—]?"
    r"(?:\s*(?:/|of|von|de|sur|di|из)\s*\d{1,4})?|第\s*\d{1,4}\s*[页頁](?:\s*[,，/]?\s*共\s*\d{1,4}\s*[页頁])?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Heads:
    """Where a page's running heads end and its feet begin, in points from its upper edge."""

    top: float = float("-inf")
    bottom: float = float("inf")
    are_compared: bool = False  # with those of other pages
    title: float = float("inf")  # on a document's first page: from this size on, in points, it is its title

    def hold(self, box: Sequence[float]) -> bool:
        """Whether a box is of a running head or foot: its middle lies beyond."""
        middle = (box[1] + box[3]) / 2
        return middle < self.top or middle > self.bottom


NO_HEADS = Heads()
NO_RULES = Rules((), (), ())


@dataclass(frozen=True)
class _Piece:
    text: str
    box: Box
    size: float


@dataclass(frozen=True)
class _Row:
    """Pieces of text at one height, from left to right."""

    pieces: tuple[_Piece, ...]

    @cached_property
    def box(self) -> Box:
        return union([piece.box for piece in self.pieces])

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def size(self) -> float:
        return max(piece.size for piece in self.pieces)

    @property
    def text(self) -> str:
        return " ".join(piece.text for piece in self.pieces)


@dataclass(frozen=True)
class _Page:
    rows: tuple[_Row, ...]  # from above
    width: float
    height: float
    size: float  # of its text

    @cached_property
    def _at(self) -> dict[int, list[_Row]]:
        """Rows by where they begin, in steps of `_PLACE`."""
        found: dict[int, list[_Row]] = {}
        for row in self.rows:
            found.setdefault(round(row.box[1] / _PLACE), []).append(row)
        return found

    def rows_at(self, top: float) -> Iterator[_Row]:
        """Yield the rows that begin at a height."""
        step = round(top / _PLACE)
        for near in (step - 1, step, step + 1):
            yield from (row for row in self._at.get(near, ()) if abs(row.box[1] - top) <= _PLACE)


class RunningHeads:
    """The running heads of a document: a pymupdf.Document, and the pages of it, from 0, that can be read (all)."""

    def __init__(self, pdf: Any, readable: Collection[int] | None = None) -> None:
        self._pdf = pdf
        self._readable = range(pdf.page_count) if readable is None else readable
        self._page = lru_cache(2 * _REACH + 2)(self._read)
        self.on_page = lru_cache(2 * _REACH + 2)(self._on_page)
        """Return the `Heads` of a page, from 0, by what repeats on others; in points of the page as it is shown."""

    def _read(self, index: int) -> _Page:
        import pymupdf

        try:
            page = self._pdf[index]
            found = page.get_text("dict", flags=pymupdf.TEXTFLAGS_DICT & ~pymupdf.TEXT_PRESERVE_IMAGES)
        except (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError) as error:
            if isolation.is_memory_error(error):
                raise
            logger.info("page %d: its running heads are not compared: %s", index + 1, error)
            return _Page((), 0.0, 0.0, 0.0)
        pieces = []
        for line in (line for block in found["blocks"] for line in block.get("lines", [])):
            spans = [span for span in line["spans"] if span["text"].strip()]
            if spans:
                box = pymupdf.Rect(union([span["bbox"] for span in spans])) * page.rotation_matrix
                text = " ".join(" ".join(span["text"] for span in spans).split())
                size = max(span["size"] for span in spans)
                if box.height < _TALLEST * size:  # others run up or down the page
                    pieces.append(_Piece(text, (box.x0, box.y0, box.x1, box.y1), size))
        return _Page(_rows(pieces), page.rect.width, page.rect.height, _usual_size(pieces))

    def _on_page(self, index: int) -> Heads:
        page = self._page(index)
        near = [
            (number - index, other)
            for number in range(max(0, index - _REACH), min(self._pdf.page_count, index + _REACH + 1))
            if number != index and number in self._readable and _are_alike(page, other := self._page(number))
        ]
        title = Heads().title if index else _LARGE * page.size
        if not page.rows or not near:
            return Heads(title=title)
        counts = [sum(_repeats(row, other, distance) for distance, other in near) for row in page.rows]
        needed = 2 if len(near) >= _REACH else 1

        def is_running(row: _Row, count: int, margin: bool) -> bool:
            return count >= (needed if margin or row.size <= _LARGE * page.size else max(needed, 3))

        top, bottom = Heads().top, Heads().bottom
        for number, (row, count) in enumerate(zip(page.rows, counts, strict=True)):
            in_margin = row.box[3] < _MARGIN * page.height
            if row.box[1] > _HEAD * page.height:
                break
            if is_running(row, count, in_margin):
                if _heads_table(page.rows, number):
                    break
                top = row.box[3]
            elif not in_margin:
                break
        for row, count in zip(reversed(page.rows), reversed(counts), strict=True):
            in_margin = row.box[1] > (1 - _MARGIN) * page.height
            if row.box[1] < (1 - _FOOT) * page.height:
                break
            if is_running(row, count, in_margin):
                bottom = row.box[1]
            elif not in_margin:
                break
        return Heads(top, bottom, are_compared=True, title=title) if top < bottom else Heads(title=title)


def with_own(heads: Heads, layer: TextLayer, rules: Rules = NO_RULES, pictures: Sequence[Box] = ()) -> Heads:
    """Return running heads with those that the page's own text layer shows by their form.

    Text at the edge of a picture belongs to it. Three pieces without a number pass for one only where there is no other
    page to compare this one with.
    """
    pieces = [_Piece(line.text, line.box, line.size) for line in layer.lines if line.horizontal and line.text]
    rows = _rows(pieces)
    if len(rows) < _FEW_ROWS:
        return heads
    size, by_number = _usual_size(pieces), heads.are_compared
    top, bottom = heads.top, heads.bottom
    if rows[0].box[3] < _ALONE * layer.height and _stands_apart(rows[:_FEW_ROWS], size, by_number):
        top = max(top, rows[0].box[3])
    if rows[-1].box[1] > (1 - _ALONE) * layer.height and _stands_apart(rows[: -_FEW_ROWS - 1 : -1], size, by_number):
        bottom = min(bottom, rows[-1].box[1])
    for is_head in (True, False):
        side = _Side(rows if is_head else rows[::-1], size, layer, rules, pictures, is_head, by_number)
        count = side.band()
        if count and side.is_head:
            top = max(top, *(row.box[3] for row in rows[:count]))
        elif count:
            bottom = min(bottom, *(row.box[1] for row in rows[-count:]))
    return replace(heads, top=top, bottom=bottom) if top < bottom else heads


@dataclass(frozen=True)
class _Side:
    """The upper or lower end of a page by itself."""

    rows: Sequence[_Row]  # from the edge inwards
    size: float  # of the text
    layer: TextLayer
    rules: Rules
    pictures: Sequence[Box]
    is_head: bool
    is_compared: bool  # with other pages

    def band(self) -> int:
        """Return how many rows from the edge are running heads, or feet: apart from the text, and of their form.

        Heads end at the first rule below them, where there is one.
        """
        by_gap = 0
        for count in range(1, min(_BAND_ROWS, len(self.rows) - _FEW_ROWS) + 1):
            row = self.rows[count - 1]
            depth = row.box[3] if self.is_head else self.layer.height - row.box[1]
            if depth > _DEEP * self.layer.height or (count > 1 and self._gap(count - 1) < -_OVERLAP * row.height):
                break  # rows that overlap are of a formula, or a plot
            is_ruled = self._is_ruled(count)
            is_apart = is_ruled or (not by_gap and self._gap(count) > self._far)
            if is_apart and self._is_band(count, is_ruled=is_ruled) and not self._is_at_picture(count):
                if is_ruled or not self.is_head:
                    return count
                by_gap = count
        return by_gap

    def _gap(self, count: int) -> float:
        one, two = self.rows[count - 1], self.rows[count]
        return two.box[1] - one.box[3] if self.is_head else one.box[1] - two.box[3]

    def _is_at_picture(self, count: int) -> bool:
        """Whether a picture that stands mostly among the text begins within or just behind the first rows."""
        for _, y0, _, y1 in self.pictures:
            edge = self.rows[count - 1].box[3 if self.is_head else 1]
            gap, reach = (y0 - edge, y1 - edge) if self.is_head else (edge - y1, edge - y0)
            if gap < self._far and reach > _PICTURE * self.layer.height:
                return True
        return False

    @cached_property
    def _far(self) -> float:
        """The least distance between a band and the text: more than lines and paragraphs have between them."""
        gaps = [self._gap(count) for count in range(1, len(self.rows))]
        return max(_APART * median(gaps), 0.8 * median(row.height for row in self.rows))

    @cached_property
    def _text(self) -> Box:
        return union([row.box for row in self.rows])

    def _is_ruled(self, count: int) -> bool:
        """Whether a rule across the text divides the first rows from the others."""
        one, two = self.rows[count - 1].box, self.rows[count].box
        low, high = (one[3], two[1]) if self.is_head else (two[3], one[1])
        least = _RULE * (self._text[2] - self._text[0])
        slack = 0.25 * (one[3] - one[1])
        return any(
            low - slack <= rule.at <= high + slack and rule.end - rule.start > least for rule in self.rules.horizontal
        )

    def _is_band(self, count: int, *, is_ruled: bool) -> bool:
        band, others = self.rows[:count], self.rows[count : count + _FEW_ROWS - 1]
        width = self._text[2] - self._text[0]
        cells = [row for row in others if all(piece.box[2] - piece.box[0] < _CELL * width for piece in row.pieces)]
        if len(band[-1].pieces) > 1 and any(_has_columns(band[-1].pieces, row.pieces) for row in cells):
            return False
        if any(row.size <= 1.05 * self.size and _is_filled(row, width) for row in band):
            return False
        if any(len(row.pieces) > _BAND_PIECES for row in band):
            return False
        numbers = sum(self._is_number(row, piece) for row in band for piece in row.pieces)
        if numbers:
            return numbers <= _BAND_NUMBERS
        is_spread = any(len(row.pieces) > 1 and self._is_wide(row) for row in band)
        if max(row.size for row in band) > _LARGE * self.size or not is_spread or not self._is_near_edge(band[-1]):
            return False
        return (is_ruled and count <= 2) or (count == 1 and not self.is_compared)

    def _is_near_edge(self, row: _Row) -> bool:
        return row.box[3] < _ALONE * self.layer.height or row.box[1] > (1 - _ALONE) * self.layer.height

    def _is_wide(self, row: _Row) -> bool:
        x0, x1 = self._text[0], self._text[2]
        return row.box[0] - x0 < _WIDE * row.height and x1 - row.box[2] < _WIDE * row.height

    def _is_number(self, row: _Row, piece: _Piece) -> bool:
        """Whether a piece is a page's number: of others, a heading has one before it."""
        if not _PAGE_NUMBER.fullmatch(piece.text):
            return False
        if not piece.text.strip("-– ").isdecimal() or len(row.pieces) == 1:
            return True
        if piece not in (row.pieces[0], row.pieces[-1]):
            return False
        other = row.pieces[1] if piece is row.pieces[0] else row.pieces[-2]
        gap = max(other.box[0] - piece.box[2], piece.box[0] - other.box[2])
        return not self.is_head or self._is_wide(row) or gap > _FROM_NUMBER * row.height


def _is_filled(row: _Row, width: float) -> bool:
    """Whether a row is a full line of text."""
    return len(row.pieces) == 1 and row.box[2] - row.box[0] > 0.8 * width


def without_tables(heads: Heads, tables: Iterable[Box], lines: Sequence[Line]) -> Heads:
    """Return heads that end where a table begins which holds more than they: its first row repeats over pages."""
    top, bottom = heads.top, heads.bottom
    for x0, y0, x1, y1 in tables:
        inside = [line for line in lines if x0 <= line.middle[0] <= x1 and y0 <= line.middle[1] <= y1]
        running = [heads.hold(line.box) for line in inside]
        if any(running) and not all(running):
            top, bottom = (min(top, y0) if y0 < top else top), (max(bottom, y1) if y1 > bottom else bottom)
    return replace(heads, top=top, bottom=bottom)


def apart(layer: TextLayer, heads: Heads) -> tuple[TextLayer, list[PageBlock]]:
    """Return a page's text layer without its running heads, and these as blocks of the page, a row of text each."""
    running = [line for line in layer.lines if line.horizontal and heads.hold(line.box)]
    if not running or len(running) == len(layer.lines):
        return layer, []
    gone = {id(line) for line in running}
    rest = replace(
        layer,
        lines=tuple(line for line in layer.lines if id(line) not in gone),
        words=tuple(word for word in layer.words if not any(_is_in(word.centre, line.box) for line in running)),
    )
    return rest, [block for row in plain_pages.in_rows(running) for block in _blocks(row, heads)]


def _blocks(row: Sequence[Line], heads: Heads) -> list[PageBlock]:
    """Return a row of running heads as blocks, one for each of its parts that stand far from each other."""
    cells = plain_pages.cells_of(row)
    if min(line.box[1] for line in row) >= heads.top:
        return [PageBlock(Kind.FOOTER, cell.box, (cell,)) for cell in cells]
    is_title = len(row) == 1 and row[0].size > heads.title and any(map(str.isalpha, row[0].text))
    return [PageBlock(Kind.HEADING if is_title else Kind.HEADER, cell.box, (cell,)) for cell in cells]


def around(blocks: Sequence[PageBlock], running: Sequence[PageBlock]) -> list[PageBlock]:
    """Return the blocks of a page between its running heads and feet, those found another way among them, by place."""
    body = [block for block in blocks if block.kind not in _EDGES]
    first = min((block.box[1] for block in body), default=float("inf"))
    last = max((block.box[3] for block in body), default=float("-inf"))
    heads = [block for block in running if block.kind is not Kind.FOOTER]
    feet = [block for block in running if block.kind is Kind.FOOTER]
    for block in (block for block in blocks if block.kind in _EDGES):
        # The layout model takes a page number below the text for a head now and then.
        is_foot = block.box[1] >= last if block.kind is Kind.HEADER else block.box[3] > first or not body
        (feet if is_foot else heads).append(replace(block, kind=Kind.FOOTER if is_foot else Kind.HEADER))
    # What runs up the page, or counts its lines, stands in no row.
    beside = [block for block in feet if not _is_level(block)]
    numbers = [block for block in feet if _is_level(block) and block.box[1] < last and block not in running]
    level = [block for block in feet if block not in beside and block not in numbers]
    within = [block for block in body if block.kind is Kind.FIGURE and not block.lines and _is_above(block, heads)]
    body = [block for block in body if block not in within]
    return [*_with_pictures(by_rows(heads), within), *body, *beside, *by_rows(level), *numbers]


def _is_above(picture: PageBlock, heads: Sequence[PageBlock]) -> bool:
    """Whether a picture, a logo, stands no lower than running heads do."""
    return picture.box[3] <= max((block.box[3] for block in heads), default=float("-inf"))


def _with_pictures(heads: Sequence[PageBlock], pictures: Sequence[PageBlock]) -> list[PageBlock]:
    """Return running heads with pictures before what stands below their middle."""
    made = list(heads)
    for picture in pictures:
        middle = (picture.box[1] + picture.box[3]) / 2
        at = next((n for n, block in enumerate(made) if block.lines and block.box[1] > middle), len(made))
        made.insert(at, picture)
    return made


def _is_level(block: PageBlock) -> bool:
    return all(line.horizontal for line in block.lines)


def by_rows(blocks: Sequence[PageBlock]) -> list[PageBlock]:
    """Return blocks in the order of the rows that they begin in, from above, and in each as they are."""
    first = {id(block.lines[0]): block for block in blocks if block.lines}
    rows = plain_pages.in_rows([block.lines[0] for block in first.values()])
    return [first[id(line)] for row in rows for line in plain_pages.across(row)]


def _is_in(point: tuple[float, float], box: Box) -> bool:
    return box[0] - 1 <= point[0] <= box[2] + 1 and box[1] <= point[1] <= box[3]


def _rows(pieces: Sequence[_Piece]) -> tuple[_Row, ...]:
    """Put pieces that stand at one height together; those that nothing wide divides are one."""
    rows: list[list[_Piece]] = []
    for piece in sorted(pieces, key=lambda piece: piece.box[1] + piece.box[3]):
        middle, height = (piece.box[1] + piece.box[3]) / 2, piece.box[3] - piece.box[1]
        if rows:
            _, y0, _, y1 = rows[-1][0].box
            if abs((y0 + y1) / 2 - middle) < 0.5 * min(y1 - y0, height):
                rows[-1].append(piece)
                continue
        rows.append([piece])
    return tuple(_Row(_joined(sorted(row, key=lambda piece: piece.box[0]))) for row in rows)


def _joined(pieces: Sequence[_Piece]) -> tuple[_Piece, ...]:
    made: list[_Piece] = []
    for piece in pieces:
        before = made[-1] if made else None
        if before is not None and piece.box[0] - before.box[2] < _WIDE * (piece.box[3] - piece.box[1]):
            text = f"{before.text} {piece.text}"
            made[-1] = _Piece(text, union([before.box, piece.box]), max(before.size, piece.size))
        else:
            made.append(piece)
    return tuple(made)


def _usual_size(pieces: Sequence[_Piece]) -> float:
    sizes = [piece.size for piece in pieces for _ in range(len(piece.text))]
    return median(sizes) if sizes else 0.0


def _are_alike(page: _Page, other: _Page) -> bool:
    """Whether pages have one size, and are no two copies of a form."""
    if not other.rows or abs(page.width - other.width) > 2 or abs(page.height - other.height) > 2:
        return False
    same = sum(_repeats(row, other, 0) for row in page.rows)
    return same <= max(_FORM * len(page.rows), _FEW_ROWS)


def _repeats(row: _Row, other: _Page, distance: int) -> bool:
    """Whether a page, `distance` pages on, has a piece of a row where it stands."""
    return any(
        _same_place(piece, found) and _same_text(piece.text, found.text, distance)
        for candidate in other.rows_at(row.box[1])
        for piece in row.pieces
        for found in candidate.pieces
    )


def _same_place(one: _Piece, other: _Piece) -> bool:
    return abs(one.size - other.size) <= _ALIKE and _aligned(one.box, other.box)


def _aligned(one: Box, other: Box) -> bool:
    """Whether two boxes begin, end or have their middles at one place across the page."""
    left, right = abs(one[0] - other[0]), abs(one[2] - other[2])
    return min(left, right, abs(one[0] + one[2] - other[0] - other[2]) / 2) <= _PLACE


def _same_text(one: str, other: str, distance: int) -> bool:
    """Whether two texts are the same, or one that counts pages."""
    if one == other:
        return any(map(str.isalpha, one))
    if _ROMAN.fullmatch(one) and _ROMAN.fullmatch(other):
        return _roman(other) - _roman(one) == distance
    parts, others = _NUMBERS.split(one), _NUMBERS.split(other)
    return (
        len(parts) == len(others) > 1
        and parts[::2] == others[::2]
        and all(b == a or int(b) - int(a) == distance for a, b in zip(parts[1::2], others[1::2], strict=True))
    )


def _roman(text: str) -> int:
    values = [_ROMAN_DIGITS[letter] for letter in text.lower()]
    return sum(-value if value < max(values[place:]) else value for place, value in enumerate(values))


def _heads_table(rows: Sequence[_Row], number: int) -> bool:
    """Whether a row is the heading of a table on the page: the next one has entries below its own."""
    if number + 1 >= len(rows) or len(rows[number].pieces) < 3:
        return False
    row, below = rows[number], rows[number + 1]
    is_near = below.box[1] - row.box[3] < _NEAR * row.height
    return is_near and sum(any(_aligned(one.box, two.box) for two in below.pieces) for one in row.pieces) > 1


def _has_columns(pieces: Sequence[_Piece], others: Sequence[_Piece]) -> bool:
    """Whether pieces of two rows stand below each other, as those of a table or a list of contents do."""
    aligned = [(one, two) for one in pieces for two in others if len(others) > 1 and _aligned(one.box, two.box)]
    numbers = any(_PAGE_NUMBER.fullmatch(one.text) and _PAGE_NUMBER.fullmatch(two.text) for one, two in aligned)
    return numbers or len({id(one) for one, _ in aligned}) > 1


def _stands_apart(rows: Sequence[_Row], size: float, by_number: bool) -> bool:
    """Whether the first of some rows, the outermost of a page, is a running head or foot; `by_number` alone."""
    row, beside = rows[:2]
    pieces = row.pieces
    if row.size > _TITLE * size or len(pieces) > _BAND_PIECES:
        return False
    if len(pieces) == 1:
        gap = max(beside.box[1] - row.box[3], row.box[1] - beside.box[3])
        return gap > 0.5 * row.height and bool(_PAGE_NUMBER.fullmatch(row.text))
    if any(_has_columns(pieces, other.pieces) for other in rows[1:]):
        return False
    x0, _, x1, _ = union([other.box for other in rows[1:]])
    is_wide = row.box[0] - x0 < _WIDE * row.height and x1 - row.box[2] < _WIDE * row.height
    is_numbered = any(_PAGE_NUMBER.fullmatch(piece.text) for piece in (pieces[0], pieces[-1]))
    return is_wide and (is_numbered or (not by_number and len(pieces) == 3 and len(beside.pieces) == 1))

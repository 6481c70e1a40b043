"""Pages of running text: told from others by cheap tests, and cut into blocks without a layout model.

The layout model and the table finder take about 0.4 s a page. Where nothing on a page can be a table or a drawing
(few lines drawn, no columns of short entries), fonts and white space say what a heading, a list and a column is.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from scribetune.labels import column_notes, line_numbers, list_items, paragraphs, reading_order
from scribetune.labels.line_room import LineRoom
from scribetune.labels.page_blocks import Kind, PageBlock, is_caption, list_marker
from scribetune.labels.paragraphs import Paragraph
from scribetune.labels.right_to_left import is_right_to_left
from scribetune.labels.ruling_lines import Rule, Rules
from scribetune.labels.tables.cells import Box, Word, union
from scribetune.labels.tables.lines import Segment, TableLine, is_figure, lines_of
from scribetune.labels.text_layer import Line, TextLayer, visual_lines

_MAX_SHAPES = 60
HOPELESS_SHAPES = 10_000
"""A map, a plan: the table finder would take minutes, and find none. Its lines need not be known."""
_MAX_RULES = 3
_STROKES, _LETTERED = 4, 3  # of a drawing, and lines of text at them
_NEAR = 15.0  # points
FIGURE_SHARE = 0.01
"""A picture that covers less of the page leaves no mark: an icon, a bullet."""
MARGIN = 0.085
"""Share of a page's height at its upper and lower edge in which running headers and page numbers stand."""
_ALIGNED = 3.0
_SHORT_ENTRY = 0.25
_FIGURES_IN_ROW = 3
_NEAR_ROWS = 5
_NEAR_PIECES = 10  # lines of wrapped cells stand between
_HEADING_WORDS = 16
_SENTENCE_WORDS = 8
_MUCH = 0.2
_GUESSED = 1.25
_STRETCHED_BLANKS = 4
_APART = 40.0  # points between two columns of figures
_ONE_LINE = 6.0  # points between the strokes of a double line
_STRETCH = 1.6
_ONE_ROW = 0.5  # heights of a line
_STACK = 3  # lines
_CELL_GAP = 2.5  # sizes of the smaller font, between cells of a running header
_LARGER = 1.15  # sizes of the body: headings are
_TITLE = 1.3  # sizes of the body: titles are broken anywhere
_NAME_WORDS = 3  # of a name that ends with a colon
_SLACK = 2.5  # sizes of the font, by which headings are broken before their line is full
_CENTRED = 0.7  # the same
_ROMAN_CAPITALS = re.compile(r"[IVX]{1,5}\.\s+[A-ZÀ-Þ][^a-zà-ÿ]{3,}")
_SECTION_NUMBER = re.compile(r"(?:[A-Z]\.|\d{1,2}(?:\.\d{1,2})*\.?|[IVX]{1,5}\.)\s+")
_NUMBERED = re.compile(r"(?:\d{1,3}\.)+\d{0,3}\.?")


def is_plain(layer: TextLayer, rules: Rules, shapes: int) -> bool:
    """Whether a page can be read without layout analysis: nothing on it can be a table or a drawing.

    `shapes` is the number of its vector paths.
    """
    if not layer.lines or shapes > HOPELESS_SHAPES:
        return True
    if shapes > _MAX_SHAPES or any(not (line.horizontal or _beside_page(line, layer)) for line in layer.lines):
        return False
    if _is_drawn_among(layer.lines, rules.sloping):
        return False
    underlines = [(line.box[0], line.box[2], line.box[3]) for line in layer.lines]
    across = [
        rule
        for rule in rules.horizontal
        if rule.end - rule.start > 20
        and not any(abs(rule.at - y) < 4 and rule.start > x0 - 3 and rule.end < x1 + 3 for x0, x1, y in underlines)
    ]
    tall = [rule for rule in rules.vertical if rule.end - rule.start > 15]
    # A table's frame has lines both ways, one of them inside; else it is a border, a column's rule, a mark of a change.
    places = sorted(rule.at for rule in tall)
    upright = len(places) - sum(after - before < _ONE_LINE for before, after in pairwise(places))
    framed = len(across) + len(rules.edges) // 2 > _MAX_RULES and upright > 2 and len(across) > 1
    return not framed and not _is_between_rules(layer, across) and not _has_aligned_entries(layer)


def _is_drawn_among(lines: Sequence[Line], strokes: Sequence[Box]) -> bool:
    """Whether several strokes slope with several lines of text at them: a drawing with its words."""
    if len(strokes) < _STROKES:
        return False
    at = sum(
        any(
            x0 - _NEAR <= line.middle[0] <= x1 + _NEAR and y0 - _NEAR <= line.middle[1] <= y1 + _NEAR
            for x0, y0, x1, y1 in strokes
        )
        for line in lines
    )
    return at >= _LETTERED


def _is_between_rules(layer: TextLayer, across: Sequence[Rule]) -> bool:
    """Whether lines in pieces stand between three rules of one length below each other: a table may have one row."""
    for first in across:
        heights = sorted(
            rule.at for rule in across if abs(rule.start - first.start) < 2 and abs(rule.end - first.end) < 2
        )
        if len(heights) < 3 or heights[-1] - heights[0] < 3 * _ONE_LINE:
            continue
        inside = [
            word
            for word in layer.words
            if heights[0] < word.centre[1] < heights[-1] and first.start - 2 < word.centre[0] < first.end + 2
        ]
        rows = lines_of(inside)
        apart = sum(any(b.x0 - a.x1 > a.height for a, b in pairwise(row.words)) for row in rows)
        if apart >= max(2, 0.5 * len(rows)):
            return True
    return False


def _beside_page(line: Line, layer: TextLayer) -> bool:
    """Whether a line runs up or down the page in one of its side margins: the stamp of an archive, a running title."""
    return not line.horizontal and (line.box[2] < MARGIN * layer.width or line.box[0] > (1 - MARGIN) * layer.width)


def _has_aligned_entries(layer: TextLayer) -> bool:
    """Whether short pieces of text stand below each other beside other text, or figures do, in three rows or more."""
    seen: dict[tuple[str, int], list[int]] = {}
    rows = lines_of([word for word in layer.words if word.x1 - word.x0 > 0.3 * word.height or len(word.text) == 1])
    for number, row in enumerate(rows):
        figures = [word for word in row.words if is_figure(word.text)]
        if len(figures) >= _FIGURES_IN_ROW:
            # Figures of running text stand anywhere; those of a table below each other.
            _see(seen, "figure", figures, number)
        pieces = row.segments
        if _is_stretched(row):
            continue
        marked = len(pieces) > 1 and bool(_NUMBERED.fullmatch(pieces[0].text) or list_marker(f"{pieces[0].text} x"))
        short = [piece for piece in pieces[1 + marked :] if piece.x1 - piece.x0 < _SHORT_ENTRY * layer.width]
        _see(seen, "piece", short, number)
    figures_at = []
    for (side, place), found in seen.items():
        near = sorted({*found, *seen.get((side, place + 1), [])})
        reach = _NEAR_PIECES if side.startswith("piece") else _NEAR_ROWS
        if any(near[index + 2] - near[index] <= reach for index in range(len(near) - 2)):
            if side.startswith("piece"):
                return True
            figures_at.append(place * _ALIGNED)
    # The same year three times in a column of text is chance; two columns of figures are none.
    return bool(figures_at) and max(figures_at) - min(figures_at) > _APART


def _see(seen: dict[tuple[str, int], list[int]], kind: str, pieces: Sequence[Word | Segment], row: int) -> None:
    """Note where pieces of a row begin and end."""
    for piece in pieces:
        seen.setdefault((f"{kind} from", round(piece.x0 / _ALIGNED)), []).append(row)
        seen.setdefault((f"{kind} to", round(piece.x1 / _ALIGNED)), []).append(row)


def _is_stretched(row: TableLine) -> bool:
    """Whether a row is a line of justified text: blanks wider than usual, but all about as wide."""
    gaps = sorted(after.x0 - before.x1 for before, after in pairwise(row.words))
    figures = sum(is_figure(word.text) for word in row.words)
    if len(gaps) < _STRETCHED_BLANKS or figures > 0.4 * len(row.words):
        return False
    return gaps[-1] <= max(_STRETCH * gaps[len(gaps) // 2], gaps[len(gaps) // 2] + 0.25 * row.height)


def blocks_of(layer: TextLayer) -> list[PageBlock]:
    """Cut a page of running text into blocks, in reading order."""
    figures = [
        PageBlock(Kind.FIGURE, image)
        for image in layer.images
        if (image[2] - image[0]) * (image[3] - image[1]) >= FIGURE_SHARE * layer.width * layer.height
    ]
    beside: list[Line] = []
    upright: list[Line] = []
    lines, numbers = line_numbers.apart(layer.lines)
    for line in reading_order.over_pictures(lines, layer.images):
        (beside if _beside_page(line, layer) else upright).append(line)
    blocks = blocks_of_lines(upright, layer.width, layer.height)
    blocks = merged(blocks, [figure for figure in figures if not _behind_text(figure.box, layer.lines)])
    return [*blocks, *numbered(numbers), *(PageBlock(Kind.FOOTER, line.box, (line,)) for line in beside)]


def edge_blocks(lines: Sequence[Line], kind: Kind, room: LineRoom) -> list[PageBlock]:
    """Return what runs along at an edge of a page as blocks, row by row."""
    if not lines:
        return []
    is_rtl = is_right_to_left("".join(line.text for line in lines))
    found = reading_order.columns(lines, paragraphs.body_size(lines), right_to_left=is_rtl)
    # Addresses side by side; fewer lines are cells of rows.
    parts = found if min(len(in_rows(some)) for some in found) >= _STACK else [lines]
    columns: list[list[Line]] = []
    for some in parts:
        is_single = False
        for row in in_rows(some):
            cells = cells_of(row)
            if len(cells) == 1 and is_single:
                columns[-1].extend(cells)
            else:
                columns.extend([cell] for cell in cells)
            is_single = len(cells) == 1
    return [block_of(part, kind) for part in paragraphs.of_columns(columns, room=room)]


def in_rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Return lines in rows of one height, from top to bottom."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.middle[1]):
        if rows and line.middle[1] - rows[-1][0].middle[1] < _ONE_ROW * rows[-1][0].height:
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def across(row: Sequence[Line]) -> list[Line]:
    """Return the lines of a row in the order in which they are read."""
    is_rtl = is_right_to_left("".join(line.text for line in row))
    return sorted(row, key=lambda line: line.box[0], reverse=is_rtl)


def cells_of(row: Sequence[Line]) -> list[Line]:
    """Join the lines of a row that stand near each other, or are a name and its value; return its cells as read."""
    cells: list[list[Line]] = []
    for line in sorted(row, key=lambda line: line.box[0]):
        before = cells[-1][-1] if cells else None
        if before is not None and (
            line.box[0] - before.box[2] < _CELL_GAP * min(line.size, before.size) or before.text.endswith(":")
        ):
            cells[-1].append(line)
        else:
            cells.append([line])
    return across([line for cell in cells for line in visual_lines(cell)])


def numbered(numbers: Sequence[Line]) -> list[PageBlock]:
    """Return the numbers of a page's lines as a block like a page number's."""
    return [PageBlock(Kind.FOOTER, union([line.box for line in numbers]), tuple(numbers))] if numbers else []


def _behind_text(box: Box, lines: Sequence[Line]) -> bool:
    """Whether an image lies behind the text: a background, no figure."""
    over = sum(box[0] <= line.middle[0] <= box[2] and box[1] <= line.middle[1] <= box[3] for line in lines)
    return over > 0.3 * len(lines) or over > 8


def merged(blocks: Sequence[PageBlock], others: Sequence[PageBlock]) -> list[PageBlock]:
    """Put further blocks where they stand among those in reading order: below the last one above them."""
    result = list(blocks)
    for other in sorted(others, key=lambda block: (block.box[1], block.box[0])):
        above = [
            index
            for index, block in enumerate(result)
            if block.box[3] <= other.box[1] + 3 and block.box[0] < other.box[2] and block.box[2] > other.box[0]
        ]
        below = [index for index, block in enumerate(result) if block.box[1] >= other.box[3] - 3]
        at = above[-1] + 1 if above else below[0] if below else len(result)
        result.insert(at, other)
    return result


def blocks_of_lines(
    lines: Sequence[Line], width: float, height: float, room: LineRoom | None = None
) -> list[PageBlock]:
    """Cut lines (the page in points) into headings, paragraphs, lists, code and notes by fonts and white space.

    `room` is that on the page, where these are not all of its lines. Headers come first and feet last.
    """
    if not lines:
        return []
    body = paragraphs.body_size(lines)
    right_to_left = is_right_to_left("".join(line.text for line in lines))
    columns = reading_order.bounded_columns(list_items.with_marks(lines), body, right_to_left=right_to_left)
    room = room or LineRoom(lines, columns)
    parts = paragraphs.of_columns([column.lines for column in columns], room=room)
    headings = heading_body(lines)
    blocks = [block_of(part, _kind(part.lines, body, headings, width, height)) for part in parts]
    blocks = [unless_paired(block, headings, room) for block in blocks]
    blocks = joined_headings(list_items.told(blocks), body, room)
    return edges_apart(over_columns(column_notes.after_columns(blocks)))


def unless_paired(block: PageBlock, body: float, room: LineRoom) -> PageBlock:
    """Return a block, text where it is a name or a value in the size of the body (in points) and no heading."""
    is_paired = (
        block.kind is Kind.HEADING
        and bool(block.lines)
        and room.is_in_pair(block.lines[0])
        and block.lines[0].size < _LARGER * body
    )
    return replace(block, kind=Kind.TEXT) if is_paired else block


def edges_apart(blocks: Sequence[PageBlock]) -> list[PageBlock]:
    """Return blocks with headers first and feet last, so that none divides what goes on from column to column."""
    return sorted(blocks, key=lambda block: (block.kind is Kind.FOOTER) - (block.kind is Kind.HEADER))


def block_of(part: Paragraph, kind: Kind) -> PageBlock:
    """Return a paragraph as a block of a page."""
    return PageBlock(kind, part.box, part.lines, indent=part.indent, goes_on=part.goes_on, continues=part.continues)


def over_columns(blocks: Sequence[PageBlock]) -> list[PageBlock]:
    """Put paragraphs together that go on in another column; notes, pictures and page numbers may stand between."""
    made: list[PageBlock] = []
    last = -1
    for block in blocks:
        before = made[last] if last >= 0 else None
        if before is not None and block.kind is Kind.TEXT and _go_on(before, block):
            made[last] = replace(before, lines=(*before.lines, *block.lines), goes_on=block.goes_on)
            continue
        made.append(block)
        if block.kind in (Kind.TEXT, Kind.LIST, Kind.HEADING, Kind.CODE) and not is_caption(block.lines):
            last = len(made) - 1
    return made


def _go_on(before: PageBlock, after: PageBlock) -> bool:
    last, first = before.lines[-1], after.lines[0]
    return (
        before.kind in (Kind.TEXT, Kind.LIST)
        and before.goes_on
        and after.continues
        and first.box[1] < last.box[1]
        and abs(last.size - first.size) <= 0.5
        and (last.bold, last.mono) == (first.bold, first.mono)
    )


def is_heading(part: Sequence[Line], body: float) -> bool:
    """Whether the lines of a paragraph are a heading beside text of a size in points: large, bold, or numbered."""
    text = " ".join(line.text for line in part)
    if len(part) > 3 or len(text) > 200 or not any(character.isalpha() for character in text):
        return False
    if text.endswith((",", ";")) or part[0].mono or is_caption(part) or any(map(paragraphs.is_entry, part)):
        return False
    words = len(text.split())
    is_sentence = text.endswith((".", ":")) and words > _SENTENCE_WORDS
    larger = min(line.size for line in part) >= _LARGER * body and not is_sentence
    strong = all(line.bold for line in part) and not text.endswith((".", ":")) and words <= _HEADING_WORDS
    bold = strong and part[0].size >= 0.98 * body and not list_marker(part[0].text).startswith("-")
    return larger or bold or _is_numbered_heading(part, text)


def _is_numbered_heading(part: Sequence[Line], text: str) -> bool:
    """Whether a line is a heading by its number and letters: "II. METHODS" in capitals, "A. Sensors" in italics."""
    if len(part) > 2 or text.endswith((".", ",", ";", ":")) or len(text.split()) > _HEADING_WORDS:
        return False
    if _ROMAN_CAPITALS.fullmatch(text):
        return True
    number = _SECTION_NUMBER.match(text)
    if number is None:
        return False
    spans = [span for line in part for span in line.spans if span.text.strip()]
    rest = spans[1:] if len(spans[0].text.strip()) <= len(number.group().strip()) else spans
    return bool(rest) and all((span.italic or span.bold) and not span.mono for span in rest)


def heading_body(lines: Sequence[Line]) -> float:
    """Return the largest size, in points, that much of the text has: in larger type there are headings."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[round(line.size * 2) / 2] += 0 if line.bold else len(line.text)
    if not sizes.total():
        return paragraphs.body_size(lines) if lines else 0.0
    much = [size for size, count in sizes.items() if count >= _MUCH * sizes.total()] or [sizes.most_common(1)[0][0]]
    return max(much) * (_GUESSED if paragraphs.has_guessed_sizes(lines) else 1.0)


def joined_headings(blocks: Sequence[PageBlock], body: float, room: LineRoom) -> list[PageBlock]:
    """Put the lines of a heading together that stand below each other in one font, beside text of size `body`.

    So does a bold item that goes on in what looks like a heading: its line had no room for the next word.
    """
    made: list[PageBlock] = []
    for block in blocks:
        before = made[-1] if made else None
        if before is not None and block.kind is Kind.HEADING and _goes_on_in(before, block, body, room):
            made[-1] = replace(before, lines=(*before.lines, *block.lines), box=union([before.box, block.box]))
        else:
            made.append(block)
    return made


def _goes_on_in(before: PageBlock, heading: PageBlock, body: float, room: LineRoom) -> bool:
    if not before.lines or len(before.lines) + len(heading.lines) > 4:
        return False
    last, first = before.lines[-1], heading.lines[0]
    is_item = before.kind is Kind.LIST and last.spans[-1].bold and not _ends_early(last, first, room)
    return (
        (before.kind is Kind.HEADING or is_item)
        and before.box[0] < heading.box[2]
        and heading.box[0] < before.box[2]
        and -0.5 < (first.box[1] - last.box[3]) / first.size < 0.45
        and is_one_heading(last, first, body, room)
    )


def is_one_heading(last: Line, first: Line, body: float, room: LineRoom) -> bool:
    """Whether a line below another in one heading goes on with it, beside text of size `body` in points."""
    return (
        abs(last.size - first.size) < 0.05 * last.size
        and not (first.size < _TITLE * body and last.text.endswith(":") and len(last.text.split()) <= _NAME_WORDS)
        and _mainly_bold(last) == _mainly_bold(first)
        and (first.box[0] > last.box[0] - _CENTRED * first.size or _is_centred(last, first))
        and not list_marker(first.text)
        and not _SECTION_NUMBER.match(first.text)
        and not (first.size < _TITLE * body and _ends_early(last, first, room))
    )


def _ends_early(last: Line, first: Line, room: LineRoom) -> bool:
    """Whether the first word of a heading's line had found room on the one before, and both begin at one place."""
    if _is_centred(last, first):
        return False
    word = len(first.text.split(maxsplit=1)[0]) / max(len(first.text), 1) * (first.box[2] - first.box[0])
    return last.box[2] + word + _SLACK * first.size < room.of(last)


def _mainly_bold(line: Line) -> bool:
    return max(line.spans, key=lambda span: len(span.text)).bold


def _is_centred(line: Line, below: Line) -> bool:
    middle, start = abs(line.middle[0] - below.middle[0]), abs(line.box[0] - below.box[0])
    return middle < _CENTRED * below.size < start


def _kind(part: Sequence[Line], body: float, headings: float, width: float, height: float) -> Kind:
    box = union([line.box for line in part])
    if _is_margin(part, box, body, height) and box[3] < MARGIN * height:
        return Kind.HEADER
    if _is_margin(part, box, body, height) and (box[2] - box[0] < 0.7 * width or len(part) == 1):
        return Kind.FOOTER
    kinds = (
        (is_heading(part, headings), Kind.HEADING),
        (part[0].spans[0].raised and part[0].size < 0.95 * body, Kind.FOOTNOTE),
        (all(line.mono for line in part), Kind.CODE),
        (bool(list_marker(part[0].text)), Kind.LIST),
        (all(line.is_formula for line in part), Kind.FORMULA),
    )
    return next((kind for holds, kind in kinds if holds), Kind.TEXT)


def _is_margin(part: Sequence[Line], box: Box, body: float, height: float) -> bool:
    """Whether a short text stands at the upper or lower edge of the page."""
    short = len(part) <= 2 and max(line.size for line in part) <= 1.1 * body
    return short and (box[3] < MARGIN * height or box[1] > (1 - MARGIN) * height)

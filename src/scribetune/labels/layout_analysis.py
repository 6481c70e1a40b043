"""Pages with tables or drawings: blocks by PyMuPDF's layout model, its tables repaired, and no word of the page lost.

The model says where headings, paragraphs, lists, pictures and tables are, and in which order they are read. Their text
is taken from the text layer: each run of characters goes to the block around its middle, and what lies in none becomes
a block of its own, where it stands.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from typing import Any

from scribetune.labels import (
    column_notes,
    drawings,
    equal_widths,
    layout_model,
    line_numbers,
    list_items,
    page_drawings,
    paragraphs,
    plain_pages,
    reading_order,
    right_to_left,
    running_heads,
)
from scribetune.labels.characters import characters_of
from scribetune.labels.layout_model import Region
from scribetune.labels.line_room import LineRoom
from scribetune.labels.page_blocks import Kind, PageBlock, is_caption
from scribetune.labels.reading_order import Column
from scribetune.labels.ruling_lines import Rules
from scribetune.labels.running_heads import NO_HEADS, Heads
from scribetune.labels.tables import cell_words, repair, sections
from scribetune.labels.tables.between_rules import tables_between
from scribetune.labels.tables.cells import Box, PageTable, Word, holds, union
from scribetune.labels.tables.ruled import RuledTable
from scribetune.labels.text_layer import Line, Span, TextLayer, visual_lines

_KINDS = {
    "title": Kind.HEADING,
    "section-header": Kind.HEADING,
    "list-item": Kind.LIST,
    "footnote": Kind.FOOTNOTE,
    "picture": Kind.FIGURE,
    "formula": Kind.FORMULA,
    "page-header": Kind.HEADER,
    "page-footer": Kind.FOOTER,
    "table": Kind.TABLE,
}
_MOSTLY_PICTURE = 0.4
_COLUMN_LINES = 3
_MANY_FRAMES = 6
_DIVIDED = (Kind.TEXT, Kind.LIST, Kind.HEADING)
_NO_TEXT = ("table", "picture", "formula")
_COVERED = 0.6
_MUCH = 0.3
_INSIDE = 0.95
_PART = 0.7


def blocks_of(
    page: Any,
    layer: TextLayer,
    rules: Rules,
    framed: Sequence[RuledTable] = (),
    heads: Heads = NO_HEADS,
) -> list[PageBlock]:
    """Return the blocks of a page in reading order, the tables that lines frame among them, running heads around them.

    It is a pymupdf.Page that is not rotated, of a document without structure tree (`layout_model.without_tags`), on
    whose pages `heads` run along.
    """
    found = layout_model.regions_of(page)
    tables = [table.table.box for region in found for table in region.tables]
    heads = running_heads.without_tables(heads, tables, layer.lines)
    layer, outside = running_heads.apart(layer, heads)
    kept = [region for region in found if not (region.kind == "table" and heads.hold(_area_of(region)))]
    blocks = _of_regions(kept, layer, rules, framed, page)
    return running_heads.around(blocks, outside)


def _of_regions(
    regions: Sequence[Region],
    layer: TextLayer,
    rules: Rules,
    framed: Sequence[RuledTable],
    page: Any,
) -> list[PageBlock]:
    """Return the blocks of a page from the regions that the model found."""
    regions = _side_by_side(regions, layer, page)
    framed = [one for one in framed if not _is_in_picture(one.table.box, regions)]
    regions = _around(framed, [_drawn(region, rules) for region in regions], layer.words)
    straight = _straight(page, layer)
    taken = [_area_of(region) for region in regions if region.kind in _NO_TEXT]
    unfound = [RuledTable(table, ()) for table in tables_between(straight, rules, taken)]
    regions = sections.apart(_around(unfound, regions, layer.words), layer.lines, straight, rules)
    blocks = [_block(region, layer, straight, rules) for region in regions]
    if sum(block.kind is Kind.TABLE and not _is_table(block) for block in blocks) >= _MANY_FRAMES:
        # Words or lines of running text framed one by one: the table finder cut the page to pieces.
        return plain_pages.blocks_of(layer)
    areas = [_area(block, region) for block, region in zip(blocks, regions, strict=True)]
    lines, numbers = line_numbers.apart(layer.lines)
    held, rest = _assigned(lines, blocks, areas)
    for number, block in enumerate(blocks):
        found = drawings.continued(held[number], held) if block.kind is Kind.FIGURE else None
        if found is not None and blocks[found[1]].kind not in (Kind.TABLE, Kind.FIGURE):
            held[found[1]] = visual_lines([*found[0], *held[found[1]]])
            held[number] = [line for line in held[number] if line not in found[0]]
    blocks, held, columns = _in_order(blocks, areas, held)
    blocks = [_or_program(block, lines) for block, lines in zip(blocks, held, strict=True)]
    room = LineRoom([line for some in (*held, rest) for line in some], columns)
    pictures = [n for n, block in enumerate(blocks) if _is_figure(block, layer)]
    drawn = drawings.labels_of(
        [(blocks[n].box, held[n]) for n in pictures],
        layer.lines,
        rules,
        layer.images,
        paragraphs.body_size(layer.lines) if layer.lines else 0.0,
        (layer.width, layer.height),
        _drawn_on(page, layer),
    )
    labels = dict(zip(pictures, drawn, strict=True))
    filled: list[PageBlock] = []
    texts: list[tuple[PageBlock, list[Line]]] = []
    for number, (block, lines) in enumerate(zip(blocks, held, strict=True)):
        if block.kind in (Kind.TEXT, Kind.LIST):
            texts.append((block, lines))
            continue
        filled.extend(_running_text(texts, layer.lines, room))
        texts = []
        if labels.get(number):
            filled.extend(_drawing(block, lines, labels[number], layer, room))
            continue
        filled.extend(_filled(block, lines, layer, room))
        if block.kind is Kind.TABLE and _is_table(block):
            table = next((table for table in framed if table.table is block.tables[0]), None)
            rest.extend(missing_from(block, lines, layer.words) if table is None else _left_out(table.left_out, lines))
    filled.extend(_running_text(texts, layer.lines, room))
    body = paragraphs.body_size(layer.lines) if layer.lines else 0.0
    headings = plain_pages.heading_body(layer.lines)
    filled = [plain_pages.unless_paired(_at_the_edge(block, layer.height), headings, room) for block in filled]
    filled = plain_pages.joined_headings(list_items.told(filled), body, room)
    filled = plain_pages.edges_apart(plain_pages.over_columns(column_notes.after_columns(filled)))
    tables = [block.box for block in filled if block.kind is Kind.TABLE]
    merged = plain_pages.merged(filled, _of_nobody(rest, room, tables))
    room = LineRoom(layer.lines)
    return [*merged, *plain_pages.numbered(numbers)]


def _side_by_side(regions: Sequence[Region], layer: TextLayer, page: Any) -> list[Region]:
    """Divide pictures into drawings that stand side by side, each over a caption."""
    drawn = _drawn_on(page, layer)
    return [
        replace(region, box=part)
        for region in regions
        for part in (
            drawings.side_by_side(region.box, layer.lines, drawn) if region.kind == "picture" else [region.box]
        )
    ]


def _drawn_on(page: Any, layer: TextLayer) -> list[Box]:
    """Return the boxes of a page's paths and images."""
    paths = page_drawings.of_page(page)
    return [*(path["rect"] for path in paths if "rect" in path and path["items"]), *layer.images]


def _or_program(block: PageBlock, lines: Sequence[Line]) -> PageBlock:
    """Return a block, code where its lines are a program with remarks beside it and no table."""
    is_program = block.kind is Kind.TABLE and bool(lines) and equal_widths.is_program(lines)
    return replace(block, kind=Kind.CODE, tables=()) if is_program else block


def _at_the_edge(block: PageBlock, height: float) -> PageBlock:
    """Return a block, a footer where it is a heading at the lower edge of the page: below it nothing stands.

    So is what runs up a page's margin: the stamp of an archive.
    """
    if block.kind is Kind.HEADER and not any(line.horizontal for line in block.lines):
        return replace(block, kind=Kind.FOOTER)
    is_last = block.kind is Kind.HEADING and block.box[1] > (1 - plain_pages.MARGIN) * height
    return replace(block, kind=Kind.FOOTER) if is_last else block


def _in_order(
    blocks: Sequence[PageBlock], areas: Sequence[Box], held: Sequence[Sequence[Line]]
) -> tuple[list[PageBlock], list[list[Line]], list[Column]]:
    """Return blocks and their lines in the order in which they are read: column by column, told by their lines.

    A block of text over several columns (names and values, the model may see both as one) is divided among them.
    """
    pieces: list[Line] = []
    owners: dict[Box, int] = {}
    for number, (block, area, lines) in enumerate(zip(blocks, areas, held, strict=True)):
        # Tables and pictures are one piece, whatever stands in them.
        whole = block.kind in (Kind.TABLE, Kind.FIGURE) or not lines
        span = Span("x", area, 10.0, False, False, False, False)
        for piece in [Line((span,), area, -1)] if whole else list_items.with_marks(lines):
            pieces.append(piece)
            owners.setdefault(piece.box, number)
    text = [line for line in pieces if line.block >= 0]
    if not text:
        return list(blocks), [list(lines) for lines in held], []
    is_rtl = right_to_left.is_right_to_left("".join(line.text for line in text))
    columns = reading_order.bounded_columns(pieces, paragraphs.body_size(text), right_to_left=is_rtl)
    parts: dict[int, dict[int, list[Line]]] = {}
    for number, column in enumerate(columns):
        texts = [n for n in (owners[line.box] for line in column.lines) if blocks[n].kind in _DIVIDED and held[n]]
        for line in column.lines:
            # A name is one text, whoever the model gave its lines to.
            owner = owners[line.box]
            owner = min(texts) if column.is_name and owner in texts else owner
            parts.setdefault(owner, {}).setdefault(number, []).append(line)
    placed: list[tuple[tuple[int, float, float, int], PageBlock, list[Line]]] = []
    for owner, by_column in parts.items():
        block = blocks[owner]
        is_divided = block.kind in _DIVIDED and bool(held[owner])
        groups = _together(sorted(by_column), columns) if is_divided else [sorted(by_column)]
        for group in groups:
            lines = [line for number in group for line in by_column[number]]
            place = (group[0], *min((line.box[1], line.box[0]) for line in by_column[group[0]]), owner)
            if len(groups) == 1:
                placed.append((place, block, lines if is_divided else list(held[owner])))
                continue
            kind = Kind.TEXT if block.kind is Kind.LIST and group is not groups[0] else block.kind
            placed.append((place, replace(block, kind=kind, box=union([line.box for line in lines])), lines))
    placed.sort(key=lambda part: part[0])
    return [block for _, block, _ in placed], [lines for _, _, lines in placed], columns


def _together(numbers: Sequence[int], columns: Sequence[Column]) -> list[list[int]]:
    """Divide the columns of one block at names and their values."""
    groups = [[numbers[0]]]
    for before, number in pairwise(numbers):
        if any(column.is_name or column.is_value for column in (columns[before], columns[number])):
            groups.append([number])
        else:
            groups[-1].append(number)
    return groups


def _running_text(
    regions: Sequence[tuple[PageBlock, Sequence[Line]]], everything: Sequence[Line], room: LineRoom
) -> list[PageBlock]:
    """Return the paragraphs and list items of regions that follow each other, which the model may have cut anywhere."""
    columns: list[list[Line]] = []
    starts: list[list[Line]] = []
    listed: set[tuple[int, Line]] = set()
    for region, held in regions:
        lines = list_items.with_marks(held)
        parts = reading_order.columns(lines, paragraphs.body_size(lines)) if _has_columns(lines) else [lines]
        for part in filter(None, parts):
            first = min(part, key=lambda line: line.box[1])
            above = columns[-1] if columns and len(parts) == 1 else []
            if above and _is_below(first, above):
                above.extend(part)
            else:
                columns.append(list(part))
                starts.append([])
            starts[-1].append(first)
            if region.kind is Kind.LIST:
                listed.add((len(columns) - 1, first))
    body = plain_pages.heading_body(everything)
    blocks = []
    for paragraph in paragraphs.of_columns(columns, starts, room):
        first = paragraph.lines[0]
        is_listed = any(
            number == paragraph.number and first.box[1] <= line.middle[1] <= first.box[3] for number, line in listed
        )
        kind = Kind.LIST if paragraph.is_item or is_listed else Kind.TEXT
        if plain_pages.is_heading(paragraph.lines, body):
            kind = Kind.HEADING
        blocks.extend(_as_code(plain_pages.block_of(paragraph, kind)))
    return blocks


def _is_below(line: Line, above: Sequence[Line]) -> bool:
    """Whether a line stands below others, in the same column."""
    x0, _, x1, _ = union([other.box for other in above])
    bottom = max(other.box[3] for other in above)
    return line.middle[1] > bottom - 0.3 * line.height and line.box[0] < x1 and line.box[2] > x0


def _around(framed: Sequence[RuledTable], regions: Sequence[Region], words: Sequence[Word]) -> list[Region]:
    """Put ruled tables in the place of the regions that they cover."""
    kept = list(regions)
    for found in framed:
        box = found.table.box
        covered = [region for region in kept if _share_within(region.box, box) > _COVERED]
        its = [word for word in words if holds(box, word.centre)]
        tables = [
            region
            for region in kept
            if region.tables
            and region not in covered
            and sum(holds(_area_of(region), word.centre) for word in its) > _COVERED * len(its)
        ]
        if any(_has_more(_area_of(region), framed, words) for region in tables):
            continue  # one of white space, with lines in it
        at = min((kept.index(region) for region in (*covered, *tables)), default=None)
        made = Region("table", box, ruled=found.table)
        if at is None:
            at = next((i for i, r in enumerate(kept) if r.box[1] >= box[3] - 3), len(kept))
        kept.insert(at, made)
        kept = [region for region in kept if region not in covered and region not in tables]
    return kept


def _is_in_picture(box: Box, regions: Sequence[Region]) -> bool:
    """Whether frames stand in a picture, with more of it around them: boxes of a diagram."""
    return any(
        region.kind == "picture" and _share_within(box, region.box) > _INSIDE and _share_within(region.box, box) < _PART
        for region in regions
    )


def _drawn(region: Region, rules: Rules) -> Region:
    """Return a region, as a picture where strokes slope among few texts."""
    texts = sum(len(found.table.cells) for found in region.tables)
    is_drawing = region.kind == "table" and bool(texts) and rules.is_drawing(region.box, texts)
    return replace(region, kind="picture", tables=()) if is_drawing else region


def _area_of(region: Region) -> Box:
    return union([region.box, *(found.table.box for found in region.tables)])


def _share_within(box: Box, other: Box) -> float:
    """Return how much of a box lies in another."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    area = (box[2] - box[0]) * (box[3] - box[1])
    return max(width, 0.0) * max(height, 0.0) / area if area > 0 else 0.0


def _has_more(box: Box, framed: Sequence[RuledTable], words: Sequence[Word]) -> bool:
    """Whether a good part of the words in a box is in no ruled table."""
    inside = [word for word in words if holds(box, word.centre)]
    outside = [word for word in inside if not any(holds(one.table.box, word.centre) for one in framed)]
    return len(outside) > _MUCH * len(inside)


def _left_out(words: Sequence[Word], lines: Sequence[Line]) -> list[Line]:
    """Return the lines of words that are in a ruled table's box and in none of its cells."""
    found = []
    for line in lines:
        x0, y0, x1, y1 = line.box
        its = [
            word for word in words if holds((x0 - 1, y0 - 1, x1 + 1, y1 + 1), word.centre) and word.text in line.text
        ]
        if its and not line.horizontal:
            found.append(line)
        elif its:
            text = " ".join(word.text for word in its)
            found.append(replace(line, spans=(replace(line.spans[0], text=text, box=line.box),)))
    return found


def _filled(block: PageBlock, lines: list[Line], layer: TextLayer, room: LineRoom) -> list[PageBlock]:
    """Return a block with its text; several where its box holds more than one."""
    as_text = plain_pages.blocks_of_lines(lines, layer.width, layer.height, room)
    if block.kind is Kind.TABLE:
        return [block] if _is_table(block) else as_text
    if block.kind is Kind.FIGURE:
        shown = [block] if _is_figure(block, layer) else []
        if not shown or _characters(lines) > _MOSTLY_PICTURE * _characters(layer.lines):
            # The words of a drawing are large here and small there, and head nothing.
            return [*shown, *(replace(b, kind=Kind.TEXT) if b.kind is Kind.HEADING else b for b in as_text)]
    elif not lines:
        return []
    elif block.kind in (Kind.HEADER, Kind.FOOTER, Kind.HEADING):
        is_heading = block.kind is Kind.HEADING
        return _headings(lines, layer, room) if is_heading else plain_pages.edge_blocks(lines, block.kind, room)
    return [replace(block, lines=tuple(visual_lines(lines)))]


def _is_figure(block: PageBlock, layer: TextLayer) -> bool:
    """Whether a block is a picture that is large enough for a mark."""
    x0, y0, x1, y1 = block.box
    least = plain_pages.FIGURE_SHARE * layer.width * layer.height
    return block.kind is Kind.FIGURE and (x1 - x0) * (y1 - y0) >= least


def _drawing(
    block: PageBlock, lines: Sequence[Line], labels: Sequence[Line], layer: TextLayer, room: LineRoom
) -> list[PageBlock]:
    """Return a figure, its own words, which are not written, and the text that stands above and below these."""
    top = min(line.box[1] for line in labels)
    texts = drawings.in_reading([line for line in lines if line not in labels])
    above = [line for line in texts if line.middle[1] < top]
    below = [line for line in texts if line.middle[1] >= top]
    before, after = (
        plain_pages.blocks_of_lines(part, layer.width, layer.height, room) if part else [] for part in (above, below)
    )
    own = PageBlock(Kind.DRAWN, union([line.box for line in labels]), tuple(labels))
    found = [*before, block, own, *after]
    # The words of a drawing are large here and small there, and head nothing.
    return [replace(b, kind=Kind.TEXT) if b.kind is Kind.HEADING else b for b in found]


def _headings(lines: list[Line], layer: TextLayer, room: LineRoom) -> list[PageBlock]:
    """Return the headings that a region of one holds, and what else stands in it."""
    body = plain_pages.heading_body(layer.lines)
    parts: list[list[Line]] = []
    for line in visual_lines(lines):
        if parts and plain_pages.is_one_heading(parts[-1][-1], line, body, room):
            parts[-1].append(line)
        else:
            parts.append([line])
    found = []
    for part in parts:
        alike = abs(part[0].size - parts[0][0].size) < 0.05 * part[0].size and part[0].bold == parts[0][0].bold
        is_caption_first = is_caption(parts[0])
        kind = Kind.HEADING if not is_caption_first and (alike or plain_pages.is_heading(part, body)) else Kind.TEXT
        found.append(PageBlock(kind, union([line.box for line in part]), tuple(part)))
    return found


def _is_table(block: PageBlock) -> bool:
    """Whether there is more to a table than one row or one column."""
    return any((table.rows > 1 or table.may_have_one_row) and table.columns > 1 for table in block.tables)


def _straight(page: Any, layer: TextLayer) -> Sequence[Word]:
    """Return the words of a page without those of a sloping watermark, sloping headings of columns laid down."""
    if all(line.horizontal for line in layer.lines):
        return layer.words
    return characters_of(page).laid_down(layer.words)


def _block(region: Region, layer: TextLayer, words: Sequence[Word], rules: Rules) -> PageBlock:
    kind = _KINDS.get(region.kind, Kind.TEXT)
    if region.ruled is not None:
        return PageBlock(kind, region.box, tables=(region.ruled,))
    tables = [repaired for found in region.tables for repaired in repair.repair(found.table, found.boxes, words, rules)]
    if layer.unseen:
        tables = [_seen(table, layer.unseen) for table in tables]
    return PageBlock(kind, region.box, tables=tuple(tables))


def _seen(table: PageTable, unseen: Sequence[Word]) -> PageTable:
    """Take words that nobody sees out of a table that was taken over as the library read it."""
    x0, y0, x1, y1 = table.box
    gone = Counter(word.text for word in unseen if x0 <= word.centre[0] <= x1 and y0 <= word.centre[1] <= y1)
    cells = [
        replace(cell, text=" ".join(word for word in cell.text.split() if not _take(gone, word)))
        for cell in table.cells
    ]
    return replace(table, cells=tuple(cell for cell in cells if cell.text or cell.spans))


def _area(block: PageBlock, region: Region) -> Box:
    """Return where the words of a block stand: a table's own box may be larger than the one of its place."""
    return union([block.box, *(found.table.box for found in region.tables)])


def _assigned(
    lines: Sequence[Line], blocks: Sequence[PageBlock], areas: Sequence[Box]
) -> tuple[list[list[Line]], list[Line]]:
    """Give each line, cut where it leaves a block, to the smallest around its middle: (each block's, nobody's)."""
    # Tables first: what they hold is in their cells.
    order = sorted(
        range(len(blocks)),
        key=lambda i: (
            blocks[i].kind is not Kind.TABLE,
            (areas[i][2] - areas[i][0]) * (areas[i][3] - areas[i][1]),
        ),
    )
    held: list[list[Line]] = [[] for _ in blocks]
    rest: list[Line] = []
    for line in lines:
        pieces: dict[int, list[Span]] = {}
        for span in line.spans:
            x, y = (span.box[0] + span.box[2]) / 2, (span.box[1] + span.box[3]) / 2
            owner = next(
                (
                    i
                    for i in order
                    if areas[i][0] - 2 <= x <= areas[i][2] + 2 and areas[i][1] - 2 <= y <= areas[i][3] + 2
                ),
                -1,
            )
            pieces.setdefault(owner, []).append(span)
        if line.mono and not any(blocks[i].kind in (Kind.TABLE, Kind.FIGURE) for i in pieces if i >= 0):
            # A remark beside code is read with it.
            pieces = {max(pieces, key=lambda i: i >= 0): list(line.spans)}
        for owner, spans in pieces.items():
            if any(span.text.strip() for span in spans):
                piece = replace(line, spans=tuple(spans), box=union([span.box for span in spans]))
                (held[owner] if owner >= 0 else rest).append(piece)
    return held, rest


def missing_from(block: PageBlock, lines: Sequence[Line], words: Sequence[Word]) -> list[Line]:
    """Return what a table's box has and its cells did not take, word by word and by place; drawn rules are no words.

    `lines` are those in its box, `words` all of the page.
    """
    spans = [(line, span) for line in lines for span in line.spans]
    held: dict[int, list[int]] = {}
    inside: list[Word] = []
    for word in words:
        at = next((number for number, (_, span) in enumerate(spans) if _is_around(span.box, word)), -1)
        if at >= 0:
            held.setdefault(at, []).append(len(inside))
            inside.append(word)
    left = set(range(len(inside)))
    for table in block.tables:
        known = sorted(left)
        taken = cell_words.of_table(table, [inside[place] for place in known])
        left = {known[place] for place in taken.left}
    missing: list[Line] = []
    for line in lines:
        kept = [
            part
            for number, (other, span) in enumerate(spans)
            if other is line
            for part in _parts_left(span, [(inside[place], place in left) for place in held.get(number, ())])
        ]
        if kept:
            missing.append(replace(line, spans=tuple(kept), box=union([span.box for span in kept])))
    return missing


def _is_around(box: Box, word: Word) -> bool:
    x, y = word.centre
    return box[0] - 1 <= x <= box[2] + 1 and box[1] <= y <= box[3]


def _parts_left(span: Span, words: Sequence[tuple[Word, bool]]) -> list[Span]:
    """Return a span, or what words that are left make of it: a run of them a span."""
    if all(is_left for _, is_left in words):
        return [span] if words else []
    parts = []
    for is_left, run in groupby(words, key=lambda word: word[1]):
        if is_left:
            found = [word for word, _ in run]
            box = union([word.box for word in found])
            parts.append(replace(span, text=" ".join(word.text for word in found), box=box))
    return parts


def _take(known: Counter[str], word: str) -> bool:
    if known[word] > 0:
        known[word] -= 1
        return True
    return False


def _characters(lines: Sequence[Line]) -> int:
    return sum(len(line.text) for line in lines)


def _has_columns(lines: Sequence[Line]) -> bool:
    """Whether lines of one box stand in two columns of three lines or more each."""
    if len(lines) < 2 * _COLUMN_LINES:
        return False
    end, count, columns = float("-inf"), 0, 0
    for line in sorted(lines, key=lambda line: line.box[0]):
        if line.box[0] > end + 0.5 * line.height:
            columns += count >= _COLUMN_LINES
            count = 0
        count += 1
        end = max(end, line.box[2])
    return columns + (count >= _COLUMN_LINES) > 1


def _as_code(block: PageBlock) -> list[PageBlock]:
    """Return running text in equally wide characters as code."""
    if block.kind in (Kind.TEXT, Kind.LIST) and len(block.lines) > 1 and all(line.mono for line in block.lines):
        return [replace(block, kind=Kind.CODE)]
    return [block]


def _of_nobody(lines: Sequence[Line], room: LineRoom, tables: Sequence[Box]) -> list[PageBlock]:
    """Make paragraphs of lines that no region holds; none goes on below a table."""
    blocks: list[PageBlock] = []
    above: dict[int, list[Line]] = {}
    for line in lines:
        above.setdefault(sum(box[1] < line.middle[1] for box in tables), []).append(line)
    for some in above.values():
        columns = reading_order.columns(list_items.with_marks(some), paragraphs.body_size(some))
        blocks.extend(
            plain_pages.block_of(paragraph, Kind.LIST if paragraph.is_item else Kind.TEXT)
            for paragraph in paragraphs.of_columns(columns, room=room)
        )
    return blocks

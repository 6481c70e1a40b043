"""Pages with tables or drawings: blocks by PyMuPDF's layout model, its tables repaired, and no word of the page lost.

The model says where headings, paragraphs, lists, pictures and tables are, and in which order they are read. Their text
is taken from the text layer: each run of characters goes to the block around its middle, and what lies in none becomes
a block of its own, where it stands.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scribetune.labels import layout_model, line_ends, plain_pages, right_to_left
from scribetune.labels.layout_model import Region
from scribetune.labels.page_blocks import Kind, PageBlock, is_caption
from scribetune.labels.ruling_lines import Rules
from scribetune.labels.tables import repair
from scribetune.labels.tables.cells import Box, PageTable, Word
from scribetune.labels.text_layer import Line, Span, TextLayer, union

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
_LEVELS = 6


def blocks_of(page: Any, layer: TextLayer, rules: Rules) -> list[PageBlock]:
    """Return the blocks of a page in reading order.

    It is a pymupdf.Page that is not rotated, of a document without structure tree (`layout_model.without_tags`).
    """
    regions = layout_model.regions_of(page)
    blocks = [_block(region, layer, rules) for region in regions]
    if sum(block.kind is Kind.TABLE and not _is_table(block) for block in blocks) >= _MANY_FRAMES:
        # Words or lines of running text framed one by one: the table finder cut the page to pieces.
        return plain_pages.blocks_of(layer)
    areas = [_area(block, region) for block, region in zip(blocks, regions, strict=True)]
    held, rest = _assigned(layer.lines, blocks, areas)
    filled: list[PageBlock] = []
    for block, lines in zip(blocks, held, strict=True):
        filled.extend(_filled(block, lines, layer))
        if block.kind is Kind.TABLE and _is_table(block):
            rest.extend(missing_from(block, lines))
    return plain_pages.merged(_with_levels(filled), _grouped(rest))


def _with_levels(blocks: Sequence[PageBlock]) -> list[PageBlock]:
    """Give headings their levels, as the library does: by the sizes of their fonts on the page, largest first."""
    sizes = {block.box: _largest(block) for block in blocks if block.kind is Kind.HEADING and block.lines}
    levels = sorted(set(sizes.values()), reverse=True)[:_LEVELS]
    return [
        replace(block, level=levels.index(sizes[block.box]) + 1 if sizes[block.box] in levels else _LEVELS)
        if block.kind is Kind.HEADING and block.box in sizes and not block.level
        else block
        for block in blocks
    ]


def _largest(block: PageBlock) -> int:
    return max(round(span.size) for line in block.lines for span in line.spans)


def _filled(block: PageBlock, lines: list[Line], layer: TextLayer) -> list[PageBlock]:
    """Return a block with its text; several where its box holds more than one."""
    if block.kind is Kind.TABLE and _is_table(block):
        return [block]
    as_text = plain_pages.blocks_of_lines(lines, layer.width, layer.height)
    if block.kind is Kind.TABLE or (block.kind is Kind.TEXT and _has_columns(lines)):
        return as_text
    if block.kind is Kind.FIGURE:
        x0, y0, x1, y1 = block.box
        shown = [block] if (x1 - x0) * (y1 - y0) >= plain_pages.FIGURE_SHARE * layer.width * layer.height else []
        if not shown or _characters(lines) > _MOSTLY_PICTURE * _characters(layer.lines):
            # The words of a drawing are large here and small there, and head nothing.
            return [*shown, *(replace(b, kind=Kind.TEXT) if b.kind is Kind.HEADING else b for b in as_text)]
    elif not lines:
        return []
    elif block.kind is Kind.HEADING and is_caption(lines):
        block = replace(block, kind=Kind.TEXT)
    return _as_code(replace(block, lines=tuple(lines)))


def _is_table(block: PageBlock) -> bool:
    """Whether there is more to a table than one row or one column."""
    return any(table.rows > 1 and table.columns > 1 for table in block.tables)


def _block(region: Region, layer: TextLayer, rules: Rules) -> PageBlock:
    kind = _KINDS.get(region.kind, Kind.TEXT)
    tables = [
        repaired for found in region.tables for repaired in repair.repair(found.table, found.boxes, layer.words, rules)
    ]
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
        for owner, spans in pieces.items():
            if any(span.text.strip() for span in spans):
                piece = replace(line, spans=tuple(spans), box=union([span.box for span in spans]))
                (held[owner] if owner >= 0 else rest).append(piece)
    return held, rest


def missing_from(block: PageBlock, lines: Sequence[Line]) -> list[Line]:
    """Return what a table's box has and its cells have not; a word divided at a line's end may be whole in its cell."""
    known = Counter(right_to_left.words_apart(" ".join(table.markdown() for table in block.tables)))
    missing = []
    rests: Counter[str] = Counter()
    for number, line in enumerate(lines):
        words = right_to_left.words_apart(line.text)
        begun = bool(words) and _take(rests, words[0])
        unknown = [word for word in words[begun:] if not _take(known, word)]
        if unknown and unknown[-1] == words[-1] and (rest := _rest_of_word(line, lines[number + 1 :], known)):
            unknown.pop()
            rests[rest] += 1
        if not unknown:
            continue
        text = line.text if len(unknown) == len(words) else " ".join(unknown)
        missing.append(replace(line, spans=(replace(line.spans[0], text=text, box=line.box),)))
    return missing


def _rest_of_word(line: Line, later: Sequence[Line], known: Counter[str]) -> str:
    """Return the rest of a line's last word, which a later line begins with: other columns may stand between."""
    before = line.text.rstrip()
    for other in later:
        if line_ends.joint(before, other.text) is line_ends.Joint.DIVIDED:
            rest = right_to_left.words_apart(other.text)[0]
            if _take(known, right_to_left.words_apart(before)[-1] + rest):
                return rest
    return ""


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
    if block.kind is Kind.TEXT and len(block.lines) > 1 and all(line.mono for line in block.lines):
        return [replace(block, kind=Kind.CODE)]
    return [block]


def _grouped(lines: Sequence[Line]) -> list[PageBlock]:
    """Make blocks of lines that no block holds: those of one text block that follow each other."""
    groups: list[list[Line]] = []
    for line in lines:
        last = groups[-1][-1] if groups else None
        if last is not None and last.block == line.block and -line.height < line.box[1] - last.box[3] < line.height:
            groups[-1].append(line)
        else:
            groups.append([line])
    return [PageBlock(Kind.TEXT, union([line.box for line in group]), tuple(group)) for group in groups]

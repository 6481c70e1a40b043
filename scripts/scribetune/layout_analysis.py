"""Pages with tables or drawings: blocks by PyMuPDF's layout model, its tables repaired, and no word of the page lost.

The model says where headings, paragraphs, lists, pictures and tables are, and in which order they are read. Their text
is taken from the text layer: each run of characters goes to the block around its middle, and what lies in none becomes
a block of its own, where it stands.
"""

import contextlib
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from scribetune import markdown, plain_pages, table_repair
from scribetune.metrics.markdown import table_from_html
from scribetune.page_blocks import Kind, PageBlock
from scribetune.ruling_lines import Rules
from scribetune.table_cells import Box, Cell, PageTable, grid_of
from scribetune.text_layer import Line, Span, TextLayer, union

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


def blocks_of(pdf: Any, number: int, layer: TextLayer, rules: Rules) -> list[PageBlock]:
    """Return the blocks of a page in reading order.

    Args:
        pdf: A pymupdf.Document that may be changed: its structure tree is removed.
        number: Page, from 0; not rotated.
        layer: Its text.
        rules: The lines drawn on it.
    """
    _use_one_thread()
    from pymupdf4llm.helpers import document_layout

    # The library prints progress and advice to stdout.
    with contextlib.redirect_stdout(io.StringIO()):
        parsed = document_layout.parse_document(
            pdf,
            pages=[number],
            use_ocr=False,  # the default is True, and would change the Document
            render_html_tables=True,
            force_text=True,
        )
    boxes = parsed.pages[0].boxes
    blocks = [_block(box, layer, rules) for box in boxes]
    if sum(block.kind is Kind.TABLE and not _is_table(block) for block in blocks) >= _MANY_FRAMES:
        # Words or lines of running text framed one by one: the table finder cut the page to pieces.
        return plain_pages.blocks_of(layer)
    areas = [_area(block, box) for block, box in zip(blocks, boxes, strict=True)]
    held, rest = _assigned(layer.lines, blocks, areas)
    filled: list[PageBlock] = []
    for block, lines in zip(blocks, held, strict=True):
        filled.extend(_filled(block, lines, layer))
        if block.kind is Kind.TABLE and _is_table(block):
            rest.extend(_missing(block, lines))
    return plain_pages.merged(filled, _grouped(rest))


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
            return [*shown, *as_text]
    elif not lines:
        return []
    return _as_code(replace(block, lines=tuple(lines)))


def _is_table(block: PageBlock) -> bool:
    """Whether there is more to a table than one row or one column."""
    return any(table.rows > 1 and table.columns > 1 for table in block.tables)


@cache
def _use_one_thread() -> None:
    """Let the models use one thread each: there is a process for every core, and theirs wait by spinning.

    The library offers no setting, and makes its sessions when it is first used.
    """
    import onnxruntime

    class OneThread(onnxruntime.SessionOptions):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.intra_op_num_threads = 1
            self.inter_op_num_threads = 1

    onnxruntime.SessionOptions = OneThread


def _block(box: Any, layer: TextLayer, rules: Rules) -> PageBlock:
    kind = _KINDS.get(box.boxclass, Kind.TEXT)
    place = (box.x0, box.y0, box.x1, box.y1)
    if kind is not Kind.TABLE:
        return PageBlock(kind, place, level=box.header_level or 0)
    tables = [
        repaired
        for found in box.table.get("html_tables") or []
        for repaired in table_repair.repair(_table(found), found["cells"], layer.words, rules)
    ]
    if not tables:
        rows = [[" ".join((text or "").split()) for text in row] for row in box.table.get("extract") or []]
        tables = [grid_of(rows, place)] if rows else []
    return PageBlock(kind, place, tables=tuple(tables))


def _table(found: dict[str, Any]) -> PageTable:
    """Read what the library's table finder made."""
    grid = table_from_html(found["html"])
    cells = tuple(
        Cell(cell.row, cell.column, " ".join(cell.text.split()), cell.row_span, cell.column_span)
        for cell in grid.cells
        if cell.text.strip() or cell.row_span * cell.column_span > 1
    )
    x0, y0, x1, y1 = found["bbox"]
    return PageTable((x0, y0, x1, y1), grid.rows, grid.columns, cells)


def _area(block: PageBlock, box: Any) -> Box:
    """Return where the words of a block stand: a table's own box may be larger than the one of its place."""
    inner = [tuple(found["bbox"]) for found in (box.table or {}).get("html_tables") or []]
    return union([block.box, *inner]) if inner else block.box


def _assigned(
    lines: Sequence[Line], blocks: Sequence[PageBlock], areas: Sequence[Box]
) -> tuple[list[list[Line]], list[Line]]:
    """Give each line, cut where it leaves a block, to the smallest block around its middle.

    Returns:
        (lines of each block, lines of none).
    """
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


def _missing(block: PageBlock, lines: Sequence[Line]) -> list[Line]:
    """Return what a table's box has and its cells have not."""
    known = Counter(markdown.words(" ".join(table.markdown() for table in block.tables)))
    missing = []
    for line in lines:
        words = markdown.words(line.text)
        unknown = [word for word in words if not _take(known, word)]
        if not unknown:
            continue
        text = line.text if len(unknown) == len(words) else " ".join(unknown)
        missing.append(replace(line, spans=(replace(line.spans[0], text=text, box=line.box),)))
    return missing


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

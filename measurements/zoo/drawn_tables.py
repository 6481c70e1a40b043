"""Tables drawn line by line and text by text, as programs write them that have no notion of a table."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import pymupdf

from scribetune.text.grids import Cell
from zoo import fonts
from zoo.grids import Sheet
from zoo.styles import TableStyle
from zoo.typst_tables import Surroundings

Segment = tuple[float, float, float, float]
_FONTS = (*fonts.LATIN, ("helv", "helv"))
_WATERMARKS = ("DRAFT", "COPY", "VOID", "SAMPLE")
_MARGIN = 56.0
_GUTTER = 32.0


@dataclass(frozen=True)
class _Look:
    """How a table and its page look; lengths in points."""

    font: str
    bold: str
    size: float
    leading: float
    inset_x: float
    inset_y: float
    line_width: float
    lines_as: str  # "line", "rect" (filled) or "frame" (the outline of each cell)
    word_by_word: bool
    by_column: bool  # cells are drawn column by column
    centred: bool  # figures
    middle: bool  # cells centred on their height
    fill: tuple[float, float, float]

    def width(self, text: str, *, bold: bool = False) -> float:
        """Return the width of a text."""
        return fonts.width(text, self.bold if bold else self.font, self.size)


def document(style: TableStyle, pages: Sequence[Sheet], around: Surroundings, draw: random.Random) -> Any:
    """Return a pymupdf.Document with a sheet on each page, or two side by side."""
    look = _look(style, draw)
    mark = (draw.choice(_WATERMARKS), draw.choice((0.75, 0.85)), draw.random() < 0.5)
    pdf = pymupdf.open()
    groups = [pages] if "side-by-side" in style.features else [[sheet] for sheet in pages]
    for number, group in enumerate(groups):
        layouts = [_Layout(style, sheet, look) for sheet in group]
        taken = sum(layout.xs[-1] for layout in layouts) + _GUTTER * (len(group) - 1)
        width = max(595.0, taken + 2 * _MARGIN)
        page = pdf.new_page(width=width, height=842)
        if look.font == fonts.CJK:
            page.insert_font(fontname=fonts.CJK, fontbuffer=fonts.cjk().buffer)
        if "watermark" in style.features and mark[2]:
            _watermark(page, *mark[:2])
        y = _MARGIN + look.size
        if number == 0:
            for text in (around.before, around.caption):
                y = _paragraph(page, look, text, y)
        left = draw.choice((_MARGIN, max(_MARGIN, (width - taken) / 2)))
        for layout in layouts:
            _table(page, style, layout, left, y)
            left += layout.xs[-1] + _GUTTER
        y += max(layout.ys[-1] for layout in layouts) + 1.6 * look.size
        if number == len(groups) - 1:
            for text in (around.note, around.after):
                y = _paragraph(page, look, text, y)
        if "watermark" in style.features and not mark[2]:
            _watermark(page, *mark[:2])
    if look.font == fonts.CJK:
        pdf.subset_fonts()
    return pdf


def _look(style: TableStyle, draw: random.Random) -> _Look:
    font, bold = (fonts.CJK, fonts.CJK) if style.script == "zh" else draw.choice(_FONTS)
    size = draw.choice((7.5, 8.5, 9.0, 10.0))
    is_tight = "tight" in style.features
    forms = ("line", "rect", "frame") if style.lines == "grid" and not style.features & _NO_FRAMES else ("line", "rect")
    return _Look(
        font,
        bold,
        size,
        size * draw.choice((1.15, 1.2, 1.25)),
        1.0 if is_tight else draw.choice((3.0, 5.0, 7.0)),
        draw.choice((2.0, 3.0) if is_tight else (3.0, 4.0, 5.0)),
        draw.choice((0.4, 0.6, 1.0)),
        draw.choice(forms),
        draw.random() < 0.35,
        draw.random() < 0.25,
        draw.random() < 0.3 and not is_tight,
        draw.random() < 0.4,
        draw.choice(((0.9, 0.9, 0.9), (0.87, 0.91, 0.96), (0.96, 0.93, 0.86))),
    )


_NO_FRAMES = frozenset(("heading-above", "totals-beside"))


class _Layout:
    """Where columns, rows and lines of text of a sheet are; x and y from the table's upper left corner, in points."""

    def __init__(self, style: TableStyle, sheet: Sheet, look: _Look) -> None:
        self.style, self.sheet, self.look = style, sheet, look
        widths = [self._column_width(column) for column in range(sheet.table.columns)]
        for cell in sheet.table.cells:
            if cell.column_span > 1:
                last = cell.column + cell.column_span
                wanted = min(look.width(cell.text, bold=True) + 2 * look.inset_x, 220.0)
                widths[last - 1] += max(0.0, wanted - sum(widths[cell.column : last]))
        self.xs = [0.0, *accumulate(widths)]
        self.texts = {cell: self._wrapped(cell) for cell in sheet.table.cells}
        heights = [0.0] * sheet.table.rows
        for cell in sorted(sheet.table.cells, key=lambda cell: cell.row_span):
            last = cell.row + cell.row_span
            wanted = max(1, len(self.texts[cell])) * look.leading + 2 * look.inset_y
            heights[last - 1] += max(0.0, wanted - sum(heights[cell.row : last]))
        self.ys = [0.0, *accumulate(heights)]

    def box(self, cell: Cell) -> Segment:
        """Return x0, y0, x1, y1 of a cell."""
        right, bottom = cell.column + cell.column_span, cell.row + cell.row_span
        return self.xs[cell.column], self.ys[cell.row], self.xs[right], self.ys[bottom]

    def _column_width(self, column: int) -> float:
        if column in self.sheet.wide:
            return self.sheet.wide_pt + 2 * self.look.inset_x
        alone = [c for c in self.sheet.table.cells if c.column == column and c.column_span == 1 and c.text]
        texts = [(part, cell) for cell in alone for part in self._unbroken(cell)]
        longest = max((self.look.width(text, bold=self._is_head(cell)) for text, cell in texts), default=20.0)
        leader = 60.0 if "leaders" in self.style.features and column == 0 else 0.0
        return longest + leader + 2 * self.look.inset_x

    def _unbroken(self, cell: Cell) -> list[str]:
        """Return what has to stand on one line: a cell's text, or each word of a heading that is to be wrapped."""
        return cell.text.split() if "wrapped-heads" in self.style.features and self._is_head(cell) else [cell.text]

    def _is_head(self, cell: Cell) -> bool:
        return cell.row < self.sheet.header_rows

    def _wrapped(self, cell: Cell) -> list[str]:
        width = self.xs[cell.column + cell.column_span] - self.xs[cell.column] - 2 * self.look.inset_x
        is_head = self._is_head(cell)
        return wrapped(cell.text, width + 0.1, lambda text: self.look.width(text, bold=is_head))


def wrapped(text: str, width: float, measure: Any) -> list[str]:
    """Return the lines of a text; a word that is too wide has one of its own."""
    lines: list[str] = []
    for word in text.split():
        if lines and measure(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _paragraph(page: Any, look: _Look, text: str, y: float) -> float:
    """Draw a paragraph at a height; return where the next may begin."""
    if not text:
        return y
    if look.font == fonts.CJK:
        lines = [text[start : start + 45] for start in range(0, len(text), 45)]
    else:
        lines = wrapped(text, 480.0, look.width)
    for line in lines:
        page.insert_text((_MARGIN, y), line, fontsize=look.size, fontname=look.font)
        y += look.leading
    return y + look.size


def _watermark(page: Any, text: str, grey: float) -> None:
    at = pymupdf.Point(130, 330)
    turned = (at, pymupdf.Matrix(45))
    page.insert_text(at, text, fontsize=90, fontname="hebo", color=(grey,) * 3, morph=turned, fill_opacity=0.4)


def _table(page: Any, style: TableStyle, layout: _Layout, left: float, top: float) -> None:
    look = layout.look
    shape = page.new_shape()
    if style.lines == "bands":
        for row in range(layout.sheet.table.rows):
            if row < layout.sheet.header_rows or (row - layout.sheet.header_rows) % 2 == 0:
                shape.draw_rect((left, top + layout.ys[row], left + layout.xs[-1], top + layout.ys[row + 1]))
                shape.finish(color=None, fill=look.fill)
    if look.lines_as == "frame" and style.lines == "grid":
        for cell in layout.sheet.table.cells:
            x0, y0, x1, y1 = layout.box(cell)
            shape.draw_rect((left + x0, top + y0, left + x1, top + y1))
        shape.finish(width=look.line_width)
    else:
        for x0, y0, x1, y1 in _rules(style, layout):
            _rule(shape, look, (left + x0, top + y0, left + x1, top + y1))
    cells = sorted(layout.sheet.table.cells, key=lambda c: (c.column, c.row) if look.by_column else (c.row, c.column))
    for cell in cells:
        _text(shape, layout, cell, left, top)
    shape.commit()


def _rule(shape: Any, look: _Look, segment: Segment) -> None:
    x0, y0, x1, y1 = segment
    if look.lines_as == "rect":
        shape.draw_rect((x0, y0, max(x1, x0 + look.line_width), max(y1, y0 + look.line_width)))
        shape.finish(color=None, fill=(0, 0, 0))
    else:
        shape.draw_line((x0, y0), (x1, y1))
        shape.finish(width=look.line_width)


def _rules(style: TableStyle, layout: _Layout) -> list[Segment]:
    """Return the lines of a table, each once."""
    sheet = layout.sheet
    right, bottom, head = layout.xs[-1], layout.ys[-1], layout.ys[sheet.header_rows]
    found: dict[Segment, None] = {}
    if style.lines in ("grid", "horizontal", "columns"):
        for cell in sheet.table.cells:
            if cell.row < sheet.above or cell.column >= sheet.table.columns - sheet.beside:
                continue
            x0, y0, x1, y1 = layout.box(cell)
            if style.lines != "columns":
                found.update({(x0, y0, x1, y0): None, (x0, y1, x1, y1): None})
            if style.lines != "horizontal":
                found.update({(x0, y0, x0, y1): None, (x1, y0, x1, y1): None})
    if style.lines in ("header", "booktabs", "columns") and sheet.header_rows:
        found[0.0, head, right, head] = None
    if style.lines == "booktabs":
        found.update({(0.0, 0.0, right, 0.0): None, (0.0, bottom, right, bottom): None})
        for cell in sheet.table.cells:
            if cell.row + cell.row_span < sheet.header_rows and cell.column_span > 1:
                x0, _, x1, y1 = layout.box(cell)
                found[x0 + 3, y1, x1 - 3, y1] = None
    return list(found)


def _text(shape: Any, layout: _Layout, cell: Cell, left: float, top: float) -> None:
    look, lines = layout.look, layout.texts[cell]
    x0, y0, x1, y1 = layout.box(cell)
    is_head = cell.row < layout.sheet.header_rows
    font = look.bold if is_head else look.font
    height = len(lines) * look.leading
    free = (y1 - y0 - 2 * look.inset_y - height) * (0.5 if look.middle or cell.spans else 0.0)
    y = top + y0 + look.inset_y + free + 0.8 * look.leading
    for line in lines:
        width = look.width(line, bold=is_head)
        if cell.column_span > 1 or (cell.column in layout.sheet.figures and look.centred):
            x = left + (x0 + x1 - width) / 2
        elif cell.column in layout.sheet.figures:
            x = left + x1 - look.inset_x - width
        else:
            x = left + x0 + look.inset_x
        pieces = line.split(" ") if look.word_by_word else [line]
        for piece in pieces:
            shape.insert_text((x, y), piece, fontsize=look.size, fontname=font)
            x += look.width(f"{piece} ", bold=is_head)
        if "leaders" in layout.style.features and cell.column == 0 and not is_head:
            dots = "." * int((left + x1 - x) / look.width("."))
            shape.insert_text((x, y), dots, fontsize=look.size, fontname=font)
        y += look.leading

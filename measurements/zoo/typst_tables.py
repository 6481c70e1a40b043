"""Tables set by Typst: it measures, wraps and divides; the structure tree is taken out afterwards (`documents`)."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from scribetune.samples.blocks import typst_string
from scribetune.samples.typesetting import CJK_FONT
from scribetune.text.grids import Cell
from zoo.grids import Sheet
from zoo.styles import Script, TableStyle

_FONTS = ("Libertinus Serif", "New Computer Modern", "Libertinus Serif", CJK_FONT)
_WATERMARKS = ("DRAFT", "COPY", "CONFIDENTIAL", "SPECIMEN")


@dataclass(frozen=True)
class Surroundings:
    """What stands around a table; "" for nothing."""

    before: str
    caption: str
    note: str
    after: str


def preamble(draw: random.Random, script: Script, size: float) -> str:
    """Return the set rules of a document: page, fonts, language."""
    font = {"en": draw.choice(_FONTS), "zh": CJK_FONT, "he": "Libertinus Serif"}[script]
    return (
        "#set document(date: none)\n"
        f"#set page(width: 595pt, height: 842pt, margin: {draw.choice((50, 60, 72))}pt)\n"
        f'#set text(font: ("{font}", "{CJK_FONT}"), size: {size}pt, lang: "{script}", hyphenate: false)\n'
        f"#set par(leading: {draw.choice((0.5, 0.6, 0.65))}em)\n"
    )


def source(style: TableStyle, pages: Sequence[Sheet], around: Surroundings, draw: random.Random) -> str:
    """Return a document with a sheet on each page, or two side by side."""
    size = draw.choice((8, 9, 10, 11))
    parts = [preamble(draw, style.script, size)]
    if "watermark" in style.features:
        layer = draw.choice(("foreground", "background"))
        mark = f"text({draw.choice((60, 80))}pt, fill: luma(150, 50%), {typst_string(draw.choice(_WATERMARKS))})"
        turned = f"rotate({draw.choice((-45, -30, -55))}deg, {mark})"
        parts.append(f"#set page({layer}: place(top + center, dy: {draw.choice((120, 160))}pt, {turned}))\n")
    if around.before:
        parts.append(_paragraph(around.before))
    if around.caption:
        parts.append(_paragraph(around.caption))
    look = _Look(style, draw)
    tables = [look.table(sheet) for sheet in pages]
    if "side-by-side" in style.features:
        parts.append(f"#grid(columns: 2, column-gutter: {draw.choice((20, 36))}pt, {', '.join(tables)})\n\n")
    else:
        parts.append("#pagebreak()\n".join(f"#{table}\n\n" for table in tables))
    if around.note:
        parts.append(f"#text(size: 0.85em, {typst_string(around.note)})\n\n")
    if around.after:
        parts.append(_paragraph(around.after))
    return "".join(parts)


def _paragraph(text: str) -> str:
    return f"#text({typst_string(text)})\n\n"


class _Look:
    """How all sheets of one table look."""

    def __init__(self, style: TableStyle, draw: random.Random) -> None:
        self._style = style
        self._is_bold = draw.random() < 0.5 and style.script == "en"
        self._align = draw.choice(("right", "center", "right"))
        self._rule = f"{draw.choice((0.4, 0.6, 1.0))}pt + luma({draw.choice((0, 0, 90))})"
        self._fill = draw.choice(("luma(230)", "rgb(222, 232, 245)", "rgb(245, 236, 220)"))
        is_tight = "tight" in style.features
        self._inset = (1.0 if is_tight else draw.choice((3, 5, 7)), 1.5 if is_tight else draw.choice((3, 4, 5)))
        self._is_full_width = draw.random() < 0.3 and not is_tight
        self._is_stub_wide = draw.random() < 0.5
        self._vertical = draw.choice(("top", "horizon"))

    def table(self, sheet: Sheet) -> str:
        """Return a table's source, in Typst's code mode."""
        settings = [
            f"columns: ({', '.join(self._width(sheet, column) for column in range(sheet.table.columns))},)",
            f"align: ({', '.join(self._alignment(sheet, column) for column in range(sheet.table.columns))},)",
            f"inset: (x: {self._inset[0]}pt, y: {self._inset[1]}pt)",
            f"stroke: {self._stroke(sheet)}",
        ]
        if self._style.lines == "bands":
            head = sheet.header_rows
            settings.append(
                f"fill: (x, y) => if y < {head} {{ luma(200) }} "
                f"else if calc.even(y - {head}) {{ {self._fill} }} else {{ none }}"
            )
        parts = [*settings, *self._lines(sheet), *(self._cell(sheet, cell) for cell in sheet.table.cells)]
        return "table(\n  " + ",\n  ".join(parts) + ",\n)"

    def _width(self, sheet: Sheet, column: int) -> str:
        if column in sheet.wide:
            return f"{sheet.wide_pt}pt"
        if "leaders" in self._style.features and column == 0:
            return "150pt"
        if "wrapped-heads" in self._style.features and column > 0:
            return "62pt"
        if "empty-column" in self._style.features and column not in sheet.figures and column > 0:
            return "40pt"
        if self._is_full_width and (column > 0 or self._is_stub_wide):
            return "1fr"
        return "auto"

    def _alignment(self, sheet: Sheet, column: int) -> str:
        return f"{self._align if column in sheet.figures else 'start'} + {self._vertical}"

    def _stroke(self, sheet: Sheet) -> str:
        inside = f"y >= {sheet.above} and x < {sheet.table.columns - sheet.beside}"
        kind = {
            "grid": self._rule,
            "horizontal": f"(top: {self._rule}, bottom: {self._rule})",
            "columns": f"(left: {self._rule}, right: {self._rule})",
        }.get(self._style.lines)
        return f"(x, y) => if {inside} {{ {kind} }} else {{ none }}" if kind else "none"

    def _lines(self, sheet: Sheet) -> list[str]:
        """Return the lines across that no cell brings along."""
        rows, head = sheet.table.rows, sheet.header_rows
        made = []
        if self._style.lines in ("header", "booktabs", "columns") and head:
            made.append(f"table.hline(y: {head}, stroke: {self._rule})")
        if self._style.lines == "booktabs":
            made += [f"table.hline(y: {y}, stroke: 1pt)" for y in (0, rows)]
            made += [
                f"table.hline(y: 1, start: {cell.column}, end: {cell.column + cell.column_span}, stroke: {self._rule})"
                for cell in sheet.table.cells
                if cell.row == 0 and cell.column_span > 1 and head > 1
            ]
        return made

    def _cell(self, sheet: Sheet, cell: Cell) -> str:
        is_head = cell.row < sheet.header_rows
        weight = 'weight: "bold", ' if is_head and self._is_bold else ""
        options = [f"x: {cell.column}", f"y: {cell.row}"]
        if cell.row_span > 1:
            options.append(f"rowspan: {cell.row_span}")
        if cell.column_span > 1:
            options += [f"colspan: {cell.column_span}", "align: center + horizon"]
        text = f"text({weight}{typst_string(cell.text)})"
        if "leaders" in self._style.features and cell.column == 0 and not is_head:
            text += " + [ ] + box(width: 1fr, repeat[.])"
        return f"table.cell({', '.join(options)}, {text})"

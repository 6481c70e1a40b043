"""Markdown from the tags of a tagged (accessible) PDF: headings, lists, tables, formulas as their author meant them.

ISO 32000-1, 14.8 (tagged PDF). MuPDF gives the structure elements of a page with their text (TEXT_COLLECT_STRUCTURE).
Tags are used only where they cover the page's text and their tables are whole; `labels` falls back to layout analysis.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from scribetune.labels import nested_tables, right_to_left, text_layer, text_pages
from scribetune.labels.coverage import Piece
from scribetune.labels.formulas import sources as formula_sources
from scribetune.labels.formulas.sources import FormulaTag
from scribetune.labels.nested_tables import SubGrid
from scribetune.labels.tables.cells import Box, PageTable, grid_of
from scribetune.labels.tag_tree import TagTree
from scribetune.text.markdown import FIGURE, is_cjk

_HEADING = re.compile(r"H([1-6])")
_GROUPS = frozenset({"Document", "Part", "Art", "Sect", "Div", "Aside", "BlockQuote", "NonStruct", "DocumentFragment"})
_TEXT_BLOCKS = frozenset({"P", "Figure", "Caption", "Note", "Code", "Title", "Lbl", "TOCI", "BibEntry", "H"})
_INLINE = frozenset({"Span", "Link", "Em", "Strong", "Quote", "Reference", "Annot", "Formula", "Sub", "Lbl", "P"})
_SAME_LINE_OVERLAP = 0.5
_BREAK = "\n\n"  # between blocks; the text of a page has no line ends
_BOLD = 16  # span flag of MuPDF
_MARGIN = 0.085
_FIGURE_SHARE = 0.01  # of the page; smaller pictures are icons and bullets, and leave no mark


class UnusableTagsError(Exception):
    """The page's tags do not say enough to write it down: a table with holes, or an element of an unknown kind."""


@dataclass
class _Line:
    """Text under way: pieces that follow each other, joined by where they stand."""

    text: str = ""
    bbox: tuple[float, float, float, float] | None = None
    bold: list[tuple[int, int]] = field(default_factory=list)

    def add(self, piece: str, bbox: tuple[float, float, float, float], *, bold: bool = False) -> None:
        """Append a piece, with a blank where one is seen: a gap on the line, or a line's end between two words."""
        if not piece:
            return
        if self.text and self.bbox is not None and self._needs_blank(piece, bbox):
            self.text += " "
        start = len(self.text)
        self.text += piece
        if bold:
            self.bold.append((start, len(self.text)))
        self.bbox = bbox

    def _needs_blank(self, piece: str, bbox: tuple[float, float, float, float]) -> bool:
        assert self.bbox is not None  # noqa: S101  narrows the type
        if self.text[-1].isspace() or piece[0].isspace():
            return False
        height = min(self.bbox[3] - self.bbox[1], bbox[3] - bbox[1])
        overlap = min(self.bbox[3], bbox[3]) - max(self.bbox[1], bbox[1])
        if height > 0 and overlap / height >= _SAME_LINE_OVERLAP:
            return text_layer.is_apart(self.text, piece, self.bbox, bbox)
        # Chinese and Japanese have no blank at a line's end.
        return not (is_cjk(self.text[-1]) or is_cjk(piece[0]))

    def is_far_from(self, bbox: Sequence[float]) -> bool:
        """Whether a box stands further below or above than the next line would."""
        if self.bbox is None:
            return False
        height = self.bbox[3] - self.bbox[1]
        return bbox[1] - self.bbox[3] > height or self.bbox[1] - bbox[3] > height

    def markdown(self, *, emphasis: bool) -> str:
        """Return the text; bold runs marked where `emphasis` is asked for."""
        text = self.text
        if emphasis:
            for start, end in reversed(self._bold_runs()):
                inner = text[start:end]
                kept = inner.strip()
                if kept:
                    at = start + inner.index(kept)
                    text = f"{text[:at]}**{kept}**{text[at + len(kept) :]}"
        return _BREAK.join(" ".join(part.split()) for part in text.split(_BREAK) if part.strip())

    def _bold_runs(self) -> list[tuple[int, int]]:
        runs: list[tuple[int, int]] = []
        for start, end in self.bold:
            if runs and not self.text[runs[-1][1] : start].strip():
                runs[-1] = (runs[-1][0], end)
            else:
                runs.append((start, end))
        return runs


@dataclass(frozen=True)
class TaggedPage:
    """A page written from its tags."""

    text: str  # Markdown
    pieces: tuple[Piece, ...]  # what was taken from where, in the order of the tags, to be compared with the text layer
    latex: tuple[str, ...]  # what stands in the text for formulas, in their order
    tables: int  # number of tables
    formulas: int  # number of formulas with LaTeX
    marks: int  # number of headings, lists and tables: none means that everything was tagged as plain paragraphs
    formula_boxes: tuple[Box, ...] = ()  # where its formulas stand, with LaTeX or without
    formulas_unicode: int = 0  # number of formulas that are nothing but characters


@dataclass
class _Writer:
    left: Iterator[FormulaTag]
    width: float
    height: float
    latex: bool
    html_tables: bool
    keep_headers: bool
    figures_inside: int = 0
    beside: list[str] = field(default_factory=list)
    formula_boxes: list[Box] = field(default_factory=list)
    formulas_unicode: int = 0
    pieces: list[Piece] = field(default_factory=list)
    written_latex: list[str] = field(default_factory=list)
    tables: int = 0
    formulas: int = 0
    marks: int = 0
    _lines: int = 0

    def unwritten_formulas(self) -> bool:
        """Return whether the structure tree names formulas that the page did not show."""
        return next(self.left, None) is not None

    def blocks(self, elements: list[dict[str, Any]]) -> list[str]:
        """Return the Markdown blocks of sibling elements."""
        written: list[str] = []
        for element in elements:
            if self._is_margin(element):
                text = _Line()
                self._margin(element, text)
                written.append(text.markdown(emphasis=True) if self.keep_headers else "")
                continue
            written.extend(self._block(element))
            # Pictures, and page numbers, that the element holds with its text stand after it.
            written.extend([FIGURE] * self.figures_inside)
            self.figures_inside = 0
            written.extend(self.beside)
            self.beside.clear()
        return [block for block in written if block]

    def _is_margin(self, element: dict[str, Any]) -> bool:
        """Whether an element without a tag is a running header or footer, or a page number.

        They are no part of the structure (ISO 32000-1, 14.8.2.2), so MuPDF gives them without a tag.
        """
        _, top, _, bottom = element["bbox"]
        untagged = not element.get("std") and not element.get("blocks") and 0 < len(element.get("lines", ())) <= 2
        return untagged and (bottom < _MARGIN * self.height or top > (1 - _MARGIN) * self.height)

    def _is_large(self, element: dict[str, Any]) -> bool:
        x0, y0, x1, y1 = element["bbox"]
        return float((x1 - x0) * (y1 - y0)) >= _FIGURE_SHARE * self.width * self.height

    def _block(self, element: dict[str, Any]) -> list[str]:
        kind = element.get("std") or ""
        children = element.get("blocks", [])
        if kind in _GROUPS or kind == "Figure":
            shown = kind == "Figure" and self._is_large(element)
            return [FIGURE if shown else "", *self.blocks(children)]
        heading = _HEADING.fullmatch(kind)
        if heading or kind in ("L", "Table"):
            self.marks += 1
        if heading:
            return [f"{'#' * int(heading.group(1))} {self._inline(element, emphasis=False)}"]
        if kind == "L":
            return ["\n".join(self._list(children, indent=""))]
        if kind == "Table":
            return [self._table(element)]
        if kind == "Formula":
            return [self._formula(element).strip()]
        if kind in _TEXT_BLOCKS or kind in _INLINE or not kind:
            return self._inline(element, emphasis=True, can_break=True).split(_BREAK)
        raise UnusableTagsError(f"element {kind}")

    def _inline(self, element: dict[str, Any], *, emphasis: bool, can_break: bool = False) -> str:
        """Return an element as one line; `can_break` where formulas on their own lines may divide it."""
        line = _Line()
        self._collect(element, line, can_break=can_break)
        return line.markdown(emphasis=emphasis)

    def _collect(self, element: dict[str, Any], line: _Line, *, can_break: bool = False) -> None:
        for row in element.get("lines", []):
            self._lines += 1
            for span in row["spans"]:
                shown = text_pages.with_drawn_hyphens(span["text"], ends_line=span is row["spans"][-1])
                self.pieces.append(Piece(shown, tuple(span["bbox"]), self._lines))
                line.add(shown, tuple(span["bbox"]), bold=bool(span["flags"] & _BOLD))
        for child in element.get("blocks", []):
            kind = child.get("std") or ""
            if kind == "Figure" and not child.get("lines") and not any(text_pages.texts_of(child)):
                self.figures_inside += self._is_large(child)
            elif self._is_margin(child) and line.is_far_from(child["bbox"]):
                text = _Line()
                self._margin(child, text)
                self.beside.extend([text.markdown(emphasis=True)] if self.keep_headers else [])
            elif kind == "Formula":
                line.add(self._formula(child, inside=True, can_break=can_break), tuple(child["bbox"]))
            elif kind in _INLINE or not kind:
                self._collect(child, line, can_break=can_break)
            else:
                raise UnusableTagsError(f"{kind} inside running text")

    def _margin(self, element: dict[str, Any], line: _Line) -> None:
        """Collect a running header or footer."""
        start = len(self.pieces)
        self._collect(element, line)
        if not self.keep_headers:
            self.pieces[start:] = [replace(piece, is_wanted=False) for piece in self.pieces[start:]]

    def _formula(self, element: dict[str, Any], *, inside: bool = False, can_break: bool = True) -> str:
        """Return a formula; between breaks where its tag, or its place (not `inside` a line), says it is displayed."""
        tag = next(self.left, None)
        glyphs = " ".join(text_pages.texts_of(element))
        if tag is None:
            raise UnusableTagsError("more formulas on the page than in the structure tree")
        latex = tag.latex_of(element) if self.latex else ""
        x0, y0, x1, y1 = element["bbox"]
        self.formula_boxes.append((x0, y0, x1, y1))
        self._lines += 1
        self.pieces.append(Piece(glyphs, (x0, y0, x1, y1), self._lines, is_wanted=not latex))
        if not latex:
            self.formulas_unicode += 1
            return glyphs
        self.formulas += 1
        # A heading, a table's cell or an item of a list is one line, whatever stands in it.
        if can_break and (not inside if tag.display is None else tag.display):
            numbered = formula_sources.with_number(latex, formula_sources.equation_number(element))
            self.written_latex.append(f"$${numbered}$$")
            return f"{_BREAK}$${numbered}$${_BREAK}"
        self.written_latex.append(f"${latex}$")
        return f"${latex}$"

    def _list(self, items: list[dict[str, Any]], indent: str) -> list[str]:
        lines: list[str] = []
        for item in items:
            if item.get("std") == "L":
                lines.extend(self._list(item.get("blocks", []), indent + "  "))
                continue
            if item.get("std") != "LI":
                raise UnusableTagsError(f"{item.get('std')} in a list")
            marker, body = "-", _Line()
            nested: list[str] = []
            for part in item.get("blocks", []):
                if part.get("std") == "Lbl":
                    label = " ".join("".join(text_pages.texts_of(part)).split())
                    self._lines += 1
                    self.pieces.append(Piece(label, tuple(part["bbox"]), self._lines, is_listed=True))
                    marker = label if re.fullmatch(r"\(?\w{1,4}[.)]", label) else "-"
                elif part.get("std") == "L":
                    nested.extend(self._list(part.get("blocks", []), indent + "  "))
                else:
                    inner = [child for child in part.get("blocks", []) if child.get("std") == "L"]
                    rest = {**part, "blocks": [c for c in part.get("blocks", []) if c.get("std") != "L"]}
                    self._collect(rest, body)
                    for child in inner:
                        nested.extend(self._list(child.get("blocks", []), indent + "  "))
            lines.append(f"{indent}{marker} {body.markdown(emphasis=True)}")
            lines.extend(nested)
        return lines

    def _table(self, table: dict[str, Any]) -> str:
        if any(_tables(table)):
            whole = self._grid(table)
            self.tables += 1
            written = PageTable(tuple(table["bbox"]), whole.rows, whole.columns, whole.cells)
            return written.markdown(always_html=self.html_tables)
        # MuPDF leaves out cells without text; `index` is a cell's place among its row's elements.
        rows = [{int(cell["index"]): cell for cell in row.get("blocks", [])} for row in _rows(table)]
        places = _columns(rows)
        if len(places) < 2 or not all(rows):
            raise UnusableTagsError("a table of one column, or with an empty row")
        grid = [[self._inline(row[place], emphasis=False) if place in row else "" for place in places] for row in rows]
        self.tables += 1
        return grid_of(grid, tuple(table["bbox"])).markdown(always_html=self.html_tables)

    def _grid(self, table: dict[str, Any]) -> SubGrid:
        """Return a table that may have others in its cells as one grid."""
        rows = [{int(cell["index"]): cell for cell in row.get("blocks", [])} for row in _rows(table)]
        places = _columns(rows)
        if not places or not all(rows):
            raise UnusableTagsError("a table with an empty row")
        empty = nested_tables.of_text("")
        return nested_tables.flattened(
            [[self._cell(row[place]) if place in row else empty for place in places] for row in rows]
        )

    def _cell(self, cell: dict[str, Any]) -> SubGrid:
        parts: list[SubGrid] = []
        beside: list[dict[str, Any]] = []

        def write_text() -> None:
            text = self._inline({**cell, "lines": [], "blocks": list(beside)}, emphasis=False)
            beside.clear()
            if text:
                parts.append(nested_tables.of_text(text))

        for child in cell.get("blocks", []):
            if child.get("std") == "Table":
                write_text()
                parts.append(self._grid(child))
            elif any(_tables(child)):
                write_text()
                parts.append(self._cell(child))
            else:
                beside.append(child)
        write_text()
        return nested_tables.stacked(parts) if parts else nested_tables.of_text("")


def _columns(rows: Sequence[Mapping[int, Any]]) -> list[int]:
    """Return the places among their row's elements that cells have: what is empty in every row is no column."""
    return sorted({place for row in rows for place in row})


def _tables(element: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the tables below an element."""
    for child in element.get("blocks", []):
        if child.get("std") == "Table":
            yield child
        yield from _tables(child)


def _rows(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for part in table.get("blocks", []):
        if part.get("std") == "TR":
            yield part
        elif part.get("std") in ("THead", "TBody", "TFoot"):
            yield from _rows(part)
        elif part.get("std") != "Caption":
            raise UnusableTagsError(f"{part.get('std')} in a table")


def read(
    page: Any, tags: TagTree, *, latex: bool = True, html_tables: bool = False, keep_headers: bool = True
) -> TaggedPage | None:
    """Write a pymupdf.Page down from its tags; None where it has none.

    Args:
        page: The page.
        tags: The document's structure tree.
        latex: Formulas as the LaTeX that their tags carry; else as the characters on the page.
        html_tables: Tables as HTML instead of Markdown.
        keep_headers: Whether running headers, footers and page numbers are part of the text.

    Raises:
        UnusableTagsError: The tags do not say enough.
    """
    import pymupdf

    flags = pymupdf.TEXTFLAGS_DICT | pymupdf.TEXT_COLLECT_STRUCTURE
    textpage = text_pages.text_page(page, flags)
    ordered = right_to_left.in_order(textpage)
    blocks = ordered.blocks if ordered else textpage.extractDICT()["blocks"]
    if not any(block.get("std") for block in blocks):
        return None
    formulas = iter(tags.formulas.get(page.xref, []))
    writer = _Writer(formulas, page.rect.width, page.rect.height, latex, html_tables, keep_headers)
    written = writer.blocks([block for block in blocks if block.get("type") != 1])
    if writer.tables and tags.has_spanning_cells(page.xref):
        raise UnusableTagsError("a table with spanning cells")
    if writer.unwritten_formulas():
        raise UnusableTagsError("fewer formulas on the page than in the structure tree")
    return TaggedPage(
        "\n\n".join(written),
        tuple(writer.pieces),
        tuple(writer.written_latex),
        writer.tables,
        writer.formulas,
        writer.marks,
        tuple(writer.formula_boxes),
        writer.formulas_unicode,
    )

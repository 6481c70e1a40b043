"""Markdown from the tags of a tagged (accessible) PDF: headings, lists, tables, formulas as their author meant them.

ISO 32000-1, 14.8 (tagged PDF). MuPDF gives the structure elements of a page with their text (TEXT_COLLECT_STRUCTURE).
Tags are used only where they cover the page's text and their tables are whole; `labels` falls back to layout analysis.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import Any

from scribetune.labels import (
    coverage,
    equal_widths,
    line_ends,
    nested_tables,
    right_to_left,
    tagged_order,
    tagged_tables,
    text_layer,
    text_pages,
)
from scribetune.labels.coverage import Piece
from scribetune.labels.formulas import sources as formula_sources
from scribetune.labels.nested_tables import SubGrid
from scribetune.labels.page_blocks import list_marker, marker_length
from scribetune.labels.tables.cells import Box, PageTable, union
from scribetune.labels.tag_tree import ROW_GROUPS, TagCell, TagTree
from scribetune.labels.tagged_order import NO_STRUCTURE, rows_of
from scribetune.labels.tagged_text import BREAK, TextUnderWay, share_line
from scribetune.text.markdown import FIGURE

_HEADING = re.compile(r"H([1-6])")
_GROUPS = frozenset(
    {"Document", "Part", "Art", "Sect", "Div", "Aside", "BlockQuote", "NonStruct", "DocumentFragment"}
    | {"Index", "Private", "Figure", "LI", NO_STRUCTURE}
)
_TEXT_BLOCKS = frozenset({"P", "Figure", "Caption", "Note", "FENote", "Title", "Lbl", "BibEntry", "H", "Form", "LBody"})
_INLINE = frozenset(
    {"Span", "Link", "Em", "Strong", "Quote", "Reference", "Annot", "Formula", "Sub", "Lbl", "P", "Form", "BibEntry"}
    | {"Ruby", "RB", "RT", "RP", "Warichu", "WT", "WP", "NonStruct", NO_STRUCTURE, "Code", "Private"}
)
_OF_CELLS = frozenset(
    {"L", "LI", "LBody", "Div", "Sect", "Part", "Caption", "H", "H1", "H2", "H3", "H4", "H5", "H6", "Aside"}
    | {"BlockQuote", "Figure", "Title"}
)
_HELD = frozenset({"L", "Table", "TOC", "Div", "H1", "H2", "H3", "H4", "H5", "H6"})
Place = tuple[int, int, int, int]
"""A box in whole points."""
_PAGE_NUMBER = re.compile(r"(?:\d|\b[ivxlc]+)$", re.IGNORECASE)
_NOTES = frozenset({"Note", "FENote"})
_MARKER = re.compile(r"\(?(?:\w{1,4}|\d{1,2}(?:\.\d{1,2})+)[.)]")
_MARGIN = 0.085
_MAY_RUN = frozenset(
    {None, "", "P", "Span", "NonStruct"}
)  # with a tag too, where other pages have it in the same place
_FIGURE_SHARE = 0.01  # of the page; smaller pictures are icons and bullets, and leave no mark


class UnusableTagsError(Exception):
    """The page's tags do not say enough to write it down: a table with holes, or an element of an unknown kind."""


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
    table_elements: Mapping[int, int] = field(default_factory=dict)  # xref of an element → which of the tables it is


@dataclass
class _Writer:
    tags: TagTree
    page: int  # xref
    seen: Collection[str]  # words of its lines
    code: Collection[Place]  # where its spans stand that are code
    are_hyphens: bool  # whether soft hyphens within its lines are hyphens
    width: float
    height: float
    latex: bool
    html_tables: bool
    keep_headers: bool
    is_running: Callable[[Sequence[float]], bool] = lambda _: False
    figures_inside: int = 0
    beside: list[str] = field(default_factory=list)
    formula_boxes: list[Box] = field(default_factory=list)
    formulas_unicode: int = 0
    written: set[int] = field(default_factory=set)  # formulas
    pieces: list[Piece] = field(default_factory=list)
    written_latex: list[str] = field(default_factory=list)
    tables: int = 0
    table_elements: dict[int, int] = field(default_factory=dict)
    formulas: int = 0
    marks: int = 0
    _lines: int = 0

    def blocks(self, elements: list[dict[str, Any]]) -> list[str]:
        """Return the Markdown blocks of sibling elements."""
        written: list[str] = []
        for element in tagged_order.in_paragraphs(self._with_listings(_with_rows(tagged_order.by_place(elements)))):
            if self._is_margin(element):
                written.extend(self._margin(element))
                continue
            written.extend(self._block(element))
            # Pictures, and page numbers, that the element holds with its text stand after it.
            written.extend([FIGURE] * self.figures_inside)
            self.figures_inside = 0
            written.extend(self.beside)
            self.beside.clear()
        return [block for block in written if block]

    def _with_listings(self, elements: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield elements; of paragraphs of code that follow each other one: word processors make one of each line."""
        for is_code, run in groupby(
            elements, lambda one: one.get("std") in ("P", "Code", "Span") and self._is_listing(one)
        ):
            children = list(run)
            yield from [{**children[0], "std": "Code", "lines": [], "blocks": children}] if is_code else children

    def _is_margin(self, element: dict[str, Any]) -> bool:
        """Whether an element without a tag is a running header or footer, or a page number.

        They are no part of the structure (ISO 32000-1, 14.8.2.2), so MuPDF gives them without a tag.
        """
        _, top, _, bottom = element["bbox"]
        if element.get("std") in _MAY_RUN and self.is_running(element["bbox"]):
            return True
        is_short = "is_cell" in element or 0 < len(element.get("lines", ())) <= 2
        untagged = not element.get("std") and not element.get("blocks") and is_short
        return untagged and (bottom < _MARGIN * self.height or top > (1 - _MARGIN) * self.height)

    def _is_large(self, element: dict[str, Any]) -> bool:
        x0, y0, x1, y1 = element["bbox"]
        return float((x1 - x0) * (y1 - y0)) >= _FIGURE_SHARE * self.width * self.height

    def _block(self, element: dict[str, Any]) -> list[str]:
        kind = element.get("std") or ""
        children = element.get("blocks", [])
        heading = _HEADING.fullmatch(kind)
        self.marks += bool(heading or kind in ("L", "Table", "TOC"))
        if kind in _GROUPS:
            shown = kind == "Figure" and self._is_large(element)
            written = [FIGURE if shown else "", *self.blocks(children)]
        elif heading:
            written = [f"{'#' * int(heading.group(1))} {self._inline(element, emphasis=False)}"]
        elif kind == "L" and any(_headings(element)):
            written = self.blocks(children)  # the cards of a web page
        elif kind == "L":
            written = ["\n".join(self._list(children, indent=""))]
        elif kind == "TOC":
            written = ["\n".join(self._contents(children, indent=""))]
        elif kind == "Table":
            written = self._table(element)
        elif kind == "Formula":
            written = [self._formula(element).strip()]
        elif kind == "Code":
            written = [self._code(element)]
        elif kind and kind not in _TEXT_BLOCKS | _INLINE:
            raise UnusableTagsError(f"element {kind}")
        elif self._is_listing(element):
            written = [self._code(element)]
        elif any(child.get("std") in _HELD for child in children):
            written = self._mixed(element)
        else:
            written = self._inline(element, emphasis=True, can_break=True).split(BREAK)
        return written

    def _mixed(self, element: dict[str, Any]) -> list[str]:
        """Return a paragraph that holds lists or tables beside its text as one block after another."""
        written: list[str] = []
        for is_held, run in groupby(element.get("blocks", []), lambda child: child.get("std") in _HELD):
            children = list(run)
            written.extend(self.blocks(children) if is_held else self._block({**element, "blocks": children}))
        return written

    def _contents(self, entries: list[dict[str, Any]], indent: str) -> list[str]:
        """Return the entries of a table of contents as a list, without the leaders before their page numbers."""
        lines: list[str] = []
        for entry in entries:
            kind = entry.get("std") or ""
            if kind == "TOC":
                lines.extend(self._contents(entry.get("blocks", []), indent + "  " * bool(lines)))
                continue
            inner = [child for child in entry.get("blocks", []) if child.get("std") == "TOC"]
            rest = {**entry, "blocks": [child for child in entry.get("blocks", []) if child.get("std") != "TOC"]}
            start = len(self.pieces)
            text = coverage.LEADER.sub(" ", self._inline(rest, emphasis=False, in_cell=True)).strip()
            self.pieces[start:] = [replace(piece, is_entry=True) for piece in self.pieces[start:]]
            if text:
                is_title = kind != "TOCI" or (not lines and not indent and not _PAGE_NUMBER.search(text))
                lines.append(f"{'' if is_title else indent + '- '}{text}" + "\n" * is_title)
            for child in inner:
                lines.extend(self._contents(child.get("blocks", []), indent + "  "))
        return lines

    def _is_listing(self, element: dict[str, Any]) -> bool:
        """Whether a paragraph is lines of code."""
        spans = list(_spans_of(element)) if self.code else []
        return bool(spans) and all(_place(span["bbox"]) in self.code for span in spans)

    def _code(self, element: dict[str, Any]) -> str:
        """Return code: its lines in a fence, or one in a paragraph of its own."""
        rows: list[tuple[Sequence[float], str]] = []
        for box, text in rows_of(element):
            self._take(text, box)
            if rows and share_line(rows[-1][0], box):
                rows[-1] = (rows[-1][0], f"{rows[-1][1]} {text}")
            else:
                rows.append((box, text))
        if len(rows) < 2:
            return "".join(f"`{text.strip()}`" for _, text in rows if text.strip())
        left = min(box[0] for box, _ in rows)
        wide = max(1.0, min((box[2] - box[0]) / max(len(text), 1) for box, text in rows if text.strip()))
        lines = [" " * round((box[0] - left) / wide) + text.rstrip() for box, text in rows]
        return "\n".join(["```", *lines, "```"])

    def _inline(
        self, element: dict[str, Any], *, emphasis: bool, can_break: bool = False, in_cell: bool = False
    ) -> str:
        """Return an element as one line; `can_break` where formulas on their own lines may divide it.

        Where it is a cell of a table (`in_cell`), lists and what else stands in it is text of that line.
        """
        line = TextUnderWay()
        self._collect(element, line, can_break=can_break, in_cell=in_cell)
        return line.markdown(emphasis=emphasis)

    def _collect(
        self, element: dict[str, Any], line: TextUnderWay, *, can_break: bool = False, in_cell: bool = False
    ) -> None:
        for row in element.get("lines", []):
            self._lines += 1
            spans = row["spans"]
            texts = line_ends.with_drawn_hyphens([span["text"] for span in spans], are_hyphens=self.are_hyphens)
            for number, (span, shown) in enumerate(zip(spans, texts, strict=True)):
                ahead = "" if number else "".join(texts)
                self.pieces.append(Piece(shown, tuple(span["bbox"]), self._lines))
                code = _place(span["bbox"]) in self.code
                line.add_span(shown, span, seen=self.seen, ahead=ahead, code=code, can_break=can_break)
        for child in element.get("blocks", []):
            kind = child.get("std") or ""
            has_text = bool(child.get("lines")) or any(text_pages.texts_of(child))
            if kind == "Figure" and not (in_cell and has_text):
                self.figures_inside += self._is_large(child)
                if has_text:
                    self.beside.extend(self.blocks(child.get("blocks", [])))
            elif self._is_margin(child) and line.is_far_from(child["bbox"]):
                self.beside.extend(self._margin(child))
            elif kind in _NOTES and not in_cell and (line.is_far_from(child["bbox"]) or not line.text):
                self.beside.append(self._inline(child, emphasis=True, in_cell=True))
            elif kind == "Formula":
                line.add(self._formula(child, inside=True, can_break=can_break), tuple(child["bbox"]))
            elif kind == "Code":
                line.add(self._code(child), tuple(child["bbox"]))
            elif kind in _INLINE or not kind or kind in _NOTES or (in_cell and kind in _OF_CELLS):
                self._collect(child, line, can_break=can_break, in_cell=in_cell)
                line.text += " " * (kind == "Lbl" and in_cell)
            else:
                raise UnusableTagsError(f"{kind} inside running text")

    def _take(self, text: str, box: Sequence[float], *, is_listed: bool = False, is_wanted: bool = True) -> None:
        """Note a line of its own that the text was taken from."""
        x0, y0, x1, y1 = box
        self._lines += 1
        self.pieces.append(Piece(text, (x0, y0, x1, y1), self._lines, is_listed=is_listed, is_wanted=is_wanted))

    def _margin(self, element: dict[str, Any]) -> list[str]:
        """Return a running header or footer, where these are kept."""
        start = len(self.pieces)
        text = self._inline(element, emphasis=True)
        if self.keep_headers:
            return [text]
        self.pieces[start:] = [replace(piece, is_wanted=False) for piece in self.pieces[start:]]
        return []

    def _formula(self, element: dict[str, Any], *, inside: bool = False, can_break: bool = True) -> str:
        """Return a formula; between breaks where its tag, or its place (not `inside` a line), says it is displayed."""
        tag = self.tags.formula(self.page, element.get("xref", 0))
        glyphs = " ".join(text_pages.texts_of(element))
        if tag is None:
            raise UnusableTagsError("a formula that the structure tree does not have")
        self.written.add(element["xref"])
        latex = tag.latex_of(element) if self.latex else ""
        x0, y0, x1, y1 = element["bbox"]
        self.formula_boxes.append((x0, y0, x1, y1))
        self._take(glyphs, element["bbox"], is_wanted=not latex)
        if not latex:
            self.formulas_unicode += 1
            return glyphs
        self.formulas += 1
        # A heading, a table's cell or an item of a list is one line, whatever stands in it.
        if can_break and (not inside if tag.display is None else tag.display):
            numbered = formula_sources.with_number(latex, formula_sources.equation_number(element))
            self.written_latex.append(f"$${numbered}$$")
            return f"{BREAK}$${numbered}$${BREAK}"
        self.written_latex.append(f"${latex}$")
        return f"${latex}$"

    def _list(self, items: list[dict[str, Any]], indent: str) -> list[str]:
        lines: list[str] = []
        for item in items:
            if item.get("std") == "L":
                lines.extend(self._list(item.get("blocks", []), indent + "  " * bool(lines)))
                continue
            if item.get("std") != "LI":
                raise UnusableTagsError(f"{item.get('std')} in a list")
            lines.extend(self._item(item, indent))
        return lines

    def _item(self, item: dict[str, Any], indent: str) -> list[str]:
        """Return an item of a list, and what is nested in it."""
        marker, body = "", TextUnderWay()
        nested: list[str] = []
        for part in item.get("blocks", []):
            if part.get("std") == "Lbl":
                label = " ".join("".join(text_pages.texts_of(part)).split())
                self._take(label, part["bbox"], is_listed=True)
                if _MARKER.fullmatch(label):
                    marker = label
                elif list_marker(f"{label} x"):
                    marker = "-"  # whatever its text begins with
                elif any(map(str.isalnum, label)):
                    body.add(f"{label} ", tuple(part["bbox"]))
            elif part.get("std") == "L":
                nested.extend(self._list(part.get("blocks", []), indent + "  "))
            else:
                inner = [child for child in part.get("blocks", []) if child.get("std") == "L"]
                rest = {**part, "blocks": [c for c in part.get("blocks", []) if c.get("std") != "L"]}
                self._collect(rest, body)
                for child in inner:
                    nested.extend(self._list(child.get("blocks", []), indent + "  "))
        text = body.markdown(emphasis=True)
        if not marker and (shown := list_marker(text)):
            # The mark stands with the text.
            marker, text = shown, text[marker_length(text) :]
        own = [f"{indent}{marker or '-'} {text}".rstrip()] if marker.strip("-") or text else []
        return [*own, *nested]

    def _table(self, table: dict[str, Any]) -> list[str]:
        rows = list(_rows(table))
        top = min((row["bbox"][1] for row in rows), default=table["bbox"][1])
        beside = [
            child for child in table.get("blocks", []) if child not in rows and not any(_rows({"blocks": [child]}))
        ]
        above = [self._inline(child, emphasis=True, in_cell=True) for child in beside if child["bbox"][1] < top]
        start = len(self.pieces)
        self.tables += 1
        if any(_tables(table)):
            whole = self._grid(table)
            if self.tags.has_spans(table["xref"]):
                raise UnusableTagsError("tables in a table with spanning cells")
            grid = PageTable(tuple(table["bbox"]), whole.rows, whole.columns, whole.cells)
        else:
            in_rows = [[cell for cell in row.get("blocks", []) if cell.get("xref")] for row in rows]
            leftwards = _runs_leftwards(in_rows)
            shown = [cell for row in in_rows for cell in (reversed(row) if leftwards else row)]
            texts = {cell["xref"]: self._inline(cell, emphasis=False, in_cell=True) for cell in shown}
            boxes: dict[int, Box] = {cell["xref"]: tuple(cell["bbox"]) for cell in shown}
            found = tagged_tables.grid_of(self._tagged_rows(table), texts, boxes)
            if found is None and any(texts.values()):
                raise UnusableTagsError("a table whose cells the structure tree does not have")
            if found is None or found.columns < 2:
                # A box around text.
                self.tables -= 1
                del self.pieces[start:]
                return [*above, *(text for cell in shown for text in self.blocks(cell.get("blocks", [])))]
            if not tagged_tables.stands_as_said(found):
                raise UnusableTagsError("cells that stand in other columns or rows than their tags say")
            if leftwards:
                found = tagged_tables.mirrored(found)
            grid = PageTable(tuple(table["bbox"]), found.rows, found.columns, found.cells)
        self.table_elements[table["xref"]] = self.tables
        below = [self._inline(child, emphasis=True, in_cell=True) for child in beside if child["bbox"][1] >= top]
        return [*above, grid.markdown(always_html=self.html_tables), *below]

    def _tagged_rows(self, table: dict[str, Any]) -> list[tuple[int, tuple[TagCell, ...]]]:
        """Return the rows of a table, or of several that are one."""
        return [row for xref in table.get("parts", [table["xref"]]) for row in self.tags.rows(xref)]

    def _grid(self, table: dict[str, Any]) -> SubGrid:
        """Return a table that may have others in its cells as one grid."""
        rows = [{int(cell["index"]): cell for cell in row.get("blocks", [])} for row in _rows(table)]
        rows = [row for row in rows if row]
        places = _columns(rows)
        if not places:
            raise UnusableTagsError("a table without cells")
        empty = nested_tables.of_text("")
        return nested_tables.flattened(
            [[self._cell(row[place]) if place in row else empty for place in places] for row in rows]
        )

    def _cell(self, cell: dict[str, Any]) -> SubGrid:
        parts: list[SubGrid] = []
        beside: list[dict[str, Any]] = []

        def write_text() -> None:
            text = self._inline({**cell, "lines": [], "blocks": list(beside)}, emphasis=False, in_cell=True)
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


def _runs_leftwards(rows: Iterable[Sequence[dict[str, Any]]]) -> bool:
    """Whether the cells of a table in a right-to-left script follow each other from left to right all the same."""
    shown = [[(cell["bbox"], " ".join(text_pages.texts_of(cell))) for cell in row] for row in rows]
    if not right_to_left.is_right_to_left(" ".join(text for row in shown for _, text in row)):
        return False
    beside = [pair for row in shown for pair in pairwise(box for box, text in row if text.strip())]
    return sum(bool(before[2] <= after[0]) for before, after in beside) > len(beside) / 2


def _has_kind(block: dict[str, Any], kinds: Collection[str]) -> bool:
    return block.get("raw") in kinds or any(_has_kind(child, kinds) for child in block.get("blocks", []))


def _is_of_browser(page: Any) -> bool:
    return str((page.parent.metadata or {}).get("producer") or "").startswith("Skia/PDF")


def _place(box: Sequence[float]) -> Place:
    return round(box[0]), round(box[1]), round(box[2]), round(box[3])


def _has_equal_widths(block: dict[str, Any]) -> bool:
    return any(text_layer.is_mono(span) for line in block.get("lines", []) for span in line["spans"]) or any(
        map(_has_equal_widths, block.get("blocks", []))
    )


def _code_on(page: Any) -> frozenset[Place]:
    """Return where the spans of a page stand that are code: fonts tell, tags seldom do."""
    lines = equal_widths.code_alone(text_layer.read(page).lines)
    return frozenset(_place(span.box) for line in lines for span in line.spans if span.mono)


def _spans_of(element: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the spans of an element, and of those in it, that show something."""
    for row in element.get("lines", []):
        yield from (span for span in row["spans"] if span["text"].strip())
    for child in element.get("blocks", []):
        yield from _spans_of(child)


def _columns(rows: Sequence[Mapping[int, Any]]) -> list[int]:
    """Return the places among their row's elements that cells have: what is empty in every row is no column."""
    return sorted({place for row in rows for place in row})


def _headings(element: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the headings, and tables, below an element."""
    for child in element.get("blocks", []):
        if _HEADING.fullmatch(child.get("std") or "") or child.get("std") == "Table":
            yield child
        yield from _headings(child)


def _with_rows(elements: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put tables together that are rows of one."""
    made: list[dict[str, Any]] = []
    for element in elements:
        before = made[-1] if made else None
        if before is None or {before.get("std"), element.get("std")} != {"Table"}:
            made.append(element)
            continue
        try:
            goes_on = tagged_tables.go_on(_cell_boxes(before), _cell_boxes(element))
        except tagged_tables.EmptyCellsError as error:
            raise UnusableTagsError("a table whose rows are tables of their own, without empty cells") from error
        if goes_on and not any(map(any, (_tables(before), _tables(element)))):
            made[-1] = {
                **before,
                "bbox": union([tuple(before["bbox"]), tuple(element["bbox"])]),
                "blocks": [*before["blocks"], *element["blocks"]],
                "parts": [*before.get("parts", [before["xref"]]), element["xref"]],
            }
        else:
            made.append(element)
    return made


def _cell_boxes(table: dict[str, Any]) -> list[list[Box]]:
    rows = ([cell for cell in row.get("blocks", []) if cell.get("xref")] for row in _rows(table))
    return [[tuple(cell["bbox"]) for cell in cells] for cells in rows if cells]


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
        elif part.get("std") in ROW_GROUPS or part.get("std") == NO_STRUCTURE:
            yield from _rows(part)


def read(
    page: Any,
    tags: TagTree,
    *,
    latex: bool = True,
    html_tables: bool = False,
    keep_headers: bool = True,
    is_running: Callable[[Sequence[float]], bool] = lambda _: False,
    elsewhere: Collection[str] = frozenset(),
) -> TaggedPage | None:
    """Write a pymupdf.Page down from its tags; None where it has none.

    Args:
        page: The page.
        tags: The document's structure tree.
        latex: Formulas as the LaTeX that their tags carry; else as the characters on the page.
        html_tables: Tables as HTML instead of Markdown.
        keep_headers: Whether running headers, footers and page numbers are part of the text.
        is_running: Whether a box is of a header or footer that other pages have too, tagged or not.
        elsewhere: Words of the document's other pages, that say how words go on at the ends of lines.

    Raises:
        UnusableTagsError: The tags do not say enough.
    """
    import pymupdf

    flags = pymupdf.TEXTFLAGS_DICT & ~pymupdf.TEXT_PRESERVE_LIGATURES | pymupdf.TEXT_COLLECT_STRUCTURE
    textpage = text_pages.text_page(page, flags)
    ordered = right_to_left.in_order(textpage)
    blocks = ordered.blocks if ordered else textpage.extractDICT()["blocks"]
    if not any(block.get("std") for block in blocks):
        return None
    tags.name(blocks)
    texts = [text for block in blocks for text in text_pages.texts_of(block)]
    are_hyphens = line_ends.are_hyphens(texts)
    shown = ("".join(line_ends.with_drawn_hyphens([text], are_hyphens=are_hyphens)) for text in texts)
    seen = line_ends.words_within(shown).union(elsewhere)
    width, height = page.rect.width, page.rect.height
    code = _code_on(page) if any(_has_equal_widths(block) for block in blocks) else frozenset()
    writer = _Writer(tags, page.xref, seen, code, are_hyphens, width, height, latex, html_tables, keep_headers)
    writer.is_running = is_running
    try:
        placed = tagged_order.with_loose_text(tagged_order.without_artifacts(blocks), height, _MARGIN, is_running)
    except tagged_order.LooseTextError as error:
        raise UnusableTagsError("text without a tag in a table") from error
    written = writer.blocks(placed)
    if not writer.marks and any(_has_kind(block, tags.unnamed) for block in blocks):
        raise UnusableTagsError("kinds of elements that nobody explains")
    held = tags.formulas.get(page.xref, {})
    if any(tag.has_latex for xref, tag in held.items() if xref not in writer.written):
        raise UnusableTagsError("fewer formulas on the page than in the structure tree")
    return TaggedPage(
        "\n\n".join(written),
        tuple(writer.pieces),
        tuple(writer.written_latex),
        writer.tables,
        writer.formulas,
        # Browsers have no tag for a table that is made of boxes.
        0 if _is_of_browser(page) and not writer.tables else writer.marks,
        tuple(writer.formula_boxes),
        writer.formulas_unicode,
        writer.table_elements,
    )

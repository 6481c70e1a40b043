"""PyMuPDF's layout model and table finder, called for what labels need of them and nothing else.

pymupdf4llm's `parse_document` does the same and more: it reads the outline, the metadata and the form fields of the
whole document for every page, and the text of every box, which labels take from the text layer. What is left costs less
here too: a page's text and drawings are extracted once for all who ask, the models keep their memory from page to page,
and what the table finder works out about the same text again and again is remembered.
"""

import contextlib
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from scribetune.labels import line_ends, text_pages
from scribetune.labels.tables.cells import Box, PageTable
from scribetune.text.grids import Cell

_LEAST_SIDE = 2.0
_REMEMBERED = 20_000  # short texts


@dataclass(frozen=True)
class DetectedTable:
    """A table as the table finder has it."""

    table: PageTable  # its cells
    boxes: tuple[tuple[Box | None, ...], ...]  # of cells, rows × columns; None for a slot that is covered or empty


@dataclass(frozen=True)
class Region:
    """A part of a page."""

    kind: str  # the model's name for it: "text", "table", "picture", "section-header", …
    box: Box  # where it stands
    tables: tuple[DetectedTable, ...] = ()  # the tables found in it
    ruled: PageTable | None = None  # the one that lines frame, in place of those


def without_tags(pdf: Any) -> bool:
    """Remove a document's structure tree in memory, for which layout analysis pays; return whether there was one."""
    import pymupdf

    root = pymupdf.mupdf.pdf_dict_get(
        pymupdf.mupdf.pdf_trailer(pymupdf._as_pdf_document(pdf)), pymupdf.PDF_NAME("Root")
    )
    name = pymupdf.PDF_NAME("StructTreeRoot")
    is_tagged = bool(root.pdf_dict_get(name).m_internal)
    root.pdf_dict_del(name)
    return is_tagged


def regions_of(page: Any) -> list[Region]:
    """Return the regions of a pymupdf.Page that is not rotated, in reading order."""
    # The library prints progress and advice to stdout.
    with contextlib.redirect_stdout(io.StringIO()):
        return _regions(page, _library())


def _regions(page: Any, library: Any) -> list[Region]:
    import pymupdf

    _extract_once(page)
    blocks = page.get_textpage(flags=library.FLAGS, clip=pymupdf.INFINITE_RECT()).extractDICT()["blocks"]
    page.get_layout(return_raw=True)
    raw = page.layout_information
    finder = page.find_tables(use_layout=True, union=True, refine=True)
    found = [_table(table) for table in finder.tables] if finder is not None else []
    boxes = [
        (*group["group_bbox"], group["class_name"])
        for group in raw
        if min(group["group_bbox"][2] - group["group_bbox"][0], group["group_bbox"][3] - group["group_bbox"][1])
        > _LEAST_SIDE
        and not (group["class_name"] == "table" and not group["table_grid"])
    ]
    texts = [block for block in blocks if block["type"] == 0]
    listed = [(pymupdf.Rect(one.table.box), one) for one in found]
    boxes, by_box, _ = library.normalize_layout_boxes(boxes, listed, fulltext=texts)
    page.layout_information = boxes
    library.utils.clean_pictures(page, blocks)
    library.utils.add_image_orphans(page, blocks)
    ordered = library.utils.find_reading_order(page.rect, blocks, page.layout_information)
    return [
        Region(
            kind,
            (float(x0), float(y0), float(x1), float(y1)),
            # `normalize_layout_boxes` calls the second item of a table "html".
            tuple(one["html"] for one in by_box.get(tuple(pymupdf.IRect(x0, y0, x1, y1)), ()))
            if kind == "table"
            else (),
        )
        for x0, y0, x1, y1, kind in ordered
    ]


def _table(table: Any) -> DetectedTable:
    """Read one pymupdf Table: rows of cells, each in the first slot that none before it covers."""
    cells: list[Cell] = []
    boxes: dict[tuple[int, int], Box | None] = {}
    covered: set[tuple[int, int]] = set()
    columns = 0
    for number, row in enumerate(table.placements):
        column = 0
        for placed in row:
            while (number, column) in covered:
                column += 1
            cell = Cell(number, column, line_ends.joined(placed.text.split("\n")), placed.rowspan, placed.colspan)
            covered.update(cell.slots)
            boxes[number, column] = tuple(placed.bbox) if placed.bbox is not None else None
            if cell.text or cell.spans:
                cells.append(cell)
            column += cell.column_span
        columns = max([columns, *(slot + 1 for line, slot in covered if line == number)])
    rows = len(table.placements)
    x0, y0, x1, y1 = table.bbox
    return DetectedTable(
        PageTable((x0, y0, x1, y1), rows, columns, tuple(cells)),
        tuple(tuple(boxes.get((row, column)) for column in range(columns)) for row in range(rows)),
    )


def _extract_once(page: Any) -> None:
    """Have a page's text and drawings extracted once for each way of asking: a dozen callers ask in four ways."""
    import pymupdf

    texts: dict[Any, Any] = {}
    extract = page.get_textpage

    def get_textpage(clip: Any = None, flags: int = 0, matrix: Any = None) -> Any:
        heights = bool(pymupdf.TOOLS.set_small_glyph_heights())
        key = (None if clip is None else tuple(clip), flags, heights, bool(pymupdf.TOOLS.unset_quad_corrections()))
        if matrix is not None:
            return text_pages.prepared(extract(clip=clip, flags=flags, matrix=matrix), None)  # drawn elsewhere
        if key not in texts:
            texts[key] = text_pages.prepared(extract(clip=clip, flags=flags), page)
        return texts[key]

    drawn: dict[bool, Sequence[Mapping[str, Any]]] = {}
    draw = page.get_drawings

    def get_drawings(extended: bool = False) -> list[dict[str, Any]]:
        if extended not in drawn:
            drawn[extended] = draw(extended=extended)
        return [dict(path) for path in drawn[extended]]

    page.get_textpage, page.get_drawings = get_textpage, get_drawings


@cache
def _library() -> Any:
    """Import the library, with its models set to what is best with a process for every core."""
    import pymupdf._table_headers
    import pymupdf._table_refine
    import pymupdf.table

    # `import pymupdf` has loaded the models, with threads for all cores, unless `prepare_worker` has prevented it:
    # a function in the models' place keeps the next import from doing so.
    pymupdf._get_layout = _library
    import pymupdf.layout
    import pymupdf.layout.onnx.common_util  # the others take it from there, those that are imported later too

    for name, module in list(sys.modules.items()):
        if name.startswith("pymupdf.layout.onnx.") and hasattr(module, "make_session"):
            module.make_session = _session  # type: ignore[attr-defined]
    pymupdf._get_layout = None
    pymupdf.layout.activate()
    from pymupdf4llm.helpers import document_layout

    headers = pymupdf._table_headers
    for name in ("count_alpha", "count_digit", "numeric_like", "date_or_period_like", "cell_type"):
        setattr(headers, name, lru_cache(_REMEMBERED)(_pure(getattr(headers, name))))
    pymupdf.table.make_chars = _characters
    refine = pymupdf._table_refine
    refine._refine_cell_background_rects = _backgrounds
    return document_layout


def _pure(function: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a function of a text alone as it is; its name says why it may be remembered."""
    return function


def _session(path: str, providers: Sequence[str] | None = None) -> Any:
    """Open a network with one thread, since there is a process for every core and threads wait by spinning.

    Those that always see images of one size keep their memory between calls, a third of their time; the one that sees
    as many boxes as a page has gives it back, as the library does for all.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = not Path(path).name.startswith("layout")
    return onnxruntime.InferenceSession(path, sess_options=options, providers=providers)


def _backgrounds(rects: Sequence[Any], *, contain_frac: float = 0.9) -> list[Any]:
    """Return the shaded boxes (pymupdf.Rect) that lie in no larger one, as the table finder does.

    It makes a new box of every two, some hundred thousand on a striped table; here those that can overlap enough.
    """
    areas = [rect.get_area() for rect in rects]
    edges = [(rect.x0, rect.y0, rect.x1, rect.y1) for rect in rects]
    kept = []
    for rect, area, (x0, y0, x1, y1) in zip(rects, areas, edges, strict=True):
        if area <= 0:
            continue
        around = (
            other
            for other, size, (left, top, right, bottom) in zip(rects, areas, edges, strict=True)
            if size > area * 1.05 and left <= x1 and x0 <= right and top <= y1 and y0 <= bottom
        )
        if not any((rect & other).get_area() >= contain_frac * area for other in around):
            kept.append(rect)
    return kept


def _characters(page: Any, clip: Any = None) -> Any:
    """List a page's characters as the table finder does, with what it asks of them: their boxes and their text."""
    import pymupdf.table

    chars = pymupdf.table.CHARS._list()
    textpage = page.get_textpage(clip=clip, flags=pymupdf.table.FLAGS)
    height = page.rect.height
    for block in textpage.extractRAWDICT()["blocks"]:
        for line in block.get("lines", ()):
            for span in line["spans"]:
                for char in span["chars"]:
                    x0, top, x1, bottom = char["bbox"]
                    chars.append(
                        {
                            "text": char["c"],
                            "x0": x0,
                            "x1": x1,
                            "top": top,
                            "bottom": bottom,
                            "y0": height - bottom,
                            "y1": height - top,
                        }
                    )
    return textpage

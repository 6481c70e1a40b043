"""What people get of a conversion: a file for each document as Markdown, HTML or JSON, and tables as CSV."""

import html
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from scribetune.conversion import joining
from scribetune.conversion.manifest import WITH_TEXT, PageResult
from scribetune.core import csv_files, files, layout
from scribetune.metrics.markdown import find_tables
from scribetune.text import grounding
from scribetune.text.grids import Table
from scribetune.text.markdown_view import rendered

Format = Literal["markdown", "html", "json"]
SUFFIXES: Mapping[Format, str] = {"markdown": ".md", "html": ".html", "json": ".json"}
PAGES = "pages"
TABLES = "tables"

_HTML_HEAD = """<!doctype html>
<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>
body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse}}td,th{{border:1px solid #999;padding:.2rem .5rem;text-align:left}}
.scroll{{overflow-x:auto}}.md-h{{font-weight:600;margin:1.2em 0 .4em}}.md-h1{{font-size:1.6em}}.md-h2{{font-size:1.3em}}
.note{{color:#8a4b00;font-size:.9em}}hr{{border:0;border-top:1px solid #ccc;margin:2rem 0}}
</style></head><body>
"""


def page_path(document: str, page: int) -> Path:
    """Return where the text of a page lies below the output folder."""
    return Path(PAGES) / document / f"{layout.page_name(page)}.md"


def document_path(document: str, kind: Format) -> Path:
    """Return where a document lies below the output folder."""
    return Path(f"{document}{SUFFIXES[kind]}")


def write_document(
    folder: Path,
    document: str,
    rows: Sequence[PageResult],
    kind: Format,
    *,
    page_marks: bool,
    joins_tables: bool = True,
) -> None:
    """Write a document of its pages' texts.

    Args:
        folder: The output folder.
        document: Its name.
        rows: Its pages, in their order.
        kind: Form of the file.
        page_marks: Whether Markdown says where a page begins (`<!-- page 3 -->`); HTML and JSON always do.
        joins_tables: Whether Markdown has tables that go on over pages once; coordinates before them would be lost.
    """
    target = folder / document_path(document, kind)
    if kind == "markdown":
        parts = _markdown(folder, rows, page_marks, joins_tables)
    elif kind == "html":
        parts = _html(folder, document, rows)
    else:
        parts = _json(folder, document, rows)
    files.write_text(target, "".join(parts))


def markdown(folder: Path, rows: Sequence[PageResult]) -> str:
    """Return pages as one text, as the file for a document has it."""
    return "".join(_markdown(folder, rows, page_marks=False, joins_tables=True))


def _plain(folder: Path, row: PageResult) -> str:
    return grounding.plain(_text(folder, row))


def _text(folder: Path, row: PageResult) -> str:
    return (folder / row.text).read_text(encoding="utf-8") if row.status in WITH_TEXT else ""


def _markdown(folder: Path, rows: Sequence[PageResult], page_marks: bool, joins_tables: bool) -> Iterator[str]:
    is_first = True
    pages = ((f"<!-- page {row.page} -->" if page_marks else "", _text(folder, row)) for row in rows)
    for text in joining.joined(pages, most_pages=joining.MOST_PAGES if joins_tables else 1):
        yield text if is_first else f"\n\n{text}"
        is_first = False
    if not is_first:
        yield "\n"


def _html(folder: Path, document: str, rows: Sequence[PageResult]) -> Iterator[str]:
    yield _HTML_HEAD.format(title=html.escape(document))
    for row in rows:
        note = f'<p class="note">{html.escape(f"{row.status}: {row.message}")}</p>' if row.message else ""
        shown = "\n".join(_blocks_as_html(_text(folder, row)))
        yield f'<section id="p{row.page}" aria-label="page {row.page}">{note}\n{shown}</section><hr>\n'
    yield "</body></html>\n"


def _blocks_as_html(text: str) -> Iterator[str]:
    """Yield a page's text; of one with boxes block by block, each with its kind and boxes as data of its element."""
    if not grounding.has_marks(text):
        yield rendered(text, len(text))
        return
    for block in grounding.read(text).blocks:
        of_cells = f' data-cells="{_as_json(block.cells)}"' if block.cells else ""
        places = f'data-kind="{block.kind}" data-boxes="{_as_json(block.boxes)}"{of_cells}'
        yield f"<div {places}>{rendered(block.text, len(block.text))}</div>"


def _as_json(boxes: Sequence[grounding.Box]) -> str:
    return json.dumps([list(box) for box in boxes], separators=(",", ":"))


def _json(folder: Path, document: str, rows: Sequence[PageResult]) -> Iterator[str]:
    head = {"document": document, "path": rows[0].path, "sha256": rows[0].document_sha256} if rows else {}
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "pages": ['
    continues = joining.goes_on(_plain(folder, row) for row in rows)
    for number, (row, is_continued) in enumerate(zip(rows, continues, strict=True)):
        page = _page(row, _text(folder, row)) | {"table_continues": is_continued}
        yield (",\n" if number else "\n") + json.dumps(page, ensure_ascii=False)
    yield "\n]}\n"


def _page(row: PageResult, text: str) -> dict[str, Any]:
    known = row.mean_probability >= 0
    blocks = _blocks_as_json(text) if grounding.has_marks(text) else {}
    text = grounding.plain(text)
    return {
        "page": row.page,
        "status": row.status,
        "message": row.message,
        "stop_reason": row.stop_reason,
        "tokens": row.tokens,
        "mean_probability": row.mean_probability if known else None,
        "least_probability": row.least_probability if known else None,
        "text": text,
        "tables": [_rows(table) for table in find_tables(text, collapse=True)],
        **blocks,
    }


def _blocks_as_json(text: str) -> dict[str, Any]:
    """Return the blocks of a page with their boxes, in thousandths of the page as it is shown."""
    return {
        "blocks": [
            {
                "kind": block.kind, "boxes": [list(box) for box in block.boxes], "text": block.text,
                **({"cells": [list(box) for box in block.cells]} if block.cells else {}),
            }
            for block in grounding.read(text).blocks
        ]
    }  # fmt: skip


def _rows(table: Table) -> list[list[str]]:
    """Return a table's texts by row and column; a cell that spans several slots stands in its first one."""
    rows = [[""] * table.columns for _ in range(table.rows)]
    for cell in table.cells:
        rows[cell.row][cell.column] = cell.text
    return rows


def write_tables(folder: Path, row: PageResult, text: str) -> int:
    """Write each table of a page as CSV (tables/DOCUMENT/p0001-1.csv); returns how many there are."""
    tables = find_tables(grounding.plain(text), collapse=True)
    place = folder / TABLES / row.document
    files.keep_only(place, f"{layout.page_name(row.page)}-*.csv", ())
    for number, table in enumerate(tables, start=1):
        first, *rest = _rows(table)
        files.write_text(place / f"{layout.page_name(row.page)}-{number}.csv", csv_files.text_of(first, rest))
    return len(tables)

"""The way in: a style and a number become a PDF with its truth, the same bytes each time."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pymupdf

from scribetune.samples.typesetting import Typesetter
from scribetune.text.grids import Table
from zoo import drawn_tables, drawn_texts, typst_tables, typst_texts, words
from zoo.grids import Sheet, sheets
from zoo.styles import TableStyle, TextStyle
from zoo.texts import TextBlock, text_blocks
from zoo.typst_tables import Surroundings

_FEWER = 0.75
Style = TypeVar("Style", TableStyle, TextStyle)


@dataclass(frozen=True)
class TableDocument:
    """A PDF with a table, and the table: on each page (from 1) its part, or two tables side by side."""

    style: TableStyle
    number: int
    pdf: bytes
    tables: dict[int, tuple[Table, ...]]


@dataclass(frozen=True)
class TextDocument:
    """A PDF of one page, and its paragraphs and list items in the order in which they are read."""

    style: TextStyle
    number: int
    pdf: bytes
    blocks: tuple[TextBlock, ...]


def table_document(typesetter: Typesetter, style: TableStyle, number: int, seed: int) -> TableDocument:
    """Make the table with a number in a style, with fewer rows where it does not fit on its pages."""
    rows = float(_rng(seed, style.name, number).randint(4, 13) + (20 if "pages" in style.features else 0))
    while True:
        draw = _rng(seed, style.name, number)
        made = sheets(style, draw, max(3, int(rows)))
        pdf = _table_pdf(typesetter, style, made, draw)
        if pdf is not None:
            tables = tuple(sheet.table for sheet in made)
            by_page = [tables] if "side-by-side" in style.features else [(table,) for table in tables]
            return TableDocument(style, number, pdf, dict(enumerate(by_page, 1)))
        if rows < 3:
            raise RuntimeError(f"table {number} of style {style.name!r} with seed {seed} fits on no page")
        rows *= _FEWER


def text_document(typesetter: Typesetter, style: TextStyle, number: int, seed: int) -> TextDocument:
    """Make the page of text with a number in a style, with fewer blocks where they do not fit."""
    count = 14.0
    while True:
        draw = _rng(seed, style.name, number)
        blocks = text_blocks(style, draw, int(count))
        if style.producer == "typst":
            pdf = _without_tags(typesetter.pdf(typst_texts.source(style, blocks, draw)))
        else:
            pdf = drawn_texts.document(style, blocks, draw)
        if pdf is not None and pdf.page_count == 1:
            return TextDocument(style, number, _bytes(pdf), tuple(blocks))
        if count < 2:
            raise RuntimeError(f"text {number} of style {style.name!r} with seed {seed} fits on no page")
        count *= _FEWER


def shared_out(styles: Sequence[Style], count: int) -> Iterator[tuple[Style, int]]:
    """Yield so many documents as (style, number), the styles by turns."""
    for index in range(count):
        yield styles[index % len(styles)], index // len(styles)


def _rng(seed: int, name: str, number: int) -> random.Random:
    return random.Random(f"{seed}/{name}/{number}")  # noqa: S311 - tables, not secrets


def _table_pdf(typesetter: Typesetter, style: TableStyle, made: Sequence[Sheet], draw: random.Random) -> bytes | None:
    """Return the PDF; None where it takes more pages, or more of a page, than there is."""
    around = _surroundings(style, draw)
    if style.producer == "typst":
        pdf = _without_tags(typesetter.pdf(typst_tables.source(style, made, around, draw)))
    else:
        pdf = drawn_tables.document(style, made, around, draw)
    if pdf.page_count != (len(made) if "pages" in style.features else 1) or any(_is_beyond(page) for page in pdf):
        return None
    if style.features & {"rotated", "sideways"}:
        pdf = _turned(pdf, is_shown_upright="rotated" in style.features)
    return _bytes(pdf)


def _surroundings(style: TableStyle, draw: random.Random) -> Surroundings:
    script = style.script
    caption = {"en": "Table {}. ", "zh": "表 {} ", "he": "טבלה {}: "}[script].format(draw.randint(1, 30))
    return Surroundings(
        words.paragraph(draw, script, draw.randint(2, 4)) if draw.random() < 0.6 else "",
        caption + words.phrase(draw, script, 6) if draw.random() < 0.7 else "",
        words.sentence(draw, script) if draw.random() < 0.3 else "",
        words.paragraph(draw, script, draw.randint(2, 4)) if draw.random() < 0.6 else "",
    )


def _is_beyond(page: Any) -> bool:
    """Whether text reaches into the margin of a page."""
    width, height = page.rect.width, page.rect.height
    return any(
        word[2] > width - 20 or word[3] > height - 30 for word in page.get_text("words") if word[4].isupper() is False
    )


def _without_tags(data: bytes) -> Any:
    """Open a PDF without its structure tree: tags would say what the labels are to find out."""
    pdf = pymupdf.open(stream=data)
    root = pdf.pdf_catalog()
    for key in ("StructTreeRoot", "MarkInfo"):
        pdf.xref_set_key(root, key, "null")
    return pdf


def _turned(source: Any, *, is_shown_upright: bool) -> Any:
    """Turn what is on the pages by a right angle, and the pages back where they are to be shown upright."""
    turned = pymupdf.open()
    for page in source:
        new = turned.new_page(width=page.rect.height, height=page.rect.width)
        new.show_pdf_page(new.rect, source, page.number, rotate=90)
        if is_shown_upright:
            new.set_rotation(90)
    return turned


def _bytes(pdf: Any) -> bytes:
    return bytes(pdf.tobytes(garbage=3, deflate=True, no_new_id=True))

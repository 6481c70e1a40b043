"""Tables that go on over a page, and tables of two pages that are two, with the truth about which is which.

A table is divided by Typst, or by hand, where its page ends; its header comes again, with "(continued)" above it or
without, or does not. Beside these stand pairs that must not be joined: another table with columns in the same places
at the top of the next page, another number of columns, text between.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pymupdf

from scribetune.samples.blocks import typst_string
from scribetune.samples.typesetting import Typesetter
from zoo import fonts, words

_WIDTH, _HEIGHT, _MARGIN = 595.0, 842.0, 60.0
_FIRST = 36  # rows that are drawn on the first page
KINDS = {
    "develop": (
        ("typst", "grid", "repeated"), ("typst", "none", "headless"), ("drawn", "horizontal", "repeated"),
        ("drawn", "grid", "headless"), ("drawn", "header", "marked"), ("typst", "header", "repeated"),
        ("drawn", "grid", "another"), ("typst", "horizontal", "another"), ("drawn", "none", "other-columns"),
        ("typst", "grid", "text-between"), ("drawn", "header", "text-between"),
    ),
    "report": (
        ("typst", "horizontal", "repeated"), ("typst", "grid", "headless"), ("drawn", "none", "repeated"),
        ("drawn", "header", "headless"), ("drawn", "grid", "marked"), ("typst", "none", "repeated"),
        ("drawn", "horizontal", "headless"), ("drawn", "header", "another"), ("typst", "grid", "another"),
        ("drawn", "grid", "other-columns"), ("typst", "none", "text-between"), ("drawn", "horizontal", "text-between"),
    ),
}  # fmt: skip
"""For each half (producer, lines, what the next page begins with); `another` and what follows are not to be joined."""
JOINED = ("repeated", "headless", "marked")


@dataclass(frozen=True)
class OverPages:
    """A PDF of two pages or more."""

    name: str
    pdf: bytes
    is_joined: bool  # whether the table of each page goes on with the one of the page before


@dataclass(frozen=True)
class _Rows:
    header: Sequence[str]
    body: Sequence[Sequence[str]]


def document(typesetter: Typesetter, half: str, number: int, seed: int) -> OverPages:
    """Make the document with a number of a half: the same bytes each time."""
    producer, lines, how = KINDS[half][number % len(KINDS[half])]
    draw = random.Random(f"{seed}/{half}/{number}")  # noqa: S311 - tables, not secrets
    columns = draw.randint(3, 6)
    first = _rows(draw, columns, draw.randint(50, 75) if producer == "typst" else _FIRST + draw.randint(6, 30))
    second = _rows(draw, columns + (how == "other-columns"), draw.randint(6, 30))
    around = words.paragraph(draw, "en", 3)
    if producer == "typst":
        pdf = pymupdf.open(stream=typesetter.pdf(_typst(draw, lines, how, first, second, around)))
        for key in ("StructTreeRoot", "MarkInfo"):
            pdf.xref_set_key(pdf.pdf_catalog(), key, "null")
    else:
        pdf = _drawn(draw, lines, how, first, second, around)
    name = f"{half}-{number:03} {lines}, {how} ({producer})"
    return OverPages(name, bytes(pdf.tobytes(garbage=3, deflate=True, no_new_id=True)), how in JOINED)


def _rows(draw: random.Random, columns: int, rows: int) -> _Rows:
    kinds = [draw.choice(("count", "decimal", "percent", "text")) for _ in range(columns - 1)]
    kinds[0] = "count"
    body = [
        [
            words.name(draw, "en", 2),
            *(words.phrase(draw, "en", 1) if k == "text" else words.figure(draw, k) for k in kinds),
        ]
        for _ in range(rows)
    ]
    return _Rows([words.stub(draw, "en"), *words.headings(draw, "en", columns - 1, 1)], body)


def _typst(draw: random.Random, lines: str, how: str, first: _Rows, second: _Rows, around: str) -> str:
    stroke = {"grid": "0.6pt", "horizontal": "(x, y) => (bottom: 0.6pt)", "none": "none"}
    stroke["header"] = "(x, y) => if y == 0 { (bottom: 0.8pt) }"

    def table(rows: _Rows, body: Sequence[Sequence[str]]) -> str:
        cells = ", ".join(f"[#{typst_string(text)}]" for text in rows.header)
        head = f"table.header(repeat: {'true' if how == 'repeated' else 'false'}, {cells})"
        rest = ", ".join(f"[#{typst_string(text)}]" for row in body for text in row)
        look = f"columns: {len(rows.header)}, column-gutter: 8pt, inset: 4pt, stroke: {stroke[lines]}"
        return f"#table({look}, {head}, {rest})\n\n"

    head = draw.choice(
        ("", "#set page(header: [Yearly report of the district #h(1fr) #context counter(page).display()])\n")
    )
    parts = [f"#set page(width: {_WIDTH}pt, height: {_HEIGHT}pt, margin: 60pt)\n#set text(size: 10pt)\n", head]
    parts += [f"#text({typst_string(around)})\n\n"]
    if how in JOINED:
        parts.append(table(first, first.body))
    else:
        parts += [table(first, first.body[:20]), "#v(1fr)\n" if draw.random() < 0.5 else "", "#pagebreak()\n"]
        parts += [f"#text({typst_string(around)})\n\n"] if how == "text-between" else []
        parts.append(table(second, second.body))
    parts.append(f"#text({typst_string(around)})\n")
    return "".join(parts)


def _drawn(draw: random.Random, lines: str, how: str, first: _Rows, second: _Rows, around: str) -> Any:
    pdf = pymupdf.open()
    has_head = draw.random() < 0.5
    pages: list[tuple[_Rows, Sequence[Sequence[str]], bool]] = [(first, first.body[:_FIRST], True)]
    if how in JOINED:
        pages.append((first, first.body[_FIRST:], how != "headless"))
    else:
        pages.append((second, second.body, True))
    for number, (rows, body, is_headed) in enumerate(pages):
        page = pdf.new_page(width=_WIDTH, height=_HEIGHT)
        if has_head:
            page.insert_text((_MARGIN, 40), "Yearly report of the district", fontsize=8)
            page.insert_text((_WIDTH - _MARGIN - 8, 40), str(number + 1), fontsize=8)
        y = _MARGIN + 12
        if number == 0 or how == "text-between":
            page.insert_textbox((_MARGIN, y, _WIDTH - _MARGIN, y + 40), around, fontsize=9)
            y += 54
        if number and how == "marked":
            page.insert_text(
                (_MARGIN, y), draw.choice(("Table 3 (continued)", "(Fortsetzung)", "Tab. 3 (suite)")), fontsize=9
            )
            y += 16
        y = _table(page, lines, [*([rows.header] if is_headed else []), *body], len(rows.header), y, is_headed)
        if number:
            page.insert_textbox((_MARGIN, y + 16, _WIDTH - _MARGIN, y + 70), around, fontsize=9)
    return pdf


def _table(page: Any, lines: str, rows: Sequence[Sequence[str]], columns: int, y: float, is_headed: bool) -> float:
    """Draw rows 17 points high; returns where they end."""
    wide = (_WIDTH - 2 * _MARGIN) / (columns + 1)
    xs = [_MARGIN, *(_MARGIN + wide * (2 + at) for at in range(columns))]
    top = y
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            left = xs[column] + 4 if not column else xs[column + 1] - 4 - fonts.width(text, "helv", 9)
            page.insert_text((left, y + 12), text, fontname="hebo" if is_headed and not number else "helv", fontsize=9)
        y += 17
        if lines in ("grid", "horizontal") or (lines == "header" and is_headed and not number):
            page.draw_line((xs[0], y), (xs[-1], y), width=0.6)
    if lines == "grid":
        page.draw_line((xs[0], top), (xs[-1], top), width=0.6)
        for x in xs:
            page.draw_line((x, top), (x, y), width=0.6)
    return y

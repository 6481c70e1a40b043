"""Pieces of a row of code are one line: remarks beside it, names of a grammar's rules, blanks to fill; others stay."""

from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import reader
from scribetune.labels.code_rows import joined
from scribetune.labels.text_layer import Line, Span


def row(y: float, *pieces: tuple[float, str], mono: bool = False, block: int = 1) -> list[Line]:
    """Pieces of a row, each from a place on, 5 points a character."""
    lines = []
    for x, text in pieces:
        box = (x, y, x + 5.0 * len(text), y + 10.0)
        lines.append(Line((Span(text, box, 10.0, False, False, mono, False),), box, block))
    return lines


def read(*rows: list[Line]) -> list[tuple[str, bool]]:
    return [(line.text, line.mono) for line in joined([line for pieces in rows for line in pieces])]


def test_code_and_the_remark_beside_it_are_one_line() -> None:
    rows = (
        row(10, (20, "ldi"), (50, "r23,$62"), (150, "; Load highbyte"), mono=True),
        row(22, (20, "call"), (50, "fmac16"), (150, ";Call routine"), mono=True, block=2),
    )
    assert read(*rows) == [("ldi r23,$62 ; Load highbyte", True), ("call fmac16 ;Call routine", True)]


def test_code_of_two_columns_stays_in_them() -> None:
    rows = row(10, (20, "int a;"), mono=True), row(10, (150, "int b;"), mono=True, block=2)
    assert read(*rows) == [("int a;", True), ("int b;", True)]


def test_rules_of_a_grammar_and_what_is_beside_them_are_code() -> None:
    rows = (
        row(0, (20, "T ::= ... | Q"), block=0),
        row(12, (40, "∀A. Type |"), (150, "Universal"), block=1),
        row(24, (40, "∃A. Type |"), (150, "Existential"), block=1),
        row(36, (40, "∀A⊆B. T | ∃A⊆B. T"), (150, "Bounded"), block=1),
        row(60, (20, "e ::= x"), (100, "-- a variable"), block=2),
        row(72, (20, "e ::= e(e)"), (100, "-- a call"), block=2),
    )
    assert read(*rows) == [
        ("T ::= ... | Q", True),
        ("∀A. Type | Universal", True),
        ("∃A. Type | Existential", True),
        ("∀A⊆B. T | ∃A⊆B. T Bounded", True),
        ("e ::= x -- a variable", True),
        ("e ::= e(e) -- a call", True),
    ]


def test_a_blank_within_brackets_is_part_of_its_row() -> None:
    assert read(row(0, (20, "Q->data["), (80, "②"), (100, "]=x;"))) == [("Q->data[ ② ]=x;", False)]
    assert read(row(0, (20, "{//若第"), (65, "i 个队列"), (110, "x"))) == [("{//若第 i 个队列 x", False)]


@pytest.mark.parametrize(
    "pieces",
    [
        ((20, "Melting point (in"), (150, "air), 20")),
        ((20, "x = [0"), (150, "Table 2")),
        ((20, "see http://a.b"), (100, "x=1")),
        ((20, "Name"), (100, "-- none")),
        ((20, "Type |"), (100, "Universal")),
        ((20, "Price(EUR)"), (100, "% of sales")),
    ],
)
def test_other_pieces_stay_apart(pieces: tuple[tuple[float, str], ...]) -> None:
    texts = [(text, False) for _, text in pieces]
    assert read(row(0, *pieces), row(12, *pieces)) == [*texts, *texts]


def test_scripts_stay_outside_code() -> None:
    rows = [row(12 * n, (20, "e ::= x"), (100, "-- an expression")) for n in range(3)]
    first = rows[0][0]
    low = Span("1", (55, 4, 58, 10), 6.0, False, False, False, False, lowered=True)
    lines = [Line((*first.spans, low), first.box, 1), *(line for some in rows for line in some if line is not first)]
    assert [line.text for line in joined(lines)][:2] == ["e ::= x1", "-- an expression"]


def test_a_listing_with_remarks_is_one_block_of_code(tmp_path: Path) -> None:
    code = [("ldi", "r23,$62", "; Load highbyte of it"), ("in", "r20,ADCL", "; Get lowbyte"), ("call", "mac", ";Call")]
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=595, height=500)
        for n in range(6):
            page.insert_text((60, 60 + 14 * n), "The example below uses data of the converter, which goes on in text.")
        for n, pieces in enumerate(code):
            for x, text in zip((80, 110, 210), pieces, strict=True):
                page.insert_text((x, 180 + 13 * n), text, fontname="cour", fontsize=8)
        page.insert_text((60, 260), "The registers are incremented with the result of the multiplication.")
        pdf.save(tmp_path / "page.pdf")
    settings = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")
    text = reader.PageReader(str(tmp_path / "page.pdf"), "", settings).read(0).text
    assert text.split("```")[1] == (
        "\nldi   r23,$62              ; Load highbyte of it"
        "\nin    r20,ADCL             ; Get lowbyte"
        "\ncall  mac                  ;Call\n"
    )

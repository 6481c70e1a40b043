"""Promises about lines that end early: they end on purpose, and running text goes on."""

from collections.abc import Sequence

import pymupdf

from scribetune.labels import plain_pages, text_layer
from scribetune.labels.page_blocks import write

WIDE = "The company that built the house keeps its books in the next town, where anybody may look at them in mornings."

LONG = "4.2 Householders' responsibilities concerning unannounced foreign visitors before the garden"


def label(*texts: tuple[float, Sequence[str]], font: str = "helv") -> list[str]:
    """Return the label of texts of lines, each below the other; each with the place where its lines begin."""
    page = pymupdf.open().new_page(width=620, height=700)
    y = 120.0
    for x, lines in texts:
        for line in lines:
            page.insert_text((x, y), line, fontsize=10, fontname=font)
            y += 12
        y += 14
    return write(plain_pages.blocks_of(text_layer.read(page)), always_html=False, keep_headers=True).split("\n\n")


def test_lines_of_an_address_are_lines_of_their_own() -> None:
    address = ["Harbour House GmbH", "Long Street 18", "51588 Newtown"]
    assert label((40, [WIDE]), (40, address)) == [WIDE, *address]
    assert label((40, [WIDE]), (40, address[:2])) == [WIDE, *address[:2]]


def test_a_narrow_text_that_goes_on_is_one_paragraph() -> None:
    note = [
        "Whoever wants to see the garden has to ask",
        "at the gate, since the dogs of the house are",
        "not fond of guests",
    ]
    assert label((40, [WIDE]), (150, note)) == [WIDE, " ".join(note)]


def test_a_heading_ends_where_the_next_begins_early() -> None:
    pdf = pymupdf.open()
    page = pdf.new_page(width=620, height=700)
    for y, text, font in (
        (120, "4.1 What to do first", "hebo"),
        (132, "Advice", "hebo"),
        (144, WIDE, "helv"),
        (
            180,
            LONG,
            "hebo",
        ),
        (192, "entrance opens", "hebo"),
        (204, WIDE, "helv"),
    ):
        page.insert_text((40, y), text, fontsize=10, fontname=font)
    written = write(plain_pages.blocks_of(text_layer.read(page)), always_html=False, keep_headers=True)
    assert [text for text in written.split("\n\n") if text != WIDE] == [
        "# 4.1 What to do first",
        "# Advice",
        f"# {LONG} entrance opens",
    ]

"""Promises about numbers beside lines: those that count lines are no part of the text, all others are."""

from collections.abc import Sequence

import pymupdf

from scribetune.labels import line_numbers, plain_pages, text_layer
from scribetune.labels.page_blocks import write

TEXT = [
    "The parties agree that the house is to be",
    "painted before the summer ends, and that",
    "costs of this are shared by both of them.",
]
CODE = ["def area(side):", "    # do", "    return side * side"]


def page_of(
    lines: Sequence[str], *, font: str = "tiro", first: int = 1, size: float = 10, left: float = 60
) -> pymupdf.Page:
    page = pymupdf.open().new_page()
    for number, line in enumerate(lines):
        y = 120 + 14 * number
        page.insert_text((left, y), str(first + number), fontsize=size, fontname="tiro")
        page.insert_text((90, y), line, fontsize=10, fontname=font)
    page.insert_text((90, 300), "A page of text in a font for text, with nothing beside its lines.", fontname="tiro")
    return page


def label(page: pymupdf.Page, *, keep: bool = False) -> str:
    return write(plain_pages.blocks_of(text_layer.read(page)), always_html=False, keep_headers=keep)


def test_lines_that_are_counted_are_one_paragraph_and_their_numbers_stand_at_the_end() -> None:
    text = f"{' '.join(TEXT)}\n\nA page of text in a font for text, with nothing beside its lines."
    assert label(page_of(TEXT, first=5)) == text
    assert label(page_of(TEXT, first=5), keep=True) == f"{text}\n\n5 6 7"


def test_a_listing_is_code_without_its_numbers() -> None:
    assert label(page_of(CODE, font="cour", size=7)).startswith(
        "```\ndef area(side):\n    # do\n    return side * side\n```"
    )


def test_numbers_of_chapters_stay_with_their_titles() -> None:
    titles = ["The house", "The garden behind it", "The well"]
    pieces = text_layer.read(page_of(titles)).lines
    assert line_numbers.apart(pieces) == (list(pieces), [])

"""Promises about words aslope: headings of narrow columns stay where they begin, watermarks go."""

import pymupdf

from scribetune.labels import text_layer
from scribetune.labels.characters import characters_of


def aslope(page: pymupdf.Page, at: tuple[float, float], text: str, size: float, degrees: float) -> None:
    page.insert_text(at, text, fontsize=size, morph=(pymupdf.Point(at), pymupdf.Matrix(degrees)))


def test_headings_that_rise_lie_down_where_they_begin_and_a_watermark_goes() -> None:
    page = pymupdf.open().new_page()
    for row in range(4):
        page.insert_text((72, 200 + 14 * row), f"Region {row}   1.{row}   2.{row}", fontsize=9)
    for number, heading in enumerate(("Procedure", "Task completion", "Knowledge")):
        aslope(page, (150 + 30 * number, 180), heading, 9, 45)
    aslope(page, (100, 700), "DRAFT COPY", 60, 45)
    for column in range(3):
        aslope(page, (80 + 120 * column, 500), "issued to a reader", 9, 45)
    layer = text_layer.read(page)
    words = characters_of(page).laid_down(layer.words)
    laid = sorted((word.x0, word.text) for word in words if word.y1 < 190)
    assert [text for _, text in laid] == ["Procedure", "Task completion", "Knowledge"]
    assert all(abs(x - 150 - 30 * number) < 9 for number, (x, _) in enumerate(laid))
    assert not any(word.text in ("DRAFT", "COPY", "issued", "issued to a reader") for word in words)
    assert sum(word.text == "Region" for word in words) == 4


def test_one_line_aslope_is_no_heading() -> None:
    page = pymupdf.open().new_page()
    page.insert_text((72, 200), "Some text of the page", fontsize=9)
    aslope(page, (150, 180), "Copy", 9, 30)
    words = characters_of(page).laid_down(text_layer.read(page).words)
    assert [word.text for word in words] == ["Some", "text", "of", "the", "page"]

"""Promises about what no text layer says: a page whose formulas nobody can read is not learned from."""

from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import text_layer
from scribetune.labels.formulas import unread
from scribetune.labels.formulas.unread import What
from scribetune.labels.reader import LabelSettings, PageReader, PageText
from support.font_claims import with_claims

SETTINGS = LabelSettings("keep", "markdown", "alt", "ignore", 60.0, "test")
LINES = (
    "The value that is asked for stands in the middle of the line that follows this",
    "and what comes after it goes on as if nothing at all had been left out there.",
)


def page_of_text() -> tuple[pymupdf.Document, pymupdf.Page]:
    made = pymupdf.open()
    page = made.new_page(width=500, height=400)
    for number, line in enumerate(LINES):
        page.insert_text((50, 80 + 16 * number), line, fontsize=11)
        page.insert_text((50, 300 + 16 * number), line, fontsize=11)
    return made, page


def read(made: pymupdf.Document, folder: Path) -> PageText:
    made.save(folder / "page.pdf")
    return PageReader(str(folder / "page.pdf"), "", SETTINGS).read(0)


def kinds(page: PageText) -> list[What]:
    return [place.what for place in page.not_said]


def picture(text: str, colour: tuple[float, float, float] = (0, 0, 0)) -> tuple[bytes, float]:
    """Return an image of a text in 11 points, and how wide it is."""
    width = pymupdf.get_text_length(text, "tiit", 11) + 4
    shown = pymupdf.open().new_page(width=width, height=15)
    shown.insert_text((2, 11), text, fontname="tiit", fontsize=11, color=colour)
    return shown.get_pixmap(dpi=200).tobytes("png"), width


def with_picture(image: bytes, width: float, *, rest: str) -> pymupdf.Document:
    """Return a page with a picture in its middle line, `rest` of which follows it."""
    made, page = page_of_text()
    page.insert_text((50, 180), "Let the value of", fontsize=11)
    page.insert_image((135, 169, 135 + width, 184), stream=image)
    page.insert_text((140 + width, 180), rest, fontsize=11)
    return made


def test_a_letter_that_its_font_calls_a_blank_is_missing(tmp_path: Path) -> None:
    made, page = page_of_text()
    known = pymupdf.Font("tiro")
    page.insert_font(fontname="F0", fontbuffer=known.buffer)
    page.insert_text((50, 180), "at least", fontsize=11)
    page.insert_text((92, 180), "X", fontname="F0", fontsize=11)
    page.insert_text((104, 180), "points were scored", fontsize=11)
    found = read(with_claims(made, {known.has_glyph(ord("X")): " "}), tmp_path)
    assert kinds(found) == [What.GLYPH]
    assert found.formulas_lost == 1
    assert "Not in the text layer: a glyph that means nothing at 92, 173 points" in unread.in_words(found.not_said)


def test_a_mark_of_no_meaning_at_the_start_of_a_line_is_a_bullet(tmp_path: Path) -> None:
    made, page = page_of_text()
    known = pymupdf.Font("tiro")
    page.insert_font(fontname="F0", fontbuffer=known.buffer)
    page.insert_text((50, 180), "X", fontname="F0", fontsize=11)
    page.insert_text((70, 180), "points were scored", fontsize=11)
    found = read(with_claims(made, {known.has_glyph(ord("X")): " "}), tmp_path)
    assert (kinds(found), found.formulas_lost) == ([], 0)


def test_a_formula_that_is_a_picture_in_its_line_is_missing(tmp_path: Path) -> None:
    found = read(with_picture(*picture("f (x) = 2y + 1"), rest="be less than one."), tmp_path)
    assert kinds(found) == [What.PICTURE]
    assert found.formulas_lost == 1


@pytest.mark.parametrize(
    ("text", "colour"),
    [("l", (0, 0, 0)), ("f (x) = 2y + 1", (0.9, 0.1, 0.1))],
    ids=["one shape is an icon", "what is coloured is a logo"],
)
def test_other_small_pictures_are_none(text: str, colour: tuple[float, float, float], tmp_path: Path) -> None:
    image, width = picture(text, colour)
    found = read(with_picture(image, max(width, 12), rest="be less than one."), tmp_path)
    assert (kinds(found), found.formulas_lost) == ([], 0)


def test_one_picture_on_a_line_of_its_own_may_be_anything_and_two_are_formulas(tmp_path: Path) -> None:
    made, page = page_of_text()
    image, width = picture("f (x) = 2y + 1")
    page.insert_image((200, 150, 200 + width, 165), stream=image)
    assert kinds(read(made, tmp_path)) == []
    page.insert_image((200, 200, 200 + width, 215), stream=image)
    assert kinds(read(made, tmp_path)) == [What.PICTURE, What.PICTURE]


def test_strips_of_one_picture_are_no_formulas(tmp_path: Path) -> None:
    made, page = page_of_text()
    image, width = picture("f (x) = 2y + 1")
    for number in range(3):
        page.insert_image((200, 150 + 15 * number, 200 + width, 165 + 15 * number), stream=image)
    assert kinds(read(made, tmp_path)) == []


def test_a_fraction_in_a_font_for_text_is_a_stack(tmp_path: Path) -> None:
    made, page = page_of_text()
    page.insert_text((50, 180), "T =", fontsize=11)
    page.insert_text((76, 173), "15095", fontsize=11)
    page.draw_line((74, 177), (108, 177))
    page.insert_text((85, 188), "50", fontsize=11)
    page.insert_text((112, 180), "= 301.9 K", fontsize=11)
    found = read(made, tmp_path)
    assert kinds(found) == [What.STACK]
    assert found.formulas_lost == 1


def test_a_determinant_in_a_font_for_text_is_a_stack(tmp_path: Path) -> None:
    made, page = page_of_text()
    page.insert_text((50, 184), "Find the value of D =", fontsize=11)
    for row in range(3):
        page.insert_text((175, 170 + 14 * row), f"{row + 1}  {row + 4}  {row + 7}", fontsize=11)
    for x in (168, 215):
        page.draw_line((x, 158), (x, 202))
    assert kinds(read(made, tmp_path)) == [What.STACK]


def test_underlines_and_tables_are_no_stacks(tmp_path: Path) -> None:
    made, page = page_of_text()
    page.insert_text((50, 150), "The word", fontsize=11)
    page.insert_text((98, 150), "value", fontsize=11)
    page.draw_line((98, 152), (124, 152))
    page.insert_text((128, 150), "is underlined, and this line is the first", fontsize=11)
    page.insert_text((50, 164), "of two that stand close below each other.", fontsize=11)
    for row in range(4):
        for column, name in enumerate(("first", "second", "third")):
            page.insert_text((54 + 60 * column, 204 + 14 * row), name, fontsize=9)
    for x in (50, 110, 170, 230):
        page.draw_line((x, 192), (x, 250))
    for y in range(192, 251, 14):
        page.draw_line((50, y), (230, y))
    assert kinds(read(made, tmp_path)) == []


@pytest.mark.parametrize("character", ["\u239c", "\uf8ec", "\ue123", "\x9d"])
def test_pieces_of_brackets_and_private_characters_are_in_no_label_that_is_believed(
    character: str, tmp_path: Path
) -> None:
    made, page = page_of_text()
    known = pymupdf.Font("tiro")
    page.insert_font(fontname="F0", fontbuffer=known.buffer)
    page.insert_text((50, 180), "at least", fontsize=11)
    page.insert_text((92, 180), "X", fontname="F0", fontsize=11)
    page.insert_text((104, 180), "points were scored", fontsize=11)
    found = read(with_claims(made, {known.has_glyph(ord("X")): character}), tmp_path)
    assert found.formulas_lost > 0


def test_a_blank_of_a_font_that_is_not_in_the_pdf_is_a_blank(tmp_path: Path) -> None:
    made, page = page_of_text()
    page.insert_text((50, 180), "披露日期：2022 年 3 月 27 日", fontname="china-s", fontsize=16)
    found = read(made, tmp_path)
    assert (kinds(found), found.formulas_lost) == ([], 0)


@pytest.mark.parametrize(
    ("label", "torn"),
    [
        (r"a hash of an original messa$\mathrm{g}\mathrm{e}M, \mathrm{b}$ut this", ["message", "but"]),
        (r"a hash of an original message $M$, but this", []),
        (r"the $n$th message, $\mathrm{b}$ but this", []),
    ],
)
def test_words_of_which_a_formula_took_letters_are_in_no_label_that_is_believed(label: str, torn: list[str]) -> None:
    pdf = pymupdf.open()
    pdf.new_page().insert_text((72, 100), "a hash of an original message M, but this")
    layer = text_layer.read(pdf[0])
    found = unread.in_label(label, layer)
    assert [next(word.text for word in layer.words if word.box == place.box) for place in found] == torn
    assert all(place.what is unread.What.WORD for place in found)

"""Promises about the text layer: logical order, letters instead of ligatures, NFC, visible text."""

from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import text_layer
from scribetune.labels.text_layer import Line, Span
from support.bitmap_font import page_of_bitmaps
from support.font_claims import with_claims


def test_hidden_text_is_left_out_and_control_characters_are_blanks(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((50, 50), "seen")
    page.insert_text((50, 80), "unseen", render_mode=3)
    assert [line.text for line in text_layer.read(page).lines] == ["seen"]
    assert text_layer._readable("d\x00ivrea\u0301") == "d ivreá"


def test_a_scan_with_an_invisible_layer_keeps_it() -> None:
    document = pymupdf.open()
    page = document.new_page()
    page.insert_text((50, 80), "all of it", render_mode=3)
    assert [line.text for line in text_layer.read(page).lines] == ["all of it"]


def piece(text: str, x: float, y: float) -> Line:
    box = (x, y, x + 5 * len(text), y + 10)
    return Line((Span(text, box, 10.0, False, False, False, False),), box, 0)


@pytest.mark.parametrize(("first", "second", "text"), [("one", "two", "one two"), ("אחת", "שתיים", "שתיים אחת")])
def test_pieces_of_a_line_follow_in_the_order_of_their_script(first: str, second: str, text: str) -> None:
    (line,) = text_layer.visual_lines([piece(second, 60, 0.5), piece(first, 0, 0)])
    assert line.text == text


@pytest.mark.parametrize("offset", [0.0, 0.35, 0.8, 1.4])
@pytest.mark.parametrize("text", ["QINGSHAN MATERIALS CO., LTD.", "青山合成材料股份有限公司", "Über 1,500 Größen"])
def test_text_drawn_several_times_is_read_once(text: str, offset: float) -> None:
    """Bold by drawing it again, an outline over the letters, a shadow."""
    made = pymupdf.open()
    page = made.new_page()
    font = "china-s" if ord(text[0]) > 0x2E80 else "helv"
    for dx, dy, grey in ((offset, offset, 0.6), (0, offset, 0), (offset, 0, 0), (0, 0, 0)):
        page.insert_text((72 + dx, 100 + dy), text, fontsize=18, fontname=font, color=(grey, grey, grey))
    rest = "The rest of the page is set as usual."
    page.insert_text((72, 200), rest, fontsize=11)
    layer = text_layer.read(pymupdf.open(stream=made.tobytes(), filetype="pdf")[0])
    assert [line.text for line in layer.lines] == [text, rest]
    assert [word.text for word in layer.words] == [*text.split(), *rest.split()]


def test_equal_words_beside_and_below_each_other_are_kept() -> None:
    made = pymupdf.open()
    page = made.new_page()
    for row in range(12):
        for column in range(6):
            page.insert_text((72 + 30 * column, 100 + 8 * row), "0 0" if column % 2 else "ill", fontsize=9)
    layer = text_layer.read(pymupdf.open(stream=made.tobytes(), filetype="pdf")[0])
    assert len(layer.words) == 12 * (3 + 6)


@pytest.mark.parametrize("meaning", ["", "\ue001", "\ufffd"])
def test_leaders_that_the_font_does_not_name_are_dots(meaning: str) -> None:
    font = pymupdf.Font("helv")
    made = pymupdf.open()
    page = made.new_page()
    page.insert_font(fontname="F0", fontbuffer=font.buffer)
    text = "Chapter one ............ 7"
    page.insert_text((72, 100), text, fontsize=12, fontname="F0")
    claims = {font.has_glyph(ord(letter)): meaning if letter == "." and meaning else letter for letter in text}
    layer = text_layer.read(with_claims(made, claims)[0])
    assert [line.text for line in layer.lines] == [text]
    assert [word.text for word in layer.words] == text.split()


def test_a_line_drawn_again_in_parts_is_read_once() -> None:
    """Drivers of printers draw a line, and some of its letters or words once more."""
    made = pymupdf.open()
    page = made.new_page()
    text = "Corn and soybeans, Roundup twice"
    for offset, part in ((0.0, text), (0.0, "Corn"), (pymupdf.get_text_length("Corn and ", fontsize=14), "soy")):
        page.insert_text((72 + offset + (part != text) * 0.3, 100), part, fontsize=14)
    page.insert_text((72, 140), "Corn", fontsize=14)
    layer = text_layer.read(pymupdf.open(stream=made.tobytes(), filetype="pdf")[0])
    assert [line.text for line in layer.lines] == [text, "Corn"]
    assert [word.text for word in layer.words] == [*text.split(), "Corn"]


def test_words_of_a_font_without_a_size_are_one_line() -> None:
    document = page_of_bitmaps(("the quick brown fox", "jumps over the dog"), {})
    layer = text_layer.read(document[0])
    assert [line.text for line in layer.lines] == ["the quick brown fox", "jumps over the dog"]
    assert all(8 < line.size < 30 for line in layer.lines)


def test_letters_that_are_too_small_to_be_read_are_in_no_label() -> None:
    page = pymupdf.open().new_page()
    page.insert_text((72, 100), "The text of the page", fontsize=4)
    page.insert_text((0, 842), "42.0.1", fontsize=1)
    layer = text_layer.read(page)
    assert [line.text for line in layer.lines] == ["The text of the page"]
    assert [word.text for word in layer.words] == ["The", "text", "of", "the", "page"]
    assert [word.text for word in layer.unseen] == ["42.0.1"]


def lowered_of(pieces: list[tuple[str, float, float, str]]) -> str:
    """A page's line of pieces (text, size, by how much it is lowered, font), lowered ones between underscores."""
    page = pymupdf.open().new_page()
    x = 72.0
    for text, size, below, font in pieces:
        page.insert_text((x, 100 + below), text, fontsize=size, fontname=font)
        x += pymupdf.get_text_length(text, fontname=font, fontsize=size)
    return "".join(
        f"_{span.text}_" if span.lowered else span.text for line in text_layer.read(page).lines for span in line.spans
    )


def test_what_stands_below_its_line_and_is_smaller_is_lowered() -> None:
    formula = [("levels of CO", 12, 0, "helv"), ("2", 8, 2, "helv"), (" and H", 12, 0, "helv"), ("2", 8, 2, "helv")]
    assert lowered_of([*formula, ("O", 12, 0, "helv")]) == "levels of CO_2_ and H_2_O"
    assert lowered_of([("LD", 12, 0, "helv"), ("50", 8, 3, "helv"), (" oral", 12, 0, "helv")]) == "LD_50_ oral"


@pytest.mark.parametrize(("size", "below"), [(12, 3), (8, 0), (8, 9)])
def test_other_sizes_and_places_are_not_lowered(size: float, below: float) -> None:
    assert "_" not in lowered_of([("levels of CO", 12, 0, "helv"), ("2", size, below, "helv")])


def test_lines_of_characters_without_a_meaning_are_none() -> None:
    known = pymupdf.Font("tiro")
    made = pymupdf.open()
    page = made.new_page()
    page.insert_font(fontname="F0", fontbuffer=known.buffer)
    page.insert_text((72, 100), "xyxyx", fontsize=12, fontname="F0")
    page.insert_text((72, 140), "seen", fontsize=12, fontname="F0")
    said = {known.has_glyph(ord(letter)): "\ufffd" if letter in "xy" else letter for letter in "xyseen"}
    assert [line.text for line in text_layer.read(with_claims(made, said)[0]).lines] == ["seen"]


@pytest.mark.parametrize(
    ("font", "flags", "mono"),
    [
        ("NimbusMonL-Regu", 4, True),  # TeX's Courier, which does not say so
        ("Courier-Bold", 16, True),
        ("CMTT10", 4, True),
        ("Menlo", 8, True),
        ("NimbusRomNo9L-Regu", 4, False),
        ("CMTI10", 2, False),
    ],
)
def test_fonts_of_equal_widths_are_known_by_flag_or_name(font: str, flags: int, mono: bool) -> None:
    assert text_layer.is_mono({"font": font, "flags": flags}) is mono

"""Promises about fonts: what a font draws otherwise than it says is found, and odd or unknown typefaces are not."""

import codecs
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest

from scribetune.documents import drawn_page, glyph_shapes, text_layer_checks
from support import hostile_pdfs
from support.font_claims import with_claims

TEXT = (
    "Method for the sensory testing of tea",
    "GB/X 23776-2018 replaces GB/X 23776-2009",
    "Quick zebras jump over a wall",
)
CYRILLIC = ("Настоящий стандарт распространяется", "на методы испытаний объектов", "Где цифры 0123456789")
HAN = ("本标准规定了茶叶感官审评的条件", "方法及结果评定", "审评室应当明亮安静")


def said(text: tuple[str, ...], font: str, says: Callable[[str], str]) -> pymupdf.Document:
    """Return a PDF that shows a text in a font, and says of each character what `says` returns."""
    known = pymupdf.Font(font)
    made = pymupdf.open()
    page = made.new_page()
    page.insert_font(fontname="F0", fontbuffer=known.buffer)
    for number, line in enumerate(text):
        page.insert_text((72, 120 + 24 * number), line, fontsize=12, fontname="F0")
    return with_claims(made, {known.has_glyph(ord(letter)): says(letter) for line in text for letter in line})


def unlike(document: pymupdf.Document) -> tuple[int, int]:
    """Return how many letters of the first page are drawn as others, and how many it has."""
    drawn = drawn_page.read(document[0].get_displaylist())
    return glyph_shapes.unlike(drawn.fonts), sum(map(str.isalnum, document[0].get_text()))


def three_on(letter: str) -> str:
    return chr(ord(letter) + 3) if letter > " " else letter


def three_hundred_on(letter: str) -> str:
    return chr(ord(letter) + 300)


def half_an_alphabet_on(letter: str) -> str:
    return codecs.encode(letter, "rot13")


def rare_han(letter: str) -> str:
    return chr(0x7283 + ord(letter) - 65) if letter.isascii() and letter.isalpha() else letter


def latin_1(letter: str) -> str:
    return letter.encode("cp1251").decode("latin-1")


@pytest.mark.parametrize(
    ("text", "font", "says"),
    [
        (TEXT, "tiro", three_on),
        (TEXT, "hebo", rare_han),
        (TEXT, "cour", half_an_alphabet_on),
        (CYRILLIC, "helv", latin_1),
        (HAN, "cjk", three_hundred_on),
        (HAN, "cjk", lambda letter: chr(0x41 + ord(letter) % 26)),
        (TEXT, "tiro", lambda letter: chr(0x5D0 + ord(letter) % 27) if letter.isalnum() else letter),
        (TEXT, "helv", lambda letter: chr(0x2190 + ord(letter)) if letter.isalnum() else letter),
    ],
)
def test_letters_that_are_said_to_be_others_are_counted(
    text: tuple[str, ...], font: str, says: Callable[[str], str]
) -> None:
    found, letters = unlike(said(text, font, says))
    assert found >= 0.8 * letters


@pytest.mark.parametrize(
    ("text", "font", "says"),
    [
        (TEXT, "tiro", str),
        (TEXT, "tibi", str),
        (TEXT, "cobo", str),
        (TEXT, "helv", str.swapcase),  # small capitals, and fonts of capitals alone
        (CYRILLIC, "tiit", str),
        (HAN, "cjk", str),
        (HAN, "cjk", lambda letter: unicodedata.normalize("NFC", letter)),
        (("ａｂｃ １２３", "ＤＥＦ"), "cjk", str),
        (("Straße, naïve, Übermut, Ærø, œuvre",), "tiro", str),
        (("0123456789", "18,450.00"), "helv", str),
    ],
)
def test_fonts_that_tell_the_truth_are_left_alone(text: tuple[str, ...], font: str, says: Callable[[str], str]) -> None:
    assert unlike(said(text, font, says))[0] == 0


def test_one_letter_that_lies_in_a_font_is_counted_alone() -> None:
    wrong = {"b": "x"}
    found, _ = unlike(said((*TEXT, "bbb bbb"), "helv", lambda letter: wrong.get(letter, letter)))
    assert found == "".join((*TEXT, "bbb bbb")).count("b")


def test_figures_that_lie_among_letters_that_do_not_are_counted() -> None:
    page = said(("Invoice of the harbour, 4 boxes", "1,234.50 678.90 12,345.67 890.12"), "tiro", one_on)
    assert unlike(page)[0] >= 15


def one_on(letter: str) -> str:
    return str((int(letter) + 1) % 10) if letter.isdigit() else letter


def test_what_actual_text_replaces_is_not_judged(tmp_path: Path) -> None:
    content = b"BT /F1 12 Tf 60 700 Td /Span << /ActualText (hello) >> BDC (xyz) Tj EMC (abc) Tj ET"
    (tmp_path / "a.pdf").write_bytes(hostile_pdfs.one_page(hostile_pdfs.stream(content)))
    drawn = drawn_page.read(pymupdf.open(tmp_path / "a.pdf")[0].get_displaylist())
    assert [chr(code) for use in drawn.fonts for code in use.claims[:, 1]] == ["a", "b", "c"]


def test_glyphs_and_counts_are_what_mupdf_says() -> None:
    """The glyphs of a run are read as one array of MuPDF's structures; here one by one."""
    page = said(TEXT, "tiro", str)[0]
    drawn = drawn_page.read(page.get_displaylist())
    told = [(char[1], char[0]) for span in page.get_texttrace() for char in span["chars"]]
    (use,) = drawn.fonts
    assert [tuple(claim) for claim in use.claims.tolist()] == sorted(set(told))
    assert use.counts.tolist() == [told.count(claim) for claim in sorted(set(told))]


def test_leaders_of_no_meaning_are_no_letters() -> None:
    contents = ("Chapter one ........................ 7", "Chapter two - ______ ..................... 9")
    private = str.maketrans(dict.fromkeys(".-_", "\ue001"))
    page = said(contents, "helv", lambda letter: letter.translate(private))[0]
    uses = drawn_page.read(page.get_displaylist()).fonts
    assert glyph_shapes.leaders(uses, text_layer_checks.is_unmapped) == sum(map("".join(contents).count, ".-_"))
    lost = said(contents, "helv", lambda letter: "\ue001" if letter.isalpha() else letter)[0]
    assert glyph_shapes.leaders(drawn_page.read(lost.get_displaylist()).fonts, text_layer_checks.is_unmapped) == 0


def test_images_have_their_places() -> None:
    made = pymupdf.open()
    page = made.new_page(width=200, height=100)
    page.insert_image(pymupdf.Rect(20, 10, 120, 60), pixmap=pymupdf.Pixmap(pymupdf.csGRAY, (0, 0, 8, 4)))
    (image,) = drawn_page.read(page.get_displaylist()).images
    assert image.box == pytest.approx((20, 10, 120, 60), abs=0.1)
    assert (image.width_px, image.height_px) == (8, 4)

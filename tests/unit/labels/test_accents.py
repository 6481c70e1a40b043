"""Promises about accents that are drawn as characters of their own, as TeX's older fonts have them."""

from collections.abc import Sequence

import pymupdf
import pytest

from scribetune.labels import text_layer, text_pages

SIZE = 12.0
ROMAN, ITALIC = pymupdf.Font("tiro"), pymupdf.Font("tiit")
Piece = tuple[str, float, float, pymupdf.Font]  # text, x, by how much it is raised, font


def page_of(pieces: Sequence[Piece]) -> pymupdf.Page:
    """A page with pieces of text on one line."""
    page = pymupdf.open().new_page(width=400, height=200)
    for text, x, raised, font in pieces:
        writer = pymupdf.TextWriter(page.rect)
        writer.append((x, 100 - raised), text, font=font, fontsize=SIZE)
        writer.write_text(page)
    return page


def over(accent: str, letter: str, x: float, font: pymupdf.Font = ROMAN) -> float:
    """Where an accent begins whose middle is that of a letter at x."""
    return x + float(font.text_length(letter, SIZE) - ROMAN.text_length(accent, SIZE)) / 2


def word(before: str, accent: str, letter: str, after: str, *, accent_first: bool, raised: float = 0.0) -> list[Piece]:
    """A word in which a letter has its accent from a character of its own."""
    at = 50 + ROMAN.text_length(before, SIZE)
    pair = [(accent, over(accent, letter, at), raised, ROMAN), (letter, at, 0.0, ROMAN)]
    end = (after, at + ROMAN.text_length(letter, SIZE), 0.0, ROMAN)
    return [*([(before, 50, 0.0, ROMAN)] if before else []), *(pair if accent_first else pair[::-1]), end]


def read(pieces: Sequence[Piece]) -> tuple[str, str]:
    """The line that a page has, and its words."""
    layer = text_layer.read(page_of(pieces))
    return " ".join(line.text for line in layer.lines), " ".join(word.text for word in layer.words)


@pytest.mark.parametrize("accent_first", [True, False])
@pytest.mark.parametrize(
    ("before", "accent", "letter", "after", "written"),
    [
        ("G", "¨", "o", "del", "Gödel"),
        ("Montr", "´", "e", "al", "Montréal"),
        ("na", "¨", "ı", "ve", "naïve"),
        ("H", "˚", "a", "stad", "Håstad"),
        ("Perpi", "˜", "n", "an", "Perpiñan"),
        ("Fran", "¸", "c", "ois", "François"),
        ("Baudi", "ˇ", "s", " and", "Baudiš and"),
        ("Vigen", "`", "e", "re", "Vigenère"),
    ],
)
def test_an_accent_and_its_letter_are_one_character(
    before: str, accent: str, letter: str, after: str, written: str, accent_first: bool
) -> None:
    pieces = word(before, accent, letter, after, accent_first=accent_first)
    assert read(pieces) == (written, written)


def test_an_accent_over_a_capital_is_raised() -> None:
    assert read(word("", "¨", "O", "zalp", accent_first=True, raised=2.6))[0] == "Özalp"


def test_every_text_page_has_the_same_characters() -> None:
    page = page_of(word("G", "¨", "o", "del", accent_first=True))
    raw = text_pages.text_page(page, pymupdf.TEXTFLAGS_DICT).extractRAWDICT()["blocks"]
    chars = [char for block in raw for line in block["lines"] for span in line["spans"] for char in span["chars"]]
    assert [char["c"] for char in chars] == list("Gödel")


def test_a_symbol_with_an_accent_that_unicode_has_not_gets_a_combining_mark() -> None:
    pieces = [("the", 50, 0, ROMAN), ("ˆ", over("ˆ", "x", 80, ITALIC), 0, ROMAN), ("x", 80, 0, ITALIC)]
    assert read([*pieces, ("is", 95, 0, ROMAN)])[0] == "the x̂ is"


@pytest.mark.parametrize("text", ["x^2", "20 ˚C", "a ´ b", "``PAGER", "d´ja` vu", "~/home", "f`(x)"])
def test_accents_that_stand_beside_letters_stay(text: str) -> None:
    assert read([(text, 50, 0, ROMAN)])[0] == text


def test_the_tilde_of_an_address_stays() -> None:
    after = 50 + ROMAN.text_length("edu/", SIZE)
    pieces = [("edu/", 50, 0, ROMAN), ("˜", after, 2, ROMAN), ("fischer", after, 0, ROMAN)]
    assert read(pieces)[0] == "edu/˜fischer"

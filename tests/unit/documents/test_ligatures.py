"""Promises about ligatures that a font says are signs: they become their letters, and signs stay."""

from collections.abc import Mapping
from pathlib import Path

import pymupdf
import pytest

from scribetune.documents import drawn_page, glyph_shapes, ligatures
from scribetune.labels.reader import LabelSettings, PageReader
from support.bitmap_font import page_of_bitmaps
from support.font_claims import with_claims

LINES = ("ﬁrst of all speciﬁed words", "overﬂow and inﬂuence of a life", 'the "signs" $ # & % ! (x) @ 100')
SETTINGS = LabelSettings("keep", "html", "alt", "use", 100, "")


def said(lines: tuple[str, ...], claims: Mapping[str, str], font: str = "tiro") -> pymupdf.Document:
    """Return a PDF that shows lines in a font, whose claims are true but for some."""
    known = pymupdf.Font(font)
    made = pymupdf.open()
    page = made.new_page()
    page.insert_font(fontname="F0", fontbuffer=known.buffer)
    for number, line in enumerate(lines):
        page.insert_text((72, 120 + 24 * number), line, fontsize=12, fontname="F0")
    return with_claims(
        made, {known.has_glyph(ord(letter)): claims.get(letter, letter) for line in lines for letter in line}
    )


def text_of(document: pymupdf.Document) -> str:
    """The text of the first page once its fonts are mended."""
    ligatures.displayed(document[0])
    text: str = document[0].get_text(flags=pymupdf.TEXTFLAGS_TEXT & ~pymupdf.TEXT_PRESERVE_LIGATURES)
    return text


@pytest.mark.parametrize("claims", [{"ﬁ": "?", "ﬂ": "#"}, {"ﬁ": "↵", "ﬂ": "\ufffd"}, {"ﬁ": "\ue000", "ﬂ": "\ue001"}])
@pytest.mark.parametrize("font", ["tiro", "helv", "tiit"])
def test_ligatures_that_are_said_to_be_signs_become_letters(claims: Mapping[str, str], font: str) -> None:
    shown = text_of(said(LINES[:2], claims, font)).split()
    assert shown == ["first", "of", "all", "specified", "words", "overflow", "and", "influence", "of", "a", "life"]


def test_signs_that_are_drawn_as_such_stay() -> None:
    document = said(LINES, {})
    before = document[0].get_text()
    assert ligatures.of_page(document[0], drawn_page.read(document[0].get_displaylist()).fonts) == {}
    assert '"signs" $ # & % ! (x) @ 100' in before


def test_labels_have_the_letters(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    said(LINES[:2], {"ﬁ": '"', "ﬂ": "#"}).save(path)
    assert "first of all specified words" in PageReader(str(path), "", SETTINGS).read(0).text


def test_letters_that_hang_upside_down_in_their_font_are_what_they_say() -> None:
    lines = ("ﬁrst of all speciﬁed words", "overﬂow and inﬂuence of a life", "The quick brown fox jumps over")
    document = page_of_bitmaps(lines, {"ﬁ": 14, "ﬂ": 15})
    assert glyph_shapes.unlike(drawn_page.read(document[0].get_displaylist()).fonts) == 0
    wanted = "first of all specified words overflow and influence of a life The quick brown fox jumps over"
    assert text_of(document).split() == wanted.split()


def test_letters_exchanged_in_a_font_that_hangs_upside_down_are_found() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    codes = dict(zip(letters, map(ord, letters[3:] + letters[:3]), strict=True))
    document = page_of_bitmaps(("sphinx of black quartz", "judge my vow"), codes)
    assert glyph_shapes.unlike(drawn_page.read(document[0].get_displaylist()).fonts) >= 28


@pytest.mark.parametrize("text", ["di!erent", "speci\x0ced", "su$cient", "e\ufffdect", 'speci"ed', "\ue001rst"])
def test_words_with_signs_in_them_are_looked_at(text: str) -> None:
    assert ligatures.may_be_in(f"some {text} words")


@pytest.mark.parametrize("text", ['a "quoted" word', "well-known, (or) not: a.b; it's", "name@host.org", "a_b = c"])
def test_common_signs_beside_words_cost_nothing(text: str) -> None:
    assert not ligatures.may_be_in(text)

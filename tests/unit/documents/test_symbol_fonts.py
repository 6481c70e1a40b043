"""Promises about fonts of symbols: pictures are blanks, private characters and TeX's names get their meaning."""

from pathlib import Path

import pymupdf
import pytest

from scribetune.documents import symbol_fonts
from scribetune.labels import text_pages
from scribetune.labels.reader import LabelSettings, PageReader
from support.font_claims import with_claims

SETTINGS = LabelSettings("keep", "html", "alt", "use", 100, "")


def with_letters(shown: str, claims: str, font: str, name: str = "Pictures") -> pymupdf.Document:
    """Return a PDF that shows characters in a simple, symbolic font by a name, which says that they are others."""
    known = pymupdf.Font(font)
    made = pymupdf.open()
    page = made.new_page()
    page.insert_text((72, 100), "Labels for danger", fontsize=12)
    program = made.get_new_xref()
    made.update_object(program, "<<>>")
    made.update_stream(program, known.buffer)
    made.xref_set_key(program, "Subtype", "/Type1C")
    made.xref_set_key(program, "Length1", str(len(known.buffer)))
    descriptor = made.get_new_xref()
    made.update_object(
        descriptor,
        f"<</Type/FontDescriptor/FontName/AAAAAA+{name}/Flags 4/FontBBox[0 -200 1000 900]/ItalicAngle 0/Ascent 900"
        f"/Descent -200/CapHeight 700/StemV 80/FontFile3 {program} 0 R>>",
    )
    told = made.get_new_xref()
    made.update_object(told, "<<>>")
    rows = "".join(f"<{ord(a):02x}> <{ord(b):04x}>\n" for a, b in zip(shown, claims, strict=True))
    made.update_stream(
        told,
        (
            "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def\n"
            f"1 begincodespacerange <00> <ff> endcodespacerange\n{len(shown)} beginbfchar\n{rows}endbfchar\n"
            "endcmap end end"
        ).encode(),
    )
    number = made.get_new_xref()
    widths = " ".join(["800"] * 224)
    made.update_object(
        number,
        f"<</Type/Font/Subtype/Type1/BaseFont/AAAAAA+{name}/FirstChar 32/LastChar 255/Widths[{widths}]"
        f"/FontDescriptor {descriptor} 0 R/ToUnicode {told} 0 R>>",
    )
    resources = int(made.xref_get_key(page.xref, "Resources")[1].split()[0])
    kind, fonts = made.xref_get_key(resources, "Font")
    owner = int(fonts.split()[0]) if kind == "xref" else resources
    made.xref_set_key(owner, "S0" if kind == "xref" else "Font/S0", f"{number} 0 R")
    content = made.get_new_xref()
    made.update_object(content, "<<>>")
    drawn = "".join(f"BT /S0 30 Tf {72 + 60 * at} 600 Td <{ord(c):02x}> Tj ET\n" for at, c in enumerate(shown))
    made.update_stream(content, drawn.encode())
    before = made.xref_get_key(page.xref, "Contents")[1].strip("[]")
    made.xref_set_key(page.xref, "Contents", f"[{before} {content} 0 R]")
    return pymupdf.open(stream=made.tobytes(), filetype="pdf")


def test_letters_that_are_drawn_as_pictures_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    with_letters("%(*", "dxc", "zadb").save(path)
    read = PageReader(str(path), "", SETTINGS).read(0)
    assert read.text.split() == ["Labels", "for", "danger"]
    assert read.word_recall == 1.0


def test_a_damaged_font_costs_no_text(tmp_path: Path) -> None:
    document = with_letters("123", "123", "helv", "CMSY9")
    (font,) = (xref for xref, *_ in document[0].get_fonts() if "CMSY9" in document.xref_object(xref))
    document.xref_set_key(
        font, "Encoding", "<</Type/Encoding/Differences[33/mapsto 99999 0 R/latticetop <</A [7]>> -5/minus]>>"
    )
    document.save(tmp_path / "a.pdf")
    assert "Labels for danger" in PageReader(str(tmp_path / "a.pdf"), "", SETTINGS).read(0).text


def test_letters_of_a_symbolic_font_that_are_drawn_as_letters_stay() -> None:
    document = with_letters("dxg", "dxg", "tiro")
    assert symbol_fonts.SymbolFonts().of_page(document[0]) == {}


def test_letters_that_are_drawn_as_other_letters_are_no_pictures() -> None:
    document = with_letters("dxg", "mWk", "tiro")
    assert symbol_fonts.SymbolFonts().of_page(document[0]) == {}


def test_a_font_is_looked_at_once() -> None:
    document = with_letters("%(*", "dxc", "zadb")
    fonts = symbol_fonts.SymbolFonts()
    assert fonts.of_page(document[0]) != {}
    assert fonts.of_page(document[0]) == {}


def test_bars_are_no_letters() -> None:
    document = with_letters("123", "123", "helv", "Code39Plain")
    (told,) = symbol_fonts.SymbolFonts().of_page(document[0]).values()
    assert {told[ord(letter)] for letter in "123"} == {" "}


def test_the_names_of_tex_tell_what_the_map_of_characters_tells_wrongly() -> None:
    document = with_letters("!$", "7>", "tiro", "CMSY9")
    (font,) = (xref for xref, *_ in document[0].get_fonts() if "CMSY9" in document.xref_object(xref))
    document.xref_set_key(font, "Encoding", "<</Type/Encoding/Differences[33/mapsto/arrowright/x/latticetop]>>")
    assert symbol_fonts.SymbolFonts().of_page(document[0]) == {font: {0x22: "→", 0x24: "⊤"}}


@pytest.mark.parametrize(
    ("font", "private", "meant"),
    [
        ("Symbol", "\uf8e9", "©"),
        ("Times", "\uf6da", "®"),
        ("MinionExp", "\uf761\uf7e9\uf731", "AÉ1"),
        ("ABCDEF+SymbolMT", "\uf061\uf0b3", "α≥"),
        ("MT-Extra", "\uf04c\uf04d\uf041", "⋯⋮\uf041"),
        ("Wingdings-Regular", "\uf0fc\uf0fe", "✓☑"),
        ("Wingdings3", "\uf0fc", "\uf0fc"),
        ("FontAwesome", "\uf0e0", " "),
        ("Arial", "\ue123", "\ue123"),
        ("Symbol", "x", "x"),
    ],
)
def test_private_characters_have_the_meaning_of_their_font(font: str, private: str, meant: str) -> None:
    assert "".join(symbol_fonts.meaning(font, character) for character in private) == meant


def test_text_pages_say_what_private_characters_mean() -> None:
    made = pymupdf.open()
    made.new_page().insert_text((72, 100), "©", fontname="helv")
    known = pymupdf.Font("helv")
    page = made[0]
    page.insert_font(fontname="F0", fontbuffer=known.buffer)
    page.insert_text((72, 200), "xyz", fontname="F0")
    document = with_claims(made, {known.has_glyph(ord("x")): "\uf8e9"})
    text = text_pages.text_page(document[0], pymupdf.TEXTFLAGS_DICT).extractText()
    assert text.count("©") == 2

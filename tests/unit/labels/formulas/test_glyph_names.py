"""What glyphs of mathematical fonts are, whatever the PDF says."""

import pytest

from scribetune.labels.formulas.glyph_names import meaning_of


@pytest.mark.parametrize(
    ("font", "name", "character", "code", "latex", "kind"),
    [
        ("ABCDEF+CMEX10", "parenleftbigg", "\ufffd", 18, "(", "open"),
        ("CMEX10", "summationdisplay", "\ufffd", 88, r"\sum", "op"),
        ("CMEX10", "braceleftmid", "\uf8f2", 60, r"\{", "piece"),
        ("CMEX10", "radicalbig", "p", 112, r"\sqrt", "radical"),
        ("CMSY10", "F", "F", 70, r"\mathcal{F}", "ord"),
        ("CMSY10", "reflexsubset", "⊆", 18, r"\subseteq", "rel"),
        ("CMMI10", "epsilon1", "ǫ", 15, r"\epsilon", "ord"),
        ("CMMI7", "epsilon", "ε", 34, r"\varepsilon", "ord"),
        ("CMMI7", "alpha", "α", 11, r"\alpha", "ord"),
        ("cmsy10", "", "!", 33, r"\to", "rel"),  # by its place in the encoding
        ("MSBM10", "R", "R", 82, r"\mathbb{R}", "ord"),
        ("EUFM10", "R", "R", 82, r"\mathfrak{R}", "ord"),
        ("NewCMMath-Book", "", "𝜎", 0, r"\sigma", "ord"),
        ("CMEX10", "unheardof", "\ufffd", 200, "", "ord"),
    ],
)
def test_a_glyph_is_what_its_font_calls_it(
    font: str, name: str, character: str, code: int, latex: str, kind: str
) -> None:
    meaning = meaning_of(font, name, character, code)
    assert (meaning.latex, meaning.kind) == (latex, kind)


def test_letters_of_text_are_no_mathematics() -> None:
    assert not meaning_of("Times-Roman", "x", "x", 120).is_strong
    assert meaning_of("Times-Italic", "x", "x", 120).style == "it"
    assert meaning_of("CMMI10", "x", "x", 120).is_strong

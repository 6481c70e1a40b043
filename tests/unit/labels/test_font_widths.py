"""Promises about fonts that say nothing of themselves: equal widths are measured."""

import pymupdf
import pytest

from scribetune.labels import font_widths

CODE = ["(define (lookup [for : symbol]", "(cond", "[(empty? env)", "iii", "WWW MMM", "fds)"]
PROSE = ["That is, the set of function", "definitions remains unchanged;", "illicit", "WWW MMM", "we are"]


@pytest.mark.parametrize(
    ("font", "texts", "is_equal"),
    [
        ("cour", CODE, True),
        ("tiro", CODE, False),
        ("helv", PROSE, False),
        # Too little, or nothing narrow or wide by itself, to tell.
        ("cour", CODE[3:5], False),
        ("cour", ["another on ones use the sea", "no one saw us so soon as sea"], False),
    ],
)
def test_widths_tell_a_typewriter(font: str, texts: list[str], is_equal: bool) -> None:
    page = pymupdf.open().new_page()
    for number, text in enumerate(texts):
        page.insert_text((72, 100 + 14 * number), text, fontname=font)
    blocks = page.get_text("dict")["blocks"]
    spans = [span for block in blocks for line in block["lines"] for span in line["spans"]]
    assert bool(font_widths.equally_wide(spans)) == is_equal

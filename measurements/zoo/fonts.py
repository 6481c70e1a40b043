"""The fonts of what is drawn: those that every PDF reader has, and one for Chinese that comes with PyMuPDF."""

from functools import cache
from typing import Any

import pymupdf

CJK = "F0"
"""Droid Sans Fallback's name within a page, where it is embedded: readers' own fonts have no widths for its figures."""

LATIN = (("helv", "hebo"), ("tiro", "tibo"))
"""Names of upright and bold faces."""


@cache
def cjk() -> Any:
    """Return Droid Sans Fallback as a pymupdf.Font."""
    return pymupdf.Font("cjk")


def width(text: str, font: str, size: float) -> float:
    """Return the width of a text in points; none of the fonts is kerned."""
    return size * sum(_advance(character, font) for character in text)


@cache
def _advance(character: str, font: str) -> float:
    return float(cjk().text_length(character, 1) if font == CJK else pymupdf.get_text_length(character, font, 1))

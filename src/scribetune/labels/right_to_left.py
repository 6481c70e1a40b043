"""Text in right-to-left scripts: told from other text, and put into logical order where MuPDF does not."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from scribetune.text import markdown

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_LEFTWARDS = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe"
_DIRECTION_CHANGE = re.compile(f"(?<=[{_LEFTWARDS}])(?=[0-9A-Za-z])|(?<=[0-9A-Za-z])(?=[{_LEFTWARDS}])")
_NO_WIDTH = 0.05


def is_right_to_left(text: str) -> bool:
    """Whether most letters of a text are written from right to left."""
    kinds = [unicodedata.bidirectional(character) for character in text]
    return sum(kind in ("R", "AL") for kind in kinds) > sum(kind == "L" for kind in kinds)


def has_letters(text: str) -> bool:
    """Whether any character of a text is written from right to left."""
    return bool(_RIGHT_TO_LEFT.search(text))


def words_apart(text: str) -> list[str]:
    """Return the words of a text; MuPDF sets no blank between right-to-left text and figures far from it."""
    return markdown.words(_DIRECTION_CHANGE.sub(" ", text))


def text_in_order(textpage: Any) -> str:
    """Return the plain text of a pymupdf.TextPage, its words in logical order."""
    text: str = textpage.extractText()
    in_order = words_in_order(textpage)
    return "".join(in_order.get(piece, piece) for piece in re.split(r"(\s+)", text)) if in_order else text


def words_in_order(textpage: Any) -> dict[str, str]:
    """Return word, or run → the same in logical order, where glyphs stand for several right-to-left letters.

    MuPDF turns a line of right-to-left letters around one by one, those of one glyph too: lam-alef comes as alef-lam.
    All letters of a glyph but one have no width.
    """
    repaired: dict[str, str] = {}
    if not has_letters(textpage.extractText()):
        return repaired
    for block in textpage.extractRAWDICT()["blocks"]:
        for line in block.get("lines", []):
            for span in line["spans"]:
                before = "".join(char["c"] for char in span["chars"])
                after = _in_order(span["chars"])
                if after != before:
                    repaired[before] = after
                    repaired.update(zip(before.split(), after.split(), strict=True))
    return repaired


def _in_order(chars: Sequence[dict[str, Any]]) -> str:
    text, waiting = "", ""
    for char in chars:
        x0, _, x1, _ = char["bbox"]
        letter = char["c"]
        if unicodedata.bidirectional(letter) in ("R", "AL"):
            if x1 - x0 < _NO_WIDTH:
                waiting = letter + waiting
                continue
            letter, waiting = letter + waiting, ""
        text += waiting + letter
        waiting = ""
    return text + waiting

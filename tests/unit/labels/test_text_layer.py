"""Promises about the text layer: logical order, letters instead of ligatures, NFC, visible text."""

from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import right_to_left, text_layer
from scribetune.labels.text_layer import Line, Span


def char(letter: str, x0: float, x1: float) -> dict[str, object]:
    return {"c": letter, "bbox": (x0, 0.0, x1, 10.0)}


def test_letters_of_a_right_to_left_ligature_are_in_logical_order() -> None:
    # MuPDF gives kaf, alef (no width), lam for kaf, lam-alef.
    chars = [char("\u06a9", 20, 26), char("\u0627", 20, 20), char("\u0644", 14, 20), char("\u06cc", 8, 14)]
    assert right_to_left._in_order(chars) == "\u06a9\u0644\u0627\u06cc"
    assert right_to_left._in_order([char("a", 0, 0), char("b", 0, 5)]) == "ab"


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


def test_words_divided_at_line_ends_are_told_from_compounds() -> None:
    assert text_layer.is_broken_word("devel-", "opment of", "")
    assert not text_layer.is_broken_word("well-", "known", "a well-known fact")
    assert not text_layer.is_broken_word("pre-", "and post-war", "")
    assert not text_layer.is_broken_word("2009-", "10", "")
    assert text_layer.without_breaks("Non- negligent pre- and post- war") == "Nonnegligent pre- and postwar"

"""Promises about redactions: what a bar hides is in no label, whatever the text layer says; white on black is."""

from pathlib import Path

import pymupdf
import pytest

from scribetune.labels.reader import LabelSettings, PageReader

SETTINGS = LabelSettings("keep", "markdown", "alt", "use", 30.0, "test")
SENTENCE = "She answered Nothing at all. (Ex. 1 at p. 61; she answered Yes on Tuesday at noon.)"


def label(document: pymupdf.Document, tmp_path: Path) -> tuple[str, float]:
    document.save(tmp_path / "a.pdf")
    read = PageReader(str(tmp_path / "a.pdf"), "", SETTINGS).read(0)
    return read.text, read.word_recall


@pytest.mark.parametrize("color", [(0, 0, 0), (0.1, 0.1, 0.3)])
def test_words_under_a_bar_are_in_no_label(color: tuple[float, ...], tmp_path: Path) -> None:
    made = pymupdf.open()
    page = made.new_page()
    page.insert_text((72, 100), SENTENCE, fontsize=11)
    page.insert_text((72, 160), "The committee met in March and in May, and found that all was well.", fontsize=11)
    for words in ("Nothing at all", "Yes"):
        (box,) = page.search_for(words)
        page.draw_rect(pymupdf.Rect(box.x0 - 1, box.y0 + 1, box.x1 + 1, box.y1 + 1), color=None, fill=color)
    text, recall = label(made, tmp_path)
    # The stop is one word with what the bar hides.
    assert text.splitlines()[0] == "She answered (Ex. 1 at p. 61; she answered on Tuesday at noon.)"
    assert recall == 1.0


def test_of_equal_words_the_one_under_the_bar_goes(tmp_path: Path) -> None:
    made = pymupdf.open()
    page = made.new_page()
    page.insert_text((72, 100), "first yes second yes third yes fourth", fontsize=11)
    box = page.search_for("yes")[1]
    page.draw_rect(pymupdf.Rect(box.x0 - 1, box.y0 + 1, box.x1 + 1, box.y1 + 1), color=None, fill=(0, 0, 0))
    assert label(made, tmp_path)[0] == "first yes second third yes fourth\n"


def test_white_words_on_a_dark_bar_stay(tmp_path: Path) -> None:
    made = pymupdf.open()
    page = made.new_page()
    page.draw_rect((60, 80, 400, 110), color=None, fill=(0, 0, 0))
    page.insert_text((72, 100), "Results of the year", fontsize=14, color=(1, 1, 1))
    page.insert_text((72, 160), "The committee met in March and in May, and found that all was well.", fontsize=11)
    assert "Results of the year" in label(made, tmp_path)[0]

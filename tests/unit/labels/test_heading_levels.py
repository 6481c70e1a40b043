"""Promises about levels of headings: one document has one scale, whichever of its pages is read."""

from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import heading_levels, reader

SETTINGS = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")
TEXT = "The house was painted in the summer, and its garden was laid out anew by all who live there."


def document(*pages: list[tuple[str, float]]) -> pymupdf.Document:
    """Return a document with these headings (text, size in points) on its pages, text below each."""
    pdf = pymupdf.open()
    for headings in pages:
        page = pdf.new_page(width=400, height=600)
        y = 100.0
        for text, size in headings:
            page.insert_text((40, y), text, fontsize=size, fontname="tibo")
            page.insert_textbox((40, y + 12, 360, y + 60), TEXT, fontsize=10, fontname="tiro")
            y += 100
    return pdf


def headings_of(pdf: pymupdf.Document, folder: Path, page: int) -> list[str]:
    pdf.save(folder / "document.pdf")
    text = reader.PageReader(str(folder / "document.pdf"), "", SETTINGS).read(page).text
    return [line for line in text.splitlines() if line.startswith("#")]


def test_a_section_has_one_level_on_every_page(tmp_path: Path) -> None:
    pdf = document([("The yearly report", 20), ("Costs", 14)], [("Gains", 14)], [("In the north", 12)])
    assert headings_of(pdf, tmp_path, 0) == ["# The yearly report", "## Costs"]
    assert headings_of(pdf, tmp_path, 1) == ["## Gains"]
    assert headings_of(pdf, tmp_path, 2) == ["### In the north"]


def test_numbers_are_deeper_than_what_they_count(tmp_path: Path) -> None:
    pdf = document(
        [("A title", 18), ("1 Costs", 12), ("1.1 In the north", 12)], [("1.1.1 By month", 12), ("2 Gains", 12)]
    )
    assert headings_of(pdf, tmp_path, 0) == ["# A title", "## 1 Costs", "### 1.1 In the north"]
    assert headings_of(pdf, tmp_path, 1) == ["#### 1.1.1 By month", "## 2 Gains"]


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        ("第一章 总则", "第一节 范围"),
        ("一、概述", "（一）背景"),
        ("II. METHODS", "A. Sensors"),
        ("3 Costs", "3.2 Rent"),
    ],
)
def test_numbers_of_every_kind_tell_depths(upper: str, lower: str) -> None:
    levels = heading_levels._of_headings([(upper, 12.0), (lower, 12.0)])
    assert (levels.of(upper, 12.0), levels.of(lower, 12.0)) == (1, 2)


def test_a_single_page_has_its_own_scale(tmp_path: Path) -> None:
    assert headings_of(document([("A title", 18), ("Costs", 12)]), tmp_path, 0) == ["# A title", "## Costs"]


def test_names_of_authors_below_the_title_head_nothing(tmp_path: Path) -> None:
    pdf = document([("A title", 18), ("Costs", 12)], [("Gains", 12)], [("Rent", 12)])
    pdf[0].insert_text((40, 80), "Anna Berg and Bo Li", fontsize=14, fontname="tiro")
    assert headings_of(pdf, tmp_path, 0) == ["# A title", "## Costs"]

"""Promises about tables in right-to-left scripts: the rightmost column is the first, words are in reading order."""

from collections.abc import Sequence
from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import reader
from scribetune.labels.tables.direction import with_signs_first
from scribetune.text import markdown
from scribetune.text.grids import Cell

SETTINGS = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")
HEBREW = [
    ["אזור", "הכנסה שנתית", "שינוי"],
    ["צפון", "1,234", "15"],
    ["דרום", "New York", "31"],
    ["מרכז", "2,345", "17"],
]
ARABIC = [["مدينة كبيرة", "سعر", "تغيير"], ["شرق", "1,234", "15"], ["جنوب", "987", "31"], ["غرب", "2,345", "17"]]


def page_of(rows: Sequence[Sequence[str]], path: Path, *, frame: str) -> Path:
    """A page with a table whose first column is the rightmost; PyMuPDF has fonts of both scripts."""
    pdf = pymupdf.open()
    page = pdf.new_page(width=420, height=420)
    top, left, width, height, columns = 120, 30, 115, 26, len(rows[0])
    for number, row in enumerate(rows):
        for place, text in enumerate(row):
            x, y = left + (columns - 1 - place) * width, top + number * height
            box = (x + 3, y + 3, x + width - 3, y + height)
            page.insert_htmlbox(box, f'<p dir="rtl" style="font-size:11px;margin:0">{text}</p>')
    lines = range(len(rows) + 1) if frame == "cells" else (0, 1, len(rows))
    for number in lines:
        page.draw_line((left, top + number * height), (left + columns * width, top + number * height))
    for number in range(columns + 1) if frame == "cells" else ():
        page.draw_line((left + number * width, top), (left + number * width, top + len(rows) * height))
    pdf.save(path)
    return path


def pipes(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"


@pytest.mark.parametrize("frame", ["cells", "rules"])
@pytest.mark.parametrize("rows", [HEBREW, ARABIC], ids=["hebrew", "arabic"])
def test_the_rightmost_column_is_the_first(rows: Sequence[Sequence[str]], frame: str, tmp_path: Path) -> None:
    read = reader.PageReader(str(page_of(rows, tmp_path / "page.pdf", frame=frame)), "", SETTINGS).read(0)
    assert read.text == pipes(rows)
    assert read.word_recall == 1.0


@pytest.mark.parametrize("frame", ["cells", "rules"])
def test_the_sign_right_of_a_figure_is_read_first(frame: str, tmp_path: Path) -> None:
    rows = [["אזור", "שינוי", "סכום"], ["צפון", "15.1-", "12"], ["דרום", "24.8+", "7"], ["מרכז", "3.5-", "9"]]
    path = page_of(
        [[text.replace("-", "&#8206;-&#8206;") for text in row] for row in rows], tmp_path / "a.pdf", frame=frame
    )
    text = reader.PageReader(str(path), "", SETTINGS).read(0).text
    assert [line.split(" | ")[1] for line in text.splitlines()[2:]] == ["-15.1", "+24.8", "-3.5"]


def test_signs_of_figures_alone_are_moved() -> None:
    texts = ["2.2-", "7 +", "12.5%\u2212", "A-", "3-4", "-5"]
    moved = with_signs_first([Cell(0, number, text) for number, text in enumerate(texts)])
    assert [cell.text for cell in moved] == ["-2.2", "+7", "\u221212.5%", "A-", "3-4", "-5"]


def test_a_table_of_latin_letters_with_one_hebrew_word_stays_as_it_stands(tmp_path: Path) -> None:
    rows = [["Amount", "Name of the region", "Unit"], ["12", "צפון", "each"], ["13", "South", "each"]]
    path = page_of([row[::-1] for row in rows], tmp_path / "page.pdf", frame="cells")
    assert reader.PageReader(str(path), "", SETTINGS).read(0).text == pipes(rows)


def test_arabic_letters_are_letters_and_not_the_shapes_of_a_font() -> None:
    assert markdown.normalise("ﺗﻐﻴﻴﺮ ﻻ") == "تغيير لا\n"

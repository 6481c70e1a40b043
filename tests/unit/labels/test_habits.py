"""Promises about what was found wrong by eye in labels of real pages: notes, captions, Chinese cells, bullets."""

from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import line_ends, page_blocks, reader, text_layer
from scribetune.labels.page_blocks import Kind, PageBlock
from scribetune.labels.tables.cells import union
from scribetune.labels.text_layer import Line, Span

SETTINGS = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")


def line(text: str, top: float, *, left: float = 50.0, bold: bool = False) -> Line:
    box = (left, top, left + 6.0 * len(text), top + 12.0)
    return Line((Span(text, box, 10.0, bold, False, False, False),), box, 0)


def written(kind: Kind, *texts: str) -> str:
    lines = tuple(line(text, 50 + 14 * number) for number, text in enumerate(texts))
    block = PageBlock(kind, union([one.box for one in lines]), lines, 1)
    return page_blocks.write([block], always_html=False, keep_headers=True)


def read(pdf: pymupdf.Document, path: Path) -> str:
    pdf.save(path)
    return reader.PageReader(str(path), "", SETTINGS).read(0).text


def test_a_raised_mark_at_the_start_of_a_note_is_the_note_s_number(tmp_path: Path) -> None:
    pdf = pymupdf.open()
    page = pdf.new_page(width=400, height=500)
    for number in range(8):
        page.insert_text(
            (40, 60 + 15 * number), "Thirty states gave alternate assessments in science as well", fontsize=11
        )
    page.insert_text((40, 400), "21", fontsize=6)
    page.insert_text((47, 403), "Based on a review of policy documents of the agencies.", fontsize=9)
    assert read(pdf, tmp_path / "page.pdf").endswith(
        "\n\n[^21]: Based on a review of policy documents of the agencies.\n"
    )


def test_a_number_on_the_line_is_no_mark(tmp_path: Path) -> None:
    pdf = pymupdf.open()
    page = pdf.new_page(width=400, height=500)
    page.insert_text((40, 400), "21", fontsize=6)
    page.insert_text((47, 400), "based on a review of policy documents of the agencies.", fontsize=9)
    assert "[^" not in read(pdf, tmp_path / "page.pdf")


@pytest.mark.parametrize(
    "text", ["Table 6: Households", "Figure B2 The market", "Abb. 3 Umsatz", "表7-2：授信情况", "图 3 结构"]
)
def test_captions_are_no_headings(text: str, tmp_path: Path) -> None:
    assert page_blocks.is_caption([line(text, 0)])


@pytest.mark.parametrize("text", ["Tables and figures", "Figure skating in 3 steps", "Tableware 2020", "表示方法"])
def test_headings_that_begin_like_captions_are_headings(text: str) -> None:
    assert not page_blocks.is_caption([line(text, 0)])


def test_a_bold_caption_on_a_page_is_bold_text(tmp_path: Path) -> None:
    pdf = pymupdf.open()
    page = pdf.new_page(width=400, height=500)
    page.insert_text((40, 40), "Table 6: Households by literacy", fontsize=11, fontname="hebo")
    page.insert_text((40, 80), "Households", fontsize=11, fontname="hebo")
    for number in range(8):
        page.insert_text(
            (40, 110 + 15 * number), "Thirty states gave alternate assessments in science as well", fontsize=11
        )
    assert read(pdf, tmp_path / "page.pdf").startswith("**Table 6: Households by literacy**\n\n# Households\n")


def test_lines_of_a_chinese_cell_join_without_a_blank() -> None:
    assert line_ends.joined(["主体信用", "评级"]) == "主体信用评级"
    assert line_ends.joined(["公路技术 等级"]) == "公路技术 等级"
    assert line_ends.joined(["Unit", "rate", ""]) == "Unit rate"
    assert line_ends.joined(["pro-", "duction"]) == "production"


def test_figures_in_chinese_text_have_no_blank_on_one_side_only() -> None:
    def read_line(blank: float) -> str:
        spans = [("至", 50.0, 62.0), ("2023", 65.0, 89.0), (" 年", 89.0, 101.0 + blank)]
        found = [
            {"text": text, "bbox": (x0, 50.0, x1, 62.0), "size": 12.0, "flags": 0, "font": "K", "origin": (x0, 60.0)}
            for text, x0, x1 in spans
        ]
        return text_layer._line(found, 0, horizontal=True).text

    assert read_line(3.0) == "至2023年"
    assert read_line(6.0) == "至2023 年"


def test_bullets_of_symbol_fonts_begin_items() -> None:
    assert written(Kind.LIST, "\uf06e First of them", "goes on") == "- First of them goes on"


def test_a_hyphen_that_stays_at_a_line_s_end_has_no_blank_after_it() -> None:
    assert written(Kind.TEXT, "options for 4-", "year-olds, pre-", "and post-war, 2007-", "2013") == (
        "options for 4-year-olds, pre- and post-war, 2007-2013"
    )


def test_figures_alone_are_not_bold_in_chinese_text() -> None:
    box = (50.0, 50.0, 90.0, 62.0)
    han, figures = (
        Span("表", box, 10.0, False, False, False, False),
        Span("7-2", box, 10.0, True, False, False, False),
    )
    one = Line((han, figures), box, 0)
    block = PageBlock(Kind.TEXT, box, (one,))
    assert page_blocks.write([block], always_html=False, keep_headers=True) == "表7-2"


@pytest.mark.parametrize("turned", [90, 270])
def test_a_page_whose_text_runs_sideways_is_read_as_one_reads_it(turned: int, tmp_path: Path) -> None:
    pdf = pymupdf.open()
    page = pdf.new_page(width=400, height=500)
    lines = ["Thirty states gave alternate assessments", "in science as well as in reading."]
    for number, text in enumerate(lines):
        start = (100 + 15 * number, 400) if turned == 90 else (300 - 15 * number, 100)
        page.insert_text(start, text, fontsize=11, rotate=turned)
    assert read(pdf, tmp_path / "page.pdf") == " ".join(lines) + "\n"


def test_a_soft_hyphen_that_is_drawn_within_a_line_is_a_hyphen(tmp_path: Path) -> None:
    pdf = pymupdf.open()
    page = pdf.new_page()
    font = pymupdf.Font("helv")
    writer = pymupdf.TextWriter(page.rect)
    for number, text in enumerate(("terms of 13\u00ad24 months for Internet\u00adbased de\u00ad", "fendants")):
        writer.append((72, 100 + 14 * number), text, font=font, fontsize=11)
    writer.write_text(page)
    assert "\u00ad" in page.get_text()
    assert read(pdf, tmp_path / "a.pdf") == "terms of 13-24 months for Internet-based defendants\n"

"""Promises about pages of running text: they need no layout model, and are read column by column."""

from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import layout_analysis, plain_pages, reader, ruling_lines, text_layer
from scribetune.labels.page_blocks import Kind

SETTINGS = reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "test")
WORDS = ["the", "yearly", "report", "of", "the", "house", "says", "that", "costs", "fell", "in", "every", "region"]


def prose(words: int, start: int = 0) -> str:
    return " ".join(WORDS[(start + number) % len(WORDS)] for number in range(words))


def text_page(*boxes: tuple[tuple[float, float, float, float], str, float]) -> pymupdf.Document:
    document = pymupdf.open()
    page = document.new_page(width=400, height=500)
    for box, text, size in boxes:
        assert page.insert_textbox(box, text, fontsize=size) > 0
    return document


def is_plain(page: pymupdf.Page) -> bool:
    drawings = page.get_cdrawings()
    return plain_pages.is_plain(text_layer.read(page), ruling_lines.rules_of(drawings), len(drawings))


def read(document: pymupdf.Document, folder: Path) -> reader.PageText:
    document.save(folder / "page.pdf")
    return reader.PageReader(str(folder / "page.pdf"), "", SETTINGS).read(0)


@pytest.fixture
def no_layout_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the layout model was run")

    monkeypatch.setattr(layout_analysis, "blocks_of", refuse)


@pytest.mark.usefixtures("no_layout_model")
def test_columns_are_read_one_after_another(tmp_path: Path) -> None:
    document = text_page(
        ((40, 40, 360, 80), "A title of the page", 20),
        ((40, 100, 190, 300), "left " + prose(60), 10),
        ((210, 100, 360, 300), "right " + prose(60, 5), 10),
    )
    page = read(document, tmp_path)
    assert page.text == f"# A title of the page\n\nleft {prose(60)}\n\nright {prose(60, 5)}\n"
    assert page.word_recall == 1.0


def test_ruled_pages_and_columns_of_figures_are_not_plain() -> None:
    ruled = text_page(((40, 40, 360, 300), prose(100), 10))
    for row in range(5):
        ruled[0].draw_line((40, 320 + 20 * row), (360, 320 + 20 * row))
    assert is_plain(ruled[0])  # no line between columns, and no columns
    for column in range(4):
        ruled[0].draw_line((40 + 80 * column, 320), (40 + 80 * column, 400))
    assert not is_plain(ruled[0])
    figures = text_page(((40, 40, 360, 200), prose(60), 10))
    for row in range(4):
        for column in range(3):
            figures[0].insert_text((60 + 90 * column, 260 + 15 * row), f"{row}{column}0", fontsize=10)
    assert not is_plain(figures[0])
    assert is_plain(text_page(((40, 40, 360, 300), prose(100), 10))[0])


def test_an_underlined_word_is_no_table() -> None:
    document = text_page(((40, 40, 360, 300), prose(100), 10))
    for row in range(5):
        document[0].draw_line((42, 52 + 13.8 * row), (90, 52 + 13.8 * row), width=0.5)
    assert is_plain(document[0])


@pytest.mark.usefixtures("no_layout_model")
def test_a_picture_leaves_its_mark_where_it_stands(tmp_path: Path) -> None:
    document = text_page(
        ((40, 40, 360, 120), "above " + prose(30), 10), ((40, 320, 360, 420), "below " + prose(30), 10)
    )
    image = pymupdf.Pixmap(pymupdf.csGRAY, pymupdf.IRect(0, 0, 20, 20))
    image.clear_with(90)
    document[0].insert_image((100, 150, 300, 300), pixmap=image)
    assert read(document, tmp_path).text == f"above {prose(30)}\n\n![figure]()\n\nbelow {prose(30)}\n"


def test_a_page_of_pictures_alone_has_no_label(tmp_path: Path) -> None:
    document = pymupdf.open()
    image = pymupdf.Pixmap(pymupdf.csGRAY, pymupdf.IRect(0, 0, 20, 20))
    image.clear_with(90)
    document.new_page(width=400, height=500).insert_image((100, 150, 300, 300), pixmap=image)
    assert read(document, tmp_path).text == ""


def test_headings_page_numbers_and_lists_are_told_by_fonts_and_marks() -> None:
    document = text_page(
        ((180, 475, 220, 495), "12", 9),
        ((40, 60, 360, 90), "Large heading", 16),
        ((40, 100, 360, 180), prose(40), 10),
        ((40, 200, 360, 240), "1. first\n2. second", 10),
    )
    kinds = [block.kind for block in plain_pages.blocks_of(text_layer.read(document[0]))]
    assert kinds == [Kind.HEADING, Kind.TEXT, Kind.LIST, Kind.LIST, Kind.FOOTER]


def justified(page: pymupdf.Page, words: list[str], y: float, left: float, right: float) -> None:
    """Set one line of words, all blanks equally wide, from edge to edge."""
    widths = [pymupdf.get_text_length(word, fontsize=10) for word in words]
    blank = (right - left - sum(widths)) / (len(words) - 1)
    for word, width in zip(words, widths, strict=True):
        page.insert_text((left, y), word, fontsize=10)
        left += width + blank


def test_lines_stretched_to_the_margin_are_no_columns() -> None:
    document = pymupdf.open()
    page = document.new_page()
    for line in range(12):
        justified(page, prose(6, 6 * line).split(), 100 + 14 * line, 72, 520)
    assert is_plain(page)


def test_years_in_running_text_are_no_table_and_figures_below_each_other_are() -> None:
    text = pymupdf.open()
    page = text.new_page()
    for line in range(12):
        words = prose(9, 9 * line).split()
        for number in range(3 if line % 2 else 0):
            words.insert((3 * number + line * line) % len(words), str(2000 + number))
        page.insert_text((72, 100 + 14 * line), " ".join(words), fontsize=9)
    assert is_plain(page)
    figures = pymupdf.open()
    page = figures.new_page()
    for line in range(12):
        for column in range(4):
            page.insert_text((72 + 90 * column, 100 + 14 * line), str(1000 + 37 * line + column), fontsize=10)
    assert not is_plain(page)


@pytest.mark.usefixtures("no_layout_model")
def test_a_stamp_in_the_side_margin_needs_no_layout_model_and_ends_the_page(tmp_path: Path) -> None:
    document = text_page(((60, 60, 360, 440), prose(150), 10))
    document[0].insert_text((20, 500), "arXiv 2026", fontsize=14, rotate=90)
    assert is_plain(document[0])
    assert read(document, tmp_path).text.endswith("arXiv 2026\n")


@pytest.mark.parametrize(
    ("text", "font"),
    [("II. METHODS", "tiro"), ("B. Sensors and data", "tiit"), ("2.1 Sensors", "tiit"), ("Warnings", "tibo")],
)
def test_headings_are_told_by_their_number_and_letters(text: str, font: str) -> None:
    document = text_page(((40, 100, 360, 180), prose(40), 10))
    document[0].insert_text((40, 90), text, fontsize=10, fontname=font)
    first = plain_pages.blocks_of(text_layer.read(document[0]))[0]
    assert (first.kind, first.lines[0].text) == (Kind.HEADING, text)


@pytest.mark.parametrize(("text", "font"), [("B. the other of them", "tiro"), ("7 end", "cobo"), ("3 items", "tiro")])
def test_numbers_alone_make_no_heading(text: str, font: str) -> None:
    document = text_page(((40, 100, 360, 180), prose(40), 10))
    document[0].insert_text((40, 90), text, fontsize=10, fontname=font)
    assert all(block.kind is not Kind.HEADING for block in plain_pages.blocks_of(text_layer.read(document[0])))


def test_a_heading_over_two_lines_is_one() -> None:
    document = text_page(((40, 100, 360, 300), prose(60), 10))
    document[0].insert_text((40, 60), "Halos around massive galaxies:", fontsize=16)
    document[0].insert_text((40, 79), "data and theory", fontsize=16)
    first = plain_pages.blocks_of(text_layer.read(document[0]))[0]
    assert [line.text for line in first.lines] == ["Halos around massive galaxies:", "data and theory"]


def test_larger_type_that_much_of_a_page_has_is_no_heading() -> None:
    document = text_page(((40, 40, 360, 150), prose(50), 12), ((40, 160, 360, 400), prose(120), 10))
    assert all(block.kind is not Kind.HEADING for block in plain_pages.blocks_of(text_layer.read(document[0])))


def test_pictures_within_lines_make_no_column(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = document.new_page(width=400, height=500)
    formula = pymupdf.Pixmap(pymupdf.csGRAY, pymupdf.IRect(0, 0, 40, 14))
    formula.clear_with(120)
    wanted = []
    for row in range(6):
        y = 80 + 16 * row
        page.insert_text((40, y), f"we know that the product {row} of", fontsize=10)
        page.insert_image((173, y - 9, 228 + row, y + 2), pixmap=formula, keep_proportion=False)
        page.insert_text((231 + row, y), f"is less than the others {row}", fontsize=10)
        wanted.append(f"we know that the product {row} of is less than the others {row}")
    assert " ".join(read(document, tmp_path).text.split()) == " ".join(wanted)

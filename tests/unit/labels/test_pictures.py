"""Promises about pictures: each that is seen has one mark, after the text above it and before the text below."""

from collections.abc import Sequence
from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import figure_witness, pictures, text_layer
from scribetune.labels.page_blocks import Kind, PageBlock
from scribetune.labels.reader import LabelSettings, PageReader
from scribetune.labels.ruling_lines import rules_of
from scribetune.labels.tables.cells import Box
from scribetune.labels.text_layer import Line
from scribetune.text.markdown import FIGURE

SETTINGS = LabelSettings("keep", "html", "alt", "use", 60.0, "")
ABOVE = ["The water of the lake is measured here", "every morning and once more at night."]
BELOW = ["Nobody knew how deep it was before then,", "since no rope was long enough for it."]
LABEL = f"{' '.join(ABOVE)}\n\n{FIGURE}\n\n{' '.join(BELOW)}\n"


def image(page: pymupdf.Page, box: Box, *, is_blank: bool = False) -> None:
    """Draw an image of stripes, or of nothing but white, on a page."""
    pixmap = pymupdf.Pixmap(pymupdf.csGRAY, pymupdf.IRect(0, 0, 8, 8))
    pixmap.clear_with(255)
    for row in range(0, 0 if is_blank else 8, 2):
        pixmap.set_rect(pymupdf.IRect(0, row, 8, row + 1), (0,))
    page.insert_image(box, pixmap=pixmap, keep_proportion=False)


def sheet(middle: Sequence[Box] = (), *, is_blank: bool = False) -> pymupdf.Document:
    """Return a document of one page: two paragraphs, and images."""
    pdf = pymupdf.open()
    page = pdf.new_page(width=400, height=500)
    for box in middle:
        image(page, box, is_blank=is_blank)
    for y, lines in ((60, ABOVE), (300, BELOW)):
        for number, text in enumerate(lines):
            page.insert_text((60, y + 14 * number), text, fontsize=11)
    return pdf


def label_of(pdf: pymupdf.Document, folder: Path) -> tuple[str, int]:
    """Return the label of the first page, and how many figures its witness misses."""
    pdf.save(folder / "a.pdf")
    read = PageReader(str(folder / "a.pdf"), "", SETTINGS, {0}).read(0)
    missed = [one for one in read.findings or () if one.doubt == "figures_astray" and "otherwise" not in one.page]
    return read.text, len(missed)


def shown_on(pdf: pymupdf.Document) -> pictures.Shown:
    page = pdf[0]
    drawings = page.get_cdrawings()
    return pictures.of_page(page, text_layer.read(page), rules_of(drawings), drawings)


def test_a_small_picture_has_its_mark_between_the_paragraphs(tmp_path: Path) -> None:
    assert label_of(sheet([(60, 100, 100, 140)]), tmp_path) == (LABEL, 0)


def test_a_short_heading_beside_the_middle_stands_above_a_picture(tmp_path: Path) -> None:
    pdf = sheet([(180, 110, 240, 160)])
    pdf[0].insert_text((60, 98), "3.1 Depth", fontsize=14)
    text, missed = label_of(pdf, tmp_path)
    assert (text.index("Depth") < text.index(FIGURE) < text.index(BELOW[0]), missed) == (True, 0)


def test_a_logo_beside_the_lines_of_a_letterhead_does_not_divide_them(tmp_path: Path) -> None:
    pdf = sheet([(300, 12, 380, 42)])
    for number, text in enumerate(["Union of Traders", "76829 Landau"]):
        pdf[0].insert_text((150, 22 + 14 * number), text, fontsize=11)
    text, missed = label_of(pdf, tmp_path)
    divides = text.index("Traders") < text.index(FIGURE) < text.index("Landau")
    assert (divides, text.index(FIGURE) < text.index(ABOVE[0]), missed) == (False, True, 0)


def test_strips_of_an_image_are_one_picture(tmp_path: Path) -> None:
    strips = [(60.0, 100.0 + 20 * n, 300.0, 120.0 + 20 * n) for n in range(5)]
    assert label_of(sheet(strips), tmp_path) == (LABEL, 0)


def test_each_of_two_pictures_has_a_mark(tmp_path: Path) -> None:
    text, _ = label_of(sheet([(60, 100, 120, 160), (200, 100, 260, 160)]), tmp_path)
    assert text == LABEL.replace(FIGURE, f"{FIGURE}\n\n{FIGURE}")


@pytest.mark.parametrize(
    ("box", "is_blank"), [((60, 100, 300, 260), True), ((60, 100, 68, 108), False), ((0, 0, 400, 500), False)]
)
def test_what_is_blank_tiny_or_behind_the_text_is_no_picture(box: Box, is_blank: bool, tmp_path: Path) -> None:
    text, missed = label_of(sheet([box], is_blank=is_blank), tmp_path)
    assert (FIGURE in text, missed) == (False, 0)


@pytest.mark.parametrize("x", [70, 400])
def test_a_drawing_in_an_image_of_the_pages_size_is_a_picture(x: int, tmp_path: Path) -> None:
    pixmap = pymupdf.Pixmap(pymupdf.csGRAY, pymupdf.IRect(0, 0, 400, 500))
    pixmap.clear_with(255)
    for step in range(100):
        pixmap.set_rect(pymupdf.IRect(x + step, 120 + step, x + step + 2, 122 + step), (0,))
    pdf = pymupdf.open()
    page = pdf.new_page(width=400, height=500)
    page.insert_image(page.rect, pixmap=pixmap)
    for y, lines in ((60, ABOVE), (300, BELOW)):
        for number, text in enumerate(lines):
            page.insert_text((60, y + 14 * number), text, fontsize=11)
    assert label_of(pdf, tmp_path)[0] == (LABEL if x < 400 else LABEL.replace(f"{FIGURE}\n\n", ""))


def test_strokes_that_slope_near_each_other_are_a_picture_and_rules_are_none(tmp_path: Path) -> None:
    pdf = sheet()
    for number in range(6):
        pdf[0].draw_line((60 + 10 * number, 110), (100 + 10 * number, 190))
        pdf[0].draw_line((60, 320 + number), (300, 320 + number))
    assert [tuple(map(round, box)) for box in shown_on(pdf).pictures] == [(60, 110, 150, 190)]
    assert label_of(pdf, tmp_path)[0].startswith(LABEL.partition(BELOW[0])[0])


@pytest.mark.parametrize(
    ("label", "missed"),
    [
        (LABEL, 0),
        (LABEL.replace(f"{FIGURE}\n\n", ""), 1),
        (f"{FIGURE}\n\n{LABEL.replace(FIGURE, '')}", 2),
        (f"{LABEL}\n{FIGURE}\n", 1),
    ],
)
def test_a_mark_that_is_missing_too_many_or_elsewhere_speaks_against_a_label(label: str, missed: int) -> None:
    pdf = sheet([(60, 100, 300, 260)])
    found = figure_witness.of_page(label, text_layer.read(pdf[0]), shown_on(pdf))
    assert len(found) == missed


def test_a_page_that_shows_nothing_but_a_picture_is_doubted() -> None:
    pdf = pymupdf.open()
    page = pdf.new_page(width=400, height=500)
    image(page, (40, 80, 360, 460))
    page.insert_text((60, 60), "Exam of 2012")
    found = figure_witness.of_page(f"Exam of 2012\n\n{FIGURE}\n", text_layer.read(page), shown_on(pdf))
    assert [finding.label for finding in found] == [FIGURE]


def block(kind: Kind, box: Box, lines: Sequence[Line] = ()) -> PageBlock:
    return PageBlock(kind, box, tuple(lines))


def told(pdf: pymupdf.Document, blocks: Sequence[PageBlock]) -> list[tuple[str, str]]:
    page = pdf[0]
    drawn = page.get_cdrawings()
    layer, rules = text_layer.read(page), rules_of(drawn)
    found = figure_witness.of_words(blocks, layer, pictures.of_page(page, layer, rules, drawn), rules)
    return [(one.page, one.label) for one in found]


def test_words_left_out_as_a_drawings_are_in_its_box_and_in_no_caption() -> None:
    pdf = sheet()
    page = pdf[0]
    for x, y, text in ((70, 150, "4.5"), (60, 220, "Figure 3:"), (112, 220, "A number"), (60, 233, "of clients")):
        page.insert_text((x, y), text, fontsize=10)
    lines = {line.text: line for line in text_layer.read(page).lines}
    figure = block(Kind.FIGURE, (60, 100, 300, 240))
    assert told(pdf, [figure, block(Kind.DRAWN, figure.box, [lines["4.5"]])]) == []
    swallowed = [line for text, line in lines.items() if "number" in text or "clients" in text]
    assert [page for page, _ in told(pdf, [figure, block(Kind.DRAWN, figure.box, swallowed)])] == [
        line.text for line in swallowed
    ]
    outside = block(Kind.DRAWN, figure.box, [lines[BELOW[0]]])
    assert told(pdf, [figure, outside]) == [(BELOW[0], "")]


def test_words_of_a_tree_or_of_a_drawing_with_its_mark_are_no_text() -> None:
    pdf = sheet()
    page = pdf[0]
    for x, y in ((140, 110), (100, 140), (180, 140)):
        page.insert_text((x, y), str(x), fontsize=10)
    assert told(pdf, [block(Kind.TEXT, (60, 100, 300, 150), text_layer.read(page).lines)]) == []
    for x in (106, 150):
        page.draw_line((x, 115), (x + 12, 127))
        page.draw_line((x + 20, 115), (x + 32, 127))
    lines = text_layer.read(page).lines
    assert told(pdf, [block(Kind.TEXT, (60, 100, 300, 150), lines)]) == [("", "140")]
    assert told(pdf, [block(Kind.FIGURE, (90, 95, 220, 150)), block(Kind.DRAWN, (60, 100, 300, 150), lines[:0])]) == []


@pytest.mark.parametrize(
    ("seen", "shown", "counts"),
    [
        ((), (300, 12, 380, 42), 0),
        ((0, 400, 400, 420), (), 0),
        ((), (50, 40, 350, 90), 1),
        ((50, 40, 350, 90), (), 1),
        ((60, 100, 100, 140), (60, 100, 100, 140), 0),
    ],
    ids=["a logo put in", "a band taken out", "put in over words", "taken out with words", "seen alike"],
)
def test_a_picture_that_layout_analysis_sees_otherwise_speaks_against_a_page_where_it_holds_words(
    seen: Box | tuple[()], shown: Box | tuple[()], counts: int
) -> None:
    lines = text_layer.read(sheet()[0]).lines
    blocks = [PageBlock(Kind.TEXT, line.box, (line,)) for line in lines]
    figures = [PageBlock(Kind.FIGURE, seen)] if seen else []
    on_page = pictures.Shown((shown,) if shown else ())
    kept, otherwise = pictures.in_place([*blocks[:2], *figures, *blocks[2:]], on_page, lines)
    assert (sum(block.kind is Kind.FIGURE for block in kept), len(otherwise)) == (int(bool(shown)), counts)

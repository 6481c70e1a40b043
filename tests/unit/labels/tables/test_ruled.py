"""Promises about tables whose cells are framed: the lines that are drawn say what a cell is."""

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from scribetune.labels import ruling_lines, text_layer
from scribetune.labels.characters import characters_of
from scribetune.labels.tables.ruled import RuledTable, tables_of
from scribetune.text.grids import Cell

XS = [60.0, 160.0, 260.0, 340.0]
YS = [100.0, 118.0, 136.0, 154.0]
ROWS = [["Name", "Town", "Sum"], ["Meier", "Bern", "12.50"], ["Huber", "Basel", "8.75"]]
FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
MARKDOWN = "| Name | Town | Sum |\n|---|---|---|\n| Meier | Bern | 12.50 |\n| Huber | Basel | 8.75 |"


def new_page() -> Any:
    return pymupdf.open().new_page()


def found_on(page: Any, elsewhere: Collection[str] = ()) -> list[RuledTable]:
    layer = text_layer.read(page)
    return tables_of(layer, ruling_lines.rules_of(page.get_cdrawings()), lambda: characters_of(page), elsewhere)


def only(page: Any) -> RuledTable:
    (found,) = found_on(page)
    return found


def fill(page: Any, xs: Sequence[float], ys: Sequence[float], rows: Sequence[Sequence[str]], size: float = 10) -> None:
    for y, row in zip(ys, rows, strict=False):
        for x, text in zip(xs, row, strict=False):
            for number, line in enumerate(text.split("|")):
                page.insert_text((x + 3, y + 12 + 12 * number), line, fontsize=size)


def lines(page: Any, xs: Sequence[float], ys: Sequence[float]) -> None:
    for y in ys:
        page.draw_line((xs[0], y), (xs[-1], y))
    for x in xs:
        page.draw_line((x, ys[0]), (x, ys[-1]))


def thin_boxes(page: Any, xs: Sequence[float], ys: Sequence[float]) -> None:
    for y in ys:
        page.draw_rect((xs[0], y, xs[-1], y + 0.7), color=None, fill=(0, 0, 0))
    for x in xs:
        page.draw_rect((x, ys[0], x + 0.7, ys[-1]), color=None, fill=(0, 0, 0))


def frames(page: Any, xs: Sequence[float], ys: Sequence[float], apart: float = 0.0) -> None:
    for x0, x1 in pairwise(xs):
        for y0, y1 in pairwise(ys):
            page.draw_rect((x0 + apart, y0 + apart, x1 - apart, y1 - apart), width=0.5)


def dots(page: Any, xs: Sequence[float], ys: Sequence[float]) -> None:
    def dot(x: float, y: float) -> None:
        page.draw_rect((x, y, x + 1, y + 1), color=None, fill=(0.3, 0.3, 0.3))

    for y in ys:
        for step in range(int((xs[-1] - xs[0]) / 3) + 1):
            dot(xs[0] + 3 * step, y)
    for x in xs:
        for step in range(int((ys[-1] - ys[0]) / 3) + 1):
            dot(x, ys[0] + 3 * step)


def doubled(page: Any, xs: Sequence[float], ys: Sequence[float]) -> None:
    for shift in (-1, 1):
        for y in ys:
            page.draw_line((xs[0], y + shift), (xs[-1], y + shift), width=0.4)
        for x in xs:
            page.draw_line((x + shift, ys[0]), (x + shift, ys[-1]), width=0.4)


def shades(page: Any, xs: Sequence[float], ys: Sequence[float]) -> None:
    for column, (x0, x1) in enumerate(pairwise(xs)):
        for row, (y0, y1) in enumerate(pairwise(ys)):
            grey = 0.9 if (row + column) % 2 else 0.8
            page.draw_rect((x0, y0, x1, y1), color=None, fill=(grey, grey, grey))


def white_lines_on_colour(page: Any, xs: Sequence[float], ys: Sequence[float]) -> None:
    page.draw_rect((xs[0], ys[0], xs[-1], ys[-1]), color=None, fill=(0.8, 0.88, 0.95))
    for y in ys:
        page.draw_line((xs[0], y), (xs[-1], y), color=(1, 1, 1))
    for x in xs:
        page.draw_line((x, ys[0]), (x, ys[-1]), color=(1, 1, 1))


def without_sides(page: Any, xs: Sequence[float], ys: Sequence[float]) -> None:
    for y in ys:
        page.draw_line((xs[0], y), (xs[-1], y))
    for x in xs[1:-1]:
        page.draw_line((x, ys[0]), (x, ys[-1]))


def in_a_form(page: Any, xs: Sequence[float], ys: Sequence[float]) -> None:
    other = pymupdf.open()
    lines(other.new_page(width=page.rect.width, height=page.rect.height), xs, ys)
    page.show_pdf_page(page.rect, other, 0)


HOW = [
    lines,
    thin_boxes,
    frames,
    lambda page, xs, ys: frames(page, xs, ys, 1.0),
    dots,
    doubled,
    shades,
    white_lines_on_colour,
    without_sides,
    in_a_form,
]


@pytest.mark.parametrize("draw", HOW, ids=lambda draw: draw.__name__.strip("<>"))
def test_cells_are_what_the_lines_frame_however_they_are_drawn(draw: Callable[..., None]) -> None:
    page = new_page()
    draw(page, XS, YS)
    fill(page, XS, YS, ROWS)
    assert only(page).table.markdown() == MARKDOWN


def test_figures_that_touch_are_cut_at_the_line_between_them() -> None:
    page = new_page()
    xs = [60.0, 100.0, 130.0, 180.0]
    lines(page, xs, YS)
    for row, texts in enumerate([["No", "Qty", "Amount"], ["1", "24.", "113502.64"], ["2", "606", "99.75"]]):
        for column, text in enumerate(texts):
            width = pymupdf.get_text_length(text, fontsize=11)
            page.insert_text((xs[column + 1] - 0.3 - width, YS[row] + 12), text, fontsize=11)
    assert only(page).table.markdown().splitlines()[2:] == ["| 1 | 24. | 113502.64 |", "| 2 | 606 | 99.75 |"]


def test_a_word_that_reaches_into_the_next_cell_stays_whole() -> None:
    page = new_page()
    lines(page, XS, YS)
    fill(page, XS, YS, [["Name", "Town", "Sum"], ["Donaudampfschifffahrtsges.", "", "1"], ["Huber", "Basel", "2"]])
    assert "| Donaudampfschifffahrtsges. |  | 1 |" in only(page).table.markdown()


def test_a_cell_spans_where_a_wall_is_missing_and_empty_columns_stay() -> None:
    page = new_page()
    for x0, y0, x1, y1 in [(60, 100, 160, 136), (160, 100, 340, 118), (160, 118, 260, 136), (260, 118, 340, 136)]:
        page.draw_rect((x0, y0, x1, y1))
    frames(page, XS, [136, 154, 172])
    fill(page, XS, [100, 118, 136, 154], [["Zone", "Year"], ["", "2001", "2002"], ["North", "1"], ["South", "2"]])
    table = only(page).table
    assert (table.rows, table.columns) == (4, 3)
    assert [cell for cell in table.cells if cell.spans] == [Cell(0, 0, "Zone", 2, 1), Cell(0, 1, "Year", 1, 2)]


def test_headings_above_the_lines_are_the_head_and_figures_below_them_the_last_row() -> None:
    page = new_page()
    frames(page, XS, YS)
    fill(
        page,
        XS,
        [84.0, *YS],
        [["Name", "%", "Sum"], ["Meier", "1", "12.50"], ["Huber", "2", "8.75"], ["Roth", "3", "4.00"]],
    )
    fill(page, XS, [154.0], [["Total", "6", "25.25"]])
    page.insert_text((60, 70), "Contributions of the members in the year that has passed", fontsize=10)
    page.insert_text((60, 200), "All contributions were paid.", fontsize=10)
    assert only(page).table.markdown().splitlines() == [
        "| Name | % | Sum |",
        "|---|---|---|",
        "| Meier | 1 | 12.50 |",
        "| Huber | 2 | 8.75 |",
        "| Roth | 3 | 4.00 |",
        "| Total | 6 | 25.25 |",
    ]


def test_groups_of_columns_above_the_lines_span_them() -> None:
    page = new_page()
    lines(page, [60, 120, 180, 240, 300], YS)
    for x0, x1, text in [(60, 180, "2001"), (180, 300, "2002")]:
        width = pymupdf.get_text_length(text, fontsize=10)
        page.insert_text(((x0 + x1 - width) / 2, 97), text, fontsize=10)
    fill(page, [60, 120, 180, 240], YS, [["t", "EUR", "t", "EUR"], ["1", "2", "3", "4"], ["5", "6", "7", "8"]])
    first = [cell for cell in only(page).table.cells if cell.row == 0]
    assert first == [Cell(0, 0, "2001", 1, 2), Cell(0, 2, "2002", 1, 2)]


def test_a_column_of_figures_beside_the_lines_belongs_to_them() -> None:
    page = new_page()
    lines(page, XS[:3], YS)
    fill(page, XS, YS, [["Name", "Town"], ["Meier", "Bern", "12.50"], ["Huber", "Basel", "8.75"]])
    assert only(page).table.markdown().splitlines()[-1] == "| Huber | Basel | 8.75 |"


@pytest.mark.parametrize("degrees", [45, 30, -20])
def test_words_of_a_sloping_watermark_are_in_no_cell(degrees: int) -> None:
    page = new_page()
    lines(page, XS, YS)
    fill(page, XS, YS, ROWS)
    at = pymupdf.Point(100, 140)
    page.insert_text(at, "DRAFT", fontsize=40, morph=(at, pymupdf.Matrix(degrees)))
    assert only(page).table.markdown() == MARKDOWN


def test_a_large_level_watermark_is_in_no_cell() -> None:
    page = new_page()
    page.insert_text((100, 145), "SAMPLE", fontsize=50, color=(0.9, 0.9, 0.9))
    lines(page, XS, YS)
    fill(page, XS, YS, ROWS)
    assert only(page).table.markdown() == MARKDOWN


def test_a_stamp_that_runs_up_the_page_is_in_no_cell() -> None:
    page = new_page()
    lines(page, XS, YS)
    fill(page, XS, YS, ROWS)
    page.insert_text((255, 152), "COPY", fontsize=18, rotate=90)
    assert only(page).table.markdown() == MARKDOWN


def test_headings_that_run_up_the_page_are_read() -> None:
    page = new_page()
    lines(page, [60, 160, 190, 220], [100, 180, 198, 216])
    page.insert_text((63, 176), "Course", fontsize=10)
    for x, text in [(178, "Monday noon"), (208, "Friday")]:
        page.insert_text((x, 176), text, fontsize=10, rotate=90)
    fill(page, [60, 160, 190], [180, 198], [["Yoga", "x", ""], ["Choir", "", "x"]])
    assert only(page).table.markdown().splitlines()[0] == "| Course | Monday noon | Friday |"


def test_a_table_in_a_cell_is_there_once() -> None:
    page = new_page()
    lines(page, [60, 160, 420], [100, 120, 220, 240])
    fill(page, [60, 160], [100, 120], [["Field", "Value"], ["Size"]])
    fill(page, [60, 160], [220], [["Colour", "red"]])
    lines(page, [175, 260, 345], [130, 150, 170, 190])
    fill(page, [175, 260], [130, 150, 170], [["side", "cm"], ["width", "20"], ["depth", "35"]])
    table = only(page).table
    assert (table.rows, table.columns) == (5, 3)
    assert Cell(1, 0, "Size", 3, 1) in table.cells
    assert Cell(2, 1, "width") in table.cells


def test_lines_of_a_cell_are_joined_and_chinese_without_blanks() -> None:
    page = new_page()
    lines(page, XS, [100, 118, 150])
    fill(page, XS, [100, 118], [["Name", "Town", "Sum"], ["Meier and|sons", "", "12"]])
    page.insert_text((163, 130), "净利", fontname="china-s", fontsize=10)
    page.insert_text((163, 142), "润表", fontname="china-s", fontsize=10)
    assert "| Meier and sons | 净利润表 | 12 |" in only(page).table.markdown()


def test_a_total_without_lines_between_its_figures_has_a_cell_for_each() -> None:
    page = new_page()
    lines(page, XS, YS)
    page.draw_rect((60, 154, 340, 172))
    fill(page, XS, [*YS[:-1], 154], [*ROWS, ["Total", "3", "21.25"]])
    assert only(page).table.markdown().splitlines()[-1] == "| Total | 3 | 21.25 |"


def test_a_caption_in_a_row_of_its_own_is_above_the_table() -> None:
    page = new_page()
    page.draw_rect((60, 82, 340, 100))
    lines(page, XS, YS)
    fill(page, XS, YS, ROWS)
    page.insert_text((63, 94), "Table 3. Contributions of members", fontsize=10)
    assert only(page).table.above == ("Table 3. Contributions of members",)
    assert only(page).table.rows == 3


@pytest.mark.parametrize("height", [54.0, 90.0])
def test_bands_of_several_rows_are_left_to_white_space(height: float) -> None:
    page = new_page()
    ys = [100, 118, 118 + height]
    lines(page, XS, ys)
    rows = int(height / 14)
    fill(page, XS, [100, *(118 + 14 * row for row in range(rows))], [ROWS[0], *([["Meier", "Bern", "12.50"]] * rows)])
    assert found_on(page) == []


def test_columns_without_a_line_between_them_are_left_to_white_space() -> None:
    page = new_page()
    lines(page, [60, 160, 400], [100 + 18 * row for row in range(7)])
    for row in range(6):
        fill(page, [60, 160, 280], [100 + 18 * row], [["North", "left part", "right part"]])
    assert found_on(page) == []


def test_a_page_frame_is_no_table_and_what_it_holds_is() -> None:
    page = new_page()
    page.draw_rect((20, 20, 575, 822))
    page.draw_line((20, 60), (575, 60))
    page.draw_line((300, 20), (300, 60))
    lines(page, XS, YS)
    fill(page, XS, YS, ROWS)
    lines(page, XS, [y + 200 for y in YS])
    fill(page, XS, [y + 200 for y in YS], ROWS)
    page.insert_text((60, 250), "Between them there is text.", fontsize=10)
    assert [found.table.markdown() for found in found_on(page)] == [MARKDOWN, MARKDOWN]


def test_frames_of_links_in_running_text_are_no_table() -> None:
    page = new_page()
    for row in range(4):
        y = 100 + 14 * row
        page.insert_text((60, y), "See the pages 12, 14, and 19 of the book for this, and more of it", fontsize=10)
        for number in range(3):
            page.draw_rect((125 + 17 * number, y - 10, 142 + 17 * number, y + 4), width=0.5)
    assert found_on(page) == []


def test_lines_of_a_chart_are_no_table() -> None:
    page = new_page()
    lines(page, [100 + 60 * n for n in range(6)], [100 + 40 * n for n in range(6)])
    for n in range(6):
        page.insert_text((80, 104 + 40 * n), str(50 - 10 * n), fontsize=8)
        page.insert_text((95 + 60 * n, 315), str(2000 + n), fontsize=8)
    assert found_on(page) == []


def test_a_table_in_a_cell_whose_frame_meets_the_cell_is_part_of_it() -> None:
    page = new_page()
    lines(page, [60, 160, 260], [100, 118, 170, 188])
    fill(page, [60, 160], [100, 118, 170], [["a1", "b1"], ["a2", "b2"], ["a3", "b3"]])
    lines(page, [61, 90, 130], [135, 150, 165])
    fill(page, [61, 90], [135, 150], [["i1", "i2"], ["i3", "i4"]])
    table = only(page).table
    assert [cell.text for cell in table.cells] == ["a1", "b1", "a2", "b2", "i1", "i2", "i3", "i4", "a3", "b3"]
    assert (table.rows, table.columns) == (5, 3)


def test_frames_of_a_drawing_are_no_table() -> None:
    page = new_page()
    for number, text in enumerate(["Input", "Filter", "Output"]):
        page.draw_rect((60 + 150 * number, 100 + 60 * number, 140 + 150 * number, 140 + 60 * number))
        page.insert_text((65 + 150 * number, 125 + 60 * number), text, fontsize=10)
    page.draw_line((140, 120), (250, 120))
    page.draw_line((250, 120), (250, 160))
    page.draw_line((290, 180), (400, 180))
    page.draw_line((400, 180), (400, 220))
    assert found_on(page) == []


@pytest.mark.skipif(not FONT.exists(), reason="needs the fonts of fonts-dejavu-core")
def test_right_to_left_tables_begin_at_the_right_and_signs_are_read_first() -> None:
    page = new_page()
    lines(page, XS[:3], YS)
    # As drawn, from left to right.
    rows = [["מוכס", "םש"], ["7.7-", "ןולטק"], ["12.5+", "הרעש"]]
    for y, row in zip(YS, rows, strict=False):
        for x, text in zip(XS, row, strict=False):
            page.insert_text((x + 3, y + 12), text, fontsize=10, fontname="dejavu", fontfile=str(FONT))
    found = only(page).table.markdown().splitlines()
    assert [line.split(" | ")[-1] for line in found[2:]] == ["-7.7 |", "+12.5 |"]


def test_boxes_of_a_diagram_are_no_table() -> None:
    page = new_page()
    lines(page, XS, YS)
    fill(page, XS, YS, [["Client", "", ""], ["", "Server", ""], ["", "", "Store"]])
    assert len(found_on(page)) == 1
    for x in (100, 130, 200):
        page.draw_line((x, 110), (x + 40, 140))
    assert not found_on(page)


def test_as_many_lines_in_all_cells_beside_each_other_are_rows() -> None:
    page = new_page()
    lines(page, XS, [100, 118, 180])
    full = ["Municipal library", "Regional archives", "Northern museums", "Harbour authority"]
    sums = ["twelve hundred", "seven thousand", "eight thousand", "three hundred"]
    fill(page, XS, [100, 118], [ROWS[0], ["|".join(full), "|".join(full[::-1]), "|".join(sums)]])
    assert not found_on(page)
    short = new_page()
    lines(short, XS, [100, 118, 180])
    fill(short, XS, [100, 118], [ROWS[0], ["|".join(full), "|".join(full[:2]), "|".join(sums)]])
    assert len(found_on(short)) == 1


def test_the_heading_of_a_section_ends_a_table_that_touches_it() -> None:
    page = new_page()
    ys = [100.0, 118.0, 136.0, 154.0, 172.0, 190.0]
    for y in ys:
        page.draw_line((60, y), (340, y))
    for x in (60, 340):
        page.draw_line((x, 100), (x, 190))
    for top, bottom, xs in ((100, 136, (160, 260)), (154, 190, (120, 220))):
        for x in xs:
            page.draw_line((x, top), (x, bottom))
    fill(page, XS, ys[:2], ROWS[:2])
    page.insert_text((63, 148), "SECTION 12: Water")
    fill(page, [60, 120, 220], ys[3:5], [["Lake", "Deep", "Salt"], ["Aral", "None", "Much"]])
    tables = [found.table for found in found_on(page)]
    assert [[cell.text for cell in table.cells] for table in tables] == [
        ["Name", "Town", "Sum", "Meier", "Bern", "12.50"],
        ["Lake", "Deep", "Salt", "Aral", "None", "Much"],
    ]
    assert [(table.rows, table.columns) for table in tables] == [(2, 3), (2, 3)]


def test_that_a_framed_table_goes_on_is_no_row_of_it() -> None:
    page = new_page()
    for y in (82.0, *YS[:3]):
        page.draw_line((60, y), (340, y))
    for x, top in ((60, 82), (160, 100), (260, 100), (340, 82)):
        page.draw_line((x, top), (x, YS[2]))
    fill(page, XS, YS, ROWS[:2])
    page.insert_text((220, 94), "(Continued from page 2)")
    assert [cell.text for cell in only(page).table.cells] == ["Name", "Town", "Sum", "Meier", "Bern", "12.50"]


def test_two_headings_within_one_frame_are_two_levels() -> None:
    page = new_page()
    xs, ys = [60.0, 160.0, 220.0, 280.0, 340.0], [100.0, 130.0, 148.0, 166.0]
    for y in ys:
        page.draw_line((60, y), (340, y))
    for x in xs:
        page.draw_line((x, 130 if x in (220, 280) else 100), (x, 166))
    page.draw_line((280, 100), (280, 130))
    page.insert_text((63, 124), "Symbol", fontsize=10)
    for x, text in ((202, "At 12 V"), (296, "Unit")):
        page.insert_text((x, 112 if x < 296 else 124), text, fontsize=10)
    for x, text in ((163, "Min"), (223, "Max")):
        page.insert_text((x, 124), text, fontsize=10)
    fill(page, xs, ys[1:], [["Time", "1.0", "7.5", "ns"], ["Speed", "2.0", "8.5", "m/s"]])
    table = only(page).table
    assert (table.rows, table.columns) == (4, 4)
    assert table.cells[:5] == (
        Cell(0, 0, "Symbol", row_span=2),
        Cell(0, 1, "At 12 V", column_span=2),
        Cell(0, 3, "Unit", row_span=2),
        Cell(1, 1, "Min"),
        Cell(1, 2, "Max"),
    )


def test_a_heading_of_two_lines_over_two_columns_is_one() -> None:
    page = new_page()
    xs, ys = [60.0, 160.0, 220.0, 340.0], [100.0, 130.0, 148.0]
    for y in ys:
        page.draw_line((60, y), (340, y))
    for x in xs:
        page.draw_line((x, 130 if x == 220 else 100), (x, 148))
    fill(page, xs, ys, [["Name", "Both of these|columns together"], ["Lake", "1.0", "7.5"]])
    assert [cell.text for cell in only(page).table.cells] == [
        "Name",
        "Both of these columns together",
        "Lake",
        "1.0",
        "7.5",
    ]


def name_beside_values(page: Any, rows: Sequence[tuple[float, str, str]]) -> None:
    xs, ys = [60.0, 160.0, 340.0], [100.0, 118.0, 178.0, 196.0]
    lines(page, xs, ys)
    fill(page, xs, ys, [["Limit", "Value"]])
    fill(page, xs, ys[2:], [["Ozone", "None"]])
    for y, name, value in rows:
        page.insert_text((63, y), name, fontsize=10)
        page.insert_text((163, y), value, fontsize=10)


LIMITS = [
    (130.0, "AGW", "Long: 270 mg"),
    (142.0, "", "1(I); DFG"),
    (158.0, "IOELV", "Short: 540 mg"),
    (170.0, "", "EU"),
]


def test_a_name_at_the_height_of_values_apart_begins_a_row() -> None:
    page = new_page()
    name_beside_values(page, LIMITS)
    assert only(page).table.markdown().splitlines()[2:] == [
        "| AGW | Long: 270 mg 1(I); DFG |",
        "| IOELV | Short: 540 mg EU |",
        "| Ozone | None |",
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [(y - 4 * (y > 150), name, value) for y, name, value in LIMITS],  # lines that are evenly apart
        [(y, name.lower(), value) for y, name, value in LIMITS],
        [(y, name.replace("AGW", "AGW,"), value) for y, name, value in LIMITS],
        [(y, "" if name == "AGW" else name, value) for y, name, value in LIMITS],
    ],
)
def test_a_name_that_may_go_on_begins_none(rows: Sequence[tuple[float, str, str]]) -> None:
    page = new_page()
    name_beside_values(page, rows)
    assert only(page).table.rows == 3


NARROW = [60.0, 91.0, 140.0, 162.5, 340.0]


def narrow(page: Any, rows: Sequence[Sequence[str]]) -> None:
    ys = [100.0 + 30 * number for number in range(len(rows) + 1)]
    lines(page, NARROW, ys)
    fill(page, NARROW, ys, rows)


def test_words_and_numbers_that_narrow_cells_break_are_one() -> None:
    page = new_page()
    narrow(
        page,
        [["Endp|unkt", "Organism", "Wer|t", "Method"], ["LD50", "Kaninche|n", ">50|00", "Acute oral"]],
    )
    page.insert_text((63, 300), "The endpunkt stands here.")
    assert only(page).table.markdown().splitlines() == [
        "| Endpunkt | Organism | Wert | Method |",
        "|---|---|---|---|",
        "| LD50 | Kaninchen | >5000 | Acute oral |",
    ]


def test_what_narrow_cells_hold_below_each_other_stays_apart() -> None:
    page = new_page()
    narrow(
        page,
        [["Endp|und", "Organism", "Mas|kg", "Method"], ["LD50", "Kaninche|im Stall", ">50|00", "Acute oral"]],
    )
    page.insert_text((63, 300), "Here is und, and endp, and endpund.")
    assert only(page).table.markdown().splitlines() == [
        "| Endp und | Organism | Mas kg | Method |",
        "|---|---|---|---|",
        "| LD50 | Kaninche im Stall | >50 00 | Acute oral |",
    ]


def test_the_other_pages_know_words_that_cells_break() -> None:
    page = new_page()
    narrow(page, [["LD50", "Exposition|szeit", "Day", "Method"], ["LC50", "Days", "Two", "Acute oral"]])
    assert [cell.text for cell in only(page).table.cells][1] == "Exposition szeit"
    (found,) = found_on(page, {"expositionszeit", "exposition"})
    assert [cell.text for cell in found.table.cells][1] == "Expositionszeit"

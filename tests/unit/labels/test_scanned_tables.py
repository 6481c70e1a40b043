"""Promises about tables of scans: those that two readers' words make alike are tables; all others stay lines."""

from collections.abc import Sequence
from dataclasses import replace

import pymupdf
import pytest
from PIL import Image, ImageDraw

from scribetune.labels import image_models, scanned_tables, two_readings
from scribetune.labels.tables.cells import Word
from scribetune.labels.two_readings import DoublyRead

CELLS = (
    ("Metal", "Mass", "Price"),
    ("Iron", "17", "121.00"),
    ("Lead", "29", "343.50"),
    ("Zinc", "38", "565.20"),
)
COLUMNS, TOP, HIGH = (60, 300, 500, 740), 140, 50
TABLE = (
    "| Metal | Mass | Price |\n|---|---|---|\n| Iron | 17 | 121.00 |\n| Lead | 29 | 343.50 |\n| Zinc | 38 | 565.20 |"
)


def line(text: str, x: float, y: float, *, agrees: bool = True) -> DoublyRead:
    return DoublyRead(text, text, agrees, (x, y, x + 14.0 * len(text), y + 28))


def lines() -> list[DoublyRead]:
    """Return a heading, the table's cells, and a line below."""
    cells = [
        line(text, left + 12, TOP + HIGH * row + 11)
        for row, texts in enumerate(CELLS)
        for left, text in zip(COLUMNS[:-1], texts, strict=True)
    ]
    return [line("Prices of metals", 60, 60), *cells, line("All prices in crowns", 60, TOP + HIGH * 4 + 40)]


def framed(without: int = -1) -> Image.Image:
    """Return an image with the lines of the table, one of those down the page left out."""
    image = Image.new("L", (900, 500), 235)
    draw = ImageDraw.Draw(image)
    for row in range(5):
        draw.line((COLUMNS[0], TOP + HIGH * row, COLUMNS[-1], TOP + HIGH * row), fill=40, width=3)
    for number, x in enumerate(COLUMNS):
        if number != without:
            draw.line((x, TOP, x, TOP + HIGH * 4), fill=40, width=3)
    return image


def test_cells_that_lines_frame_are_a_table_and_stand_where_it_stands() -> None:
    scan = scanned_tables.of_lines(framed(), lines())
    (table,) = scan.tables
    assert table.text == TABLE
    assert table.lines == tuple(range(1, 13))
    rows = two_readings.in_order([scan.lines[0], scan.lines[-1]])
    assert scanned_tables.rows_of(scan, rows) == ["Prices of metals", f"\n{TABLE}\n", "All prices in crowns"]
    assert all(one.agrees for one in scan.lines)


def test_without_lines_there_is_no_table_and_nothing_is_marked() -> None:
    scan = scanned_tables.of_lines(Image.new("L", (900, 500), 235), lines())
    assert scan == scanned_tables.ReadScan(tuple(lines()))


def test_where_the_readings_do_not_agree_lines_stay_lines_and_are_marked() -> None:
    scan = scanned_tables.of_lines(framed(without=2), lines())  # two columns in one, as far as lines tell
    assert scan.tables == ()
    assert [one.agrees for one in scan.lines] == [True, *[False] * 12, True]


BLANK = Image.new("L", (1240, 1754), 235)
TEXT = (
    "The metals that are sold here come from four mines in the north,",
    "and each lot is weighed twice before it is stored. What it costs",
    "is agreed on for a year, as the table shows, and goes up by two",
    "in a hundred where less than a ton is bought at one time.",
)


def small(text: str, x: float, y: float) -> DoublyRead:
    return DoublyRead(text, text, agrees=True, box=(x, y, x + 11.0 * len(text), y + 26))


def page_of(rows: Sequence[Sequence[str]]) -> list[DoublyRead]:
    """Return the lines of a page: running text, rows in columns, running text."""
    above = [small(text, 150, 150 + 34 * number) for number, text in enumerate(TEXT)]
    cells = [
        small(text, right - 11.0 * len(text) if right > 150 else 150, 360 + 34 * number)
        for number, row in enumerate(rows)
        for right, text in zip((150, 560, 760), row, strict=True)
    ]
    return [*above, *cells, *(small(text, 150, 700 + 34 * number) for number, text in enumerate(TEXT))]


ROWS = (*CELLS, ("Tin", "41", "777.10"), ("Copper", "64", "98.55"), ("Silver", "108", "1,214.00"))


def words_of(read: Sequence[DoublyRead]) -> list[Word]:
    """Return the words of lines, each as wide as its letters."""
    found = []
    for one in read:
        at, each = one.box[0], (one.box[2] - one.box[0]) / len(one.text)
        for text in one.text.split():
            found.append(Word(at, one.box[1], at + each * len(text) - 2, one.box[3], text))
            at += each * (len(text) + 1)
    return found


def test_words_in_columns_are_a_table_without_lines_where_both_readers_have_the_same_cells() -> None:
    read = page_of(ROWS)
    scan = scanned_tables.of_lines(BLANK, read, lambda _: [replace(word, x0=word.x0 + 1) for word in words_of(read)])
    (table,) = scan.tables
    assert table.text.split("\n")[2:] == ["| " + " | ".join(row) + " |" for row in ROWS[1:]]
    assert table.lines == tuple(range(4, 4 + 3 * len(ROWS)))
    assert all(one.agrees for one in scan.lines)


def test_where_the_second_readers_words_make_another_table_lines_stay_lines_and_are_marked() -> None:
    read = page_of(ROWS)
    without = [word for word in words_of(read) if word.text not in ("38", "343.50")]
    scan = scanned_tables.of_lines(BLANK, read, lambda _: without)
    assert scan.tables == ()
    assert [one.agrees for one in scan.lines] == [True] * 4 + [False] * 3 * len(ROWS) + [True] * 4


def test_running_text_has_no_table_and_is_not_read_again() -> None:
    text = page_of(())

    def never(_: float) -> list[Word]:
        raise AssertionError("asked for words")

    assert scanned_tables.of_lines(BLANK, text, never) == scanned_tables.ReadScan(tuple(text))


def test_a_page_without_lines_of_text_has_no_table() -> None:
    assert scanned_tables.of_lines(framed(), []) == scanned_tables.ReadScan(())


@pytest.mark.skipif(not image_models.is_installed(), reason="rapidocr is not installed (make env)")
def test_a_scanned_table_is_read_as_one(tmp_path: pytest.TempPathFactory) -> None:
    page = pymupdf.open().new_page(width=450, height=250)
    page.insert_text((30, 40), "Prices of metals", fontsize=13)
    for row in range(5):
        page.draw_line((30, 70 + 25 * row), (370, 70 + 25 * row))
    for x in (30, 150, 250, 370):
        page.draw_line((x, 70), (x, 170))
    for row, texts in enumerate(CELLS):
        for x, text in zip((36, 156, 256), texts, strict=True):
            page.insert_text((x, 87 + 25 * row), text, fontsize=13)
    path = f"{tmp_path}/scan.png"
    page.get_pixmap(dpi=150).save(path)
    scan = scanned_tables.of_file(path, "eng")
    assert [table.text for table in scan.tables] == [TABLE]

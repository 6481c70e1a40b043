"""Promises about running heads: what repeats over pages goes, or stands at top and bottom; text and tables stay."""

from collections.abc import Sequence
from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import layout_model, plain_pages, reader, running_heads, text_layer
from scribetune.labels.tables.cells import grid_of

WIDTH, HEIGHT = 400.0, 600.0
WORDS = ("harbour", "orchard", "meadow", "library", "foundry", "chapel", "granary", "market", "quarry", "bakery")


def text_of(page: int) -> list[str]:
    """Return the lines of a page, no two of a document alike."""
    place = WORDS[page % len(WORDS)]
    return [f"The {place} was painted in year {1800 + 7 * page + 3 * line}, as people tell." for line in range(8)]


def document(*heads: Sequence[tuple[float, float, str]], top: float = 150.0) -> pymupdf.Document:
    """Return a document whose pages have text, and at (x, y) these lines of their own."""
    pdf = pymupdf.open()
    for number, lines in enumerate(heads):
        page = pdf.new_page(width=WIDTH, height=HEIGHT)
        for x, y, line in lines:
            page.insert_text((x, y), line, fontsize=9, fontname="tiro")
        for at, line in enumerate(text_of(number)):
            page.insert_text((40, top + 14 * at), line, fontsize=10, fontname="tiro")
    return pdf


def label(pdf: pymupdf.Document, folder: Path, page: int, how: str = "drop") -> str:
    pdf.save(folder / "document.pdf")
    settings = reader.LabelSettings(how, "markdown", "alt", "use", 60.0, "test")
    return reader.PageReader(str(folder / "document.pdf"), "", settings).read(page).text


def test_lines_that_other_pages_have_too_go(tmp_path: Path) -> None:
    """They stand far below the upper margin, in two lines, the second of which counts the pages."""
    pdf = document(*[[(40, 85, "Report on old houses"), (40, 97, f"Sheet {n} of 5")] for n in range(1, 6)])
    for page in (0, 2, 4):
        text = label(pdf, tmp_path, page)
        assert "Report on old houses" not in text
        assert "Sheet" not in text
        assert text_of(page)[0] in text


def test_kept_they_stand_first_and_last(tmp_path: Path) -> None:
    pdf = document(*[[(40, 85, "Report on old houses"), (190, 520, f"Sheet {n}")] for n in range(1, 5)])
    paragraphs = label(pdf, tmp_path, 1, "keep").strip().split("\n\n")
    assert paragraphs[0] == "Report on old houses"
    assert paragraphs[-1] == "Sheet 2"
    assert len(paragraphs) > 2


def test_left_and_right_pages_differ_and_so_does_the_first(tmp_path: Path) -> None:
    left, right = (40, 85, "Old houses"), (300, 85, "A. Mason")
    pdf = document([(40, 85, "Written for the library")], *[[left if n % 2 else right] for n in range(1, 8)])
    assert "Old houses" not in label(pdf, tmp_path, 3)
    assert "A. Mason" not in label(pdf, tmp_path, 4)
    assert "Written for the library" in label(pdf, tmp_path, 0)


@pytest.mark.parametrize("numbers", [("vii", "viii", "ix", "x"), ("A-17", "A-18", "A-19", "A-20")])
def test_what_counts_pages_is_a_page_number(numbers: Sequence[str], tmp_path: Path) -> None:
    pdf = document(*[[(190, 510, number)] for number in numbers])
    assert numbers[1] not in label(pdf, tmp_path, 1)


def test_numbers_that_do_not_count_pages_are_none() -> None:
    pdf = document(*[[(40, 85, f"Costs of part {number} in all")] for number in (12, 40, 7, 33)])
    assert running_heads.RunningHeads(pdf).on_page(1).top < 0


def test_the_heading_of_a_table_on_every_page_is_part_of_it() -> None:
    pdf = pymupdf.open()
    for number in range(4):
        page = pdf.new_page(width=WIDTH, height=HEIGHT)
        page.insert_text((40, 60), "Stocks at the end of the year", fontsize=9)
        for row in range(20):
            cells = (
                ("Ware", "Pieces", "Weight")
                if row == 0
                else (f"{WORDS[row % 10]} {number}", f"{row * 31 + number * 7}", f"{row}.{number}5")
            )
            for x, cell in zip((40, 180, 280), cells, strict=True):
                page.insert_text((x, 90 + 16 * row), cell, fontsize=9)
    heads = running_heads.RunningHeads(pdf).on_page(1)
    assert 60 < heads.top < 80


def test_copies_of_a_form_have_no_running_heads(tmp_path: Path) -> None:
    pdf = pymupdf.open()
    for number in range(4):
        page = pdf.new_page(width=WIDTH, height=HEIGHT)
        for row, field in enumerate(WORDS):
            page.insert_text((40, 80 + 24 * row), f"{field.title()}:", fontsize=10)
            page.insert_text((200, 80 + 24 * row), f"entry {number * 7 + row * 3}", fontsize=10)
    assert "Harbour" in label(pdf, tmp_path, 1)


@pytest.mark.parametrize(
    "line",
    [
        [(40, 70, "212"), (150, 70, "OLD HOUSES."), (310, 70, "Chap. IX.")],
        [(192, 65, "- 212 -")],
        [(40, 70, "Revision 2.4"), (180, 70, "10 June 1919"), (318, 70, "No. 475")],
    ],
)
def test_a_page_by_itself_shows_them_by_their_form(line: list[tuple[float, float, str]], tmp_path: Path) -> None:
    text = label(document(line, top=90), tmp_path, 0)
    assert not any(piece in text for _, _, piece in line)
    assert text_of(0)[0] in text


def test_the_first_row_of_a_table_is_none(tmp_path: Path) -> None:
    pdf = pymupdf.open()
    page = pdf.new_page(width=WIDTH, height=HEIGHT)
    for row in range(8):
        for x, cell in zip(
            (40, 180, 280), ("Ware", "Pieces", "1919") if not row else (WORDS[row], f"{row}7", f"{row}9"), strict=True
        ):
            page.insert_text((x, 60 + 14 * row), cell, fontsize=9)
    assert "Pieces" in label(pdf, tmp_path, 0)


def test_a_turned_page_is_compared_as_it_is_shown() -> None:
    pdf = document(*[[(40, 85, "Report on old houses")] for _ in range(4)])
    upright = running_heads.RunningHeads(pdf).on_page(1)
    assert upright.top == pytest.approx(87, abs=4)
    turned = pymupdf.open()
    for page in pdf:
        new = turned.new_page(width=HEIGHT, height=WIDTH)
        new.show_pdf_page(new.rect, pdf, page.number, rotate=90)
        new.set_rotation(90)
    assert running_heads.RunningHeads(turned).on_page(1).top == pytest.approx(upright.top, abs=2)


def test_only_pages_that_can_be_read_are_compared() -> None:
    pdf = document(*[[(40, 85, "Report on old houses")] for _ in range(4)])
    assert running_heads.RunningHeads(pdf, {1}).on_page(1) == running_heads.Heads()
    assert running_heads.RunningHeads(pdf, {1, 3}).on_page(1).top > 0


def test_a_head_that_the_layout_model_takes_for_a_table_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pdf = document(*[[(40, 85, "Report"), (180, 85, "Houses"), (300, 85, f"Sheet {n}")] for n in range(1, 5)])
    table = grid_of([["Report", "Houses", "Sheet 2"], ["of", "1907", "all"]], (38.0, 70.0, 350.0, 90.0))
    region = layout_model.Region("table", table.box, (layout_model.DetectedTable(table, ()),))
    monkeypatch.setattr(layout_model, "regions_of", lambda _: [region])
    monkeypatch.setattr(plain_pages, "is_plain", lambda *_: False)
    assert label(pdf, tmp_path, 1, "keep").count("Houses") == 1


def test_a_title_that_is_also_a_running_head_stays_a_heading_on_the_first_page(tmp_path: Path) -> None:
    """On the others it is a running head, and no heading; the sections are one level below it on all."""
    pdf = document(*[[(40, 110, f"Part {'ABCDE'[n]}")] for n in range(5)])
    for number, page in enumerate(pdf):
        page.insert_text((40, 85), "The old houses", fontsize=16, fontname="tibo")
        page.insert_text((40, 132), f"On the {WORDS[number]}", fontsize=13, fontname="tibo")
    first, third = label(pdf, tmp_path, 0).splitlines(), label(pdf, tmp_path, 2).splitlines()
    assert "# The old houses" in first
    assert "## On the harbour" in first
    assert "## On the meadow" in third
    assert not any("The old houses" in line for line in third)


def on_pages(*lines: tuple[float, float, str]) -> pymupdf.Document:
    return document(*[[(x, y, line.format(n)) for x, y, line in lines] for n in range(1, 6)])


def test_rows_are_read_one_by_one_and_their_parts_apart(tmp_path: Path) -> None:
    """A name stays with its value; a part of a row may be larger than the others."""
    pdf = on_pages((40, 60, "Old houses"), (300, 60, "Version seven"), (40, 74, "Kind:"), (300, 74, "Print two"))
    for number, page in enumerate(pdf):
        page.insert_text((80, 571), "Meadow Press", fontsize=16)
        page.insert_text((40, 568), str(number + 1), fontsize=9)
        page.insert_text((320, 583), "A-1907", fontsize=7)
    paragraphs = label(pdf, tmp_path, 2, "keep").strip().split("\n\n")
    assert paragraphs[:3] == ["Old houses", "Version seven", "Kind: Print two"]
    assert paragraphs[-3:] == ["3", "Meadow Press", "A-1907"]


def test_heads_that_only_the_layout_model_sees_stand_by_their_place_among_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names parts of a foot in any order, and one of them a head."""
    pdf = document([(40, 560, "2"), (80, 560, "Meadow Press"), (300, 575, "A-1907"), (40, 60, "Old houses")])
    boxes = {
        "page-header": (300.0, 565.0, 360.0, 580.0),
        "page-footer": (80.0, 550.0, 150.0, 565.0),
        "caption": (40.0, 140.0, 390.0, 270.0),
    }
    regions = [layout_model.Region(kind, box) for kind, box in boxes.items()]
    regions.append(layout_model.Region("page-footer", (38.0, 550.0, 48.0, 565.0)))
    monkeypatch.setattr(layout_model, "regions_of", lambda _: regions)
    monkeypatch.setattr(plain_pages, "is_plain", lambda *_: False)
    paragraphs = label(pdf, tmp_path, 0, "keep").strip().split("\n\n")
    assert paragraphs[-3:] == ["2", "Meadow Press", "A-1907"]


def test_a_foot_of_one_page_larger_than_the_text_ends_it(tmp_path: Path) -> None:
    """Its number stands where names beside the text begin, its title where the text does."""
    pdf = pymupdf.open()
    page = pdf.new_page(width=WIDTH, height=HEIGHT)
    for row, (name, text) in enumerate(zip(WORDS[:5], text_of(3), strict=False)):
        page.insert_text((30, 60 + 90 * row), f"on the {name}", fontsize=9, fontname="tiit")
        for line in range(4):
            page.insert_text((150, 60 + 90 * row + 12 * line), f"{line}, {text}", fontsize=9, fontname="tiro")
    page.insert_text((30, 560), "8", fontsize=12, fontname="hebo")
    page.insert_text((150, 560), "AVR911", fontsize=12, fontname="hebo")
    page.insert_text((330, 585), "2568A-07/04", fontsize=7)
    paragraphs = label(pdf, tmp_path, 0, "keep").strip().split("\n\n")
    assert paragraphs[-3:] == ["**8**", "**AVR911**", "2568A-07/04"]


def test_a_head_of_one_page_in_two_pieces_stands_before_both_columns(tmp_path: Path) -> None:
    pdf = pymupdf.open()
    page = pdf.new_page(width=WIDTH, height=HEIGHT)
    page.insert_text((30, 40), "Old houses in June 1921", fontsize=8)
    page.insert_text((300, 40), "Mason and Miller", fontsize=8)
    for x in (30, 210):
        for line in range(30):
            page.insert_text((x, 70 + 12 * line), f"{WORDS[line % 10]} by the lake and {WORDS[line // 4]}", fontsize=9)
    paragraphs = label(pdf, tmp_path, 0, "keep").strip().split("\n\n")
    assert paragraphs[:2] == ["Old houses in June 1921", "Mason and Miller"]


def test_a_head_of_one_page_over_a_rule_is_read_row_by_row(tmp_path: Path) -> None:
    pdf = pymupdf.open()
    page = pdf.new_page(width=WIDTH, height=HEIGHT)
    for x, y, size, text in (
        (320, 25, 8, "Page: 8/9"),
        (130, 40, 12, "Sheet of safety"),
        (40, 56, 8, "Printed: 16.09.2015"),
        (270, 56, 8, "Changed on: 16.09.2015"),
    ):
        page.insert_text((x, y), text, fontsize=size, fontname="tiro")
    page.draw_line((40, 62), (370, 62))
    for line, text in enumerate(text_of(2)):
        page.insert_text((60, 80 + 20 * line), f"{line}.1 {WORDS[line]}", fontsize=9, fontname="tibo")
        page.insert_text((160, 80 + 20 * line), text[:20], fontsize=9, fontname="tiro")
    paragraphs = label(pdf, tmp_path, 0, "keep").strip().split("\n\n")
    assert paragraphs[:4] == ["Page: 8/9", "# Sheet of safety", "Printed: 16.09.2015", "Changed on: 16.09.2015"]


def test_numbers_at_the_axis_of_a_plot_are_no_head() -> None:
    pdf = pymupdf.open()
    page = pdf.new_page(width=WIDTH, height=HEIGHT)
    for number in range(1, 7):
        page.insert_text((60 * number - 20, 40), str(number), fontsize=9)
    for line, text in enumerate(text_of(2)):
        page.insert_text((40, 90 + 14 * line), text, fontsize=9)
    assert running_heads.with_own(running_heads.Heads(), text_layer.read(page)) == running_heads.Heads()


def test_a_logo_among_running_heads_stays_there(tmp_path: Path) -> None:
    pdf = on_pages((40, 40, "Old houses"), (330, 80, "No. 472"), (40, 90, "Kind: Print two"))
    for page in pdf:
        logo = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 40, 20), False)
        logo.clear_with(90)
        page.insert_image(pymupdf.Rect(290, 42, 390, 72), pixmap=logo, keep_proportion=False)
    paragraphs = label(pdf, tmp_path, 2, "keep").strip().split("\n\n")
    assert paragraphs[:4] == ["Old houses", "![figure]()", "No. 472", "Kind: Print two"]

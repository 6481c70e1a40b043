"""Promises about pages of images: rows of text that no words explain refuse a page, pictures and backgrounds do not."""

import random
from pathlib import Path

import pymupdf
import pytest

from scribetune.documents import rendering

SETTINGS = rendering.RenderSettings(long_side_px=1536, color="auto", timeout_s_per_page=30.0, code="test")
TEXT = "witness stated under oath that the vessel left the harbour before noon and that no notice was given"
STAMP = "Case 1:20-cv-00000-ABC   Document 12   Filed 03/04/20   Page 5 of 20   PageID #: 117"


def state(document: pymupdf.Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> rendering.PageRow:
    monkeypatch.chdir(tmp_path)
    page = pymupdf.open(stream=document.tobytes(), filetype="pdf")[0]
    return rendering.judge(rendering.render_page("d", 1, page, SETTINGS), rendering.LayerLimits())


def write(page: pymupdf.Page, rows: range, size: float = 11, seed: int = 3) -> None:
    chance = random.Random(seed)
    for row in rows:
        text = " ".join(chance.sample(TEXT.split(), 12))
        page.insert_text((72, 100 + 18 * row), text, fontsize=size, fontname="tiro")


def scanned(rows: int = 30, turned: int = 0, dpi: int = 110) -> pymupdf.Document:
    """Return a page that is an image of text."""
    sheet = pymupdf.open().new_page()
    write(sheet, range(rows))
    made = pymupdf.open()
    page = made.new_page(width=842 if turned else 595, height=595 if turned else 842)
    page.insert_image(page.rect, pixmap=sheet.get_pixmap(dpi=dpi, colorspace=pymupdf.csGRAY), rotate=turned)
    return made


@pytest.mark.parametrize("turned", [0, 90])
@pytest.mark.parametrize("stamps", [1, 3])
def test_a_stamp_of_any_length_leaves_a_scan_one(
    turned: int, stamps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scanned(turned=turned)
    for number in range(stamps):
        made[0].insert_text((40, 28 + 14 * number), STAMP, fontsize=10, color=(0, 0, 1))
    row = state(made, tmp_path, monkeypatch)
    assert row.status == "scan"
    assert "in no text layer" in row.message


def test_a_text_layer_over_a_part_of_a_scan_is_not_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scanned()
    write(made[0], range(15))  # painted over the same words of the image
    row = state(made, tmp_path, monkeypatch)
    assert row.status == "scan"
    assert 0.3 < row.unread_share < 0.7


def test_a_scan_in_strips_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scanned()[0].get_pixmap(dpi=110, colorspace=pymupdf.csGRAY)
    made = pymupdf.open()
    page = made.new_page()
    for strip in range(6):
        part = pymupdf.Pixmap(pymupdf.csGRAY, pymupdf.IRect(0, 0, whole.width, whole.height // 6))
        part.set_origin(0, strip * (whole.height // 6))
        part.copy(whole, part.irect)
        top = strip * 842 / 6
        page.insert_image(pymupdf.Rect(0, top, 595, top + 842 / 6), pixmap=part)
    page.insert_text((60, 28), STAMP, fontsize=9)
    assert state(made, tmp_path, monkeypatch).status == "scan"


def test_a_layer_over_all_of_a_scan_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scanned()
    write(made[0], range(30))
    assert state(made, tmp_path, monkeypatch).status == "ok"


def picture(kind: str) -> pymupdf.Pixmap:
    """Return a picture of 600 × 850 pixels without any text."""
    made = pymupdf.open()
    page = made.new_page(width=600, height=850)
    chance = random.Random(kind)
    if kind == "photograph":
        shape = page.new_shape()
        for _ in range(1500):
            x, y, size = chance.uniform(0, 600), chance.uniform(0, 850), chance.uniform(2, 60)
            shape.draw_rect((x, y, x + size, y + size * chance.uniform(0.4, 2)))
            shade = [min(1.0, max(0.0, y / 850 + chance.uniform(-0.3, 0.3))) for _ in range(3)]
            shape.finish(color=None, fill=shade)
        shape.commit()
    elif kind == "chart":
        page.draw_line((60, 60), (60, 780), width=2)
        page.draw_line((60, 780), (560, 780), width=2)
        for bar in range(12):
            page.draw_rect((80 + 40 * bar, 780 - chance.uniform(80, 600), 105 + 40 * bar, 780), fill=(0.2, 0.4, 0.7))
            page.insert_text((82 + 40 * bar, 800), str(2010 + bar), fontsize=9)
            page.insert_text((30, 780 - 60 * bar), str(10 * bar), fontsize=9)
    elif kind == "ground":
        for row in range(170):
            page.draw_rect((0, 5 * row, 600, 5 * row + 5), color=None, fill=(0.8, 0.9, 1 - row / 400))
    return page.get_pixmap(dpi=100)


@pytest.mark.parametrize("kind", ["photograph", "chart", "ground"])
def test_a_page_with_a_picture_over_all_of_it_is_used(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pymupdf.open()
    page = made.new_page()
    page.insert_image(page.rect, pixmap=picture(kind))
    page.draw_rect((60, 80, 560, 240), color=None, fill=(1, 1, 1))
    write(page, range(7))
    row = state(made, tmp_path, monkeypatch)
    assert row.status == "ok", row.message


def test_text_in_a_picture_on_a_page_of_words_is_a_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = pymupdf.open()
    page = made.new_page()
    write(page, range(16))
    page.insert_image(pymupdf.Rect(72, 420, 372, 780), pixmap=scanned(12)[0].get_pixmap(dpi=60))
    assert state(made, tmp_path, monkeypatch).status == "ok"


def test_screenshots_of_text_in_a_manual_are_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of them, as wide as the text, with a line and a heading between."""
    shot = scanned(rows=16, dpi=150)[0].get_pixmap(dpi=110, clip=(0, 80, 595, 400))
    made = pymupdf.open()
    page = made.new_page()
    page.insert_text((60, 50), "Open the window of tasks and choose one of them.")
    page.insert_image((40, 60, 555, 340), pixmap=shot)
    page.insert_text((60, 365), "Then send what you have found.")
    page.insert_image((40, 385, 555, 665), pixmap=shot)
    page.insert_text((60, 690), "The answer comes at once, and the points are added to those of the others.")
    assert state(made, tmp_path, monkeypatch).status == "ok"


@pytest.mark.parametrize(("box", "expected"), [((72, 90, 523, 730), "ok"), ((8, 60, 587, 834), "scan")])
def test_a_figure_within_the_margins_of_a_page_is_no_scan(
    box: tuple[float, ...], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = pymupdf.open().new_page(width=451, height=640)
    for row in range(4):
        chart.insert_text((40, 60 + 150 * row), "vessels that left the harbour by month", fontsize=11)
    made = pymupdf.open()
    page = made.new_page()
    page.insert_image(pymupdf.Rect(box), pixmap=chart.get_pixmap(dpi=140), keep_proportion=False)
    write(page, range(-4, -1), size=9)
    found = state(made, tmp_path, monkeypatch)
    assert 0.08 < found.unread_share < 0.5, found.unread_share
    assert found.status == expected, found.message

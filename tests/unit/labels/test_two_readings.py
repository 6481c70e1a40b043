"""Promises about scans read by two readers: agreement is letter by letter, and lines come in the order of reading."""

import pymupdf
import pytest
from PIL import Image

from scribetune.labels import image_models, image_reading, two_readings
from scribetune.labels.image_reading import ReadText
from scribetune.labels.two_readings import DoublyRead, SecondText

LINE = ((20.0, 20.0), (120.0, 20.0), (120.0, 40.0), (20.0, 40.0))


def drawn(marks_at: tuple[int, ...]) -> Image.Image:
    """Return an image with a dark line of text, and with marks beside it."""
    image = Image.new("RGB", (300, 60), "white")
    image.paste("black", (22, 24, 118, 36))
    for x in marks_at:
        image.paste("black", (x, 28, x + 3, 32))
    return image


def read_as(
    monkeypatch: pytest.MonkeyPatch, image: Image.Image, first: list[str], second: list[str], least: float = 1.0
) -> list[DoublyRead]:
    """Read an image of one line with readers that say these texts, of the line and then of it with its ends."""
    texts = iter(first)
    monkeypatch.setattr(image_reading, "find", lambda _: [LINE])
    monkeypatch.setattr(image_reading, "text_of", lambda _: ReadText(next(texts), 1.0, least))
    monkeypatch.setattr(two_readings, "readers", lambda: two_readings.BY_TWO)
    said = [SecondText(text) for text in second]
    monkeypatch.setattr(two_readings, "_by_tesseract", lambda cuts, _: said[: len(cuts)])
    return two_readings.lines_of(image, "eng")


def test_a_line_is_agreed_on_letter_by_letter_blanks_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    (same,) = read_as(monkeypatch, drawn(()), ["TotalGST"], ["Total GST"])
    assert (same.text, same.agrees) == ("TotalGST", True)
    for other in ("Total G5T", "Total gst", ""):
        (line,) = read_as(monkeypatch, drawn(()), ["Total GST"], [other])
        assert (line.other, line.agrees) == (other, False)


def test_agreement_on_a_letter_that_the_first_reader_doubts_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = read_as(monkeypatch, drawn(()), ["Frice"], ["Frice"], least=0.4)
    assert (line.text, line.other, line.agrees) == ("Frice", "Frice", False)
    (line,) = read_as(monkeypatch, drawn((132,)), ["Frice", "Frice:"], ["Frice", "Frice:"], least=0.4)
    assert (line.text, line.agrees) == ("Frice:", False)


def test_a_mark_that_stands_apart_belongs_to_its_line_where_both_see_it(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = read_as(monkeypatch, drawn((132,)), ["Total", "Total :"], ["Total", "Total:"])
    assert (line.text, line.agrees) == ("Total :", True)
    (line,) = read_as(monkeypatch, drawn((132,)), ["Total", "Total :"], ["Total", "Total"])
    assert line.agrees is False
    (line,) = read_as(monkeypatch, drawn((132,)), ["Total", "Total"], ["Total", "Total ~"])  # dirt
    assert (line.text, line.agrees) == ("Total", True)
    (line,) = read_as(monkeypatch, drawn((132,)), ["24.00", "124.00"], ["24.00", "124.00"])  # a rule
    assert (line.text, line.agrees) == ("24.00", True)
    (line,) = read_as(monkeypatch, drawn((250,)), ["Total", "never asked"], ["Total"])  # too far off
    assert line.text == "Total"


@pytest.mark.parametrize("text", ["327 00", "64 13", "Time. 11:49:00", "RMO.06"])
def test_a_line_that_looks_as_if_it_had_lost_a_point_is_not_agreed_on(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    (line,) = read_as(monkeypatch, drawn(()), [text], [text])
    assert (line.text, line.agrees) == (text, False)


@pytest.mark.parametrize("text", ["327.00", "1 234 567", "23 12345678", "Time: 11:49", "No. 12"])
def test_figures_with_their_marks_are_agreed_on(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (line,) = read_as(monkeypatch, drawn(()), [text], [text])
    assert line.agrees is True


def test_a_colon_that_is_seen_beside_a_line_and_read_by_nobody_keeps_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    image = drawn(())
    for y in (26, 33):
        image.paste("black", (134, y, 137, y + 3))
    (line,) = read_as(monkeypatch, image, ["Total", "Total"], ["Total", "Total"])
    assert (line.text, line.agrees) == ("Total", False)
    (line,) = read_as(monkeypatch, image, ["Total", "Total:"], ["Total", "Total:"])
    assert (line.text, line.agrees) == ("Total:", True)


def test_words_stand_where_their_ink_is(monkeypatch: pytest.MonkeyPatch) -> None:
    image = Image.new("RGB", (300, 60), "white")
    for x0, x1 in ((24, 50), (90, 114)):
        image.paste("black", (x0, 26, x1, 34))
    places = tuple((at - 20) / 100 for at in (28, 37, 46, 70, 94, 102, 110))
    monkeypatch.setattr(image_reading, "find", lambda _: [LINE])
    monkeypatch.setattr(image_reading, "text_of", lambda _: ReadText("one two", 1.0, 1.0, places))
    monkeypatch.setattr(two_readings, "readers", lambda: two_readings.BY_TWO)
    monkeypatch.setattr(two_readings, "_by_tesseract", lambda *_: [SecondText("one two")])
    (line,) = two_readings.lines_of(image, "eng")
    assert [(word.text, word.x0, word.x1) for word in line.words] == [("one", 24, 50), ("two", 90, 114)]


def line_at(x0: float, y0: float, text: str) -> DoublyRead:
    return DoublyRead(text, text, agrees=True, box=(x0, y0, x0 + 9.0 * len(text), y0 + 20))


def test_what_stands_at_one_height_is_one_row_from_left_to_right() -> None:
    lines = [line_at(300, 52, "9.00"), line_at(20, 50, "Total"), line_at(20, 20, "Receipt 41")]
    rows = two_readings.in_order(lines)
    assert [[line.text for line in row] for row in rows] == [["Receipt 41"], ["Total", "9.00"]]


def test_columns_of_text_are_read_one_after_another() -> None:
    words = "a column of running text, long as in books"
    lines = [line_at(x, 40 + 30 * row, f"{words} {x}{row}") for row in range(8) for x in (20, 520)]
    rows = two_readings.in_order(lines)
    assert [row[0].text[-2:].strip() for row in rows] == [f"0{row}" for row in range(8)] * 2


@pytest.mark.skipif(not image_models.is_installed(), reason="rapidocr is not installed (make env)")
def test_without_tesseract_one_reader_reads_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    page = pymupdf.open().new_page(width=300, height=80)
    page.insert_text((20, 45), "Twelve barrels of beer", fontsize=14)
    assert two_readings.readers() == two_readings.BY_ONE
    (line,) = two_readings.lines_of(page.get_pixmap(dpi=150).pil_image(), "eng")
    assert (line.text, line.agrees) == ("Twelve barrels of beer", True)

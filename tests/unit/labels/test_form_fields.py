"""Promises about forms: a value stands beside its label, though the PDF draws it after everything else."""

import pymupdf
import pytest

from scribetune.labels import form_fields, text_layer

NAMES = (("Family name:", "Okonkwo"), ("Street and number", "Harbour Road 17"), ("Vehicle:", "Blue van, 2.4 t"))


def form(beside: bool, names: tuple[tuple[str, str], ...] = NAMES) -> list[str]:
    """Return the lines of a form with values beside their labels, or below them."""
    made = pymupdf.open()
    page = made.new_page()
    for number, (name, value) in enumerate(names):
        y = 130 + 46 * number
        page.insert_text((72, y), name, fontsize=11)
        field = pymupdf.Widget()
        field.field_type, field.field_name, field.field_value = pymupdf.PDF_WIDGET_TYPE_TEXT, f"f{number}", value
        field.rect = pymupdf.Rect(190, y - 12, 400, y + 4) if beside else pymupdf.Rect(72, y + 6, 400, y + 24)
        field.text_fontsize = 11
        page.add_widget(field)
    page.insert_text((72, 400), "The permit holds for one year.", fontsize=11)
    page = pymupdf.open(stream=made.tobytes(), filetype="pdf")[0]
    layer = text_layer.read(page)
    assert [line.text for line in layer.lines][-1] == names[-1][1]  # the PDF's order
    return [line.text for line in form_fields.with_values(layer, page).lines]


def test_a_value_ends_the_line_of_its_label() -> None:
    assert form(beside=True) == [
        "Family name: Okonkwo",
        "Street and number Harbour Road 17",
        "Vehicle: Blue van, 2.4 t",
        "The permit holds for one year.",
    ]


def test_a_value_below_its_label_stays_a_line() -> None:
    assert form(beside=False) == [
        *(name for name, _ in NAMES),
        "The permit holds for one year.",
        *(v for _, v in NAMES),
    ]


@pytest.mark.parametrize("values", [("", ""), ("7", "")])
def test_fields_without_a_value_change_nothing(values: tuple[str, str]) -> None:
    made = pymupdf.open()
    page = made.new_page()
    for number, value in enumerate(values):
        page.insert_text((72, 100 + 40 * number), f"Line {number}", fontsize=11)
        field = pymupdf.Widget()
        field.field_type, field.field_name, field.field_value = pymupdf.PDF_WIDGET_TYPE_TEXT, f"f{number}", value
        field.rect = pymupdf.Rect(72, 300 + 40 * number, 200, 320 + 40 * number)
        page.add_widget(field)
    layer = text_layer.read(page)
    assert form_fields.with_values(layer, page) == layer

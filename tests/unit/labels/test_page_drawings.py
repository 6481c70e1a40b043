"""Promises about a page's drawings: they are asked for once, and again when the page has changed."""

from typing import Any

import pymupdf
import pytest

from scribetune.labels import page_drawings, text_layer


def test_drawings_are_asked_for_once_until_the_page_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    pdf = pymupdf.open()
    page = pdf.new_page()
    page.insert_text((72, 72), "next freq")
    page.draw_line((72, 100), (200, 100))
    asked: list[int] = []
    drawn = pymupdf.Page.get_cdrawings

    def counted(self: Any, *given: Any, **named: Any) -> Any:
        asked.append(self.number)
        return drawn(self, *given, **named)

    monkeypatch.setattr(pymupdf.Page, "get_cdrawings", counted)
    text_layer.read(page)
    assert len(page_drawings.of_page(page)) == 1
    assert len(asked) == 1
    page.draw_line((72, 120), (200, 120))
    assert len(page_drawings.of_page(page)) == 2
    page.set_rotation(90)
    page_drawings.of_page(page)
    assert len(asked) == 3
    assert len(page_drawings.of_page(pdf[0])) == 2, "another object of the same page has its own"

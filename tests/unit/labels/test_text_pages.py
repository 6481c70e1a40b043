"""Promises about text pages: the same blocks as PyMuPDF's, images without their bytes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pymupdf
import pytest

from scribetune.documents import ligatures
from scribetune.labels import text_layer, text_pages

DRAWINGS = pymupdf.TEXT_PRESERVE_IMAGES | pymupdf.TEXT_COLLECT_VECTORS
GROUPS = DRAWINGS | pymupdf.TEXT_SEGMENT | pymupdf.TEXT_TABLE_HUNT | pymupdf.TEXT_PARAGRAPH_BREAK


def page_with_images() -> Any:
    """Text in two columns, drawings, an image between two lines, one that leaves the page, two in one place."""
    page = pymupdf.open().new_page(width=400, height=400)
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    image = pymupdf.Pixmap(pymupdf.csRGB, 60, 40, noise.tobytes(), False)
    for place in ((20, 30, 80, 70), (360, 300, 440, 380), (200, 200, 260, 240), (200, 200, 260, 240)):
        page.insert_image(pymupdf.Rect(place), pixmap=image)
    for row in range(12):
        page.insert_text((20, 90 + 14 * row), f"left {row}")
        page.insert_text((220, 90 + 14 * row), f"right {row}")
        page.draw_rect(pymupdf.Rect(20, 300 + 6 * row, 200, 303 + 6 * row), fill=(0.5, 0.5, 0.5))
    return page


def without_bytes(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take from images what these text pages do not give."""
    return [
        {name: block[name] for name in ("type", "number", "bbox")}
        if block["type"] == 1
        else {name: without_bytes(value) if name == "blocks" else value for name, value in block.items()}
        for block in blocks
    ]


@pytest.mark.parametrize("clip", [None, pymupdf.INFINITE_RECT()])
@pytest.mark.parametrize("flags", [pymupdf.TEXTFLAGS_DICT, DRAWINGS, GROUPS])
def test_blocks_are_pymupdfs_own(flags: int, clip: pymupdf.Rect | None) -> None:
    found = page_with_images().get_textpage(flags=flags, clip=clip)
    lean = text_pages.without_image_data(found)
    for extract in ("extractDICT", "extractRAWDICT"):
        expected = without_bytes(getattr(found, extract)()["blocks"])
        assert getattr(lean, extract)()["blocks"] == expected
        assert "'type': 1" in repr(expected)


def test_the_text_page_has_its_images_again_afterwards() -> None:
    page = page_with_images()
    lean = text_pages.text_page(page, pymupdf.TEXTFLAGS_DICT)
    lean.extractDICT()
    whole = pymupdf.TextPage(lean.this).extractDICT()["blocks"]
    assert [len(block["image"]) > 1000 for block in whole if block["type"] == 1] == [True] * 4
    assert len(lean.extractIMGINFO()) == 4


def test_a_hyphen_that_its_font_calls_three_is_one() -> None:
    pdf = pymupdf.open()
    pdf.new_page().insert_text((50, 50), "two-phase -- one")
    ligatures.mend(pdf, {pdf[0].get_fonts()[0][0]: {ord("-"): "-\u00ad\u2010"}})
    assert "-\u00ad\u2010" in pdf[0].get_text()
    layer = text_layer.read(pdf[0])
    assert [line.text for line in layer.lines] == ["two-phase -- one"]
    assert [word.text for word in layer.words] == ["two-phase", "--", "one"]

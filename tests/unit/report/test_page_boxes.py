"""Boxes over a page image: numbers in a drawing, and nothing that a text could add to it."""

from scribetune.report import page_boxes
from scribetune.text.grounding import Block


def test_boxes_of_label_and_reading_are_drawn_to_the_pages_measure() -> None:
    drawn = page_boxes.overlay(
        page_boxes.of_text("<|ref|>title<|/ref|><|det|>[[100, 50, 900, 90]]<|/det|>\n# A"),
        page_boxes.of_text('<|ref|>"><script>alert(1)</script><|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>\ntext'),
    )
    assert drawn.startswith('<svg class="boxes" viewBox="0 0 999 999" preserveAspectRatio="none"')
    assert '<rect class="reference" x="100" y="50" width="800" height="40"><title>title</title></rect>' in drawn
    assert '<rect class="tuned" x="1" y="2" width="2" height="2"><title>text</title></rect>' in drawn
    assert "script" not in drawn


def test_names_are_escaped_whoever_wrote_them() -> None:
    drawn = page_boxes.overlay([Block("<b>", "", ((1, 2, 3, 4),))], [])  # type: ignore[arg-type]
    assert "<title>&lt;b&gt;</title>" in drawn


def test_a_page_without_boxes_has_no_drawing() -> None:
    assert page_boxes.overlay(page_boxes.of_text("# A"), page_boxes.of_text("# A")) == ""

"""Text of tagged pages: joined by where its pieces stand, with what is bold and raised."""

from typing import Any

from scribetune.labels.tagged_text import TextUnderWay


def span(
    text: str, x: float, y: float = 100.0, *, size: float = 12.0, up: float = 0.0, bold: bool = False
) -> dict[str, Any]:
    width = 0.5 * size * len(text)
    box = (x, y - up - 0.9 * size, x + width, y - up + 0.3 * size)
    return {"text": text, "bbox": box, "origin": (x, y - up), "size": size, "flags": 16 * bold}


def written(*spans: dict[str, Any], seen: frozenset[str] = frozenset()) -> str:
    text = TextUnderWay()
    for one in spans:
        text.add_span(one["text"], one, seen=seen, ahead=one["text"])
    return text.markdown(emphasis=True)


def test_a_mark_above_the_line_is_raised_and_a_larger_text_is_not() -> None:
    assert written(span("and x", 0), span("2", 30, size=7, up=4), span(" is", 34)) == "and x<sup>2</sup> is"
    assert written(span("small", 0, size=8), span("LARGE", 24, size=14, up=2)) == "small LARGE"


def test_bold_text_keeps_a_raised_mark_in_it() -> None:
    spans = (span("area x", 0, bold=True), span("2", 36, size=7, up=4, bold=True))
    assert written(*spans) == "**area x<sup>2</sup>**"
    assert written(*spans, span(" end", 40, bold=True), span(" text", 70)) == "**area x<sup>2</sup> end** text"


def test_a_divided_word_is_whole_and_bold_to_its_end() -> None:
    lines = (span("the devel-", 0, bold=True), span("opment", 0, 114, bold=True), span(" goes on", 36, 114))
    assert written(*lines) == "**the development** goes on"
    assert written(span("rep\u00ad", 0), span("resented", 0, 114)) == "represented"


def test_no_blank_before_a_stop_and_none_that_nobody_sees() -> None:
    assert written(span("pi", 0), span(". The end", 30)) == "pi. The end"
    assert written(span("Contents", 0), span("\u20601", 60)) == "Contents 1"

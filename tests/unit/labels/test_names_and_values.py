"""Promises about names with a colon and values beside them: a value follows its name; columns of text stay columns."""

from collections.abc import Sequence

from scribetune.labels import reading_order
from scribetune.labels.text_layer import Line, Span


def line(text: str, x: float, y: float) -> Line:
    box = (x, y, x + 5.0 * len(text), y + 12.0)
    return Line((Span(text, box, 10.0, False, False, False, False),), box, 0)


def order(lines: Sequence[Line]) -> list[str]:
    return [one.text for column in reading_order.columns(lines, 10.0) for one in column]


def test_a_value_follows_its_name() -> None:
    lines = [
        line("Form of supply:", 50, 100),
        line("Directive on what is given", 50, 116),
        line("off (2010/75):", 50, 130),
        line("State:", 50, 146),
        line("15.2 Assessment of safety", 50, 164),
        line("bottles of one litre", 250, 100),
        line("not known", 250, 116),
        line("2, a danger to waters", 250, 146),
    ]
    assert order(lines) == [
        "Form of supply:",
        "bottles of one litre",
        "Directive on what is given",
        "off (2010/75):",
        "not known",
        "State:",
        "2, a danger to waters",
        "15.2 Assessment of safety",
    ]


def test_columns_of_text_with_a_colon_are_read_one_after_the_other() -> None:
    left = [
        line(text, 50, 100 + 14 * number)
        for number, text in enumerate(["The house", "has these:", "a door", "and more"])
    ]
    right = [
        line(text, 250, 100 + 14 * number)
        for number, text in enumerate(["It stands", "by the lake", "since 1900", "or so"])
    ]
    assert order([*left, *right]) == [one.text for one in (*left, *right)]

"""Promises about names with a colon and values beside them: a value follows its name; columns of text stay columns."""

from collections.abc import Sequence
from dataclasses import replace

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


def test_columns_of_text_are_no_names_where_their_sentences_go_on() -> None:
    left = ["The house has a door and some of its own", "and two windows that look out to the sea", "lake below"]
    right = ["The garden.", "Of roses.", "It ends there."]
    lines, expected = [], []
    for y in (100, 200, 300):
        lines += [line(text, 50, y + 14 * n) for n, text in enumerate(left)]
        lines += [line(text, 300, y + 14 * n) for n, text in enumerate(right)]
        lines.append(line("x" * 90, 50, y + 80))
        expected += [*left, *right, "x" * 90]
    assert order(lines) == expected


def bold(one: Line) -> Line:
    return replace(one, spans=tuple(replace(span, bold=True) for span in one.spans))


def test_bold_names_without_a_colon_are_followed_by_their_values() -> None:
    names = [("After breathing", 100), ("On the skin", 128), ("In the eyes", 156)]
    values = [("Fresh air.", 100), ("Then ask a doctor.", 113), ("Wash it.", 128), ("Rinse well.", 156), ("Ask.", 169)]
    lines = [*(bold(line(text, 50, y)) for text, y in names), *(line(text, 250, y) for text, y in values)]
    assert order(lines) == [
        "After breathing",
        "Fresh air.",
        "Then ask a doctor.",
        "On the skin",
        "Wash it.",
        "In the eyes",
        "Rinse well.",
        "Ask.",
    ]


def test_a_name_of_two_lines_stays_whole() -> None:
    lines = [
        bold(line("14.1 Number", 50, 100)),
        bold(line("14.2 The name that is used for", 50, 116)),
        bold(line("transport on the roads", 50, 129)),
        bold(line("14.3 Class", 50, 150)),
        line("not of use", 220, 100),
        line("not of use", 220, 116),
        line("not of use", 220, 150),
    ]
    assert order(lines) == [
        "14.1 Number",
        "not of use",
        "14.2 The name that is used for",
        "transport on the roads",
        "not of use",
        "14.3 Class",
        "not of use",
    ]


def test_sentences_that_go_on_from_row_to_row_are_columns() -> None:
    left = ["The house was built of stone", "that came from over the sea,", "as did the wood of its roof"]
    right = ["which is blue and as old as", "the well that nobody uses", "since it fell dry in a war"]
    lines = [bold(line(text, 50, 100 + 14 * number)) for number, text in enumerate(left)]
    lines += [line(text, 250, 100 + 14 * number) for number, text in enumerate(right)]
    assert order(lines) == [*left, *right]


def test_names_with_colons_have_figures_as_values_wherever_these_begin() -> None:
    names = ["Class:", "Limited amount:", "Largest amount by air:", "Group:"]
    values = [("3", 220), ("1 L", 220), ("364", 280), ("II", 220)]
    lines = [line(text, 50, 100 + 16 * number) for number, text in enumerate(names)]
    lines += [line(text, x, 100 + 16 * number) for number, (text, x) in enumerate(values)]
    assert order(lines) == [text for name, (value, _) in zip(names, values, strict=True) for text in (name, value)]


def test_a_heading_below_the_last_pair_parts_its_value_from_the_text_below() -> None:
    """The text is indented as far as the values are, about."""
    lines = [
        line("Firm:", 50, 100),
        line("Mill:", 50, 116),
        line("Tel.", 50, 132),
        bold(line("1.4 Emergencies", 44, 156)),
        line("Winplus", 120, 100),
        line("by the lake", 120, 116),
        line("44 1223 919711", 120, 132),
        line("44 1223 919711, from Monday", 115, 172),
        line("44 844 892 0111 at any hour", 115, 186),
    ]
    assert order(lines) == [
        "Firm:",
        "Winplus",
        "Mill:",
        "by the lake",
        "Tel.",
        "44 1223 919711",
        "1.4 Emergencies",
        "44 1223 919711, from Monday",
        "44 844 892 0111 at any hour",
    ]

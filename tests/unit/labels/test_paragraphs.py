"""Promises about paragraphs: which lines belong together, however the program that wrote the page set them."""

from collections.abc import Sequence
from dataclasses import replace

import pymupdf
import pytest

from scribetune.labels import list_items, paragraphs, plain_pages, reading_order, text_layer
from scribetune.labels.page_blocks import Kind, write
from scribetune.labels.text_layer import Line, Span

WORDS = [
    "the",
    "committee",
    "reviewed",
    "the",
    "yearly",
    "figures",
    "in",
    "detail",
    "and",
    "found",
    "that",
    "the",
    "reserves",
    "were",
    "sufficient",
    "for",
    "the",
    "coming",
    "period",
    "although",
    "two",
    "members",
    "asked",
    "for",
    "a",
    "second",
    "audit",
    "of",
    "the",
    "smaller",
    "branches",
    "before",
    "the",
    "summer",
    "meeting",
]


def wrapped(words: Sequence[str], width: int) -> list[str]:
    """Divide words into lines of so many characters at most."""
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def labels_of(*rows: tuple[float, float, str], size: float = 10.0, font: str = "tiro") -> list[str]:
    """Draw (x, y, text), and return the blocks of the label."""
    pdf = pymupdf.open()
    page = pdf.new_page()
    for x, y, text in rows:
        page.insert_text((x, y), text, fontsize=size, fontname=font)
    blocks = plain_pages.blocks_of(text_layer.read(page))
    return write(blocks, always_html=False, keep_headers=True).split("\n\n")


def set_lines(
    texts: Sequence[Sequence[str]],
    *,
    x: float = 72,
    y: float = 120,
    pitch: float = 12,
    first: float = 0,
    rest: float = 0,
) -> list[tuple[float, float, str]]:
    """Set the lines of paragraphs one below the other, first lines and all others so far in."""
    rows = []
    for text in texts:
        for number, line in enumerate(text):
            rows.append((x + (rest if number else first), y, line))
            y += pitch
    return rows


@pytest.mark.parametrize("pitch", [12.0, 20.0, 24.0])
@pytest.mark.parametrize(("first", "rest"), [(20.0, 0.0), (0.0, 24.0)])
def test_first_lines_tell_paragraphs_at_any_pitch(pitch: float, first: float, rest: float) -> None:
    texts = [wrapped(["One", *WORDS], 60), wrapped(["Two", *WORDS[3:]], 60), wrapped(["Three", *WORDS[5:]], 60)]
    assert labels_of(*set_lines(texts, pitch=pitch, first=first, rest=rest)) == [" ".join(text) for text in texts]


def test_names_and_addresses_are_lines_of_their_own() -> None:
    names = ["Anna Berg", "Maria Gonzales-Ramirez", "Bo Li", "Christopher Featherstone", "Ed Fox"]
    text = wrapped(WORDS, 60)
    assert labels_of(*set_lines([*([name] for name in names), text])) == [*names, " ".join(text)]


def test_a_list_leaves_what_follows_it_at_the_margin_and_keeps_lines_below_its_text() -> None:
    rows = [
        (72.0, 120.0, "1."),
        (90.0, 120.0, "an item that needs more room than there is on"),
        (90.0, 132.0, "a line,"),
    ]
    rows += [(72.0, 144.0, "2."), (90.0, 144.0, "another")]
    rows += [(72.0, 156.0, "What follows them begins where the marks stand."), (72.0, 168.0, "It is no item.")]
    assert labels_of(*rows) == [
        "1. an item that needs more room than there is on a line,\n2. another",
        "What follows them begins where the marks stand. It is no item.",
    ]


def test_a_list_over_two_columns_is_read_down_one_and_then_the_other() -> None:
    rows = []
    for number in range(12):
        x, y = (72.0, 320.0)[number > 5], 120.0 + 26 * (number % 6)
        rows += [
            (x, y, f"{number + 1}. On the theory of king fields {number}"),
            (x + 12, y + 11, "and waves in media."),
        ]
    assert labels_of(*rows) == [
        "\n".join(f"{number + 1}. On the theory of king fields {number} and waves in media." for number in range(12))
    ]


def test_a_sentence_that_goes_on_in_the_next_column_is_one_paragraph() -> None:
    lines = wrapped(WORDS * 2, 40)
    half = len(lines) // 2
    rows = [*set_lines([lines[:half]]), *set_lines([lines[half:]], x=320)]
    assert labels_of(*rows) == [" ".join(lines)]


def test_a_dropped_capital_begins_its_word() -> None:
    lines = wrapped(["he", *WORDS], 60)
    rows = [(72.0, 132.0, "T")]
    pdf = pymupdf.open()
    page = pdf.new_page()
    page.insert_text(rows[0][:2], "T", fontsize=27, fontname="tiro")
    for number, line in enumerate(lines):
        page.insert_text((92 if number < 2 else 72, 120 + 12 * number), line, fontsize=10, fontname="tiro")
    (block,) = plain_pages.blocks_of(text_layer.read(page))
    assert write([block], always_html=False, keep_headers=True) == "T" + " ".join(lines)


def test_entries_of_a_contents_page_are_apart_and_no_headings() -> None:
    entries = [
        "1 The house . . . . . . . . . 3",
        "2 The garden behind it . . . . 12",
        "3 The well . . . . . . . . . . 20",
    ]
    assert labels_of(*set_lines([[entry] for entry in entries]), font="tibo") == [f"**{entry}**" for entry in entries]


def piece(text: str, x: float, y: float, *, size: float = 10.0) -> Line:
    box = (x, y, x + 0.5 * size * len(text), y + 1.2 * size)
    return Line((Span(text, box, size, False, False, False, False),), box, 0)


def test_marks_drawn_for_themselves_go_to_the_text_beside_them() -> None:
    texts = [line.text for line in list_items.with_marks([piece("•", 72, 100), piece("first of them", 90, 100)])]
    assert texts == ["• first of them"]
    assert len(list_items.with_marks([piece("2.", 72, 100), piece("a page's number is far away", 300, 100)])) == 2


def test_columns_are_read_before_what_stands_below_them() -> None:
    left = [piece("left column of text", 50, 100 + 12 * number) for number in range(6)]
    right = [piece("right column of text", 300, 104 + 12 * number) for number in range(6)]
    title, end = (
        piece("a title that runs over both of the columns " * 2, 50, 80),
        piece("what ends the page " * 4, 50, 190),
    )
    order = reading_order.columns([*right, end, *left, title], 10.0)
    assert order == [[title], left, right, [end]]
    assert reading_order.columns([*right, end, *left, title], 10.0, right_to_left=True) == [[title], right, left, [end]]


def test_figures_beside_a_text_are_no_column() -> None:
    rows = [piece(f"entry number {number}", 50, 100 + 12 * number) for number in range(6)]
    figures = [piece(str(100 * number), 400, 100 + 12 * number) for number in range(6)]
    assert len(reading_order.columns([*rows, *figures], 10.0)) == 1


def test_a_heading_is_no_part_of_the_text_below_it() -> None:
    pdf = pymupdf.open()
    page = pdf.new_page()
    page.insert_text((72, 120), "Warnings", fontname="tibo", fontsize=10)
    for number, line in enumerate(wrapped(WORDS, 60)):
        page.insert_text((72, 132 + 12 * number), line, fontname="tiro", fontsize=10)
    assert [block.kind for block in plain_pages.blocks_of(text_layer.read(page))] == [Kind.HEADING, Kind.TEXT]


def test_a_full_line_goes_on_in_small_letters_wherever_it_stands() -> None:
    texts = [wrapped(["One", *WORDS], 60), wrapped(["Two", *WORDS[3:]], 60)]
    motto = ["Nothing in life is to be feared, it is only to be under-", "stood. So said Marie Curie"]
    rows = [*set_lines(texts, first=12), *set_lines([motto], y=240, x=92), *set_lines(texts, y=288, first=12)]
    whole = [" ".join(text) for text in texts]
    assert labels_of(*rows) == [*whole, "".join(motto).replace("-", ""), *whole]


def test_values_that_dots_lead_to_are_apart() -> None:
    rows = [
        "Average power of a segment ...................................................... 105 mW",
        "Peak current of it .................................... 135 mA (pulse width = 0.16 ms)",
        "Temperature of storage .............................................. -40 C to +85 C",
    ]
    assert labels_of(*set_lines([[row] for row in rows])) == rows


def test_how_entries_hang_below_one_heading_says_nothing_of_the_next() -> None:
    entry = ["Adams, W., The yearly figures of the smaller branches, in detail and", "with a second audit, 1970"]
    text = [
        "Since 1995 the author has looked at the figures of the branches in Bern",
        "Switzerland and has written about them for the yearly meeting of the two",
        "Committees that asked for a second audit.",
    ]
    rows = [(72.0, 100.0, "References"), (72.0, 300.0, "About the Author")]
    page = pymupdf.open().new_page()
    for x, y, title in rows:
        page.insert_text((x, y), title, fontsize=14, fontname="tibo")
    for number in range(4):
        page.insert_text((72, 124 + 36 * number), entry[0], fontsize=10, fontname="tiro")
        page.insert_text((90, 136 + 36 * number), entry[1], fontsize=10, fontname="tiro")
    for number, line in enumerate(text):
        page.insert_text((72, 324 + 12 * number), line, fontsize=10, fontname="tiro")
    blocks = plain_pages.blocks_of(text_layer.read(page))
    label = write(blocks, always_html=False, keep_headers=True).split("\n\n")
    assert label == ["# References", *[" ".join(entry)] * 4, "# About the Author", " ".join(text)]


def test_a_dash_at_the_start_of_a_line_within_a_sentence_is_no_item() -> None:
    lines = [
        "Imagine that it has the ability to distinguish even the three emotions that we were",
        "- interest, pleasure, and distress, as others have said more than once.",
    ]
    rows = [*set_lines([lines]), (84.0, 144.0, "Given this, the other one might find that you are doing well.")]
    assert labels_of(*rows) == [" ".join(lines), rows[-1][2]]


def test_names_with_a_colon_below_each_other_are_lines_of_their_own() -> None:
    rows = [(72.0, 120.0, "Signed: 2007-12-11"), (72.0, 132.0, "Fingerprint: asdf2123"), (72.0, 144.0, "Name: Ada Bee")]
    assert labels_of(*rows) == [text for _, _, text in rows]


def test_a_bold_name_at_the_head_of_a_line_begins_a_paragraph() -> None:
    page = pymupdf.open().new_page()
    lines = wrapped(WORDS * 2, 70)[:4]
    for number, line in enumerate([*lines, "Integration."]):
        last = number == len(lines) - 1
        bold = number == len(lines)
        text = f"{line[:68]}." if last else line
        page.insert_text((72, 120 + 12 * number), text, fontsize=10, fontname="tibo" if bold else "tiro")
    page.insert_text((130, 168), "How should applications be integrated with a system of calls that", fontsize=10)
    page.insert_text((72, 180), "passes references?", fontsize=10)
    label = write(plain_pages.blocks_of(text_layer.read(page)), always_html=False, keep_headers=True).split("\n\n")
    assert len(label) == 2
    assert label[1].startswith("**Integration.** How should")


def test_a_sentence_goes_on_above_the_items_of_the_next_column() -> None:
    left = [piece(f"{number} of which the topic is the network", 72, 120 + 12 * number) for number in range(4)]
    right = [piece("especially for media and its parts.", 320, 120)]
    right += [piece("• the first thing that is to be done", 332, 144 + 24 * number) for number in range(4)]
    right += [piece("in the coming period, for itself.", 341, 156 + 24 * number) for number in range(4)]
    parts = paragraphs.of_columns([left, right])
    assert parts[len(parts) - 5].continues
    assert parts[len(parts) - 6].goes_on


def test_an_item_and_a_line_of_small_code_go_on_in_full_lines() -> None:
    code = piece("introduce the class EventSource[A], which stands", 72, 132, size=8)
    word = replace(piece("for", 264, 132).spans[0], box=(264.0, 132.0, 322.0, 144.0))
    code = replace(code, spans=(*code.spans, word), box=(72.0, 132.0, 322.0, 144.0))
    column = [
        piece("With the library, and with all that it has, we now", 72, 120),
        code,
        piece("generic sources of events.", 72, 144),
    ]
    rows = [
        piece("B. This is what enables us, as was said, to declare", 72, 120),
        piece("covariant in its type, as its plus sign says, and the", 72, 132),
        piece("next.", 72, 144),
        piece("1. The first item stands here with its", 72, 168),
        piece("text.", 84, 180),
    ]
    assert len(paragraphs.of_columns([column])) == 1
    assert [len(part.lines) for part in paragraphs.of_columns([rows])] == [3, 2]

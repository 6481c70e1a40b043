"""Promises about the order in which a page draws its words: it speaks against a label that has other neighbours.

It is silent where lines of the page, or its columns, say the same as the label.
"""

from collections.abc import Sequence

import pytest

from scribetune.dataset import trust
from scribetune.labels import doubts, witnesses
from scribetune.labels.doubts import Doubt, Finding
from scribetune.labels.tables.cells import Word
from support.placed import line, page

LISTING = page(
    (0, 0, "1"), (30, 0, "begin loop"), (0, 12, "2"), (30, 12, "take sample"), (0, 24, "3"), (30, 24, "end loop"),
)  # fmt: skip


def apart(label: str, words: Sequence[Word]) -> list[Finding]:
    """Return what the order of drawing says against a label."""
    return [finding for finding in witnesses.of_page(label, words) if finding.doubt is Doubt.DRAWN]


def test_numbers_of_lines_gathered_in_one_paragraph_are_named_with_their_place() -> None:
    found = apart("begin loop\n\ntake sample\n\nend loop\n\n1 2 3\n", LISTING)
    assert [(finding.page, finding.box[:2]) for finding in found] == [("1 … 2", (0, 0)), ("2 … 3", (0, 12))]


def test_numbers_before_their_lines_are_right() -> None:
    assert apart("1 begin loop\n\n2 take sample\n\n3 end loop\n", LISTING) == []


def test_words_of_a_diagram_read_as_one_paragraph_are_named() -> None:
    boxes = [*line(0, 0, "Parser"), *line(0, 40, "Writer"), *line(150, 0, "Store"), *line(150, 40, "Log")]
    assert [finding.page for finding in apart("Parser Store Writer Log\n", boxes)] == [
        "Parser … Store", "Store … Writer", "Writer … Log",
    ]  # fmt: skip


def test_a_sentence_drawn_in_one_go_and_cut_by_what_stands_elsewhere_is_named() -> None:
    words = page(
        (0, 400, "Locks are a useful kind of"), (150, 0, "coordination that"), (150, 12, "many programs need."),
        (150, 300, "Flavia Rossi"),
    )  # fmt: skip
    label = "Locks are a useful kind of\n\nFlavia Rossi\n\ncoordination that many programs need.\n"
    assert [finding.page for finding in apart(label, words)] == ["of … coordination"]


@pytest.mark.parametrize(
    ("between", "said"), [("$$a = b$$", 0), ("qz001x", 0), ("Flavia Rossi", 1)], ids=["LaTeX", "a word for it", "text"]
)
def test_a_formula_within_a_sentence_is_drawn_where_it_likes(between: str, said: int) -> None:
    words = page((0, 0, "The mass of it"), (0, 36, "is what we look for."), (200, 300, "Flavia Rossi"))
    found = witnesses.of_page(
        f"The mass of it\n\n{between}\n\nis what we look for.\n", [*words, *line(80, 18, "qz001x")], has_latex=True
    )
    assert sum(finding.doubt is Doubt.DRAWN for finding in found) == said


def test_lines_of_a_form_read_by_columns_are_named_from_the_second_on() -> None:
    rows = page(
        (0, 0, "Points"), (200, 0, "Grade"), (0, 40, "Place"), (200, 40, "Signature"), (0, 80, "Note"),
    )  # fmt: skip
    by_columns = "Points\n\nPlace\n\nNote\n\nGrade\n\nSignature\n"
    assert [finding.page for finding in apart(by_columns, rows)] == ["Points … Grade", "Place … Signature"]
    assert apart("Points\n\nNote\n\nGrade\n", page((0, 0, "Points"), (200, 0, "Grade"), (0, 40, "Note"))) == []


def test_a_text_that_goes_on_in_the_next_column_passes_over_the_note_at_its_foot() -> None:
    words = page(
        (0, 0, "A reader sees at once"), (0, 12, "what a program has to"), (0, 400, "Printed in Bern"),
        (200, 0, "be told in so many"), (200, 12, "words and more."),
    )  # fmt: skip
    label = "A reader sees at once what a program has to be told in so many words and more.\n\nPrinted in Bern\n"
    assert apart(label, words) == []


def test_what_is_set_off_within_a_line_may_be_drawn_later() -> None:
    words = [*line(0, 0, "Only"), *line(60, 0, "words are set"), *line(0, 12, "off here."), *line(23, 0, "strong")]
    assert apart("Only **strong** words are set off here.\n", words) == []


def test_a_page_drawn_row_by_row_over_its_columns_is_not_asked() -> None:
    left = ["Alpha beta gamma delta", "epsilon zeta eta theta", "iota kappa lambda mu", "nu omikron pi rho"]
    right = ["nova opus pilum quercus", "rosa silva terra umbra", "vita witan xenon yarrow", "arbor bellum caput"]
    rows = page(
        *(
            (x, 12 * y, text)
            for y, pair in enumerate(zip(left, right, strict=True))
            for x, text in zip((0, 300), pair, strict=True)
        )
    )
    assert apart(f"{' '.join(left)}\n\n{' '.join(right)}\n", rows) == []


def test_one_finding_makes_a_label_doubted_and_the_reason_says_where() -> None:
    found = apart("begin loop\n\ntake sample\n\nend loop\n\n1 2\n\n3\n", LISTING)
    row = {"status": "ok", "label_source": "machine", **doubts.counts(found), "findings": doubts.as_text(found)}
    said = trust.of(row)
    assert (len(found), said.value < 0.6) == (1, True)
    assert said.reasons[0].startswith("words have other neighbours than on the page")
    assert "page “1 … 2”" in said.reasons[0]

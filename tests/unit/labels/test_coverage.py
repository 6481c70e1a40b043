"""Promises of comparing a label with its text layer: by place, every word once, marks too."""

from collections.abc import Sequence
from pathlib import Path

import pymupdf
import pytest

from scribetune.labels import coverage
from scribetune.labels.coverage import Coverage, Piece
from scribetune.labels.reader import LabelSettings, PageReader
from scribetune.labels.tables.cells import Box, PageTable, Word
from scribetune.text.grids import Cell

WIDTH = 6.0  # of a character


def words_of(text: str, y: float, x: float = 50.0) -> list[Word]:
    """Return the words of a line where a font of equally wide characters has them."""
    found, at = [], x
    for word in text.split(" "):
        if word:
            found.append(Word(at, y, at + WIDTH * len(word), y + 12, word))
        at += WIDTH * (len(word) + 1)
    return found


def piece(text: str, y: float, number: int, x: float = 50.0, *, is_listed: bool = False) -> Piece:
    return Piece(text, (x, y, x + WIDTH * len(text), y + 12), number, is_listed=is_listed)


def of_lines(lines: Sequence[str], label: str, *, is_listed: bool = False) -> Coverage:
    """Compare a label with lines, one below the other."""
    words = [word for number, line in enumerate(lines) for word in words_of(line, 20.0 * number)]
    pieces = [piece(line, 20.0 * number, number, is_listed=is_listed) for number, line in enumerate(lines)]
    return coverage.of_pieces(pieces, words, label)


def lost(found: Coverage) -> list[str]:
    return [word.text for word in found.lost]


@pytest.mark.parametrize(
    ("lines", "label"),
    [
        (["The whole of it", "on two lines."], "The whole of it on two lines.\n"),
        (["A Head-", "ing"], "# A Heading\n"),
        (["so sub-", "stan-", "tially"], "so substantially\n"),
        (["options for 4-", "year-olds"], "options for 4-year-olds\n"),
        (["bold and code, five* stars"], "**bold** and `code`, *five** stars\n"),
        (["1Rounded to 5"], "[^1]: Rounded to 5\n"),
        (["P1 and 3rd"], "P<sup>1</sup> and 3<sup>rd</sup>\n"),
        (["x2 as x\u00b2, \ufb01ne"], "x2 as x2, fine\n"),
        (["\u2022 one item", "\uf0b7 another"], "- one item\n- another\n"),
        (["R & D <5"], "<table><tr><td>R &amp; D</td><td>&lt;5</td></tr></table>\n"),
        (["a|b costs 5"], "| a\\|b | costs 5 |\n|---|---|\n"),
        (["Results ........ 12"], "Results 12\n"),
        (["Results........12"], "Results........12\n"),
        (["ABC あいうえお123 かな", "とカナ"], "ABCあいうえお 123かなとカナ\n"),
        (["דרום987", "שרק"], "| דרום | 987 | שרק |\n"),
        (["o o mesmo"], "o o mesmo\n"),
        ([], "\n"),
    ],
)
def test_the_same_words_in_other_clothes_are_the_same(lines: list[str], label: str) -> None:
    found = of_lines(lines, label)
    assert (lost(found), found.surplus) == ([], ())
    assert (found.recall, found.precision) == (1.0, 1.0)


def test_any_bullet_of_a_list_is_a_hyphen_and_any_number_itself() -> None:
    assert of_lines(["o first", "o second", "a) third"], "- first\n- second\na) third\n", is_listed=True).recall == 1.0
    assert lost(of_lines(["1. first", "2. second"], "1. first\n- second\n")) == ["2."]


@pytest.mark.parametrize("mark", ["%", "°", "±", "€", "—", "()", "…", "×", "∑", "*"])
def test_a_mark_alone_is_a_word(mark: str) -> None:
    assert lost(of_lines([f"12 {mark} of it"], "12 of it\n")) == [mark if mark != "…" else "..."]
    assert of_lines([f"12 {mark} of it"], f"12 {mark} of it\n").recall == 1.0


@pytest.mark.parametrize(
    ("said", "written"), [("-5", "5"), ("5%", "5"), ("(7)", "7"), ("0.35**", "0.35"), ("3.1", "31")]
)
def test_a_mark_at_a_word_is_part_of_it(said: str, written: str) -> None:
    assert lost(of_lines([f"all {said} of it"], f"all {written} of it\n")) == [said]


def test_text_that_is_written_twice_hides_no_lost_text() -> None:
    lines = ["the first of the lines has this", "and the second of the lines that"]
    found = of_lines(lines, f"{lines[0]} {lines[0]}\n")
    assert found.recall == 0.5
    assert found.precision == 0.5
    assert lost(found) == lines[1].split()


def test_letters_gathered_from_other_words_are_no_word() -> None:
    assert lost(of_lines(["one then two"], "one to have eaten two\n")) == ["then"]


def test_what_is_written_and_not_on_the_page_costs_precision() -> None:
    found = of_lines(["one two"], "one two three four\n")
    assert (found.recall, found.precision, found.surplus) == (1.0, 0.5, ("three", "four"))


def test_a_header_that_is_left_out_is_not_lost_and_not_to_be_written() -> None:
    header = Piece("Annual report", (50, 0, 128, 12), 0, is_wanted=False)
    words = [*words_of("Annual report", 0), *words_of("Its text", 40)]
    parts = [header, piece("Its text", 40, 1)]
    assert coverage.of_pieces(parts, words, "Its text\n").recall == 1.0
    assert coverage.of_pieces(parts, words, "Annual report\n\nIts text\n").precision == 0.5


def test_a_stamp_may_be_written_or_not() -> None:
    stamp = Piece("VOID", (50, 0, 74, 12), 0, is_needed=False)
    words = [*words_of("VOID", 0), *words_of("Its text", 40)]
    for label in ("Its text\n", "VOID\n\nIts text\n"):
        found = coverage.of_pieces([stamp, piece("Its text", 40, 1)], words, label)
        assert (found.recall, found.precision) == (1.0, 1.0)


def test_what_is_drawn_several_times_is_wanted_once() -> None:
    words = [word for step in range(4) for word in words_of("Bold words", 0, 50 + 0.35 * step)]
    found = coverage.of_pieces([piece("Bold words", 0, 0)], words, "Bold words\n")
    assert (found.recall, found.precision) == (1.0, 1.0)
    twice = coverage.of_pieces([piece("Bold words", 0, 0)], words, "Bold words Bold words\n")
    assert (twice.recall, twice.precision) == (1.0, 0.5)


def test_a_word_that_no_block_took_is_lost() -> None:
    words = [*words_of("The text", 0), *words_of("A note", 300)]
    assert lost(coverage.of_pieces([piece("The text", 0, 0)], words, "The text\n")) == ["A", "note"]


def test_pieces_of_one_line_in_another_order_are_all_there() -> None:
    words = [*words_of("ab", 0, 50), *words_of("cd", 0, 90), *words_of("next line", 20)]
    parts = [piece("ab", 0, 0, 50), piece("cd", 0, 0, 90), piece("next line", 20, 1)]
    assert coverage.of_pieces(parts, words, "cd ab next line\n").recall == 1.0


TABLE_BOX: Box = (40.0, -5.0, 300.0, 65.0)


def table_of(rows: Sequence[Sequence[str]]) -> PageTable:
    cells = tuple(Cell(row, column, text) for row, line in enumerate(rows) for column, text in enumerate(line))
    return PageTable(TABLE_BOX, len(rows), len(rows[0]), cells)


ROWS = [["Year", "A", "B"], ["2019", "5", "7"], ["2020", "7", "5"]]
WORDS = [
    word
    for row, line in enumerate(ROWS)
    for column, text in enumerate(line)
    for word in words_of(text, 20.0 * row, 50.0 + 100 * column)
]


def test_cells_have_the_words_of_their_place() -> None:
    table = table_of(ROWS)
    found = coverage.of_pieces([table], WORDS, table.markdown())
    assert (found.recall, found.precision) == (1.0, 1.0)


def test_a_figure_that_stands_elsewhere_twice_hides_none_that_a_table_lost() -> None:
    wrong = table_of([ROWS[0], ["2019", "5", ""], ["2020", "7", "5"]])
    words = [*WORDS, *words_of("All 7 of them", 100)]
    found = coverage.of_pieces(
        [wrong, piece("All 7 of them", 100, 1)], words, f"{wrong.markdown()}\n\nAll 7 7 of them\n"
    )
    assert [(word.text, word.y0) for word in found.lost] == [("7", 20.0)]
    assert found.surplus == ("7",)


def test_tables_side_by_side_in_one_box_share_its_words() -> None:
    left, right = table_of([row[:2] for row in ROWS]), table_of([[row[0], row[2]] for row in ROWS])
    words = [*WORDS, *(Word(word.x0 + 150, word.y0, word.x1 + 150, word.y1, word.text) for word in WORDS[::3])]
    label = f"{left.markdown()}\n\n{right.markdown()}\n"
    assert coverage.of_pieces([left, right], words, label).recall == 1.0


def test_a_word_on_a_rule_is_two_cells_words() -> None:
    table = table_of([["Name", "x", "y"], ["sum", "120", "340"]])
    words = [*words_of("Name x y", 0), *words_of("sum 120340", 20)]
    found = coverage.of_pieces([table], words, table.markdown())
    assert (lost(found), found.surplus) == ([], ())


def test_a_formula_within_a_chinese_sentence_is_not_wanted_as_characters() -> None:
    """The sentence has no blanks: it is one word, with the formula in it."""
    pieces = [
        Piece("这里", (50, 0, 62, 12), 0),
        Piece("p", (62, 0, 68, 12), 0, is_wanted=False),
        Piece("表示压力p。", (68, 0, 104, 12), 0),
    ]
    found = coverage.of_pieces(pieces, [Word(50, 0, 104, 12, "这里p表示压力p。")], "这里表示压力p。")
    assert (found.recall, found.precision) == (1.0, 1.0)


def test_a_sentence_belongs_to_most_of_it_and_not_to_the_formula_in_its_middle() -> None:
    pieces = [
        Piece("重复第", (50, 0, 86, 12), 0),
        Piece("v", (86, 0, 94, 12), 0, is_wanted=False),
        Piece("变化", (94, 0, 120, 12), 0),
    ]
    found = coverage.of_pieces(pieces, [Word(50, 0, 120, 12, "重复第v变化")], "重复第变化")
    assert (found.recall, found.precision) == (1.0, 1.0)


def test_words_that_a_line_of_a_table_cuts_are_all_there(tmp_path: Path) -> None:
    made = pymupdf.open()
    page = made.new_page()
    for x in (60, 130, 200, 270):
        page.draw_line((x, 60), (x, 180))
    for y in (60, 90, 120, 150, 180):
        page.draw_line((60, y), (270, y))
    for row, figures in enumerate([("Item", "Value", "Sold"), *[("12345.67", f"9{n}876.54", "3.") for n in range(3)]]):
        for column, text in enumerate(figures):
            # Set to the right, against the line, and a little over it.
            x = 60 + 70 * (column + 1) - pymupdf.get_text_length(text, fontsize=15) + 0.5
            page.insert_text((x, 80 + 30 * row), text, fontsize=15)
    made.save(tmp_path / "a.pdf")
    read = PageReader(str(tmp_path / "a.pdf"), "", LabelSettings("keep", "markdown", "alt", "use", 30.0, "test")).read(
        0
    )
    assert "| 12345.67 | 90876.54 | 3. |" in read.text
    assert (read.word_recall, read.word_precision) == (1.0, 1.0)

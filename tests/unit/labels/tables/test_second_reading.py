"""Promises about the second reading of a table: columns and rows from its words alone, whatever the first one says."""

from scribetune.labels.ruling_lines import Rule, Rules, Walls
from scribetune.labels.tables import second_reading
from support import table_words

NOTHING = Rules((), (), ())


def grid(lines: table_words.Lines, rules: Rules = NOTHING) -> list[list[str]]:
    words = table_words.words(lines)
    return [list(row) for row in second_reading.read(words, rules).grid(words)]


def test_figures_below_each_other_are_columns_and_lines_are_rows() -> None:
    found = grid({
        0: [(0, "Year"), (100, "Wool"), (150, "Coal")],
        14: [(0, "first"), (105, "12"), (155, "7")],
        28: [(0, "second half"), (100, "144"), (150, "78")],
    })  # fmt: skip
    assert found == [["Year", "Wool", "Coal"], ["first", "12", "7"], ["second half", "144", "78"]]


def test_a_heading_over_two_columns_is_no_column() -> None:
    found = grid({
        0: [(115, "Trade")],
        14: [(0, "Year"), (100, "Wool"), (150, "Coal")],
        28: [(0, "first"), (105, "12"), (155, "7")],
        42: [(0, "second"), (100, "144"), (150, "78")],
    })  # fmt: skip
    assert found[1:] == [["Year", "Wool", "Coal"], ["first", "12", "7"], ["second", "144", "78"]]
    assert "Trade" in found[0]


def test_a_total_at_the_right_of_the_first_column_makes_no_column() -> None:
    found = grid({
        0: [(0, "training of apprentices"), (150, "79"), (200, "55")],
        14: [(0, "open education of adults"), (150, "13"), (200, "66")],
        28: [(105, "Total"), (150, "92"), (200, "61")],
    })  # fmt: skip
    assert found[2] == ["Total", "92", "61"]


def test_a_text_that_had_no_room_goes_on_in_its_row() -> None:
    found = grid({
        0: [(0, "first"), (100, "a text that is too"), (220, "12")],
        12: [(100, "long for a line")],
        24: [(0, "second"), (100, "short"), (220, "9")],
        36: [(0, "third"), (100, "as short"), (220, "8")],
    })  # fmt: skip
    assert found == [
        ["first", "a text that is too long for a line", "12"], ["second", "short", "9"], ["third", "as short", "8"],
    ]  # fmt: skip


def test_a_name_that_stands_alone_is_a_row() -> None:
    found = grid({
        0: [(0, "Head Start"), (150, "12"), (200, "9")],
        12: [(0, "Three years")],
        24: [(0, "Control of all years"), (150, "17"), (200, "82")],
    })  # fmt: skip
    assert [row[0] for row in found] == ["Head Start", "Three years", "Control of all years"]


def test_lines_between_rules_of_a_grid_are_one_row() -> None:
    rules = Rules((), (), (), Walls(tuple(Rule(-5, 250, y) for y in (11, 35, 59)), (Rule(-5, 80, 90),)))
    found = grid({
        0: [(0, "Name"), (100, "Remark")],
        12: [(0, "wool"), (100, "one line")],
        24: [(0, "yarn"), (100, "another")],
        36: [(0, "coal"), (100, "one line")],
        48: [(0, "coke"), (100, "another")],
        60: [(0, "sum"), (100, "none")],
    }, rules)  # fmt: skip
    assert found == [["Name", "Remark"], ["wool yarn", "one line another"], ["coal coke", "one line another"],
                     ["sum", "none"]]  # fmt: skip


def test_a_line_drawn_between_words_that_stand_close_parts_them() -> None:
    rules = Rules((), (), (), Walls((), (Rule(-5, 60, 31),)))
    lines = {
        0.0: [(0.0, "wool"), (32.0, "12")],
        14.0: [(0.0, "coal 1"), (32.0, "9")],
        28.0: [(0.0, "coke 2"), (32.0, "8")],
    }
    assert grid(lines, rules)[1] == ["coal 1", "9"]


def test_no_words_are_no_table() -> None:
    assert second_reading.read([], NOTHING) == second_reading.SecondReading(0, 0, {}, frozenset())

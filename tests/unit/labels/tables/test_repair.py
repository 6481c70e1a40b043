"""Promises about tables without lines between their columns: they are what a reader sees."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from scribetune.labels.ruling_lines import Rule, Rules, rules_of
from scribetune.labels.tables.cells import Box, PageTable
from scribetune.labels.tables.lines import is_figure
from scribetune.labels.tables.repair import repair
from scribetune.text.grids import Cell
from support.table_words import words

NO_RULES = Rules((), (), ())


def found_by_library(edges: list[float], tops: list[float]) -> tuple[PageTable, list[list[Box | None]]]:
    """A grid as layout analysis gives it: equal cells, whose text does not count."""
    boxes: list[list[Box | None]] = [[(x0, y0, x1, y1) for x0, x1 in pairwise(edges)] for y0, y1 in pairwise(tops)]
    cells = tuple(Cell(row, column, "?") for row in range(len(tops) - 1) for column in range(len(edges) - 1))
    return PageTable((edges[0], tops[0], edges[-1], tops[-1]), len(tops) - 1, len(edges) - 1, cells), boxes


def repaired(
    lines: Mapping[float, Sequence[tuple[float, str]]], edges: list[float], rules: Rules = NO_RULES
) -> PageTable:
    tops = [min(lines) - 1, *(y + 12 for y in lines)]
    found, boxes = found_by_library(edges, tops)
    (table,) = repair(found, boxes, words(lines), rules)
    return table


def across(*rules: tuple[float, float, float]) -> Rules:
    return Rules(tuple(Rule(start, end, at) for start, end, at in rules), (), ())


BODY = {
    40.0: [(0, "North"), (100, "1.0"), (150, "2.0"), (200, "3.0"), (250, "4.0")],
    54.0: [(0, "South"), (100, "1.5"), (150, "2.5"), (200, "3.5"), (250, "4.5")],
    68.0: [(0, "East"), (100, "1.7"), (150, "2.7"), (200, "3.7"), (250, "4.7")],
    82.0: [(0, "West"), (100, "1.9"), (150, "2.9"), (200, "3.9"), (250, "4.9")],
}
EDGES = [0.0, 80.0, 140.0, 190.0, 240.0, 280.0]


def test_a_heading_spans_what_the_rule_below_it_spans() -> None:
    header = {0.0: [(122, "2009"), (222, "2010")], 14.0: [(100, "n"), (150, "share"), (200, "n"), (250, "share")]}
    table = repaired({**header, **BODY}, EDGES, across((95, 170, 12), (195, 270, 12), (0, 280, 27)))
    assert [cell for cell in table.cells if cell.row == 0] == [Cell(0, 1, "2009", 1, 2), Cell(0, 3, "2010", 1, 2)]
    assert [cell.text for cell in table.cells if cell.row == 1] == ["n", "share", "n", "share"]


def test_lines_of_one_heading_are_one_cell() -> None:
    header = {
        0.0: [(100, "Total"), (200, "Rate")],
        11.0: [(0, "Region"), (100, "of all"), (150, "Part"), (200, "today"), (250, "Rest")],
    }
    table = repaired({**header, **BODY}, EDGES, across((0, 280, 24)))
    assert [cell.text for cell in table.cells if cell.row == 0] == [
        "Region",
        "Total of all",
        "Part",
        "Rate today",
        "Rest",
    ]
    assert table.rows == 5


def test_a_column_that_is_two_is_split_where_no_word_stands() -> None:
    table = repaired(
        {20.0: [(0, "Region"), (100, "a"), (150, "b"), (200, "c"), (250, "d")], **BODY}, [0.0, 80.0, 280.0]
    )
    assert table.columns == 5
    assert [cell.text for cell in table.cells if cell.row == 2] == ["South", "1.5", "2.5", "3.5", "4.5"]


def test_a_column_without_body_is_part_of_its_neighbour() -> None:
    header = {20.0: [(0, "Region"), (100, "All now"), (150, "b"), (200, "c"), (250, "d")]}
    table = repaired({**header, **BODY}, [0.0, 80.0, 125.0, 145.0, 190.0, 240.0, 280.0])
    assert table.columns == 5
    assert [cell.text for cell in table.cells if cell.row == 0] == ["Region", "All now", "b", "c", "d"]


def test_a_wrapped_name_is_one_row_with_its_figures() -> None:
    lines = {
        **BODY,
        96.0: [(0, "American Indian or"), (100, "2.1"), (150, "3.1"), (200, "4.1"), (250, "5.1")],
        106.0: [(0, "native")],
        120.0: [(0, "Asia"), (100, "2.2"), (150, "3.2"), (200, "4.2"), (250, "5.2")],
    }
    table = repaired({20.0: [(0, "Region"), (100, "a"), (150, "b"), (200, "c"), (250, "d")], **lines}, EDGES)
    assert next(cell.text for cell in table.cells if cell.row == 5) == "American Indian or native"
    assert table.rows == 7


def test_a_caption_and_notes_are_no_rows() -> None:
    lines = {
        0.0: [(0, "Table 7: shares of all regions in the four years of the survey")],
        20.0: [(0, "Region"), (100, "a"), (150, "b"), (200, "c"), (250, "d")],
        **BODY,
        98.0: [(0, "Source: a survey of households in all of the four regions named")],
    }
    table = repaired(lines, EDGES)
    assert table.above == ("Table 7: shares of all regions in the four years of the survey",)
    assert table.below == ("Source: a survey of households in all of the four regions named",)
    assert table.rows == 5


def test_tables_side_by_side_with_the_same_headings_are_told_apart() -> None:
    lines = {
        0.0: [(0, "Age"), (60, "People"), (140, "Age"), (200, "People")],
        **{
            14.0 * row: [(0, f"{row} years"), (60, f"{row}00"), (140, f"{row + 9} years"), (200, f"{row}50")]
            for row in range(1, 5)
        },
    }
    tops = [min(lines) - 1, *(y + 12 for y in lines)]
    found, boxes = found_by_library([0.0, 50.0, 120.0, 190.0, 240.0], tops)
    first, second = repair(found, boxes, words(lines), NO_RULES)
    assert (first.columns, second.columns) == (2, 2)
    assert second.markdown().startswith("| Age | People |\n|---|---|\n| 10 years | 150 |")


def test_no_word_of_a_table_is_lost() -> None:
    lines = {0.0: [(0, "Region"), (100, "all years together"), (250, "d")], **BODY}
    table = repaired(lines, EDGES)
    held = sorted(word for cell in table.cells for word in cell.text.split())
    assert held == sorted(word.text for word in words(lines))


def test_thin_boxes_are_rules_and_shading_is_none() -> None:
    rules = rules_of(
        [
            {"type": "f", "items": [("re", (0, 10, 100, 11), 1), ("re", (0, 20, 100, 60), 1)]},
            {"type": "s", "color": (0, 0, 0), "items": [("l", (50, 0), (50, 90))]},
        ]
    )
    assert rules.horizontal == (Rule(0, 100, 10.5),)
    assert Rule(0, 90, 50) in rules.vertical
    assert rules.edges == (Rule(0, 100, 20), Rule(0, 100, 60))


def test_figures_are_told_from_words() -> None:
    assert all(map(is_figure, ("1,234", "(4.7)", "$5", "—", "10%", "n/a", "1.0–3.5", "**12")))
    assert not any(map(is_figure, ("Total", "of", ". . .", "Table7b-x")))


def test_a_rule_below_several_headings_is_no_word_of_any() -> None:
    header = {
        0.0: [(0, "Region"), (120, "2009"), (220, "2010")],
        14.0: [(100, "n"), (150, "m"), (200, "n"), (250, "m")],
    }
    table = repaired({**header, **BODY}, EDGES, across((95, 280, 12), (0, 280, 27)))
    assert [cell for cell in table.cells if cell.row == 0][1:] == [Cell(0, 1, "2009", 1, 2), Cell(0, 3, "2010", 1, 2)]


def test_a_heading_in_two_lines_spans_no_others() -> None:
    header = {
        0.0: [(132, "Unadjusted")],
        11.0: [(0, "Region"), (100, "n"), (132, "odds ratio"), (200, "k"), (250, "m")],
    }
    table = repaired({**header, **BODY}, EDGES, across((0, 280, 24)))
    assert [cell.text for cell in table.cells if cell.row == 0] == ["Region", "n", "Unadjusted odds ratio", "k", "m"]


def test_a_heading_over_dates_spans_them_though_one_stands_below_it() -> None:
    header = {0.0: [(165, "Ended")], 11.0: [(95, "May 1"), (145, "May 2"), (195, "May 3"), (245, "May 4")]}
    lines = {y: [(x + 1 * (x > 0), text) for x, text in row] for y, row in BODY.items()}
    table = repaired({**header, **lines}, EDGES, across((0, 280, 24)))
    assert [cell for cell in table.cells if cell.row == 0] == [Cell(0, 1, "Ended", 1, 4)]


def test_a_share_in_brackets_stays_with_its_number() -> None:
    lines = {
        14.0 * row: [(0, f"Region{row}"), (100, f"4{row}4 (5.{row}%)"), (200, f"{row}12 (1.2%)")] for row in range(1, 6)
    }
    table = repaired({0.0: [(0, "Name"), (100, "Before"), (200, "After")], **lines}, [0.0, 80.0, 180.0, 280.0])
    assert table.columns == 3


def test_digits_in_groups_are_one_number() -> None:
    lines = {14.0 * row: [(0, f"Region{row}"), (100, f"{row}1 456"), (200, f"{row}12 789")] for row in range(1, 6)}
    table = repaired({0.0: [(0, "Name"), (100, "Before"), (200, "After")], **lines}, [0.0, 80.0, 180.0, 280.0])
    assert table.columns == 3


def test_a_text_in_the_middle_of_empty_columns_spans_them() -> None:
    table = repaired(
        {
            20.0: [(0, "Region"), (100, "a"), (150, "b"), (200, "c"), (250, "d")],
            **BODY,
            96.0: [(0, "Coast"), (170, "no data")],
        },
        EDGES,
    )
    assert [cell for cell in table.cells if cell.row == 5] == [Cell(5, 0, "Coast"), Cell(5, 1, "no data", 1, 4)]


def test_headings_that_repeat_below_others_make_groups() -> None:
    header = {0.0: [(118, "Before"), (225, "Now")], 16.0: [(100, "n"), (150, "share"), (200, "n"), (250, "share")]}
    table = repaired({**header, **BODY}, EDGES, across((0, 280, 28)))
    assert [cell for cell in table.cells if cell.row == 0] == [Cell(0, 1, "Before", 1, 2), Cell(0, 3, "Now", 1, 2)]


def test_a_rule_below_two_headings_is_divided_between_them() -> None:
    header = {0.0: [(130, "Before"), (212, "Now")], 16.0: [(100, "n"), (150, "share"), (200, "k"), (250, "cost")]}
    table = repaired({**header, **BODY}, EDGES, across((97, 273, 13), (0, 280, 28)))
    assert [cell for cell in table.cells if cell.row == 0] == [Cell(0, 1, "Before", 1, 2), Cell(0, 3, "Now", 1, 2)]
    assert table.rows == 6


def test_leaders_make_no_column() -> None:
    lines = {14.0 * row: [(0, f"Region{row} . . . . ."), (120, f"4{row}.1"), (200, f"{row}12")] for row in range(1, 6)}
    table = repaired({0.0: [(0, "Name"), (120, "Rate"), (200, "All")], **lines}, [0.0, 48.0, 110.0, 180.0, 240.0])
    assert table.columns == 3


def test_headings_of_two_columns_are_a_row_like_others() -> None:
    lines = {
        10.0: [(0, "Form"), (100, "Solid")],
        24.0: [(0, "Colour"), (100, "White")],
        38.0: [(0, "Odour"), (100, "None")],
        58.0: [(0, "Acidity"), (100, "Unknown")],
    }
    table = repaired(lines, [0, 95, 200], across((0, 200, 52), (0, 200, 72)))
    assert [(cell.row, cell.text) for cell in table.cells if cell.column == 1] == [
        (0, "Solid"), (1, "White"), (2, "None"), (3, "Unknown")
    ]  # fmt: skip


def test_a_name_may_reach_up_to_where_the_next_column_begins() -> None:
    lines = {
        10.0: [(0, "Number"), (100, "1987"), (200, "1988")],
        24.0: [(0, "A name as long as"), (100, "III"), (200, "IV")],
        38.0: [(0, "Partition of water:"), (100, "None"), (200, "Any")],
        52.0: [(0, "Danger"), (100, "None"), (200, "None")],
    }
    table = repaired(lines, [0, 99, 198, 260])
    assert [cell.text for cell in table.cells if cell.column == 1] == ["1987", "III", "None", "None"]


def test_the_sign_of_a_currency_is_no_column() -> None:
    lines = {
        10.0: [(0, "Net"), (100, "€"), (107, "717,97")],
        24.0: [(0, "Tax"), (100, "€"), (107, "917,97")],
        38.0: [(0, "Fee"), (100, "€"), (107, "817,97")],
        52.0: [(0, "Sum"), (100, "€"), (107, "617,97")],
        66.0: [(0, "Due"), (100, "€"), (107, "517,97")],
    }
    table = repaired(lines, [0, 60, 140])
    assert [cell.text for cell in table.cells if cell.column == 1] == [
        "€ 717,97", "€ 917,97", "€ 817,97", "€ 617,97", "€ 517,97"
    ]  # fmt: skip


def test_strokes_that_slope_among_few_texts_make_a_drawing() -> None:
    arrow = {"type": "s", "color": (0, 0, 0), "items": [("l", (10, 10), (60, 40))]}
    corner = {"type": "s", "color": (0, 0, 0), "items": [("c", (10, 10), (11, 10), (12, 11), (12, 12))]}
    assert rules_of([arrow]).is_drawing((0, 0, 100, 100), 3)
    assert not rules_of([arrow]).is_drawing((0, 0, 100, 100), 4)
    assert not rules_of([arrow]).is_drawing((0, 50, 100, 100), 1)
    assert not rules_of([corner]).is_drawing((0, 0, 100, 100), 1)


def test_names_with_colons_above_a_rule_are_no_heading() -> None:
    lines = {
        10.0: [(0, "Form:"), (100, "Solid"), (180, "seen")],
        24.0: [(0, "Colour:"), (100, "White")],
        38.0: [(0, "Odour:"), (100, "None"), (180, "smelt")],
        58.0: [(0, "Acidity:"), (100, "Unknown")],
    }
    table = repaired(lines, [0, 95, 175, 240], across((0, 240, 52), (0, 240, 72)))
    assert [cell.text for cell in table.cells if cell.column == 0] == ["Form:", "Colour:", "Odour:", "Acidity:"]

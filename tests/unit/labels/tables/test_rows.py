"""Promises about the rows of a table without lines between them: they are what a reader sees."""

from collections.abc import Mapping, Sequence

from scribetune.labels.ruling_lines import Rule
from scribetune.labels.tables.grid import Grid
from scribetune.labels.tables.lines import lines_of
from scribetune.labels.tables.rows import RowDivision
from support.table_words import words

EDGES = [0.0, 90.0, 210.0, 280.0]


def rows(
    texts: Mapping[float, Sequence[tuple[float, str]]], rules: Sequence[Rule] = (), edges: Sequence[float] = EDGES
) -> list[str]:
    """The words of each row, line after line."""
    body = lines_of(words(texts))
    grid = Grid(list(edges), 10.0, 4.2, edges[0], edges[-1], tuple(rules), (), set())
    return [" ".join(word.text for line in row for word in line.words) for row in RowDivision(grid, body).rows()]


def test_lines_of_a_wrapped_cell_are_one_row_with_the_cells_beside_it() -> None:
    assert rows(
        {
            0.0: [(0, "Timber"), (100, "Each shared tunnels"), (240, "71.8")],
            11.0: [(100, "confirms each annual")],
            22.0: [(100, "copper")],
            33.0: [(0, "Vessels"), (100, "The public barley"), (240, "85.2")],
            44.0: [(0, "Exports"), (100, "A early bakeries in"), (240, "66.6")],
            55.0: [(100, "minor wool")],
        }
    ) == [
        "Timber Each shared tunnels 71.8 confirms each annual copper",
        "Vessels The public barley 85.2",
        "Exports A early bakeries in 66.6 minor wool",
    ]


def test_cells_in_the_middle_of_a_wrapped_one_belong_to_it() -> None:
    assert rows(
        {
            0.0: [(0, "Cattle"), (100, "A"), (240, "15.7")],
            14.0: [(100, "A open timber needing")],
            19.5: [(0, "Vessels"), (240, "14.2")],
            25.0: [(100, "second harbour lists")],
            39.0: [(100, "A shared rainfall all")],
            44.5: [(0, "Clinics"), (240, "82.5")],
            50.0: [(100, "heavy meadows")],
        }
    ) == [
        "Cattle A 15.7",
        "A open timber needing Vessels 14.2 second harbour lists",
        "A shared rainfall all Clinics 82.5 heavy meadows",
    ]


def test_a_line_that_left_room_for_the_next_word_is_not_continued() -> None:
    texts = {0.0: [(0, "Barley"), (100, "The northern wool and linen")], 11.0: [(100, "of an east coast")]}
    assert len(rows({**texts, 22.0: [(0, "Wool"), (100, "None")], 33.0: [(0, "Linen"), (100, "None at all")]})) == 3
    names = {14.0 * number: [(0, name), (100, "yes")] for number, name in enumerate(("ab", "abcd", "abc", "abe", "ab"))}
    assert len(rows(names)) == 5


def test_two_figures_are_never_one_cell() -> None:
    figures = {11.0 * number: [(0, "Region"), (100, f"{number}.5"), (240, "7")] for number in range(4)}
    without_names = {11.0 * number + 44: [(100, "1.5"), (240, "7")] for number in range(3)}
    assert len(rows({**figures, **without_names})) == 7


def test_a_name_in_two_lines_is_told_by_the_pitch_of_the_figures() -> None:
    texts = {14.0 * number: [(0, "North of it"), (100, "1.5"), (240, "7")] for number in range(4)}
    texts[42.0] = [(0, "Alaska or"), (100, "1.5"), (240, "7")]
    assert rows({**texts, 52.0: [(0, "Native")], 66.0: [(0, "East"), (100, "1.2"), (240, "8")]})[3:] == [
        "Alaska or 1.5 7 Native",
        "East 1.2 8",
    ]


def test_rows_end_at_rules_that_divide_the_others() -> None:
    texts = {
        0.0: [(0, "One"), (100, "first"), (240, "a")],
        11.0: [(100, "second")],
        25.0: [(0, "Two"), (100, "third"), (240, "b")],
        36.0: [(0, "more"), (100, "fourth")],
        50.0: [(0, "Three"), (100, "fifth"), (240, "c")],
    }
    divided = rows(texts, [Rule(0, 280, 23), Rule(0, 280, 48)])
    assert divided == ["One first a second", "Two third b more fourth", "Three fifth c"]


def test_a_number_of_a_section_goes_on_with_its_name() -> None:
    texts = {
        0.0: [(0, "1.1 Origin"), (100, "1987")],
        20.0: [(0, "1.2"), (100, "3")],
        32.0: [(0, "Transportclasses")],
    }
    assert rows({**texts, 52.0: [(0, "1.3 Group"), (100, "4")]})[1] == "1.2 3 Transportclasses"


def test_where_all_nouns_have_capitals_a_capital_begins_no_row() -> None:
    names = {0.0: [(0, "Für Notfall geschultes"), (120, "Schutz der Augen")], 11.0: [(0, "Personal")]}
    assert rows({**names, 22.0: [(0, "Hilfe"), (120, "Schutz der Hände")]}, edges=[0, 115, 280])[0] == (
        "Für Notfall geschultes Schutz der Augen Personal"
    )


def test_a_colon_before_a_value_begins_a_row() -> None:
    values = {0.0: [(0, "Products"), (100, ": All of these:")], 11.0: [(100, "Oxides")], 22.0: [(100, "Carbon")]}
    assert rows({**values, 33.0: [(0, "Other"), (100, ": None")]}) == [
        "Products : All of these: Oxides Carbon",
        "Other : None",
    ]


def test_what_stands_below_the_text_of_an_item_goes_on_with_it() -> None:
    texts = {
        0.0: [(0, "· Solubility in water and"), (150, "none")],
        11.0: [(7, "Alcohol")],
        22.0: [(0, "· Limits"), (150, "below")],
        33.0: [(20, "Lower"), (150, "1.5")],
    }
    assert rows(texts, edges=[0, 140, 280]) == [
        "· Solubility in water and none Alcohol",
        "· Limits below",
        "Lower 1.5",
    ]


def test_the_number_of_a_section_begins_a_row() -> None:
    groups = {0.0: [(0, "14.4 Packing group"), (100, "Not at all")], 11.0: [(0, "14.5 Nature"), (100, "Not at all")]}
    assert len(rows({**groups, 40.0: [(0, "14.6 Users"), (100, "None")]})) == 3

"""Promises about witnesses: a right label has none against it, and each kind of wrong one is seen, with its place."""

import json
from collections import Counter
from collections.abc import Sequence

import pytest

from scribetune.labels import placed_words, witnesses
from scribetune.labels.tables.cells import Word
from scribetune.labels.witnesses import Doubt

SIZE = 10.0  # points: height of a line, twice the width of a letter


def line(x: float, y: float, text: str) -> list[Word]:
    """Return the words of a line that begins at a place."""
    words = []
    for part in text.split(" "):
        width = len(part) * SIZE / 2
        words.append(Word(x, y, x + width, y + SIZE, part))
        x += width + SIZE / 4
    return words


def page(*lines: tuple[float, float, str]) -> list[Word]:
    """Return the words of a page."""
    return [word for x, y, text in lines for word in line(x, y, text)]


def kinds(label: str, words: Sequence[Word]) -> Counter[Doubt]:
    return Counter(finding.doubt for finding in witnesses.of_page(label, words))


COLUMNS = page(
    (0, 0, "Alpha beta gamma delta"), (0, 12, "epsilon zeta eta theta"), (0, 24, "iota kappa lambda mu"),
    (300, 0, "Nova opus pilum quercus"), (300, 12, "rosa silva terra umbra"), (300, 24, "vita witan xenon yarrow"),
)  # fmt: skip
LEFT, RIGHT = (
    "Alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu",
    ("Nova opus pilum quercus rosa silva terra umbra vita witan xenon yarrow"),
)
TABLE = page(
    (0, 0, "Name"), (100, 0, "Mass"), (200, 0, "Price"), (0, 14, "Iron"), (100, 14, "7"), (200, 14, "12"),
    (0, 28, "Lead"), (100, 28, "9"), (200, 28, "34"), (0, 42, "Zinc"), (100, 42, "8"), (200, 42, "56"),
)  # fmt: skip


def table(*rows: str) -> str:
    head, *rest = (f"| {' | '.join(row.split())} |" for row in rows)
    return "\n".join([head, "|---|---|---|", *rest]) + "\n"


RIGHT_TABLE = table("Name Mass Price", "Iron 7 12", "Lead 9 34", "Zinc 8 56")


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (f"{LEFT}\n\n{RIGHT}\n", COLUMNS),
        (f"## {LEFT}\n\n- **{RIGHT}**\n", COLUMNS),
        (RIGHT_TABLE, TABLE),
        ("A word hyphenated here.\n", page((0, 0, "A word hyphen-"), (0, 12, "ated here."))),
        ("Note<sup>1</sup> and x[^2] end.\n", page((0, 0, "Note1 and x2 end."))),
        ("für Montréal\n", page((0, 0, "fu¨r Montre´al"))),
    ],
)
def test_nothing_speaks_against_a_right_label(label: str, words: list[Word]) -> None:
    assert witnesses.of_page(label, words) == ()


def test_words_that_are_lost_and_words_that_are_too_many_are_named_with_their_place() -> None:
    found = witnesses.of_page(f"{LEFT.replace(' zeta', ' twice')}\n\n{RIGHT}\n", COLUMNS)
    lost = next(finding for finding in found if finding.doubt is Doubt.LOST)
    assert (lost.page, lost.box[1]) == ("zeta", 12)
    assert [finding.label for finding in found if finding.doubt is Doubt.SURPLUS] == ["twice"]


def test_a_text_written_twice_is_too_much_once() -> None:
    assert kinds(f"{LEFT}\n\n{LEFT}\n\n{RIGHT}\n", COLUMNS) == {Doubt.SURPLUS: 12}


def test_columns_read_line_by_line_in_turn_are_woven() -> None:
    woven = "Alpha beta gamma delta Nova opus pilum quercus epsilon zeta eta theta rosa silva terra umbra "
    found = kinds(f"{woven}iota kappa lambda mu vita witan xenon yarrow\n", COLUMNS)
    assert found[Doubt.WOVEN] >= 2
    assert found[Doubt.FLOW] >= 1


def test_words_of_a_phrase_that_are_apart_in_the_label_are_torn() -> None:
    assert kinds(f"{LEFT.replace('beta gamma ', '')} {RIGHT} gamma beta\n", COLUMNS)[Doubt.TORN] >= 2


def test_what_stands_above_is_read_first() -> None:
    words = page((0, 0, "First paragraph here."), (0, 30, "Second paragraph there."))
    assert kinds("Second paragraph there.\n\nFirst paragraph here.\n", words) == {Doubt.ORDER: 1}


def test_values_behind_all_names_are_parted_from_them() -> None:
    words = page(
        (0, 0, "Density:"), (200, 0, "1.2 grams"), (0, 14, "Colour:"), (200, 14, "blue"), (0, 28, "Odour:"),
        (200, 28, "none"),
    )  # fmt: skip
    assert kinds("Density:\n\nColour:\n\nOdour:\n\n1.2 grams\n\nblue\n\nnone\n", words)[Doubt.PARTED] >= 2
    assert not kinds("Density: 1.2 grams\n\nColour: blue\n\nOdour: none\n", words)


@pytest.mark.parametrize(
    "rows",
    [
        ("Name Mass Price", "Iron 12 7", "Lead 9 34", "Zinc 8 56"),
        ("Name Mass Price", "Iron 9 12", "Lead 7 34", "Zinc 8 56"),
        ("Name Mass Price", "Lead 9 34", "Iron 7 12", "Zinc 8 56"),
    ],
)
def test_cells_in_other_rows_and_columns_than_on_the_page_are_astray(rows: tuple[str, ...]) -> None:
    assert kinds(table(*rows), TABLE)[Doubt.ASTRAY] >= 1


def test_spanning_cells_of_html_tables_are_where_the_page_has_them() -> None:
    words = page((100, 0, "Both"), (0, 14, "Iron"), (100, 14, "7"), (200, 14, "12"))
    html = '<table><tr><td></td><td colspan="2">Both</td></tr><tr><td>Iron</td><td>{}</td><td>{}</td></tr></table>\n'
    assert witnesses.of_page(html.format(7, 12), words) == ()
    assert kinds(html.format(12, 7), words)[Doubt.ASTRAY] == 1


def test_a_heading_far_above_a_table_is_no_row_of_it() -> None:
    words = [*page((0, -60, "4.1 Metals")), *TABLE]
    with_heading = table("Name Mass Price", "Iron 7 12", "Lead 9 34", "Zinc 8 56").replace(
        "| Name", "| 4.1 Metals |  |  |\n|---|---|---|\n| Name"
    )
    assert kinds(with_heading.replace("Price |\n|---|---|---|", "Price |"), words)[Doubt.HEADING] == 1
    assert not kinds(f"## 4.1 Metals\n\n{RIGHT_TABLE}", words)


def test_two_columns_of_the_page_in_one_cell_are_merged() -> None:
    assert kinds("| Name | Mass Price |\n|---|---|\n| Iron | 7 12 |\n| Lead | 9 34 |\n", TABLE[:9])[Doubt.MERGED] >= 2


def test_a_heading_beside_its_column_is_seen() -> None:
    label = "| Name |  | Mass |\n|---|---|---|\n| Iron | 7 |  |\n| Lead | 9 |  |\n"
    words = [word for word in TABLE[:9] if word.text not in ("Price", "12", "34")]
    assert kinds(label, words) == {Doubt.SPLIT: 1}


@pytest.mark.parametrize("word", ["di!erent", '"rst', "e↵orts", 'simpli"ed', "h′¿h", "2\ue0123"])
def test_ligatures_that_a_font_calls_marks_are_seen(word: str) -> None:
    assert kinds(f"{word}\n", page((0, 0, word)))[Doubt.MARKS] == 1
    assert not kinds("don't O'Neill x!= R&D 5% e-mail\n", page((0, 0, "don't O'Neill x!= R&D 5% e-mail")))


def test_blocks_of_lines_that_the_label_reads_in_turn_are_torn() -> None:
    words = page(
        (0, 0, "Pino Bluebird"), (0, 12, "Sessamestreet 32"), (0, 24, "Amsterdam"), (300, 6, "Coolblue"),
        (300, 18, "Weena 664"), (300, 30, "Rotterdam"),
    )  # fmt: skip
    right = "Pino Bluebird\n\nSessamestreet 32\n\nAmsterdam\n\nCoolblue\n\nWeena 664\n\nRotterdam\n"
    assert not kinds(right, words)
    mixed = "Pino Bluebird\n\nCoolblue\n\nWeena 664\n\nRotterdam\n\nSessamestreet 32\n\nAmsterdam\n"
    assert kinds(mixed, words)[Doubt.FLOW] == 1


def test_words_joined_that_the_page_has_apart_are_seen() -> None:
    words = page((0, 0, "import layoutparser as lp"))
    assert kinds("importlayoutparser as lp\n", words) == {Doubt.CUT: 1}
    assert kinds("import layout parser as lp\n", words) == {Doubt.CUT: 1}


def test_hebrew_is_read_from_the_right() -> None:
    words = [Word(60, 0, 80, 10, "אבגד"), Word(35, 0, 55, 10, "הוזח"), Word(10, 0, 30, 10, "טיכל")]
    assert witnesses.of_page("אבגד הוזח טיכל\n", words) == ()


def test_formulas_are_not_asked_for_where_latex_stands_for_them() -> None:
    words = page((0, 0, "Then we have"), (0, 20, "and so on."))
    assert witnesses.of_page("Then we have\n\n$$a^2$$\n\nand so on.\n", words, has_latex=True) == ()


def test_what_settings_leave_out_is_not_lost() -> None:
    words = page((0, 0, "Running header"), (0, 30, "The text itself."))
    assert witnesses.of_page("The text itself.\n", words, [(0, 0, 100, 10)]) == ()
    assert kinds("The text itself.\n", words) == {Doubt.LOST: 2}


def test_a_page_of_thousands_of_equal_figures_takes_no_time() -> None:
    words = [Word(x * 8, y * 12, x * 8 + 5, y * 12 + 10, "0") for y in range(60) for x in range(60)]
    placed = placed_words.place("\n".join("0 " * 60 for _ in range(60)), words)
    assert sum(map(len, placed.places)) == 3600


def test_findings_are_written_down() -> None:
    found = witnesses.of_page(f"{LEFT}\n", COLUMNS)
    assert witnesses.counts(found)["words_lost"] == 12
    text = witnesses.as_text(found)
    assert [entry[0] for entry in json.loads(text)] == ["words_lost"] * 3, "three of a kind"
    assert witnesses.as_text(()) == ""

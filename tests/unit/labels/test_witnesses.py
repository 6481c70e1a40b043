"""Promises about witnesses: a right label has none against it, and each kind of wrong one is seen, with its place."""

import json
from collections import Counter
from collections.abc import Sequence

import pytest

from scribetune.labels import doubts, placed_words, witnesses
from scribetune.labels.doubts import Doubt
from scribetune.labels.tables.cells import Word
from support.placed import SIZE, page


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


FOOT = page(
    (0, 0, "Tallow and Wick"), (0, 9, "Candle Division"), (0, 18, "Candle Lane, Northport"), (0, 27, "Tel 555-0100"),
    (300, 18, "Printed in Norway"), (300, 27, "1106-3M (C)"),
)  # fmt: skip
BOXES = page(
    (0, 0, "Delivery address"), (0, 14, "Olives and more"), (0, 28, "Hill Road 35"), (0, 42, "Lyon"),
    (300, 5, "Buyer"), (300, 20, "Alexandra Payet"), (300, 35, "Hill Road 37"), (300, 50, "Paris"),
)  # fmt: skip
FORM = page(
    (0, 0, "Our details"), (0, 14, "Phone"), (200, 14, "Anna Blom"), (0, 28, "Place"), (200, 28, "Northport"),
    (0, 42, "Post"), (200, 42, "Candle Lane"), (200, 56, "on the hill"),
)  # fmt: skip
HEAD = page(
    (0, 0, "STATE OF NORTHLAND"), (30, 14, "COUNTY COURT"), (0, 28, "DISTRICT"),
    (200, 0, "ORDER EXEMPTING A CASE"), (205, 14, "FROM SERVICES OF COURT"), (240, 28, "PAGE 2"),
)  # fmt: skip
UNDER_ONE_ANOTHER = page(
    (0, 0, "Tallow and Wick"), (0, 14, "Candle Lane"), (0, 28, "Phone"), (200, 28, "0555 100"), (0, 42, "Fax"),
    (200, 42, "0555 101"),
)  # fmt: skip


def test_texts_side_by_side_read_row_by_row_are_out_of_order() -> None:
    woven = "Tallow and Wick\n\nCandle Division\n\nCandle Lane, Northport Printed in Norway Tel 555-0100 1106-3M (C)\n"
    assert kinds(woven, FOOT) == {
        Doubt.ORDER: 1,
        Doubt.WOVEN: 2,
        Doubt.DRAWN: 2,
    }  # lines stand closer than their boxes are high
    apart = (
        "Tallow and Wick\n\nCandle Division\n\nCandle Lane, Northport Tel 555-0100\n\nPrinted in Norway 1106-3M (C)\n"
    )
    assert not kinds(apart, FOOT)
    rows = ["Delivery address", "Buyer", "Olives and more", "Alexandra Payet", "Hill Road 35", "Hill Road 37", "Lyon"]
    assert kinds("\n\n".join([*rows, "Paris\n"]), BOXES)[Doubt.ORDER] >= 1
    assert not kinds(
        "Delivery address Olives and more Hill Road 35 Lyon\n\nBuyer Alexandra Payet Hill Road 37 Paris\n", BOXES
    )


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("Our details\n\nPhone Anna Blom\n\nPlace Northport\n\nPost Candle Lane on the hill\n", FORM),
        ("Tallow and Wick\n\nCandle Lane\n\nPhone 0555 100\n\nFax 0555 101\n", UNDER_ONE_ANOTHER),
    ],
)
def test_names_beside_their_values_are_read_row_by_row(label: str, words: list[Word]) -> None:
    assert not kinds(label, words)


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


@pytest.mark.parametrize("word", ["di!erent", '"rst', "e↵orts", 'simpli"ed', "h′¿h", "2\ue0123", "⎛1⎞", "22ś26", "ğ4"])
def test_ligatures_that_a_font_calls_marks_are_seen(word: str) -> None:
    assert kinds(f"{word}\n", page((0, 0, word)))[Doubt.MARKS] == 1
    assert not kinds("don't O'Neill x!= R&D 5% e-mail\n", page((0, 0, "don't O'Neill x!= R&D 5% e-mail")))


@pytest.mark.parametrize("text", ['the "shaking hands with {:?}", a', 'it says "first come" and goes'])
def test_quotations_of_several_words_are_no_ligatures(text: str) -> None:
    assert kinds(f"{text}\n", page((0, 0, text)))[Doubt.MARKS] == 0


def test_a_ligature_is_seen_among_quotations() -> None:
    text = 'the "rst of di"erent ones is "called" so'
    assert kinds(f"{text}\n", page((0, 0, text)))[Doubt.MARKS] >= 1


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
    assert doubts.counts(found)["words_lost"] == 12
    text = doubts.as_text(found)
    assert [entry[0] for entry in json.loads(text)] == ["words_lost"] * 3, "three of a kind"
    assert doubts.as_text(()) == ""


def column(x: float, *ends: str) -> list[tuple[float, float, str]]:
    """Return twelve lines below each other, no word of them twice."""
    return [(x, 60.0 + 12 * n, " ".join(chr(97 + n) + end for end in ends)) for n in range(12)]


BODY, BESIDE = column(0, "aro", "bulen", "cemat", "dofira"), column(220, "ega", "fisol", "gorin", "hunera")
ENDED = [*BODY[:-1], (*BODY[-1][:2], BODY[-1][2] + ".")]


def read(*lines: Sequence[tuple[float, float, str]]) -> str:
    """Return the label that has lines in this order, a paragraph for each group."""
    return "\n\n".join(" ".join(text for _, _, text in group) for group in lines) + "\n"


def test_a_head_between_the_columns_of_the_text_is_seen() -> None:
    head, author = (0.0, 30.0, "Old houses"), (300.0, 30.0, "Mason and Miller")
    words = page(head, author, *BODY, *BESIDE)
    assert kinds(read([head], BODY, [author], BESIDE), words) == {Doubt.ORDER: 1, Doubt.SENTENCES: 1, Doubt.DRAWN: 1}
    assert kinds(read([head], [author], BODY, BESIDE), words) == {}


def test_a_foot_before_the_text_above_it_is_seen() -> None:
    foot = (200.0, 400.0, "Revision of May")
    assert kinds(read([foot], BODY, BESIDE), page(*BODY, *BESIDE, foot)) == {Doubt.ORDER: 1}
    assert kinds(read(BODY, BESIDE, [foot]), page(*BODY, *BESIDE, foot)) == {}


def test_a_note_below_the_left_column_stands_before_the_right_one() -> None:
    note = (0.0, 240.0, "A note on houses")
    assert kinds(read(ENDED, [note], BESIDE), page(*ENDED, *BESIDE, note)) == {}


def test_a_column_that_begins_beside_a_picture_has_no_band() -> None:
    first = (220.0, 30.0, "Sentence that ends the last part.")
    assert kinds(read(ENDED, [first], BESIDE), page(first, *ENDED, *BESIDE)) == {}


NOTICE = "Permission to copy this work is granted without any fee"
TWO_COLUMNS = page(
    (0, 0, "The challenge of such programs"), (0, 12, "is to manage what access there"),
    (0, 24, "is between all of them and the"), (300, 0, "parallel threads of one program"),
    (300, 12, "which share what they have read"), (300, 24, "of it. They end here and there."),
)  # fmt: skip
SMALL_PRINT = [Word(28.0 * at, 50, 28.0 * at + 26, 57, word) for at, word in enumerate(NOTICE.split())]
FIRST = "The challenge of such programs is to manage what access there is between all of them and the"
GOES_ON = "parallel threads of one program which share what they have read of it. They end here and there."


def test_a_note_within_a_sentence_is_seen_and_none_behind_the_columns() -> None:
    words = [*TWO_COLUMNS, *SMALL_PRINT]
    found = witnesses.of_page(f"{FIRST}\n\n{NOTICE}\n\n{GOES_ON}\n", words)
    (finding,) = (one for one in found if one.doubt is not Doubt.DRAWN)
    assert finding.doubt is Doubt.SENTENCES
    assert finding.page == "them and the … parallel threads of"
    assert finding.label == "Permission to copy this work is"
    assert not witnesses.of_page(f"{FIRST} {GOES_ON}\n\n{NOTICE}\n", words)


def test_a_note_between_whole_paragraphs_of_two_columns_is_seen_too() -> None:
    first = ["The costs of all houses fell.", "They rose again later on."]
    other = ["Another year began well.", "It ended better than that."]
    columns = [(x, y, text) for x, texts in ((0, first), (300, other)) for y, text in zip((0, 12), texts, strict=True)]
    label = f"{' '.join(first)}\n\n{NOTICE}\n\n{' '.join(other)}\n"
    assert Doubt.SENTENCES in kinds(label, [*page(*columns), *SMALL_PRINT])


def test_a_paragraph_after_what_stands_below_it_is_seen_wherever_it_is() -> None:
    words = page((0, 0, "A subtitle of all"), (0, 200, "The text begins far below it"), (0, 212, "and ends here."))
    label = "The text begins far below it and ends here.\n\nA subtitle of all\n"
    assert Doubt.SENTENCES in kinds(label, words)
    assert not kinds("A subtitle of all\n\nThe text begins far below it and ends here.\n", words)


def test_captions_cut_no_sentence() -> None:
    caption = "Figure 3 shows what is read by all of the threads"
    words = [*TWO_COLUMNS, *page((0, 50, caption))]
    assert Doubt.SENTENCES not in kinds(f"{FIRST}\n\n{caption}\n\n{GOES_ON}\n", words)


def test_columns_as_close_as_words_are_columns() -> None:
    left = column(0, "aro", "bulen", "cemat", "dofira")
    beside = column(max(word.x1 for word in page(*left)) + 0.9 * SIZE, "ega", "fisol", "gorin", "hunera")
    assert kinds(read(left, beside), page(*left, *beside)) == {}
    assert kinds(read(beside, left), page(*left, *beside))

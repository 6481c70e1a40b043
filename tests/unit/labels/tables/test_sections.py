"""Promises about headings in the box of a table: they end it, and are headings."""

from collections.abc import Mapping, Sequence

from scribetune.labels.layout_model import DetectedTable, Region
from scribetune.labels.ruling_lines import Rule, Rules
from scribetune.labels.tables.cells import Box, PageTable
from scribetune.labels.tables.sections import apart
from scribetune.labels.text_layer import Line, Span
from scribetune.text.grids import Cell
from support.table_words import WIDTH, words

NO_RULES = Rules((), (), ())
NAMES = [(20.0, "Producer"), (120.0, "The mill at the river")]
Texts = Mapping[float, Sequence[tuple[float, str]]]


def set_in(texts: Texts, sizes: Mapping[float, float]) -> list[Line]:
    found = []
    for y, row in texts.items():
        for x, text in row:
            box = (x, y, x + WIDTH * len(text), y + 10)
            found.append(Line((Span(text, box, sizes.get(y, 9.0), False, False, False, False),), box, 0))
    return found


def cut(texts: Texts, sizes: Mapping[float, float] | None = None, rules: Rules = NO_RULES) -> list[Region]:
    """What a table of two columns, a row each line, becomes."""
    tops = sorted(texts)
    box: Box = (0.0, tops[0] - 1, 300.0, tops[-1] + 11)
    boxes = tuple(((0.0, y, 110.0, y + 10), (110.0, y, 300.0, y + 10)) for y in tops)
    cells = tuple(Cell(row, column, "?") for row in range(len(tops)) for column in range(2))
    table = DetectedTable(PageTable(box, len(tops), 2, cells), boxes)
    return apart([Region("table", box, (table,))], set_in(texts, sizes or {}), words(texts), rules)


def tables_in(texts: Texts) -> list[PageTable]:
    return [found.table for region in cut(texts) for found in region.tables]


def parts(texts: Texts, sizes: Mapping[float, float] | None = None, rules: Rules = NO_RULES) -> list[tuple[str, float]]:
    """Kinds and heights of the parts."""
    regions = cut(texts, sizes, rules)
    assert all(len(one.tables) == (one.kind == "table") for one in regions)
    return [(one.kind, one.box[1]) for one in regions]


def form(heading: str, x: float = 20.0) -> dict[float, list[tuple[float, str]]]:
    return {0.0: NAMES, 20.0: NAMES, 40.0: [(x, heading)], 60.0: NAMES}


def test_a_numbered_heading_that_is_set_apart_ends_a_table() -> None:
    whole = [("table", 0.0), ("section-header", 40.0), ("table", 60.0)]
    assert parts(form("6.2 Rivers and lakes"), {40.0: 10.0}) == whole  # larger
    assert parts(form("SECTION 7: Storage", x=10.0)) == whole  # further left
    assert parts(form("6.2 What to do if it runs into rivers")) == whole  # over both columns
    band = tuple(Rule(0.0, 300.0, at) for at in (38.0, 52.0))
    assert parts(form("6.2 Rivers"), rules=Rules((), (), band)) == whole


def test_a_name_with_a_number_is_a_row() -> None:
    whole = [("table", -1.0)]
    assert parts(form("6.2 Rivers")) == whole
    assert parts({**form(""), 40.0: [(10.0, "6.2 Rivers"), (120.0, "none")]}, {40.0: 10.0}) == whole


def test_one_line_between_headings_is_a_table_with_its_words() -> None:
    texts = {0.0: [(20.0, "6.1 Lakes")], 20.0: NAMES, 40.0: [(20.0, "6.2 Rivers and more of what is wet")], 60.0: NAMES}
    tables = tables_in(texts)
    assert [[(cell.column, cell.text) for cell in table.cells] for table in tables] == [
        [(0, "Producer"), (1, "The mill at the river")]
    ] * 2
    assert [(table.rows, table.columns, table.may_have_one_row) for table in tables] == [(1, 2, True)] * 2


def test_wide_blanks_in_a_line_make_no_column() -> None:
    wide = [(20.0, "Mill"), (120.0, "at"), (150.0, "the"), (190.0, "river")]
    texts = {0.0: NAMES, 20.0: wide, 40.0: [(20.0, "6.2 Rivers and more of what is wet")], 60.0: NAMES, 80.0: NAMES}
    assert [table.columns for table in tables_in(texts)] == [2, 2]


def test_one_line_above_the_first_heading_is_text() -> None:
    assert parts({0.0: NAMES, 20.0: [(20.0, "6.2 Rivers and more of what is wet")], 40.0: NAMES}) == [
        ("text", 0.0), ("section-header", 20.0), ("table", 40.0)
    ]  # fmt: skip


def test_a_number_is_enough_in_the_first_line() -> None:
    assert parts({0.0: [(20.0, "6.2 Rivers")], 20.0: NAMES, 40.0: NAMES}) == [("section-header", 0.0), ("table", 20.0)]


def test_much_larger_text_is_a_heading_without_a_number() -> None:
    assert parts(form("Transport"), {40.0: 12.0})[1] == ("section-header", 40.0)
    assert parts(form("Transport"), {40.0: 9.5}) == [("table", -1.0)]
    assert parts(form("d c `"), {40.0: 12.0}) == [("table", -1.0)]  # pictures in a font


def test_that_a_table_goes_on_is_no_row_of_it() -> None:
    texts = {
        0.0: [(200.0, "(Continued from page 4)")],
        20.0: NAMES,
        40.0: NAMES,
        60.0: [(200.0, "(Continued on page 6)")],
    }
    assert parts(texts) == [("text", 0.0), ("table", 20.0), ("text", 60.0)]


def test_headings_below_each_other_are_several_if_numbered_and_one_if_wrapped() -> None:
    larger = {40.0: 12.0, 52.0: 12.0}
    assert [kind for kind, _ in parts({**form("6 Water"), 52.0: [(20.0, "6.1 Rivers")]}, larger)].count(
        "section-header"
    ) == 2
    assert [kind for kind, _ in parts({**form("SECTION 6: Water"), 52.0: [(20.0, "and ice")]}, larger)].count(
        "section-header"
    ) == 1

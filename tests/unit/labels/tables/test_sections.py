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


def parts(texts: Texts, sizes: Mapping[float, float] | None = None, rules: Rules = NO_RULES) -> list[tuple[str, float]]:
    """Kinds and heights of the parts that a table of two columns, a row each line, becomes."""
    tops = sorted(texts)
    box: Box = (0.0, tops[0] - 1, 300.0, tops[-1] + 11)
    boxes = tuple(((0.0, y, 110.0, y + 10), (110.0, y, 300.0, y + 10)) for y in tops)
    cells = tuple(Cell(row, column, "?") for row in range(len(tops)) for column in range(2))
    table = DetectedTable(PageTable(box, len(tops), 2, cells), boxes)
    regions = apart([Region("table", box, (table,))], set_in(texts, sizes or {}), words(texts), rules)
    assert all(len(one.tables) == (one.kind == "table") for one in regions)
    return [(one.kind, one.box[1]) for one in regions]


def form(heading: str, x: float = 20.0) -> dict[float, list[tuple[float, str]]]:
    return {0.0: NAMES, 20.0: NAMES, 40.0: [(x, heading)], 60.0: NAMES}


def test_a_numbered_heading_that_is_set_apart_ends_a_table() -> None:
    cut = [("table", 0.0), ("section-header", 40.0), ("table", 60.0)]
    assert parts(form("6.2 Rivers and lakes"), {40.0: 10.0}) == cut  # larger
    assert parts(form("SECTION 7: Storage", x=10.0)) == cut  # further left
    assert parts(form("6.2 What to do if it runs into rivers")) == cut  # over both columns
    band = tuple(Rule(0.0, 300.0, at) for at in (38.0, 52.0))
    assert parts(form("6.2 Rivers"), rules=Rules((), (), band)) == cut


def test_a_name_with_a_number_is_a_row() -> None:
    whole = [("table", -1.0)]
    assert parts(form("6.2 Rivers")) == whole
    assert parts({**form(""), 40.0: [(10.0, "6.2 Rivers"), (120.0, "none")]}, {40.0: 10.0}) == whole


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

"""Promises of putting back what no cell of a table took."""

from scribetune.labels import layout_analysis
from scribetune.labels.page_blocks import Kind, PageBlock
from scribetune.labels.tables.cells import PageTable, Word
from scribetune.labels.text_layer import Line, Span
from scribetune.text.grids import Cell

WIDTH = 6.0


def line(text: str, y: float, left: float = 50.0) -> Line:
    box = (left, y, left + WIDTH * len(text), y + 10)
    return Line((Span(text, box, 10.0, False, False, False, False),), box, 0)


def words_of(lines: list[Line]) -> list[Word]:
    found = []
    for each in lines:
        at, y0, _, y1 = each.box
        for text in each.text.split(" "):
            found.append(Word(at, y0, at + WIDTH * len(text), y1, text))
            at += WIDTH * (len(text) + 1)
    return found


def left_of(cells: tuple[Cell, ...], lines: list[Line]) -> list[tuple[str, float, float]]:
    rows, columns = max(cell.row for cell in cells) + 1, max(cell.column for cell in cells) + 1
    table = PageTable((40.0, 0.0, 300.0, 200.0), rows, columns, cells)
    block = PageBlock(Kind.TABLE, table.box, tables=(table,))
    return [
        (found.text, found.box[0], found.box[1])
        for found in layout_analysis.missing_from(block, lines, words_of(lines))
    ]


def test_a_word_that_a_cell_has_whole_is_not_missing() -> None:
    cells = (Cell(0, 0, "Prevalence"), Cell(0, 1, "Size"), Cell(1, 0, "10 %"), Cell(1, 1, "1728"))
    lines = [line("Preva-", 0), line("Size", 0, 120), line("lence", 12), line("10 %", 30), line("1728", 30, 120)]
    assert left_of(cells, lines) == []
    assert left_of(cells, [*lines, line("Source: survey", 50)]) == [("Source: survey", 50.0, 50.0)]


def test_a_line_of_marks_is_missing_like_any_other() -> None:
    cells = (Cell(0, 0, "2019"), Cell(0, 1, "5"), Cell(1, 0, "2020"), Cell(1, 1, "7"))
    lines = [line("%", 0, 120), line("2019", 20), line("5", 20, 120), line("2020", 40), line("7", 40, 120)]
    assert left_of(cells, lines) == [("%", 120.0, 0.0)]


def test_of_two_equal_words_the_one_that_no_cell_is_near_is_missing() -> None:
    cells = (Cell(0, 0, "North"), Cell(0, 1, "5"), Cell(1, 0, "South"), Cell(1, 1, "7"))
    lines = [line("5", 0, 120), line("North", 40), line("5", 40, 120), line("South", 60), line("7", 60, 120)]
    assert left_of(cells, lines) == [("5", 120.0, 0.0)]


def test_words_of_a_line_that_cells_have_in_part_stand_where_they_stood() -> None:
    cells = (Cell(0, 0, "North"), Cell(0, 1, "5"), Cell(1, 0, "South"), Cell(1, 1, "7"))
    lines = [line("North 5 estimated value", 0), line("South 7", 20)]
    assert left_of(cells, lines) == [("estimated value", 50.0 + 8 * WIDTH, 0.0)]


def test_leaders_and_words_over_two_cells_are_not_missing() -> None:
    cells = (Cell(0, 0, "North"), Cell(0, 1, "120"), Cell(0, 2, "340"))
    assert left_of(cells, [line("North ........ 120340", 0)]) == []

"""Tables and formulas are found in whatever a model writes."""

import time

import pytest

from scribetune.metrics.markdown import find_formulas, find_tables, formula_exact
from scribetune.text.grids import Table


def texts(table: Table) -> list[list[str]]:
    return [[table.cells[index].text for index in line] for line in table.slots]


def test_a_pipe_table_and_an_html_table_have_one_form() -> None:
    (pipe,) = find_tables("Before\n\n| Name | Sum |\n|:---|---:|\n| **a** | 1<br>2 |\n\nAfter | all")
    (html,) = find_tables("<table><tr><th>Name</th><th>Sum</th></tr><tr><td><b>a</b></td><td>1<br/>2</td></tr></table>")
    assert texts(pipe) == texts(html) == [["Name", "Sum"], ["a", "1 2"]]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("a|b\n-|-\n1|2", [["a", "b"], ["1", "2"]]),
        ("| a |\n|---|\n| 1 |", [["a"], ["1"]]),
        ("| x \\| y | b |\n|---|---|\n| &lt;1&gt; | |", [["x | y", "b"], ["<1>", ""]]),
        ("| a | b |\n|---|---|\n| 1 |\n| 1 | 2 | 3 |", [["a", "b", ""], ["1", "", ""], ["1", "2", "3"]]),
        ("```markdown\n| a | b |\n|---|---|\n| 1 | 2 |\n```", [["a", "b"], ["1", "2"]]),
    ],
)
def test_pipe_tables_keep_every_cell_and_pad_short_rows(page: str, expected: list[list[str]]) -> None:
    (found,) = find_tables(page)
    assert texts(found) == expected


@pytest.mark.parametrize(
    "page", ["", "a | b\n---\ntext", "| a | b |\n| 1 | 2 |", "<table></table>", "<table", "</table>"]
)
def test_what_is_no_table_is_not_taken_for_one(page: str) -> None:
    assert find_tables(page) == []


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ('<table><tr><td colspan="2">a</td></tr><tr><td>1</td><td>2</td></tr></table>', [["a", "a"], ["1", "2"]]),
        ('<table><tr><td rowspan="2">h</td><td>1</td></tr><tr><td>2</td></tr></table>', [["h", "1"], ["h", "2"]]),
        ("<table><tr><td>a</td></tr><tr><td>1</td><td>2</td></tr></table>", [["a", ""], ["1", "2"]]),
        ("<TABLE><TR><TD>a&nbsp;b<TD>2</TABLE>", [["a\xa0b", "2"]]),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>1", [["a", "b"], ["1", ""]]),
        ('<table><tr><td colspan="x" rowspan="0">q</td></tr></table>', [["q"]]),
        ("<table><tr><td>a\x00b\ud800</td></tr></table>", [["a\ufffdb\ufffd"]]),
        ("<table><tr><td>a<!-- no --></td></tr></table>", [["a"]]),
        ("<table>\n <tr>\n  <td>\n   4\n  </td>\n  <td>\n  </td>\n </tr>\n</table>", [["4", ""]]),
        ("<table>\n<tr><td rowspan=1 colspan=1> a\n b<td> c</table>", [["a b", "c"]]),
        ("<table><tr><td> 4 </td><td> 5</td></tr></table>", [["4", "5"]]),
        ("<table><tr><td> 5</td></tr></table>", [[" 5"]]),
        ("<table><thead><tr><th>h</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table>", [["h"], ["1"]]),
    ],
)
def test_html_tables_are_read_well_formed_or_not(page: str, expected: list[list[str]]) -> None:
    (found,) = find_tables(page)
    assert texts(found) == expected


def test_tables_come_in_reading_order_whatever_they_are_written_in() -> None:
    pipe = "\n| {0} |\n|---|\n| 1 |\n"
    html = "<table><tr><td>{0}</td></tr></table>"
    page = pipe.format("first") + "text" + html.format("second") + "text\n" + pipe.format("third")
    assert [texts(found)[0][0] for found in find_tables(page)] == ["first", "second", "third"]


def test_absurd_spans_and_nesting_fill_neither_memory_nor_time() -> None:
    started = time.process_time()  # other work on the machine does not count
    (wide,) = find_tables('<table><tr><td colspan="99999" rowspan="99999">x</td></tr></table>')
    assert wide.rows * wide.columns <= 10_000
    find_tables("<table>" * 3000)
    find_tables("<table>" + "<div>" * 5000)
    find_tables("| a |\n|---|\n" * 3000)
    find_tables("<table " * 50_000)
    for mark in ("\\[", "\\(", "$$ ", "$ ^", "$x ", "\\$", "$ " + "^" * 100):
        find_formulas(mark * 10_000)
    assert time.process_time() - started < 5.0


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("$x^2$ and \\(y\\)", [("x^2", False), ("y", False)]),
        ("$$\n\\frac{a}{b}\n$$ \\[E = mc^2\\]", [("\\frac{a}{b}", True), ("E = mc^2", True)]),
        ("$ a_1 $ here", [("a_1", False)]),
        ("$a\\$b$", [("a\\$b", False)]),
        ("It costs $5 and $10, or $ 3 in all, $ 4 at most.", []),
        ("\\$x\\$ and $$ $$", []),
    ],
)
def test_formulas_are_found_and_amounts_of_money_are_not(page: str, expected: list[tuple[str, bool]]) -> None:
    assert [(formula.latex, formula.display) for formula in find_formulas(page)] == expected


def test_formula_exact_ignores_spaces_and_delimiters_only() -> None:
    assert formula_exact("$x ^ 2$ $$\\frac{a}{b}$$", "\\(x^2\\) \\[ \\frac{a}{b} \\]") == 1.0
    assert formula_exact("$x^2$ $x^2$", "$x^2$") == 0.5
    assert formula_exact("$x^2$", "$x^{2}$") == 0.0
    assert formula_exact("$\\alpha x$", "$\\alphax$") == 0.0
    assert formula_exact("no formula", "$x$") is None

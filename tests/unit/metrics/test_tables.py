"""What table F1 means on a page with any number of tables."""

import time

import pytest

from scribetune.metrics.tables import PageTables, page_tables


def html(*rows: str) -> str:
    lines = ("<tr>" + "".join(f"<td>{cell}</td>" for cell in row.split()) + "</tr>" for row in rows)
    return f"<table>{''.join(lines)}</table>\n"


FIRST, SECOND = html("name sum", "apples 12"), html("year rate", "1999 77%", "2000 78%")


def scored(reference: str, hypothesis: str) -> PageTables:
    found = page_tables(reference, hypothesis)
    assert found is not None
    return found


def test_a_page_without_tables_is_not_counted() -> None:
    assert page_tables("text", "other text") is None


def test_a_missing_prediction_gives_zero() -> None:
    assert scored(FIRST, "text").content_f1 == 0.0
    assert scored(FIRST, "").structure_f1 == 0.0


def test_a_predicted_table_without_reference_counts_against_precision() -> None:
    alone = scored("text", FIRST)
    assert (alone.content_f1, alone.reference_tables, alone.predicted_tables) == (0.0, 0, 1)
    more = scored(FIRST, FIRST + SECOND)
    assert (more.content_precision, more.content_recall) == (0.5, 1.0)
    assert more.content_f1 == pytest.approx(2 / 3)


def test_a_lost_table_counts_against_recall() -> None:
    found = scored(FIRST + SECOND, SECOND)
    assert (found.content_precision, found.content_recall) == (1.0, 0.5)
    assert found.structure_f1 == found.adjacency_f1 == pytest.approx(2 / 3)


def test_tables_are_matched_by_content_not_by_place() -> None:
    assert scored(FIRST + SECOND, SECOND + FIRST).content_f1 == pytest.approx(1.0)
    assert scored(FIRST + SECOND, FIRST.replace("apples", "pears") + SECOND).content_precision > 0.9


def test_markdown_and_html_of_the_same_table_agree() -> None:
    markdown = "| name | sum |\n|---|---|\n| apples | 12 |\n"
    found = scored(markdown, FIRST.replace("<td>", "<td>\n  ").replace("</td>", " </td>"))
    assert (found.content_f1, found.structure_f1, found.adjacency_f1) == (1.0, 1.0, 1.0)


def test_compact_html_is_compared_with_every_blank_as_grits_does() -> None:
    assert scored(FIRST, FIRST.replace("apples", " apples")).content_f1 < 1.0
    assert scored(FIRST, FIRST.replace("apples", "app\xa0les")).content_f1 < 1.0


INDENTED = """
<table>
 <thead>
  <tr>
   <th>
    Name
   </th>
   <th colspan="2">
    <b>
     Sum
    </b>
    of all
   </th>
  </tr>
 </thead>
 <tbody>
  <tr>
   <td>
    apples
    and pears
   </td>
   <td>
    1<sup>a</sup>
    <br/>
    2
   </td>
   <td>
   </td>
  </tr>
 </tbody>
</table>
"""
COMPACT = (
    '<table><tr><td>Name</td><td colspan="2"><b>Sum</b> of all</td></tr>'
    "<tr><td>apples and pears</td><td>1<sup>a</sup><br/>2</td><td></td></tr></table>"
)
WRITTEN = {
    "indented": INDENTED,
    "compact": COMPACT,
    "bare attributes": COMPACT.replace("<td>", "<td rowspan=1 colspan=1>").replace('"2"', "2"),
    "padded": COMPACT.replace("<td>", "<td> ").replace("</td>", " </td>"),
    "no thead": INDENTED.replace("<thead>", "").replace("</thead>", ""),
    "no tbody": INDENTED.replace("<tbody>", "").replace("</tbody>", ""),
    "a row a line": COMPACT.replace("</tr>", "</tr>\r\n"),
    "tabs": INDENTED.replace("    ", "\t"),
    "blanks": INDENTED.replace("and pears", "and   pears ").replace("Name", "Name "),
}


@pytest.mark.parametrize("second", WRITTEN)
@pytest.mark.parametrize("first", WRITTEN)
def test_a_table_scores_1_however_its_source_is_laid_out(first: str, second: str) -> None:
    found = scored(WRITTEN[first], WRITTEN[second])
    assert (found.content_f1, found.structure_f1, found.adjacency_f1, found.teds, found.teds_s) == (1.0,) * 5


def test_a_reading_error_costs_the_same_however_the_source_is_laid_out() -> None:
    wrong = {name: source.replace("apples", "apple").replace("Name", "Nane ") for name, source in WRITTEN.items()}
    found = {scored(INDENTED, source) for source in wrong.values()}
    assert len(found) == 1
    assert found.pop().teds < 1.0


def test_structure_is_scored_apart_from_content() -> None:
    found = scored(html("a b", "c d"), html("w x", "y z"))
    assert (found.content_f1, found.structure_f1) == (0.0, 1.0)


def test_a_looping_table_is_scored_in_seconds() -> None:
    rows = "<tr><td>0</td><td></td></tr>" * 1000
    started = time.process_time()  # other work on the machine does not count
    found = scored(SECOND, f"<table>{rows}")
    assert found.content_f1 < 0.1
    scored(SECOND, SECOND * 300)
    scored(SECOND, "<table><tr>" + "<td>x</td>" * 4000)
    assert time.process_time() - started < 10.0

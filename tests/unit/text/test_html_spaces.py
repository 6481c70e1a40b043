"""White space in HTML collapses as in a browser."""

import time

import pytest

from scribetune.text.html_spaces import collapsed, is_padded


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("<td>\n   4\n  </td>", "<td>4</td>"),
        ("<table>\n <tr>\n  <td> a\t b </td>\n </tr>\n</table>", "<table><tr><td>a b</td></tr></table>"),
        ("<td>a\n  <br />\n  b</td>", "<td>a<br />b</td>"),
        ("<td>\n <b>\n  Sum\n </b>\n</td>", "<td><b>Sum</b></td>"),
        ("<td>\n <b>\n  Sum\n </b>\n of all</td>", "<td><b>Sum</b> of all</td>"),
        ("<td>Sum<i> of</i> <b> all</b></td>", "<td>Sum <i>of</i> <b>all</b></td>"),
        ("<td>H<sub>2</sub>O</td>", "<td>H<sub>2</sub>O</td>"),
        ("<td> &nbsp;4\xa0 </td>", "<td>&nbsp;4\xa0</td>"),
        ("<td>a < b <!-- no -->\n c</td>", "<td>a < b <!-- no -->c</td>"),
        ("<TD\n rowspan=1>\r\n a\r\n<TD>b", "<TD\n rowspan=1>a<TD>b"),
        ("<td>  </td>", "<td></td>"),
    ],
)
def test_white_space_collapses_as_in_a_browser(source: str, shown: str) -> None:
    assert collapsed(source) == shown
    assert collapsed(shown) == shown


def test_a_blank_at_one_end_alone_is_no_padding() -> None:
    assert [is_padded(text) for text in (" 4 ", " 4", "4 ", "4", " ", "", "\xa04\xa0")] == [True, *[False] * 6]


def test_no_source_takes_quadratic_time() -> None:
    started = time.process_time()
    for part in ("<table ", "<", "<b>", " ", "<b> ", "<!--", "a \n"):
        collapsed(part * 50_000)
    assert time.process_time() - started < 5.0

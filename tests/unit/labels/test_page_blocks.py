"""Promises about what a page's blocks become: headings, lists, emphasis, code, notes, tables, figures."""

import pytest

from scribetune.labels.page_blocks import Kind, PageBlock, list_marker, write
from scribetune.labels.tables.cells import PageTable, grid_of
from scribetune.labels.text_layer import Line, Span
from scribetune.text.grids import Cell
from scribetune.text.markdown import FIGURE


def line(*texts: str, y: float = 0.0, x: float = 0.0, **styles: bool) -> Line:
    """A line of spans one after another; a text may start with *, _, ^ or ~ for bold, italic, raised and lowered."""
    spans, left = [], x
    for text in texts:
        mark = text[0] if text[:1] in "*_^~" and len(text) > 1 else ""
        plain = text[len(mark) :]
        width = 5.0 * len(plain)
        spans.append(
            Span(
                plain,
                (left, y, left + width, y + 10),
                10.0,
                mark == "*",
                mark == "_",
                styles.get("mono", False),
                mark == "^",
                lowered=mark == "~",
            )
        )
        left += width
    return Line(tuple(spans), (x, y, left, y + 10), 0)


def written(*blocks: PageBlock, always_html: bool = False, keep_headers: bool = True) -> str:
    return write(blocks, always_html=always_html, keep_headers=keep_headers)


def block(
    kind: Kind, *lines: Line, level: int = 0, tables: tuple[PageTable, ...] = (), indent: float = 0.0
) -> PageBlock:
    return PageBlock(kind, (0, 0, 100, 100), lines, level, tables, indent)


def test_headings_have_their_level_and_no_emphasis() -> None:
    assert written(block(Kind.HEADING, line("*Results"), level=2)) == "## Results"


def test_emphasis_is_marked_around_words() -> None:
    text = written(block(Kind.TEXT, line("Net ", "*income", " rose ", "_slightly", ".")))
    assert text == "Net **income** rose *slightly*."


def test_lines_of_a_paragraph_are_joined_and_divided_words_made_whole() -> None:
    text = written(
        block(Kind.TEXT, line("The annual de-"), line("velopment of pre-", y=12), line("and post-war", y=24))
    )
    assert text == "The annual development of pre- and post-war"


def test_chinese_lines_are_joined_without_a_blank() -> None:
    assert written(block(Kind.TEXT, line("季度财务"), line("报告", y=12))) == "季度财务报告"


def test_lists_keep_their_numbers_and_levels() -> None:
    items = (
        block(Kind.LIST, line("• first"), line("goes on", y=12, x=8)),
        block(Kind.LIST, line("– inner", y=24, x=20), indent=20),
        block(Kind.LIST, line("2) second", y=36)),
    )
    assert written(*items) == "- first goes on\n  - inner\n2) second"


@pytest.mark.parametrize("text", ["# do", "> 5", "- 5 degrees", "1) of them", "+ 3"])
def test_running_text_is_no_markup(text: str) -> None:
    assert written(block(Kind.TEXT, line(text))).replace("\\", "", 1) == text
    assert written(block(Kind.TEXT, line(text))) != text


@pytest.mark.parametrize("text", ["#tag", "-5 degrees", "1.5 million", "a > b"])
def test_running_text_that_is_no_markup_stays_as_it_is(text: str) -> None:
    assert written(block(Kind.TEXT, line(text))) == text


def test_a_list_mark_in_a_span_of_its_own_takes_no_letter_along() -> None:
    spaced = Line(
        (
            Span("•", (0, 0, 5, 10), 10.0, False, False, False, False),
            Span("bullet", (20, 0, 50, 10), 10.0, False, False, False, False),
        ),
        (0, 0, 50, 10),
        0,
    )
    assert written(block(Kind.LIST, spaced)) == "- bullet"


def test_code_is_fenced_with_its_indentation() -> None:
    code = block(Kind.CODE, line("def f():", mono=True), line("return 1", y=12, x=20, mono=True))
    assert written(code) == "```\ndef f():\n    return 1\n```"


def test_footnotes_and_their_marks_belong_together() -> None:
    text = written(
        block(Kind.TEXT, line("Revenue", "^1", " and more", "^9")), block(Kind.FOOTNOTE, line("^1", " Before tax."))
    )
    assert text == "Revenue[^1] and more<sup>9</sup>\n\n[^1]: Before tax."


def test_running_headers_are_kept_or_dropped() -> None:
    blocks = (block(Kind.HEADER, line("Annual report")), block(Kind.TEXT, line("Text")), block(Kind.FOOTER, line("7")))
    assert written(*blocks) == "Annual report\n\nText\n\n7"
    assert written(*blocks, keep_headers=False) == "Text"


def test_tables_are_markdown_where_they_fit_and_html_where_cells_span() -> None:
    plain = grid_of([["a", "b"], ["c|d", ""]], (0, 0, 1, 1))
    wide = PageTable((0, 0, 1, 1), 2, 2, (Cell(0, 0, "a & b", 1, 2), Cell(1, 0, "c"), Cell(1, 1, "d")))
    assert written(block(Kind.TABLE, tables=(plain,))) == "| a | b |\n|---|---|\n| c\\|d |  |"
    assert written(block(Kind.TABLE, tables=(wide,))) == (
        '<table><tr><td colspan="2">a &amp; b</td></tr><tr><td>c</td><td>d</td></tr></table>'
    )
    assert written(block(Kind.TABLE, tables=(plain,)), always_html=True).startswith("<table><tr><td>a</td>")


def test_a_figure_is_a_mark_with_the_words_that_stand_in_it() -> None:
    assert written(block(Kind.FIGURE, line("Axis"))) == f"{FIGURE}\n\nAxis"


def test_list_marks_are_told_from_words() -> None:
    assert [list_marker(text) for text in ("• a", "- a", "1. a", "(b) a", "iv) a")] == ["-", "-", "1.", "(b)", "iv)"]
    assert [list_marker(text) for text in ("A sentence. B", "1.5 million", "-5 degrees", "2010 was")] == [""] * 4


def test_lowered_characters_are_marked_and_headings_keep_raised_and_lowered_ones() -> None:
    assert written(block(Kind.TEXT, line("levels of CO", "~2", " in air"))) == "levels of CO<sub>2</sub> in air"
    assert written(block(Kind.HEADING, line("*TLA", "^+", "*, and CO", "~2"), level=2)) == (
        "## TLA<sup>+</sup>, and CO<sub>2</sub>"
    )


def test_code_has_the_blanks_that_its_pieces_stand_apart() -> None:
    first = line("v0 := ld[748]", mono=True)
    remark = line("// load", x=90, mono=True)
    second = line("st sp[0], v0", x=20, y=12, mono=True)
    joined = Line((*first.spans, *remark.spans), (0, 0, 125, 10), 0)
    assert written(block(Kind.CODE, joined, second)) == "```\nv0 := ld[748]     // load\n    st sp[0], v0\n```"


def test_remarks_of_code_are_below_each_other_however_wide_its_letters() -> None:
    rows = []
    for n, (text, width) in enumerate([("e ::= x", 36.0), ("e ::= fun(x)e", 60.0), ("e ::= e(e)", 54.0)]):
        left = Span(text, (0, 12 * n, width, 12 * n + 10), 10.0, False, False, True, False)
        right = Span("-- that", (90, 12 * n, 125, 12 * n + 10), 10.0, False, False, True, False)
        rows.append(Line((left, right), (0, 12 * n, 125, 12 * n + 10), 0))
    code = written(block(Kind.CODE, *rows)).splitlines()[1:-1]
    assert [row.index("-- that") for row in code] == [18, 18, 18]

"""Markdown in the report: harmless and quick, whatever the text; tables and formulas are seen as such."""

import random
import re
import time

import lxml.html
import pytest

from scribetune.text.markdown_view import MAX_SPAN, rendered, table_rows

BLOCK_TAGS = frozenset({"div", "p", "ul", "ol", "li", "blockquote", "pre", "hr"})
TABLE_TAGS = frozenset({"table", "thead", "tbody", "tr", "th", "td"})
MATH_TAGS = frozenset(
    {
        "math",
        "mrow",
        "mi",
        "mn",
        "mo",
        "mtext",
        "mfrac",
        "msub",
        "msup",
        "mspace",
        "mstyle",
        "msqrt",
        "mtable",
        "mtr",
        "mtd",
    }
)
ALLOWED_TAGS = BLOCK_TAGS | TABLE_TAGS | MATH_TAGS | {"code", "em", "strong", "s", "br", "span"}
MATH_ATTRIBUTES = frozenset({"display", "stretchy", "fence", "form", "width", "mathvariant", "accent"})
ALLOWED_ATTRIBUTES = MATH_ATTRIBUTES | {"class", "title", "rowspan", "colspan", "start", "style"}


def tags(html: str) -> list[str]:
    return [str(element.tag) for element in lxml.html.fragment_fromstring(html, create_parent="main").iterdescendants()]


def assert_harmless(html: str) -> None:
    for element in lxml.html.fragment_fromstring(html, create_parent="main").iterdescendants():
        assert element.tag in ALLOWED_TAGS, html
        assert set(element.attrib) <= ALLOWED_ATTRIBUTES, html
        assert re.fullmatch(r"(text-align:(left|right|center))?", element.get("style", "")), html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<div>\n<script>alert(1)</script>\n</div>",
        "[a](javascript:alert(1)) ![b](https://example.org/x.png) <https://example.org>",
        "[a]: javascript:alert(1)\n\n[a]",
        "<table><tr><td onclick=x><script>alert(1)</script><img src=x onerror=y></td></tr></table>",
        "<table><tr><td>never closed",
        "<table style='position:fixed'><tr><td rowspan='9' colspan='2\" onload=x'>a</table></table>",
        "| a | b |\n|--|:-:|\n| <img src=x onerror=y> | `<b>` |",
        "```<script>\n<script>x</script>\n```",
        "$<script>$ \\(<img onerror=x>\\) $$</code><script>x</script>$$",
        "\\[\n<script>\n\\]",
        "# <svg onload=x>\n\n> <iframe src=x>\n\n- <style>*{}</style>",
        "<table><!-- --><style></table><script>alert(1)</script></style></table>",
        "<table><tr><td><noscript><p title='</noscript><img src=x onerror=alert(1)>'></td></tr></table>",
        "<TABLE><TR><TD><math><mtext><table><mglyph><style><img src onerror=x></table>",
    ],
)
def test_markdown_yields_harmless_markup_only(text: str) -> None:
    assert_harmless(rendered(text))


def test_random_soup_yields_harmless_markup_only() -> None:
    pieces = ["<table>", "</table>", "<tr>", "<td>", "</td>", "<script>", "</script>", "<img src=x onerror=y>", "$",
              "$$", "\\[", "\\]", "`", "```", "\n", "\n\n", "|", "--|--", "> ", "- ", "# ", "text", "&lt;", "<!--",
              "-->", '"', "'", "[x](javascript:y)", "\u202e", "\x00"]  # fmt: skip
    generator = random.Random(11)
    for _ in range(400):
        assert_harmless(rendered("".join(generator.choices(pieces, k=generator.randrange(1, 40)))))


def test_tables_of_both_kinds_become_tables() -> None:
    assert tags(rendered("| 项目 | Q1 |\n|---|--:|\n| 收入 | 1 |")).count("td") == 2
    html = rendered('before\n<table><tr><th colspan="2">A &amp; B</th></tr><tr><td>1<td>2<br>3</table> after')
    assert '<th colspan="2">A &amp; B</th>' in html
    assert "<td>1</td><td>2<br>3</td>" in html
    indented = rendered("<table>\n <tr>\n  <td>\n   a\n   b\n   <br/>\n   c\n  </td>\n </tr>\n</table>")
    assert "<td>a b<br>c</td>" in indented, "a line end in the source is a blank"
    assert "before" in html
    assert "<p>after</p>" in html


def test_text_around_and_between_tables_on_one_line_is_kept() -> None:
    html = rendered("<table><tr><td>1</table> between <table><tr><td>2</table> end <table> open")
    assert [part in html for part in ("<td>1</td>", "between", "<td>2</td>", "end &lt;table&gt; open")] == [True] * 4


def test_a_table_in_a_code_fence_stays_code() -> None:
    assert tags(rendered("```html\n<table><tr><td>1</td></tr></table>\n```")) == ["pre", "code"]


def test_a_table_without_end_is_shown_as_text() -> None:
    html = rendered("<table><tr><td>1")
    assert "&lt;table&gt;&lt;tr&gt;&lt;td&gt;1" in html


def test_spans_are_bounded() -> None:
    rows = table_rows('<table><tr><td rowspan="999999999999" colspan="-3">x<td colspan="２">y</table>')
    assert rows is not None
    assert [(cell.rows, cell.columns) for cell in rows[0]] == [(MAX_SPAN, 1), (1, 1)]
    assert table_rows("<table></table>") is None


def test_formulas_are_mathml_with_their_source_and_prices_stay_prices() -> None:
    html = rendered("$a_1*b_2*c$ costs $5 or $6.\n\n$$\n\\frac{a}{b} < 1\n$$\n\n\\(x_i\\)")
    assert '<span class="formula" title="a_1*b_2*c"><math display="inline">' in html
    assert "</span> costs $5 or $6." in html
    display = '<span class="formula display" title="\\frac{a}{b} &lt; 1"><math display="block"><mrow><mfrac>'
    assert display in html
    assert "<mo>&lt;</mo><mn>1</mn>" in html
    assert "<msub><mi>x</mi><mi>i</mi></msub>" in html


@pytest.mark.parametrize(
    "source", ["\\sqrt", "a^b^c", "{" * 1000, "\\left(", "x" * 3000, "a" + "_{b" * 600 + "}" * 600]
)
def test_what_is_no_formula_is_shown_as_source(source: str) -> None:
    assert f'<code class="formula display">{source}</code>' in rendered(f"$$\n{source}\n$$")


@pytest.mark.parametrize(
    "source",
    [
        "\\text{<img src=x onerror=alert(1)>}",
        "\\text{<img src='x' onerror='alert(1)'/>}",
        "\\href{javascript:alert(1)}{x}",
        "\\class{evil}{x} \\style{position:fixed}{x} \\id{x}{y}",
        "\\text{&lt;script&gt;} &#x3c;script&#x3e;",
        "\\mathrm{</math><script>alert(1)</script>}",
        "\\color{red;position:fixed}{x} \\unicode{x3c}",
        '\\begin{array}{c" onload=x}a\\end{array}',
    ],
)
def test_a_hostile_formula_is_mathml_or_source_and_nothing_else(source: str) -> None:
    assert_harmless(rendered(f"${source}$"))
    assert_harmless(rendered(f"$$\n{source}\n$$"))


def test_entities_cannot_smuggle_control_characters_in() -> None:
    assert "⟦U+202E⟧" in rendered("a &#x202e; b")
    assert "⟦U+202E⟧" in rendered("<table><tr><td>&#x202e;b</td></tr></table>")


@pytest.mark.parametrize(
    "unit",
    [
        "[",
        "*a **a ",
        ">",
        "|",
        "<table>",
        "<table>\n",
        "<table></table>",
        "$",
        "$a ",
        "`",
        "\\(",
        "$$x\n",
        "- ",
        "&#",
        "_a",
    ],
)
def test_no_text_takes_long_to_render(unit: str) -> None:
    started = time.process_time()
    assert_harmless(rendered(unit * 200_000))
    assert time.process_time() - started < 2.0

"""Markdown from labels and models as HTML that can be trusted: no markup of theirs survives.

Raw HTML is off, links and images stay text. The one exception is an HTML table, which document-OCR models write: it is
parsed into a grid, and a new table is written from the grid with every cell escaped. Formulas become MathML
(`scribetune.text.mathml`), or stay LaTeX source where that cannot be read.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import lxml.html
from lxml.etree import ParserError
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape

from scribetune.text import html_spaces
from scribetune.text.mathml import mathml
from scribetune.text.visible_text import visible

RENDERED_CHARACTERS = 20_000
"""Longest text rendered; the rest is left out, and the caller says so."""
MAX_SPAN = 100
"""Greatest row or column span believed; a greater one would let one cell blow up the page."""
MAX_CELLS = 5_000
"""Tables with more cells are shown as source."""
MAX_FORMULA_LINES = 60
"""Lines searched for the end of a display formula."""

_DISPLAY_DELIMITERS = (("$$", "$$"), ("\\[", "\\]"))
_TABLE_START = re.compile(r"<table[\s>]", re.IGNORECASE)
_TABLE_END = re.compile(r"</table\s*>", re.IGNORECASE)


@dataclass(frozen=True)
class Cell:
    """One cell of a table: its text, its spans in rows and columns, and whether it is a header."""

    text: str
    rows: int
    columns: int
    header: bool


def table_rows(html: str) -> tuple[tuple[Cell, ...], ...] | None:
    """Parse one HTML table, whose tags may be unclosed, into rows of cells; tables in it are read as text.

    None where there is no cell, or there are more than `MAX_CELLS`.
    """
    html = html_spaces.collapsed(html)
    try:
        root = lxml.html.fragment_fromstring(html, create_parent="div", parser=lxml.html.HTMLParser(huge_tree=False))
    except ParserError:
        return None
    table = root.find(".//table")
    if table is None:
        return None
    for hidden in list(table.iter("script", "style")):
        hidden.drop_tag()
    rows = []
    for row in table.iter("tr"):
        if next(row.iterancestors("table")) is not table:
            continue
        cells = tuple(
            Cell(_cell_text(cell), _span(cell.get("rowspan")), _span(cell.get("colspan")), cell.tag == "th")
            for cell in row
            if cell.tag in ("td", "th")
        )
        if cells:
            rows.append(cells)
    count = sum(len(row) for row in rows)
    return tuple(rows) if 0 < count <= MAX_CELLS else None


def _cell_text(cell: lxml.html.HtmlElement) -> str:
    for line_break in cell.iter("br"):
        line_break.tail = "\n" + (line_break.tail or "")
    # `//text()` rather than text_content(): comments inside cells are not content.
    return "".join(str(text) for text in cell.xpath(".//text()[not(parent::comment())]")).strip()


def _span(value: str | None) -> int:
    """Read a rowspan or colspan; what is not a positive integer is 1, as browsers have it."""
    digits = (value or "").strip()
    if not (digits.isascii() and digits.isdigit()):
        return 1
    return min(max(int(digits[:6]), 1), MAX_SPAN)


def table_html(rows: Sequence[Sequence[Cell]]) -> Markup:
    """Write a table from its cells, each escaped."""
    lines = []
    for row in rows:
        cells = Markup("").join(_cell_html(cell) for cell in row)
        lines.append(Markup("<tr>{}</tr>").format(cells))
    return Markup('<div class="scroll"><table>{}</table></div>').format(Markup("").join(lines))


def _cell_html(cell: Cell) -> Markup:
    rows = Markup(' rowspan="{}"').format(cell.rows) if cell.rows > 1 else ""
    columns = Markup(' colspan="{}"').format(cell.columns) if cell.columns > 1 else ""
    text = Markup("<br>").join(escape(line) for line in cell.text.split("\n"))
    template = Markup("<th{}{}>{}</th>") if cell.header else Markup("<td{}{}>{}</td>")
    return template.format(rows, columns, text)


def formula_html(latex: str, *, display: bool) -> Markup:
    """Show a formula: as MathML with its source as the tooltip, or as source where it cannot be read."""
    kind = "formula display" if display else "formula"
    latex = latex.strip()
    shown = mathml(latex, display=display)
    if shown is None:
        return Markup('<code class="{}">{}</code>').format(kind, latex)
    return Markup('<span class="{}" title="{}">{}</span>').format(kind, latex, shown)


def rendered(text: str, limit: int = RENDERED_CHARACTERS) -> Markup:
    """Render Markdown, anything at all, up to `limit` characters as HTML where nothing runs and nothing is clickable.

    It is made of headings (as `div.md-h`), paragraphs, lists, emphasis, code, tables and formulas only.
    """
    html: str = _renderer().render(visible(text.strip()[:limit]))
    # Once more on the result: entities such as &#x202E; have become characters by now.
    return Markup(visible(html))  # noqa: S704 - markdown-it has escaped all text; tests parse what comes out


@cache
def _renderer() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True})
    markdown.enable(["table", "strikethrough"])
    markdown.disable(["html_block", "html_inline", "link", "image", "autolink", "reference"])
    interrupts: RuleOptionsType = {"alt": ["paragraph", "blockquote", "list"]}
    markdown.block.ruler.before("table", "html_table", _html_table_block, interrupts)
    markdown.block.ruler.before("table", "formula_block", _formula_block, interrupts)
    markdown.inline.ruler.before("escape", "formula", _formula_inline)
    for name, written in (
        ("html_table", lambda token: _html_table(token.content)),
        ("formula", lambda token: formula_html(token.content, display=token.block)),
        # A page's headings are content, not part of the report's own outline.
        ("heading_open", lambda token: f'<div class="md-h md-{token.tag}">'),
        ("heading_close", lambda _: "</div>\n"),
        ("table_open", lambda _: '<div class="scroll"><table>'),
        ("table_close", lambda _: "</table></div>\n"),
    ):
        markdown.add_render_rule(name, _rule(written))
    return markdown


def _html_table_block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """Take lines from one beginning with `<table` to the one with `</table>`; text around tables becomes paragraphs."""
    first = state.src[state.bMarks[start_line] + state.tShift[start_line] : state.eMarks[start_line]]
    if not _TABLE_START.match(first + " "):
        return False
    found = _TABLE_END.search(state.src, state.bMarks[start_line], state.eMarks[end_line - 1])
    if found is None:
        return False
    if silent:
        return True
    line = bisect_left(state.eMarks, found.end(), lo=start_line, hi=end_line)
    source = state.getLines(start_line, line + 1, state.blkIndent, keepLastLF=False).strip()
    state.line = line + 1
    while source:
        start, end = _TABLE_START.search(source), _TABLE_END.search(source)
        if start is None or end is None or end.end() < start.start():
            break
        _push_paragraph(state, source[: start.start()])
        state.push("html_table", "", 0).content = source[start.start() : end.end()]
        source = source[end.end() :]
    _push_paragraph(state, source)
    return True


def _push_paragraph(state: StateBlock, text: str) -> None:
    if text.strip():
        state.push("paragraph_open", "p", 1)
        inline = state.push("inline", "", 0)
        inline.content, inline.children = text.strip(), []
        state.push("paragraph_close", "p", -1)


def _formula_block(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    r"""Take lines from one that begins with `$$` or `\[` to the one that ends with its counterpart."""
    first = state.src[state.bMarks[start_line] + state.tShift[start_line] : state.eMarks[start_line]]
    for opening, closing in _DISPLAY_DELIMITERS:
        if not first.startswith(opening):
            continue
        for line in range(start_line, min(end_line, start_line + MAX_FORMULA_LINES)):
            content = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].rstrip()
            body = content[len(opening) :] if line == start_line else content
            if not body.strip() and line > start_line:
                return False
            if not body.endswith(closing):
                continue
            if silent:
                return True
            source = state.getLines(start_line, line + 1, state.blkIndent, keepLastLF=False).strip()
            state.line = line + 1
            token = state.push("formula", "", 0)
            token.content, token.block, token.map = source[len(opening) : -len(closing)], True, [start_line, state.line]
            return True
    return False


def _formula_inline(state: StateInline, silent: bool) -> bool:
    r"""Take `$…$`, `$$…$$`, `\(…\)` and `\[…\]`; a single dollar follows pandoc's rule, so that prices stay prices."""
    for opening, closing in (*_DISPLAY_DELIMITERS, ("\\(", "\\)"), ("$", "$")):
        if not state.src.startswith(opening, state.pos):
            continue
        start = state.pos + len(opening)
        end = state.src.find(closing, start, state.posMax)
        body = state.src[start:end]
        if end <= start or not body.strip():
            continue
        if opening == "$" and (body != body.strip() or "\n" in body or state.src[end + 1 : end + 2].isdigit()):
            continue
        if not silent:
            token = state.push("formula", "", 0)
            token.content, token.block = body, opening in ("$$", "\\[")
        state.pos = end + len(closing)
        return True
    return False


def _rule(written: Callable[[Token], str]) -> Callable[..., str]:
    """Return a function of one token as the library calls it."""

    def render(_renderer: RendererHTML, tokens: Sequence[Token], index: int, *_: OptionsDict | EnvType) -> str:
        return written(tokens[index])

    return render


def _html_table(source: str) -> str:
    rows = table_rows(source)
    return Markup("<pre>{}</pre>").format(source) if rows is None else table_html(rows)

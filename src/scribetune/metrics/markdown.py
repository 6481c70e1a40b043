r"""Tables and formulas in a page's text.

Tables are GitHub pipe tables or HTML `<table>`, in any mixture, also inside code fences (models like to wrap their
whole answer in one). Formulas are `$$…$$` and `\[…\]` (display), `$…$` and `\(…\)` (inline).
"""

import html
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lxml import etree
from lxml import html as lxml_html

from scribetune.text import html_spaces
from scribetune.text.grids import Cell, Table, table
from scribetune.text.markdown import strip_emphasis

MAX_SPAN = 100
"""Longest row or column span believed beyond the table's own rows: a model's `colspan="99999"` must not fill memory."""

# Pairing emphasis marks costs quadratic time; a cell this long is a loop, and its marks are left in.
_MAX_EMPHASIS_LENGTH = 2000

_TABLE_TAG = re.compile(r"<(/?)table\b[^<>]*>", re.IGNORECASE)
_DELIMITER_ROW = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?")
_UNESCAPED_PIPE = re.compile(r"(?<!\\)\|")
_LINE_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
_INLINE_TAG = re.compile(r"</?(?:b|i|u|em|strong|sub|sup|span|code)\b[^<>]*>", re.IGNORECASE)
# XML allows neither control characters nor lone surrogates.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")

# Lengths are bounded, so that an answer of nothing but opening marks costs no quadratic time.
_FORMULA = re.compile(
    r"\\\[(?P<bracket>.{1,2000}?)\\\]"
    r"|\\\((?P<parenthesis>.{1,2000}?)\\\)"
    r"|(?<!\\)\$\$(?P<display>.{1,2000}?)(?<!\\)\$\$"
    # Pandoc's rule, so that an amount of money is no formula: no blank inside either dollar sign, no digit after it.
    r"|(?<![\\$])\$(?![\s$])(?P<inline>(?:[^$\n\\]|\\[^\n]){1,2000}?)(?<![\s\\])\$(?![\d$])"
    # Models also write "$ x^2 $": taken for a formula where it has a mark that amounts of money do not have.
    r"|(?<![\\$])\$[ \t]+(?P<spaced>[^$\n]{0,300}?[\\^_={}][^$\n]{0,300}?)[ \t]+\$(?![\d$])",
    re.DOTALL,
)
_LATEX_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\S", re.DOTALL)


@dataclass(frozen=True)
class Formula:
    """A formula: its LaTeX without delimiters, and whether it stands on its own lines."""

    latex: str
    display: bool

    @property
    def tokens(self) -> tuple[str, ...]:
        """LaTeX tokens (control words, other characters) without white space: what is compared."""
        return tuple(_LATEX_TOKEN.findall(self.latex))


def find_tables(text: str, *, collapse: bool = False) -> list[Table]:
    """Return the tables of a page in reading order; tables without any cell are left out.

    An HTML table that is never closed (a truncated answer) reaches to the end of the text. Its white space is as a
    browser shows it where the source is laid out for people (over several lines, or with blanks at both ends of a
    cell); `collapse` has it so everywhere.
    """
    tables: list[Table] = []
    position = 0
    for start, end in _html_tables(text):
        tables.extend(_pipe_tables(text[position:start]))
        tables.append(_html_table(text[start:end], collapse))
        position = end
    tables.extend(_pipe_tables(text[position:]))
    return [found for found in tables if found.cells]


def _html_tables(text: str) -> Iterator[tuple[int, int]]:
    """Yield start and end of each outermost `<table>`."""
    depth = start = 0
    for tag in _TABLE_TAG.finditer(text):
        if not tag.group(1):
            if depth == 0:
                start = tag.start()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                yield start, tag.end()
    if depth:
        yield start, len(text)


def _html_table(source: str, collapse: bool) -> Table:
    found = table_from_html(source)
    if collapse or html_spaces.spread_over_lines(source) or any(html_spaces.is_padded(c.text) for c in found.cells):
        return replace(table_from_html(html_spaces.collapsed(source)), collapsed=True)
    return found


def table_from_html(source: str) -> Table:
    """Read one HTML table into a grid.

    Rows, cells and cell texts are those of Microsoft's table-transformer (src/grits.py): every `tr` is a row, `td` and
    `th` are cells, each takes the first free column of its row, its text is its text nodes joined with one space.
    Beyond it: what is not well-formed XML is read as HTML (with its repairs), holes are padded, a span that is no
    positive number is 1 and an absurd one is cut (`MAX_SPAN`).
    """
    root = _parse(source)
    if root is None:
        return table((), "html")
    row_count = sum(1 for element in root.iter() if _tag(element) == "tr")
    occupied: defaultdict[int, set[int]] = defaultdict(set)
    cells: list[Cell] = []
    row, column = -1, 0
    for element in root.iter():
        tag = _tag(element)
        if tag == "tr":
            row, column = row + 1, 0
        elif tag in ("td", "th"):
            at = max(row, 0)
            row_span = _span(element.get("rowspan"), max(MAX_SPAN, row_count - at))
            column_span = _span(element.get("colspan"), MAX_SPAN)
            # The first free column of a row only ever moves to the right.
            while column in occupied[at]:
                column += 1
            for covered in range(at, at + row_span):
                occupied[covered].update(range(column, column + column_span))
            text = " ".join(map(str, element.itertext()))
            cells.append(Cell(at, column, text, row_span, column_span, heading=tag == "th"))
    return table(cells, "html", source)


def _parse(source: str) -> "etree._Element | None":
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        return etree.fromstring(source, parser)
    except (etree.XMLSyntaxError, ValueError):
        lenient = lxml_html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True)
    try:
        return lxml_html.document_fromstring(_NOT_XML.sub("\ufffd", source), parser=lenient)
    except etree.ParserError:
        # Nothing but white space or unreadable marks: no element at all.
        return None


def _tag(element: "etree._Element") -> str:
    return element.tag.lower() if isinstance(element.tag, str) else ""


def _span(value: str | None, limit: int) -> int:
    try:
        number = int(value or 1)
    except ValueError:
        return 1
    return min(max(number, 1), limit)


def _pipe_tables(text: str) -> Iterator[Table]:
    """Yield GitHub pipe tables: a line with a pipe, a delimiter row, then lines with a pipe.

    Unlike GitHub, a row that is longer or shorter than the header keeps its cells: the grid is as wide as its widest
    row.
    """
    lines = [line.strip() for line in text.split("\n")]
    number = 0
    while number + 1 < len(lines):
        header, delimiter = lines[number], lines[number + 1]
        if "|" in delimiter and _DELIMITER_ROW.fullmatch(delimiter) and _UNESCAPED_PIPE.search(header):
            end = number + 2
            while end < len(lines) and _UNESCAPED_PIPE.search(lines[end]):
                end += 1
            rows = [header, *lines[number + 2 : end]]
            yield table(
                (
                    Cell(row, column, _cell_text(cell), heading=row == 0)
                    for row, line in enumerate(rows)
                    for column, cell in enumerate(_split_row(line))
                ),
                "markdown",
            )
            number = end
        else:
            number += 1


def _split_row(line: str) -> list[str]:
    cells = _UNESCAPED_PIPE.split(line)
    if line.startswith("|"):
        cells = cells[1:]
    if len(cells) > 1 and not cells[-1].strip():
        cells = cells[:-1]
    return cells


def _cell_text(cell: str) -> str:
    """Return what a reader sees in a pipe table's cell: no emphasis marks, `<br>` as a blank, entities resolved."""
    text = _INLINE_TAG.sub("", _LINE_BREAK_TAG.sub(" ", cell.replace("\\|", "|")))
    if len(text) <= _MAX_EMPHASIS_LENGTH:
        text = strip_emphasis(text)
    return " ".join(html.unescape(text).split())


def find_formulas(text: str) -> list[Formula]:
    r"""Return the formulas of a page in reading order; `\$` and amounts of money ("$5 and $10") are none."""
    found = [(str(match.lastgroup), match[str(match.lastgroup)].strip()) for match in _FORMULA.finditer(text)]
    return [Formula(latex, display=kind in ("display", "bracket")) for kind, latex in found if latex]


def formula_exact(reference: str, hypothesis: str) -> float | None:
    """Return the share of the reference's formulas that occur exactly in the hypothesis, repeated ones as often.

    Compared as LaTeX tokens: white space and the kind of delimiter do not count, everything else does. Formulas that
    only the hypothesis has are not counted here (CER counts them).

    None where the reference has no formula.
    """
    wanted = Counter(formula.tokens for formula in find_formulas(reference))
    if not wanted:
        return None
    found = Counter(formula.tokens for formula in find_formulas(hypothesis))
    return (wanted & found).total() / wanted.total()

r"""The strings that OmniDocBench compares: text, formulas and tables after its normalisation.

Functions are those of utils/data_preprocess.py at commit 7bd6c2e, quirks included: `clean_string` removes the two
characters `\t` wherever they stand (also of `\text`), and a formula loses every command of a list by plain replacement.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pylatexenc.latex2text import LatexNodes2Text

_INLINE_MARK = re.compile(r"\$|\\\(")
_ESCAPED_SIGN = re.compile(r"\\([\\_&%^])")
_WORDS = re.compile(r"[\w\u4e00-\u9fff]+")
_WHITE_MARKS = ("\\t", "\\n", "\t", "\n", "/t", "/n")

_BRACKETED = re.compile(r"\\\[(.+?)(?<!\\)\\\]")
_FORMULA_PARTS = tuple(
    re.compile(pattern)
    for pattern in (r"\\tag\{.*?\}", r"\\hspace\{.*?\}", r"\\begin\{.*?\}", r"\\end\{.*?\}", r"\\arraycolsep.*?\}")
)
_FORMULA_COMMANDS = (
    *(r"\mathbf", r"\mathrm", r"\mathnormal", r"\mathit", r"\mathbb", r"\mathcal", r"\mathscr", r"\mathfrak"),
    *(r"\mathsf", r"\mathtt", r"\textbf", r"\text", r"\boldmath", r"\boldsymbol", r"\operatorname", r"\bm"),
    *(r"\symbfit", r"\mathbfcal", r"\symbf", r"\scriptscriptstyle", r"\notag", r"\setlength", r"\coloneqq"),
    *(r"\space", r"\thickspace", r"\thinspace", r"\medspace", r"\nobreakspace", r"\negmedspace", r"\quad"),
    *(r"\qquad", r"\enspace", r"\substackw", " ", "$$", r"\left", r"\right", r"\displaystyle", r"\text"),
)
"""Removed one after the other, so the order counts: after `\\quad`, `\\qquad` is left only as it was written."""

_TABLE_BODY = re.compile(r"<table\b[^>]*>(.*)</table>", re.DOTALL | re.IGNORECASE)
_TABLE_PARTS = tuple(
    re.compile(pattern)
    for pattern in (
        *('( style=".*?")', '( height=".*?")', '( width=".*?")', '( align=".*?")', '( class=".*?")', "</?tbody>"),
    )
)
_SPACES = re.compile(r"\s+")
_PLAIN_TAGS = tuple(mark for tag in ("sup", "sub", "span", "div", "p") for mark in (f"<{tag}>", f"</{tag}>"))
_COLUMN_GROUP = re.compile("<colgroup>.*?</colgroup>")

# The tables that are normalised without a parser: tags that nest as they should, and nothing that is escaped.
_SIMPLE_TOKEN = re.compile(
    r"(?P<text>[^<&\x00\r]+)"
    r"|<(?P<close>/?)(?P<tag>table|thead|tbody|tr|td|th|span|sup|sub|b|i)"
    r'(?P<attributes>(?: (?:(?:rowspan|colspan|border|style|width|height|align)="[^"<>&]*"|class="[^"<>&\s]*"))*) ?>'
    r"|(?P<br><br ?/?>)"
)
_ATTRIBUTE = re.compile(r' (\w+)="[^"]*"')
_ASCII_SPACES = " \n\t\x0c\r"


def clean_string(text: str) -> str:
    """Return the letters, digits and underscores of a text: nothing else counts in `odb.text_edit`."""
    for mark in _WHITE_MARKS:
        text = text.replace(mark, "")
    return "".join(_WORDS.findall(text))


@cache
def _latex() -> "LatexNodes2Text":
    from pylatexenc.latex2text import LatexNodes2Text

    return LatexNodes2Text()


@lru_cache(maxsize=4096)
def latex_to_text(latex: str) -> str:
    """Return LaTeX as Unicode text, by pylatexenc.

    Raises:
        Exception: pylatexenc cannot read it; which exception is its own affair.
    """
    return str(_latex().latex_to_text(latex))


def _inline_formulas(text: str) -> Iterator[tuple[int, int, str]]:
    r"""Yield start, end and content of what `\$(.*?)\$|\\\((.*?)\\\)` finds, in time linear in the text's length."""
    position = 0
    closed: dict[str, int] = {}
    while (match := _INLINE_MARK.search(text, position)) is not None:
        start, inner = match.span()
        closing = "$" if match.group() == "$" else "\\)"
        line_end = text.find("\n", inner)
        line_end = len(text) if line_end < 0 else line_end
        # A mark that is not closed to the end of its line leaves those after it on that line open too.
        end = -1 if closed.get(closing) == line_end else text.find(closing, inner, line_end)
        if end < 0:
            closed[closing] = line_end
            position = start + 1
            continue
        yield start, end + len(closing), text[inner:end]
        position = end + len(closing)


def inline_formulas_as_text(text: str) -> str:
    r"""Return a text whose inline formulas (`$…$`, `\(…\)`) are Unicode text, where they have a `\`, `^` or `_`."""
    if "$" not in text and "\\(" not in text:
        return text
    replaced: list[tuple[int, int, str]] = []
    for start, end, formula in _inline_formulas(text):
        latex = _ESCAPED_SIGN.sub("", formula)
        if not any(sign in latex for sign in "\\^_"):
            continue
        try:
            replaced.append((start, end, latex_to_text(latex + " " if latex.endswith("\\") else latex)))
        except Exception:  # noqa: S112 - as the reference: what cannot be read stays as it is
            continue
    for start, end, shown in reversed(replaced):
        text = text[:start] + shown.strip() + text[end:]
    return text


@lru_cache(maxsize=4096)
def normalised_text(text: str) -> str:
    """Return a text block as it is compared."""
    return clean_string(inline_formulas_as_text(text))


@lru_cache(maxsize=4096)
def normalised_formula(latex: str) -> str:
    """Return a formula as it is compared: without delimiters, fonts, spacing and environments, in lower case."""
    latex = latex.strip().strip("$").strip("\n")
    bracketed = _BRACKETED.search(latex)
    if bracketed:
        latex = bracketed.group(1).strip()
    for part in _FORMULA_PARTS:
        latex = part.sub("", latex)
    latex = latex.strip(".")
    for command in _FORMULA_COMMANDS:
        latex = latex.replace(command, "")
    return latex.lower()


@lru_cache(maxsize=2048)
def normalised_html_table(source: str) -> str:
    """Return HTML tables as one that TEDS compares: `th` is `td`, no `thead`, no styles; "" where there is no table.

    All tables of the source become one, from the first `<table>` to the last `</table>`.
    """
    if "<table" not in source.replace(" ", "").replace("'", '"'):
        return ""
    simple = _simple(source)
    shown = html.unescape(_parsed(source) if simple is None else simple).replace("\n", "")
    body = "".join(_TABLE_BODY.findall(unicodedata.normalize("NFKC", shown).strip()))
    for part in _TABLE_PARTS:
        body = part.sub("", body)
    text = f'<html><body><table border="1" >{_SPACES.sub(" ", body)}</table></body></html>'
    for tag in _PLAIN_TAGS:
        text = text.replace(tag, "")
    return _COLUMN_GROUP.sub("", text.replace('<spandata-span-identity="">', ""))


def _parsed(source: str) -> str:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(source, "html.parser")
    for cell in soup.find_all("th"):
        cell.name = "td"
    for head in soup.find_all("thead"):
        head.unwrap()
    for formula in soup.find_all("math"):
        formula.replace_with(f"${formula.get('alttext', '')}$")
    for span in soup.find_all("span"):
        span.unwrap()
    return str(soup)


def _simple(source: str) -> str | None:
    """Do what `_parsed` does without a parser, some 20 times faster; None for a source that is not simple."""
    shown: list[str] = []
    open_tags: list[str] = []
    position = 0
    while position < len(source):
        token = _SIMPLE_TOKEN.match(source, position)
        if token is None:
            return None
        position = token.end()
        text, tag = token["text"], token["tag"]
        if text is not None:
            # The parser keeps one sign of white space that stands alone.
            alone = not text.strip(_ASCII_SPACES)
            shown.append(("\n" if "\n" in text else " ") if alone else text.replace(">", "&gt;"))
        elif tag is None:
            shown.append("<br/>")
        elif token["close"]:
            if not open_tags or open_tags.pop() != tag or token["attributes"]:
                return None
            if tag not in ("thead", "span"):
                shown.append("</td>" if tag == "th" else f"</{tag}>")
        else:
            open_tags.append(tag)
            attributes = sorted(match.group() for match in _ATTRIBUTE.finditer(token["attributes"]))
            if len(attributes) != len(set(_ATTRIBUTE.findall(token["attributes"]))):
                return None
            if tag not in ("thead", "span"):
                shown.append(f"<{'td' if tag == 'th' else tag}{''.join(attributes)}>")
    return None if open_tags else "".join(shown)

"""The project's Markdown conventions: what a label looks like, whatever made it."""

import re
import unicodedata

from scribetune.text import html_spaces

FIGURE = "![figure]()"
"""Stands where the page shows a picture."""

_PICTURE_TEXT = re.compile(r"<!-- Start of picture text -->\n?(.*?)<!-- End of picture text -->(?:<br>)?", re.DOTALL)
_PICTURE_MARK = re.compile(r"^\*\*==> picture .*? intentionally omitted <==\*\*[ \t]*$", re.MULTILINE)
_SHAPED = re.compile("[\ufb50-\ufbff\ufe70-\ufefc]+")
_LONGEST_EMPHASIS = 2000
_HEADING = re.compile(r"^(#{1,6}) +(.*)$")
_BULLET = re.compile(r"^( *)[•‣▪–*+] +(?=\S)")
_FENCED = re.compile(r"^(```[^\n`]*\n(?:.*\n)*?```)$", re.MULTILINE)
_ITEM = r" *(?:-|\d{1,3}[.)]) "
_LOOSE_ITEMS = re.compile(rf"^({_ITEM}.*)\n\n(?={_ITEM})", re.MULTILINE)
_TAG = re.compile(
    r"</?(?:table|thead|tbody|tfoot|tr|td|th|caption|br|sup|sub|b|i|u|em|strong|mark|del|p|div|span)\b[^<>\n]{0,200}>",
    re.IGNORECASE,
)
_LINE_BREAK = re.compile(r"<br>\n?")
_ALONE = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u9fff\uf900-\ufaff"  # kana and Han
_WORD = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+")
_FORMULA = re.compile(r"(?<![\\$])\$(?![\s$])[^$\n]{1,2000}?(?<![\s\\])\$(?![\d$])")


def normalise(text: str) -> str:
    r"""Bring extracted Markdown into the form that labels have; twice changes nothing, and a page without text is "".

    NFC, and Arabic letters as such instead of the shapes that they take in a word; `\n` line ends; no blanks at line
    ends; blocks separated by one empty line; headings without emphasis marks; one blank around table cells and `---`
    separators; text found in pictures as plain lines; markers of pictures removed; `<br>` only inside tables; `-` for
    every bullet, and no empty lines between items; one final newline. Code in fences stays as it is.
    """
    text = _SHAPED.sub(lambda match: unicodedata.normalize("NFKC", match.group()), text)
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", ""))
    text = _PICTURE_TEXT.sub(lambda match: _LINE_BREAK.sub("\n", match.group(1)), text)
    text = _PICTURE_MARK.sub("", text)
    parts = _FENCED.split("\n".join(line.rstrip() for line in text.split("\n")))
    joined = "".join(part if number % 2 else _outside_code(part) for number, part in enumerate(parts)).strip()
    return joined + "\n" if joined else ""


def _outside_code(text: str) -> str:
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(map(_line, text.split("\n"))))
    return _LOOSE_ITEMS.sub(r"\1\n", joined)


def _line(line: str) -> str:
    heading = _HEADING.match(line)
    if heading:
        return f"{heading.group(1)} {_without_emphasis(heading.group(2)).strip()}"
    if line.startswith("|") and line.endswith("|") and len(line) > 1:
        return _table_row(line)
    return _BULLET.sub(r"\1- ", line)


def _without_emphasis(text: str) -> str:
    """Remove marks of emphasis from a heading; what stands in its formulas is none."""
    formulas = iter(_FORMULA.findall(text))
    stripped = strip_emphasis(_FORMULA.sub("\x00", text))
    return re.sub("\x00", lambda _: next(formulas), stripped)


def _table_row(line: str) -> str:
    cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    if cells and all(re.fullmatch(r":?-{2,}:?", cell) for cell in cells):
        return "|" + "|".join("---" for _ in cells) + "|"
    return "| " + " | ".join(cells) + " |"


def strip_emphasis(text: str) -> str:
    """Remove paired `**`, `__`, `*` and `_` around words; the words stay.

    Texts of over 2,000 characters stay as they are: the expressions take quadratic time on many unpaired marks.
    """
    if len(text) > _LONGEST_EMPHASIS:
        return text
    text = re.sub(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    return re.sub(r"(?<!\w)([*_])(?=\S)(.+?)(?<=\S)\1(?!\w)", r"\2", text)


def words(text: str) -> list[str]:
    """Return the words of Markdown without its marks: runs of letters and digits; Han characters and kana one by one.

    A blank beside kana is a gap of the typesetter's or a line's end, and tells no words apart.
    """
    return _WORD.findall(unicodedata.normalize("NFKC", _TAG.sub(" ", text)))


def is_cjk(character: str) -> bool:
    """Return whether a character is Han, kana, or full-width punctuation."""
    return "\u2e80" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or "\uff00" <= character <= "\uffef"


_LINE_MARK = re.compile(r"^\s*(?:#{1,6} |[-*+•] |> |\|)+", re.MULTILINE)
_DELIMITER_ROW = re.compile(r"^[ \t|:-]*-{2,}[ \t|:-]*$", re.MULTILINE)
_HTML_TABLE = re.compile(r"<table\b.*?(?:</table>|\Z)", re.IGNORECASE | re.DOTALL)
_TABLE_TAG = re.compile(r"</?(?:table|thead|tbody|tfoot|tr|td|th|caption|br)\b[^<>]{0,200}>", re.IGNORECASE)
_WIDE = "[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]"


def plain_text(text: str) -> str:
    """Return what is read on a page, without Markdown's marks and line structure, for comparing reading alone.

    Delimiter rows, marks of headings, lists, quotes and table cells (also HTML's), emphasis and `$` go; runs of blanks
    and line ends become one blank, and none beside Chinese characters. The same page transcribed as plain lines or as
    Markdown gives the same text, but for formulas.
    """
    # An indented table's cells are no lines: a dash in one is no mark of a list.
    text = _HTML_TABLE.sub(lambda table: html_spaces.collapsed(table.group()), unicodedata.normalize("NFC", text))
    text = _LINE_MARK.sub("", _DELIMITER_ROW.sub("", text))
    text = _TABLE_TAG.sub(" ", text)
    text = re.sub(r"\*\*|[$`|]", " ", text)
    text = " ".join(text.split())
    return re.sub(rf"(?<={_WIDE}) | (?={_WIDE})", "", text)

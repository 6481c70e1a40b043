r"""The blocks of a predicted page: tables, formulas, code and paragraphs with their places.

`predicted_blocks` splits Markdown or LaTeX as md_tex_filter of OmniDocBench does (utils/extract.py at commit 7bd6c2e),
in the same order: LaTeX tables, HTML tables, formulas, pipe tables, code, paragraphs. What was taken is blanked, so
that places stay. Its quirks are kept, since scores depend on them: an inline formula is a block *and* stays in its
paragraph; a paragraph's place does not count the blank lines before it; a pipe table is searched from any `|`.

Here every search is linear in the length of the page. A page of nothing but opening marks costs the original minutes.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

Category = Literal["latex_table", "html_table", "equation_isolated", "text_all"]

_REPEATED = ((re.compile(r"_{4,}"), "____"), (re.compile(r" {4,}"), "    "))
_FENCES = (
    *(re.compile(rf"^```{language}\n?", re.MULTILINE) for language in ("markdown", "html", "latex")),
    re.compile(r"```\n?$", re.MULTILINE),
)
_DOCUMENT_TAGS = ("<html>", "</html>", "<body>", "</body>")
_LATEX_TABLE = re.compile(r"\\begin{table}(.*?)\\end{table}", re.DOTALL)
_TABULAR = ("\\begin{tabular}", "", "\\end{tabular}", 16, 14)
_HTML = ("<table", ">", "</table>", 16, 8)
"""Opening mark and its end, closing mark, and how far the original steps on after each: by its patterns' lengths."""
_DOLLARS = re.compile(r"\$\$(.*?)\$\$|\$(.*?)\$|\\\((.*?)\\\)", re.DOTALL)
_HTML_TABLE = re.compile(r"(<table.*?</table>)", re.DOTALL)
_CODE = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
_LATEX_STYLES = (
    ("\\title", re.compile(r"\\title\{(.*?)\}")),
    ("\\title", re.compile(r"\\title\s*\{\s*(.*?)\s*\}", re.DOTALL)),
    ("\\text", re.compile(r"\\text\s*\{\s*(.*?)\s*\}", re.DOTALL)),
    ("\\section", re.compile(r"\\section\*?\{(.*?)\}")),
    ("\\section", re.compile(r"\\section\*?\{\s*(.*?)\s*\}", re.DOTALL)),
)
_COMMENT = re.compile(r"<!--[\s\S]*?-->")
_TABLE_TAGS_LINE = re.compile(r"</?t(able|head|body)>")
_DELIMITER = re.compile(r"-*?:|---|:-*?")
_MAX_MARKS = 100_000
"""Marks of tables that are gone through, where each unclosed one means to begin anew behind it; the original ends with
a RecursionError after a thousand."""


@dataclass(frozen=True)
class Block:
    """A block of a predicted page; `start` and `end` are its place in it, in characters."""

    category: Category
    start: int
    end: int
    content: str
    fine_category: str = ""  # a closer name ("text_block", "equation_inline", "code", "md2html_table") or ""
    language: str = ""  # of a block of code

    @property
    def name(self) -> str:
        """The closer name, where there is one."""
        return self.fine_category or self.category


def predicted_blocks(text: str) -> list[Block]:
    """Split a page; blocks are sorted by their place."""
    content = _without_images(text.replace("\r\n", "\n").replace("\r", "\n"))
    for fence in _FENCES:
        content = fence.sub("", content)
    for repeated, kept in _REPEATED:
        content = repeated.sub(kept, content)
    for tag in _DOCUMENT_TAGS:
        content = content.replace(tag, "")
    blocks: list[Block] = []
    finders: dict[Category, Callable[[str], list[tuple[int, str]]]]
    finders = {"latex_table": _latex_tables, "html_table": lambda content: _nested(content, *_HTML)}
    for category, find in finders.items():
        found = [Block(category, start, start + len(source), source) for start, source in find(content)]
        blocks += found
        content = _blanked(content, [(block.start, block.end) for block in found])
    content = _take_formulas(content, blocks)
    if len(_pipe_parts(content + "\n")) >= 2:
        content = _pipe_tables_as_html(content)
        content = _take(content, _HTML_TABLE, blocks)
    content = _take(content, _CODE, blocks, code=True)
    for mark, style in _LATEX_STYLES:
        if mark in content and "}" in content:
            content = style.sub(r"\1", content)
    blocks.extend(_paragraphs(content))
    return sorted(blocks, key=lambda block: block.start)


def _without_images(content: str) -> str:
    r"""Remove `!\[.*?\]\(.*?\)`."""
    if "](" not in content:
        return content
    lines = content.split("\n")
    for number, line in enumerate(lines):
        kept, position = [], 0
        while (start := line.find("![", position)) >= 0:
            middle = line.find("](", start + 2)
            end = line.find(")", middle + 2) if middle >= 0 else -1
            if end < 0:
                break
            kept.append(line[position:start])
            position = end + 1
        lines[number] = "".join(kept) + line[position:]
    return "\n".join(lines)


def _blanked(content: str, places: list[tuple[int, int]]) -> str:
    parts, position = [], 0
    for start, end in places:
        parts += [content[position:start], " " * (end - max(start, position))]
        position = end
    return "".join(parts) + content[position:]


def _latex_tables(content: str) -> list[tuple[int, str]]:
    if "\\end{tab" not in content:
        return []
    tables = [(match.start(), match.group()) for match in _LATEX_TABLE.finditer(content)]
    content = _blanked(content, [(start, start + len(source)) for start, source in tables])
    return sorted(tables + _nested(content, *_TABULAR), key=lambda table: table[0])


def _nested(
    text: str, opening: str, opening_end: str, closing: str, opening_step: int, closing_step: int
) -> list[tuple[int, str]]:
    """Return start and source of each outermost pair of marks; what is never closed is looked behind."""

    def opened(position: int) -> int:
        start = text.find(opening, position)
        return start if text.find(opening_end, start) >= 0 else -1

    tables: list[tuple[int, str]] = []
    offset = marks = 0
    while marks < _MAX_MARKS:
        stack: list[int] = []
        position = offset
        close = text.find(closing, position)
        if close < 0:
            break
        begin = opened(position)
        while close >= 0 or begin >= 0:
            marks += 1
            if begin >= 0 and (close < 0 or begin < close):
                stack.append(begin)
                position = begin + closing_step
            else:
                position = close + closing_step
                if stack:
                    start = stack.pop()
                    if not stack:
                        tables.append((start, text[start:position]))
            # A mark that is stepped over is none.
            if 0 <= begin < position:
                begin = opened(position)
            if 0 <= close < position:
                close = text.find(closing, position)
        if not stack:
            break
        offset = stack[0] + opening_step
    return tables


def _formulas(content: str) -> Iterator[tuple[int, int]]:
    r"""Yield the places of `$$…$$`, `\[…\]`, `$…$` and `\(…\)`, as a regular expression finds them from left to right.

    A closing mark that is not found once is not searched again.
    """
    marks = re.compile(r"\$|\\\[|\\\(")
    missing: set[str] = set()
    position = 0
    while (match := marks.search(content, position)) is not None:
        start, mark = match.start(), match.group()
        pairs = (("$$", "$$"), ("$", "$")) if mark == "$" else (("\\[", "\\]"),) if mark == "\\[" else (("\\(", "\\)"),)
        end = -1
        for first, last in pairs:
            if not content.startswith(first, start) or last in missing:
                continue
            end = content.find(last, start + len(first))
            if end >= 0:
                end += len(last)
                break
            missing.add(last)
        if end >= 0:
            yield start, end
        position = end if end >= 0 else start + 1


def _take_formulas(content: str, blocks: list[Block]) -> str:
    blanked: list[tuple[int, int]] = []
    for start, end in _formulas(content):
        line = " ".join(content[start:end].strip().split("\n"))
        dollars = _DOLLARS.search(line)
        fine = ""
        if dollars is None:
            blanked.append((start, end))
        elif dollars.group(1):
            line = _DOLLARS.sub(r"\\[\1\\]", line)
            blanked.append((start, end))
        else:
            line = _DOLLARS.sub(r"\\[\2\3\\]", line)
            fine = "equation_inline"
        blocks.append(Block("equation_isolated", start, end, line, fine))
    return _blanked(content, blanked)


def _take(content: str, pattern: re.Pattern[str], blocks: list[Block], *, code: bool = False) -> str:
    """Move what a pattern finds into blocks: pipe tables that became HTML, or fenced code."""
    places = []
    for match in pattern.finditer(content):
        places.append(match.span())
        if code:
            blocks.append(Block("text_all", *match.span(), match.group(2).strip(), "code", match.group(1)))
        else:
            blocks.append(Block("html_table", *match.span(), match.group().strip(), "md2html_table"))
    return _blanked(content, places)


def _pipe_parts(content: str) -> list[str]:
    r"""Return what `\|\s*.*?\s*\|\n` finds: from a pipe to the next one that ends a line."""
    parts = []
    position = 0
    while (start := content.find("|", position)) >= 0 and (end := content.find("|\n", start + 1)) >= 0:
        parts.append(content[start : end + 2])
        position = end + 2
    return parts


def _pipe_tables_as_html(content: str) -> str:
    content = content.replace("\r", "") + "\n"
    for part in _pipe_parts(content):
        content = content.replace(part, _part_as_html(part), 1)
    lines = _merged(content.split("\n"))
    return "\n".join(lines).replace("<table>", '<table border="1" >').replace("<td>", '<td colspan="1" rowspan="1">')


def _part_as_html(part: str) -> str:
    """Write a run of pipe rows as a table; its second row is taken for the delimiter. Most often it is one row."""
    rows = [row.strip() for row in part.strip().split("\n")]
    lines = ["<table>", "  <thead>", "    <tr>"]
    lines += [f"      <th>{cell.strip()}</th>" for cell in rows[0].split("|")[1:-1]]
    lines += ["    </tr>", "  </thead>", "  <tbody>"]
    for row in rows[2:]:
        lines += ["    <tr>", *(f"      <td>{cell.strip()}</td>" for cell in row.split("|")[1:-1]), "    </tr>"]
    return "\n".join([*lines, "  </tbody>", "</table>"]) + "\n"


def _merged(lines: list[str]) -> list[str]:
    """Merge tables that follow each other: each row of a pipe table became one."""
    kept: list[str] = []
    within = False
    table: list[str] = []
    last = ""
    for line in lines:
        if "<table>" in line:
            within = True
            table.append(last)
        elif within:
            if not _DELIMITER.search(last) and "</thead>" not in last:
                table += ["\n", last]
            if "</table>" in last:
                within = False
                kept.append(_one_table("".join(table)))
                table = []
        else:
            kept.append(last)
        last = line
    if last:
        if within or "</table>" in last:
            kept.append(_one_table("".join([*table, "\n", last])))
        else:
            kept.append(last)
    return kept


def _one_table(source: str) -> str:
    rows: list[str] = []
    for table in re.findall(r"<table>[\s\S]*?</table>", _COMMENT.sub("", source)):
        lines = [
            line.replace("<th>", "<td>").replace("</th>", "</td>") if "<th>" in line else line
            for line in table.split("\n")
        ]
        inner = [line for line in lines if not _TABLE_TAGS_LINE.search(line)]
        if len(inner) > 2:
            rows += inner
    return "\n\n<table>\n{}\n</table>\n\n".format("\n".join(rows))


def _paragraphs(content: str) -> Iterator[Block]:
    parts = content.split("\n\n")
    if len(parts) == 1:
        parts = content.split("\n")
    position = 0
    for part in parts:
        start, end = position, position + len(part)
        position = end
        text = "\n".join(line.strip() for line in part.strip().split("\n") if line.strip())
        if not text:
            continue
        if text.startswith("<table") and text.endswith("</table>"):
            yield Block("html_table", start, end, text)
        elif text.startswith("$") and text.endswith("$"):
            if text.replace("$", "").strip():
                yield Block("equation_isolated", start, end, text)
        else:
            yield Block("text_all", start, end, text, "text_block")

"""The blocks of a page, and the Markdown that each becomes: headings, paragraphs, lists, code, footnotes, figures."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby, pairwise
from statistics import median

from scribetune.labels import line_ends
from scribetune.labels.tables.cells import Box, PageTable
from scribetune.labels.text_layer import (
    Line,
    Span,
    joined,
    needs_blank,
)
from scribetune.text.markdown import FIGURE, is_cjk

_BULLET = re.compile(r"^([•‣▪●○◦■□❑❒❖◆★➢➔⇨☞✓✗✔►▶▸♦➤▫·∙⁃\uf020-\uf0ff]|[-–—*](?=\s)|o(?=\s{1,3}\S))\s*")
_NUMBER = re.compile(r"^(\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)])\s+(?=\S)")
_MARK = re.compile(r"^\s*(\d{1,3}|[*†‡§¶#]{1,3}|[a-z])\s*")
_CAPTION = re.compile(
    r"(?:Tab(?:le|\.|elle|leau|la)|Fig(?:ure|\.|ura)|Abb(?:ildung|\.)|Exhibit|Chart|表格?|[图圖図])\s{0,3}(?:[A-Z]?\d|[IVX]+\b)",
    re.IGNORECASE,
)
_SECTION = re.compile(
    r"(?:\d{1,2}(?:\.\d{1,2}){1,3}\.?|(?:Abschnitt|Section|Rubrique|Sezione|Sección|Seção|Kapitel|Chapter)\s\d{1,2}\W*)"
    r"\s+(?=[^\W\d])",
    re.IGNORECASE,
)
_CONTINUED = re.compile(
    r"\(?(?:Fortsetzung|Continued|Cont[’']?d|Suite|Continua|Continuación|Vervolg)\b[^)]{0,30}\)?", re.IGNORECASE
)
_TAKEN_FOR_MARKUP = re.compile(r"^(\d*)(#{1,6}(?=\s|$)|>|[-+*](?=\s)|[.)](?=\s)|```|~~~|\|)")
_CODE_BLANK = 0.5  # of a character's width: a gap between pieces of code is one
_CODE_GAP = 2.0  # characters
_EMPTY_LINE = 1.6
_INDENT = 8.0  # points between the levels of a list


class Kind(StrEnum):
    """What a block is on its page."""

    HEADING = "heading"
    TEXT = "text"
    LIST = "list"
    CODE = "code"
    FOOTNOTE = "footnote"
    TABLE = "table"
    FIGURE = "figure"
    DRAWN = "drawn"  # words that belong to a drawing: a label has the mark of its figure for them
    FORMULA = "formula"
    HEADER = "header"
    FOOTER = "footer"


@dataclass(frozen=True)
class PageBlock:
    """A block of a page."""

    kind: Kind  # what it is
    box: Box  # where it stands
    lines: tuple[Line, ...] = ()  # its text, each line as it is read; one item of a list; empty for tables
    level: int = 0  # of a heading, from 1
    tables: tuple[PageTable, ...] = ()  # a table's cells; several that stand side by side
    indent: float = 0.0  # how far a list item starts from where lines of its column start, in points
    goes_on: bool = False  # its last line is full, and no sentence ends there
    continues: bool = False  # its first line can be the rest of what another column ended with


def write(
    blocks: Sequence[PageBlock], *, always_html: bool, keep_headers: bool, elsewhere: Collection[str] = frozenset()
) -> str:
    """Write the blocks of a page down, in their order; tables as Markdown where it holds them, unless `always_html`.

    `elsewhere` are words of the document's other pages, that say how words go on at the ends of lines.
    """
    seen = line_ends.words_within(line.text for block in blocks for line in block.lines).union(elsewhere)
    marks = {mark for block in blocks if block.kind is Kind.FOOTNOTE for mark in _marks_of(block)}
    writer = _Writer(seen, marks, always_html=always_html)
    shown = in_order(blocks, keep_headers=keep_headers)
    texts = []
    for is_list, adjacent in groupby(shown, key=lambda block: block.kind is Kind.LIST):
        group = list(adjacent)
        texts += [writer.list(group)] if is_list else [writer.block(block) for block in group]
    return "\n\n".join(text for text in texts if text)


def in_order(blocks: Sequence[PageBlock], *, keep_headers: bool) -> list[PageBlock]:
    """Return the blocks that are written down."""
    unwritten = (Kind.DRAWN,) if keep_headers else (Kind.DRAWN, Kind.HEADER, Kind.FOOTER)
    return [block for block in blocks if block.kind not in unwritten]


def unicode_formulas(blocks: Sequence[PageBlock], known: Collection[str] = ()) -> int:
    """Count the formulas of a page that are nothing but characters: blocks of them, and lines of them in other text.

    `known` are words that stand for formulas with LaTeX: their lines do not count.
    """
    counts = [
        sum(line.is_formula and not any(word in line.text for word in known) for line in block.lines)
        for block in blocks
    ]
    return sum(
        min(count, 1) if block.kind is Kind.FORMULA else count for block, count in zip(blocks, counts, strict=True)
    )


def _marks_of(block: PageBlock) -> list[str]:
    return [
        match.group(1) for line in block.lines if line.spans[0].raised and (match := _MARK.match(line.spans[0].text))
    ]


class _Writer:
    def __init__(self, seen: frozenset[str], marks: set[str], *, always_html: bool) -> None:
        self._seen = seen
        self._marks = marks
        self._always_html = always_html

    def block(self, block: PageBlock) -> str:
        """Return the Markdown of a block that is no item of a list."""
        lines = block.lines
        match block.kind:
            case Kind.TABLE:
                written = "\n\n".join(table.markdown(always_html=self._always_html) for table in block.tables)
            case Kind.HEADING:
                text = self.paragraph(lines, emphasis=False)
                written = f"{'#' * min(max(block.level, 1), 6)} {text}" if text else ""
            case Kind.CODE:
                written = _code(lines)
            case Kind.FOOTNOTE:
                written = self._footnotes(lines)
            case Kind.FIGURE:
                written = "\n".join([FIGURE, *([""] if lines else []), *(line.text for line in lines)])
            case Kind.FORMULA:
                written = "\n".join(line.text for line in lines)
            case _:
                written = escaped(self.paragraph(lines))
        return written

    def paragraph(self, lines: Sequence[Line], *, emphasis: bool = True) -> str:
        """Return lines as one line of Markdown: words divided at line ends joined, emphasis marked."""
        pieces: list[Span] = []
        before = ""
        for line in lines:
            spans = [span for span in line.spans if span.text]
            while spans and not spans[-1].text.strip():
                spans.pop()
            if not spans:
                continue
            if pieces:
                how = line_ends.joint(before, line.text, self._seen)
                pieces[-1] = replace(pieces[-1], text=line_ends.ended(pieces[-1].text, how))
                spans[0] = replace(spans[0], text=spans[0].text.lstrip())
            spaced = [spans[0]]
            for previous, span in pairwise(spans):
                spaced.append(replace(span, text=" " + span.text) if needs_blank(previous, span) else span)
            pieces.extend(spaced)
            before = line.text
        if not emphasis:
            pieces = [replace(span, bold=False, italic=False, mono=False) for span in pieces]
        text = self._styled(pieces)
        return " ".join(text.replace("\u00ad", "").split())

    def _styled(self, spans: Sequence[Span]) -> str:
        """Return spans with marks for bold, italic, raised and code, each around as many words as it holds for."""
        runs: list[tuple[tuple[bool, bool, bool, bool, bool], str]] = []
        bold = "".join(span.text for span in spans if span.bold)
        # Bold Chinese is drawn with a second stroke, which no font tells: figures in it are not bold for themselves.
        among_cjk = any(is_cjk(character) for span in spans for character in span.text)
        has_bold = not among_cjk or any(map(str.isalpha, bold))
        for span in spans:
            style = (span.bold and has_bold, span.italic, span.mono, span.raised, span.lowered)
            if runs and (runs[-1][0] == style or not span.text.strip()):
                runs[-1] = (runs[-1][0], runs[-1][1] + span.text)
            else:
                runs.append((style, span.text))
        return "".join(self._marked(text, *style) for style, text in runs)

    def _marked(self, text: str, bold: bool, italic: bool, mono: bool, raised: bool, lowered: bool) -> str:
        inner = text.strip()
        if not inner:
            return text
        before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        if raised:
            return f"{before}[^{inner}]{after}" if inner in self._marks else f"{before}<sup>{inner}</sup>{after}"
        if lowered:
            return f"{before}<sub>{inner}</sub>{after}"
        # Marks around punctuation alone are none that a reader sees, and Markdown would not read them.
        if not any(character.isalnum() for character in inner):
            return text
        if mono:
            return f"{before}`{inner}`{after}"
        mark = "**" * bold + "*" * italic
        return f"{before}{mark}{inner}{mark}{after}"

    def list(self, items: Sequence[PageBlock]) -> str:
        """Return the Markdown of list items that follow each other, each deeper than the last where it stands in."""
        levels = _levels([item.indent for item in items])
        rows = []
        for item, level in zip(items, levels, strict=True):
            marker, rest = _marker(item.lines[0])
            text = self.paragraph([rest, *item.lines[1:]])
            rows.append(f"{'  ' * level}{marker or '-'} {text}".rstrip())
        return "\n".join(rows)

    def _footnotes(self, lines: Sequence[Line]) -> str:
        notes: list[tuple[str, list[Line]]] = []
        for line in lines:
            mark = _MARK.match(line.spans[0].text) if line.spans[0].raised else None
            if mark:
                notes.append((mark.group(1), [_without_start(line, mark.end())]))
            elif notes:
                notes[-1][1].append(line)
            else:
                notes.append(("", [line]))
        return "\n\n".join(
            f"[^{mark}]: {self.paragraph(content)}" if mark else self.paragraph(content) for mark, content in notes
        )


def is_caption(lines: Sequence[Line]) -> bool:
    """Whether a text is the caption of a table or a figure: bold or large, it is no heading all the same."""
    return bool(lines) and begins_caption(lines[0].text)


def begins_caption(text: str) -> bool:
    """Whether a text begins as the caption of a table or a figure does: with its number."""
    return bool(_CAPTION.match(text))


def begins_section(text: str) -> bool:
    """Whether a text begins as the heading of a numbered section does: "6.2 Water", "SECTION 7: Storage"."""
    return bool(_SECTION.match(text))


def tells_of_pages(text: str) -> bool:
    """Whether a text says no more than that something goes on: "(continued on page 5)"."""
    return bool(_CONTINUED.fullmatch(text))


def list_marker(text: str) -> str:
    """Return the mark that a list item starts with: "-" for any bullet, else its number; "" where it has none."""
    if _BULLET.match(text):
        return "-"
    number = _NUMBER.match(text)
    return number.group(1) if number else ""


def marker_length(text: str) -> int:
    """Return how many characters the mark of a list item takes, with the blanks behind it."""
    match = _BULLET.match(text) or _NUMBER.match(text)
    return match.end() if match else 0


def escaped(text: str) -> str:
    """Return running text so that Markdown takes it for nothing else: `# do` is no heading, `> 5` no quotation."""
    return _TAKEN_FOR_MARKUP.sub(lambda match: match.group(1) + "\\" + match.group(2), text)


def _marker(line: Line) -> tuple[str, Line]:
    """Return a line's list mark ("" if it has none) and the line without it."""
    text = line.text
    marker = list_marker(text)
    if not marker:
        return "", line
    return marker, _without_start(line, marker_length(text))


def _without_start(line: Line, characters: int) -> Line:
    """Return a line without the first characters of its text."""
    spans = list(line.spans)
    left = characters + len(joined(spans)) - len(joined(spans).lstrip())
    while spans and left >= len(spans[0].text):
        gone = spans.pop(0)
        left -= len(gone.text) + bool(spans and needs_blank(gone, spans[0]))
    if not spans:
        return replace(line, spans=(replace(line.spans[0], text=""),))
    spans[0] = replace(spans[0], text=spans[0].text[max(left, 0) :].lstrip())
    return replace(line, spans=tuple(spans))


def _levels(lefts: Sequence[float]) -> list[int]:
    """Return the depth of each list item by how far to the right it starts."""
    steps: list[float] = []
    for left in sorted(lefts):
        if not steps or left - steps[-1] > _INDENT:
            steps.append(left)
    return [max(index for index, step in enumerate(steps) if left >= step - 0.1) for left in lefts]


def _code(lines: Sequence[Line]) -> str:
    """Return lines in a fence, indented and apart as they are on the page."""
    left = min(line.box[0] for line in lines)
    widths = [(span.box[2] - span.box[0]) / len(span.text) for line in lines for span in line.spans if span.text]
    width = max(median(widths), 0.1)
    pitches = [after.box[3] - before.box[3] for before, after in pairwise(lines)]
    rows: list[str] = []
    for number, line in enumerate(lines):
        if number and pitches[number - 1] > _EMPTY_LINE * min(pitch for pitch in [*pitches, 999.0] if pitch > 0):
            rows.append("")
        row, end = "", left
        for span in line.spans:
            apart = (span.box[0] - end) / width
            row += " " * round(apart) * (apart > _CODE_BLANK)
            if apart > _CODE_GAP:  # what is below each other stays so, however wide the letters before it are
                row = row.rstrip().ljust(round((span.box[0] - left) / width) - 1) + " "
            row += span.text
            end = span.box[2]
        rows.append(row.rstrip())
    return "```\n" + "\n".join(rows) + "\n```"

"""What pages are composed of: headings, paragraphs, lists, tables and formulas.

Each block is written two ways: as Typst source (what a page shows) and as Markdown (its label). Typst source is made of
code-mode calls with string literals only, so that no character of the text is ever taken for markup.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

from scribetune.samples.expressions import Expression


def typst_string(text: str) -> str:
    """Return a Typst string literal that stands for exactly this text."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@dataclass(frozen=True)
class Strong:
    """Bold words within a line."""

    text: str


Inline = str | Strong | Expression
"""Pieces of a line: text, bold text, a formula."""


class Block(ABC):
    """A piece of a page that stands on its own."""

    @abstractmethod
    def typst(self) -> str:
        """Return Typst source: one statement in markup mode, using the functions of templates/sample.typ."""

    @abstractmethod
    def markdown(self) -> str:
        """Return the block's Markdown, without a final newline."""


@dataclass(frozen=True)
class Heading(Block):
    """A heading of level 1 or 2."""

    level: int
    text: str

    def typst(self) -> str:
        """Return a heading element."""
        return f"#heading(level: {self.level}, {typst_string(self.text)})"

    def markdown(self) -> str:
        """Return `# text`."""
        return f"{'#' * self.level} {escape_markdown(self.text)}"


@dataclass(frozen=True)
class Paragraph(Block):
    """Running text with bold words and inline formulas."""

    runs: tuple[Inline, ...]

    def typst(self) -> str:
        """Return a paragraph element."""
        return f"#par({inline_typst(self.runs)})"

    def markdown(self) -> str:
        """Return the paragraph on one line."""
        return inline_markdown(self.runs)


@dataclass(frozen=True)
class BulletList(Block):
    """A list with bullets."""

    items: tuple[tuple[Inline, ...], ...]

    def typst(self) -> str:
        """Return a list element."""
        return f"#list({', '.join(inline_typst(item) for item in self.items)})"

    def markdown(self) -> str:
        """Return `- item` lines."""
        return "\n".join(f"- {inline_markdown(item)}" for item in self.items)


@dataclass(frozen=True)
class NumberedList(Block):
    """A list numbered from 1."""

    items: tuple[tuple[Inline, ...], ...]

    def typst(self) -> str:
        """Return an enum element."""
        return f"#enum({', '.join(inline_typst(item) for item in self.items)})"

    def markdown(self) -> str:
        """Return `1. item` lines."""
        return "\n".join(f"{number}. {inline_markdown(item)}" for number, item in enumerate(self.items, start=1))


@dataclass(frozen=True)
class Table(Block):
    """A table with one header row; every row has as many cells as the header.

    Raises:
        ValueError: A row, or `numeric`, has another number of cells than the header.
    """

    header: tuple[str, ...]  # cells of the header
    rows: tuple[tuple[str, ...], ...]  # cells of the body
    numeric: tuple[bool, ...]  # for each column, whether its cells are set flush right

    def __post_init__(self) -> None:
        for cells in (*self.rows, self.numeric):
            if len(cells) != len(self.header):
                raise ValueError(f"table row {cells!r}: expected {len(self.header)} cells")

    def typst(self) -> str:
        """Return a call of the template's `data-table`."""
        align = ", ".join("right" if numeric else "left" for numeric in self.numeric)
        cells = ", ".join(typst_string(cell) for row in self.rows for cell in row)
        header = ", ".join(typst_string(cell) for cell in self.header)
        return f"#data-table(align: ({align},), header: ({header},), {cells})"

    def markdown(self) -> str:
        """Return a pipe table."""
        lines = [_pipe_row(self.header), "|" + "---|" * len(self.header), *(_pipe_row(row) for row in self.rows)]
        return "\n".join(lines)


@dataclass(frozen=True)
class DisplayFormula(Block):
    """A formula on a line of its own."""

    expression: Expression

    def typst(self) -> str:
        """Return a block equation with its LaTeX as alternative text."""
        return f"#{equation(self.expression, block=True)}"

    def markdown(self) -> str:
        """Return `$$LaTeX$$`."""
        return f"$${self.expression.latex()}$$"


@dataclass(frozen=True)
class Lines(Block):
    """Plain text that is broken where it was written, like an address."""

    lines: tuple[str, ...]

    def typst(self) -> str:
        """Return the block's Typst source."""
        return "#(" + " + linebreak() + ".join(typst_string(line) for line in self.lines) + ")"

    def markdown(self) -> str:
        """Return the lines as they are."""
        return "\n".join(self.lines)


@dataclass(frozen=True)
class Page:
    """The blocks of one page, from top to bottom."""

    blocks: tuple[Block, ...]

    def typst(self) -> str:
        """Return the page's Typst source; blocks are separated by an empty line, or Typst would set lists tight."""
        return "\n\n".join(block.typst() for block in self.blocks)

    def markdown(self) -> str:
        """Return the page's Markdown: blocks separated by one empty line, one final newline."""
        return "\n\n".join(block.markdown() for block in self.blocks) + "\n"


def equation(expression: Expression, *, block: bool) -> str:
    """Return a Typst equation whose LaTeX becomes the /Alt of a tagged PDF's /Formula element."""
    inner = f"$ {expression.typst()} $" if block else f"${expression.typst()}$"
    return f"math.equation(block: {str(block).lower()}, alt: {typst_string(expression.latex())}, {inner})"


def inline_typst(runs: tuple[Inline, ...]) -> str:
    """Return a line's pieces as one Typst code expression."""
    return " + ".join(_run_typst(run) for run in runs)


def inline_markdown(runs: tuple[Inline, ...]) -> str:
    """Return a line's pieces as Markdown."""
    return "".join(_run_markdown(run) for run in runs)


def inline_plain(runs: tuple[Inline, ...]) -> str:
    """Return a line's pieces as plain text."""
    return "".join(_run_plain(run) for run in runs)


def escape_markdown(text: str) -> str:
    """Escape what Markdown would take for emphasis or code; a label keeps every other character as it is."""
    return re.sub(r"([\\`*])", r"\\\1", text)


def _run_typst(run: Inline) -> str:
    if isinstance(run, Expression):
        return equation(run, block=False)
    return f"strong({typst_string(run.text)})" if isinstance(run, Strong) else typst_string(run)


def _run_markdown(run: Inline) -> str:
    if isinstance(run, Expression):
        return f"${run.latex()}$"
    return f"**{escape_markdown(run.text)}**" if isinstance(run, Strong) else escape_markdown(run)


def _run_plain(run: Inline) -> str:
    if isinstance(run, Expression):
        return run.plain()
    return run.text if isinstance(run, Strong) else run


def _pipe_row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(escape_markdown(cell).replace("|", "\\|") for cell in cells) + " |"

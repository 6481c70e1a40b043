"""The styles of tables and of texts, each in one of two halves: to develop on, or to report.

A style is a combination; none is in both halves. What a half has by one producer or with one kind of lines, the other
has by another producer or with other lines, so that a rule that was made for one half is examined by the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

Style = TypeVar("Style")
Half = Literal["develop", "report"]
Producer = Literal["typst", "drawn"]
Script = Literal["en", "zh", "he"]
Lines = Literal["grid", "horizontal", "header", "booktabs", "none", "bands", "columns"]
"""All lines; lines between rows; one below the header; above, below and below the header; none; shaded rows; lines
between columns and one below the header."""


@dataclass(frozen=True)
class TableStyle:
    """A kind of table.

    `features` are of: row-spans, column-spans, two-level, wrapped, wrapped-heads, pages, units, empty-cells,
    empty-column, totals-beside, heading-above, watermark, rotated, sideways, footnotes, groups, tight, leaders (dots
    from names to figures), side-by-side (two tables with the same headings).
    """

    half: Half
    producer: Producer
    lines: Lines
    features: frozenset[str] = frozenset()
    script: Script = "en"

    @property
    def name(self) -> str:
        """What it is called in tables of figures; no two styles share one."""
        script = [] if self.script == "en" else [self.script]
        return ", ".join([self.lines, *sorted(self.features), *script]) + f" ({self.producer})"


def _by_turns(develop: Sequence[Style], report: Sequence[Style]) -> tuple[Style, ...]:
    """Return the styles of both halves, so that any number of documents is half of each."""
    return tuple(style for pair in zip(develop, report, strict=True) for style in pair)


def _tables(half: Half, *rows: tuple[Producer, Lines, str] | tuple[Producer, Lines, str, Script]) -> list[TableStyle]:
    return [TableStyle(half, row[0], row[1], frozenset(row[2].split()), *row[3:]) for row in rows]


TABLES = _by_turns(
    _tables(
        "develop",
        ("typst", "grid", "row-spans"),
        ("drawn", "grid", "wrapped"),
        ("drawn", "grid", "column-spans"),
        ("typst", "grid", "empty-column empty-cells"),
        ("drawn", "grid", "heading-above"),
        ("typst", "grid", "watermark"),
        ("drawn", "grid", "tight"),
        ("typst", "grid", "wrapped", "zh"),
        ("typst", "grid", "pages units"),
        ("typst", "grid", "totals-beside"),
        ("typst", "horizontal", "two-level"),
        ("typst", "horizontal", "wrapped"),
        ("drawn", "header", "units"),
        ("typst", "header", "two-level"),
        ("typst", "booktabs", "footnotes"),
        ("drawn", "booktabs", "wrapped"),
        ("typst", "booktabs", "groups"),
        ("typst", "booktabs", "rotated"),
        ("typst", "none", ""),
        ("drawn", "none", "two-level"),
        ("typst", "none", "empty-cells"),
        ("typst", "none", "", "he"),
        ("typst", "bands", "column-spans"),
        ("drawn", "bands", "wrapped"),
        ("typst", "columns", "units"),
        ("typst", "booktabs", "wrapped-heads"),
        ("drawn", "none", "leaders"),
        ("typst", "grid", "side-by-side"),
    ),
    _tables(
        "report",
        ("drawn", "grid", "row-spans two-level"),
        ("typst", "grid", "row-spans wrapped"),
        ("typst", "grid", "column-spans empty-cells"),
        ("drawn", "grid", "empty-column"),
        ("typst", "grid", "heading-above units"),
        ("drawn", "grid", "watermark wrapped"),
        ("typst", "grid", "row-spans tight"),
        ("typst", "grid", "", "he"),
        ("drawn", "grid", "sideways"),
        ("drawn", "horizontal", "pages"),
        ("drawn", "horizontal", "groups"),
        ("typst", "horizontal", "two-level", "zh"),
        ("drawn", "horizontal", "totals-beside"),
        ("typst", "header", "wrapped"),
        ("drawn", "header", "empty-cells"),
        ("drawn", "booktabs", "two-level"),
        ("typst", "booktabs", "units"),
        ("drawn", "booktabs", "column-spans"),
        ("typst", "none", "wrapped"),
        ("drawn", "none", "groups"),
        ("drawn", "none", "footnotes"),
        ("drawn", "none", "", "zh"),
        ("drawn", "bands", "two-level"),
        ("typst", "bands", "units"),
        ("drawn", "columns", "empty-cells"),
        ("drawn", "header", "wrapped-heads"),
        ("typst", "header", "leaders"),
        ("drawn", "none", "side-by-side"),
    ),
)


@dataclass(frozen=True)
class TextStyle:
    """A kind of page of paragraphs and lists.

    `features` are of: indent (first lines), hanging, double (spacing), columns, bullets, numbers, letters, nested,
    drop-capital, hyphens (words divided at line ends), soft-hyphens (U+00AD there), list-then-text (without white
    space between), tight (no white space between paragraphs), justified, headings.
    """

    half: Half
    producer: Producer
    features: frozenset[str] = frozenset()
    script: Script = "en"

    @property
    def name(self) -> str:
        """What it is called in tables of figures; no two styles share one."""
        script = [] if self.script == "en" else [self.script]
        return ", ".join([*(sorted(self.features) or ["plain"]), *script]) + f" ({self.producer})"


def _texts(half: Half, *rows: tuple[Producer, str] | tuple[Producer, str, Script]) -> list[TextStyle]:
    return [TextStyle(half, row[0], frozenset(row[1].split()), *row[2:]) for row in rows]


TEXTS = _by_turns(
    _texts(
        "develop",
        ("typst", ""),
        ("typst", "indent justified tight"),
        ("drawn", "hanging"),
        ("typst", "double"),
        ("drawn", "columns"),
        ("typst", "bullets"),
        ("drawn", "numbers list-then-text"),
        ("drawn", "drop-capital"),
        ("drawn", "soft-hyphens"),
        ("typst", "hyphens justified columns"),
        ("typst", "indent", "zh"),
        ("typst", "bullets", "he"),
    ),
    _texts(
        "report",
        ("drawn", "headings"),
        ("drawn", "indent tight"),
        ("typst", "hanging tight"),
        ("drawn", "double indent tight"),
        ("typst", "columns justified numbers"),
        ("drawn", "bullets list-then-text"),
        ("typst", "numbers nested"),
        ("drawn", "drop-capital columns"),
        ("drawn", "soft-hyphens columns"),
        ("drawn", "hyphens indent tight"),
        ("typst", "letters", "zh"),
        ("typst", "tight indent", "he"),
    ),
)

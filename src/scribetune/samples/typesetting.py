"""Pages of blocks → Typst source → tagged PDF; and an estimate of how much fits on a page.

Only fonts that are always there are used: Typst's own, and for Chinese the one that comes with PyMuPDF.
"""

import random
import struct
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scribetune.core.package import package_file
from scribetune.samples.blocks import (
    Block,
    BulletList,
    DisplayFormula,
    Heading,
    Inline,
    Lines,
    NumberedList,
    Page,
    Paragraph,
    Strong,
    Table,
    inline_plain,
    typst_string,
)

CJK_FONT = "Droid Sans Fallback"
LONG_SIDE_PX = 768
"""The embedded model's page; text sizes are chosen for it."""

_FONTS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        # DejaVu Sans Mono is left out: extraction rightly reads monospaced text as code.
        "en": (("Libertinus Serif",), ("New Computer Modern",), (CJK_FONT,)),
        "zh": (("Libertinus Serif", CJK_FONT), ("New Computer Modern", CJK_FONT), (CJK_FONT,)),
    }
)


@dataclass(frozen=True)
class Style:
    """The look of a document. Lengths in points."""

    language: str  # "en" or "zh"
    width: float  # of the page
    height: float  # of the page
    margin: float  # on all sides
    size: float  # of the text
    fonts: tuple[str, ...]  # families, in order of preference
    ink: int  # gray level of the text, 0 to 255
    accent: str  # colour of headings, as Typst source
    leading: float  # between the lines of a paragraph, in em
    spacing: float  # between blocks, in em
    justify: bool  # whether paragraphs are justified
    heading_scale: float  # size of level-1 headings relative to the text
    subheading_scale: float  # size of level-2 headings relative to the text
    title_align: str  # alignment of level-1 headings
    bullet: str  # sign before list items
    indent: float  # of lists, in points
    rules: str  # "grid", "filled" or "open"; see templates/sample.typ
    line_width: float  # of table rules
    line_ink: int  # gray level of table rules
    shade: str  # colour of a filled header, as Typst source
    wide: bool  # whether tables fill the line
    inset_x: float  # left and right of table cells
    inset_y: float  # above and below table cells

    @property
    def line_length(self) -> float:
        """Width between the margins in points."""
        return self.width - 2 * self.margin

    @property
    def has_bold(self) -> bool:
        """Whether the main font has a bold face."""
        return CJK_FONT not in self.fonts


def choose_style(rng: random.Random, language: str) -> Style:
    """Choose a look: page proportions, font, size, colours, table rules."""
    long_side = rng.randint(290, 340)
    proportion = rng.choice((0.76, 0.8, 0.86, 0.92, 1.0))
    is_portrait = rng.random() < 0.55
    short_side = round(long_side * proportion)
    width, height = (short_side, long_side) if is_portrait else (long_side, short_side)
    # Text of 23 to 32 px; on narrow pages less, so that a table of four columns fits.
    largest = 27.0 if is_portrait and proportion < 0.86 else 29.0 if proportion < 0.92 else 32.0
    size = round(rng.uniform(23.2, largest) * long_side / LONG_SIDE_PX, 1)
    gray = rng.choice((0, 0, 20, 45))
    dark = ("rgb(20, 50, 110)", "rgb(120, 25, 30)", "rgb(15, 85, 60)", "rgb(75, 45, 110)")
    light = ("luma(225)", "luma(238)", "rgb(222, 232, 245)", "rgb(245, 236, 220)", "rgb(226, 240, 228)")
    fonts = rng.choice(_FONTS[language])
    return Style(
        language=language,
        width=width,
        height=height,
        margin=rng.choice((16.0, 18.0, 20.0, 22.0)),
        size=size,
        fonts=fonts,
        ink=gray,
        accent=rng.choice((f"luma({gray})", f"luma({gray})", rng.choice(dark))),
        leading=rng.choice((0.6, 0.65, 0.7)) + (0.1 if language == "zh" else 0.0),
        spacing=rng.choice((1.1, 1.2, 1.3)),
        justify=False,
        heading_scale=rng.choice((1.4, 1.5, 1.6)),
        subheading_scale=rng.choice((1.2, 1.25)),
        title_align=rng.choice(("left", "left", "center")),
        bullet="•",  # readers of PDFs without tags miss others
        indent=rng.choice((0.0, 4.0, 8.0)),
        rules=rng.choice(("grid", "filled", "open")),
        line_width=rng.choice((0.4, 0.6, 0.8)),
        line_ink=rng.choice((0, 60, 120)),
        shade=rng.choice(light),
        wide=rng.random() < 0.75,
        inset_x=rng.choice((4.0, 5.0)),
        inset_y=rng.choice((4.0, 5.0)),
    )


_ROOMY_EM, _ROOMY_LINES = 22.0, 26.0


def house_style(seed: int, language: str, design: int) -> Style:
    """Choose the look number `design`, which many documents share: it has room for whatever the templates make."""
    rng = random.Random(f"{seed}/{language}/design/{design}")  # noqa: S311  reproducible, not secret
    while True:
        style = choose_style(rng, language)
        lines = (style.height - 2 * style.margin) / style.size
        has_bold = style.has_bold or language == "zh"  # the Chinese font has none
        if has_bold and style.line_length / style.size >= _ROOMY_EM and lines >= _ROOMY_LINES:
            return style


def source(pages: Sequence[Page], style: Style) -> str:
    """Return the Typst source of a document, each page behind a page break.

    Raises:
        OSError: The template that comes with the package cannot be read.
    """
    template = package_file("sample.typ").read_text(encoding="utf-8")
    body = "\n#pagebreak()\n".join(page.typst() for page in pages)
    return f"{_style_source(style)}\n{template}\n{body}\n"


def _style_source(style: Style) -> str:
    fields = {
        "width": f"{style.width}pt",
        "height": f"{style.height}pt",
        "margin": f"{style.margin}pt",
        "size": f"{style.size}pt",
        "fonts": f"({', '.join(typst_string(font) for font in style.fonts)},)",
        "lang": typst_string(style.language),
        "ink": str(style.ink),
        "accent": style.accent,
        "leading": f"{style.leading}em",
        "spacing": f"{style.spacing}em",
        "justify": str(style.justify).lower(),
        "outlined": str(not style.has_bold).lower(),
        "heading-scale": str(style.heading_scale),
        "subheading-scale": str(style.subheading_scale),
        "title-align": style.title_align,
        "bullet": typst_string(style.bullet),
        "indent": f"{style.indent}pt",
        "rules": typst_string(style.rules),
        "line-width": f"{style.line_width}pt",
        "line-ink": str(style.line_ink),
        "shade": style.shade,
        "wide": str(style.wide).lower(),
        "inset-x": f"{style.inset_x}pt",
        "inset-y": f"{style.inset_y}pt",
    }
    return "#let style = (" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + ")"


# How much fits: estimates on the safe side, since a page that overflows would shift all that follow it.

_NARROW = frozenset("iljtfrI.,:;'|!()[]- /")
_WIDE = frozenset("mwMW%@&+±×=≈")


def text_width_em(text: str, style: Style, *, bold: bool = False) -> float:
    """Estimate the width of a line of text, in em."""
    width = 0.0
    for character in text:
        if ord(character) >= 0x2E80:
            width += 1.0
        elif character in _NARROW:
            width += 0.34
        elif character in _WIDE or character.isupper():
            width += 0.85 if character in _WIDE else 0.72
        else:
            width += 0.53
    sans = 1.06 if style.fonts == (CJK_FONT,) else 1.0
    return width * sans * (1.1 if bold else 1.0)


def line_count(text: str, style: Style, width_pt: float, *, scale: float = 1.0, bold: bool = False) -> int:
    """Estimate how many lines a paragraph takes, at `scale` times the size of the text."""
    available = width_pt / (style.size * scale)
    lines, used = 1, 0.0
    for word in _unbreakable(text):
        width = text_width_em(word, style, bold=bold)
        if used and used + width > available:
            lines, used = lines + 1, 0.0
        used += width
    return lines


def _unbreakable(text: str) -> list[str]:
    """Split where a line may break: after blanks, and around Chinese characters."""
    words, word = [], ""
    for character in text:
        if ord(character) >= 0x2E80:
            words.extend([word, character] if word else [character])
            word = ""
        else:
            word += character
            if character == " ":
                words.append(word)
                word = ""
    return [*words, word] if word else words


def table_width_pt(table: Table, style: Style) -> float:
    """Estimate the width a table needs, in points."""
    columns = [
        max(text_width_em(row[index], style) for row in (table.header, *table.rows))
        for index in range(len(table.header))
    ]
    return sum(columns) * style.size + len(columns) * 2 * style.inset_x


def height_pt(blocks: Sequence[Block], style: Style) -> float:
    """Estimate the height of blocks below each other, with the space between them, in points."""
    return sum(_block_height(block, style) for block in blocks) + style.spacing * style.size * len(blocks)


def _lines(count: int, style: Style, scale: float = 1.0) -> float:
    return style.size * scale * (count * 0.75 + (count - 1) * style.leading)


def _block_height(block: Block, style: Style) -> float:
    if isinstance(block, Heading):
        scale = style.heading_scale if block.level == 1 else style.subheading_scale
        # The space around a heading is in em of its own size.
        around = style.spacing * style.size * (scale - 1) * 2
        return _lines(line_count(block.text, style, style.line_length, scale=scale, bold=True), style, scale) + around
    if isinstance(block, Paragraph):
        return _lines(_run_lines(block.runs, style, style.line_length), style)
    if isinstance(block, BulletList | NumberedList):
        inner = style.line_length - style.indent - 2.0 * style.size
        count = sum(_run_lines(item, style, inner) for item in block.items)
        return _lines(count, style) + 0.15 * style.leading * style.size * len(block.items)
    if isinstance(block, Lines):
        return _lines(len(block.lines), style)
    if isinstance(block, Table):
        return (len(block.rows) + 1) * (0.8 * style.size + 2 * style.inset_y + style.line_width)
    if isinstance(block, DisplayFormula):
        latex = block.expression.latex()
        return style.size * (3.6 if "\\sum" in latex else 2.4 if "\\frac" in latex else 1.2)
    raise TypeError(f"block {type(block).__name__}: its height is not known")


def _run_lines(runs: tuple[Inline, ...], style: Style, width_pt: float) -> int:
    has_bold = any(isinstance(run, Strong) for run in runs)
    return line_count(inline_plain(runs), style, width_pt * (0.95 if has_bold else 1.0))


def fits(blocks: Sequence[Block], style: Style) -> bool:
    """Say whether blocks fit on one page, by a cautious estimate."""
    tables = [block for block in blocks if isinstance(block, Table)]
    if any(table_width_pt(table, style) > style.line_length for table in tables):
        return False
    return height_pt(blocks, style) <= style.height - 2 * style.margin


class Typesetter:
    """A Typst compiler with the fonts that are always there; reused for many documents.

    Use it as a context manager: the font lies in a temporary folder meanwhile.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="scribetune-fonts-")
        self._compiler: Any = None

    def __enter__(self) -> "Typesetter":
        import typst

        folder = Path(self._folder.name)
        (folder / "cjk.ttf").write_bytes(cjk_font())
        # System fonts would make the result depend on the machine.
        self._compiler = typst.Compiler(root=folder, font_paths=[folder], ignore_system_fonts=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._compiler = None
        self._folder.cleanup()

    def pdf(self, typst_source: str) -> bytes:
        """Compile one document.

        Raises:
            RuntimeError: The source does not compile, or compiles with a warning (a font or a glyph is missing).
        """
        import typst

        try:
            data, warnings = self._compiler.compile_with_warnings(typst_source.encode(), format="pdf")
        except typst.TypstError as error:
            raise RuntimeError(f"Typst could not compile a sample document: {error}") from error
        if warnings:
            raise RuntimeError("Typst warned: " + "; ".join(sorted({warning.message for warning in warnings})))
        return bytes(data)


def cjk_font() -> bytes:
    """Return PyMuPDF's Droid Sans Fallback with a PostScript name, without which Typst does not take it.

    The font's name table (OpenType, "name") has only family and style; records 4 and 6 are added. Glyphs and metrics
    stay as they are.
    """
    import pymupdf

    data = pymupdf.Font("cjk").buffer
    count = struct.unpack(">H", data[4:6])[0]
    tables = {}
    for number in range(count):
        tag, _, offset, length = struct.unpack(">4sIII", data[12 + 16 * number : 28 + 16 * number])
        tables[tag] = data[offset : offset + length]
    names = {1: CJK_FONT, 2: "Regular", 4: CJK_FONT, 6: CJK_FONT.replace(" ", "")}
    tables[b"name"] = _name_table(names)
    directory, body = b"", b""
    for tag in sorted(tables):
        table = tables[tag]
        directory += struct.pack(">4sIII", tag, _checksum(table), 12 + 16 * count + len(body), len(table))
        body += table + b"\0" * (-len(table) % 4)
    return bytes(data[:12]) + directory + body


def _name_table(names: Mapping[int, str]) -> bytes:
    records, strings = b"", b""
    for name_id, text in sorted(names.items()):
        encoded = text.encode("utf-16-be")
        records += struct.pack(">6H", 3, 1, 0x409, name_id, len(encoded), len(strings))  # Windows, Unicode, English
        strings += encoded
    return struct.pack(">3H", 0, len(names), 6 + len(records)) + records + strings


def _checksum(table: bytes) -> int:
    padded = table + b"\0" * (-len(table) % 4)
    words: tuple[int, ...] = struct.unpack(f">{len(padded) // 4}I", padded)
    return sum(words) & 0xFFFFFFFF

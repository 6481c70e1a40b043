"""Paragraphs and lists set by Typst; the structure tree is taken out afterwards (`documents`)."""

import random
from collections.abc import Sequence

from scribetune.samples.blocks import typst_string
from zoo.styles import TextStyle
from zoo.texts import TextBlock
from zoo.typst_tables import preamble


def source(style: TextStyle, blocks: Sequence[TextBlock], draw: random.Random) -> str:
    """Return a document of these blocks."""
    size = draw.choice((9, 10, 11))
    indent = "2em" if style.script == "zh" else f"{draw.choice((12, 18, 24))}pt"
    settings = ["#set par("]
    if "indent" in style.features:
        settings.append(f"first-line-indent: (amount: {indent}, all: true), ")
    if "hanging" in style.features:
        settings.append(f"hanging-indent: {draw.choice((12, 18, 30))}pt, ")
    if "justified" in style.features:
        settings.append("justify: true, ")
    leading = 1.6 if "double" in style.features else draw.choice((0.55, 0.65))
    spacing = leading if "tight" in style.features else leading + draw.choice((0.6, 0.9))
    settings.append(f"leading: {leading}em, spacing: {spacing}em)\n")
    if "hyphens" in style.features:
        settings.append("#set text(hyphenate: true)\n")
    if "columns" in style.features:
        # A low page, so that both columns are filled.
        settings.append(f"#set page(columns: 2, height: {draw.choice((340, 430))}pt)\n")
    lists = _Lists(style, draw)
    body = "".join(lists.block(block, blocks[number - 1] if number else None) for number, block in enumerate(blocks))
    return preamble(draw, style.script, size) + "".join(settings) + body


class _Lists:
    """Writes blocks; items as paragraphs with a mark in a column of its own, as Typst's lists are."""

    def __init__(self, style: TextStyle, draw: random.Random) -> None:
        self._style = style
        self._mark = draw.choice("•–") if style.script != "he" else "•"
        self._indent = draw.choice((0, 10, 18))

    def block(self, block: TextBlock, before: TextBlock | None) -> str:
        """Return a block's source. None is divided between columns: what is one paragraph stands in one place."""
        text = f"#text({typst_string(block.text)})"
        if block.kind == "heading":
            return f'#block(breakable: false, text(size: 1.3em, weight: "bold", {typst_string(block.text)}))\n\n'
        if block.kind == "paragraph":
            is_apart = "columns" in self._style.features or (before is not None and before.kind == "item")
            return f"#block(breakable: false)[{text}]\n\n" if is_apart else f"{text}\n\n"
        left = self._indent + 18 * block.depth
        mark = typst_string(block.mark or self._mark)
        return (
            f"#block(breakable: false, inset: (start: {left}pt))[#set par(first-line-indent: 0pt)\n"
            f"#grid(columns: (16pt, 1fr), text({mark}), [{text}])]\n\n"
        ).replace("inset: (start:", "inset: (right:" if self._style.script == "he" else "inset: (left:")

"""LaTeX that a tagged PDF carries (`sources`), and where on the page its formulas stand.

PDF 1.7 (ISO 32000-1), 14.8.4.5 (illustration elements).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scribetune.labels import text_pages
from scribetune.labels.formulas import sources
from scribetune.labels.tag_tree import TagTree

_BAR_MARGIN = (-2, -2, 2, 2)  # fraction bars and radicals reach a little beyond the glyphs, in points
# Elements that hold running text: a formula below one of them stands in a line.
_INLINE_PARENTS = frozenset({"P", "Span", "LBody", "Lbl", "TD", "TH", "H1", "H2", "H3", "H4", "H5", "H6", "Caption"})


@dataclass(frozen=True)
class Formula:
    """A formula on a page."""

    latex: str  # whitespace collapsed
    display: bool  # whether it stands on its own line
    bbox: tuple[float, float, float, float]  # (x0, y0, x1, y1) of its glyphs, in points of the unrotated page
    lines: tuple[tuple[float, float, float, float], ...]  # the boxes of its text lines


@dataclass(frozen=True)
class Placed:
    """The formulas of a page that have LaTeX, and how many have some but no place on it."""

    formulas: tuple[Formula, ...] = ()  # in the order of the structure tree
    lost: int = 0


def on_page(page: Any, tags: TagTree) -> Placed:
    """Return where the formulas of a pymupdf.Page stand."""
    import pymupdf

    held = tags.formulas.get(page.xref, {})
    if not any(tag.has_latex for tag in held.values()):
        return Placed()
    flags = pymupdf.TEXTFLAGS_DICT & ~pymupdf.TEXT_PRESERVE_LIGATURES | pymupdf.TEXT_COLLECT_STRUCTURE
    blocks = text_pages.text_page(page, flags).extractDICT()["blocks"]
    tags.name(blocks)
    found = [
        (block, parent, tag)
        for block, parent in _formula_blocks(blocks, parent="")
        if (tag := tags.formula(page.xref, block["xref"])) is not None
    ]
    shown = {block["xref"] for block, _, _ in found}
    return Placed(
        tuple(
            _formula(block, latex, parent not in _INLINE_PARENTS if tag.display is None else tag.display)
            for block, parent, tag in found
            if (latex := tag.latex_of(block))
        ),
        sum(tag.has_latex for xref, tag in held.items() if xref not in shown),
    )


def _formula(block: dict[str, Any], latex: str, display: bool) -> Formula:
    numbered = sources.with_number(latex, sources.equation_number(block)) if display else latex
    return Formula(numbered, display, tuple(block["bbox"]), tuple(_line_boxes(block)))


def _formula_blocks(blocks: list[dict[str, Any]], parent: str) -> Iterator[tuple[dict[str, Any], str]]:
    for block in blocks:
        if block.get("std") == "Formula":
            yield block, parent
        else:
            yield from _formula_blocks(block.get("blocks", []), block.get("std", parent))


def _line_boxes(block: dict[str, Any]) -> Iterator[tuple[float, float, float, float]]:
    for line in block.get("lines", []):
        yield tuple(line["bbox"])
    for inner in block.get("blocks", []):
        yield from _line_boxes(inner)


@dataclass(frozen=True)
class Placeholders:
    """Stand-ins for formulas on a page: token → Markdown."""

    markdown: dict[str, str]

    @staticmethod
    def put(page: Any, formulas: Sequence[Formula]) -> "Placeholders":
        """Replace each formula's glyphs on the (in-memory) page by a token of the same width and height.

        The layout analysis then sees a word where the formula stood, and reads it in the right place.
        """
        import pymupdf

        markdown = {}
        font = pymupdf.Font("helv")
        for formula in formulas:
            for x0, y0, x1, y1 in formula.lines:
                # A little smaller than the box: redaction takes every glyph it touches, neighbours too.
                inset = min(1.0, (y1 - y0) / 4)
                page.add_redact_annot(pymupdf.Rect(x0 + 0.1, y0 + inset, x1 - 0.1, y1 - inset), fill=False)
        page.apply_redactions(images=pymupdf.PDF_REDACT_IMAGE_NONE, graphics=pymupdf.PDF_REDACT_LINE_ART_NONE)
        for formula in formulas:  # fraction bars and radicals would read as strike-through
            page.add_redact_annot(pymupdf.Rect(formula.bbox) + _BAR_MARGIN, fill=False)
        page.apply_redactions(
            images=pymupdf.PDF_REDACT_IMAGE_NONE,
            graphics=pymupdf.PDF_REDACT_LINE_ART_REMOVE_IF_COVERED,
            text=pymupdf.PDF_REDACT_TEXT_NONE,
        )
        for number, formula in enumerate(formulas):
            token = f"formula{number:03d}x"
            if formula.display:
                token += " = 12 + 3"  # a lone word would be taken for a heading; this reads as what it is
            x0, y0, x1, y1 = formula.bbox
            size = min(11.0, max(4.0, (y1 - y0) * 0.7))
            width = font.text_length(token, fontsize=size)
            start = pymupdf.Point(x0, (y0 + y1) / 2 + size * 0.35)
            squeeze = min(1.0, (x1 - x0) / width)
            page.insert_text(
                start, token, fontname="helv", fontsize=size, morph=(start, pymupdf.Matrix(squeeze, 0, 0, 1, 0, 0))
            )
            markdown[token] = f"$${formula.latex}$$" if formula.display else f"${formula.latex}$"
        return Placeholders(markdown)

    def fill(self, text: str) -> tuple[str, int]:
        """Put the LaTeX where its token stands; returns the text, and the number of tokens not found exactly once."""
        lost = 0
        for token, latex in self.markdown.items():
            if text.count(token) != 1:
                lost += 1
            text = text.replace(token, latex)
        return text, lost

"""A page's annotations: from OmniDocBench's JSON, or from a label in Markdown.

Categories are OmniDocBench's. Of a page's elements only those in `TEXT`, `IGNORED`, formulas and tables take part;
text of `IGNORED` ones is matched, so that predicting it costs nothing, and not scored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scribetune.metrics.omnidocbench.elements import predicted_blocks

Order = float
"""Reading order: a number, counted from 1."""

FORMULA, TABLE = "equation_isolated", "table"
TEXT = ("text_block", "title", "code_txt", "code_txt_caption", "reference")
IGNORED = (
    *("equation_caption", "figure_caption", "figure_footnote", "table_caption", "table_footnote", "code_algorithm"),
    *("code_algorithm_caption", "header", "footer", "page_footnote", "page_number"),
)
# The order in which the original collects categories, which decides among elements of one place.
_MIXED = (*TEXT, *IGNORED, FORMULA)


@dataclass(frozen=True)
class Annotation:
    """An annotated element: its category, what it says in the field that suits it, and its reading order."""

    category: str
    text: str = ""
    latex: str = ""
    html: str = ""
    order: Order | None = None


@dataclass(frozen=True)
class Page:
    """A page's annotations, each list in reading order."""

    elements: tuple[Annotation, ...]
    tables: tuple[Annotation, ...]


def page_from_json(page: Mapping[str, Any]) -> Page:
    """Read a page of OmniDocBench's JSON (`layout_dets`, `extra.relation`).

    Text that was cut (a column's end, a figure in between) is put together, as the original does: where three parts
    are given by two relations, the middle one counts twice.
    """
    cut: dict[Any, Mapping[str, Any]] = {}
    chains: list[list[Any]] = []
    parts: set[Any] = set()
    for relation in (page.get("extra") or {}).get("relation") or ():
        if relation.get("relation_type") != "truncated":
            continue
        ends = [relation.get("source_anno_id"), relation.get("target_anno_id")]
        parts.update(ends)
        known = [chain for chain in chains if ends[0] in chain or ends[1] in chain]
        for chain in known:
            chain.extend(ends)
        if not known:
            chains.append(ends)
    by_category: dict[str, list[Annotation]] = {}
    for element in page.get("layout_dets") or ():
        if element.get("anno_id") in parts:
            cut[element["anno_id"]] = element
        else:
            by_category.setdefault(str(element.get("category_type")), []).append(_annotation(element))
    for chain in chains:
        pieces = sorted((cut[name] for name in chain if name in cut), key=lambda piece: piece.get("order") or 0)
        if pieces:
            whole = {**pieces[0], "text": "".join(str(piece.get("text") or "") for piece in pieces)}
            by_category.setdefault(str(whole.get("category_type")), []).append(_annotation(whole))
    mixed = [annotation for category in _MIXED for annotation in by_category.get(category, ())]
    return Page(_in_order(mixed), _in_order(by_category.get(TABLE, [])))


def _annotation(element: Mapping[str, Any]) -> Annotation:
    order = element.get("order")
    text, latex, html = (str(element.get(key) or "") for key in ("text", "latex", "html"))
    place = order if isinstance(order, int | float) else None
    return Annotation(str(element.get("category_type")), text, latex, html, place)


def _in_order(annotations: Sequence[Annotation]) -> tuple[Annotation, ...]:
    return tuple(sorted(annotations, key=lambda annotation: annotation.order or 0))


def page_from_markdown(label: str) -> Page:
    """Take a label's blocks for annotations: headings, paragraphs, code, display formulas and tables, in their order.

    A label is split like a prediction (`predicted_blocks`), so a page that is read as it is labelled is read perfectly.
    """
    elements: list[Annotation] = []
    tables: list[Annotation] = []
    blocks = [block for block in predicted_blocks(label) if block.fine_category != "equation_inline"]
    for order, block in enumerate(blocks, start=1):
        if block.category == FORMULA:
            elements.append(Annotation(FORMULA, latex=block.content, order=order))
        elif block.category == "html_table":
            tables.append(Annotation(TABLE, html=block.content, order=order))
        elif block.category == "text_all":
            category = "code_txt" if block.language else "title" if block.content.startswith("#") else "text_block"
            elements.append(Annotation(category, text=block.content, order=order))
    return Page(tuple(elements), tuple(tables))


def markdown_from_page(page: Page) -> str:
    """Write a page's annotations as Markdown in reading order, ignored ones left out; tables as HTML."""
    kept = [annotation for annotation in page.elements if annotation.category not in IGNORED]
    parts = []
    for annotation in _in_order([*kept, *page.tables]):
        text = annotation.html or annotation.latex or annotation.text
        is_bare = annotation.category == "title" and not text.startswith("#")
        parts.append((f"# {text}" if is_bare else text).strip())
    return "\n\n".join(filter(None, parts))

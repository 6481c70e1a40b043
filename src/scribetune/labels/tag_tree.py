"""The structure tree of a tagged PDF, as far as a page's text does not tell it: sources of formulas, spanning cells.

ISO 32000-1, 14.7 (logical structure), 14.9.3 (alternate descriptions: /Alt), 14.8.5.7 (table attributes).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scribetune.labels.formulas import sources as formula_sources
from scribetune.labels.formulas.sources import FormulaTag

_REFERENCE = re.compile(r"(\d+) 0 R")
_SPAN = re.compile(r"/(?:Col|Row)Span\s+(?:[2-9]|[1-9]\d)")
_PLAIN_NAME = re.compile(r"[A-Za-z][\w-]{0,40}")
_MAX_ELEMENTS = 200_000
_UNKNOWN_PAGE = 0


@dataclass(frozen=True)
class TagTree:
    """What the tree says.

    Attributes:
        formulas: xref of a page → its /Formula elements in document order.
        spanning: xrefs of pages that have a table cell over several rows or columns; 0 where the page is not named.
    """

    formulas: Mapping[int, list[FormulaTag]]
    spanning: frozenset[int]

    def has_spanning_cells(self, page_xref: int) -> bool:
        """Return whether a page has, or may have, cells over several rows or columns."""
        return page_xref in self.spanning or _UNKNOWN_PAGE in self.spanning


def read(pdf: Any) -> TagTree:
    """Walk the structure tree of a pymupdf.Document in document order; empty for a PDF without tags.

    Where formulas are made of MathML structure elements, these get roles (in memory): MuPDF gives the text of elements
    whose role it knows, and PDF 2.0's namespaces it does not.
    """
    root = pdf.xref_get_key(pdf.pdf_catalog(), "StructTreeRoot")
    formulas: dict[int, list[FormulaTag]] = {}
    spanning: set[int] = set()
    waiting = [(int(root[1].split()[0]), _UNKNOWN_PAGE)] if root[0] == "xref" else []
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_ELEMENTS:
        xref, inherited = waiting.pop()
        if xref in seen:
            continue
        seen.add(xref)
        named = pdf.xref_get_key(xref, "Pg")
        page = int(named[1].split()[0]) if named[0] == "xref" else inherited
        kind = pdf.xref_get_key(xref, "S")[1]
        if kind == "/Formula":
            formulas.setdefault(page, []).append(formula_sources.read(pdf, xref))
            continue
        if kind in ("/TD", "/TH") and _spans(pdf, xref):
            spanning.add(page)
        kids = pdf.xref_get_key(xref, "K")
        # Pushed in reverse, so that they come off the stack in document order.
        waiting.extend((int(number), page) for number in reversed(_REFERENCE.findall(kids[1])))
    names = {
        name
        for tags in formulas.values()
        for tag in tags
        if tag.elements is not None
        for name in formula_sources.names_of(tag.elements[1])
    }
    for name in sorted(name for name in names if _PLAIN_NAME.fullmatch(name)):
        if pdf.xref_get_key(int(root[1].split()[0]), f"RoleMap/{name}")[0] == "null":
            pdf.xref_set_key(int(root[1].split()[0]), f"RoleMap/{name}", "/Span")
    return TagTree(formulas, frozenset(spanning))


def _spans(pdf: Any, xref: int) -> bool:
    attributes: str = pdf.xref_get_key(xref, "A")[1]
    objects = [pdf.xref_object(int(number), compressed=True) for number in _REFERENCE.findall(attributes)]
    return any(_SPAN.search(text) for text in (attributes, *objects))

"""The structure tree of a tagged PDF, as far as a page's text does not tell it: formulas, cells, the kinds of elements.

ISO 32000-1, 14.7 (logical structure), 14.9.3 (alternate descriptions: /Alt), 14.8.5.7 (table attributes). MuPDF says of
each element on a page which of its parent's kids it is: so it is found again in the tree.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scribetune.labels.formulas import sources as formula_sources
from scribetune.labels.formulas.sources import FormulaTag

logger = logging.getLogger(__name__)

_SPAN = re.compile(r"/(Col|Row)Span\s+(\d{1,4})")
_PLAIN_NAME = re.compile(r"[A-Za-z][\w.-]{0,60}")
_ENTRY = re.compile(r"/([^\s/<>\[\]()]+)\s*/([^\s/<>\[\]()]+)")
ROW_GROUPS = frozenset({"THead", "TBody", "TFoot", "Sect", "Div", "Part", "Art", "NonStruct"})
"""What rows of a table may stand in."""
_MAX_ELEMENTS = 200_000
_MAX_CHAIN = 8
_UNKNOWN_PAGE = 0
_KNOWN = frozenset(
    re.findall(
        r"\w+",
        "Document DocumentFragment Part Sect Art Aside BlockQuote Caption Div Index NonStruct Note Private Title TOC "
        "TOCI FENote H H1 H2 H3 H4 H5 H6 P L LI Lbl LBody Table TR TH TD THead TBody TFoot Span Em Strong Quote Sub "
        "Code BibEntry Reference Link Annot Ruby RB RT RP Warichu WT WP Figure Formula Form Artifact",
    )
)
_IN_LINES = frozenset({"P", "Span", "LBody", "Lbl", "TD", "TH", "H1", "H2", "H3", "H4", "H5", "H6", "Caption", "Link"})


@dataclass(frozen=True)
class TagCell:
    """A cell of a table, as its tags say."""

    xref: int
    row_span: int
    column_span: int


@dataclass(frozen=True)
class TagTree:
    """What the tree says.

    Attributes:
        formulas: xref of a page → xrefs of its /Formula elements, in document order, and what they carry.
        unnamed: Kinds of elements whose role the file does not tell.
    """

    formulas: Mapping[int, Mapping[int, FormulaTag]]
    unnamed: frozenset[str] = frozenset()
    _pdf: Any = None
    _root: int = 0
    _roles: Mapping[str, str] = field(default_factory=dict)
    _kids: dict[int, Mapping[int, int]] = field(default_factory=dict)

    def name(self, blocks: Sequence[dict[str, Any]]) -> None:
        """Put the xref of its element, as "xref", into each block of a page that MuPDF gives for one."""
        self._name(blocks, self._root)

    def _name(self, blocks: Sequence[dict[str, Any]], parent: int) -> None:
        for block in blocks:
            if block.get("std") or block.get("raw"):
                block["xref"] = self._kids_of(parent).get(int(block.get("index", -1)), 0)
                self._name(block.get("blocks", []), block["xref"])

    def _kids_of(self, xref: int) -> Mapping[int, int]:
        if not xref or self._pdf is None:
            return {}
        if xref not in self._kids:
            self._kids[xref] = dict(formula_sources.kids(self._pdf, xref))
        return self._kids[xref]

    def formula(self, page: int, element: int) -> FormulaTag | None:
        """Return what a /Formula element carries; None where the tree does not have it."""
        found = self.formulas.get(page, {}).get(element)
        if found is None and element:
            found = next((tags[element] for tags in self.formulas.values() if element in tags), None)
        return found

    def rows(self, table: int) -> list[tuple[int, tuple[TagCell, ...]]]:
        """Return the rows of a /Table element, with their cells, empty ones too; captions are left out."""
        rows: list[tuple[int, tuple[TagCell, ...]]] = []
        for kid in self._kids_of(table).values():
            kind = self.role(kid)
            if kind == "TR":
                cells = [cell for cell in self._kids_of(kid).values() if self.role(cell) in ("TD", "TH")]
                rows.append((kid, tuple(self._cell(cell) for cell in cells)))
            elif kind in ROW_GROUPS:
                rows.extend(self.rows(kid))
        return rows

    def has_spans(self, table: int) -> bool:
        """Whether a /Table element, or one in it, has cells over several rows or columns."""
        return any(
            cell.row_span > 1 or cell.column_span > 1 or any(map(self.has_spans, self._kids_of(cell.xref).values()))
            for _, cells in self.rows(table)
            for cell in cells
        )

    def role(self, xref: int) -> str:
        """Return the standard type of an element."""
        kind: str = self._pdf.xref_get_key(xref, "S")[1].removeprefix("/")
        return _role(kind, self._roles) or kind

    def _cell(self, xref: int) -> TagCell:
        spans = {"Row": 1, "Col": 1}
        for text in formula_sources.attribute_objects(self._pdf, xref):
            spans.update({name: max(1, int(number)) for name, number in _SPAN.findall(text)})
        return TagCell(xref, spans["Row"], spans["Col"])


def read(pdf: Any) -> TagTree:
    """Walk the structure tree of a pymupdf.Document in document order; empty for a PDF without tags.

    MuPDF gives no element whose role it does not know (MathML's, those of PDF 2.0's namespaces, an author's own without
    /RoleMap): they get roles, in memory.
    """
    import pymupdf

    root = pdf.xref_get_key(pdf.pdf_catalog(), "StructTreeRoot")
    if root[0] != "xref":
        return TagTree({})
    top = int(root[1].split()[0])
    roles = _role_map(pdf, top)
    formulas: dict[int, dict[int, FormulaTag]] = {}
    unknown: dict[str, str] = {}
    unnamed: set[str] = set()
    waiting = [(top, _UNKNOWN_PAGE, "")]
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_ELEMENTS:
        xref, inherited, parent = waiting.pop()
        if xref in seen:
            continue
        seen.add(xref)
        try:
            element = _element(pdf, xref, inherited, parent, roles)
        except (ValueError, pymupdf.mupdf.FzErrorBase) as error:  # a damaged file: an object that is not there
            logger.info("structure element %d is not read: %s", xref, error)
            continue
        if element.is_unknown and not _role_in_namespace(pdf, xref, element.name):
            unnamed.add(element.name)
        if element.is_unknown and unknown.get(element.name) != "Span":
            unknown[element.name] = element.kind
        if element.kind == "Formula":
            tag = formula_sources.read(pdf, xref)
            formulas.setdefault(element.page, {})[xref] = tag
            names = formula_sources.names_of(tag.elements[1]) if tag.elements is not None else ()
            unknown.update({inner: "Span" for inner in names if not _role(inner, roles)})
            continue
        # Pushed in reverse, so that they come off the stack in document order.
        waiting.extend((kid, element.page, element.kind) for kid in reversed(element.kids))
    _add_roles(pdf, top, {**_chains(roles), **unknown})
    return TagTree(formulas, frozenset(unnamed), pdf, top, {**roles, **unknown})


@dataclass(frozen=True)
class _Element:
    name: str  # its structure type, as the file has it
    kind: str  # the standard one
    is_unknown: bool  # whether the file does not say which one it is
    page: int  # xref
    kids: tuple[int, ...]


def _element(pdf: Any, xref: int, inherited: int, parent: str, roles: Mapping[str, str]) -> _Element:
    raw = pdf.xref_get_key(xref, "S")
    if raw[0] != "name" and (written := pdf.xref_object(xref, compressed=True)).startswith("["):
        # Kids of the element before may be an array of its own.
        return _Element("", parent, False, inherited, tuple(formula_sources.references(written)))
    name = raw[1].removeprefix("/") if raw[0] == "name" else ""
    known = _role(name, roles)
    kind = known or (_role_in_namespace(pdf, xref, name) or ("Span" if parent in _IN_LINES else "Div") if name else "")
    kids = tuple(formula_sources.references(pdf.xref_get_key(xref, "K")[1]))
    own = pdf.xref_get_key(xref, "Pg")
    page = int(own[1].split()[0]) if own[0] == "xref" else inherited
    if kind == "Formula":
        page = next(filter(None, _pages_below(pdf, (xref,))), page)
    return _Element(name, kind, bool(name) and not known, page, kids)


def _pages_of_content(pdf: Any, xref: int) -> list[int]:
    """Return the xrefs of the pages that an element's marked content names: it need not stand on the element's own."""
    kind, written = pdf.xref_get_key(xref, "K")
    texts = [written] if kind in ("array", "dict") else []
    texts += [pdf.xref_object(kid, compressed=True) for kid in formula_sources.references(written)]
    pages = (re.search(r"/Pg (\d+) \d+ R", text) for text in texts if "/MCID" in text)
    return [int(page.group(1)) for page in pages if page]


def _pages_below(pdf: Any, elements: Sequence[int], depth: int = 0) -> Iterator[int]:
    """Yield the pages of the content of elements and of those below them."""
    for element in elements:
        yield from _pages_of_content(pdf, element)
        if depth < _MAX_CHAIN:
            yield from _pages_below(pdf, [kid for _, kid in formula_sources.kids(pdf, element)], depth + 1)


def _role_map(pdf: Any, root: int) -> dict[str, str]:
    kind, value = pdf.xref_get_key(root, "RoleMap")
    written = pdf.xref_object(int(value.split()[0]), compressed=True) if kind == "xref" else value
    return dict(_ENTRY.findall(written)) if kind in ("xref", "dict") else {}


def _role(name: str, roles: Mapping[str, str]) -> str:
    """Return the standard type that a name stands for, "" where there is none."""
    for _ in range(_MAX_CHAIN):
        if name in _KNOWN:
            return name
        name = roles.get(name, "")
    return ""


def _role_in_namespace(pdf: Any, xref: int, name: str) -> str:
    """Return the standard type that the namespace of an element (PDF 2.0) gives to a name; "" where it gives none."""
    for _ in range(_MAX_CHAIN):
        if not _PLAIN_NAME.fullmatch(name):
            return ""
        kind, value = pdf.xref_get_key(xref, f"NS/RoleMapNS/{name}")
        named = re.search(r"/([^\s/<>\[\]()]+)", value) if kind in ("name", "array") else None
        if named is None or named.group(1) == name:
            return ""
        name = named.group(1)
        if name in _KNOWN:
            return name
    return ""


def _chains(roles: Mapping[str, str]) -> dict[str, str]:
    """Return the names whose role is not a standard one itself, with the standard one at the end of the chain."""
    ends = {name: _role(name, roles) for name, role in roles.items() if role not in _KNOWN and name not in _KNOWN}
    return {name: role for name, role in ends.items() if role}


def _add_roles(pdf: Any, root: int, roles: Mapping[str, str]) -> None:
    """Put roles into the /RoleMap, which may be an object of its own."""
    kind, value = pdf.xref_get_key(root, "RoleMap")
    for name, role in sorted(roles.items()):
        if not _PLAIN_NAME.fullmatch(name):
            continue
        if kind == "xref":
            pdf.xref_set_key(int(value.split()[0]), name, f"/{role}")
        else:
            pdf.xref_set_key(root, f"RoleMap/{name}", f"/{role}")

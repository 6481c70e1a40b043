"""Page trees that lie, run in circles or are gone: the pages are found another way, and the PDF is put right in memory.

MuPDF believes the number of pages that the root of the tree states, and follows its branches wherever they lead. Where
no tree leads to a page, because the catalog or a node of it is damaged, every object of the file is looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_INHERITED = ("Resources", "MediaBox", "CropBox", "Rotate")


@dataclass(frozen=True)
class Repaired:
    """A PDF with a page tree that holds each page that is found, once."""

    document: Any  # a pymupdf.Document
    how: str  # where its pages were found, in words


@dataclass(frozen=True)
class _Branch:
    """A node of the tree and those above it, as a chain: one that is very deep costs no more than its nodes."""

    node: Any
    above: "_Branch | None"


_Found = list[tuple[Any, _Branch | None]]
"""Pages, each with the nodes above it."""


def is_sound(document: Any) -> bool:
    """Whether the tree of a pymupdf.Document has pages, as many as it states, and no branch that leads back into it."""
    from pymupdf import mupdf

    root = _root(mupdf.pdf_document_from_fz_document(document.this))
    if not mupdf.pdf_is_dict(root):
        return False
    leaves = 0
    for node, _, came_back in _leaves(root):
        leaves += 1
        if came_back or leaves > document.page_count or _is(node, "Pages") or not mupdf.pdf_is_dict(node):
            return False
    return leaves == int(document.page_count)


def repaired(path: str, password: str) -> Repaired | None:
    """Return a PDF with a page tree that holds each page that is found; None where none is found.

    Raises:
        mupdf.FzErrorBase: It cannot be opened for another reason.
    """
    import pymupdf
    from pymupdf import mupdf

    pdf = mupdf.pdf_open_document(path)
    if mupdf.pdf_needs_password(pdf) and not mupdf.pdf_authenticate_password(pdf, password):
        return None
    root = _root(pdf)
    pages, how = _on_tree(root), "by walking it"
    if not pages:
        kids = mupdf.pdf_dict_gets(root, "Kids")
        if mupdf.pdf_is_array(kids) and not mupdf.pdf_array_len(kids):
            return None  # it says that it has none; any in the file were deleted
        pages, how = _in_the_file(pdf), "among the objects of the file, whose order may not be that of the pages"
    if not pages:
        return None
    _make_tree(pdf, pages)
    buffer = mupdf.fz_new_buffer(1024)
    options = mupdf.PdfWriteOptions()
    options.do_encrypt = mupdf.PDF_ENCRYPT_NONE
    mupdf.pdf_write_document(pdf, mupdf.FzOutput(buffer), options)
    return Repaired(pymupdf.open("pdf", mupdf.fz_buffer_extract(buffer)), how)


def _make_tree(pdf: Any, pages: _Found) -> None:
    """Give a PDF a tree of one node with these pages; they keep what they inherit."""
    from pymupdf import mupdf

    catalog = mupdf.pdf_dict_gets(mupdf.pdf_trailer(pdf), "Root")
    if not _has(catalog, "Pages"):
        catalog = mupdf.pdf_add_new_dict(pdf, 2)
        mupdf.pdf_dict_puts(catalog, "Type", mupdf.pdf_new_name("Catalog"))
        mupdf.pdf_dict_puts(mupdf.pdf_trailer(pdf), "Root", catalog)
    root = mupdf.pdf_add_new_dict(pdf, 3)
    mupdf.pdf_dict_puts(catalog, "Pages", root)
    kids = mupdf.pdf_new_array(pdf, len(pages))
    for page, above in pages:
        for key in _INHERITED:
            holder: Any = page
            rest = above
            while rest is not None and not _has(holder, key):
                holder, rest = rest.node, rest.above
            if holder is not page and _has(holder, key):
                mupdf.pdf_dict_puts(page, key, mupdf.pdf_dict_gets(holder, key))
        mupdf.pdf_dict_puts(page, "Parent", root)
        mupdf.pdf_array_push(kids, page)
    mupdf.pdf_dict_puts(root, "Type", mupdf.pdf_new_name("Pages"))
    mupdf.pdf_dict_puts(root, "Kids", kids)
    mupdf.pdf_dict_puts(root, "Count", mupdf.pdf_new_int(len(pages)))


def _on_tree(root: Any) -> _Found:
    """Return the pages of a tree, in order; one that it names many times comes once."""
    from pymupdf import mupdf

    found: _Found = []
    numbers: set[int] = set()
    for page, above, came_back in _leaves(root) if mupdf.pdf_is_dict(root) else ():
        number = mupdf.pdf_to_num(page)
        if not came_back and number not in numbers and mupdf.pdf_is_dict(page) and not _is(page, "Pages"):
            found.append((page, above))
            numbers |= {number} if number else set()
    return found


def _in_the_file(pdf: Any) -> _Found:
    """Return the pages of the catalog with most of them, whether or not the trailer names it; else all page objects."""
    from pymupdf import mupdf

    catalogs: list[_Found] = []
    loose: _Found = []
    for number in range(1, mupdf.pdf_xref_len(pdf)):
        try:
            node = mupdf.pdf_new_indirect(pdf, number, 0)
            if not mupdf.pdf_is_dict(node):
                continue
        except (mupdf.FzErrorBase, RuntimeError):
            continue  # one object that is damaged, among others that may not be
        if _is(node, "Catalog"):
            catalogs.append(_on_tree(mupdf.pdf_dict_gets(node, "Pages")))
        elif _is(node, "Page"):
            loose.append((node, _parents(node)))
    return max(catalogs, key=len, default=[]) or loose


def _parents(page: Any) -> _Branch | None:
    """Return the nodes above a page as it names them, each once."""
    from pymupdf import mupdf

    nodes: list[Any] = []
    numbers: set[int] = set()
    node = mupdf.pdf_dict_gets(page, "Parent")
    while mupdf.pdf_is_dict(node) and mupdf.pdf_to_num(node) not in numbers:
        numbers.add(mupdf.pdf_to_num(node))
        nodes.append(node)
        node = mupdf.pdf_dict_gets(node, "Parent")
    chain: _Branch | None = None
    for node in reversed(nodes):
        chain = _Branch(node, chain)
    return chain


def _root(pdf: Any) -> Any:
    from pymupdf import mupdf

    return mupdf.pdf_dict_gets(mupdf.pdf_dict_gets(mupdf.pdf_trailer(pdf), "Root"), "Pages")


def _has(node: Any, key: str) -> bool:
    from pymupdf import mupdf

    return not mupdf.pdf_is_null(mupdf.pdf_dict_gets(node, key))


def _is(node: Any, kind: str) -> bool:
    from pymupdf import mupdf

    return bool(mupdf.pdf_to_name(mupdf.pdf_dict_gets(node, "Type")) == kind)


def _leaves(root: Any) -> Iterator[tuple[Any, _Branch | None, bool]]:
    """Yield (page, the nodes above it, False) for each page, and (node, those above it, True) where one comes again.

    Each node with /Kids is walked once, so that the walk is no longer than the file.
    """
    from pymupdf import mupdf

    walked: set[int] = set()
    waiting: list[tuple[Any, _Branch | None]] = [(root, None)]
    while waiting:
        node, above = waiting.pop()
        kids = mupdf.pdf_dict_gets(node, "Kids")
        if not mupdf.pdf_is_array(kids):
            yield node, above, False
            continue
        number = mupdf.pdf_to_num(node)
        if number in walked:
            yield node, above, True
            continue
        if number:  # 0: written in its parent, and so met once
            walked.add(number)
        branch = _Branch(node, above)
        waiting += [(mupdf.pdf_array_get(kids, at), branch) for at in reversed(range(mupdf.pdf_array_len(kids)))]

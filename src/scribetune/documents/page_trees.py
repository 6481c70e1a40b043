"""Page trees that lie or run in circles: the pages are found by walking the tree, and the PDF is put right in memory.

MuPDF believes the number of pages that the root of the tree states, and follows its branches wherever they lead.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_INHERITED = ("Resources", "MediaBox", "CropBox", "Rotate")


@dataclass(frozen=True)
class _Branch:
    """A node of the tree and those above it, as a chain: one that is very deep costs no more than its nodes."""

    node: Any
    above: "_Branch | None"


def is_sound(document: Any) -> bool:
    """Whether the tree of a pymupdf.Document has as many pages as it states, and no branch that leads back into it."""
    from pymupdf import mupdf

    root = _root(mupdf.pdf_document_from_fz_document(document.this))
    if not mupdf.pdf_is_dict(root):
        return True  # nothing that could be walked
    leaves = 0
    for _, _, came_back in _leaves(root):
        leaves += 1
        if came_back or leaves > document.page_count:
            return False
    return leaves == int(document.page_count)


def repaired(path: str, password: str) -> Any | None:
    """Return a PDF with a page tree that holds each page that is found, once, in order; None where none is found.

    Raises:
        mupdf.FzErrorBase: It cannot be opened for another reason.
    """
    import pymupdf
    from pymupdf import mupdf

    pdf = mupdf.pdf_open_document(path)
    if mupdf.pdf_needs_password(pdf) and not mupdf.pdf_authenticate_password(pdf, password):
        return None
    root = _root(pdf)
    if not mupdf.pdf_is_dict(root):
        return None
    pages = [(page, above) for page, above, came_back in _leaves(root) if not came_back and mupdf.pdf_is_dict(page)]
    if not pages:
        return None
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
    mupdf.pdf_dict_puts(root, "Kids", kids)
    mupdf.pdf_dict_puts(root, "Count", mupdf.pdf_new_int(len(pages)))
    buffer = mupdf.fz_new_buffer(1024)
    options = mupdf.PdfWriteOptions()
    options.do_encrypt = mupdf.PDF_ENCRYPT_NONE
    mupdf.pdf_write_document(pdf, mupdf.FzOutput(buffer), options)
    return pymupdf.open("pdf", mupdf.fz_buffer_extract(buffer))


def _root(pdf: Any) -> Any:
    from pymupdf import mupdf

    return mupdf.pdf_dict_gets(mupdf.pdf_dict_gets(mupdf.pdf_trailer(pdf), "Root"), "Pages")


def _has(node: Any, key: str) -> bool:
    from pymupdf import mupdf

    return not mupdf.pdf_is_null(mupdf.pdf_dict_gets(node, key))


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

"""A sample of a document's pages, always the same: what stands on them says what is usual in the document.

Labels are written page by page, in any order: what a page alone does not tell (how large headings are) a few pages do,
looked at once.
"""

import logging
from dataclasses import dataclass
from typing import Any

from scribetune.core import isolation
from scribetune.labels.tables.cells import Box

logger = logging.getLogger(__name__)

_SAMPLED = 10  # pages
_BOLD = 16  # span flag of MuPDF


@dataclass(frozen=True)
class SampledLine:
    """A line of a sampled page, as the file has it."""

    text: str
    box: Box
    size: float  # of its largest font, in points
    bold: bool  # all of it is


@dataclass(frozen=True)
class SampledPage:
    """A page of the sample."""

    number: int  # in the document, from 0
    height: float  # in points
    lines: tuple[SampledLine, ...]


def of_document(pdf: Any) -> list[SampledPage]:
    """Return up to ten pages of a pymupdf.Document, evenly spread; none where it has one page only.

    A page that cannot be read is left out, and the log says why.
    """
    import pymupdf

    count = int(pdf.page_count)
    if count < 2:
        return []
    taken = min(count, _SAMPLED)
    pages = []
    for number in (index * count // taken for index in range(taken)):
        try:
            pages.append(_read(pdf[number], number))
        except (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError) as error:
            if isolation.is_memory_error(error):
                raise
            logger.info("page %d says nothing about the others: %s", number + 1, error)
    return pages


def _read(page: Any, number: int) -> SampledPage:
    import pymupdf

    left_out = pymupdf.TEXT_PRESERVE_IMAGES | pymupdf.TEXT_PRESERVE_LIGATURES
    found = page.get_text("dict", flags=pymupdf.TEXTFLAGS_DICT & ~left_out)
    lines = []
    for block in found["blocks"]:
        for line in block.get("lines", []):
            spans = [span for span in line["spans"] if span["text"].strip()]
            if spans:
                x0, y0, x1, y1 = line["bbox"]
                text = " ".join(span["text"].strip() for span in spans)
                is_bold = all(span["flags"] & _BOLD for span in spans)
                size = max(span["size"] for span in spans)
                lines.append(SampledLine(text, (x0, y0, x1, y1), size, is_bold))
    return SampledPage(number, found["height"], tuple(lines))

"""The readers that are measured: this project's labels, and pymupdf4llm alone; each as a PDF's pages in Markdown."""

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymupdf

from scribetune.labels import layout_model
from scribetune.labels import reader as label_reader

SETTINGS = label_reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "zoo")


@dataclass(frozen=True)
class Reading:
    """What a reader made of a PDF: each page's Markdown (from 1), and the processor time that it took."""

    pages: dict[int, str]
    seconds: float


Reader = Callable[[Path], Reading]


def ours(path: Path) -> Reading:
    """Label a PDF as a build does."""
    began = time.process_time()
    reader = label_reader.PageReader(str(path), "", SETTINGS)
    pages = {number + 1: reader.read(number).text for number in range(reader.page_count)}
    return Reading(pages, time.process_time() - began)


def library(path: Path) -> Reading:
    """Let pymupdf4llm write a PDF down, tables as HTML and without OCR."""
    import pymupdf4llm  # noqa: PLC0415  only after its models were told to use one thread

    pages = {}
    with pymupdf.open(path) as pdf:
        began = time.process_time()
        for number in range(pdf.page_count):
            with contextlib.redirect_stdout(io.StringIO()):
                pages[number + 1] = pymupdf4llm.to_markdown(
                    pdf, pages=[number], use_ocr=False, ignore_code=True, table_output="html", show_progress=False
                )
        return Reading(pages, time.process_time() - began)


READERS: dict[str, Reader] = {"labels": ours, "library": library}


def quiet() -> None:
    """Keep MuPDF's notes off the terminal, and its networks on one thread."""
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    layout_model._library()


@contextlib.contextmanager
def remembered_regions() -> Iterator[None]:
    """Ask the layout model once for each page, however often a PDF is labelled: repairs come after it."""
    known: dict[tuple[str, int], Any] = {}
    original = layout_model.regions_of

    def regions_of(page: Any) -> Any:
        key = (page.parent.name, page.number)
        if key not in known:
            known[key] = original(page)
        return known[key]

    layout_model.regions_of = regions_of
    try:
        yield
    finally:
        layout_model.regions_of = original

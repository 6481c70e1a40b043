"""Labels: pages per second and core beside pymupdf4llm's own, word recall and precision, and the gain of a second core.

    python measurements/labels.py ../shared/corpus/icdar2013/*.pdf                # all of it
    python measurements/labels.py --pages 3 --skip-library ../shared/corpus/pdfs/*.pdf

Pages are timed one by one in one process (processor time: other work on the machine does not count), those read by
tags, those read as running text and those that went through layout analysis apart. `--cores 2` labels all documents
twice through the build's own `label_shard`, with one worker and with two, and compares seconds on the clock.

    python measurements/labels.py --checks --most-pages 20 PDF …

What all checks cost together, and each: whole documents (of so many pages at most), since of each only a sample of page
images is read, labelled without any check, with each alone, and with all; processor time, opening included.
"""

import argparse
import contextlib
import io
import logging
import os
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import pymupdf

from scribetune.documents.inputs import Document
from scribetune.labels import image_witness, layout_analysis
from scribetune.labels import reader as label_reader
from scribetune.labels import rows as label_rows
from scribetune.labels import shard as label_shard

SETTINGS = label_reader.LabelSettings("keep", "markdown", "alt", "use", 60.0, "benchmark")


@dataclass
class Tally:
    """Pages of one kind."""

    seconds: float = 0.0
    pages: int = 0
    recalls: list[float] = field(default_factory=list)
    precisions: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """Say it in one line."""
        line = f"{name:24} {self.pages:5} pages {self.pages / max(self.seconds, 1e-9):8.2f} pages/s"
        if not self.recalls:
            return line
        recall, precision = sum(self.recalls) / self.pages, sum(self.precisions) / self.pages
        return f"{line}   word recall {recall:.4f}   word precision {precision:.4f}"


def ours(path: Path, most: int, tallies: dict[str, Tally]) -> None:
    """Label the first pages of a PDF."""
    try:
        reader = label_reader.PageReader(str(path), "", SETTINGS)
    except label_reader.UnreadablePdfError:
        return
    calls: list[int] = []
    original = layout_analysis.blocks_of

    def counted(page: Any, *rest: Any) -> Any:
        calls.append(page.number)
        return original(page, *rest)

    layout_analysis.blocks_of = counted
    try:
        for number in range(min(most, reader.page_count)):
            calls.clear()
            began = time.process_time()
            try:
                page = reader.read(number)
            except Exception as error:  # what a build refuses is no part of a rate
                print(f"{path.name} page {number + 1}: {type(error).__name__}: {error}")
                continue
            seconds = time.process_time() - began
            if not page.text or page.unmapped_share > 0.05:
                continue
            kind = "with tables" if label_rows.count_tables(page.text) else "without tables"
            for name in ("all", kind, "layout analysis" if calls else "no layout analysis"):
                tallies[name].seconds += seconds
                tallies[name].pages += 1
                tallies[name].recalls.append(page.word_recall)
                tallies[name].precisions.append(page.word_precision)
    finally:
        layout_analysis.blocks_of = original


def library(path: Path, most: int, tally: Tally) -> None:
    """Let pymupdf4llm write the same pages down, tables as HTML and without OCR."""
    import pymupdf4llm  # noqa: PLC0415  only after its models were told to use one thread

    document = pymupdf.open(path)
    if document.needs_pass or not document.is_pdf:
        return
    for number in range(min(most, document.page_count)):
        layer = document[number].get_text()
        if not layer.strip() or label_reader.unmapped_share(document[number]) > 0.05:
            continue
        began = time.process_time()
        with contextlib.redirect_stdout(io.StringIO()):
            pymupdf4llm.to_markdown(
                document, pages=[number], use_ocr=False, ignore_code=True, table_output="html", show_progress=False
            )
        tally.seconds += time.process_time() - began
        tally.pages += 1


def clock(paths: list[Path], workers: int) -> float:
    """Return the seconds that the build's own loop takes with a number of workers."""
    documents, rendered = [], {}
    for number, path in enumerate(paths):
        with pymupdf.open(path) as pdf:
            rendered[f"d{number}"] = (path.name, list(range(1, pdf.page_count + 1)))
        documents.append(Document(f"d{number}", path.resolve(), path.name))
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            began = time.perf_counter()
            label_shard.label_shard(documents, rendered, {}, {}, SETTINGS, workers)
            return time.perf_counter() - began
        finally:
            os.chdir(here)


CHECKS = {
    "no check": {"agreement": "none", "table_agreement": "ignore", "witnesses": "none"},
    "page image (labels.agreement)": {"agreement": "rapidocr", "table_agreement": "ignore", "witnesses": "none"},
    "tables twice (labels.table_agreement)": {"agreement": "none", "table_agreement": "use", "witnesses": "none"},
    "words by place (labels.witnesses)": {"agreement": "none", "table_agreement": "ignore", "witnesses": "ask"},
    "all of them": {"agreement": "rapidocr", "table_agreement": "use", "witnesses": "ask"},
    "all, images of refused pages too": {"agreement": "rapidocr", "table_agreement": "use", "witnesses": "ask"},
}
"""Settings under which labels are timed; the last one as it would be if pages that are refused anyway were read."""


def checks(paths: list[Path], most: int) -> None:
    """Time documents with no check, each, and all, in turns; print seconds and what is added."""
    seconds: dict[str, float] = dict.fromkeys(CHECKS, 0.0)
    pages = read = documents = 0
    for turn, path in enumerate(paths):
        with pymupdf.open(path) as pdf:
            if not pdf.is_pdf or pdf.needs_pass or not 0 < pdf.page_count <= most:
                continue
            if not any(page.get_text().strip() for page in pdf):
                continue
            count = pdf.page_count
            read += len(image_witness.Witness(pdf, image_witness.SHORT).sample)
        names = list(CHECKS)
        # Each comes first in its turn: what one leaves warm for the next is shared out.
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            is_doubted = label_reader.is_doubted if name != list(CHECKS)[-1] else lambda _: False
            with mock.patch.object(label_reader, "is_doubted", is_doubted):
                began = time.process_time()
                reader = label_reader.PageReader(str(path), "", replace(SETTINGS, **CHECKS[name]))
                for number in range(count):
                    with contextlib.suppress(Exception):  # what a build refuses costs what it costs
                        reader.read(number)
                seconds[name] += time.process_time() - began
        pages += count
        documents += 1
    print(f"{documents} documents, {pages} pages, {read} page images read")
    for name, spent in seconds.items():
        print(f"{name:40} {spent:8.2f} s {1000 * spent / pages:7.1f} ms a page {spent / seconds['no check'] - 1:+7.1%}")


def main() -> None:
    """Read the arguments and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pdfs", nargs="+", type=Path)
    parser.add_argument("--pages", type=int, default=1_000_000, help="pages of each PDF, at most")
    parser.add_argument("--skip-library", action="store_true", help="leave pymupdf4llm out")
    parser.add_argument("--cores", type=int, default=0, help="compare one worker with so many")
    parser.add_argument("--checks", action="store_true", help="time the checks, each and all")
    parser.add_argument("--most-pages", type=int, default=20, help="with --checks: longer documents are left out")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    if arguments.cores:
        one, many = clock(arguments.pdfs, 1), clock(arguments.pdfs, arguments.cores)
        print(f"1 worker {one:.1f} s, {arguments.cores} workers {many:.1f} s: {one / many:.2f} times as fast")
        return
    if arguments.checks:
        image_witness.read_page(pymupdf.open(arguments.pdfs[0])[0])  # the models load once per process
    # The models load once per process, not once per page.
    warm = label_reader.PageReader(str(arguments.pdfs[0]), "", SETTINGS)
    layout_analysis.blocks_of(
        warm._for_analysis[0], layout_analysis.TextLayer((), (), (), 1, 1), layout_analysis.Rules((), (), ())
    )
    if arguments.checks:
        checks(arguments.pdfs, arguments.most_pages)
        return
    tallies: dict[str, Tally] = defaultdict(Tally)
    theirs = Tally()
    for path in arguments.pdfs:
        ours(path, arguments.pages, tallies)
        if not arguments.skip_library:
            library(path, arguments.pages, theirs)
    for name, tally in sorted(tallies.items()):
        print(tally.line(name))
    if theirs.pages:
        print(theirs.line("pymupdf4llm, HTML tables"))


if __name__ == "__main__":
    main()

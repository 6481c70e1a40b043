"""Readers of PDFs, one after the other in this process: the labels, and what else writes Markdown of PDFs.

    python measurements/read_pdfs.py READER < tasks.jsonl > answers.jsonl
    python measurements/read_pdfs.py READER --version

`measurements/public_truth.py` starts it, with the Python of the environment that has the reader; of scribetune only
the reader "labels" imports anything. A task is `{"pdf": path, "headers": "keep" or "drop"}`. Its answer has

    pages      Markdown page by page; of a reader that does not tell pages apart, one text (`whole` is then true)
    refused    page (from 1) → why there is no text, or none that would be trusted
    error      why the whole document was not read; ""
    seconds    processor time, child processes included; imports and models loaded before do not count
    peak_mb    greatest memory of the process so far, and of its greatest child

The first task is read twice, and timed the second time: models are loaded then. Everything a reader prints goes to
standard error.
"""

import html
import importlib
import importlib.metadata
import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

Task = dict[str, Any]
Answer = dict[str, Any]


def labels(task: Task) -> Answer:
    """Render, label and judge a document as a build with the default configuration does."""
    from scribetune.core.config import Config
    from scribetune.documents import rendering
    from scribetune.labels import shard
    from scribetune.labels.reader import LabelSettings, label_document

    config = Config()
    most = config.selection
    limits = rendering.LayerLimits(most.max_unmapped_share, most.max_invisible_share, most.max_hidden_share)
    seconds_a_page = config.documents.timeout_s_per_page
    settings = rendering.RenderSettings(
        config.pages.long_side_px, config.pages.color, seconds_a_page, "", config.documents.memory_mb,
        config.documents.max_megapixels, config.documents.max_pages, limits,
    )  # fmt: skip
    asked = config.labels
    labelling = LabelSettings(task["headers"], asked.tables, asked.formulas, asked.tags, seconds_a_page, "")
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            steps = rendering.render_document("d", task["pdf"], "d.pdf", "", "", settings)
            document: Any = next(steps)
            rows: list[Any] = [rendering.judge(row, limits) for row in steps]  # type: ignore[arg-type]
            if document.status != "ok":
                return {"error": f"{document.status}: {document.message}"}
            told = [vars(row) for row in rows]
            usable, unseen = shard.usable_pages(document.status, told), shard.pages_with_unseen(told)
            began = processor_seconds()
            opened, *labelled = label_document("d", task["pdf"], "", labelling, usable, unseen)
            seconds = processor_seconds() - began
            if opened:
                return {"error": str(opened)}
            return _judged_labels(rows, labelled, config.selection) | {"seconds": seconds}
        finally:
            os.chdir(here)


def _judged_labels(rows: Sequence[Any], labelled: Sequence[Any], limits: Any) -> Answer:
    """Return a document's labels, and why the build would train on none of a page."""
    from scribetune.dataset.selection import refuse

    by_page = {one.row.page: one.row for one in labelled}
    pages, refused = [], {}
    for row in rows:
        label = by_page.get(row.page)
        if label is None:
            pages.append("")
            refused[row.page] = str(row.status)
            continue
        pages.append(Path(label.label).read_bytes().decode() if label.label else "")
        joined = vars(row) | vars(label) | {"status_page": row.status, "status_label": label.status}
        if reason := refuse(joined, limits):
            refused[row.page] = str(reason)
    return {"pages": pages, "refused": refused}


def pymupdf4llm(task: Task, **options: Any) -> Answer:
    """Markdown as pymupdf4llm writes it by default, without OCR."""
    library = importlib.import_module("pymupdf4llm")

    keep = task["headers"] == "keep"
    chunks = library.to_markdown(
        task["pdf"], page_chunks=True, header=keep, footer=keep, use_ocr=False, show_progress=False, **options
    )
    return {"pages": [chunk["text"] for chunk in chunks]}


def pymupdf4llm_html(task: Task) -> Answer:
    """Markdown with HTML tables, as labels ask pymupdf4llm for it."""
    return pymupdf4llm(task, ignore_code=True, table_output="html")


def kreuzberg(task: Task) -> Answer:
    """Markdown of the whole document: its pages are plain text."""
    library = importlib.import_module("kreuzberg")

    keep = task["headers"] == "keep"
    found = library.extract_file_sync(
        task["pdf"],
        config=library.ExtractionConfig(
            output_format="markdown",
            use_cache=False,
            content_filter=library.ContentFilterConfig(include_headers=keep, include_footers=keep),
        ),
    )
    return {"pages": [found.content], "whole": True}


def pdf_oxide(task: Task) -> Answer:
    """Markdown page by page; drops what is tagged as artefact where headers are to go."""
    library = importlib.import_module("pdf_oxide")

    document = library.PdfDocument(task["pdf"])
    keep = task["headers"] == "keep"
    count = range(document.page_count())
    return {"pages": [document.to_markdown(page, embed_images=False, include_artifacts=keep) for page in count]}


def liteparse(task: Task) -> Answer:
    """Markdown page by page, without OCR."""
    library = importlib.import_module("liteparse")

    keep = task["headers"] == "keep"
    parser = library.LiteParse(ocr_enabled=False, output_format="markdown", quiet=True, keep_headers_footers=keep)
    return {"pages": [page.markdown or "" for page in parser.parse(task["pdf"]).pages]}


def markitdown(task: Task) -> Answer:
    """Markdown of the whole document."""
    library = importlib.import_module("markitdown")

    return {"pages": [library.MarkItDown(enable_plugins=False).convert(task["pdf"]).text_content], "whole": True}


def pdfplumber(task: Task) -> Answer:
    """Its tables as HTML below the text around them: it has no Markdown of its own."""
    library = importlib.import_module("pdfplumber")

    pages = []
    with library.open(task["pdf"]) as document:
        for page in document.pages:
            tables = page.find_tables()
            rest = page
            for table in tables:
                rest = rest.outside_bbox(table.bbox, strict=False)
            written = [
                "<table>"
                + "".join(
                    "<tr>" + "".join(f"<td>{html.escape(cell or '')}</td>" for cell in row) + "</tr>"
                    for row in table.extract()
                )
                + "</table>"
                for table in tables
            ]
            pages.append("\n\n".join([rest.extract_text() or "", *written]))
    return {"pages": pages}


def opendataloader(task: Task) -> Answer:
    """Markdown page by page; it starts Java for each document, which counts."""
    library = importlib.import_module("opendataloader_pdf")

    mark = "@@page@@"
    with tempfile.TemporaryDirectory() as folder:
        library.convert(
            [task["pdf"]], output_dir=folder, format=["markdown"], image_output="off", quiet=True,
            markdown_page_separator=f"\n{mark}\n", include_header_footer=task["headers"] == "keep",
        )  # fmt: skip
        (found,) = Path(folder).glob("*.md")
        return {"pages": found.read_text(encoding="utf-8").split(mark)[1:]}


READERS: dict[str, tuple[str, Callable[[Task], Answer]]] = {
    "labels": ("scribetune", labels),
    "pymupdf4llm": ("pymupdf4llm", pymupdf4llm),
    "pymupdf4llm-html": ("pymupdf4llm", pymupdf4llm_html),
    "opendataloader": ("opendataloader-pdf", opendataloader),
    "kreuzberg": ("kreuzberg", kreuzberg),
    "pdf_oxide": ("pdf_oxide", pdf_oxide),
    "liteparse": ("liteparse", liteparse),
    "pdfplumber": ("pdfplumber", pdfplumber),
    "markitdown": ("markitdown", markitdown),
}
"""Name → the distribution that has the version, and how a document is read."""


def processor_seconds() -> float:
    """Return the processor time of this process and of the children that ended."""
    return sum(os.times()[:4])


def peak_mb() -> int:
    """Return the greatest memory so far of this process, and of its greatest child, in MB (10^6 bytes)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024 // 10**6


def answers(reader: str, tasks: Sequence[Task]) -> Iterator[Answer]:
    """Read one document after the other; one that raises has its error instead of pages."""
    _, read = READERS[reader]
    for number, task in enumerate(tasks):
        for _ in range(2 if number == 0 else 1):
            began = processor_seconds()
            try:
                found = read(task)
            except Exception as error:  # whatever a reader raises, the table says how many pages it did not read
                found = {"error": f"{type(error).__name__}: {error}"[:300]}
            seconds = processor_seconds() - began
        yield {
            "pdf": task["pdf"], "pages": [], "whole": False, "refused": {}, "error": "", "seconds": seconds,
            "peak_mb": peak_mb(),
        } | found  # fmt: skip


def version(reader: str) -> str:
    """Return the version of a reader.

    Raises:
        importlib.metadata.PackageNotFoundError: It is not installed.
    """
    return importlib.metadata.version(READERS[reader][0])


def main() -> None:
    """Answer the tasks on standard input, a line each."""
    if sys.argv[2:] == ["--version"]:
        print(version(sys.argv[1]))
        return
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries print
    if sys.argv[1] == "labels":
        import logging

        from scribetune.labels.reader import prepare_worker

        logging.disable(logging.WARNING)
        prepare_worker()
    for answer in answers(sys.argv[1], [json.loads(line) for line in sys.stdin]):
        lines.write(json.dumps(answer) + "\n")
        lines.flush()


if __name__ == "__main__":
    main()

"""The same PDFs rendered and labelled on an idle machine and on a busy one: are all outputs the same, byte for byte?

    python measurements/busy_machine.py ../shared/corpus/pdfs/*.pdf
    python measurements/busy_machine.py --beside 8 --limit 20 PDF…

Both times through the build's own `render_shard` and `label_shard`, in folders of their own, with the time limit of the
settings; the second time so many processes that do nothing but compute run beside. Time limits count processor time, so
no page is given up that an idle machine labels. Exit code 1 if a file differs, or a row does.
"""

import argparse
import hashlib
import logging
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pymupdf

from scribetune.documents import rendering
from scribetune.documents.inputs import Document
from scribetune.labels import reader, shard


def compute() -> None:
    """Keep a core busy."""
    while True:
        sum(number * number for number in range(100_000))


def outputs(paths: Sequence[Path], folder: Path, workers: int, limit_s: float) -> tuple[dict[str, str], float]:
    """Render and label PDFs below a folder; returns what came of it (file → sha256, row → its values), and seconds."""
    documents = [Document(f"d{number:04d}", path, path.name) for number, path in enumerate(paths)]
    here = Path.cwd()
    os.chdir(folder)
    try:
        began = time.perf_counter()
        pages = rendering.RenderSettings(1280, "auto", limit_s, "measurement")
        rendered = rendering.render_shard(documents, {}, pages, workers)
        usable = {
            result.document.document: (
                result.document.sha256,
                shard.usable_pages(result.document.status, [asdict(row) for row in result.pages]),
            )
            for result in rendered
        }
        unseen = {
            result.document.document: found
            for result in rendered
            if (found := shard.pages_with_unseen([asdict(row) for row in result.pages]))
        }
        settings = reader.LabelSettings("keep", "markdown", "alt", "use", limit_s, "measurement")
        labels = shard.label_shard(documents, usable, {}, {}, settings, workers, unseen)
        seconds = time.perf_counter() - began
        made = {
            path.as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(Path("data").rglob("*"))
            if path.is_file()
        }
    finally:
        os.chdir(here)
    for result in rendered:
        made[f"document {result.document.document}"] = str(result.document)
        made.update({f"page {row.document}/{row.page}": str(row) for row in result.pages})
    made.update({f"label {label.document}/{label.page}": str(label) for label in labels})
    return made, seconds


def main() -> None:
    """Read the arguments, run twice and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pdfs", nargs="+", type=Path)
    parser.add_argument("--beside", type=int, default=4, help="busy processes beside, the second time")
    parser.add_argument("--workers", type=int, default=1, help="worker processes that render and label")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds of processor time that a page may take")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    paths = [path.resolve() for path in arguments.pdfs]
    with tempfile.TemporaryDirectory() as idle, tempfile.TemporaryDirectory() as busy:
        first, first_s = outputs(paths, Path(idle), arguments.workers, arguments.limit)
        others = [multiprocessing.Process(target=compute, daemon=True) for _ in range(arguments.beside)]
        for other in others:
            other.start()
        try:
            second, second_s = outputs(paths, Path(busy), arguments.workers, arguments.limit)
        finally:
            for other in others:
                other.kill()
                other.join()
    different = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    pages = sum(name.startswith("label ") for name in first)
    labels, images = (sum(name.endswith(end) for name in first) for end in (".md", ".png"))
    print(
        f"{len(paths)} PDFs, {pages} pages, {images} images, {labels} labels: {first_s:.0f} s alone, {second_s:.0f} s "
        f"beside {arguments.beside} busy processes; {len(different)} of {len(first.keys() | second.keys())} files and "
        f"rows differ"
    )
    for name in different:
        print(f"  {name}\n    {first.get(name, '(not there)')}\n    {second.get(name, '(not there)')}")
    sys.exit(bool(different))


if __name__ == "__main__":
    main()

"""Lines that a page shows and its text layer has not: how many such pages are kept out, and how many right ones.

    PYTHONPATH=tests python measurements/lost_lines.py --half 0|1 PDF[:PAGE] …

Documents are halved by a hash of their names: rules are made on half 0, half 1 is reported. Of each the page, if the
default configuration accepts it, is read with its image, and again with one of its lines drawn as outlines, and with
three, in a PDF of that page alone that is in no sample: only what draws letters is looked at. Right pages that are kept
out by their image are named, to be looked at.
"""

import argparse
import logging
import random
import sys
import tempfile
import zlib
from collections import Counter
from pathlib import Path
from unittest import mock

import pymupdf

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from planted import defects, pages  # noqa: E402

from scribetune.core.config import Selection  # noqa: E402  the folder above comes first
from scribetune.dataset.selection import refuse  # noqa: E402
from scribetune.labels import image_witness  # noqa: E402

LINES = (1, 3)


def one_page(path: Path, number: int, folder: Path) -> Path:
    """Write a page, counted from 1, into a PDF of its own."""
    target = folder / "page.pdf"
    with pymupdf.open(path) as pdf:
        pdf.select([number - 1])
        pdf.save(target, garbage=3)
    return target


def measured(path: Path, number: int, folder: Path, counts: Counter[str]) -> None:
    """Count one page, by its number from 1."""
    with pymupdf.open(path) as pdf:
        if pdf.needs_pass or pdf.page_count < number:
            return
    single = one_page(path, number, folder)
    with mock.patch.object(image_witness, "SHORT", 1):
        (right,) = pages.read(single, path.name, "rapidocr")
    if refuse(right.row | {"disagreements": "", "agreement": -1.0}, Selection()):
        return
    counts["right"] += 1
    if refuse(right.row, Selection()):
        counts["right, kept out"] += 1
        print("right page kept out:", path.name, right.row["message"][:300], flush=True)
    for count in LINES:
        with pymupdf.open(single) as pdf:
            if not defects.lines_as_outlines(pdf, random.Random(path.name), count):  # noqa: S311  no secret
                continue
            pdf.save(folder / "lost.pdf")
        counts[f"{count} lost"] += 1
        with mock.patch.object(image_witness, "SHORT", 10**9):
            (lost,) = pages.read(folder / "lost.pdf", path.name, "rapidocr")
        is_out = bool(refuse(lost.row, Selection()))
        counts[f"{count} lost, kept out"] += is_out
        if not is_out:
            print(f"{count} lost, kept:", path.name, flush=True)


def main() -> None:
    """Read the arguments, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pdfs", nargs="+", metavar="PDF[:PAGE]")
    parser.add_argument("--half", type=int, choices=(0, 1), default=1)
    parser.add_argument("--most", type=int, default=100, help="documents")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    counts: Counter[str] = Counter()
    parts = [given.partition(".pdf:") for given in arguments.pdfs]
    named = [(Path(path).with_suffix(".pdf"), page) for path, _, page in parts]
    chosen = [one for one in named if zlib.crc32(one[0].name.encode()) % 2 == arguments.half]
    with tempfile.TemporaryDirectory() as name:
        for path, page in chosen[: arguments.most]:
            try:
                measured(path, int(page or 1), Path(name), counts)
            except (RuntimeError, ValueError) as error:
                print(f"{path.name} is left out: {error}", flush=True)
    print(dict(sorted(counts.items())))


if __name__ == "__main__":
    main()

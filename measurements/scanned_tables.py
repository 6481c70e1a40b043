"""How many tables of scans are accepted, and how many of these are right.

    PYTHONPATH=tests python measurements/scanned_tables.py --half report --count 56       # tables of the zoo
    PYTHONPATH=tests python measurements/scanned_tables.py --texts --half report          # pages without a table
    PYTHONPATH=tests python measurements/scanned_tables.py --icdar FOLDER                 # PDFs with NAME-str.xml
    PYTHONPATH=tests python measurements/scanned_tables.py --images FOLDER --every 12     # images without a table

Pages are drawn at 150, 175 or 200 dpi, turned by up to 0.7°, made less sharp and less black, given noise and JPEG's
losses, all by a seed. Documents of the zoo in Chinese or Hebrew are left out (the readers are asked for English). A
table is `exact` if its rows, columns and cells are the truth's and each cell says the same, blanks aside; `structure`
if each cell is at least half alike.
"""

import argparse
import io
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
from PIL import Image, ImageFilter

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from rapidfuzz.distance import Levenshtein  # noqa: E402
from zoo.documents import shared_out, table_document, text_document  # noqa: E402
from zoo.styles import TABLES, TEXTS  # noqa: E402

from scribetune.labels import scanned_tables  # noqa: E402  the folder above comes first
from scribetune.metrics.markdown import find_tables  # noqa: E402
from scribetune.samples.typesetting import Typesetter  # noqa: E402
from scribetune.text.grids import Table  # noqa: E402
from support import icdar2013  # noqa: E402

Page = tuple[str, "Image.Image", Sequence[Table]]


def scanned(page: Any, name: str) -> "Image.Image":
    """Return a page as a scanner has it."""
    draw = random.Random(name)  # noqa: S311 - pages, not secrets
    shown = page.get_pixmap(dpi=draw.choice((150, 175, 200)), colorspace=pymupdf.csGRAY).pil_image()
    noise = np.random.default_rng(draw.randrange(2**32))
    shown = shown.rotate(draw.uniform(-0.7, 0.7), Image.Resampling.BICUBIC, fillcolor=255)
    shown = shown.filter(ImageFilter.GaussianBlur(draw.uniform(0.3, 0.7)))
    pixels = np.asarray(shown, np.float32)
    pixels = pixels * 0.85 + 25 + noise.normal(0, 6, pixels.shape)
    kept = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(kept, "JPEG", quality=80)
    return Image.open(kept)


def zoo(arguments: argparse.Namespace) -> Iterator[Page]:
    """Yield pages of the zoo with their tables."""
    styles: Any = TEXTS if arguments.texts else TABLES
    make: Any = text_document if arguments.texts else table_document
    with Typesetter() as typesetter:
        for style, number in shared_out(styles, arguments.count):
            if style.half != arguments.half or style.script != "en" or not _is_asked(style, arguments.style):
                continue
            document = make(typesetter, style, number, arguments.seed)
            tables = {} if arguments.texts else document.tables
            for page in pymupdf.open(stream=document.pdf):
                name = f"{style.name} {number} p{page.number + 1}"
                yield name, scanned(page, f"{arguments.seed}/{name}"), tables.get(page.number + 1, ())


def _is_asked(style: Any, names: Sequence[str]) -> bool:
    return not names or any(style.name.startswith(name) for name in names)


def icdar(arguments: argparse.Namespace) -> Iterator[Page]:
    """Yield pages of ICDAR-2013 that have tables, of each document the first ones."""
    for path in sorted(arguments.icdar.glob("*.pdf")):
        truth = icdar2013.references(path.with_name(f"{path.stem}-str.xml"))
        with pymupdf.open(path) as pdf:
            for number in sorted(truth)[: arguments.pages]:
                yield f"{path.stem} p{number}", scanned(pdf[number - 1], f"{path.stem}/{number}"), truth[number]


def images(arguments: argparse.Namespace) -> Iterator[Page]:
    """Yield image files, which have no table."""
    for path in sorted(arguments.images.glob("*.jpg"))[:: arguments.every][: arguments.count]:
        yield path.stem, Image.open(path), ()


def verdict(table: Table, truths: Sequence[Table]) -> str:
    """Say what a table is: "exact", "structure", or "wrong"."""
    found = _filled(table)
    outcomes = {"wrong"}
    for truth in truths:
        wanted = _filled(truth)
        if wanted.keys() == found.keys():
            least = min((Levenshtein.normalized_similarity(wanted[k], found[k]) for k in wanted), default=0.0)
            outcomes.add("exact" if least == 1 else "structure" if least >= 0.5 else "wrong")
    return min(outcomes)  # by the alphabet: exact, structure, wrong


def _filled(table: Table) -> dict[tuple[int, int, int, int], str]:
    cells = {(c.row, c.column, c.row_span, c.column_span): "".join(c.text.split()) for c in table.cells}
    return {slots: text for slots, text in cells.items() if text}


def main(arguments: argparse.Namespace) -> None:
    """Read the pages, print a line for each and the counts."""
    pages = icdar(arguments) if arguments.icdar else images(arguments) if arguments.images else zoo(arguments)
    counts: Counter[str] = Counter()
    adjacency: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, image, truths in pages:
            path = Path(folder) / "page.png"
            image.convert("RGB").save(path, compress_level=1)
            began = time.process_time()
            scan = scanned_tables.of_file(str(path), "eng")
            counts["seconds"] += round(time.process_time() - began)
            found = [table for one in scan.tables for table in find_tables(one.text)]
            verdicts = [verdict(table, truths) for table in found]
            doubted = sum(not line.agrees for line in scan.lines)
            counts.update(verdicts)
            counts.update(pages=1, tables=len(truths), accepted=len(found), lines=len(scan.lines), doubted=doubted)
            counts["pages_below_0.8"] += doubted > 0.2 * len(scan.lines)
            if truths and found:
                text = "\n\n".join(one.text for one in scan.tables)
                adjacency.append(icdar2013.score({1: truths}, {1: text}).adjacency_f1)
            print(
                name, f"{len(truths)} tables", verdicts, f"{doubted} of {len(scan.lines)} lines", sep="\t", flush=True
            )
    mean = round(sum(adjacency) / len(adjacency), 4) if adjacency else None
    print(json.dumps({**counts, "adjacency_of_pages_with_accepted": mean}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("develop", "report"), default="report")
    parser.add_argument("--count", type=int, default=112, help="documents of the zoo, both halves; or images")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--style", nargs="*", default=[], help="only styles whose names begin so")
    parser.add_argument("--texts", action="store_true", help="paragraphs and lists in place of tables")
    parser.add_argument("--icdar", type=Path)
    parser.add_argument("--pages", type=int, default=1, help="of each of its documents, with tables")
    parser.add_argument("--images", type=Path)
    parser.add_argument("--every", type=int, default=1)
    main(parser.parse_args())

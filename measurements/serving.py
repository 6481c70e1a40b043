"""Pages read through a server with OpenAI's interface, many at a time, beside the build's own reader.

    python measurements/serving.py --endpoint http://127.0.0.1:8000/v1 [--model models/tiny] [--served NAME]
                                   [--pages 32] [--tokens 64] [--concurrency 1 8 32 128]

For each number of pages at a time: pages/s, tokens/s, and the median and 95th percentile of the seconds from a request
to its answer. Then the same with the model folder `--model` in this process, one page at a time and as many as
`scribetune convert` takes; seconds are from a page's place in the model to its end. A page is asked for once only (a
server may remember images): each line has pages of its own, of one kind, `--pages` or as many as are asked for at a
time; the last says on how many of the first line's pages both wrote the same. Both sides start with a page that is not
counted.
"""

import argparse
import itertools
import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pymupdf

from scribetune.cli.converting import page_reader
from scribetune.conversion.converting import render_settings
from scribetune.conversion.pages import Renderer
from scribetune.conversion.readers import PageReader, Reading
from scribetune.core import config
from scribetune.core.config import Config
from scribetune.documents.inputs import Document

REPOSITORY = Path(__file__).resolve().parents[1]
_ITEMS = ("bolts", "nuts", "washers", "screws", "hinges", "brackets", "rivets", "springs")


@dataclass(frozen=True)
class Speed:
    """What reading some pages took."""

    reader: str
    at_once: int
    pages: int
    failed: int
    seconds: float
    pages_per_s: float
    tokens_per_s: float
    p50_s: float
    p95_s: float


def make_pdf(path: Path, pages: int) -> None:
    """Write a PDF of invoices, each with its own figures."""
    document = pymupdf.open()
    for number in range(1, pages + 1):
        page = document.new_page()
        page.insert_text((72, 80), f"Invoice {number}", fontsize=18)
        for line, item in enumerate(_ITEMS):
            amount = (number * 7919 + line * 104729) % 99991
            page.insert_text((72, 120 + 24 * line), f"{line + 1}. {item}: {amount / 100:,.2f} EUR", fontsize=13)
    document.save(path, deflate=True)


def images(settings: Config, pages: int, folder: Path) -> list[Path]:
    """Render that many pages as a build and `scribetune convert` do."""
    pdf = folder / "invoices.pdf"
    make_pdf(pdf, pages)
    document = Document("invoices", pdf, pdf.name)
    with Renderer([document], {}, render_settings(settings), folder) as renderer:
        wanted = [(document.id, number) for number in range(1, pages + 1)]
        found = [page.image for batch in renderer.batches(wanted, lambda: 16) for page in batch]
    return [image for image in found if image is not None]


def measure(name: str, at_once: int, reader: PageReader, pages: Sequence[Path]) -> tuple[Speed, dict[int, Reading]]:
    """Read pages and time it."""
    began = time.perf_counter()
    found = dict(reader.read(pages))
    took = time.perf_counter() - began
    good = [reading for reading in found.values() if not reading.failure]
    for why in sorted({reading.failure for reading in found.values() if reading.failure}):
        print(f"not read: {why}", file=sys.stderr)
    seconds = sorted(reading.seconds for reading in good)
    speed = Speed(
        name, at_once, len(pages), len(found) - len(good), round(took, 3), round(len(good) / took, 3),
        round(sum(reading.tokens for reading in good) / took, 1), _rank(seconds, 0.5), _rank(seconds, 0.95),
    )  # fmt: skip
    return speed, found


def _rank(values: Sequence[float], share: float) -> float:
    """Return a percentile of sorted values: the least that so many are no greater than; nan of none."""
    return values[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


def compared(
    pages: Sequence[Path], counts: Sequence[int], concurrency: Sequence[int], endpoint: Callable[[int], PageReader],
    own: Callable[[bool], PageReader],
) -> Iterator[Speed | str]:  # fmt: skip
    """Yield a line for each number of pages at a time, for both readers.

    `counts` says how many pages each line of the endpoint has, and the last line of the own reader; `pages` has one
    more than their sum.
    """
    warm, *rest = pages
    ends = list(itertools.accumulate(counts))
    sets = [rest[end - count : end] for count, end in zip(counts, ends, strict=True)]
    first: dict[int, Reading] = {}
    list(endpoint(1).read([warm]))
    for level, some in zip(concurrency, sets, strict=False):
        speed, found = measure("endpoint", level, endpoint(level), some)
        first = first or found
        yield speed
    for is_watched, some in ((False, sets[0]), (True, sets[-1])):
        reader = own(is_watched)
        list(reader.read([warm]))
        speed, found = measure("own reader", reader.open(), reader, some)
        yield speed
        if not is_watched:
            same = sum(first[index].text == reading.text for index, reading in found.items())
            equal = f"same text on {same} of {len(found)} pages"
    yield equal


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--served", default="", help="name of the model there")
    parser.add_argument("--model", default=str(REPOSITORY / "models/tiny"))
    parser.add_argument("--pages", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--json", type=Path, help="write the lines there too")
    asked = parser.parse_args()
    settings = config.load(
        {"base_model": {"name": asked.model}, "generate": {"max_new_tokens": asked.tokens}}
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)

        def endpoint(concurrency: int) -> PageReader:
            return page_reader(settings, REPOSITORY, asked.model, asked.endpoint, asked.served, concurrency, folder)

        def own(is_watched: bool) -> PageReader:
            return page_reader(settings, REPOSITORY, asked.model, "", asked.model, 1, folder, is_watched=is_watched)

        counts = [*(max(asked.pages, level) for level in asked.concurrency), asked.pages]
        pages = images(settings, sum(counts) + 1, folder)
        lines: list[Speed] = []
        print("reader      at once  pages  failed  pages/s  tokens/s   p50 s   p95 s")
        for line in compared(pages, counts, asked.concurrency, endpoint, own):
            if isinstance(line, str):
                print(line)
                continue
            lines.append(line)
            print(
                f"{line.reader:10}  {line.at_once:7}  {line.pages:5}  {line.failed:6}  {line.pages_per_s:7.2f}  "
                f"{line.tokens_per_s:8.0f}  {line.p50_s:6.2f}  {line.p95_s:6.2f}",
                flush=True,
            )
        if asked.json:
            asked.json.write_text(json.dumps([asdict(line) for line in lines], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

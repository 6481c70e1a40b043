"""Measure page images: pages per second of one core, beside the usual loop, stage by stage, and on several cores.

    python measurements/page_images.py FOLDER [--pages 120] [--long-side-px 2304] [--cores 2]

FOLDER holds PDFs; the first A4 or Letter page of each is taken, of documents that take less than five seconds a page.
The usual loop is `page.get_pixmap(dpi=200)`, saved as PNG by MuPDF or by Pillow. Times are processor time; each page is
opened anew for each method, with MuPDF's cache emptied, so that none finds fonts and images decoded by another. "Next
document" leaves the cache alone: a worker has converted colours before, and its tables for them stay. With --cores
whole documents are rendered as the build does it, on the clock: for a machine with nothing else to do.
"""

import argparse
import contextlib
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pymupdf
from PIL import Image

from scribetune.core import isolation
from scribetune.documents import drawn_page, page_images, rendering, text_layer_checks
from scribetune.documents.inputs import Document, DocumentStatus, find_documents

A4, LETTER = 297 / 210, 11 / 8.5
SLOW_S = 5.0


def is_office_paper(page: Any) -> bool:
    """Whether a page is A4 or Letter, upright or on its side, within 2 %."""
    ratio = max(page.rect.width, page.rect.height) / max(1e-6, min(page.rect.width, page.rect.height))
    return any(abs(ratio / wanted - 1) < 0.02 for wanted in (A4, LETTER))


def healthy(folder: Path) -> list[Document]:
    """Return the documents of which every page is rendered within `SLOW_S`."""
    found = find_documents(folder).documents
    settings = rendering.RenderSettings(256, "auto", SLOW_S, "first look")
    results = rendering.render_shard(found, {}, settings, workers=1)
    is_slow = [any(row.status == "timed_out" for row in result.pages) for result in results]
    return [
        document
        for document, result, slow in zip(found, results, is_slow, strict=True)
        if result.document.status == DocumentStatus.OK and not slow
    ]


def choose(documents: Sequence[Document], count: int) -> list[tuple[Document, int]]:
    """Return (document, page counted from 0) of the first office-paper page of `count` documents, spread evenly."""
    chosen: list[tuple[Document, int]] = []
    for document in documents:
        pdf, _, _ = rendering.open_pdf(str(document.path), "")
        fitting = [number for number in range(min(3, pdf.page_count)) if is_office_paper(pdf[number])]
        chosen += [(document, number) for number in fitting[:1]]
    step = max(1.0, len(chosen) / count)
    return [chosen[int(position * step)] for position in range(min(count, len(chosen)))]


def as_the_build(page: Any, target: Path, long_side_px: int) -> None:
    """One page as `render_pages` makes it, its text layer's status included."""
    settings = rendering.RenderSettings(long_side_px, "auto", 30.0, "benchmark")
    rendering.judge(rendering.render_page(target.name, 1, page, settings), settings.limits)


def usual_loop(page: Any, target: Path, _long_side_px: int) -> None:
    """`get_pixmap(dpi=200)`, saved as PNG by MuPDF."""
    page.get_pixmap(dpi=200).save(target.with_suffix(".png"))


def usual_loop_pillow(page: Any, target: Path, _long_side_px: int) -> None:
    """`get_pixmap(dpi=200)`, saved as PNG by Pillow."""
    pixmap = page.get_pixmap(dpi=200)
    Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples).save(target.with_suffix(".png"))


def stages(page: Any, _target: Path, long_side_px: int) -> dict[str, float]:
    """Return seconds of processor time of each stage of `as_the_build`."""
    times: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        result = work()
        times[name] = time.process_time() - start
        return result

    shown = timed("interpreting the page", page.get_displaylist)
    spans = timed("its text layer", lambda: text_layer_checks.extract(shown))
    drawn = timed("glyphs and places of images", lambda: drawn_page.read(shown))
    timed("asking for colour", lambda: page_images.has_color(shown))
    image = timed("rasterising", lambda: page_images.render(page, shown, long_side_px, "auto"))
    timed("text layer against image", lambda: text_layer_checks.measure(spans, drawn, image))
    timed("PNG", lambda: page_images.png(image))
    timed("is it blank", lambda: image.is_blank)
    return times


def measure(
    chosen: Sequence[tuple[Document, int]], method: Callable[..., Any], long_side_px: int, *, is_first: bool = True
) -> list[float]:
    """Return seconds of processor time for each page, opening left out; `is_first`: with MuPDF's cache empty."""
    seconds = []
    for document, number in chosen:
        pdf, _, _ = rendering.open_pdf(str(document.path), "")
        if is_first:
            pymupdf.TOOLS.store_shrink(100)
        page = pdf[number]
        start = time.process_time()
        method(page, Path(document.id), long_side_px)
        seconds.append(time.process_time() - start)
    return seconds


def on_cores(documents: Sequence[Document], long_side_px: int, cores: int) -> tuple[int, float]:
    """Render whole documents; returns (pages, seconds on the clock)."""
    start = time.monotonic()
    settings = rendering.RenderSettings(long_side_px, "auto", 120.0, f"{cores} cores")
    results = rendering.render_shard(documents, {}, settings, cores)
    return sum(len(result.pages) for result in results), time.monotonic() - start


def main() -> None:
    """Print what the module's docstring says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=120)
    parser.add_argument("--long-side-px", type=int, default=2304)
    parser.add_argument("--cores", type=int, default=0)
    options = parser.parse_args()
    folder = options.folder.resolve()
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        documents = healthy(folder)
        chosen = choose(documents, options.pages)
        print(f"{len(chosen)} pages, long side {options.long_side_px} px (200 dpi for the usual loop)")
        print(f"{'method':<34}{'mean ms':>9}{'median':>9}{'90 %':>9}{'pages/s':>9}{'MB':>8}")
        for name, method, is_first in (
            ("usual loop", usual_loop, True),
            ("usual loop pillow", usual_loop_pillow, True),
            ("as the build", as_the_build, True),
            ("as the build, next document", as_the_build, False),
        ):
            seconds = measure(chosen, method, options.long_side_px, is_first=is_first)
            size = sum(path.stat().st_size for path in Path().rglob("*.png")) / 1e6
            for path in Path().rglob("*.png"):
                path.unlink()
            mean, tenth = statistics.mean(seconds), statistics.quantiles(seconds, n=10)[-1]
            figures = f"{mean * 1e3:>9.1f}{statistics.median(seconds) * 1e3:>9.1f}{tenth * 1e3:>9.1f}{1 / mean:>9.1f}"
            print(f"{name:<34}{figures}{size:>8.1f}", flush=True)
        total: dict[str, float] = {}

        def add(page: Any, target: Path, long_side_px: int) -> None:
            for name, value in stages(page, target, long_side_px).items():
                total[name] = total.get(name, 0.0) + value

        measure(chosen, add, options.long_side_px)
        for name, value in total.items():
            print(f"  {name:<32}{value / len(chosen) * 1e3:>9.1f}")
        if options.cores:
            one, many = (on_cores(documents, options.long_side_px, count) for count in (1, options.cores))
            print(f"whole documents, 1 core: {one[0]} pages, {one[1]:.1f} s; {options.cores} cores: {many[1]:.1f} s")
            print(f"{one[1] / many[1]:.2f} times as fast")
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"largest worker: {peak:.0f} MB (limit {isolation.MEMORY_MB} MB of its own)")


if __name__ == "__main__":
    main()

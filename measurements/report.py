"""How long a report of many pages takes to write and to open.

    PYTHONPATH=tests python measurements/report.py --pages 10000

Makes the result files of a build in a temporary folder (pages of about 3,000 characters with a table and a formula, the
base misreading every ninth character, 25 different page images), writes the report, and opens it from disk in headless
Chromium with Playwright (`--chromium`: the browser; Debian's by default). Prints one JSON object.
"""

import argparse
import json
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import pymupdf
from playwright.sync_api import Page, sync_playwright

from scribetune.core import files
from scribetune.report.page import ReportInputs, write
from support.report_folder import Sample, build

WORDS = "revenue cost margin quarter audit invoice supplier asset liability cash forecast segment growth tax".split()  # noqa: SIM905
CATEGORIES = ("finance", "lab", "memo")
SCORES = ("wer", "ned", "bleu", "rougeL", "table_f1", "teds", "odb.text_edit", "hallucination")
LOOKS = 25
LONG_SIDE_PX = 2304
"""As pages.long_side_px for the full-size model; gray, as a page without colour is saved."""
DRAWN = "document.documentElement.dataset.plots === 'drawn'"


def label(index: int, characters: int) -> str:
    """Return the Markdown of a page."""
    rng = random.Random(index)  # noqa: S311  reproducible, not secret
    parts = [f"# Report {index}", "", "| Item | Q1 | Q2 |", "|---|---|---|"]
    parts += [f"| {rng.choice(WORDS)} | {rng.randint(1, 9999)} | {rng.randint(1, 9999)} |" for _ in range(12)]
    parts += ["", "$$", "m = \\frac{r - c}{r}", "$$", ""]
    text = "\n".join(parts)
    while len(text) < characters:
        text += " ".join(rng.choice(WORDS) for _ in range(60)) + ".\n\n"
    return text[:characters]


def misread(text: str, step: int) -> str:
    """Change every `step`-th character."""
    return "".join("x" if place % step == step - 1 else character for place, character in enumerate(text))


def samples(pages: int, characters: int) -> list[Sample]:
    """Return the test pages. Their scores are not what is measured here: plausible numbers will do."""
    rng = random.Random(7)  # noqa: S311
    made = []
    for index in range(pages):
        text = label(index, characters)
        scores = {name: (0.3 * rng.random(), 0.02 * rng.random()) for name in ("cer", *SCORES)}
        made.append(
            Sample(
                document=f"document-{index // 4:05d}",
                page=index % 4 + 1,
                reference=text,
                base=misread(text, 9),
                tuned=misread(text, 200 + index % 97),
                category=CATEGORIES[index % len(CATEGORIES)],
                language="en",
                cer=scores["cer"],
                scores=scores,
                shared_image=f"data/pages/look-{index % LOOKS}.png",
            )
        )
    return made


def _image(page: pymupdf.Page) -> bytes:
    scale = LONG_SIDE_PX / max(page.rect.width, page.rect.height)
    pixels = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csGRAY)
    return bytes(pixels.tobytes())


def make(root: Path, pages: int, characters: int) -> ReportInputs:
    """Write the result files of a build and return the report's inputs."""
    for look in range(LOOKS):
        with pymupdf.open() as pdf:
            page = pdf.new_page()
            box = pymupdf.Rect(50, 50, page.rect.width - 50, page.rect.height - 50)
            page.insert_textbox(box, label(look, 1200), fontsize=9)
            files.write_bytes(root / f"data/pages/look-{look}.png", _image(page))
    return build(root, samples(pages, characters), title=f"{pages} pages")


def until(page: Page, expression: str) -> None:
    """Wait for an expression to hold; Playwright's own waiting needs `eval`, which the report's policy forbids."""
    end = time.perf_counter() + 120
    while not page.evaluate(expression):
        if time.perf_counter() > end:
            raise TimeoutError(expression)
        time.sleep(0.01)


def opened(report: Path, chromium: str, screenshot: Path | None) -> dict[str, float]:
    """Open the report in headless Chromium and time what a reader waits for, in seconds since the navigation began."""
    found: dict[str, float] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(report.as_uri(), wait_until="commit")
        until(page, DRAWN)
        load = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        found["load_s"] = round(load / 1000, 2)
        found["first_pages_s"] = round(
            page.evaluate("performance.getEntriesByName('pages-shown')[0].startTime") / 1000, 2
        )
        found["plots_s"] = round(page.evaluate("performance.getEntriesByName('plots-drawn')[0].startTime") / 1000, 2)
        began = time.perf_counter()
        page.select_option("#order", "tuned")
        page.select_option("#category", "lab")
        is_lab = f"(card) => card.dataset.index % {len(CATEGORIES)} == {CATEGORIES.index('lab')}"
        until(page, f"[...document.querySelectorAll('article.page')].every({is_lab})")
        found["filter_and_sort_s"] = round(time.perf_counter() - began, 2)
        began = time.perf_counter()
        last = page.evaluate("JSON.parse(document.getElementById('page-index').textContent).pages.length - 1")
        page.evaluate(f"location.hash = 'page-{last}'")
        page.wait_for_selector(f"#page-{last} ins", state="attached")
        found["go_to_last_page_s"] = round(time.perf_counter() - began, 2)
        if screenshot:
            page.screenshot(path=screenshot)
        browser.close()
    return found


def main() -> None:
    """Write, open, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=10_000)
    parser.add_argument("--characters", type=int, default=3_000)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--screenshot", type=Path)
    parser.add_argument("--repeat", type=int, default=3, help="times that the report is opened")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scribetune-report-") as folder:
        inputs = make(Path(folder), arguments.pages, arguments.characters)
        report = Path(folder) / "reports/index.html"
        began = time.process_time()
        write(inputs, report)
        result: dict[str, Any] = {
            "pages": arguments.pages,
            "write_cpu_s": round(time.process_time() - began, 1),
            "write_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "size_mb": round(report.stat().st_size / 1e6, 1),
            "opened": [opened(report, arguments.chromium, arguments.screenshot) for _ in range(arguments.repeat)],
        }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()

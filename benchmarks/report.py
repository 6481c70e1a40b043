"""How long a report of many pages takes to write and to open: `python benchmarks/report.py --pages 10000`.

Makes the result files of a build in a temporary folder (pages of about 3,000 characters with a table and a formula, the
base misreading every ninth character), writes the report, and opens it from disk in headless Chromium with Playwright
(`--chromium`: the browser; Debian's by default). Prints one JSON object.
"""

import argparse
import hashlib
import json
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymupdf
from playwright.sync_api import Page, sync_playwright

from scribetune import files, gate, scoring
from scribetune.config import Gate
from scribetune.report import ReportInputs, write

WORDS = "revenue cost margin quarter audit invoice supplier asset liability cash forecast segment growth tax".split()  # noqa: SIM905
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


def records(pages: int, characters: int) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield (ShareGPT record, base's text, tuned model's text) of each page."""
    for index in range(pages):
        text, name = label(index, characters), f"document-{index // 4:05d}"
        conversations = [{"from": "human", "value": "<image>\nFree OCR. "}, {"from": "gpt", "value": text}]
        record = {
            "id": f"{name}/p{index % 4 + 1:04d}",
            "document": name,
            "page": index % 4 + 1,
            "image_sha256": hashlib.sha256(str(index).encode()).hexdigest(),
            "label_sha256": hashlib.sha256(text.encode()).hexdigest(),
            "label_source": "machine",
            "category": ("finance", "lab", "memo")[index % 3],
            "language": "en",
            "conversations": conversations,
            "images": ["data/pages/page.png"],
        }
        yield record, misread(text, 9), misread(text, 200 + index % 97)


def make(root: Path, pages: int, characters: int) -> ReportInputs:
    """Write the result files of a build and return the report's inputs."""
    made = list(records(pages, characters))
    with pymupdf.open() as pdf:
        page = pdf.new_page()
        page.insert_textbox(
            pymupdf.Rect(50, 50, page.rect.width - 50, page.rect.height - 50), label(0, 1200), fontsize=9
        )
        files.write_bytes(root / "data/pages/page.png", page.get_pixmap(dpi=200).tobytes())
    files.write_jsonl(root / "data/splits/test.jsonl", (record for record, _, _ in made))
    for split in ("train", "validation"):
        files.write_jsonl(root / f"data/splits/{split}.jsonl", [])
    for place, model in ((1, "base"), (2, "tuned")):
        files.write_jsonl(
            root / f"reports/predictions/{model}.jsonl",
            ({"id": entry[0]["id"], "text": entry[place], "tokens": 900, "stop_reason": "eos"} for entry in made),
        )
    names = ("cer", "wer", "ned", "bleu", "rougeL", "table_f1", "teds", "odb.text_edit", "hallucination")
    header = ["index", "id", *(f"{name}_{model}" for name in names for model in ("base", "tuned"))]
    rng = random.Random(7)  # noqa: S311
    # The metrics are not what is measured here: plausible numbers will do.
    rows = [
        [str(index), str(entry[0]["id"]), *(f"{rng.random() * (0.3, 0.02)[column % 2]:.6f}" for column in range(18))]
        for index, entry in enumerate(made)
    ]
    files.write_text(root / "reports/samples.csv", "\n".join(map(",".join, [header, *rows])) + "\n")
    means = [{"cer_mean": sum(float(row[2 + column]) for row in rows) / len(rows)} for column in (0, 1)]
    change = {"cer_gain_low": 0.1, "cer_gain_high": 0.2, "cer_pages": pages}
    aggregates = {"base": means[0], "tuned": means[1], "change": change}
    scoring.write_metrics(root / "reports/metrics.json", aggregates, gate.judge(aggregates, Gate()))
    files.write_text(root / "reports/documents.csv", "document,status\n")
    files.write_text(root / "selection.csv", "document,page,accepted,reason,document_cluster\n")
    files.write_text(root / "training_log.csv", "step,loss\n1,2.0\n2,1.0\n")
    files.write_json(root / "lineage.json", {})
    files.write_json(root / "proof.json", {})
    return ReportInputs(
        samples_csv=root / "reports/samples.csv",
        metrics_json=root / "reports/metrics.json",
        test_jsonl=root / "data/splits/test.jsonl",
        train_jsonl=root / "data/splits/train.jsonl",
        validation_jsonl=root / "data/splits/validation.jsonl",
        base_predictions=root / "reports/predictions/base.jsonl",
        tuned_predictions=root / "reports/predictions/tuned.jsonl",
        documents_csv=root / "reports/documents.csv",
        selection_csv=root / "selection.csv",
        training_log_csv=root / "training_log.csv",
        lineage_json=root / "lineage.json",
        merge_proof_json=root / "proof.json",
        working_directory=root,
        title=f"{pages} pages",
    )


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
        until(page, "[...document.querySelectorAll('article.page')].every((card) => card.dataset.category === 'lab')")
        found["filter_and_sort_s"] = round(time.perf_counter() - began, 2)
        began = time.perf_counter()
        last = page.evaluate("JSON.parse(document.getElementById('page-index').textContent).length - 1")
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

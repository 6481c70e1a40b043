"""What a public benchmark of OmniDocBench's size costs a plan and its scores: `PYTHONPATH=scripts:tests python …`.

Pages of eighteen paragraphs, a table and a formula, with annotations padded to some 17 KB; the base reads every "e"
as "a", the tuned model one word wrong.
"""

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from scribetune.core import files
from scribetune.core.config import Benchmark
from scribetune.evaluation import truth as evaluation_sets
from scribetune.evaluation.public import listing
from support import benchmark_folder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import score_benchmark

_LEARNED_PAGES = 1000


def timed(what: str, function: Callable[[], object]) -> None:
    """Call a function and print what it cost."""
    began, wall = time.process_time(), time.perf_counter()
    function()
    cpu, seconds = time.process_time() - began, time.perf_counter() - wall
    sys.stdout.write(f"{what}: {cpu:.2f} s of processor time, {seconds:.2f} s\n")


def make(folder: Path, count: int) -> Path:
    """Write a set of `count` pages."""
    images = folder / "images"
    images.mkdir()
    padding = {"poly": [1.0] * 8, "line_with_spans": [{"poly": [1.0] * 8, "text": "x" * 40}] * 6}
    pages = []
    for number in range(count):
        texts = [f"Block {number} {part} {benchmark_folder.TEXTS[part % 3]}" for part in range(18)]
        page = benchmark_folder.annotated_page(
            f"{number}.png", texts, table=benchmark_folder.TABLE, data_source="book", language="english"
        )
        for element in page["layout_dets"]:
            element.update(padding)
        pages.append(page)
        (images / f"{number}.png").write_bytes(str(number).encode())
    truth = folder / "OmniDocBench.json"
    truth.write_text(json.dumps(pages), encoding="utf-8")
    return truth


def main() -> None:
    """Make the set, list it twice and score it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=1651)
    count = parser.parse_args().pages
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        truth = make(Path(), count)
        sys.stdout.write(f"{count} pages, {truth.stat().st_size / 1e6:.1f} MB\n")
        configured = [Benchmark(name="set", truth=truth.as_posix())]
        timed("plan, first", lambda: listing.write(configured))
        timed("plan, later", lambda: listing.write(configured))
        records = evaluation_sets.read(truth).records
        _write_predictions(records)
        timed(
            "scores of both models, leakage against 1,000 pages",
            lambda: score_benchmark.main(
                "set",
                "auto",
                truth,
                *map(Path, ("manifest.csv", "records.jsonl", "base.jsonl", "tuned.jsonl")),
                [Path("learned.jsonl")],
                0.85,
                Path("samples.csv"),
                Path("scores.json"),
            ),
        )


def _write_predictions(records: tuple[evaluation_sets.Record, ...]) -> None:
    with Path("manifest.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("id", "status", "message"))
        writer.writerows((record["id"], "ok", "") for record in records)
    files.write_jsonl(
        Path("records.jsonl"), [{"id": row["id"], "image_sha256": row["id"], "layer": ""} for row in records]
    )
    for model, old, new in (("base", "e", "a"), ("tuned", "committee", "comittee")):
        rows = [{"id": row["id"], "text": row["text"].replace(old, new), "stop_reason": "eos"} for row in records]
        files.write_jsonl(Path(f"{model}.jsonl"), rows)
    learned = [
        {
            "id": f"learned/p{number}",
            "image_sha256": "x",
            "conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": f"Learned {number} " * 150}],
        }
        for number in range(_LEARNED_PAGES)
    ]
    files.write_jsonl(Path("learned.jsonl"), learned)


if __name__ == "__main__":
    main()

"""Convert a long PDF with a model that is killed twice: is a finished page read again, is the result the same, memory.

    python measurements/conversion.py [--pages 1000] [--model models/tiny] [--tokens 24] [--kills 2]

A PDF of so many pages is made, converted once without a stop, and once more into another folder by a process that is
killed (SIGKILL) at moments spread over the work and started again. Told are pages/s, the most memory of the process
(model included) and of its rendering worker, pages read more than once, and whether both folders have the same texts.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pymupdf

REPOSITORY = Path(__file__).resolve().parents[1]
_CALL = """
import resource, sys
from scribetune.cli import app
try:
    app()
finally:
    peak = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    sys.stderr.write(f"peak {peak[0]:.0f} {peak[1]:.0f}\\n")
"""


def make_pdf(path: Path, pages: int) -> None:
    """Write a PDF of pages with two lines each."""
    document = pymupdf.open()
    for number in range(1, pages + 1):
        page = document.new_page()
        page.insert_text((72, 90), f"Page {number} of {pages}", fontsize=18)
        page.insert_text((72, 130), f"Total {number * 37 % 9973:,} EUR", fontsize=14)
    document.save(path, deflate=True)


def call(pdf: Path, output: Path, model: str, tokens: int) -> "subprocess.Popen[str]":
    """Start `scribetune convert`."""
    words = ["convert", str(pdf), "-o", str(output), "--model", model, "--set", f"generate.max_new_tokens={tokens}"]
    return subprocess.Popen(
        [sys.executable, "-c", _CALL, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )


def rows(output: Path) -> list[dict[str, object]]:
    """Return the journal's rows, one for each time that a page was read."""
    path = output / ".conversion/pages.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def main() -> None:
    """Measure, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--model", default="models/tiny")
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--kills", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        pdf, whole, stopped = (Path(made) / name for name in ("long.pdf", "whole", "stopped"))
        make_pdf(pdf, asked.pages)
        began = time.perf_counter()
        process = call(pdf, whole, asked.model, asked.tokens)
        told = process.communicate()[1]
        took = time.perf_counter() - began
        own, worker = next(line.split()[1:] for line in reversed(told.splitlines()) if line.startswith("peak "))
        print(f"{asked.pages} pages in {took:.0f} s, {asked.pages / took:.2f} pages/s, start of the model included")
        print(f"most memory: {own} MiB the process with its model, {worker} MiB its largest child")
        for kill in range(1, asked.kills + 1):
            process = call(pdf, stopped, asked.model, asked.tokens)
            goal = asked.pages * kill // (asked.kills + 1)
            while process.poll() is None and (not stopped.exists() or _done(stopped) < goal):
                time.sleep(0.2)
            process.kill()
            process.wait()
            print(f"killed with {_done(stopped)} pages read")
        call(pdf, stopped, asked.model, asked.tokens).communicate()
        twice = [page for page, count in Counter(row["page"] for row in rows(stopped)).items() if count > 1]
        same = (whole / "long.md").read_bytes() == (stopped / "long.md").read_bytes()
        print(f"pages read more than once: {len(twice)}; same text: {same}")
        sys.exit(0 if same and not twice else 1)


def _done(output: Path) -> int:
    path = output / ".conversion/pages.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


if __name__ == "__main__":
    main()

"""Convert a long PDF with a model that is killed twice: is a finished page read again, is the result the same, memory.

    python measurements/conversion.py [--pages 1000] [--model models/tiny] [--tokens 24] [--kills 2] [--compared 1000]

A PDF of so many pages is made and converted by a process that is killed (SIGKILL) at moments spread over the work and
started again; and, without a stop, so many of its pages, spread over the document, into another folder. Told are
pages/s, the most memory of the process (model included) and of the one that renders, pages read more than once, and
whether the texts are the same. Last, what a call takes that finds nothing to do.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pymupdf

REPOSITORY = Path(__file__).resolve().parents[1]
_CALL = "from scribetune.cli import app; app()"


@dataclass
class Peak:
    """The most memory seen of a process and of its largest child, in MiB."""

    own: float = 0.0
    child: float = 0.0

    def look(self, pid: int) -> None:
        """Look at a process that runs."""
        self.own = max(self.own, _most_mib(pid))
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            self.child = max([self.child, *(_most_mib(int(child)) for child in children)])


def _most_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def make_pdf(path: Path, pages: int) -> None:
    """Write a PDF of pages with two lines each."""
    document = pymupdf.open()
    for number in range(1, pages + 1):
        page = document.new_page()
        page.insert_text((72, 90), f"Page {number} of {pages}", fontsize=18)
        page.insert_text((72, 130), f"Total {number * 37 % 9973:,} EUR", fontsize=14)
    document.save(path, deflate=True)


def call(pdf: Path, output: Path, model: str, tokens: int, *more: str) -> "subprocess.Popen[bytes]":
    """Start `scribetune convert`."""
    words = ["convert", str(pdf), "-o", str(output), "--model", model, "--set", f"generate.max_new_tokens={tokens}"]
    # With its messages at hand: a call that fails says why.
    return subprocess.Popen([sys.executable, "-c", _CALL, *words, *more], stdout=subprocess.DEVNULL, cwd=REPOSITORY)


def watched(process: "subprocess.Popen[bytes]", output: Path, peak: Peak, goal: int) -> None:
    """Wait for a call until it ends or that many pages are read."""
    while process.poll() is None and _done(output) < goal:
        peak.look(process.pid)
        time.sleep(0.2)


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
    parser.add_argument("--compared", type=int, default=1000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        pdf, whole, stopped = (Path(made) / name for name in ("long.pdf", "whole", "stopped"))
        make_pdf(pdf, asked.pages)
        peak, began = Peak(), time.perf_counter()
        for kill in range(1, asked.kills + 2):
            process = call(pdf, stopped, asked.model, asked.tokens)
            is_last = kill > asked.kills
            watched(process, stopped, peak, asked.pages * 2 if is_last else asked.pages * kill // (asked.kills + 1))
            if not is_last:
                process.kill()
            process.wait()
            print(f"{'ended' if is_last else 'killed'} with {_done(stopped)} rows", flush=True)
        took = time.perf_counter() - began
        print(
            f"{asked.pages} pages in {took:.0f} s, {asked.pages / took:.2f} pages/s, {asked.kills + 1} starts included"
        )
        print(f"most memory: {peak.own:.0f} MiB the process with its model, {peak.child:.0f} MiB its largest child")
        twice = [page for page, count in Counter(row["page"] for row in rows(stopped)).items() if count > 1]
        step = max(1, asked.pages // asked.compared)
        numbers = range(1, asked.pages + 1, step)
        call(pdf, whole, asked.model, asked.tokens, "--pages", ",".join(map(str, numbers))).wait()
        texts = [(folder / f"pages/long/p{number:04d}.md") for number in numbers for folder in (whole, stopped)]
        same = sum(one.read_bytes() == other.read_bytes() for one, other in zip(texts[::2], texts[1::2], strict=True))
        print(
            f"pages read more than once: {len(twice)}; same text on {same} of {len(numbers)} pages read without a stop"
        )
        before, began = os.times(), time.perf_counter()
        call(pdf, stopped, asked.model, asked.tokens).wait()
        used = os.times()
        processor_s = used.children_user + used.children_system - before.children_user - before.children_system
        print(f"nothing to do: {time.perf_counter() - began:.1f} s, {processor_s:.1f} s of processor time")
        sys.exit(0 if same == len(numbers) and not twice else 1)


def _done(output: Path) -> int:
    path = output / ".conversion/pages.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


if __name__ == "__main__":
    main()

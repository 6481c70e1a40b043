"""Fifty thousand documents for real: are the last shards as quick as the first, and what does a failure cost?

    python measurements/fifty_thousand.py /tmp/fifty-thousand
    python measurements/fifty_thousand.py /tmp/five-thousand --documents 5000 --json five-thousand.json
    python measurements/fifty_thousand.py /tmp/cores --documents 1000 --only workers

Makes the small PDFs of `ten_thousand.py`, builds them up to `splits`, and tells pages a second and memory of the shards
by tenths, in the order in which they were done. Page images are not read by OCR: one of eight pages would be, at a
second each. Then a document is added; then three documents change in three shards and the job of one is killed: what
that build and the next one run is told. `workers` builds the documents with one core and with two, each in a folder of
its own, and compares what Snakemake needed for pages and labels on the clock.
"""

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean

import ten_thousand
from ten_thousand import Change, environment, make_documents, name_of, snakemake, write_pdf

from scribetune.core import csv_files, files, layout
from scribetune.documents.inputs import document_id

SETTINGS = f"{ten_thousand.SETTINGS}labels: {{agreement: none}}\n"
STAGES = ("render_pages", "label_pages")
PARTS = ("build", "added", "failed", "workers")
TENTHS = 10


@dataclass(frozen=True)
class Tenth:
    """A tenth of the jobs of a stage, in the order in which they ended."""

    stage: str
    jobs: int
    pages: int
    pages_per_s: float  # of a job, on the clock
    pages_per_cpu_s: float
    peak_mb: float  # of the largest of them


@dataclass
class Results:
    """Everything that was measured."""

    documents: int
    build_s: float = 0.0
    peak_mb: float = 0.0  # of the largest process of the build
    tenths: list[Tenth] = field(default_factory=list)
    added: Change | None = None
    failed: dict[str, object] = field(default_factory=dict)
    workers: dict[str, float] = field(default_factory=dict)  # seconds of pages and labels by number of cores


def tenths(folder: Path, stage: str) -> list[Tenth]:
    """Return what the jobs of a stage took, tenth by tenth."""
    measured = sorted((folder / "benchmarks/jobs" / stage).glob("*.tsv"), key=lambda path: path.stat().st_mtime)
    found = []
    size = max(1, len(measured) // TENTHS)
    for begin in range(0, len(measured) // size * size, size):
        rows, pages = [], 0
        for path in measured[begin : begin + size]:
            head, values = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()[:2])
            rows.append(dict(zip(head, values, strict=True)))
            pages += len(csv_files.read(folder / layout.MANIFESTS / "pages" / f"{path.stem}.csv"))
        wall, processor = (sum(float(row[column]) for row in rows) for column in ("s", "cpu_time"))
        peak = max(float(row["max_rss"]) for row in rows)
        found.append(Tenth(stage, len(rows), pages, round(pages / wall, 1), round(pages / processor, 1), peak))
    return found


def run(folder: Path, *targets: str, cores: int) -> tuple[int, str, float]:
    """Build targets; returns the exit status, what was said, and seconds."""
    began = time.monotonic()
    command = snakemake(*targets, cores=cores)
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr, time.monotonic() - began


def measure_build(folder: Path, cores: int, results: Results) -> None:
    """Build the splits."""
    status, said, seconds = run(folder, "splits", cores=cores)
    if status:
        raise SystemExit(said)
    results.build_s = round(seconds, 1)
    results.peak_mb = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
    results.tenths = [tenth for stage in STAGES for tenth in tenths(folder, stage)]


def measure_failure(folder: Path, count: int, cores: int) -> dict[str, object]:
    """Change three documents of three shards, kill the job of one, and build again; say what ran in either build."""
    shard_of = {
        row["document"]: path.stem
        for path in sorted((folder / layout.MANIFESTS / "documents").glob("*.csv"))
        for row in csv_files.read(path)
    }
    chosen: dict[str, int] = {}
    for number in range(count):
        chosen.setdefault(shard_of[document_id(name_of(number))], number)
        if len(chosen) == 3:
            break
    for number in chosen.values():
        write_pdf(folder / layout.RAW / name_of(number), time.time_ns() % 10**9 + number, tagged=True)
    log = folder / "logs" / "label_pages" / f"{min(chosen)}.log"
    killer = threading.Thread(target=kill_who_writes, args=(log,), daemon=True)
    killer.start()
    first = jobs_of(folder, cores)
    killer.join(1)
    return {
        "shards": sorted(chosen),
        "failed": min(chosen),
        "first": first,
        "then": jobs_of(folder, cores),
    }


def kill_who_writes(log: Path) -> None:
    """Kill the first process that has a log open."""
    while True:
        for opened in Path("/proc").glob("[0-9]*/fd/*"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                if opened.readlink() == log:
                    os.kill(int(opened.parts[2]), signal.SIGKILL)
                    return
        time.sleep(0.05)


def jobs_of(folder: Path, cores: int) -> dict[str, object]:
    """Build, and return exit status, seconds, and which jobs of shards left a result."""
    moment = time.time()
    status, said, seconds = run(folder, "splits", cores=cores)
    made = [path for path in (folder / ".snakemake/receipts").rglob("*-of-*.json") if path.stat().st_mtime >= moment]
    names = sorted(path.relative_to(folder / ".snakemake/receipts").with_suffix("").as_posix() for path in made)
    last = [line for line in said.splitlines() if line.strip()][-8:] if status else []
    return {"status": status, "seconds": round(seconds, 1), "jobs that left a result": names, "said": last}


def measure_workers(folder: Path, count: int) -> dict[str, float]:
    """Build pages and labels with one core and with two."""
    found = {}
    for cores in (1, 2):
        inner = prepared(folder / f"cores-{cores}", count)
        for left in ("data/pages", "data/labels", "data/manifests", ".snakemake"):
            shutil.rmtree(inner / left, ignore_errors=True)
        status, said, seconds = run(inner, "labels", cores=cores)
        if status:
            raise SystemExit(said)
        found[f"{cores}"] = round(seconds, 1)
    found["times"] = round(found["1"] / found["2"], 2)
    return found


def prepared(folder: Path, count: int) -> Path:
    """Make the documents of a folder, and its settings."""
    make_documents(folder / layout.RAW, count, tagged=True)
    (folder / "mine.yaml").write_text(SETTINGS, encoding="utf-8")
    return folder


def show(results: Results) -> None:
    """Print the results."""
    if results.build_s:
        print(
            f"{results.documents} documents up to splits: {results.build_s} s, largest process {results.peak_mb:.0f} MB"
        )
    for stage in STAGES:
        of_stage = [tenth for tenth in results.tenths if tenth.stage == stage]
        for number, tenth in enumerate(of_stage, 1):
            print(f"{stage} {number:2}: {tenth.jobs} jobs, {tenth.pages} pages, {tenth.pages_per_s} pages/s, "
                  f"{tenth.pages_per_cpu_s} a processor second, {tenth.peak_mb:.0f} MB")  # fmt: skip
        if of_stage:
            print(f"  mean {fmean(tenth.pages_per_s for tenth in of_stage):.1f} pages/s")
    for what in (results.added and asdict(results.added), results.failed, results.workers):
        if what:
            print(json.dumps(what, indent=2))


def main(arguments: Sequence[str] | None = None) -> None:
    """Make, build, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the documents are made and built")
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS[:3], help="do these alone")
    given = parser.parse_args(arguments)
    folder: Path = given.folder.resolve()
    results = Results(given.documents)
    if set(given.only) & set(PARTS[:3]):
        prepared(folder, given.documents)
    if "build" in given.only:
        measure_build(folder, given.cores, results)
    if "added" in given.only:
        added = folder / layout.RAW / name_of(given.documents)
        results.added = ten_thousand.measure_change(
            folder, given.cores, "a PDF added", lambda: write_pdf(added, given.documents, tagged=True)
        )
    if "failed" in given.only:
        results.failed = measure_failure(folder, given.documents, given.cores)
    if "workers" in given.only:
        results.workers = measure_workers(folder, given.documents)
    show(results)
    if given.json:
        files.write_json(given.json, asdict(results))


if __name__ == "__main__":
    main()

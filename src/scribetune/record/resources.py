"""What a build's jobs took: wall time, processor time, memory, pages per second and device, for people to read.

Such figures differ from run to run of the same build, so no rule makes them and nothing hashes them: Snakemake's
`benchmark` files have wall time and memory, `note` adds beside them (as a job ends) which receipt they belong to and on
what device the job ran, and the report's room sums them up as a build ends: reports/resources.html.

    benchmarks/jobs/<job>.tsv     by Snakemake
    benchmarks/jobs/<job>.json    {"receipt": sha256, "device", "gpu_peak_mb", "cpu_s": of the job and its processes}

A job whose receipt is another than the one noted was not run here: its result was restored by git and `dvc pull`.
"""

import csv
import json
import logging
import os
import sys
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scribetune.core import files, layout
from scribetune.record import receipts
from scribetune.record.receipts import Receipt
from scribetune.record.steps import in_order

AROUND_A_JOB = True

logger = logging.getLogger(__name__)

FOLDER = Path("benchmarks/jobs")

UNKNOWN = "not known here"
CPU = "CPU"
"""Device of a job that computed on no GPU."""
_LEAST_MB = 16.0
"""Less is what Snakemake sees of a process that is just starting: such a job was over before it was measured."""

_TRAINING_LINEAGE = f"{layout.ADAPTER}/lineage.json"
"""What a training leaves; it says how many pages it saw, and on what."""


@dataclass(frozen=True)
class Job:
    """What one job took; None where it is not known.

    Attributes:
        seconds: Wall time.
        cpu_seconds: Processor time.
        peak_mb: Greatest resident memory of its processes, MiB.
        device: What models ran on.
        gpu_peak_mb: Greatest memory of tensors on GPUs, MiB.
    """

    seconds: float
    cpu_seconds: float | None
    peak_mb: float | None
    device: str
    gpu_peak_mb: float | None


@dataclass(frozen=True)
class RuleUsage:
    """What the jobs of a rule took: sums of times, the greatest of memories.

    Attributes:
        rule: Its name.
        jobs: How many it has.
        measured: What is known, of how many of them.
        pages: Pages that the measured jobs worked on; None where a rule works on no pages.
    """

    rule: str
    jobs: int
    measured: tuple[Job, ...]
    pages: int | None


def note(job: str, folder: Path = Path()) -> None:
    """Note beside the benchmark file of a job that has just ended what its figures are about.

    Args:
        job: Its name (`receipts.job_name`); its receipt has been written.
        folder: Working directory of the build.
    """
    device, gpu_peak_mb = _device()
    # Snakemake looks every half minute, and has not seen the end of a job.
    cpu_s = round(sum(os.times()[:4]), 2)
    receipt = files.sha256_file(_receipt(job, folder))
    record = {"receipt": receipt, "device": device, "gpu_peak_mb": gpu_peak_mb, "cpu_s": cpu_s}
    files.write_json(folder / FOLDER / f"{job}.json", record)


def _receipt(job: str, folder: Path) -> Path:
    return folder / receipts.FOLDER / f"{job}.json"


def _device() -> tuple[str, float | None]:
    """Return what this process computed on, and the greatest memory of tensors on GPUs; loads no PyTorch for that."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return CPU, None
    peaks = {index: torch.cuda.max_memory_allocated(index) / 2**20 for index in range(torch.cuda.device_count())}
    used = {index: peak for index, peak in peaks.items() if peak > 0}
    if not used:
        return CPU, None
    return ", ".join(torch.cuda.get_device_name(index) for index in used), round(sum(used.values()), 1)


def job(name: str, folder: Path = Path()) -> Job | None:
    """Return what a job took, or None where its result was not made here, or nothing was measured.

    Args:
        name: Of the job.
        folder: Working directory of the build.
    """
    try:
        noted = json.loads((folder / FOLDER / f"{name}.json").read_text(encoding="utf-8"))
        if noted["receipt"] != files.sha256_file(_receipt(name, folder)):
            return None
        with (folder / FOLDER / f"{name}.tsv").open(encoding="utf-8", newline="") as stream:
            row = next(csv.DictReader(stream, delimiter="\t"))
        seconds = float(row["s"])
    except (OSError, ValueError, KeyError, StopIteration, TypeError):
        return None  # figures for people: what cannot be read is not known
    peak = _number(row.get("max_rss"))
    return Job(
        seconds=seconds,
        cpu_seconds=_number(noted.get("cpu_s", row.get("cpu_time"))),
        peak_mb=peak if peak is not None and peak >= _LEAST_MB else None,
        device=str(noted.get("device", "")),
        gpu_peak_mb=_number(noted.get("gpu_peak_mb")),
    )


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None  # Snakemake writes "NA" for what it could not measure


def usage_by_rule(folder: Path = Path(), shards: Collection[str] | None = None) -> tuple[RuleUsage, ...]:
    """Return what each rule's jobs took, in an order in which they can run.

    Args:
        folder: Working directory of the build.
        shards: The build's shards; receipts of others are left over. None: all there are.
    """
    by_rule: dict[str, list[Receipt]] = {}
    for receipt in in_order(receipts.read(folder).values()):
        if shards is None or receipt.wildcards.get("shard") in (None, *shards):
            by_rule.setdefault(receipt.rule, []).append(receipt)
    usages = []
    for rule, of_rule in by_rule.items():
        measured = [(receipt, taken) for receipt in of_rule if (taken := job(receipt.job, folder)) is not None]
        counts = [count for receipt, _ in measured if (count := pages(receipt, folder)) is not None]
        jobs = tuple(_on_gpus(taken, receipt, folder) for receipt, taken in measured)
        usages.append(RuleUsage(rule, len(of_rule), jobs, sum(counts) if counts else None))
    return tuple(usages)


def pages_and_times(folder: Path = Path()) -> dict[str, list[tuple[int, Job]]]:
    """Return {rule: (pages, what it took) of each job that was measured here}; 0 pages where a rule works on none."""
    by_rule: dict[str, list[tuple[int, Job]]] = {}
    for name, receipt in sorted(receipts.read(folder).items()):
        if (taken := job(name, folder)) is not None:
            by_rule.setdefault(receipt.rule, []).append((pages(receipt, folder) or 0, _on_gpus(taken, receipt, folder)))
    return by_rule


def _on_gpus(taken: Job, receipt: Receipt, folder: Path) -> Job:
    """Return what a training took, with the GPUs that its lineage names: on several it computes in other processes."""
    if _TRAINING_LINEAGE not in receipt.outputs or taken.device != CPU:
        return taken
    try:
        lineage = json.loads((folder / _TRAINING_LINEAGE).read_text(encoding="utf-8"))
        is_on_cpu = lineage["training"]["device"] == "cpu"
        return taken if is_on_cpu else replace(taken, device=", ".join(lineage["hardware"]["gpus"]))
    except (OSError, ValueError, KeyError, TypeError):
        return taken


def pages(receipt: Receipt, folder: Path) -> int | None:
    """Return how many pages a job worked on: the records of what it made, where it makes a record for each page.

    A training sees its pages in each epoch. None for a job that works on none, or where its files cannot be read.
    """
    try:
        if _TRAINING_LINEAGE in receipt.outputs:
            lineage = json.loads((folder / _TRAINING_LINEAGE).read_text(encoding="utf-8"))
            return int(lineage["training"]["train_pages"]) * int(lineage["configuration"]["train"]["epochs"])
        # A benchmark's manifest says of each page what its record says.
        for suffix, count in ((".jsonl", _lines), (".csv", _page_rows)):
            counts = [count(folder / path) for path in receipt.outputs if path.endswith(suffix)]
            if any(counts):
                return sum(counts)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # figures for people: what cannot be read is not known
    return None


def _lines(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(1 for _ in stream)


def _page_rows(path: Path) -> int:
    """Return how many rows a table of pages has; 0 for a table of something else."""
    with path.open(encoding="utf-8", newline="") as stream:
        # A cell of a manifest may hold a line end.
        rows = csv.reader(stream)
        return sum(1 for _ in rows) if "page" in next(rows, []) else 0

"""What a build's jobs took: wall time, processor time, memory, pages per second and device, for people to read.

Such figures differ from run to run of the same build, so no rule makes them and nothing hashes them: Snakemake's
`benchmark` files have wall time and memory, `note` adds beside them (as a job ends) which receipt they belong to and on
what device the job ran, and `write_page` sums them up as a build ends: reports/resources.html. The report shows that
page's figures where the page lies beside it and is of the same build.

    benchmarks/jobs/<job>.tsv     by Snakemake
    benchmarks/jobs/<job>.json    {"receipt": sha256, "device", "gpu_peak_mb"}

A job whose receipt is another than the one noted was not run here: its result was restored by git and `dvc pull`.
"""

import csv
import json
import logging
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scribetune import files, layout, receipts
from scribetune.package import package_file

AROUND_A_JOB = True

logger = logging.getLogger(__name__)

FOLDER = Path("benchmarks/jobs")
PAGE = Path(layout.REPORTS) / "resources.html"

UNKNOWN = "not known here"
_CPU = "CPU"
_LEAST_MB = 16.0
"""Less is what Snakemake sees of a process that is just starting: such a job was over before it was measured."""

STAGES: Mapping[str, str] = {
    "make_samples": "sample corpus",
    "render_pages": "page images",
    "label_pages": "labels",
    "select_pages": "choice of pages",
    "split_documents": "splits",
    "train_adapter": "training",
    "merge_adapter": "merging, with its proof",
    "make_retention": "retention pages",
    "predict_base": "reading, base",
    "predict_tuned": "reading, tuned",
    "score_predictions": "scores",
    "prepare_benchmark": "public benchmarks, page images",
    "predict_benchmark_base": "public benchmarks, reading, base",
    "predict_benchmark_tuned": "public benchmarks, reading, tuned",
    "score_benchmark": "public benchmarks, scores",
    "write_report": "report",
}
"""Rules in the order of the build, in words; others follow under their own names, and the small ones are one row."""

_TEST, _RETENTION = f"{layout.SPLITS}/test.jsonl", f"{layout.RETENTION}/pages.jsonl"
_COUNTED: Mapping[str, tuple[str, ...]] = {
    "render_pages": (f"{layout.MANIFESTS}/pages/{{shard}}.csv",),
    "label_pages": (f"{layout.MANIFESTS}/labels/{{shard}}.csv",),
    "select_pages": (f"{layout.MANIFESTS}/selection/all.csv",),
    "split_documents": tuple(f"{layout.SPLITS}/{name}.jsonl" for name in ("train", "validation", "test")),
    "make_retention": (_RETENTION,),
    "predict_base": (_TEST, _RETENTION),
    "predict_tuned": (_TEST, _RETENTION),
    "score_predictions": (_TEST, _RETENTION),
    "write_report": (_TEST,),
}
"""Files with a record for each page that a rule works on; a training sees its pages in each epoch."""


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
class Stage:
    """What the jobs of a rule took: sums of times, the greatest of memories.

    Attributes:
        rule: The rule.
        jobs: How many it has.
        measured: What is known, of how many of them.
        pages: Pages that the measured jobs worked on; None where a rule works on no pages.
    """

    rule: str
    jobs: int
    measured: tuple[Job, ...]
    pages: int | None

    @property
    def seconds(self) -> float:
        """Wall time of all measured jobs, one after another."""
        return sum(job.seconds for job in self.measured)


def note(job: str, folder: Path = Path()) -> None:
    """Note beside the benchmark file of a job that has just ended what its figures are about.

    Args:
        job: Its name (`receipts.job_name`); its receipt has been written.
        folder: Working directory of the build.
    """
    device, gpu_peak_mb = _device()
    record = {"receipt": files.sha256_file(_receipt(job, folder)), "device": device, "gpu_peak_mb": gpu_peak_mb}
    files.write_json(folder / FOLDER / f"{job}.json", record)


def _receipt(job: str, folder: Path) -> Path:
    return folder / receipts.FOLDER / f"{job}.json"


def _device() -> tuple[str, float | None]:
    """Return what this process computed on, and the greatest memory of tensors on GPUs; loads no PyTorch for that."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return _CPU, None
    peaks = {index: torch.cuda.max_memory_allocated(index) / 2**20 for index in range(torch.cuda.device_count())}
    used = {index: peak for index, peak in peaks.items() if peak > 0}
    if not used:
        return _CPU, None
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
        cpu_seconds=_number(row.get("cpu_time")),
        peak_mb=peak if peak is not None and peak >= _LEAST_MB else None,
        device=str(noted.get("device", "")),
        gpu_peak_mb=_number(noted.get("gpu_peak_mb")),
    )


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None  # Snakemake writes "NA" for what it could not measure


def stages(folder: Path = Path(), shards: Collection[str] | None = None) -> tuple[Stage, ...]:
    """Return what each rule's jobs took, in the order of the build.

    Args:
        folder: Working directory of the build.
        shards: The build's shards; receipts of others are left over. None: all there are.
    """
    by_rule: dict[str, list[receipts.Receipt]] = {}
    for receipt in receipts.read(folder).values():
        if shards is None or receipt.wildcards.get("shard") in (None, *shards):
            by_rule.setdefault(receipt.rule, []).append(receipt)
    order = [rule for rule in STAGES if rule in by_rule] + sorted(set(by_rule) - set(STAGES))
    found = []
    for rule in order:
        known = [
            (receipt, _on_gpus(taken, rule, folder))
            for receipt in by_rule[rule]
            if (taken := job(receipt.job, folder)) is not None
        ]
        counted = [count for receipt, _ in known if (count := _pages(receipt, folder)) is not None]
        pages = sum(counted) if counted else None
        found.append(Stage(rule, len(by_rule[rule]), tuple(taken for _, taken in known), pages))
    return tuple(found)


def _on_gpus(taken: Job, rule: str, folder: Path) -> Job:
    """Return what a training took, with the GPUs that its lineage names: on several it computes in other processes."""
    if rule != "train_adapter" or taken.device != _CPU:
        return taken
    try:
        lineage = json.loads((folder / layout.ADAPTER / "lineage.json").read_text(encoding="utf-8"))
        is_on_cpu = lineage["training"]["device"] == "cpu"
        return taken if is_on_cpu else replace(taken, device=", ".join(lineage["hardware"]["gpus"]))
    except (OSError, ValueError, KeyError, TypeError):
        return taken


def _pages(receipt: receipts.Receipt, folder: Path) -> int | None:
    """Return how many pages a job worked on; None for a job that works on none, or where its files cannot be read."""
    try:
        if receipt.rule == "train_adapter":
            lineage = json.loads((folder / layout.ADAPTER / "lineage.json").read_text(encoding="utf-8"))
            return int(lineage["training"]["train_pages"]) * int(lineage["configuration"]["train"]["epochs"])
        paths = [folder / path.format(**receipt.wildcards) for path in _COUNTED.get(receipt.rule, ())]
        return sum(map(_records, paths)) if paths else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _records(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as stream:
        # A cell of a manifest may hold a line end, and its first row is the header.
        return sum(1 for _ in csv.reader(stream)) - 1 if path.suffix == ".csv" else sum(1 for _ in stream)


HEAD = ("stage", "jobs", "wall time", "processor time", "peak memory", "pages", "pages per second", "device")


def rows(found: Sequence[Stage]) -> tuple[tuple[str, ...], ...]:
    """Return the table as text, a row for each stage of `STAGES`, one for all others, and the sum."""
    named = [(STAGES[stage.rule], (stage,)) for stage in found if stage.rule in STAGES]
    others = tuple(stage for stage in found if stage.rule not in STAGES)
    told = [_row(name, of) for name, of in named]
    if others:
        told.append(_row(f"cards, lineage, crate ({len(others)} rules)", others))
    return (*told, _row("all, one after another", found)) if found else ()


def _row(name: str, of: Sequence[Stage]) -> tuple[str, ...]:
    jobs = sum(stage.jobs for stage in of)
    known = [taken for stage in of for taken in stage.measured]
    counted = f"{len(known)} of {jobs}" if len(known) < jobs else str(jobs)
    if not known:
        return (name, str(jobs), UNKNOWN, "—", "—", "—", "—", "—")
    seconds = sum(taken.seconds for taken in known)
    processor = [taken.cpu_seconds for taken in known if taken.cpu_seconds is not None]
    peaks = [taken.peak_mb for taken in known if taken.peak_mb is not None]
    gpu_peaks = [taken.gpu_peak_mb for taken in known if taken.gpu_peak_mb is not None]
    peak = _megabytes(max(peaks)) if peaks else "too short to tell"
    if gpu_peaks:
        peak += f", GPU {_megabytes(max(gpu_peaks))}"
    # The pages of several stages are the same pages: they have no sum.
    pages = of[0].pages if len(of) == 1 else None
    rate = "—" if pages is None or seconds <= 0 else _rate(pages / seconds)
    devices = ", ".join(sorted({taken.device for taken in known if taken.device}))
    return (
        name, counted, _duration(seconds), _duration(sum(processor)) if processor else "—", peak,
        "—" if pages is None else str(pages), rate, devices or "—",
    )  # fmt: skip


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _megabytes(value: float) -> str:
    return f"{value / 1024:.1f} GiB" if value >= 1024 else f"{value:.0f} MiB"


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def write_page(folder: Path = Path(), shards: Collection[str] | None = None) -> Path | None:
    """Write reports/resources.html; None where there is no report that could show it.

    Args:
        folder: Working directory of the build.
        shards: The build's shards.
    """
    sources = (folder / layout.REPORTS / "metrics.json", folder / layout.ADAPTER / "lineage.json")
    if not (folder / layout.REPORTS / "index.html").exists() or not all(path.exists() for path in sources):
        return None
    import jinja2

    from scribetune.report_data import build_id

    template = package_file("resources.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"page": template}), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    page = environment.get_template("page").render(
        head=HEAD, rows=rows(stages(folder, shards)), build=build_id(*sources), unknown=UNKNOWN
    )
    files.write_text(folder / PAGE, page)
    return folder / PAGE

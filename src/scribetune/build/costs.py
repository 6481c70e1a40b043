"""What a build will take before it starts: jobs, pages, gigabytes, processor hours and GPU hours by stage, and money.

Snakemake says which jobs would run. Pages are those of the manifests that are there; of documents that were never read,
as many as a sample of them has. Rates are `build.rates`.
"""

import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribetune.build import rates
from scribetune.build.rates import Device, Rate
from scribetune.core import csv_files, layout
from scribetune.core.config import Config
from scribetune.core.errors import counted
from scribetune.core.isolation import Task, Workers
from scribetune.record import provenance, remembered

if TYPE_CHECKING:
    from snakemake.dag import DAG

    from scribetune.build.plan import Plan

_SAMPLED = 60
_OPEN_LIMIT_S = 5.0
_SAMPLE_PAGES = 174 / 104  # pages of a document of the sample corpus
_ACCEPTED = 0.9
"""Share of pages that selection accepts, where it has not been made yet (docs/scale.md)."""
_GIGABYTE = 1e9
_IMAGE_BYTES, _IMAGE_PX = 230_000.0, 2304
"""A page image of the long side `_IMAGE_PX` (docs/benchmarks.md); others go with their area."""
_LABEL_BYTES, _ANSWER_BYTES, _REPORT_BYTES = 4_000.0, 4_000.0, 6_100.0
_FULL_SIZE_GB = 6.8
_READ = ("predict_base", "predict_tuned", "score_predictions")
"""Rules that work on test pages and on those of the retention set."""


@dataclass(frozen=True)
class Work:
    """What the jobs of a rule will work on."""

    rule: str
    jobs: int
    pages: int  # 0 where it works on none


@dataclass(frozen=True)
class Stage:
    """What the jobs of a rule will take."""

    rule: str
    jobs: int
    pages: int
    gigabytes: float  # that they leave
    cpu_hours: float
    gpu_hours: float
    source: str  # of the rate: "docs", or "3 jobs here"


@dataclass(frozen=True)
class Forecast:
    """What a build will take."""

    stages: tuple[Stage, ...]
    device: Device  # that models will run on
    notes: tuple[str, ...] = ()

    @property
    def cpu_hours(self) -> float:
        """Hours of one core, all stages."""
        return sum(stage.cpu_hours for stage in self.stages)

    @property
    def gpu_hours(self) -> float:
        """Hours of one GPU, all stages."""
        return sum(stage.gpu_hours for stage in self.stages)

    @property
    def gigabytes(self) -> float:
        """What all stages leave on the disk."""
        return sum(stage.gigabytes for stage in self.stages)

    @property
    def pages(self) -> int:
        """Pages of the documents."""
        return max((stage.pages for stage in self.stages if stage.rule != "train_adapter"), default=0)

    def price(self, eur_per_gpu_hour: float, eur_per_cpu_hour: float) -> float:
        """Return what the build costs, in euros."""
        return self.gpu_hours * eur_per_gpu_hour + self.cpu_hours * eur_per_cpu_hour

    def as_json(self) -> dict[str, Any]:
        """Return stages and sums."""
        sums = {"cpu_hours": self.cpu_hours, "gpu_hours": self.gpu_hours, "gigabytes": self.gigabytes}
        return {**asdict(self), "sums": {"jobs": sum(stage.jobs for stage in self.stages), **sums}}


def forecast(
    folder: Path,
    targets: Sequence[str] = (),
    *,
    config_files: Sequence[Path] = (),
    config: Mapping[str, Any] | None = None,
    device: Device | None = None,
    pilot: Path | None = None,
) -> Forecast:
    """Return what a build of targets (none: everything) will take; runs nothing.

    Args:
        folder: Its working directory.
        targets: As `reasons.explain` has them.
        config_files: Of --configfile.
        config: Nested values of --set.
        device: What models will run on; None: what this environment is for.
        pilot: Another build's folder: rates are those of its jobs, where this folder has none of a rule.

    Raises:
        UserError: The workflow cannot be planned.
    """
    from scribetune.build import reasons

    folder = folder.resolve()
    on: Device = device or ("gpu" if provenance.lock_in_use().stem == "gpu" else "cpu")
    with remembered.called_from_here(), reasons.planned_build(folder, targets, config_files, config or {}) as dag:
        plan = dag.workflow.globals["plan"]
        counted = _Pages(folder, plan)
        work = _works(dag, counted)
        own = rates.measured(folder, on, plan.config)
        if pilot is not None:
            own = rates.measured(pilot, on, plan.config) | own
        is_embedded = plan.config.base_model.name == "models/tiny"
        is_sample = bool(plan.documents.sample_specs)
        stages = tuple(
            _stage(each, own, on, plan.config, model_gb=_model_gb(plan), is_sample=is_sample) for each in work
        )
    return Forecast(stages, on, (*counted.notes, *_doubts(stages, on, is_embedded=is_embedded)))


def on_paper(pages: int, config: Config, device: Device, *, pages_per_document: float = 3.0) -> Forecast:
    """Return what a build of so many pages takes by the documentation's rates: no folder is looked at."""
    documents = math.ceil(pages / pages_per_document)
    shards = math.ceil(documents / config.documents.per_shard)
    shares = _shares(config, round(pages * _ACCEPTED))
    test = shares["test"] + config.retention.count
    amounts = {
        "render_pages": (shards, pages), "label_pages": (shards, pages), "select_pages": (1, pages),
        "split_documents": (1, sum(shares.values())), "make_retention": (1, 0),
        "train_adapter": (1, shares["train"] * config.train.epochs), "merge_adapter": (1, 0),
        "predict_base": (1, test), "predict_tuned": (1, test), "score_predictions": (1, test),
        "write_report": (1, shares["test"]), "write_lineage": (1, pages), "write_crate": (1, pages),
    }  # fmt: skip
    work = [Work(rule, *amount) for rule, amount in amounts.items()]
    is_embedded = config.base_model.name == "models/tiny"
    model_gb = 0.02 if is_embedded and device == "cpu" else _FULL_SIZE_GB
    stages = tuple(_stage(each, {}, device, config, model_gb=model_gb) for each in work)
    assumed = f"{counted(documents, 'document')} of {pages_per_document:g} pages, {_ACCEPTED:.0%} of the pages accepted"
    return Forecast(stages, device, (assumed, *_doubts(stages, device, is_embedded=is_embedded)))


def _doubts(stages: Iterable[Stage], device: Device, *, is_embedded: bool) -> Iterator[str]:
    from_docs = [stage.rule for stage in stages if stage.source == "docs"]
    if from_docs:
        yield "Where the source is docs, rates are those of docs/benchmarks.md: one core there, one H200."
    if device == "cpu" and not is_embedded and any(rule in rates.ON_GPU for rule in from_docs):
        yield (
            "Models: the documentation's CPU rates are those of the embedded model; a full-size model on a CPU takes "
            "hundreds of times as long (--device gpu)"
        )


def _stage(
    work: Work, own: Mapping[str, Rate], device: Device, config: Config, model_gb: float, *, is_sample: bool = False
) -> Stage:
    rate = own.get(work.rule) or rates.documented(work.rule, device, config, is_sample=is_sample)
    hours = rate.seconds(work.jobs, work.pages) / 3600
    is_on_gpu = rate.device == "gpu"
    return Stage(
        work.rule, work.jobs, work.pages, _gigabytes(work, config, model_gb),
        # A process that feeds a GPU keeps a core.
        cpu_hours=hours, gpu_hours=hours if is_on_gpu else 0.0, source=rate.source,
    )  # fmt: skip


def _gigabytes(work: Work, config: Config, model_gb: float) -> float:
    image = _IMAGE_BYTES * (config.pages.long_side_px / _IMAGE_PX) ** 2
    per_page = {
        "render_pages": image, "prepare_benchmark": image, "label_pages": _LABEL_BYTES, "split_documents": 2_000.0,
        "predict_base": _ANSWER_BYTES, "predict_tuned": _ANSWER_BYTES, "write_report": _REPORT_BYTES,
    }  # fmt: skip
    fixed = {"merge_adapter": model_gb, "train_adapter": 0.1 * model_gb}
    return work.pages * per_page.get(work.rule, 0.0) / _GIGABYTE + fixed.get(work.rule, 0.0)


def _model_gb(plan: "Plan") -> float:
    return plan.model.memory_mb(0) / 2 / 1000


def _shares(config: Config, pages: int) -> dict[str, int]:
    test, validation = round(pages * config.splits.test), round(pages * config.splits.validation)
    return {"train": pages - test - validation, "validation": validation, "test": test}


def _works(dag: "DAG", pages: "_Pages") -> list[Work]:
    """Return the rules that would run, upstream first."""
    found: dict[str, Work] = {}
    running = [job for job in dag.bfs(dag.dependencies, *dag.targetjobs) if dag.needrun(job) and not job.is_norun]
    anew = {job.rule.name for job in running}
    wanted = set(running)
    order = [job for level in dag.toposorted() for job in sorted(level, key=str) if job in wanted]
    for job in order:
        rule = job.rule.name
        before = found.get(rule, Work(rule, 0, 0))
        count = pages.of(rule, job.wildcards_dict, anew)
        found[rule] = Work(rule, before.jobs + 1, before.pages + count)
    return list(found.values())


class _Pages:
    """How many pages jobs will work on."""

    def __init__(self, folder: Path, plan: "Plan") -> None:
        self._folder, self._plan = folder, plan
        self._known = self._rendered()
        self.notes: list[str] = []
        unknown = [each for each in plan.documents.all if each.id not in self._known]
        if plan.documents.sample_specs:
            self._mean = _SAMPLE_PAGES
        elif not unknown:
            self._mean = 0.0
        else:
            self._mean, of = _mean_pages([folder / each.path for each in unknown])
            self.notes.append(f"{self._mean:.3g} pages a document, counted in {of} of {len(unknown):,} not read before")

    def of(self, rule: str, wildcards: Mapping[str, str], anew: set[str]) -> int:
        """Return the pages of a job of a rule; `anew` are the rules that will run."""
        if "shard" in wildcards:
            return self._in(each.id for each in self._plan.documents.shards[wildcards["shard"]])
        everything = self._in(each.id for each in self._plan.documents.all)
        if rule == "make_samples":
            return len(self._plan.documents.all)
        if rule in ("select_pages", "write_lineage", "write_crate"):
            return everything
        splits = self._splits(everything, anew)
        config = self._plan.config
        read = dict.fromkeys(_READ, splits["test"] + config.retention.count)
        trained = splits["train"] * config.train.epochs
        counts = {"split_documents": sum(splits.values()), "train_adapter": trained, "write_report": splits["test"]}
        return {**counts, **read}.get(rule, 0)

    def _in(self, documents: Iterable[str]) -> int:
        return round(sum(self._known.get(name, self._mean) for name in documents))

    def _rendered(self) -> dict[str, int]:
        paths = sorted((self._folder / layout.MANIFESTS / "documents").glob("*.csv"))
        return {row["document"]: int(row["pages"]) for path in paths for row in csv_files.read(path)}

    def _splits(self, everything: int, anew: set[str]) -> dict[str, int]:
        paths = {name: self._folder / layout.SPLITS / f"{name}.jsonl" for name in ("train", "validation", "test")}
        if "split_documents" not in anew and all(path.is_file() for path in paths.values()):
            return {name: sum(1 for _ in path.open("rb")) for name, path in paths.items()}
        selection = self._folder / layout.MANIFESTS / "selection" / "all.csv"
        share = _ACCEPTED
        if selection.is_file() and (rows := csv_files.read(selection)) and "status" in rows[0]:
            share = sum(row["status"] == "accepted" for row in rows) / len(rows)
        return _shares(self._plan.config, round(everything * share))


def _mean_pages(paths: Sequence[Path]) -> tuple[float, int]:
    """Return the mean number of pages of a sample of documents, and how many could be counted."""
    chosen = random.Random(0).sample(paths, min(_SAMPLED, len(paths)))  # noqa: S311  a sample, no secret
    with Workers(1, prepare=_prepare) as workers:
        outcomes = list(workers.run([Task(_page_count, (str(path),), _OPEN_LIMIT_S) for path in chosen]))
    counts = [outcome.value for outcome in outcomes if isinstance(outcome.value, int)]
    return (sum(counts) / len(counts), len(counts)) if counts else (1.0, 0)


def _prepare() -> None:
    import pymupdf  # noqa: F401


def _page_count(path: str) -> int:
    import pymupdf

    with pymupdf.open(path) as document:
        return int(document.page_count)


def words(forecast: Forecast, eur_per_gpu_hour: float | None, eur_per_cpu_hour: float | None) -> list[str]:
    """Return a forecast as a table, its sums, and what it costs where a price is given."""
    if not forecast.stages:
        return ["Nothing would run: files, keys, code and libraries are those of the last build."]
    head = ("stage", "jobs", "pages", "GB", "CPU-hours", "GPU-hours", "rates from")
    total = Stage("in all", sum(stage.jobs for stage in forecast.stages), forecast.pages, forecast.gigabytes,
                  forecast.cpu_hours, forecast.gpu_hours, "")  # fmt: skip
    rows = [head, *map(_row, (*forecast.stages, total))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    ends = (0, len(head) - 1)
    lines = [
        "  ".join(
            cell.ljust(width) if column in ends else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines += ["", *forecast.notes]
    if eur_per_gpu_hour is not None or eur_per_cpu_hour is not None:
        price = forecast.price(eur_per_gpu_hour or 0.0, eur_per_cpu_hour or 0.0)
        each = f", {100 * price / forecast.pages:.3g} cents a page" if forecast.pages else ""
        lines.append(f"About {price:,.2f} EUR{each}.")
    return lines


def _row(stage: Stage) -> tuple[str, ...]:
    pages = f"{stage.pages:,}" if stage.pages else "—"
    gpu = _hours(stage.gpu_hours) if stage.gpu_hours else "—"
    size = f"{stage.gigabytes:,.3f}" if 0.0005 <= stage.gigabytes < 1 else f"{stage.gigabytes:,.1f}"
    return (stage.rule, f"{stage.jobs:,}", pages, size, _hours(stage.cpu_hours), gpu, stage.source)


def _hours(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.4f}"

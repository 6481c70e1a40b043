"""The plan of a build, made when the Snakefile is read: documents, shards, base model, and each rule's digests.

Cheap on purpose: no model library, no PDF library, no data frame is imported here.
"""

import gc
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from scribetune import code, families, layout, listings, prompts, provenance, receipts, samples, withdrawals
from scribetune import config as configuration
from scribetune.benchmarks import listing, sources
from scribetune.config import Benchmark, Config
from scribetune.documents import Document, SheetRow, assign_shards, find_pdfs, kept_by_dvc, read_sheet
from scribetune.errors import UserError
from scribetune.review import decisions, spot_check
from scribetune.withdrawals import Withdrawal

_LEAST_DOCUMENTS = 3
_MOST_PATHS = 5
_BENCHMARK_FILES = ("base.jsonl", "tuned.jsonl", "samples.csv", "scores.json")
_UNSEEN_MODEL_MB = 8000
"""Weights of a model that was not looked at yet; those of DeepSeek-OCR-2 are 6,800."""


@dataclass(frozen=True)
class Plan:
    """What a build is about to do.

    Attributes:
        config: The checked configuration.
        working_directory: Where inputs and outputs are relative to.
        documents: Every input PDF.
        shards: Shard → documents.
        sheet: Document id → what the sheet says.
        sample_specs: The sample corpus, where it stands in for the user's PDFs; else empty.
        withdrawals: What config/withdrawn.csv says.
        withdrawn: Document id → sha256, of those among the documents.
        rejected: Page id → sha256 of the PDF, of pages that people rejected (data/corrections/reviews.csv).
        repair_counts: Job → how often it ran again because files were not what its receipt said.
        altered: Job → its outputs that are not what it made.
    """

    config: Config
    working_directory: Path
    documents: tuple[Document, ...]
    shards: Mapping[str, tuple[Document, ...]]
    sheet: Mapping[str, SheetRow]
    sample_specs: tuple[samples.SampleSpec, ...] = field(repr=False)
    withdrawals: tuple[Withdrawal, ...] = ()
    withdrawn: Mapping[str, str] = field(default_factory=dict)
    rejected: Mapping[str, str] = field(default_factory=dict, repr=False)
    repair_counts: Mapping[str, str] = field(default_factory=dict, repr=False)
    altered: Mapping[str, list[str]] = field(default_factory=dict)

    def settings(self, *wanted: str) -> dict[str, dict[str, Any]]:
        """Return the configuration keys a rule reads, for its `params`: "pages" or "pages.color" each.

        `train.gpus` is in no rule's `params`: it reaches the job as a resource, which re-runs nothing.
        """
        values = self.config.model_dump(mode="json")
        del values["train"]["gpus"]
        chosen: dict[str, dict[str, Any]] = {}
        for name in wanted:
            section, _, key = name.partition(".")
            chosen.setdefault(section, {}).update({key: values[section][key]} if key else values[section])
        return chosen

    def gpus(self, offered: Mapping[str, Any]) -> int:
        """Return how many GPUs a training may use: those that `--resources gpu=N` offers, up to `train.gpus`.

        Args:
            offered: Snakemake's `workflow.global_resources`.
        """
        most = self.config.train.gpus
        value = getattr(offered.get("gpu"), "value", None)
        if value is None:
            return 1 if most == "auto" else most
        there = max(1, int(value))  # gpu=0 is Snakemake's to refuse
        return there if most == "auto" else min(most, there)

    def keep_altered(self) -> None:
        """Put altered outputs aside and say where; called when a build starts, since Snakemake then removes them."""
        for path in receipts.set_aside(self.altered):
            _say_once(f"What was altered is kept in {path}")

    def say_summary(self) -> None:
        """Say what a build used, refused and achieved, and leave what it took beside the report.

        Called when it has ended well.
        """
        from scribetune import resources, summary

        resources.write_page(Path(), self.shards)
        if (Path(layout.REPORTS) / "documents.csv").exists():
            sys.stderr.write(summary.text(Path()))

    @staticmethod
    def code(rule: str) -> str:
        """Return the digest of the code that a rule executes."""
        return code.rule_digest(rule)

    @cached_property
    def environment(self) -> str:
        """Digest of the lock file this environment was made from."""
        return provenance.environment_digest(provenance.lock_in_use())

    def repairs(self, rule: str) -> Callable[[Mapping[str, str]], str]:
        """Return a params function: its value changes where files are not what the job's receipt says."""

        def count(wildcards: Mapping[str, str]) -> str:
            return self.repair_counts.get(receipts.job_name(rule, dict(wildcards.items())), receipts.NO_REPAIRS)

        return count

    @property
    def kind(self) -> str:
        """Kind of this environment, "cpu" or "gpu": the conda file of rules that run models."""
        return provenance.lock_in_use().stem

    @property
    def raw_folder(self) -> str:
        """The folder that the documents' relative paths count from."""
        return layout.SAMPLES if self.sample_specs else self.config.documents.raw

    @staticmethod
    def as_given(paths: Iterable[Path]) -> list[str]:
        """Return files of the repository as Snakemake takes them: relative where they lie in the working directory."""
        return [_as_given(path) for path in paths]

    def pdfs(self, shard: str) -> list[str]:
        """Return a shard's PDFs as inputs: the sample PDFs, which a rule makes, or the listing of the user's."""
        if self.sample_specs:
            return [document.path.as_posix() for document in self.shards[shard]]
        return [listings.path_of(shard)]

    def identities(self, shard: str) -> dict[str, list[str]]:
        """Return {document id: [relative path, variable of its password]} of a shard: what its job must know."""
        return {
            document.id: [document.relative_path, self.sheet.get(document.id, SheetRow()).password_variable]
            for document in self.shards[shard]
        }

    def said(self, *columns: str) -> dict[str, list[str]]:
        """Return {document id: those cells of the sheet}, for documents of which it says anything there."""
        rows = {name: [getattr(row, column) for column in columns] for name, row in sorted(self.sheet.items())}
        return {name: cells for name, cells in rows.items() if any(cells)}

    def withdrawn_in(self, shard: str) -> dict[str, str]:
        """Return {document id: sha256} of a shard's withdrawn documents: a withdrawal re-runs their shards alone."""
        return {
            document.id: self.withdrawn[document.id] for document in self.shards[shard] if document.id in self.withdrawn
        }

    @property
    def refused(self) -> dict[str, list[str]]:
        """The hashes that selection refuses: {"documents": of PDFs, "labels": of labels}, sorted."""
        found = withdrawals.refused(self.withdrawals)
        return {"documents": sorted(found.documents), "labels": sorted(found.labels)}

    def corrections(self, shard: str) -> list[str]:
        """Return the human labels for a shard's documents."""
        return [path for document in self.shards[shard] for path in self._corrections.get(document.id, ())]

    @cached_property
    def _corrections(self) -> Mapping[str, list[str]]:
        """Document → its human labels. Few documents have any: their folders are listed, not everyone's looked for."""
        found: dict[str, list[str]] = {}
        for path in sorted(Path(self.config.labels.corrections).glob("*/p[0-9]*.md")):
            found.setdefault(path.parent.name, []).append(path.as_posix())
        return found

    @property
    def spot_checks(self) -> list[str]:
        """The spot checks of labels by people, which the report tells of."""
        return [path.as_posix() for path in sorted(Path(self.config.labels.corrections).glob(spot_check.PATTERN))]

    @property
    def benchmarks(self) -> tuple[str, ...]:
        """Names of the public benchmarks, as configured."""
        return tuple(benchmark.name for benchmark in self.config.evaluation.benchmarks)

    @property
    def benchmark_pattern(self) -> str:
        """What a benchmark's name may be, as a regular expression; without any benchmark, nothing."""
        return "|".join(map(re.escape, self.benchmarks)) or "(?!)"

    @property
    def benchmark_scores(self) -> list[str]:
        """The scores of every benchmark."""
        return [f"{layout.BENCHMARK_REPORTS}/{name}/scores.json" for name in self.benchmarks]

    def wanted_benchmarks(self, _wildcards: object) -> list[str]:
        """Input function of the target `benchmarks`: the scores, or a refusal where no benchmark is configured."""
        if self.benchmarks:
            return self.benchmark_scores
        error = UserError(
            "No public benchmark is configured",
            value=[],
            accepted="a list of {name, truth, images} in evaluation.benchmarks",
            todo="name one in config/config.yaml, or with --config; docs/evaluation-sets.md has an example",
        )
        return [_refuse(error)]

    @property
    def benchmark_results(self) -> list[str]:
        """Everything that the lineage hashes of the benchmarks, scores included."""
        return [
            path
            for name in self.benchmarks
            for path in (
                f"{layout.BENCHMARKS}/manifests/{name}.csv",
                f"{layout.BENCHMARKS}/records/{name}.jsonl",
                *(f"{layout.BENCHMARK_REPORTS}/{name}/{file}" for file in _BENCHMARK_FILES),
            )
        ]

    def _benchmark(self, name: str) -> Benchmark:
        return next(benchmark for benchmark in self.config.evaluation.benchmarks if benchmark.name == name)

    def benchmark_pages(self, name: str) -> str:
        """Return the listing of a benchmark's pages."""
        return listing.path_of(self._benchmark(name).name)

    def benchmark_images(self, name: str) -> str:
        """Return the folder of a benchmark's images and PDFs."""
        return listing.images_of(self._benchmark(name)).as_posix()

    def benchmark_truth(self, name: str) -> list[str]:
        """Return the files that a benchmark's truth is in."""
        return [path.as_posix() for path in sources.truth_files(Path(self._benchmark(name).truth))]

    def benchmark_truth_settings(self, name: str) -> dict[str, str]:
        """Return how a benchmark's truth is read: its path and its form."""
        benchmark = self._benchmark(name)
        return {"truth": benchmark.truth, "kind": benchmark.kind}

    @staticmethod
    def codes(*rules: str) -> dict[str, str]:
        """Return {rule: digest of its code}."""
        return {rule: code.rule_digest(rule) for rule in rules}

    def base_model(self, _wildcards: object) -> list[str]:
        """Input function: the files of the base model; none where it comes from the hub."""
        try:
            families.resolve(self.config.base_model, self._model_roots)
            found = families.base_model_files(self.config.base_model.name, self._model_roots)
        except UserError as error:
            return [_refuse(error)]
        return [_as_given(path) for path in found]

    def memory_mb(self, process_mb: int, *, features: bool = False) -> int:
        """Return the main memory that a job with the base model may need, in MB, for a rule's `mem_mb`.

        On a CPU weights of 16 bits are computed with in 32, and take twice what their files take; on a GPU loading
        passes over them once. A model of the hub may not be there yet: it is taken to be of `_UNSEEN_MODEL_MB`.

        Args:
            process_mb: What the process takes with the embedded model, from measured jobs.
            features: Whether the job keeps vision features of pages, up to `train.vision_memory_gb`. Counted with a
                GPU: what a CPU can be trained on has few pages.
        """
        try:
            files = families.base_model_files(self.config.base_model.name, self._model_roots)
        except UserError:
            files = []  # refused where it is an input
        weights = sum(path.stat().st_size for path in files if path.suffix == ".safetensors") / 1e6
        kept = self.config.train.vision_memory_gb * 1000 if features and self.kind == "gpu" else 0.0
        return round(process_mb + 2 * (weights if files else _UNSEEN_MODEL_MB) + kept)

    def base_path(self, _wildcards: object) -> str:
        """Params function: where the base model is loaded from, a folder or a hub id; "" where `base_model` refuses."""
        try:
            return families.resolve(self.config.base_model, self._model_roots)
        except UserError:
            return ""

    def prompt(self, _wildcards: object) -> str:
        """Params function: what the model is asked, everywhere; "" where `splittable` refuses."""
        try:
            return prompts.prompt(self.config, self._model_roots)
        except UserError:
            return ""

    def _check_number_of_documents(self) -> None:
        usable = len(self.documents) - len(self.withdrawn)
        if usable < _LEAST_DOCUMENTS:
            besides = f", {len(self.withdrawn)} more withdrawn" if self.withdrawn else ""
            raise UserError(
                "A training, a validation and a test split need a document each; the test split would be empty",
                value=f"{usable} document(s) in {self.config.documents.raw}{besides}",
                accepted="at least three PDFs (fifty or more to learn from)",
                todo="add PDFs; the targets pages and labels work with any number",
            )

    def splittable(self, path: str) -> Callable[[object], str]:
        """Return an input function for `path` that refuses to start what must end in an empty split.

        It also refuses a base model that is not there: its family decides on the prompt in the records.
        """

        def give(_wildcards: object) -> str:
            try:
                self._check_number_of_documents()
                prompts.prompt(self.config, self._model_roots)
            except UserError as error:
                return _refuse(error)
            return path

        return give

    @property
    def _model_roots(self) -> tuple[Path, ...]:
        """A relative model folder is looked up in the working directory, then in the repository."""
        return (Path(), provenance.REPOSITORY)


def make_plan(values: Mapping[str, Any], *, in_job: bool = False) -> Plan:
    """Check the configuration and look at the inputs.

    Args:
        values: Snakemake's merged configuration; paths in it are relative to the current directory.
        in_job: The workflow is read by the process of a job: what was decided when the build began, holds.

    Raises:
        SystemExit: Something the user can mend, with the message. (Snakemake shows any exception of a Snakefile with
            the lines it came through.)
    """
    # Snakemake is about to make some dozen objects for each document, and to keep them: looking for garbage among them
    # over and over takes an eighth of a start with 10,000.
    gc.set_threshold(100_000, 50, 100)
    try:
        return _make_plan(values, in_job=in_job)
    except UserError as error:
        raise SystemExit(f"\n{error}\n") from None


def _make_plan(values: Mapping[str, Any], *, in_job: bool) -> Plan:
    config = configuration.load(values)
    raw = Path(config.documents.raw)
    is_default = config.documents.raw.rstrip("/") == layout.RAW
    found = [] if is_default and not raw.exists() else find_pdfs(raw)
    if is_default and not found and (kept := kept_by_dvc(raw)):
        raise UserError(
            f"DVC keeps {kept} PDFs in {layout.RAW}, and the folder holds none",
            value=f"{layout.RAW}.dvc",
            accepted="the PDFs; or no such record, for the sample corpus",
            todo=f"dvc pull (or dvc checkout); for the sample corpus, dvc remove {layout.RAW}.dvc",
        )
    specs: tuple[samples.SampleSpec, ...] = ()
    if not found and is_default:
        specs = tuple(
            samples.plan(config.samples.count, config.samples.seed, config.samples.languages, config.samples.designs)
        )
        found = sorted(Document(s.name, Path(layout.SAMPLES, f"{s.name}.pdf"), f"{s.name}.pdf") for s in specs)
    if not found:
        raise UserError(
            "No PDF below documents.raw",
            value=config.documents.raw,
            accepted="a folder with *.pdf files at any depth",
            todo=f"put PDFs there, or use {layout.RAW} and leave it empty for the sample corpus",
        )
    withdrawn = withdrawals.read(Path(layout.WITHDRAWN))
    shards = assign_shards(found, config.documents.per_shard)
    if not specs and not in_job:
        listings.write({shard: [document.path for document in members] for shard, members in shards.items()})
    if config.evaluation.benchmarks and not in_job:
        listing.write(config.evaluation.benchmarks)
    repairs = receipts.repairs(
        Path(),
        decide=not in_job,
        shards=shards,
        benchmarks=[benchmark.name for benchmark in config.evaluation.benchmarks],
    )
    for job, paths in repairs.altered.items():
        more = f" and {len(paths) - _MOST_PATHS} more" if len(paths) > _MOST_PATHS else ""
        _say_once(
            f"Not what {job} made: {', '.join(paths[:_MOST_PATHS])}{more}\n"
            "  It was edited, or git has moved on without `dvc pull`.\n"
            "  The job runs again; to have its result back without that: dvc pull (or dvc checkout)"
        )
    return Plan(
        config=config,
        working_directory=Path.cwd(),
        documents=tuple(found),
        shards=shards,
        sheet=read_sheet(Path(config.documents.sheet), found),
        sample_specs=specs,
        withdrawals=withdrawn,
        withdrawn=withdrawals.among(found, withdrawn),
        rejected=decisions.rejected(decisions.path_in(Path(config.labels.corrections))),
        repair_counts=repairs.counts,
        altered=repairs.altered,
    )


def _refuse(error: UserError) -> str:
    """Say why, and return an input that no rule makes: Snakemake then stops before any work, without a traceback.

    (An exception raised in an input function is shown with one, whatever its class.)
    """
    _say_once(str(error))
    return f"[{error.what}]"


@cache
def _say_once(message: str) -> None:
    from snakemake.logging import logger

    logger.error(message)


def _as_given(path: Path) -> str:
    """Return a path relative to the working directory where it lies below it: clones then agree on it."""
    try:
        return path.resolve().relative_to(Path.cwd().resolve()).as_posix()
    except ValueError:
        return path.as_posix()

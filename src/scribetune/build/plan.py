"""The plan of a build, made when the Snakefile is read: documents, shards, base model, and each rule's digests.

Cheap on purpose: no model library, no PDF library, no data frame is imported here.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from scribetune.build import consent, passwords
from scribetune.build.plan_benchmarks import Benchmarks
from scribetune.build.plan_documents import InputDocuments, input_documents
from scribetune.build.plan_model import BaseModel, relative_paths
from scribetune.build.plan_retention import retention_pdfs
from scribetune.build.plan_training import require_trainable
from scribetune.build.refusals import log_once, refusals
from scribetune.core import config as configuration
from scribetune.core import layout, package
from scribetune.core.config import Config
from scribetune.core.disk_space import require_some
from scribetune.core.files import sha256_file
from scribetune.documents import object_storage
from scribetune.record import code, provenance, receipts, trackers
from scribetune.record.receipts import Repairs
from scribetune.record.remembered import Remembered
from scribetune.serving import environment as server_environment

_MOST_PATHS = 5
_ALL_CORES = 64
"""What a rule asks for that takes all cores of a machine: Snakemake cuts it to those that there are."""
_SHARDS_A_CORE = 8
"""Shards for each core from which on jobs of one core each are the better use of them."""


@dataclass(frozen=True)
class Plan:
    """What a build is about to do."""

    config: Config  # the checked configuration
    documents: InputDocuments  # the input documents and their shards
    model: BaseModel  # the base model
    benchmarks: Benchmarks  # the public benchmarks
    to_repair: Repairs  # what must run again because files are not what receipts say

    @property
    def shards(self) -> list[str]:
        """Names of the shards."""
        return list(self.documents.shards)

    def threads_of_shard(self, cores: int | None) -> int:
        """Return the threads of a job that works on one shard, on a machine with so many cores for the build.

        All of them; or one where there are many shards: a job's start takes one core alone, and with jobs beside each
        other no core waits for it.
        """
        return 1 if cores and len(self.documents.shards) >= _SHARDS_A_CORE * cores else _ALL_CORES

    def settings(self, *wanted: str) -> dict[str, dict[str, Any]]:
        """Return the configuration keys a rule reads, for its `params`: "pages" or "pages.color" each.

        Keys that decide about no result are not among them: a script has them from Snakemake's configuration.
        """
        return configuration.chosen(self.config, wanted)

    def of_long_pages(self, *wanted: str) -> tuple[str, ...]:
        """Return keys that a rule reads only where long pages are cut."""
        return wanted if self.config.selection.long_pages == "split" else ()

    def of_questions(self, *wanted: str) -> tuple[str, ...]:
        """Return keys that a rule reads only where pages are asked for more than their labels."""
        task = self.config.task
        return wanted if task.needs_boxes or task.mix.weights else ()

    def of_boxes(self, *wanted: str) -> tuple[str, ...]:
        """Return what is wanted only where answers have boxes that are made of the labels'."""
        return wanted if self.config.task.needs_boxes else ()

    def blocks(self) -> list[str]:
        """Return where the places of blocks are, as inputs of what asks for them; [] where nothing does."""
        return list(self.of_boxes(*(f"{layout.BLOCKS}/{shard}.jsonl" for shard in self.shards)))

    @property
    def retention(self) -> str:
        """Records of the retention set: of the built-in pages, or of those of the user's own PDFs."""
        return f"{layout.RETENTION}/{'own/' if self.config.retention.folder else ''}pages.jsonl"

    def retention_pdfs(self, _wildcards: object) -> list[str]:
        """Return the PDFs of retention.folder; an input function, which refuses a folder without any."""
        with refusals():
            return retention_pdfs(Path(self.config.retention.folder), self.documents.hashes())

    @property
    def replay(self) -> list[str]:
        """Records of the pages that a training replays; none where it does not."""
        return [f"{layout.REPLAY}/pages.jsonl"] if self.config.train.replay else []

    def reuse(self, rule: str, *, script: str = "", folder: str = "", column: str = "") -> dict[str, Any]:
        """Return the `params` that decide, besides files and settings, whether a job's result is taken as it is.

        Args:
            rule: The rule's name.
            script: Name of its script, where that is not the rule's.
            folder: Where its jobs leave more files than Snakemake is told of: everything in this folder is a result.
            column: Where these files are named in a manifest that the job makes: the column of their paths; then only
                they are results. The column "<that>_sha256" has their hashes.
        """
        where = {"script": script, "folder": folder and _filled_in(folder), "column": column}
        return {
            "code": self.code(script or rule),
            "environment": self.environment,
            "repairs": self.repairs(rule),
            **{name: value for name, value in where.items() if value},
        }

    @staticmethod
    def code(rule: str) -> str:
        """Return the digest of the code that a rule executes."""
        return code.rule_digest(rule)

    @staticmethod
    def codes(*rules: str) -> dict[str, str]:
        """Return {rule: digest of its code}."""
        return {rule: code.rule_digest(rule) for rule in rules}

    @cached_property
    def environment(self) -> str:
        """Digest of the lock file this environment was made from."""
        return provenance.environment_digest(provenance.lock_in_use())

    def repairs(self, rule: str) -> Callable[[Mapping[str, str]], str]:
        """Return a params function: its value changes where files are not what the job's receipt says."""

        def count(wildcards: Mapping[str, str]) -> str:
            return self.to_repair.counts.get(receipts.job_name(rule, dict(wildcards.items())), receipts.NO_REPAIRS)

        return count

    @property
    def kind(self) -> str:
        """Kind of this environment, "cpu" or "gpu": the conda file of rules that run models."""
        return provenance.lock_in_use().stem

    @cached_property
    def parity(self) -> str:
        """Digest of reports/parity.json, which the report tells of; "" where nobody has asked for the target."""
        return _digest_where_it_is(Path(layout.PARITY))

    @cached_property
    def learning_curve(self) -> str:
        """Digest of reports/learning_curve.json, likewise."""
        return _digest_where_it_is(Path(layout.LEARNING_CURVE))

    @cached_property
    def variants(self) -> dict[str, str]:
        """Scores of smaller variants, which the report tells of: {path: digest}; none unless somebody made some."""
        found = Path(layout.QUANTIZED).glob(f"*/{layout.VARIANT_SCORES}")
        return {path.as_posix(): sha256_file(path) for path in sorted(found)}

    @cached_property
    def server(self) -> str:
        """Digest of what serves the model, in processes whose code is not the rule's."""
        return server_environment.digest()

    def gpus(self, offered: Mapping[str, Any]) -> int:
        """Return how many GPUs a training may use: what `--resources gpu=N` offered, up to `train.machine.gpus`."""
        most = self.config.train.machine.gpus
        value = getattr(offered.get("gpu"), "value", None)
        if value is None:
            return 1 if most == "auto" else most
        there = max(1, int(value))  # gpu=0 is Snakemake's to refuse
        return there if most == "auto" else min(most, there)

    @staticmethod
    def memory_mb(needed: int) -> Callable[[object, int], int]:
        """Return a resource function: what a job needs in MB, and as much again in each further attempt.

        One machine makes one attempt. A cluster's profile has more (`retries`): a job that was killed for its memory is
        then given more of it.
        """

        def of_attempt(wildcards: object, attempt: int) -> int:  # noqa: ARG001  Snakemake wants the name
            return needed * attempt

        return of_attempt

    def splittable(self, path: str) -> Callable[[object], str]:
        """Return an input function for `path` that refuses to start what must end in an empty split."""

        def give(_wildcards: object) -> str:
            with refusals():
                self.documents.require_enough()
            return path

        return give

    def trainable(self, path: str) -> Callable[[object], str]:
        """Return an input function for `path` that refuses a training which cannot run here."""

        def give(_wildcards: object) -> str:
            with refusals():
                require_trainable(self.config, self.model.roots, self.kind)
            return path

        return give

    @staticmethod
    def as_given(paths: Iterable[Path]) -> list[str]:
        """Return files of the repository as Snakemake takes them: relative where they lie in the working directory."""
        return relative_paths(paths)

    def prepare(self, call: Remembered, *, dry_run: bool = False) -> None:
        """Refuse what would replace results of another corpus or base model, and write what jobs read.

        That is: in the place of thousands of inputs, and the repairs that were decided on.

        Args:
            call: What this build is called with.
            dry_run: Nothing will run.

        Raises:
            SystemExit: Something the user can mend, with the message.
        """
        with refusals():
            require_some(Path())
            trackers.require(self.config.report.trackers)
            consent.check(call, self.config.results.replace, self.has_all, require_base=lambda: self.model.files(None))
            self.documents.write_listings(unread=self._never_made() if dry_run else ())
            self.benchmarks.write_listings()
            receipts.note_repairs(self.to_repair)

    def _never_made(self) -> set[str]:
        """Return the shards that nothing was made of: their jobs run whatever their documents' hashes are."""
        places = ((Path(layout.MANIFESTS, "documents"), ".csv"), (receipts.FOLDER / passwords.RENDERING, ".json"))
        return {
            shard
            for shard in self.shards
            if not any((folder / f"{shard}{suffix}").exists() for folder, suffix in places)
        }

    def has_all(self, hashes: Collection[str]) -> bool:
        """Tell whether the corpus has every document of these SHA-256."""
        return set(hashes) <= self.documents.hashes()


def _digest_where_it_is(path: Path) -> str:
    return sha256_file(path) if path.is_file() else ""


def _filled_in(folder: str) -> Callable[[Mapping[str, str]], str]:
    """Return a params function: a folder with the job's wildcards in it."""
    return lambda wildcards: folder.format(**dict(wildcards.items()))


def make_plan(values: Mapping[str, Any], *, in_job: bool = False) -> Plan:
    """Check the configuration and look at the inputs; writes nothing but copies of documents in object storage.

    `values` is Snakemake's merged configuration, with paths relative to the current directory. `in_job`: the workflow
    is read by the process of a job; what was decided when the build began, holds.

    Raises:
        SystemExit: Something the user can mend, with the message.
    """
    with refusals():
        config = configuration.load(values)
        code.read_all()  # before there are documents: they take the place of its syntax trees
        if not in_job:
            object_storage.update(config.documents.raw, log_once)
        documents = input_documents(config)
        benchmarks = Benchmarks(config.evaluation.benchmarks)
        owners = {"shards": documents.shards, "benchmarks": benchmarks.names}
        if in_job:
            to_repair = receipts.noted_repairs(Path(), **owners)
        else:
            locked = passwords.untried(documents)
            jobs = [receipts.job_name(passwords.RENDERING, {"shard": shard}) for shard in locked]
            to_repair = receipts.with_more(receipts.repairs(Path(), **owners), jobs)
        for job, paths in to_repair.altered.items():
            more = f" and {len(paths) - _MOST_PATHS} more" if len(paths) > _MOST_PATHS else ""
            log_once(
                f"Not what {job} made: {', '.join(paths[:_MOST_PATHS])}{more}\n"
                "  It was edited, or git has moved on without `dvc pull`.\n"
                "  The job runs again; to have its result back without that: dvc pull (or dvc checkout)"
            )
        # A relative model folder is looked up in the working directory, then in the repository.
        model = BaseModel(config, (Path(), package.REPOSITORY))
        return Plan(config, documents, model, benchmarks, to_repair)

"""Why a build would run what it would run: files, keys, functions and libraries, in words.

Snakemake says which jobs would run; receipts say what each of them read, was set to and ran with the last time.
"""

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scribetune.build import consent, passwords
from scribetune.core import config as configuration
from scribetune.core import package
from scribetune.core.errors import UserError, counted
from scribetune.core.file_hashes import FileHashes
from scribetune.record import code, provenance, receipts, remembered
from scribetune.record.receipts import Receipt

if TYPE_CHECKING:
    from snakemake.dag import DAG
    from snakemake.jobs import Job, Reason

Kind = Literal["file", "key", "function", "library", "output", "record", "other"]
_MOST_SHOWN = 12
_NOWHERE = object()


@dataclass(frozen=True)
class Cause:
    """One thing that makes a job run."""

    # file (an input), key (of the configuration), function (or class, constant, template), library, output
    # (missing or altered), record (nothing is known of the last run), other (in Snakemake's words)
    kind: Kind
    name: str  # path, section.key, definition or package
    change: str  # what became of it, in words


@dataclass(frozen=True)
class JobReasons:
    """A job that would run."""

    job: str  # its name: rule, and shard where it has one
    causes: tuple[Cause, ...]  # its own reasons; none where it only follows
    follows: tuple[str, ...]  # jobs whose outputs it reads and that would run before it


@dataclass(frozen=True)
class Explanation:
    """What would run for some targets, upstream first."""

    targets: tuple[str, ...]  # as asked; none for the whole build
    jobs: tuple[JobReasons, ...]  # what would run; none where nothing is to be done
    # old names of keys in the configuration, with the new ones; what such a build would replace
    notes: tuple[str, ...] = ()

    def words(self) -> list[str]:
        """Return lines for people."""
        asked = " ".join(self.targets) or "the whole build"
        notes = [line for note in self.notes for line in note.split("\n")]
        if not self.jobs:
            return [
                *notes,
                f"Nothing would run for {asked}: files, keys, code and libraries are those of the last build.",
            ]
        lines = [*notes, f"{counted(len(self.jobs), 'job')} would run for {asked}."]
        for causes, names in _grouped(self.jobs):
            lines += ["", _listed(names)]
            lines += [f"  {cause.kind:<8} {cause.name}: {cause.change}" for cause in causes[:_MOST_SHOWN]]
            if len(causes) > _MOST_SHOWN:
                lines.append(f"  … and {len(causes) - _MOST_SHOWN} more (--json lists all)")
        following = [job for job in self.jobs if not job.causes]
        if following:
            lines += ["", "Because of these, since they read what those make:"]
            lines += [f"  {job.job} (reads from {_listed(job.follows)})" for job in following]
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return {"targets", "jobs": [{"job", "causes": [{"kind", "name", "change"}], "follows"}], "notes"}."""
        return asdict(self)


def _grouped(jobs: Sequence[JobReasons]) -> list[tuple[tuple[Cause, ...], list[str]]]:
    """Group jobs that run for the same causes, in the order of the first: forty shards are named once."""
    groups: dict[tuple[Cause, ...], list[str]] = {}
    for job in jobs:
        if job.causes:
            groups.setdefault(job.causes, []).append(job.job)
    return list(groups.items())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MOST_SHOWN])
    return f"{shown} and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else shown


def explain(
    folder: Path,
    targets: Sequence[str] = (),
    *,
    config_files: Sequence[Path] = (),
    config: Mapping[str, Any] | None = None,
) -> Explanation:
    """Say what Snakemake would run for targets (none: everything) and why; runs nothing, changes nothing.

    `config_files` and `config` (nested keys) are those of snakemake --configfile and --config. Where such a build would
    be refused, since it replaces results of another corpus or base model, a note says so.

    Raises:
        UserError: The workflow cannot be planned: a target nobody makes, a missing input, a wrong configuration.
    """
    folder = folder.resolve()
    known = receipts.read(folder)
    with remembered.called_from_here(), planned_build(folder, targets, config_files, config or {}) as dag:
        notes: list[str] = []
        configuration.load(dag.workflow.config, say=notes.append)
        read = dag.workflow.globals
        if names := consent.needed(read["call"], read["plan"].has_all):
            notes.append(
                f"Results of {' and '.join(names)} are here: such a build needs --replace, or another --folder."
            )
        return Explanation(tuple(targets), _reasons(folder, dag, known), tuple(notes))


def _reasons(folder: Path, dag: "DAG", known: Mapping[str, Receipt]) -> tuple[JobReasons, ...]:
    running = [job for job in dag.bfs(dag.dependencies, *dag.targetjobs) if dag.needrun(job) and not job.is_norun]
    order = {job: position for position, job in enumerate(reversed(running))}
    names = {job: _name(job) for job in running}
    jobs = []
    with FileHashes(folder) as hashes:
        for job in sorted(running, key=order.__getitem__):
            before = [names[other] for other in dag.dependencies[job] if other in names]
            made_anew = {
                str(path) for other, paths in dag.dependencies[job].items() if other in names for path in paths
            }
            causes = tuple(_causes(folder, job, dag.reason(job), known.get(names[job]), made_anew, hashes))
            jobs.append(JobReasons(names[job], causes, tuple(sorted(set(before)))))
    return tuple(jobs)


def as_outputs(folder: Path, known: Iterable[Receipt], targets: Sequence[str]) -> list[str]:
    """Return targets as Snakemake knows them: a folder such as models/adapter stands for what jobs made in it.

    Args:
        folder: The build's working directory.
        known: Receipts of its jobs.
        targets: Rules, files and folders.

    Raises:
        UserError: A folder in which no job made anything.
    """
    jobs = list(known)
    wanted: list[str] = []
    for target in targets:
        if not (folder / target).is_dir():
            wanted.append(target)
            continue
        below = target.rstrip("/") + "/"
        inside = [
            receipt.rule if receipt.has_whole_folder else path
            for receipt in jobs
            for path in receipt.outputs
            if path.startswith(below)
        ]
        if not inside:
            raise UserError(
                "No job is known to have made anything in this folder",
                value=target,
                accepted="a rule, a file that the build makes, or a folder of such files",
                todo="scribetune why without a target explains the whole build",
            )
        wanted += sorted(set(inside))
    return wanted


def _name(job: "Job") -> str:
    return receipts.job_name(job.rule.name, dict(job.wildcards_dict))


@contextmanager
def planned_build(
    folder: Path, targets: Sequence[str], config_files: Sequence[Path], config: Mapping[str, Any]
) -> Iterator["DAG"]:
    """Have Snakemake plan the build of targets, silently, whatever results it would replace.

    Args:
        folder: Working directory of the build.
        targets: Rules, files and folders; none for everything.
        config_files: Of --configfile.
        config: Nested values of --config.

    Raises:
        UserError: The workflow cannot be planned: a target nobody makes, a missing input, a wrong configuration.
    """
    wanted = as_outputs(folder, receipts.read(folder).values(), targets)
    values = remembered.with_values(config, {"results": {"replace": consent.everything(folder)}})
    with _planned(folder, wanted, config_files, values) as dag:
        yield dag


@contextmanager
def _planned(
    folder: Path, targets: Sequence[str], config_files: Sequence[Path], config: Mapping[str, Any]
) -> Iterator["DAG"]:
    """Have Snakemake plan the build, silently, with the triggers of the workflow profile."""
    import yaml
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, RerunTrigger, ResourceSettings

    profile = yaml.safe_load((package.REPOSITORY / "profiles/default/config.yaml").read_text(encoding="utf-8"))
    text = io.StringIO()
    with redirect_stderr(text), redirect_stdout(text), SnakemakeApi(OutputSettings(dryrun=True, nocolor=True)) as api:
        try:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=1),
                config_settings=ConfigSettings(
                    config=dict(config), configfiles=[path.resolve() for path in config_files]
                ),
                snakefile=package.REPOSITORY / "Snakefile",
                workdir=folder,
            )
            workflow.dag(
                DAGSettings(
                    targets=frozenset(targets),
                    rerun_triggers=RerunTrigger.parse_choices_set(profile["rerun-triggers"]),
                    max_checksum_file_size=profile["max-checksum-file-size"],
                    force_incomplete=True,
                )
            ).execute_workflow(executor="dryrun")
        except SystemExit as error:  # the plan's own message
            raise UserError(str(error).strip()) from None
        except Exception as error:  # Snakemake passes on whatever a Snakefile raises
            what = str(error).strip() or text.getvalue().strip()[-2000:]
            raise UserError(
                f"The build cannot be planned: {what}",
                accepted="a rule, a file that the build makes, or a folder of such files",
                todo="mend what it names; scribetune build --dry-run says more",
            ) from error
        # Snakemake's API has no question for the plan itself; the dry run has just made it.
        yield workflow._workflow.dag


def _causes(
    folder: Path, job: "Job", reason: "Reason", receipt: Receipt | None, made_anew: set[str], hashes: FileHashes
) -> Iterator[Cause]:
    """Yield a job's own causes; `made_anew` are inputs that other jobs would make before it."""
    missing = sorted(str(path) for path in reason.missing_output)
    if receipt is None:
        if missing:
            yield from (Cause("output", path, "is missing") for path in missing)
        else:
            yield Cause("record", _name(job), "nothing is recorded of its last run")
        return
    causes = [
        *(Cause("output", path, "is missing") for path in missing),
        *_altered(folder, receipt, hashes),
        *_inputs(folder, job, receipt, made_anew, hashes),
        *of_params(folder, job, receipt),
    ]
    yield from causes
    only_follows = bool(reason.updated_input_run)
    if not causes and not only_follows:
        yield Cause("other", "Snakemake", str(reason).strip() or "no reason given")


def of_params(folder: Path, job: "Job", receipt: Receipt) -> Iterator[Cause]:
    """Yield what is not what a job was told the last time: settings, code, libraries."""
    yield from _settings(job, receipt)
    yield from _passwords(folder, job)
    yield from _code(folder, receipt, str(job.params.get("script", job.rule.name)))
    yield from _libraries(folder, receipt)


def _altered(folder: Path, receipt: Receipt, hashes: FileHashes) -> Iterator[Cause]:
    for path, made in receipt.outputs.items():
        if (folder / path).is_file() and hashes.sha256(path) != made:
            yield Cause("output", path, "is not what the job made: edited, or not pulled (work/altered keeps it)")


def _inputs(folder: Path, job: "Job", receipt: Receipt, made_anew: set[str], hashes: FileHashes) -> Iterator[Cause]:
    now = receipts.input_hashes([str(path) for path in job.input], folder, hashes)
    yield from (Cause("file", path, "is new") for path in sorted(now.keys() - receipt.inputs.keys()))
    yield from (Cause("file", path, "is not read any more") for path in sorted(receipt.inputs.keys() - now.keys()))
    for path in sorted(now.keys() & receipt.inputs.keys() - made_anew):
        if now[path] and now[path] != receipt.inputs[path]:
            yield Cause("file", path, "has other content")


def _settings(job: "Job", receipt: Receipt) -> Iterator[Cause]:
    now = {name: value for name, value in job.params.items() if name not in receipts.NOT_SETTINGS}
    # As in the receipt: tuples are lists in JSON.
    yield from _differences((), receipt.settings, json.loads(json.dumps(now)))


def _passwords(folder: Path, job: "Job") -> Iterator[Cause]:
    if job.rule.name == passwords.RENDERING:
        documents = job.rule.workflow.globals["plan"].documents
        for name in passwords.untried(documents, folder).get(job.wildcards_dict["shard"], ()):
            yield Cause("other", name, "could not be opened, and another password is given now")


def _differences(where: tuple[str, ...], before: object, now: object) -> Iterator[Cause]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in sorted({*before, *now}):
            yield from _differences((*where, str(key)), before.get(key, _NOWHERE), now.get(key, _NOWHERE))
    elif before != now:
        # `settings` and `configuration` are names of params; what follows is section.key.
        name = ".".join(where[1:] if where[0] in ("settings", "configuration") and len(where) > 1 else where)
        if before is _NOWHERE:
            yield Cause("key", name, f"is new: {now!r}")
        elif now is _NOWHERE:
            yield Cause("key", name, f"is gone (was {before!r})")
        else:
            yield Cause("key", name, f"{before!r} → {now!r}")


def _code(folder: Path, receipt: Receipt, script: str) -> Iterator[Cause]:
    if receipt.code == code.rule_digest(script):
        return
    before = receipts.definitions(folder, receipt.code)
    if before is None:
        yield Cause(
            "function", receipt.rule, f"its code is another than {receipt.code}, of which nothing more is recorded"
        )
        return
    for name, change in code.changes(before, code.rule_definitions(script)).items():
        yield Cause("function", name, change)


def _libraries(folder: Path, receipt: Receipt) -> Iterator[Cause]:
    lock = provenance.lock_in_use()
    if receipt.environment == provenance.environment_digest(lock):
        return
    before = receipts.environment(folder, receipt.environment)
    if before is None:
        yield Cause(
            "library", lock.name, f"the lock is another than {receipt.environment}, of which nothing is recorded"
        )
        return
    now = provenance.lock_pins(lock)
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            yield Cause("library", name, f"{before.get(name, 'not there')} → {now.get(name, 'not there')}")

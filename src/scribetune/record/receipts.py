"""Receipts: what each job read, was given, ran with and made, as hashes, beside Snakemake's records and kept in git.

Snakemake decides by modification times first, and it never looks at the content of what a job made. A receipt does: an
output that is not what its job made (edited by hand, or left behind by `git pull` without `dvc pull`) is noticed when
the workflow is read, and made anew; so is an input that was replaced by a file of an older date. Receipts hold no
times, so that the same build gives the same bytes.

    .snakemake/receipts/<rule>.json, <rule>/<shard>.json     one per job
    .snakemake/receipts/code/<digest>.json                   {definition: digest}: what a code digest stands for
    .snakemake/receipts/environments/<digest>.json           {package: version}: what an environment digest stands for
"""

import csv
import json
import logging
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scribetune.core import files, layout
from scribetune.core.file_hashes import FileHashes
from scribetune.record import code, listings, provenance

AROUND_A_JOB = True

logger = logging.getLogger(__name__)

FOLDER = Path(".snakemake/receipts")
_CODE, _ENVIRONMENTS = FOLDER / "code", FOLDER / "environments"
_DECISIONS = Path(".snakemake/repairs.json")

NOT_SETTINGS = ("code", "environment", "repairs", "script", "folder", "column")
"""Params that are no settings: those of `Plan.reuse`."""


@dataclass(frozen=True)
class Receipt:
    """One job."""

    rule: str  # its rule
    wildcards: Mapping[str, str]  # {"shard": …}, or nothing
    inputs: Mapping[str, str]  # Path → sha256 of everything it read
    outputs: Mapping[str, str]  # Path → sha256 of everything it made
    settings: Mapping[str, Any]  # its other params by name
    code: str  # digest of its code (`code.digest`)
    environment: str  # digest of its lock file
    repairs: str  # how often it ran again because files were not what its receipt said: "0 repairs"
    script: str = ""  # name of its script, where that is not the rule's
    folder: str = ""  # where it leaves more files than Snakemake is told of
    # of its manifest, that names these files; without one, everything in `folder` is among its outputs
    column: str = ""

    @property
    def has_whole_folder(self) -> bool:
        """Whether everything in its folder is among its outputs."""
        return bool(self.folder) and not self.column

    @property
    def job(self) -> str:
        """Name of the job: "train_adapter", "render_pages/<shard>"."""
        return job_name(self.rule, self.wildcards)


def job_name(rule: str, wildcards: Mapping[str, str]) -> str:
    """Return the name of a job: its rule, and its wildcards behind it."""
    return "/".join([rule, *(wildcards[key] for key in sorted(wildcards))])


def read(folder: Path) -> dict[str, Receipt]:
    """Return the receipts of a build by job name, without those that cannot be read."""
    by_job: dict[str, Receipt] = {}
    for path in sorted((folder / FOLDER).rglob("*.json")):
        if path.parent.name in (_CODE.name, _ENVIRONMENTS.name) and path.parent.parent.name == FOLDER.name:
            continue
        try:
            receipt = Receipt(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            # Its job then has no proof, and counts as such.
            logger.warning("The receipt %s cannot be read: %s", path, error)
            continue
        by_job[receipt.job] = receipt
    return by_job


def write(job: Any, folder: Path = Path()) -> Receipt:
    """Write the receipt of a job (the `snakemake` object of its script) that has just ended well."""
    params = dict(job.params.items())
    wildcards = {key: str(value) for key, value in job.wildcards.items()}
    outputs = [str(path) for path in job.output]
    named = {name: str(params.get(name, "")) for name in ("script", "folder", "column")}
    if named["folder"] and not named["column"]:
        there = (folder / named["folder"]).rglob("*")
        outputs += [path.relative_to(folder).as_posix() for path in there if path.is_file()]
    with FileHashes(folder) as hashes:
        receipt = Receipt(
            rule=job.rule,
            wildcards=wildcards,
            inputs=input_hashes(sorted({str(path) for path in job.input}), folder, hashes),
            outputs={path: hashes.sha256(path) for path in sorted(set(outputs))},
            settings={name: value for name, value in sorted(params.items()) if name not in NOT_SETTINGS},
            code=str(params["code"]),
            environment=str(params["environment"]),
            repairs=str(params["repairs"]),
            **named,
        )
    files.write_json(folder / FOLDER / f"{receipt.job}.json", asdict(receipt))
    _explain(folder / _CODE, receipt.code, code.rule_definitions(receipt.script or receipt.rule))
    _explain(folder / _ENVIRONMENTS, receipt.environment, provenance.lock_pins(provenance.lock_in_use()))
    return receipt


def input_hashes(paths: Iterable[str], folder: Path, hashes: FileHashes) -> dict[str, str]:
    """Return {path: sha256} of a job's input files, a listing being told as the PDFs in it; "" where one is missing."""
    hashes_of: dict[str, str] = {}
    for path in paths:
        hashes_of |= listings.read(folder / path) if listings.is_listing(path) else {path: hashes.find(path)}
    return hashes_of


def _explain(folder: Path, digest: str, meaning: Mapping[str, str]) -> None:
    path = folder / f"{digest}.json"
    if not path.exists():
        files.write_json(path, meaning)


def definitions(folder: Path, digest: str) -> dict[str, str] | None:
    """Return what a recorded code digest stands for, {definition: digest}; None where nothing says so."""
    return _meaning(folder / _CODE / f"{digest}.json")


def environment(folder: Path, digest: str) -> dict[str, str] | None:
    """Return what a recorded environment digest stands for, {package: version}; None where nothing says so."""
    return _meaning(folder / _ENVIRONMENTS / f"{digest}.json")


def _meaning(path: Path) -> dict[str, str] | None:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def altered(receipts: Iterable[Receipt], folder: Path = Path()) -> dict[str, list[str]]:
    """Return {job: outputs that are there but are not what it made}.

    Missing outputs are Snakemake's business: it makes them where something needs them. Of files it is not told of
    (`Receipt.folder`) a missing one counts as altered.

    Hashes are remembered by size, times and inode of a file, so that a second look costs a `stat` each.
    """
    changed_of: dict[str, list[str]] = {}
    with FileHashes(folder) as hashes:
        for receipt in receipts:
            there = [path for path in receipt.outputs if (folder / path).is_file()]
            changed = [path for path in there if hashes.sha256(path) != receipt.outputs[path]]
            if receipt.has_whole_folder and there:
                changed += sorted(set(receipt.outputs) - set(there))
            if not changed:
                changed = [path for path, sha256 in _of_pages(receipt, folder).items() if hashes.find(path) != sha256]
            if changed:
                changed_of[receipt.job] = changed
    return changed_of


def _of_pages(receipt: Receipt, folder: Path) -> dict[str, str]:
    """Return {path: sha256} of the page images or labels that a job made, as its manifest says; {} of other jobs."""
    hashes_of: dict[str, str] = {}
    tables = [folder / path for path in receipt.outputs if receipt.column and path.endswith(".csv")]
    for table in filter(Path.is_file, tables):
        with table.open(encoding="utf-8", newline="") as stream:
            rows = csv.DictReader(stream)
            if receipt.column in (rows.fieldnames or ()):
                hashes_of |= {
                    row[receipt.column]: row[f"{receipt.column}_sha256"] for row in rows if row[receipt.column]
                }
    return hashes_of


def unproven(folder: Path, outputs: Mapping[str, str]) -> list[str]:
    """Return the outputs, of those given with their jobs, that are missing, have no receipt, or differ from it.

    The jobs are those of the whole workflow.
    """
    receipts = read(folder)
    with FileHashes(folder) as hashes:
        return [
            path
            for path, job in outputs.items()
            if job not in receipts
            or not (folder / path).is_file()
            or receipts[job].outputs.get(path) != hashes.sha256(path)
        ]


def replaced(receipts: Iterable[Receipt], folder: Path = Path()) -> dict[str, list[str]]:
    """Return {job: files it read that no job made, and whose content is another now}.

    Snakemake finds those that are newer than what was made from them; a file put in place with an old date is not.
    """
    known = list(receipts)
    made = {path for receipt in known for path in receipt.outputs}
    changed_of: dict[str, list[str]] = {}
    with FileHashes(folder) as hashes:
        for receipt in known:
            changed = [
                path for path, sha256 in receipt.inputs.items() if path not in made and hashes.differs(path, sha256)
            ]
            if changed:
                changed_of[receipt.job] = changed
    return changed_of


@dataclass(frozen=True)
class Repairs:
    """What must run again because files are not what receipts say."""

    # job → its `repairs` param: as the receipt says, so that nothing re-runs, or one more
    counts: Mapping[str, str] = field(default_factory=dict, repr=False)
    altered: Mapping[str, list[str]] = field(default_factory=dict)  # job → outputs of it that are not what it made
    decisions: Mapping[str, str] = field(default_factory=dict)  # those of `counts` that are one more


def repairs(
    folder: Path, *, shards: Collection[str] | None = None, benchmarks: Collection[str] | None = None
) -> Repairs:
    """Look at the files, and return what must run again because they are not what receipts say.

    Receipts of other shards and benchmarks than the build's are left over; None stands for all there are.
    """
    known = _of_build(folder, shards, benchmarks)
    counts = {job: receipt.repairs for job, receipt in known.items()}
    changed = altered(known.values(), folder)
    decisions = {job: _one_more(counts[job]) for job in {*changed, *replaced(known.values(), folder)}}
    return Repairs(counts | decisions, changed, decisions)


def with_more(decided: Repairs, jobs: Collection[str]) -> Repairs:
    """Return repairs with further jobs that must run again, for a reason that no file tells of."""
    more = {job: _one_more(decided.counts.get(job)) for job in jobs if job not in decided.decisions}
    return Repairs({**decided.counts, **more}, decided.altered, {**decided.decisions, **more})


def note_repairs(decided: Repairs, folder: Path = Path()) -> None:
    """Note what was decided, for the processes in which jobs run.

    These read the workflow once more, after Snakemake has removed the altered output (`noted_repairs`).
    """
    note = folder / _DECISIONS
    if decided.decisions or note.exists():
        files.write_json(note, decided.decisions)


def noted_repairs(
    folder: Path, *, shards: Collection[str] | None = None, benchmarks: Collection[str] | None = None
) -> Repairs:
    """Return the repairs that were noted when the build began; arguments are those of `repairs`."""
    counts = {job: receipt.repairs for job, receipt in _of_build(folder, shards, benchmarks).items()}
    noted = _meaning(folder / _DECISIONS) or {}
    return Repairs(counts | {job: count for job, count in noted.items() if count == _one_more(counts.get(job))})


def _of_build(folder: Path, shards: Collection[str] | None, benchmarks: Collection[str] | None) -> dict[str, Receipt]:
    return {
        job: receipt
        for job, receipt in read(folder).items()
        if (shards is None or receipt.wildcards.get("shard") in (None, *shards))
        and (benchmarks is None or receipt.wildcards.get("benchmark") in (None, *benchmarks))
    }


NO_REPAIRS = "0 repairs"


def _one_more(count: str | None) -> str:
    number = (count or NO_REPAIRS).split()[0]
    return f"{int(number) + 1 if number.isdecimal() else 1} repairs"


def set_aside(altered_of: Mapping[str, Sequence[str]], folder: Path = Path()) -> list[Path]:
    """Keep altered outputs in work/altered/<path> before Snakemake removes them: somebody may have worked on them."""
    kept = []
    for path in sorted({path for paths in altered_of.values() for path in paths}):
        source, target = folder / path, folder / layout.ALTERED / path
        if not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)  # weights may be large
        except OSError:
            shutil.copy2(source, target)
        kept.append(target)
    return kept

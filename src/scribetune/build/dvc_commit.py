"""dvc.lock, DVC's record of stages, and what git must have beside it: brought up to date after a build, not before it.

A commit may be interrupted anywhere, and two may be started at once: the next one goes on from what it finds.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scribetune.audit import build_folder
from scribetune.build import config_files
from scribetune.core import config, layout
from scribetune.core.errors import UserError, counted
from scribetune.core.package import REPOSITORY
from scribetune.core.yaml_files import read_values
from scribetune.documents.inputs import shown_path
from scribetune.record import receipts, remembered

NOTHING_TO_DO = "Nothing to be done"

RECORDS = (
    "dvc.lock", f"{layout.RAW}.dvc", "reports/metrics.json", ".snakemake/metadata", ".snakemake/receipts",
    ".gitignore", "data/.gitignore", "models/.gitignore", "reports/.gitignore",
)  # fmt: skip
"""What git must have of a build, besides what its user writes. Nothing else is ever staged."""

_LOCK = Path(".snakemake", "scribetune-commit.lock")
_LOCK_FILE = "dvc.lock"
_PATIENCE_S = 20.0
_MOST_NAMED = 5
_SUMMARY_TABS = 4


@dataclass
class _Commit:
    """One commit under way: where, what it says, and the lock that its child processes hold with it."""

    folder: Path
    lock: int
    lines: list[str] = field(default_factory=list)

    @property
    def build(self) -> str:
        """The command that builds here."""
        return remembered.command(self.folder)

    def run(self, *command: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        # The lock goes to the child: where this process is killed, the next commit waits until the child has ended.
        return _run(self.folder, *command, lock=self.lock, environment=environment)


def commit(folder: Path, *, if_ready: bool, stage_records: bool = True) -> list[str]:
    """Record an up-to-date build: in dvc.lock (`dvc commit`), and staged for git unless `stage_records` is off.

    `dvc commit` alone would bless whatever lies there; so Snakemake is asked first whether it would still run anything.
    As the last command of a stage (`dvc repro`, `dvc exp run`) it asks about that stage's target only, stages the
    records, and leaves dvc.lock to DVC. Returns lines that say what was done. Where the build is not up to date, these
    say so if `if_ready`, and nothing is done.

    Raises:
        UserError: Not a DVC or git repository, the build is not up to date or its provenance incomplete, or a program
            failed. dvc.lock and git's index are then as they were.
    """
    try:
        _require_repository(folder)
        with _locked(folder) as lock:
            work = _Commit(folder, lock)
            stage = os.environ.get("DVC_STAGE", "").rpartition(":")[2]
            _mend_configuration(work)
            _require_configured(work)
            _require_up_to_date(work, stage_target(folder, stage))
            if stage in ("", "samples"):
                _require_keepable(work)
            if not stage:
                _set_damaged_aside(work)
                _keep_raw(work)
                _record(work)
            elif stage == "samples":
                _keep_raw(work)
            # Within a stage, dvc.lock is only half written.
            _stage(work, [record for record in RECORDS if not (stage and record == _LOCK_FILE)], really=stage_records)
            return work.lines
    except UserError as error:
        # A build that is there must not fail for its records (a checkout without git).
        if if_ready:
            return [str(error)]
        raise


def stage_target(folder: Path, stage: str) -> str:
    """Return the Snakemake target that a stage of dvc.yaml runs: it must be up to date when the stage ends.

    A stage that is one of several is named with "@<item>"; "" or one without a target means the whole build.
    """
    if not stage:
        return "all"
    import yaml

    stages = yaml.safe_load((folder / "dvc.yaml").read_bytes())["stages"]
    described = stages.get(stage.partition("@")[0], {})
    commands = described.get("do", described).get("cmd", [])
    for command in [commands] if isinstance(commands, str) else commands:
        program, *arguments = command.split()
        if program == "snakemake" and arguments and not arguments[0].startswith("-"):
            return str(arguments[0])
    return "all"


def _require_repository(folder: Path) -> None:
    if not (folder / ".dvc").is_dir() or not (folder / "dvc.yaml").exists():
        raise UserError(
            "Not a DVC project, so nothing is recorded: dvc.yaml describes builds in the repository alone",
            value=str(folder.resolve()), accepted="a folder with .dvc/ and dvc.yaml",
            todo="call this in the repository, for the build there; a build in a folder of its own has its record in "
            "reports/lineage.json and .snakemake/receipts, which scribetune verify --folder and whence --folder read",
        )  # fmt: skip
    if shutil.which("git") is None:
        raise UserError(
            "dvc.lock is left as it is: git is not installed, or not on PATH", accepted="git, which keeps the records",
            todo="install git",
        )  # fmt: skip
    answer = _run(folder, "git", "rev-parse", "--git-dir")
    if answer.returncode != 0:
        raise UserError(
            f"dvc.lock is left as it is: this is no git repository ({_reason(answer)})", value=str(folder.resolve()),
            accepted="a clone, or a folder after git init",
            todo="work in a clone of the repository; or git init, git add --all, git commit",
        )  # fmt: skip


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Hold the lock against another commit in this folder; a killed process, and its children, let go of it."""
    path = folder / _LOCK
    path.parent.mkdir(exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("Waiting for another scribetune commit in this folder to end\n")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _set_damaged_aside(work: _Commit) -> None:
    """DVC writes dvc.lock in place: what an interruption leaves of it is moved away, and written anew."""
    import yaml

    lock = work.folder / _LOCK_FILE
    if not lock.exists():
        return
    try:
        content = yaml.load(lock.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  safe
    except yaml.YAMLError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("stages"), dict):
        aside = work.folder / ".dvc" / "tmp" / f"{_LOCK_FILE}.damaged"
        aside.parent.mkdir(exist_ok=True)
        lock.replace(aside)
        work.lines.append(f"{_LOCK_FILE} was damaged (an interrupted DVC?); moved to .dvc/tmp, to be written anew")


def _mend_configuration(work: _Commit) -> None:
    """Where an editor put a file in place of the link config/config.yaml, make the link again, with what it says.

    DVC reads params.yaml, Snakemake config/config.yaml: they are one file under two names.
    """
    folder = work.folder / "config"
    if not config_files.link_is_broken(folder):
        return
    if work.run("git", "diff", "--quiet", "HEAD", "--", "params.yaml").returncode != 0:
        raise UserError(
            "dvc.lock is left as it is: config/config.yaml is no longer a link to params.yaml, and both were edited",
            accepted="one file under both names",
            todo=f"{config_files.REGENERATE} keeps what config/config.yaml says; or git checkout config/config.yaml, "
            "to keep what params.yaml says",
        )
    config_files.mend_link(folder)
    work.lines.append("config/config.yaml is a link to params.yaml again, with what it said")


def _require_configured(work: _Commit) -> None:
    """Refuse a build that was called with other values than config/config.yaml says: DVC would record the latter."""
    build = remembered.read(work.folder)
    if build is None or not (build.config_files or build.config):
        return
    there = config.load(read_values(work.folder / "config" / "config.yaml"), say=lambda _: None)
    built = config.load(remembered.values(work.folder), say=lambda _: None)
    held, wanted = config.flatten(there.decisive()), config.flatten(built.decisive())
    differing = [key for key in sorted({*held, *wanted}) if held.get(key) != wanted.get(key)]
    if differing:
        raise UserError(
            "dvc.lock is left as it is: the last build here was called with other values than config/config.yaml has, "
            "and DVC records those", value=_named(differing),
            accepted="a build of what config/config.yaml says",
            todo=f"set them there, then {remembered.COMMAND} and scribetune commit; or keep such builds in folders of "
            f"their own ({remembered.COMMAND} --directory DIR)",
        )  # fmt: skip


def _require_up_to_date(work: _Commit, target: str) -> None:
    locks = work.folder / ".snakemake" / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        raise UserError(
            "dvc.lock is left as it is: a build is running in this folder, or was killed", value=str(locks),
            accepted="a finished build", todo=f"wait for it; if none is running: snakemake --unlock, then {work.build}",
        )  # fmt: skip
    by_job = receipts.altered(receipts.read(work.folder).values(), work.folder)
    altered = [path for paths in by_job.values() for path in paths]
    if altered:
        raise UserError(
            "dvc.lock is left as it is: there are results that are not what their jobs made", value=_named(altered),
            accepted="results as their receipts in .snakemake/receipts say",
            todo=f"remove them and dvc checkout (dvc pull), for the recorded ones; or {work.build}, to make them anew",
        )  # fmt: skip
    answer = _snakemake(work, target, "--dry-run", "--printshellcmds")  # in Snakemake's own words
    if NOTHING_TO_DO not in answer:
        raise UserError(
            "dvc.lock is left as it is: with config/config.yaml, Snakemake would still run something",
            value=", ".join(_jobs(answer)) or target,
            accepted="a build in which snakemake -n says nothing is to be done",
            todo=f"run {work.build}, then scribetune commit",
        )
    unproven = _unproven(work.folder, _snakemake(work, target, "--summary"))
    if "missing provenance" in answer.lower() or unproven:
        raise UserError(
            "dvc.lock is left as it is: there are results without a record of what made them",
            value=_named(unproven) or target,
            accepted="results with the records of their making, in .snakemake/metadata and .snakemake/receipts",
            todo=f"git pull and dvc pull both (records and results); or remove those results, then {work.build}",
        )


def _snakemake(work: _Commit, target: str, *arguments: str) -> str:
    # The workflow beside dvc.yaml: in DVC's temporary workspaces it is not the one that this package lies in.
    beside = work.folder / "Snakefile"
    snakefile = beside if beside.exists() else REPOSITORY / "Snakefile"
    done = work.run("snakemake", target, "--snakefile", str(snakefile.resolve()), "--cores", "1", *arguments)
    if done.returncode != 0:
        raise UserError(
            f"dvc.lock is left as it is: snakemake -n failed\n{_last_lines(done.stderr + done.stdout)}",
            accepted="a build in which snakemake -n says nothing is to be done", todo=f"mend that, then {work.build}",
        )  # fmt: skip
    return done.stdout + done.stderr


def _not_kept(folder: Path, path: str) -> bool:
    """Tell whether it is a replayed page that is not here: DVC keeps none, and a training makes them where it runs."""
    return path.startswith(f"{layout.REPLAY}/") and not (folder / path).exists()


def _unproven(folder: Path, summary: str) -> list[str]:
    """Return the outputs in Snakemake's summary (`output_file … rule …`, tabs between) that no receipt proves."""
    rows = [line.split("\t") for line in summary.splitlines() if line.count("\t") >= _SUMMARY_TABS]
    heads = [row for row in rows if row[0] == "output_file"]
    if not heads:
        return []
    column = heads[0].index("rule")
    made_by = {row[0]: row[column] for row in rows if row[0] != "output_file" and not _not_kept(folder, row[0])}
    jobs = {path: job for job, receipt in receipts.read(folder).items() for path in receipt.outputs}
    return receipts.unproven(folder, {path: jobs.get(path, rule) for path, rule in made_by.items()})


def _named(paths: Sequence[str]) -> str:
    more = f", and {len(paths) - _MOST_NAMED} more" if len(paths) > _MOST_NAMED else ""
    return ", ".join(paths[:_MOST_NAMED]) + more


def _jobs(plan: str) -> list[str]:
    """Return the rules that a dry run would execute, in the order it names them."""
    lines = [line.removesuffix(":").split() for line in plan.splitlines() if line.endswith(":")]
    return list(dict.fromkeys(words[1] for words in lines if len(words) == 2 and words[0] in {"rule", "localrule"}))


def _require_keepable(work: _Commit) -> None:
    """Refuse what a build has a row for and DVC cannot keep: it waits for pipes, and reads devices for ever."""
    refused: list[str] = []
    for parent, folders, names in os.walk(work.folder / layout.RAW):
        for name in (*folders, *names):
            path = Path(parent, name)
            if shown_path(name) != name or not (path.is_file() or path.is_dir()):
                refused.append(shown_path(path.relative_to(work.folder).as_posix()))
    if refused:
        raise UserError(
            f"dvc.lock is left as it is: DVC cannot keep {len(refused)} of the names in {layout.RAW}",
            value=_named(sorted(refused)), accepted="files and folders with names in UTF-8",
            todo="rename or remove them (reports/documents.csv has a row for each), then scribetune commit",
        )  # fmt: skip


def _keep_raw(work: _Commit) -> None:
    """Have DVC keep data/raw, even while it is empty: dvc.yaml names it, and a clone must get it by `dvc pull`."""
    raw = work.folder / layout.RAW
    configured = os.path.normpath(build_folder.raw(work.folder))
    if configured != layout.RAW or raw.with_name(f"{raw.name}.dvc").exists() or raw.is_symlink():
        return
    raw.mkdir(parents=True, exist_ok=True)
    _dvc(work, "add", layout.RAW)
    if any(raw.iterdir()):
        work.lines.append(f"DVC keeps {layout.RAW} from now on ({layout.RAW}.dvc), so that a clone can pull the PDFs")


def _record(work: _Commit) -> None:
    # An output of stage `samples`, which makes none where there are PDFs: DVC wants the folder all the same.
    (work.folder / layout.SAMPLES).mkdir(parents=True, exist_ok=True)
    status = work.run("dvc", "status", "--quiet")
    if status.returncode == 0:
        return
    _dvc(work, "commit", "--force")
    work.lines.append("dvc.lock is up to date with this build")


def _dvc(work: _Commit, *arguments: str) -> None:
    """Run DVC; while another DVC process holds its lock, try again for a while."""

    def attempt() -> UserError | None:
        done = work.run("dvc", *arguments)
        if done.returncode == 0:
            return None
        return UserError(
            f"dvc {arguments[0]} failed: {_reason(done)}", accepted="a DVC project in which dvc status works",
            todo="mend what it names (another dvc that is running: wait for it), then scribetune commit",
        )  # fmt: skip

    _patiently(attempt, lambda error: "lock" in error.what or "is busy" in error.what)


def _patiently(attempt: Callable[[], UserError | None], may_pass: Callable[[UserError], bool]) -> None:
    """Try until there is no error, it is one that waiting does not mend, or patience ends.

    Raises:
        UserError: The last one.
    """
    end = time.monotonic() + _PATIENCE_S
    while (error := attempt()) is not None:
        if not may_pass(error) or time.monotonic() > end:
            raise error
        time.sleep(0.5)


# ---- git's index


def _stage(work: _Commit, records: Sequence[str], *, really: bool) -> None:
    """Stage the records, and only them, or say that they are to be staged; what else is staged stays so.

    git add leaves index.lock behind when it is killed, and nobody can tell whose it is. So the records are added to a
    copy of the index, under an index.lock that is a hard link to a file of ours: the next commit knows it again.
    """
    index = Path(_git(work, "rev-parse", "--git-path", "index").strip())
    index = index if index.is_absolute() else work.folder / index
    lock, ours, copy = (index.with_name(f"{index.name}{end}") for end in (".lock", ".scribetune", ".scribetune-copy"))
    _remove_left_over(lock, ours, copy)
    paths, files = _changed_records(work, records)
    if not paths:
        return
    if not really:
        work.lines.append(
            f"not staged for git: {', '.join(paths)} ({counted(files, 'file')}): scribetune commit stages them"
        )
        return
    ours.write_text("scribetune commit\n", encoding="utf-8")

    def take() -> UserError | None:
        try:
            os.link(ours, lock)
        except FileExistsError:
            return UserError(
                "Another git is at work in this repository: its records are not staged", value=str(lock),
                accepted="no such file",
                todo="run scribetune commit again when it is done; if no git is running, remove the file",
            )  # fmt: skip
        return None

    _patiently(take, lambda _error: True)
    try:
        if index.exists():
            shutil.copyfile(index, copy)
        _git(work, "add", "--all", "--", *paths, environment={"GIT_INDEX_FILE": str(copy.resolve())})
        copy.replace(index)
    finally:
        _remove_left_over(lock, ours, copy)
    # First: it is git's index of the user, and nothing else is done to what is theirs.
    back = f"git restore --staged {' '.join(paths)} takes them out again"
    work.lines.insert(0, f"staged for git: {', '.join(paths)} ({counted(files, 'file')}; {back})")


def _remove_left_over(lock: Path, ours: Path, copy: Path) -> None:
    if lock.exists() and ours.exists() and lock.samefile(ours):
        lock.unlink()
    for path in (copy.with_name(f"{copy.name}.lock"), copy, ours):
        path.unlink(missing_ok=True)


def _changed_records(work: _Commit, records: Sequence[str]) -> tuple[list[str], int]:
    """Return the records whose content is not what the index has (changed, new or removed), and how many files."""
    # Not `git status`: it hides new files where status.showUntrackedFiles says so.
    listed = _git(work, "ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard", "--", *records)
    changed = {name for name in listed.split("\0") if name}  # what is removed is listed twice
    named = [record for record in records if any(name == record or name.startswith(f"{record}/") for name in changed)]
    return named, len(changed)


def _git(work: _Commit, *arguments: str, environment: dict[str, str] | None = None) -> str:
    done = work.run("git", *arguments, environment=environment)
    if done.returncode != 0:
        raise UserError(
            f"git {arguments[0]} failed: {_reason(done)}", accepted="a repository in which git status works",
            todo="mend what it names, then scribetune commit",
        )  # fmt: skip
    return done.stdout


# ---- programs


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a program said of its failure: the lines that begin with ERROR or fatal, else the last ones."""
    lines = (done.stderr + done.stdout).splitlines()
    errors = [line for line in lines if line.startswith(("ERROR", "fatal", "error"))]
    return "; ".join(errors)[-1000:] if errors else _last_lines(done.stderr + done.stdout) or "it said nothing"


def _last_lines(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip())[-1000:]


def _run(
    folder: Path, program: str, *arguments: str, lock: int | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    # The same environment's programs, whether or not it is activated. Within a stage, DVC's own variables stay out.
    command = [program, *arguments] if program == "git" else [sys.executable, "-m", program, *arguments]
    inherited = {name: value for name, value in os.environ.items() if name != "DVC_STAGE"}
    return subprocess.run(  # noqa: S603
        command, cwd=folder, capture_output=True, text=True, check=False,
        env=inherited | (environment or {}), pass_fds=() if lock is None else (lock,),
    )  # fmt: skip

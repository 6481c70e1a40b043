"""Lineages over all of git history.

reports/lineage.json and models/adapter are DVC outputs: git holds their MD5 (dvc.lock), DVC's cache their content. So
every version of dvc.lock that any ref reaches is read, and each lineage it names is looked up in the cache, once.
Nothing here writes, fetches or needs DVC itself.
"""

import configparser
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scribetune import layout
from scribetune.audit import records
from scribetune.audit.records import Lineage
from scribetune.errors import UserError

LOCK = "dvc.lock"
BUILD = f"{layout.REPORTS}/{records.FILE_NAME}"
ADAPTER = f"{layout.ADAPTER}/{records.FILE_NAME}"
WORKING_TREE = "working tree"

_BUILD_FIRST = "build first: snakemake --cores 1 --resources gpu=1"


@dataclass(frozen=True)
class Commit:
    """A commit whose dvc.lock names a lineage; `date` is the committer's, ISO 8601; `tags` point at that lineage."""

    hash: str
    date: str
    subject: str

    @property
    def short(self) -> str:
        """The first twelve digits of the hash."""
        return self.hash[:12]


@dataclass(frozen=True)
class Entry:
    """One version of a lineage.

    Attributes:
        path: `BUILD` (the whole build) or `ADAPTER` (a training that no report was recorded for).
        md5: MD5 of the file, as DVC names it.
        commits: Commits that changed dvc.lock and name it, newest first; empty where it is only in the working tree.
        tags: Git tags at which dvc.lock names it, sorted.
        in_working_tree: Whether the file in the working tree is this version.
        lineage: Its content.
    """

    path: str
    md5: str
    commits: tuple[Commit, ...]
    tags: tuple[str, ...]
    in_working_tree: bool
    lineage: Lineage

    @property
    def date(self) -> str:
        """When it was first committed (ISO 8601); "" where it never was."""
        return self.commits[-1].date if self.commits else ""

    @property
    def where(self) -> str:
        """A short name for people: tags, or the first commit, or the working tree."""
        names = [*self.tags] or [commit.short for commit in self.commits[-1:]]
        if self.in_working_tree:
            names.append(WORKING_TREE)
        return ", ".join(names)

    def without_rows(self) -> "Entry":
        """Return the entry without documents and pages: an answer over a long history must not hold all of them."""
        return replace(self, lineage=replace(self.lineage, documents=(), pages=()))


@dataclass(frozen=True)
class Unreadable:
    """A lineage that dvc.lock names and that cannot be read here: the answer lacks it.

    Attributes:
        what: Path of the lineage (`BUILD`, `ADAPTER`) or of a dvc.lock that is damaged.
        md5: What DVC would look up; "" for a damaged dvc.lock.
        commits: Commits that name it; empty for the working tree.
        reason: Why it cannot be read.
        todo: What would make it readable: a command.
    """

    what: str
    md5: str
    commits: tuple[Commit, ...]
    reason: str
    todo: str


@dataclass(frozen=True)
class History:
    """Every lineage found, newest first, and what could not be searched."""

    entries: tuple[Entry, ...]
    unreadable: tuple[Unreadable, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True)
class _Output:
    """One lineage that a dvc.lock names; `md5` ends in .dir where it is the adapter's folder."""

    path: str
    md5: str


class _UnreadableError(Exception):
    """Why one lineage cannot be had."""

    def __init__(self, reason: str, todo: str) -> None:
        super().__init__(reason)
        self.reason, self.todo = reason, todo


def read(folder: Path) -> History:
    """Return every lineage of `folder` and its git history; see `walk`, which holds one at a time."""
    found = list(walk(folder))
    return History(
        tuple(item for item in found if isinstance(item, Entry)),
        tuple(item for item in found if isinstance(item, Unreadable)),
        limits(folder),
    )


def limits(folder: Path) -> tuple[str, ...]:
    """Return, in sentences, why history cannot be searched or is not whole; empty where it is."""
    refused = _not_a_repository(folder)
    if refused:
        return (f"Only the working tree was searched: {refused}",)
    if _git(folder, "rev-parse", "--is-shallow-repository").strip() == b"true":
        return ("This is a shallow clone: older commits were not searched. To have them: git fetch --unshallow",)
    return ()


def walk(folder: Path, revision: str | None = None) -> Iterator[Entry | Unreadable]:
    """Yield each lineage once, newest first: those of the working tree, then those that any ref's history names.

    One lineage is held at a time, so that a long history of large builds fits into memory. A lineage that cannot be
    read is yielded as `Unreadable`, and the walk goes on.

    Args:
        folder: Where dvc.lock, models/ and reports/ are; need not be a git repository, nor its top folder.
        revision: The history of this git revision alone, without the working tree.

    Raises:
        UserError: No such revision.
    """
    if revision is not None:
        revision = _resolved(folder, revision)
    here = {path: _md5(folder / path) for path in (BUILD, ADAPTER) if (folder / path).is_file()}
    committed, damaged = ({}, []) if _not_a_repository(folder) else _committed(folder, revision or "--all")
    tags = _tags(folder) if committed else {}
    told: set[tuple[str, str]] = set()

    for path, lineage in _on_disk(folder, here) if revision is None else ():
        if isinstance(lineage, Unreadable):
            yield lineage
            continue
        told.add((path, here[path]))
        commits, names = _naming(folder, committed, tags, path, here[path])
        yield Entry(path, here[path], commits, names, in_working_tree=True, lineage=lineage)
    for output, commits in committed.items():
        try:
            md5 = _file_md5(folder, output, commits[0])
            if (output.path, md5) in told:
                continue
            told.add((output.path, md5))
            content = _cached(folder, md5, output, commits[0])
            lineage = records.parse(content, f"{commits[-1].short}:{output.path}")
        except _UnreadableError as error:
            yield Unreadable(output.path, output.md5, commits, error.reason, error.todo)
        except UserError as error:
            yield Unreadable(output.path, output.md5, commits, error.what, error.todo)
        else:
            same = here.get(output.path) == md5
            yield Entry(output.path, md5, commits, tags.get(output, ()), in_working_tree=same, lineage=lineage)
    yield from damaged


def at(folder: Path, revision: str) -> Entry:
    """Return the lineage at a git revision: a tag, a branch, a hash, HEAD~2.

    Raises:
        UserError: Not a git repository, no such revision, nothing recorded there, or the content is not in the cache.
    """
    commit = _commit(folder, _resolved(folder, revision))
    lock = _try_git(folder, "cat-file", "blob", f"{commit.hash}:{_prefix(folder)}{LOCK}")
    try:
        outputs = _outputs(lock) if lock is not None else []
    except _UnreadableError as error:
        raise UserError(
            f"The lineage at {revision} cannot be read: {error.reason}", value=commit.short, todo=error.todo
        ) from error
    if not outputs:
        raise UserError(
            f"No adapter is recorded at {revision}: its {LOCK} names none" if lock is not None
            else f"No adapter is recorded at {revision}: it has no {LOCK}",
            value=commit.short, accepted="a revision made after scribetune commit",
            todo="scribetune log lists the revisions with an adapter",
        )  # fmt: skip
    output = outputs[0]
    try:
        md5 = _file_md5(folder, output, commit)
        content = _cached(folder, md5, output, commit)
    except _UnreadableError as error:
        raise UserError(
            f"The lineage at {revision} cannot be read: {error.reason}", value=output.md5, todo=error.todo
        ) from error
    lineage = records.parse(content, f"{revision}:{output.path}")
    on_disk = folder / output.path
    same = on_disk.is_file() and _md5(on_disk) == md5
    return Entry(output.path, md5, (commit,), (), in_working_tree=same, lineage=lineage)


def working_tree(folder: Path, path: str = BUILD) -> Entry:
    """Return the lineage that lies in `folder`, with the commits that name it; history's contents are not read.

    Args:
        folder: Where models/ and reports/ are.
        path: `BUILD` or `ADAPTER`; where there is no report yet, `BUILD` falls back to the adapter's own lineage.

    Raises:
        UserError: There is none, or it is damaged.
    """
    if path == BUILD and not (folder / BUILD).is_file() and (folder / ADAPTER).is_file():
        path = ADAPTER
    if not (folder / path).is_file():
        raise UserError(
            "There is no lineage in the working tree", value=str(folder / path),
            accepted="the folder of a finished build, or --rev with a revision that has one",
            todo=f"{_BUILD_FIRST}; or dvc pull; or scribetune log, which lists the revisions that have one",
        )  # fmt: skip
    content = (folder / path).read_bytes()
    md5 = _md5_bytes(content)
    committed = {} if _not_a_repository(folder) else _committed(folder)[0]
    tags = _tags(folder) if committed else {}
    commits, names = _naming(folder, committed, tags, path, md5)
    return Entry(path, md5, commits, names, in_working_tree=True, lineage=records.parse(content, str(folder / path)))


def find(folder: Path, revision: str | None) -> Entry:
    """Return the lineage at a revision, or the working tree's where `revision` is None.

    Raises:
        UserError: See `at` and `working_tree`.
    """
    return working_tree(folder) if revision is None else at(folder, revision)


def locked_md5(folder: Path, path: str) -> str:
    """Return the MD5 that the working tree's dvc.lock has for an output; "" where it names none."""
    lock = folder / LOCK
    if not lock.is_file():
        return ""
    try:
        stages = _stages(lock.read_bytes())
    except _UnreadableError:
        return ""
    return _outs(stages).get(path, "")


def cache_folder(folder: Path) -> Path:
    """Return DVC's cache: `cache.dir` of the configuration (local before project before user), else .dvc/cache."""
    dvc = next((parent / ".dvc" for parent in (folder.resolve(), *folder.resolve().parents)
                if (parent / ".dvc").is_dir()), folder / ".dvc")  # fmt: skip
    home = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "dvc"
    chosen = dvc / "cache"
    for file in (
        Path(os.environ.get("DVC_SYSTEM_CONFIG_DIR") or "/etc/xdg/dvc") / "config",
        Path(os.environ.get("DVC_GLOBAL_CONFIG_DIR") or home) / "config",
        dvc / "config",
        dvc / "config.local",
    ):
        settings = configparser.RawConfigParser(strict=False, allow_no_value=True)
        try:
            settings.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue  # DVC itself will complain about it; the cache may well be where it always is
        directory = settings.get("cache", "dir", fallback=None)
        if directory:  # relative to the file that says it
            chosen = file.parent / Path(directory.strip("\"'")).expanduser()
    return chosen


def _resolved(folder: Path, revision: str) -> str:
    """Return the hash of the commit that a revision means; see `at`."""
    refused = _not_a_repository(folder)
    if refused:
        raise UserError(
            "A revision can only be read in a git repository", value=revision, accepted="the working tree (no --rev)",
            todo=f"leave --rev out ({refused})",
        )  # fmt: skip
    found = _try_git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        raise UserError(
            "No such revision", value=revision, accepted="a tag, a branch or a commit of this repository",
            todo="see git log --oneline and git tag; scribetune log lists those with an adapter",
        )  # fmt: skip
    return found.decode().strip()


def _on_disk(folder: Path, here: Mapping[str, str]) -> Iterator[tuple[str, Lineage | Unreadable]]:
    """Yield the working tree's lineages: the build's, and the adapter's own where it is of another training."""
    build: Lineage | None = None
    for path in here:  # BUILD before ADAPTER
        try:
            lineage = records.read(folder / path)
        except UserError as error:
            yield path, Unreadable(path, here[path], (), error.what, error.todo)
            continue
        if path == BUILD:
            build = lineage
        elif build is not None and build.adapter == lineage.adapter:
            continue
        yield path, lineage


def _naming(
    folder: Path,
    committed: Mapping[_Output, tuple[Commit, ...]],
    tags: Mapping[_Output, tuple[str, ...]],
    path: str,
    md5: str,
) -> tuple[tuple[Commit, ...], tuple[str, ...]]:
    """Return the commits and tags whose dvc.lock names the file with that MD5."""
    for output, commits in committed.items():
        try:
            named = output.path == path and _file_md5(folder, output, commits[0]) == md5
        except _UnreadableError:
            continue  # `walk` tells of it
        if named:
            return commits, tags.get(output, ())
    return (), ()


def _committed(folder: Path, whose: str = "--all") -> tuple[dict[_Output, tuple[Commit, ...]], list[Unreadable]]:
    """Return lineage → commits that name it (newest first), newest lineage first; and the dvc.lock that are damaged."""
    # --full-history: a branch that was merged with its dvc.lock discarded, and deleted since, had its adapter too.
    log = _git(folder, "log", whose, "--full-history", "--date-order", "--format=%H%x00%cI%x00%s", "--", LOCK)
    commits = [Commit(*line.split("\0")) for line in log.decode("utf-8", "replace").splitlines() if line]
    naming: dict[_Output, list[Commit]] = {}
    damaged: list[Unreadable] = []
    for commit, lock in zip(commits, _locks(folder, [commit.hash for commit in commits]), strict=True):
        if lock is None:
            continue
        try:
            outputs = _outputs(lock)
        except _UnreadableError as error:
            damaged.append(Unreadable(LOCK, "", (commit,), error.reason, error.todo))
            continue
        for output in outputs:
            # Re-inserted at the end: the order of the keys becomes that of the first commits, newest first.
            naming[output] = [*naming.pop(output, []), commit]
    return {output: tuple(found) for output, found in naming.items()}, damaged


def _tags(folder: Path) -> dict[_Output, tuple[str, ...]]:
    names = _git(folder, "for-each-ref", "--format=%(refname:strip=2)", "refs/tags").decode("utf-8", "replace").split()
    found: dict[_Output, list[str]] = {}
    for name, lock in zip(names, _locks(folder, [f"refs/tags/{name}" for name in names]), strict=True):
        try:
            outputs = _outputs(lock) if lock is not None else []
        except _UnreadableError:
            continue  # told of the commit already
        for output in outputs:
            found.setdefault(output, []).append(name)
    return {output: tuple(sorted(names)) for output, names in found.items()}


def _locks(folder: Path, revisions: Sequence[str]) -> list[bytes | None]:
    """Return the content of dvc.lock at each revision, None where there is none, in one git process."""
    if not revisions:
        return []
    prefix = _prefix(folder)
    asked = "".join(f"{revision}:{prefix}{LOCK}\n" for revision in revisions).encode()
    answer = _git(folder, "cat-file", "--batch", given=asked)
    contents: list[bytes | None] = []
    position = 0
    for _ in revisions:
        end = answer.index(b"\n", position)
        header = answer[position:end].rsplit(b" ", 2)
        position = end + 1
        if header[-1] == b"missing":
            contents.append(None)
            continue
        size = int(header[-1])
        contents.append(answer[position : position + size] if header[-2] == b"blob" else None)
        position += size + 1
    return contents


def _stages(lock: bytes) -> Mapping[str, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast, where it is there
    try:
        content = yaml.load(lock, Loader=loader)  # noqa: S506  both loaders are the safe ones
        stages = (content or {}).get("stages", {})
        _outs(stages)
    except (yaml.YAMLError, AttributeError, TypeError, KeyError) as error:
        reason = f"its {LOCK} is damaged ({str(error).splitlines()[0]})"
        raise _UnreadableError(reason, "git show COMMIT:dvc.lock shows it; nothing else is lost") from error
    found: Mapping[str, Any] = stages
    return found


def _outs(stages: Mapping[str, Any]) -> dict[str, str]:
    return {
        str(out["path"]): str(out.get("md5", ""))
        for stage in stages.values()
        for out in stage.get("outs", ())
    }  # fmt: skip


def _outputs(lock: bytes) -> list[_Output]:
    """Return the lineages that a dvc.lock names: the build's; the adapter's too where the build's is of an older one.

    Raises:
        _UnreadableError: It is damaged.
    """
    stages = _stages(lock)
    outs = _outs(stages)
    build, adapter = outs.get(BUILD, ""), outs.get(layout.ADAPTER, "")
    reported = {
        str(dep.get("md5", ""))
        for stage in stages.values()
        if any(out["path"] == BUILD for out in stage.get("outs", ()))
        for dep in stage.get("deps", ())
        if dep.get("path") == layout.ADAPTER
    }
    found = [_Output(BUILD, build)] if build else []
    if adapter and (not build or (reported and adapter not in reported)):
        # Trained anew, and no report since: what is recorded of that adapter is in its own folder.
        found.append(_Output(ADAPTER, adapter))
    return found


def _file_md5(folder: Path, output: _Output, commit: Commit) -> str:
    """Return the MD5 of the lineage itself; for the adapter's folder it is looked up in the folder's list.

    Raises:
        _UnreadableError: The list is not in the cache, or has no lineage.
    """
    if not output.md5.endswith(".dir"):
        return output.md5
    try:
        listed = json.loads(_cached(folder, output.md5, output, commit))
        found = next((str(row["md5"]) for row in listed if row["relpath"] == records.FILE_NAME), "")
    except (ValueError, TypeError, KeyError) as error:
        raise _UnreadableError(
            f"the list of {layout.ADAPTER} in DVC's cache is damaged", _fetch(output, commit)
        ) from error
    if not found:
        raise _UnreadableError(
            f"{layout.ADAPTER} as recorded there has no {records.FILE_NAME}", "nothing: it was never recorded"
        )
    return found


def _cached(folder: Path, md5: str, output: _Output, commit: Commit) -> bytes:
    """Return a file of DVC's cache by its MD5.

    Raises:
        _UnreadableError: It is not there, or its content is not what its name says.
    """
    path = cache_folder(folder) / "files" / "md5" / md5[:2] / md5[2:]
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _UnreadableError(f"{output.path} is not in DVC's cache", _fetch(output, commit)) from None
    except OSError as error:
        raise _UnreadableError(f"{path} cannot be read ({error.strerror})", "correct its permissions (ls -l)") from None
    if _md5_bytes(content) != md5.removesuffix(".dir"):
        raise _UnreadableError(f"{path} is damaged: its MD5 is not its name", f"rm -f {path}; {_fetch(output, commit)}")
    return content


def _fetch(output: _Output, commit: Commit) -> str:
    # Not `dvc fetch --all-commits`: DVC 3.67.1 fetches one version per path with it (treeverse/dvc issue 10617).
    target = layout.ADAPTER if output.path == ADAPTER else output.path
    return f"git checkout {commit.short} -- {LOCK}; dvc fetch {target}; git checkout HEAD -- {LOCK}"


def _md5(path: Path) -> str:
    return _md5_bytes(path.read_bytes())


def _md5_bytes(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _prefix(folder: Path) -> str:
    """Return the folder's path below the repository's top, with a final slash; "" at the top."""
    return _git(folder, "rev-parse", "--show-prefix").decode().rstrip("\n")


def _commit(folder: Path, revision: str) -> Commit:
    shown = _git(folder, "log", "-1", "--format=%H%x00%cI%x00%s", revision, "--").decode("utf-8", "replace")
    return Commit(*shown.rstrip("\n").split("\0"))


def _not_a_repository(folder: Path) -> str:
    """Return why there is no history to search, "" where there is one."""
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "--is-inside-work-tree"],  # noqa: S607  the git on PATH is the user's
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        if not folder.is_dir():
            raise UserError(
                "No such folder", value=str(folder), accepted="the folder of a build", todo="correct --folder"
            ) from None
        return "git is not installed"
    except NotADirectoryError:
        raise UserError(
            "Not a folder", value=str(folder), accepted="the folder of a build", todo="correct --folder"
        ) from None
    if asked.returncode == 0 and asked.stdout.strip() == "true":
        return ""
    said = (asked.stderr.strip().splitlines() or ["no working tree"])[0]
    return f"{folder.resolve()} is no git repository ({said})"


def _try_git(folder: Path, *arguments: str) -> bytes | None:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)  # noqa: S603
    return done.stdout if done.returncode == 0 else None


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, input=given, capture_output=True, check=False)  # noqa: S603
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise UserError(
            f"git {arguments[0]} failed",
            value=said,
            accepted="a git repository in order",
            todo="see what git fsck says",
        )
    return done.stdout

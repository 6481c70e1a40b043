"""Lineages over all of git history.

reports/lineage.json and models/adapter are DVC outputs: git holds their MD5 (dvc.lock), DVC's cache their content. So
every version of dvc.lock that any ref reaches is read, and each lineage it names is looked up in the cache, once.
Nothing here writes, fetches or needs DVC itself.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scribetune.audit import dvc, git, lineage_reader
from scribetune.audit.dvc import LOCK
from scribetune.audit.lineage_reader import Lineage
from scribetune.core import layout
from scribetune.core.errors import UserError
from scribetune.record import remembered

BUILD = f"{layout.REPORTS}/{lineage_reader.FILE_NAME}"
ADAPTER = f"{layout.ADAPTER}/{lineage_reader.FILE_NAME}"
WORKING_TREE = "working tree"

_FORMAT = "--format=%H%x00%cI%x00%s"
"""How git log is to print a `Commit`."""


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
    """One version of a lineage."""

    path: str  # `BUILD` (the whole build) or `ADAPTER` (a training that no report was recorded for)
    md5: str  # MD5 of the file, as DVC names it
    # commits that changed dvc.lock and name it, newest first; empty where it is only in the working tree
    commits: tuple[Commit, ...]
    tags: tuple[str, ...]  # git tags at which dvc.lock names it, sorted
    in_working_tree: bool  # whether the file in the working tree is this version
    lineage: Lineage  # its content

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
    """A lineage that dvc.lock names and that cannot be read here: the answer lacks it."""

    what: str  # Path of the lineage (`BUILD`, `ADAPTER`) or of a dvc.lock that is damaged
    md5: str  # what DVC would look up; "" for a damaged dvc.lock
    commits: tuple[Commit, ...]  # commits that name it; empty for the working tree
    reason: str  # why it cannot be read
    todo: str  # what would make it readable: a command


@dataclass(frozen=True)
class _Output:
    """One lineage that a dvc.lock names; `md5` ends in .dir where it is the adapter's folder."""

    path: str
    md5: str


class _UnreadableError(UserError):
    """Why one lineage cannot be had: `what`, and `todo`."""


def limits(folder: Path) -> tuple[str, ...]:
    """Return, in sentences, why history cannot be searched or is not whole; empty where it is."""
    refused = git.why_no_repository(folder)
    if refused:
        return (f"Only the working tree was searched: {refused}",)
    if git.output(folder, "rev-parse", "--is-shallow-repository").strip() == b"true":
        return ("This is a shallow clone: older commits were not searched. To have them: git fetch --unshallow",)
    return ()


def walk(folder: Path, revision: str | None = None) -> Iterator[Entry | Unreadable]:
    """Yield each lineage once, newest first: those of the working tree, then those that any ref's history names.

    One lineage is held at a time, so that a long history of large builds fits into memory. A lineage that cannot be
    read is yielded as `Unreadable`, and the walk goes on.

    `folder` need not be a git repository, nor its top folder. With a revision, its history alone is walked, without the
    working tree.

    Raises:
        UserError: No such revision.
    """
    if revision is not None:
        revision = git.commit_of(folder, revision)
    here = {path: dvc.md5_of_file(folder / path) for path in (BUILD, ADAPTER) if (folder / path).is_file()}
    committed, damaged = ({}, []) if git.why_no_repository(folder) else _committed(folder, revision or "--all")
    tags = _tags(folder) if committed else {}
    seen: set[tuple[str, str]] = set()

    for path, lineage in _on_disk(folder, here) if revision is None else ():
        if isinstance(lineage, Unreadable):
            yield lineage
            continue
        seen.add((path, here[path]))
        commits, names = _naming(folder, committed, tags, path, here[path])
        yield Entry(path, here[path], commits, names, in_working_tree=True, lineage=lineage)
    for output, commits in committed.items():
        try:
            md5 = _file_md5(folder, output, commits[0])
            if (output.path, md5) in seen:
                continue
            seen.add((output.path, md5))
            content = _cached(folder, md5, output, commits[0])
            lineage = lineage_reader.parse(content, f"{commits[-1].short}:{output.path}")
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
    shown = git.output(folder, "log", "-1", _FORMAT, git.commit_of(folder, revision), "--")
    commit = Commit(*shown.decode("utf-8", "replace").rstrip("\n").split("\0"))
    blob = git.run(folder, "cat-file", "blob", f"{commit.hash}:{_prefix(folder)}{LOCK}")
    value = commit.short
    try:
        outputs = _outputs(blob.stdout) if blob.returncode == 0 else []
        if not outputs:
            raise UserError(
                f"No adapter is recorded at {revision}: "
                + (f"its {LOCK} names none" if blob.returncode == 0 else f"it has no {LOCK}"),
                value=commit.short, accepted="a revision made after scribetune commit",
                todo="scribetune log lists the revisions with an adapter",
            )  # fmt: skip
        output = outputs[0]
        value = output.md5
        md5 = _file_md5(folder, output, commit)
        content = _cached(folder, md5, output, commit)
    except _UnreadableError as error:
        raise UserError(
            f"The lineage at {revision} cannot be read: {error.what}", value=value, todo=error.todo
        ) from error
    lineage = lineage_reader.parse(content, f"{revision}:{output.path}")
    on_disk = folder / output.path
    same = on_disk.is_file() and dvc.md5_of_file(on_disk) == md5
    return Entry(output.path, md5, (commit,), (), in_working_tree=same, lineage=lineage)


def working_tree(folder: Path, path: str = BUILD) -> Entry:
    """Return the lineage that lies in `folder`, with the commits that name it; history's contents are not read.

    Where there is no report yet, `BUILD` falls back to the adapter's own lineage.

    Raises:
        UserError: There is none, or it is damaged.
    """
    if path == BUILD and not (folder / BUILD).is_file() and (folder / ADAPTER).is_file():
        path = ADAPTER
    if not (folder / path).is_file():
        raise UserError(
            "There is no lineage in the working tree", value=str(folder / path),
            accepted="the folder of a finished build, or --rev with a revision that has one",
            todo=f"build first: {remembered.command(folder)}; or dvc pull; scribetune log lists those with one",
        )  # fmt: skip
    content = (folder / path).read_bytes()
    md5 = dvc.md5_of(content)
    committed = {} if git.why_no_repository(folder) else _committed(folder)[0]
    commits, names = _naming(folder, committed, _tags(folder) if committed else {}, path, md5)
    lineage = lineage_reader.parse(content, str(folder / path))
    return Entry(path, md5, commits, names, in_working_tree=True, lineage=lineage)


def find(folder: Path, revision: str | None) -> Entry:
    """Return the lineage at a revision, or the working tree's where `revision` is None.

    Raises:
        UserError: See `at` and `working_tree`.
    """
    return working_tree(folder) if revision is None else at(folder, revision)


def _on_disk(folder: Path, here: Mapping[str, str]) -> Iterator[tuple[str, Lineage | Unreadable]]:
    """Yield the working tree's lineages: the build's, and the adapter's own where it is of another training."""
    build: Lineage | None = None
    for path in here:  # BUILD before ADAPTER
        try:
            lineage = lineage_reader.read(folder / path)
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
            continue  # `walk` yields it as unreadable
        if named:
            return commits, tags.get(output, ())
    return (), ()


def _committed(folder: Path, whose: str = "--all") -> tuple[dict[_Output, tuple[Commit, ...]], list[Unreadable]]:
    """Return lineage → commits that name it (newest first), newest lineage first; and the dvc.lock that are damaged."""
    # --full-history: a branch that was merged with its dvc.lock discarded, and deleted since, had its adapter too.
    log = git.output(folder, "log", whose, "--full-history", "--date-order", _FORMAT, "--", LOCK)
    commits = [Commit(*line.split("\0")) for line in log.decode("utf-8", "replace").splitlines() if line]
    naming: dict[_Output, list[Commit]] = {}
    damaged: list[Unreadable] = []
    for commit, lock in zip(commits, _locks(folder, [commit.hash for commit in commits]), strict=True):
        if lock is None:
            continue
        try:
            outputs = _outputs(lock)
        except _UnreadableError as error:
            damaged.append(Unreadable(LOCK, "", (commit,), error.what, error.todo))
            continue
        for output in outputs:
            # Re-inserted at the end: the order of the keys becomes that of the first commits, newest first.
            naming[output] = [*naming.pop(output, []), commit]
    return {output: tuple(those) for output, those in naming.items()}, damaged


def _tags(folder: Path) -> dict[_Output, tuple[str, ...]]:
    names = git.text(folder, "for-each-ref", "--format=%(refname:strip=2)", "refs/tags").split()
    found: dict[_Output, list[str]] = {}
    for name, lock in zip(names, _locks(folder, [f"refs/tags/{name}" for name in names]), strict=True):
        try:
            outputs = _outputs(lock) if lock is not None else []
        except _UnreadableError:
            continue  # the commit is among the unreadable ones already
        for output in outputs:
            found.setdefault(output, []).append(name)
    return {output: tuple(sorted(names)) for output, names in found.items()}


def _locks(folder: Path, revisions: Sequence[str]) -> list[bytes | None]:
    """Return the content of dvc.lock at each revision, None where there is none, in one git process."""
    if not revisions:
        return []
    prefix = _prefix(folder)
    asked = "".join(f"{revision}:{prefix}{LOCK}\n" for revision in revisions).encode()
    answer = git.output(folder, "cat-file", "--batch", given=asked)
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


def _outputs(lock: bytes) -> list[_Output]:
    """Return the lineages that a dvc.lock names: the build's; the adapter's too where the build's is of an older one.

    Raises:
        _UnreadableError: It is damaged.
    """
    try:
        stages = dvc.stages(lock)
    except ValueError as error:
        reason = f"its {LOCK} is damaged ({str(error).splitlines()[0]})"
        raise _UnreadableError(reason, todo="git show COMMIT:dvc.lock shows it; nothing else is lost") from error
    outs = {path: md5 for stage in stages for path, md5 in stage.outs.items()}
    build, adapter = outs.get(BUILD, ""), outs.get(layout.ADAPTER, "")
    reported = {stage.deps[layout.ADAPTER] for stage in stages if BUILD in stage.outs and layout.ADAPTER in stage.deps}
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
        found = next((str(row["md5"]) for row in listed if row["relpath"] == lineage_reader.FILE_NAME), "")
    except (ValueError, TypeError, KeyError) as error:
        reason = f"the list of {layout.ADAPTER} in DVC's cache is damaged"
        raise _UnreadableError(reason, todo=_fetch(output, commit)) from error
    if not found:
        reason = f"{layout.ADAPTER} as recorded there has no {lineage_reader.FILE_NAME}"
        raise _UnreadableError(reason, todo="nothing: it was never recorded")
    return found


def _cached(folder: Path, md5: str, output: _Output, commit: Commit) -> bytes:
    """Return a file of DVC's cache by its MD5.

    Raises:
        _UnreadableError: It is not there, or its content is not what its name says.
    """
    cache = dvc.cache_folder(folder)
    path, fetch = dvc.object_path(cache, md5), _fetch(output, commit)
    try:
        return dvc.content(cache, md5)
    except FileNotFoundError:
        raise _UnreadableError(f"{output.path} is not in DVC's cache", todo=fetch) from None
    except OSError as error:
        reason = f"{path} cannot be read ({error.strerror})"
        raise _UnreadableError(reason, todo="correct its permissions (ls -l)") from None
    except ValueError as error:
        raise _UnreadableError(str(error), todo=f"rm -f {path}; {fetch}") from None


def _fetch(output: _Output, commit: Commit) -> str:
    # Not `dvc fetch --all-commits`: DVC 3.67.1 fetches one version per path with it (treeverse/dvc issue 10617).
    target = layout.ADAPTER if output.path == ADAPTER else output.path
    return f"git checkout {commit.short} -- {LOCK}; dvc fetch {target}; git checkout HEAD -- {LOCK}"


def _prefix(folder: Path) -> str:
    """Return the folder's path below the repository's top, with a final slash; "" at the top."""
    return git.output(folder, "rev-parse", "--show-prefix").decode().rstrip("\n")

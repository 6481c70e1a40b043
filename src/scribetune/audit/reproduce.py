"""Reproducing a revision: its own code builds it again in a scratch folder, and every file is compared with its record.

What is compared is what dvc.lock recorded at that revision, by MD5; where the recorded content is still in DVC's cache,
the difference itself is described (largest difference of weights, first differing keys, number of pages).
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from scribetune.audit import build_folder, dvc, git, history, lineage_reader
from scribetune.audit.file_differences import describe
from scribetune.audit.lineage_reader import Lineage
from scribetune.core import files, layout
from scribetune.core.config import Benchmark, Evaluation
from scribetune.core.errors import UserError, counted
from scribetune.documents import withdrawals
from scribetune.evaluation.public import listing
from scribetune.record import provenance, remembered

KINDS: Mapping[str, str] = {
    layout.PAGES: "page images",
    layout.LABELS: "labels",
    layout.MANIFESTS: "manifests",
    layout.SPLITS: "splits",
    layout.RETENTION: "retention pages",
    layout.BENCHMARKS: "benchmark pages",
    layout.ADAPTER: "adapter",
    layout.MERGED: "merged model",
    layout.PREDICTIONS: "predictions",
}
"""Recorded folder → what it holds; everything else is "report data"."""

REPORT_DATA = "report data"
_EMPTY_FOLDER = dvc.folder_md5(())
_NAMES_HARDWARE = ("lineage.json", "index.html", "README.md", "model_card.md", "ro-crate-metadata.json")
_MOST_KEYS = 3
_ERROR_LINES = 15


@dataclass(frozen=True)
class Difference:
    """A file that is not as it was recorded."""

    kind: str  # A value of `KINDS`, or `REPORT_DATA`
    path: str  # relative to the build's folder
    state: str  # "different", "missing" (recorded, and not made again) or "new" (made, and not recorded)
    detail: str = ""  # where and how much it differs, as far as the recorded content is at hand


@dataclass(frozen=True)
class Reproduction:
    """What came of building a revision again.

    `same` counts files that are the same, byte for byte, by kind; `kept` is where the rebuilt folder is, "" where it
    was removed.
    """

    revision: str
    commit: str
    same: Mapping[str, int]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    kept: str

    @property
    def identical(self) -> bool:
        """Whether everything recorded was made again, byte for byte, and nothing else."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """Return plain values: revision, commit, identical, same, differences, notes, kept."""
        return asdict(self) | {"identical": self.identical, "differences": [asdict(d) for d in self.differences]}


@dataclass
class _Comparison:
    same: dict[str, int] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def reproduce(
    folder: Path,
    revision: str,
    *,
    keep: Path | None = None,
    raw: Path | None = None,
    configfiles: Sequence[Path] = (),
    cores: int = 1,
) -> Reproduction:
    """Build a revision again with its own code, in a git worktree of its own, and compare.

    Args:
        folder: The repository with the build; nothing in it is changed.
        revision: Tag, branch or commit that `scribetune commit` recorded a build for.
        keep: Where to leave the rebuilt folder; by default it is a temporary one that is removed.
        raw: Folder of the input PDFs; by default as `build_folder.raw_folders` finds it.
        configfiles: Configuration files that build was made with, besides its own config/config.yaml.
        cores: For Snakemake.

    Raises:
        UserError: No such revision, nothing recorded there, inputs that are not to be had, or its build fails.
    """
    if refused := git.why_no_repository(folder):
        raise UserError(
            f"Only what git holds can be built again as it was: {refused}", value=str(folder),
            accepted="the repository, whose builds scribetune commit records",
            todo=f"to build this folder again: {remembered.command(folder)}",
        )  # fmt: skip
    commit = git.commit_of(folder, revision)
    with _checkout(folder, commit, keep) as place:
        recorded = dvc.outputs(place)
        if not any(output.recorded_by == dvc.LOCK for output in recorded):
            raise UserError(
                f"No build is recorded at {revision}: dvc.lock is not there or names no output", value=commit[:12],
                accepted="a revision made after scribetune commit", todo="scribetune log lists those with an adapter",
            )  # fmt: skip
        found = _Comparison()
        lineage = _lineage(folder, revision, found)
        _take_documents(folder, place, raw, lineage, found)
        _take_base_model(folder, place, lineage)
        _take_benchmarks(folder, place)
        _compare_environment(place, lineage, found)
        _build(place, _configuration(place, lineage, configfiles), cores, revision)
        _compare(folder, place, recorded, found)
        if lineage is not None:
            _set_hardware_aside(place, lineage, found)
        kept = "" if keep is None else str(place)
        return Reproduction(revision, commit, found.same, tuple(found.differences), tuple(found.notes), kept)


# ---- checking out


@contextlib.contextmanager
def _checkout(folder: Path, commit: str, keep: Path | None) -> Iterator[Path]:
    """Yield the build's folder in a new git worktree at a commit; it is removed afterwards, unless it is to be kept."""
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UserError(
            "The folder to keep the rebuilt revision in is not empty", value=str(keep),
            accepted="a folder that does not exist yet", todo="name another one",
        )  # fmt: skip
    prefix = git.text(folder, "rev-parse", "--show-prefix")
    temporary = None if keep is not None else Path(tempfile.mkdtemp(prefix="scribetune-reproduce-"))
    target = (temporary / "worktree" if temporary is not None else keep or Path()).resolve()
    try:
        # Without hooks: DVC's own would check data out into it.
        added = git.run(
            folder, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", "--quiet", str(target), commit
        )
        if added.returncode != 0:
            reason = added.stderr.decode("utf-8", "replace").strip()[-500:]
            raise UserError(
                f"The revision could not be checked out into {target}", value=reason,
                accepted="a folder with room for it", todo="see what git says above; --keep DIR names another place",
            )  # fmt: skip
        place = target / prefix
        # Records of jobs whose results are not there: the build starts from nothing.
        shutil.rmtree(place / ".snakemake", ignore_errors=True)
        yield place
    finally:
        if temporary is not None:
            git.run(folder, "worktree", "remove", "--force", str(target))
            shutil.rmtree(temporary, ignore_errors=True)
            git.run(folder, "worktree", "prune")


def _lineage(folder: Path, revision: str, found: _Comparison) -> Lineage | None:
    try:
        return history.at(folder, revision).lineage
    except UserError as error:
        found.notes.append(f"{error.what}: only the hashes in dvc.lock are compared ({error.todo})")
        return None


# ---- inputs


def _take_documents(folder: Path, place: Path, raw: Path | None, lineage: Lineage | None, found: _Comparison) -> None:
    """Link the input PDFs of the revision: from DVC's cache where it tracked them, else from the working tree."""
    withdrawn = withdrawals.refused(withdrawals.read(folder / layout.WITHDRAWN)).documents
    again = [row.path for row in lineage.documents if row.sha256 in withdrawn] if lineage else []
    if again:
        found.notes.append(
            f"{len(again)} document(s) were withdrawn since, and are read again for this: "
            + ", ".join(again[:_MOST_KEYS])
        )
    target = place / build_folder.raw(place)
    recorded = dvc.locked_md5(place, build_folder.raw(place).as_posix(), "deps")
    if any(build_folder.documents(target)) or recorded == _EMPTY_FOLDER:
        return  # in git, or none: the sample corpus was used
    tracked = next((o for o in dvc.outputs(place) if (place / o.path) == target), None)
    if tracked is not None:
        _link_from_cache(folder, target, tracked)
    else:
        source = (raw if raw is not None else next(iter(build_folder.raw_folders(folder)))).resolve()
        for path in sorted(source.rglob("*")) if source != (folder / layout.SAMPLES).resolve() else ():
            if path.is_file():
                _link(path, target / path.relative_to(source))
        if recorded and recorded != _folder_md5(target):
            _keep_recorded(source, target, lineage, found)


def _take_benchmarks(folder: Path, place: Path) -> None:
    """Link truth and images of public benchmarks that lie in the working tree; elsewhere the revision finds them."""
    for benchmark in _benchmarks_of(place):
        for path in (listing.images_of(benchmark), Path(benchmark.truth)):
            is_below = not path.is_absolute() and ".." not in path.parts
            if is_below and (folder / path).exists():
                _link(folder / path, place / path)


def _benchmarks_of(place: Path) -> tuple[Benchmark, ...]:
    try:
        return Evaluation.model_validate(build_folder.configured(place, "evaluation")).benchmarks
    except ValueError:
        return ()  # an earlier version's, or Snakemake complains about it


def _link_from_cache(folder: Path, target: Path, tracked: dvc.Output) -> None:
    home = dvc.cache_folder(folder).resolve()
    members = dvc.members(home, tracked.md5)
    lacking = [member for member in members or () if not dvc.object_path(home, member.md5).is_file()]
    if members is None or lacking:
        what = tracked.path if members is None else f"{len(lacking)} of {len(members)} files of {tracked.path}"
        raise UserError(
            "The input PDFs of that revision are not in DVC's cache", value=what,
            accepted="a cache that has them", todo=f"dvc fetch {tracked.path} in a checkout of that revision",
        )  # fmt: skip
    for member in members:
        _link(dvc.object_path(home, member.md5), target / member.path)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        target.symlink_to(source.resolve())


def _folder_md5(folder: Path) -> str:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return dvc.folder_md5(dvc.Member(path.relative_to(folder).as_posix(), dvc.md5_of_file(path)) for path in paths)


def _keep_recorded(source: Path, target: Path, lineage: Lineage | None, found: _Comparison) -> None:
    """The folder of PDFs changed since: leave in the documents that the lineage names, and say what is lacking."""
    if lineage is None:
        found.notes.append(f"{source} is not what it was at that revision, and no lineage says what it held")
        return
    wanted = {row.path: row.sha256 for row in lineage.documents}
    by_hash: dict[str, Path] = {}
    for path in sorted(target.rglob("*")):
        if path.is_file():
            by_hash.setdefault(files.sha256_file(path), path.resolve())
            relative = path.relative_to(target).as_posix()
            if wanted.get(relative) != files.sha256_file(path):
                path.unlink()
    lacking = []
    for relative, sha256 in wanted.items():
        if not (target / relative).exists():
            if sha256 in by_hash:
                _link(by_hash[sha256], target / relative)
            else:
                lacking.append(relative)
    found.notes.append(
        f"{source} is not what it was at that revision: what its splits name was taken, "
        f"{counted(len(wanted) - len(lacking), 'document')}, what it refused was not (reports/documents.csv differs)"
    )
    if lacking:
        found.notes.append(
            f"{counted(len(lacking), 'document', 'is', 'are')} not here any more: {', '.join(lacking[:_MOST_KEYS])}"
        )


def _take_base_model(folder: Path, place: Path, lineage: Lineage | None) -> None:
    """Link a base model that lies in the working tree and not in git."""
    if lineage is None or Path(lineage.base_model.name).is_absolute():
        return
    name = lineage.base_model.name
    if lineage.base_model.files and not (place / name).exists() and (folder / name).is_dir():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).symlink_to((folder / name).resolve(), target_is_directory=True)


def _compare_environment(place: Path, lineage: Lineage | None, found: _Comparison) -> None:
    """Say which installed packages are not those that the revision's lock pins."""
    name = lineage.environment.lock if lineage is not None else provenance.lock_in_use().name
    lock = place / "envs" / name
    if not lock.is_file():
        return
    differing = []
    for package, pinned in provenance.lock_pins(lock).items():
        try:
            installed = metadata.version(package)
        except metadata.PackageNotFoundError:
            installed = "not installed"
        if installed.partition("+")[0] != pinned:
            differing.append(f"{package} {pinned} → {installed}")
    if differing:
        shown = ", ".join(differing[:5]) + (", …" if len(differing) > 5 else "")
        found.notes.append(
            f"This environment is not that of the revision (envs/{name}): {len(differing)} package(s) differ: {shown}"
        )


# ---- building


def _configuration(place: Path, lineage: Lineage | None, configfiles: Sequence[Path]) -> list[Path]:
    """Return configuration files for the build: those given, then what the lineage says was configured.

    A build with --config or --configfile is repeated as it was, for all keys that a lineage records.
    """
    given = [path.resolve() for path in configfiles]
    if lineage is None:
        return given
    recorded: dict[str, Any] = {section: dict(values) for section, values in lineage.configuration.items()}
    if lineage.generation:
        recorded["generate"] = dict(lineage.generation)
    # Below work/, which neither git nor DVC looks into.
    path = place / "work" / "reproduce.json"
    files.write_json(path, recorded)
    return [*given, path]


def _build(place: Path, configfiles: Sequence[Path], cores: int, revision: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DVC_STAGE"}
    # Its own package, not this one: it lies in src, and lay in scripts until 0.2.0.
    environment["PYTHONPATH"] = os.pathsep.join(str(place / folder) for folder in ("src", "scripts"))
    done = build_folder.run_snakemake(place, place, configfiles, cores, environment)
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-_ERROR_LINES:])
        sys.stderr.write(f"{tail}\n")
        raise UserError(
            f"The build of {revision} failed (the end of its output is above)", value=f"status {done.returncode}",
            accepted="an environment and inputs with which that revision builds",
            todo="--keep DIR leaves the folder with its logs/ to look into",
        )  # fmt: skip


# ---- comparing


def kind_of(path: str) -> str:
    """Return what a path of the build holds: a value of `KINDS`, or `REPORT_DATA`."""
    return next(
        (kind for folder, kind in KINDS.items() if path == folder or path.startswith(f"{folder}/")), REPORT_DATA
    )


def _compare(folder: Path, place: Path, recorded: Sequence[dvc.Output], found: _Comparison) -> None:
    home = dvc.cache_folder(folder)
    raw = build_folder.raw(place).as_posix()
    aside: list[str] = []
    for output in recorded:
        if output.recorded_by != dvc.LOCK or output.path == raw:
            continue
        if not output.is_folder:
            _compare_file(home, place, output.path, output.md5, found)
            continue
        members = dvc.members(home, output.md5)
        if members is None:
            _compare_whole(place, output, found)
            continue
        for member in members:
            path = f"{output.path}/{member.path}"
            if not (place / path).exists() and _is_left_over(place, path):
                aside.append(path)
                continue
            _compare_file(home, place, path, member.md5, found)
        known = {f"{output.path}/{member.path}" for member in members}
        for new in sorted((place / output.path).rglob("*")):
            name = new.relative_to(place).as_posix()
            if new.is_file() and name not in known:
                found.differences.append(Difference(kind_of(name), name, "new"))
    if aside:
        found.notes.append(
            f"{len(aside)} recorded file(s) were left over from builds before that one, which made no use of them: "
            + ", ".join(aside[:_MOST_KEYS])
        )


def _is_left_over(place: Path, path: str) -> bool:
    """Say whether a recorded file is of a document or a shard that the rebuilt revision does not know at all."""
    parts = PurePosixPath(path)
    if path.startswith((f"{layout.PAGES}/", f"{layout.LABELS}/")):
        known = {
            row["document"]: row["status"]
            for manifest in build_folder.current_manifests(place, "documents")
            for row in build_folder.rows(manifest)
        }
        return known.get(parts.parts[2]) in (None, "withdrawn")
    if path.startswith(f"{layout.MANIFESTS}/"):
        group = parts.stem.rpartition("-of-")[2]
        made = {other.stem.rpartition("-of-")[2] for other in (place / parts.parent).glob("*-of-*.csv")}
        return "-of-" in parts.stem and bool(made) and group not in made
    return False


def _compare_file(home: Path, place: Path, path: str, md5: str, found: _Comparison) -> None:
    made = place / path
    if not made.is_file():
        found.differences.append(Difference(kind_of(path), path, "missing"))
    elif dvc.md5_of_file(made) == md5:
        found.same[kind_of(path)] = found.same.get(kind_of(path), 0) + 1
    else:
        was = dvc.object_path(home, md5)
        detail = describe(was, made) if was.is_file() else "the recorded content is not in DVC's cache (dvc fetch)"
        found.differences.append(Difference(kind_of(path), path, "different", detail))


def _compare_whole(place: Path, output: dvc.Output, found: _Comparison) -> None:
    kind = kind_of(output.path)
    if not (place / output.path).is_dir():
        found.differences.append(Difference(kind, output.path, "missing"))
    elif _folder_md5(place / output.path) == output.md5:
        count = sum(path.is_file() for path in (place / output.path).rglob("*"))
        found.same[kind] = found.same.get(kind, 0) + count
    else:
        detail = "as a whole; its list of files is not in DVC's cache (dvc fetch), so they cannot be told apart"
        found.differences.append(Difference(kind, output.path, "different", detail))


def _set_hardware_aside(place: Path, lineage: Lineage, found: _Comparison) -> None:
    """On another machine, files that name the machine differ; where nothing else does, that is no difference."""
    made = place / history.BUILD
    if not made.is_file() or lineage_reader.read(made).hardware == lineage.hardware:
        return
    found.notes.append(
        "This is another machine than the one that built the revision (hardware in lineage.json): floating-point "
        "results may differ in the last digits"
    )
    weighty = [item for item in found.differences if PurePosixPath(item.path).name not in _NAMES_HARDWARE]
    if not weighty and found.differences:
        found.notes.append(
            "Set aside, since they name the machine: " + ", ".join(item.path for item in found.differences)
        )
        found.differences.clear()

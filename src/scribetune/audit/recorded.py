"""Result files of a build wherever it is kept: its folder, a saved copy of its reports, or a git revision.

For `scribetune compare`. Of a revision, dvc.lock names the files and DVC's cache has them; nothing is fetched.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from scribetune.audit import dvc, git, history, lineage_reader
from scribetune.audit.lineage_reader import Lineage
from scribetune.core import layout
from scribetune.core.errors import UserError
from scribetune.record.remembered import COMMAND

ACCEPTED = "a git revision with a recorded build, the folder of a build, or a saved copy of its folder reports"


@dataclass(frozen=True)
class Recorded:
    """One build.

    `read` returns a file's content by its path from the build's folder, None where it is not to be had.
    """

    name: str  # as it was asked for
    lineage: Lineage
    folder: Path | None  # the build's folder; None of a revision or a copy
    date: str  # of the commit, ISO 8601; "" where it is none
    read: Callable[[str], bytes | None] = field(repr=False)

    def require(self, path: str) -> bytes:
        """Return a file's content.

        Raises:
            UserError: It is not to be had.
        """
        content = self.read(path)
        if content is None:
            is_revision = self.folder is None and self.date
            raise UserError(
                f"{self.name} has no {path}", value=self.name, accepted=ACCEPTED,
                todo=f"git checkout {self.name}; dvc fetch {path}" if is_revision else
                f"copy the whole folder {layout.REPORTS}, or build it: {COMMAND}",
            )  # fmt: skip
        return content


def find(folder: Path, name: str) -> Recorded:
    """Return the build that a name means.

    Args:
        folder: Where revisions are looked up.
        name: A folder, or a git revision.

    Raises:
        UserError: There is none, or it has no scores.
    """
    for named in (Path(name), folder / name):
        path = named.parent if named.name == lineage_reader.FILE_NAME and named.is_file() else named
        # The folder reports within a build: the build has more to show.
        root = path.parent if path.name == layout.REPORTS and (path.parent / history.BUILD).is_file() else path
        if (root / history.BUILD).is_file():
            return Recorded(name, lineage_reader.read(root / history.BUILD), root, "", _in_folder(root))
        if (path / lineage_reader.FILE_NAME).is_file() and not (path / lineage_reader.WEIGHTS).is_file():
            return Recorded(name, lineage_reader.read(path), None, "", _in_copy(path))
    try:
        entry = history.at(folder, name)
    except UserError as error:
        if not error.what.startswith(("No such revision", "A revision can only")):
            raise
        if any(path.exists() for path in (Path(name), folder / name)):
            what = "There is no scored build"
            todo = f"name the folder that has {history.BUILD}: an adapter alone has no scores"
        else:
            what, todo = "Neither a folder nor a revision", "scribetune log lists the revisions with an adapter"
        raise UserError(what, value=name, accepted=ACCEPTED, todo=todo) from error
    return Recorded(name, entry.lineage, None, entry.commits[0].date, _at(folder, entry.commits[0].hash))


def _in_folder(root: Path) -> Callable[[str], bytes | None]:
    def read(path: str) -> bytes | None:
        found = root / path
        return found.read_bytes() if found.is_file() else None

    return read


def _in_copy(reports: Path) -> Callable[[str], bytes | None]:
    """Read from a copy of the folder reports, which has nothing of the other folders."""

    def read(path: str) -> bytes | None:
        inside = path.removeprefix(f"{layout.REPORTS}/")
        found = reports / inside
        return found.read_bytes() if inside != path and found.is_file() else None

    return read


def _at(folder: Path, commit: str) -> Callable[[str], bytes | None]:
    prefix = git.output(folder, "rev-parse", "--show-prefix").decode().rstrip("\n")
    lock = git.run(folder, "cat-file", "blob", f"{commit}:{prefix}{dvc.LOCK}").stdout
    outputs = {path: md5 for stage in dvc.stages(lock) for path, md5 in stage.outs.items()}
    store = dvc.cache_folder(folder)

    @cache
    def members(md5: str) -> dict[str, str]:
        return {member.path: member.md5 for member in dvc.members(store, md5) or ()}

    def read(path: str) -> bytes | None:
        md5 = outputs.get(path)
        for parent in () if md5 else Path(path).parents:
            if outputs.get(parent.as_posix(), "").endswith(".dir"):
                md5 = members(outputs[parent.as_posix()]).get(Path(path).relative_to(parent).as_posix())
        try:
            return dvc.content(store, md5) if md5 else None
        except (OSError, ValueError):
            return None  # as if it were not there: what needs it says so

    return read

"""A build's working directory, as the commands that act on what was recorded look into it."""

import base64
import csv
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from scribetune.core import csv_files, layout
from scribetune.core.config_documents import stored
from scribetune.core.errors import UserError
from scribetune.documents.inputs import is_document
from scribetune.record import remembered


def configured(folder: Path, section: str, key: str | None = None) -> Any:
    """Return what a section, or a key of it, was set to in a folder's build; None where nothing says so."""
    try:
        found = remembered.values(folder)[section]
        return found if key is None else found[key]
    except (UserError, KeyError, TypeError):
        return None  # where it is there and wrong, Snakemake complains about it


def raw(folder: Path) -> Path:
    """Return the folder of input documents that a build was configured with, relative to the build's folder.

    Where documents lie in object storage, that is the folder of their copies.
    """
    given = str(configured(folder, "documents", "raw") or layout.RAW)
    try:
        place = stored(given)
    except ValueError:
        place = None  # Snakemake complains about it
    return Path(given if place is None else place.folder)


def raw_folders(folder: Path) -> list[Path]:
    """Return where input documents may be: where the pages were drawn from, as configured, the default, the samples."""
    drawn_from = remembered.drawn_from(folder)
    folders = [folder / drawn_from] if drawn_from else []
    folders += [folder / raw(folder), folder / layout.RAW, folder / layout.SAMPLES]
    return [root for root in dict.fromkeys(folders) if any(documents(root))] or list(dict.fromkeys(folders))


def documents(root: Path) -> Iterable[Path]:
    """Yield the PDFs and image files below a folder."""
    return (path for path in root.rglob("*") if is_document(path.name))


def rows(table: Path, *, strict: bool = False) -> list[dict[str, str]]:
    """Return the rows of a CSV as text; a quote in the wrong place is an error where that is asked for.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no CSV in UTF-8.
    """
    try:
        return csv_files.read(table, strict=strict)
    except csv.Error as error:
        raise ValueError(str(error)) from error


def current_manifests(folder: Path, stage: str) -> list[Path]:
    """Return the shards' manifests of a stage, sorted.

    As a folder grows, documents are grouped into more shards, and the manifests of the old grouping stay behind
    (`000-of-001.csv` beside `000-of-002.csv`): those that were made last count.
    """
    groups: dict[str, list[Path]] = {}
    for path in sorted((folder / layout.MANIFESTS / stage).glob("*-of-*.csv")):
        groups.setdefault(path.stem.rpartition("-")[2], []).append(path)
    if len(groups) < 2:
        return [path for paths in groups.values() for path in paths]
    ends = job_ends(folder)

    def made(paths: list[Path]) -> tuple[float, float]:
        names = [path.relative_to(folder).as_posix() for path in paths]
        return max(ends.get(name, 0.0) for name in names), max(path.stat().st_mtime for path in paths)

    return max(groups.values(), key=made)


def job_ends(folder: Path) -> dict[str, float]:
    """Return {output: when the job that made it ended, in seconds since 1970}, from Snakemake's records."""
    ends: dict[str, float] = {}
    for path in (folder / ".snakemake" / "metadata").rglob("*"):
        if not path.is_file():
            continue
        try:
            name = base64.b64decode(path.name.removeprefix("@")).decode()
            ends[name] = float(json.loads(path.read_bytes())["endtime"] or 0.0)
        except (ValueError, KeyError, TypeError):
            continue  # Snakemake's own affair; long names are cut into folders
    return ends


def run_snakemake(
    repository: Path,
    folder: Path,
    configfiles: Iterable[Path],
    cores: int,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the build of a repository's code in a folder, with the flags that it was built with there.

    Configuration files take the place of those that are remembered. What Snakemake prints goes to standard error;
    where an environment is given, it is in the result instead.
    """
    # Targets come first: --configfile and --resources take every word that follows.
    command = [sys.executable, "-m", "snakemake", "all", "--snakefile", str(repository / "Snakefile")]
    command += ["--directory", str(folder.resolve()), "--cores", str(cores), "--resources", "gpu=1"]
    build = remembered.last(folder)
    given = [str(path.resolve()) for path in configfiles] or [
        str(folder.resolve() / path) for path in build.config_files
    ]
    command += remembered.flags(replace(build, config_files=tuple(given)))
    printed, errors = (sys.stderr, None) if environment is None else (subprocess.PIPE, subprocess.STDOUT)
    return subprocess.run(  # noqa: S603  an argument list, no shell
        command, cwd=folder, env=environment, stdout=printed, stderr=errors, text=True, check=False
    )

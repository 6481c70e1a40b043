"""A project of its own for tests: the repository's files, a user's PDFs, a small base model, git and DVC."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config

from support.build import REPOSITORY

# models/tiny is 28 MB: tests bring a smaller base model.
_NOT_BUILT_WITH = ("tests/", "docs/", "measurements/", ".snakemake/", "models/", "dvc.lock")
_OF_MAKE = ("MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS", "ARGS")
_IDENTITY = ("-c", "user.name=tester", "-c", "user.email=tester@example.invalid", "-c", "commit.gpgsign=false")


def is_possible() -> bool:
    """Whether git knows here which files belong to the repository; an unpacked archive has none to clone."""
    inside = subprocess.run(["git", "rev-parse", "--git-dir"], cwd=REPOSITORY, capture_output=True, check=False)
    return inside.returncode == 0


def copy_code(folder: Path, without: tuple[str, ...] = _NOT_BUILT_WITH) -> None:
    """Copy what a build needs of the repository, as it lies here (uncommitted edits too), without any build.

    Args:
        folder: Where to; made if it is not there.
        without: Beginnings of the paths that are left out.
    """
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listing.stdout.split("\0")):
        if name.startswith(without) or not (REPOSITORY / name).is_file():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, folder / name, follow_symlinks=False)


def run(folder: Path, *command: str, fails: bool = False) -> str:
    """Run a program of this environment in a project, on the project's own package, and return what it printed.

    Args:
        folder: The project.
        command: Program and arguments.
        fails: Whether it must fail (exit status other than 0).
    """
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment(folder), check=False)
    output = result.stdout + result.stderr
    assert (result.returncode != 0) == fails, f"{' '.join(command)}\n{output}"
    return output


def environment(folder: Path) -> dict[str, str]:
    """Return the variables with which a project's own package and this environment's programs are found."""
    variables = os.environ | {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{variables['PATH']}"
    # A hook, a `dvc repro` or a make with arguments around the tests must not be taken for one around the project.
    return {name: value for name, value in variables.items() if not name.startswith(("GIT_", "DVC_", *_OF_MAKE))}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a project, as a person with a name."""
    return run(folder, "git", *_IDENTITY, *arguments)


def configure(folder: Path, values: Mapping[str, Mapping[str, Any]]) -> None:
    """Set keys in a project's config/config.yaml: {section: {key: value}}, groups of keys in sections likewise."""
    path = folder / "config" / "config.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    update_config(config, values)
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that must be there exactly once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path.name} holds {old!r} {text.count(old)} times: adapt the mutation"
    path.write_text(text.replace(old, new), encoding="utf-8")

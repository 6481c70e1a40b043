"""Where this project lies, and the files of its package that are no modules: templates, word lists, character tables.

Such a file is asked for by its name alone, wherever in the package it lies, and with a constant: a rule's code then
counts the files that it reads (`scribetune.record.definitions`), and moving one changes nothing.
"""

import os
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import scribetune

PACKAGE = "scribetune"
PACKAGE_FOLDER = Path(scribetune.__file__).resolve().parent
REPOSITORY = PACKAGE_FOLDER.parents[1]
SCRIPTS_FOLDER = REPOSITORY / "scripts"


def export_path() -> None:
    """Let the scripts of rules, which run in processes of their own, import the package from where it lies here."""
    before = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    folder = str(PACKAGE_FOLDER.parent)
    if folder not in before:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, *before]))


def package_files(pattern: str) -> dict[str, Path]:
    """Return {name: path} of the files whose name matches a pattern such as "report*", sorted by name.

    Raises:
        FileNotFoundError: There is none: the installation is not whole.
    """
    found = {name: path for name, path in _all().items() if fnmatchcase(name, pattern)}
    if not found:
        raise FileNotFoundError(f"the package has no file {pattern} (installed in {PACKAGE_FOLDER})")
    return found


def package_file(name: str) -> Path:
    """Return the path of one file.

    Raises:
        FileNotFoundError: There is none: the installation is not whole.
    """
    return package_files(name)[name]


@cache
def _all() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(PACKAGE_FOLDER.rglob("*")):
        if path.suffix in (".py", ".pyc") or not path.is_file():
            continue
        if path.name in found:
            raise ValueError(f"two files of the package have one name: {found[path.name]} and {path}")
        found[path.name] = path
    return dict(sorted(found.items()))


def forget() -> None:
    """Look again at files that may have been added or moved since this process looked."""
    _all.cache_clear()

"""Which code a rule executes, definition by definition, as digests that ignore what does not change a result.

A rule's code is everything in this project that its script can reach: the script itself, and of the modules it imports
the functions, classes and constants that are named on the way, directly or through others. Comments, docstrings and
layout do not count, nor does a function of a shared module that the rule never names, nor the module that a definition
stands in: moving or splitting a module changes no digest (`scribetune.record.definitions`).

What is named is found in the syntax tree, so the project keeps to what a tree shows: modules are imported by name, no
`import *`, and assigning a module-level name has no side effect that matters (a bare call, or an assignment to anything
but a name, always counts as executed). Two assignments at the top of a module say how it counts:

    AROUND_A_JOB = True        it logs, shows or records a job and decides about no result: it is left out
    ONLY_DECLARES = True       its classes declare settings, whose values reach a job by themselves: they are left out
"""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from scribetune.core import files
from scribetune.core.errors import DiskFullError
from scribetune.core.package import PACKAGE, PACKAGE_FOLDER, REPOSITORY, SCRIPTS_FOLDER, package_files
from scribetune.record import definitions as taken_apart
from scribetune.record.definitions import MODULE, WHOLE, Definition, Target, file_of

_REMEMBERED = Path(".snakemake/code.json")
"""What was found the last time, in the working directory of a build, or else in the repository; git tracks neither."""


def rule_definitions(rule: str) -> dict[str, str]:
    """Return `definitions` of a rule's script."""
    return dict(_of_rules()[rule])


def read_all() -> None:
    """Take every script apart, or remember what came of it: `rule_digest` then takes no time."""
    _of_rules()


@cache
def rule_digest(rule: str) -> str:
    """Return `digest` of the definitions of a rule's script."""
    return digest(rule_definitions(rule))


def definitions(script: Path) -> dict[str, str]:
    """Return {definition: digest} of everything of this project that a script executes.

    Args:
        script: A rule's script.

    Returns:
        Keys are "<file>: <name>", files relative to the package or the scripts' folder; the name is "(module)" for what
        importing a module executes. Data files of the package are "<file>: (content)". Values are 12 hex digits of the
        definition's text, and behind a dot 8 of the texts of what it mentions. Sorted.

    Raises:
        SyntaxError: A file is not Python.
    """
    return _Reach(script.resolve()).definitions()


def digest(found: Mapping[str, str]) -> str:
    """Return 16 hex digits for `definitions`: of names and values, not of the files they stand in."""
    lines = {f"{_name(key)} {value}" for key, value in found.items()}
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Return {definition: what became of it, in words} between two `definitions`; moved ones are no change."""
    gone = {key: value for key, value in before.items() if now.get(key) != value}
    new = {key: value for key, value in now.items() if before.get(key) != value}
    moved = {(_name(key), value) for key, value in gone.items()} & {(_name(key), value) for key, value in new.items()}
    gone = {key: value for key, value in gone.items() if (_name(key), value) not in moved}
    new = {key: value for key, value in new.items() if (_name(key), value) not in moved}
    found: dict[str, str] = {}
    follows: dict[str, str] = {}
    for key in sorted({*gone, *new}):
        if key not in gone:
            found[key] = "is used now"
        elif key not in new:
            found[key] = "is not used any more"
        elif gone[key].split(".")[0] != new[key].split(".")[0]:
            found[key] = "was edited"
        else:
            follows[key] = "means another definition of the same name"
    # What mentions an edited definition differs too, and says nothing new.
    return found or follows


def _name(key: str) -> str:
    """Return what is compared of "<file>: <name>": for a data file its name, which stands before the colon."""
    file, _, name = key.partition(": ")
    return Path(file).name if name == _CONTENT else name.split(" #")[0]


_CONTENT = "(content)"


@cache
def _of_rules() -> dict[str, dict[str, str]]:
    """Return {rule: definitions} of every script.

    Taking three hundred modules apart costs seconds, each time the workflow is read and after each job. So what
    came of it is remembered, where Snakemake keeps its own records, for as long as no file changes its content; that of
    the repository serves a build elsewhere, the first time too.
    """
    scripts = sorted(SCRIPTS_FOLDER.glob("*.py"))
    sources = sorted({*scripts, *(path for path in PACKAGE_FOLDER.rglob("*") if path.suffix != ".pyc")})
    listed = [f"{_shown(path)} {files.sha256_file(path)}" for path in sources if path.is_file()]
    state = files.sha256_bytes("\n".join(listed).encode())
    memories = dict.fromkeys((_REMEMBERED.absolute(), REPOSITORY / _REMEMBERED))  # one, in the repository itself
    for memory in memories:
        # Never written, or not whole: it is no more than a memory.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            remembered = json.loads(memory.read_bytes())
            if remembered["state"] == state:
                return dict(remembered["definitions"])
    found = {script.stem: definitions(script) for script in scripts}
    taken_apart.forget()  # two hundred syntax trees, 50 MB
    for memory in memories:
        if memory.parent.is_dir():
            with contextlib.suppress(OSError, DiskFullError):  # as above; whoever needs the room will say so
                files.write_json(memory, {"state": state, "definitions": found})
    return found


class _Reach:
    """Everything that a script reaches, from module to module."""

    def __init__(self, script: Path) -> None:
        self._found: dict[str, Definition] = {}
        self._data: dict[str, str] = {}
        self._imported: set[str] = set()
        self._seen: set[Target] = set()
        self._waiting: list[Target] = []
        self._run_module(script)
        for name in taken_apart.names(script):
            self._take(script, name, _defined(script, name))
        while self._waiting:
            self._visit(self._waiting.pop())

    def definitions(self) -> dict[str, str]:
        """Return {definition: digest}, sorted."""
        found = {key: f"{each.digest}.{_digest_of_mentioned(each)}" for key, each in self._found.items()}
        return dict(sorted((found | self._data).items()))

    def _visit(self, target: Target) -> None:
        where, name = target
        if target in self._seen or _says(where, "AROUND_A_JOB"):
            return
        self._seen.add(target)
        self._arrive(where)
        path = _path(where)
        if name == WHOLE:
            names = [*taken_apart.names(path), *taken_apart.imported_names(path)]
            self._waiting.extend(taken_apart.final((where, each)) for each in names)
        elif found := taken_apart.definition(path, name):
            if not (found.is_class and _says(where, "ONLY_DECLARES")):
                self._take(path, name, found)
            else:
                self._follow(found)

    def _arrive(self, where: str) -> None:
        """A module is imported: what stands outside its definitions runs, and so it does in the packages above it."""
        parts = where.split(".")
        for depth in range(1, len(parts) + 1):
            part = ".".join(parts[:depth])
            if part not in self._imported and not _says(part, "AROUND_A_JOB"):
                self._imported.add(part)
                self._run_module(_path(part))

    def _run_module(self, path: Path) -> None:
        for number, found in enumerate(taken_apart.executed(path)):
            self._take(path, f"{MODULE} #{number + 1}" if number else MODULE, found)
        for target in sorted(taken_apart.imported_modules(path)):
            self._arrive(target)

    def _take(self, path: Path, name: str, found: Definition) -> None:
        self._found[f"{_shown(path)}: {name}"] = found
        for pattern in found.data:
            for file in package_files(pattern).values():
                self._data[f"{_shown(file)}: {_CONTENT}"] = files.sha256_file(file)[:12]
        self._follow(found)

    def _follow(self, found: Definition) -> None:
        for module in sorted(found.modules):
            self._arrive(module)
        self._waiting.extend(sorted(found.targets))


def _digest_of_mentioned(found: Definition) -> str:
    """Return 8 hex digits for what a definition mentions: which of two definitions of one name it means."""
    return hashlib.sha256("\n".join(sorted(_mentioned(found.targets))).encode()).hexdigest()[:8]


def _mentioned(targets: Iterable[Target]) -> Iterable[str]:
    for where, name in targets:
        path = file_of(where)
        found = None if path is None or name == WHOLE else taken_apart.definition(path, name)
        if found is not None and not _says(where, "AROUND_A_JOB") and not _says(where, "ONLY_DECLARES"):
            yield f"{name} {found.digest}"


def _defined(path: Path, name: str) -> Definition:
    found = taken_apart.definition(path, name)
    if found is None:
        raise KeyError(f"{path} defines no {name}")
    return found


def _says(module: str, word: str) -> bool:
    path = file_of(module)
    return path is not None and taken_apart.definition(path, word) is not None


def _path(module: str) -> Path:
    path = file_of(module)
    if path is None:
        raise FileNotFoundError(f"no module {module} below {PACKAGE_FOLDER}")
    return path


def _shown(path: Path) -> str:
    """Return a file as it is shown: "scribetune/core/files.py", "label_pages.py"."""
    if path.is_relative_to(PACKAGE_FOLDER):
        return f"{PACKAGE}/{path.relative_to(PACKAGE_FOLDER).as_posix()}"
    return path.name


def forget_files() -> None:
    """Read files again that may have been edited since this process read them."""
    taken_apart.forget()
    _of_rules.cache_clear()
    rule_digest.cache_clear()

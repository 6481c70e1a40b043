"""Which code a rule executes, definition by definition, as digests that ignore what does not change a result.

A rule's code is everything in this project that its script can reach: the script itself, and of the modules it imports
the functions, classes and constants that are named on the way, directly or through others. Comments, docstrings and
layout do not count, nor does a function of a shared module that the rule never names.

What is named is found in the syntax tree, so the project keeps to what a tree shows: modules are imported by name, no
`import *`, and assigning a module-level name has no side effect that matters (a bare call, or an assignment to anything
but a name, always counts as executed).
"""

import ast
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from scribetune import files
from scribetune.provenance import PACKAGE, PACKAGE_FOLDER, SCRIPTS_FOLDER

TEMPLATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "write_report": tuple(sorted(path.name for path in (PACKAGE_FOLDER / "templates").glob("report*"))),
        "write_adapter_card": ("model_card.md.j2",),
        "write_model_card": ("model_card.md.j2",),
        "make_samples": tuple(sorted(path.name for path in (PACKAGE_FOLDER / "templates").glob("*.typ"))),
    }
)
"""Files that a rule's code reads besides modules, by rule."""

AROUND_A_JOB = frozenset(
    f"{PACKAGE}.{module}" for module in ("jobs", "receipts", "resources", "progress", "training.monitor")
)
"""Modules that log, show and record a job: they decide about no result, so an edit there re-runs nothing."""

DECLARATIONS = frozenset({f"{PACKAGE}.config"})
"""Modules whose classes only declare: the values reach a job through its settings, so a new key re-runs nothing."""

_REMEMBERED = Path(".snakemake/code.json")
"""What was found the last time, in the working directory of a build; git does not track it."""

_Import = tuple[str, str]
"""What an imported name stands for: (module, name in it), the name empty where it is the module itself."""


@dataclass(frozen=True)
class _Unit:
    """A top-level statement of a module, or several that define one name.

    Attributes:
        digest: Of its syntax tree, docstrings left out.
        mentions: Bare names in it, and dotted ones as far as they go: ("files", "write_json").
        imports: Names that it binds by importing, here or in its own scopes.
        modules: Project modules that it imports, whatever it uses of them.
        is_class: Whether it is a class.
    """

    digest: str
    mentions: frozenset[tuple[str, ...]]
    imports: Mapping[str, _Import]
    modules: frozenset[str]
    is_class: bool


@dataclass(frozen=True)
class _Module:
    """A module taken apart.

    Attributes:
        always: What importing it executes: bare calls, blocks, assignments to anything but a name.
        named: Name → what defines it.
        imports: Names bound by its top-level imports.
        modules: Project modules imported at top level.
    """

    always: _Unit | None
    named: Mapping[str, _Unit]
    imports: Mapping[str, _Import]
    modules: frozenset[str]


def rule_definitions(rule: str) -> dict[str, str]:
    """Return `definitions` of a rule's script and templates."""
    return dict(_of_rules()[rule])


@cache
def rule_digest(rule: str) -> str:
    """Return `digest` of a rule's script and templates."""
    return _digest_of(rule_definitions(rule))


def definitions(script: Path, templates: tuple[str, ...] = ()) -> dict[str, str]:
    """Return {definition: 12 hex digits} of everything of this project that a script executes.

    Args:
        script: A rule's script.
        templates: Names of files in `templates/` that it reads (compared byte by byte).

    Returns:
        Keys are "<file>: <name>", files relative to scripts/; the name is "(module)" for what importing a module
        executes. Templates are "scribetune/templates/<name>". Sorted.

    Raises:
        SyntaxError: A file is not Python.
    """
    return dict(sorted(_definitions(script.resolve(), templates).items()))


def digest(script: Path, templates: tuple[str, ...] = ()) -> str:
    """Return 16 hex digits for `definitions(script, templates)`."""
    return _digest_of(definitions(script, templates))


def _digest_of(found: Mapping[str, str]) -> str:
    lines = [f"{name} {value}" for name, value in found.items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@cache
def _of_rules() -> dict[str, dict[str, str]]:
    """Return {rule: definitions} of every script.

    Taking a hundred modules apart costs most of a second, each time the workflow is read and after each job. So what
    came of it is remembered, where Snakemake keeps its own records, for as long as no file changes its content.
    """
    sources = sorted([*SCRIPTS_FOLDER.rglob("*.py"), *(PACKAGE_FOLDER / "templates").glob("*")])
    listed = [f"{path.relative_to(SCRIPTS_FOLDER)} {files.sha256_file(path)}" for path in sources if path.is_file()]
    state = files.sha256_bytes("\n".join([sys.version, *listed]).encode())
    try:
        remembered = json.loads(_REMEMBERED.read_bytes())
        if remembered["state"] == state:
            return dict(remembered["definitions"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # never written, or not whole: it is no more than a memory
    found = {script.stem: definitions(script, TEMPLATES.get(script.stem, ())) for script in SCRIPTS_FOLDER.glob("*.py")}
    if _REMEMBERED.parent.is_dir():
        files.write_json(_REMEMBERED, {"state": state, "definitions": found})
    return found


def _definitions(script: Path, templates: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    imported: set[str] = set()
    waiting: list[tuple[str, str]] = []

    def execute(where: str, name: str, unit: _Unit, module: _Module) -> None:
        if not (unit.is_class and where in DECLARATIONS):
            found[f"{_label(where, script)}: {name}"] = unit.digest
        for target in unit.modules:
            arrive(target)
        waiting.extend(_targets(unit, module, where))

    def arrive(where: str) -> None:
        """A module is imported: what stands outside its definitions runs, and so it does in the packages above it."""
        for part in _packages(where):
            if part in imported or part in AROUND_A_JOB:
                continue
            imported.add(part)
            module = _read(_file(part))
            if module.always is not None:
                execute(part, "(module)", module.always, module)
            for target in module.modules:
                arrive(target)

    root = _read(script)
    for name, unit in [("(module)", root.always), *root.named.items()]:
        if unit is not None:
            execute("", name, unit, root)
    for target in root.modules:
        arrive(target)
    while waiting:
        where, name = waiting.pop()
        if (where, name) in seen or where in AROUND_A_JOB:
            continue
        seen.add((where, name))
        arrive(where)
        module = _read(_file(where))
        if name == "*":  # the module itself is handed around: anything in it may be used
            waiting.extend((where, each) for each in [*module.named, *module.imports])
        elif name in module.named:
            execute(where, name, module.named[name], module)
        elif name in module.imports:
            waiting.append(_import_target(module.imports[name]))
    for name in templates:
        content = (PACKAGE_FOLDER / "templates" / name).read_bytes()
        found[f"{PACKAGE}/templates/{name}"] = hashlib.sha256(content).hexdigest()[:12]
    return found


def _targets(unit: _Unit, module: _Module, where: str) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of what a unit mentions of this project; "*" for a module as a whole."""
    for chain in unit.mentions:
        first = chain[0]
        bound = unit.imports.get(first) or module.imports.get(first)
        if bound is None:
            # A name of the same module, or a local or built-in one, which is nothing here. A script's own are all in.
            if where and first in module.named:
                yield where, first
            continue
        target, name = bound
        rest = chain[1:]
        while not name and rest and _file_of(f"{target}.{rest[0]}"):  # `import scribetune.files; scribetune.files.x`
            target, rest = f"{target}.{rest[0]}", rest[1:]
        if _file_of(target):
            yield target, name or (rest[0] if rest else "*")


def _import_target(bound: _Import) -> tuple[str, str]:
    target, name = bound
    return target, name or "*"


def _label(where: str, script: Path) -> str:
    path = _file(where) if where else script
    return path.relative_to(SCRIPTS_FOLDER).as_posix() if path.is_relative_to(SCRIPTS_FOLDER) else path.name


def _packages(module: str) -> list[str]:
    """Return a module's name and those of the packages above it, which importing it runs too."""
    parts = module.split(".")
    return [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _file(module: str) -> Path:
    path = _file_of(module)
    if path is None:
        raise FileNotFoundError(f"no module {module} below {SCRIPTS_FOLDER}")
    return path


@cache
def _file_of(module: str) -> Path | None:
    """Return the file of a module of this project; None for anything else."""
    parts = module.split(".")
    if parts[0] != PACKAGE:
        return None
    folder = SCRIPTS_FOLDER.joinpath(*parts)
    return next((path for path in (folder / "__init__.py", folder.with_suffix(".py")) if path.is_file()), None)


def forget_files() -> None:
    """Read files again that may have been edited since this process read them."""
    _file_of.cache_clear()
    _read.cache_clear()
    _of_rules.cache_clear()


@cache
def _read(path: Path) -> _Module:
    """Take a module apart."""
    body = ast.parse(path.read_text(encoding="utf-8"), filename=str(path)).body
    always: list[ast.stmt] = []
    named: dict[str, list[ast.stmt]] = {}
    imports: dict[str, _Import] = {}
    modules: set[str] = set()
    for statement in body:
        if _is_text(statement) or _is_for_type_checkers(statement):
            continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            bound, reached = _bindings(statement)
            imports.update(bound)
            modules.update(reached)
            continue
        names = _names_defined(statement)
        for name in names:
            named.setdefault(name, []).append(statement)
        if not names:
            always.append(statement)
    return _Module(
        always=_unit(always) if always else None,
        named=MappingProxyType({name: _unit(statements) for name, statements in named.items()}),
        imports=MappingProxyType(imports),
        modules=frozenset(modules),
    )


def _names_defined(statement: ast.stmt) -> list[str]:
    """Return the names that a statement defines and does nothing else; none for one that is executed in any case."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [] if any(_registers(decorator) for decorator in statement.decorator_list) else [statement.name]
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = [part for target in statement.targets for part in _parts(target)]
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)] if _only_names(targets) else []


def _parts(target: ast.expr) -> list[ast.expr]:
    return list(target.elts) if isinstance(target, ast.Tuple | ast.List) else [target]


def _only_names(targets: list[ast.expr]) -> bool:
    return all(isinstance(target, ast.Name) and target.id != "_" for target in targets)


def _registers(decorator: ast.expr) -> bool:
    """Whether a decorator is a method of some object, as in `@app.command()`: the definition may be reached by that.

    `@functools.cache` looks the same, but for its library's name.
    """
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if not isinstance(called, ast.Attribute):
        return False
    return not (isinstance(called.value, ast.Name) and called.value.id in _DECORATOR_LIBRARIES)


_DECORATOR_LIBRARIES = frozenset({"contextlib", "functools", "dataclasses", "torch", "numba", "abc"})


def _unit(statements: list[ast.stmt]) -> _Unit:
    imports: dict[str, _Import] = {}
    modules: set[str] = set()
    mentions: set[tuple[str, ...]] = set()
    for statement in statements:
        _drop_texts(statement)
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                bound, reached = _bindings(node)
                imports.update(bound)
                modules.update(reached)
        mentions.update(_chains(statement))
    text = "\n".join(ast.dump(statement) for statement in statements)
    return _Unit(
        hashlib.sha256(text.encode()).hexdigest()[:12],
        frozenset(mentions),
        MappingProxyType(imports),
        frozenset(modules),
        isinstance(statements[0], ast.ClassDef),
    )


def _chains(tree: ast.AST) -> Iterator[tuple[str, ...]]:
    """Yield dotted names as tuples: ("files", "write_json") of `files.write_json(…)`, ("x",) of a bare `x`."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Attribute | ast.Name):
            attributes: list[str] = []
            inner: ast.AST = node
            while isinstance(inner, ast.Attribute):
                attributes.append(inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name):
                yield (inner.id, *reversed(attributes))
            else:
                waiting.append(inner)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def _bindings(node: ast.Import | ast.ImportFrom) -> tuple[dict[str, _Import], set[str]]:
    """Return the names that an import binds to things of this project, and the modules that it runs."""
    bound: dict[str, _Import] = {}
    modules: set[str] = set()
    if isinstance(node, ast.Import):
        for alias in node.names:
            if _file_of(alias.name):
                modules.add(alias.name)
                bound[alias.asname or alias.name.split(".")[0]] = (alias.name if alias.asname else PACKAGE, "")
    elif node.module and not node.level and _file_of(node.module):
        modules.add(node.module)
        for alias in node.names:
            submodule = f"{node.module}.{alias.name}"
            if _file_of(submodule):
                modules.add(submodule)
                bound[alias.asname or alias.name] = (submodule, "")
            else:
                bound[alias.asname or alias.name] = (node.module, alias.name)
    return bound, modules


def _is_for_type_checkers(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING")


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a bare string: a docstring, or the text below an attribute."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _drop_texts(statement: ast.stmt) -> None:
    for node in ast.walk(statement):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [each for each in node.body if not _is_text(each)]

"""A module's definitions, each as a digest of what it says, whatever file it stands in.

A definition is a function, a class, or an assignment to names at the top level of a module. Its text is written from
the syntax tree without docstrings, comments and layout. A name that comes from elsewhere stands in it under the name
that it was defined with: `files.write_json`, `write_json` and `core.files.write_json` are one thing if they lead to
one definition, and so are `np.array` and `numpy.array`. Imports of this project are therefore no code but bindings,
and a definition keeps its digest when it, or what it uses, moves to another module.

The text is of our own making, since `ast.dump` writes the same code differently in Python 3.11, 3.12 and 3.13.
"""

import ast
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from scribetune.core.package import PACKAGE, PACKAGE_FOLDER

MODULE = "(module)"
"""Name of what importing a module executes: bare calls, blocks, assignments to anything but a name."""

WHOLE = "*"
"""Name of a module that is handed around as a whole: anything in it may be used."""

_DATA_READERS = frozenset({"package_file", "package_files"})
"""Functions (`scribetune.core.package`) whose constant argument names files of the package: they are code's data."""

_DECORATOR_LIBRARIES = frozenset({"contextlib", "functools", "dataclasses", "torch", "numba", "abc"})

_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_NOT_CODE = frozenset({"ctx", "kind", "type_comment", "type_params", "type_ignores"})
_NOTHING: frozenset[str] = frozenset()

Target = tuple[str, str]
"""(module, name in it) of a definition of this project; `WHOLE` as the name of the module itself."""


@dataclass(frozen=True)
class Definition:
    """One definition.

    Attributes:
        digest: 12 hex digits of its text.
        targets: Definitions of this project that it mentions.
        modules: Modules of this project that it imports, whatever it uses of them.
        data: Patterns of the package's data files that it reads.
        is_class: Whether it is a class.
    """

    digest: str
    targets: frozenset[Target]
    modules: frozenset[str]
    data: frozenset[str]
    is_class: bool


@dataclass
class _Module:
    """A module taken apart; statements that define one name go together."""

    name: str
    always: list[ast.stmt] = field(default_factory=list)
    named: dict[str, list[ast.stmt]] = field(default_factory=dict)
    bound: dict[str, Target] = field(default_factory=dict)
    foreign: dict[str, str] = field(default_factory=dict)
    modules: set[str] = field(default_factory=set)


@cache
def file_of(module: str) -> Path | None:
    """Return the file of a module of this project; None for anything else."""
    parts = module.split(".")
    if parts[0] != PACKAGE:
        return None
    folder = PACKAGE_FOLDER.joinpath(*parts[1:])
    return next((path for path in (folder / "__init__.py", folder.with_suffix(".py")) if path.is_file()), None)


def names(path: Path) -> list[str]:
    """Return the names that a file defines at its top level, in order."""
    return list(_read(path).named)


def imported_names(path: Path) -> list[str]:
    """Return the names that a file's top-level imports bind to things of this project."""
    return list(_read(path).bound)


def imported_modules(path: Path) -> frozenset[str]:
    """Return the modules of this project that importing a file imports."""
    return frozenset(_read(path).modules)


def executed(path: Path) -> tuple[Definition, ...]:
    """Return what importing a file executes besides its definitions, a statement each."""
    module = _read(path)
    return tuple(_definition(module, [statement]) for statement in module.always)


@cache
def definition(path: Path, name: str) -> Definition | None:
    """Return a definition of a file; None where it defines no such name."""
    module = _read(path)
    return _definition(module, module.named[name]) if name in module.named else None


@cache
def final(target: Target) -> Target:
    """Follow imports to where a name is defined: a package may take it from a module in it."""
    seen: set[Target] = set()
    while target not in seen:
        seen.add(target)
        path = file_of(target[0])
        if path is None or target[1] == WHOLE:
            break
        module = _read(path)
        if target[1] in module.named or target[1] not in module.bound:
            break
        target = module.bound[target[1]]
    return target


def forget() -> None:
    """Read files again that may have been edited since this process read them."""
    for remembered in (file_of, _read, definition, final):
        remembered.cache_clear()


@cache
def _read(path: Path) -> _Module:
    """Take a module apart."""
    inside = path.is_relative_to(PACKAGE_FOLDER)
    parts = [PACKAGE, *path.relative_to(PACKAGE_FOLDER).with_suffix("").parts] if inside else [path.stem]
    module = _Module(".".join(part for part in parts if part != "__init__"))
    for statement in ast.parse(path.read_text(encoding="utf-8"), filename=str(path)).body:
        if _is_text(statement) or _is_for_type_checkers(statement):
            continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            _bind(statement, module)
            continue
        defined = _names_defined(statement)
        for name in defined:
            module.named.setdefault(name, []).append(statement)
        if not defined:
            module.always.append(statement)
    return module


def _bind(node: ast.Import | ast.ImportFrom, into: _Module) -> None:
    """Note the names that an import binds, and the modules of this project that it runs."""
    source = node.module or "" if isinstance(node, ast.ImportFrom) else ""
    for alias in node.names:
        whole = f"{source}.{alias.name}" if source else alias.name
        if isinstance(node, ast.Import):
            first = alias.name.split(".")[0]
            bound, name = alias.asname or first, alias.name if alias.asname else first
            if not file_of(alias.name):
                into.foreign[bound] = name
                continue
            into.modules.add(alias.name)
            into.bound[bound] = (name, WHOLE)
        elif not file_of(source):
            into.foreign[alias.asname or alias.name] = whole
        elif file_of(whole):
            into.modules |= {source, whole}
            into.bound[alias.asname or alias.name] = (whole, WHOLE)
        else:
            into.modules.add(source)
            into.bound[alias.asname or alias.name] = (source, alias.name)


def _definition(module: _Module, statements: list[ast.stmt]) -> Definition:
    text = _Text(module, statements)
    written = "\n".join(text.of(statement, _NOTHING) for statement in statements)
    return Definition(
        digest=hashlib.sha256(written.encode()).hexdigest()[:12],
        targets=frozenset(text.targets),
        modules=frozenset(text.local.modules),
        data=frozenset(text.data),
        is_class=isinstance(statements[0], ast.ClassDef),
    )


class _Text:
    """Writes the text of a definition, and notes on the way what it mentions."""

    def __init__(self, module: _Module, statements: list[ast.stmt]) -> None:
        self.local = _Module(module.name)
        self.targets: set[Target] = set()
        self.data: set[str] = set()
        self._module = module
        for statement in statements:
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    _bind(node, self.local)

    def of(self, node: object, bound: frozenset[str]) -> str:
        """Return the text of a node; `bound` are the names that enclosing functions bind, which lead nowhere else."""
        if isinstance(node, list):
            return "[" + ",".join(filter(None, (self.of(each, bound) for each in node))) + "]"
        if not isinstance(node, ast.AST):
            return repr(node)
        if isinstance(node, ast.Attribute | ast.Name) and (chain := _chain(node)):
            return self._mention(chain, node, bound)
        if isinstance(node, ast.Import | ast.ImportFrom):
            return self._foreign_import(node)
        if isinstance(node, ast.Call):
            self._note_data(node)
        if isinstance(node, _SCOPES):
            return self._function(node, bound)
        if isinstance(node, _COMPREHENSIONS):
            bound |= {
                each.id for part in node.generators for each in ast.walk(part.target) if isinstance(each, ast.Name)
            }
        return self._fields(node, bound)

    def _fields(
        self, node: ast.AST, bound: frozenset[str], inner: Mapping[str, frozenset[str]] = MappingProxyType({})
    ) -> str:
        written = []
        for name, value in ast.iter_fields(node):
            if name in _NOT_CODE or value is None or value == []:
                continue
            parts = [each for each in value if not _is_no_code(node, each)] if isinstance(value, list) else value
            written.append(f"{name}={self.of(parts, inner.get(name, bound))}")
        return f"{type(node).__name__}({','.join(written)})"

    def _function(self, node: _SCOPES, bound: frozenset[str]) -> str:
        # Defaults, annotations and decorators are evaluated outside.
        return self._fields(node, bound, {"body": bound | (_bound_in(node) - self.local.bound.keys())})

    def _mention(self, chain: tuple[str, ...], node: ast.Attribute | ast.Name, bound: frozenset[str]) -> str:
        first, rest = chain[0], chain[1:]
        if first in bound or (isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)):
            return ".".join(chain)
        target = self.local.bound.get(first) or self._module.bound.get(first)
        if target is None:
            foreign = self.local.foreign.get(first) or self._module.foreign.get(first)
            # A script's own definitions are all in.
            if foreign is None and first in self._module.named and file_of(self._module.name):
                self.targets.add((self._module.name, first))
            return ".".join([foreign or first, *rest])
        module, name = target
        while name == WHOLE and rest and file_of(f"{module}.{rest[0]}"):  # `import scribetune.core.files`, and its use
            module, rest = f"{module}.{rest[0]}", rest[1:]
        if name == WHOLE and rest:
            name, rest = rest[0], rest[1:]
        target = final((module, name))
        self.targets.add(target)
        shown = f"<{target[0].rpartition('.')[2]}>" if target[1] == WHOLE else target[1]
        return ".".join([shown, *rest])

    def _foreign_import(self, node: ast.Import | ast.ImportFrom) -> str:
        """Another library's import inside a definition is code, since it may do something; ours are bindings."""
        if isinstance(node, ast.ImportFrom) and file_of(node.module or ""):
            return ""
        kept = [alias.name for alias in node.names if not file_of(alias.name)]
        return f"import {getattr(node, 'module', '')}:{','.join(kept)}" if kept else ""

    def _note_data(self, node: ast.Call) -> None:
        called = _chain(node.func)
        if called and called[-1] in _DATA_READERS and node.args and isinstance(node.args[0], ast.Constant):
            self.data.add(str(node.args[0].value))


def _chain(node: ast.AST) -> tuple[str, ...]:
    """Return a dotted name as a tuple: ("files", "write_json") of `files.write_json`; () of anything else."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    return (node.id, *reversed(attributes)) if isinstance(node, ast.Name) else ()


def _bound_in(function: _SCOPES) -> frozenset[str]:
    """Return the names that a function binds: arguments, assignments, loops, inner functions."""
    found: set[str] = set()
    outside: set[str] = set()
    waiting: list[ast.AST] = list(function.body) if isinstance(function.body, list) else [function.body]
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    found.update(each.arg for each in every if each is not None)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
                continue
            case ast.Lambda():
                continue
            case ast.Global() | ast.Nonlocal():
                outside.update(node.names)
            case ast.Name() if not isinstance(node.ctx, ast.Load):
                found.add(node.id)
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
                found.add(node.name)
            case ast.MatchMapping() if node.rest:
                found.add(node.rest)
            case _:
                pass
        waiting.extend(ast.iter_child_nodes(node))
    return frozenset(found - outside)


def _names_defined(statement: ast.stmt) -> list[str]:
    """Return the names that a statement defines and does nothing else; none for one that is executed in any case."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [] if any(_registers(decorator) for decorator in statement.decorator_list) else [statement.name]
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = [part for target in statement.targets for part in _parts(target)]
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    plain = [target.id for target in targets if isinstance(target, ast.Name) and target.id != "_"]
    return plain if len(plain) == len(targets) else []


def _parts(target: ast.expr) -> Iterator[ast.expr]:
    yield from target.elts if isinstance(target, ast.Tuple | ast.List) else [target]


def _registers(decorator: ast.expr) -> bool:
    """Whether a decorator is a method of some object, as in `@app.command()`: the definition may be reached by that.

    `@functools.cache` looks the same, but for its library's name.
    """
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    if not isinstance(called, ast.Attribute):
        return False
    return not (isinstance(called.value, ast.Name) and called.value.id in _DECORATOR_LIBRARIES)


def _is_for_type_checkers(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING")


def _is_no_code(node: ast.AST, part: object) -> bool:
    """Tell docstrings, and the empty strings that some versions of Python see at the end of an f-string."""
    if isinstance(node, ast.JoinedStr):
        return isinstance(part, ast.Constant) and part.value == ""
    return _is_text(part)


def _is_text(statement: object) -> bool:
    """Whether a statement is a bare string: a docstring, or the text below an attribute."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )

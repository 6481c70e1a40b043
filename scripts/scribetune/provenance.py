"""What code and which environment a rule runs with, as digests that ignore what does not change a result."""

import ast
import hashlib
import re
import sys
from functools import cache
from pathlib import Path

PACKAGE = "scribetune"
PACKAGE_FOLDER = Path(__file__).resolve().parent
SCRIPTS_FOLDER = PACKAGE_FOLDER.parent
REPOSITORY = SCRIPTS_FOLDER.parent


def syntax_digest(source: str) -> str:
    """Return the SHA-256 of a module's syntax tree, without comments, docstrings, blank lines and layout."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            # Every bare string statement goes: docstrings, and the attribute docstrings below configuration keys.
            node.body = [statement for statement in node.body if not _is_text(statement)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


@cache
def _module(path: Path) -> tuple[str, tuple[Path, ...]]:
    """Return a module's own digest and the files of the project modules it names in imports."""
    source = path.read_text(encoding="utf-8")
    imported: set[Path] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                imported.update(_files_of(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            imported.update(_files_of(node.module))
            for alias in node.names:  # `from scribetune import labels` names a module too
                imported.update(_files_of(f"{node.module}.{alias.name}"))
    return syntax_digest(source), tuple(sorted(imported))


def _files_of(name: str) -> list[Path]:
    """Return the files that importing `name` runs: the packages on the way and the module, where they are ours."""
    parts = name.split(".")
    if parts[0] != PACKAGE:
        return []
    files = []
    for depth in range(1, len(parts) + 1):
        folder = SCRIPTS_FOLDER.joinpath(*parts[:depth])
        for candidate in (folder / "__init__.py", folder.with_suffix(".py")):
            if candidate.is_file():
                files.append(candidate)
    return files


def code_files(script: Path) -> list[Path]:
    """Return a script and every project module it imports, directly or through others, sorted.

    Imports inside functions count: heavy libraries are imported late in this project.
    """
    seen: set[Path] = set()
    waiting = [script.resolve()]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting.extend(_module(path)[1])
    return sorted(seen)


def code_digest(script: Path, templates: tuple[str, ...] = ()) -> str:
    """Return the digest of everything of this project that a script executes.

    Args:
        script: The rule's script.
        templates: Names of files in `templates/` that the script reads (compared byte by byte).

    Returns:
        16 hex digits.
    """
    lines = [f"{path.relative_to(SCRIPTS_FOLDER)} {_module(path)[0]}" for path in code_files(script)]
    for name in sorted(templates):
        lines.append(f"{name} {hashlib.sha256((PACKAGE_FOLDER / 'templates' / name).read_bytes()).hexdigest()}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def lock_pins(lock: Path) -> dict[str, str]:
    """Return {package: version} of a lock file's pins."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {name.lower(): version for name, version in pins}


def environment_digest(lock: Path) -> str:
    """Return 16 hex digits for a lock's pins; comments and order do not count."""
    pins = sorted(lock_pins(lock).items())
    return hashlib.sha256("\n".join(f"{name}=={version}" for name, version in pins).encode()).hexdigest()[:16]


def lock_in_use() -> Path:
    """Return the lock file the running environment was installed from (`make env` notes its kind in the prefix)."""
    note = Path(sys.prefix) / "scribetune-environment"
    kind = note.read_text(encoding="utf-8").split()[0] if note.exists() else "cpu"
    return REPOSITORY / "envs" / f"{kind}.txt"

"""Promises about the package's structure: rooms, one direction of imports, no circles, a map that is true."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import networkx
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "src" / "scribetune"
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES, MOST_FUNCTION_LINES = 600, 80


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of a copy of the repository, as `make lint` does."""
    program = Path(sys.executable).with_name("lint-imports")
    environment = os.environ | {"PYTHONPATH": str(folder / "src")}
    return subprocess.run(
        [program, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its contracts."""
    shutil.copytree(REPOSITORY / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def test_rooms_import_downwards_and_model_libraries_stay_in_their_rooms(copy: Path) -> None:
    checked = lint_imports(copy)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("file", "line", "named"),
    [
        ("loose.py", '"""In no room."""\n', "scribetune.loose"),
        ("attic/__init__.py", '"""A room without a floor."""\n', "scribetune.attic"),
        ("core/files.py", "\nfrom scribetune.report import page\n", "scribetune.core.files -> scribetune.report.page"),
        ("review/queues.py", "\nimport scribetune.audit.dvc\n", "scribetune.review.queues -> scribetune.audit.dvc"),
        ("audit/history.py", "\nimport torch\n", "scribetune.audit.history -> torch"),
    ],
)  # fmt: skip
def test_a_loose_module_and_an_import_against_the_direction_fail(copy: Path, file: str, line: str, named: str) -> None:
    path = copy / "src" / "scribetune" / file
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(line)
    checked = lint_imports(copy)
    assert checked.returncode != 0
    assert named in " ".join(checked.stdout.split()), checked.stdout


def name_of(path: Path) -> str:
    parts = ["scribetune", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(part for part in parts if part != "__init__")


def test_no_module_imports_itself_on_a_detour() -> None:
    """Imports inside functions and for type checkers count."""
    names = {name_of(path) for path in MODULES}
    graph = networkx.DiGraph()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            targets = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                inside = [f"{node.module}.{alias.name}" for alias in node.names]
                targets = [name if name in names else node.module for name in inside]
            graph.add_edges_from((name_of(path), target) for target in targets if target in names)
    circles = [sorted(part) for part in networkx.strongly_connected_components(graph) if len(part) > 1]
    assert circles == []


def test_every_module_is_on_the_map_of_its_room() -> None:
    for path in MODULES:
        room = path.parent if path.name != "__init__.py" else path.parent.parent
        name = path.stem if path.name != "__init__.py" else path.parent.name
        if not path.is_relative_to(PACKAGE) or room in (PACKAGE, PACKAGE.parent):
            continue
        text = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8"))) or ""
        words = {word.strip("`,.;:()/") for word in text.split()}
        assert name in words, f"{name} is missing in the docstring of {room.relative_to(PACKAGE)}/__init__.py"


def test_modules_and_functions_keep_a_size_that_can_be_read() -> None:
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= MOST_LINES, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                is_compiled = f"_Kernel({node.name})" in text  # numba compiles a loop as one function
                assert is_compiled or node.end_lineno - node.lineno < MOST_FUNCTION_LINES, f"{path}: {node.name}"


def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("architecture", REPOSITORY / "docs" / "architecture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_picture_and_table_of_rooms_are_those_of_the_code() -> None:
    drawn = drawing()
    assert drawn.PICTURE.read_text(encoding="utf-8") == drawn.picture(), "run: python docs/architecture.py"
    assert drawn.PAGE.read_text(encoding="utf-8") == drawn.page(), "run: python docs/architecture.py"

"""Promises about code digests: what changes a result changes them, and nothing else does."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scribetune.core import package
from scribetune.record import code
from scribetune.record import definitions as taken_apart

RULES = sorted(path.stem for path in package.SCRIPTS_FOLDER.glob("*.py"))

SCRIPT = """\
from scribetune import tables
from scribetune.words import split

def main(text):
    return tables.read(split(text))

if __name__ == "__main__":
    main("a")
"""
TABLES = """\
import re
from scribetune import words

_CELL = re.compile("[|]")
_UNUSED = 7

def read(text):
    return _cells(text)

def _cells(text):
    return _CELL.split(text)

def write(rows):
    return words.join(rows)
"""
WORDS = """\
def split(text):
    return text.split()

def join(words):
    return " ".join(words)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of two modules and a script, in the place of this project's."""
    folder = tmp_path / "scribetune"
    folder.mkdir()
    for name, text in {"__init__": "", "tables": TABLES, "words": WORDS}.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "job.py").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.setattr(code, "SCRIPTS_FOLDER", tmp_path)
    monkeypatch.setattr(code, "REPOSITORY", tmp_path)
    for module in (code, package, taken_apart):
        monkeypatch.setattr(module, "PACKAGE_FOLDER", folder)
    forget_files()
    yield tmp_path
    monkeypatch.undo()
    forget_files()


def forget_files() -> None:
    code.forget_files()
    package.forget()


def definitions(project: Path) -> dict[str, str]:
    forget_files()
    return code.definitions(project / "job.py")


def digest(project: Path) -> str:
    return code.digest(definitions(project))


def edit(project: Path, module: str, old: str, new: str) -> None:
    path = project / "scribetune" / f"{module}.py"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_script_reaches_what_it_names_directly_or_through_others_and_nothing_else(project: Path) -> None:
    assert list(definitions(project)) == [
        "job.py: (module)",
        "job.py: main",
        "scribetune/tables.py: _CELL",
        "scribetune/tables.py: _cells",
        "scribetune/tables.py: read",
        "scribetune/words.py: split",
    ]


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("tables", "def read(text):\n", 'def read(text):\n    """Doc."""\n    # why\n'),
        ("tables", "return _CELL.split(text)", "return (\n        _CELL.split(text)\n    )"),
        ("tables", "words.join(rows)", "words.join(sorted(rows))"),
        ("tables", "_UNUSED = 7", "_UNUSED = 8"),
        ("words", '" ".join', '"  ".join'),
        ("words", "def join", "import os\n\ndef extra():\n    return os.sep\n\ndef join"),
    ],
)
def test_layout_texts_and_what_is_not_reached_do_not_count(project: Path, module: str, old: str, new: str) -> None:
    before = definitions(project)
    edit(project, module, old, new)
    assert definitions(project) == before


@pytest.mark.parametrize(
    ("module", "old", "new", "changed"),
    [
        ("tables", '"[|]"', '"[;]"', {"scribetune/tables.py: _CELL"}),
        ("words", "text.split()", 'text.split(" ")', {"scribetune/words.py: split"}),
        # What a module does when it is imported always counts.
        ("words", "def split", "print(1)\n\ndef split", {"scribetune/words.py: (module)"}),
        ("words", "def split", "@registry.add\ndef other():\n    pass\n\ndef split", {"scribetune/words.py: (module)"}),
        # A module that is handed around as a whole may be used in any way.
        (
            "tables",
            "return _cells(text)",
            "return _cells(words)",
            {"scribetune/tables.py: read", "scribetune/words.py: join"},
        ),
    ],
)
def test_an_edit_of_what_is_reached_counts(project: Path, module: str, old: str, new: str, changed: set[str]) -> None:
    before = definitions(project)
    edit(project, module, old, new)
    after = definitions(project)
    assert code.changes(before, after).keys() == changed
    assert code.digest(before) != code.digest(after)


def test_imports_inside_functions_and_what_runs_on_their_way_count(project: Path) -> None:
    (project / "scribetune" / "late.py").write_text("print(2)\n\ndef go():\n    pass\n", encoding="utf-8")
    edit(project, "words", "    return text.split()", "    from scribetune.late import go\n\n    return go(text)")
    assert {"scribetune/late.py: (module)", "scribetune/late.py: go"} <= set(definitions(project))


def test_a_name_of_a_package_may_come_from_a_module_in_it(project: Path) -> None:
    readers = project / "scribetune" / "readers"
    readers.mkdir()
    (readers / "__init__.py").write_text("from scribetune.readers.csv import load\n", encoding="utf-8")
    (readers / "csv.py").write_text("def load():\n    pass\n", encoding="utf-8")
    edit(
        project,
        "words",
        "def split(text):\n",
        "def split(text):\n    from scribetune import readers\n    readers.load()\n",
    )
    assert "scribetune/readers/csv.py: load" in definitions(project)


@pytest.mark.parametrize("rule", RULES)
def test_every_script_of_the_build_has_a_digest_of_all_it_defines(rule: str) -> None:
    names = set(code.rule_definitions(rule))
    assert f"{rule}.py: (module)" in names
    assert not {name for name in names if name.startswith(("scribetune/jobs", "scribetune/receipts"))}


def test_stages_do_not_share_what_they_do_not_use() -> None:
    labels = {name.split(":")[0] for name in code.rule_definitions("label_pages")}
    assert {
        "scribetune/labels/reader.py",
        "scribetune/text/markdown.py",
        "scribetune/labels/formulas/placing.py",
    } <= labels
    assert not {"scribetune/training/run.py", "scribetune/report/page.py", "scribetune/merging/streaming.py"} & labels
    assert "scribetune/core/config.py: restrict" in code.rule_definitions("train_adapter")
    assert "scribetune/core/config.py: Train" not in code.rule_definitions("train_adapter")


def move(project: Path, old: str, new: str) -> None:
    target = project / "scribetune" / f"{new}.py"
    target.parent.mkdir(exist_ok=True)
    if "/" in new:
        (target.parent / "__init__.py").write_text('"""A room."""\n', encoding="utf-8")
    (project / "scribetune" / f"{old}.py").rename(target)
    room, _, module = f"scribetune/{new}".rpartition("/")
    bound = f"from {room.replace('/', '.')} import {module}" + (f" as {old}" if module != old else "")
    edit(project, "tables", f"from scribetune import {old}", bound)
    path = project / "job.py"
    text = path.read_text(encoding="utf-8").replace(
        f"from scribetune.{old}", f"from scribetune.{new.replace('/', '.')}"
    )
    path.write_text(text, encoding="utf-8")


def split_tables(project: Path) -> None:
    cells = 'import re\n\n_CELL = re.compile("[|]")\n\ndef _cells(text):\n    return _CELL.split(text)\n'
    (project / "scribetune" / "cells.py").write_text(cells, encoding="utf-8")
    edit(project, "tables", '_CELL = re.compile("[|]")\n', "")
    edit(project, "tables", "def _cells(text):\n    return _CELL.split(text)\n", "")
    edit(project, "tables", "from scribetune import words", "from scribetune import cells, words")
    edit(project, "tables", "return _cells(text)", "return cells._cells(text)")


MOVES: dict[str, Callable[[Path], None]] = {
    "a module into a package": lambda project: move(project, "words", "text/words"),
    "a module under another name": lambda project: move(project, "words", "strings"),
    "a module in two": split_tables,
}


@pytest.mark.parametrize("name", MOVES)
def test_a_move_changes_nothing(project: Path, name: str) -> None:
    before = definitions(project)
    MOVES[name](project)
    after = definitions(project)
    assert before.keys() != after.keys()
    assert code.digest(before) == code.digest(after)
    assert code.changes(before, after) == {}


def test_which_of_two_definitions_of_one_name_is_meant_counts(project: Path) -> None:
    """Both are reached, before and after; the texts of the functions are the same."""
    (project / "scribetune" / "lines.py").write_text(
        "def split(text):\n    return text.splitlines()\n", encoding="utf-8"
    )
    both = "from scribetune import lines, words\n\ndef main(text):\n    return {0}.split(text)\n\nprint({1}.split)\n"
    (project / "job.py").write_text(both.format("lines", "words"), encoding="utf-8")
    before = definitions(project)
    (project / "job.py").write_text(both.format("words", "words") + "print(lines.split)\n", encoding="utf-8")
    after = definitions(project)
    assert code.digest(before) != code.digest(after)
    (project / "job.py").write_text(both.format("words", "lines"), encoding="utf-8")
    swapped = definitions(project)
    assert code.digest(before) != code.digest(swapped)
    assert code.changes(before, swapped)["job.py: main"] == "means another definition of the same name"


def test_a_local_name_is_not_the_module_of_that_name(project: Path) -> None:
    before = digest(project)
    edit(project, "words", "def split(text):\n    return", "def split(text):\n    join = 1\n    return")
    changed = definitions(project)
    assert code.digest(changed) != before  # another body
    assert "scribetune/words.py: join" not in changed


def test_another_librarys_name_counts_and_its_alias_does_not(project: Path) -> None:
    before = digest(project)
    edit(project, "tables", "import re\n", "import re as r\n")
    edit(project, "tables", "re.compile", "r.compile")
    assert digest(project) == before
    edit(project, "tables", "import re as r\n", "import regex as r\n")
    assert digest(project) != before


def test_a_definition_has_one_digest_in_every_version_of_python(project: Path) -> None:
    text = """\
import functools

@functools.cache
def kinds(a, /, b: int = 1, *c, d="x", **e) -> list[str]:
    async with a as f, b:
        g = [h async for h in f if h]
    match g:
        case [1, *rest] | {"k": rest}:
            return f"{rest!r:>{b}} {d}"
    try:
        del g[0:1]
    except* ValueError as error:
        raise TypeError from error
    return lambda x: (yield x)
"""
    (project / "scribetune" / "words.py").write_text(text, encoding="utf-8")
    (project / "job.py").write_text("from scribetune.words import kinds\n\nkinds()\n", encoding="utf-8")
    found = {name.split(": ")[1]: value.split(".")[0] for name, value in definitions(project).items()}
    assert found == {"(module)": "8a77ef16fdb5", "kinds": "7e3f0035b2e2"}


def test_a_module_says_that_it_decides_about_no_result(project: Path) -> None:
    edit(project, "words", "def split", "AROUND_A_JOB = True\n\ndef split")
    before = definitions(project)
    assert not [name for name in before if "words.py" in name]
    edit(project, "words", "text.split()", 'text.split(" ")')
    assert definitions(project) == before


def test_a_file_of_the_package_counts_byte_by_byte_wherever_it_lies(project: Path) -> None:
    reader = (
        "from scribetune.core.package import package_file\n\ndef main(text):\n    return package_file('report.css')\n"
    )
    (project / "job.py").write_text(reader, encoding="utf-8")
    (project / "scribetune" / "package.py").write_text("def package_file(name):\n    pass\n", encoding="utf-8")
    file = project / "scribetune" / "templates" / "report.css"
    file.parent.mkdir()
    file.write_text("a", encoding="utf-8")
    before = digest(project)
    moved = file.rename(project / "scribetune" / "report.css")
    assert digest(project) == before
    moved.write_text("b", encoding="utf-8")
    assert digest(project) != before
    assert "scribetune/templates/report.html.j2: (content)" not in definitions(project)


def test_the_report_and_the_samples_count_the_files_that_they_are_made_from() -> None:
    assert {"report.html.j2", "report.css", "report.js"} <= data_files("write_report")
    assert "sample.typ" in data_files("make_samples")


def data_files(rule: str) -> set[str]:
    return {Path(name.split(": ")[0]).name for name in code.rule_definitions(rule) if name.endswith("(content)")}


def test_the_package_is_written_as_the_digests_need_it() -> None:
    """No import by a computed name and no `import *`: a syntax tree would not show what they reach."""
    for path in package.PACKAGE_FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not node.level, path
                assert "*" not in {alias.name for alias in node.names}, path
            if isinstance(node, ast.Name | ast.Attribute):
                name = node.id if isinstance(node, ast.Name) else node.attr
                assert name not in {"import_module", "__import__"}, f"{path}:{node.lineno}"
                # The function: a template environment has an attribute of that name.
                assert name != "globals" or isinstance(node, ast.Attribute), f"{path}:{node.lineno}"


def test_what_was_found_is_remembered_until_a_file_changes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)

    def remembered() -> str:
        forget_files()
        return code.rule_digest("job")

    first = remembered()
    assert not Path(".snakemake").exists()  # nothing is left in a folder that is no build's
    Path(".snakemake").mkdir()
    assert remembered() == first
    scripts: list[Path] = []
    real = code.definitions

    def counted(script: Path) -> dict[str, str]:
        scripts.append(script)
        return real(script)

    monkeypatch.setattr(code, "definitions", counted)
    assert (remembered(), scripts) == (first, [])
    tables = project / "scribetune" / "tables.py"
    tables.write_text(TABLES.replace("[|]", "[;]"), encoding="utf-8")
    assert remembered() != first
    assert scripts
    tables.write_text(TABLES, encoding="utf-8")
    assert remembered() == first
    Path(".snakemake/code.json").write_text('{"state": 1', encoding="utf-8")
    assert remembered() == first


def test_a_build_elsewhere_takes_what_was_found_in_the_repository(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".snakemake").mkdir()
    monkeypatch.chdir(project)
    forget_files()
    first = code.rule_digest("job")
    monkeypatch.setattr(code, "definitions", lambda script: pytest.fail(f"{script} is taken apart again"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    forget_files()
    assert code.rule_digest("job") == first

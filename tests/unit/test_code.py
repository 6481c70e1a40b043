"""Promises about code digests: what changes a result changes them, and nothing else does."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from scribetune import code, provenance

RULES = sorted(path.stem for path in provenance.SCRIPTS_FOLDER.glob("*.py"))

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
    package = tmp_path / "scribetune"
    package.mkdir()
    for name, text in {"__init__": "", "tables": TABLES, "words": WORDS}.items():
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    (tmp_path / "job.py").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.setattr(code, "SCRIPTS_FOLDER", tmp_path)
    monkeypatch.setattr(code, "PACKAGE_FOLDER", package)
    code.forget_files()
    yield tmp_path
    code.forget_files()


def definitions(project: Path) -> dict[str, str]:
    code.forget_files()
    return code.definitions(project / "job.py")


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
    assert {name for name in before | after if before.get(name) != after.get(name)} == changed


def test_imports_inside_functions_and_what_runs_on_their_way_count(project: Path) -> None:
    (project / "scribetune" / "late.py").write_text("print(2)\n\ndef go():\n    pass\n", encoding="utf-8")
    edit(project, "words", "    return text.split()", "    from scribetune.late import go\n\n    return go(text)")
    assert {"scribetune/late.py: (module)", "scribetune/late.py: go"} <= set(definitions(project))


def test_a_name_of_a_package_may_come_from_a_module_in_it(project: Path) -> None:
    package = project / "scribetune" / "readers"
    package.mkdir()
    (package / "__init__.py").write_text("from scribetune.readers.csv import load\n", encoding="utf-8")
    (package / "csv.py").write_text("def load():\n    pass\n", encoding="utf-8")
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
    assert {"scribetune/label_reader.py", "scribetune/markdown.py", "scribetune/formulas.py"} <= labels
    assert not {"scribetune/training/run.py", "scribetune/report.py", "scribetune/merging/streaming.py"} & labels
    assert "scribetune/config.py: restrict" in code.rule_definitions("train_adapter")
    assert "scribetune/config.py: Train" not in code.rule_definitions("train_adapter")


def test_a_template_counts_byte_by_byte(project: Path) -> None:
    template = project / "scribetune" / "templates" / "report.css"
    template.parent.mkdir()
    template.write_text("a", encoding="utf-8")
    before = code.digest(project / "job.py", ("report.css",))
    template.write_text("b", encoding="utf-8")
    assert code.digest(project / "job.py", ("report.css",)) != before
    assert "report.html.j2" in code.TEMPLATES["write_report"]


def test_the_package_is_written_as_the_digests_need_it() -> None:
    """No import by a computed name and no `import *`: a syntax tree would not show what they reach."""
    for path in provenance.PACKAGE_FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not node.level, path
                assert "*" not in {alias.name for alias in node.names}, path
            if isinstance(node, ast.Name | ast.Attribute):
                name = node.id if isinstance(node, ast.Name) else node.attr
                assert name not in {"import_module", "__import__", "globals"}, f"{path}:{node.lineno}"


def test_what_was_found_is_remembered_until_a_file_changes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)

    def digest() -> str:
        code.forget_files()
        code.rule_digest.cache_clear()
        return code.rule_digest("job")

    first = digest()
    assert not Path(".snakemake").exists()  # nothing is left in a folder that is no build's
    Path(".snakemake").mkdir()
    assert digest() == first
    taken_apart: list[Path] = []
    real = code.definitions

    def definitions(script: Path, templates: tuple[str, ...] = ()) -> dict[str, str]:
        taken_apart.append(script)
        return real(script, templates)

    monkeypatch.setattr(code, "definitions", definitions)
    assert (digest(), taken_apart) == (first, [])
    tables = project / "scribetune" / "tables.py"
    tables.write_text(TABLES.replace("[|]", "[;]"), encoding="utf-8")
    assert digest() != first
    assert taken_apart
    tables.write_text(TABLES, encoding="utf-8")
    assert digest() == first
    Path(".snakemake/code.json").write_text('{"state": 1', encoding="utf-8")
    assert digest() == first

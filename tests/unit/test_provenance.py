"""Promises about code digests: what changes a result changes them, and nothing else does."""

from pathlib import Path

import pytest

from scribetune import provenance
from scribetune.plan import TEMPLATES

RULES = sorted(path.stem for path in provenance.SCRIPTS_FOLDER.glob("*.py"))


def test_comments_docstrings_and_layout_do_not_count() -> None:
    plain = "def area(r):\n    return 3 * r\n"
    dressed = '"""Module."""\n# why\ndef area(\n    r,\n):\n    """Area."""\n    return 3 * r  # so\n'
    assert provenance.syntax_digest(plain) == provenance.syntax_digest(dressed)


def test_an_edit_counts() -> None:
    assert provenance.syntax_digest("x = 1\n") != provenance.syntax_digest("x = 2\n")


@pytest.mark.parametrize("rule", RULES)
def test_a_script_depends_on_the_modules_it_imports(rule: str) -> None:
    files = {path.name for path in provenance.code_files(provenance.SCRIPTS_FOLDER / f"{rule}.py")}
    assert {f"{rule}.py", "jobs.py", "errors.py"} <= files


def test_imports_are_followed_through_modules_and_into_functions() -> None:
    files = {path.name for path in provenance.code_files(provenance.SCRIPTS_FOLDER / "label_pages.py")}
    assert {"labels.py", "markdown.py", "formulas.py", "isolation.py"} <= files
    assert not {"training.py", "report.py", "streaming.py"} & files


def test_a_template_counts_byte_by_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "templates").mkdir()
    template = tmp_path / "templates" / "report.html.j2"
    template.write_text("a", encoding="utf-8")
    monkeypatch.setattr(provenance, "PACKAGE_FOLDER", tmp_path)
    script = provenance.SCRIPTS_FOLDER / "make_samples.py"
    before = provenance.code_digest(script, ("report.html.j2",))
    template.write_text("b", encoding="utf-8")
    assert provenance.code_digest(script, ("report.html.j2",)) != before


def test_the_report_rule_names_its_templates() -> None:
    assert "report.html.j2" in TEMPLATES["write_report"]


def test_a_lock_counts_by_its_pins(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one.txt", "two.txt", "three.txt"))
    one.write_text("a==1\nb==2  # via a\n", encoding="utf-8")
    two.write_text("# comment\nb==2\na==1\n", encoding="utf-8")
    three.write_text("a==1\nb==3\n", encoding="utf-8")
    assert provenance.environment_digest(one) == provenance.environment_digest(two)
    assert provenance.environment_digest(one) != provenance.environment_digest(three)


def test_cpu_and_gpu_locks_agree_on_what_they_share() -> None:
    cpu = provenance.lock_pins(provenance.REPOSITORY / "envs" / "cpu.txt")
    gpu = provenance.lock_pins(provenance.REPOSITORY / "envs" / "gpu.txt")
    different = {name for name in set(cpu) & set(gpu) if cpu[name] != gpu[name]}
    assert different <= {"certifi"}
    assert set(cpu) <= set(gpu)

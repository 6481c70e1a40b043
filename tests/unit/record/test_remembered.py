"""Promises about what a folder was last built with: what tells people to build again names the flags of their build."""

import json
from pathlib import Path
from typing import Any

import pytest

from scribetune.core import config, files
from scribetune.core.errors import UserError
from scribetune.record import remembered
from scribetune.record.remembered import Remembered


@pytest.fixture(autouse=True)
def _no_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIBETUNE_CALLED_FROM", "")  # so that what a test leaves of it goes afterwards
    monkeypatch.delenv("SCRIBETUNE_CALLED_FROM")


def test_the_flags_of_the_build_are_in_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert remembered.command(Path()) == "scribetune build"
    build = Remembered(("mine.yaml", "/etc/other.yaml"), {"documents": {"raw": "my pdfs"}, "train": {"epochs": "5"}})
    remembered.write(build)
    flags = "--configfile mine.yaml --configfile /etc/other.yaml --set 'documents.raw=my pdfs' --set train.epochs=5"
    assert remembered.command(Path(), "labels") == f"scribetune build labels {flags}"


def test_paths_in_the_command_count_from_the_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remembered.write(Remembered(("mine.yaml",)), tmp_path / "build")
    monkeypatch.chdir(tmp_path)
    wanted = "scribetune build --directory build --configfile build/mine.yaml"
    assert remembered.command(Path("build")) == wanted
    # In a job, and where the workflow is read: Snakemake has gone to the build's folder.
    monkeypatch.setenv("PWD", str(tmp_path))
    monkeypatch.chdir("build")
    remembered.note_caller("build")
    assert remembered.command(Path()) == wanted


def test_without_directory_the_shell_may_say_what_it_likes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", "/")
    monkeypatch.chdir(tmp_path)
    remembered.note_caller(None)
    assert remembered.command(Path()) == "scribetune build"


def test_a_workflow_that_is_read_in_passing_leaves_no_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with remembered.called_from_here():
        monkeypatch.chdir("/")
        remembered.note_caller(tmp_path)
        assert remembered.command(tmp_path) == "scribetune build"
    assert remembered.command(tmp_path) == f"scribetune build --directory {tmp_path.relative_to('/')}"


def test_values_are_merged_as_snakemake_does(tmp_path: Path) -> None:
    files.write_text(tmp_path / "mine.yaml", "train: {epochs: 2, lora: {rank: 4}}\n")
    remembered.write(Remembered(("mine.yaml",), {"train": {"epochs": "7"}}), tmp_path)
    found = config.load(remembered.values(tmp_path))
    assert (found.train.epochs, found.train.lora.rank) == (7, 4)
    files.write_text(tmp_path / "other.yaml", "train: {lora: {rank: 2}}\n")
    found = config.load(remembered.values(tmp_path, [tmp_path / "other.yaml"]))
    assert (found.train.epochs, found.train.lora.rank) == (7, 2)
    with pytest.raises(UserError, match="cannot be read as a configuration"):
        remembered.values(tmp_path, [tmp_path / "nosuch.yaml"])


def older_build(folder: Path, raw: str, configuration: dict[str, Any]) -> None:
    """Leave what a build leaves that nothing is remembered of."""
    files.write_json(folder / ".snakemake/receipts/render_pages/000-of-001.json", {"settings": {"raw": raw}})
    files.write_json(folder / "reports/lineage.json", {"configuration": configuration})


def test_of_an_older_build_lineage_and_receipts_say_what_they_can(tmp_path: Path) -> None:
    older_build(tmp_path, "/pdfs", {"labels": {"corrections": "mine", "gone": 1}, "task": {"prompt": "free_ocr"}})
    found = config.load(remembered.values(tmp_path))
    assert (found.documents.raw, found.labels.corrections) == ("/pdfs", "mine")
    wanted = f"scribetune build --directory {tmp_path} --set labels.corrections=mine --set documents.raw=/pdfs"
    assert remembered.command(tmp_path) == wanted


def test_of_an_older_build_of_samples_nothing_needs_to_be_said(tmp_path: Path) -> None:
    older_build(tmp_path, "data/samples", {})
    assert remembered.command(tmp_path) == f"scribetune build --directory {tmp_path}"
    (tmp_path / "reports/lineage.json").write_text("{", encoding="utf-8")
    assert remembered.command(tmp_path) == f"scribetune build --directory {tmp_path}"


def test_in_a_repository_its_own_configuration_holds(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").touch()
    files.write_text(tmp_path / "config/config.yaml", "labels: {corrections: edited}\n")
    older_build(tmp_path, "/pdfs", {"labels": {"corrections": "before"}})
    assert remembered.values(tmp_path) == {"labels": {"corrections": "edited"}}
    assert remembered.drawn_from(tmp_path) == "/pdfs"


@pytest.mark.parametrize("value", [5, 1e-4, True, None, "a: b", ["x", 1], {"k": ["v w"]}, "", "#5", "no"])
def test_a_value_in_one_line_is_read_back_as_texts(value: Any) -> None:
    from snakemake.cli import parse_config

    def text(held: Any) -> Any:
        if isinstance(held, dict):
            return {key: text(inner) for key, inner in held.items()}
        return [text(inner) for inner in held] if isinstance(held, list) else json.dumps(held).strip('"')

    given = parse_config([f"section={remembered.inline({'key': value})}"])["section"]["key"]
    assert given == text(value)

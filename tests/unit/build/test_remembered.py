"""Promises about what a folder was built with: it is told from another corpus or base model, and named in commands."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from scribetune.build import remembered
from scribetune.build.remembered import Remembered
from scribetune.core.errors import UserError
from scribetune.core.package import REPOSITORY

MINE = Remembered(
    config_files=("mine.yaml",),
    config={"documents": {"raw": "pdfs"}, "train": {"epochs": 3}},
    raw="pdfs",
    documents={"a": "1", "b": "2", "c": "3"},
    base_model={"name": "models/tiny", "revision": None},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models/adapter").mkdir(parents=True)
    (tmp_path / "models/adapter/lineage.json").write_text("{}", encoding="utf-8")
    remembered.write(MINE, tmp_path)
    return tmp_path


def check(now: Remembered, folder: Path, *consent: str, has_all: bool = False) -> None:
    remembered.check(now, consent, lambda _before: has_all, folder)


def test_it_comes_back_as_it_was_written(folder: Path) -> None:
    assert remembered.read(folder) == MINE


@pytest.mark.parametrize(
    "now",
    [
        MINE,
        replace(MINE, config={}),
        replace(MINE, documents={"a": "1", "b": "changed", "d": "new"}),
        replace(MINE, base_model={"name": "models/../models/tiny", "revision": None}),
    ],
    ids=["the same", "other keys", "one document gone, one new", "another way to the same folder"],
)
def test_the_same_corpus_and_base_pass(folder: Path, now: Remembered) -> None:
    check(now, folder)


@pytest.mark.parametrize(
    ("now", "name"),
    [
        (replace(MINE, raw="others"), "pdfs"),
        (replace(MINE, raw="data/samples", documents={}), "pdfs"),
        (replace(MINE, documents={"a": "1"}), "pdfs"),
        (replace(MINE, base_model={"name": "models/other", "revision": None}), "models/tiny"),
        (replace(MINE, base_model={"name": "models/tiny", "revision": "a" * 40}), "models/tiny"),
    ],
    ids=["another folder", "the sample corpus", "most documents gone", "another base", "another revision"],
)
def test_another_corpus_or_base_needs_consent_by_name(folder: Path, now: Remembered, name: str) -> None:
    with pytest.raises(UserError, match="would be replaced: models/adapter") as refusal:
        check(now, folder)
    assert f"'results={{replace: [{name}]}}'" in str(refusal.value)
    with pytest.raises(UserError):
        check(now, folder, "something else")
    check(now, folder, name)


def test_a_folder_that_moved_is_the_same_corpus(folder: Path) -> None:
    check(replace(MINE, raw="elsewhere/pdfs"), folder, has_all=True)


def test_the_sample_corpus_gives_way_by_itself(folder: Path) -> None:
    remembered.write(replace(MINE, raw="data/samples", documents={"sample": ""}), folder)
    check(replace(MINE, base_model={"name": "models/other", "revision": None}), folder)


def test_a_folder_without_results_is_free(folder: Path) -> None:
    (folder / "models/adapter/lineage.json").unlink()
    check(replace(MINE, raw="others"), folder)


def test_a_build_by_an_earlier_version_is_told_by_its_lineage(folder: Path) -> None:
    (folder / remembered.RECORD).unlink()
    lineage = {
        "documents": [{"document": "a", "sha256": "1"}, {"document": "b", "sha256": "2"}],
        "base_model": {"name": "models/tiny", "revision": None, "files": {}},
    }
    (folder / "models/adapter/lineage.json").write_text(json.dumps(lineage), encoding="utf-8")
    check(MINE, folder)
    with pytest.raises(UserError, match="asked for: the sample corpus"):
        check(replace(MINE, raw="data/samples", documents={"sample": ""}), folder)


def test_the_command_has_the_flags_of_the_build(folder: Path) -> None:
    words = shlex.split(remembered.command(folder, "splits"))
    assert words[:3] == ["snakemake", "splits", "--cores"]
    assert words[words.index("--directory") + 1] == str(folder)
    assert words[words.index("--configfile") + 1] == "mine.yaml"
    assert words[words.index("--config") + 1 :] == ["documents={raw: pdfs}", "train={epochs: 3}"]
    assert "--directory" not in remembered.command(REPOSITORY)


def test_the_configuration_is_merged_as_snakemake_does(folder: Path) -> None:
    (folder / "mine.yaml").write_text("train: {epochs: 9, effective_batch: 2}\n", encoding="utf-8")
    values = remembered.values(folder)
    assert values["documents"]["raw"] == "pdfs"
    assert values["train"]["epochs"] == 3
    assert values["train"]["effective_batch"] == 2
    assert values["base_model"]["name"] == "models/tiny"

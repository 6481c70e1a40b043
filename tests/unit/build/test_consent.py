"""Promises about what a folder was built with: it is told from another corpus or base model, and named in commands."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from scribetune.build import consent
from scribetune.core import files
from scribetune.core.errors import UserError
from scribetune.record import remembered
from scribetune.record.remembered import Remembered

MINE = Remembered(
    config_files=("mine.yaml",),
    config={"documents": {"raw": "pdfs"}, "train": {"epochs": 3}},
    raw="pdfs",
    documents=("a", "b", "c"),
    base_model={"name": "models/tiny", "revision": None},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models/adapter").mkdir(parents=True)
    (tmp_path / "models/adapter/lineage.json").write_text("{}", encoding="utf-8")
    remembered.write(MINE, tmp_path)
    return tmp_path


def check(now: Remembered, folder: Path, *names: str, has_all: bool = False) -> None:
    consent.check(now, names, lambda _before: has_all, folder)


def test_it_comes_back_as_it_was_written(folder: Path) -> None:
    assert remembered.read(folder) == MINE


@pytest.mark.parametrize(
    "now",
    [
        MINE,
        replace(MINE, config={}),
        replace(MINE, documents=("a", "b", "d")),
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
        (replace(MINE, raw="data/samples", documents=()), "pdfs"),
        (replace(MINE, documents=("a",)), "pdfs"),
        (replace(MINE, base_model={"name": "models/other", "revision": None}), "models/tiny"),
        (replace(MINE, base_model={"name": "models/tiny", "revision": "a" * 40}), "models/tiny"),
    ],
    ids=["another folder", "the sample corpus", "most documents gone", "another base", "another revision"],
)
def test_another_corpus_or_base_needs_consent_by_name(folder: Path, now: Remembered, name: str) -> None:
    with pytest.raises(UserError, match="would be replaced: models/adapter") as refusal:
        check(now, folder)
    assert f"--replace {name}" in str(refusal.value)
    with pytest.raises(UserError):
        check(now, folder, "something else")
    check(now, folder, name)


def test_a_folder_that_moved_is_the_same_corpus(folder: Path) -> None:
    check(replace(MINE, raw="elsewhere/pdfs"), folder, has_all=True)


def test_the_sample_corpus_gives_way_by_itself(folder: Path) -> None:
    remembered.write(replace(MINE, raw="data/samples", documents=("sample",)), folder)
    check(replace(MINE, base_model={"name": "models/other", "revision": None}), folder)


def test_a_file_in_the_place_of_the_pages_is_no_document(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data/pages").write_text("", encoding="utf-8")
    check(MINE, folder)


def test_a_folder_without_results_is_free(folder: Path) -> None:
    (folder / "models/adapter/lineage.json").unlink()
    check(replace(MINE, raw="others"), folder)


def test_results_that_git_and_dvc_brought_are_what_their_receipts_say(folder: Path) -> None:
    """The record of the last build here stays behind when another revision is checked out."""
    receipt = folder / ".snakemake/receipts/render_pages/000-of-001.json"
    files.write_json(receipt, {"settings": {"raw": "data/samples"}})
    check(replace(MINE, raw="data/samples", documents=("sample",)), folder)
    files.write_json(receipt, {"settings": {"raw": "others"}})
    (folder / "data/pages/x").mkdir(parents=True)
    check(replace(MINE, raw="others", documents=("x",)), folder)
    with pytest.raises(UserError, match=r"there: 1 document.s. of others; asked for: 3 document.s. of pdfs"):
        check(MINE, folder)


def test_a_build_by_an_earlier_version_is_told_by_its_lineage(folder: Path) -> None:
    (folder / remembered.RECORD).unlink()
    lineage = {
        "documents": [{"document": "a", "sha256": "1"}, {"document": "b", "sha256": "2"}],
        "base_model": {"name": "models/tiny", "revision": "", "files": {}},  # as `audit.lineage` writes none
    }
    (folder / "models/adapter/lineage.json").write_text(json.dumps(lineage), encoding="utf-8")
    check(MINE, folder)
    with pytest.raises(UserError, match="asked for: the sample corpus"):
        check(replace(MINE, raw="data/samples", documents=("sample",)), folder)


class _Compared(str):
    """A name that counts how often it is compared."""

    times = 0
    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        _Compared.times += 1
        return str.__eq__(self, other)


def test_a_large_corpus_is_compared_name_by_name_not_each_with_all(folder: Path) -> None:
    (folder / "data/pages").mkdir(parents=True)
    remembered.write(replace(MINE, documents=tuple(map(str, range(500)))), folder)
    _Compared.times = 0
    check(replace(MINE, documents=tuple(map(_Compared, range(500)))), folder)
    assert _Compared.times <= 2 * 500

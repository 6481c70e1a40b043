"""Promises about options that other builds leave out: replay, own retention pages, parts of pages, learning curve."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from scribetune.core import files
from scribetune.dataset import long_pages, replay
from support import pdf_factory
from support.build import planned_jobs, snakemake

pytestmark = pytest.mark.slow

OPTIONS = """\
train: {epochs: 1, replay: 0.3}
generate: {max_new_tokens: 12}
retention: {folder: elsewhere}
selection: {long_pages: split, max_characters: 300}
learning_curve: {percents: [20, 60, 100], seeds: [1], more_pages: 10}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("options")
    for number in range(6):
        pdf_factory.healthy(folder / f"data/raw/own-{number}.pdf", seed=number)
    for number in range(2):
        pdf_factory.healthy(folder / f"elsewhere/other-{number}.pdf", seed=100 + number)
    (folder / "mine.yaml").write_text(OPTIONS, encoding="utf-8")
    snakemake(folder, "learning_curve")
    snakemake(folder)  # a report has the curve that is there when its build begins
    return folder


def records(folder: Path, split: str) -> list[dict[str, Any]]:
    return files.read_jsonl(folder / f"data/splits/{split}.jsonl")


def test_nothing_is_left_to_do(built: Path) -> None:
    assert "Nothing to be done" in snakemake(built, "all", "learning_curve", "--dry-run")


def test_replayed_pages_are_learned_along_and_in_the_lineage(built: Path) -> None:
    replayed = files.read_jsonl(built / "data/replay/pages.jsonl")
    assert len(replayed) == replay.count(len(records(built, "train")), 0.3) > 0
    lineage = json.loads((built / "models/adapter/lineage.json").read_text(encoding="utf-8"))
    assert lineage["replay"]["pages"] == len(replayed)
    assert lineage["training"]["train_pages"] == len(replayed) + len(records(built, "train"))
    assert not {page["id"] for page in lineage["pages"]} & {record["id"] for record in replayed}


def test_without_the_replayed_pages_nothing_is_trained_again(built: Path, tmp_path: Path) -> None:
    """In a clone that has pulled what DVC keeps they are missing."""
    copy = tmp_path / "copy"
    shutil.copytree(built, copy, symlinks=True)
    shutil.rmtree(copy / "data/replay")
    assert "Nothing to be done" in snakemake(copy, "all", "learning_curve", "--dry-run")
    another = snakemake(copy, "--dry-run", config="report={title: Another}")
    assert planned_jobs(another) == {"write_report", "write_crate"}


def test_pages_of_the_users_own_folder_show_what_was_forgotten(built: Path) -> None:
    kept = files.read_jsonl(built / "data/retention/own/pages.jsonl")
    assert {record["document"] for record in kept} == {"retention-other-0", "retention-other-1"}
    metrics = json.loads((built / "reports/metrics.json").read_text(encoding="utf-8"))
    assert metrics["retention"]["tuned"]["pages"] == len(kept)


def test_parts_of_a_long_page_stay_together_and_are_one_page_to_people(built: Path) -> None:
    parts = {
        split: [record for record in records(built, split) if record["id"] != long_pages.page_of(record["id"])]
        for split in ("train", "validation", "test")
    }
    assert parts["train"]
    places: dict[str, set[str]] = {}
    for split, found in parts.items():
        for record in found:
            places.setdefault(record["document"], set()).add(split)
            assert (built / record["images"][0]).is_file()
    assert all(len(splits) == 1 for splits in places.values())
    with (built / "reports/documents.csv").open(encoding="utf-8") as file:
        assert {row["pages"] for row in csv.DictReader(file)} >= {"1"}
    html = (built / "reports/index.html").read_text(encoding="utf-8")
    assert all(record["id"] in html for record in parts["test"])


def test_the_learning_curve_is_told_and_a_further_share_measures_its_point_alone(built: Path) -> None:
    curve = json.loads((built / "reports/learning_curve.json").read_text(encoding="utf-8"))
    assert [point["percent"] for point in curve["points"]] == [20, 60, 100]
    assert curve["points"][-1]["pages"] == len(records(built, "train"))
    assert 'id="learning-curve"' in (built / "reports/index.html").read_text(encoding="utf-8")
    more = "learning_curve={percents: [20, 40, 60, 100], seeds: [1], more_pages: 10}"
    planned = snakemake(built, "learning_curve", "--dry-run", config=more)
    assert planned_jobs(planned) - {"learning_curve"} == {"measure_point", "write_learning_curve"}
    assert "measure_point/40-1" in planned
    assert "measure_point/60-1" not in planned

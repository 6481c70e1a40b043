"""Promises about public benchmarks in a build: read by both models, reported, and re-run by exactly what they read."""

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import lxml.html
import pytest

from scribetune.audit import verify, whence
from support import benchmark_folder
from support.build import SMALL, attempt, planned_jobs, snakemake

pytestmark = pytest.mark.slow

REPORTING = {"write_report", "write_lineage", "write_model_card", "write_crate"}
READING = {"prepare_benchmark", "predict_benchmark_base", "predict_benchmark_tuned", "score_benchmark"}


def parts(output: str) -> set[str]:
    return set(re.findall(r"^\w+_benchmark\w*/(\w+): ", output, flags=re.MULTILINE))


def test_the_target_says_what_it_wants_where_no_benchmark_is_configured(tmp_path: Path) -> None:
    result = attempt(tmp_path, "benchmarks", "--dry-run")
    said = result.stdout + result.stderr
    assert result.returncode != 0
    assert "No public benchmark is configured" in said
    assert "Traceback" not in said


def test_benchmarks_are_read_by_both_models_and_changed_truth_is_scored_without_reading_again(
    small_build: Path, tmp_path: Path
) -> None:
    build = tmp_path / "build"
    shutil.copytree(small_build, build, symlinks=True)
    with (build / "data/splits/train.jsonl").open(encoding="utf-8") as stream:
        learned = json.loads(stream.readline())
    truth = benchmark_folder.omnidocbench(build / "omni", learned=learned["conversations"][1]["value"])
    benchmark_folder.olmocr(build / "facts")
    settings = "evaluation: {benchmarks: [{name: omni, truth: omni/OmniDocBench.json}, {name: facts, truth: facts}]}\n"
    (build / "mine.yaml").write_text(SMALL + settings, encoding="utf-8")
    assert planned_jobs(snakemake(build, "--dry-run")) == READING | REPORTING
    said = snakemake(build)
    assert "1 page whose image cannot be had: gone_4" in said
    assert "Nothing to be done" in snakemake(build, "--dry-run")

    for name, pages in (("omni", 4), ("facts", 2)):
        folder = build / "reports/benchmarks" / name
        scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        assert scores["pages"]["scored"] == pages
        with (folder / "samples.csv").open(encoding="utf-8", newline="") as stream:
            assert len(list(csv.DictReader(stream))) == pages
        for model in ("base", "tuned"):
            assert len((folder / f"{model}.jsonl").read_text(encoding="utf-8").splitlines()) == pages
            assert scores[model]["pages"] == pages
    scores = json.loads((build / "reports/benchmarks/omni/scores.json").read_text(encoding="utf-8"))
    near = scores["leakage"]["near_duplicates"]["first"]
    assert near == [{"page": "learned_5", "learned": learned["id"]}]

    html = (build / "reports/index.html").read_text(encoding="utf-8")
    tree: Any = lxml.html.document_fromstring(html, parser=lxml.html.HTMLParser(huge_tree=True))
    assert len(tree.find_class("benchmark")) == 2
    assert f"learned_5 (of {learned['id']})" in html
    assert "## Public benchmarks" in (build / "reports/model_card.md").read_text(encoding="utf-8")
    answer = whence.whence(build, "reports/benchmarks/omni/tuned.jsonl")
    assert [str(check.match) for check in answer.on_disk] == ["matches"]
    assert answer.as_json()["benchmarks"]["omni"]["truth"] == scores["truth"]
    assert verify.verify(build).holds
    crate = json.loads((build / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    assert {f"#run/{rule}/{name}" for rule in READING for name in ("omni", "facts")} <= {item["@id"] for item in crate}
    assert "verdict" in said  # the benchmarks have no part in it:
    verdict = json.loads((build / "reports/metrics.json").read_text(encoding="utf-8"))["gate"]
    assert verdict == json.loads((small_build / "reports/metrics.json").read_text(encoding="utf-8"))["gate"]

    truth.write_text(truth.read_text(encoding="utf-8").replace("annual budget", "yearly budget"), encoding="utf-8")
    plan = snakemake(build, "--dry-run")
    assert planned_jobs(plan) == {"score_benchmark", *REPORTING}
    assert parts(plan) == {"omni"}
    benchmark_folder.page_image("another page").save(build / "omni/images/book_1.jpg")
    plan = snakemake(build, "--dry-run")
    assert (planned_jobs(plan), parts(plan)) == (READING | REPORTING, {"omni"})
    (build / "mine.yaml").write_text(SMALL, encoding="utf-8")
    assert planned_jobs(snakemake(build, "--dry-run")) == REPORTING

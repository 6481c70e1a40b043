"""Promises about a whole build: all outputs of the contract, and exactly the work that a change asks for."""

import base64
import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scribetune.cli import app
from scribetune.core.config import TINY_PRESET
from support import pdf_factory
from support.build import REPOSITORY, attempt, planned_jobs, snakemake

pytestmark = pytest.mark.slow

AFTER_SCORING = {"write_report", "write_lineage", "write_model_card", "write_crate"}
MERGING = {"merge_adapter", "write_merged_card"}
AFTER_TRAINING = AFTER_SCORING | MERGING | {"predict_tuned", "score_predictions"}
EVERYTHING = AFTER_TRAINING | {
    "make_samples", "render_pages", "label_pages", "select_pages", "split_documents", "measure_leakage",
    "train_adapter",
    "write_adapter_card", "predict_base", "make_retention",
}  # fmt: skip


def test_every_output_of_the_contract_is_there(small_build: Path) -> None:
    for name in (
        "models/adapter/adapter_model.safetensors", "models/adapter/adapter_config.json", "models/adapter/lineage.json",
        "models/adapter/training_log.csv", "models/adapter/README.md", "models/merged/merge_proof.json",
        "models/merged/README.md", "models/merged/lineage.json",
        "reports/metrics.json", "reports/index.html", "reports/documents.csv", "reports/samples.csv",
        "reports/lineage.json", "reports/model_card.md", "reports/predictions/base.jsonl",
        "reports/predictions/tuned.jsonl",
        "data/splits/train.jsonl", "data/splits/validation.jsonl", "data/splits/test.jsonl",
    ):  # fmt: skip
        assert (small_build / name).stat().st_size > 0, name
    assert list((small_build / "models/merged").glob("*.safetensors"))


def test_metrics_are_numbers_for_base_and_tuned(small_build: Path) -> None:
    metrics = json.loads((small_build / "reports/metrics.json").read_text(encoding="utf-8"))
    wanted = {"cer_mean", "cer_median", "cer_corpus", "wer_mean", "bleu", "rougeL", "table_f1"}
    for model in ("base", "tuned"):
        assert metrics["retention"][model]["pages"] > 0
        assert wanted <= set(metrics[model])
        assert all(isinstance(value, int | float) for value in metrics[model].values())


def test_lineage_names_every_page_of_the_splits(small_build: Path) -> None:
    lineage = json.loads((small_build / "models/adapter/lineage.json").read_text(encoding="utf-8"))
    records = {
        split: [
            json.loads(line) for line in (small_build / f"data/splits/{split}.jsonl").read_text("utf-8").splitlines()
        ]
        for split in ("train", "validation", "test")
    }
    in_splits = {(r["id"], split, r["image_sha256"]) for split, rows in records.items() for r in rows}
    assert {(p["id"], p["split"], p["image_sha256"]) for p in lineage["pages"]} == in_splits
    assert {d["document"] for d in lineage["documents"]} == {r["document"] for rows in records.values() for r in rows}
    assert lineage["base_model"]["files"]["config.json"]
    optimization = lineage["configuration"]["train"]["optimization"]
    assert optimization["learning_rate"] == TINY_PRESET["train"]["optimization"]["learning_rate"]


def test_no_document_is_in_two_splits(small_build: Path) -> None:
    documents = {
        split: {
            json.loads(line)["document"] for line in (small_build / f"data/splits/{split}.jsonl").open(encoding="utf-8")
        }
        for split in ("train", "validation", "test")
    }
    assert not documents["train"] & documents["test"]
    assert not documents["train"] & documents["validation"]
    assert not documents["validation"] & documents["test"]


def test_a_second_run_has_nothing_to_do(small_build: Path) -> None:
    assert "Nothing to be done" in snakemake(small_build)


def test_touching_every_file_re_runs_nothing(small_build: Path) -> None:
    later = time.time() + 10
    code = [path for pattern in ("src/**/*", "scripts/*.py", "rules/*") for path in REPOSITORY.glob(pattern)]
    for path in [*small_build.rglob("*"), *code]:
        if path.is_file() and ".snakemake" not in path.parts:
            os.utime(path, (later, later))
    for path in REPOSITORY.glob("models/tiny/*"):
        os.utime(path, (later, later))
    assert "Nothing to be done" in snakemake(small_build, "--dry-run")


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ("train={learning_rate: 0.0005}", AFTER_TRAINING | {"train_adapter", "write_adapter_card"}),
        ("generate={max_new_tokens: 25}", {"predict_base", *AFTER_TRAINING} - MERGING),
        ("report={title: Another}", {"write_report", "write_crate"}),
        ("merge={precision: bfloat16}", AFTER_TRAINING),
        (
            "splits={seed: 5}",
            EVERYTHING - {"make_samples", "render_pages", "label_pages", "select_pages", "make_retention"},
        ),
        ("labels={tables: html}", EVERYTHING - {"make_samples", "render_pages", "make_retention"}),
        ("pages={long_side_px: 700}", EVERYTHING - {"make_samples"}),
        ("retention={seed: 12}", {"make_retention", "predict_base", *AFTER_TRAINING} - MERGING),
        ("samples={count: 8}", set()),
    ],
)
def test_a_changed_key_re_runs_what_reads_it_and_what_follows(small_build: Path, change: str, jobs: set[str]) -> None:
    assert planned_jobs(snakemake(small_build, "--dry-run", config=change)) == jobs


def test_a_dry_run_says_in_a_line_for_each_job_why_it_would_run(small_build: Path) -> None:
    changed = snakemake(small_build, "--dry-run", config="generate={max_new_tokens: 25}")
    assert "\npredict_base: generate.max_new_tokens 24 → 25\n" in changed
    assert "\nscore_predictions: follows predict_base, predict_tuned\n" in changed
    everything = snakemake(small_build, "--dry-run", "--forceall")
    assert planned_jobs(everything) == EVERYTHING
    assert len(everything.splitlines()) < 50  # once 224


def test_why_names_the_key_and_what_follows_from_it(small_build: Path) -> None:
    def why(*arguments: str) -> list[dict[str, Any]]:
        mine = ["--folder", str(small_build), "--configfile", str(small_build / "mine.yaml"), "--json"]
        result = CliRunner().invoke(app, ["why", *arguments, *mine])
        assert result.exit_code == 0, result.output
        jobs: list[dict[str, Any]] = json.loads(result.stdout)["jobs"]
        return jobs

    assert why() == why("models/adapter") == []
    jobs = {row["job"]: row for row in why("--set", "generate.max_new_tokens=25")}
    assert set(jobs) == {"predict_base", *AFTER_TRAINING} - MERGING
    cause = {"kind": "key", "name": "generate.max_new_tokens", "change": "24 → 25"}
    assert jobs["predict_tuned"]["causes"] == [cause]
    assert jobs["score_predictions"]["causes"] == []
    assert jobs["score_predictions"]["follows"] == ["predict_base", "predict_tuned"]


def test_a_dry_run_imports_no_model_library(small_build: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "snakemake", "-s", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(small_build), "--configfile", str(small_build / "mine.yaml"), "--cores", "1", "-n"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    imported = {
        line.rsplit("|", 1)[1].strip() for line in result.stderr.splitlines() if line.startswith("import time:")
    }
    assert "scribetune.build.plan" in imported
    assert not imported & {"torch", "transformers", "peft", "trl", "pymupdf", "pymupdf4llm", "typst", "datasets"}


def test_the_users_pdfs_take_the_place_of_the_samples(tmp_path: Path) -> None:
    for seed in range(4):
        pdf_factory.healthy(tmp_path / "data" / "raw" / "deep er" / f"报告 {seed}.pdf", seed)
    output = snakemake(tmp_path, "splits", "--dry-run")
    assert "render_pages" in output
    assert "make_samples" not in output


def test_the_data_stages_take_bad_and_good_pdfs_and_say_what_became_of_each(tmp_path: Path) -> None:
    raw = tmp_path / "some folder"
    expected = pdf_factory.bad_ones(raw) | {f"good-{seed}.pdf": "ok" for seed in range(4)}
    for seed in range(4):
        pdf_factory.healthy(raw / f"good-{seed}.pdf", seed)
    odd = raw / "copy {of}\n 0.pdf"
    odd.write_bytes((raw / "good-0.pdf").read_bytes())
    output = snakemake(tmp_path, "splits", config="documents={raw: some folder}")
    rows = {row["path"]: row for row in csv.DictReader((tmp_path / "reports/documents.csv").open(encoding="utf-8"))}
    assert {name: row["status"] for name, row in rows.items() if name in expected} == expected
    assert {rows["good-0.pdf"]["use"], rows[odd.name]["use"]} == {"used", "duplicate"}
    assert "4 used, 7 refused" in output
    assert "Traceback" not in output
    labels = list((tmp_path / "data/labels/good-1").glob("*.md"))
    assert labels
    assert "| " in labels[0].read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("train={learning_rat: 1}", "Did you mean 'optimization.learning_rate'?"),
        ("documents={raw: nowhere}", "The folder of input documents does not exist: 'nowhere'"),
        ("documents={raw: .}", "No PDF or image below documents.raw"),
        ("base_model={name: models/tinny}", "folder does not exist"),
        ("splits={test: 0}", "splits.test = '0'"),
    ],
)
def test_a_users_mistake_stops_before_any_work_without_a_traceback(tmp_path: Path, config: str, message: str) -> None:
    result = attempt(tmp_path, config=config)
    output = result.stdout + result.stderr
    assert result.returncode != 0
    assert message in output
    assert not re.search(r'Traceback|^ *File "', output, flags=re.MULTILINE), output
    assert not (tmp_path / "data" / "pages").exists()


def test_a_split_that_must_be_empty_stops_before_any_work(tmp_path: Path) -> None:
    for seed in range(2):
        pdf_factory.healthy(tmp_path / "data" / "raw" / f"{seed}.pdf", seed)
    result = attempt(tmp_path)
    assert result.returncode != 0
    assert "the test split would be empty: '2 document(s) in data/raw'" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert not (tmp_path / "data" / "pages").exists()


def test_lint_is_clean() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Congratulations" in result.stdout + result.stderr


def test_snakemakes_own_report_holds_the_report_and_the_scores_under_names_that_read_well(small_build: Path) -> None:
    snakemake(small_build, "--report", str(small_build / "snakemake-report.html"))
    html = (small_build / "snakemake-report.html").read_text(encoding="utf-8")

    def held(name: str) -> Any:
        found = re.search(rf'<script id="{name}">\s*var \w+ = (.*?);\s*</script>', html, flags=re.DOTALL)
        assert found, name
        return json.loads(found.group(1))

    assert held("categories") == {
        "Base and tuned model": {
            "Report": ["reports/index.html"], "Scores": ["reports/metrics.json", "reports/samples.csv"],
        },
        "Input": {"Documents": ["reports/documents.csv"]},
    }  # fmt: skip
    results = held("results")
    for path, result in results.items():
        # What is there is the file itself, byte for byte, and not only its name.
        assert base64.b64decode(result["data_uri"].partition("base64,")[2]) == (small_build / path).read_bytes(), path
        assert result["caption"].startswith("<p>"), path
        assert list(result["labels"]) == ["shown"], path
    metrics = json.loads((small_build / "reports/metrics.json").read_text(encoding="utf-8"))
    report = base64.b64decode(results["reports/index.html"]["data_uri"].partition("base64,")[2]).decode("utf-8")
    for model in ("base", "tuned"):
        assert f'data-value="{metrics[model]["cer_mean"]!r}"' in report, "the headline is in the report"
    assert "leak-free splits" in html.partition('var workflow_desc = "')[2][:600]


def test_what_each_stage_took_lies_beside_the_report_and_is_no_part_of_the_build(small_build: Path) -> None:
    page = (small_build / "reports/resources.html").read_text(encoding="utf-8")
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)[1:]]
    told = {row[0]: row for row in rows}
    assert {"label_pages", "train_adapter", "predict_tuned", "write_report", "all, one after another"} <= set(told)
    assert told["train_adapter"][2].endswith(" s")
    assert re.fullmatch(r"\d+ MiB|\d\.\d GiB", told["train_adapter"][4])
    assert float(told["train_adapter"][6]) > 0
    assert not [row for row in rows if row[2] == "not known here"]
    assert "resources.html" not in (small_build / "ro-crate-metadata.json").read_text(encoding="utf-8")
    before = (small_build / "reports/index.html").read_bytes()
    (small_build / "reports/resources.html").unlink()
    assert planned_jobs(snakemake(small_build, "--dry-run")) == set()
    assert (small_build / "reports/index.html").read_bytes() == before

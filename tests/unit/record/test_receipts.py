"""Promises about receipts: they say what a job did, and an output that its job did not make is noticed."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scribetune.core import files, layout
from scribetune.core.file_hashes import FileHashes
from scribetune.record import code, receipts

OUTPUT = "data/splits/train.jsonl"


def job(
    rule: str = "split_documents",
    wildcards: dict[str, str] | None = None,
    output: Sequence[str] = (OUTPUT,),
    **changes: Any,
) -> SimpleNamespace:
    """What a rule's script sees as `snakemake`."""
    params = {"settings": {"splits": {"seed": 1}}, "code": "c0de", "environment": "e0", "repairs": "0 repairs"}
    return SimpleNamespace(
        rule=rule, wildcards=wildcards or {}, input=["in.csv"], output=list(output), params=params | changes
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working directory in which a job has just ended."""
    files.write_text(tmp_path / "in.csv", "read")
    files.write_text(tmp_path / OUTPUT, "made")
    receipts.write(job(), tmp_path)
    return tmp_path


def test_a_receipt_says_what_a_job_read_was_told_ran_with_and_made(folder: Path) -> None:
    (receipt,) = receipts.read(folder).values()
    assert receipt.job == "split_documents"
    assert receipt.inputs == {"in.csv": files.sha256_bytes(b"read")}
    assert receipt.outputs == {OUTPUT: files.sha256_bytes(b"made")}
    assert receipt.settings == {"settings": {"splits": {"seed": 1}}}
    assert receipts.definitions(folder, receipt.code) == code.rule_definitions("split_documents")
    assert "snakemake" in (receipts.environment(folder, receipt.environment) or {})


def test_a_receipt_of_a_rule_without_a_script_of_its_name_explains_its_code(folder: Path) -> None:
    receipt = receipts.write(job("predict_tuned", script="predict", code="c1"), folder)
    assert receipts.definitions(folder, receipt.code) == code.rule_definitions("predict")
    assert receipts.read(folder)["predict_tuned"].script == "predict"


def test_looking_for_repairs_writes_no_decision(folder: Path) -> None:
    (folder / OUTPUT).write_text("edited", encoding="utf-8")
    assert receipts.repairs(folder).decisions == {"split_documents": "1 repairs"}
    assert receipts.noted_repairs(folder).counts["split_documents"] == "0 repairs"


def test_the_same_job_gives_the_same_bytes(folder: Path) -> None:
    path = folder / receipts.FOLDER / "split_documents.json"
    before = path.read_bytes()
    receipts.write(job(), folder)
    assert path.read_bytes() == before


def test_each_shard_has_a_receipt_of_its_own(folder: Path) -> None:
    receipts.write(job("render_pages", {"shard": "000-of-002"}), folder)
    assert (folder / receipts.FOLDER / "render_pages" / "000-of-002.json").exists()
    assert set(receipts.read(folder)) == {"split_documents", "render_pages/000-of-002"}


def test_an_altered_output_is_noticed_even_with_its_old_time_and_size(folder: Path) -> None:
    assert receipts.altered(receipts.read(folder).values(), folder) == {}
    old = (folder / OUTPUT).stat()
    (folder / OUTPUT).write_text("mode", encoding="utf-8")
    os.utime(folder / OUTPUT, ns=(old.st_atime_ns, old.st_mtime_ns))
    assert receipts.altered(receipts.read(folder).values(), folder) == {"split_documents": [OUTPUT]}


def test_a_touched_or_missing_output_is_not_altered(folder: Path) -> None:
    os.utime(folder / OUTPUT, (1, 1))
    assert receipts.altered(receipts.read(folder).values(), folder) == {}
    (folder / OUTPUT).unlink()
    assert receipts.altered(receipts.read(folder).values(), folder) == {}


def test_of_files_that_snakemake_does_not_know_a_missing_one_is_noticed(tmp_path: Path) -> None:
    proof, weights = f"{layout.MERGED}/merge_proof.json", f"{layout.MERGED}/model.safetensors"
    for name in ("in.csv", OUTPUT, proof, weights):
        files.write_text(tmp_path / name, name)
    receipts.write(job("merge_adapter", output=[proof], folder=layout.MERGED), tmp_path)
    (tmp_path / weights).unlink()
    assert receipts.altered(receipts.read(tmp_path).values(), tmp_path) == {"merge_adapter": [weights]}


@pytest.mark.parametrize(
    ("rule", "stage", "column"), [("render_pages", "pages", "image"), ("label_pages", "labels", "label")]
)
def test_a_page_that_is_not_what_its_manifest_says_is_noticed(
    tmp_path: Path, rule: str, stage: str, column: str
) -> None:
    pages = [f"data/{stage}/a/p0001", f"data/{stage}/a/p0002"]
    for name in ("in.csv", *pages):
        files.write_text(tmp_path / name, name)
    rows = [f"a,{name},{files.sha256_bytes(name.encode())}" for name in pages]
    manifest = f"data/manifests/{stage}/000-of-001.csv"
    # A page that could not be rendered has no file.
    files.write_text(tmp_path / manifest, "\n".join([f"document,{column},{column}_sha256", *rows, "a,,", ""]))
    made = job(rule, {"shard": "000-of-001"}, output=[manifest], folder=f"data/{stage}", column=column)
    receipts.write(made, tmp_path)
    known = receipts.read(tmp_path).values()
    assert receipts.altered(known, tmp_path) == {}
    files.write_text(tmp_path / pages[0], "another")
    assert receipts.altered(known, tmp_path) == {f"{rule}/000-of-001": pages[:1]}
    (tmp_path / pages[1]).unlink()
    assert receipts.altered(known, tmp_path) == {f"{rule}/000-of-001": pages}


def test_a_receipt_of_a_shard_that_is_no_more_asks_for_nothing(tmp_path: Path) -> None:
    files.write_text(tmp_path / "in.csv", "read")
    files.write_text(tmp_path / OUTPUT, "made")
    receipts.write(job("label_pages", {"shard": "000-of-001"}), tmp_path)
    files.write_text(tmp_path / OUTPUT, "made by a job of another shard")
    assert receipts.repairs(tmp_path, shards=("000-of-002", "001-of-002")).altered == {}
    assert receipts.repairs(tmp_path, shards=("000-of-001",)).altered == {"label_pages/000-of-001": [OUTPUT]}


def test_an_altered_output_makes_its_job_run_once(folder: Path) -> None:
    def param(*, decide: bool) -> str:
        if decide:
            receipts.note_repairs(receipts.repairs(folder), folder)
        return receipts.noted_repairs(folder).counts["split_documents"]

    assert param(decide=True) == "0 repairs"
    (folder / OUTPUT).write_text("edited", encoding="utf-8")
    assert param(decide=True) == "1 repairs"
    # Snakemake removes it, and the process of the job reads the workflow once more.
    (folder / OUTPUT).unlink()
    assert param(decide=False) == "1 repairs"
    files.write_text(folder / OUTPUT, "made")
    receipts.write(job(repairs="1 repairs"), folder)
    assert param(decide=True) == param(decide=False) == "1 repairs"


def test_a_file_that_is_put_back_needs_no_repair(folder: Path) -> None:
    (folder / OUTPUT).write_text("edited", encoding="utf-8")
    receipts.note_repairs(receipts.repairs(folder), folder)
    assert receipts.noted_repairs(folder).counts["split_documents"] == "1 repairs"
    (folder / OUTPUT).write_text("made", encoding="utf-8")
    decided = receipts.repairs(folder)
    assert decided.counts["split_documents"] == "0 repairs"
    receipts.note_repairs(decided, folder)
    assert receipts.noted_repairs(folder).counts["split_documents"] == "0 repairs"


def test_an_input_replaced_by_an_older_file_makes_its_job_run(folder: Path) -> None:
    files.write_text(folder / "in.csv", "another")
    os.utime(folder / "in.csv", (1, 1))
    found = receipts.repairs(folder)
    assert found.counts["split_documents"] == "1 repairs"
    assert found.altered == {}


def test_what_was_altered_is_kept(folder: Path) -> None:
    (folder / OUTPUT).write_text("my work", encoding="utf-8")
    (kept,) = receipts.set_aside({"split_documents": [OUTPUT]}, folder)
    (folder / OUTPUT).unlink()
    assert kept.read_text(encoding="utf-8") == "my work"


def test_outputs_without_a_fitting_receipt_are_unproven(folder: Path) -> None:
    outputs = {OUTPUT: "split_documents", "reports/index.html": "write_report"}
    assert receipts.unproven(folder, outputs) == ["reports/index.html"]
    (folder / OUTPUT).write_text("edited", encoding="utf-8")
    assert receipts.unproven(folder, outputs) == [OUTPUT, "reports/index.html"]


def test_a_receipt_that_cannot_be_read_proves_nothing_and_stops_nothing(folder: Path) -> None:
    (folder / receipts.FOLDER / "write_report.json").write_text("{", encoding="utf-8")
    (folder / receipts.FOLDER / "write_crate.json").write_text(json.dumps({"rule": "x"}), encoding="utf-8")
    assert set(receipts.read(folder)) == {"split_documents"}


def test_hashes_are_remembered_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_text(tmp_path / "a", "one")
    read: list[Path] = []
    real = files.sha256_file

    def counted(path: Path) -> str:
        read.append(path)
        return real(path)

    monkeypatch.setattr(files, "sha256_file", counted)
    for _ in range(3):
        with FileHashes(tmp_path) as hashes:
            assert hashes.sha256("a") == files.sha256_bytes(b"one")
    assert len(read) == 1
    (tmp_path / "a").write_text("two", encoding="utf-8")
    with FileHashes(tmp_path) as hashes:
        assert hashes.sha256("a") == files.sha256_bytes(b"two")


def test_without_a_memory_files_are_read(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a", "one")
    (tmp_path / ".snakemake").write_text("a file in the way", encoding="utf-8")
    with FileHashes(tmp_path) as hashes:
        assert hashes.sha256("a") == files.sha256_bytes(b"one")

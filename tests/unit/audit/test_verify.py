"""Promises about `scribetune verify`: whatever was altered, is missing, or was recorded by nothing is named."""

import json
import os
import shutil
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scribetune.audit import signature, verify
from scribetune.cli import app
from scribetune.record import receipts
from support import audited_folder, hostile_pdfs


@pytest.fixture
def build(tmp_path: Path) -> Path:
    return audited_folder.make(tmp_path / "build")


def named(folder: Path, *, with_cache: bool = False) -> list[tuple[str, str, str]]:
    found = verify.verify(folder, with_cache=with_cache)
    return [(finding.kind, str(finding.state), finding.path) for finding in found.findings]


def test_a_build_as_it_was_recorded_holds(build: Path) -> None:
    result = verify.verify(build)
    assert result.findings == ()
    assert result.checked == {
        "document": 2, "page image": 2, "label": 2, "manifest": 3, "split": 3, "base model": 2, "adapter": 3,
        "merged model": 3, "predictions": 2, "report": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("data/raw/a.pdf", "document"),
        ("data/pages/a/p0001.png", "page image"),
        ("data/labels/b/p0001.md", "label"),
        ("data/manifests/labels/000-of-001.csv", "manifest"),
        ("data/splits/validation.jsonl", "split"),
        ("models/base/model.safetensors", "base model"),
        ("models/adapter/adapter_model.safetensors", "adapter"),
        ("models/merged/tokenizer.json", "merged model"),
        ("reports/predictions/tuned.jsonl", "predictions"),
        ("reports/metrics.json", "report"),
    ],
)
def test_an_altered_file_is_named_and_so_is_a_missing_one(build: Path, path: str, kind: str) -> None:
    content = (build / path).read_bytes()
    (build / path).write_bytes(content + b"\n")
    assert named(build) == [(kind, "altered", path)]
    (build / path).write_bytes(content)
    (build / path).rename(build / "elsewhere")
    if not path.startswith("data/manifests"):
        assert (kind, "missing", path) in named(build)


@pytest.mark.usefixtures("in_a_minute")
def test_what_is_no_file_any_more_is_named_and_never_waited_for(build: Path) -> None:
    hostile_pdfs.not_files(build / "data/raw/others")
    for name in ("a", "b"):
        (build / f"data/raw/{name}.pdf").unlink()
    os.mkfifo(build / "data/raw/a.pdf")
    (build / "data/raw/b.pdf").symlink_to("b.pdf")
    found = [finding for finding in verify.verify(build).findings if finding.kind == "document"]
    assert [(str(finding.state), finding.path) for finding in found] == [
        ("altered", "data/raw/a.pdf"), ("altered", "data/raw/b.pdf"),
    ]  # fmt: skip
    assert "no regular file" in found[0].note


def test_a_document_that_could_not_be_read_is_not_asked_for(build: Path) -> None:
    path = build / "data/manifests/documents/000-of-001.csv"
    path.write_text(f"{path.read_text(encoding='utf-8')}pipe,pipe.pdf,,error\n", encoding="utf-8")
    os.mkfifo(build / "data/raw/pipe.pdf")
    assert "document" not in {kind for kind, _, _ in named(build)}


@pytest.mark.parametrize(
    "path",
    [
        "data/pages/deleted/p0001.png", "data/labels/a/p0002.md", "models/adapter/optimizer.pt",
        "models/merged/model-2.safetensors", "reports/predictions/other.jsonl", "data/pages/a/.p0001.png.x.tmp",
    ],
)  # fmt: skip
def test_a_file_that_nothing_recorded_is_named(build: Path, path: str) -> None:
    audited_folder.write(build / path, "x")
    found = verify.verify(build).findings
    assert [(str(finding.state), finding.path) for finding in found] == [("unexplained", path)]


def test_what_only_a_receipt_speaks_of_is_checked_too(build: Path) -> None:
    page = build / "reports" / "index.html"
    audited_folder.write(page, "<p>")
    receipt = receipts.Receipt(
        rule="write_report", wildcards={}, inputs={}, outputs={"reports/index.html": audited_folder.sha256(b"<p>")},
        settings={}, code="", environment="", repairs=receipts.NO_REPAIRS,
    )  # fmt: skip
    audited_folder.write_json(build / receipts.FOLDER / "write_report.json", asdict(receipt))
    assert named(build) == []
    page.write_text("<p>better", encoding="utf-8")
    assert named(build) == [("report", "altered", "reports/index.html")]
    page.unlink()
    assert named(build) == [("report", "missing", "reports/index.html")]


def test_replayed_pages_are_checked_where_they_are_and_not_asked_for_in_a_clone(build: Path) -> None:
    outputs = {f"data/replay/{name}": audited_folder.sha256(b"as made") for name in ("pages.jsonl", "images/a.png")}
    receipt = receipts.Receipt("make_replay", {}, {}, outputs, {}, "", "", receipts.NO_REPAIRS)
    audited_folder.write_json(build / receipts.FOLDER / "make_replay.json", asdict(receipt))
    assert named(build) == [], "DVC keeps none of them: they are made again where a training needs them"
    record = {"images": ["data/replay/images/a.png"], "image_sha256": audited_folder.sha256(b"as made")}
    audited_folder.write(build / "data/replay/pages.jsonl", json.dumps(record))
    assert ("replayed page", "missing", "data/replay/images/a.png") in named(build)


def test_a_text_altered_in_a_split_is_found_even_if_its_hash_was_altered_with_it(build: Path) -> None:
    split = build / "data/splits/train.jsonl"
    split.write_text(split.read_text().replace('"# A"', '"# Z"'))
    lineage = json.loads((build / "reports/lineage.json").read_text())
    lineage["outputs"]["data/splits/train.jsonl"] = audited_folder.sha256(split.read_bytes())
    audited_folder.write_json(build / "reports/lineage.json", lineage)
    found = verify.verify(build).findings
    assert [(finding.path, finding.note) for finding in found] == [
        ("data/splits/train.jsonl", "1 page(s) are not as recorded: a/p0001")
    ]


@pytest.mark.parametrize(
    "path",
    [
        "data/manifests/pages/000-of-001.csv", "reports/lineage.json", "models/adapter/lineage.json",
        "models/merged/merge_proof.json", "data/splits/train.jsonl",
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_read_is_a_finding_and_no_traceback(build: Path, path: str) -> None:
    (build / path).write_bytes(b'{"\xff')
    assert path in {finding.path for finding in verify.verify(build).findings}


def test_the_adapter_of_another_training_is_named(build: Path) -> None:
    lineage = json.loads((build / "models/adapter/lineage.json").read_text())
    lineage["adapter"]["adapter_config.json"] = "0" * 64
    audited_folder.write_json(build / "models/adapter/lineage.json", lineage)
    assert ("adapter", "altered", "models/adapter/lineage.json") in named(build)


def test_what_dvc_recorded_is_compared_too_and_said_once(build: Path) -> None:
    audited_folder.record_in_dvc(build)
    assert named(build, with_cache=True) == []
    (build / "models/adapter/README.md").write_text("another card")
    (build / "data/pages/a/p0001.png").write_bytes(b"z")
    assert named(build) == [
        ("page image", "altered", "data/pages/a/p0001.png"),
        ("DVC output", "altered", "models/adapter/README.md"),
    ]


def test_without_the_cache_a_folder_that_dvc_recorded_is_compared_as_a_whole(build: Path) -> None:
    audited_folder.record_in_dvc(build)
    shutil.rmtree(build / ".dvc" / "cache")
    assert named(build) == []
    (build / "models/adapter/README.md").write_text("another card")
    assert named(build) == [("DVC output", "altered", "models/adapter")]


def test_a_corrupt_or_missing_cache_object_is_named_with_what_it_belongs_to(build: Path) -> None:
    audited_folder.record_in_dvc(build)
    image = audited_folder.cached(build, audited_folder.md5(b"image a"))
    image.write_bytes(b"rot")
    audited_folder.cached(build, audited_folder.md5((build / "reports/lineage.json").read_bytes())).unlink()
    assert named(build) == []
    found = verify.verify(build, with_cache=True).findings
    assert sorted((str(finding.state), finding.recorded_by) for finding in found) == [
        ("altered", "data/pages/a/p0001.png"),
        ("missing", "reports/lineage.json"),
    ]


def test_an_older_dvc_lock_is_said_and_not_taken_for_an_alteration(build: Path) -> None:
    audited_folder.record_in_dvc(build)
    (build / "models/adapter/README.md").write_text("another card")
    record = build / ".snakemake" / "metadata" / "bW9kZWxzL2FkYXB0ZXIvUkVBRE1FLm1k"
    audited_folder.write_json(record, {"endtime": 4e9})
    result = verify.verify(build)
    assert result.holds
    assert "scribetune commit" in result.notes[0]


def test_manifests_of_an_older_grouping_into_shards_do_not_count(build: Path) -> None:
    old = build / "data/manifests/pages/000-of-002.csv"
    audited_folder.write_csv(
        old, [{"document": "a", "page": 1, "image": "data/pages/a/p0001.png", "image_sha256": "0"}]
    )
    os.utime(old, (1, 1))
    assert named(build) == []


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="ssh-keygen is not installed")
def test_a_signature_is_checked_and_one_that_is_asked_for_must_be_there(build: Path, tmp_path: Path) -> None:
    signers = tmp_path / "signers"
    signers.write_text("")
    said = [(f.kind, str(f.state)) for f in verify.verify(build, allowed_signers=signers).findings]
    assert said == [("signature", "missing")]
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    signature.sign(build / "reports/lineage.json", key)
    assert "Signature of reports/lineage.json: signed" in verify.verify(build).notes[0]
    assert [str(f.state) for f in verify.verify(build, allowed_signers=signers).findings] == ["altered"]
    signers.write_text(f"ada {key.with_suffix('.pub').read_text()}")
    assert verify.verify(build, allowed_signers=signers).findings == ()
    lineage = build / "reports/lineage.json"
    lineage.write_text(lineage.read_text() + " ")
    assert named(build) == [("signature", "altered", "reports/lineage.json.sig")]


def test_exit_status_0_1_2_and_the_json(build: Path, tmp_path: Path) -> None:
    run = CliRunner()
    good = run.invoke(app, ["verify", "--folder", str(build)])
    assert (good.exit_code, "All 23 recorded hashes hold" in good.output) == (0, True)
    (build / "data/pages/a/p0001.png").write_bytes(b"z")
    bad = run.invoke(app, ["verify", "--folder", str(build), "--json"])
    assert bad.exit_code == 1
    said = json.loads(bad.output)
    assert said["holds"] is False
    assert said["kinds"]["page image"] == {"checked": 2, "altered": 1, "missing": 0, "unexplained": 0}
    assert said["findings"][0]["found"] == audited_folder.sha256(b"z")
    for folder in (tmp_path, tmp_path / "nowhere"):
        empty = run.invoke(app, ["verify", "--folder", str(folder)])
        assert empty.exit_code == 2
        assert "Traceback" not in empty.output

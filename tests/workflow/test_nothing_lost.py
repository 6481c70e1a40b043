"""Nothing that a user made is lost: other words, refusals, failures and kills, with hashes before and after.

They start from the finished build of the mutations: seven PDFs in data/raw, a small base model.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pymupdf
import pytest
from killed_builds import has_adapter

from scribetune.core.files import sha256_file
from scribetune.record import replaced
from support import clone, mutations, pdf_factory
from support.first_build import FirstBuild, copy

pytestmark = pytest.mark.slow

RESULTS = ("data/pages", "data/labels", "data/manifests", "data/splits", "data/retention", "models/adapter",
           "models/merged", "reports")  # fmt: skip
ADAPTER = "models/adapter/adapter_model.safetensors"


@pytest.fixture
def project(first_build: FirstBuild, scratch: Path) -> Path:
    copy(first_build.project.parent, scratch)
    return scratch / first_build.project.name


def hashes(project: Path) -> dict[str, str]:
    """Return {path: sha256} of every result."""
    files = [path for name in RESULTS for path in sorted((project / name).rglob("*")) if path.is_file()]
    return {path.relative_to(project).as_posix(): sha256_file(path) for path in files}


def refused(project: Path, target: str, *arguments: str) -> str:
    """Call a build that must be refused, dry run and all, and must change nothing; return what was said."""
    before = hashes(project)
    said = [mutations.snakemake(project, target, *dry, *arguments, fails=True) for dry in (("--dry-run",), ())]
    assert hashes(project) == before
    assert not any("MissingInputException" in text or "Traceback" in text for text in said), said
    return said[1]


# --- Another corpus, another base model --------------------------------------------------------------------------


def put_elsewhere(project: Path) -> None:
    (project / "data/raw").rename(project / "pdfs")


def put_others(project: Path) -> None:
    put_elsewhere(project)
    for number in range(4):
        pdf_factory.healthy(project / f"data/raw/report-{number}.pdf", 40 + number)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put_elsewhere, (r"asked for: the sample corpus (data/raw holds no document)", "7 document(s) of data/raw")),
        (put_others, ("asked for: 4 document(s) of others", "7 document(s) of data/raw")),
    ],
    ids=["sample corpus", "another folder"],
)
def test_another_corpus_is_refused(project: Path, change: Callable[[Path], None], words: Sequence[str]) -> None:
    change(project)
    flags: tuple[str, ...] = ()
    if change is put_others:
        (project / "data/raw").rename(project / "others")
        flags = ("--config", "documents={raw: others}")
    for target in ("all", "labels", "merged"):
        said = refused(project, target, *flags)
        assert all(word in said for word in (*words, "--directory another-folder", "--replace data/raw")), said


def test_a_build_of_another_corpus_goes_on_with_consent_or_in_a_folder_of_its_own(project: Path) -> None:
    before = hashes(project)
    put_elsewhere(project)
    assert "--replace data/raw" in refused(project, "splits")
    elsewhere = ["splits", "--dry-run", "--directory", "another", "--config", "samples={count: 4}"]
    assert "render_pages" in mutations.snakemake(project, *elsewhere)
    assert hashes(project) == before
    mutations.snakemake(project, "splits", "--config", "results={replace: [data/raw]}", "samples={count: 4}")
    assert "data/pages/report-0/p0001.png" not in hashes(project)
    # Consent was for that call.
    (project / "pdfs").rename(
        project / "data/raw" if not (project / "data/raw").exists() else project / "data/raw/more"
    )
    assert "render_pages" in mutations.snakemake(project, "splits", "--dry-run"), (
        "the sample corpus gives way by itself"
    )


def test_a_corpus_that_moved_or_grew_is_the_same_corpus(project: Path) -> None:
    put_elsewhere(project)
    pdf_factory.healthy(project / "pdfs/new.pdf", 77)
    assert "render_pages" in mutations.snakemake(project, "splits", "--dry-run", "--config", "documents={raw: pdfs}")


def test_another_base_model_is_refused_and_one_that_is_not_there_says_so(project: Path) -> None:
    for target in ("merged", "all", "splits"):
        said = refused(project, target, "--config", "base_model={name: /no/such/model}")
        assert "The base model's folder does not exist: '/no/such/model'" in said
    shutil.copytree(project / "models/tiny", project / "models/other")
    said = refused(project, "merged", "--config", "base_model={name: models/other}")
    assert "there: models/tiny; asked for: models/other" in said
    assert "--replace models/tiny" in said
    asked = clone.run(project, "scribetune", "why", "merged", "--set", "base_model.name=models/other")
    assert "Results of models/tiny are here: such a build needs --replace" in asked
    assert "train_adapter" in asked
    consent = ("--config", "base_model={name: models/other}", "results={replace: [models/tiny]}")
    assert "train_adapter" in mutations.snakemake(project, "merged", "--dry-run", *consent)


def test_too_few_documents_are_refused_for_every_target_before_any_job(project: Path) -> None:
    for path in sorted((project / "data/raw").glob("*.pdf"))[2:]:
        path.unlink()
    for target in ("merged", "all", "splits"):
        assert "would be replaced" in refused(project, target)  # most of the corpus is gone: an unmounted share
        said = refused(project, target, "--config", "results={replace: [data/raw]}")
        assert "at least three PDFs" in said


# --- Failures and kills ------------------------------------------------------------------------------------------


def test_an_adapter_stays_where_its_successor_fails(project: Path) -> None:
    before = hashes(project)
    said = mutations.snakemake(project, "--config", "train={max_tokens: 64}", fails=True)
    assert "train_adapter" in said
    after = hashes(project)
    assert {path: after.get(path) for path in before} == before


def test_predictions_and_a_merged_model_stay_where_their_successors_fail(project: Path) -> None:
    before = hashes(project)
    weights = project / "models/tiny/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    mutations.snakemake(project, "merged", "reports/predictions/base.jsonl", fails=True)
    after = hashes(project)
    assert {path: after.get(path) for path in before} == before


def test_what_a_build_replaces_is_kept_by_hash_and_said(project: Path) -> None:
    before = hashes(project)
    said = mutations.snakemake(project, "--config", "train={epochs: 2}")
    after = hashes(project)
    assert after[ADAPTER] != before[ADAPTER]
    kept = {path.name.split("-")[0]: path for path in (project / "work/replaced").iterdir()}
    assert set(kept) == {"adapter", "merged", "reports"}
    assert kept["adapter"].name == f"adapter-{before[ADAPTER][:12]}"
    for name, folder in (("adapter", "models/adapter"), ("merged", "models/merged"), ("reports", "reports")):
        held = {f"{folder}/{path.relative_to(kept[name])}": sha256_file(path)
                for path in kept[name].rglob("*") if path.is_file()}  # fmt: skip
        assert held == {path: sha256 for path, sha256 in before.items() if path.startswith(f"{folder}/")}
        assert kept[name].name in said
    assert "Nothing to be done" in mutations.snakemake(project, "--config", "train={epochs: 2}")
    assert [copy.path.name for copy in replaced.remove(project)] and not (project / "work/replaced").exists()


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def started(project: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "snakemake", *arguments, "--cores", "1", "--resources", "gpu=1"]
    return subprocess.Popen(
        command, cwd=project, env=clone.environment(project), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("moment", range(3))
def test_a_kill_at_a_random_moment_of_a_rebuild_loses_no_earlier_adapter(project: Path, moment: int) -> None:
    """measurements/killed_builds.py does it twenty times."""
    before = hashes(project)[ADAPTER]
    process = started(project, "merged", "--config", "train={epochs: 2}")
    time.sleep(random.Random(moment).uniform(1, 12))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert has_adapter(project, before)
    assert any(path.is_file() for path in (project / "models/adapter").glob(Path(ADAPTER).name))
    # And nobody has to unlock or mend anything.
    mutations.snakemake(project, "merged", "--config", "train={epochs: 2}", "--dry-run")


def test_a_job_that_survives_its_build_is_found_and_no_second_one_starts_beside_it(project: Path) -> None:
    (project / "logs/train_adapter.log").unlink()
    process = started(project, "merged", "--config", "train={epochs: 40}")
    wait_for((project / "logs/train_adapter.log").exists)
    process.kill()
    process.wait()
    try:
        said = mutations.snakemake(project, "merged", "--config", "train={epochs: 40}", fails=True)
        assert "its job goes on: train_adapter (process" in said
        mutations.snakemake(project, "--unlock")
        said = mutations.snakemake(project, "merged", "--config", "train={epochs: 40}", fails=True)
        assert "its job goes on: train_adapter (process" in said
    finally:
        os.killpg(process.pid, signal.SIGKILL)
    mutations.snakemake(project, "merged", "--config", "train={epochs: 2}", "--dry-run")


# --- Words that mislead ------------------------------------------------------------------------------------------


def test_touch_does_not_make_an_edited_label_count_as_built(project: Path) -> None:
    label = project / "data/corrections/report-6/p0001.md"
    label.write_text(label.read_text(encoding="utf-8") + "\nAnother line.\n", encoding="utf-8")
    before = hashes(project)
    assert "--touch would" in mutations.snakemake(project, "--touch", fails=True)
    assert hashes(project) == before
    assert ("label_pages", "000-of-004") in mutations.planned(project)


def test_a_password_given_after_a_wrong_try_is_taken_up(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = pymupdf.open(project / "data/raw/report-1.pdf")
    document.save(project / "data/raw/locked.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="right")
    (project / "data/raw/report-1.pdf").unlink()
    sheet = project / "config/documents.csv"
    sheet.write_text(
        "path,category,language,licence,split,password_variable\nlocked.pdf,,,,,LOCKED_PASSWORD\n", encoding="utf-8"
    )

    def status() -> str:
        rows = [path.read_text(encoding="utf-8") for path in (project / "data/manifests/documents").glob("*.csv")]
        (row,) = [line for text in rows for line in text.splitlines() if line.startswith("locked,")]
        return "encrypted" if ",encrypted," in row else "ok"

    monkeypatch.setenv("LOCKED_PASSWORD", "wrong")
    mutations.snakemake(project, "pages")
    assert status() == "encrypted"
    assert "Nothing to be done" in mutations.snakemake(project, "pages")
    monkeypatch.setenv("LOCKED_PASSWORD", "right")
    why = clone.run(project, "scribetune", "why", "pages")
    assert "locked: could not be opened, and another password is given now" in why
    mutations.snakemake(project, "pages")
    assert status() == "ok"
    assert "Nothing to be done" in mutations.snakemake(project, "pages")
    monkeypatch.delenv("LOCKED_PASSWORD")
    assert "Nothing to be done" in mutations.snakemake(project, "pages")
    assert "right" not in (project / "work/passwords.json").read_text(encoding="utf-8")

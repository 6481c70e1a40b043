"""Promises about `scribetune reproduce`: a revision's own build is repeated and compared, and nothing else is touched.

The repository's build here is a Snakefile that copies prepared results, so that seconds are enough for it.
"""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from scribetune.audit import file_differences, reproduce
from scribetune.cli import app
from scribetune.core import layout
from scribetune.core.errors import UserError
from scribetune.documents import withdrawals
from support import audited_folder
from support.repository import commit, git

SNAKEFILE = """\
rule all:
    input: "reports/lineage.json"

rule copy:
    output: "reports/lineage.json"
    shell: "cp -r prepared/. . && ls data/raw > reports/documents.txt"
"""


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A repository whose HEAD records a build, and whose Snakefile makes the same again."""
    folder = audited_folder.make(tmp_path / "build")
    save_file({"up": torch.zeros(2, 2), "down": torch.ones(3)}, folder / "models/adapter/adapter_model.safetensors")
    for name in ("data/pages", "data/labels", "data/manifests", "models/adapter", "reports"):
        shutil.copytree(folder / name, folder / "prepared" / name)
    audited_folder.record_in_dvc(folder)
    audited_folder.write(folder / "Snakefile", SNAKEFILE)
    audited_folder.write(folder / ".gitignore", "/data/\n/models/\n/reports/\n/.dvc/\n/work/\n")
    git(folder, "init", "-q")
    commit(folder, "built")
    return folder


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as the Snakefile does, without the seconds that Snakemake takes to start."""

    def build(place: Path, *_: object) -> None:
        shutil.copytree(place / "prepared", place, dirs_exist_ok=True)
        names = sorted(path.name for path in (place / "data/raw").iterdir())
        (place / "reports/documents.txt").write_text("".join(f"{name}\n" for name in names))

    monkeypatch.setattr(reproduce, "_build", build)


def same_but(folder: Path) -> dict[str, tuple[str, str]]:
    result = reproduce.reproduce(folder, "HEAD")
    return {item.path: (item.state, item.detail) for item in result.differences}


@pytest.mark.slow
def test_a_revision_that_builds_the_same_is_identical_and_leaves_nothing_behind(build: Path) -> None:
    before = {path: path.read_bytes() for path in build.rglob("*") if path.is_file() and ".git" not in path.parts}
    result = reproduce.reproduce(build, "HEAD")
    assert result.differences == ()
    assert result.identical
    assert result.same == {"page images": 4, "labels": 4, "adapter": 4, "report data": 2}
    assert len(git(build, "worktree", "list").splitlines()) == 1
    assert {path: path.read_bytes() for path in before} == before
    assert git(build, "status", "--porcelain") == ""


@pytest.mark.usefixtures("copied")
def test_each_difference_is_described(build: Path) -> None:
    prepared = build / "prepared"
    save_file({"up": torch.full((2, 2), 0.5), "down": torch.ones(3)},
              prepared / "models/adapter/adapter_model.safetensors")  # fmt: skip
    audited_folder.write_json(prepared / "reports/metrics.json", {"base": {"cer": 0.5}})
    audited_folder.write(prepared / "data/pages/b/p0001.png", "other")
    audited_folder.write(prepared / "data/pages/b/p0002.png", "more")
    (prepared / "data/labels/a/p0001.md").unlink()
    commit(build, "another build, the same record")
    assert same_but(build) == {
        "models/adapter/adapter_model.safetensors": (
            "different", "1 of 2 tensors; largest absolute difference 0.5 (in up)"),
        "reports/metrics.json": ("different", "1 keys: base.cer: nothing → 0.5"),
        "data/pages/b/p0001.png": ("different", "7 bytes recorded, 5 made"),
        "data/pages/b/p0002.png": ("new", ""),
        "data/labels/a/p0001.md": ("missing", ""),
    }  # fmt: skip


def test_predictions_and_tables_are_compared_by_page_and_cell(tmp_path: Path) -> None:
    was, made = tmp_path / "was.jsonl", tmp_path / "made.jsonl"
    was.write_text('{"id": "a/p1", "text": "x"}\n{"id": "a/p2", "text": "y"}\n')
    made.write_text('{"id": "a/p1", "text": "x"}\n{"id": "a/p2", "text": "z"}\n')
    assert file_differences.describe(was, made) == "1 of 2 pages; first a/p2: text"
    table, other = tmp_path / "was.csv", tmp_path / "made.csv"
    table.write_text("page,cer\na,0.5\nb,0.25\n")
    other.write_text("page,cer\na,0.5\nb,0.75\n")
    assert file_differences.describe(table, other) == "1 cells: line 3 cer: 0.25 → 0.75"


@pytest.mark.usefixtures("copied")
def test_the_pdfs_of_the_working_tree_are_linked_and_the_folder_can_be_kept(build: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    result = reproduce.reproduce(build, "HEAD", keep=kept)
    assert result.kept == str(kept)
    assert (kept / "reports/documents.txt").read_text() == "a.pdf\nb.pdf\n"
    with pytest.raises(UserError, match="not empty"):
        reproduce.reproduce(build, "HEAD", keep=kept)


@pytest.mark.usefixtures("copied")
def test_public_benchmarks_of_the_working_tree_are_linked(build: Path, tmp_path: Path) -> None:
    audited_folder.write(build / "data/omni/truth.json", "[]")
    audited_folder.write(build / "data/omni/images/one.png", "x")
    named = [{"name": "omni", "truth": "data/omni/truth.json"}, {"name": "facts", "truth": "/elsewhere/facts"}]
    values = {"documents": {"raw": "data/raw"}, "evaluation": {"benchmarks": named}}
    audited_folder.write(build / "config/config.yaml", json.dumps(values))
    commit(build, "with a benchmark")
    reproduce.reproduce(build, "HEAD", keep=tmp_path / "kept")
    assert (tmp_path / "kept/data/omni/truth.json").read_text(encoding="utf-8") == "[]"
    assert (tmp_path / "kept/data/omni/images/one.png").is_file()


@pytest.mark.usefixtures("copied")
def test_pdfs_added_changed_or_removed_since_are_told_and_the_recorded_ones_taken(build: Path, tmp_path: Path) -> None:
    audited_folder.write(build / "data/raw/new.pdf", "new")
    (build / "data/raw/a.pdf").rename(build / "data/raw/renamed.pdf")
    result = reproduce.reproduce(build, "HEAD", keep=tmp_path / "one")
    assert result.identical
    assert (tmp_path / "one/reports/documents.txt").read_text() == "a.pdf\nb.pdf\n"
    assert "is not what it was at that revision" in result.notes[0]
    (build / "data/raw/renamed.pdf").unlink()
    notes = reproduce.reproduce(build, "HEAD").notes
    assert "1 document is not here any more: a.pdf" in notes
    assert (build / "data/raw/b.pdf").exists()


@pytest.mark.usefixtures("copied")
def test_without_the_cache_folders_are_compared_as_a_whole(build: Path) -> None:
    shutil.rmtree(build / ".dvc" / "cache")
    result = reproduce.reproduce(build, "HEAD")
    assert result.identical
    assert "only the hashes in dvc.lock are compared" in result.notes[0]
    audited_folder.write(build / "prepared/models/adapter/README.md", "another")
    commit(build, "another")
    assert list(same_but(build)) == ["models/adapter"]


@pytest.mark.usefixtures("copied")
def test_files_that_name_the_machine_are_set_aside_on_another_one(build: Path) -> None:
    for path in ("prepared/reports/lineage.json", "prepared/models/adapter/lineage.json"):
        lineage = json.loads((build / path).read_text())
        audited_folder.write_json(build / path, lineage | {"hardware": {"processor": "another"}})
    commit(build, "on another machine")
    result = reproduce.reproduce(build, "HEAD")
    assert result.identical
    assert any("another machine" in note for note in result.notes)
    audited_folder.write(build / "prepared/reports/metrics.json", "{ }\n")
    commit(build, "and other scores")
    assert len(reproduce.reproduce(build, "HEAD").differences) == 3


@pytest.mark.slow
def test_exit_status_json_and_the_users_mistakes(build: Path) -> None:
    run = CliRunner()
    good = run.invoke(app, ["reproduce", "HEAD", "--folder", str(build), "--json"])
    assert (good.exit_code, json.loads(good.stdout)["identical"]) == (0, True)
    for revision, message in (("nope", "No such revision"), ("HEAD", "No build is recorded")):
        if revision == "HEAD":
            (build / "dvc.lock").unlink()
            commit(build, "no lock")
        bad = run.invoke(app, ["reproduce", revision, "--folder", str(build)])
        assert bad.exit_code == 1
        assert message in bad.output
        assert "Traceback" not in bad.output
    git(build, "revert", "--no-edit", "HEAD")
    audited_folder.write(build / "Snakefile", "rule all:\n    shell: 'false'\n")
    commit(build, "a build that fails")
    failed = run.invoke(app, ["reproduce", "HEAD", "--folder", str(build)])
    assert failed.exit_code == 1
    assert "The build of HEAD failed" in failed.output
    assert len(git(build, "worktree", "list").splitlines()) == 1


@pytest.mark.usefixtures("copied")
def test_a_document_withdrawn_since_is_named(build: Path) -> None:
    sha256 = audited_folder.sha256(b"%PDF-1.7 a")
    withdrawals.write(build / layout.WITHDRAWN, [withdrawals.Withdrawal(sha256)])
    assert reproduce.reproduce(build, "HEAD").notes == (
        "1 document(s) were withdrawn since, and are read again for this: a.pdf",
    )

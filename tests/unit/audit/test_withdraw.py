"""Promises about `scribetune forget`: what is meant is found, what it touched is told, and only its own is removed."""

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scribetune.audit import purge, withdraw
from scribetune.cli import app
from scribetune.core import layout
from scribetune.core.errors import UserError
from scribetune.documents import withdrawals
from support import audited_folder
from support.repository import commit, git

DAY = datetime.date(2026, 1, 2)
A, B = audited_folder.sha256(b"%PDF-1.7 a"), audited_folder.sha256(b"%PDF-1.7 b")
LABEL_A = audited_folder.sha256(b"# A\n")


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A repository with the hand-made build recorded in it."""
    folder = audited_folder.make(tmp_path / "build")
    audited_folder.record_in_dvc(folder)
    git(folder, "init", "-q")
    (folder / ".gitignore").write_text("/data/*\n!/data/corrections\n/models/\n/reports/\n/.dvc/\n")
    commit(folder, "first")
    return folder


def forget(folder: Path, *arguments: str, answer: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(app, ["forget", *arguments, "--folder", str(folder), "--no-rebuild"], input=answer)
    return done.exit_code, done.output


def named(folder: Path, target: str) -> list[tuple[str, str, bool]]:
    return [(row.sha256, row.document, row.file is not None) for row in withdraw.find(folder, target)]


@pytest.mark.parametrize("target", ["data/raw/a.pdf", "a.pdf", "a", A])
def test_a_document_is_found_by_file_path_id_and_hash(build: Path, target: str) -> None:
    assert named(build, target) == [(A, "a", True)]


def test_a_copy_elsewhere_means_the_same_document(build: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.pdf").write_bytes(b"%PDF-1.7 a")
    assert named(build, str(tmp_path / "copy.pdf")) == [(A, "a", True)]


def test_an_image_among_the_inputs_can_be_kept_out_and_a_page_image_is_no_document(build: Path) -> None:
    audited_folder.write(build / "data/raw/scan.png", "scan")
    ((sha256, _, is_there),) = named(build, str(build / "data/raw/scan.png"))
    assert (sha256, is_there) == (audited_folder.sha256(b"scan"), True)
    audited_folder.write(build / "data/pages/x/p0001.png", "page")
    with pytest.raises(UserError, match="No such document"):
        named(build, str(build / "data/pages/x/p0001.png"))


def test_of_a_file_changed_since_the_build_both_contents_are_meant(build: Path) -> None:
    audited_folder.write(build / "data/raw/a.pdf", "new")
    new = audited_folder.sha256(b"new")
    for target in ("a", str(build / "data/raw/a.pdf")):
        assert sorted(named(build, target)) == sorted([(A, "a", False), (new, "a", True)])
    assert named(build, A) == [(A, "a", False)]


def test_a_file_that_happens_to_have_the_name_is_not_taken_for_the_document(
    build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").write_bytes(b"notes")
    assert named(build, "a") == [(A, "a", True)]
    Path("a.pdf").write_bytes(b"another document")
    with pytest.raises(UserError, match="The name means two documents"):
        withdraw.find(build, "a.pdf")


def test_a_document_of_an_older_build_is_found_in_history(build: Path) -> None:
    for stage in ("documents", "pages", "labels"):
        (build / f"data/manifests/{stage}/000-of-001.csv").unlink()
    (build / "data/raw/a.pdf").unlink()
    assert named(build, "a") == [(A, "a", False)]


def test_a_pdf_never_seen_can_be_kept_out_in_advance(build: Path) -> None:
    assert withdraw.find(build, "c" * 64) == (withdraw.Named("c" * 64, "", ""),)


def test_an_unknown_name_is_said_with_those_that_are_close(build: Path) -> None:
    with pytest.raises(UserError, match=r"(?s)No such document: 'aa.pdf'.*did you mean 'a.pdf'"):
        withdraw.find(build, "aa.pdf")


def test_the_list_holds_the_labels_of_machine_and_people_and_is_not_written_twice(build: Path) -> None:
    label = build / "data/manifests/labels/000-of-001.csv"
    corrected = audited_folder.sha256(b"corrected")
    label.write_text(label.read_text().replace(LABEL_A, corrected))
    found = withdraw.find(build, "a")
    labels = withdraw.labels_here(build, found)
    assert labels == {LABEL_A, corrected}
    first = withdraw.record(build, found, "asked", DAY, labels)
    written = (build / layout.WITHDRAWN).read_bytes()
    again = withdraw.record(build, withdraw.find(build, "a"), "again", DAY, labels)
    assert (len(first.added), again.added) == (1, ())
    assert (build / layout.WITHDRAWN).read_bytes() == written
    (row,) = withdrawals.read(build / layout.WITHDRAWN)
    assert (row.sha256, row.document, row.reason, row.date) == (A, "a", "asked", "2026-01-02")


def test_pages_of_other_documents_with_the_same_text_are_named(build: Path) -> None:
    label = build / "data/manifests/labels/000-of-001.csv"
    label.write_text(label.read_text().replace(audited_folder.sha256(b"# B\n"), LABEL_A))
    found = withdraw.find(build, "a")
    assert withdraw.record(build, found, "", DAY, withdraw.labels_here(build, found)).elsewhere == ("b/p0001",)


def test_every_adapter_of_history_is_told_with_the_split(build: Path) -> None:
    first = git(build, "rev-parse", "HEAD")
    lineage: dict[str, Any] = json.loads((build / "reports/lineage.json").read_text())
    lineage["documents"] = lineage["documents"][1:]
    lineage["pages"] = lineage["pages"][1:]
    lineage["adapter"]["adapter_model.safetensors"] = "f" * 64
    for path in ("reports/lineage.json", "models/adapter/lineage.json"):
        audited_folder.write_json(build / path, lineage)
    audited_folder.record_in_dvc(build)
    commit(build, "without a")
    reach, labels = withdraw.touched(build, [A])
    assert [(item.commits, item.splits, item.learned_from) for item in reach.touched] == [
        ((first,), {"train": 1}, True)
    ]
    assert labels == {LABEL_A}
    tested, _ = withdraw.touched(build, [B])
    assert [(len(item.commits), item.splits, item.learned_from) for item in tested.touched] == [
        (1, {"test": 1}, False), (1, {"test": 1}, False),
    ]  # fmt: skip


def test_purging_removes_what_is_its_own_and_nothing_else(build: Path) -> None:
    audited_folder.write(build / "data/corrections/a/p0001.md", "mine")
    audited_folder.write(build / "work/review/drafts/a/p0001.0123.json", "somebody's, of its text")
    audited_folder.write(build / "work/review/drafts/b/p0001.0123.json", "of another")
    audited_folder.write(build / "data/labels/a/p0002.md", "shared")
    audited_folder.write(build / "data/labels/b/p0002.md", "shared")
    for cache in layout.CACHES:
        audited_folder.write(build / cache / "of-several-documents", "some of it theirs")
    audited_folder.record_in_dvc(build)
    before = {path for path in build.rglob("*") if path.is_file() and ".git" not in path.parts}
    status, output = forget(build, "a", "--purge", "--yes", "--json")
    assert status == 0, output
    gone = {path.relative_to(build).as_posix() for path in before if not path.exists()}
    own = [b"image a", b"# A\n", *(json.dumps(value).encode() for value in (
        {"document": {"sha256": A}}, {"pages": [{"label_sha256": LABEL_A}]}))]  # fmt: skip
    assert gone == {
        "data/raw/a.pdf", "data/pages/a/p0001.png", "data/pages/a/document.json", "data/labels/a/p0001.md",
        "data/labels/a/p0002.md", "data/labels/a/document.json", "data/corrections/a/p0001.md",
        "work/review/drafts/a/p0001.0123.json",
        *(audited_folder.cached(Path(), audited_folder.md5(data)).as_posix() for data in own),
        *(f"{cache}/of-several-documents" for cache in layout.CACHES),
    }  # fmt: skip


def test_a_later_document_of_the_same_name_keeps_what_is_its(build: Path) -> None:
    """The content withdrawn is of an older build; what lies here was made from another PDF of that name."""
    old = audited_folder.sha256(b"older")
    lineage = json.loads((build / "reports/lineage.json").read_text())
    lineage["documents"][0]["sha256"] = old
    audited_folder.write_json(build / "reports/lineage.json", lineage)
    found = withdraw.find(build, old)
    assert purge.plan_purge(build, found, [LABEL_A]).paths == ()
    objects = purge.plan_purge(build, found, []).objects
    assert audited_folder.cached(build, audited_folder.md5(b"image a")) not in objects


def test_nothing_is_removed_or_written_without_a_yes(build: Path) -> None:
    status, output = forget(build, "a", "--purge", answer="no\n")
    assert status == 1
    assert "data/raw/a.pdf" in output
    assert (build / "data/raw/a.pdf").exists()
    assert not (build / layout.WITHDRAWN).exists()


def test_what_remains_is_told_with_the_command_for_it(build: Path) -> None:
    audited_folder.write(build / "data/corrections/a/p0001.md", "mine")
    commit(build, "correction")
    (build / ".dvc" / "config").write_text("['remote \"store\"']\n    url = s3://bucket\n")
    status, output = forget(build, "a", "--reason", "asked for it")
    assert status == 0
    for part in (
        "trained with it", "git history has", "dvc gc --workspace --cloud --remote store", "--purge removes it",
        "s3://bucket", "Next: build without it", "scribetune commit",
    ):  # fmt: skip
        assert part in output, output
    status, output = forget(build, "a")
    assert "it was already" in output
    assert len(withdrawals.read(build / layout.WITHDRAWN)) == 1


def test_the_json_of_forget_names_documents_adapters_and_what_remains(build: Path) -> None:
    status, output = forget(build, "a", "--json")
    said = json.loads(output)
    assert status == 0
    assert said["documents"][0]["sha256"] == A
    assert said["touched"][0]["splits"] == {"train": 1}
    assert (said["rebuilt"], said["purged"], said["already_withdrawn"]) == (False, [], False)


def test_without_git_and_dvc_it_works_and_says_what_was_searched(tmp_path: Path) -> None:
    folder = audited_folder.make(tmp_path / "plain")
    status, output = forget(folder, "a")
    assert status == 0, output
    assert "working tree" in output
    assert forget(tmp_path / "nowhere", "a")[0] == 1

"""Promises about history: every lineage that any ref reaches is found once, and what cannot be read is said."""

import json
from pathlib import Path

import pytest

from scribetune.audit import dvc, history
from scribetune.audit.history import Entry, Unreadable
from scribetune.core.errors import UserError
from support.audit_project import Project, digest, lineage

FIRST = lineage({"a": ("train", 1), "b": ("test", 1)}, "first")
SECOND = lineage({"a": ("train", 1), "c": ("test", 1)}, "second")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    for variable in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / "nobody"))
    return Project(tmp_path / "project")


def entries(folder: Path) -> tuple[Entry, ...]:
    return tuple(found for found in history.walk(folder) if isinstance(found, Entry))


def unreadable(folder: Path) -> tuple[Unreadable, ...]:
    return tuple(found for found in history.walk(folder) if isinstance(found, Unreadable))


def test_every_recorded_lineage_is_found_newest_first(project: Project) -> None:
    project.commit("Start")
    project.record(FIRST, "First", "v1", "first")
    project.record(SECOND, "Second", weights="second")
    assert [entry.lineage.weights_sha256 for entry in entries(project.folder)] == [digest("second"), digest("first")]
    newest, oldest = entries(project.folder)
    assert (newest.in_working_tree, oldest.in_working_tree) == (True, False)
    assert [commit.subject for commit in oldest.commits] == ["First"]
    assert oldest.tags == ("v1",)
    assert oldest.date == "2026-01-01T01:00:00+00:00"
    assert unreadable(project.folder) == ()
    assert history.limits(project.folder) == ()


def test_a_lineage_that_came_back_is_one_entry_with_both_commits(project: Project) -> None:
    project.record(FIRST, "First", weights="first")
    project.record(SECOND, "Second", weights="second")
    project.record(FIRST, "First again", weights="first")
    found = entries(project.folder)
    assert [[commit.subject for commit in entry.commits] for entry in found] == [["First again", "First"], ["Second"]]


def test_a_branch_whose_result_was_discarded_in_a_merge_still_counts(project: Project) -> None:
    project.record(FIRST, "First", weights="first")
    project.git("checkout", "-q", "-b", "side")
    project.record(SECOND, "Side", weights="second")
    project.git("checkout", "-q", "main")
    project.lay_out(FIRST, "first")
    project.commit("Other work")
    project.git("merge", "-q", "-s", "ours", "-m", "Merge", "side")
    project.git("branch", "-D", "side")
    weights = {entry.lineage.weights_sha256 for entry in entries(project.folder)}
    assert weights == {digest("first"), digest("second")}


def test_what_is_not_in_the_cache_is_told_with_a_command_and_costs_nothing_else(project: Project) -> None:
    lost = project.record(FIRST, "First", weights="first")
    project.record(SECOND, "Second", weights="second")
    project.cached(lost).unlink()
    assert [entry.lineage.weights_sha256 for entry in entries(project.folder)] == [digest("second")]
    (missing,) = unreadable(project.folder)
    assert missing.md5 == lost
    assert [commit.subject for commit in missing.commits] == ["First"]
    assert "not in DVC's cache" in missing.reason
    assert f"git checkout {missing.commits[0].short} -- dvc.lock; dvc fetch reports/lineage.json" in missing.todo


def test_the_working_tree_needs_no_cache(project: Project) -> None:
    project.cached(project.record(FIRST, "First", weights="first")).unlink()
    assert [entry.in_working_tree for entry in entries(project.folder)] == [True]
    assert [commit.subject for commit in entries(project.folder)[0].commits] == ["First"]
    assert unreadable(project.folder) == ()


def test_a_damaged_cache_and_a_damaged_lock_are_told(project: Project) -> None:
    project.cached(project.record(FIRST, "First", weights="first")).write_text("{}", encoding="utf-8")
    (project.folder / "dvc.lock").write_text("<<<<<<< HEAD\nstages: [\n", encoding="utf-8")
    project.commit("Conflict")
    project.record(SECOND, "Second", weights="second")
    assert len(entries(project.folder)) == 1
    reasons = [missing.reason for missing in unreadable(project.folder)]
    assert "is damaged: its MD5 is not its name" in reasons[0]
    assert "its dvc.lock is damaged" in reasons[1]


def test_a_cache_elsewhere_is_honoured_local_settings_first(project: Project, tmp_path: Path) -> None:
    (project.folder / ".dvc" / "config").write_text("[core]\n    remote = s\n[cache]\n    dir = ../wrong\n", "utf-8")
    assert dvc.cache_folder(project.folder).resolve() == (project.folder / "wrong").resolve()
    (project.folder / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {tmp_path / 'shared'}\n", "utf-8")
    project.cache = tmp_path / "shared"
    project.record(FIRST, "First", "v1", "first")
    assert history.at(project.folder, "v1").lineage.weights_sha256 == digest("first")


def test_at_reads_tags_branches_and_hashes(project: Project) -> None:
    project.record(FIRST, "First", "v1", "first")
    project.git("branch", "old")
    project.record(SECOND, "Second", weights="second")
    for revision in ("v1", "old", "HEAD~1", project.git("rev-parse", "old")[:10]):
        entry = history.at(project.folder, revision)
        assert entry.lineage.weights_sha256 == digest("first")
        assert not entry.in_working_tree
    assert history.at(project.folder, "HEAD").in_working_tree


@pytest.mark.parametrize(
    ("revision", "said"),
    [("nowhere", "No such revision"), ("--all", "No such revision"), ("empty", "it has no dvc.lock")],
)
def test_at_says_what_is_wrong_with_a_revision(project: Project, revision: str, said: str) -> None:
    project.commit("Nothing yet", "empty")
    project.record(FIRST, "First", weights="first")
    with pytest.raises(UserError, match=said):
        history.at(project.folder, revision)


def test_at_names_the_command_where_the_cache_lacks_it(project: Project) -> None:
    lost = project.record(FIRST, "First", "v1", "first")
    project.cached(lost).unlink()
    with pytest.raises(UserError, match=r"dvc fetch reports/lineage\.json"):
        history.at(project.folder, "v1")


def test_an_adapter_without_a_report_is_read_from_its_own_folder(project: Project) -> None:
    project.record(FIRST, "First", weights="first")
    report = project.put(json.dumps(FIRST).encode())
    own = {key: value for key, value in SECOND.items() if key not in ("merged", "generation", "metrics", "outputs")}
    old = project.put_folder({"lineage.json": "0" * 32})
    new = project.put_folder({"lineage.json": project.put(json.dumps(own).encode()), "adapter_config.json": "1" * 32})
    project.lock({"reports/lineage.json": report, "models/adapter": new}, deps={"models/adapter": old})
    project.commit("Trained anew, not reported yet")
    found = {entry.path: entry.lineage.weights_sha256 for entry in entries(project.folder)}
    assert found == {history.BUILD: digest("first"), history.ADAPTER: digest("second")}


def test_an_uncommitted_training_is_part_of_the_working_tree(project: Project) -> None:
    project.record(FIRST, "First", weights="first")
    own = {key: value for key, value in SECOND.items() if key not in ("merged", "generation", "metrics", "outputs")}
    (project.folder / "models/adapter/lineage.json").write_text(json.dumps(own), encoding="utf-8")
    found = entries(project.folder)
    assert [(entry.path, len(entry.commits)) for entry in found] == [(history.BUILD, 1), (history.ADAPTER, 0)]
    assert all(entry.in_working_tree for entry in found)


def test_a_folder_below_the_repositorys_top_has_its_own_history(project: Project) -> None:
    inner = Project.__new__(Project)
    inner.__dict__ |= project.__dict__ | {"folder": project.folder / "builds" / "one"}
    inner.folder.mkdir(parents=True)
    (project.folder / ".gitignore").write_text("cache\nreports\nmodels\n", encoding="utf-8")
    inner.record(FIRST, "First", "v1", "first")
    assert entries(project.folder) == ()
    assert len(entries(inner.folder)) == 1
    assert history.at(inner.folder, "v1").lineage.weights_sha256 == digest("first")


def test_without_git_the_working_tree_is_searched_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "lineage.json").write_text(json.dumps(FIRST), encoding="utf-8")
    assert [entry.in_working_tree for entry in entries(tmp_path)] == [True]
    assert "Only the working tree was searched" in history.limits(tmp_path)[0]
    with pytest.raises(UserError, match="only be read in a git repository"):
        history.at(tmp_path, "HEAD")


def test_a_repository_without_commits_and_one_without_a_build_have_no_history(project: Project) -> None:
    assert entries(project.folder) == ()
    project.commit("Start")
    assert entries(project.folder) == ()
    with pytest.raises(UserError, match="no lineage in the working tree"):
        history.working_tree(project.folder)


def test_a_shallow_clone_is_said_to_be_one(project: Project, tmp_path: Path) -> None:
    project.record(FIRST, "First", weights="first")
    project.record(SECOND, "Second", weights="second")
    project.git("clone", "-q", "--depth", "1", project.folder.as_uri(), str(tmp_path / "clone"))
    assert "git fetch --unshallow" in history.limits(tmp_path / "clone")[0]

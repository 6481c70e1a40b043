"""Promises about the commands together: one --folder everywhere, configured as that build was, mistakes in words."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from scribetune import cli
from scribetune.build import dvc_commit
from scribetune.core import files, package
from scribetune.record import remembered
from scribetune.record.remembered import Remembered
from scribetune.review import server
from support import audited_folder, reviewed_build

OF_NO_BUILD = {"score", "config"}  # they are about files, wherever they lie


def commands() -> dict[str, Any]:
    application: Any = typer.main.get_command(cli.app)
    return dict(application.commands)


def invoked(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(cli.app, list(arguments))
    assert done.exit_code == status, done.output
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


@pytest.mark.parametrize("name", sorted(commands().keys() - OF_NO_BUILD))
def test_every_command_about_a_build_takes_its_folder_by_the_same_names(name: str) -> None:
    options = [option for parameter in commands()[name].params for option in parameter.opts]
    assert "--folder" in options and "--directory" in options


def test_the_first_help_says_what_the_tool_is_for_and_groups_the_commands() -> None:
    said = invoked("--help")
    assert "From a folder of PDFs and page images to a document-OCR model" in said
    assert "─ Build ─" in said and "─ Labels ─" in said and "─ What made what ─" in said
    assert "--install-completion" in said
    assert said.index("build ") < said.index("review ") < said.index("whence ")


def test_the_version_says_which_libraries_too() -> None:
    from scribetune import __version__

    assert invoked("--version").startswith(f"scribetune {__version__}, libraries of envs/")


# ---- builds in a folder of their own


def test_verify_knows_the_folder_of_pdfs_that_a_build_was_called_with(tmp_path: Path) -> None:
    build = audited_folder.make(tmp_path / "build")
    shutil.move(build / "data/raw", tmp_path / "pdfs")
    assert "2 missing" in invoked("verify", "--folder", str(build), status=1)  # nothing says where they are
    remembered.write(Remembered(config={"documents": {"raw": str(tmp_path / "pdfs")}}), build)
    assert "recorded hashes hold" in invoked("verify", "--folder", str(build))


def test_verify_of_an_older_build_looks_where_its_pages_were_drawn_from(tmp_path: Path) -> None:
    build = audited_folder.make(tmp_path / "build")
    shutil.move(build / "data/raw", tmp_path / "pdfs")
    drawn = {"settings": {"raw": "../pdfs"}}
    files.write_json(build / ".snakemake/receipts/render_pages/000-of-001.json", drawn)
    assert "recorded hashes hold" in invoked("verify", "--folder", str(build))


@pytest.fixture
def reviewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A build in a folder of its own, whose corrections lie elsewhere; the current folder is another."""
    build = reviewed_build.make(tmp_path / "build")
    remembered.write(Remembered(("mine.yaml",), {"labels": {"corrections": "people"}}), build)
    files.write_text(build / "mine.yaml", "train: {epochs: 2}\n")
    monkeypatch.delenv("SCRIBETUNE_CALLED_FROM", raising=False)
    monkeypatch.chdir(tmp_path)
    return build


AGAIN = "scribetune build --directory build --configfile build/mine.yaml --set labels.corrections=people"


def test_review_works_in_the_builds_folder_with_its_configuration(
    reviewed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[Any] = []

    def served(session: Any, listener: Any, _token: str, language: str) -> None:
        sessions.append(session)
        listener.close()

    monkeypatch.setattr(server, "serve", served)
    said = invoked("review", "--folder", "build", "--port", "0")
    assert sessions[0].folder == reviewed
    assert sessions[0].corrections == reviewed / "people"
    assert f"What takes the decisions up: {AGAIN}\n" in said


def test_review_and_teach_without_a_build_say_which_folder_they_looked_in(reviewed: Path) -> None:
    for command in (("review",), ("teach", str(package.REPOSITORY / "models/tiny"))):
        said = invoked(*command, status=1)
        assert "data/manifests/selection/all.csv" in said
        assert "scribetune build labels" in said and "--folder" in said


def test_a_teacher_that_is_not_there_is_refused_before_anything_is_done(reviewed: Path) -> None:
    manifest = reviewed / "data/manifests/selection/all.csv"
    header = manifest.read_text(encoding="utf-8").splitlines()[0]
    manifest.write_text(f"{header}\n", encoding="utf-8")  # no page waits
    said = invoked("teach", "nosuch", "--folder", "build", status=1)
    assert "The teacher's folder does not exist" in said and "'nosuch'" in said
    assert not (reviewed / "people").exists()


def test_commit_in_a_folder_of_its_own_says_what_it_cannot_do(reviewed: Path) -> None:
    said = invoked("commit", "--folder", "build", status=1)
    assert "Not a DVC project, so nothing is recorded" in said and "scribetune verify --folder" in said


def test_reproduce_in_a_folder_of_its_own_says_what_it_cannot_do(reviewed: Path) -> None:
    said = invoked("reproduce", "HEAD", "--folder", "build", status=1)
    assert "Only what git holds can be built again" in said
    assert f"to build this folder again: {AGAIN}" in said


def test_summary_takes_its_folder_either_way(tmp_path: Path) -> None:
    header = "document,path,sha256,bytes,status,pages,accepted,refused,reasons,message,category,language,licence\n"
    files.write_text(tmp_path / "reports/documents.csv", header)
    assert invoked("summary", "--folder", str(tmp_path)) == invoked("summary", str(tmp_path))


def test_why_asks_with_the_flags_of_the_build_and_prints_its_command(
    reviewed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scribetune.build import reasons

    asked: dict[str, Any] = {}

    def explain(folder: Path, targets: Any, *, config_files: Any, config: Any) -> reasons.Explanation:
        asked.update(folder=folder, config_files=config_files, config=config)
        return reasons.Explanation(tuple(targets), (reasons.JobReasons("train_adapter", (), ()),))

    monkeypatch.setattr(reasons, "explain", explain)
    said = invoked("why", "adapter", "--folder", "build", "--set", "train.epochs=5")
    assert asked["config_files"] == [Path("build/mine.yaml")]
    assert asked["config"] == {"labels": {"corrections": "people"}, "train": {"epochs": "5"}}
    assert f"To run them: {AGAIN.replace('build -', 'build adapter -', 1)} --set train.epochs=5\n" in said


# ---- commit of a build that was called with flags


def test_a_build_that_dvc_would_describe_wrongly_is_not_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    (project / ".dvc").mkdir(parents=True)
    for name in ("dvc.yaml", "Snakefile", "params.yaml"):
        shutil.copyfile(package.REPOSITORY / name, project / name)
    (project / "config").mkdir()
    (project / "config/config.yaml").symlink_to(Path("..", "params.yaml"))
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    remembered.write(Remembered(config={"documents": {"raw": "/pdfs"}, "train": {"epochs": "3"}}), project)
    monkeypatch.setattr(dvc_commit, "_require_up_to_date", lambda *_: pytest.fail("asked before it was refused"))
    said = invoked("commit", "--folder", str(project), status=1)
    assert "called with other values than config/config.yaml has" in said
    assert "'documents.raw'" in said, "train.epochs is what the file says"


# ---- score


def test_score_reads_the_files_of_a_build(tmp_path: Path) -> None:
    turns = [{"from": "human", "value": "<image>\nFree OCR."}, {"from": "gpt", "value": "# Memo\n\nMeet at nine."}]
    split = [{"id": "memo/p0001", "conversations": turns, "images": ["data/pages/memo/p0001.png"]}]
    read = [
        {"id": "memo/p0001", "document": "memo", "page": 1, "text": "# Memo\n\nMeet at nine.", "stop_reason": "eos"}
    ]
    for name, rows in (("test", split), ("tuned", read)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    said = json.loads(invoked("score", str(tmp_path / "test.jsonl"), str(tmp_path / "tuned.jsonl"), "--json"))
    assert said["aggregate"]["cer_mean"] == 0.0
    assert [sample["id"] for sample in said["samples"]] == ["memo/p0001"]


def test_score_refuses_a_split_without_an_answer(tmp_path: Path) -> None:
    row = {"id": "memo/p0001", "conversations": [{"from": "human", "value": "Free OCR."}]}
    (tmp_path / "test.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    said = invoked("score", str(tmp_path / "test.jsonl"), str(tmp_path / "test.jsonl"), status=1)
    assert "There is a record whose text is no text" in said


def test_a_misspelt_command_is_told_without_a_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from scribetune.cli import app; app()", "biuld"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "No such command 'biuld'" in done.stderr and "Traceback" not in done.stderr

"""Promises about `scribetune commit`: only an up-to-date build is recorded, and no interruption leaves a mess.

git is the real one; Snakemake and DVC are played.
"""

import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path

import pytest

from scribetune.build import dvc_commit, plan
from scribetune.core import files, package
from scribetune.core.errors import UserError
from scribetune.record import receipts
from support import hostile_pdfs
from support.repository import git

CURRENT = "Nothing to be done"
RECORDS = {"dvc.lock", ".snakemake/metadata/abc"}


def staged(folder: Path) -> set[str]:
    return set(git(folder, "diff", "--cached", "--name-only").split())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository after a build: its records are there, and git does not have them yet."""
    for variable in ("DVC_STAGE", "GIT_DIR", "GIT_INDEX_FILE"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / ".dvc").mkdir()
    shutil.copyfile(package.REPOSITORY / "dvc.yaml", tmp_path / "dvc.yaml")
    (tmp_path / "Snakefile").touch()
    (tmp_path / "data" / "raw").mkdir(parents=True)
    (tmp_path / "data" / "raw.dvc").touch()
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "start")
    (tmp_path / "dvc.lock").write_text("stages: {}\n", encoding="utf-8")
    (tmp_path / ".snakemake" / "metadata").mkdir(parents=True)
    (tmp_path / ".snakemake" / "metadata" / "abc").write_text("{}", encoding="utf-8")
    return tmp_path


def cut_link(project: Path) -> Path:
    """Put config/config.yaml under params.yaml, commit, and edit it as `sed -i` does; returns it."""
    link = project / "config" / "config.yaml"
    link.parent.mkdir()
    (project / "params.yaml").write_text("train:\n  epochs: 3\n", encoding="utf-8")
    link.symlink_to(Path("..", "params.yaml"))
    git(project, "add", "params.yaml", "config")
    git(project, "commit", "-qm", "configuration")
    link.unlink()
    link.write_text("train:\n  epochs: 5\n", encoding="utf-8")
    return link


def play(monkeypatch: pytest.MonkeyPatch, answers: dict[str, tuple[int, str]] | None = None) -> list[str]:
    """Answer for Snakemake and DVC; returns the calls that were made."""
    known = {"snakemake -n": (0, CURRENT), "snakemake summary": (0, ""), "dvc status": (1, ""), "dvc commit": (0, "")}
    known |= answers or {}
    calls: list[str] = []
    real = dvc_commit._run

    def answer(
        folder: Path, program: str, *arguments: str, lock: int | None = None, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        if program == "git":
            return real(folder, program, *arguments, lock=lock, environment=environment)
        call = f"dvc {arguments[0]}"
        if program == "snakemake":
            call = "snakemake -n" if "--dry-run" in arguments else "snakemake summary"
            calls.append(f"target {arguments[0]}")
        calls.append(call)
        code, text = known[call]
        return subprocess.CompletedProcess([program], code, text, "")

    monkeypatch.setattr(dvc_commit, "_run", answer)
    return calls


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"snakemake -n": (0, "rule train_adapter:\n    input: x")}, "would still run something: 'train_adapter'"),
        ({"snakemake -n": (1, "MissingInputException: x.pdf")}, "snakemake -n failed\nMissingInputException: x.pdf"),
        ({"snakemake -n": (0, f"{CURRENT}. Some jobs have missing provenance")}, "without a record of what made them"),
        (
            {"snakemake summary": (0, "output_file\tdate\trule\tlog\tstatus\tplan\nout.csv\t-\tmake\t\tok\tno")},
            "out.csv",
        ),
        ({"dvc commit": (255, "ERROR: 'data' is gone")}, "dvc commit failed: ERROR: 'data' is gone"),
    ],
)
def test_what_is_not_proven_up_to_date_is_not_recorded(
    project: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, tuple[int, str]], message: str
) -> None:
    calls = play(monkeypatch, answers)
    with pytest.raises(UserError) as refused:
        dvc_commit.commit(project, if_ready=False)
    assert message in str(refused.value)
    assert "What to do:" in str(refused.value)
    assert staged(project) == set()
    assert message in dvc_commit.commit(project, if_ready=True)[0]  # a build that is there does not fail for it
    assert ("dvc commit" in calls) == ("dvc commit" in answers)


def test_replayed_pages_which_dvc_does_not_keep_may_be_missing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "data/replay/pages.jsonl"
    summary = f"output_file\tdate\trule\tlog\tstatus\tplan\n{path}\t-\tmake_replay\t\tmissing\tno pending"
    play(monkeypatch, {"snakemake summary": (0, summary)})
    receipt = receipts.Receipt("make_replay", {}, {}, {path: files.sha256_bytes(b"a")}, {}, "", "", "0 repairs")
    files.write_json(project / receipts.FOLDER / "make_replay.json", asdict(receipt))
    assert dvc_commit.commit(project, if_ready=False)


def test_what_dvc_cannot_keep_is_named_before_dvc_meets_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = play(monkeypatch)
    expected = hostile_pdfs.not_files(project / "data/raw/more")
    with pytest.raises(
        UserError, match=r"DVC cannot keep 8 of the names(?s:.*)data/raw/more/caf\\+xe9.pdf(?s:.*)rename"
    ):
        dvc_commit.commit(project, if_ready=False)
    assert len(expected - {"folder.pdf"}) == 8
    assert not [call for call in calls if call.startswith("dvc")]
    assert "DVC cannot keep" in dvc_commit.commit(project, if_ready=True)[0]


def test_results_that_are_not_what_their_jobs_made_are_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = play(monkeypatch)
    (project / "made.csv").write_text("as made", encoding="utf-8")
    receipt = receipts.Receipt("make", {}, {}, {"made.csv": files.sha256_bytes(b"as made")}, {}, "", "", "0 repairs")
    files.write_json(project / receipts.FOLDER / "make.json", asdict(receipt))
    assert dvc_commit.commit(project, if_ready=False)
    (project / "made.csv").write_text("edited", encoding="utf-8")
    calls.clear()
    with pytest.raises(UserError, match=r"not what their jobs made: 'made\.csv'"):
        dvc_commit.commit(project, if_ready=False)
    assert calls == []


def test_the_records_are_staged_and_nothing_of_the_users(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    (project / "theirs.txt").write_text("staged", encoding="utf-8")
    git(project, "add", "theirs.txt")
    (project / "theirs.txt").write_text("edited since", encoding="utf-8")
    (project / "dvc.yaml").write_text("# edited\n", encoding="utf-8")
    (project / "new.txt").touch()
    lines = dvc_commit.commit(project, if_ready=False)
    assert lines == [
        "staged for git: dvc.lock, .snakemake/metadata (2 files; git restore --staged dvc.lock .snakemake/metadata "
        "takes them out again)",
        "dvc.lock is up to date with this build",
    ]
    assert staged(project) == RECORDS | {"theirs.txt"}
    assert git(project, "show", ":theirs.txt") == "staged"
    play(monkeypatch, {"dvc status": (0, "")})
    assert dvc_commit.commit(project, if_ready=False) == []


def test_who_did_not_ask_for_it_is_told_what_to_stage_and_nothing_is_staged(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = play(monkeypatch)
    (project / "theirs.txt").touch()
    git(project, "add", "theirs.txt")
    lines = dvc_commit.commit(project, if_ready=True, stage_records=False)
    assert "dvc commit" in calls
    assert lines == [
        "dvc.lock is up to date with this build",
        "not staged for git: dvc.lock, .snakemake/metadata (2 files): scribetune commit stages them",
    ]
    assert staged(project) == {"theirs.txt"}
    dvc_commit.commit(project, if_ready=False)
    assert staged(project) == RECORDS | {"theirs.txt"}


def test_a_record_that_is_gone_is_staged_as_gone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    dvc_commit.commit(project, if_ready=False)
    git(project, "commit", "-qm", "built")
    (project / ".snakemake" / "metadata" / "abc").unlink()
    dvc_commit.commit(project, if_ready=False)
    assert git(project, "diff", "--cached", "--name-status").split() == ["D", ".snakemake/metadata/abc"]


@pytest.mark.parametrize(
    ("stage", "target"),
    [
        ("train", "merged"),
        ("dvc.yaml:data", "splits"),
        ("report", "all"),
        ("of-the-users", "all"),
        ("benchmark@1", "benchmarks"),
    ],
)
def test_within_a_stage_its_target_is_checked_and_dvc_lock_is_left_to_dvc(
    project: Path, monkeypatch: pytest.MonkeyPatch, stage: str, target: str
) -> None:
    monkeypatch.setenv("DVC_STAGE", stage)
    calls = play(monkeypatch)
    dvc_commit.commit(project, if_ready=False)
    assert calls == [f"target {target}", "snakemake -n", f"target {target}", "snakemake summary"]
    assert staged(project) == RECORDS - {"dvc.lock"}
    play(monkeypatch, {"snakemake -n": (0, "rule merge_adapter:")})
    with pytest.raises(UserError, match="would still run something"):
        dvc_commit.commit(project, if_ready=False)


def test_data_raw_is_kept_by_dvc_so_that_clones_get_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "data" / "raw.dvc").unlink()
    (project / "data" / "raw").rmdir()
    calls = play(monkeypatch, {"dvc add": (0, "")})
    dvc_commit.commit(project, if_ready=False)
    assert "dvc add" in calls
    assert (project / "data" / "raw").is_dir()

    # PDFs elsewhere are not DVC's to keep.
    (project / "config").mkdir()
    (project / "config" / "config.yaml").write_text("documents: {raw: /pdfs}\n", encoding="utf-8")
    calls = play(monkeypatch)
    dvc_commit.commit(project, if_ready=False)
    assert "dvc add" not in calls


def test_without_git_or_dvc_it_says_so(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(project / "nowhere"))
        with pytest.raises(UserError, match="git is not installed"):
            dvc_commit.commit(project, if_ready=False)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(project.parent))
    (project / ".git").rename(project / "not-git")
    with pytest.raises(UserError, match="this is no git repository"):
        dvc_commit.commit(project, if_ready=False)
    (project / "dvc.yaml").unlink()
    with pytest.raises(UserError, match="Not a DVC project"):
        dvc_commit.commit(project, if_ready=False)


def test_a_running_build_is_not_recorded(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = play(monkeypatch)
    (project / ".snakemake" / "locks").mkdir()
    (project / ".snakemake" / "locks" / "0.output.lock").touch()
    with pytest.raises(UserError, match="a build is running in this folder, or was killed"):
        dvc_commit.commit(project, if_ready=False)
    assert calls == []


def test_a_lock_file_cut_short_is_set_aside_and_written_anew(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    (project / "dvc.lock").write_text("schema: '2.0'\nstages:\n  data:\n    cmd: [", encoding="utf-8")
    assert "dvc.lock was damaged" in "\n".join(dvc_commit.commit(project, if_ready=False))
    assert not (project / "dvc.lock").exists()  # dvc commit, played here, writes it
    assert (project / ".dvc" / "tmp" / "dvc.lock.damaged").exists()


def test_another_gits_lock_is_waited_for_and_respected(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    monkeypatch.setattr(dvc_commit, "_PATIENCE_S", 0.1)
    lock = project / ".git" / "index.lock"
    lock.touch()
    with pytest.raises(UserError, match="Another git is at work"):
        dvc_commit.commit(project, if_ready=False)
    assert lock.exists()
    lock.unlink()
    dvc_commit.commit(project, if_ready=False)
    assert staged(project) == RECORDS


_KILLED = """
    import os, shutil, signal, subprocess, sys
    from pathlib import Path
    from scribetune.build import dvc_commit

    # Die before (or after) the step with this number.
    left = [int(sys.argv[1])]

    def deadly(function):
        def wrapped(*arguments, **named):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*arguments, **named)
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return wrapped

    real = dvc_commit._run

    def run(folder, program, *arguments, lock=None, environment=None):
        if program == "git":
            return real(folder, program, *arguments, lock=lock, environment=environment)
        lines = "Nothing to be done" if "--dry-run" in arguments else ""
        return subprocess.CompletedProcess([program], 1 if arguments[0] == "status" else 0, lines, "")

    dvc_commit._run = deadly(run)
    os.link = deadly(os.link)
    shutil.copyfile = deadly(shutil.copyfile)
    for name in ("replace", "unlink", "write_text"):
        setattr(Path, name, deadly(getattr(Path, name)))
    dvc_commit.commit(Path(), if_ready=False)
"""


@pytest.mark.slow
def test_killed_at_any_step_the_next_commit_ends_clean(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    environment = os.environ | {"PYTHONPATH": str(package.PACKAGE_FOLDER.parent)}
    (project / "theirs.txt").touch()
    killed = 0
    for step in range(1, 60):
        git(project, "reset", "-q")
        git(project, "add", "theirs.txt")
        command = [sys.executable, "-c", textwrap.dedent(_KILLED), str(step)]
        died = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        if died.returncode == 0:
            break
        assert died.returncode == -9, died.stderr
        killed += 1
        assert staged(project) in ({"theirs.txt"}, {"theirs.txt"} | RECORDS)
        dvc_commit.commit(project, if_ready=False)
        assert staged(project) == {"theirs.txt"} | RECORDS
        left_over = [path.name for path in (project / ".git").iterdir() if path.name.startswith("index")]
        assert left_over == ["index"]
    assert killed > 20
    assert step < 59


def test_two_at_once_take_turns(project: Path) -> None:
    script = """
        import subprocess, sys, time
        from pathlib import Path
        from scribetune.build import dvc_commit

        real, log = dvc_commit._run, Path("turns.txt")

        def run(folder, program, *arguments, lock=None, environment=None):
            if program == "git":
                return real(folder, program, *arguments, lock=lock, environment=environment)
            if arguments[0] == "commit":
                for sign in "[]":
                    with log.open("a") as stream:
                        stream.write(sign)
                    time.sleep(0.2)
            lines = "Nothing to be done" if "--dry-run" in arguments else ""
            return subprocess.CompletedProcess([program], 1 if arguments[0] == "status" else 0, lines, "")

        dvc_commit._run = run
        dvc_commit.commit(Path(), if_ready=False)
    """
    environment = os.environ | {"PYTHONPATH": str(package.PACKAGE_FOLDER.parent)}
    command = [sys.executable, "-c", textwrap.dedent(script)]
    both = [subprocess.Popen(command, cwd=project, env=environment) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert (project / "turns.txt").read_text(encoding="utf-8") == "[][]"
    assert staged(project) == RECORDS


def test_pdfs_that_dvc_keeps_and_that_are_not_here_are_not_replaced_by_the_sample_corpus(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    record = project / "data" / "raw.dvc"
    record.write_text("outs:\n- md5: 12.dir\n  size: 0\n  nfiles: 0\n  hash: md5\n  path: raw\n", encoding="utf-8")
    assert plan.make_plan({}).documents.sample_specs
    record.write_text("outs:\n- md5: 12.dir\n  size: 9\n  nfiles: 3\n  hash: md5\n  path: raw\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="DVC keeps 3 PDFs in data/raw, and the folder holds none"):
        plan.make_plan({})


def test_a_link_that_an_editor_cut_is_made_again_with_what_was_written(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch)
    link = cut_link(project)
    lines = dvc_commit.commit(project, if_ready=False)
    assert "config/config.yaml is a link to params.yaml again, with what it said" in lines
    assert link.is_symlink()
    assert (project / "params.yaml").read_text(encoding="utf-8") == "train:\n  epochs: 5\n"
    assert staged(project) == RECORDS


def test_a_build_of_ones_own_pdfs_is_recorded_though_it_made_no_samples(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch)
    dvc_commit.commit(project, if_ready=False)
    assert list((project / "data" / "samples").iterdir()) == []


def test_two_configurations_are_not_made_one_by_guessing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)
    link = cut_link(project)
    (project / "params.yaml").write_text("train:\n  epochs: 7\n", encoding="utf-8")
    with pytest.raises(UserError, match="both were edited"):
        dvc_commit.commit(project, if_ready=False)
    assert not link.is_symlink()

"""Promises about the ledger: only an up-to-date build is recorded, and a missing one never fails a build."""

import subprocess
from pathlib import Path

import pytest

from scribetune import ledger
from scribetune.errors import UserError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.delenv("DVC_STAGE", raising=False)
    return tmp_path


def play(monkeypatch: pytest.MonkeyPatch, answers: dict[str, tuple[int, str]]) -> list[str]:
    """Answer for the programs; returns the calls that were made."""
    calls: list[str] = []

    def answer(_folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        call = f"{program} {arguments[0]}" if program == "dvc" else program
        calls.append(call)
        code, text = answers[call]
        return subprocess.CompletedProcess([program], code, text, text)

    monkeypatch.setattr(ledger, "_run", answer)
    return calls


def test_nothing_is_recorded_while_snakemake_would_run_something(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = play(monkeypatch, {"dvc status": (1, ""), "snakemake": (0, "rule train_adapter:")})
    with pytest.raises(UserError, match="would still run something"):
        ledger.commit(project, if_ready=False)
    assert "left as it is" in ledger.commit(project, if_ready=True)[0]
    assert "dvc commit" not in calls


def test_results_without_provenance_are_not_recorded(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "Nothing to be done. Some jobs have missing provenance/metadata"
    calls = play(monkeypatch, {"dvc status": (1, ""), "snakemake": (0, said)})
    with pytest.raises(UserError, match="would still run something"):
        ledger.commit(project, if_ready=False)
    assert "dvc commit" not in calls


def test_an_up_to_date_build_is_recorded_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, {"dvc status": (1, ""), "snakemake": (0, "Nothing to be done"), "dvc commit": (0, "")})
    assert ledger.commit(project, if_ready=False) == ["dvc.lock is up to date with this build"]
    play(monkeypatch, {"dvc status": (0, "")})
    assert ledger.commit(project, if_ready=False) == []


def test_a_failing_dvc_never_fails_a_build(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "dvc status": (255, ""),
        "snakemake": (0, "Nothing to be done"),
        "dvc commit": (255, "not a git repository"),
    }
    play(monkeypatch, answers)
    assert "not a git repository" in ledger.commit(project, if_ready=True)[0]
    with pytest.raises(UserError, match="not a git repository"):
        ledger.commit(project, if_ready=False)


def test_elsewhere_it_says_what_is_missing_and_inside_dvc_it_keeps_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DVC_STAGE", raising=False)
    with pytest.raises(UserError, match="Not a DVC project"):
        ledger.commit(tmp_path, if_ready=False)
    monkeypatch.setenv("DVC_STAGE", "train")
    assert ledger.commit(tmp_path, if_ready=False) == []

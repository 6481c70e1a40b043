"""Checkpoints are whole or not there; only the very training that wrote one goes on from it."""

from pathlib import Path

import pytest

from scribetune.training import checkpoints


def write(folder: Path, step: int, mark: str = "m", text: str = "weights") -> None:
    with checkpoints.writing(folder, step, mark) as staged:
        (staged / "weights").write_text(text, encoding="utf-8")


def test_a_checkpoint_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    with checkpoints.writing(tmp_path, 3, "m") as staged:
        (staged / "weights").write_text("weights", encoding="utf-8")
        assert not (tmp_path / "checkpoint-3").exists()
        assert checkpoints.last_valid(tmp_path, "m") is None
    assert checkpoints.last_valid(tmp_path, "m") == tmp_path / "checkpoint-3"
    assert checkpoints.step_of(tmp_path / "checkpoint-3") == 3


def test_what_a_failure_left_behind_is_never_used_and_is_cleared_away(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with pytest.raises(RuntimeError), checkpoints.writing(tmp_path, 2, "m") as staged:
        (staged / "weights").write_text("half", encoding="utf-8")
        raise RuntimeError
    assert (tmp_path / ".checkpoint-2.partial").is_dir()
    assert checkpoints.last_valid(tmp_path, "m") == tmp_path / "checkpoint-1"
    checkpoints.clear(tmp_path, tmp_path / "checkpoint-1")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-1"]
    write(tmp_path, 2)
    assert checkpoints.last_valid(tmp_path, "m") == tmp_path / "checkpoint-2"


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 10, 9):
        write(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-10", "checkpoint-9"]


@pytest.mark.parametrize("damage", ["missing", "changed", "seal", "added"])
def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path, damage: str) -> None:
    write(tmp_path, 1)
    write(tmp_path, 2)
    hurt = tmp_path / "checkpoint-2"
    if damage == "missing":
        (hurt / "weights").unlink()
    elif damage == "changed":
        (hurt / "weights").write_text("Weights", encoding="utf-8")
    elif damage == "seal":
        (hurt / checkpoints.SEAL).write_text('{"fingerprint": "m", "fi', encoding="utf-8")
    else:
        (hurt / "more").write_text("", encoding="utf-8")
    assert checkpoints.last_valid(tmp_path, "m") == tmp_path / "checkpoint-1"


def test_a_checkpoint_of_another_training_is_not_used(tmp_path: Path) -> None:
    write(tmp_path, 1, "mine")
    assert checkpoints.last_valid(tmp_path, "other") is None
    checkpoints.clear(tmp_path, None)
    assert not tmp_path.exists()
    assert checkpoints.last_valid(tmp_path, "mine") is None

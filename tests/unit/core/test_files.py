"""Promises about files: written whole or not at all, the same bytes for the same value."""

import os
from pathlib import Path

import pytest

from scribetune.core import files, manifests


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a.txt"
    files.write_text(target, "old")

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_text(target, "new")
    assert target.read_text(encoding="utf-8") == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_json_has_sorted_keys_and_refuses_what_is_not_a_number(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"b": 1, "a": "季"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "a": "季",\n  "b": 1\n}\n'
    with pytest.raises(ValueError, match="Out of range"):
        files.write_json(tmp_path / "b.json", {"x": float("nan")})
    assert not (tmp_path / "b.json").exists()


def test_jsonl_keeps_characters_that_look_like_line_ends(tmp_path: Path) -> None:
    rows = [{"text": "a\u2028b\x85c\nd"}, {"text": ""}]
    files.write_jsonl(tmp_path / "a.jsonl", rows)
    assert files.read_jsonl(tmp_path / "a.jsonl") == rows


def test_a_broken_jsonl_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n[1]\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.jsonl:2: expected a JSON object, found list"):
        files.read_jsonl(tmp_path / "a.jsonl")


def test_manifests_keep_text_as_it_is_and_empty_ones_have_a_header(tmp_path: Path) -> None:
    one, none = tmp_path / "one.csv", tmp_path / "none.csv"
    manifests.write(one, [{"document": "0012", "page": 1, "message": ""}], ["document", "page", "message"])
    manifests.write(none, [], ["document", "page", "message"])
    frame = manifests.read([none, one], ("document", "message"))
    assert manifests.rows(frame) == [{"document": "0012", "page": 1, "message": ""}]
    assert none.read_text(encoding="utf-8") == "document,page,message\n"


def test_a_folder_takes_the_place_of_another_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "adapter"
    with files.in_place_of(target) as fresh:
        (fresh / "new").write_text("1", encoding="utf-8")
    with files.in_place_of(target) as fresh:
        assert list(fresh.iterdir()) == []
        (fresh / "newer").write_text("2", encoding="utf-8")
        assert [path.name for path in target.iterdir()] == ["new"]
    assert [path.name for path in target.iterdir()] == ["newer"]
    with pytest.raises(RuntimeError), files.in_place_of(target) as fresh:
        (fresh / "half").write_text("3", encoding="utf-8")
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["newer"]
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def test_a_folder_that_is_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    with files.in_place_of(tmp_path / "link") as fresh:
        (fresh / "new").write_text("1", encoding="utf-8")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "disk/new").exists()


def test_a_folder_takes_the_place_of_another_where_the_system_cannot_exchange_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_exchange", lambda *_: False)
    target = tmp_path / "adapter"
    for name in ("old", "new"):
        with files.in_place_of(target) as fresh:
            (fresh / name).write_text("1", encoding="utf-8")
    assert [path.name for path in target.iterdir()] == ["new"]
    # Killed between the two renames: what was there comes back.
    target.rename(tmp_path / ".adapter.old")
    with pytest.raises(RuntimeError), files.in_place_of(target):
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["new"]

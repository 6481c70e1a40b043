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

"""Promises about the retention set: plain text, reproducible, and of its own pages."""

import json
from pathlib import Path

import pytest
from PIL import Image

from scribetune.samples import retention


def test_the_same_seed_gives_the_same_files_and_another_seed_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        pages = retention.make_pages(4, seed, ["en", "zh"])
        retention.build(pages, "<image>\nRead. ", 400, Path("images"), Path("retention.jsonl"))
        written.append({path.name: path.read_bytes() for path in Path().rglob("*") if path.is_file()})
    assert written[0] == written[1]
    assert written[0]["retention.jsonl"] != written[2]["retention.jsonl"]
    records = [json.loads(line) for line in written[0]["retention.jsonl"].decode().splitlines()]
    assert [record["language"] for record in records] == ["en", "zh", "en", "zh"]
    assert all(max(Image.open(tmp_path / "a" / record["images"][0]).size) == 400 for record in records)


def test_pages_are_plain_lines_of_moderate_length() -> None:
    for page in retention.make_pages(30, 7, ["en", "zh"]):
        text = "\n".join(page.lines)
        assert 20 <= len(text) <= 400
        assert not set("#|*$<>") & set(text)
        assert all(line == line.strip() and line for line in page.lines)

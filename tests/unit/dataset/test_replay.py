"""Promises about replayed pages: as many as the share asks for, behind the others, and none without it."""

from pathlib import Path

import pytest

from scribetune.core import files
from scribetune.dataset import replay
from scribetune.samples import retention


@pytest.mark.parametrize(("learned", "share", "pages"), [(90, 0.1, 10), (100, 0.5, 100), (138, 0.2, 34), (100, 0.0, 0)])
def test_the_share_is_of_all_pages(learned: int, share: float, pages: int) -> None:
    assert replay.count(learned, share) == pages


def test_records_are_put_behind_in_a_file_that_goes_away(tmp_path: Path) -> None:
    files.write_jsonl(tmp_path / "train.jsonl", [{"id": "a"}])
    files.write_jsonl(tmp_path / "replay.jsonl", [{"id": "b"}])
    with replay.mixed_in(tmp_path / "train.jsonl", None, tmp_path) as path:
        assert path == tmp_path / "train.jsonl", "without any, what is trained on is the very file"
    with replay.mixed_in(tmp_path / "train.jsonl", tmp_path / "replay.jsonl", tmp_path / "work") as path:
        assert [row["id"] for row in files.read_jsonl(path)] == ["a", "b"]
    assert not path.exists()


def test_no_replayed_page_is_in_the_retention_set() -> None:
    kept = {page.lines for page in retention.make_pages(40, 11, ["en", "zh"])}
    replayed = {page.lines for page in retention.make_pages(40, 11, ["en", "zh"], "replay")}
    assert not kept & replayed

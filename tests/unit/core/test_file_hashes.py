"""Promises about remembered hashes of files."""

from pathlib import Path

from scribetune.core.file_hashes import FileHashes


def test_something_else_in_the_place_of_a_file_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "labels").write_text("no folder", encoding="utf-8")
    (tmp_path / "images").mkdir()
    with FileHashes(tmp_path) as hashes:
        assert [hashes.find(path) for path in ("labels/p0001.md", "images", "nothing.md")] == ["", "", ""]
        assert hashes.find("labels")

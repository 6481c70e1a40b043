"""Promises about leftovers: what no document or shard of the build owns goes, and nothing else."""

from pathlib import Path

from scribetune.build import leftovers
from scribetune.core import files, layout
from scribetune.record import receipts

SHARDS = {"000-of-002", "001-of-002"}


def test_what_vanished_documents_and_shards_left_is_removed_and_all_else_stays(tmp_path: Path) -> None:
    kept = [
        f"{layout.PAGES}/a/p0001.png", f"{layout.LABELS}/a/p0001.md", f"{layout.LABELS}/b/p0001.md",
        "data/corrections/gone/p0001.md", "data/raw/gone.pdf", f"{layout.MANIFESTS}/selection/all.csv",
        *(f"{layout.MANIFESTS}/{stage}/{shard}.csv" for stage in ("documents", "pages", "labels") for shard in SHARDS),
        f"{receipts.FOLDER}/label_pages/001-of-002.json", f"{receipts.FOLDER}/select_pages.json",
        f"{receipts.FOLDER}/code/000.json",
    ]  # fmt: skip
    gone = [
        f"{layout.PAGES}/gone/p0001.png", f"{layout.LABELS}/gone/p0001.md", f"{layout.LABELS}/gone/document.json",
        f"{layout.MANIFESTS}/pages/000-of-001.csv", f"{receipts.FOLDER}/render_pages/000-of-001.json",
    ]  # fmt: skip
    for name in (*kept, *gone):
        files.write_text(tmp_path / name, name)
    removed = leftovers.remove({"a", "b"}, SHARDS, tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in removed} == {
        f"{layout.PAGES}/gone", f"{layout.LABELS}/gone", f"{layout.MANIFESTS}/pages/000-of-001.csv",
        f"{receipts.FOLDER}/render_pages/000-of-001.json",
    }  # fmt: skip
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(kept)
    assert leftovers.remove({"a", "b"}, SHARDS, tmp_path) == []


def test_a_folder_without_a_build_is_left_alone(tmp_path: Path) -> None:
    assert leftovers.remove(set(), set(), tmp_path) == []

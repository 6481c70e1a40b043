"""Promises about what builds replace: it stays, named by its hash, within bounds, and is removed on request."""

import os
from pathlib import Path

from scribetune.core.files import sha256_file, write_text
from scribetune.record import replaced

ALL = {kind.rule for kind in replaced.KINDS}


NAMES = (
    "models/adapter/adapter_model.safetensors",
    "models/adapter/lineage.json",
    "models/merged/weights",
    "models/merged/merge_proof.json",
    "reports/metrics.json",
    "reports/predictions/tuned.jsonl",
)


def results(folder: Path, version: str) -> None:
    for name in NAMES:
        write_text(folder / name, f"{name} {version}\n" * 100)


def names(folder: Path) -> list[str]:
    return sorted(copy.path.name.split("-")[0] for copy in replaced.copies(folder))


def test_a_copy_is_whole_and_unchanged_when_the_original_is_replaced(tmp_path: Path) -> None:
    results(tmp_path, "first")
    weights = tmp_path / "models/adapter/adapter_model.safetensors"
    sha256 = sha256_file(weights)
    kept = replaced.keep(ALL, tmp_path)
    results(tmp_path, "second")
    assert tmp_path / f"work/replaced/adapter-{sha256[:12]}" in kept
    assert names(tmp_path) == ["adapter", "merged", "reports"]
    (adapter,) = (tmp_path / "work/replaced").glob("adapter-*")
    assert sha256_file(adapter / weights.name) == sha256
    assert (adapter / "lineage.json").read_text(encoding="utf-8").startswith("models/adapter/lineage.json first")


def test_only_what_jobs_will_replace_and_what_is_whole_is_kept(tmp_path: Path) -> None:
    results(tmp_path, "first")
    assert [path.name.split("-")[0] for path in replaced.keep({"merge_adapter"}, tmp_path)] == ["merged"]
    (tmp_path / "models/adapter/lineage.json").unlink()
    assert replaced.keep({"train_adapter"}, tmp_path) == []


def test_a_copy_of_what_is_in_place_again_is_dropped(tmp_path: Path) -> None:
    results(tmp_path, "first")
    replaced.keep(ALL, tmp_path)
    assert replaced.tidy(1e9, tmp_path) == []
    assert names(tmp_path) == []


def test_the_oldest_go_first_and_adapters_last_when_room_is_short(tmp_path: Path) -> None:
    for age, version in enumerate(("first", "second", "third")):
        results(tmp_path, version)
        for path in replaced.keep(ALL, tmp_path):
            os.utime(path, (age, age))
    results(tmp_path, "fourth")
    whole = sum(copy.bytes for copy in replaced.copies(tmp_path))
    (oldest, *_) = [copy for copy in replaced.copies(tmp_path) if copy.kind is replaced.MERGED]
    assert [copy.path for copy in replaced.tidy(whole - 1, tmp_path)] == [oldest.path]
    adapters = sum(copy.bytes for copy in replaced.copies(tmp_path) if copy.kind is replaced.ADAPTER)
    replaced.tidy(adapters, tmp_path)
    assert names(tmp_path) == ["adapter"] * 3
    replaced.tidy(0, tmp_path)
    assert names(tmp_path) == []


def test_everything_goes_on_request(tmp_path: Path) -> None:
    results(tmp_path, "first")
    replaced.keep(ALL, tmp_path)
    assert len(replaced.remove(tmp_path)) == 3
    assert not (tmp_path / "work/replaced").exists()
    assert (tmp_path / "models/adapter/lineage.json").exists()

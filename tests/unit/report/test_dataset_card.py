"""Promises about the card of a dataset: the Hub reads its header; it says where pages, labels and splits are from."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import DatasetCard

from scribetune.core.config import Dataset
from scribetune.dataset import export
from scribetune.report import dataset_card
from support import split_records


def sources(root: Path, licences: tuple[str, ...] = ("MIT",)) -> dataset_card.CardSources:
    splits = split_records.write(root)
    names = [record["document"] for records in splits.values() for record in records]
    settings = Dataset(name="invoices")
    folder = root / "out"
    folder.mkdir()
    rows: list[dict[str, str]] = [
        {"document": name, "language": "en", "category": "a|b<i>", "licence": licences[at % len(licences)]}
        for at, name in enumerate(names)
    ]
    accepted: dict[str, Any] = {"accepted": "True", "reason": "", "trust": "0.9", "label_source": "machine"}
    return dataset_card.CardSources(
        settings=settings,
        exported=export.write(split_records.paths(root), folder, settings, root),
        splits=split_records.paths(root),
        documents=rows,
        selection=[
            *({"document": name, **accepted} for name in names[1:]),
            {"document": names[0], **accepted, "label_source": "correction", "trust": "1.0"},
            {"document": names[0], "accepted": "False", "reason": "blank", "trust": "0", "label_source": "machine"},
        ],
        assignments=[{"document": name, "cluster": name, "decided_by": "hash"} for name in names],
        labels=(),
        leakage={"text": 0.25, "limit": 0.9},
        similarity=0.85,
    )


def header_of(card: str) -> dict[str, Any]:
    return dict(vars(DatasetCard(card).data))


def test_the_hub_reads_its_header(tmp_path: Path) -> None:
    known = sources(tmp_path)
    header = header_of(dataset_card.text(known, "invoices of 2024"))
    assert header["pretty_name"] == "invoices"
    assert header["license"] == "mit"
    assert header["language"] == ["en"]
    assert header["size_categories"] == ["n<1K"]
    assert header["annotations_creators"] == ["expert-generated", "machine-generated"]
    (config,) = header["configs"]
    assert [each["split"] for each in config["data_files"]] == ["train", "validation", "test"]


def test_the_folder_opens_as_a_dataset_by_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    dataset_card.write(sources(tmp_path), tmp_path / "out", "")
    opened = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {name: len(rows) for name, rows in opened.items()} == {"train": 6, "validation": 2, "test": 2}


def test_it_says_what_was_left_out_how_near_the_test_is_and_where_labels_are_from(tmp_path: Path) -> None:
    text = dataset_card.text(sources(tmp_path), "")
    for part in (
        "1 page(s) as `blank`",
        "0.250",
        "| correction | 1 | 1.000 |",
        "| machine | 9 | 0.900 |",
        "10 clusters",
    ):
        assert part in text
    assert "<i>" not in text, "what a sheet says is text"


def test_several_licences_are_named_and_none_is_claimed(tmp_path: Path) -> None:
    text = dataset_card.text(sources(tmp_path, ("MIT", "")), "")
    assert header_of(text)["license"] == "other"
    assert "MIT (5), not said (5)" in text or "not said (5), MIT (5)" in text

"""Promises about the dataset for others: images and texts are the build's, in every form, and the same every time."""

import json
from pathlib import Path
from typing import Any

import pytest

from scribetune.core import files
from scribetune.core.config import Dataset, load
from scribetune.core.errors import UserError
from scribetune.dataset import export, formats
from support import split_records

ODD = 'A page with <image> and &lt;image> as text,\u2028a separator, 季度, "quotes" and a\ttab.\n\n| a |\n|---|'


def written(root: Path, name: str = "out", **settings: Any) -> Path:
    folder = root / name
    folder.mkdir()
    chosen = Dataset(**settings)
    exported = export.write(split_records.paths(root), folder, chosen, root)
    export.write_croissant(folder, chosen, exported, "Pages.", "not said")
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dataset")
    splits = split_records.write(root)
    splits["test"].append(split_records.record(root, "odd", 1, ODD))
    files.write_jsonl(root / "data/splits/test.jsonl", splits["test"])
    return root


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return written(root)


def pages(root: Path) -> dict[str, tuple[bytes, str]]:
    """Return page id → (content of its image, its text) of all splits, read without the code under test."""
    found = {}
    for path in split_records.paths(root).values():
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
            row = json.loads(line)
            text = ODD if row["document"] == "odd" else row["conversations"][1]["value"]
            found[row["id"]] = ((root / row["images"][0]).read_bytes(), text)
    return found


def test_parquet_has_images_and_texts_exactly(
    root: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    data_files = {name: str(folder / f"parquet/{name}-*.parquet") for name in ("train", "validation", "test")}
    opened = datasets.load_dataset("parquet", data_files=data_files, cache_dir=str(tmp_path))
    assert {name: len(rows) for name, rows in opened.items()} == {"train": 6, "validation": 2, "test": 3}
    assert opened["test"][0]["images"][0].size == (240, 320)  # decoded
    raw = opened.cast_column("images", datasets.List(datasets.Image(decode=False)))
    found = {row["id"]: (row["images"][0]["bytes"], row["text"]) for rows in raw.values() for row in rows}
    assert found == pages(root)
    answers = {row["id"]: row["messages"][1]["content"][0]["text"] for rows in raw.values() for row in rows}
    assert answers == {page: text for page, (_, text) in pages(root).items()}


def test_trl_takes_a_record_of_the_parquet_files_as_it_is(folder: Path) -> None:
    from pyarrow import parquet
    from trl.data_utils import is_conversational, prepare_multimodal_messages

    (row,) = parquet.read_table(folder / "parquet/validation-00000-of-00001.parquet").slice(0, 1).to_pylist()
    assert is_conversational({"messages": row["messages"]})
    prepared = prepare_multimodal_messages(row["messages"], ["the picture"])
    assert prepared[0]["content"][0]["image"] == "the picture"
    assert prepared[0]["content"][1]["text"] == "Free OCR. "


def test_sharegpt_is_byte_for_byte_what_the_build_has(root: Path, folder: Path) -> None:
    for name, path in split_records.paths(root).items():
        assert (folder / f"sharegpt/{name}.jsonl").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("form", ["sharegpt", "trl", "swift"])
def test_every_image_that_a_form_names_lies_in_its_folder(root: Path, folder: Path, form: str) -> None:
    known = pages(root)
    for name in ("train", "validation", "test"):
        for row in files.read_jsonl(folder / form / f"{name}.jsonl"):
            assert [(folder / image).read_bytes() for image in row["images"]] == [known[row["id"]][0]]


def test_forms_that_find_images_in_a_text_get_one_placeholder_for_each(root: Path, folder: Path) -> None:
    for row in files.read_jsonl(folder / "swift/test.jsonl"):
        said = "".join(message["content"] for message in row["messages"])
        assert said.count("<image>") == len(row["images"]) == 1
    (odd,) = (row for row in files.read_jsonl(folder / "trl/test.jsonl") if row["id"] == "odd/p0001")
    assert odd["messages"][1]["content"] == [{"type": "text", "text": ODD}]


def test_llamafactory_finds_its_files_by_dataset_info(folder: Path) -> None:
    info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
    assert list(info) == ["pages_test", "pages_train", "pages_validation"]
    for entry in info.values():
        rows = files.read_jsonl(folder / entry["file_name"])
        assert all(entry["columns"]["messages"] in row and entry["columns"]["images"] in row for row in rows)


def test_the_same_records_give_the_same_bytes(root: Path, folder: Path) -> None:
    again = written(root, "again")
    assert contents(again) == contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_large_split_is_shared_out_among_files_that_croissant_lists(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_MB", 5_000)  # bytes of a "megabyte"
    folder = written(root, "shards", formats=("parquet",), shard_mb=1)
    names = sorted(path.name for path in (folder / "parquet").iterdir() if path.name.startswith("train"))
    assert len(names) > 1
    assert names[0] == f"train-00000-of-{len(names):05d}.parquet"
    described = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    listed = {each["contentUrl"]: each["sha256"] for each in described["distribution"]}
    assert listed == {f"parquet/{path.name}": files.sha256_file(path) for path in (folder / "parquet").iterdir()}
    assert not (folder / "data").exists()  # nothing but Parquet was asked for


def test_an_image_that_is_not_the_records_is_refused(tmp_path: Path) -> None:
    splits = split_records.write(tmp_path)
    image = tmp_path / splits["train"][0]["images"][0]
    image.write_bytes(b"another")
    with pytest.raises(UserError, match=r"another file.*doc-01/p0001"):
        written(tmp_path)
    image.unlink()
    with pytest.raises(UserError, match="missing"):
        written(tmp_path, "second")


def test_a_folder_of_somebody_elses_is_never_replaced(tmp_path: Path) -> None:
    export.require_own(tmp_path / "none")
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(UserError, match="holds something else"):
        export.require_own(tmp_path)
    (tmp_path / "croissant.json").write_text("{}", encoding="utf-8")
    export.require_own(tmp_path)


@pytest.mark.parametrize("folder", ["/srv/elsewhere", "reports", "data/pages", "../dataset", "reports/../data"])
def test_a_folder_outside_of_reports_is_refused(folder: str) -> None:
    with pytest.raises(UserError, match="not below reports/"):
        load({"dataset": {"folder": folder}})


def test_a_record_without_its_image_or_answer_is_named() -> None:
    broken = {"id": "a/p0001", "conversations": [{"from": "human", "value": "no place for a page"}], "images": ["x"]}
    with pytest.raises(UserError, match="a/p0001"):
        formats.trl(broken)

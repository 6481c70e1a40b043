"""Promises about splits: no leak, stable as data grows, never empty in silence."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scribetune.audit import expected_hashes
from scribetune.core import files
from scribetune.core.config import Splits
from scribetune.core.errors import UserError
from scribetune.dataset import splits
from scribetune.dataset.questions import Questions
from scribetune.evaluation import scoring
from scribetune.models import examples


def assign(clusters: dict[str, str], pins: dict[str, str] | None = None, **settings: Any) -> dict[str, str]:
    contents = {document: f"sha-{document}" for document in clusters}
    return {a.document: a.split for a in splits.assign(clusters, contents, pins or {}, Splits(**settings))}


def alone(count: int) -> dict[str, str]:
    return {f"d{i:04d}": f"d{i:04d}" for i in range(count)}


def test_shares_are_about_what_was_asked_for() -> None:
    chosen = list(assign(alone(4000), validation=0.1, test=0.2).values())
    assert abs(chosen.count("test") / 4000 - 0.2) < 0.02
    assert abs(chosen.count("validation") / 4000 - 0.1) < 0.02


def test_a_cluster_is_never_torn_apart() -> None:
    clusters = {f"d{i:03d}": f"d{i - i % 3:03d}" for i in range(300)}
    chosen = assign(clusters)
    for document, cluster in clusters.items():
        assert chosen[document] == chosen[cluster]


def test_documents_keep_their_split_as_data_grows() -> None:
    before, after = assign(alone(200)), assign(alone(400))
    assert before == {name: after[name] for name in before}


def test_another_seed_gives_another_partition() -> None:
    assert assign(alone(100), seed=0) != assign(alone(100), seed=1)


def test_few_documents_still_fill_every_split() -> None:
    for count in range(3, 12):
        assert set(assign(alone(count)).values()) == set(splits.NAMES), count


def test_an_empty_split_is_refused_with_what_to_do() -> None:
    with pytest.raises(UserError, match="would be empty: 2 distinct usable"):
        assign(alone(2))
    with pytest.raises(UserError, match="would be empty"):
        assign({"a": "a", "b": "a", "c": "a", "d": "a"})
    with pytest.raises(UserError, match="would be empty"):
        assign({}, {})
    with pytest.raises(UserError, match=r"^The train, validation, test split would be empty(?s:.*)What to do: teach$"):
        splits.assign({}, {}, {}, Splits(), "teach")


def test_a_pin_comes_first() -> None:
    chosen = assign(alone(50), {"d0001": "test", "d0002": "train"})
    assert (chosen["d0001"], chosen["d0002"]) == ("test", "train")
    everything_pinned = assign(alone(6), {f"d000{i}": ("train", "validation", "test")[i % 3] for i in range(6)})
    assert sorted(everything_pinned.values()) == ["test", "test", "train", "train", "validation", "validation"]


def test_a_cluster_pinned_two_ways_is_refused() -> None:
    with pytest.raises(UserError, match="pinned to different splits"):
        assign({"a": "a", "b": "a", "c": "c", "d": "d"}, {"a": "test", "b": "train"})


def page(document: str, cluster: str) -> dict[str, Any]:
    return {
        "document": document, "page": 1, "image": f"{document}.png", "image_sha256": "i", "label": f"{document}.md",
        "label_sha256": "l", "label_source": "machine", "category": "", "language": "", "page_cluster": cluster,
    }  # fmt: skip


def test_a_test_page_that_was_trained_on_is_left_out() -> None:
    where = {"a": "train", "b": "validation", "c": "test", "d": "test"}
    assignments = [splits.Assignment(document, split, document, "hash") for document, split in where.items()]
    pages = [page("a", "same"), page("b", "b"), page("c", "same"), page("d", "d")]
    texts = {f"{name}.md": f"# {name}\n" for name in where}
    records = splits.records(pages, assignments, texts, Questions({"free_ocr": "<image>\nFree OCR. "}, "free_ocr"))
    assert [r["id"] for r in records["test"]] == ["d/p0001"]
    assert records["train"][0]["conversations"] == [
        {"from": "human", "value": "<image>\nFree OCR. "},
        {"from": "gpt", "value": "# a"},
    ]
    assert records["train"][0]["images"] == ["a.png"]


def test_every_record_has_as_many_image_tokens_as_images_and_its_readers_see_the_pages_text(tmp_path: Path) -> None:
    where = {"a": "train", "b": "validation", "c": "test"}
    assignments = [splits.Assignment(document, split, document, "hash") for document, split in where.items()]
    texts = {f"{name}.md": f"# {name}\n\nPut <image> and <video> before &lt;image>.\n" for name in where}
    texts["b.md"] = "# b\n"
    records = splits.records(
        [page(name, name) for name in where],
        assignments,
        texts,
        Questions({"free_ocr": "<image>\nFree OCR. "}, "free_ocr"),
    )
    for name, (record,) in records.items():
        conversation = "".join(turn["value"] for turn in record["conversations"])
        assert conversation.count("<image>") == len(record["images"]) == 1
        assert "<video>" not in conversation
        assert ("escaped" in record) == (name != "validation")
        Image.new("L", (8, 8)).save(tmp_path / "page.png")
        files.write_jsonl(tmp_path / "split.jsonl", [{**record, "images": [str(tmp_path / "page.png")]}])
        (learned,) = examples.read_pages(tmp_path / "split.jsonl", "<image>\nFree OCR. ")
        assert f"{learned.answer}\n" == texts[f"{record['document']}.md"]
        assert scoring.reference_text(record) == learned.answer
        hashed = {**record, "label_sha256": files.sha256_bytes(texts[f"{record['document']}.md"].encode())}
        assert expected_hashes._answers_its_label(hashed)

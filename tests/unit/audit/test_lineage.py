"""Promises about lineage: complete, plain, and the same for the same build."""

from pathlib import Path
from typing import Any

from scribetune.audit import lineage
from scribetune.core import files


def sources(**changes: Any) -> lineage.Sources:
    record = {
        "id": "a/p0001", "document": "a", "page": 1, "image_sha256": "i", "label_sha256": "l",
        "label_source": "correction",
    }  # fmt: skip
    values: dict[str, Any] = {
        "records": {"train": [record], "validation": [], "test": []},
        "assignments": [{"document": "a", "split": "train"}, {"document": "b", "split": "test"}],
        "documents": [
            {"document": "b", "path": "b.pdf", "sha256": "sb"},
            {"document": "a", "path": "a.pdf", "sha256": "sa"},
        ],
        "reviewers": {"a/p0001": "Ada"},
        "configuration": {"train": {"rank": 16}},
        "code": {"train_adapter": "c"},
        "environment": "e",
        "lock": "cpu.txt",
        "base": {"name": "models/tiny", "revision": "", "files": {}},
    }
    return lineage.Sources(**values | changes)


TRAINING = {"backend": "peft", "backend_reason": "no GPU", "steps": 3, "trainable": {"attention": 5}}


def test_documents_without_a_page_in_a_split_are_left_out(tmp_path: Path) -> None:
    weights = tmp_path / "adapter_model.safetensors"
    weights.write_bytes(b"weights")
    record = lineage.of_adapter(sources(), TRAINING, [weights])
    assert record["documents"] == [{"document": "a", "path": "a.pdf", "sha256": "sa", "split": "train"}]
    assert record["pages"][0]["reviewer"] == "Ada"
    assert record["adapter"] == {"adapter_model.safetensors": files.sha256_bytes(b"weights")}
    assert record["environment"]["libraries"]["torch"] != "not installed"
    assert record == lineage.of_adapter(sources(), TRAINING, [weights])


def test_a_part_of_a_long_page_has_the_reviewer_of_its_page(tmp_path: Path) -> None:
    (record,) = sources().records["train"]
    parts = [{**record, "id": f"a/p0001-{number}"} for number in (1, 2)]
    made = lineage.of_adapter(sources(records={"train": parts, "validation": [], "test": []}), TRAINING, [])
    assert [page["reviewer"] for page in made["pages"]] == ["Ada", "Ada"]

"""Promises about records: a lineage comes back as it was written, and anything else is refused in words."""

import json
from pathlib import Path
from typing import Any

import pytest

from scribetune.audit import lineage as writer
from scribetune.audit import lineage_reader
from scribetune.core.errors import UserError
from scribetune.models import adapters
from support.audit_project import digest, lineage

ONE = {"a": ("train", 2), "b": ("test", 1)}


def test_what_the_build_writes_comes_back(tmp_path: Path) -> None:
    record = lineage(ONE)
    (tmp_path / "lineage.json").write_text(json.dumps(record), encoding="utf-8")
    found = lineage_reader.read(tmp_path)
    assert found == lineage_reader.read(tmp_path / "lineage.json")
    assert [row.path for row in found.documents] == ["a.pdf", "b.pdf"]
    assert [row.id for row in found.pages if row.document == "a"] == ["a/p0001", "a/p0002"]
    assert found.weights_sha256 == digest("weights")
    assert found.merged_files == {"model.safetensors": digest("merged weights")}
    assert found.metric("tuned", "cer_mean") == 0.03
    assert found.metric("tuned", "unheard_of") is None
    assert found.environment.libraries["torch"] == "2.13.0"


def test_an_adapters_own_lineage_has_no_scores() -> None:
    record = lineage(ONE)
    for key in ("merged", "generation", "metrics", "outputs"):
        del record[key]
    found = lineage_reader.parse(json.dumps(record).encode(), "here")
    assert not found.metrics
    assert not found.merged_files
    assert found.metric("tuned", "cer_mean") is None


def test_names_are_those_that_the_writers_use() -> None:
    assert lineage_reader.SCHEMA == writer.SCHEMA
    assert lineage_reader.WEIGHTS == adapters.WEIGHTS


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[]", "no lineage that this version reads"),
        (b'{"schema": "scribetune-lineage/9"}', "scribetune-lineage/9"),
        (b'{"schema": "scribetune-lineage/1"}', "is missing"),
        (json.dumps(lineage(ONE) | {"documents": {}}).encode(), "documents is dict, expected a list"),
        (json.dumps(lineage(ONE) | {"code": []}).encode(), "code is list, expected an object"),
        (json.dumps(lineage(ONE) | {"pages": [{"id": "a/p0001"}]}).encode(), "'document' is missing"),
    ],
)
def test_anything_else_is_refused_by_name(content: bytes, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        lineage_reader.parse(content, "here")
    assert "here" in str(caught.value)
    assert "What to do" in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        lineage_reader.read(tmp_path / "lineage.json")


def test_pages_left_out_of_training_are_known() -> None:
    skipped: dict[str, Any] = {"backend": "peft", "skipped": [{"id": "a/p0002", "tokens": 9000}]}
    found = lineage_reader.parse(json.dumps(lineage(ONE, training=skipped)).encode(), "here")
    assert found.skipped_pages == {"a/p0002"}

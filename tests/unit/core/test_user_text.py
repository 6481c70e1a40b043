"""Promises about texts that people write: how a tool saved them changes nothing; what is no text is told in words."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from snakemake.common.configfile import load_configfile

from scribetune.core import user_text, yaml_files
from scribetune.core.errors import UserError
from scribetune.documents import inputs, withdrawals
from scribetune.documents.inputs import Document
from scribetune.evaluation import truth
from scribetune.labels import corrections
from scribetune.review import decisions

TEXT = "# 季度报告\n\nTotal 1,234.50 €\n"
MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        MARK + TEXT.encode(),
        MARK + MARK + TEXT.encode(),
        b"\xff\xfe" + TEXT.encode("utf-16-le"),
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        MARK + TEXT.replace("\n", "\r\n").encode(),
        b"\xff\xfe" + TEXT.replace("\n", "\r\n").encode("utf-16-le"),
    ],
)
def test_a_text_is_the_same_however_it_was_saved(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t").write_bytes(data)
    assert user_text.read(tmp_path / "t") == TEXT


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (TEXT.encode("gb18030"), r"p0001.md is not UTF-8 from byte 2 on.*iconv -f GBK -t UTF-8"),
        (b"abc\xe9", "is not UTF-8 from byte 3 on"),
        (b"\xff\xfe\x00", "is not UTF-16 from byte 2 on"),
        (TEXT.encode("utf-16-le"), "is not UTF-8|holds a NUL"),
        (MARK + "é\0".encode(), "holds a NUL at byte 5.*iconv -f UTF-16LE"),
    ],
)
def test_what_is_no_text_is_refused_with_file_byte_and_remedy(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "p0001.md").write_bytes(data)
    with pytest.raises(UserError, match=f"(?s){message}"):
        corrections.read_correction(tmp_path / "p0001.md")


DOCUMENT = Document("a", Path("raw/a.pdf"), "a.pdf")
REVIEW = decisions.Review("a", 1, "reject", "unreadable", "Ada", "2026-01-01T00:00:00", "trust", "x" * 64, "", "")
REVIEWS = ",".join(decisions.COLUMNS) + "\n" + ",".join(map(str, asdict(REVIEW).values())) + "\n"
WITHDRAWN = f"sha256,path,reason\n{'0' * 64},a.pdf,asked\n"
RECORDS = json.dumps({"id": "a", "text": "é"}) + "\n"
ANNOTATED = json.dumps([{"layout_dets": [], "page_info": {"image_path": "a.png", "page_no": 0}}])
FACT = json.dumps({"id": "1", "pdf": "a.pdf", "page": 1, "type": "present", "text": "é", "max_diffs": 0}) + "\n"
KINDS: dict[str, tuple[str, str, Callable[[Path], Any]]] = {
    "a correction": ("p0001.md", "é\n", corrections.read_correction),
    "a correction with its author": ("p0001.md", "<!-- reviewer: Ada -->\né\n", corrections.read_correction),
    "the sheet": ("documents.csv", "path,category\na.pdf,é\n", lambda path: inputs.read_sheet(path, [DOCUMENT])),
    "reviews": ("reviews.csv", REVIEWS, decisions.read),
    "withdrawals": ("withdrawn.csv", WITHDRAWN, withdrawals.read),
    "a configuration": ("config.yaml", "documents: {raw: é}\n", yaml_files.read_values),
    "a configuration, to Snakemake": ("config.yaml", "documents: {raw: é}\n", load_configfile),
    "records": ("truth.jsonl", RECORDS, truth.read),
    "OmniDocBench's annotations": ("truth.json", ANNOTATED, truth.read),
    "olmOCR-bench's facts": ("facts.jsonl", FACT, truth.read),
    "predictions": ("read.jsonl", RECORDS, lambda path: truth.read_predictions(path, ["a"])),
    "a folder of predictions": ("a.md", "é", lambda path: truth.read_predictions(path.parent, ["a"])),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_byte_order_mark_and_line_ends_change_nothing(tmp_path: Path, kind: str) -> None:
    name, content, read = KINDS[kind]
    path = tmp_path / name
    path.write_bytes(content.encode())
    without = read(path)
    assert "é" in content or without
    for data in (MARK + content.encode(), MARK + content.replace("\n", "\r\n").encode()):
        path.write_bytes(data)
        assert read(path) == without
        assert "\ufeff" not in repr(read(path))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "Snakemake" not in kind])
def test_another_encoding_is_told_in_words_whatever_the_file(tmp_path: Path, kind: str) -> None:
    name, _, read = KINDS[kind]
    path = tmp_path / name
    path.write_bytes("季度报告".encode("gbk"))
    with pytest.raises(UserError) as refused:
        read(path)
    assert "not UTF-8" in str(refused.value)
    assert name in str(refused.value)

"""What a corpus is called in the report: after its folder, wherever that lies."""

from pathlib import Path

import pytest

from scribetune.build.plan_documents import InputDocuments
from scribetune.core import config


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("data/raw", "data/raw"), ("data/raw/", "data/raw"), ("/srv/share/invoices", "invoices"),
        ("../letters 2024/", "letters 2024"), ("报告", "报告"),
    ],
)  # fmt: skip
def test_a_corpus_is_called_after_its_folder(raw: str, name: str) -> None:
    documents = InputDocuments(config.load({"documents": {"raw": raw}}), (), {}, {}, ())
    assert documents.name == name


def test_the_working_directory_itself_has_a_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scans").mkdir()
    monkeypatch.chdir(tmp_path / "scans")
    assert InputDocuments(config.load({"documents": {"raw": "."}}), (), {}, {}, ()).name == "scans"

"""Promises about passwords: another one is tried once, and none can be read out of what is noted."""

import json
from pathlib import Path

import pytest

from scribetune.build import passwords
from scribetune.build.plan_documents import InputDocuments
from scribetune.core import config
from scribetune.documents.inputs import Document, SheetRow

LOCKED = Document("locked", Path("data/raw/locked.pdf"), "locked.pdf")
OPEN = Document("open", Path("data/raw/open.pdf"), "open.pdf")


@pytest.fixture
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InputDocuments:
    monkeypatch.setenv("PASSWORD", "first")
    manifest = tmp_path / "data/manifests/documents/000-of-001.csv"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("document,status\nlocked,encrypted\nopen,ok\n", encoding="utf-8")
    sheet = {name: SheetRow(password_variable="PASSWORD") for name in ("locked", "open")}  # noqa: S106  a name
    return InputDocuments(config.load({}), (LOCKED, OPEN), {"000-of-001": (LOCKED, OPEN)}, sheet, ())


def test_another_password_is_tried_once_and_only_for_what_could_not_be_opened(
    documents: InputDocuments, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert passwords.untried(documents, tmp_path) == {"000-of-001": ["locked"]}
    passwords.note(documents, ["000-of-001"], tmp_path)
    assert passwords.untried(documents, tmp_path) == {}
    monkeypatch.setenv("PASSWORD", "second")
    assert passwords.untried(documents, tmp_path) == {"000-of-001": ["locked"]}
    monkeypatch.delenv("PASSWORD")
    assert passwords.untried(documents, tmp_path) == {}


def test_no_more_is_noted_than_tells_two_passwords_apart(documents: InputDocuments, tmp_path: Path) -> None:
    passwords.note(documents, ["000-of-001"], tmp_path)
    noted = json.loads((tmp_path / passwords.TRIED).read_text(encoding="utf-8"))
    assert {len(value) for value in noted.values()} == {4}
    assert passwords.fingerprint("a", "x") != passwords.fingerprint("b", "x")

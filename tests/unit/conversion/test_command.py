"""`scribetune convert` as it is called: what it says, and how it ends."""

import csv
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scribetune.cli import app, converting
from scribetune.conversion import endpoint
from scribetune.core import config
from support.scripted_reader import Scripted, make_pdf

KEY = "secret"
SMALL = ["--set", "pages.long_side_px=320", "--model", "models/none"]


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    made = Scripted()
    monkeypatch.setattr(converting, "page_reader", lambda *_: made)
    return made


def test_a_folder_of_50_pdfs_with_a_damaged_a_locked_and_an_empty_one(
    tmp_path: Path, reader: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    folder.mkdir()
    content = make_pdf(tmp_path / "one.pdf", 1).read_bytes()
    for number in range(47):
        (folder / f"good{number:02}.pdf").write_bytes(content)
    (folder / "damaged.pdf").write_bytes(b"%PDF-1.7\nnothing")
    (folder / "empty.pdf").write_bytes(b"")
    make_pdf(folder / "locked.pdf", 1, password=KEY)
    called = CliRunner().invoke(app, ["convert", "in", "-o", "out", *SMALL])
    assert called.exit_code == 3, called.output
    assert "50 documents in out: 1 encrypted, 1 error, 1 not_a_pdf, 47 ok" in called.stdout
    for name in ("damaged.pdf: error: ", "empty.pdf: not_a_pdf: ", "locked.pdf: encrypted: it needs a password (--pas"):
        assert name in called.stdout.split("Without a text:")[1]
    with (tmp_path / "out/manifest.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 50 and sum(row["status"] == "ok" for row in rows) == 47
    assert len(list((tmp_path / "out").glob("*.md"))) == 47
    again = CliRunner().invoke(app, ["convert", "in", "-o", "out", *SMALL])
    assert again.exit_code == 3 and "0 pages read" in again.stdout and reader.opened == 1


def test_without_a_model_it_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["convert", "a.pdf", "-o", "out"], ["demo"]):
        called = CliRunner().invoke(app, command)
        assert called.exit_code == 1
        assert "There is no merged model" in called.stderr and "scribetune build merged" in called.stderr


def test_a_build_in_a_folder_of_its_own_asks_a_server_in_the_words_of_the_embedded_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`base_model.name: models/tiny` is looked up as a build does: there, then beside this package."""
    monkeypatch.setattr(endpoint, "EndpointReader", lambda _url, _model, asked, _concurrency: asked)
    settings = config.load({"base_model": {"name": "models/tiny"}})
    asked: Any = converting.page_reader(settings, tmp_path, "models/merged", "http://127.0.0.1:9/v1", "m", 1, tmp_path)
    assert asked.prompt == "Free OCR. "

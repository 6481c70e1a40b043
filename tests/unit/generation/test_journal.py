"""A killed prediction goes on where it was, and its files come out the same to the last byte."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from scribetune import generation
from scribetune.core import config
from scribetune.core.errors import UserError
from scribetune.core.files import read_jsonl, write_jsonl
from scribetune.generation import Reader
from scribetune.generation.journal import Answer, Journal
from scribetune.models import families
from scribetune.models.examples import Page
from support import stand_in

PROMPT = families.prompt_of(families.family_of(stand_in.folder()), "free_ocr")
SETTINGS = {"base_model": {"name": "models/tiny"}, "generate": {"max_new_tokens": 24, "batch": 2}}
RUN = """
import json, sys
from pathlib import Path
from scribetune import generation
from scribetune.core import config
model, folder, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
sets = {folder / f"{name}.jsonl": folder / "out" / f"{name}.jsonl" for name in ("test", "retention")}
generation.predict(config.load(settings), model, sets, folder / "work")
"""


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """Two sets of three pages; the last page of the second is the first of the first once more."""
    for name, answers in (("test", ("one", "two", "three")), ("retention", ("four", "five", "one"))):
        rows = []
        for number, answer in enumerate(answers):
            path = tmp_path / "pages" / f"{name}-{number}.png"
            path.parent.mkdir(exist_ok=True)
            image = Image.new("L", (543, 768), 255)
            ImageDraw.Draw(image).text((40, 40), answer * 3, fill=0, font_size=40)
            image.save(path)
            talk = [{"from": "human", "value": PROMPT}, {"from": "gpt", "value": answer}]
            rows.append({"id": f"{name}-{number}/p0001", "document": f"{name}-{number}", "page": 1,
                         "conversations": talk, "images": [str(path)]})  # fmt: skip
        write_jsonl(tmp_path / f"{name}.jsonl", rows)
    return tmp_path


def predict(folder: Path, out: str = "out", **generate: int) -> None:
    values = {**SETTINGS, "generate": {**SETTINGS["generate"], **generate}}  # type: ignore[dict-item]
    pairs = {folder / f"{name}.jsonl": folder / out / f"{name}.jsonl" for name in ("test", "retention")}
    generation.predict(config.load(values), str(stand_in.folder()), pairs, folder / "work")


def outputs(folder: Path, out: str = "out") -> list[bytes]:
    return [(folder / out / f"{name}.jsonl").read_bytes() for name in ("test", "retention")]


def lines(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in (folder / "work").glob("test-*.jsonl"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Which pages were really read, call by call."""
    found: list[list[str]] = []
    stream = Reader.stream

    def noting(self: Reader, pages: list[Page]) -> object:
        found.append([page.id for page in pages])
        return stream(self, pages)

    monkeypatch.setattr(Reader, "stream", noting)
    return found


@pytest.mark.slow
def test_after_a_kill_only_the_missing_pages_are_read_and_the_files_are_the_same(
    sets: Path, asked: list[list[str]]
) -> None:
    predict(sets, "whole")
    assert len(asked[0]) == 5, "a page that is there twice is read once"
    arguments = [sys.executable, "-c", RUN, str(stand_in.folder()), str(sets), json.dumps(SETTINGS)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(arguments, env=environment, start_new_session=True)
    deadline = time.monotonic() + 120
    while not lines(sets):
        assert process.poll() is None and time.monotonic() < deadline, "it ended before it could be killed"
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = lines(sets)
    assert 1 <= kept < 5 and not (sets / "out").exists()
    # What a kill in the middle of a write leaves.
    (journal,) = (sets / "work").glob("test-*.jsonl")
    with journal.open("ab") as stream:
        stream.write(b'{"image": "0123')
    predict(sets)
    assert len(asked[1]) == 5 - kept
    assert outputs(sets) == outputs(sets, "whole")
    assert [row["id"] for row in read_jsonl(sets / "out" / "test.jsonl")] == [f"test-{n}/p0001" for n in range(3)]
    assert sorted(path.name for path in (sets / "work").iterdir()) == ["test.confidence.csv", "test.timings.csv"]


@pytest.mark.slow
def test_answers_of_other_settings_are_not_used_and_the_number_read_at_once_is_none(
    sets: Path, asked: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(generation.predicting, "write_jsonl", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            predict(sets)
    assert lines(sets) == 5
    predict(sets, batch=5)
    assert asked[1] == []
    with monkeypatch.context() as patched:
        patched.setattr(generation.predicting, "write_jsonl", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            predict(sets)
    predict(sets, max_new_tokens=5)
    assert len(asked[3]) == 5
    assert {row["tokens"] for row in read_jsonl(sets / "out" / "test.jsonl")} == {5}
    assert lines(sets) == 0, "the journal of the other settings is left behind"


def test_answers_that_were_cut_are_told_with_the_key_that_cut_them(
    sets: Path, caplog: pytest.LogCaptureFixture
) -> None:
    predict(sets, max_new_tokens=5)
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "the answers to 3 of 3 pages were cut at generate.max_new_tokens (5)" in told[0]
    assert len(told) == 2, "once for each set"


def test_a_second_process_at_the_same_work_is_refused(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "a.jsonl"),
        pytest.raises(UserError, match="Another process"),
        Journal(tmp_path / "a.jsonl"),
    ):
        pass


def test_a_journal_keeps_what_is_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "work" / "a.jsonl"
    first, second = Answer("00", "季度\n\u2028|", 3, "eos"), Answer("11", "", 9, "length")
    with Journal(path) as journal:
        journal.add(first)
        journal.add(second)
    whole = path.read_bytes()
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        with Journal(path) as journal:
            kept = whole[:end].count(b"\n")
            assert list(journal.answers.values()) == [first, second][:kept]
        assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[:kept])
    path.write_bytes(b'{"image": "00"}\nnot json\n' + whole)
    with caplog.at_level("WARNING"), Journal(path) as journal:
        assert list(journal.answers.values()) == [first, second]
    assert "a.jsonl:1 is not an answer" in caplog.text and "a.jsonl:2 is not an answer" in caplog.text

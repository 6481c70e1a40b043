"""Promises about the review page in Chinese: everything that people read is translated, and nothing else is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from scribetune.core import files
from scribetune.dataset.selection import Reason
from scribetune.review import page_views, server
from scribetune.review.session import Choice, ReviewSession
from scribetune.text.language import chosen
from scribetune.web import guard
from support import catalogue, reviewed_build

PORT, TOKEN = 8377, "t" * 43
CALLS = frozenset({"ReviewError", "RefusedError", "ConflictError", "_refuse", "words", "__init__"})
CATALOGUE: dict[str, str] = json.loads(server.CATALOGUE.read_text(encoding="utf-8"))


def shown() -> set[str]:
    """Return everything that the review page and its server show to people, in English."""
    sources = sorted([*server.ASSETS.parent.glob("*.py"), *Path(guard.__file__).parent.glob("*.py")])
    return catalogue.shown(sources, CALLS, server.ASSETS / "review.js", server.ASSETS / "review.html.j2")


def test_every_text_of_the_page_and_its_server_has_a_translation_and_the_catalogue_no_leftovers() -> None:
    assert sorted(shown()) == sorted(CATALOGUE)


def test_translations_are_chinese_and_keep_the_values() -> None:
    for english, chinese in CATALOGUE.items():
        assert re.search(r"[\u4e00-\u9fff]", chinese), english
        assert sorted(re.findall(r"\{\w+\}", chinese)) == sorted(re.findall(r"\{\w+\}", english)), english


def test_every_reason_of_a_refusal_that_a_person_can_mend_is_said_in_words() -> None:
    script = (server.ASSETS / "review.js").read_text(encoding="utf-8")
    table = re.search(r"^const REFUSED = \{(.*?)\};", script, re.DOTALL | re.MULTILINE)
    assert table is not None
    named = set(re.findall(r"(\w+): \"", table.group(1)))
    assert {reason.value for reason in Reason} - {""} - page_views.OF_NO_USE == named


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    session = ReviewSession(reviewed_build.make(tmp_path), Path("data/corrections"), Choice())
    base = f"http://127.0.0.1:{PORT}"
    with TestClient(server.application(session, TOKEN, PORT, "zh"), base_url=base) as client:
        client.headers.update({"origin": base, "sec-fetch-site": "same-origin"})
        yield client


def test_page_and_messages_are_chinese(client: TestClient) -> None:
    assert "终端" in client.get("/api/queue").text, "without the token"
    html = client.get("/", params={"token": TOKEN}).text
    assert '<html lang="zh-CN">' in html
    assert ">通过</button>" in html
    assert client.get("/assets/review.zh.json").json()["Accept"] == "通过"
    asked = {"id": "memo/p0001", "reviewer": "李雷", "verdict": "reject", "text": "", "reason": "", "version": ""}
    assert "须说明原因" in client.post("/api/verdict", json=asked).json()["error"]
    conflict = client.post("/api/verdict", json=asked | {"verdict": "accept"})
    assert "标签已被更改" in conflict.json()["error"]
    assert (
        "没有可供校对的页面 x/p0001"
        in client.get("/api/page", params={"id": "x/p0001", "reviewer": "A"}).json()["error"]
    )
    assert "无法理解该请求" in client.post("/api/preview", json={}).json()["error"]


def test_the_language_is_that_of_most_labels_unless_it_is_set(tmp_path: Path) -> None:
    reviewed_build.make(tmp_path, {("a", 1): "# 年度报告\n\n本报告介绍公司的主要业务。OCR\n", ("b", 1): "# 说明\n"})
    session = ReviewSession(tmp_path, Path("data/corrections"), Choice())
    assert chosen("auto", session.labels()) == "zh"
    assert chosen("en", session.labels()) == "en"
    files.write_text(tmp_path / "data/corrections/a/p0001.md", "English by a person, and by far the longer text. " * 9)
    assert chosen("auto", session.labels()) == "en", "labels as the build would use them"

"""Promises about the page to try a model in Chinese: everything that people read is translated, and nothing else is."""

import json
import re
from pathlib import Path

from starlette.testclient import TestClient

from scribetune.core import config
from scribetune.demo import desk, server
from scribetune.web import guard
from support import catalogue
from support.scripted_reader import Scripted

CALLS = frozenset({"DemoError", "_refuse", "words"})
CATALOGUE: dict[str, str] = json.loads(server.CATALOGUE.read_text(encoding="utf-8"))
HOME, TOKEN = "http://127.0.0.1:8378", "t" * 43


def test_every_text_of_the_page_and_its_server_has_a_translation_and_the_catalogue_no_leftovers() -> None:
    sources = [Path(module.__file__ or "") for module in (desk, server, guard)]
    found = catalogue.shown(sources, CALLS, server.ASSETS / "demo.js", server.ASSETS / "demo.html.j2")
    assert sorted(found - {""}) == sorted(CATALOGUE)


def test_translations_are_chinese_and_keep_the_values() -> None:
    for english, chinese in CATALOGUE.items():
        assert re.search(r"[\u4e00-\u9fff]", chinese), english
        assert sorted(re.findall(r"\{\w+\}", chinese)) == sorted(re.findall(r"\{\w+\}", english)), english


def test_page_and_messages_are_chinese(tmp_path: Path) -> None:
    with desk.Desk(config.load({}), Scripted, tmp_path) as tried:
        application = server.application(tried, server.Model("m"), TOKEN, 8378, "zh")
        with TestClient(application, base_url=HOME) as client:
            client.headers.update({"origin": HOME, "sec-fetch-site": "same-origin"})
            assert "终端" in client.get("/").text, "without the token"
            html = client.get("/", params={"token": TOKEN}).text
            assert '<html lang="zh-CN">' in html and "选择文件" in html and "模型：m" in html
            assert "已不在" in client.get("/api/document", params={"id": "x"}).json()["error"]

"""`scribetune demo` as it is called."""

import re
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scribetune.cli import app, demonstrating
from scribetune.demo import server
from support.scripted_reader import Scripted


def test_it_says_where_it_is_listens_on_this_machine_alone_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(demonstrating, "page_reader", lambda *_, **__: Scripted())
    served: list[Any] = []

    def serve(desk: Any, model: server.Model, listener: socket.socket, token: str, language: str) -> None:
        served.append((model, listener.getsockname()[0], token, language))
        assert [path.name[:16] for path in tmp_path.glob("scribe*")] == ["scribetune-demo-"]

    monkeypatch.setattr(server, "serve", serve)
    (tmp_path / "data/labels/a").mkdir(parents=True)
    (tmp_path / "data/labels/a/p0001.md").write_text("# 年度报告\n", encoding="utf-8")
    called = CliRunner().invoke(app, ["demo", "--port", "0", "--endpoint", "http://127.0.0.1:9/v1"])
    assert called.exit_code == 0, called.output
    ((model, host, token, language),) = served
    assert model.endpoint == "http://127.0.0.1:9/v1" and host == "127.0.0.1" and len(token) >= 32
    assert re.search(rf"http://127\.0\.0\.1:\d+/\?token={token}\n", called.stdout)
    assert language == "zh", "as the labels of the build"
    assert list(tmp_path.glob("*scribetune-demo-*")) == []

"""Promises of the page to try a model: documents are read, belong to this machine's user alone, and go away."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from scribetune.conversion.readers import Reading
from scribetune.core import config
from scribetune.demo import desk as desks
from scribetune.demo import scratch, server
from scribetune.demo.desk import Desk
from support.scripted_reader import Held, Scripted, make_pdf

PORT, TOKEN = 8378, "t" * 43
HOME = f"http://127.0.0.1:{PORT}"
SAME = {"origin": HOME, "sec-fetch-site": "same-origin"}
CONFIG = config.load({"pages": {"long_side_px": 320}})
KEY = "secret"
BYTES = {"content-type": "application/octet-stream"}


@pytest.fixture
def reader() -> Held:
    return Held([Reading("# One\n\n<script>alert(1)</script>", "eos", 9, 0.5, 0.99, 0.9)])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture
def client(reader: Held, place: Path) -> Iterator[TestClient]:
    with Desk(CONFIG, lambda: reader, place) as desk:
        with TestClient(
            server.application(desk, server.Model("m"), TOKEN, PORT), base_url=HOME, follow_redirects=False
        ) as found:
            assert found.get("/", params={"token": TOKEN}).status_code == 303
            found.headers.update(SAME)
            yield found
        reader.let.release(99)


def given(client: TestClient, content: bytes, name: str = "report.pdf") -> dict[str, Any]:
    answer = client.post("/api/document", params={"name": name}, content=content, headers=BYTES)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def until(client: TestClient, key: str, *states: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        told: dict[str, Any] = client.get("/api/document", params={"id": key}).json()
        if told["state"] in states:
            return told
        time.sleep(0.02)
    raise AssertionError(told)


def test_a_document_is_read_page_by_page_shown_and_downloaded(
    client: TestClient, reader: Held, tmp_path: Path, place: Path
) -> None:
    pdf = make_pdf(tmp_path / "a.pdf", 2, blank=1)
    key = given(client, pdf.read_bytes(), "Größe & Co.pdf")["id"]
    told = until(client, key, "reading")
    assert told["pages"] == [[1, ""], [2, ""], [3, ""]]
    assert client.get("/api/page", params={"id": key, "page": 1}).status_code == 404
    assert client.get("/markdown", params={"id": key}).status_code == 404
    reader.let.release(2)
    told = until(client, key, "done")
    assert told["pages"] == [[1, "ok"], [2, "ok"], [3, "blank"]] and not told["message"]
    page = client.get("/api/page", params={"id": key, "page": 1}).json()
    assert page["text"].startswith("# One") and "<script" not in page["html"] and "&lt;script&gt;" in page["html"]
    assert (page["seconds"], page["probability"]) == (0.5, 0.99)
    assert client.get("/image", params={"id": key, "page": 3}).content.startswith(b"\x89PNG")
    whole = client.get("/markdown", params={"id": key})
    assert whole.text == "# One\n\n<script>alert(1)</script>\n\ntext p0002\n"
    assert whole.headers["content-disposition"].startswith("attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe")
    assert not list(place.glob("*/given.*")), "the document itself is gone once it is read"


def test_the_model_is_opened_with_the_first_document_and_kept(client: TestClient, reader: Held, tmp_path: Path) -> None:
    reader.let.release(9)
    assert reader.opened == 0
    for _ in range(2):
        until(client, given(client, make_pdf(tmp_path / "a.pdf", 1).read_bytes())["id"], "done")
    assert reader.seen == ["given/p0001", "given/p0001"]


def test_a_document_is_stopped_after_the_page_under_way_and_one_that_waits_at_once(
    client: TestClient, reader: Held, tmp_path: Path
) -> None:
    content = make_pdf(tmp_path / "a.pdf", 5).read_bytes()
    first, second = given(client, content)["id"], given(client, content)["id"]
    until(client, first, "reading")
    assert client.get("/api/document", params={"id": second}).json()["before"] == 1
    assert client.post("/api/cancel", json={"id": second}).json()["state"] == "stopped"
    assert client.post("/api/cancel", json={"id": first}).json()["stopping"] is True
    reader.let.release(9)
    told = until(client, first, "stopped")
    assert [status for _, status in told["pages"]].count("ok") <= 2
    assert len(reader.seen) <= 2, "and nothing of the second was read"
    assert client.get("/markdown", params={"id": first}).text.startswith("# One")


def test_what_cannot_be_read_says_why_and_the_next_one_is_read(
    client: TestClient, reader: Held, tmp_path: Path
) -> None:
    reader.let.release(9)
    locked = make_pdf(tmp_path / "locked.pdf", 1, password=KEY).read_bytes()
    for content, name, why in (
        (b"#!/bin/sh\nrm -rf /\n", "script.sh", "not_a_pdf"),
        (b"%PDF-1.7\nnothing", "damaged.pdf", ""),
        (b"\x89PNG\r\n\x1a\n broken", "broken.png", "not_an_image"),
        (locked, "locked.pdf", "encrypted"),
    ):
        told = until(client, given(client, content, name)["id"], "failed")
        assert told["message"].startswith(why) and told["message"] and told["pages"] == []
    assert until(client, given(client, make_pdf(tmp_path / "a.pdf", 1).read_bytes())["id"], "done")


def test_a_reader_that_breaks_costs_its_document_alone(client: TestClient, reader: Held, tmp_path: Path) -> None:
    content = make_pdf(tmp_path / "a.pdf", 1).read_bytes()
    reader.let.release(9)
    whole, reader.open = reader.open, lambda: 1 // 0  # type: ignore[method-assign]
    told = until(client, given(client, content)["id"], "failed")
    assert "ZeroDivisionError" in told["message"]
    reader.open = whole  # type: ignore[method-assign]
    until(client, given(client, content)["id"], "done")


@pytest.mark.parametrize(
    "name", ["../../../../tmp/evil.pdf", "/etc/passwd", "..", "a\0b.pdf", "x" * 5000, "", "\ud800.pdf", "evil.png/../a"]
)
def test_no_name_leads_out_of_the_folder(
    client: TestClient, reader: Held, tmp_path: Path, place: Path, name: str
) -> None:
    reader.let.release(9)
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(place)}
    name = name.encode("utf-8", "replace").decode()
    told = given(client, b"%PDF-1.7\nnothing", name)
    until(client, told["id"], "failed")
    assert len(told["name"]) <= 200
    assert {path for path in tmp_path.rglob("*") if not path.is_relative_to(place)} == before
    assert all(len(path.relative_to(place).parts[0]) == 16 for path in place.iterdir())


def test_what_is_too_large_empty_of_unknown_length_or_kind_is_refused_and_nothing_stays(
    client: TestClient, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = client.post
    assert post("/api/document", content=b"", headers=BYTES).status_code == 422
    assert post("/api/document", content=b"x", headers=BYTES | {"content-length": str(2**40)}).status_code == 413
    assert post("/api/document", content=iter([b"x"]), headers=BYTES).status_code == 411
    assert post("/api/document", json={}).status_code == 415
    assert post("/api/document", content=b"x", headers=BYTES | {"origin": "http://evil.example"}).status_code == 403
    assert post("/api/cancel", json={"id": 5}).status_code == 422
    assert post("/api/cancel", json={"id": "x"}).status_code == 404
    for path in ("/image?id=../..&page=1", "/api/page?id=x&page=1", "/assets/../desk.py", "/assets/demo.html.j2"):
        assert client.get(path).status_code == 404
    assert list(place.iterdir()) == []


def test_so_many_wait_and_so_many_are_kept(
    client: TestClient, reader: Held, tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "MOST_WAITING", 2)
    monkeypatch.setattr(desks, "MOST_KEPT", 3)
    content = make_pdf(tmp_path / "a.pdf", 1).read_bytes()
    keys = [given(client, content)["id"] for _ in range(2)]
    refused = client.post("/api/document", content=content, headers=BYTES)
    assert refused.status_code == 429 and "2 documents are waiting" in refused.json()["error"]
    reader.let.release(9)
    for _ in range(3):
        until(client, keys[-1], "done")
        keys.append(given(client, content)["id"])
    until(client, keys[-1], "done")
    assert client.get("/api/document", params={"id": keys[0]}).status_code == 404, "the oldest went"
    assert sorted(path.name for path in place.iterdir()) == sorted(keys[-3:])


def test_without_the_token_nothing_is_answered(client: TestClient) -> None:
    client.cookies.clear()
    for path in ("/", "/api/document?id=x", "/assets/demo.js", "/markdown?id=x"):
        answer = client.get(path)
        assert answer.status_code == 403 and "scribetune demo" in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert client.post("/api/document", content=b"x", headers=BYTES).status_code == 403


def test_the_page_holds_no_script_style_or_address_of_its_own() -> None:
    for name in ("demo.html.j2", "demo.js", "demo.css"):
        text = (server.ASSETS / name).read_text(encoding="utf-8")
        assert "http://" not in text and "https://" not in text
        assert "<script>" not in text and "style=" not in text


def test_the_folder_goes_with_its_server_and_with_the_next_one_if_it_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch.folder() as mine:
        assert mine.stat().st_mode & 0o077 == 0
        left = tmp_path / "scribetune-demo-left"
        left.mkdir()
        (left / "lock").write_text("")
        (tmp_path / "scribetune-demo-link").symlink_to(mine)
        with scratch.folder() as other:
            assert mine.is_dir() and other.is_dir() and not left.exists()
        assert (mine / "lock").exists() and not other.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["scribetune-demo-link"]


def test_a_desk_waits_for_its_page_when_it_ends(place: Path, tmp_path: Path) -> None:
    reader = Scripted()
    with Desk(CONFIG, lambda: reader, place) as desk:
        upload = desk.begin("a.pdf")
        upload.path.write_bytes(make_pdf(tmp_path / "a.pdf", 3).read_bytes())
        desk.accept(upload)
    assert upload.state in ("stopped", "done")

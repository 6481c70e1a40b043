"""Promises of the review server: it serves the person at this machine, and nobody and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from scribetune.cli import app
from scribetune.core import files
from scribetune.core.errors import UserError
from scribetune.review import server
from scribetune.review.session import Choice, ReviewSession
from scribetune.web import local_server
from scribetune.web.guard import MAX_BODY_BYTES
from support import reviewed_build

PORT, TOKEN = 8377, "t" * 43
HOME = f"http://127.0.0.1:{PORT}"
MEMO = "memo/p0001"
SAME = {"origin": HOME, "sec-fetch-site": "same-origin"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return reviewed_build.make(tmp_path)


@pytest.fixture
def stranger(folder: Path) -> Iterator[TestClient]:
    """A client that does not know the token."""
    session = ReviewSession(folder, Path("data/corrections"), Choice())
    with TestClient(server.application(session, TOKEN, PORT), base_url=HOME, follow_redirects=False) as client:
        yield client


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    """A browser that has opened the address in the terminal."""
    assert stranger.get("/", params={"token": TOKEN}).status_code == 303
    stranger.headers.update(SAME)
    return stranger


def opened(client: TestClient, page: str = MEMO, reviewer: str = "Ada") -> dict[str, Any]:
    answer = client.get("/api/page", params={"id": page, "reviewer": reviewer})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def verdict(client: TestClient, **changes: Any) -> Any:
    body = {"id": MEMO, "reviewer": "Ada", "verdict": "accept", "text": "", "reason": "", "version": ""}
    return client.post("/api/verdict", json=body | changes)


# ---- the page works


def test_a_page_is_opened_previewed_saved_and_decided_on(client: TestClient, folder: Path) -> None:
    assert "<textarea" in client.get("/").text
    assert client.get("/assets/review.js").headers["content-type"].startswith("text/javascript")
    queue = client.get("/api/queue").json()
    assert queue["pages"][0]["id"] == MEMO
    page = opened(client)
    assert client.get("/image", params={"id": MEMO}).content.startswith(b"\x89PNG")
    body = {"id": MEMO, "reviewer": "Ada", "text": "# Better", "version": page["version"], "revision": 0}
    assert client.put("/api/draft", json=body).json() == {"revision": 1, "stale": False}
    answer = verdict(client, verdict="correct", text="# Better", version=page["version"])
    assert answer.json() == {"spot_check": None}
    assert client.get("/api/queue").json()["left"] == queue["left"] - 1
    assert (folder / "data/corrections/memo/p0001.md").read_text(
        encoding="utf-8"
    ) == "<!-- reviewer: Ada -->\n# Better\n"
    again = verdict(client, verdict="correct", text="# Mine", version=page["version"], reviewer="Bob")
    assert again.status_code == 409
    assert again.json()["page"]["text"] == "# Better\n"


def test_the_difference_between_two_texts_is_marked_from_where_they_part(client: TestClient) -> None:
    def compared(theirs: str, mine: str) -> Any:
        return client.post("/api/difference", json={"theirs": theirs, "mine": mine}).json()

    assert compared("at <9>", "at <10>")["html"] == "at &lt;<del>9</del><ins>10</ins>&gt;"
    long = "".join(f"line {number}\n" for number in range(5000))
    late = compared(f"{long}nine\n", f"{long}ten\n")
    assert late["omitted"] == 0
    assert late["html"].startswith("…\nline 49")
    assert compared("a" * 7000, "b" * 7000)["omitted"] == 1000


def test_a_name_is_taken_once_it_can_be_used(client: TestClient) -> None:
    assert client.put("/api/reviewer", json={"was": "unnamed-00000000", "name": "Ada"}).json() == {"reviewer": "Ada"}
    for name in ("", "  ", "unnamed-00000000"):
        answer = client.put("/api/reviewer", json={"was": "unnamed-00000000", "name": name})
        assert answer.status_code == 422
        assert "name is needed" in answer.json()["error"]


def test_what_cannot_be_done_is_said_in_words(client: TestClient, folder: Path) -> None:
    assert verdict(client, version=opened(client)["version"], verdict="reject").status_code == 422
    assert "needs a reason" in verdict(client, version=opened(client)["version"], verdict="reject").json()["error"]
    assert client.get("/api/page", params={"id": "x/p0001", "reviewer": "Ada"}).status_code == 404
    files.write_text(folder / "data/corrections/reviews.csv", "not,a,table\n")
    answer = client.get("/api/queue")
    assert answer.status_code == 500
    assert "reviews.csv:1" in answer.json()["error"]


@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '{"text": 5}', '{"text": "\\ud800"}', '{"text": "a", "more": 1}', "\x00", '{"text": "' + "["],
)
def test_a_request_that_is_not_understood_is_refused_without_a_traceback(client: TestClient, body: str) -> None:
    answer = client.post("/api/preview", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "not understood" in answer.json()["error"]


def test_the_report_and_its_page_images_are_served_where_the_report_looks_for_them(
    client: TestClient, folder: Path
) -> None:
    missing = client.get("/reports/index.html")
    assert missing.status_code == 404
    assert "script-src 'self'" in missing.headers["content-security-policy"]
    assert opened(client)["report"] == "", "no report, no way there"
    files.write_text(folder / "reports/index.html", "<!doctype html><title>Report</title>")
    files.write_text(folder / "reports/samples.csv", f"index,id,cer_tuned\n7,{MEMO},0.5\n")
    answer = client.get("/reports/index.html")
    assert "<title>Report</title>" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "connect-src" not in policy
    assert policy.startswith("default-src 'none';"), "the report may ask this server for nothing but images"
    assert opened(client)["report"] == "page-7"
    assert opened(client, "invoice/p0002")["report"] == "", "no test page"
    assert client.get(f"/data/pages/{MEMO}.png").content.startswith(b"\x89PNG")
    for path in ("/data/pages/../../mine.png", "/data/pages/x/p0001.png", "/reports/metrics.json", "/reports/../mine"):
        assert client.get(path).status_code == 404


# ---- nobody else is answered


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/assets/review.js",
        "/api/queue",
        f"/api/page?id={MEMO}&reviewer=Ada",
        "/image?id=" + MEMO,
        "/reports/index.html",
        f"/data/pages/{MEMO}.png",
    ],
)
def test_without_the_token_nothing_is_shown(stranger: TestClient, path: str) -> None:
    for extra in ({}, {"cookie": f"scribetune-review-{PORT}=wrong"}, {"cookie": "scribetune-review-1=" + TOKEN}):
        answer = stranger.get(path, headers=extra)
        assert answer.status_code == 403
        assert "terminal" in answer.text
        assert "Memo" not in answer.text
    assert stranger.get("/?token=wrong").status_code == 403
    assert stranger.get("/?token=%ff%00é").status_code == 403
    assert stranger.get(f"/api/queue?token={TOKEN}").status_code == 403, "the token is for the page's address alone"


def test_the_token_becomes_a_cookie_that_scripts_and_other_pages_do_not_get(stranger: TestClient) -> None:
    answer = stranger.get("/", params={"token": TOKEN})
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8377", "127.0.0.1", "127.0.0.1:80", "localhost.evil:8377", ""]
)
def test_requests_for_another_host_are_refused(client: TestClient, host: str) -> None:
    for path in ("/", "/api/queue", f"/?token={TOKEN}"):
        assert client.get(path, headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_requests_that_other_pages_send_are_refused(client: TestClient, headers: dict[str, str], folder: Path) -> None:
    version = opened(client)["version"]
    client.headers.update(headers)
    assert verdict(client, version=version).status_code == 403
    assert client.get("/api/queue").status_code == 403
    assert reviewed_build.decisions(folder) == []


def test_a_form_of_another_page_cannot_decide(client: TestClient, folder: Path) -> None:
    version = opened(client)["version"]
    body = (
        f'{{"id": "{MEMO}", "reviewer": "Ada", "verdict": "accept", "text": "", "reason": "", "version": "{version}"}}'
    )
    del client.headers["origin"]
    assert client.post("/api/verdict", content=body, headers={"content-type": "application/json"}).status_code == 403
    client.headers.update(SAME)
    assert client.post("/api/verdict", content=body, headers={"content-type": "text/plain"}).status_code == 415
    assert client.get("/api/verdict").status_code == 405
    assert reviewed_build.decisions(folder) == []


def test_bodies_beyond_the_limit_or_of_unknown_length_are_refused_unread(client: TestClient) -> None:
    json = {"content-type": "application/json"}
    assert client.post("/api/preview", content=b"x" * (MAX_BODY_BYTES + 1), headers=json).status_code == 413
    assert client.post("/api/preview", content=b"", headers=json | {"content-length": "9" * 30}).status_code == 413
    assert client.post("/api/preview", content=iter([b"{}"]), headers=json).status_code == 411
    assert client.post("/api/preview", json={"text": "字" * 400_000}).status_code == 200, "the longest label"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../server.py", "/assets/%2e%2e/server.py", "/assets/..%2fserver.py", "/assets//etc/passwd",
        "/assets/review.html.j2",
        "/image?id=../../../../etc/passwd", "/image?id=%2e%2e/%2e%2e/etc/p0001", "/image?id=/etc/passwd",
        "/image?id=memo%00/p0001",
        "/image", "/../../etc/passwd", "/data/labels/memo/p0001.md",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_pages(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "import" not in answer.text
    assert "root:" not in answer.text


def test_every_answer_forbids_scripts_frames_and_requests_to_elsewhere(client: TestClient) -> None:
    for path in ("/", "/api/queue", "/image?id=" + MEMO, "/nothing"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert client.get("/", headers={"host": "evil.example"}).headers["content-security-policy"]


def test_the_page_holds_no_script_style_or_address_of_its_own() -> None:
    html = (server.ASSETS / "review.html.j2").read_text(encoding="utf-8")
    assert "<script>" not in html
    assert "style=" not in html
    assert " on" + "click" not in html
    for name in ("review.html.j2", "review.js", "review.css"):
        text = (server.ASSETS / name).read_text(encoding="utf-8")
        assert "http://" not in text
        assert "https://" not in text


def test_a_hostile_label_is_text_in_the_preview(client: TestClient) -> None:
    shown = client.post("/api/preview", json={"text": reviewed_build.HOSTILE}).json()
    for markup in ("<script", "<img", "<a ", 'javascript:alert(1)"', "\u202e"):
        assert markup not in shown["html"]
    assert "&lt;script&gt;" in shown["html"]
    assert shown["deceptive"] == 1
    assert client.post("/api/preview", json={"text": "x" * 100_000}).json()["omitted"] == 80_000


# ---- starting it


def test_the_token_is_kept_and_nobody_else_may_read_it(folder: Path) -> None:
    token = server.token_of(folder)
    assert len(token) >= 32
    assert server.token_of(folder) == token
    assert (folder / "work/review/token").stat().st_mode & 0o077 == 0


def test_a_port_that_is_taken_is_named(folder: Path) -> None:
    with local_server.listen(0) as first:
        assert first.getsockname()[0] == "127.0.0.1"
        with pytest.raises(UserError, match="--port"):
            local_server.listen(first.getsockname()[1])


def test_the_command_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("labels: {corrections: data/corrections}\n", encoding="utf-8")
    asked = CliRunner().invoke(app, ["review", "--configfile", "mine.yaml"])
    assert asked.exit_code == 1
    assert "scribetune build labels" in asked.stderr
    both = CliRunner().invoke(app, ["review", "--spot-check", "5", "--worst", "5", "--configfile", "mine.yaml"])
    assert both.exit_code == 1
    assert "One queue at a time" in both.stderr


def test_the_command_opens_the_page_it_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "mine.yaml").write_text("labels: {corrections: data/corrections}\n", encoding="utf-8")
    monkeypatch.setattr(server, "serve", lambda *_: None)
    asked = CliRunner().invoke(app, ["review", "--page", "memo/p0001", "--port", "0", "--configfile", "mine.yaml"])
    assert asked.exit_code == 0, asked.stderr
    assert re.search(r"http://127\.0\.0\.1:\d+/\?token=[\w-]+#memo/p0001\n", asked.stdout)
    wrong = CliRunner().invoke(app, ["review", "--page", "memo/p1", "--port", "0", "--configfile", "mine.yaml"])
    assert wrong.exit_code == 1
    assert "did you mean memo/p0001" in wrong.stderr

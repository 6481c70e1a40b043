"""Promises of every server of ours: whoever is slow, silent or malformed stops nobody else."""

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from scribetune.core.errors import UserError
from scribetune.web import local_server

MOST = 12


def application() -> Starlette:
    async def hello(_request: Request) -> Response:
        return PlainTextResponse("hello")

    async def count(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    async def much(_request: Request) -> Response:
        return StreamingResponse((b"x" * 2**20 for _ in range(200)), media_type="text/plain")

    return Starlette(routes=[Route("/", hello), Route("/count", count, methods=["POST"]), Route("/much", much)])


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(local_server, "REQUEST_S", 0.5)
    monkeypatch.setattr(local_server, "SILENCE_S", 0.5)
    monkeypatch.setattr(local_server, "MOST_CONNECTIONS", MOST)
    monkeypatch.setattr(local_server.LimitedProtocol, "look_s", 0.05)
    with local_server.listen(0) as listener:
        threading.Thread(target=local_server.run, args=(application(), listener), daemon=True).start()
        yield listener.getsockname()[1]


def connected(port: int, text: bytes = b"") -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", port), timeout=20)
    opened.sendall(text)
    return opened


def is_answered(port: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{port}/", timeout=20).text == "hello"


def ends(opened: socket.socket) -> bytes:
    """Return what comes until the server closes the connection; fails where it never does."""
    received = b""
    try:
        while piece := opened.recv(2**16):
            received += piece
    except ConnectionResetError:
        pass
    return received


def test_silent_connections_and_half_requests_are_closed_and_stop_nobody(port: int) -> None:
    silent = connected(port)
    half = connected(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1")
    assert is_answered(port)
    assert ends(silent) == b"" and ends(half) == b""


def test_headers_a_byte_at_a_time_do_not_go_on_for_ever(port: int) -> None:
    opened = connected(port, b"GET / HTTP/1.1\r\n")
    began = time.monotonic()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while time.monotonic() - began < 20:
            opened.sendall(b"a")
            time.sleep(0.05)
    assert is_answered(port)


def test_a_body_that_stops_or_trickles_is_given_up(port: int) -> None:
    head = b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    stops = connected(port, head + b"x" * 50)
    trickles = connected(port, head)
    began = time.monotonic()
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        while time.monotonic() - began < 20:
            trickles.sendall(b"x")
            time.sleep(0.05)
    assert ends(stops) == b"" and is_answered(port)
    whole = connected(port, head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    for _ in range(10):  # slow, but a real upload
        whole.sendall(b"x" * 10_000)
        time.sleep(0.07)
    assert ends(whole).endswith(b"100000")


def test_an_answer_that_nobody_takes_is_given_up(port: int) -> None:
    opened = connected(port, b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(1.0)
    assert is_answered(port)
    assert len(ends(opened)) < 200 * 2**20


def test_more_connections_than_there_may_be_push_out_the_silent_ones(port: int) -> None:
    silent = [connected(port) for _ in range(3 * MOST)]
    assert is_answered(port)
    assert all(ends(one) == b"" for one in silent)


POST = b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: "


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"\r\n\r\n\r\n\r\nGET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA" + b"a" * 10**6,
        POST + b"-5\r\n\r\n",
        POST + b"5\r\nContent-Length: 6\r\n\r\nabcdef",
    ],
)
def test_what_is_no_request_is_refused(port: int, text: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as opened:
        try:
            opened.sendall(text)
        except (BrokenPipeError, ConnectionResetError):
            return
        assert b" 200 " not in ends(opened)
    assert is_answered(port)


def test_it_listens_on_this_machine_alone_and_a_port_that_is_taken_is_named() -> None:
    with local_server.listen(0) as first:
        assert first.getsockname()[0] == "127.0.0.1"
        with pytest.raises(UserError, match="--port"):
            local_server.listen(first.getsockname()[1])

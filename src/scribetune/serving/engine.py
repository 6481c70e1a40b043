"""A running server: started, waited for, stopped with all its processes."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from scribetune.core.errors import UserError
from scribetune.serving.command import Service

START_LIMIT_S = 1800.0
"""Longest wait for the first answer: a full-size model is read, and on a GPU compiled, in minutes."""
_PAUSE_S = 0.5
_STOP_LIMIT_S = 20.0
_SHOWN_LINES = 15


@dataclass(frozen=True)
class Engine:
    """A server that answers."""

    service: Service
    process: "subprocess.Popen[bytes]"
    log: Path
    started_s: float  # how long it took to answer

    def wait(self) -> int:
        """Wait until it ends by itself; return its exit status."""
        return self.process.wait()


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


@contextmanager
def running(service: Service, log: Path, limit_s: float = START_LIMIT_S) -> Iterator[Engine]:
    """Start a server, wait until it answers, and stop it and its processes in the end.

    Raises:
        UserError: The port is taken, or the server ended before it answered, or does not answer within the limit.
    """
    _require_free(service)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _leave)  # whoever ends this process ends the server with it
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("wb") as output:
        # A session of its own: Ctrl-C comes here alone, and everything that it started can be ended together.
        process = subprocess.Popen(  # noqa: S603  our own command
            service.arguments, env=service.environ(), stdin=subprocess.DEVNULL, stdout=output,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_for_answer(service, process, log, began + limit_s)
        yield Engine(service, process, log, time.monotonic() - began)
    finally:
        _stop(process)


def _require_free(service: Service) -> None:
    family = socket.AF_INET6 if ":" in service.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((service.host, service.port))
        except OSError as error:
            raise UserError(
                f"The port cannot be listened on ({error.strerror})", value=f"{service.host}:{service.port}",
                accepted="a free port of this machine", todo="name another by --port, or 0 for any that is free",
            ) from error  # fmt: skip


def _wait_for_answer(service: Service, process: "subprocess.Popen[bytes]", log: Path, until: float) -> None:
    health = service.address.removesuffix("/v1") + "/health"
    with httpx.Client(timeout=5.0, trust_env=False) as client:
        while time.monotonic() < until:
            if process.poll() is not None:
                raise UserError(
                    f"vLLM ended before it answered (status {process.returncode})\n{_last_lines(log)}",
                    todo=f"see {log}",
                )
            try:
                if client.get(health).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            time.sleep(_PAUSE_S)
    raise UserError(f"vLLM did not answer in time\n{_last_lines(log)}", todo=f"see {log}")


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the server and what it started: asked first, then killed."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)  # its engine, should it have been left behind
    except ProcessLookupError:
        return


def _last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_SHOWN_LINES:]
    return "\n".join(f"    {line[:200]}" for line in lines)

"""A server on 127.0.0.1 that nobody can keep from the others: by silence, by slowness, or by many connections.

uvicorn gives every connection as long as it likes for its first request, for a body and for taking an answer. Each has
a limit here, and there is one of their number: past it the connection that has waited longest without a request goes.
"""

import asyncio
import contextlib
import errno
import signal
import socket
import threading

import uvicorn
from starlette.applications import Starlette
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from scribetune.core.errors import UserError

REQUEST_S = 10.0
"""Longest time until a request's headers are there; also between two requests of a connection."""
SILENCE_S = 20.0
"""Longest time without a byte of a body, or in which an answer is not taken."""
LEAST_BYTES_PER_S = 4096
"""Of a body, from `SILENCE_S` after its beginning: one that comes a byte at a time is no upload."""
MOST_CONNECTIONS = 200
"""At a time. A browser has six; a process may often have 1,024 files."""


class LimitedProtocol(H11Protocol):
    """A connection that ends where the other side takes too long."""

    look_s = 1.0

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, object],
                 _loop: asyncio.AbstractEventLoop | None = None) -> None:  # fmt: skip
        super().__init__(config, server_state, app_state, _loop)
        self._timer: asyncio.TimerHandle | None = None
        self._since = self._heard = 0.0  # when this request, or the waiting for it, began; when its last byte came
        self._received = 0
        self._full_since: float | None = None  # since when the other side takes nothing

    @property
    def _waits_for_request(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Begin to watch it, and make room where there are too many."""
        super().connection_made(transport)
        self._since = self._heard = self.loop.time()
        self._timer = self.loop.call_later(self.look_s, self._look)
        idle = [one for one in self.connections if isinstance(one, LimitedProtocol) and one._waits_for_request]
        if len(self.connections) > MOST_CONNECTIONS and idle:
            min(idle, key=lambda one: one._since).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching it."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Note when bytes came."""
        waited = self._waits_for_request
        self._heard = self.loop.time()
        super().data_received(data)
        if waited and not self._waits_for_request:
            self._since, self._received = self._heard, 0  # a request's headers are there
        self._received += len(data)

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        self._since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note that the other side takes nothing."""
        self._full_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that it takes something again."""
        self._full_since = None
        super().resume_writing()

    def _look(self) -> None:
        if self._is_too_slow():
            self.transport.abort()  # close() would wait for the other side to take what is left
        else:
            self._timer = self.loop.call_later(self.look_s, self._look)

    def _is_too_slow(self) -> bool:
        now = self.loop.time()
        if self._waits_for_request:
            return now - self._since > REQUEST_S
        if self._full_since is not None:
            return now - self._full_since > SILENCE_S
        took = now - self._since
        is_slow = took > SILENCE_S and self._received < LEAST_BYTES_PER_S * took
        return self.cycle.more_body and (now - self._heard > SILENCE_S or is_slow)


def listen(port: int) -> socket.socket:
    """Return a socket on 127.0.0.1; port 0 takes a free one.

    Raises:
        UserError: The port is taken, or may not be used.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()  # from now on a browser waits; whoever opens the address at once is not refused
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        raise UserError(
            "Another program listens on this port" if taken else f"The port cannot be used ({error.strerror})",
            value=port, accepted="a free port from 1024 to 65535, or 0 for any",
            todo="name another with --port, or open the page that is running already",
        ) from error  # fmt: skip
    return listener


def run(app: Starlette, listener: socket.socket) -> None:
    """Serve until the process is interrupted (Ctrl-C, or SIGTERM); what its caller holds is given back afterwards."""
    if threading.current_thread() is threading.main_thread():
        # uvicorn raises a signal again when it has shut down: as it is, SIGTERM would end the process on the spot.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    config = uvicorn.Config(
        app, http=LimitedProtocol, ws="none", log_level="warning", access_log=False, server_header=False,
        lifespan="off", timeout_graceful_shutdown=5,
    )  # fmt: skip
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])

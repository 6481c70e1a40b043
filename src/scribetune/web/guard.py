"""Who may talk to a server of ours: this machine's browser, from the page itself, with the token.

A server on 127.0.0.1 can be reached by every web page that is open in a browser. Four checks see to it that only our
own page is answered: the Host header (against DNS rebinding), the Origin and Sec-Fetch-Site headers (against
requests that other pages send), a token that other users of the machine do not know, and a limit on bodies.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scribetune.text.language import Words

_OK = 200
MAX_BODY_BYTES = 2 * 2**20
"""Largest body of a request, unless its path takes another: a label of 400,000 characters of any script, in JSON."""

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True)
class Body:
    """What bodies of a path are."""

    most_bytes: int = MAX_BODY_BYTES
    content_type: str = "application/json"


@dataclass(frozen=True)
class Rules:
    """What a server has of its own."""

    command: str  # that prints the address, such as `scribetune review`
    headers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # path → headers in place of the common ones
    bodies: Mapping[str, Body] = field(default_factory=dict)  # path → what it takes; others take JSON


class Guard:
    """ASGI middleware in front of the whole application.

    `token` is a secret that the address in the terminal carries; a cookie afterwards. `words` tell people why not.
    """

    def __init__(self, app: ASGIApp, token: str, port: int, words: Words, rules: Rules) -> None:
        self._app, self._rules = app, rules
        self._words = words
        self._token = token
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))
        # Cookies are shared between the ports of a host.
        self._cookie = f"{rules.command.replace(' ', '-')}-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is not allowed, and pass on all others."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                if message["status"] == _OK:
                    headers.update(self._rules.headers.get(scope["path"], {}))
            await send(message)

        answer = self._refusal(scope)
        await (answer or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is not passed on, or None."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        reads = scope["method"] in _READING
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "none")
        if host not in self._hosts or len(headers.getlist("host")) != 1:
            return self._refuse(403, "This server answers requests to 127.0.0.1 and localhost only.")
        if origin != f"http://{host}" and not (origin is None and reads):
            return self._refuse(403, "Requests from other pages are refused.")
        if site not in ("none", "same-origin") and scope["path"] != "/":
            return self._refuse(403, "Requests from other pages are refused.")
        offered = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if offered and scope["path"] == "/" and self._is_token(offered):
            # The address is left behind at once, with the token in it: not in the history, not on a screenshot.
            answer = RedirectResponse("/", status_code=303)
            answer.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
            return answer
        if not self._is_token(self._offered_in_cookie(headers)):
            told = "Open the address that `{command}` printed in the terminal: it has the token."
            return self._refuse(403, told, command=self._rules.command)
        return None if reads else self._check_body(headers, self._rules.bodies.get(scope["path"], Body()))

    def _offered_in_cookie(self, headers: Headers) -> str:
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self._cookie)
        except CookieError:
            return ""
        return morsel.value if morsel else ""

    def _is_token(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode("utf-8", "replace"), self._token.encode())

    def _check_body(self, headers: Headers, body: Body) -> Response | None:
        length = headers.get("content-length", "")
        # Without a length the body would have to be read to know; the server holds the sender to the length given.
        if not (length.isascii() and length.isdigit()) or "transfer-encoding" in headers:
            return self._refuse(411, "A request with a body must say how long it is.")
        if len(length) > 12 or int(length) > body.most_bytes:
            return self._refuse(413, "A request may have {limit} bytes.", limit=body.most_bytes)
        if headers.get("content-type", "").split(";")[0].strip().lower() != body.content_type:
            return self._refuse(415, "Requests here are {type}.", type=body.content_type)
        return None

    def _refuse(self, status: int, english: str, **values: object) -> Response:
        return PlainTextResponse(self._words(english, **values) + "\n", status_code=status)

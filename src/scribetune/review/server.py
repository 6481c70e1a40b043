"""The review server: a Starlette application on 127.0.0.1, run by uvicorn."""

import os
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from scribetune.core import layout
from scribetune.core.errors import UserError
from scribetune.review.decisions import WORK, Verdict
from scribetune.review.refusals import ConflictError, RefusedError, ReviewError, UnknownPageError
from scribetune.review.session import COMPARED_CHARACTERS, ReviewSession, deceptive
from scribetune.text.language import Language, Words
from scribetune.text.markdown_view import RENDERED_CHARACTERS, rendered
from scribetune.text.text_diff import difference
from scribetune.web import local_server
from scribetune.web.guard import Guard, Rules

ASSETS = Path(__file__).parent / "assets"
CATALOGUE = ASSETS / "review.zh.json"
_ASSET_TYPES = {"review.js": "text/javascript", "review.css": "text/css", CATALOGUE.name: "application/json"}
_TOKEN = WORK / "token"
_BEFORE_DIFFERENCE_CHARACTERS = 200
_REPORT = f"/{layout.REPORTS}/index.html"
_RESOURCES = f"/{layout.REPORTS}/resources.html"
_RULES = Rules(
    "scribetune review",
    {
        _REPORT: {
            "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
            "img-src 'self' data: blob:; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        },
        _RESOURCES: {
            "content-security-policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts",
            "x-frame-options": "SAMEORIGIN",
        },
    },
)
"""With headers of the build's own pages. The report has a policy in itself, in which scripts are allowed by hash: of
both the narrower holds. Neither page may ask this server for anything but images and, the report, the page of
resources."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _PreviewBody(_Body):
    text: str


class _DifferenceBody(_Body):
    theirs: str
    mine: str


class _ReviewerBody(_Body):
    was: str
    name: str


class _DraftBody(_Body):
    id: str
    reviewer: str
    text: str
    version: str
    revision: int


class _VerdictBody(_Body):
    model_config = ConfigDict(extra="forbid")

    id: str
    reviewer: str
    verdict: Verdict
    text: str
    reason: str
    version: str


_AnyBody = TypeVar("_AnyBody", bound=_Body)


def application(session: ReviewSession, token: str, port: int, language: Language = "en") -> Starlette:
    """Return the application.

    `token` is a secret that a browser must know; `port` is part of the Host that requests must name; `language` is that
    of everything that people read, but labels.
    """
    words = Words(language, CATALOGUE)
    html = _html(words)

    async def page(_request: Request) -> Response:
        return HTMLResponse(html)

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _ASSET_TYPES:
            raise UnknownPageError(name)
        return FileResponse(ASSETS / name, media_type=_ASSET_TYPES[name])

    async def answer(function: Callable[..., Any], *arguments: object) -> Response:
        return JSONResponse(await run_in_threadpool(function, *arguments))

    async def queue(_request: Request) -> Response:
        return await answer(session.queue)

    async def open_page(request: Request) -> Response:
        asked = request.query_params
        return await answer(session.open, asked.get("id", ""), asked.get("reviewer", ""))

    async def preview(request: Request) -> Response:
        return await answer(_preview, (await _body(request, _PreviewBody)).text)

    async def compared(request: Request) -> Response:
        body = await _body(request, _DifferenceBody)
        return await answer(_difference, body.theirs, body.mine)

    async def reviewer(request: Request) -> Response:
        body = await _body(request, _ReviewerBody)
        return await answer(session.name_reviewer, body.was, body.name)

    async def draft(request: Request) -> Response:
        body = await _body(request, _DraftBody)
        return await answer(session.save_draft, body.id, body.reviewer, body.text, body.version, body.revision)

    async def verdict(request: Request) -> Response:
        body = await _body(request, _VerdictBody)
        return await answer(
            session.decide, body.id, body.reviewer, body.verdict, body.text, body.reason, body.version
        )  # fmt: skip

    return Starlette(
        routes=[
            Route("/", page),
            Route("/assets/{name}", asset),
            *_build_files(session),
            Route("/api/queue", queue),
            Route("/api/page", open_page),
            Route("/api/preview", preview, methods=["POST"]),
            Route("/api/difference", compared, methods=["POST"]),
            Route("/api/reviewer", reviewer, methods=["PUT"]),
            Route("/api/draft", draft, methods=["PUT"]),
            Route("/api/verdict", verdict, methods=["POST"]),
        ],
        middleware=[Middleware(Guard, token=token, port=port, words=words, rules=_RULES)],
        exception_handlers=_errors(words),
    )


def _build_files(session: ReviewSession) -> list[Route]:
    """Return the routes of page images, and of the report at the place from which it finds them."""

    async def image(request: Request) -> Response:
        path = await run_in_threadpool(session.image, request.query_params.get("id", ""))
        return FileResponse(path, media_type="image/png")

    async def report(request: Request) -> Response:
        path = await run_in_threadpool(session.report, is_resources=request.url.path == _RESOURCES)
        return FileResponse(path, media_type="text/html")

    async def report_image(request: Request) -> Response:
        # Looked up by the page's id like any other.
        path = await run_in_threadpool(session.image, request.path_params["page_id"])
        return FileResponse(path, media_type="image/png")

    return [
        Route("/image", image),
        Route(_REPORT, report),
        Route(_RESOURCES, report),
        Route(f"/{layout.PAGES}/{{page_id:path}}.png", report_image),
    ]


def _html(words: Words) -> str:
    from jinja2 import Environment, StrictUndefined

    template = (ASSETS / "review.html.j2").read_text(encoding="utf-8")
    language = {"en": "en", "zh": "zh-CN"}[words.language]
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(template).render(t=words, lang=language)


def _preview(text: str) -> dict[str, Any]:
    omitted = max(0, len(text) - RENDERED_CHARACTERS)
    return {"html": str(rendered(text)), "omitted": omitted, "deceptive": deceptive(text)}


def _difference(theirs: str, mine: str) -> dict[str, Any]:
    """Mark what one text has and the other lacks, from a little before the first difference on, as safe HTML."""
    parts = (index for index, (one, other) in enumerate(zip(theirs, mine, strict=False)) if one != other)
    same = next(parts, min(len(theirs), len(mine)))
    begin = theirs.rfind("\n", 0, max(0, same - _BEFORE_DIFFERENCE_CHARACTERS)) + 1
    found = difference(theirs[begin:], mine[begin:], COMPARED_CHARACTERS)
    return {"html": ("…\n" if begin else "") + str(found.html), "omitted": found.omitted}


async def _body(request: Request, kind: type[_AnyBody]) -> _AnyBody:
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as error:
        places = sorted({".".join(str(part) for part in problem["loc"]) or "body" for problem in error.errors()})
        told = "The request is not understood ({places}): load the page again."
        raise RefusedError(told, places=", ".join(places)) from error


def _errors(words: Words) -> dict[type[Exception], Callable[[Request, Exception], Response]]:
    """Return what answers to exceptions: each in words, a conflict with the page as it is now."""

    def told(error: Exception) -> str:
        if isinstance(error, ReviewError):
            return words(error.english, **error.values)
        if isinstance(error, OSError):
            return words("Not saved: {error}", error=error)
        return words("A file of this build cannot be used. {error}", error=error)

    def handler(status: int) -> Callable[[Request, Exception], Response]:
        def handle(_request: Request, error: Exception) -> Response:
            page = {"page": error.page} if isinstance(error, ConflictError) else {}
            return JSONResponse({"error": told(error), **page}, status_code=status)

        return handle

    statuses: dict[type[Exception], int] = {
        UnknownPageError: 404, RefusedError: 422, ConflictError: 409, UserError: 500, OSError: 500,
    }  # fmt: skip
    return {kind: handler(status) for kind, status in statuses.items()}


def token_of(folder: Path) -> str:
    """Return the token of a build's review server, made on first use and readable for this user only.

    It outlives the server: a page that is open while the server is stopped goes on where it was when it is back.
    """
    path = folder / _TOKEN
    if path.exists():
        kept = path.read_text(encoding="ascii", errors="replace").strip()
        if len(kept) >= 32 and kept.isascii():
            return kept
        path.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(32)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="ascii") as stream:
        stream.write(token)
    return token


def serve(session: ReviewSession, listener: socket.socket, token: str, language: Language = "en") -> None:
    """Serve until the process is interrupted; Ctrl-C is how it is meant to end."""
    local_server.run(application(session, token, listener.getsockname()[1], language), listener)

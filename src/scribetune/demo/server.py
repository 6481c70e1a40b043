"""The web server of the page to try a model: a Starlette application on 127.0.0.1."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from scribetune.core.disk_space import require_some
from scribetune.core.errors import UserError
from scribetune.demo.desk import MOST_UPLOAD_BYTES, DemoError, Desk
from scribetune.text.language import Language, Words
from scribetune.web import local_server
from scribetune.web.guard import Body, Guard, Rules

ASSETS = Path(__file__).parent / "assets"
CATALOGUE = ASSETS / "demo.zh.json"
_ASSET_TYPES = {"demo.js": "text/javascript", "demo.css": "text/css", CATALOGUE.name: "application/json"}
_UPLOAD = "/api/document"
_RULES = Rules("scribetune demo", bodies={_UPLOAD: Body(MOST_UPLOAD_BYTES, "application/octet-stream")})


class _DocumentBody(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str


@dataclass(frozen=True)
class Model:
    """What the page says of the model."""

    name: str
    endpoint: str = ""  # where page images are sent; "" where it is read with on this machine


def application(desk: Desk, model: Model, token: str, port: int, language: Language = "en") -> Starlette:
    """Return the application.

    `model` is what the page says of it; `token`, `port` and `language` are those of `review.server.application`.
    """
    words = Words(language, CATALOGUE)
    html = _html(words, model)

    async def page(_request: Request) -> Response:
        return HTMLResponse(html)

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _ASSET_TYPES:
            raise DemoError(404, "There is nothing at this address.")
        return FileResponse(ASSETS / name, media_type=_ASSET_TYPES[name])

    async def answer(function: Callable[..., Any], *arguments: object) -> Response:
        return JSONResponse(await run_in_threadpool(function, *arguments))

    async def upload(request: Request) -> Response:
        return JSONResponse(await _upload(desk, request))

    async def state(request: Request) -> Response:
        return await answer(desk.state, request.query_params.get("id", ""))

    async def cancel(request: Request) -> Response:
        return await answer(desk.cancel, await _document(request))

    async def read_page(request: Request) -> Response:
        return await answer(desk.page, request.query_params.get("id", ""), _number(request))

    async def image(request: Request) -> Response:
        path = await run_in_threadpool(desk.image, request.query_params.get("id", ""), _number(request))
        return FileResponse(path, media_type="image/png")

    async def whole(request: Request) -> Response:
        name, text = await run_in_threadpool(desk.whole, request.query_params.get("id", ""))
        kept = f"attachment; filename*=UTF-8''{quote(name)}"
        return Response(text, media_type="text/markdown", headers={"content-disposition": kept})

    return Starlette(
        routes=[
            Route("/", page),
            Route("/assets/{name}", asset),
            Route(_UPLOAD, upload, methods=["POST"]),
            Route(_UPLOAD, state),
            Route("/api/cancel", cancel, methods=["POST"]),
            Route("/api/page", read_page),
            Route("/image", image),
            Route("/markdown", whole),
        ],
        middleware=[Middleware(Guard, token=token, port=port, words=words, rules=_RULES)],
        exception_handlers=_errors(words),
    )


def _html(words: Words, model: Model) -> str:
    from jinja2 import Environment, StrictUndefined

    template = (ASSETS / "demo.html.j2").read_text(encoding="utf-8")
    language = {"en": "en", "zh": "zh-CN"}[words.language]
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(template).render(
        t=words, lang=language, model=model.name, endpoint=model.endpoint, limit=MOST_UPLOAD_BYTES
    )


async def _upload(desk: Desk, request: Request) -> dict[str, Any]:
    """Write a body to the folder of a document, piece by piece, and let it wait for its turn."""
    given = await run_in_threadpool(desk.begin, request.query_params.get("name", ""))
    size, is_whole = 0, False
    try:
        require_some(given.folder)
        with given.path.open("wb") as target:
            async for piece in request.stream():
                size += len(piece)
                await run_in_threadpool(target.write, piece)
        is_whole = size > 0
    finally:
        if not is_whole:
            await run_in_threadpool(desk.drop, given)
    if not is_whole:
        raise DemoError(422, "The file is empty.")
    desk.accept(given)
    return desk.state(given.id)


async def _document(request: Request) -> str:
    try:
        return _DocumentBody.model_validate_json(await request.body()).id
    except ValidationError as error:
        raise DemoError(422, "The request is not understood: load the page again.") from error


def _number(request: Request) -> int:
    text = request.query_params.get("page", "")
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise DemoError(404, "This page was not read.")
    return int(text)


def _errors(words: Words) -> dict[type[Exception], Callable[[Request, Exception], Response]]:
    """Return what answers to exceptions, each in words."""

    def told(_request: Request, error: Exception) -> Response:
        if isinstance(error, DemoError):
            return JSONResponse({"error": words(error.english, **error.values)}, status_code=error.status)
        return JSONResponse({"error": words("The server cannot do this: {error}", error=error)}, status_code=500)

    def gone(_request: Request, _error: Exception) -> Response:
        return Response(status_code=400)  # nobody is there to read it

    return {DemoError: told, UserError: told, OSError: told, ClientDisconnect: gone}


def serve(desk: Desk, model: Model, listener: socket.socket, token: str, language: Language = "en") -> None:
    """Serve until the process is interrupted; Ctrl-C is how it is meant to end."""
    local_server.run(application(desk, model, token, listener.getsockname()[1], language), listener)

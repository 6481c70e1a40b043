"""The page of `scribetune status --serve`: how far a build is, on 127.0.0.1, anew every few seconds."""

import socket
import time
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from scribetune.build.status import Status
from scribetune.core import progress
from scribetune.core.package import package_file
from scribetune.text.language import Words
from scribetune.text.visible_text import visible
from scribetune.web import local_server
from scribetune.web.guard import Guard, Rules

_CSS = """\
body { font: 16px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1a1a1a; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .25rem .75rem; border-bottom: 1px solid #ccc; }
th:first-child, td:first-child { text-align: left; }
progress { width: 100%; height: 1.5rem; }
pre { background: #f4f4f4; padding: .5rem; overflow-x: auto; }
.failed { color: #a00000; }
@media (prefers-color-scheme: dark) {
  body { background: #16181d; color: #e8e8e8; } pre { background: #23262d; } .failed { color: #ff8a8a; }
}
"""
_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{{ every }}"><title>{{ status.done }} of {{ status.jobs }} jobs: {{ name }}</title>
<link rel="stylesheet" href="/assets/status.css"></head><body><main>
<h1>{{ name }}</h1>
<p>{{ "At work" if status.at_work else "Not at work; the last build" }}{% if began %} since {{ began }}{% endif %}:
{{ status.done }} of {{ status.jobs }} jobs done{% if status.failed %},
<strong class="failed">{{ status.failed | length }} failed</strong>{% endif %}
{%- if left %}; about {{ left }} left{% endif %}.</p>
<progress max="{{ status.jobs }}" value="{{ status.done }}" aria-label="Jobs done"></progress>
<table><thead><tr><th scope="col">stage</th><th scope="col">jobs</th><th scope="col">done</th>
<th scope="col">running</th>
<th scope="col">failed</th><th scope="col">pages</th><th scope="col">pages/s</th></tr></thead><tbody>
{% for stage in status.stages %}<tr><td>{{ stage.rule }}</td><td>{{ stage.jobs }}</td><td>{{ stage.done }}</td>
<td>{{ stage.running }}</td><td{% if stage.failed %} class="failed"{% endif %}>{{ stage.failed }}</td>
<td>{{ stage.pages or "—" }}</td>
<td>{{ "%.3g" % stage.pages_per_second if stage.pages_per_second is not none else "—" }}</td></tr>
{% endfor %}</tbody></table>
{% for title, talks in (("Failed", status.failed), ("Running", status.running)) %}{% for talk in talks %}
<h2{% if title == "Failed" %} class="failed"{% endif %}>{{ title }}: {{ visible(talk.job) }}</h2>
<p>{{ visible(talk.log) }}</p><pre tabindex="0">{% for line in talk.lines %}{{ visible(line) }}
{% endfor %}</pre>{% endfor %}{% endfor %}
</main></body></html>
"""
_EVERY_S = 5


def application(read: Callable[[], Status], name: str, token: str, port: int) -> Starlette:
    """Return the application.

    Args:
        read: Gives how far the build is now.
        name: Of the build's folder, for people.
        token: Secret of the address.
        port: That it is served at.
    """
    from jinja2 import Environment, StrictUndefined

    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(_PAGE)

    def html() -> str:
        status = read()
        began = "" if status.began is None else time.strftime("%H:%M", time.localtime(status.began))
        left = "" if status.seconds_left is None else progress.words(status.seconds_left)
        return template.render(status=status, name=name, began=began, left=left, every=_EVERY_S, visible=visible)

    async def page(_request: Request) -> Response:
        return HTMLResponse(await run_in_threadpool(html))

    async def state(_request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(lambda: read().as_json()))

    async def style(_request: Request) -> Response:
        return Response(_CSS, media_type="text/css")

    words = Words("en", package_file("report.zh.json"))
    return Starlette(
        routes=[Route("/", page), Route("/api/status", state), Route("/assets/status.css", style)],
        middleware=[Middleware(Guard, token=token, port=port, words=words, rules=Rules("scribetune status --serve"))],
    )


def serve(read: Callable[[], Status], name: str, listener: socket.socket, token: str) -> None:
    """Serve until the process is interrupted; Ctrl-C is how it is meant to end, and no build notices it."""
    local_server.run(application(read, name, token, listener.getsockname()[1]), listener)

"""Command for the page to try a model: `scribetune demo`."""

import secrets
import sys
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from scribetune.cli.converting import page_reader, require_model
from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import Concurrency, ConfigFiles, Endpoint, Folder, Model, Settings, nested
from scribetune.core import layout

_LABELS_LOOKED_AT = 200


def demo(
    model: Model = "",
    endpoint: Endpoint = "",
    concurrency: Concurrency = 8,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 takes a free one.")] = 8378,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    folder: Folder = Path(),
    config_files: ConfigFiles = None,
    settings: Settings = None,
) -> None:
    """Try a model in the browser: drop a PDF or an image, and see its pages beside their Markdown.

    Pages are read as `scribetune convert` reads them. Documents stay in a temporary folder on this machine, which goes
    away with the server. Stop with Ctrl-C.
    """
    with errors_in_words():
        from scribetune.core import config
        from scribetune.demo import scratch, server
        from scribetune.demo.desk import Desk
        from scribetune.record import remembered
        from scribetune.text import language
        from scribetune.web import local_server

        build = remembered.with_values(remembered.values(folder, config_files or ()), nested(settings or ()))
        loaded = config.load(build)
        chosen = require_model(folder, model, endpoint)
        labels = islice((folder / layout.LABELS).rglob("*.md"), _LABELS_LOOKED_AT)
        texts = (path.read_text(encoding="utf-8", errors="replace") for path in labels)
        spoken = language.chosen(loaded.report.language, texts)
        with scratch.folder() as place, local_server.listen(port) as listener:
            # Made here: what is wrong with a model or an endpoint is said before anybody drops a document.
            reader = page_reader(loaded, folder, chosen, endpoint, model, concurrency, place, is_watched=True)
            token = secrets.token_urlsafe(32)
            address = f"http://127.0.0.1:{listener.getsockname()[1]}/?token={token}"
            called = server.Model(model or endpoint if endpoint else chosen, endpoint)
            sys.stdout.write(f"Reads with {shown(called.name)}. Open, on this machine:\n  {address}\n")
            sys.stdout.write("Stop with Ctrl-C; a page under way is read to its end.\n")
            sys.stdout.flush()
            if open_browser:
                import webbrowser

                webbrowser.open(address)
            with Desk(loaded, lambda: reader, place) as desk:
                server.serve(desk, called, listener, token, spoken)
        sys.stdout.write("Stopped; the documents are gone.\n")

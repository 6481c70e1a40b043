"""Command that watches a build: `scribetune status`."""

import json
import secrets
import sys
from pathlib import Path
from typing import Annotated

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import AsJson, Folder


def status(
    folder: Folder = Path(),
    as_json: AsJson = False,
    serve: Annotated[bool, typer.Option("--serve", help="Serve it as a page on this machine until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of --serve, on 127.0.0.1; 0 takes a free one.")] = 8379,
) -> None:
    """Say how far a build is, from another shell: stages, pages a second, time left, what failed. Changes nothing.

    Where no build is at work it tells of the last one.

    Keys of --json:
    at_work; began: seconds since 1970; jobs, done; seconds_left: null where
    nothing says so;
    stages: rule, jobs, done, running, failed, pages, pages_per_second;
    running, failed: job, log, lines (the last of its log).
    """
    with errors_in_words():
        from scribetune.build import status as state

        now = state.read(folder)
        if serve:
            from scribetune.build import status_page
            from scribetune.web import local_server

            with local_server.listen(port) as listener:
                token = secrets.token_urlsafe(32)
                address = f"http://127.0.0.1:{listener.getsockname()[1]}/?token={token}"
                sys.stdout.write(f"Open, on this machine:\n  {address}\nStop with Ctrl-C; the build goes on.\n")
                sys.stdout.flush()
                status_page.serve(lambda: state.read(folder), folder.resolve().name, listener, token)
        elif as_json:
            sys.stdout.write(json.dumps(now.as_json(), ensure_ascii=False, indent=2) + "\n")
        else:
            sys.stdout.write("".join(f"{shown(line)}\n" for line in now.words()))

"""Command for the review page: `scribetune review`."""

import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import ConfigFiles, Folder, called_again
from scribetune.core.errors import UserError, counted


def review(
    spot_check: Annotated[
        int | None, typer.Option(min=1, help="A random sample of so many labels in use, for their error rate.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the random sample; another seed draws another.")] = 1,
    worst: Annotated[
        int | None, typer.Option(min=1, help="So many test pages that the tuned model read worst.")
    ] = None,
    by_gain: Annotated[
        bool, typer.Option("--next", help="By what a correction may be worth, as the tuned model's readings tell.")
    ] = False,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Pages without a usable label, such as scans.")
    ] = False,
    page: Annotated[
        str | None, typer.Option(metavar="DOC/PAGE", help="This page first: document/p0001, as in the report.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0 takes a free one.")] = 8377,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    folder: Folder = Path(),
    config_files: ConfigFiles = None,
) -> None:
    """Check labels by eye: page image beside editable Markdown, in the browser; the least trusted labels come first.

    Accept, correct or reject each page. Corrections go to data/corrections, every decision to reviews.csv there; the
    next build takes them up and runs again only what they touch. Stop with Ctrl-C; nothing is lost.
    """
    with errors_in_words():
        chosen = [name for name, given in _orders(spot_check, worst, by_gain, unlabelled).items() if given]
        if len(chosen) > 1:
            raise UserError(
                "One queue at a time", value=" ".join(chosen),
                accepted="one of --spot-check, --worst, --next, --unlabelled, or none",
                todo="start again with one of them; pages already decided on stay decided",
            )  # fmt: skip

        from scribetune.core import config
        from scribetune.record import remembered
        from scribetune.review import server
        from scribetune.review.session import Choice, ReviewSession
        from scribetune.text import language
        from scribetune.web import local_server

        settings = config.load(remembered.values(folder, config_files or ()))
        if spot_check:
            choice = Choice("spot_check", spot_check, seed)
        elif worst:
            choice = Choice("worst", worst)
        else:
            choice = Choice("next" if by_gain else "unlabelled" if unlabelled else "trust")
        session = ReviewSession(folder, Path(settings.labels.corrections), choice)
        place = f"#{quote(session.page_id(page))}" if page else ""
        listener = local_server.listen(port)
        token = server.token_of(session.folder)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/?token={token}{place}"
        queue = session.queue()
        sys.stdout.write(
            f"{counted(queue['left'], 'page')} to look at ({queue['name']}). Open, on this machine:\n  {address}\n"
        )
        again = remembered.command(folder, build=called_again(folder, config_files, None))
        sys.stdout.write(f"Stop with Ctrl-C. What takes the decisions up: {shown(again)}\n")
        sys.stdout.flush()
        if open_browser:
            import webbrowser

            webbrowser.open(address)
        server.serve(session, listener, token, language.chosen(settings.report.language, session.labels()))
        sys.stdout.write(f"Stopped. {counted(session.queue()['left'], 'page')} left in this queue.\n")


def _orders(spot_check: int | None, worst: int | None, by_gain: bool, unlabelled: bool) -> dict[str, bool]:
    return {
        "--spot-check": bool(spot_check), "--worst": bool(worst), "--next": by_gain, "--unlabelled": unlabelled,
    }  # fmt: skip

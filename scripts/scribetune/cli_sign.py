"""The command `scribetune sign`."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

LINEAGE = Path("reports/lineage.json")


def register(app: typer.Typer, told_in_words: Callable[[], AbstractContextManager[None]]) -> None:
    """Add the command to an application.

    Args:
        app: The application.
        told_in_words: Context in which a `UserError` is shown as a message and ends with status 1.
    """

    @app.command()
    def sign(
        key: Annotated[
            Path | None, typer.Option(help="SSH key (default: git's user.signingkey, where gpg.format is ssh).")
        ] = None,
        folder: Annotated[Path, typer.Option(help="Working directory of a build.")] = Path(),
    ) -> None:
        """Sign reports/lineage.json with an SSH key: reports/lineage.json.sig, which `scribetune verify` checks."""
        from scribetune import signature

        with told_in_words():
            written = signature.sign(folder / LINEAGE, key)
            found = signature.check(folder / LINEAGE)
            sys.stdout.write(f"written: {written} ({found.detail})\nCommit it to git with dvc.lock.\n")

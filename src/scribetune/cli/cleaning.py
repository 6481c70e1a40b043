"""Command that makes room: `scribetune clean`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from scribetune.cli.messages import errors_in_words


def clean(
    folder: Annotated[Path, typer.Option("--folder", metavar="DIR", help="The build's folder.")] = Path(),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before removing.")] = False,
) -> None:
    """Remove the adapters, merged models and reports that builds have replaced, and kept in work/replaced."""
    with errors_in_words():
        from scribetune.record import replaced

        kept = replaced.copies(folder)
        for copy in kept:
            sys.stdout.write(f"{copy.bytes / 1e6:>10.1f} MB  {copy.path.name}\n")
        if not kept:
            sys.stdout.write("Nothing that a build has replaced is kept here\n")
            return
        if not yes:
            typer.confirm("Remove all of these?", abort=True)
        replaced.remove(folder)
        sys.stdout.write(f"Removed, {sum(copy.bytes for copy in kept) / 1e6:.1f} MB\n")

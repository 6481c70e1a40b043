"""What the last build came to, and its record for DVC and git: `scribetune summary` and `commit`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from scribetune.cli.messages import errors_in_words
from scribetune.cli.options import Folder


def summary(
    place: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="As --folder.", show_default=False)] = None,
    folder: Folder = Path(),
) -> None:
    """Say in a few lines what the last build used, refused and achieved, and where to look."""
    from scribetune.build import summary as build_summary

    with errors_in_words():
        sys.stdout.write(build_summary.text(place or folder))


def commit(
    if_ready: Annotated[
        bool, typer.Option("--if-ready", help="Do nothing, and say why, while the build is not up to date.")
    ] = False,
    stage: Annotated[bool, typer.Option(help="Stage the records for git; otherwise say what is to be staged.")] = True,
    folder: Folder = Path(),
) -> None:
    """Record an up-to-date build in dvc.lock and stage its records for git (dvc.lock, .snakemake/, metrics).

    Refuses, with exit status 1, while Snakemake would still run something or a result has no record of what made it.
    Nothing of yours is staged, and nothing is committed: git commit is yours.
    """
    from scribetune.build import dvc_commit

    with errors_in_words():
        for line in dvc_commit.commit(folder, if_ready=if_ready, stage_records=stage):
            sys.stdout.write(f"{line}\n")

"""Command that tells trackers of a build: `scribetune track`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import ConfigFiles, Folder


def track(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TRACKER", help="mlflow, wandb, tensorboard. Default: report.trackers.", show_default=False
        ),
    ] = None,
    folder: Folder = Path(),
    config_files: ConfigFiles = None,
) -> None:
    """Tell trackers of the build that is there: configuration, scores of every test page, the adapter with its lineage.

    A build does so at its end for those in report.trackers; this is for one that was made without, or not reached then.
    """
    with errors_in_words():
        from scribetune.core import config
        from scribetune.core.errors import UserError
        from scribetune.record import remembered
        from scribetune.report import tracking

        values = remembered.values(folder, config_files or ())
        if names:
            values = remembered.with_values(values, {"report": {"trackers": names}})
        wanted = config.load(values).report.trackers
        if not wanted:
            raise UserError(
                "No tracker is named", value="report.trackers: []", accepted="mlflow, wandb, tensorboard",
                todo="name one: scribetune track mlflow; or set report.trackers, for every build",
            )  # fmt: skip
        os.chdir(folder)
        for line in tracking.publish(wanted):
            sys.stdout.write(shown(f"{line}\n", lines=True))

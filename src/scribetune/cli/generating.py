"""The files that are generated from the configuration model: `scribetune config`."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def config(
    write: Annotated[bool, typer.Option(help="Write the generated files instead of comparing them.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Configuration folder (default: the repository's).")] = None,
) -> None:
    """Compare config.yaml, deepseek-ocr-2.yaml, schema.json and the README's table with the model they come from."""
    from scribetune.build import config_files
    from scribetune.core import files
    from scribetune.core.package import REPOSITORY

    folder = folder or REPOSITORY / "config"
    stale = False
    if config_files.link_is_broken(folder):
        if write:
            config_files.mend_link(folder)
            sys.stdout.write("config.yaml is a link to params.yaml again, with what it said\n")
        else:
            stale = True
            sys.stdout.write("differs: config.yaml is no longer a link to params.yaml, where DVC reads parameters\n")
    for path, text in config_files.rendered(folder, keep_values=True).items():
        if config_files.is_current(path, text):
            continue
        if write:
            files.write_text(path.resolve(), text)  # config.yaml is a link
            sys.stdout.write(f"written: {path}\n")
        else:
            stale = True
            sys.stdout.write(f"differs: {path}\n")
    if stale:
        sys.stdout.write(f"Run `{config_files.REGENERATE}` to write them.\n")
        raise typer.Exit(1)

"""Command of the plan: `scribetune why`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.cli.options import AsJson, ConfigFiles, Folder, Settings, called_again


def why(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET",
            help="A target (pages, labels, splits, adapter, merged, report, audit, benchmarks), a file that the build "
            "makes, or a folder such as models/adapter. Default: everything.",
            show_default=False,
        ),
    ] = None,
    settings: Settings = None,
    config_files: ConfigFiles = None,
    folder: Folder = Path(),
    as_json: AsJson = False,
) -> None:
    """Say what a build would run and why: because of which file, key, function or library. Runs nothing.

    It is asked of the build as it was last called; --set asks what another value would re-run.

    Keys of --json:
    targets: as asked;
    jobs: upstream first: job; causes (kind, name, change), kind being file,
    key, function, library, output, record or other; follows: jobs before it
    whose outputs it reads;
    notes: old names of keys, with the new ones; what such a build would replace.
    """
    with errors_in_words():
        from scribetune.build import reasons
        from scribetune.record import remembered

        called = called_again(folder, config_files, settings)
        explanation = reasons.explain(
            folder, targets or (), config_files=[folder / path for path in called.config_files], config=called.config
        )
        if as_json:
            sys.stdout.write(json.dumps(explanation.as_json(), ensure_ascii=False, indent=2) + "\n")
        else:
            words = explanation.words()
            if explanation.jobs:
                words += ["", f"To run them: {remembered.command(folder, *(targets or ()), build=called)}"]
            sys.stdout.write("".join(f"{shown(line)}\n" for line in words))

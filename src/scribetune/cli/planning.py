"""Command of the plan: `scribetune why`."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from scribetune.cli.messages import errors_in_words, shown
from scribetune.core.errors import UserError


def why(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET…",
            help="A target (pages, labels, splits, adapter, merged, report, audit, benchmarks), a file that the build "
            "makes, or a folder such as models/adapter. Default: everything.",
            show_default=False,
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="SECTION.KEY=VALUE", help="Ask what another value would re-run; may be given again."
        ),
    ] = None,
    config_files: Annotated[
        list[Path] | None, typer.Option("--configfile", metavar="FILE", help="As with snakemake --configfile.")
    ] = None,
    folder: Annotated[Path, typer.Option("--folder", metavar="DIR", help="The build's folder.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Say what a build would run and why: because of which file, key, function or library. Runs nothing.

    Keys of --json:
    targets: as asked;
    jobs: upstream first: job; causes (kind, name, change), kind being file,
    key, function, library, output, record or other; follows: jobs before it
    whose outputs it reads;
    notes: old names of keys in the configuration, with the new ones.
    """
    with errors_in_words():
        from scribetune.build import reasons

        explanation = reasons.explain(
            folder, targets or (), config_files=config_files or (), config=_nested(settings or ())
        )
        if as_json:
            sys.stdout.write(json.dumps(explanation.as_json(), ensure_ascii=False, indent=2) + "\n")
        else:
            sys.stdout.write("".join(f"{shown(line)}\n" for line in explanation.words()))


def _nested(settings: list[str] | tuple[str, ...]) -> dict[str, Any]:
    """Return {"train": {"optimization": {"learning_rate": 1e-4}}} of ["train.optimization.learning_rate=1e-4"].

    Raises:
        UserError: Not SECTION.KEY=VALUE.
    """
    import yaml

    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        *sections, key = name.split(".")
        if not (equals and sections and all(sections) and key):
            raise UserError(
                "--set needs a key and a value",
                value=setting,
                accepted="SECTION.KEY=VALUE, such as train.epochs=5",
                todo="config/README.md lists all keys",
            )
        # YAML 1.1 reads 1e-4 as text: the configuration's own checks turn it into a number.
        place = found
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = yaml.safe_load(value)
    return found

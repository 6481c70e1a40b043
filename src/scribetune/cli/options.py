"""Options that commands share: where the build is, its configuration, and `--set section.key=value`."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scribetune.core.errors import UserError

if TYPE_CHECKING:
    from scribetune.record.remembered import Remembered

Model = Annotated[
    str, typer.Option(help="Folder of a model; with --endpoint its name there. Default: the build's merged model.")
]
Endpoint = Annotated[
    str, typer.Option(metavar="URL", help="Read through a server with OpenAI's interface (http://127.0.0.1:8000/v1).")
]
Concurrency = Annotated[int, typer.Option(min=1, max=1024, help="Pages that an endpoint is asked for at a time.")]
Folder = Annotated[
    Path, typer.Option("--folder", "--directory", metavar="DIR", help="The build's folder (snakemake --directory).")
]
ConfigFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--configfile",
        metavar="FILE",
        help="Configuration, as with snakemake --configfile; may be given again. Default: what the folder was last "
        "built with.",
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="SECTION.KEY=VALUE", help="A key of the configuration, for this call; may be given again."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object with the keys listed above, for programs.")]
_GONE = ("pretraining",)
"""Sections that are accepted by an old name: what becomes of them is said when the configuration is checked."""


def nested(settings: Sequence[str]) -> dict[str, Any]:
    """Return {"train": {"epochs": "5"}} of ["train.epochs=5"]; scalars are text, as `snakemake --config` has them.

    Raises:
        UserError: Not SECTION.KEY=VALUE, no such section, or two settings that cannot both hold.
    """
    import yaml

    from scribetune.core.config import Config

    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        *sections, key = name.split(".")
        if not (equals and sections and all(sections) and key):
            raise UserError(
                "--set needs a key and a value", value=setting,
                accepted="SECTION.KEY=VALUE, such as train.epochs=5", todo="config/README.md lists all keys",
            )  # fmt: skip
        if sections[0] not in (*Config.model_fields, *_GONE):
            close = difflib.get_close_matches(sections[0], Config.model_fields, n=1)
            raise UserError(
                f"The configuration has no section {sections[0]!r}", value=setting,
                accepted=", ".join(Config.model_fields),
                todo=f"did you mean {close[0]}?" if close else "config/README.md lists all keys",
            )  # fmt: skip
        try:
            # The loader that Snakemake takes: 1e-4 and null are text, and the configuration's own checks convert them.
            given = yaml.load(value, Loader=yaml.BaseLoader)  # noqa: S506  makes texts, lists and mappings only
        except yaml.YAMLError as error:
            raise UserError(
                f"The value of {name} cannot be read: {' '.join(str(error).split())}", value=value,
                accepted="YAML in one line: 5, text, [en, zh]", todo="put quotes around what is no YAML",
            ) from error  # fmt: skip
        place = found
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                break
        if not isinstance(place, dict) or isinstance(place.get(key), Mapping):
            raise UserError(
                "Two settings cannot both hold: one is a section of the other", value=setting,
                accepted="SECTION.KEY=VALUE for keys", todo="leave one out",
            )  # fmt: skip
        place[key] = given
    return found


def called_again(folder: Path, config_files: Sequence[Path] | None, settings: Sequence[str] | None) -> "Remembered":
    """Return what a folder was last built with, with other configuration files and settings where they are given."""
    from scribetune.record import remembered

    build = remembered.last(folder)
    if config_files:
        build = replace(build, config_files=tuple(str(path.resolve()) for path in config_files))
    return replace(build, config=remembered.with_values(build.config, nested(settings or ())))

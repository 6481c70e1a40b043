"""What a working directory was last built with: configuration files, `--config` values, corpus and base model.

A call with other words must not replace the results of the last one in silence, and what tells people to build again
must name the flags of their build. It is kept in `work/build.json`, written when a build starts.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scribetune.core import files, package

RECORD = Path("work/build.json")
COMMAND = "snakemake --cores 1 --resources gpu=1"


@dataclass(frozen=True)
class Remembered:
    """What a build was called with."""

    config_files: tuple[str, ...] = ()  # of --configfile: absolute, or relative to the working directory
    config: Mapping[str, Any] = field(default_factory=dict)  # of --config, nested
    raw: str = ""  # the corpus: documents.raw, or data/samples
    documents: tuple[str, ...] = ()  # ids
    base_model: Mapping[str, Any] = field(default_factory=dict)  # the section base_model of the configuration


def read(folder: Path = Path()) -> Remembered | None:
    """Return what a folder was last built with; None where nothing says so."""
    try:
        values = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return Remembered(
            config_files=tuple(values["config_files"]),
            config=dict(values["config"]),
            raw=str(values["raw"]),
            documents=tuple(values["documents"]),
            base_model=dict(values["base_model"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(build: Remembered, folder: Path = Path()) -> None:
    """Remember a build."""
    files.write_json(folder / RECORD, asdict(build))


def command(folder: Path = Path(), *targets: str) -> str:
    """Return the command that builds a folder again, with the flags it was built with, for messages."""
    build = read(folder) or Remembered()
    words = ["snakemake", *targets, *COMMAND.split()[1:]]
    if folder.resolve() != Path.cwd().resolve():
        words += ["--directory", str(folder)]
    if build.config_files:
        words += ["--configfile", *build.config_files]
    if build.config:
        words += ["--config", *(f"{key}={_inline(value)}" for key, value in build.config.items())]
    return shlex.join(words)


def values(folder: Path = Path(), config_files: Sequence[Path] = ()) -> dict[str, Any]:
    """Return the configuration of a build as Snakemake merges it: the repository's, files, `--config`.

    Args:
        folder: Its working directory.
        config_files: Instead of those that are remembered.

    Raises:
        UserError: A file cannot be read as a configuration.
    """
    from scribetune.build.config_files import read_values

    build = read(folder) or Remembered()
    named = list(config_files) or [folder / path for path in build.config_files]
    merged: dict[str, Any] = {}
    for path in (package.REPOSITORY / "config" / "config.yaml", *named):
        merged = _merged(merged, read_values(path))
    return _merged(merged, build.config)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        held = merged.get(key)
        merged[key] = _merged(held, value) if isinstance(held, Mapping) and isinstance(value, Mapping) else value
    return merged


def _inline(value: Any) -> str:
    """Return a value as YAML in one line: {raw: pdfs}."""
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, width=100_000, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")

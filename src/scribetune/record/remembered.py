"""What a working directory was last built with: configuration files, `--config` values, corpus and base model.

A call with other words must not replace the results of the last one in silence, and what tells people to build again
must name the flags of their build. It is kept in `work/build.json`, written when a build starts.
"""

import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scribetune.core import files, layout, package
from scribetune.core.config import flatten, load
from scribetune.core.yaml_files import read_values

AROUND_A_JOB = True

RECORD = Path("work/build.json")
COMMAND = "scribetune build"
"""The command that builds, where no folder of a build is known."""

_CALLER = "SCRIBETUNE_CALLED_FROM"
_LINEAGES = (Path(layout.REPORTS, "lineage.json"), Path(layout.ADAPTER, "lineage.json"))
_PAGE_RECEIPTS = Path(".snakemake/receipts/render_pages")


@dataclass(frozen=True)
class Remembered:
    """What a build was called with."""

    config_files: tuple[str, ...] = ()  # of --configfile: absolute, or relative to the working directory
    config: Mapping[str, Any] = field(default_factory=dict)  # of --config, nested
    raw: str = ""  # the corpus: documents.raw, or data/samples; "" where it is not known
    documents: tuple[str, ...] = field(default=(), repr=False)  # ids
    base_model: Mapping[str, Any] = field(default_factory=dict)  # {"name", "revision"}


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


def last(folder: Path = Path()) -> Remembered:
    """Return what a folder was last built with, as far as its records say so.

    Raises:
        UserError: The repository's configuration cannot be read.
    """
    return read(folder) or Remembered(config=as_recorded(folder))


def write(build: Remembered, folder: Path = Path()) -> None:
    """Remember a build."""
    files.write_json(folder / RECORD, asdict(build))


def note_caller(directory: object) -> None:
    """Keep, for this process and its jobs, where the terminal is; called when the workflow is read.

    Args:
        directory: Of snakemake --directory; Snakemake has gone there by now, and jobs begin there. None without it.
    """
    said = Path(os.environ.get("PWD", ""))
    is_known = directory is not None and said.is_absolute() and said.is_dir()
    os.environ.setdefault(_CALLER, str(said if is_known else Path.cwd()))


@contextmanager
def called_from_here() -> Iterator[None]:
    """While a workflow is read within this process: what it notes of its caller is this folder, and then forgotten."""
    before = os.environ.get(_CALLER)
    os.environ[_CALLER] = before or str(Path.cwd())
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CALLER]


def command(folder: Path = Path(), *targets: str, build: Remembered | None = None) -> str:
    """Return the command that builds a folder again, with the flags it was built with, for messages.

    Args:
        folder: The build's working directory.
        targets: What to build; none for everything.
        build: Flags instead of those that are remembered.
    """
    build = build or last(folder)
    caller = Path(os.environ.get(_CALLER) or Path.cwd())
    words = [*COMMAND.split(), *targets]
    if folder.resolve() != caller.resolve():
        words += ["--directory", _from(caller, folder)]
    for path in build.config_files:
        words += ["--configfile", _from(caller, folder / path)]
    for key, value in flatten(without_consent(build.config)).items():
        words += ["--set", f"{key}={inline(value)}"]
    return shlex.join(words)


def flags(build: Remembered) -> list[str]:
    """Return what snakemake is called with for these flags: the last words of a command, since they take all others."""
    words = ["--configfile", *build.config_files] if build.config_files else []
    if build.config:
        words += ["--config", *(f"{key}={inline(value)}" for key, value in build.config.items())]
    return words


def values(folder: Path = Path(), config_files: Sequence[Path] = ()) -> dict[str, Any]:
    """Return the configuration of a build as Snakemake merges it: the repository's, files, `--config`.

    Args:
        folder: Its working directory.
        config_files: Instead of those that are remembered.

    Raises:
        UserError: A file cannot be read as a configuration.
    """
    build = last(folder)
    merged = _of_repository(folder)
    for path in list(config_files) or [folder / path for path in build.config_files]:
        merged = with_values(merged, read_values(path))
    return with_values(merged, without_consent(build.config))


def without_consent(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested values without `results.replace`: consent to replace results is for one call."""
    kept = dict(config)
    if isinstance(results := kept.get("results"), Mapping):
        kept["results"] = {key: value for key, value in results.items() if key != "replace"}
    return {key: value for key, value in kept.items() if value != {}}


def with_values(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested values with others put over them, key by key, as Snakemake does it."""
    merged = dict(below)
    for key, value in above.items():
        held = merged.get(key)
        merged[key] = with_values(held, value) if isinstance(held, Mapping) and isinstance(value, Mapping) else value
    return merged


def inline(value: Any) -> str:
    """Return a value in one line, as `--config` takes it and `--set` too: {raw: pdfs}. Both read scalars as text."""
    import yaml

    class Dumper(yaml.SafeDumper):
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  a text that looks like a number needs no quotes

    text = yaml.dump(
        _as_text(value), Dumper=Dumper, default_flow_style=True, width=100_000, allow_unicode=True, sort_keys=False
    )
    return str(text).removesuffix("\n").removesuffix("\n...")


def _as_text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _as_text(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_as_text(held) for held in value]
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _from(caller: Path, path: Path) -> str:
    """Return a path as somebody in a folder would type it: relative where it lies below."""
    absolute, top = Path(os.path.abspath(path)), Path(os.path.abspath(caller))  # noqa: PTH100  links stay as typed
    return str(absolute.relative_to(top) if absolute.is_relative_to(top) else absolute)


def drawn_from(folder: Path) -> str:
    """Return the folder of PDFs that a build's pages were drawn from, as it was given; "" where nothing says so."""
    for path in sorted((folder / _PAGE_RECEIPTS).glob("*.json")):
        try:
            return str(json.loads(path.read_bytes())["settings"]["raw"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # damaged: the job has no proof, and runs again
    return ""


def _has_workflow(folder: Path) -> bool:
    return (folder / "Snakefile").is_file()


def _of_repository(folder: Path) -> dict[str, Any]:
    home = folder if _has_workflow(folder) else package.REPOSITORY
    return read_values(home / "config" / "config.yaml")


def as_recorded(folder: Path) -> dict[str, Any]:
    """Return what a folder of its own was configured with, where that is not what the repository's configuration says.

    Of builds that nothing was remembered of: their lineage has the keys that decide, and a receipt the folder of PDFs.
    In the repository itself, the configuration that is there says what the next build is to be.
    """
    if _has_workflow(folder):
        return {}
    recorded: dict[str, Any] = {}
    for path in _LINEAGES:
        try:
            recorded = flatten(json.loads((folder / path).read_bytes())["configuration"])
            break
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # not there, or damaged: the audit says so
    raw = drawn_from(folder)
    recorded |= {"documents.raw": raw} if raw and raw != layout.SAMPLES else {}
    there = flatten(load(_of_repository(folder), say=lambda _: None).model_dump(mode="json"))
    found: dict[str, Any] = {}
    for name, value in recorded.items():
        if name in there and there[name] != value:
            *sections, key = name.split(".")
            place = found
            for section in sections:
                place = place.setdefault(section, {})
            place[key] = value
    return found

"""What a working directory was last built with: configuration files, `--config` values, corpus and base model.

A call with other words must not replace the results of the last one in silence, and what tells people to build again
must name the flags of their build. It is kept in `work/build.json`, written when a build starts.
"""

import contextlib
import json
import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from scribetune.build.plan_documents import InputDocuments
from scribetune.core import files, layout, package
from scribetune.core.config import BaseModelChoice
from scribetune.core.errors import UserError
from scribetune.core.file_hashes import FileHashes

RECORD = Path("work/build.json")
COMMAND = "snakemake --cores 1 --resources gpu=1"
_OF_BASE = (layout.ADAPTER, layout.MERGED, layout.PREDICTIONS)
_OF_CORPUS = (layout.PAGES, layout.LABELS, layout.SPLITS, *_OF_BASE)


@dataclass(frozen=True)
class Remembered:
    """What a build was called with."""

    config_files: tuple[str, ...] = ()  # of --configfile: absolute, or relative to the working directory
    config: Mapping[str, Any] = field(default_factory=dict)  # of --config, nested
    raw: str = ""  # the corpus: documents.raw, or data/samples; "" where it is not known
    documents: Mapping[str, str] = field(default_factory=dict, repr=False)  # id → sha256 of the PDF; "": not known
    base_model: Mapping[str, Any] = field(default_factory=dict)  # {"name", "revision"}

    @property
    def corpus(self) -> str:
        """The corpus in words."""
        if self.raw == layout.SAMPLES:
            return f"the sample corpus ({layout.RAW} holds no PDF)"
        return f"{len(self.documents)} document(s) of {self.raw or 'an earlier version of this project'}"


def of_call(
    config: Mapping[str, Any], config_files: Sequence[Path], documents: InputDocuments, model: BaseModelChoice
) -> Remembered:
    """Return what a build is called with.

    Args:
        config: What came by `--config`.
        config_files: What came by `--configfile`.
        documents: Its corpus.
        model: Its base model.
    """
    here = Path.cwd().resolve()
    named = (path.resolve() for path in config_files)
    return Remembered(
        config_files=tuple(str(path.relative_to(here) if path.is_relative_to(here) else path) for path in named),
        config=_without_consent(config),
        raw=documents.raw_folder,
        documents=dict.fromkeys((document.id for document in documents.all), ""),
        base_model={"name": model.name, "revision": model.revision},
    )


def read(folder: Path = Path()) -> Remembered | None:
    """Return what a folder was last built with; None where nothing says so.

    The lineage of its adapter tells of a build by an earlier version, and of one that came by `dvc pull`.
    """
    if values := _json(folder / RECORD):
        return replace(Remembered(**values), config_files=tuple(values["config_files"]))
    if lineage := _json(folder / layout.ADAPTER / "lineage.json"):
        documents = {row["document"]: row["sha256"] for row in lineage["documents"]}
        is_sample = all((folder / layout.SAMPLES / f"{document}.pdf").exists() for document in documents)
        base = {key: lineage["base_model"].get(key) for key in ("name", "revision")}
        return Remembered(raw=layout.SAMPLES if is_sample else "", documents=documents, base_model=base)
    return None


def hashed(build: Remembered, documents: InputDocuments) -> Remembered:
    """Return a build with the hashes of its documents, as far as they are there and can be read."""
    found = dict(build.documents)
    with FileHashes(Path()) as hashes:
        for document in (each for each in documents.all if not each.fault):
            with contextlib.suppress(OSError):  # its row says what is wrong with it
                found[document.id] = hashes.sha256(document.path.as_posix())
    return replace(build, documents=found)


def write(build: Remembered, folder: Path = Path()) -> None:
    """Remember a build."""
    files.write_json(folder / RECORD, asdict(build))


def check(
    now: Remembered, consent: Sequence[str], has_all: Callable[[Remembered], bool], folder: Path = Path()
) -> None:
    """Refuse a build that would replace the results of another corpus or base model.

    The sample corpus, which stands in while there are no PDFs, gives way without being asked for; so does a corpus
    that has grown, moved or lost less than half of its documents.

    Args:
        now: What the build is called with.
        consent: `results.replace`: names of the corpus and base model whose results may go.
        has_all: Tells whether the call's corpus has every document of an earlier build, by content; asked where its
            folder is another.
        folder: Its working directory.

    Raises:
        UserError: With what would be replaced, and the ways on.
    """
    before = read(folder)
    if before is None or (before.raw == layout.SAMPLES != now.raw):
        return
    names = {name.rstrip("/") for name in consent}
    changes, there = [], []
    if (held := _held(folder, _OF_CORPUS)) and not _same_corpus(before, now, has_all):
        changes.append((before.raw or "corpus", "corpus", before.corpus, now.corpus))
        there = held
    if (held := _held(folder, _OF_BASE)) and not _same_base(before, now):
        changes.append((_base(before), "base model", _base(before), _base(now)))
        there = there or held
    changes = [change for change in changes if change[0].rstrip("/") not in names]
    if not changes:
        return
    asked = ", ".join(name for name, *_ in changes)
    allowed = {**now.config, "results": {"replace": [*consent, *(name for name, *_ in changes)]}}
    raise UserError(
        f"The results in this folder are of another {' and '.join(kind for _, kind, *_ in changes)}, and would be "
        f"replaced: {', '.join(there)}",
        value="; ".join(f"there: {old}; asked for: {new}" for _, _, old, new in changes),
        accepted="what this folder was built with, a folder of its own, or consent by name",
        todo="\n    ".join(
            (
                "one of",
                f"build what is here again:    {command_of(before, folder)}",
                f"build the other beside it:   {command_of(now, folder.resolve().with_name('another-folder'))}",
                f"replace the results of {asked}: {command_of(replace(now, config=allowed), folder)}",
            )
        ),
    )


def _held(folder: Path, names: Sequence[str]) -> list[str]:
    return [name for name in names if any((folder / name).glob("*"))]


def _same_corpus(before: Remembered, now: Remembered, has_all: Callable[[Remembered], bool]) -> bool:
    if layout.SAMPLES in (before.raw, now.raw):
        return before.raw == now.raw
    if before.raw in (now.raw, ""):
        left = sum(name in now.documents for name in before.documents)
        return 2 * left >= len(before.documents)
    return has_all(before)


def same_base(now: Remembered, folder: Path = Path()) -> bool:
    """Tell whether a call has the base model that a folder was last built with, as far as anything says so."""
    before = read(folder)
    return before is None or _same_base(before, now)


def _same_base(before: Remembered, now: Remembered) -> bool:
    old, new = (str(build.base_model.get("name", "")) for build in (before, now))
    revisions = {build.base_model.get("revision") for build in (before, now)}
    return (old == new or Path(old).resolve() == Path(new).resolve()) and len(revisions) == 1


def _base(build: Remembered) -> str:
    return str(build.base_model.get("name", "?"))


def command(folder: Path = Path(), *targets: str) -> str:
    """Return the command that builds a folder again, with the flags it was built with, for messages."""
    return command_of(read(folder) or Remembered(), folder, *targets)


def command_of(build: Remembered, folder: Path = Path(), *targets: str) -> str:
    """Return the command of a build of a folder, for messages."""
    words = ["snakemake", *targets, *COMMAND.split()[1:]]
    # Snakemake changes to the folder of --directory; a shell says where it was called.
    if Path(os.environ.get("PWD", "")).resolve() != package.REPOSITORY:
        words += ["-s", str(package.REPOSITORY / "Snakefile")]
    if folder.resolve() != package.REPOSITORY:
        words += ["--directory", str(folder.resolve())]
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


def _without_consent(config: Mapping[str, Any]) -> dict[str, Any]:
    """Consent is for one call."""
    kept = dict(config)
    if isinstance(results := kept.get("results"), Mapping):
        kept["results"] = {key: value for key, value in results.items() if key != "replace"}
    return {key: value for key, value in kept.items() if value != {}}


def _json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _inline(value: Any) -> str:
    """Return a value as YAML in one line: {raw: pdfs}."""
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, width=100_000, allow_unicode=True, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")

"""Whether a call may replace the results that are there: those of another corpus or base model need consent by name."""

import json
import os
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scribetune.build.plan_documents import InputDocuments
from scribetune.core import csv_files, layout
from scribetune.core.config import BaseModelChoice
from scribetune.core.errors import UserError
from scribetune.record import remembered
from scribetune.record.remembered import Remembered

_OF_BASE = (layout.ADAPTER, layout.MERGED, layout.PREDICTIONS)
HasAll = Callable[[Collection[str]], bool]
"""Tells whether the corpus of a call has all documents of these hashes."""
_UNKNOWN = "corpus"
"""Name of a corpus whose folder nothing tells."""
_OF_CORPUS = (layout.PAGES, layout.LABELS, layout.SPLITS, *_OF_BASE)


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
        config=remembered.without_consent(config),
        raw=documents.raw_folder,
        documents=tuple(document.id for document in documents.all),
        base_model={"name": model.name, "revision": model.revision},
    )


def check(
    now: Remembered,
    consent: Sequence[str],
    has_all: HasAll,
    folder: Path = Path(),
    *,
    require_base: Callable[[], object] = lambda: None,
) -> None:
    """Refuse a build that would replace the results of another corpus or base model.

    The sample corpus, which stands in while there are no PDFs, gives way without being asked for; so does a corpus
    that has grown, moved or lost less than half of its documents.

    Args:
        now: What the build is called with.
        consent: `results.replace`: names of the corpus and base model whose results may go.
        has_all: Asked of the documents whose results are there, where the corpus has another folder.
        folder: Its working directory.
        require_base: Called where the base model is another: that it is not there is the first thing to say.

    Raises:
        UserError: With what would be replaced, and the ways on.
    """
    before = _before(folder)
    if before is None:
        return
    if not _same_base(before, now):
        require_base()
    if not (changes := _changes(before, now, consent, has_all, folder)):
        return
    agreed = [*consent, *(change.name for change in changes)]
    in_its_place = " ".join([remembered.command(folder, build=now), *(f"--replace {shlex.quote(n)}" for n in agreed)])
    raise UserError(
        f"The results in this folder are of another {' and '.join(change.kind for change in changes)}, and would be "
        f"replaced: {', '.join(changes[0].results)}",
        value="; ".join(f"there: {change.before}; asked for: {change.now}" for change in changes),
        accepted="what this folder was built with, a folder of its own, or consent by name (results.replace)",
        todo="\n    ".join(
            (
                "one of",
                f"build what is here again:   {remembered.command(folder, build=before)}",
                f"build the other beside it:  {remembered.command(folder / 'another-folder', build=now)}",
                f"replace what is here:       {in_its_place}",
            )
        ),
    )


def needed(now: Remembered, has_all: HasAll, folder: Path = Path()) -> list[str]:
    """Return the names that a call needs consent for; arguments are those of `check`."""
    before = _before(folder)
    return [] if before is None else [change.name for change in _changes(before, now, (), has_all, folder)]


def everything(folder: Path = Path()) -> list[str]:
    """Return consent to replace whatever is there: for those who ask what would run, and run nothing."""
    before = _before(folder)
    return [] if before is None else [before.raw or _UNKNOWN, _base(before)]


@dataclass(frozen=True)
class _Change:
    name: str  # what consent calls it
    kind: str
    before: str
    now: str
    results: Sequence[str]  # folders of what would be replaced


def _changes(
    before: Remembered, now: Remembered, consent: Sequence[str], has_all: HasAll, folder: Path
) -> list[_Change]:
    """Return what is another than it was, has results, and is not consented to."""
    if before.raw == layout.SAMPLES != now.raw:
        return []
    changes = []
    if (held := _held(folder, _OF_CORPUS)) and not _same_corpus(before, now, has_all, folder):
        changes.append(_Change(before.raw or _UNKNOWN, "corpus", _corpus(before), _corpus(now), held))
    if (held := _held(folder, _OF_BASE)) and not _same_base(before, now):
        changes.append(_Change(_base(before), "base model", _base(before), _base(now), held))
    names = {name.rstrip("/") for name in consent}
    return [change for change in changes if change.name.rstrip("/") not in names]


def _before(folder: Path) -> Remembered | None:
    """Return what the results that are there were built with; None where nothing says so.

    Receipts and lineage say it first: they move with the results, by git and DVC, and `work/build.json` does not.
    """
    build = remembered.last(folder)
    raw = remembered.drawn_from(folder) or build.raw
    base = _base_of_adapter(folder) or build.base_model
    if not raw and not base:
        return None
    documents = _folders(folder / layout.PAGES) or list(build.documents)
    if build.raw != raw:
        build = replace(build, config=remembered.as_recorded(folder), config_files=())
    return replace(build, raw=raw, documents=tuple(sorted(documents)), base_model=base)


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:  # which knows what is a folder without a look at each
            return [entry.name for entry in entries if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _base_of_adapter(folder: Path) -> dict[str, Any]:
    try:
        lineage = json.loads((folder / layout.ADAPTER / "lineage.json").read_text(encoding="utf-8"))
        return {key: lineage["base_model"].get(key) for key in ("name", "revision")}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # not there, or damaged: the audit says so


def _hashes(folder: Path) -> set[str]:
    """Return the SHA-256 of the documents whose results are there, as their manifests have them."""
    manifests = sorted((folder / layout.MANIFESTS / "documents").glob("*.csv"))
    return {row["sha256"] for path in manifests for row in csv_files.read(path)} - {""}


def _held(folder: Path, names: Sequence[str]) -> list[str]:
    return [name for name in names if any((folder / name).glob("*"))]


def _same_corpus(before: Remembered, now: Remembered, has_all: HasAll, folder: Path) -> bool:
    if layout.SAMPLES in (before.raw, now.raw):
        return before.raw == now.raw
    if before.raw in (now.raw, ""):
        return 2 * len(set(before.documents).intersection(now.documents)) >= len(set(before.documents))
    return has_all(_hashes(folder))


def _same_base(before: Remembered, now: Remembered) -> bool:
    if not before.base_model:
        return True
    old, new = (str(build.base_model.get("name", "")) for build in (before, now))
    revisions = {build.base_model.get("revision") or "" for build in (before, now)}
    return (old == new or Path(old).resolve() == Path(new).resolve()) and len(revisions) == 1


def _corpus(build: Remembered) -> str:
    if build.raw == layout.SAMPLES:
        return f"the sample corpus ({layout.RAW} holds no document)"
    return f"{len(build.documents)} document(s) of {build.raw or 'an earlier version of this project'}"


def _base(build: Remembered) -> str:
    return str(build.base_model.get("name", "?"))

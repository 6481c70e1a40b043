"""What changed between two lineages, in words and as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scribetune.audit import history, lineage_reader
from scribetune.audit.answers import HEADLINE, in_words
from scribetune.audit.lineage_reader import DocumentRow, Lineage, PageRow
from scribetune.core.config import flatten
from scribetune.core.errors import UserError, counted
from scribetune.core.old_names import with_new_names

_SHOWN_NAMES = 5


@dataclass(frozen=True)
class Change:
    """One value before and after; None where it is not there."""

    before: Any
    after: Any


@dataclass(frozen=True)
class Differences:
    """What changed from one lineage to another. Lists of documents and pages hold ids, sorted."""

    added: tuple[str, ...]  # documents that only the newer one has (renamed ones left out)
    withdrawn: tuple[str, ...]  # documents that only the older one has
    renamed: Mapping[str, str]  # old id → new id, the content being the same
    changed: tuple[str, ...]  # documents whose content changed
    moved: Mapping[str, Change]  # document → its split before and after
    relabelled: tuple[str, ...]  # pages of both whose label changed
    rendered_anew: tuple[str, ...]  # pages of both whose image changed
    pages_added: tuple[str, ...]  # pages that only the newer one has, of documents of both
    pages_withdrawn: tuple[str, ...]  # pages that only the older one has, of documents of both
    configuration: Mapping[str, Change]  # `section.key` → values, of training and predictions
    code: Mapping[str, Change]  # rule → digests
    environment: Mapping[str, Change]  # "lock", "digest" and libraries → values
    base_model: Mapping[str, Change]  # "name", "revision" and files → values
    hardware: Mapping[str, Change]  # fact → values
    training: Mapping[str, Change]  # fact → values
    adapter: Mapping[str, Change]  # file → digests
    # headline aggregate of the tuned model → values; "base.<name>" where the base's changed
    metrics: Mapping[str, Change]
    version: Change | None  # of scribetune; None where it is the same

    def as_json(self) -> dict[str, Any]:
        """Return plain values: each attribute under its name, each change as {"before", "after"}."""
        return asdict(self)

    def in_words(self) -> list[str]:
        """Return one line per kind of change, the data first and the scores last; one line where nothing changed."""
        lines = [
            *_listed("{} added", self.added, "document"),
            *_listed("{} withdrawn", self.withdrawn, "document"),
            *_listed("{} renamed", [f"{old} → {new}" for old, new in self.renamed.items()], "document"),
            *_listed("{} changed content", self.changed, "document"),
            *_listed(
                "{} moved to another split",
                [f"{name}: {change.before} → {change.after}" for name, change in self.moved.items()],
                "document",
            ),
            *_listed("{} relabelled", self.relabelled, "page"),
            *_listed("{} rendered anew", self.rendered_anew, "page"),
            *_listed("{} of documents in both added", self.pages_added, "page"),
            *_listed("{} of documents in both withdrawn", self.pages_withdrawn, "page"),
            *(
                f"{key} {in_words(change.before)} → {in_words(change.after)}"
                for key, change in self.configuration.items()
            ),
            *(f"code of {rule} changed" for rule in self.code),
        ]
        if self.version:
            lines.append(f"scribetune {self.version.before} → {self.version.after}")
        for name, changes in (
            ("environment", self.environment),
            ("base model", self.base_model),
            ("hardware", self.hardware),
        ):
            if changes:
                lines.append(f"{name} changed: {_pairs(changes)}")
        if self.training:
            lines.append(f"training: {_pairs(self.training)}")
        lines.append("the adapter is another" if self.adapter else "the adapter is the same, byte for byte")
        lines += [
            f"{name} {in_words(change.before)} → {in_words(change.after)}" for name, change in self.metrics.items()
        ]
        return lines


def between(before: Lineage, after: Lineage) -> Differences:
    """Compare two lineages."""
    old, new = _by_id(before.documents), _by_id(after.documents)
    renamed = _renamed(old, new)
    both = sorted(old.keys() & new.keys())
    old_pages, new_pages = {row.id: row for row in before.pages}, {row.id: row for row in after.pages}
    scored = bool(before.metrics and after.metrics)  # an adapter's own lineage has no scores to compare
    same_pages = sorted(old_pages.keys() & new_pages.keys())
    return Differences(
        added=tuple(sorted(new.keys() - old.keys() - set(renamed.values()))),
        withdrawn=tuple(sorted(old.keys() - new.keys() - set(renamed))),
        renamed=renamed,
        changed=tuple(name for name in both if old[name].sha256 != new[name].sha256),
        moved={name: Change(old[name].split, new[name].split) for name in both if old[name].split != new[name].split},
        relabelled=tuple(i for i in same_pages if old_pages[i].label_sha256 != new_pages[i].label_sha256),
        rendered_anew=tuple(i for i in same_pages if old_pages[i].image_sha256 != new_pages[i].image_sha256),
        pages_added=_only_in(new_pages, old_pages, both),
        pages_withdrawn=_only_in(old_pages, new_pages, both),
        configuration=_changes(_flat(before, scored=scored), _flat(after, scored=scored)),
        code=_changes(before.code, after.code),
        environment=_changes(_environment(before), _environment(after)),
        base_model=_changes(_base(before), _base(after)),
        hardware=_changes(before.hardware, after.hardware),
        training=_changes(before.training, after.training),
        adapter=_changes(before.adapter, after.adapter),
        metrics=_changes(_metrics(before), _metrics(after)) if scored else {},
        version=None if before.scribetune == after.scribetune else Change(before.scribetune, after.scribetune),
    )


def named(folder: Path, name: str) -> Lineage:
    """Return the lineage that one side of a comparison names.

    Raises:
        UserError: None of these, or it cannot be read.
    """
    for path in (Path(name), folder / name):
        if path.is_file() or (path / lineage_reader.FILE_NAME).is_file():
            return lineage_reader.read(path)
        if (path / history.BUILD).is_file() or (path / history.ADAPTER).is_file():
            return history.working_tree(path).lineage
    try:
        return history.at(folder, name).lineage
    except UserError as error:
        if error.what.startswith(("No such revision", "A revision can only")):
            raise UserError(
                "Neither a revision nor a lineage", value=name,
                accepted="a git revision, a lineage.json, an adapter's folder, or the folder of a build",
                todo="scribetune log lists the revisions with an adapter",
            ) from error  # fmt: skip
        raise


def _by_id(rows: Sequence[DocumentRow]) -> dict[str, DocumentRow]:
    return {row.document: row for row in rows}


def _renamed(old: Mapping[str, DocumentRow], new: Mapping[str, DocumentRow]) -> dict[str, str]:
    gone = {old[name].sha256: name for name in sorted(old.keys() - new.keys(), reverse=True)}
    come = {new[name].sha256: name for name in sorted(new.keys() - old.keys(), reverse=True)}
    return {gone[content]: come[content] for content in sorted(gone.keys() & come.keys(), key=gone.__getitem__)}


def _only_in(these: Mapping[str, PageRow], those: Mapping[str, PageRow], documents: Sequence[str]) -> tuple[str, ...]:
    wanted = set(documents)
    return tuple(sorted(page for page in these.keys() - those.keys() if these[page].document in wanted))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Change]:
    return {
        key: Change(before.get(key), after.get(key))
        for key in [*before, *(key for key in after if key not in before)]
        if before.get(key) != after.get(key)
    }


def _flat(lineage: Lineage, *, scored: bool) -> dict[str, Any]:
    sections = {**lineage.configuration, **({"generate": lineage.generation} if scored else {})}
    return flatten(with_new_names(sections)[0])


def _environment(lineage: Lineage) -> dict[str, str]:
    environment = lineage.environment
    return {"lock": environment.lock, "pins": environment.digest, **environment.libraries}


def _base(lineage: Lineage) -> dict[str, str]:
    return {"name": lineage.base_model.name, "revision": lineage.base_model.revision or "", **lineage.base_model.files}


def _metrics(lineage: Lineage) -> dict[str, float]:
    """Return headline aggregates of the tuned model, and of the base model as base.<name>."""
    found = {name: lineage.metric("tuned", name) for name in HEADLINE}
    found |= {f"base.{name}": lineage.metric("base", name) for name in HEADLINE}
    return {name: value for name, value in found.items() if value is not None}


def _listed(what: str, names: Sequence[str], noun: str) -> list[str]:
    if not names:
        return []
    more = f", and {len(names) - _SHOWN_NAMES:,} more" if len(names) > _SHOWN_NAMES else ""
    return [f"{what.format(counted(len(names), noun))} ({', '.join(names[:_SHOWN_NAMES])}{more})"]


def _pairs(changes: Mapping[str, Change]) -> str:
    return ", ".join(f"{name} {in_words(change.before)} → {in_words(change.after)}" for name, change in changes.items())

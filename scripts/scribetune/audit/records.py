"""A lineage (models/adapter/lineage.json or reports/lineage.json) as typed, frozen rows."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from scribetune.errors import UserError

# As `scribetune.lineage.SCHEMA` and `scribetune.adapters.WEIGHTS`, which import more than a query should wait for; a
# test compares them.
SCHEMA = "scribetune-lineage/1"
WEIGHTS = "adapter_model.safetensors"
FILE_NAME = "lineage.json"
SPLITS = ("train", "validation", "test")
CORRECTION = "correction"

_REBUILD = "build it again: snakemake --cores 1 --resources gpu=1"
_ACCEPTED = f"a {FILE_NAME} that the build wrote, schema {SCHEMA}"
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """One document with at least one page in a split; `path` is relative to the folder of input PDFs."""

    document: str
    path: str
    sha256: str
    split: str


@dataclass(frozen=True, slots=True)
class PageRow:
    """One page in a split: `page` counts from 1; `reviewer` is "" where nobody is named."""

    id: str
    document: str
    page: int
    split: str
    image_sha256: str
    label_sha256: str
    label_source: str
    reviewer: str


@dataclass(frozen=True, slots=True)
class Environment:
    """The lock file's name, the digest of its pins, and {library: version} as installed."""

    lock: str
    digest: str
    libraries: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BaseModel:
    """What an adapter was trained on: `files` maps the names of local files to their SHA-256."""

    name: str
    revision: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lineage:
    """What an adapter was made from, and, where the whole build was recorded, what was made from it.

    Attributes:
        origin: Where it was read: a path, or a revision and a path.
        scribetune: Version of this package that wrote it.
        adapter: Name → SHA-256 of the adapter's files.
        base_model: What it was trained on.
        documents: Sorted by document id.
        pages: Sorted by page id.
        configuration: Section → {key: value} of every key that had a part in the adapter.
        code: Rule → digest of the code it ran.
        environment: Lock and libraries.
        training: What the training did (backend, steps, losses, pages left out, …).
        hardware: Processor, cores, GPUs.
        merged: merge_proof.json; {} in an adapter's own lineage.
        generation: Configuration of the predictions; {} in an adapter's own lineage.
        metrics: "base", "tuned", "change", "retention" → {metric: value}; {} in an adapter's own lineage.
        outputs: Path → SHA-256 of the evaluation's files; {} in an adapter's own lineage.
        benchmarks: Public benchmark → kind, truth (file → SHA-256), pages, leakage, columns with both models' scores.
    """

    origin: str
    scribetune: str
    adapter: Mapping[str, str]
    base_model: BaseModel
    documents: tuple[DocumentRow, ...]
    pages: tuple[PageRow, ...]
    configuration: Mapping[str, Mapping[str, Any]]
    code: Mapping[str, str]
    environment: Environment
    training: Mapping[str, Any]
    hardware: Mapping[str, Any]
    merged: Mapping[str, Any]
    generation: Mapping[str, Any]
    metrics: Mapping[str, Any]
    outputs: Mapping[str, str]
    benchmarks: Mapping[str, Any] = field(default_factory=dict)

    @property
    def weights_sha256(self) -> str:
        """SHA-256 of the adapter's weights, which names the adapter; "" where the lineage lacks it."""
        return self.adapter.get(WEIGHTS, "")

    @property
    def merged_files(self) -> Mapping[str, str]:
        """Name → SHA-256 of the merged model's files; {} in an adapter's own lineage."""
        found: Mapping[str, str] = self.merged.get("merged", {}).get("sha256", {})
        return found

    @property
    def skipped_pages(self) -> frozenset[str]:
        """Ids of train and validation pages that the training left out (longer than `train.max_tokens`)."""
        return frozenset(str(row["id"]) for row in self.training.get("skipped", ()) if "id" in row)

    def pages_of(self, document: str) -> tuple[PageRow, ...]:
        """Return a document's pages, sorted."""
        return tuple(page for page in self.pages if page.document == document)

    def metric(self, model: str, name: str) -> float | None:
        """Return an aggregate of "base" or "tuned"; None where it was not counted or nothing was scored."""
        value = self.metrics.get(model, {}).get(name)
        return float(value) if isinstance(value, int | float) else None


def read(path: Path) -> Lineage:
    """Read a lineage; `path` is the file, or a folder that holds a lineage.json.

    Raises:
        UserError: No such file, or not a lineage.
    """
    path = path / FILE_NAME if path.is_dir() else path
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"The lineage cannot be read ({error.strerror})", value=str(path), accepted=_ACCEPTED, todo=_REBUILD
        ) from error
    return parse(content, str(path))


def parse(content: bytes, origin: str) -> Lineage:
    """Return the lineage in a file's content.

    Args:
        content: UTF-8 JSON.
        origin: Where it came from, for messages.

    Raises:
        UserError: Not JSON, another schema, or something missing in it.
    """
    try:
        record = json.loads(content)
    except ValueError as error:  # json.JSONDecodeError and UnicodeDecodeError
        raise UserError(
            f"The lineage is not JSON ({error})", value=origin, accepted=_ACCEPTED, todo=_REBUILD
        ) from error
    schema = record.get("schema") if isinstance(record, dict) else None
    if schema != SCHEMA:
        raise UserError(
            f"{origin} is no lineage that this version reads: its schema", value=schema or "none",
            accepted=SCHEMA, todo="use the version of scribetune that wrote it, or " + _REBUILD,
        )  # fmt: skip
    try:
        return _lineage(record, origin)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"The lineage is damaged ({what})", value=origin, accepted=_ACCEPTED, todo=_REBUILD) from error


def _lineage(record: Mapping[str, Any], origin: str) -> Lineage:
    environment, base = _section(record, "environment"), _section(record, "base_model")
    return Lineage(
        origin=origin,
        scribetune=str(record["scribetune"]),
        adapter=_section(record, "adapter"),
        base_model=BaseModel(base["name"], base["revision"] or "", _section(base, "files")),
        documents=_rows(record, "documents", _document),
        pages=_rows(record, "pages", _page),
        configuration=_section(record, "configuration"),
        code=_section(record, "code"),
        environment=Environment(environment["lock"], environment["digest"], _section(environment, "libraries")),
        training=_section(record, "training"),
        hardware=_section(record, "hardware"),
        merged=_section(record, "merged", {}),
        generation=_section(record, "generation", {}),
        metrics=_section(record, "metrics", {}),
        outputs=_section(record, "outputs", {}),
        benchmarks=_section(record, "benchmarks", {}),
    )


def _section(record: Mapping[str, Any], name: str, default: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    value = record[name] if default is None else record.get(name, default)
    if not isinstance(value, dict):
        raise TypeError(f"{name} is {type(value).__name__}, expected an object")
    return value


def _rows(record: Mapping[str, Any], name: str, of: Callable[[Mapping[str, Any]], _Row]) -> tuple[_Row, ...]:
    value = record[name]
    if not isinstance(value, list):
        raise TypeError(f"{name} is {type(value).__name__}, expected a list")
    return tuple(map(of, value))


def _document(row: Mapping[str, Any]) -> DocumentRow:
    return DocumentRow(str(row["document"]), str(row["path"]), str(row["sha256"]), str(row["split"]))


def _page(row: Mapping[str, Any]) -> PageRow:
    return PageRow(
        str(row["id"]),
        str(row["document"]),
        int(row["page"]),
        str(row["split"]),
        str(row["image_sha256"]),
        str(row["label_sha256"]),
        str(row["label_source"]),
        str(row["reviewer"]),
    )

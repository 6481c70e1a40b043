"""A lineage (models/adapter/lineage.json or reports/lineage.json) as typed, frozen rows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribetune.core.errors import UserError
from scribetune.record.remembered import COMMAND

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError

# As `audit.lineage.SCHEMA` and `models.adapters.WEIGHTS`, which import more than a query should wait for; a test
# compares them.
SCHEMA = "scribetune-lineage/1"
WEIGHTS = "adapter_model.safetensors"
FILE_NAME = "lineage.json"
SPLITS = ("train", "validation", "test")

_REBUILD = f"build it again: {COMMAND}"
_ACCEPTED = f"a {FILE_NAME} that the build wrote, schema {SCHEMA}"


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
    """What an adapter was trained on: `files` maps the names of local files to their SHA-256; "" is no revision."""

    name: str
    revision: str | None
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Lineage:
    """What an adapter was made from, and, where the whole build was recorded, what was made from it."""

    origin: str  # where it was read: a path, or a revision and a path
    scribetune: str  # version of this package that wrote it
    adapter: Mapping[str, str]  # name → SHA-256 of the adapter's files
    base_model: BaseModel  # what it was trained on
    documents: tuple[DocumentRow, ...]  # sorted by document id
    pages: tuple[PageRow, ...]  # sorted by page id
    configuration: Mapping[str, Mapping[str, Any]]  # section → {key: value} of every key that had a part in the adapter
    code: Mapping[str, str]  # rule → digest of the code it ran
    environment: Environment  # lock and libraries
    training: Mapping[str, Any]  # what the training did (backend, steps, losses, pages left out, …)
    hardware: Mapping[str, Any]  # processor, cores, GPUs
    merged: Mapping[str, Any] = field(default_factory=dict)  # merge_proof.json; {} in an adapter's own lineage
    # configuration of the predictions; {} in an adapter's own lineage
    generation: Mapping[str, Any] = field(default_factory=dict)
    # "base", "tuned", "change", "retention" → {metric: value}; {} in an adapter's own lineage
    metrics: Mapping[str, Any] = field(default_factory=dict)
    # Path → SHA-256 of the evaluation's files; {} in an adapter's own lineage
    outputs: Mapping[str, str] = field(default_factory=dict)
    # public benchmark → kind, truth (file → SHA-256), pages, leakage, columns with both models' scores
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
    from pydantic import ValidationError

    try:
        return _reader().validate_python({**record, "origin": origin})
    except ValidationError as error:
        raise UserError(
            f"The lineage is damaged ({_problem(error)})", value=origin, accepted=_ACCEPTED, todo=_REBUILD
        ) from error


@cache
def _reader() -> "TypeAdapter[Lineage]":
    from pydantic import TypeAdapter

    return TypeAdapter(Lineage)


def _problem(error: "ValidationError") -> str:
    """Say in words what is wrong first."""
    first = error.errors(include_url=False)[0]
    name, kind = ".".join(map(str, first["loc"])), type(first["input"]).__name__
    if first["type"] == "missing":
        return f"{first['loc'][-1]!r} is missing in {name}"
    wanted = {"tuple_type": "a list", "dict_type": "an object", "dataclass_type": "an object"}.get(first["type"])
    return f"{name} is {kind}, expected {wanted}" if wanted else f"{name}: {first['msg']}"

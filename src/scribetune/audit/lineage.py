"""Lineage: which documents, pages, configuration, code and environment made an adapter, as plain JSON."""

import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribetune import __version__
from scribetune.core import files
from scribetune.dataset import long_pages

if TYPE_CHECKING:
    from scribetune.training import TrainingResult

SCHEMA = "scribetune-lineage/1"
_OF_BENCHMARKS = ("kind", "truth", "pages", "unread", "refused", "cut", "leakage", "columns")
LIBRARIES = ("torch", "transformers", "trl", "peft", "accelerate", "datasets", "pymupdf", "pymupdf4llm", "tokenizers")


@dataclass(frozen=True)
class Sources:
    """What an adapter was made from.

    Attributes:
        records: Split name → its ShareGPT records.
        assignments: Rows of data/manifests/splits.
        documents: Rows of data/manifests/documents.
        reviewers: Page id → who made its label, for corrected pages.
        configuration: {section: {key: value}} of every key that had a part in it.
        code: Rule → digest of the code it ran.
        environment: Digest of the lock file.
        lock: Name of the lock file.
        base: Name, revision and file hashes of the base model.
    """

    records: Mapping[str, Sequence[Mapping[str, Any]]]
    assignments: Sequence[Mapping[str, Any]]
    documents: Sequence[Mapping[str, Any]]
    reviewers: Mapping[str, str]
    configuration: Mapping[str, Mapping[str, Any]]
    code: Mapping[str, str]
    environment: str
    lock: str
    base: Mapping[str, Any]


def of_adapter(sources: Sources, training: Mapping[str, Any], adapter_files: Iterable[Path]) -> dict[str, Any]:
    """Return the content of models/adapter/lineage.json; no clock time in it, so equal builds write equal files."""
    split_of = {row["document"]: row["split"] for row in sources.assignments}
    used = {record["document"] for records in sources.records.values() for record in records}
    pages = [
        {
            "id": record["id"],
            "document": record["document"],
            "page": record["page"],
            "split": split,
            "image_sha256": record["image_sha256"],
            "label_sha256": record["label_sha256"],
            "label_source": record["label_source"],
            "reviewer": sources.reviewers.get(long_pages.page_of(record["id"]), ""),
        }
        for split, records in sources.records.items()
        for record in records
    ]
    return {
        "schema": SCHEMA,
        "scribetune": __version__,
        "adapter": {path.name: files.sha256_file(path) for path in sorted(adapter_files)},
        "base_model": dict(sources.base),
        "documents": [
            {
                "document": row["document"],
                "path": row["path"],
                "sha256": row["sha256"],
                "split": split_of[row["document"]],
            }
            for row in sorted(sources.documents, key=lambda row: str(row["document"]))
            if row["document"] in used
        ],
        "pages": sorted(pages, key=lambda page: str(page["id"])),
        "configuration": {section: dict(values) for section, values in sources.configuration.items()},
        "code": dict(sources.code),
        "environment": {"lock": sources.lock, "digest": sources.environment, "libraries": installed_libraries()},
        "training": dict(training),
        "hardware": hardware(),
    }


def of_build(
    adapter: Mapping[str, Any],
    proof: Mapping[str, Any],
    metrics: Mapping[str, Any],
    outputs: Iterable[Path],
    generation: Mapping[str, Any],
    benchmarks: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the content of reports/lineage.json: the adapter's lineage, its merged model, its scores, all hashes."""
    record = {
        **adapter,
        "merged": dict(proof),
        "generation": dict(generation),
        "metrics": dict(metrics),
        "outputs": {path.as_posix(): files.sha256_file(path) for path in sorted(outputs)},
    }
    if benchmarks:
        record["benchmarks"] = {
            str(scores["name"]): {key: scores[key] for key in _OF_BENCHMARKS} for scores in benchmarks
        }
    return record


def training_facts(result: "TrainingResult") -> dict[str, Any]:
    """Return what a training did, as plain values.

    Whether it was interrupted is left out: a resumed training gives the same adapter, and so the same lineage.
    """
    return {name: value for name, value in asdict(result).items() if name != "resumed_from"}


def base_model(name: str, revision: str | None, model_files: Iterable[Path]) -> dict[str, Any]:
    """Return what identifies a base model: its name, its revision, and the hashes of its local files."""
    return {
        "name": name,
        "revision": revision or "",
        "files": {path.name: files.sha256_file(path) for path in sorted(model_files)},
    }


def installed_libraries() -> dict[str, str]:
    """Return {library: installed version} of the libraries that decide about numbers."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def hardware() -> dict[str, Any]:
    """Return processor, core count and GPUs. A different machine may give a different adapter."""
    from scribetune.models.backends import gpu_names

    return {"processor": _processor(), "cores": os.cpu_count() or 0, "machine": platform.machine(), "gpus": gpu_names()}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if named:
            return named.group(1).strip()
    return platform.processor()

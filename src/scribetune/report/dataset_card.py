"""The card of a dataset that a build exports: a YAML header that the Hub reads, text for people."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from scribetune import __version__
from scribetune.core import csv_files, files
from scribetune.core.config import Dataset
from scribetune.core.package import package_file
from scribetune.dataset import export
from scribetune.dataset.export import Exported
from scribetune.report import data, model_card

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LICENCES = frozenset(
    (
        "apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-sa-4.0",
        "cc-by-nc-nd-4.0", "cc-by-3.0", "cc-by-sa-3.0", "pddl", "odbl", "odc-by", "gpl-3.0", "agpl-3.0", "lgpl-3.0",
        "bsd-2-clause", "bsd-3-clause", "mpl-2.0", "gfdl",
    )
)  # fmt: skip
"""Licences by the names that the Hub has for them; any other is `other`, and named in the text."""


@dataclass(frozen=True)
class CardSources:
    """What a dataset's card is written from.

    Attributes:
        settings: Name and forms of the dataset.
        exported: What was written of each split.
        splits: Split → its ShareGPT file.
        documents: Rows of reports/documents.csv.
        selection: Rows of data/manifests/selection/all.csv.
        assignments: Rows of data/manifests/splits/all.csv.
        labels: The manifests of labels.
        leakage: reports/leakage.json, where there is one.
        similarity: `selection.duplicate_similarity`.
    """

    settings: Dataset
    exported: Sequence[Exported]
    splits: Mapping[str, Path]
    documents: Sequence[Mapping[str, str]]
    selection: Sequence[Mapping[str, str]]
    assignments: Sequence[Mapping[str, str]]
    labels: Sequence[Path]
    leakage: Mapping[str, Any] | None
    similarity: float


def description(corpus: str) -> str:
    """Return what a dataset of a corpus is, in a sentence; `corpus` is "" for the sample corpus."""
    return f"Pages of {corpus} as images and text." if corpus else "Pages of scribetune's sample corpus."


def licence(documents: Sequence[Mapping[str, str]]) -> str:
    """Return the licences that the sheet gives to documents, joined; "not said" where it gives none."""
    said = sorted({row.get("licence", "").strip() for row in documents} - {""})
    return " and ".join(said) or "not said"


def used(documents: Sequence[Mapping[str, str]], assignments: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Return the rows of the documents that are in a split."""
    there = {row["document"] for row in assignments}
    return [row for row in documents if row["document"] in there]


def text(sources: CardSources, corpus: str) -> str:
    """Return the card; the same text for the same sources. What documents and configuration say is escaped."""
    from huggingface_hub import DatasetCardData

    documents = used(sources.documents, sources.assignments)
    pages = sum(each.pages for each in sources.exported)
    header = DatasetCardData(
        pretty_name=sources.settings.name,
        language=sorted({row["language"].lower() for row in documents if row.get("language", "").isalpha()}) or None,
        license=_licence_id(documents),
        task_categories=["image-to-text"],
        annotations_creators=_creators(sources.selection),
        source_datasets=["original"],
        size_categories=[next((name for most, name in _SIZES if pages < most), "1M<n<10M")],
        tags=["document-ocr", "markdown", "scribetune"],
        configs=_configs(sources.exported) or None,
    )
    return f"---\n{header.to_yaml(line_break=chr(10))}\n---\n\n{_body(sources, documents, corpus)}"


def write(sources: CardSources, folder: Path, corpus: str) -> None:
    """Write the card into the dataset's folder."""
    files.write_text(folder / export.CARD, text(sources, corpus))


def read_leakage(path: Path) -> dict[str, Any]:
    """Return what reports/leakage.json says in all."""
    known = json.loads(path.read_text(encoding="utf-8"))
    return {"text": known["most"]["text"], "limit": known["limits"]["text"]}


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a manifest or of documents.csv as texts."""
    return csv_files.read(path)


def _body(sources: CardSources, documents: Sequence[Mapping[str, str]], corpus: str) -> str:
    accepted = [row for row in sources.selection if row["accepted"] == "True"]
    by_source: dict[str, list[float]] = {}
    for row in accepted:
        by_source.setdefault(row["label_source"], []).append(float(row["trust"]))
    environment = jinja2.Environment(  # noqa: S701 - Markdown: `literal` and `code` escape
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {
        "literal": model_card.escape, "code": model_card.code_span, "shares": model_card.shares, "share": _share,
    }  # fmt: skip
    template = environment.from_string(package_file("dataset_card.md.j2").read_text(encoding="utf-8"))
    refused = Counter(row["reason"] for row in sources.selection if row["accepted"] != "True")
    return template.render(
        name=sources.settings.name,
        description=description(corpus),
        formats=sources.settings.formats,
        exported=sources.exported,
        documents={each.split: each.documents for each in sources.exported},
        pages={each.split: each.pages for each in sources.exported},
        splits={split: files.sha256_file(path) for split, path in sources.splits.items()},
        clusters=len({row["cluster"] for row in sources.assignments}),
        pinned=sum(row["decided_by"] == "pin" for row in sources.assignments),
        similarity=sources.similarity,
        leakage=sources.leakage,
        sources=[
            {"source": source, "pages": len(values), "trust": sum(values) / len(values), "least": min(values)}
            for source, values in sorted(by_source.items())
        ],
        machine=len(by_source.get("machine", ())),
        quality=data.label_quality(sources.labels),
        refused=dict(sorted(refused.items(), key=lambda item: (-item[1], item[0]))),
        sheet={
            column: Counter(row.get(column, "").strip() for row in documents)
            for column in ("language", "category", "licence")
        },
        version=__version__,
    )


def _configs(exported: Sequence[Exported]) -> list[dict[str, Any]]:
    """Return which Parquet files make which split, for `datasets.load_dataset` and the Hub."""
    files_of = [{"split": each.split, "path": f"parquet/{each.split}-*.parquet"} for each in exported if each.parquet]
    return [{"config_name": "default", "data_files": files_of}] if files_of else []


def _licence_id(documents: Sequence[Mapping[str, str]]) -> str:
    said = {row.get("licence", "").strip().lower() for row in documents}
    only = said.pop() if len(said) == 1 else ""
    return only if only in _LICENCES else "other"


def _creators(selection: Sequence[Mapping[str, str]]) -> list[str]:
    sources = {row["label_source"] for row in selection if row["accepted"] == "True"}
    people = ["expert-generated"] if "correction" in sources else []
    return [*people, *(["machine-generated"] if sources - {"correction"} else [])]


def _share(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:.1f} %"

"""Croissant 1.0, the metadata of datasets that search engines and loaders read (MLCommons), of a folder's own files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scribetune.core import files
from scribetune.dataset import formats

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
_TERMS = (
    "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format",
    "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex",
    "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
)  # fmt: skip
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{term: f"cr:{term}" for term in _TERMS},
}
"""The context that the specification asks for."""
_DESCRIBED = {
    "id": "the page's id: document and page",
    "document": "the document's id",
    "page": "number of the page in its document, from 1",
    "category": "of the document, as its owner says",
    "language": "of the document, as its owner says",
    "label_source": "who wrote the text: machine, correction (a person) or teacher (another model)",
    "continues": "the table of the page before that the first one of this page goes on with",
    "image_sha256": "SHA-256 of the page image",
    "label_sha256": "SHA-256 of the label's file",
    "text": "the page's text in Markdown",
}


def metadata(
    folder: Path,
    name: str,
    description: str,
    licence: str,
    tables: Mapping[str, Sequence[str]],
    lines: Mapping[str, str],
) -> dict[str, Any]:
    """Return the metadata of a dataset.

    Args:
        folder: Of the dataset.
        name: Its name.
        description: What it is, in a sentence or two.
        licence: Its licence, in words.
        tables: Split → its Parquet files, relative to the folder; all empty where there are none.
        lines: Split → its JSONL, where there are no Parquet files.
    """
    parts = [(split, path) for split, paths in tables.items() for path in paths] or list(lines.items())
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "name": name,
        "description": description,
        "conformsTo": CONFORMS_TO,
        "license": licence,
        "distribution": [_file(folder, path) for _, path in parts],
        "recordSet": [_records(split, path) for split, path in parts],
    }


def _file(folder: Path, path: str) -> dict[str, Any]:
    is_table = path.endswith(".parquet")
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path.replace("/", "-"),
        "contentUrl": path,
        "contentSize": f"{(folder / path).stat().st_size} B",
        "encodingFormat": "application/x-parquet" if is_table else "application/jsonlines",
        "sha256": files.sha256_file(folder / path),
    }


def _records(split: str, path: str) -> dict[str, Any]:
    """Return the records of one file: their names are those of the split, and of the file where it has several."""
    is_table = path.endswith(".parquet")
    name = Path(path).stem if is_table else split
    names = (*formats.FIELDS, "text") if is_table else ("id",)
    fields = [_field(name, path, field) for field in names]
    if is_table:
        fields.append(_field(name, path, "images", kind="sc:ImageObject"))
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": f"Pages of the split {split}",
        "field": fields,
    }


def _field(records: str, path: str, name: str, kind: str = "") -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": path}, "extract": {"column": name}}
    is_image = kind == "sc:ImageObject"
    if is_image:
        source["transform"] = {"jsonPath": "bytes"}  # of each image in the list
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{name}",
        "name": name,
        "description": _DESCRIBED.get(name, "the page image"),
        "dataType": kind or ("sc:Integer" if name == "page" else "sc:Text"),
        "source": source,
        **({"repeated": True} if is_image else {}),
    }

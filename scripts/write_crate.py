"""Write the build as an RO-Crate: ro-crate-metadata.json, and a copy of the workflow where it lies elsewhere."""

import csv
import json
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribetune import crate, files
from scribetune.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    lineage: Path,
    documents: Path,
    shards: Sequence[Path],
    base_files: Sequence[Path],
    workflow: Sequence[Path],
    copies: Sequence[Path],
    settings: Mapping[str, Mapping[str, Any]],
    codes: Mapping[str, str],
    raw: str,
    has_samples: bool,
    target: Path,
) -> None:
    """Write the crate of the build in the current directory.

    Args:
        lineage: reports/lineage.json.
        documents: reports/documents.csv.
        shards: The manifests of documents, one a shard.
        base_files: Files of a local base model.
        workflow: The Snakefile and its rules, the Snakefile first.
        copies: Where to copy them, in the same order; none where they lie in the current directory.
        settings: {section: {key: value}} of the keys that the steps read.
        codes: Rule → digest of its code.
        raw: Folder of the PDFs.
        has_samples: The sample corpus stands in for the user's PDFs.
        target: The file to write.
    """
    for source, copy in zip(workflow, copies, strict=False):
        files.write_bytes(copy, source.read_bytes())
    sources = crate.CrateSources(
        root=Path(),
        raw=_relative(Path(raw)).as_posix(),
        lineage=json.loads(lineage.read_text(encoding="utf-8")),
        documents=_rows(documents),
        shards={path.stem: [row["document"] for row in _rows(path)] for path in shards},
        has_samples=has_samples,
        base_files=[_relative(path) for path in base_files],
        settings=settings,
        codes=codes,
        workflow=copies or [_relative(path) for path in workflow],
        engine_version=metadata.version("snakemake"),
    )
    files.write_json(target, crate.metadata(sources))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def _relative(path: Path) -> Path:
    """Return a path relative to the current directory where it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            lineage=Path(snakemake.input.lineage),
            documents=Path(snakemake.input.documents),
            shards=list(map(Path, snakemake.input.shards)),
            base_files=list(map(Path, snakemake.input.base)),
            workflow=list(map(Path, snakemake.input.workflow)),
            copies=list(map(Path, snakemake.output.workflow)),
            settings=snakemake.params.settings,
            codes=snakemake.params.codes,
            raw=snakemake.params.raw,
            has_samples=snakemake.params.has_samples,
            target=Path(snakemake.output.crate),
        )

"""Write the build as an RO-Crate: ro-crate-metadata.json, and a copy of the workflow where it lies elsewhere."""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.audit import crate
from scribetune.core import csv_files, files
from scribetune.core.errors import UserError
from scribetune.record import receipts
from scribetune.record.jobs import rule_job
from scribetune.record.receipts import Receipt
from scribetune.record.steps import in_order

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    lineage: Path,
    documents: Path,
    made: Sequence[str],
    base_files: Sequence[Path],
    workflow: Sequence[Path],
    copies: Sequence[Path],
    descriptions: Mapping[str, str],
    raw: str,
    target: Path,
) -> None:
    """Write the crate of the build in the current directory.

    Args:
        lineage: reports/lineage.json.
        documents: reports/documents.csv.
        made: What the build's jobs made: the crate tells of the jobs that are behind it, as their receipts do.
        base_files: Files of a local base model.
        workflow: The Snakefile and its rules, the Snakefile first.
        copies: Where to copy them, in the same order; none where they lie in the current directory.
        descriptions: Rule → what it does.
        raw: Folder of the PDFs.
        target: The file to write.
    """
    for source, copy in zip(workflow, copies, strict=False):
        files.write_bytes(copy, source.read_bytes())
    sources = crate.CrateSources(
        root=Path(),
        raw=_relative(raw),
        lineage=json.loads(lineage.read_text(encoding="utf-8")),
        documents=csv_files.read(documents),
        base_files=[Path(_relative(path)) for path in base_files],
        receipts=_receipts(set(made)),
        descriptions=descriptions,
        workflow=copies or [Path(_relative(path)) for path in workflow],
        engine_version=metadata.version("snakemake"),
    )
    files.write_json(target, crate.metadata(sources))


def _receipts(made: Set[str]) -> list[Receipt]:
    """Return the receipts of the jobs that made these files, with paths as the crate has them."""
    known = [receipt for receipt in receipts.read(Path()).values() if not made.isdisjoint(receipt.outputs)]
    unproven = made - {path for receipt in known for path in receipt.outputs}
    if unproven:
        raise UserError(
            "There are results without a receipt of what made them",
            value=", ".join(sorted(unproven)),
            accepted=f"results with their receipts in {receipts.FOLDER}",
            todo="remove those results, and build again",
        )
    with_paths_here = [
        replace(each, inputs={_relative(path): sha256 for path, sha256 in each.inputs.items()}) for each in known
    ]
    return in_order(with_paths_here)


def _relative(path: str | Path) -> str:
    """Return a path relative to the current directory where it lies below it."""
    given, here = Path(path), Path.cwd()
    return (given.relative_to(here) if given.is_relative_to(here) else given).as_posix()


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            lineage=Path(snakemake.input.lineage),
            documents=Path(snakemake.input.documents),
            made=snakemake.input.made,
            base_files=list(map(Path, snakemake.input.base)),
            workflow=list(map(Path, snakemake.input.workflow)),
            copies=list(map(Path, snakemake.output.workflow)),
            descriptions=snakemake.params.descriptions,
            raw=snakemake.params.raw,
            target=Path(snakemake.output.crate),
        )

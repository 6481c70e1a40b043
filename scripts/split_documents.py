"""Split documents into train, validation and test; write ShareGPT records and who went where."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import files, manifests
from scribetune.core.config import Splits, restrict
from scribetune.dataset import long_pages, questions, selection, splits, unlabelled
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    selection_manifest: Path,
    document_manifests: Sequence[str],
    pins: Mapping[str, Sequence[str]],
    settings: Splits,
    asked: questions.Questions,
    split_files: Mapping[str, Path],
    assignment_manifest: Path,
) -> None:
    """Assign the documents that have accepted pages, and write one record per page."""
    pages = manifests.read([selection_manifest], selection.SELECTION_TEXT_COLUMNS)
    rows = manifests.rows(pages)
    accepted = [row for row in rows if str(row["accepted"]) == "True"]
    documents = manifests.read(map(Path, document_manifests), selection.DOCUMENT_TEXT_COLUMNS)
    assignments = splits.assign(
        {row["document"]: row["document_cluster"] for row in accepted},
        dict(zip(documents["document"], documents["sha256"], strict=True)),
        {document: cells[0] for document, cells in pins.items()},
        settings,
        unlabelled.advice(Counter(row["reason"] for row in rows)),
    )
    texts = {row["label"]: Path(row["label"]).read_text(encoding="utf-8") for row in accepted}
    shutil.rmtree(long_pages.FOLDER, ignore_errors=True)
    records = splits.records(accepted, assignments, texts, asked)
    questions.tell(asked, records)
    splits.tell_of_escapes(records)
    for name, path in split_files.items():
        files.write_jsonl(path, records[name])
    manifests.write(assignment_manifest, [asdict(row) for row in assignments], manifests.columns_of(splits.Assignment))


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            Path(snakemake.input.selection),
            snakemake.input.documents,
            snakemake.params.pins,
            restrict(snakemake.params.settings).splits,
            questions.of_build(
                snakemake.params.prompts,
                restrict(snakemake.params.settings).task if "task" in snakemake.params.settings else None,
                restrict(snakemake.params.settings).splits.seed,
                map(Path, snakemake.input.blocks),
                map(Path, snakemake.input.answers),
            ),
            {name: Path(snakemake.output[name]) for name in splits.NAMES},
            Path(snakemake.output.assignments),
        )

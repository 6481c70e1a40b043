"""Write the splits as a dataset for others: Parquet, JSONL of several trainers, card and Croissant metadata."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import files
from scribetune.core.config import Config, restrict
from scribetune.dataset import export, splits
from scribetune.record.jobs import rule_job
from scribetune.report import dataset_card

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    split_files: Mapping[str, Path],
    documents: Path,
    selection: Path,
    assignments: Path,
    labels: Sequence[Path],
    leakage: Path,
    corpus: str,
    config: Config,
    folder: Path,
) -> None:
    """Write the dataset beside the one there is, which it replaces when it is whole."""
    export.require_own(folder)
    rows = dataset_card.rows(documents)
    assigned = dataset_card.rows(assignments)
    with files.in_place_of(folder) as fresh:
        exported = export.write(split_files, fresh, config.dataset)
        export.write_croissant(
            fresh, config.dataset, exported, dataset_card.description(corpus),
            dataset_card.licence(dataset_card.used(rows, assigned)),
        )  # fmt: skip
        sources = dataset_card.CardSources(
            settings=config.dataset,
            exported=exported,
            splits=split_files,
            documents=rows,
            selection=dataset_card.rows(selection),
            assignments=assigned,
            labels=labels,
            leakage=dataset_card.read_leakage(leakage),
            similarity=config.selection.duplicate_similarity,
        )
        dataset_card.write(sources, fresh, corpus)


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            {name: Path(snakemake.input[name]) for name in splits.NAMES},
            Path(snakemake.input.documents),
            Path(snakemake.input.selection),
            Path(snakemake.input.assignments),
            list(map(Path, snakemake.input.labels)),
            Path(snakemake.input.leakage),
            snakemake.params.corpus,
            restrict(snakemake.params.settings),
            Path(snakemake.output.card).parent,
        )

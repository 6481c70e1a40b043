"""Write the adapter's model card without scores: models/adapter/README.md."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune import files, model_card
from scribetune.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(lineage: Path, documents: Path, splits: Mapping[str, Path], card: Path) -> None:
    """Write the card.

    Args:
        lineage: models/adapter/lineage.json.
        documents: reports/documents.csv.
        splits: Split → its JSONL.
        card: The file to write.
    """
    with documents.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    sources = model_card.CardSources(
        lineage=json.loads(lineage.read_text(encoding="utf-8")),
        documents=rows,
        splits={split: files.sha256_file(path) for split, path in splits.items()},
    )
    files.write_text(card, model_card.text(sources))


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            Path(snakemake.input.lineage),
            Path(snakemake.input.documents),
            {split: Path(snakemake.input[split]) for split in model_card.SPLITS},
            Path(snakemake.output.card),
        )

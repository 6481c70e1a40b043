"""Write the adapter's model card, with scores where its lineage has them."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.record.jobs import rule_job
from scribetune.report import model_card

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


if __name__ == "__main__":
    with rule_job(snakemake):
        model_card.write(
            Path(snakemake.input.lineage),
            Path(snakemake.input.documents),
            {split: Path(snakemake.input[split]) for split in model_card.SPLITS},
            Path(snakemake.output.card),
        )

"""Write the adapter's model card, with scores where its lineage has them, or the merged model's beside its lineage."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.record.jobs import rule_job
from scribetune.report import model_card

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


if __name__ == "__main__":
    with rule_job(snakemake):
        proof = snakemake.input.get("proof")
        model_card.write(
            Path(snakemake.input.lineage),
            Path(snakemake.input.documents),
            {split: Path(snakemake.input[split]) for split in model_card.SPLITS},
            Path(snakemake.output.card),
            base=snakemake.params.base_path,
            proof=Path(proof) if proof else None,
        )
        if proof:
            shutil.copyfile(snakemake.input.lineage, snakemake.output.lineage)

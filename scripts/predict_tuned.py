"""Read the test and retention pages with the merged model: reports/predictions/tuned.jsonl, one record per page."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune import generation
from scribetune.config import Config, restrict
from scribetune.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(config: Config, model: str, sets: Mapping[Path, Path]) -> None:
    """Read every page of each set of records with the model in `model`; `sets` maps records to predictions."""
    generation.predict(config, model, sets)


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            restrict(snakemake.params.settings, snakemake.config),
            str(Path(snakemake.input.proof).parent),
            {
                Path(snakemake.input.test): Path(snakemake.output.predictions),
                Path(snakemake.input.retention): Path(snakemake.output.retention),
            },
        )

"""Read pages with the base or the merged model: one file of predictions for each file of records, a record per page."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune import generation
from scribetune.core.config import Config, restrict
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(config: Config, model: str, sets: Mapping[Path, Path], journals: Path, code: str) -> None:
    """Read every page of each set of records with the model in `model`.

    Args:
        config: The keys of reading.
        model: Folder of a model, or the base model's hub id.
        sets: Records → predictions.
        journals: Where an interrupted reading goes on from.
        code: Digest of the rule's code: answers of other code are not taken up.
    """
    generation.predict(config, model, sets, journals, code=code)


if __name__ == "__main__":
    with rule_job(snakemake):
        records, predictions = map(Path, snakemake.input.records), map(Path, snakemake.output.predictions)
        main(
            restrict(snakemake.params.settings, snakemake.config),
            snakemake.params.model,
            dict(zip(records, predictions, strict=True)),
            Path(snakemake.params.journals),
            snakemake.params.code,
        )

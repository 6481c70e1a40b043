"""Merge the adapter into the base model: models/merged/ with merge_proof.json."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core.config import Config, restrict
from scribetune.merging import merged_model
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(config: Config, base_path: str, adapter_folder: Path, merged_folder: Path, records: Sequence[Path]) -> None:
    """Merge, and prove it on pages of the first of `records` that has any."""
    merged_model.merge(config, base_path, adapter_folder, merged_folder, records)


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            restrict(snakemake.params.settings),
            snakemake.params.base_path,
            Path(snakemake.input.weights).parent,
            Path(snakemake.output.proof).parent,
            [Path(snakemake.input.validation), Path(snakemake.input.test)],
        )

"""Read the test pages with the base model: reports/predictions/base.jsonl, one record per page."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune import generation
from scribetune.config import Config, restrict
from scribetune.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(config: Config, model: str, test: Path, predictions: Path) -> None:
    """Read every page of `test` with the model in `model`."""
    generation.predict(config, model, test, predictions)


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            restrict(snakemake.params.settings),
            snakemake.params.base_path,
            Path(snakemake.input.test),
            Path(snakemake.output.predictions),
        )

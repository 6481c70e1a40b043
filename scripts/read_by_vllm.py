"""Read the test pages by vLLM and compare the texts with the build's own: reports/parity.json."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core.config import Config, restrict
from scribetune.core.files import write_json
from scribetune.record.jobs import rule_job
from scribetune.serving import environment, parity

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(config: Config, model: Path, records: Path, predictions: Path, written: Path) -> None:
    """Serve the model in `model`, read the pages of `records` there, and compare them with `predictions`."""
    write_json(written, parity.measure(config, model, environment.find(), records, predictions))


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            restrict(snakemake.params.settings),
            Path(snakemake.params.model),
            Path(snakemake.input.records),
            Path(snakemake.input.predictions),
            Path(snakemake.output.parity),
        )

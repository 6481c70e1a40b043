"""Read a benchmark's pages with the merged model: reports/benchmarks/<name>/tuned.jsonl, one record per page."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune import generation, layout
from scribetune.config import Config, restrict
from scribetune.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(config: Config, name: str, model: str, records: Path, predictions: Path) -> None:
    """Read every page with the model in `model`; an interrupted reading goes on from the benchmark's own journal."""
    generation.predict(config, model, {records: predictions}, Path(layout.PREDICTION_JOURNALS) / "benchmarks" / name)


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            restrict(snakemake.params.settings, snakemake.config),
            snakemake.wildcards.benchmark,
            str(Path(snakemake.input.proof).parent),
            Path(snakemake.input.records),
            Path(snakemake.output.predictions),
        )

"""Score both models' predictions against the labels: reports/samples.csv (per page) and reports/metrics.json."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune import files, scoring
from scribetune.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(test: Path, base: Path, tuned: Path, samples: Path, metrics: Path) -> None:
    """Score page by page, then in aggregate."""
    records = files.read_jsonl(test)
    base_predictions, tuned_predictions = files.read_jsonl(base), files.read_jsonl(tuned)
    frame = scoring.score_pages(records, base_predictions, tuned_predictions)
    scoring.write_samples(frame, samples)
    files.write_json(metrics, scoring.aggregate(frame, records, base_predictions, tuned_predictions))


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            Path(snakemake.input.test),
            Path(snakemake.input.base),
            Path(snakemake.input.tuned),
            Path(snakemake.output.samples),
            Path(snakemake.output.metrics),
        )

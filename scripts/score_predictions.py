"""Score both models' predictions against the labels: reports/samples.csv (per page) and reports/metrics.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scribetune.core.config import Gate, restrict
from scribetune.evaluation import gate, scoring
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    test: scoring.PredictedSet, retention: scoring.PredictedSet, limits: Gate, samples: Path, metrics: Path
) -> None:
    """Score page by page, then in aggregate, and judge; the retention pages by what is read alone."""
    frame = scoring.score_set(test)
    scoring.write_samples(frame, samples)
    aggregates = scoring.aggregate_set(test, frame)
    plain = retention.plain()
    kept = scoring.aggregate_set(plain, scoring.score_set(plain))
    found: dict[str, Mapping[str, Any]] = {**aggregates, "retention": {"base": kept["base"], "tuned": kept["tuned"]}}
    scoring.write_metrics(metrics, found, gate.judge(found, limits))


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            scoring.PredictedSet.read(
                Path(snakemake.input.test), Path(snakemake.input.base), Path(snakemake.input.tuned)
            ),
            scoring.PredictedSet.read(
                Path(snakemake.input.retention),
                Path(snakemake.input.base_retention),
                Path(snakemake.input.tuned_retention),
            ),
            restrict(snakemake.params.settings).gate,
            Path(snakemake.output.samples),
            Path(snakemake.output.metrics),
        )

"""Write the report people read: reports/index.html."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import layout
from scribetune.core.config import restrict
from scribetune.record.jobs import rule_job
from scribetune.report import page

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(inputs: page.ReportInputs, html: Path) -> None:
    """Render the report."""
    page.write(inputs, html)


if __name__ == "__main__":
    with rule_job(snakemake):
        settings = restrict(snakemake.params.settings).report
        pages, base, tuned = map(Path, snakemake.input.retention)
        main(
            page.ReportInputs(
                samples_csv=Path(snakemake.input.samples),
                metrics_json=Path(snakemake.input.metrics),
                train_jsonl=Path(snakemake.input.train),
                validation_jsonl=Path(snakemake.input.validation),
                test_jsonl=Path(snakemake.input.test),
                base_predictions=Path(snakemake.input.base),
                tuned_predictions=Path(snakemake.input.tuned),
                documents_csv=Path(snakemake.input.documents),
                selection_csv=Path(snakemake.input.selection),
                training_log_csv=Path(snakemake.input.training_log),
                lineage_json=Path(snakemake.input.lineage),
                merge_proof_json=Path(snakemake.input.proof),
                working_directory=Path(),
                spot_checks=tuple(map(Path, snakemake.input.spot_checks)),
                corpus=snakemake.params.corpus,
                title=settings.title,
                language=settings.language,
                embed_pages=settings.embed_pages,
                benchmark_scores=tuple(map(Path, snakemake.input.benchmarks)),
                variant_scores=tuple(map(Path, snakemake.params.variants)),
                parity_json=Path(layout.PARITY) if snakemake.params.parity else None,
                retention_files=(pages, base, tuned),
                learning_curve_json=Path(layout.LEARNING_CURVE) if snakemake.params.learning_curve else None,
                leakage_json=Path(snakemake.input.leakage),
                label_csvs=tuple(Path(path) for path in snakemake.input.labels),
            ),
            Path(snakemake.output.html),
        )

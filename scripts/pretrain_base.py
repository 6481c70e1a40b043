"""Pre-train the embedded base model from random weights and write its folder (weights, processor, model card)."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune import pretraining, pretraining_export
from scribetune.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    fonts: Path, pack: Path, run: Path, model: Path, steps: int, batch: int, seconds: float, workers: int, pages: int
) -> None:
    """Train one sitting, going on where an earlier one stopped, and export what there is.

    Args:
        fonts: Folder made by `scribetune.pretraining_fonts`.
        pack: Folder made by `scribetune.pretraining_typst`.
        run: Folder of the run.
        model: Model folder to write.
        steps: Steps of the whole run.
        batch: Pages a step.
        seconds: Longest training time of this sitting.
        workers: Processes that draw pages.
        pages: Pages of each evaluation set.
    """
    pretraining.run(
        pretraining.Recipe(steps, batch),
        fonts,
        pack,
        run,
        seconds=seconds,
        workers=workers,
        resume=(run / pretraining.CHECKPOINT).exists() or (run / pretraining.CARRY).exists(),
        evaluation_pages=pages,
    )
    pretraining_export.export(run / pretraining.CARRY, model)


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            Path(snakemake.params.fonts),
            Path(snakemake.params.pack),
            Path(snakemake.params.run),
            Path(snakemake.output.weights).parent,
            snakemake.params.steps,
            snakemake.params.batch,
            snakemake.params.seconds,
            snakemake.threads,
            snakemake.params.pages,
        )

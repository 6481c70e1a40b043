"""Pre-train the embedded base model from random weights and write its folder (weights, processor, model card)."""

from pathlib import Path
from typing import TYPE_CHECKING

from tiny_pretraining import export, trainer
from tiny_pretraining.jobs import start_log
from tiny_pretraining.settings import Settings

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(settings: Settings, fonts: Path, pack: Path, run: Path, model: Path, workers: int) -> None:
    """Train one sitting, going on where an earlier one stopped, and export what there is.

    Args:
        settings: Length, batch, seed and evaluation.
        fonts: Folder made by `tiny_pretraining.fonts`.
        pack: Folder made by `tiny_pretraining.typeset`.
        run: Folder of the run.
        model: Model folder to write.
        workers: Processes that draw pages.
    """
    trainer.run(
        trainer.Recipe(settings.steps, settings.batch, seed=settings.seed),
        fonts,
        pack,
        run,
        seconds=settings.seconds,
        workers=workers,
        resume=(run / trainer.CHECKPOINT).exists() or (run / trainer.CARRY).exists(),
        evaluation_pages=settings.evaluation_pages,
        evaluation_tokens=settings.evaluation_tokens,
    )
    export.export(run / trainer.CARRY, model)


if __name__ == "__main__":
    start_log(snakemake.log[0])
    main(
        Settings(**snakemake.params.settings),
        Path(snakemake.input.fonts).parent,
        Path(snakemake.input.pages).parent,
        Path(snakemake.params.run),
        Path(snakemake.output.weights).parent,
        max(1, snakemake.threads - 1),
    )

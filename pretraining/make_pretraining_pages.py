"""Make what pre-training pages are drawn from: fonts cut down to the vocabulary, and a pack of typeset documents."""

from pathlib import Path
from typing import TYPE_CHECKING

from tiny_pretraining import fonts as font_files
from tiny_pretraining import typeset
from tiny_pretraining.jobs import start_log

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(documents: int, seed: int, fonts: Path, pack: Path) -> None:
    """Write both folders."""
    typeset.make(pack, font_files.prepare(fonts), documents, seed)


if __name__ == "__main__":
    start_log(snakemake.log[0])
    main(
        snakemake.params.documents,
        snakemake.params.seed,
        Path(snakemake.output.fonts).parent,
        Path(snakemake.output.pages).parent,
    )

"""Make what pre-training pages are drawn from: fonts cut down to the vocabulary, and a pack of typeset documents."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.config import restrict
from scribetune.jobs import rule_job
from scribetune.pretraining import fonts as pretraining_fonts
from scribetune.pretraining import typst as pretraining_typst

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(documents: int, seed: int, fonts: Path, pack: Path) -> None:
    """Write both folders."""
    pretraining_typst.make(pack, pretraining_fonts.prepare(fonts), documents, seed)


if __name__ == "__main__":
    with rule_job(snakemake):
        settings = restrict(snakemake.params.settings).pretraining
        main(
            settings.documents,
            settings.seed,
            Path(snakemake.output.fonts).parent,
            Path(snakemake.output.pages).parent,
        )

"""Make the sample corpus: data/samples/<name>.pdf, and the Markdown of each page in data/samples/truth/<name>/."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import layout
from scribetune.core.config import Samples, restrict
from scribetune.record.jobs import rule_job
from scribetune.samples import corpus

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(settings: Samples, pdf_folder: Path, truth_folder: Path) -> None:
    """Compile every sample document into `pdf_folder`, its Markdown into `truth_folder`."""
    corpus.build(
        corpus.plan(settings.count, settings.seed, settings.languages, settings.designs), pdf_folder, truth_folder
    )


if __name__ == "__main__":
    with rule_job(snakemake):
        main(restrict(snakemake.params.settings).samples, Path(layout.SAMPLES), Path(layout.SAMPLE_TRUTH))

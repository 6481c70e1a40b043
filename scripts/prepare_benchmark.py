"""Prepare a benchmark: data/benchmarks/images/<name>, its manifest (what became of each page) and its records."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import files, manifests
from scribetune.core.config import restrict
from scribetune.evaluation.public import images, listing
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(
    name: str,
    listed: Path,
    folder: Path,
    prompt: str,
    settings: images.ImageSettings,
    workers: int,
    manifest: Path,
    records: Path,
) -> None:
    """Render and copy the images of the pages in `listed`, and write a row and a record for each."""
    pages = images.prepare(name, listing.read_listing(listed), folder, settings, workers)
    manifests.write(manifest, [page.row() for page in pages], images.COLUMNS)
    files.write_jsonl(records, [page.record(name, prompt) for page in pages if page.status == images.OK])


if __name__ == "__main__":
    with rule_job(snakemake):
        config = restrict(snakemake.params.settings)
        main(
            snakemake.wildcards.benchmark,
            Path(snakemake.input.pages),
            Path(snakemake.params.images),
            snakemake.params.prompt,
            images.ImageSettings(
                config.pages.long_side_px,
                config.pages.color,
                config.documents.timeout_s_per_page,
                config.documents.memory_mb,
                config.documents.max_megapixels,
            ),
            snakemake.threads,
            Path(snakemake.output.manifest),
            Path(snakemake.output.records),
        )

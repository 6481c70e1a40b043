"""Make the retention set of a folder of PDFs: data/retention/pages.jsonl and the images it names."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core.config import Config, restrict
from scribetune.documents.inputs import find_documents
from scribetune.labels import retention_pages
from scribetune.labels.reader import LabelSettings
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(config: Config, prompt: str, pdfs: Sequence[Path], code: str, workers: int, records: Path) -> None:
    """Read the PDFs, choose pages of as many of them as there are, and write these; images go beside `records`."""
    labels = config.labels
    settings = LabelSettings(
        "keep", labels.tables, labels.formulas, labels.tags, config.documents.timeout_s_per_page, code
    )
    documents = [one for one in find_documents(Path(config.retention.folder)).documents if one.path in set(pdfs)]
    pages = retention_pages.read(documents, settings, config.pages.long_side_px, workers)
    retention_pages.write(retention_pages.chosen(pages, config.retention.count), prompt, records)


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            restrict(snakemake.params.settings),
            snakemake.params.prompt,
            [Path(path) for path in snakemake.input.pdfs],
            snakemake.params.code,
            snakemake.threads,
            Path(snakemake.output.records),
        )

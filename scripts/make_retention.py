"""Make the retention set: data/retention/pages.jsonl and the images it names."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core.config import restrict
from scribetune.core.config_studies import Retention
from scribetune.record.jobs import rule_job
from scribetune.samples import retention

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(settings: Retention, prompt: str, long_side_px: int, records: Path) -> None:
    """Compose and render the pages; images go beside `records`."""
    pages = retention.make_pages(settings.count, settings.seed, settings.languages)
    retention.build(pages, prompt, long_side_px, records.parent / "images", records)


if __name__ == "__main__":
    with rule_job(snakemake):
        config = restrict(snakemake.params.settings)
        main(
            config.retention,
            snakemake.params.prompt,
            config.pages.long_side_px,
            Path(snakemake.output.records),
        )

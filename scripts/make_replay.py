"""Make the pages that a training replays: data/replay/pages.jsonl and the images it names."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import files
from scribetune.core.config import Config, restrict
from scribetune.dataset import replay
from scribetune.record.jobs import rule_job
from scribetune.samples import retention

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(config: Config, prompt: str, train: Path, records: Path) -> None:
    """Compose and render as many as the share asks for beside the training pages; images go beside `records`."""
    wanted = replay.count(len(files.read_jsonl(train)), config.train.replay)
    pages = retention.make_pages(wanted, config.retention.seed, config.retention.languages, "replay")
    retention.build(pages, prompt, config.pages.long_side_px, records.parent / "images", records)


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            restrict(snakemake.params.settings),
            snakemake.params.prompt,
            Path(snakemake.input.train),
            Path(snakemake.output.records),
        )

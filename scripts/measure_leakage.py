"""Find for every test page the training page nearest to it, by text and image; refuse a test that is learned from."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import files
from scribetune.core.config import Report, restrict
from scribetune.dataset import leakage
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

KEPT = Path("work/leakage.json")
"""What was found where the job fails: Snakemake removes what a failed job made."""


def main(train: Path, test: Path, settings: Report, threads: int, target: Path) -> None:
    """Compare the two splits, and write what was found."""
    limits = leakage.Limits(settings.max_text_similarity, settings.max_image_similarity)
    found = leakage.nearest(
        files.read_jsonl(test),
        files.read_jsonl(train),
        lambda record: leakage.thumbnail_of(Path(record["images"][0])),
        threads,
    )
    known = leakage.report(found, limits)
    files.write_json(KEPT if known["above"] else target, known)
    leakage.require_none(found, limits)


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            Path(snakemake.input.train),
            Path(snakemake.input.test),
            restrict(snakemake.params.settings).report,
            snakemake.threads,
            Path(snakemake.output.leakage),
        )

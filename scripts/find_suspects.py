"""List the places where the tuned model and a reader of the page images agree against a label: reports/suspects.csv."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import files
from scribetune.labels import image_models
from scribetune.record.jobs import rule_job
from scribetune.review import suspects

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake

logger = logging.getLogger(__name__)


def main(sets: Mapping[Path, Path], target: Path) -> None:
    """Compare labels with what the model reads, and where they differ, with the image.

    Args:
        sets: Records of a split → predictions of the tuned model.
        target: The table.
    """
    image_models.require()
    records = [(path.stem, record) for path in sets for record in files.read_jsonl(path)]
    predictions = {str(row["id"]): str(row["text"]) for path in sets.values() for row in files.read_jsonl(path)}
    found = suspects.find(records, predictions, suspects.read_image)
    suspects.write(target, found)
    pages = len({one.id for one in found})
    logger.info("%d suspect places on %d of %d pages", len(found), pages, len(records))


if __name__ == "__main__":
    with rule_job(snakemake):
        sets = zip(map(Path, snakemake.input.records), map(Path, snakemake.input.predictions), strict=True)
        main(dict(sets), Path(snakemake.output.suspects))

"""Fit the learning curve to its points: reports/learning_curve.json and .html."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core import files
from scribetune.core.config import Config, restrict
from scribetune.evaluation.learning_curve import Point, report
from scribetune.record.jobs import rule_job
from scribetune.report import learning_curve
from scribetune.text import language, sharegpt

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


def main(config: Config, points: Sequence[Path], train: Path, test: Path, curve: Path, html: Path) -> None:
    """Fit, and write both files.

    Args:
        config: The number of further pages, and the language of the page.
        points: A file for each training.
        train: Records of the training pages.
        test: Records of the test pages.
        curve: The numbers.
        html: The page.
    """
    measured = [Point(**json.loads(path.read_text(encoding="utf-8"))) for path in points]
    found = report(measured, config.learning_curve.more_pages, learning_curve.made_from(train, test))
    found = learning_curve.with_sentences(found)
    labels = (sharegpt.said(record, "gpt") or "" for record in files.read_jsonl(test))
    files.write_json(curve, found)
    files.write_text(html, learning_curve.html(found, language.chosen(config.report.language, labels)))


if __name__ == "__main__":
    with rule_job(snakemake):
        main(
            restrict(snakemake.params.settings),
            [Path(path) for path in snakemake.input.points],
            Path(snakemake.input.train),
            Path(snakemake.input.test),
            Path(snakemake.output.curve),
            Path(snakemake.output.html),
        )

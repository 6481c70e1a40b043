"""Fail where the tuned model is not promoted, and say why: the target for CI."""

from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.evaluation import gate
from scribetune.record.jobs import rule_job

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


if __name__ == "__main__":
    with rule_job(snakemake):
        gate.require_promotion(Path(snakemake.input.metrics))

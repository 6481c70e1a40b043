"""Fail where vLLM reads the test pages differently from the build, and say where: for CI, and no part of `all`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scribetune.core.config import restrict
from scribetune.record.jobs import rule_job
from scribetune.serving import parity

if TYPE_CHECKING:
    from snakemake.iocontainers import Snakemake

    snakemake: Snakemake


if __name__ == "__main__":
    with rule_job(snakemake):
        limit = restrict(snakemake.params.settings).parity.max_difference
        sys.stderr.write(f"{parity.require(Path(snakemake.input.parity), limit)}\n")

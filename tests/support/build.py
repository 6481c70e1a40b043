"""Running the real workflow in tests, in a folder of its own."""

import os
import re
import subprocess
from pathlib import Path

from support import forked_snakemake

REPOSITORY = Path(__file__).resolve().parents[2]

SMALL = """\
samples: {count: 8}
train: {epochs: 1, checkpoints: {steps: 2}}
generate: {max_new_tokens: 24}
retention: {count: 2}
"""
"""A build of seconds: few documents, one epoch, short answers."""


def snakemake(folder: Path, *arguments: str, config: str = "", repository: Path = REPOSITORY) -> str:
    """Run Snakemake in `folder` with `repository`'s workflow and return what it printed; fails loudly.

    Args:
        folder: Working directory of the build.
        arguments: Targets and flags.
        config: A `--config` value such as "train={epochs: 2}".
        repository: Whose Snakefile.
    """
    result = attempt(folder, *arguments, config=config, repository=repository)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def attempt(
    folder: Path, *arguments: str, config: str = "", repository: Path = REPOSITORY
) -> subprocess.CompletedProcess[str]:
    """Run Snakemake like `snakemake` does, and return whatever came of it."""
    # Targets come first: --resources and --config take every word that follows.
    command = [
        *arguments,
        "-s",
        str(repository / "Snakefile"),
        "--directory",
        str(folder),
        "--cores",
        "2",
        "--resources",
        "gpu=1",
    ]
    if (folder / "mine.yaml").exists():
        command += ["--configfile", str(folder / "mine.yaml")]
    if config:
        command += ["--config", config]
    environment = os.environ | {"PYTHONPATH": str(repository / "src"), "OMP_NUM_THREADS": "1"}
    return forked_snakemake.run(command, environment)


def planned_jobs(output: str) -> set[str]:
    """Return the rules that a dry run would execute (targets left out)."""
    targets = {"all", "pages", "labels", "splits", "adapter", "merged", "report", "audit", "benchmarks"}
    table = output.partition("\nJob stats:\n")[2].partition("\ntotal ")[0]
    return set(re.findall(r"^(\w+) +\d+$", table, flags=re.MULTILINE)) - targets

"""dvc.lock, the ledger of stages: brought up to date after a build, and never before it."""

import os
import subprocess
import sys
from pathlib import Path

from scribetune.errors import UserError
from scribetune.provenance import REPOSITORY

NOTHING_TO_DO = "Nothing to be done"


def commit(folder: Path, *, if_ready: bool) -> list[str]:
    """Record an up-to-date build in dvc.lock (`dvc commit`).

    `dvc commit` alone would bless whatever lies there; so Snakemake is asked first whether it would still run anything.

    Args:
        folder: The repository with dvc.yaml.
        if_ready: Where the build is not up to date, say so and do nothing, instead of raising.

    Returns:
        Lines that say what was done.

    Raises:
        UserError: Not a DVC repository, or the build is not up to date.
    """
    if "DVC_STAGE" in os.environ:
        return []  # `dvc repro` runs this build, and will record it
    if not (folder / ".dvc").is_dir() or not (folder / "dvc.yaml").exists():
        raise UserError(
            "Not a DVC project", value=str(folder.resolve()), accepted="a folder with .dvc/ and dvc.yaml",
            todo="run this in the repository",
        )  # fmt: skip
    if _run(folder, "dvc", "status", "--quiet").returncode == 0:
        return []
    plan = _run(folder, "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--cores", "1", "--dry-run")
    said = plan.stdout + plan.stderr
    if plan.returncode != 0 or NOTHING_TO_DO not in said or "missing provenance" in said.lower():
        return _left_alone(
            UserError(
                "dvc.lock is left as it is: with config/config.yaml, Snakemake would still run something",
                accepted="a build in which snakemake -n says nothing is to be done",
                todo="run snakemake --cores 1 --resources gpu=1, then scribetune commit",
            ),
            if_ready=if_ready,
        )
    done = _run(folder, "dvc", "commit", "--force", "--quiet")
    if done.returncode != 0:
        reason = done.stderr.strip()[-1000:]
        return _left_alone(
            UserError("dvc commit failed, and dvc.lock is left as it is", value=reason, todo="mend what it names"),
            if_ready=if_ready,
        )
    return ["dvc.lock is up to date with this build"]


def _left_alone(error: UserError, *, if_ready: bool) -> list[str]:
    """Raise, or give the message where a build that is there must not fail for its ledger (a checkout without git)."""
    if if_ready:
        return [str(error)]
    raise error


def _run(folder: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The same environment's programs, whether or not it is activated.
    command = [sys.executable, "-m", program, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603

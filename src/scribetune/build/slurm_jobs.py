"""What became of a job on a Slurm cluster, in words: the executor's own message names a status and no way out."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_FAILED = re.compile(r"SLURM-job '([^']+)' failed.*?status is: '([A-Z_]+)", re.DOTALL)
_BECAME = {
    "CANCELLED": "was cancelled",
    "OUT_OF_MEMORY": "was killed: it took more memory than it had asked for",
    "TIMEOUT": "was ended at its time limit",
    "DEADLINE": "was ended at its deadline",
    "NODE_FAIL": "was lost with its node",
    "BOOT_FAIL": "was lost: its node did not start",
}
_TODO = {
    "OUT_OF_MEMORY": "ask for more: --set-resources RULE:mem_mb=N",
    "TIMEOUT": "ask for more: --set-resources RULE:runtime=MINUTES; a training goes on from its checkpoint",
}
_NO_ENVIRONMENT = re.compile(r"^.*(?:No such file or directory|not found|No module named '?snakemake.*)$", re.MULTILINE)
_OWN_ERROR = re.compile(r"^\S+ \S+ ERROR scribetune: (.*?)(?=^\d{4}-\d\d-\d\d \d\d:|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Failure:
    """A Slurm job that failed."""

    number: str  # Slurm's
    status: str  # Slurm's, such as OUT_OF_MEMORY
    logs: tuple[Path, ...]  # the rule's, then Slurm's

    def lines(self) -> list[str]:
        """Return what became of it and what can be done, then what it said: the scripts speak on their node alone."""
        lines = [f"  Slurm job {self.number} {_BECAME.get(self.status, f'ended as {self.status}')}"]
        if todo := _TODO.get(self.status):
            lines[0] += f"; {todo}"
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in self.logs if path.is_file()]
        if missing := _missing_environment(texts[-1:]):
            return [
                *lines,
                f"    {missing}",
                f"  So the environment of this build is not on the node: it is looked for in {Path(sys.executable)}.",
                "  What to do: make env in a folder that all nodes see at the same path, or keep that node out",
            ]
        said = [error for text in texts for error in _OWN_ERROR.findall(text)]
        return [*lines, *(f"    {line}" for line in (said[-1].splitlines() if said else ()))]


def failure(message: str | None, logs: Sequence[str]) -> Failure | None:
    """Return what the executor's message says of a failed job; None where it is no message of the Slurm executor."""
    found = _FAILED.search(message or "")
    return None if found is None else Failure(found[1], found[2], tuple(map(Path, logs)))


def _missing_environment(texts: Sequence[str]) -> str:
    """Return the line that says that Python or Snakemake is not there; "" where none does.

    A log with anything of Snakemake's in it is one of a job that had begun.
    """
    for text in texts:
        if "Building DAG of jobs" not in text and (found := _NO_ENVIRONMENT.search(text)):
            return found[0].strip()
    return ""

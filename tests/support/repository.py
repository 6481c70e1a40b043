"""Git in a folder of a test, as a person with a name and whatever settings the machine has."""

import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    """Run git, and return what it printed, without the line end; fails loudly."""
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t.invalid", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def commit(folder: Path, message: str) -> str:
    """Commit everything; returns the hash."""
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message)
    return git(folder, "rev-parse", "HEAD")

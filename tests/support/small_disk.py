"""A small disk for tests, in a mount namespace of its own: what is mounted there is seen by nobody else."""

import errno
import shutil
import subprocess
from pathlib import Path

from scribetune.core.disk_space import full_disk


def why_not() -> str:
    """Return why no disk can be mounted here; "" where it can."""
    if not (shutil.which("unshare") and shutil.which("mount")):
        return "there is no unshare or no mount"
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False, text=True
    )
    return f"mounting is not permitted: {tried.stderr.strip()}" if tried.returncode else ""


def run(folder: Path, size: str, script: str, timeout_s: float = 300.0) -> "subprocess.CompletedProcess[str]":
    """Mount a disk on a folder, run a shell script in it, and return what came of it; the disk is gone then.

    Args:
        folder: An empty folder.
        size: Of the disk, as tmpfs takes it: "3m".
        script: For sh, with the folder as working directory.
        timeout_s: Longest time.
    """
    mounted = f'mount -t tmpfs -o size={size} tmpfs "$1" && cd "$1" && {{ {script}\n}}'
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted, "sh", str(folder)],
        capture_output=True, check=False, text=True, timeout=timeout_s,
    )  # fmt: skip


def write_in_vain(path: str) -> None:
    """Do as a function in a worker does that finds no room."""
    raise full_disk(OSError(errno.ENOSPC, "No space left on device"), Path(path), 7)

"""Kill rebuilds at random moments and count earlier adapters that are lost: none must be.

    python measurements/killed_builds.py BUILT --kills 20

BUILT is the folder of a finished build (it is copied, and not touched). Each time, a training with other settings is
started and the whole process group is killed; then the earlier adapter must be there, whole, in models/adapter or
work/replaced, something whole must be in models/adapter, and a dry run must go on by itself.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scribetune.core.files import sha256_file
from scribetune.core.package import REPOSITORY

NAMES = ("adapter_model.safetensors", "adapter_config.json", "training_log.csv", "lineage.json")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("built", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--longest", type=float, default=60.0, help="Latest moment, in seconds after the start.")
    parser.add_argument("--config", nargs="*", default=["train={epochs: 2}"], help="As with snakemake --config.")
    parser.add_argument("--configfile", nargs="*", default=[])
    arguments = parser.parse_args()
    source = random.Random(1)  # noqa: S311  moments, no secrets
    lost, moments, states = 0, [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "build"
        shutil.copytree(arguments.built, folder, symlinks=True, ignore=shutil.ignore_patterns(".venv", ".git"))
        for _ in range(arguments.kills):
            before = sha256_file(folder / "models/adapter" / NAMES[0])
            moments.append(source.uniform(0.5, arguments.longest))
            seed = source.randrange(10_000)  # each rebuild is another training
            state = kill_one(folder, arguments, moments[-1], seed)
            states.append(state)
            there = has_adapter(folder, before) and is_whole(folder / "models/adapter")
            lost += not there
            print(f"killed after {moments[-1]:5.1f} s, while {state}: {'kept' if there else 'LOST'}", flush=True)
            if snakemake(folder, arguments, seed, "--dry-run").wait():
                sys.exit("a dry run after the kill failed")
    print(f"{arguments.kills} kills, {lost} earlier adapters lost; moments: {sorted(set(states))}")
    sys.exit(bool(lost))


def kill_one(folder: Path, arguments: argparse.Namespace, moment: float, seed: int) -> str:
    """Start a rebuild, kill it after so many seconds, and return what its last job was."""
    begun = time.time()
    process = snakemake(folder, arguments, seed)
    time.sleep(moment)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    logs = [path for path in (folder / "logs").rglob("*.log") if path.stat().st_mtime >= begun]
    return max(logs, key=lambda path: path.stat().st_mtime).stem if logs else "planning"


def snakemake(folder: Path, arguments: argparse.Namespace, seed: int, *flags: str) -> "subprocess.Popen[bytes]":
    """Start a build of another training."""
    command = [sys.executable, "-m", "snakemake", "merged", *flags, "-s", str(REPOSITORY / "Snakefile")]
    command += ["--directory", str(folder), "--cores", "1", "--resources", "gpu=1"]
    if arguments.configfile:
        command += ["--configfile", *arguments.configfile]
    command += ["--config", *arguments.config, f"splits={{seed: {seed}}}"]
    return subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def is_whole(folder: Path) -> bool:
    """Tell whether a folder holds a whole adapter."""
    return all((folder / name).is_file() for name in NAMES)


def has_adapter(folder: Path, sha256: str) -> bool:
    """Tell whether an adapter is there, whole: in its place, or kept."""
    places = [folder / "models/adapter", *(folder / "work/replaced").glob("adapter-*")]
    return any(is_whole(place) and sha256_file(place / NAMES[0]) == sha256 for place in places)


if __name__ == "__main__":
    main()

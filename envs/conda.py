"""Write the conda environment files from the pinned locks: envs/cpu.yaml and envs/gpu.yaml."""

import sys
from pathlib import Path

import yaml


def conda_yaml(kind: str, lock: str) -> str:
    """Return a conda environment that installs a lock's pins with pip.

    Args:
        kind: "cpu" or "gpu".
        lock: Content of the lock file.
    """
    pins = [line.split("#")[0].strip() for line in lock.split("\n") if "==" in line.split("#")[0]]
    environment = {
        "name": f"scribetune-{kind}",
        "channels": ["conda-forge", "nodefaults"],
        "dependencies": ["python=3.11", "pip", {"pip": pins}],
    }
    return f"# Generated from envs/{kind}.txt by `make lock`.\n" + yaml.safe_dump(environment, sort_keys=False)


if __name__ == "__main__":
    here = Path(__file__).parent
    for name in ("cpu", "gpu"):
        text = conda_yaml(name, (here / f"{name}.txt").read_text(encoding="utf-8"))
        if "--check" not in sys.argv:
            (here / f"{name}.yaml").write_text(text, encoding="utf-8")
        elif (here / f"{name}.yaml").read_text(encoding="utf-8") != text:
            sys.exit(f"envs/{name}.yaml differs from its lock: run `make lock`, or `python envs/conda.py`")

"""Is a forecast of `scribetune plan` within 30 % of what the build then takes?

    python measurements/plan_accuracy.py /tmp/plan --documents 8 16 40
    python measurements/plan_accuracy.py /tmp/plan --documents 8 16 40 --set 'generate={max_new_tokens: 24}'

Builds the sample corpus in sizes, each in a folder of its own, with few pages to read. What a build took is the
processor time of all its processes. It is compared with what `plan` says of it with the documentation's rates (the
folder is empty) and with `--pilot`, the rates of the size before.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from ten_thousand import environment, scribetune, snakemake

SETTINGS = "train: {epochs: 1}\ngenerate: {max_new_tokens: 24}\nretention: {count: 4}\n"


def forecast(folder: Path, *options: str) -> dict[str, float]:
    """Return {rule: processor seconds} of what `plan` says of a folder's next build."""
    command = scribetune("plan", "--json", "--folder", str(folder), "--configfile", str(folder / "mine.yaml"), *options)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return {stage["rule"]: 3600 * stage["cpu_hours"] for stage in json.loads(done.stdout)["stages"]}


def build(folder: Path) -> float:
    """Build everything; returns the processor seconds of all processes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = snakemake("--resources", "gpu=1", cores=1)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Forecast, build, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the builds are made")
    parser.add_argument("--documents", type=int, nargs="+", default=[8, 16, 40], help="sizes of the corpus")
    parser.add_argument("--set", default=SETTINGS, help="YAML of the other settings")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    before: Path | None = None
    print("documents  CPU s  by docs        by the jobs of the size before", flush=True)
    for count in given.documents:
        folder: Path = given.folder.resolve() / str(count)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "mine.yaml").write_text(f"samples: {{count: {count}}}\n{given.set}", encoding="utf-8")
        foreseen = [forecast(folder)]
        if before is not None:
            foreseen.append(forecast(folder, "--pilot", str(before)))
        took = build(folder)
        sums = [sum(each.values()) for each in foreseen]
        print(
            f"{count:9}  {took:5.0f}  " + "  ".join(f"{each:5.0f} ({each / took - 1:+.0%})" for each in sums),
            flush=True,
        )
        before = folder


if __name__ == "__main__":
    sys.exit(main())

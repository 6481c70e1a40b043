"""Trainings side by side, each with the readings that follow it in a process of one thread, for measurements of many.

    python measurements/learning_curve.py /tmp/curve-* --jobs /tmp/jobs.jsonl
    OMP_NUM_THREADS=1 CUDA_VISIBLE_DEVICES= python measurements/trainings.py /tmp/jobs.jsonl --processes 16
    python measurements/learning_curve.py /tmp/curve-* --results /tmp/jobs.results.jsonl

A job is a line: a build's folder, the records to learn from, a seed, and the records to read afterwards. Of the folder
its configuration, these records and their page images are needed; no Snakemake, and nothing that scores. What was read
is appended to a file beside the jobs as each ends: a call that was cut goes on with the jobs that are not in it. A job
without records to learn from is read by the base model.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scribetune import training
from scribetune.core import config as configuration
from scribetune.core import files, layout, yaml_files
from scribetune.generation import adapted
from scribetune.generation.reader import Prediction, Reader
from scribetune.models.examples import read_pages

REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Job:
    """A training and what is read with its adapter."""

    name: str
    folder: str  # of a build; relative to the folder of the jobs
    train: str  # records to learn from, relative to that folder; "": the base model reads
    seed: int
    sets: dict[str, str]  # name → records to read


def write(jobs: Iterable[Job], path: Path) -> None:
    """Write jobs; they begin in this order."""
    files.write_jsonl(path, [asdict(job) for job in jobs])


def results(path: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return name of a job → name of a set → its predictions; a last line that was cut is left out."""
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        found[row["name"]] = row["read"]
    return found


def _run(given: tuple[Job, Path, Path]) -> dict[str, Any]:
    job, root, base = given
    began = time.perf_counter()
    os.chdir(root / job.folder)
    config = configuration.load(yaml_files.read_values(Path("config/config.yaml")))
    config = config.model_copy(update={"train": config.train.model_copy(update={"seed": job.seed})})
    learned = 0.0
    if job.train:
        work = training.WorkFolders(Path(layout.CHECKPOINTS, job.name), Path(layout.VISION))
        with tempfile.TemporaryDirectory() as temporary:
            adapter = Path(temporary, "adapter")
            validation = Path(layout.SPLITS, "validation.jsonl")
            training.train(config, str(base), Path(job.train), validation, adapter, work)
            learned = time.perf_counter() - began
            read = {name: adapted.read(config, str(base), adapter, Path(path)) for name, path in job.sets.items()}
    else:
        reader = Reader(config, str(base))
        read = {name: reader.read(read_pages(Path(path), reader.prompt)) for name, path in job.sets.items()}
    seconds = {"train_s": round(learned, 1), "all_s": round(time.perf_counter() - began, 1)}
    return {"name": job.name, **seconds, "read": {name: _rows(rows) for name, rows in read.items()}}


def _rows(predictions: Sequence[Prediction]) -> list[dict[str, Any]]:
    keys = ("id", "text", "tokens", "stop_reason")
    return [{key: getattr(one, key) for key in keys} for one in predictions]


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jobs", type=Path)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--results", type=Path, help="default: JOBS.results.jsonl beside the jobs")
    parser.add_argument("--base", type=Path, default=REPOSITORY / "models/tiny")
    chosen = parser.parse_args()
    path = chosen.results or chosen.jobs.with_suffix(".results.jsonl")
    done = results(path)
    jobs = [Job(**row) for row in files.read_jsonl(chosen.jobs) if row["name"] not in done]
    given = [(job, chosen.jobs.parent.resolve(), chosen.base.resolve()) for job in jobs]
    began = time.perf_counter()
    # Forked after the imports; a process each, so that no training sees what another one left.
    with multiprocessing.get_context("fork").Pool(chosen.processes, maxtasksperchild=1) as pool:
        for row in pool.imap_unordered(_run, given, chunksize=1):
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            print(
                f"{time.perf_counter() - began:.0f} s: {row['name']} {row['train_s']} of {row['all_s']} s", flush=True
            )


if __name__ == "__main__":
    main()

"""How well a learning curve up to 40 % of the documents foretells the training on all of them, on sample corpora.

    for seed in 20 21 22 23 24; do
        git clone . /tmp/curve-$seed
        scribetune build learning_curve --folder /tmp/curve-$seed --set samples.seed=$seed
    done
    python measurements/learning_curve.py /tmp/curve-*

Or all trainings side by side, on a machine with many cores, where the builds have made their splits (`scribetune build
splits`): `--jobs FILE` writes what is missing for `measurements/trainings.py`, `--results FILE` takes what that read.

Only points that are missing are trained when the first part is started again. Corpora without a point of all documents
are named and left out. Measured is the mean of the seeds at 100 %; foretold is the value of the curve through the
points up to 40 %, for as many pages.
"""

import argparse
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import Any

import trainings
from trainings import Job

from scribetune.core import config as configuration
from scribetune.core import files, layout, yaml_files
from scribetune.dataset import subsets
from scribetune.evaluation import learning_curve
from scribetune.evaluation.learning_curve import MEASURES, Point

UP_TO = 40
WITHIN = 0.2


def points_of(folder: Path) -> list[Point]:
    """Return the points that a build has measured."""
    paths = sorted((folder / "reports/learning_curve").glob("*.json"))
    return [Point(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]


def missing(folder: Path, root: Path, percents: Sequence[int]) -> Iterator[Job]:
    """Yield the trainings of a build's points that it has not measured, and write the records of each."""
    settings = configuration.load(yaml_files.read_values(folder / "config/config.yaml")).learning_curve
    records = files.read_jsonl(folder / layout.SPLITS / "train.jsonl")
    test = f"{layout.SPLITS}/test.jsonl"
    for percent in sorted(percents or settings.percents, reverse=True):  # the longest begin first
        for seed in settings.seeds:
            if _file(folder, percent, seed).exists():
                continue
            train = f"work/learning_curve/{percent}-{seed}.jsonl"
            files.write_jsonl(folder / train, subsets.of_documents(records, percent, seed))
            name = f"{folder.name}-curve-{percent}-{seed}"
            yield Job(name, os.path.relpath(folder, root), train, seed, {"test": test})


def take(folder: Path, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Score what trainings read, and write it as the build writes its points."""
    for path in sorted((folder / "work/learning_curve").glob("*.jsonl")):
        read = results.get(f"{folder.name}-curve-{path.stem}")
        if read is not None:
            percent, seed = map(int, path.stem.split("-"))
            test = files.read_jsonl(folder / layout.SPLITS / "test.jsonl")
            point = Point.of(percent, seed, files.read_jsonl(path), test, read["test"])
            files.write_json(_file(folder, percent, seed), asdict(point))


def _file(folder: Path, percent: int, seed: int) -> Path:
    return folder / f"reports/learning_curve/{percent}-{seed}.json"


def told(points: Sequence[Point], measure: str) -> str:
    """Return in a line what was foretold of one measure, and what came."""
    last = [point for point in points if point.percent == 100]
    curve = learning_curve.fit([point for point in points if point.percent <= UP_TO], measure)
    whole = learning_curve.fit(points, measure)
    if curve is None or whole is None:
        return "no curve"
    found = mean(error for point in last if (error := point.error(measure)) is not None)
    value = curve.error(last[0].pages)
    off = value.value / found - 1
    return (
        f"foretold {value.value:.4f} (95 % {value.low:.4f} to {value.high:.4f}), measured {found:.4f}: {off:+.0%}, "
        f"{'within' if abs(off) <= WITHIN else 'outside'} ±{WITHIN:.0%}, "
        f"{'in' if value.low <= found <= value.high else 'not in'} the interval; exponent {curve.b:.2f}, "
        f"of all points {whole.b:.2f}"
    )


def main() -> None:
    """Print the points of each corpus, and a line for each measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--jobs", type=Path, help="write the trainings that are missing, and end")
    parser.add_argument("--percents", type=int, nargs="+", default=[], help="of these; default: as configured")
    parser.add_argument("--results", type=Path, help="take what trainings.py read")
    chosen = parser.parse_args()
    if chosen.jobs:
        found = (missing(folder, chosen.jobs.parent, chosen.percents) for folder in chosen.folders)
        trainings.write(itertools.chain.from_iterable(found), chosen.jobs)
        return
    results = trainings.results(chosen.results) if chosen.results else {}
    for folder in chosen.folders:
        take(folder, results)
        points = sorted(points_of(folder), key=lambda point: (point.percent, point.seed))
        for point in points:
            tables = "—" if point.table_f1 is None else f"{point.table_f1:.4f}"
            print(f"  {point.percent} % seed {point.seed}: {point.pages} pages, CER {point.cer:.4f}, table F1 {tables}")
        if not any(point.percent == 100 for point in points):
            print(f"{folder.name}: no point of all documents yet")
            continue
        for measure, name in MEASURES.items():
            print(f"{folder.name} {name}: {told(points, measure)}")


if __name__ == "__main__":
    main()

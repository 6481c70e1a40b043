"""How well a learning curve up to 40 % of the documents foretells the training on all of them, on sample corpora.

    for seed in 20 21 22 23 24; do
        git clone . /tmp/curve-$seed
        scribetune build learning_curve --folder /tmp/curve-$seed --set samples.seed=$seed
    done
    python measurements/learning_curve.py /tmp/curve-*

Only points that are missing are trained when the first part is started again. Corpora without a point of all documents
are named and left out. Measured is the mean of the seeds at 100 %; foretold is the value of the curve through the
points up to 40 %, for as many pages.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from scribetune.evaluation import learning_curve
from scribetune.evaluation.learning_curve import MEASURES, Point

UP_TO = 40
WITHIN = 0.2


def points_of(folder: Path) -> list[Point]:
    """Return the points that a build has measured."""
    paths = sorted((folder / "reports/learning_curve").glob("*.json"))
    return [Point(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]


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
    for folder in parser.parse_args().folders:
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

"""Right labels made wrong on purpose: on how many does trust fall below the least that a build asks for?

    PYTHONPATH=tests python measurements/planted_defects.py                     # 200 pages, half of them reported on
    PYTHONPATH=tests python measurements/planted_defects.py --csv FILE          # the curve too
    PYTHONPATH=tests python measurements/planted_defects.py --fit --judged docs/evidence/trust_pages.csv

Pages whose label is the truth (samples, the zoo; seeded) are damaged: in the label, as if the reader had made it, and
in the PDF, whose text layer then says what the page does not show. What is asked by place of the reader's own pieces
(word recall, word precision) stays as it was for the whole label: only witnesses that know nothing of the reader may
see what is planted there. Weights are fitted on the pages with even numbers, figures reported on the others. --judged
names rows of real pages that people read; --fit prints the weights for `dataset/trust.py`.
"""

import argparse
import csv
import logging
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymupdf

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from planted import defects, fitting, pages  # noqa: E402

from scribetune.core.config import Selection  # noqa: E402  the folder above comes first
from scribetune.dataset import trust  # noqa: E402
from scribetune.labels import witnesses  # noqa: E402

Row = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A page, right or damaged."""

    number: int  # of the page: even ones are fitted, odd ones reported
    source: str
    defect: str  # "" for none
    row: Row


def planted(page: pages.ReadPage, number: int, rng: random.Random, folder: Path) -> Iterator[Case]:
    """Yield a right page, and it with each defect that it can have."""
    yield Case(number, page.source, "", page.row)
    label, *rest = page.asked
    for name, plant in defects.IN_LABELS.items():
        wrong = plant(label, rng)
        if wrong is None or wrong == label:
            continue
        found = witnesses.of_page(wrong, *rest, has_latex=page.has_latex)
        yield Case(
            number, page.source, name,
            page.row | witnesses.counts(found) | {"findings": witnesses.as_text(found)},
        )  # fmt: skip
    if page.row["page"] != 1:
        return
    for name, lie in defects.IN_LAYERS.items():
        with pymupdf.open(page.path) as pdf:
            if not lie(pdf, rng):
                continue
            path = folder / "lying.pdf"
            pdf.save(path)
        for read in pages.read(path, page.source):
            if read.row["page"] == 1:
                yield Case(number, page.source, name, read.row)


def shares(cases: Sequence[Case], values: Sequence[float], least: float) -> None:
    """Print how many pages are below the least trust, by defect."""
    below: dict[str, list[bool]] = defaultdict(list)
    for case, value in zip(cases, values, strict=True):
        below[case.defect or f"right: {case.source}"].append(value < least or case.row["status_page"] != "ok")
    for name, found in sorted(below.items()):
        print(f"{name:28} {len(found):4} pages, {sum(found) / len(found):6.1%} below")
    for title, is_right in (("right", True), ("damaged", False)):
        found = [x for name, values_ in below.items() if name.startswith("right") == is_right for x in values_]
        print(f"{title:28} {len(found):4} pages, {sum(found) / max(len(found), 1):6.1%} below {least}")


def curve(values: Sequence[float], is_right: Sequence[bool], counts: Sequence[float]) -> list[Row]:
    """Return coverage and precision of what is kept at each least trust."""
    rows = []
    total = sum(counts)
    for least in [n / 20 for n in range(20)] + [0.97, 0.99]:
        kept = [(right, count) for value, right, count in zip(values, is_right, counts, strict=True) if value >= least]
        weight = sum(count for _, count in kept)
        precision = sum(count for right, count in kept if right) / weight if weight else 1.0
        rows.append({"min_trust": least, "coverage": round(weight / total, 4), "precision": round(precision, 4)})
    return rows


def judged(path: Path | None) -> list[Row]:
    """Return the rows of real pages that people read; their column `verdict` is right, small or false."""
    if path is None:
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {**row, "status_label": "ok", "status_page": "ok", "label_source": "machine"}
            for row in csv.DictReader(file)
        ]


def main() -> None:
    """Read the arguments, plant, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="pages that are damaged, about")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--min-trust", type=float, default=Selection().min_trust)
    parser.add_argument("--judged", type=Path, help="rows of real pages, with verdicts")
    parser.add_argument("--fit", action="store_true", help="fit the weights first, and print them")
    parser.add_argument("--csv", type=Path, help="write the curve of the judged pages that are reported there")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    rng = random.Random(arguments.seed)  # noqa: S311  no secret
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cases = [
            case
            for number, page in enumerate(pages.good(folder, arguments.count, arguments.seed))
            for case in planted(page, number, rng, folder)
        ]
    report(cases, judged(arguments.judged), arguments)


def report(cases: Sequence[Case], real: Sequence[Row], arguments: argparse.Namespace) -> None:
    """Fit, if asked for, and print what is below the least trust, of the half that was not fitted."""
    base, weights = trust.BASE, {part.name: part.weight for part in trust.PARTS}
    if arguments.fit:
        fitted = [case for case in cases if case.number % 2 == 0 and case.row["status_page"] == "ok"]
        known = [row for row in real if row["half"] == "even"]
        damaged = sum(bool(case.defect) for case in fitted)
        right = len(fitted) - damaged
        # Right and damaged pages count alike, and all planted ones as much as all that people read.
        counts = [0.5 / damaged if case.defect else 0.5 / right for case in fitted] + [1 / len(known) for _ in known]
        base, weights = fitting.fit(
            [case.row for case in fitted] + known,
            [not case.defect for case in fitted] + [row["verdict"] != "false" for row in known],
            counts,
        )
        print(f"base {base:.2f}", *(f"{name} {weight:.2f}" for name, weight in weights.items()), sep="\n  ")
    reported = [case for case in cases if case.number % 2]
    shares(reported, list(fitting.trusts([case.row for case in reported], base, weights)), arguments.min_trust)
    for half in ("even", "odd") if real else ():
        rows = [row for row in real if row["half"] == half]
        values = list(fitting.trusts(rows, base, weights))
        found = curve(values, [row["verdict"] != "false" for row in rows], [1.0] * len(rows))
        print(f"real pages, {half} half: {len(rows)}")
        for point in found:
            print("  {min_trust:5.2f} coverage {coverage:6.3f} precision {precision:6.3f}".format(**point))
        if arguments.csv and half == "odd":
            with arguments.csv.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, found[0], lineterminator="\n")
                writer.writeheader()
                writer.writerows(found)


if __name__ == "__main__":
    main()

"""Right labels made wrong on purpose: on how many does trust fall below the least that a build asks for?

    PYTHONPATH=tests python measurements/planted_defects.py                     # 200 pages, half of them reported on
    PYTHONPATH=tests python measurements/planted_defects.py --csv FILE          # the curve too
    PYTHONPATH=tests python measurements/planted_defects.py --fit --judged docs/evidence/trust_pages.csv

Pages whose label is the truth (samples, the zoo; seeded) are damaged: in the label, as if the reader had made it, and
in the PDF, whose text layer then says what the page does not show. What is asked by place of the reader's own pieces
(word recall, word precision) stays as it was for the whole label: only witnesses that know nothing of the reader may
see what is planted there. Weights are fitted on the pages with even numbers, figures reported on the others. --judged
names rows of real pages that people read (the half `even` is fitted); --fit prints the weights for `dataset/trust.py`.

    PYTHONPATH=tests python measurements/planted_defects.py --images            # with the page image as a witness

plants in PDFs alone, two of the four ways in each, lets the page image be read, and reports how many pages fall below
with that reading and without it; in the last column as a build samples its pages: short documents one in eight, and
pages that draw letters without words.
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
from unittest import mock

import pymupdf

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from planted import defects, fitting, pages  # noqa: E402

from scribetune.core.config import Selection  # noqa: E402  the folder above comes first
from scribetune.dataset import trust  # noqa: E402
from scribetune.labels import doubts, image_witness, outlined_text, text_layer, witnesses  # noqa: E402

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
            page.row | doubts.counts(found) | {"findings": doubts.as_text(found)},
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


@dataclass(frozen=True)
class Witnessed:
    """A page, right or damaged in its PDF, whose image was read."""

    defect: str  # "" for none
    row: Row
    is_sampled: bool  # by a build too


def witnessed(
    page: pages.ReadPage, number: int, rng: random.Random, folder: Path, only: str = ""
) -> Iterator[Witnessed]:
    """Yield the first page of a document as it is, and with two of the defects that images show, each read by all.

    Or with one alone, where it is named.
    """
    with pymupdf.open(page.path) as pdf:
        is_sampled = 0 in image_witness.Witness(pdf, image_witness.SHORT).sample
    names = [name for at, name in enumerate(defects.SEEN_IN_IMAGES) if at % 2 == number % 2]
    for name in ["", *([only] if only else names)]:
        path = folder / "seen.pdf"
        with pymupdf.open(page.path) as pdf:
            if name and not defects.SEEN_IN_IMAGES[name](pdf, rng):
                continue
            pdf.save(path)
        with mock.patch.object(image_witness, "SHORT", 1):  # it is looked at in any case
            for read in pages.read(path, page.source, "rapidocr"):
                if read.row["page"] == 1:
                    yield Witnessed(name, read.row, is_sampled or _has_outlines(path))


def _has_outlines(path: Path) -> bool:
    with pymupdf.open(path) as pdf:
        return outlined_text.is_on(pdf[0].get_cdrawings(), text_layer.read(pdf[0]).words)


def report_images(cases: Sequence[Witnessed], least: float) -> None:
    """Print how many pages are refused, or below the least trust, with the image's reading and without it."""
    by_defect: dict[str, list[tuple[bool, bool, bool]]] = defaultdict(list)
    for case in cases:
        with_image = _is_kept_out(case.row, least)
        without = _is_kept_out(case.row | {"agreement": -1.0}, least)
        found = with_image, without, with_image if case.is_sampled else without
        for name in (case.defect or "right", *(["all damaged"] if case.defect else [])):
            by_defect[name].append(found)
    for name, found_all in sorted(by_defect.items()):
        shown = (f"{sum(column) / len(found_all):6.1%}" for column in zip(*found_all, strict=True))
        print(f"{name:24} {len(found_all):4} pages, with {{}}, without {{}}, as sampled {{}}".format(*shown))


def _is_kept_out(row: Row, least: float) -> bool:
    refused = row["status_page"] != "ok" or 0 <= row["agreement"] < Selection().min_agreement
    return refused or trust.of(row).value < least


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


def gates(rows: Sequence[Row], values: Sequence[float]) -> None:
    """Print how many real pages both gates keep, and how many of these teach something false."""
    for reading in ("", *sorted({row["reading"] for row in rows})):  # all, and each
        own = [(row, value) for row, value in zip(rows, values, strict=True) if reading in ("", row["reading"])]
        print(f"  read {reading}: {len(own)} pages, {sum(row['verdict'] == 'false' for row, _ in own)} false")
        for least in (0.6, 0.7, 0.8, 0.85, 0.9, 0.9167):
            for least_table in (0.6, 0.7, 0.8):
                kept = [
                    row
                    for row, value in own
                    if value >= least and not 0 <= float(row["table_trust"] or -1) < least_table
                ]
                false = sum(row["verdict"] == "false" for row in kept)
                print(f"    min_trust {least} min_table_trust {least_table}: kept {len(kept)}, false {false}")


def judged(paths: Sequence[Path]) -> list[Row]:
    """Return the rows of real pages that people read; their column `verdict` is right, small or false."""
    read = {"status_label": "ok", "status_page": "ok", "label_source": "machine"}
    return [row | read for path in paths for row in csv.DictReader(path.open(encoding="utf-8", newline=""))]


def main() -> None:
    """Read the arguments, plant, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="pages that are damaged, about; 0: judged ones alone")
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--min-trust", type=float, default=Selection().min_trust)
    parser.add_argument("--judged", type=Path, nargs="*", default=[], help="rows of real pages, with verdicts")
    parser.add_argument("--fit", action="store_true", help="fit the weights first, and print them")
    parser.add_argument("--images", action="store_true", help="defects that page images show, which are then read")
    parser.add_argument("--only", choices=("", *defects.SEEN_IN_IMAGES), default="", help="with --images: one defect")
    parser.add_argument("--csv", type=Path, help="write the curve of the odd half of the judged pages there")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    rng = random.Random(arguments.seed)  # noqa: S311  no secret
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.images:
            firsts = (page for page in pages.good(folder, arguments.count, arguments.seed) if page.row["page"] == 1)
            found = [
                case
                for number, page in enumerate(firsts)
                for case in witnessed(page, number, rng, folder, arguments.only)
            ]
            report_images(found, arguments.min_trust)
            return
        good = pages.good(folder, arguments.count, arguments.seed) if arguments.count else ()
        cases = [case for number, page in enumerate(good) for case in planted(page, number, rng, folder)]
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
    if reported:
        shares(reported, list(fitting.trusts([case.row for case in reported], base, weights)), arguments.min_trust)
    for half in sorted({row["half"] for row in real}):
        rows = [row for row in real if row["half"] == half]
        values = list(fitting.trusts(rows, base, weights))
        found = curve(values, [row["verdict"] != "false" for row in rows], [1.0] * len(rows))
        print(f"real pages, {half} half: {len(rows)}")
        for point in found:
            print("  {min_trust:5.2f} coverage {coverage:6.3f} precision {precision:6.3f}".format(**point))
        gates(rows, values)
        if arguments.csv and half == "odd":
            with arguments.csv.open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, found[0], lineterminator="\n")
                writer.writeheader()
                writer.writerows(found)


if __name__ == "__main__":
    main()

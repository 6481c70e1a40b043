"""How far the trust of tables tells right ones from wrong ones, and the fit of its coefficients.

    PYTHONPATH=tests python measurements/table_agreement.py --fit       # coefficients, on the halves to develop on
    PYTHONPATH=tests python measurements/table_agreement.py             # figures on the halves that are reported
    PYTHONPATH=tests python measurements/table_agreement.py --icdar ../shared/corpus/icdar2013

Tables: those of the zoo (halves of `table_zoo.py`) and of every other ICDAR-2013 document, as labels have them, as the
library finds them before any repair, and true ones with a planted defect (`planted_defects_tables.py`). A table is
right where its adjacency F1 with a true one of its page is above 0.99, wrong below 0.97 or with a planted defect; what
is between counts in means alone. `--least` is the threshold of the figures.
"""

import argparse
import logging
import random
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from scipy.optimize import minimize

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "tests")]

from planted_defects_tables import planted  # noqa: E402
from zoo import labels  # noqa: E402
from zoo.documents import shared_out, table_document  # noqa: E402
from zoo.styles import TABLES  # noqa: E402

from scribetune.core.config import Selection  # noqa: E402
from scribetune.labels import coverage, layout_model, ruling_lines  # noqa: E402
from scribetune.labels import reader as label_reader  # noqa: E402
from scribetune.labels.tables import agreement  # noqa: E402
from scribetune.labels.tables.cells import PageTable  # noqa: E402
from scribetune.labels.tables.witness import Witness, compare  # noqa: E402
from scribetune.metrics import adjacency  # noqa: E402
from scribetune.samples.typesetting import Typesetter  # noqa: E402
from scribetune.text.grids import Cell, Table, table  # noqa: E402
from support import icdar2013  # noqa: E402

NAMES = tuple(agreement.COEFFICIENTS)
RIGHT_SHARE = 0.7  # of the tables, where the trust is a probability
_SHRINK = 0.5

Truth = Mapping[int, Sequence[Table]]


@dataclass(frozen=True)
class Case:
    """A table that somebody made of a page."""

    page: str  # which set, document and page it is of
    kind: str  # "labels", "library", or the defect planted in it
    score: float  # adjacency F1 with the most similar true table of its page
    seen: tuple[float, ...]  # what `NAMES` are

    @property
    def right(self) -> bool | None:
        """Whether it is; None where that is in doubt."""
        if self.kind not in ("labels", "library"):
            return False
        return True if self.score > 0.99 else False if self.score < 0.97 else None


def score(found: PageTable, truth: Sequence[Table]) -> float:
    """Return the adjacency F1 with the most similar of some tables."""
    grid = table(list(found.cells) or [Cell(0, 0, "")], "html").with_collapsed_spaces()
    return max((adjacency.icdar13(one, grid).f1 for one in truth), default=0.0)


def cases(path: Path, truth: Truth, name: str) -> Iterator[Case]:
    """Yield the tables of a document's pages: as labels and library have them, and with defects."""
    opened = label_reader.PageReader(str(path), "", labels.SETTINGS)
    kept: dict[str, Any] = {}

    def keeping(key: str, function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            kept[key] = arguments, function(*arguments, **named)
            return kept[key][1]

        return call

    for number in range(opened.page_count):
        kept.clear()
        with (
            mock.patch.object(coverage, "of_blocks", keeping("blocks", coverage.of_blocks)),
            mock.patch.object(ruling_lines, "rules_of", keeping("rules", ruling_lines.rules_of)),
            mock.patch.object(layout_model, "regions_of", keeping("regions", layout_model.regions_of)),
        ):
            opened.read(number)
        if "blocks" not in kept:
            continue
        (blocks, layer, *_), _ = kept["blocks"]
        marked = truth.get(number + 1, ())
        rng = random.Random(f"{name}{number}")  # noqa: S311  no secret
        hypotheses = [("labels", one) for block in blocks for one in block.tables]
        hypotheses += [
            defect
            for _, one in list(hypotheses)
            if score(one, marked) > 0.99
            for defect in planted(one, layer.words, rng)
        ]
        regions = kept["regions"][1] if "regions" in kept else ()
        hypotheses += [("library", one.table) for region in regions for one in region.tables]
        for kind, one in hypotheses:
            compared = compare(one, layer.words, kept["rules"][1])
            if compared is not None:
                seen = tuple(getattr(compared.witness, part) for part in NAMES)
                yield Case(f"{name}/{number + 1}", kind, score(one, marked), seen)


def zoo(half: str, count: int, folder: Path) -> Iterator[Case]:
    """Yield the tables of a half of the zoo."""
    with Typesetter() as typesetter:
        for style, number in shared_out(TABLES, count):
            if style.half != half:
                continue
            document = table_document(typesetter, style, number, 1)
            path = folder / f"{TABLES.index(style)}-{number}.pdf"
            path.write_bytes(document.pdf)
            yield from cases(path, document.tables, f"zoo {path.stem}")


def icdar(folder: Path, first: int) -> Iterator[Case]:
    """Yield the tables of every other document."""
    for path in sorted(folder.glob("*.pdf"))[first::2]:
        structure = path.with_name(f"{path.stem}-str.xml")
        yield from cases(path, icdar2013.references(structure), f"icdar {path.stem}")


def fitted(known: Sequence[Case]) -> tuple[float, dict[str, float]]:
    """Return intercept and coefficients, none below 0, of the logistic regression."""
    sure = [case for case in known if case.right is not None]
    seen = np.array([case.seen for case in sure])
    right = np.array([bool(case.right) for case in sure])
    share = np.where(right, RIGHT_SHARE / right.sum(), (1 - RIGHT_SHARE) / (~right).sum()) * len(sure)
    sign = np.where(right, 1.0, -1.0)

    def loss(weights: Any) -> tuple[float, Any]:
        margin = sign * (weights[0] + seen @ weights[1:])
        slope = -sign * share / (1 + np.exp(margin))
        shrunk = np.concatenate([[0.0], 2 * _SHRINK * weights[1:]])
        value = (share * np.logaddexp(0, -margin)).sum() + _SHRINK * (weights[1:] ** 2).sum()
        return float(value), np.concatenate([[slope.sum()], seen.T @ slope]) + shrunk

    bounds = [(None, None), *((0, None) for _ in NAMES)]
    found = minimize(loss, np.zeros(len(NAMES) + 1), jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(found[0]), {name: float(weight) for name, weight in zip(NAMES, found[1:], strict=True)}


def trust(case: Case) -> float:
    """Return the trust that the package gives a table."""
    return agreement.trust_of(Witness(**dict(zip(NAMES, case.seen, strict=True))))


def show(known: Sequence[Case], least: float) -> None:
    """Print what a threshold does: curve, sets, defects."""
    ours = [(trust(case), case) for case in known if case.kind == "labels"]
    print("least   accepted  mean F1   planted defects below   library's wrong ones below")
    wrong = [(trust(c), c) for c in known if c.kind != "labels" and c.right is False]
    for at in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        kept = [case.score for value, case in ours if value >= at]
        made = [value < at for value, case in wrong if case.kind != "library"]
        library = [value < at for value, case in wrong if case.kind == "library"]
        below = f"{np.mean(made):23.3f} {np.mean(library):28.3f}"
        print(f"{at:5.2f} {len(kept) / len(ours):10.3f} {np.mean(kept):8.4f} {below}")
    for name in ("zoo", "icdar"):
        its = [(value >= least, case) for value, case in ours if case.page.startswith(name)]
        if its:
            kept = [case.score for is_kept, case in its if is_kept]
            every = np.mean([case.score for _, case in its])
            print(f"{name}: {len(kept)} of {len(its)} tables, mean F1 {np.mean(kept):.4f}, of all {every:.4f}")
    for kind in sorted({case.kind for _, case in wrong}):
        found = [value < least for value, case in wrong if case.kind == kind]
        print(f"{kind:30} {sum(found):4} of {len(found):4} below {least}")


def main() -> None:
    """Read the arguments, the documents, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=336, help="documents of both halves of the zoo together")
    parser.add_argument("--icdar", type=Path, default=REPOSITORY.parent / "shared" / "corpus" / "icdar2013")
    parser.add_argument("--fit", action="store_true", help="fit the coefficients on the halves to develop on")
    parser.add_argument("--least", type=float, default=Selection().min_table_trust)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    labels.quiet()
    with tempfile.TemporaryDirectory() as folder:
        known = list(zoo("develop" if arguments.fit else "report", arguments.count, Path(folder)))
    if arguments.icdar.is_dir():
        known += icdar(arguments.icdar, 0 if arguments.fit else 1)
    else:
        print(f"{arguments.icdar} is not there: the zoo alone")
    print(len(known), "tables")
    if arguments.fit:
        intercept, weights = fitted(known)
        print(f"INTERCEPT = {intercept:.2f}", {name: round(weight, 2) for name, weight in weights.items()})
    show(known, arguments.least)


if __name__ == "__main__":
    main()

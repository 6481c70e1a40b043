"""What more pages would buy: a power law through trainings on parts of the pages, and how far it can be trusted.

The error of a model that learned from n pages is taken to be a · n^(−b) (Hestness et al. 2017, without their floor: a
handful of points cannot tell one). It is fitted in logarithms by least squares. Intervals are of 95 %: of the fitted
curve, from draws of its two parameters under Student's t with as many degrees of freedom as points are left over.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

MEASURES = {"cer": "CER", "table_f1": "table F1"}
"""Key of a point → what it is called."""
_DRAWS = 4000
_LEAST_ERROR = 1e-4
"""An error of 0 has no logarithm: one edit in a book."""
_LEAST_SIZES = 3


@dataclass(frozen=True)
class Point:
    """One training on a part of the pages, and how it read the test pages.

    `table_f1` is None where no test page has a table.
    """

    percent: int
    seed: int
    documents: int
    pages: int
    cer: float
    table_f1: float | None

    def error(self, measure: str) -> float | None:
        """Return what falls as pages come: the CER, or what is missing from a table F1 of 1."""
        value: float | None = getattr(self, measure)
        if value is None:
            return None
        return max(_LEAST_ERROR, 1 - value if measure == "table_f1" else value)


@dataclass(frozen=True)
class Value:
    """A value with its interval of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """A fitted power law: error = exp(log_a) · pages^(−b), and draws of (log_a, b) that say how sure that is."""

    log_a: float
    b: float
    draws: tuple[tuple[float, float], ...]
    pages: int  # most pages of a point

    def error(self, pages: int) -> Value:
        """Return the error of a model that learned from so many pages."""
        return _with_interval([math.exp(a - b * math.log(pages)) for a, b in ((self.log_a, self.b), *self.draws)])

    def gain(self, more: int) -> Value:
        """Return by how much the error falls with so many more pages than the most of a point."""

        def fall(a: float, b: float) -> float:
            now, then = math.log(self.pages), math.log(self.pages + more)
            return math.exp(a - b * now) - math.exp(a - b * then)

        return _with_interval([fall(a, b) for a, b in ((self.log_a, self.b), *self.draws)])


def fit(points: Sequence[Point], measure: str) -> Curve | None:
    """Fit the power law to points; None with fewer than three different numbers of pages."""
    import numpy as np
    from scipy import stats

    measured = [(point.pages, error) for point in points if (error := point.error(measure)) is not None]
    if len({pages for pages, _ in measured}) < _LEAST_SIZES:
        return None
    sizes = np.log([pages for pages, _ in measured])  # (points,)
    errors = np.log([error for _, error in measured])  # (points,)
    found = stats.linregress(sizes, errors)
    middle = float(sizes.mean())
    residuals = errors - found.intercept - found.slope * sizes
    freedom = len(measured) - 2
    spread = math.sqrt(float((residuals**2).sum()) / freedom)
    # Around their middle the height and the slope of the line are independent.
    drawn = np.random.default_rng(0).standard_t(freedom, size=(_DRAWS, 2))
    heights = found.intercept + found.slope * middle + drawn[:, 0] * spread / math.sqrt(len(measured))
    slopes = found.slope + drawn[:, 1] * float(found.stderr)
    draws = tuple(zip((heights - slopes * middle).tolist(), (-slopes).tolist(), strict=True))
    return Curve(float(found.intercept), -float(found.slope), draws, max(pages for pages, _ in measured))


def _with_interval(values: Sequence[float]) -> Value:
    """Return the first value with the interval of the others."""
    import numpy as np

    low, high = np.quantile(values[1:], (0.025, 0.975))
    return Value(float(values[0]), float(low), float(high))


def report(points: Sequence[Point], more: int, made_from: Mapping[str, str]) -> dict[str, Any]:
    """Return reports/learning_curve.json: the points, and for each measure the fit and what more pages would buy.

    Args:
        points: All of them.
        more: Number of further pages.
        made_from: Hashes of the training and the test records.
    """
    ordered = sorted(points, key=lambda point: (point.percent, point.seed))
    fits = {}
    for measure, name in MEASURES.items():
        curve = fit(ordered, measure)
        if curve is None:
            continue
        now, then, gain = curve.error(curve.pages), curve.error(curve.pages + more), curve.gain(more)
        sizes = _sizes(min(point.pages for point in ordered), 2 * curve.pages)
        fits[measure] = {
            "name": name,
            "a": math.exp(curve.log_a),
            "b": curve.b,
            "pages": curve.pages,
            "more_pages": more,
            "error": asdict(now),
            "error_with_more": asdict(then),
            "gain": asdict(gain),
            "curve": [{"pages": pages, **asdict(curve.error(pages))} for pages in sizes],
        }
    return {"points": [asdict(point) for point in ordered], "fits": fits, "made_from": dict(made_from)}


def _sizes(least: int, most: int) -> list[int]:
    steps = 24
    return sorted({round(least * (most / least) ** (step / steps)) for step in range(steps + 1)})

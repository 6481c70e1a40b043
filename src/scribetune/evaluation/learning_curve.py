"""What more pages would buy: a power law through trainings on parts of the pages, and how far it can be trusted.

The error of a model that learned from n pages is taken to be a · n^(−b) (Hestness et al. 2017, without their floor: a
handful of points cannot tell one). It is fitted in logarithms by least squares. Intervals are of 95 %: of the fitted
curve, from draws of its two parameters under Student's t with as many degrees of freedom as points are left over.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

Records = Sequence[Mapping[str, Any]]

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

    @classmethod
    def of(cls, percent: int, seed: int, learned: Records, test: Records, read: Records) -> Self:
        """Return the point of a training, scored.

        Args:
            percent: Share of the training documents.
            seed: Of the choice of documents and of the training.
            learned: The records that it learned from.
            test: The records of the test pages.
            read: Its predictions of these.
        """
        from scribetune.evaluation import scoring

        references = [{"id": record["id"], "text": scoring.reference_text(record)} for record in test]
        frame = scoring.score_records(references, read)
        tables = frame["table_f1"].dropna()
        return cls(
            percent,
            seed,
            documents=len({record["document"] for record in learned}),
            pages=len(learned),
            cer=float(frame["cer"].mean()),
            table_f1=float(tables.mean()) if len(tables) else None,
        )

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
    noise: float  # half the 95 % interval of one more point around the curve, in logarithms

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
    middle, height = float(sizes.mean()), float(errors.mean())
    apart = float(((sizes - middle) ** 2).sum())
    slope = float(((sizes - middle) * (errors - height)).sum()) / apart
    freedom = len(measured) - 2
    spread = math.sqrt(float(((errors - height - slope * (sizes - middle)) ** 2).sum()) / freedom)
    # Around their middle the height and the slope of the line are independent.
    drawn = np.random.default_rng(0).standard_t(freedom, size=(_DRAWS, 2))
    heights = height + drawn[:, 0] * spread / math.sqrt(len(measured))
    slopes = slope + drawn[:, 1] * spread / math.sqrt(apart)
    draws = tuple(zip((heights - slopes * middle).tolist(), (-slopes).tolist(), strict=True))
    noise = float(stats.t.ppf(0.975, freedom)) * spread
    return Curve(height - slope * middle, -slope, draws, max(pages for pages, _ in measured), noise)


@dataclass(frozen=True)
class Check:
    """What the smaller sizes foretell of the largest one, beside what was measured there.

    The interval is that of the mean of as many trainings as were measured.
    """

    pages: int
    up_to: int  # most pages of the points that foretell it
    foretold: Value
    measured: float

    @property
    def holds(self) -> bool:
        """Whether what was measured lies in the interval: the errors go by a power law as far as can be seen."""
        return self.foretold.low <= self.measured <= self.foretold.high


def check(points: Sequence[Point], measure: str) -> Check | None:
    """Foretell the errors at the largest share of documents from the smaller ones; None without three of these."""
    most = max(point.percent for point in points)
    curve = fit([point for point in points if point.percent < most], measure)
    errors = [error for point in points if point.percent == most and (error := point.error(measure)) is not None]
    if curve is None or not errors:
        return None
    pages = max(point.pages for point in points)
    told = curve.error(pages)
    noise = curve.noise / math.sqrt(len(errors))
    low = math.exp(-math.hypot(math.log(told.value / told.low), noise))
    high = math.exp(math.hypot(math.log(told.high / told.value), noise))
    measured = sum(errors) / len(errors)
    return Check(pages, curve.pages, Value(told.value, told.value * low, told.value * high), measured)


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
        checked = check(ordered, measure)
        fits[measure] = {
            "name": name,
            "check": None if checked is None else {**asdict(checked), "holds": checked.holds},
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

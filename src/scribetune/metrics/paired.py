"""Paired statistics: is the tuned model better than the base on the same pages?

Everything is computed from the per-page gain, positive where the tuned model is better: base - tuned for error rates,
tuned - base for scores. Seeded: the same values give the same figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXACT_PAGES = 16
"""Up to so many pages that differ, the p value is exact (2^16 sign patterns); beyond, it is estimated."""
RESAMPLES = 10_000
"""Sign patterns drawn for an estimated p value, and bootstrap samples drawn for the interval."""
DEFAULT_SEED = 20
_BATCH_VALUES = 2_000_000
"""Values that are drawn at a time: 16 MB."""


@dataclass(frozen=True)
class PairedStatistics:
    """Base against tuned over n pages.

    A gain is positive where the tuned model is better. `gain_low` and `gain_high` bound the 95 % bootstrap interval of
    the mean gain; `relative_gain` is the mean gain / mean of the base (the relative reduction of an error rate), None
    where that is 0; `p_value` is the sign-flip test's, two-sided: exact for few pages, else estimated.
    """

    pages: int
    mean_base: float
    mean_tuned: float
    median_base: float
    median_tuned: float
    mean_gain: float
    gain_low: float
    gain_high: float
    relative_gain: float | None
    wins: int
    ties: int
    losses: int
    p_value: float


def compare(
    base: Sequence[float], tuned: Sequence[float], *, lower_is_better: bool = True, seed: int = DEFAULT_SEED
) -> PairedStatistics:
    """Compare two models page by page.

    Raises:
        ValueError: The lists are empty, differ in length, or hold a value that is not finite.
    """
    before, after = np.asarray(base, dtype=np.float64), np.asarray(tuned, dtype=np.float64)
    if before.ndim != 1 or before.shape != after.shape or not before.size:
        raise ValueError(f"Paired values are needed for at least one page: {before.shape} and {after.shape}")
    if not (np.isfinite(before).all() and np.isfinite(after).all()):
        raise ValueError("Paired values must be finite")
    sign = 1 if lower_is_better else -1
    gains = sign * (before - after)
    mean_base, mean_tuned = float(before.mean()), float(after.mean())
    low, high = bootstrap_interval(gains, seed=seed)
    return PairedStatistics(
        pages=before.size,
        mean_base=mean_base,
        mean_tuned=mean_tuned,
        median_base=float(np.median(before)),
        median_tuned=float(np.median(after)),
        mean_gain=float(gains.mean()),
        gain_low=low,
        gain_high=high,
        relative_gain=sign * (mean_base - mean_tuned) / mean_base if mean_base else None,
        wins=int((gains > 0).sum()),
        ties=int((gains == 0).sum()),
        losses=int((gains < 0).sum()),
        p_value=sign_flip_p(gains, seed=seed),
    )


def sign_flip_p(gains: NDArray[np.float64], *, seed: int = DEFAULT_SEED) -> float:
    """Return the two-sided p of the hypothesis that gains are as likely positive as negative (scipy).

    The mean gain is compared with its value under all 2^n patterns of signs (n: pages that differ; ties change
    nothing), or beyond `EXACT_PAGES` under 10,000 drawn ones and the observed one: p = 2 × min(share not above, share
    not below), at most 1.
    """
    from scipy import stats

    differing = gains[gains != 0]
    if differing.size < 2:  # one page alone shows nothing: either sign is as likely
        return 1.0
    whole = np.abs(differing).sum()

    def share(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
        # Sums of the same numbers in another order differ in the last digits, and must count as equal.
        rounded: NDArray[np.float64] = np.round(values.sum(axis=axis) / whole, 12)
        return rounded

    if differing.size <= EXACT_PAGES:
        exact = stats.permutation_test((differing,), share, permutation_type="samples", n_resamples=np.inf)
        return float(exact.pvalue)
    random = np.random.default_rng(seed)

    def flipped(size: tuple[int, ...]) -> NDArray[np.float64]:
        signed: NDArray[np.float64] = differing * (2 * random.integers(0, 2, size=size) - 1)
        return signed

    batch = max(1, _BATCH_VALUES // differing.size)
    return float(stats.monte_carlo_test(differing, flipped, share, n_resamples=RESAMPLES, batch=batch).pvalue)


def bootstrap_interval(
    gains: NDArray[np.float64], *, confidence: float = 0.95, seed: int = DEFAULT_SEED
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean gain: pages are drawn with replacement, 10,000 times."""
    from scipy import stats

    means = gains + 0.0  # so that no gain is 0 and not -0
    if gains.size > 1:  # of a single page, scipy draws no samples: each would be that page
        batch, random = max(1, _BATCH_VALUES // gains.size), np.random.default_rng(seed)
        drawn = stats.bootstrap((gains,), np.mean, n_resamples=RESAMPLES, batch=batch, method="percentile", rng=random)
        means = drawn.bootstrap_distribution
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)

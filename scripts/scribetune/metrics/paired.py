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
_CHUNK_VALUES = 2_000_000


@dataclass(frozen=True)
class PairedStatistics:
    """Base against tuned over n pages.

    Attributes:
        pages: Number of pages.
        mean_base: Mean of the base's values.
        mean_tuned: Mean of the tuned model's values.
        median_base: Median of the base's values.
        median_tuned: Median of the tuned model's values.
        mean_gain: Mean gain; positive where the tuned model is better.
        gain_low: Lower end of the 95 % bootstrap interval of the mean gain.
        gain_high: Upper end of it.
        relative_gain: Mean gain / mean of the base (the relative reduction of an error rate); None where that is 0.
        wins: Pages on which the tuned model is better.
        ties: Pages with equal values.
        losses: Pages on which it is worse.
        p_value: Two-sided p of the sign-flip test: exact for few pages, else estimated.
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

    Args:
        base: One value per page.
        tuned: One value per page, in the same order.
        lower_is_better: True for error rates, False for scores.
        seed: Seed of the bootstrap and of the estimated p value.

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
    """Return the two-sided p of the hypothesis that gains are as likely positive as negative.

    The mean gain is compared with its value under all 2^n patterns of signs (n: pages that differ; ties change
    nothing), or beyond `EXACT_PAGES` under 10,000 drawn ones and the observed one: p = 2 × min(share not above, share
    not below), at most 1, as scipy's `permutation_test(permutation_type="samples")`.
    """
    differing = gains[gains != 0]
    n = differing.size
    if n == 0:
        return 1.0
    observed = differing.sum()
    # Sums of the same numbers in another order differ in the last digits, and must count as equal.
    tolerance = 100 * np.finfo(np.float64).eps * np.abs(differing).sum()
    exact = n <= EXACT_PAGES
    total = 2**n if exact else RESAMPLES
    below = above = 0
    random = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_VALUES // n)
    for start in range(0, total, chunk):
        count = min(chunk, total - start)
        if exact:
            positive = (np.arange(start, start + count)[:, None] >> np.arange(n)) & 1
        else:
            positive = random.integers(0, 2, size=(count, n))
        sums = (2 * positive - 1) @ differing
        below += int((sums <= observed + tolerance).sum())
        above += int((sums >= observed - tolerance).sum())
    added = 0 if exact else 1
    return min(1.0, 2 * (min(below, above) + added) / (total + added))


def bootstrap_interval(
    gains: NDArray[np.float64], *, confidence: float = 0.95, seed: int = DEFAULT_SEED
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of the mean gain: pages are drawn with replacement, 10,000 times."""
    random = np.random.default_rng(seed)
    chunk = max(1, _CHUNK_VALUES // gains.size)
    means = np.concatenate(
        [
            gains[random.integers(0, gains.size, size=(min(chunk, RESAMPLES - start), gains.size))].mean(axis=1)
            for start in range(0, RESAMPLES, chunk)
        ]
    )
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)

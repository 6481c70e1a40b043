"""The weights of `dataset.trust`: logistic regression in which nothing that speaks against a label raises its trust."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from scribetune.dataset import trust

_LIGHTEST, _HEAVIEST = 0.1, 6.0
_PULL = 0.02  # towards what is known of parts that no page of the fit has


def amounts(rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    """Return log(1 + amount) of each part, rows × parts."""
    return np.array([[math.log1p(part.amount(row) or 0.0) for part in trust.PARTS] for row in rows])


def fit(
    rows: Sequence[Mapping[str, Any]], is_right: Sequence[bool], counts: Sequence[float]
) -> tuple[float, dict[str, float]]:
    """Return base and weights that make the labels' rightness likeliest; `counts` says how much each row counts."""
    x, y, w = amounts(rows), np.array(is_right, float), np.array(counts, float)
    prior = np.array([part.weight for part in trust.PARTS])

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = values[0] - x @ values[1:]
        chance = 1 / (1 + np.exp(-odds))
        pull = values[1:] - prior
        value = -(w * (y * np.log(chance + 1e-12) + (1 - y) * np.log(1 - chance + 1e-12))).sum() / w.sum()
        slope = w * (chance - y) / w.sum()
        gradient = np.concatenate([[slope.sum()], -(x.T @ slope) + 2 * _PULL * pull / len(prior)])
        return float(value + _PULL * (pull**2).sum() / len(prior)), gradient

    start = np.concatenate([[2.0], prior])
    bounds = [(0.0, 6.0), *[(_LIGHTEST, _HEAVIEST)] * len(prior)]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    return float(found[0]), {part.name: float(weight) for part, weight in zip(trust.PARTS, found[1:], strict=True)}


def trusts(rows: Sequence[Mapping[str, Any]], base: float, weights: Mapping[str, float]) -> NDArray[np.float64]:
    """Return the trust in each row's label with other weights than those in use."""
    odds = base - amounts(rows) @ np.array([weights[part.name] for part in trust.PARTS])
    found: NDArray[np.float64] = 1 / (1 + np.exp(-odds))
    return found

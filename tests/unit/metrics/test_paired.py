"""Paired statistics beyond the golden cases."""

import numpy as np
import pytest

from scribetune.metrics import paired


def test_the_direction_of_a_metric_decides_what_a_win_is() -> None:
    errors = paired.compare([0.5, 0.4], [0.1, 0.4])
    assert (errors.wins, errors.ties, errors.losses) == (1, 1, 0)
    assert errors.relative_gain == pytest.approx(0.4 / 0.9)
    scores = paired.compare([0.5, 0.4], [0.1, 0.4], lower_is_better=False)
    assert (scores.wins, scores.losses) == (0, 1)
    assert scores.mean_gain == -errors.mean_gain


def test_the_exact_p_is_the_share_of_sign_patterns() -> None:
    assert paired.compare([1.0] * 5, [0.0] * 5).p_value == 2 / 2**5
    assert paired.compare([0.1, 0.3], [0.3, 0.1]).p_value == 1.0
    assert paired.compare([1.0, 2.0], [1.0, 2.0]).p_value == 1.0


def test_beyond_few_pages_p_is_estimated_near_the_exact_one() -> None:
    gains = np.random.default_rng(1).normal(0.3, 1.0, 16)
    exact = paired.sign_flip_p(gains)
    # A page that hardly differs makes 17, which are too many for the exact test.
    estimated = paired.sign_flip_p(np.append(gains, 1e-12))
    assert 0.01 < exact < 1.0
    assert estimated != exact
    assert estimated == pytest.approx(exact, abs=0.03)


def test_a_seed_gives_the_same_figures_and_another_seed_others() -> None:
    random = np.random.default_rng(0)
    base, tuned = random.random(40).tolist(), random.random(40).tolist()
    assert paired.compare(base, tuned, seed=1) == paired.compare(base, tuned, seed=1)
    assert paired.compare(base, tuned, seed=1).gain_low != paired.compare(base, tuned, seed=2).gain_low


def test_the_interval_is_about_two_standard_errors_wide() -> None:
    gains = np.random.default_rng(0).normal(1.0, 2.0, 400)
    low, high = paired.bootstrap_interval(gains)
    assert low < gains.mean() < high
    assert (high - low) == pytest.approx(2 * 1.96 * gains.std() / 20, rel=0.05)


@pytest.mark.parametrize(("base", "tuned"), [([], []), ([1.0], [1.0, 2.0]), ([float("nan")], [1.0])])
def test_values_that_cannot_be_paired_are_refused(base: list[float], tuned: list[float]) -> None:
    with pytest.raises(ValueError, match="Paired values"):
        paired.compare(base, tuned)


def test_a_base_without_errors_has_no_relative_gain() -> None:
    assert paired.compare([0.0, 0.0], [0.0, 0.5]).relative_gain is None

"""Promises about the learning curve: a power law is found again, its interval holds it, and chance is called chance."""

import random

import pytest

from scribetune.evaluation import learning_curve
from scribetune.evaluation.learning_curve import Point

SIZES = (15, 30, 61, 107, 153)


def points(a: float = 2.0, b: float = 0.7, noise: float = 0.0, seed: int = 1) -> list[Point]:
    rng = random.Random(seed)
    return [
        Point(percent, run, pages // 2, pages, a * pages**-b * 2 ** rng.gauss(0, noise), 1 - pages**-0.5)
        for percent, pages in zip((10, 20, 40, 70, 100), SIZES, strict=True)
        for run in (1, 2)
    ]


def test_a_power_law_is_found_and_continued() -> None:
    curve = learning_curve.fit(points(), "cer")
    assert curve is not None
    assert curve.b == pytest.approx(0.7)
    assert curve.error(1000).value == pytest.approx(2.0 * 1000**-0.7)
    assert curve.gain(100).value == pytest.approx(2.0 * (153**-0.7 - 253**-0.7))
    tables = learning_curve.fit(points(), "table_f1")
    assert tables is not None
    assert tables.b == pytest.approx(0.5)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    truth, held = 2.0 * 300**-0.7, 0
    for seed in range(100):
        curve = learning_curve.fit(points(noise=0.3, seed=seed), "cer")
        assert curve is not None
        found = curve.error(300)
        assert found.low < found.value < found.high
        held += found.low <= truth <= found.high
    assert 88 <= held <= 100


def test_no_curve_goes_through_two_sizes_and_no_measure_that_no_page_has() -> None:
    assert learning_curve.fit([point for point in points() if point.percent < 40], "cer") is None
    without = [Point(**{**vars(point), "table_f1": None}) for point in points()]
    assert learning_curve.fit(without, "table_f1") is None
    assert set(learning_curve.report(without, 100, {})["fits"]) == {"cer"}


def test_errors_that_are_all_the_same_have_a_curve() -> None:
    same = [Point(percent, 1, 1, pages, 0.9301598173515981, None) for percent, pages in ((20, 1), (60, 6), (100, 9))]
    curve = learning_curve.fit(same, "cer")
    assert curve is not None
    found = curve.error(20)
    assert found.low == pytest.approx(found.value) == pytest.approx(found.high) == pytest.approx(0.9301598173515981)


def test_the_largest_size_is_foretold_from_the_smaller_ones() -> None:
    checks = [learning_curve.check(points(noise=0.3, seed=seed), "cer") for seed in range(100)]
    assert {(found.pages, found.up_to) for found in checks if found} == {(153, 107)}
    assert 88 <= sum(found.holds for found in checks if found) <= 100
    # What is learned all at once: the error stays until the last size.
    sudden = [Point(**{**vars(one), "cer": 0.02 if one.percent == 100 else one.cer}) for one in points(a=0.9, b=0.3)]
    late = learning_curve.check(sudden, "cer")
    assert late is not None
    assert not late.holds
    assert late.measured == pytest.approx(0.02)
    assert late.foretold.value == pytest.approx(0.9 * 153**-0.3)
    assert learning_curve.check([one for one in points() if one.percent > 20], "cer") is None, "two sizes are left"


def test_the_report_holds_points_fits_and_what_they_are_of() -> None:
    found = learning_curve.report(points(noise=0.05), 100, {"train": "a"})
    assert found["made_from"] == {"train": "a"}
    assert [(point["percent"], point["seed"]) for point in found["points"]][:3] == [(10, 1), (10, 2), (20, 1)]
    assert [found["fits"]["cer"][key] for key in ("pages", "more_pages")] == [153, 100]
    assert found["fits"]["cer"]["curve"][-1]["pages"] == 306
    perfect = learning_curve.report([Point(**{**vars(point), "cer": 0.0}) for point in points()], 100, {})
    assert perfect["fits"]["cer"]["gain"]["value"] == 0.0, "nothing is left to gain"

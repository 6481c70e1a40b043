"""Promises about the learning curve as people read it: a sentence with its interval, of the build's records alone."""

import json
from pathlib import Path

from scribetune.core import files
from scribetune.evaluation import learning_curve as measured
from scribetune.evaluation.learning_curve import Point
from scribetune.report import learning_curve
from scribetune.report.environment import Wording

FALLING = [Point(pages, seed, 9, pages, pages**-0.5 + seed / 1000, 0.9) for pages in (10, 40, 90) for seed in (1, 2)]
FLAT = [Point(pages, seed, 9, pages, 0.1 + (pages + seed) % 3 / 50, None) for pages in (10, 40, 90) for seed in (1, 2)]
EN = Wording("en")


def test_the_sentence_says_what_more_pages_buy_or_that_it_cannot_be_told() -> None:
    found = learning_curve.with_sentences(measured.report(FALLING, 100, {}))["fits"]["cer"]["sentence"]
    assert found.startswith("100 more pages like these (90 now) improve CER by 3.")
    flat = measured.report(FLAT, 100, {})["fits"]["cer"]
    assert "cannot be told" in learning_curve.sentence(flat, EN)
    assert "无法判断" in learning_curve.sentence(flat, Wording("zh"))


def test_where_the_smaller_sizes_foretold_the_largest_wrongly_that_is_said_first() -> None:
    sudden = [Point(n, seed, 9, n, 0.9 * n**-0.3 + seed / 1000, None) for n in (10, 40, 70) for seed in (1, 2)]
    sudden.append(Point(100, 1, 9, 100, 0.01, None))
    fit = measured.report(sudden, 100, {})["fits"]["cer"]
    said = learning_curve.sentence(fit, EN)
    assert said.startswith("The line is not to be trusted: from up to 70 pages it foretold an error of 2")
    assert "and 1.00% was measured. As if it could be: 100 more pages" in said
    assert learning_curve.sentence(fit, Wording("zh")).startswith("这条线不可信")
    assert "trusted" not in learning_curve.sentence(measured.report(FALLING, 100, {})["fits"]["cer"], EN)


def test_the_page_draws_every_point_within_the_picture() -> None:
    found = measured.report(FALLING, 100, {})
    view = learning_curve.view(found, EN)
    assert [one.measure for one in view.drawn] == ["cer", "table_f1"]
    assert len(view.drawn[0].dots) == 6
    assert all(0 <= x <= learning_curve.WIDTH and 0 <= y <= learning_curve.HEIGHT for x, y, _ in view.drawn[0].dots)
    html = learning_curve.html(found, "en")
    assert html.count("<circle") == 12
    assert "<script" not in html
    assert "增加页面的收益" in learning_curve.html(found, "zh")


def test_the_report_has_the_curve_of_its_own_records_alone(tmp_path: Path) -> None:
    train, test, curve = (tmp_path / name for name in ("train.jsonl", "test.jsonl", "curve.json"))
    files.write_jsonl(train, [{"id": "a"}])
    files.write_jsonl(test, [{"id": "b"}])
    files.write_text(curve, json.dumps(measured.report(FALLING, 100, learning_curve.made_from(train, test))))
    assert learning_curve.of_build(curve, train, test, EN) is not None
    files.write_jsonl(train, [{"id": "c"}])
    assert learning_curve.of_build(curve, train, test, EN) is None

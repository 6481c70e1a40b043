"""The learning curve as people read it: reports/learning_curve.html, and a section of the report where it is there."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup

from scribetune.core import files
from scribetune.core.package import package_file
from scribetune.report.data import json_object
from scribetune.report.environment import Wording, environment, policy

WIDTH, HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 14, 40
_TICKS = 4
_ABOVE = 1.6
"""The axis ends at so many times the largest error of a point: an interval may reach far beyond."""


@dataclass(frozen=True)
class Drawn:
    """One measure: the numbers of an SVG of `WIDTH` by `HEIGHT`, and what more pages would buy in a sentence.

    `band` and `line` are "x,y x,y …" of a polygon and a polyline; ticks are (place, text).
    """

    measure: str
    name: str
    sentence: str
    band: str
    line: str
    dots: tuple[tuple[float, float, str], ...]  # (x, y, what it is)
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class CurveView:
    """What is shown: a drawing for each measure, and the points as rows of a table."""

    drawn: tuple[Drawn, ...]
    points: tuple[Mapping[str, Any], ...]


def view(found: Mapping[str, Any], words: Wording) -> CurveView:
    """Return what is shown of reports/learning_curve.json."""
    points = tuple(found["points"])
    return CurveView(tuple(_drawn(name, fit, points, words) for name, fit in found["fits"].items()), points)


def of_build(path: Path, train_jsonl: Path, test_jsonl: Path, words: Wording) -> CurveView | None:
    """Return what the report shows; None where the points were measured on other records than the build's."""
    found = json_object(path)
    if found.get("made_from") != made_from(train_jsonl, test_jsonl):
        return None
    return view(found, words)


def made_from(train_jsonl: Path, test_jsonl: Path) -> dict[str, str]:
    """Return the hashes of the records that points are measured on."""
    return {"train": files.sha256_file(train_jsonl), "test": files.sha256_file(test_jsonl)}


def html(found: Mapping[str, Any], language: Literal["en", "zh"]) -> str:
    """Return reports/learning_curve.html."""
    names = ("learning_curve.html.j2", "report_learning_curve.html.j2")
    templates = {name: package_file(name).read_text(encoding="utf-8") for name in names}
    style = package_file("report.css").read_text(encoding="utf-8")
    words = Wording(language)
    return (
        environment(words, templates)
        .get_template(names[0])
        .render(policy=policy(), style=Markup(style), curve=view(found, words))  # noqa: S704 - our own file
    )


def sentence(fit: Mapping[str, Any], words: Wording) -> str:
    """Return in words what more pages would buy, by one measure of reports/learning_curve.json."""
    gain = fit["gain"]
    values = {
        "more": fit["more_pages"],
        "pages": fit["pages"],
        "name": words(str(fit["name"])),
        "gain": _points(gain["value"]),
        "low": _points(gain["low"]),
        "high": _points(gain["high"]),
    }
    warning = _warning(fit.get("check"), words)
    if gain["low"] <= 0:
        return warning + words(
            "{more} more pages like these ({pages} now): whether they improve {name} cannot be told from these points "
            "({gain} points; 95 % interval {low} to {high}).",
            **values,
        )
    return warning + words(
        "{more} more pages like these ({pages} now) improve {name} by {gain} points (95 % interval {low} to {high}), "
        "from an error of {error}.",
        **values,
        error=f"{fit['error']['value']:.2%}",
    )


def _warning(check: Mapping[str, Any] | None, words: Wording) -> str:
    """Return what is said first where the smaller sizes foretold the largest one wrongly; else nothing."""
    if check is None or check["holds"]:
        return ""
    foretold = check["foretold"]
    return words(
        "The line is not to be trusted: from up to {up_to} pages it foretold an error of {foretold} ({low} to {high}) "
        "for {pages} pages, and {measured} was measured. As if it could be: ",
        up_to=check["up_to"],
        pages=check["pages"],
        foretold=f"{foretold['value']:.2%}",
        low=f"{foretold['low']:.2%}",
        high=f"{foretold['high']:.2%}",
        measured=f"{check['measured']:.2%}",
    )


def with_sentences(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the learning curve with a sentence in English for each measure, as reports/learning_curve.json has it."""
    words = Wording("en")
    return {**found, "fits": {key: {**fit, "sentence": sentence(fit, words)} for key, fit in found["fits"].items()}}


def _points(value: float) -> str:
    return f"{100 * value:.2f}".replace("-", "−")


def _drawn(measure: str, fit: Mapping[str, Any], points: Sequence[Mapping[str, Any]], words: Wording) -> Drawn:
    shown = [
        (int(point["pages"]), 1 - float(point[measure]) if measure == "table_f1" else float(point[measure]), point)
        for point in points
        if point[measure] is not None
    ]
    curve = fit["curve"]
    least, most = math.log(curve[0]["pages"]), math.log(curve[-1]["pages"])
    top = _ABOVE * max(error for _, error, _ in shown)

    def x(pages: float) -> float:
        return round(_LEFT + (math.log(pages) - least) / (most - least) * (WIDTH - _LEFT - _RIGHT), 1)

    def y(error: float) -> float:
        return round(HEIGHT - _BOTTOM - min(error, top) / top * (HEIGHT - _TOP - _BOTTOM), 1)

    def line(key: str) -> list[str]:
        return [f"{x(one['pages'])},{y(one[key])}" for one in curve]

    sizes = sorted({pages for pages, _, _ in shown} | {curve[-1]["pages"]})
    return Drawn(
        measure,
        words(str(fit["name"])),
        sentence(fit, words),
        band=" ".join((*line("low"), *reversed(line("high")))),
        line=" ".join(line("value")),
        dots=tuple((x(pages), y(error), _what(pages, error, point)) for pages, error, point in shown),
        x_ticks=tuple((x(pages), str(pages)) for pages in _apart(sizes, most - least)),
        y_ticks=tuple((y(top * step / _TICKS), f"{top * step / _TICKS:.1%}") for step in range(_TICKS + 1)),
    )


def _what(pages: int, error: float, point: Mapping[str, Any]) -> str:
    return f"{pages}: {error:.2%} ({point['percent']} %, seed {point['seed']})"


def _apart(sizes: Sequence[int], span: float) -> list[int]:
    """Return numbers of pages whose texts do not touch on the axis, the largest among them."""
    kept: list[int] = []
    for pages in reversed(sizes):
        if not kept or math.log(kept[-1] / pages) > span / 12:
            kept.append(pages)
    return kept

"""Promises about the Chinese report: every text that it shows is translated, and no translation is for nothing."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import lxml.html
import pytest
from jinja2.ext import extract_from_ast

from scribetune.core.config import Gate
from scribetune.core.package import PACKAGE_FOLDER, package_file, package_files
from scribetune.dataset import trust
from scribetune.dataset.selection import Reason
from scribetune.documents.inputs import DocumentStatus, DocumentUse
from scribetune.evaluation import gate
from scribetune.labels.doubts import Doubt
from scribetune.report import public_benchmarks
from scribetune.report.environment import Wording
from scribetune.report.page import render
from scribetune.report.tables import COMPARED, FILES, MEASURES, MORE_PAGE_SCORES, PUBLISHED
from scribetune.review import both_readings, spot_check
from scribetune.review.decisions import Review
from support.report_folder import CHINESE, SAMPLES, Sample, build

ZH = Wording("zh")
CATALOGUE: dict[str, str] = json.loads(package_file("report.zh.json").read_text(encoding="utf-8"))
TEMPLATES = {
    **package_files("report*.j2"), **{name: package_file(name) for name in ("resources.html.j2", "comparison.html.j2")}
}  # fmt: skip
COLUMNS: list[dict[str, Any]] = [
    *json.loads(package_file("benchmark_columns.json").read_text(encoding="utf-8"))["omnidocbench"]
]
PLACE = re.compile(r"\{(\w+)\}")
HAN = re.compile("[\u4e00-\u9fff]")


def in_templates() -> Iterator[str]:
    environment = jinja2.Environment(autoescape=True)
    for path in TEMPLATES.values():
        source = path.read_text(encoding="utf-8")
        for _, _, message in extract_from_ast(environment.parse(source), ("_", "_html")):
            yield from filter(None, message if isinstance(message, tuple) else (message,))
        for noun in re.findall(r'\|plural\("([^"]+)"\)', source):
            yield from (f"{{count}} {noun}", f"{{count}} {noun}s")


def in_script() -> Iterator[str]:
    found = re.findall(r'\bsay\("((?:[^"\\]|\\.)*)"', package_file("report.js").read_text(encoding="utf-8"))
    assert len(found) > 10
    yield from found


def in_modules() -> Iterator[str]:
    """Yield texts that are asked for by name in the room's modules: words("…")."""
    for path in (PACKAGE_FOLDER / "report").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "words":
                yield from (str(one.value) for one in node.args[:1] if isinstance(one, ast.Constant))


def in_tables() -> Iterator[str]:
    for measure in MEASURES:
        yield from (measure.name, measure.meaning)
    yield from (row[1] for row in (*PUBLISHED, *COMPARED, *MORE_PAGE_SCORES))
    yield from (meaning for _, meaning in FILES)
    yield from public_benchmarks.NAMES.values()
    yield from (part.reason for part in trust.PARTS if part.name in set(Doubt))
    yield from public_benchmarks.KINDS.values()
    yield from both_readings.WITNESSES.values()
    yield from (str(column["name"]) for column in COLUMNS)
    for kind in (DocumentStatus, DocumentUse, Reason):
        yield from filter(None, map(str, kind))


def whys() -> Iterator[str]:
    """Yield every sentence that a verdict may give for a reason."""
    nothing: dict[str, dict[str, Any]] = {"base": {}, "tuned": {}}
    yield from (check.why for check in gate.judge(nothing, Gate()).checks)
    for pages, low, gain in ((20, 0.1, 0.2), (20, -0.1, -0.2), (2, 0.1, 0.0)):
        change = {"cer_gain_low": low, "cer_gain_high": 0.4, "cer_pages": pages, "table_f1_gain": gain}
        scores = {"cer_mean": 0.1, "loop_rate": 0.0, "table_f1": 0.5}
        kept = {"base": {"cer_mean": 0.1}, "tuned": {"cer_mean": 0.2}}
        values: dict[str, dict[str, Any]] = {"base": scores, "tuned": scores, "change": change, "retention": kept}
        yield from (check.why for check in gate.judge(values, Gate()).checks)


def notes() -> Iterator[str]:
    """Yield every sentence that may be said of a benchmark."""
    pages = {"scored": 3, "in_truth": 9, "chosen": 5}
    lost: dict[str, Any] = {
        "count": 1,
        "first": [{"page": "a.png", "status": "gone", "why": "x", "record": "4", "learned": "d/p0001"}],
    }
    none: dict[str, Any] = {"count": 0, "first": []}
    for one in (lost, none):
        leakage = {"near_duplicates": one, "learned": 7, "checked": 4, "same_images": one, "unchecked": one["count"]}
        cut = {"base": one["count"], "tuned": 2 * one["count"]}
        scores = {"pages": pages, "unread": one, "refused": one, "leakage": leakage, "cut": cut}
        yield from (note.text for note in public_benchmarks.notes(scores))
    yield from (note.text for note in public_benchmarks.column_notes([{"note": "", **column} for column in COLUMNS]))


def spot_checks() -> Iterator[str]:
    for pages, reviewed in ((1, 1), (3, 2)):
        yield spot_check.sentence(spot_check.Result("spot-n", pages, reviewed, 1, 0.5, 0.1, 0.9, 90))


SENTENCES = (*whys(), *notes(), *spot_checks())


@pytest.mark.parametrize("source", [in_templates, in_script, in_modules, in_tables])
def test_every_text_of_the_report_has_a_translation(source: Any) -> None:
    assert sorted({text for text in source() if text not in CATALOGUE}) == []


def test_every_sentence_of_result_files_is_translated() -> None:
    for english in SENTENCES:
        chinese = ZH.found(english)
        assert HAN.search(chinese), english
        assert not re.search(r"\b(the|pages?|and|was|not)\b", chinese), chinese


def test_translations_have_the_same_places_and_tags_as_their_texts() -> None:
    for english, chinese in CATALOGUE.items():
        assert set(PLACE.findall(english)) == set(PLACE.findall(chinese)), english
        assert sorted(re.findall(r"<[^>]+>", english)) == sorted(re.findall(r"<[^>]+>", chinese)), english
        assert not re.search(r"[\u4e00-\u9fff][,:;?(]|[,:;?][\u4e00-\u9fff]", chinese), f"full-width signs: {chinese}"


@cache
def said_in_package() -> frozenset[str]:
    """Every string in the package's code and data, with `{}` for what is filled in."""
    found: set[str] = set()
    for path in PACKAGE_FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = [one.value if isinstance(one, ast.Constant) else "{}" for one in node.values]
                found.add("".join(map(str, parts)))
    found |= {*in_templates(), *in_script(), *in_tables()}
    texts = [path.read_text(encoding="utf-8") for path in TEMPLATES.values()]
    return frozenset(found | set(re.findall(r'"([^"\n]+)"', "\n".join(texts))))


def test_no_translation_is_left_over() -> None:
    used = {PLACE.sub("{}", text) for text in said_in_package()}
    capitalised = {text.capitalize() for text in used}
    nouns = {f"{{}} {text}{end}" for text in used for end in ("", "s")}
    arrows = {"{} ↓", "{} ↑", "Retention", "corrected: {}", "rejected: {}"}
    flags = {f"{model} {problem}" for model in ("base", "tuned") for problem in ("loop", "truncated", "empty")}
    scripts = {"Latin", "Han", "Japanese", "Korean", "Arabic", "Cyrillic", "Greek", "Hebrew", "Devanagari", "Thai"}
    layouts = {"tables and formulas", "data source"}
    known = used | capitalised | nouns | arrows | flags | scripts | layouts
    matched = set(SENTENCES)
    for english in SENTENCES:
        matched |= {text for pattern, text in ZH._patterns if pattern.fullmatch(english)}
    parts = {"{base} of the base model, {tuned} of the tuned model",
             "the {pages} that the adapter learned from (training and validation)"}  # fmt: skip
    left = {text for text in CATALOGUE if PLACE.sub("{}", text) not in known} - matched - parts
    assert sorted(left) == []


OURS = "//*[not(self::script or self::style or self::code or self::bdi or self::title)]/text()[normalize-space()]"


def parse(html: str) -> lxml.html.HtmlElement:
    return lxml.html.document_fromstring(html, parser=lxml.html.HTMLParser(huge_tree=True))


def english_left(tree: lxml.html.HtmlElement) -> list[str]:
    """Return texts of a Chinese page that look like English sentences, apart from users' texts and names in files."""
    left = []
    for text in tree.xpath(OURS):
        ancestors = [text.getparent(), *text.getparent().iterancestors()]
        # The texts of pages and the facts of lineage.json are not ours.
        classes = {name for element in ancestors for name in (element.get("class") or "").split()}
        if any(element.tag in ("bdi", "code") for element in ancestors) or classes & {"text", "facts"}:
            continue
        if re.search(r"\b[a-z]{2,}\b \b[a-z]{2,}\b", text) or re.fullmatch(r"\s*[A-Za-z]{4,}\s*", text):
            left.append(" ".join(text.split()))
    attributes = ("title", "aria-label", "placeholder", "alt")
    for element in tree.iter(lxml.html.etree.Element):
        for name in attributes:
            value = element.get(name) or ""
            if re.search(r"\b[a-z]{2,}\b \b[a-z]{2,}\b", value):
                left.append(value)
    return left


def test_a_chinese_report_has_no_english_left_in_it(tmp_path: Path) -> None:
    path = tmp_path / "spot_check-n2-seed7.json"
    drawn = (spot_check.Sampled(SAMPLES[0].id, "a"), spot_check.Sampled("else/p0001", "a"))
    judged = [Review("else", 1, "reject", "", "Ada", "2026-03-01T09:00:00", "n", "", "a", "b")]
    spot_check.write(path, spot_check.Sample(2, 7, 90, drawn), judged)
    inputs = build(tmp_path, SAMPLES[:5], language="zh", title="", spot_checks=(path,))
    values = json.loads(inputs.metrics_json.read_text(encoding="utf-8"))
    values["change"] |= {"cer_gain_low": -0.1, "cer_gain_high": 0.4, "cer_pages": 7, "cer_gain": 0.2}
    values["retention"] = {"base": {"cer_mean": 0.1}, "tuned": {"cer_mean": 0.4}}
    values["gate"] = gate.judge(values, Gate()).record()
    inputs.metrics_json.write_text(json.dumps(values), encoding="utf-8")
    html = render(inputs)
    tree = parse(html)
    assert tree.get("lang") == "zh-Hans"
    known = {"too few characters", "garbage text layer", "invoice", "finance", "memo", "not-a-pdf", "scribetune review"}
    assert [text for text in english_left(tree) if not any(word in text for word in known)] == []
    words = json.loads(tree.get_element_by_id("words").text)
    assert words["Show more ({count} further pages)"] == "显示更多（还有 {count} 页）"
    figures = [json.loads(script.text) for script in tree.xpath("//script[@data-figure]")]
    titles = {axis["title"]["text"] for figure in figures for key, axis in figure["layout"].items() if "axis" in key
              and axis.get("title")}  # fmt: skip
    assert all(HAN.search(title) or title in ("CER",) for title in titles), titles


def test_the_language_is_that_of_the_labels_or_as_configured(tmp_path: Path) -> None:
    chinese = [Sample("报告", 1, CHINESE * 40, "x", CHINESE)]
    for samples, setting, tag in ((chinese, "auto", "zh-Hans"), (SAMPLES[:2], "auto", "en"), (chinese, "en", "en")):
        html = render(build(tmp_path / setting / tag, samples, language=setting))
        assert html.startswith("<!doctype html>")
        assert f'<html lang="{tag}">' in html


def test_a_text_on_a_page_is_not_said_to_be_in_the_language_of_the_report(tmp_path: Path) -> None:
    plain = [Sample("a", 1, "Plain words.", "x", "y"), Sample("b", 1, "没有标签的中文", "x", "y")]
    tree = parse(render(build(tmp_path, plain, language="zh")))
    assert [element.get("lang") for element in tree.xpath('//section[@class="reading"][1]/div[1]')] == ["", "zh"]


def test_what_nobody_has_translated_is_shown_as_it_was_found() -> None:
    assert ZH.found("Something else {odd}") == "Something else {odd}"
    assert ZH.found("") == ""
    assert Wording("en").found("Mean table F1 rose by 1") == "Mean table F1 rose by 1"
    assert ZH.reasons("blank 2; too_short 1") == "空白页 2；过短 1"
    assert ZH.reasons("too few characters: x") == "too few characters: x"

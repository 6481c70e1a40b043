"""The report: what it shows, that it is the same twice, and that nothing from a PDF or a model runs in it."""

import base64
import csv
import dataclasses
import gzip
import hashlib
import io
import json
import re
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import lxml.html
import numpy as np
import pytest
from PIL import Image

from scribetune.core.config import Gate
from scribetune.core.errors import UserError
from scribetune.core.files import sha256_file, write_jsonl
from scribetune.evaluation import gate, scoring
from scribetune.report.index import THUMBNAILS_PER_CHUNK
from scribetune.report.page import ReportInputs, render, write
from scribetune.review import spot_check
from scribetune.review.decisions import Review
from scribetune.text import sharegpt
from support.report_folder import CHINESE, HOSTILE, SAMPLES, build, inputs_of, jsonl, record, table

MODELS = ("base", "tuned")


@dataclass(frozen=True)
class Built:
    inputs: ReportInputs
    html: str
    tree: lxml.html.HtmlElement


def parse(html: str) -> lxml.html.HtmlElement:
    return lxml.html.document_fromstring(html, parser=lxml.html.HTMLParser(huge_tree=True))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    inputs = build(tmp_path_factory.mktemp("build"))
    html = render(inputs)
    return Built(inputs, html, parse(html))


def samples_rows(inputs: ReportInputs) -> list[dict[str, str]]:
    with inputs.samples_csv.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def text_of(element: lxml.html.HtmlElement) -> str:
    return " ".join(" ".join(element.itertext()).split())


def test_the_same_inputs_give_the_same_bytes(built: Built, tmp_path: Path) -> None:
    write(built.inputs, tmp_path / "reports/index.html")
    assert (tmp_path / "reports/index.html").read_bytes() == built.html.encode("utf-8")


def test_every_test_page_is_there_with_reference_and_both_readings(built: Built) -> None:
    cards = built.tree.xpath('//article[contains(@class, "page")]')
    assert [card.get("id") for card in cards] == [f"page-{index}" for index in range(len(SAMPLES))]
    for card, sample in zip(cards, SAMPLES, strict=True):
        assert sample.id in text_of(card)
        assert len(card.xpath('.//section[@class="reading"]')) == 3
    chinese = cards[2].xpath('.//section[@class="reading"][1]/div[contains(@class, "raw")]')[0]
    assert chinese.text == CHINESE.strip()
    assert chinese.get("lang") == "zh"


def test_the_before_after_table_is_samples_csv_with_its_mean(built: Built) -> None:
    found = built.tree.get_element_by_id("samples")
    assert [text_of(cell) for cell in found.xpath(".//thead//th")] == ["index", "before", "after"]
    rows = [
        (row.xpath("string(./td[1]/a)"), *map(float, row.xpath("./td[position() > 1]/@data-value")))
        for row in found.xpath("./tbody/tr")
    ]
    expected = [(row["index"], float(row["cer_base"]), float(row["cer_tuned"])) for row in samples_rows(built.inputs)]
    means = [
        sum(float(row[column]) for row in samples_rows(built.inputs)) / len(rows)
        for column in ("cer_base", "cer_tuned")
    ]
    assert rows == expected
    last = found.xpath("./tfoot/tr")[0]
    assert text_of(last).startswith("mean")
    assert [float(value) for value in last.xpath("./td/@data-value")] == pytest.approx(means)


def test_the_numbers_shown_are_those_of_metrics_json(built: Built) -> None:
    metrics = json.loads(built.inputs.metrics_json.read_text(encoding="utf-8"))
    rows = {row.get("data-metric"): row for row in built.tree.get_element_by_id("aggregate").xpath("./tbody/tr")}
    assert set(rows) == set(metrics["base"]) | set(metrics["tuned"])
    for key, row in rows.items():
        base, tuned = row.xpath("./td")[:2]
        assert float(base.get("data-value")) == metrics["base"][key]
        assert float(tuned.get("data-value")) == metrics["tuned"][key]
        assert float(text_of(base)) == pytest.approx(metrics["base"][key], abs=5.1e-5)
    for key in ("cer_mean", "cer_median", "cer_corpus", "table_f1"):
        tile = built.tree.xpath(f'//div[@class="tile"][@data-metric="{key}"]')[0]
        assert [float(value) for value in tile.xpath(".//@data-value")] == [metrics["base"][key], metrics["tuned"][key]]
    assert "-0.61" in text_of(built.tree.get_element_by_id("metrics")), "further objects of numbers are shown too"


def test_nothing_from_a_page_a_model_or_a_file_can_run(built: Built) -> None:
    scripts = built.tree.xpath("//script")
    kinds = [script.get("type") for script in scripts]
    assert kinds.count(None) == 1
    assert kinds.count("text/plain") == 2, "plotly.js and the small images, both packed"
    assert all(kind in (None, "text/plain", "application/json") for kind in kinds)
    assert all(script.get("src") is None for script in scripts)
    own = scripts[kinds.index(None)].text
    assert own.startswith('"use strict";')
    assert "alert(" not in own
    for element in built.tree.iter(lxml.html.etree.Element):
        for name, value in element.attrib.items():
            assert not name.startswith("on"), (element.tag, name)
            if name in ("href", "src", "action", "formaction", "data", "poster", "xlink:href"):
                assert not re.match(r"\s*(javascript|vbscript)\s*:", value, re.IGNORECASE), value
    # Only what stands beside the report, with no right but to run its own script, and not before the report's asks it.
    assert [dict(frame.attrib) for frame in built.tree.xpath("//iframe")] == [
        {"id": "resources-frame", "title": "Resources used", "sandbox": "allow-scripts", "hidden": ""}
    ]
    assert not built.tree.xpath("//object | //embed | //base | //svg | //link | //textarea")
    assert len(built.tree.xpath("//style")) == 1
    assert "</b>2024" not in built.html
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x1b\ud800]", built.html)
    for link in built.tree.xpath("//a/@href"):
        assert link.startswith(("#", "../")), link


def test_hostile_text_is_still_readable_as_text(built: Built) -> None:
    card = built.tree.get_element_by_id("page-4")
    reference = card.xpath('.//section[@class="reading"][1]/div[contains(@class, "raw")]')[0].text
    for hostile in HOSTILE[:6]:
        assert hostile in reference
    assert "⟦U+202E⟧txt.exe⟦U+202C⟧" in reference
    assert "⟦U+0000⟧" in reference
    assert "⟦U+D800⟧" in reference
    assert "needs a password <script>alert(9)</script>" in text_of(built.tree.get_element_by_id("documents"))


def test_the_security_policy_allows_exactly_the_reports_own_scripts(built: Built) -> None:
    policy = built.tree.xpath('//meta[@http-equiv="Content-Security-Policy"]/@content')[0]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe-eval" not in policy
    packed = built.tree.get_element_by_id("plotly-packed").text
    plotly = gzip.decompress(base64.b64decode(packed))
    assert b"plotly.js" in plotly[:100]
    own = built.tree.xpath("//script[not(@type)]")[0].text.encode("utf-8")
    hashes = {base64.b64encode(hashlib.sha256(script).digest()).decode() for script in (own, plotly)}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes
    assert not re.search(r"script-src[^;]*unsafe", policy)


def test_a_megabyte_on_one_line_is_cut_and_says_so(built: Built) -> None:
    card = built.tree.get_element_by_id("page-5")
    assert "980000 more are in reports/predictions/base.jsonl" in text_of(card)
    assert "base truncated" in text_of(card)
    assert "tuned empty" in text_of(card)
    assert len(lxml.html.tostring(card)) < 200_000


def test_page_images_are_embedded_up_to_the_limit_and_linked_beyond_it(tmp_path: Path) -> None:
    inputs = build(tmp_path, embed_pages=2)
    sources = parse(render(inputs)).xpath('//figure[@class="image"]/img/@src')
    assert [source.startswith("data:image/webp;base64,") for source in sources] == [True, True] + [False] * 5
    with Image.open(io.BytesIO(base64.b64decode(sources[0].partition(",")[2]))) as image:
        assert max(image.size) == 900
    assert sources[2] == "../data/pages/%E5%AD%A3%E5%BA%A6%E6%8A%A5%E5%91%8A/p0001.png"
    none = parse(render(dataclasses.replace(inputs, embed_pages=0))).xpath('//figure[@class="image"]/img/@src')
    assert not [source for source in none if source.startswith("data:")]


def test_a_missing_or_broken_page_image_costs_that_image_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    inputs = build(tmp_path)
    (tmp_path / "data/pages/annual-2023/p0001.png").unlink()
    (tmp_path / "data/pages/annual-2023/p0002.png").write_bytes(b"not an image")
    tree = parse(render(inputs))
    assert "file not found" in text_of(tree.get_element_by_id("page-0"))
    assert "not readable as an image" in text_of(tree.get_element_by_id("page-1"))
    assert "annual-2023/p0001.png" in caplog.text
    assert len(tree.xpath('//figure[@class="image"]/img')) == len(SAMPLES) - 2


def test_an_image_path_cannot_become_a_link_with_a_scheme(tmp_path: Path) -> None:
    inputs = build(tmp_path, embed_pages=0)
    rows = [json.loads(line) for line in inputs.test_jsonl.read_text(encoding="utf-8").splitlines()]
    rows[0]["images"] = ["javascript:alert(11)"]
    (tmp_path / "javascript:alert(11)").write_bytes((tmp_path / "data/pages/annual-2023/p0001.png").read_bytes())
    jsonl(inputs.test_jsonl, rows)
    card = parse(render(inputs)).get_element_by_id("page-0")
    assert card.xpath(".//figure//@src | .//figure//@href") == ["../javascript%3Aalert%2811%29"] * 2


def test_documents_and_pages_have_counts_and_reasons(built: Built) -> None:
    section = text_of(built.tree.get_element_by_id("documents"))
    for expected in (
        "refused: garbage text layer 1",
        "refused: too few characters 1",
        "accepted 7",
        "encrypted 1",
        "ok 2",
    ):
        assert expected in section
    names = [text_of(cell) for cell in built.tree.get_element_by_id("document-table").xpath("./tbody/tr/th")]
    assert names == ["NA.pdf", "locked.pdf", "finance/annual 2023.pdf", "中文/季度报告.pdf"], "trouble first"
    assert "2 of 4" in text_of(built.tree.get_element_by_id("summary"))


def test_lineage_settings_and_splits_are_summarised(built: Built) -> None:
    lineage = text_of(built.tree.get_element_by_id("lineage"))
    for expected in ("5f" * 32, "models/tiny", "2.13.0+cpu", "2 entries", "3407", "largest_difference"):
        assert expected in lineage
    settings = text_of(built.tree.get_element_by_id("settings"))
    assert "rank 16" in settings
    assert "data/raw </script><script>alert(10)</script>" in settings
    splits = [text_of(row) for row in built.tree.get_element_by_id("splits").xpath("./tbody/tr")]
    assert [row.split()[:3] for row in splits] == [["train", "7", "7"], ["validation", "2", "2"], ["test", "5", "7"]]
    assert "0 shared documents, 0 shared near-duplicate clusters" in text_of(built.tree.get_element_by_id("overlap"))


def test_a_leak_between_splits_is_counted_and_stands_out(tmp_path: Path) -> None:
    inputs = build(tmp_path)
    jsonl(inputs.train_jsonl, [record(SAMPLES[0]), record(SAMPLES[2])])
    overlap = parse(render(inputs)).get_element_by_id("overlap")
    assert overlap.get("class") == "notice"
    assert "2 shared documents, 2 shared near-duplicate clusters, 2 identical page images" in text_of(overlap)


def test_plots_carry_the_data_of_log_and_samples(built: Built) -> None:
    figures = {
        script.get("data-figure"): json.loads(script.text) for script in built.tree.xpath("//script[@data-figure]")
    }
    assert set(figures) == {"plot-training", "plot-pages", "plot-cumulative", "plot-distributions"}
    names = [trace["name"] for trace in figures["plot-training"]["data"]]
    assert names == ["training loss", "validation loss", "learning rate"]
    assert figures["plot-training"]["data"][1]["x"] == [10, 20, 30]
    points = figures["plot-pages"]["data"][1]
    assert [point[0] for point in points["customdata"]] == list(range(len(SAMPLES)))


def test_a_build_without_tables_categories_log_or_lineage_still_has_a_report(tmp_path: Path) -> None:
    plain = [dataclasses.replace(SAMPLES[1], category="", language="", cer=(0.5, 0.5))]
    inputs = build(tmp_path, plain)
    inputs.training_log_csv.write_text("step,epoch,loss,learning_rate,validation_loss\n", encoding="utf-8")
    inputs.lineage_json.write_text("{}", encoding="utf-8")
    inputs.merge_proof_json.write_text("{}", encoding="utf-8")
    metrics = {"base": {"cer_mean": 0.5, "table_f1": None}, "tuned": {"cer_mean": 0.5, "table_f1": None}}
    inputs.metrics_json.write_text(json.dumps(metrics), encoding="utf-8")
    tree = parse(render(inputs))
    summary = text_of(tree.get_element_by_id("summary"))
    assert "Mean CER stayed at 0.5000 on 1 test page held out" in summary
    assert "no tables on the test pages" in summary
    assert "The training log holds no measurements." in text_of(tree.get_element_by_id("curves"))
    assert "lineage.json holds no configuration." in text_of(tree.get_element_by_id("settings"))
    assert not tree.xpath('//select[@id="category"]')


def test_scores_of_another_build_are_refused_or_pointed_out(tmp_path: Path) -> None:
    inputs = build(tmp_path)
    metrics = json.loads(inputs.metrics_json.read_text(encoding="utf-8"))
    metrics["tuned"]["cer_mean"] = 0.0001
    inputs.metrics_json.write_text(json.dumps(metrics), encoding="utf-8")
    notice = parse(render(inputs)).xpath('//p[@role="alert"]')
    assert "metrics.json 0.0001" in text_of(notice[0])
    jsonl(inputs.tuned_predictions, [{"id": "other/p0001", "text": ""}])
    with pytest.raises(UserError, match="do not list the same test pages"):
        render(inputs)


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    inputs = build(tmp_path)
    inputs.lineage_json.unlink()
    with pytest.raises(UserError, match=re.escape("lineage.json")):
        render(inputs)


def test_twenty_pages_take_under_three_seconds_and_few_megabytes(tmp_path: Path) -> None:
    samples = [dataclasses.replace(SAMPLES[index % 4], document=f"document-{index}") for index in range(20)]
    inputs = build(tmp_path, samples)
    started = time.process_time()
    size = len(render(inputs).encode("utf-8"))
    assert time.process_time() - started < 3.0
    assert size < 4_000_000


def test_the_retention_set_is_shown_base_beside_tuned(tmp_path: Path) -> None:
    inputs = build(tmp_path, SAMPLES)
    metrics = json.loads(inputs.metrics_json.read_text(encoding="utf-8"))
    metrics["retention"] = {"base": {"cer_mean": 0.0123}, "tuned": {"cer_mean": 0.0456}}
    inputs.metrics_json.write_text(json.dumps(metrics), encoding="utf-8")
    table = next(element for element in parse(render(inputs)).iter("table") if element.get("id") == "retention")
    row = next(text_of(row) for row in table.iter("tr") if row.get("data-metric") == "cer_mean")
    assert "0.0123" in row
    assert "0.0456" in row
    assert "worse" in row


def test_lost_characters_are_listed_and_none_is_said_too(tmp_path: Path) -> None:
    inputs = build(tmp_path, SAMPLES)
    metrics = json.loads(inputs.metrics_json.read_text(encoding="utf-8"))
    metrics["retention"] = {"base": {"cer_mean": 0.0123}, "tuned": {"cer_mean": 0.0456}}
    inputs.metrics_json.write_text(json.dumps(metrics), encoding="utf-8")
    pages, base, tuned = (tmp_path / f"{name}.jsonl" for name in ("kept", "base_kept", "tuned_kept"))
    write_jsonl(pages, [{"id": "k", **sharegpt.answered("<image>\n", "Straße <b>")}])
    write_jsonl(base, [{"id": "k", "text": "Straße <b>"}])
    write_jsonl(tuned, [{"id": "k", "text": "Strasse b"}])

    def shown() -> str:
        html = parse(render(dataclasses.replace(inputs, retention_files=(pages, base, tuned))))
        (said,) = html.xpath("//*[@id='lost-characters']")
        return text_of(said) + "".join(map(text_of, said.xpath("following-sibling::div[1]//tbody//th")))

    assert "3 characters" in shown()
    assert shown().endswith("<>ß")
    write_jsonl(tuned, [{"id": "k", "text": "# Straße <b>"}])
    assert "No character" in shown()


@pytest.mark.parametrize(
    "unit", ["z", "<table><tr><td>", "\u202e<script>alert(12)</script>", "$\\frac{", "| a ", "[x]("]
)
def test_a_label_of_five_megabytes_on_one_line_is_cut_safe_and_quick(tmp_path: Path, unit: str) -> None:
    text = unit * (5_000_000 // len(unit))
    inputs = build(tmp_path, [dataclasses.replace(SAMPLES[1], reference=text, base=text[::-1], tuned=text)])
    began = time.process_time()
    html = render(inputs)
    assert time.process_time() - began < 6.0
    assert len(html) < 4_000_000
    tree = parse(html)
    assert "further characters are not shown" in text_of(tree.get_element_by_id("page-0"))
    assert "\u202e" not in html
    assert not tree.xpath("//article//script | //article//*[@onerror or @onclick]")


def judged(inputs: ReportInputs, **changes: float) -> None:
    """Put a verdict and the headline into metrics.json, as `score_predictions` writes it."""
    found = json.loads(inputs.metrics_json.read_text(encoding="utf-8"))
    metrics = {group: found[group] for group in ("base", "tuned", "change")}
    metrics["change"] |= {"cer_gain_low": 0.1, "cer_gain_high": 0.4, "cer_pages": 7} | changes
    scoring.write_metrics(inputs.metrics_json, metrics, gate.judge(metrics, Gate()))


def test_the_verdict_stands_at_the_top_with_its_reasons(tmp_path: Path) -> None:
    inputs = build(tmp_path)
    judged(inputs)
    verdict = parse(render(inputs)).get_element_by_id("verdict")
    assert text_of(verdict).startswith("Better than the base model promoted ✓ Mean CER went from")
    assert "What to do next" not in text_of(verdict)
    judged(inputs, cer_gain_low=-0.1)
    tree = parse(render(inputs))
    shown = text_of(tree.get_element_by_id("verdict"))
    assert shown.startswith("Not shown to be better than the base model not promoted ✗ Mean CER went from")
    assert [item.get("data-check") for item in tree.xpath('//*[@id="verdict"]//li[@class="worse"]')] == ["cer"]
    assert "cer_base" not in text_of(tree.get_element_by_id("metrics")), "the headline's numbers are not shown twice"


def variant(root: Path, name: str, **changes: Any) -> Path:
    """Write the scores of a smaller variant where `scribetune quantize` does; return their path."""
    inputs = inputs_of(root)
    made_from = {"pages": sha256_file(inputs.test_jsonl), "predictions": sha256_file(inputs.tuned_predictions)}
    scores = {
        "full": {"cer_mean": 0.0312, "table_f1": 0.97, "loop_rate": 0.0},
        "variant": {"cer_mean": 0.0456, "table_f1": 0.98, "loop_rate": 0.0},
        "change": {"cer_gain": -0.0144, "cer_gain_low": -0.02, "cer_gain_high": -0.005, "cer_pages": 7},
        "made_from": made_from, "weights_bytes": 1_250_000_000, "merged_weights_bytes": 6_780_000_000,
    }  # fmt: skip
    path = root / "models" / "quantized" / name / "scores.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(scores | changes), encoding="utf-8")
    return path


def test_smaller_variants_stand_beside_the_full_model(built: Built, tmp_path: Path) -> None:
    inputs = build(tmp_path)
    four, eight = variant(tmp_path, "4bit"), variant(tmp_path, "8bit", variant={"cer_mean": 0.0312})
    tree = parse(render(dataclasses.replace(inputs, variant_scores=(four, eight))))
    shown = tree.get_element_by_id("variants")
    assert [text_of(cell) for cell in shown.xpath(".//thead/tr/th")] == ["metric", "tuned", "4bit", "8bit"]
    rows = {row.get("data-metric"): [text_of(cell) for cell in row.xpath("./td")] for row in shown.xpath(".//tbody/tr")}
    assert rows == {
        "weights_gb": ["6.780", "1.250", "1.250"],
        "cer_mean": ["0.0312", "0.0456 worse", "0.0312 same"],
        "table_f1": ["0.9700", "0.9800 better", "—"],
        "loop_rate": ["0.0000", "0.0000 same", "—"],
        "cer_gain": ["", *["−0.0144 −0.0200 to −0.0050"] * 2],
    }
    assert not built.tree.xpath('//*[@id="variants"]')


def test_scores_of_a_variant_of_another_build_are_not_shown(tmp_path: Path) -> None:
    inputs = build(tmp_path)
    own, other = variant(tmp_path, "4bit"), variant(tmp_path, "8bit", made_from={"pages": "0", "predictions": "0"})
    tree = parse(render(dataclasses.replace(inputs, variant_scores=(own, other))))
    assert [text_of(cell) for cell in tree.xpath('//*[@id="variants"]//thead//th')] == ["metric", "tuned", "4bit"]
    inputs.tuned_predictions.write_text(inputs.tuned_predictions.read_text("utf-8") + "\n", encoding="utf-8")
    assert not parse(render(dataclasses.replace(inputs, variant_scores=(own,)))).xpath('//*[@id="variants"]')


def test_the_published_table_has_mean_median_p90_and_corpus(built: Built) -> None:
    table = built.tree.get_element_by_id("published")
    rows = {row.get("data-metric"): row.xpath("./td/@data-value") for row in table.xpath("./tbody/tr")}
    base = sorted(float(row["cer_base"]) for row in samples_rows(built.inputs))
    metrics = json.loads(built.inputs.metrics_json.read_text(encoding="utf-8"))
    found = [float(value) for value in rows["cer"]]
    assert found[0] == pytest.approx(sum(base) / len(base))
    assert found[2] == base[len(base) // 2]
    assert found[4] == pytest.approx(float(np.percentile(base, 90)))
    assert found[6:] == [metrics["base"]["cer_corpus"], metrics["tuned"]["cer_corpus"]]
    assert float(rows["table_f1"][5]) == pytest.approx(np.percentile([0.94, 1.0, 0.97], 10)), "a score's tail is low"


def test_gains_stand_with_interval_p_and_how_pages_fared(tmp_path: Path) -> None:
    inputs = build(tmp_path)
    judged(inputs, cer_gain=0.25, cer_p=0.03125, cer_wins=5, cer_ties=1, cer_losses=1)
    rows = [text_of(row) for row in parse(render(inputs)).get_element_by_id("gains").xpath("./tbody/tr")]
    assert rows == ["CER 7 +0.2500 +0.1000 to +0.4000 0.0312 5 / 1 / 1"]


def test_the_worst_and_the_best_pages_are_a_click_away(built: Built) -> None:
    lists = [
        section.xpath("./table//a/@href")
        for section in built.tree.xpath('//section[@id="before-after"]//section[@data-list]')
    ]
    assert lists[0][:2] == ["#page-5", "#page-4"], "worst after tuning"
    assert lists[1] == ["#page-4"], "one page lost"
    assert lists[2][0] == "#page-5", "greatest gain"
    for href in {link for links in lists for link in links}:
        built.tree.get_element_by_id(href.removeprefix("#"))


def test_scores_are_given_by_category_language_script_and_layout(built: Built) -> None:
    text = text_of(built.tree.get_element_by_id("metrics"))
    for expected in ("Han 1", "Latin 6", "tables and formulas 1", "tables 3", "finance 2", "zh 1"):
        assert expected in text


def test_how_good_the_labels_are_is_shown_by_source(tmp_path: Path) -> None:
    labels = tmp_path / "data/manifests/labels/000-of-001.csv"
    header = (
        "document,page,label_source,reviewer,word_recall,word_precision,agreement,formulas,formulas_lost,"
        "formulas_unicode,status"
    )
    table(
        labels, header,
        [("a", 1, "machine", "", 1.0, 0.99, -1, 2, 1, 0, "ok"), ("a", 2, "machine", "", 0.97, 1.0, 0.9, 0, 0, 3, "ok"),
         ("b", 1, "correction", "Ann <b>", 1.0, 1.0, -1, 0, 0, 0, "ok"),
         ("c", 1, "machine", "", 0, 0, -1, 0, 0, 0, "failed")],
    )  # fmt: skip
    tree = parse(render(build(tmp_path, label_csvs=(labels,))))
    rows = [text_of(row) for row in tree.get_element_by_id("label-quality").xpath("./tbody/tr")]
    assert rows == ["correction 1 1 — — — — — 0 0", "machine 2 0 0.9850 0.9700 1 0.9950 0.9000 2 4"]


def test_many_pages_are_packed_and_say_the_same(built: Built) -> None:
    inputs = dataclasses.replace(built.inputs, inline_pages=3)
    html = render(inputs)
    assert html == render(inputs)
    tree = parse(html)
    assert not tree.xpath('//article[contains(@class, "page")]')
    index, inline_index = (one.get_element_by_id("page-index").text for one in (tree, built.tree))
    assert index == inline_index
    assert [row["index"] for row in json.loads(index)["pages"]] == list(range(len(SAMPLES)))
    assert "alert(" not in index
    chunks = tree.xpath('//script[@class="page-chunk"]/text()')
    cards = [
        card
        for chunk in chunks
        for card in lxml.html.fragments_fromstring(gzip.decompress(base64.b64decode(chunk)).decode())
    ]
    inline = built.tree.xpath('//article[contains(@class, "page")]')
    assert [lxml.html.tostring(card).strip() for card in cards] == [lxml.html.tostring(card).strip() for card in inline]


def thumbnails(tree: lxml.html.HtmlElement) -> list[str]:
    return [data for pack in tree.xpath('//script[@class="thumbnails"]/text()') for data in pack.split(",")]


def test_every_page_has_a_small_image_whatever_is_embedded(tmp_path: Path) -> None:
    many = [dataclasses.replace(SAMPLES[index % 4], document=f"d{index}") for index in range(THUMBNAILS_PER_CHUNK + 2)]
    inputs = build(tmp_path, many, embed_pages=1, inline_pages=3)
    (tmp_path / "data/pages/d7/p0001.png").unlink(missing_ok=True)
    (tmp_path / "data/pages/d7/p0002.png").unlink(missing_ok=True)
    tree = parse(render(inputs))
    assert len(tree.xpath('//script[@class="thumbnails"]')) == 2
    found = thumbnails(tree)
    assert [bool(data) for data in found] == [index != 7 for index in range(len(many))]
    for data in filter(None, found):
        content = base64.b64decode(data)
        assert len(content) < 4_000
        with Image.open(io.BytesIO(content)) as image:
            assert max(image.size) == 128


def test_the_index_has_every_score_that_pages_can_be_ordered_by(built: Built) -> None:
    index = json.loads(built.tree.get_element_by_id("page-index").text)
    keys = [key for key, _, _ in index["measures"]]
    assert keys[:2] == ["cer", "wer"]
    assert {"table_f1", "loop", "empty"} <= set(keys)
    assert keys == built.tree.xpath('//select[@id="measure"]/option/@value')
    for row, sample in zip(index["pages"], samples_rows(built.inputs), strict=True):
        assert row["id"] == sample["id"]
        for key, pair in zip(keys, row["scores"], strict=True):
            told = [None if sample[f"{key}_{model}"] == "" else float(sample[f"{key}_{model}"]) for model in MODELS]
            assert pair == pytest.approx(told), key


def test_every_number_of_test_pages_leads_to_them(built: Built, tmp_path: Path) -> None:
    inputs = build(tmp_path)
    judged(inputs, cer_gain=0.25, cer_p=0.03125, cer_wins=5, cer_ties=1, cer_losses=1)
    tree = parse(render(inputs))
    tables = '//table[@id="published" or @id="gains"] | //section[@id="metrics"]//table[contains(@class, "sortable")]'
    cells = [cell for found in tree.xpath(tables) for cell in found.xpath('./tbody/tr/td[contains(@class, "n")]')]
    known = [cell for cell in cells if text_of(cell) != "—" and " to " not in text_of(cell) and cell.xpath("./a")]
    unlinked = [text_of(cell) for cell in cells if cell not in known and text_of(cell) != "—"]
    assert len(known) > 40
    assert unlinked == ["+0.1000 to +0.4000", "0.0312"], "an interval and a p-value are of all pages together"
    assert tree.xpath('//*[@class="tile"]//p[@class="figure"]/span[@data-value][not(a)]') == []
    assert tree.xpath('//tr[@data-metric="loop_rate"]/td/a/@href')[0] == "#pages?measure=loop&order=base"
    values = {
        select.get("id"): [option.get("value", option.text) for option in select.iter("option")]
        for select in tree.xpath('//form[@id="tools"]//select')
    }
    assert set(values) >= {"show", "order", "measure", "category", "language", "script", "layout"}
    for link in tree.xpath('//a[starts-with(@href, "#pages?")]/@href'):
        for key, value in parse_qsl(link.removeprefix("#pages?")):
            assert key in ("document", "least") or value in values[key], link


def test_a_page_tells_the_command_that_opens_it_for_review(tmp_path: Path) -> None:
    odd = dataclasses.replace(SAMPLES[1], document="it's $(here)")
    commands = parse(render(build(tmp_path, [SAMPLES[0], odd]))).xpath("//article/footer/code/text()")
    assert commands[0] == "scribetune review --page annual-2023/p0001"
    assert shlex.split(commands[1]) == ["scribetune", "review", "--page", "it's $(here)/p0002"]


def test_the_report_tells_what_people_found_in_a_spot_check(tmp_path: Path) -> None:
    assert "Nobody has judged a random sample" in render(build(tmp_path / "without"))
    known, other, unseen = SAMPLES[0].id, "else/p0001", "else/p0002"
    drawn = tuple(spot_check.Sampled(name, "a") for name in (known, other, unseen))
    sample = spot_check.Sample(3, 7, 90, drawn)
    path = tmp_path / "spot_check-n3-seed7.json"

    def judged(name: str, verdict: str, reason: str, reviewer: str, day: str) -> Review:
        document, _, page = name.rpartition("/p")
        return Review(document, int(page), verdict, reason, reviewer, f"{day}T09:00:00", sample.name, "", "a", "b")

    judgements = [
        judged(known, "correct", "", "Ada", "2026-03-01"),
        judged(other, "reject", "<i>unreadable</i>", "Bob", "2026-03-04"),
    ]
    spot_check.write(path, sample, judgements)
    card = parse(render(build(tmp_path / "with", spot_checks=(path,)))).get_element_by_id("spot-checks")
    told = text_of(card)
    assert (
        "2 pages judged by people, 2 with errors: 100.0 % (95 % Wilson interval 34.2 to 100.0 %) of 90 labels" in told
    )
    assert "drawn 3 pages of 90 with seed 7, each with the same chance; 2 judged" in told
    assert "with errors 2 — corrected (1); rejected: <i>unreadable</i> (1)" in told
    assert "error rate 100.0 %, 95 % Wilson interval 34.2 % to 100.0 %" in told
    assert "judged by Ada (1 page), Bob (1 page)" in told
    assert "when 2026-03-01 to 2026-03-04 (UTC)" in told
    assert card.xpath(".//tbody//a/@href") == ["#page-0"]
    assert [text_of(code) for code in card.xpath(".//code")] == [f"scribetune review --page {known}",
                                                                f"scribetune review --page {other}"]  # fmt: skip


def test_a_spot_check_recorded_by_an_earlier_version_is_told_without_names(tmp_path: Path) -> None:
    path = tmp_path / "spot_check-n1-seed1.json"
    sample = spot_check.Sample(1, 1, 9, (spot_check.Sampled("d/p0001", "a"),))
    spot_check.write(path, sample, [Review("d", 1, "reject", "blank", "Ada", "2026", sample.name, "", "a", "")])
    record = json.loads(path.read_text(encoding="utf-8"))
    record["sample"]["pages"] = [
        {key: page[key] for key in ("id", "label_sha256", "verdict")} for page in record["sample"]["pages"]
    ]
    path.write_text(json.dumps(record), encoding="utf-8")
    told = text_of(parse(render(build(tmp_path, spot_checks=(path,)))).get_element_by_id("spot-checks"))
    assert "judged by not on record when not on record" in told


def test_each_test_page_stands_beside_the_training_page_nearest_to_it(built: Built) -> None:
    section = built.tree.get_element_by_id("nearest")
    known = json.loads((built.inputs.working_directory / "reports/leakage.json").read_text(encoding="utf-8"))
    shown = [text_of(row.xpath("./th")[0]) for row in section.xpath(".//tbody/tr")]
    assert {"annual-2023/p0002", "tuples/p0012"} == set(shown[:2]), "their text is that of every training page"
    assert len(shown) == len(known["pages"])
    first = section.xpath(".//article")[0]
    assert "train-0/p0001" in text_of(first)
    assert "above a limit" in text_of(first)
    assert first.xpath(".//img")[0].get("src").startswith("data:image/webp;base64,")


def test_a_report_without_a_look_for_leakage_says_nothing_of_it(built: Built) -> None:
    html = render(dataclasses.replace(built.inputs, leakage_json=None))
    assert 'id="nearest"' not in html

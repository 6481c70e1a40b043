"""The report: what it shows, that it is the same twice, and that nothing from a PDF or a model runs in it."""

import base64
import csv
import dataclasses
import gzip
import hashlib
import io
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lxml.html
import pytest
from PIL import Image, ImageDraw

from scribetune.errors import UserError
from scribetune.report import ReportInputs, render, write

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "[click](javascript:alert(3))",
    "<a href='javascript:alert(4)'>x</a>",
    "<table><tr><td onclick='alert(5)'>cell</td><td><script>alert(6)</script></td></tr></table>",
    "<table><tr><td>never closed",
    "\u202etxt.exe\u202c and \u2066isolate\u2069",
    "</textarea></style></title><svg/onload=alert(7)>",
    "{{ 7 * 7 }} {% raw %} <!-- <script> --> \x00 \x1b[31m \ud800",
    "&#x3c;script&#x3e;alert(8)&#x3c;/script&#x3e; &#x202e;",
)

ENGLISH = """# Quarterly summary

Revenue grew by **12 %** to 4,310 in the second quarter; costs stayed flat.

| Item | Q1 | Q2 |
|------|---:|---:|
| Revenue | 3,848 | 4,310 |
| Costs | 2,950 | 2,961 |

Margin is $m = \\frac{r - c}{r}$, that is:

$$
m = \\frac{4310 - 2961}{4310}
$$
"""
CHINESE = """# 季度财务报告

本季度营业收入同比增长百分之十二,成本基本持平。

| 项目 | 一季度 | 二季度 |
|------|------:|------:|
| 营业收入 | 3,848 | 4,310 |
| 营业成本 | 2,950 | 2,961 |

- 现金流稳定
- 负债率下降
"""
MEMO = "# Memo\n\nTo: all staff\n\n1. Close the windows.\n2. Switch off the lights.\n\n> Thank you.\n"
INVOICE = (
    '## Invoice 2041\n\n<table><tr><th colspan="2">Position</th></tr><tr><td>Screws</td><td>12.50</td></tr>'
    "<tr><td>Nuts</td><td>3.10</td></tr></table>\n\nTotal: 15.60\n"
)


@dataclass(frozen=True)
class Sample:
    """One test page of the fixture."""

    document: str
    page: int
    reference: str
    base: str
    tuned: str
    category: str = ""
    language: str = ""
    cer: tuple[float | None, float | None] = (0.5, 0.1)
    table_f1: tuple[float | None, float | None] = (None, None)
    loop: tuple[int, int] = (0, 0)

    @property
    def id(self) -> str:
        return f"{self.document}/p{self.page:04d}"


def misread(text: str, step: int) -> str:
    """Drop the Markdown and change every `step`-th character: about what an untuned model does."""
    plain = re.sub(r"[#|*>$]|-{3,}:?", "", text)
    return "".join("x" if index % step == step - 1 and char.isalpha() else char for index, char in enumerate(plain))


SAMPLES = (
    Sample("annual-2023", 1, ENGLISH, misread(ENGLISH, 17), ENGLISH.replace("4,310 |", "4,810 |"), "finance", "en",
           (0.3127, 0.0042), (0.0, 0.94)),
    Sample("annual-2023", 2, MEMO, misread(MEMO, 9), MEMO, "memo", "en", (0.25, 0.0)),
    Sample("季度报告", 1, CHINESE, misread(CHINESE, 7), CHINESE.replace("持平", "特平"), "finance", "zh",
           (0.41234567, 0.0123), (0.1, 1.0)),
    Sample("invoice-2041", 1, INVOICE, "Invoice 2041 Screws 12.50 " + "Nuts 3.10 " * 40,
           INVOICE.replace("Nuts", "Nots"), "invoice", "en", (2.75, 0.0071), (0.0, 0.97), (1, 0)),
    Sample("hostile", 1, "\n\n".join(HOSTILE), HOSTILE[0] * 3, "\n\n".join(reversed(HOSTILE)), "memo", "en",
           (0.9, 0.95)),
    Sample("hostile", 2, "A short page.", "z" * 1_000_000, "", "memo", "en", (76922.0, 1.0)),
    Sample("tuples", 12, MEMO, MEMO, MEMO, "memo", "en", (0.0, 0.0)),
)  # fmt: skip


def page_png(text: str) -> bytes:
    image = Image.new("L", (768, 1024), 255)
    draw = ImageDraw.Draw(image)
    for line, words in enumerate(text.encode("ascii", "replace").decode().split("\n")[:40]):
        draw.text((60, 60 + 22 * line), words[:80], fill=0)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # ASCII JSON, so that a lone surrogate can be written as models' broken output would be.
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def table(path: Path, header: str, rows: Sequence[Sequence[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows([["" if cell is None else cell for cell in row] for row in rows])


def record(sample: Sample) -> dict[str, Any]:
    return {
        "id": sample.id,
        "document": sample.document,
        "page": sample.page,
        "image_sha256": hashlib.sha256(sample.id.encode()).hexdigest(),
        "label_sha256": hashlib.sha256(f"label {sample.id}".encode()).hexdigest(),
        "label_source": "correction" if sample.page == 12 else "machine",
        "category": sample.category,
        "language": sample.language,
        "conversations": [
            {"from": "human", "value": "<image>\nFree OCR. "},
            {"from": "gpt", "value": sample.reference},
        ],
        "images": [f"data/pages/{sample.id}.png"],
    }


def average(values: Sequence[float | None]) -> float | None:
    counted = [value for value in values if value is not None]
    return sum(counted) / len(counted) if counted else None


def build(root: Path, samples: Sequence[Sample] = SAMPLES, **changes: Any) -> ReportInputs:
    """Write the result files of a small build under `root` and return the report's inputs."""
    for sample in samples:
        image = root / f"data/pages/{sample.id}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(page_png(sample.reference))
    jsonl(root / "data/splits/test.jsonl", [record(sample) for sample in samples])
    others = [Sample(f"train-{number}", 1, MEMO, "", "") for number in range(9)]
    jsonl(root / "data/splits/train.jsonl", [record(sample) for sample in others[:7]])
    jsonl(root / "data/splits/validation.jsonl", [record(sample) for sample in others[7:]])
    for model in ("base", "tuned"):
        jsonl(
            root / f"reports/predictions/{model}.jsonl",
            [
                {
                    "id": sample.id,
                    "document": sample.document,
                    "page": sample.page,
                    "image": f"data/pages/{sample.id}.png",
                    "prompt": "<image>\nFree OCR. ",
                    "text": getattr(sample, model),
                    "tokens": len(getattr(sample, model)) // 3,
                    "stop_reason": "length" if len(getattr(sample, model)) > 100_000 else "eos",
                }
                for sample in samples
            ],
        )
    table(
        root / "reports/samples.csv",
        "index,id,document,page,image,category,language,reference_characters,cer_base,cer_tuned,wer_base,wer_tuned,"
        "table_f1_base,table_f1_tuned,loop_base,loop_tuned,empty_base,empty_tuned",
        [
            (
                index, sample.id, sample.document, sample.page, f"data/pages/{sample.id}.png", sample.category,
                sample.language, len(sample.reference), *sample.cer, *(sample.cer), *sample.table_f1, *sample.loop,
                int(not sample.base), int(not sample.tuned),
            )
            for index, sample in enumerate(samples)
        ],
    )  # fmt: skip
    metrics: dict[str, dict[str, float | int | None]] = {"base": {}, "tuned": {}, "change": {"cer_mean_low": -0.61}}
    for column, model in enumerate(("base", "tuned")):
        metrics[model] = {
            "cer_mean": average([sample.cer[column] for sample in samples]),
            "cer_median": 0.4123 - 0.4 * column,
            "cer_corpus": 0.3456789 - 0.3 * column,
            "wer_mean": 0.61 - 0.4 * column,
            "bleu": 41.123456 + 50 * column,
            "table_f1": average([sample.table_f1[column] for sample in samples]),
            "loop_rate": 0.125 - 0.125 * column,
            "odb.text_edit": 0.2 - 0.1 * column,
            "pages": len(samples),
        }
    (root / "reports/metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    table(
        root / "reports/documents.csv",
        "document,path,sha256,bytes,status,pages,accepted,refused,reasons,message,category,language,licence",
        [
            ("annual-2023", "finance/annual 2023.pdf", "aa", 1000, "ok", 4, 3, 1, "too few characters: 1", "",
             "finance", "en", "CC-BY-4.0"),
            ("季度报告", "中文/季度报告.pdf", "bb", 1200, "ok", 2, 2, 0, "", "", "finance", "zh", ""),
            ("locked", "locked.pdf", "cc", 900, "encrypted", 0, 0, 0, "", "needs a password <script>alert(9)</script>",
             "", "", ""),
            ("NA", "NA.pdf", "dd", 0, "not-a-pdf", None, 0, 0, "", "empty file", "", "", ""),
        ],
    )  # fmt: skip
    table(
        root / "data/manifests/selection/all.csv",
        "document,page,image,image_sha256,label,label_sha256,label_source,accepted,reason,characters,tables,formulas,"
        "page_cluster,document_cluster",
        [
            *(
                (sample.document, sample.page, "", "", "", "", "machine", 1, "", 100, 0, 0, number, number)
                for number, sample in enumerate(samples)
            ),
            ("annual-2023", 9, "", "", "", "", "machine", 0, "too few characters", 3, 0, 0, 98, 0),
            ("scan", 1, "", "", "", "", "machine", 0, "garbage text layer", 300, 0, 0, 99, 99),
        ],
    )  # fmt: skip
    steps = 30
    table(
        root / "models/adapter/training_log.csv",
        "step,epoch,loss,learning_rate,validation_loss",
        [
            (step, step / 10, 2.4 * 0.9**step + 0.05 * (step % 3), 1e-3 * min(step / 3, (steps - step) / (steps - 3)),
             2.2 * 0.91**step + 0.1 if step % 10 == 0 else None)
            for step in range(1, steps + 1)
        ],
    )  # fmt: skip
    (root / "models/adapter/lineage.json").write_text(
        json.dumps(
            {
                "adapter": {"adapter_model.safetensors": "5f" * 32},
                "base_model": {"name": "models/tiny", "revision": None, "family": "deepseek_ocr2"},
                "configuration": {
                    "train": {"rank": 16, "alpha": 32, "learning_rate": 0.001, "epochs": 3, "scope": "language"},
                    "generate": {"max_new_tokens": 512, "ngram_guard": 30},
                    "documents": {"raw": "data/raw </script><script>alert(10)</script>"},
                },
                "code": {"train_adapter": "ab" * 32, "render_pages": "cd" * 32},
                "environment": {"lock": "envs/cpu.txt", "sha256": "ef" * 32, "torch": "2.13.0+cpu"},
                "hardware": {"processor": "x86_64", "cores": 2, "gpu": None},
                "documents": [{"document": "annual-2023", "sha256": "aa"}, {"document": "季度报告", "sha256": "bb"}],
                "seed": 3407,
            },
            ensure_ascii=False,
        ),
        encoding="utf-8",
    )
    proof = root / "models/merged/merge_proof.json"
    proof.parent.mkdir(parents=True, exist_ok=True)
    proof.write_text(json.dumps({"pages": 3, "largest_difference": 1.2e-6, "tolerance": 1e-4}), encoding="utf-8")
    inputs = ReportInputs(
        samples_csv=root / "reports/samples.csv",
        metrics_json=root / "reports/metrics.json",
        test_jsonl=root / "data/splits/test.jsonl",
        train_jsonl=root / "data/splits/train.jsonl",
        validation_jsonl=root / "data/splits/validation.jsonl",
        base_predictions=root / "reports/predictions/base.jsonl",
        tuned_predictions=root / "reports/predictions/tuned.jsonl",
        documents_csv=root / "reports/documents.csv",
        selection_csv=root / "data/manifests/selection/all.csv",
        training_log_csv=root / "models/adapter/training_log.csv",
        lineage_json=root / "models/adapter/lineage.json",
        merge_proof_json=root / "models/merged/merge_proof.json",
        working_directory=root,
        title="Finance & forms <b>2024</b>",
        embed_pages=200,
    )
    return dataclasses.replace(inputs, **changes)


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
    assert kinds.count("text/plain") == 1
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
    assert not built.tree.xpath("//iframe | //object | //embed | //base | //svg | //link | //textarea")
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


def test_the_report_tells_what_people_found_in_a_spot_check(tmp_path: Path) -> None:
    from scribetune.review import spot_check
    from scribetune.review.records import Review

    assert "Labels checked by people" not in render(build(tmp_path / "without"))
    sample = spot_check.Sample(2, 1, 90, (spot_check.Sampled("d/p0001", "a"), spot_check.Sampled("d/p0002", "a")))
    path = tmp_path / "spot_check-n2-seed1.json"
    spot_check.write(path, sample, [Review("d", 1, "reject", "", "Ada", "2026", sample.name, "", "a", "")])
    told = parse(render(build(tmp_path / "with", spot_checks=(path,)))).get_element_by_id("spot-checks").text_content()
    assert "1 page judged by people, 1 with errors: 100.0 % (95 % Wilson interval 20.7 to 100.0 %) of 90 labels" in told

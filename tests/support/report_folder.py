"""The result files of a build, without one: for tests of the report (hostile texts among them) and its benchmark."""

import csv
import dataclasses
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from scribetune.dataset import leakage
from scribetune.report.data import ReportInputs

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
    scores: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    shared_image: str = ""

    @property
    def id(self) -> str:
        return f"{self.document}/p{self.page:04d}"

    @property
    def image(self) -> str:
        return self.shared_image or f"data/pages/{self.id}.png"

    @property
    def row(self) -> dict[str, tuple[float | None, float | None]]:
        """What samples.csv holds of it: base beside tuned."""
        common = {"cer": self.cer, "wer": self.cer, "table_f1": self.table_f1, "loop": self.loop}
        return {**common, "empty": (not self.base, not self.tuned), **self.scores}


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
        "images": [sample.image],
    }


def _write_leakage(root: Path, test: list[dict[str, Any]], train: list[dict[str, Any]]) -> None:
    """Write reports/leakage.json; the training pages of this build have no images."""

    def thumbnail(record: Mapping[str, Any]) -> Any:
        path = root / str(record["images"][0])
        return leakage.thumbnail_of(path) if path.is_file() else leakage.blank()

    limits = leakage.Limits(text=0.9, image=0.995)
    known = leakage.report(leakage.nearest(test, train, thumbnail), limits)
    (root / "reports").mkdir(parents=True, exist_ok=True)
    (root / "reports/leakage.json").write_text(json.dumps(known), encoding="utf-8")


def average(values: Sequence[float | None]) -> float | None:
    counted = [value for value in values if value is not None]
    return sum(counted) / len(counted) if counted else None


def inputs_of(root: Path, **changes: Any) -> ReportInputs:
    """Return the report's inputs of a build in `root`, where the build itself has them."""
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
        leakage_json=root / "reports/leakage.json",
        title="Finance & forms <b>2024</b>",
        embed_pages=200,
    )
    return dataclasses.replace(inputs, **changes)


def build(root: Path, samples: Sequence[Sample] = SAMPLES, **changes: Any) -> ReportInputs:
    """Write the result files of a small build under `root` and return the report's inputs.

    Args:
        root: Working directory of the build.
        samples: Its test pages; an image that is there already is left as it is.
        changes: What to change in the inputs.
    """
    for sample in samples:
        image = root / sample.image
        if not image.exists():
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(page_png(sample.reference))
    jsonl(root / "data/splits/test.jsonl", [record(sample) for sample in samples])
    others = [Sample(f"train-{number}", 1, MEMO, "", "") for number in range(9)]
    jsonl(root / "data/splits/train.jsonl", [record(sample) for sample in others[:7]])
    jsonl(root / "data/splits/validation.jsonl", [record(sample) for sample in others[7:]])
    _write_leakage(root, [record(sample) for sample in samples], [record(sample) for sample in others[:7]])
    for model in ("base", "tuned"):
        jsonl(
            root / f"reports/predictions/{model}.jsonl",
            [
                {
                    "id": sample.id,
                    "document": sample.document,
                    "page": sample.page,
                    "image": sample.image,
                    "prompt": "<image>\nFree OCR. ",
                    "text": getattr(sample, model),
                    "tokens": len(getattr(sample, model)) // 3,
                    "stop_reason": "length" if len(getattr(sample, model)) > 100_000 else "eos",
                }
                for sample in samples
            ],
        )
    names = list(samples[0].row)
    table(
        root / "reports/samples.csv",
        ",".join(
            ["index,id,document,page,image,category,language,reference_characters",
             *(f"{name}_{model}" for name in names for model in ("base", "tuned"))]
        ),
        [
            (
                index, sample.id, sample.document, sample.page, sample.image, sample.category, sample.language,
                len(sample.reference),
                *(int(value) if isinstance(value, bool) else value for name in names for value in sample.row[name]),
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
    return inputs_of(root, **changes)

"""Result files of scored builds that are to be compared: what `scribetune compare` reads, with a lineage that fits."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scribetune.core import files
from scribetune.core.config import Gate
from scribetune.evaluation import gate
from support import lineage_factory, report_folder
from support.report_folder import Sample

PAGES = tuple(
    Sample(f"letter-{number}", 1, text, text[::-1], text, cer=(0.9, cer))
    for number, (text, cer) in enumerate((f"Letter number {index} to everybody.", 0.02 * index) for index in range(8))
)
"""Eight test pages; the base reads them backwards."""


def with_cer(samples: Sequence[Sample], cer: Mapping[int, float]) -> tuple[Sample, ...]:
    """Return the pages with another CER of the tuned model on some, who reads an x more for it."""
    return tuple(
        dataclasses.replace(sample, cer=(0.9, cer[index]), tuned=f"{sample.reference} x") if index in cer else sample
        for index, sample in enumerate(samples)
    )


def build(
    folder: Path, samples: Sequence[Sample] = PAGES, labels: Mapping[str, str] | None = None, **changes: Any
) -> Path:
    """Write a build's folder and return it.

    Args:
        folder: Where.
        samples: Its test pages.
        labels: Page id → another hash of its label.
        changes: What is different in its lineage.
    """
    inputs = report_folder.build(folder, samples)
    metrics: dict[str, Any] = json.loads(inputs.metrics_json.read_text(encoding="utf-8"))
    metrics["change"] |= {"cer_gain": 0.5, "cer_gain_low": 0.1, "cer_gain_high": 0.9, "cer_pages": len(samples)}
    metrics["gate"] = gate.judge(metrics, Gate()).record()
    pages = []
    for sample in samples:
        row = report_folder.record(sample)
        row = {key: row[key] for key in ("id", "document", "page", "label_sha256", "label_source")}
        row["label_sha256"] = (labels or {}).get(sample.id, row["label_sha256"])
        image = files.sha256_file(folder / sample.image)
        pages.append({**row, "image_sha256": image, "split": "test", "reviewer": ""})
    documents = [{"document": s.document, "path": "x.pdf", "sha256": s.document, "split": "test"} for s in samples]
    outputs = {"reports/samples.csv": files.sha256_file(inputs.samples_csv)}
    lineage = lineage_factory.lineage(
        pages=pages, documents=documents, metrics=metrics, outputs=outputs, merged={}, generation={}
    )
    (folder / "reports/lineage.json").write_text(json.dumps(lineage | changes), encoding="utf-8")
    return folder

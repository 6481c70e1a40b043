"""A small build as the review page finds it, made by hand: three documents, five pages."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from scribetune.core import files, layout, manifests
from scribetune.dataset.selection import SelectedPage
from scribetune.labels.rows import LabelRow
from scribetune.labels.tables import agreement

HOSTILE = (
    "# <script>alert(1)</script>\n\n[click](javascript:alert(1)) <img src=x onerror=alert(1)> \u202egnp.exe\n\n"
    "<table><tr><td>open"
)
TEXTS = {
    ("invoice", 1): "# Invoice 17\n\nTotal due 120.00\n",
    ("invoice", 2): "| item | price |\n| --- | --- |\n| nail | 0.10 |\n",
    ("memo", 1): "# Memo\n\nMeet at nine.\n",
    ("hostile", 1): HOSTILE,
    ("scan", 1): "",
}
"""(document, page) → label."""
RECALL = {("memo", 1): 0.96, ("invoice", 1): 0.99}
"""Word recall of labels that are not perfect, and the trust in them; memo/p0001 is the least trusted."""
DOUBTS = {("memo", 1): "words of the page are not in the label: 2; two readings of a table differ: 9 %"}
"""What speaks against labels."""


READ_OTHERWISE = agreement.TableReading(
    0.31, (80.0, 110.0, 160.0, 220.0), 2, 2, 2, 2, "",
    (("item", "price"), ("nail", "<b>0.70</b>")), (("item", "price"), ("nail", "0.10")),
)  # fmt: skip
"""The table of invoice/p0002 as two readers have it; the page is 320 by 440 points."""


def make(folder: Path, texts: Mapping[tuple[str, int], str] | None = None, *, images: bool = True) -> Path:
    """Write the files of a build that has selected its pages and scored two of them; returns its folder."""
    texts = TEXTS if texts is None else texts
    documents = sorted({document for document, _ in texts})
    labels, selected = [], []
    for (document, page), text in texts.items():
        image = folder / layout.page_image(document, page)
        if images:
            image.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (320, 440), 230).save(image)
        name = layout.page_label(document, page).as_posix() if text else ""
        if text:
            files.write_text(folder / name, text)
        labels.append(_label(document, page, name, text))
        selected.append(_selected(document, page, name, text))
    table(folder / layout.MANIFESTS / "labels" / "000-of-001.csv", labels, LabelRow)
    table(folder / layout.MANIFESTS / "selection" / "all.csv", selected, SelectedPage)
    rows = [
        {"document": name, "path": f"{name}.pdf", "sha256": pdf_digest(name), "bytes": 9, "status": "ok", "pages": 1}
        for name in documents
    ]
    manifests.write(folder / layout.MANIFESTS / "documents" / "000-of-001.csv", rows, list(rows[0]))
    scored = [{"id": "invoice/p0001", "cer_tuned": 0.25}, {"id": "memo/p0001", "cer_tuned": 0.75}]
    manifests.write(folder / "reports/samples.csv", scored, ["id", "cer_tuned"])
    files.write_jsonl(
        folder / "reports/predictions/tuned.jsonl", [{"id": "memo/p0001", "text": "# Memo <b>\n\nMeet at ten."}]
    )
    return folder


def pdf_digest(document: str) -> str:
    """Return the hash that stands for a document's PDF."""
    return files.sha256_bytes(document.encode())


def decisions(folder: Path) -> list[dict[str, str]]:
    """Return the rows of reviews.csv."""
    path = folder / "data/corrections/reviews.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def table(path: Path, rows: Sequence[Mapping[str, Any]], kind: type) -> None:
    """Write a manifest of a dataclass's columns."""
    manifests.write(path, rows, manifests.columns_of(kind))


def _label(document: str, page: int, name: str, text: str) -> dict[str, Any]:
    return {
        "document": document, "page": page, "label": name, "label_sha256": digest(text), "label_source": "machine",
        "reviewer": "", "characters": len(text), "word_recall": RECALL.get((document, page), 1.0),
        "word_precision": 1.0, "unmapped_share": 0.0, "tables": int("|" in text), "formulas": 0, "formulas_lost": 0,
        "formulas_unicode": 0, "agreement": -1.0,
        "status": "ok" if text else "no_text", "message": "", "width_pt": 320.0, "height_pt": 440.0,
        "table_readings": agreement.as_json([READ_OTHERWISE] if (document, page) == ("invoice", 2) else []),
    }  # fmt: skip


def _selected(document: str, page: int, name: str, text: str) -> dict[str, Any]:
    refused = {"scan": "scan", "hostile": "low_recall"}.get(document, "")
    return {
        "document": document, "page": page, "image": layout.page_image(document, page).as_posix(), "image_sha256": "",
        "label": name, "label_sha256": digest(text), "label_source": "machine", "reviewer": "", "accepted": not refused,
        "reason": refused, "characters": len(text), "tables": int("|" in text), "formulas": 0, "document_cluster": "",
        "page_cluster": "", "category": "", "language": "en",
        "trust": RECALL.get((document, page), 1.0) if text else 0.0, "trust_reasons": DOUBTS.get((document, page), ""),
    }  # fmt: skip


def digest(text: str) -> str:
    """Return the hash of a label; "" for none."""
    return files.sha256_bytes(text.encode("utf-8")) if text else ""

"""The adapter's Hugging Face model card: YAML header that the Hub and PEFT read, then text for people.

It is written twice. models/adapter/README.md belongs to the training and has no scores, since there are none yet;
reports/model_card.md is the same card with them. (dvc.yaml's stage `train` owns the folder models/adapter: a later
stage that put scores into it would make DVC call the adapter changed.)
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from scribetune.core import csv_files, files
from scribetune.core.config import flatten
from scribetune.core.package import package_file
from scribetune.evaluation import gate
from scribetune.report import public_benchmarks
from scribetune.report.tables import MEASURES, Measure, paired_rows

SPLITS = ("train", "validation", "test")
EVALUATED_CARD = "reports/model_card.md"
PIPELINE_TAG = "image-text-to-text"

# Measures of the model-index: key in metrics.json → the Hub's name of the metric.
_INDEXED = {
    "cer_mean": "cer",
    "cer_corpus": "cer",
    "wer_mean": "wer",
    "bleu": "bleu",
    "rouge1": "rouge",
    "rouge2": "rouge",
    "rougeL": "rouge",
    "table_f1": "f1",
}
_FEW_PAGES = 30
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_LANGUAGE_CODE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True)
class CardSources:
    """What a card is written from.

    Attributes:
        lineage: models/adapter/lineage.json, or reports/lineage.json, which has the scores too.
        documents: Rows of reports/documents.csv: licence, language and category by document.
        splits: Split → SHA-256 of its JSONL.
    """

    lineage: Mapping[str, Any]
    documents: Sequence[Mapping[str, str]]
    splits: Mapping[str, str]


def text(sources: CardSources) -> str:
    """Return the card; the same text for the same sources. Everything from PDFs and configuration is escaped."""
    from huggingface_hub import ModelCardData

    lineage = sources.lineage
    data = ModelCardData(
        **_base_fields(lineage["base_model"]),
        library_name="peft",
        pipeline_tag=PIPELINE_TAG,
        language=_codes(_sheet_values(sources, "language")) or None,
        tags=["document-ocr", "lora", "scribetune"],
        metrics=sorted({_INDEXED[measure.key] for measure, _, _ in _scores(lineage) if measure.key in _INDEXED})
        or None,
        model_name="adapter",
        eval_results=_eval_results(sources) or None,
    )
    return f"---\n{data.to_yaml(line_break=chr(10))}\n---\n\n{_body(sources)}"


def _body(sources: CardSources) -> str:
    lineage = sources.lineage
    metrics = lineage.get("metrics", {})
    documents, pages = _counts(lineage)
    rows = lineage["pages"]
    authors = {
        source: sorted({page["reviewer"] for page in rows if page["label_source"] == source} - {""})
        for source in ("correction", "teacher")
    }
    return _template().render(
        lineage=lineage,
        base=lineage["base_model"],
        is_of_hub=_is_of_hub(lineage["base_model"]),
        documents=documents,
        pages=pages,
        splits=sources.splits,
        loading_code=loading_code(lineage),
        label_sources=Counter(page["label_source"] for page in rows),
        authors=authors,
        limits=lineage["configuration"].get("selection", {}),
        sheet={column: _sheet_values(sources, column) for column in ("language", "category", "licence")},
        evaluated_card=EVALUATED_CARD,
        scores=_scores(lineage),
        gains=paired_rows(metrics.get("change", {})),
        verdict=gate.read(metrics["gate"]) if "gate" in metrics else None,
        benchmarks=[
            {
                "name": name,
                "kind": public_benchmarks.KINDS[scores["kind"]],
                "columns": [public_benchmarks.table_column(column) for column in scores["columns"]],
                "notes": [*public_benchmarks.notes(scores), *public_benchmarks.column_notes(scores["columns"])],
                "truth": scores["truth"],
            }
            for name, scores in sorted(lineage.get("benchmarks", {}).items())
        ],
        machine_labels=sum(page["label_source"] == "machine" for page in rows if page["split"] == "test"),
        few_pages=_FEW_PAGES,
        tuned=metrics.get("tuned", {}),
        hashed=[
            ("adapter", lineage["adapter"]),
            ("base model", lineage["base_model"]["files"]),
            ("merged model", lineage.get("merged", {}).get("merged", {}).get("sha256", {})),
        ],
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(  # noqa: S701 - Markdown: `literal` and `code` escape
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"literal": escape, "code": _code, "number": _number, "shares": _shares, "flatten": flatten}
    return environment.from_string(package_file("model_card.md.j2").read_text(encoding="utf-8"))


def loading_code(lineage: Mapping[str, Any]) -> str:
    """Return the Python lines that load the adapter; `ADAPTER` in them is the folder of this card."""
    base = lineage["base_model"]
    revision = f", revision={base['revision']!r}" if _is_of_hub(base) else ""
    return "\n".join(
        [
            "from peft import PeftModel",
            "from transformers import AutoModelForImageTextToText, AutoProcessor",
            "",
            f"BASE = {base['name']!r}",
            'ADAPTER = "models/adapter"  # or the id of the repository that this card is in',
            "",
            f'base = AutoModelForImageTextToText.from_pretrained(BASE{revision}, dtype="auto")',
            "model = PeftModel.from_pretrained(base, ADAPTER).eval()",
            f"processor = AutoProcessor.from_pretrained(BASE{revision})",
        ]
    )


def escape(value: object) -> str:
    r"""Return a value as one line of Markdown that says it literally: no markup, no HTML, no link, no new row.

    Backslashes before `\`, backtick, `*_{}[]<>()#|~$&!`, bare links broken up, line breaks and other control
    characters as blanks.
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in str(value)).split())
    line = re.sub(r"([\\`*_{}\[\]<>()#|~$&!])", r"\\\1", line)
    return line.replace("://", ":\\//").replace("www.", "www\\.").replace("@", "\\@")


def _is_of_hub(base: Mapping[str, Any]) -> bool:
    """Whether the base model was named by a hub id: a folder's files are hashed, a hub's are pinned by revision."""
    return bool(base["revision"]) and not base["files"] and bool(_HUB_ID.fullmatch(base["name"]))


def _base_fields(base: Mapping[str, Any]) -> dict[str, Any]:
    """Return base_model and its relation; nothing for a folder, whose name (`models/tiny`) would link to a stranger."""
    return {"base_model": base["name"], "base_model_relation": "adapter"} if _is_of_hub(base) else {}


def _sheet_values(sources: CardSources, column: str) -> Counter[str]:
    """Count what the sheet says in a column of the documents that were used; "" where it says nothing."""
    used = {row["document"] for row in sources.lineage["documents"]}
    return Counter(row.get(column, "").strip() for row in sources.documents if row["document"] in used)


def _codes(languages: Iterable[str]) -> list[str]:
    return sorted(name for name in languages if _LANGUAGE_CODE.fullmatch(name))


def _scores(lineage: Mapping[str, Any]) -> list[tuple[Measure, Any, Any]]:
    """Return (measure, base, tuned) of every aggregate that both models have."""
    metrics = lineage.get("metrics", {})
    base, tuned = metrics.get("base", {}), metrics.get("tuned", {})
    values = [(measure, base.get(measure.key), tuned.get(measure.key)) for measure in MEASURES]
    return [(measure, before, after) for measure, before, after in values if before is not None and after is not None]


def _eval_results(sources: CardSources) -> list[Any]:
    """Return the model-index: the tuned model's scores, and the base's on the same pages, named as such."""
    from huggingface_hub import EvalResult

    documents, pages = (counts["test"] for counts in _counts(sources.lineage))
    return [
        EvalResult(
            task_type=PIPELINE_TAG,
            task_name="Document OCR",
            dataset_type="custom",
            dataset_name=f"Test split of the adapter's own collection ({documents} documents, {pages} pages)",
            dataset_split="test",
            dataset_revision=sources.splits["test"],
            metric_type=_INDEXED[measure.key],
            metric_name=measure.name + suffix,
            metric_value=value,
            metric_args={"model": model},
        )
        for measure, before, after in _scores(sources.lineage)
        if measure.key in _INDEXED
        for model, suffix, value in (("tuned", "", after), ("base", " (base model, for comparison)", before))
    ]


def _counts(lineage: Mapping[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    """Return {split: documents} and {split: pages}."""
    documents, pages = (Counter(row["split"] for row in lineage[of]) for of in ("documents", "pages"))
    return {split: documents[split] for split in SPLITS}, {split: pages[split] for split in SPLITS}


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _shares(counts: Counter[str], unsaid: str) -> str:
    parts = [f"{escape(name) if name else unsaid} ({count})" for name, count in sorted(counts.items())]
    return ", ".join(parts) or unsaid


def _code(value: object) -> str:
    """Return a short value in a code span; a backtick would end it, and a `|` a table's cell."""
    return f"`{' '.join(re.sub('[`|]', ' ', str(value)).split()) or ' '}`"


def write(lineage: Path, documents: Path, splits: Mapping[str, Path], card: Path) -> None:
    """Write the card that `text` composes from a build's files, with scores where the lineage has them."""
    sources = CardSources(
        lineage=json.loads(lineage.read_text(encoding="utf-8")),
        documents=csv_files.read(documents),
        splits={split: files.sha256_file(path) for split, path in splits.items()},
    )
    files.write_text(card, text(sources))

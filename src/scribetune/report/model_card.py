"""Hugging Face model cards of the adapter and of the merged model: a YAML header that the Hub reads, text for people.

The adapter's is written twice. models/adapter/README.md belongs to the training and has no scores, since there are none
yet; reports/model_card.md is the same card with them. (dvc.yaml's stage `train` owns the folder models/adapter: a later
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

from scribetune.conversion.endpoint import unguarded_tokens
from scribetune.core import csv_files, files
from scribetune.core.config import flatten
from scribetune.core.errors import counted
from scribetune.core.package import package_file
from scribetune.evaluation import gate
from scribetune.models import families
from scribetune.models.families import folders, modes
from scribetune.report import public_benchmarks, reading_code
from scribetune.report.reading_code import Reading
from scribetune.report.tables import MEASURES, Measure, paired_rows

SPLITS = ("train", "validation", "test")
EVALUATED_CARD = "reports/model_card.md"
PIPELINE_TAG = "image-text-to-text"
MERGED_NAME = "tuned"
"""What the merged model is called by a server that is started as its card says."""

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
        reading: How the model is asked for a page, where a few lines can ask it; None: by `scribetune convert`.
        proof: models/merged/merge_proof.json for the merged model's card.
    """

    lineage: Mapping[str, Any]
    documents: Sequence[Mapping[str, str]]
    splits: Mapping[str, str]
    reading: Reading | None = None
    proof: Mapping[str, Any] | None = None


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


def merged_text(sources: CardSources) -> str:
    """Return the merged model's card; the same text for the same sources, everything from outside escaped.

    Raises:
        ValueError: The sources have no proof of a merge.
    """
    from huggingface_hub import ModelCardData

    if sources.proof is None:
        raise ValueError("a merged model's card needs its proof")
    base = sources.lineage["base_model"]
    proof = {**sources.proof, "merged": {"configuration": "native", **sources.proof["merged"]}}
    served = proof["merged"]["configuration"] == "authors"
    named = {"base_model": base["name"], "base_model_relation": "finetune"} if _is_of_hub(base) else {}
    reading = sources.reading
    code, way = _merged_code(reading, is_served=served)
    library = "scribetune" if reading and reading.needs_package else "transformers"
    data = ModelCardData(
        **named,
        library_name="vllm" if served else library,
        pipeline_tag=PIPELINE_TAG,
        license="other",
        license_name="of-the-base-model-and-the-documents",
        language=_codes(_sheet_values(sources, "language")) or None,
        tags=["document-ocr", "scribetune"],
        model_name="merged",
    )
    documents, pages = _counts(sources.lineage)
    body = _template("merged_card.md.j2").render(
        lineage=sources.lineage,
        base=base,
        is_of_hub=_is_of_hub(base),
        proof=proof,
        served=served,
        way=way,
        code=code,
        guard=reading_code.SERVED_GUARD,
        name=MERGED_NAME,
        documents=documents,
        pages=pages,
        sheet={column: _sheet_values(sources, column) for column in ("language", "licence")},
        evaluated_card=EVALUATED_CARD,
        hashed=[
            ("merged model", proof["merged"]["sha256"]),
            ("adapter", sources.lineage["adapter"]),
            ("base model", proof["base"]["sha256"]),
        ],
    )
    return f"---\n{data.to_yaml(line_break=chr(10))}\n---\n\n{body}"


def _merged_code(reading: Reading | None, *, is_served: bool) -> tuple[str, str]:
    """Return the code of the merged model's card, and whom it asks: server, package, transformers, "" for none."""
    if reading is None:
        return "", ""
    if is_served and reading.is_served:
        return reading_code.through_a_server(reading, MERGED_NAME), "server"
    if reading.needs_package:
        return reading_code.with_package(reading, "models/merged"), "package"
    return reading_code.with_transformers(reading, merged_loading_code()), "transformers"


def _adapter_code(reading: Reading | None, lineage: Mapping[str, Any]) -> str:
    if reading is None:
        return loading_code(lineage)
    if reading.needs_package:
        return reading_code.with_package(reading, lineage["base_model"]["name"], "models/adapter")
    return reading_code.with_transformers(reading, loading_code(lineage))


def _body(sources: CardSources) -> str:
    lineage = sources.lineage
    metrics = lineage.get("metrics", {})
    documents, pages = _counts(lineage)
    rows = lineage["pages"]
    authors = {
        source: sorted({page["reviewer"] for page in rows if page["label_source"] == source} - {""})
        for source in ("correction", "teacher")
    }
    return _template("model_card.md.j2").render(
        lineage=lineage,
        base=lineage["base_model"],
        is_of_hub=_is_of_hub(lineage["base_model"]),
        documents=documents,
        pages=pages,
        splits=sources.splits,
        reading=sources.reading,
        code=_adapter_code(sources.reading, lineage),
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


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(  # noqa: S701 - Markdown: `literal` and `code` escape
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "literal": escape,
        "code": code_span,
        "number": _number,
        "shares": shares,
        "flatten": flatten,
    }
    file = package_file("model_card.md.j2") if name == "model_card.md.j2" else package_file("merged_card.md.j2")
    return environment.from_string(file.read_text(encoding="utf-8"))


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


def merged_loading_code() -> str:
    """Return the Python lines that load the merged model; `MODEL` in them is the folder of this card."""
    return "\n".join(
        [
            "from transformers import AutoModelForImageTextToText, AutoProcessor",
            "",
            'MODEL = "models/merged"  # or the id of the repository that this card is in',
            "",
            'model = AutoModelForImageTextToText.from_pretrained(MODEL, dtype="auto").eval()',
            "processor = AutoProcessor.from_pretrained(MODEL)",
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

    numbers = (counts["test"] for counts in _counts(sources.lineage))
    documents, pages = map(counted, numbers, ("document", "page"))
    return [
        EvalResult(
            task_type=PIPELINE_TAG,
            task_name="Document OCR",
            dataset_type="custom",
            dataset_name=f"Test split of the adapter's own collection ({documents}, {pages})",
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


def shares(counts: Counter[str], unsaid: str) -> str:
    """Return values with how often each is there, as Markdown; `unsaid` stands for "" and for none at all."""
    parts = [f"{escape(name) if name else unsaid} ({count})" for name, count in sorted(counts.items())]
    return ", ".join(parts) or unsaid


def code_span(value: object) -> str:
    """Return a short value in a code span; a backtick would end it, and a `|` a table's cell."""
    return f"`{' '.join(re.sub('[`|]', ' ', str(value)).split()) or ' '}`"


def write(
    lineage: Path,
    documents: Path,
    splits: Mapping[str, Path],
    card: Path,
    *,
    base: str = "",
    proof: Path | None = None,
) -> None:
    """Write the card that `text` (with a merged model's proof: `merged_text`) composes from a build's files.

    The adapter's has scores where the lineage has them. `base` is the folder or hub id of the base model; of a merged
    model, its own folder says how it is asked.
    """
    record = json.loads(lineage.read_text(encoding="utf-8"))
    sources = CardSources(
        lineage=record,
        documents=csv_files.read(documents),
        splits={split: files.sha256_file(path) for split, path in splits.items()},
        reading=_reading(record, str(proof.parent) if proof else base, is_merged=proof is not None),
        proof=json.loads(proof.read_text(encoding="utf-8")) if proof else None,
    )
    files.write_text(card, merged_text(sources) if proof else text(sources))


def _reading(lineage: Mapping[str, Any], model: str, *, is_merged: bool) -> Reading | None:
    """Return how a model (folder or hub id) is asked, by its own files and the build's configuration."""
    configuration = lineage["configuration"]
    if not model or "task" not in configuration:
        return None
    folder = Path(model)
    revision = {"revision": lineage["base_model"]["revision"]}
    if not folder.is_dir():  # of a hub id every build has config.json at hand: the prompts go by it
        folder = folders.fetch_config(model, lineage["base_model"]["revision"])
    family = families.family_of(folder, configuration["base_model"]["family"])
    if family.is_in_transformers and not family.reads_plain_prompts:
        return None
    mode = "auto" if is_merged else configuration["base_model"].get("mode", "auto")
    modes.require(family.title, family.modes, mode)
    return Reading(
        prompt=families.prompt_of(family, configuration["task"]["prompt"], configuration["task"].get("term", "")),
        long_side_px=int(configuration["pages"]["long_side_px"]),
        unguarded=family.guard_exempt_tokens,
        unguarded_ids=unguarded_tokens(folder, family.guard_exempt_tokens),
        needs_package=not family.is_in_transformers,
        is_served=family.reads_plain_prompts and not modes.is_unserved(family.modes, family.served_mode, folder),
        settings={
            "task": configuration["task"],
            "base_model": {"mode": mode} if Path(model).is_dir() else {"mode": mode, **revision},
        },
        views={} if mode == "auto" else family.views_of(family.modes[mode]),
    )

"""The adapter's Hugging Face model card: YAML header that the Hub and PEFT read, then text for people.

It is written twice. models/adapter/README.md belongs to the training and has no scores, since there are none yet;
reports/model_card.md is the same card with them. (dvc.yaml's stage `train` owns the folder models/adapter: a later
stage that put scores into it would make DVC call the adapter changed.)
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scribetune import files, gate
from scribetune.benchmarks import presenting
from scribetune.config import flatten
from scribetune.report_tables import COMPARED, MEASURES, Measure

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
        language=_codes(_told(sources, "language")) or None,
        tags=["document-ocr", "lora", "scribetune"],
        metrics=sorted({_INDEXED[measure.key] for measure, _, _ in _scores(lineage) if measure.key in _INDEXED})
        or None,
        model_name="adapter",
        eval_results=_eval_results(sources) or None,
    )
    parts = [
        _opening(sources),
        _use(),
        _loading(lineage),
        _training_data(sources),
        _procedure(lineage),
        _evaluation(lineage),
        *_benchmarks(lineage),
        _limits(sources),
        _provenance(sources),
    ]
    return f"---\n{data.to_yaml(line_break=chr(10))}\n---\n\n" + "\n\n".join(parts) + "\n"


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


def _told(sources: CardSources, column: str) -> Counter[str]:
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

    pages, documents = _counts(sources.lineage)["test"][1], _counts(sources.lineage)["test"][0]
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


def _counts(lineage: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Return {split: (documents, pages)}."""
    documents = Counter(row["split"] for row in lineage["documents"])
    pages = Counter(row["split"] for row in lineage["pages"])
    return {split: (documents[split], pages[split]) for split in SPLITS}


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"|{'|'.join('---' for _ in header)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def _number(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _shares(counts: Counter[str], unsaid: str) -> str:
    parts = [f"{escape(name) if name else unsaid} ({count})" for name, count in sorted(counts.items())]
    return ", ".join(parts) or unsaid


def _opening(sources: CardSources) -> str:
    lineage = sources.lineage
    base, (documents, pages) = lineage["base_model"], _counts(lineage)["train"]
    revision = f" at revision {_code(base['revision'])}" if base["revision"] else ""
    local = (
        ""
        if _is_of_hub(base)
        else "\n\nThe base model was a folder, so this card's header names no model of the Hub: before an upload, add "
        "`base_model` and `base_model_relation: adapter` where the folder is a copy of one."
    )
    return (
        f"# LoRA adapter for {escape(base['name'])}\n\n"
        f"Reads page images as Markdown. Fine-tuned by scribetune {escape(lineage['scribetune'])} from "
        f"{escape(base['name'])}{revision} on {pages} pages of {documents} documents.{local}"
    )


def _use() -> str:
    return (
        "## Intended use\n\n"
        "Reading pages of documents like those it was trained on, one page image at a time, in the prompt of its "
        "training. Not meant for photographs, handwriting, or layouts and languages that are not in the training data, "
        "and not for decisions without a person who can see the page: what it writes may be wrong, left out or made up."
    )


def _loading(lineage: Mapping[str, Any]) -> str:
    libraries = lineage["environment"]["libraries"]
    return (
        "## How to load it\n\n"
        f"Trained with peft {escape(libraries.get('peft', '?'))} and transformers "
        f"{escape(libraries.get('transformers', '?'))}; use these versions. (peft 0.20 to 0.21.2 load adapters "
        "of some architectures as nothing, with no more than a warning.)\n\n"
        f"```python\n{loading_code(lineage)}\n```"
    )


def _training_data(sources: CardSources) -> str:
    lineage = sources.lineage
    counts = _counts(lineage)
    rows = [
        (split, *counts[split], _code(sources.splits[split])) for split in SPLITS
    ]  # a split is named by the hash of its records, each of which has the hashes of its image and label
    made = Counter(page["label_source"] for page in lineage["pages"])
    authors = {
        source: {page["reviewer"] for page in lineage["pages"] if page["label_source"] == source} - {""}
        for source in ("correction", "teacher")
    }
    by = f", corrected by {len(authors['correction'])} reviewer(s)" if authors["correction"] else ""
    models = f" ({', '.join(escape(name) for name in sorted(authors['teacher']))})" if authors["teacher"] else ""
    return (
        "## Training data\n\n"
        "A local collection of PDFs, split by document and near-duplicate cluster. Nothing of it is in this "
        "repository but what `lineage.json` says: the path and the hash of every document and page.\n\n"
        + _table(("split", "documents", "pages", "SHA-256 of its records"), rows)
        + f"\n\n- Labels (pages): {_shares(made, 'unknown')}{by}. `machine`: the PDF's own text layer; "
        "`correction`: written or corrected by a person; "
        f"`teacher`: read from the page image by another model{models}, whose mistakes are learned with the rest.\n"
        f"- Gates: {_gates(lineage)}\n"
        f"- Languages (documents): {_shares(_told(sources, 'language'), 'not said')}\n"
        f"- Categories (documents): {_shares(_told(sources, 'category'), 'not said')}\n"
        f"- Licences (documents): {_shares(_told(sources, 'licence'), 'not said')}\n\n"
        "This card names no licence of the adapter: it depends on the base model's and on the documents'."
    )


def _gates(lineage: Mapping[str, Any]) -> str:
    """Say what a page had to pass, with the limits of the build where the lineage has them."""
    limits = lineage["configuration"].get("selection", {})

    def limit(key: str) -> str:
        return f" ({escape(limits[key])})" if key in limits else ""

    return (
        f"a page was learned from only if its label has the words of the text layer{limit('min_word_recall')}, few "
        f"glyphs map to no character{limit('max_unmapped_share')} and little of the layer is unpainted"
        f"{limit('max_invisible_share')} or unseen{limit('max_hidden_share')}; labels of people and of a teacher pass "
        "these without being measured. Agreement with OCR of the page counts where the build measured it"
        f"{limit('min_agreement')}."
    )


def _procedure(lineage: Mapping[str, Any]) -> str:
    training, hardware = lineage["training"], lineage["hardware"]
    trainable = training.get("trainable", {})
    parts = ", ".join(f"{escape(name)} {count:,}" for name, count in sorted(trainable.items()))
    gpus = ", ".join(map(escape, hardware["gpus"])) or "no GPU"
    facts = [
        f"- Backend: {escape(training['backend'])} ({escape(training['backend_reason'])})",
        f"- {training['steps']} optimiser steps; {sum(trainable.values()):,} trainable parameters ({parts})",
        f"- Hardware: {escape(hardware['processor'])}, {hardware['cores']} cores, {gpus}",
    ]
    skipped = len(training.get("skipped", ()))
    if skipped:
        facts.append(f"- {skipped} page(s) left out because they were longer than `max_tokens`")
    settings = sorted(flatten(lineage["configuration"]["train"]).items())
    rows = [(f"`{key}`", escape(value)) for key, value in settings]
    return "## Training procedure\n\n" + "\n".join(facts) + "\n\n" + _table(("setting", "value"), rows)


def _evaluation(lineage: Mapping[str, Any]) -> str:
    scores = _scores(lineage)
    if not scores:
        return (
            "## Evaluation\n\n"
            f"This card was written after the training, before anything was scored. `{EVALUATED_CARD}` is the same "
            "card with the scores of base and tuned model: upload that one as README.md."
        )
    arrows = {"lower": " ↓", "higher": " ↑", "": ""}
    rows = [(measure.name + arrows[measure.better], _number(b), _number(t)) for measure, b, t in scores]
    parts = [
        "## Evaluation",
        "Base and tuned model on the pages of the test split, of documents that neither training nor validation saw. "
        "↓: lower is better, ↑: higher is better.",
        _table(("measure", "base", "tuned"), rows),
    ]
    change = lineage["metrics"].get("change", {})
    compared = [(key, name) for key, name in COMPARED if change.get(f"{key}_gain") is not None]
    if compared:
        parts.append("Page by page (a positive gain: the tuned model is better):")
        header = ("measure", "gain", "95 % interval", "p", "better / same / worse")
        parts.append(_table(header, [_gain(change, key, name) for key, name in compared]))
    if "gate" in lineage["metrics"]:
        verdict = gate.read(lineage["metrics"]["gate"])
        reasons = "\n".join(f"- {escape(reason)}" for reason in verdict.why)
        parts.append(f"Verdict: **{verdict.words}**.\n\n{reasons}")
    retention = lineage["metrics"].get("retention")
    if retention:
        before, after = retention["base"]["cer_mean"], retention["tuned"]["cer_mean"]
        parts.append(
            f"Forgetting: mean CER on {retention['tuned']['pages']} plain-text pages outside the collection, base "
            f"{_number(before)}, tuned {_number(after)}."
        )
    return "\n\n".join(parts)


def _benchmarks(lineage: Mapping[str, Any]) -> list[str]:
    """Return a section on public benchmarks; [] without any."""
    found: Mapping[str, Mapping[str, Any]] = lineage.get("benchmarks", {})
    parts = []
    for name, scores in sorted(found.items()):
        columns = [presenting.table_column(column) for column in scores["columns"]]
        rows = [
            ("base", *(_with_interval(column.base) for column in columns)),
            ("tuned", *(_with_interval(column.tuned) for column in columns)),
        ]
        said = [*presenting.notes(scores), *presenting.column_notes(scores["columns"])]
        truth = ", ".join(
            f"{_code(file)} (SHA-256 {_code(digest)})" for file, digest in sorted(scores["truth"].items())
        )
        parts += [
            f"### {escape(name)}",
            f"{escape(presenting.KINDS[scores['kind']])}.",
            _table(("model", *(escape(column.heading) for column in columns)), rows),
            "\n".join([*(f"- {escape(note.text)}" for note in said), f"- Truth: {truth}"]),
        ]
    return ["\n\n".join(["## Public benchmarks", *parts])] if parts else []


def _with_interval(cell: presenting.Cell) -> str:
    return f"{cell.text} ({cell.interval})" if cell.interval else cell.text


def _gain(change: Mapping[str, Any], key: str, name: str) -> tuple[str, ...]:
    low, high, p = (change.get(f"{key}_{end}") for end in ("gain_low", "gain_high", "p"))
    outcome = " / ".join(str(change.get(f"{key}_{end}", "?")) for end in ("wins", "ties", "losses"))
    return (name, _number(change[f"{key}_gain"]), f"{_number(low)} to {_number(high)}", _number(p), outcome)


def _limits(sources: CardSources) -> str:
    lineage = sources.lineage
    documents, pages = _counts(lineage)["test"]
    machine = sum(page["label_source"] == "machine" for page in lineage["pages"] if page["split"] == "test")
    limits = [
        "- Test and training pages come from one collection: the scores say nothing about other documents.",
        f"- {machine} of the {pages} test labels are made by a machine, and so are their mistakes.",
    ]
    if pages < _FEW_PAGES:
        limits.append(f"- {pages} page(s) of {documents} document(s) are few: the scores are rough.")
    tuned = lineage.get("metrics", {}).get("tuned", {})
    for key, what in (("truncated_rate", "are cut at the token limit"), ("loop_rate", "repeat themselves")):
        if tuned.get(key):
            limits.append(f"- {100 * tuned[key]:.1f} % of the tuned model's answers {what}.")
    return "## Limits\n\n" + "\n".join(limits)


def _provenance(sources: CardSources) -> str:
    lineage = sources.lineage
    environment = lineage["environment"]
    code = ", ".join(f"{_code(rule)} {_code(digest)}" for rule, digest in sorted(lineage["code"].items()))
    hashed = [("adapter", lineage["adapter"]), ("base model", lineage["base_model"]["files"])]
    hashed.append(("merged model", lineage.get("merged", {}).get("merged", {}).get("sha256", {})))
    rows = [(of, _code(name), _code(digest)) for of, files in hashed for name, digest in sorted(files.items())]
    return (
        "## Provenance\n\n"
        "`lineage.json` beside the adapter lists every document and page behind it, the configuration, and the digests "
        "of code and environment.\n\n"
        f"- scribetune {escape(lineage['scribetune'])}; environment {_code(environment['lock'])}, digest "
        f"{_code(environment['digest'])}\n"
        f"- Code: {code}\n\n" + _table(("file of", "name", "SHA-256"), rows)
    )


def _code(value: object) -> str:
    """Return a short value in a code span; a backtick would end it, and a `|` a table's cell."""
    return f"`{' '.join(re.sub('[`|]', ' ', str(value)).split()) or ' '}`"


def write(lineage: Path, documents: Path, splits: Mapping[str, Path], card: Path) -> None:
    """Write the card that `text` composes from a build's files, with scores where the lineage has them.

    Args:
        lineage: models/adapter/lineage.json, or reports/lineage.json, which has the scores.
        documents: reports/documents.csv.
        splits: Split → its JSONL.
        card: The file to write.
    """
    with documents.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    sources = CardSources(
        lineage=json.loads(lineage.read_text(encoding="utf-8")),
        documents=rows,
        splits={split: files.sha256_file(path) for split, path in splits.items()},
    )
    files.write_text(card, text(sources))

"""What the report is made of: the build's result files, read and joined into frozen records."""

import json
import logging
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from scribetune.audit.answers import SHORT
from scribetune.audit.lineage_reader import WEIGHTS
from scribetune.core import csv_files, files
from scribetune.core.config import flatten
from scribetune.core.errors import UserError
from scribetune.core.files import read_jsonl
from scribetune.dataset import page_kinds
from scribetune.documents.inputs import outcome
from scribetune.evaluation import gate
from scribetune.evaluation.gate import Verdict
from scribetune.record.remembered import COMMAND
from scribetune.report import label_trust, page_boxes
from scribetune.text import grounding, sharegpt
from scribetune.text.grounding import Block
from scribetune.text.language import Language, chosen

LOGGER = logging.getLogger(__name__)

REBUILD = f"bring predictions, scores and report to the same build: {COMMAND}"
_DOCUMENT_COUNTS = ("pages", "accepted", "refused")
_DOCUMENT_TEXTS = ("path", "reasons", "message", "category", "language", "licence")
_TRUE = frozenset({"1", "1.0", "true", "yes"})


@dataclass(frozen=True)
class ReportInputs:
    """The files that the report reads (see the path grammar in `scribetune.core.layout`)."""

    samples_csv: Path  # one row per test page: every metric, base beside tuned
    metrics_json: Path  # aggregates, `{"base": {…}, "tuned": {…}}` and optional further objects of numbers
    test_jsonl: Path  # ShareGPT records of the test pages
    train_jsonl: Path  # the same for training
    validation_jsonl: Path  # the same for validation
    base_predictions: Path  # one record per test page, read by the base model
    tuned_predictions: Path  # the same, read by the tuned model
    documents_csv: Path  # one row per input document
    selection_csv: Path  # one row per page: accepted, or refused with a reason
    training_log_csv: Path  # one row per logged step
    lineage_json: Path  # what the adapter was made from
    merge_proof_json: Path  # says that merged = base + adapter
    working_directory: Path  # the folder that paths inside the files are relative to
    corpus: str = ""  # name of the corpus for people; "" for the sample corpus
    title: str = ""  # heading of the report; "": made of corpus and adapter
    language: Literal["auto", "en", "zh"] = "auto"  # of the report; see `text.language.chosen`
    embed_pages: int = 200  # up to this many page images are embedded; the rest are links to data/pages
    inline_pages: int = 300  # up to this many pages are HTML from the start; of more, each is unpacked when it is shown
    # manifests of the labels, for their quality; without them the report has no such section
    label_csvs: tuple[Path, ...] = ()
    spot_checks: tuple[Path, ...] = ()  # records of spot checks of labels by people (`scribetune.review.spot_check`)
    # scores.json of each public benchmark; without any the report has no such section
    benchmark_scores: tuple[Path, ...] = ()
    variant_scores: tuple[Path, ...] = ()  # scores.json of each smaller variant of the merged model
    # reports/parity.json, where the test pages were read through vLLM too
    parity_json: Path | None = None
    leakage_json: Path | None = None  # reports/leakage.json: the training page nearest to each test page
    # retention pages, and what base and tuned model read on them: characters that were lost
    retention_files: tuple[Path, Path, Path] | None = None
    learning_curve_json: Path | None = None  # reports/learning_curve.json, where the target was asked for


@dataclass(frozen=True)
class Pair:
    """One metric of one page, or one aggregate: base and tuned; None where it was not counted."""

    base: float | None
    tuned: float | None

    @property
    def change(self) -> float | None:
        """Tuned minus base, or None where either was not counted."""
        return None if self.base is None or self.tuned is None else self.tuned - self.base


@dataclass(frozen=True)
class Reading:
    """What one model read on one page, and whether it went wrong: a loop, cut at the token limit, or nothing."""

    text: str
    tokens: int | None
    stop_reason: str
    loop: bool
    truncated: bool
    empty: bool
    blocks: tuple[Block, ...] = ()  # with their boxes, where it wrote any


@dataclass(frozen=True)
class TestPage:
    """One test page: `index` counts from 0 as in samples.csv, `image` is relative to the working directory."""

    index: int
    id: str
    document: str
    page: int
    image: str
    category: str
    language: str
    script: str
    layout: str
    label_source: str
    reference: str
    base: Reading
    tuned: Reading
    metrics: Mapping[str, Pair]
    blocks: tuple[Block, ...] = ()  # of the label, with their boxes, where it has any


@dataclass(frozen=True)
class Split:
    """How much of the data is in one split."""

    name: str
    documents: int
    pages: int
    characters: int
    corrections: int


@dataclass(frozen=True)
class Overlap:
    """What the test split has in common with training and validation; all zero when nothing leaks."""

    documents: int  # test documents that are also in another split
    clusters: int  # clusters of near-duplicate documents with members in the test split and in another
    images: int  # test pages whose image is, byte for byte, also in another split
    labels: int  # test pages whose label is also in another split


@dataclass(frozen=True)
class Document:
    """One input document and what became of it."""

    document: str
    path: str
    status: str
    pages: int | None
    accepted: int | None
    refused: int | None
    reasons: str
    message: str
    category: str
    language: str
    licence: str


@dataclass(frozen=True)
class LogRow:
    """One row of the training log; None where a quantity was not measured at that step."""

    step: float
    epoch: float | None
    loss: float | None
    learning_rate: float | None
    validation_loss: float | None
    validation_cer: float | None


@dataclass(frozen=True)
class LabelQuality:
    """How good the labels of one source are; None where nothing was measured."""

    source: str
    pages: int
    reviewers: int
    word_recall: float | None  # mean share of the text layer's words that a label has
    least_word_recall: float | None
    word_precision: float | None  # mean share of a label's words that the text layer has in their place
    complete: int  # labels with every word
    agreement: float | None  # with OCR of the page image, where `labels.agreement` measured it
    formulas: int
    formulas_lost: int  # their LaTeX found no place, or is not known


@dataclass(frozen=True)
class ReportData:
    """Everything the report shows, before it is arranged."""

    pages: tuple[TestPage, ...]
    metrics: Mapping[str, Mapping[str, float | None]]
    verdict: Verdict | None
    label_quality: tuple[LabelQuality, ...]
    label_trust: label_trust.LabelTrust
    documents: tuple[Document, ...]
    refused_pages: Mapping[str, int]
    accepted_pages: int
    splits: tuple[Split, ...]
    overlap: Overlap
    training_log: tuple[LogRow, ...]
    language: Language  # of the report
    lineage: Mapping[str, Any]
    merge_proof: Mapping[str, Any]


def read(inputs: ReportInputs) -> ReportData:
    """Read and join all inputs.

    Raises:
        UserError: A file is missing or malformed, or the files do not belong together.
    """
    selection = _rows(inputs.selection_csv, ("document", "page", "accepted", "reason", "document_cluster"))
    refused, accepted = _selection(selection)
    train, validation, test = (
        _records(path) for path in (inputs.train_jsonl, inputs.validation_jsonl, inputs.test_jsonl)
    )
    return ReportData(
        pages=_test_pages(inputs),
        metrics=_metrics(inputs.metrics_json),
        verdict=_verdict(inputs.metrics_json),
        label_quality=label_quality(inputs.label_csvs),
        label_trust=label_trust.of(selection, [row for path in inputs.label_csvs for row in _rows(path, ("status",))]),
        documents=_documents(inputs.documents_csv),
        refused_pages=MappingProxyType(refused),
        accepted_pages=accepted,
        splits=(_split("train", train), _split("validation", validation), _split("test", test)),
        overlap=_overlap(test, train + validation, selection),
        training_log=_training_log(inputs.training_log_csv),
        language=chosen(inputs.language, (sharegpt.label(record) or "" for record in (*train, *validation, *test))),
        lineage=json_object(inputs.lineage_json),
        merge_proof=json_object(inputs.merge_proof_json),
    )


def build_id(metrics_json: Path, lineage_json: Path) -> str:
    """Return what tells the builds behind reports apart: 16 hex digits over the scores and the adapter's lineage."""
    return files.sha256_json([files.sha256_file(path) for path in (metrics_json, lineage_json)])[:16]


def adapter_name(lineage: Mapping[str, Any]) -> str:
    """Return the short name of an adapter: the first digits of its weights' SHA-256; "" where a lineage lacks it."""
    adapter = lineage.get("adapter")
    digest = adapter.get(WEIGHTS, "") if isinstance(adapter, Mapping) else ""
    return str(digest)[:SHORT]


def _rows(path: Path, required: Iterable[str]) -> list[dict[str, str]]:
    """Read a CSV as text: a document called "NA" or "007" stays what it is."""
    import pandas as pd

    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except FileNotFoundError as error:
        raise _lacking(path) from error
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame()
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"Not a CSV in UTF-8 ({error})", value=str(path), todo=REBUILD) from error
    missing = [column for column in required if column not in frame.columns]
    if missing and not frame.empty:
        raise UserError(f"{path} lacks columns", value=missing, accepted=", ".join(required), todo=REBUILD)
    rows = frame.to_dict(orient="records")
    return [{str(key): csv_files.plain(str(value)) for key, value in row.items()} for row in rows]


def _records(path: Path) -> list[dict[str, Any]]:
    try:
        return read_jsonl(path)
    except FileNotFoundError as error:
        raise _lacking(path) from error
    except ValueError as error:
        raise UserError(str(error), todo=REBUILD) from error


def _lacking(path: Path) -> UserError:
    return UserError("The report lacks an input file", value=str(path), todo=REBUILD)


def json_object(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Raises:
        UserError: It is missing, or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _lacking(path) from error
    except ValueError as error:
        raise UserError(f"Not JSON ({error})", value=str(path), todo=REBUILD) from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: expected a JSON object", value=type(value).__name__, todo=REBUILD)
    return value


def _number(text: str, path: Path, column: str) -> float | None:
    """Read a number; an empty cell, NaN and the infinities mean "not counted"."""
    stripped = text.strip()
    if not stripped:
        return None
    if stripped.lower() in ("true", "false"):
        return float(stripped.lower() == "true")
    try:
        value = float(stripped)
    except ValueError as error:
        raise UserError(
            f"{path}: column {column} holds something else than a number", value=text, todo=REBUILD
        ) from error
    return value if math.isfinite(value) else None


def _count(text: str, path: Path, column: str) -> int | None:
    value = _number(text, path, column)
    return None if value is None else round(value)


def _test_pages(inputs: ReportInputs) -> tuple[TestPage, ...]:
    references = {str(record["id"]): record for record in _records(inputs.test_jsonl)}
    predictions = {
        path: {str(record["id"]): record for record in _records(path)}
        for path in (inputs.base_predictions, inputs.tuned_predictions)
    }
    rows = _rows(inputs.samples_csv, ("index", "id"))
    ids = [row["id"] for row in rows]
    for path, found in ((inputs.test_jsonl, references), *predictions.items()):
        strangers = sorted(set(ids) ^ set(found))
        if strangers or len(ids) != len(set(ids)):
            raise UserError(
                f"{inputs.samples_csv} and {path} do not list the same test pages", value=strangers[:5], todo=REBUILD
            )
    pages = []
    for row in rows:
        reference = references[row["id"]]
        label = sharegpt.label(reference) or ""
        pages.append(
            TestPage(
                index=int(row["index"]),
                id=row["id"],
                document=str(reference.get("document", row.get("document", ""))),
                page=int(reference.get("page", 0)),
                image=str((list(reference.get("images", ())) or [row.get("image", "")])[0]),
                script=page_kinds.script(label),
                layout=page_kinds.layout(label),
                reference=label,
                blocks=page_boxes.of_text(sharegpt.said(reference, "gpt") or ""),
                base=_reading(predictions[inputs.base_predictions][row["id"]], row, "base"),
                tuned=_reading(predictions[inputs.tuned_predictions][row["id"]], row, "tuned"),
                metrics=MappingProxyType(_page_metrics(row, inputs.samples_csv)),
                **{name: str(reference.get(name, "")) for name in ("category", "language", "label_source")},
            )
        )
    return tuple(pages)


def _page_metrics(row: Mapping[str, str], path: Path) -> dict[str, Pair]:
    return {
        name: Pair(*(_number(row.get(f"{name}_{model}", ""), path, f"{name}_{model}") for model in ("base", "tuned")))
        for name in (column.removesuffix("_base") for column in row if column.endswith("_base"))
    }


def _reading(record: Mapping[str, Any], row: Mapping[str, str], model: str) -> Reading:
    def flag(name: str) -> bool:
        return row.get(f"{name}_{model}", "").strip().lower() in _TRUE

    tokens, text = record.get("tokens"), str(record.get("text", ""))
    stop_reason = str(record.get("stop_reason", ""))
    return Reading(
        text=grounding.plain(text),
        blocks=page_boxes.of_text(text),
        tokens=int(tokens) if isinstance(tokens, int | float) else None,
        stop_reason=stop_reason,
        loop=flag("loop"),
        truncated=flag("truncated") or stop_reason == "length",
        empty=flag("empty"),
    )


def _metrics(path: Path) -> dict[str, dict[str, float | None]]:
    """Read metrics.json: each top-level object with the numbers in it; nested objects become dotted keys.

    The numbers of the headline, which repeat some of them, and the verdict are left out.
    """
    value = json_object(path)
    groups: dict[str, dict[str, float | None]] = {
        group: {
            key: number
            for key, number in flatten(numbers).items()
            if number is None or (isinstance(number, int | float) and math.isfinite(number))
        }
        for group, numbers in value.items()
        if isinstance(numbers, Mapping) and group != "gate"
    }
    return {"base": {}, "tuned": {}} | groups


def _verdict(path: Path) -> Verdict | None:
    record = json_object(path).get("gate")
    return None if record is None else gate.read(record)


def label_quality(paths: Sequence[Path]) -> tuple[LabelQuality, ...]:
    """Sum up the labels of accepted and refused pages alike, one entry per source."""
    by_source: dict[str, list[dict[str, str]]] = {}
    for path in paths:
        for row in _rows(path, ("label_source", "word_recall", "status")):
            if row["status"] == "ok":
                by_source.setdefault(row["label_source"], []).append(row)
    found = []
    for source, rows in sorted(by_source.items()):

        def values(column: str, rows: Sequence[Mapping[str, str]] = rows) -> list[float]:
            numbers = (_number(row.get(column, ""), paths[0], column) for row in rows)
            return [number for number in numbers if number is not None and number >= 0]

        # People's labels are exempt from the comparison with the text layer, which they are there to put right.
        recall = values("word_recall") if source == "machine" else []
        precision = values("word_precision") if source == "machine" else []
        agreed = values("agreement")
        found.append(
            LabelQuality(
                source=source,
                pages=len(rows),
                reviewers=len({row.get("reviewer", "") for row in rows} - {""}),
                word_recall=sum(recall) / len(recall) if recall else None,
                least_word_recall=min(recall, default=None),
                word_precision=sum(precision) / len(precision) if precision else None,
                complete=sum(value >= 1.0 for value in recall),
                agreement=sum(agreed) / len(agreed) if agreed else None,
                formulas=round(sum(values("formulas"))),
                formulas_lost=round(sum(values("formulas_lost")) + sum(values("formulas_unicode"))),
            )
        )
    return tuple(found)


def _documents(path: Path) -> tuple[Document, ...]:
    found = []
    for row in _rows(path, ("document", "status")):
        counts: dict[str, Any] = {name: _count(row.get(name, ""), path, name) for name in _DOCUMENT_COUNTS}
        texts: dict[str, Any] = {name: row.get(name, "") for name in _DOCUMENT_TEXTS}
        found.append(Document(document=row["document"], status=outcome(row), **counts, **texts))
    return tuple(found)


def _selection(rows: Sequence[Mapping[str, str]]) -> tuple[dict[str, int], int]:
    """Count refused pages per reason (most frequent first) and accepted pages."""
    used = [row["accepted"].strip().lower() in _TRUE for row in rows]
    refused = Counter(
        row["reason"].strip() or "no reason given" for row, is_used in zip(rows, used, strict=True) if not is_used
    )
    return dict(sorted(refused.items(), key=lambda item: (-item[1], item[0]))), sum(used)


def _split(name: str, records: Sequence[Mapping[str, Any]]) -> Split:
    return Split(
        name=name,
        documents=len({str(record.get("document", "")) for record in records}),
        pages=len(records),
        characters=sum(len(sharegpt.label(record) or "") for record in records),
        corrections=sum(record.get("label_source") == "correction" for record in records),
    )


def _overlap(
    test: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], selection: Iterable[Mapping[str, str]]
) -> Overlap:
    """Count what the test split shares with the others, from the files and not from what the split intended."""
    cluster_of = {row["document"]: row["document_cluster"] for row in selection if row["document_cluster"]}

    def values(records: Iterable[Mapping[str, Any]], key: str) -> list[str]:
        return [str(record[key]) for record in records if record.get(key)]

    def clusters(records: Iterable[Mapping[str, Any]]) -> set[str]:
        return {cluster_of[document] for document in values(records, "document") if document in cluster_of}

    def shared_pages(key: str) -> int:
        elsewhere = set(values(others, key))
        return sum(value in elsewhere for value in values(test, key))

    return Overlap(
        documents=len(set(values(test, "document")) & set(values(others, "document"))),
        clusters=len(clusters(test) & clusters(others)),
        images=shared_pages("image_sha256"),
        labels=shared_pages("label_sha256"),
    )


def _training_log(path: Path) -> tuple[LogRow, ...]:
    rows = []
    for row in _rows(path, ("step",)):
        values = {field.name: _number(row.get(field.name, ""), path, field.name) for field in fields(LogRow)}
        if (step := values.pop("step")) is None:
            LOGGER.warning("%s: a row without a step is left out: %s", path, row)
        else:
            rows.append(LogRow(step, **values))
    return tuple(sorted(rows, key=lambda row: row.step))

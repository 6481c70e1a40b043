"""Scores of base and tuned model on a benchmark, as its published tables have them: reports/benchmarks/<name>.

OmniDocBench: its end-to-end measures over pages and by page attribute. olmOCR-bench: the share of facts that hold, by
file (the published categories) and by type of fact, with bootstrap intervals. Pages of text: the error rates and
table measures of the test pages. A page without an image, and a record of truth that cannot be used, are counted and
named, never scored as zero; so are pages that are near-duplicates of what the adapter learned from.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from scribetune.core.package import package_file
from scribetune.dataset.near_duplicates import near_duplicates
from scribetune.evaluation import scoring
from scribetune.evaluation.public.images import OK
from scribetune.evaluation.scoring import MODELS
from scribetune.evaluation.truth import EvaluationSet, Refused
from scribetune.metrics import loops
from scribetune.metrics.omnidocbench import ground_truth, page_scores
from scribetune.metrics.omnidocbench.page_scores import overall_without_cdm

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "scribetune-benchmark/1"
TEDS_S = "odb.table_teds_s"
OVERALL = "odb.overall_no_cdm"
MEAN_RATE = "olmocr.pass_rate"
NAMED = 10
"""Pages and records that are named of each problem; all are counted."""
RESAMPLES = 10_000
SEED = 20
GROUPED = ("data_source", "language", "layout")
"""OmniDocBench's page attributes in the order of its published tables; others follow."""

Record = Mapping[str, Any]
Numbers = dict[str, float]


@dataclass(frozen=True)
class Column:
    """A column of a published table."""

    key: str
    name: str  # as published, or as it must be called here
    better: str
    factor: float = 1.0  # brings the aggregate `key` to what is published
    note: str = ""  # why the column is empty, or what it is not
    digits: int = 4


_DATA: Mapping[str, Any] = json.loads(package_file("benchmark_columns.json").read_text(encoding="utf-8"))
OMNIDOCBENCH = tuple(Column(**column) for column in _DATA["omnidocbench"])
"""Columns of OmniDocBench v1.5's end-to-end table in their order; the edit distance of formulas stands behind them."""
_GROUPED_METRICS = ("odb.text_edit", "odb.table_teds", "odb.reading_order")
_GROUP_COLUMNS = tuple(column for column in OMNIDOCBENCH if column.key in (OVERALL, *_GROUPED_METRICS))

_OLMOCR: Mapping[str, str] = _DATA["olmocr"]
"""olmOCR-bench's files in the order of its published table, and their names there."""

PAGES = tuple(Column(**column) for column in _DATA["pages"])
_COMPARED: Mapping[str, bool] = _DATA["lower_is_better"]
"""Metrics compared page by page, and whether lower is better."""


@dataclass(frozen=True)
class Read:
    """A benchmark, and what was read of it."""

    truth: EvaluationSet
    refused: Sequence[Refused]
    rows: Sequence[Mapping[str, str]]  # of its manifest (`images.COLUMNS`), as text
    layers: Mapping[str, str]  # text layers by page id
    images: Mapping[str, str]  # SHA-256 of the images by page id
    base: Sequence[Record]
    tuned: Sequence[Record]
    learned: Sequence[Record]  # what the adapter was trained and validated on


def score(name: str, read: Read, truth_sha256: Mapping[str, str], similarity: float) -> tuple["pd.DataFrame", Record]:
    """Score both models on a benchmark.

    Returns one row per page that is scored (samples.csv), and the content of scores.json.

    Raises:
        UserError: Predictions and pages do not belong together.
    """
    usable = [row["id"] for row in read.rows if row["status"] == OK and row["id"] in read.truth.pages]
    kept = _restricted(read.truth, set(usable))
    base, tuned = (_of(predictions, kept.pages) for predictions in (read.base, read.tuned))
    score_kind: Callable[[EvaluationSet, Sequence[Record], Sequence[Record]], tuple[pd.DataFrame, Record]]
    score_kind = _score_facts if kept.kind == "olmocr" else _score_pages
    frame, scored = score_kind(kept, base, tuned)
    unread = [row for row in read.rows if row["status"] != OK]
    listed = {row["id"] for row in read.rows}
    return frame, {
        "schema": SCHEMA,
        "name": name,
        "kind": kept.kind,
        "truth": dict(truth_sha256),
        "pages": {"in_truth": len(read.truth.pages), "chosen": len(listed), "scored": len(kept.pages)},
        "unread": _named(unread, lambda row: {"page": row["id"], "status": row["status"], "why": row["message"]}),
        "refused": _named(read.refused, lambda refused: {"record": refused.record, "why": refused.why}),
        "cut": {
            model: sum(loops.is_truncated(str(record.get("stop_reason") or "")) for record in records)
            for model, records in zip(MODELS, (base, tuned), strict=True)
        },
        "leakage": _leakage(kept, read, similarity),
        **scored,
    }


def _named(found: Sequence[Any], row_of: Callable[[Any], Record]) -> dict[str, Any]:
    return {"count": len(found), "first": [row_of(item) for item in found[:NAMED]]}


def _restricted(found: EvaluationSet, ids: Collection[str]) -> EvaluationSet:
    """Return the set with these pages alone."""
    by_page: dict[str, Any] = {
        name: {page: value for page, value in getattr(found, name).items() if page in ids}
        for name in ("annotations", "facts", "pages", "attributes")
    }
    return replace(found, records=tuple(_of(found.records, ids)), **by_page)


def _of(records: Iterable[Record], ids: Collection[str]) -> list[Record]:
    """Leave out records of other pages: predictions of pages that truth no longer has."""
    return [record for record in records if str(record["id"]) in ids]


# --- OmniDocBench and pages of text -------------------------------------------------------------------------------


def _score_pages(
    found: EvaluationSet, base: Sequence[Record], tuned: Sequence[Record]
) -> tuple["pd.DataFrame", Record]:
    import pandas as pd

    frames, aggregates = {}, {}
    for model, predictions in zip(MODELS, (base, tuned), strict=True):
        frame = scoring.score_records(found.records, predictions, found.annotations)
        frame[TEDS_S] = _structures(found, {str(record["id"]): str(record["text"]) for record in predictions})
        frames[model] = frame
        aggregates[model] = scoring.aggregate_records(frame, found.records, predictions)
        if frame[TEDS_S].count():
            aggregates[model][TEDS_S] = float(frame[TEDS_S].dropna().mean())
    metrics = [*scoring.METRICS, TEDS_S]
    joined = pd.concat(
        [frames["base"][["id", "reference_characters"]]]
        + [frames[model][metric].rename(f"{metric}_{model}") for metric in metrics for model in MODELS],
        axis="columns",
    )
    columns = OMNIDOCBENCH if found.kind == "omnidocbench" else PAGES
    return joined, {
        "columns": [_column(column, aggregates) for column in columns],
        **aggregates,
        "change": _change(joined),
        "groups": _groups(found, joined),
    }


def _structures(found: EvaluationSet, texts: Mapping[str, str]) -> list[float | None]:
    """Return TEDS-S of each page, OmniDocBench's pairs of tables; None where it has no table."""
    values: list[float | None] = []
    for record in found.records:
        page_id = str(record["id"])
        page = found.annotations.get(page_id) or ground_truth.page_from_markdown(str(record["text"]))
        elements = page_scores.page_elements(page, texts[page_id]) if page.tables else None
        values.append(page_scores.page_scores(elements).table_teds_s if elements else None)
    return values


def _column(column: Column, numbers: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Return a column with both models' values, as published; None where there is nothing of the kind."""
    found = {model: numbers[model].get(column.key) for model in MODELS}
    values = {model: None if value is None else value * column.factor for model, value in found.items()}
    shown = {"key": column.key, "name": column.name, "better": column.better, "note": column.note}
    return {**shown, "digits": column.digits, **values}


def _change(frame: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    """Compare page by page over the pages counted for both models; gains are positive where tuned is better."""
    keys = ("pages", "gain", "low", "high", "p", "wins", "ties", "losses")
    values = attrgetter("pages", "mean_gain", "gain_low", "gain_high", "p_value", "wins", "ties", "losses")
    compared = scoring.compared(frame, _COMPARED)
    return {metric: dict(zip(keys, values(result), strict=True)) for metric, result in compared}


def _groups(found: EvaluationSet, frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return the pages by attribute, as OmniDocBench publishes them: one table per attribute, a row per value."""
    names = {name for values in found.attributes.values() for name in values}
    tables = []
    for name in sorted(names, key=lambda each: (GROUPED.index(each) if each in GROUPED else len(GROUPED), each)):
        members: dict[str, list[str]] = {}
        for page_id, attributes in found.attributes.items():
            for value in attributes.get(name, ()):
                members.setdefault(value, []).append(page_id)
        rows = []
        for value, ids in sorted(members.items()):
            part = frame[frame["id"].isin(ids)]
            numbers = {model: _group_numbers(part, model) for model in MODELS}
            columns = [_column(column, numbers) for column in _GROUP_COLUMNS]
            rows.append({"name": value, "pages": len(part), "columns": columns})
        if rows:
            tables.append({"attribute": name, "counted": "pages", "rows": rows})
    return tables


def _group_numbers(frame: "pd.DataFrame", model: str) -> Numbers:
    values = {metric: frame[f"{metric}_{model}"].dropna() for metric in _GROUPED_METRICS}
    numbers: Numbers = {metric: float(counted.mean()) for metric, counted in values.items() if len(counted)}
    if {"odb.text_edit", "odb.table_teds"} <= numbers.keys():
        numbers[OVERALL] = overall_without_cdm(numbers["odb.text_edit"], numbers["odb.table_teds"])
    return numbers


# --- olmOCR-bench -------------------------------------------------------------------------------------------------


def _score_facts(
    found: EvaluationSet, base: Sequence[Record], tuned: Sequence[Record]
) -> tuple["pd.DataFrame", Record]:
    import pandas as pd

    results = {model: scoring.score_facts(found, texts) for model, texts in zip(MODELS, (base, tuned), strict=True)}
    failed = {
        model: {fact for sample in result["samples"] for fact in sample["failed"]} for model, result in results.items()
    }
    rows = [
        (old["id"], old["facts"], old["passed"], new["passed"], " ".join(old["failed"]), " ".join(new["failed"]))
        for old, new in zip(results["base"]["samples"], results["tuned"]["samples"], strict=True)
    ]
    headers = ["id", "facts", "passed_base", "passed_tuned", "failed_base", "failed_tuned"]
    frame = pd.DataFrame(rows, columns=headers)
    outcomes: dict[str, dict[str, list[tuple[bool, bool]]]] = {"file": {}, "type": {}}
    for facts in found.facts.values():
        for fact in facts:
            passed = (str(fact["id"]) not in failed["base"], str(fact["id"]) not in failed["tuned"])
            outcomes["file"].setdefault(found.sources[str(fact["id"])], []).append(passed)
            outcomes["type"].setdefault(str(fact["type"]), []).append(passed)
    files, overall = _pass_rates(outcomes["file"])
    types, _ = _pass_rates(outcomes["type"])
    ordered = [*(name for name in _OLMOCR if name in files), *sorted(files.keys() - _OLMOCR.keys())]
    columns = [{**files[name], "key": f"olmocr.file.{name}", "name": _OLMOCR.get(name, name)} for name in ordered]
    columns.append({**overall, "key": MEAN_RATE, "name": "Overall"})
    gain = (overall["tuned"] - overall["base"]) / 100
    change = {"pages": len(frame), "gain": gain, "low": overall["gain_low"] / 100, "high": overall["gain_high"] / 100}
    by_type = [
        {"name": name, "pages": len(outcomes["type"][name]),
         "columns": [{**types[name], "key": f"olmocr.{name}", "name": "Pass rate"}]}
        for name in sorted(types)
    ]  # fmt: skip
    return frame, {
        "columns": columns,
        "base": results["base"]["aggregate"],
        "tuned": results["tuned"]["aggregate"],
        "change": {MEAN_RATE: change},
        "groups": [{"attribute": "type of fact", "counted": "facts", "rows": by_type}],
    }


def _pass_rates(
    outcomes: Mapping[str, Sequence[tuple[bool, bool]]],
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return pass rates in percent with 95 % bootstrap intervals: of each group, and of the mean over groups.

    Facts are drawn with replacement within each group, as the benchmark does, and for both models together. How often
    each of the four outcomes (held for both, for one, for none) is drawn is multinomial, so no fact is drawn singly.
    """
    import numpy as np

    rng = np.random.default_rng(SEED)
    groups: dict[str, dict[str, Any]] = {}
    drawn = {model: np.zeros(RESAMPLES) for model in MODELS}
    for name, pairs in sorted(outcomes.items()):
        counts = [pairs.count(outcome) for outcome in ((True, True), (True, False), (False, True), (False, False))]
        draws = rng.multinomial(len(pairs), np.array(counts) / len(pairs), size=RESAMPLES)
        places = tuple(zip(MODELS, (1, 2), strict=True))
        rates = {model: 100 * (draws[:, 0] + draws[:, place]) / len(pairs) for model, place in places}
        exact = {model: 100 * (counts[0] + counts[place]) / len(pairs) for model, place in places}
        groups[name] = _with_intervals(exact, rates)
        for model in MODELS:
            drawn[model] += rates[model] / len(outcomes)
    mean = {model: sum(group[model] for group in groups.values()) / len(groups) for model in MODELS}
    return groups, _with_intervals(mean, drawn)


def _with_intervals(exact: Mapping[str, float], drawn: Mapping[str, Any]) -> dict[str, Any]:
    import numpy as np

    found: dict[str, Any] = {"better": "higher", "note": "", "digits": 2, **exact}
    for key, values in (*drawn.items(), ("gain", drawn["tuned"] - drawn["base"])):
        low, high = np.percentile(values, [2.5, 97.5])
        found |= {f"{key}_low": float(low), f"{key}_high": float(high)}
    return found


# --- Leakage ------------------------------------------------------------------------------------------------------


def _leakage(found: EvaluationSet, read: Read, similarity: float) -> dict[str, Any]:
    """Say which pages are near-duplicates of pages that the adapter learned from, or have the very same image.

    Facts are no text of a page: there the text layer of the PDF stands in, and a page without one is not checked.
    """
    texts = {str(record["id"]): str(record["text"]) for record in found.records} or {
        page_id: read.layers.get(page_id, "") for page_id in found.pages
    }
    checked = {page_id: text for page_id, text in texts.items() if text.strip()}
    learned = {str(record["id"]): scoring.reference_text(record) for record in read.learned}
    clusters = near_duplicates(
        {f"benchmark {page_id}": text for page_id, text in checked.items()}
        | {f"learned {page_id}": text for page_id, text in learned.items()},
        similarity,
    )
    by_cluster: dict[str, str] = {}
    for page_id in sorted(learned):
        by_cluster.setdefault(clusters[f"learned {page_id}"], page_id)
    near = [
        {"page": page_id, "learned": by_cluster[cluster]}
        for page_id in checked
        if (cluster := clusters[f"benchmark {page_id}"]) in by_cluster
    ]
    images = {str(record.get("image_sha256")): str(record["id"]) for record in read.learned}
    shared = [page_id for page_id in found.pages if read.images.get(page_id) in images]
    same = [{"page": page_id, "learned": images[read.images[page_id]]} for page_id in shared]
    return {
        "checked": len(checked),
        "unchecked": len(found.pages) - len(checked),
        "learned": len(learned),
        "similarity": similarity,
        "near_duplicates": _named(near, dict),
        "same_images": _named(same, dict),
    }

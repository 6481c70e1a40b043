"""The report's tables: metrics, groups, documents and lineage arranged as rows of text and numbers."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scribetune.core import layout
from scribetune.core.config import flatten
from scribetune.core.package import package_file
from scribetune.report.data import Document, Pair, TestPage
from scribetune.text.language import Words

Better = Literal["lower", "higher", ""]

DOCUMENTS_SHOWN = 500
"""Documents listed in the report; documents.csv has all."""
MISSING = Pair(None, None)
"""Of a metric that a page does not have."""
FACTS_SHOWN = 60
"""Rows shown per part of the lineage; lineage.json has all."""


@dataclass(frozen=True)
class Measure:
    """How an aggregate is presented: `key` in metrics.json, name, which direction is better, meaning."""

    key: str
    name: str
    better: Better
    meaning: str


_TABLES: Mapping[str, Any] = json.loads(package_file("measures.json").read_text(encoding="utf-8"))
MEASURES = tuple(Measure(*row) for row in _TABLES["aggregates"])
"""The known aggregates in the order shown; unknown ones follow under their own names."""

UNJUDGED = frozenset(entry.key for entry in MEASURES if not entry.better)
"""Aggregates of which neither direction is better: counts."""

PUBLISHED: tuple[tuple[str, str, Better, str], ...] = tuple(map(tuple, _TABLES["published"]))
"""Columns of the before/after table: metric of samples.csv, name, which is better, its corpus value in metrics.json."""

COMPARED: tuple[tuple[str, str], ...] = tuple(map(tuple, _TABLES["compared"]))
"""Metrics compared page by page in metrics.json's `change`, and their names."""
MORE_PAGE_SCORES: tuple[tuple[str, str, Better], ...] = tuple(map(tuple, _TABLES["pages"]))
"""Scores that pages can be filtered and ordered by beside those of `PUBLISHED`."""

LISTED_PAGES = 10
"""Pages in each list of the worst and the best."""

HEADLINE_KEYS = ("cer_mean", "cer_median", "cer_corpus", "table_f1")

_LOWER = re.compile(r"^(cer|wer|ned)(_|$)|_rate$|_edit$")
_HIGHER = re.compile(r"^(bleu|rouge|table_\w*f1|teds)")


@dataclass(frozen=True)
class MetricRow:
    """One aggregate, base beside tuned; `verdict` is "better", "worse", "same" or empty."""

    measure: Measure
    values: Pair
    verdict: str

    @property
    def relative_change(self) -> float | None:
        """Change as a share of the base's value; None where that is 0 or missing."""
        change = self.values.change
        return None if change is None or not self.values.base else change / abs(self.values.base)


@dataclass(frozen=True)
class GroupRow:
    """Mean metrics of the pages of one category or language."""

    name: str
    pages: int
    cer: Pair
    table_f1: Pair


@dataclass(frozen=True)
class PublishedRow:
    """One metric of the before/after table: mean, median, p90 and corpus value, base and tuned.

    `p90` is what nine pages in ten are at or better than: the 90th percentile of an error rate, the 10th of a score.
    """

    metric: str
    name: str
    better: str
    pages: int
    mean: Pair
    median: Pair
    p90: Pair
    corpus: Pair


@dataclass(frozen=True)
class PairedRow:
    """One metric compared page by page: mean gain (positive: tuned is better) with its 95 % interval.

    `outcome` has how many pages are better, the same and worse.
    """

    metric: str
    name: str
    pages: float | None
    gain: float
    low: float | None
    high: float | None
    p_value: float | None
    outcome: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class PageList:
    """A few pages by rank: the worst after tuning, the greatest losses, the greatest gains; `order` gives all."""

    title: str
    order: str
    pages: tuple[tuple[TestPage, Pair], ...]


@dataclass(frozen=True)
class BeforeAfter:
    """CER before (base) and after per sample: index, page id, values; mean over counted pages, how pages fared."""

    rows: tuple[tuple[int, str, Pair], ...]
    mean: Pair
    better: int
    same: int
    worse: int


@dataclass(frozen=True)
class Facts:
    """A titled list of names and values; `more` counts the rows left out."""

    title: str
    rows: tuple[tuple[str, str], ...]
    more: int


@dataclass(frozen=True)
class DocumentTable:
    """Documents as listed, how many there are per status, and how many rows are left out."""

    rows: tuple[Document, ...]
    statuses: tuple[tuple[str, int], ...]
    more: int


FILES = (
    (f"{layout.REPORTS}/metrics.json", "aggregates, base and tuned (also for dvc metrics)"),
    (f"{layout.REPORTS}/samples.csv", "one row per test page: every metric, base beside tuned"),
    (f"{layout.PREDICTIONS}/base.jsonl", "what the base model read"),
    (f"{layout.PREDICTIONS}/tuned.jsonl", "what the tuned model read"),
    (f"{layout.REPORTS}/documents.csv", "one row per input document: what became of it, and why"),
    (f"{layout.MANIFESTS}/selection/all.csv", "one row per page: accepted, or refused with a reason"),
    (f"{layout.SPLITS}/train.jsonl", "training pages, ShareGPT records"),
    (f"{layout.SPLITS}/validation.jsonl", "validation pages"),
    (f"{layout.SPLITS}/test.jsonl", "test pages"),
    (layout.PAGES, "page images"),
    (layout.LABELS, "Markdown labels"),
    (layout.ADAPTER, "PEFT adapter, lineage.json, training_log.csv, model card"),
    (layout.MERGED, "merged model, merge_proof.json"),
)
"""Where results lie: path from the working directory, and what is there."""


def measure(key: str) -> Measure:
    """Return how an aggregate is presented; a key that is not in `MEASURES` keeps its own name."""
    better: Better = "lower" if _LOWER.search(key) else "higher" if _HIGHER.search(key) else ""
    return next((known for known in MEASURES if known.key == key), Measure(key, key, better, ""))


def metric_row(key: str, values: Pair) -> MetricRow:
    """Return one aggregate with its verdict."""
    known = measure(key)
    return MetricRow(known, values, verdict(values, known.better))


def verdict(values: Pair, better: Better) -> str:
    """Say whether tuned is "better", "worse" or the "same"; empty where that has no meaning."""
    change = values.change
    if change is None or not better:
        return ""
    if change == 0.0:
        return "same"
    return "better" if (change < 0.0) == (better == "lower") else "worse"


def metric_rows(metrics: Mapping[str, Mapping[str, float | None]]) -> tuple[MetricRow, ...]:
    """Return every aggregate of base or tuned: the known ones in order, then the others by name."""
    base, tuned = metrics["base"], metrics["tuned"]
    keys = set(base) | set(tuned)
    known = [entry.key for entry in MEASURES if entry.key in keys]
    ordered = known + sorted(keys - set(known))
    return tuple(metric_row(key, Pair(base.get(key), tuned.get(key))) for key in ordered)


def is_paired(values: Mapping[str, float | None]) -> bool:
    """Return whether a further object of metrics.json holds base and tuned, like the retention set's."""
    return bool(values) and all(key.startswith(("base.", "tuned.")) for key in values)


def paired(values: Mapping[str, float | None]) -> dict[str, dict[str, float | None]]:
    """Return such an object (dotted keys) as {"base": …, "tuned": …}."""
    return {
        model: {key.removeprefix(f"{model}."): value for key, value in values.items() if key.startswith(f"{model}.")}
        for model in ("base", "tuned")
    }


def headline_rows(metrics: Mapping[str, Mapping[str, float | None]]) -> tuple[MetricRow, ...]:
    """Return the aggregates of the headline, present or not."""
    return tuple(metric_row(key, Pair(metrics["base"].get(key), metrics["tuned"].get(key))) for key in HEADLINE_KEYS)


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that were counted, or None where none was."""
    counted = [value for value in values if value is not None]
    return sum(counted) / len(counted) if counted else None


def before_after(pages: Sequence[TestPage]) -> BeforeAfter:
    """Return the per-sample table: CER before and after, and the mean of each."""
    rows = tuple((page.index, page.id, page.metrics.get("cer", MISSING)) for page in pages)
    verdicts = [verdict(values, "lower") for _, _, values in rows]
    better, same, worse = (verdicts.count(word) for word in ("better", "same", "worse"))
    return BeforeAfter(rows, _mean_pair(pages, "cer"), better, same, worse)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value below which that share of the values lies, interpolated as numpy does; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def published_rows(
    pages: Sequence[TestPage], metrics: Mapping[str, Mapping[str, float | None]]
) -> tuple[PublishedRow, ...]:
    """Return the before/after table in its published form: a row for each metric that any page has."""
    rows = []
    for metric, name, better, corpus in PUBLISHED:
        pairs = [page.metrics[metric] for page in pages if metric in page.metrics]
        columns = [pair.base for pair in pairs], [pair.tuned for pair in pairs]
        by_model = [[value for value in values if value is not None] for values in columns]
        if any(by_model):
            medians, tails = (
                Pair(*(percentile(values, share) for values in by_model))
                for share in (0.5, 0.9 if better == "lower" else 0.1)
            )
            overall = Pair(metrics["base"].get(corpus), metrics["tuned"].get(corpus))
            count, means = max(map(len, by_model)), Pair(*map(mean, by_model))
            rows.append(PublishedRow(metric, name, better, count, means, medians, tails, overall))
    return tuple(rows)


def paired_rows(change: Mapping[str, float | None]) -> tuple[PairedRow, ...]:
    """Return metrics.json's `change` as rows; metrics that were not compared are left out."""
    ends = (("better", "wins"), ("same", "ties"), ("worse", "losses"))
    return tuple(
        PairedRow(
            metric,
            name,
            gain=gain,
            outcome=tuple((show, change.get(f"{metric}_{end}")) for show, end in ends),
            **{
                field: change.get(f"{metric}_{key}")
                for field, key in (("pages", "pages"), ("low", "gain_low"), ("high", "gain_high"), ("p_value", "p"))
            },
        )
        for metric, name in COMPARED
        if (gain := change.get(f"{metric}_gain")) is not None
    )


def page_lists(pages: Sequence[TestPage]) -> tuple[PageList, ...]:
    """Return the pages to look at first, by CER; pages that are read exactly, or did not change, are in no list."""
    counted = [(page, page.metrics["cer"]) for page in pages if "cer" in page.metrics]

    def top(value: Callable[[Pair], float | None]) -> tuple[tuple[TestPage, Pair], ...]:
        ranked = [(found, page, pair) for page, pair in counted if (found := value(pair)) is not None and found > 0.0]
        ranked.sort(key=lambda entry: (-entry[0], entry[1].index))
        return tuple((page, pair) for _, page, pair in ranked[:LISTED_PAGES])

    return (
        PageList("worst after tuning", "tuned", top(lambda pair: pair.tuned)),
        PageList("greatest loss", "loss", top(lambda pair: pair.change)),
        PageList("greatest gain", "gain", top(lambda pair: None if pair.change is None else -pair.change)),
    )


def group_rows(pages: Sequence[TestPage], name_of: Callable[[TestPage], str]) -> tuple[GroupRow, ...]:
    """Return mean CER and table F1 per group, by name; nothing where there is only one group."""
    groups: dict[str, list[TestPage]] = {}
    for page in pages:
        groups.setdefault(name_of(page) or "—", []).append(page)
    if len(groups) < 2:
        return ()
    return tuple(
        GroupRow(name, len(members), _mean_pair(members, "cer"), _mean_pair(members, "table_f1"))
        for name, members in sorted(groups.items())
    )


def _mean_pair(pages: Sequence[TestPage], metric: str) -> Pair:
    pairs = [page.metrics[metric] for page in pages if metric in page.metrics]
    return Pair(mean([pair.base for pair in pairs]), mean([pair.tuned for pair in pairs]))


def document_table(documents: Sequence[Document]) -> DocumentTable:
    """Return the documents with those that need attention first: unused, then partly refused, then the rest."""

    def attention(document: Document) -> tuple[int, str, str]:
        rank = 0 if not document.accepted else 1 if document.refused or document.message else 2
        return rank, document.path, document.document

    ordered = sorted(documents, key=attention)
    counts = Counter(document.status for document in documents)
    statuses = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return DocumentTable(tuple(ordered[:DOCUMENTS_SHOWN]), tuple(statuses), max(0, len(ordered) - DOCUMENTS_SHOWN))


def number(value: float | None) -> str:
    """Format a number for people: whole numbers as they are, others with four decimals, nothing as "—"."""
    if value is None:
        return "—"
    if float(value).is_integer() and (isinstance(value, int) or abs(value) >= 1000):
        return f"{int(value)}"
    return f"{value:.4f}"


def fact(value: object, words: Words) -> str:
    """Format a value of the lineage or configuration as one line of text."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return words("yes") if value else words("no")
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        if any(isinstance(item, dict | list) for item in value):
            return words("{count} entries", count=len(value))
        shown = ", ".join(fact(item, words) for item in value[:12])
        return words("{shown}, … ({count} in all)", shown=shown, count=len(value)) if len(value) > 12 else shown
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def facts(title: str, value: object, words: Words) -> Facts:
    """Turn one part of a JSON file into rows, nested objects under dotted names."""
    if not isinstance(value, Mapping):
        return Facts(title, ((title, fact(value, words)),), 0)
    rows = [(key, fact(item, words)) for key, item in flatten(value).items()]
    return Facts(title, tuple(rows[:FACTS_SHOWN]), max(0, len(rows) - FACTS_SHOWN))


def lineage_facts(lineage: Mapping[str, Any], words: Words) -> tuple[Facts, ...]:
    """Arrange the lineage without its configuration: single values first, then one block per object, digests last."""
    parts = {key: value for key, value in lineage.items() if key not in _CONFIGURATION_KEYS}
    single = {key: value for key, value in parts.items() if not isinstance(value, Mapping)}
    objects = {key: value for key, value in parts.items() if isinstance(value, Mapping) and value}
    first = [key for key in _LINEAGE_FIRST if key in objects]
    last = [key for key in _LINEAGE_LAST if key in objects]
    ordered = first + [key for key in objects if key not in first + last] + last
    first_facts = (facts("at a glance", single, words),) if single else ()
    return first_facts + tuple(facts(key, objects[key], words) for key in ordered)


_LINEAGE_FIRST = ("base_model", "adapter", "training", "environment", "hardware")
_LINEAGE_LAST = ("code",)
_CONFIGURATION_KEYS = ("configuration", "config")


def configuration_facts(lineage: Mapping[str, Any], words: Words) -> tuple[Facts, ...]:
    """Return the configuration behind the adapter, one block per section; training first."""
    for key in _CONFIGURATION_KEYS:
        configuration = lineage.get(key)
        if isinstance(configuration, Mapping):
            flat = {name: value for name, value in configuration.items() if not isinstance(value, Mapping)}
            sections = {name: value for name, value in configuration.items() if isinstance(value, Mapping)}
            ordered = sorted(sections, key=lambda name: (name != "train", list(sections).index(name)))
            general = (facts("general", flat, words),) if flat else ()
            return general + tuple(facts(name, sections[name], words) for name in ordered)
    return ()


def resource_facts(
    lineage: Mapping[str, Any], metrics: Mapping[str, Mapping[str, float | None]], words: Words
) -> Facts | None:
    """Return what training and reading took, as far as it is recorded; None where nothing is.

    Wall time is not: it would differ from build to build of the same model. benchmarks/jobs has it, a file per job.
    """
    training, hardware = (lineage.get(key, {}) for key in ("training", "hardware"))
    if not isinstance(training, Mapping) or not isinstance(hardware, Mapping):
        return None
    rows: list[tuple[str, object]] = [
        (words("processor"), hardware.get("processor")),
        (words("cores"), hardware.get("cores")),
        ("GPU", (hardware.get("gpus") or words("none")) if hardware else None),
        (words("training pages"), training.get("train_pages")),
        (words("optimiser steps"), training.get("steps")),
        (words("precision"), training.get("precision_reason") or training.get("precision")),
        (words("longest page, tokens"), training.get("longest_tokens")),
        (words("vision features cached, bytes"), training.get("cached_vision_bytes")),
    ]
    trainable = training.get("trainable")
    if isinstance(trainable, Mapping):
        rows.append((words("trainable parameters"), sum(trainable.values())))
    forecast = training.get("preflight")
    if isinstance(forecast, Mapping) and isinstance(forecast.get("memory"), Mapping):
        rows.append((words("memory forecast for training, bytes"), sum(forecast["memory"].values())))
    for model in ("base", "tuned"):
        name = words("tokens written on the test pages, {model}", model=words(model))
        rows.append((name, metrics.get(model, {}).get("tokens")))
    found = tuple((name, fact(value, words)) for name, value in rows if value is not None)
    return Facts("machine, training and reading", found, 0) if found else None

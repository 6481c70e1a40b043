"""The report's tables: metrics, groups, documents and lineage arranged as rows of text and numbers."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scribetune import layout
from scribetune.report_data import Document, Pair, TestPage, flatten

Better = Literal["lower", "higher", ""]

DOCUMENTS_SHOWN = 500
"""Documents listed in the report; documents.csv has all."""
FACTS_SHOWN = 60
"""Rows shown per part of the lineage; lineage.json has all."""


@dataclass(frozen=True)
class Measure:
    """How an aggregate is presented: `key` in metrics.json, name, which direction is better, meaning."""

    key: str
    name: str
    better: Better
    meaning: str


MEASURES = (
    Measure("pages", "Test pages", "", "pages scored"),
    Measure("cer_mean", "CER, mean", "lower", "mean over pages of edit distance / reference length; can exceed 1"),
    Measure("cer_median", "CER, median", "lower", "half of the pages are at or under this"),
    Measure("cer_p90", "CER, 90th percentile", "lower", "nine pages in ten are at or under this"),
    Measure("cer_corpus", "CER, corpus", "lower", "all edits / all reference characters: long pages weigh more"),
    Measure("cer_share_above_1", "Pages with CER > 1", "lower", "share of pages with more edits than characters"),
    Measure("cer_normalised_mean", "CER normalised, mean", "lower", "after NFC, line ends, digit folding, ZWNJ"),
    Measure("wer_mean", "WER, mean", "lower", "word error rate, words split at spaces"),
    Measure("wer_corpus", "WER, corpus", "lower", "all word edits / all reference words"),
    Measure("ned_mean", "NED, mean", "lower", "edit distance / longer length: stays within 0 and 1"),
    Measure("bleu", "BLEU, corpus", "higher", "sacrebleu, tokenised by script; 0 to 100"),
    Measure("rouge1", "ROUGE-1", "higher", "mean F over pages, words"),
    Measure("rouge2", "ROUGE-2", "higher", "mean F over pages, pairs of words"),
    Measure("rougeL", "ROUGE-L", "higher", "mean F over pages, longest common subsequence of words"),
    Measure("rouge1_char", "ROUGE-1, characters", "higher", "as ROUGE-1 over characters: for scripts without spaces"),
    Measure("rouge2_char", "ROUGE-2, characters", "higher", "as ROUGE-2 over characters"),
    Measure("rougeL_char", "ROUGE-L, characters", "higher", "as ROUGE-L over characters"),
    Measure("table_f1", "Table F1", "higher", "GriTS: content and structure of the cell grid"),
    Measure("table_struct_f1", "Table structure F1", "higher", "GriTS: structure of the cell grid alone"),
    Measure("table_adj_f1", "Table adjacency F1", "higher", "ICDAR-2013 adjacency relations"),
    Measure("teds", "TEDS", "higher", "tree edit distance similarity of tables"),
    Measure("teds_s", "TEDS-S", "higher", "TEDS of the structure alone"),
    Measure("tables", "Pages with tables", "", "pages on which table metrics are counted"),
    Measure("loop_rate", "Loops", "lower", "share of pages on which the model repeats itself"),
    Measure("truncated_rate", "Truncated", "lower", "share of pages cut at the token limit"),
    Measure("empty_rate", "Empty", "lower", "share of pages with a blank answer"),
)
"""The known aggregates in the order shown; unknown ones follow under their own names."""

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
class BeforeAfterRow:
    """One row of the before/after table: CER of the base (before) and of the tuned model (after)."""

    index: int
    page_id: str
    values: Pair


@dataclass(frozen=True)
class BeforeAfter:
    """The per-sample table in its published form, with its mean over counted pages, and how pages fared."""

    rows: tuple[BeforeAfterRow, ...]
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


@dataclass(frozen=True)
class FileEntry:
    """A place where results lie: path from the working directory, and what is there."""

    path: str
    meaning: str


FILES = (
    FileEntry(f"{layout.REPORTS}/metrics.json", "aggregates, base and tuned (also for dvc metrics)"),
    FileEntry(f"{layout.REPORTS}/samples.csv", "one row per test page: every metric, base beside tuned"),
    FileEntry(f"{layout.PREDICTIONS}/base.jsonl", "what the base model read"),
    FileEntry(f"{layout.PREDICTIONS}/tuned.jsonl", "what the tuned model read"),
    FileEntry(f"{layout.REPORTS}/documents.csv", "one row per input document: what became of it, and why"),
    FileEntry(f"{layout.MANIFESTS}/selection/all.csv", "one row per page: accepted, or refused with a reason"),
    FileEntry(f"{layout.SPLITS}/train.jsonl", "training pages, ShareGPT records"),
    FileEntry(f"{layout.SPLITS}/validation.jsonl", "validation pages"),
    FileEntry(f"{layout.SPLITS}/test.jsonl", "test pages"),
    FileEntry(layout.PAGES, "page images"),
    FileEntry(layout.LABELS, "Markdown labels"),
    FileEntry(layout.ADAPTER, "PEFT adapter, lineage.json, training_log.csv, model card"),
    FileEntry(layout.MERGED, "merged model, merge_proof.json"),
)


def measure(key: str) -> Measure:
    """Return how an aggregate is presented; a key that is not in `MEASURES` keeps its own name."""
    for known in MEASURES:
        if known.key == key:
            return known
    better: Better = "lower" if _LOWER.search(key) else "higher" if _HIGHER.search(key) else ""
    return Measure(key, key, better, "")


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
    missing = Pair(None, None)
    rows = tuple(BeforeAfterRow(page.index, page.id, page.metrics.get("cer", missing)) for page in pages)
    verdicts = [verdict(row.values, "lower") for row in rows]
    return BeforeAfter(
        rows=rows,
        mean=Pair(mean([row.values.base for row in rows]), mean([row.values.tuned for row in rows])),
        better=verdicts.count("better"),
        same=verdicts.count("same"),
        worse=verdicts.count("worse"),
    )


def group_rows(pages: Sequence[TestPage], name_of: Callable[[TestPage], str]) -> tuple[GroupRow, ...]:
    """Return mean CER and table F1 per group, by name; nothing where there is only one group.

    Args:
        pages: Test pages.
        name_of: What a page is grouped by; an empty answer is shown as "—".
    """
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
        rank = 2
        if not document.accepted:
            rank = 0
        elif document.refused or document.message:
            rank = 1
        return rank, document.path, document.document

    ordered = sorted(documents, key=attention)
    counts: dict[str, int] = {}
    for document in documents:
        counts[document.status] = counts.get(document.status, 0) + 1
    statuses = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return DocumentTable(tuple(ordered[:DOCUMENTS_SHOWN]), tuple(statuses), max(0, len(ordered) - DOCUMENTS_SHOWN))


def number(value: float | None) -> str:
    """Format a number for people: whole numbers as they are, others with four decimals, nothing as "—"."""
    if value is None:
        return "—"
    if float(value).is_integer() and (isinstance(value, int) or abs(value) >= 1000):
        return f"{int(value)}"
    return f"{value:.4f}"


def fact(value: object) -> str:
    """Format a value of the lineage or configuration as one line of text."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        if any(isinstance(item, dict | list) for item in value):
            return f"{len(value)} entries"
        shown = ", ".join(fact(item) for item in value[:12])
        return f"{shown}, … ({len(value)} in all)" if len(value) > 12 else shown
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def facts(title: str, value: object) -> Facts:
    """Turn one part of a JSON file into rows, nested objects under dotted names."""
    if not isinstance(value, Mapping):
        return Facts(title, ((title, fact(value)),), 0)
    rows = [(key, fact(item)) for key, item in flatten(value).items()]
    return Facts(title, tuple(rows[:FACTS_SHOWN]), max(0, len(rows) - FACTS_SHOWN))


def lineage_facts(lineage: Mapping[str, Any]) -> tuple[Facts, ...]:
    """Arrange the lineage without its configuration: single values first, then one block per object, digests last."""
    parts = {key: value for key, value in lineage.items() if key not in _CONFIGURATION_KEYS}
    single = {key: value for key, value in parts.items() if not isinstance(value, Mapping)}
    objects = {key: value for key, value in parts.items() if isinstance(value, Mapping) and value}
    first = [key for key in _LINEAGE_FIRST if key in objects]
    last = [key for key in _LINEAGE_LAST if key in objects]
    ordered = first + [key for key in objects if key not in first + last] + last
    return ((facts("at a glance", single),) if single else ()) + tuple(facts(key, objects[key]) for key in ordered)


_LINEAGE_FIRST = ("base_model", "adapter", "training", "environment", "hardware")
_LINEAGE_LAST = ("code",)
_CONFIGURATION_KEYS = ("configuration", "config")


def configuration_facts(lineage: Mapping[str, Any]) -> tuple[Facts, ...]:
    """Return the configuration behind the adapter, one block per section; training first."""
    for key in _CONFIGURATION_KEYS:
        configuration = lineage.get(key)
        if isinstance(configuration, Mapping):
            flat = {name: value for name, value in configuration.items() if not isinstance(value, Mapping)}
            sections = {name: value for name, value in configuration.items() if isinstance(value, Mapping)}
            ordered = sorted(sections, key=lambda name: (name != "train", list(sections).index(name)))
            return ((facts("general", flat),) if flat else ()) + tuple(facts(name, sections[name]) for name in ordered)
    return ()

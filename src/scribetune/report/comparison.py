"""Two adapters side by side: what was different, and what they read better and worse on the pages that both share.

A page is shared where its id and the hash of its label are the same in both builds; on other pages scores of the two
cannot be set against each other. A revision, a build's folder and a saved copy of its reports are all read by
`audit.recorded`.
"""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from markupsafe import Markup

from scribetune.audit import answers, differences
from scribetune.audit.differences import Change, Differences
from scribetune.audit.recorded import Recorded
from scribetune.core import csv_files, files, layout
from scribetune.core.errors import UserError
from scribetune.core.package import package_file
from scribetune.evaluation import gate
from scribetune.evaluation.gate import Verdict
from scribetune.metrics import paired
from scribetune.record.remembered import COMMAND
from scribetune.report.environment import Wording, environment, policy
from scribetune.report.images import embedded_image
from scribetune.report.outcome import outcome
from scribetune.report.tables import COMPARED, MORE_PAGE_SCORES, PUBLISHED, Better, fact, measure
from scribetune.text import sharegpt
from scribetune.text.language import chosen
from scribetune.text.text_diff import Difference, difference

SAMPLES = f"{layout.REPORTS}/samples.csv"
TUNED = f"{layout.PREDICTIONS}/tuned.jsonl"
TEST = f"{layout.SPLITS}/test.jsonl"
HEADLINE = (
    "pages", "cer_mean", "cer_median", "cer_p90", "cer_corpus", "wer_mean", "bleu", "table_f1", "teds", "loop_rate",
    "hallucination_rate",
)  # fmt: skip
"""Aggregates shown of both builds."""
LISTED = 10
"""Pages in the list of the greatest losses, and in that of the greatest gains."""
NAMED = 20
"""Documents or pages named of one kind of difference."""
_BETTER: Mapping[str, Better] = {
    **{key: better for key, _, better, _ in PUBLISHED},
    **{key: better for key, _, better in MORE_PAGE_SCORES},
}


@dataclass(frozen=True)
class Side:
    """One of the two builds."""

    letter: str  # A or B
    recorded: Recorded
    rows: Mapping[str, Mapping[str, str]]  # page id → its row of samples.csv
    trained: str  # day of the training or of the commit, "" where it is not known

    @property
    def adapter(self) -> str:
        """Short name of the adapter."""
        return self.recorded.lineage.weights_sha256[: answers.SHORT]

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on it; None where there is none."""
        found = self.recorded.lineage.metrics.get("gate")
        return None if found is None else gate.read(found)

    @property
    def splits(self) -> Mapping[str, answers.SplitCount]:
        """Split → documents and pages."""
        return answers.split_counts(self.recorded.lineage)

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """Test page → the hash of its label."""
        return {row.id: row.label_sha256 for row in self.recorded.lineage.pages if row.id in self.rows}

    @cached_property
    def readings(self) -> Mapping[str, str]:
        """Test page → what the tuned model read; empty where the file is not to be had."""
        return {str(row.get("id")): str(row.get("text", "")) for row in _jsonl(self.recorded.read(TUNED))}

    @cached_property
    def references(self) -> Mapping[str, str]:
        """Test page → its label; empty where the file is not to be had."""
        return {str(row.get("id")): _label(row) for row in _jsonl(self.recorded.read(TEST))}

    def score(self, page: str, metric: str) -> float | None:
        """Return a score of the tuned model on a page; None where it was not counted."""
        text = self.rows[page].get(f"{metric}_tuned", "").strip()
        try:
            value = float(text)
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    def aggregate(self, model: str, key: str) -> float | None:
        """Return an aggregate of metrics.json; of "retention", the tuned model's on those pages."""
        if model == "retention":
            value = self.recorded.lineage.metrics.get("retention", {}).get("tuned", {}).get(key)
            return float(value) if isinstance(value, int | float) else None
        found = self.recorded.lineage.metric(model, key)
        return int(found) if key == "pages" and found is not None else found


@dataclass(frozen=True)
class PairedScore:
    """One metric on the shared pages: means of A and B, the gain of B over A with its interval, how pages fared."""

    name: str
    better: Better
    found: paired.PairedStatistics


@dataclass(frozen=True)
class Aggregate:
    """One aggregate of both builds, each over its own test pages."""

    key: str
    name: str
    better: Better
    base: tuple[float | None, float | None]  # of A and B
    tuned: tuple[float | None, float | None]


@dataclass(frozen=True)
class ChangedPage:
    """A shared page whose CER changed: both readings, against the reference where that is at hand, else each other."""

    id: str
    cer: tuple[float, float]
    reference: str | None
    readings: tuple[Difference, ...]  # of A and B; of B against A without a reference
    image: str  # `data:` URI, "" without one

    @property
    def loss(self) -> float:
        """By how much CER rose from A to B."""
        return self.cer[1] - self.cer[0]


@dataclass(frozen=True)
class DocumentChange:
    """One kind of difference in the data: what happened, to how many, and the first of them by name."""

    what: str
    names: tuple[str, ...]

    @property
    def named(self) -> tuple[str, ...]:
        """Return those that are named."""
        return self.names[:NAMED]


@dataclass(frozen=True)
class Pages:
    """Test pages by what both builds say of them; ids, sorted."""

    shared: tuple[str, ...]
    relabelled: tuple[str, ...]  # tested by both, against different labels
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def side(letter: str, recorded: Recorded, trained: str = "") -> Side:
    """Return one side of the comparison.

    Raises:
        UserError: Its scores page by page are not to be had, are no such table, or are of another build.
    """
    content = recorded.require(SAMPLES)
    known = recorded.lineage.outputs.get(SAMPLES)
    todo = f"build it again: {COMMAND}"
    if known is not None and known != files.sha256_bytes(content):
        raise UserError(
            f"{SAMPLES} of {recorded.name} is not the one that its lineage.json speaks of", value=recorded.name,
            accepted="files of one build", todo=todo,
        )  # fmt: skip
    try:
        (_, header), *lines = csv_files.read_cells(content.decode("utf-8"))
        rows = {row["id"]: row for row in (dict(zip(header, cells, strict=False)) for _, cells in lines)}
    except (ValueError, csv.Error, KeyError) as error:
        raise UserError(
            f"{SAMPLES} of {recorded.name} is no table of scores ({type(error).__name__}: {error})",
            value=recorded.name, accepted="a CSV in UTF-8 with the column id", todo=todo,
        ) from error  # fmt: skip
    return Side(letter, recorded, rows, trained or recorded.date[:10])


def pages_of(a: Side, b: Side) -> Pages:
    """Sort the test pages of both by whether they can be compared."""
    both = sorted(a.rows.keys() & b.rows.keys())
    same = [page for page in both if a.labels.get(page) is not None and a.labels.get(page) == b.labels.get(page)]
    return Pages(
        shared=tuple(same),
        relabelled=tuple(sorted(set(both) - set(same))),
        only_a=tuple(sorted(a.rows.keys() - b.rows.keys())),
        only_b=tuple(sorted(b.rows.keys() - a.rows.keys())),
    )


def paired_scores(a: Side, b: Side, pages: Sequence[str]) -> tuple[PairedScore, ...]:
    """Compare B with A page by page on every metric that both counted."""
    scores = []
    for metric, name in COMPARED:
        pairs = [(a.score(page, metric), b.score(page, metric)) for page in pages]
        counted = [(before, after) for before, after in pairs if before is not None and after is not None]
        if counted:
            better = _BETTER[metric]
            before, after = zip(*counted, strict=True)
            scores.append(PairedScore(name, better, paired.compare(before, after, lower_is_better=better == "lower")))
    return tuple(scores)


def aggregates(a: Side, b: Side) -> tuple[Aggregate, ...]:
    """Return the headline of both builds, and what they forgot."""

    def of(key: str, base: str, tuned: str, name: str) -> Aggregate:
        known = measure(key)
        values = [tuple(side.aggregate(model, key) for side in (a, b)) for model in (base, tuned)]
        return Aggregate(key, name, known.better, (values[0][0], values[0][1]), (values[1][0], values[1][1]))

    found = [of(key, "base", "tuned", measure(key).name) for key in HEADLINE]
    kept = of("cer_mean", "", "retention", "Retention: CER, mean")
    return tuple(row for row in (*found, kept) if any(value is not None for value in row.tuned))


def changed_pages(a: Side, b: Side, pages: Sequence[str]) -> tuple[tuple[ChangedPage, ...], tuple[ChangedPage, ...]]:
    """Return the pages that B reads worse than A, the greatest loss first, and those that it reads better."""
    changes = []
    for page in pages:
        before, after = a.score(page, "cer"), b.score(page, "cer")
        if before is not None and after is not None and before != after:
            changes.append((after - before, page, (before, after)))
    changes.sort(key=lambda change: (-change[0], change[1]))
    worse = [change for change in changes if change[0] > 0][:LISTED]
    better = [change for change in reversed(changes) if change[0] < 0][:LISTED]
    return (
        tuple(_changed_page(a, b, page, cer) for _, page, cer in worse),
        tuple(_changed_page(a, b, page, cer) for _, page, cer in better),
    )


def _changed_page(a: Side, b: Side, page: str, cer: tuple[float, float]) -> ChangedPage:
    reference = a.references.get(page, b.references.get(page))
    texts = [side.readings.get(page) for side in (a, b)]
    readings: tuple[Difference, ...] = ()
    if texts[0] is not None and texts[1] is not None:
        readings = (
            (difference(texts[0], texts[1]),)
            if reference is None
            else (difference(reference, texts[0]), difference(reference, texts[1]))
        )
    return ChangedPage(page, cer, reference, readings, _image(a, b, page))


def _image(a: Side, b: Side, page: str) -> str:
    """Return the page's image, from whichever build has the one that was read."""
    known = {row.id: row.image_sha256 for row in a.recorded.lineage.pages}.get(page)
    for one in (a, b):
        content = one.recorded.read(one.rows[page].get("image", ""))
        if content is not None and files.sha256_bytes(content) == known:
            return embedded_image(content)
    return ""


def document_changes(found: Differences) -> tuple[DocumentChange, ...]:
    """Return what is different in documents, pages and labels; kinds without any are left out."""
    kinds = (
        ("documents that only B has", found.added),
        ("documents that only A has", found.withdrawn),
        ("documents under another name", tuple(f"{old} → {new}" for old, new in found.renamed.items())),
        ("documents with another content", found.changed),
        (
            "documents in another split",
            tuple(f"{name}: {change.before} → {change.after}" for name, change in found.moved.items()),
        ),
        ("pages with another label", found.relabelled),
        ("pages with another image", found.rendered_anew),
        ("pages that only B has, of documents of both", found.pages_added),
        ("pages that only A has, of documents of both", found.pages_withdrawn),
    )
    return tuple(DocumentChange(what, names) for what, names in kinds if names)


def setting_changes(found: Differences, words: Wording) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Return (title, rows of (name, A, B)) of what else is different: configuration first."""

    def shown(value: Any) -> str:
        return answers.in_words(value) if isinstance(value, str | float) else fact(value, words)

    def rows(changes: Mapping[str, Change]) -> list[tuple[str, str, str]]:
        return [(name, shown(change.before), shown(change.after)) for name, change in changes.items()]

    version = {"scribetune": found.version} if found.version else {}
    groups = (
        ("configuration", found.configuration),
        ("base model", found.base_model),
        ("code", {**version, **found.code}),
        ("environment", found.environment),
        ("hardware", found.hardware),
        ("training", found.training),
    )
    return [(title, rows(changes)) for title, changes in groups if changes]


def verdict_in_words(scores: Sequence[PairedScore], pages: Pages, words: Wording) -> tuple[str, str]:
    """Return (a sentence, "better", "worse" or "same") on B against A, from the paired CER."""
    cer = next((score.found for score in scores if score.name == "CER"), None)
    if cer is None:
        return words("A and B share no test page with the same label: page by page, nothing can be compared."), "same"
    shared = words.counted(len(pages.shared), "shared page")
    values = {"pages": shared, "before": f"{cer.mean_base:.4f}", "after": f"{cer.mean_tuned:.4f}"}
    if cer.gain_low > 0:
        return words("B reads the {pages} better than A: mean CER {before} → {after}.", **values), "better"
    if cer.gain_high < 0:
        return words("B reads the {pages} worse than A: mean CER {before} → {after}.", **values), "worse"
    return words("No difference is shown on the {pages}: mean CER {before} → {after}.", **values), "same"


def render(a: Side, b: Side, language: Literal["auto", "en", "zh"] = "auto") -> str:
    """Return the comparison as one HTML file, which opens from disk and needs no network."""
    pages = pages_of(a, b)
    scores = paired_scores(a, b, pages.shared)
    found = differences.between(a.recorded.lineage, b.recorded.lineage)
    words = Wording(chosen(language, (text for one in (a, b) for text in (one.references or one.readings).values())))
    sentence, kind = verdict_in_words(scores, pages, words)
    worse, better = changed_pages(a, b, pages.shared)
    templates = {"page": package_file("comparison.html.j2").read_text(encoding="utf-8")}
    style = package_file("report.css").read_text(encoding="utf-8")
    return (
        environment(words, templates)
        .get_template("page")
        .render(
            policy=policy(),
            style=Markup(style),  # noqa: S704 - our own file
            a=a,
            b=b,
            pages=pages,
            sentence=sentence,
            outcome=kind,
            verdicts=[
                (one.letter, outcome(one.verdict, one.recorded.lineage.metrics, {}, words))
                for one in (a, b)
                if one.verdict is not None
            ],
            same_adapter=not found.adapter,
            aggregates=aggregates(a, b),
            scores=scores,
            worse=worse,
            better=better,
            documents=document_changes(found),
            settings=setting_changes(found, words),
            named=NAMED,
        )
    )


def _jsonl(content: bytes | None) -> list[dict[str, Any]]:
    """Return the records of a file, none where it is not to be had; scores do not depend on them."""
    try:
        return [json.loads(line) for line in (content or b"").decode("utf-8").split("\n") if line.strip()]
    except ValueError:
        return []


def _label(record: Mapping[str, Any]) -> str:
    return sharegpt.label(record) or ""

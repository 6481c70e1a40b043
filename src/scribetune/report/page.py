"""The report that people read: one HTML file that opens from disk and needs no network.

`render` is a pure function of the input files: same files, same bytes. Everything that comes from a PDF or a model is
text in it. Four layers see to that: Jinja2 escapes every value, control characters are shown by code point
(`text.visible_text`), Markdown is rendered without raw HTML or links (`text.markdown_view`), and a
Content-Security-Policy allows the report's own two scripts, by hash, and no connection to anywhere.

The file holds plotly.js once, gzip-compressed (1.9 MB instead of 4.8); the page unpacks it after the text is on screen.
Of more than `ReportInputs.inline_pages` test pages an index and small images alone are there from the start; their
texts are packed.
"""

import base64
import gzip
import json
import logging
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from scribetune.core.files import sha256_file, write_text
from scribetune.core.package import package_files
from scribetune.evaluation import lost_characters
from scribetune.evaluation.scoring import PredictedSet
from scribetune.report import learning_curve, nearest_pages, page_boxes, public_benchmarks, variant_card
from scribetune.report.data import (
    Pair,
    Reading,
    ReportData,
    ReportInputs,
    TestPage,
    adapter_name,
    build_id,
    json_object,
    read,
)
from scribetune.report.environment import Wording, environment, policy
from scribetune.report.images import PageImage, marked_places, page_image
from scribetune.report.index import UNNAMED, IndexedPage, measure_behind, page_index, page_measures, pages_link
from scribetune.report.label_trust import SideBySide
from scribetune.report.outcome import outcome, sentence
from scribetune.report.plots import plotly_javascript, plots
from scribetune.report.tables import (
    FILES,
    MISSING,
    UNJUDGED,
    BeforeAfter,
    GroupRow,
    MetricRow,
    before_after,
    configuration_facts,
    document_table,
    facts,
    group_rows,
    headline_rows,
    is_paired,
    lineage_facts,
    metric_rows,
    number,
    page_lists,
    paired,
    paired_rows,
    published_rows,
    resource_facts,
    verdict,
)
from scribetune.review import both_readings, spot_check
from scribetune.text.markdown_view import rendered
from scribetune.text.text_diff import SHOWN_CHARACTERS, Difference, difference

__all__ = ["ReportInputs", "render", "write"]

LOGGER = logging.getLogger(__name__)

AGREEMENT = 1e-6
"""Greatest difference between metrics.json and the mean of samples.csv that is taken for rounding."""

CHUNK_PAGES = 4
"""Pages per chunk: few, since the worst pages, shown together, are of as many chunks."""
SAMPLES_SHOWN = 1_000
"""Rows of the per-sample table; samples.csv has all."""

_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_SAID = re.compile(r'\bsay\("((?:[^"\\]|\\.)*)"')
"""A text that templates/report.js shows."""
_TAG_OF_SCRIPT = {"Han": "zh", "Japanese": "ja", "Korean": "ko"}


@dataclass(frozen=True)
class ReadingView:
    """One model's column of a page: its reading, the marked differences, the rendered Markdown and its CER."""

    model: str
    reading: Reading
    difference: Difference
    rendered: Markup
    cer: float | None


@dataclass(frozen=True)
class PageView:
    """One test page as shown; `search` is what the search box looks through."""

    anchor: str  # its id in the file
    page: TestPage
    image: PageImage
    boxes: Markup  # drawn over the image; "" where the label has none
    language_tag: str
    reference: str
    reference_omitted: int
    rendered_reference: Markup
    readings: tuple[ReadingView, ...]
    cer: Pair
    cer_verdict: str
    table_f1: Pair
    flags: tuple[str, ...]
    search: str
    review: str  # the command that opens it for review


def write(inputs: ReportInputs, path: Path) -> None:
    """Render the report and write it atomically.

    Links to page images assume a folder directly in the working directory, as reports/ is.

    Raises:
        UserError: An input is missing or malformed, or the inputs do not belong together.
    """
    write_text(path, render(inputs))


def render(inputs: ReportInputs) -> str:
    """Return the report as HTML.

    Raises:
        UserError: An input is missing or malformed, or the inputs do not belong together.
    """
    data = read(inputs)
    words = Wording(data.language)
    templates = _templates()
    script, style = templates["report.js"], templates["report.css"]
    plotly = plotly_javascript()
    samples = before_after(data.pages)
    documents = document_table(data.documents)
    headline = headline_rows(data.metrics)
    gains = paired_rows(data.metrics.get("change", {}))
    made = environment(words, templates)
    is_packed = len(data.pages) > inputs.inline_pages
    views = () if is_packed else tuple(_page_views(inputs, data.pages, words))
    chunks, entries = (
        _packed_pages(made, _page_views(inputs, data.pages, words)) if is_packed else ((), tuple(map(_indexed, views)))
    )
    measures = page_measures(data.pages)
    template = made.get_template("report.html.j2")
    return template.render(
        title=_title(inputs, data.lineage, words),
        corpus=inputs.corpus or words("Sample corpus"),
        adapter=adapter_name(data.lineage),
        policy=policy(script, plotly),
        script_words=_script_words(words, script),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        plotly=_packed(plotly),
        headline=headline,
        outcome=outcome(data.verdict, data.metrics, data.lineage, words) if data.verdict else None,
        sentence=sentence(headline, samples, data.verdict, words),
        samples=samples,
        sample_rows=samples.rows[:SAMPLES_SHOWN],
        disagreement=_disagreement(samples, headline, words),
        published=published_rows(data.pages, data.metrics),
        gains=gains,
        page_lists=page_lists(data.pages),
        metric_rows=metric_rows(data.metrics),
        unjudged=UNJUDGED,
        **_further_metrics(data.metrics, words, has_gains=bool(gains)),
        groups=_groups(data.pages),
        plots=plots(data.training_log, data.pages, words),
        page_count=len(data.pages),
        pages=views,
        page_chunks=chunks,
        page_index=page_index(entries, measures),
        page_measures=measures,
        measure_behind=lambda aggregate: measure_behind(aggregate, measures),
        pages_link=pages_link,
        page_filters=_filters(data.pages),
        tested_documents={page.document for page in data.pages},
        tested_sources={page.label_source for page in data.pages},
        shown_characters=SHOWN_CHARACTERS,
        documents=documents,
        document_count=len(data.documents),
        documents_used=sum(bool(document.accepted) for document in data.documents),
        **_labels(inputs, data),
        splits=data.splits,
        spot_checks=spot_check.checks(inputs.spot_checks),
        spot_check_sentence=spot_check.sentence,
        reasons=words.reasons,
        review_command=_review_command,
        index_of={page.id: page.index for page in data.pages},
        overlap=data.overlap,
        build=build_id(inputs.metrics_json, inputs.lineage_json),
        resources=resource_facts(data.lineage, data.metrics, words),
        lineage=lineage_facts(data.lineage, words),
        configuration=configuration_facts(data.lineage, words),
        merge_proof=facts("merge proof", data.merge_proof, words) if data.merge_proof else None,
        files=FILES,
        benchmarks=[public_benchmarks.view(json_object(path)) for path in inputs.benchmark_scores],
        parity=_parity(inputs, words),
        variants=_variants(inputs),
        leakage=_leakage(inputs),
        **_studies(inputs, words),
    )


def _labels(inputs: ReportInputs, data: ReportData) -> dict[str, Any]:
    """Return what the template says of the labels: how many are used, and what speaks for and against them."""
    return {
        "accepted_pages": data.accepted_pages,
        "refused_pages": data.refused_pages,
        "label_quality": data.label_quality,
        "label_trust": data.label_trust,
        "side_by_side": [_beside(inputs.working_directory, one) for one in data.label_trust.side_by_side],
    }


def _parity(inputs: ReportInputs, words: Wording) -> str:
    """Return in a sentence how the test pages were read through vLLM; "" where they were not, or of another build."""
    if inputs.parity_json is None:
        return ""
    found = json_object(inputs.parity_json)
    if found.get("predictions_sha256") != sha256_file(inputs.tuned_predictions):
        return ""
    difference = found.get("mean_difference")
    return words(
        "Served by vLLM, the merged model reads {equal} of {pages} test pages with the same text; the texts differ by "
        "{difference} edits per character.",
        equal=str(found.get("equal")),
        pages=str(found.get("pages")),
        difference=f"{difference:.4f}" if isinstance(difference, float) else "—",
    )


def _variants(inputs: ReportInputs) -> variant_card.Variants | None:
    """Return the scores of the smaller variants that were made of this build; None where there are none."""
    if not inputs.variant_scores:
        return None
    own = {"pages": sha256_file(inputs.test_jsonl), "predictions": sha256_file(inputs.tuned_predictions)}
    found = [(path.parent.name, json_object(path)) for path in inputs.variant_scores]
    return variant_card.side_by_side([(name, scores) for name, scores in found if scores.get("made_from") == own])


def _studies(inputs: ReportInputs, words: Wording) -> dict[str, Any]:
    """Return what the template says of more pages, and of characters that were lost; None where nobody has asked."""
    kept = PredictedSet.read(*inputs.retention_files) if inputs.retention_files else None
    return {"curve": _learning_curve(inputs, words), "lost": None if kept is None else lost_characters.find(kept)}


def _learning_curve(inputs: ReportInputs, words: Wording) -> learning_curve.CurveView | None:
    """Return what more pages would buy; None where nobody has asked, or for other records."""
    if inputs.learning_curve_json is None:
        return None
    return learning_curve.of_build(inputs.learning_curve_json, inputs.train_jsonl, inputs.test_jsonl, words)


def _leakage(inputs: ReportInputs) -> nearest_pages.LeakageView | None:
    """Return the test pages beside their nearest training pages; None where nobody has looked for these."""
    if inputs.leakage_json is None:
        return None
    return nearest_pages.of_files(inputs.leakage_json, inputs.working_directory, inputs.test_jsonl, inputs.train_jsonl)


@dataclass(frozen=True)
class BesideView:
    """Two readings of one place, as shown: the record, both as HTML, the part of the page image or "", the command."""

    one: SideBySide
    label: Markup
    other: Markup
    image: str
    review: str


def _beside(working_directory: Path, one: SideBySide) -> BesideView:
    size = None if one.found.unit == "px" else one.size_pt
    places = () if size is None and one.found.unit == "pt" else one.found.places
    return BesideView(
        one, *both_readings.html_of(one.found), marked_places(working_directory, one.image, places, size),
        _review_command(one.id),
    )  # fmt: skip


def _further_metrics(
    metrics: Mapping[str, Mapping[str, float | None]], words: Wording, *, has_gains: bool
) -> dict[str, list[Any]]:
    """Return what metrics.json holds beside base and tuned: sets scored for both models, and other numbers."""
    others = {group: values for group, values in metrics.items() if group not in ("base", "tuned") and values}
    sets = [group for group, values in others.items() if is_paired(values)]
    facts_of = [group for group in others if group not in sets and not (group == "change" and has_gains)]
    return {
        "further_metrics": [facts(group, dict(others[group]), words) for group in facts_of],
        "paired_metrics": [(group, metric_rows(paired(others[group]))) for group in sets],
    }


def _groups(pages: Sequence[TestPage]) -> list[tuple[str, tuple[GroupRow, ...]]]:
    """Return the tables by group, those with one group left out."""
    tables = [(name, group_rows(pages, attrgetter(name))) for name in ("category", "language", "script", "layout")]
    return [(name, rows) for name, rows in tables if rows]


def _packed(text: str) -> str:
    """Return a text as base64 of gzip: same text, same bytes."""
    return base64.b64encode(gzip.compress(text.encode("utf-8"), compresslevel=9, mtime=0)).decode("ascii")


def _packed_pages(
    made: jinja2.Environment, views: Iterator[PageView]
) -> tuple[tuple[str, ...], tuple[IndexedPage, ...]]:
    """Return many pages' HTML in chunks of gzip in base64, and what the index needs of each.

    `CHUNK_PAGES` at a time: a browser then parses what is looked at alone, and memory stays small.
    """
    card: Callable[[PageView, int], str] = vars(made.get_template("report_page.html.j2").module)["page"]
    entries: list[IndexedPage] = []
    chunks: list[str] = []
    while some := tuple(islice(views, CHUNK_PAGES)):
        entries += map(_indexed, some)
        chunks.append(_packed("".join(card(view, SHOWN_CHARACTERS) for view in some)))
    return tuple(chunks), tuple(entries)


def _indexed(view: PageView) -> IndexedPage:
    return IndexedPage(view.page, view.flags, view.search, view.image.thumbnail)


def _filters(pages: Sequence[TestPage]) -> list[tuple[str, str, list[str]]]:
    """Return (key, label, values) of each property that pages can be told apart by."""
    properties = [(name, name.capitalize(), name) for name in ("category", "language", "script", "layout")]
    found = [
        (key, label, sorted({getattr(page, name) or UNNAMED for page in pages}))
        for key, label, name in (*properties, ("source", "Label by", "label_source"))
    ]
    return [(key, label, values) for key, label, values in found if len(values) > 1]


def _templates() -> dict[str, str]:
    """Return {file name: text} of the report's templates, style and script."""
    return {name: path.read_text(encoding="utf-8") for name, path in package_files("report*").items()}


def _title(inputs: ReportInputs, lineage: Mapping[str, Any], words: Wording) -> str:
    """Return the heading: as configured, else the corpus and the adapter.

    When the adapter was trained is not in it: the report of the same files would differ from day to day. The page of
    resources knows, and the report takes it from there.
    """
    if inputs.title:
        return inputs.title
    corpus = inputs.corpus or words("Sample corpus")
    adapter = adapter_name(lineage)
    return words("{corpus} · adapter {adapter}", corpus=corpus, adapter=adapter) if adapter else corpus


def _script_words(words: Wording, script: str) -> Markup:
    """Return the texts that the page's script shows, as JSON: {English: translation}; nothing in English."""
    said = sorted({json.loads(f'"{text}"') for text in _SAID.findall(script)})
    texts = {} if words.language == "en" else {english: words(english) for english in said}
    return Markup(json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c"))  # noqa: S704


def _disagreement(samples: BeforeAfter, headline: Sequence[MetricRow], words: Wording) -> str:
    """Say so where the rows' mean is not the one in metrics.json: then the files are of different builds."""
    problems = []
    for model in ("base", "tuned"):
        here, there = getattr(samples.mean, model), getattr(headline[0].values, model)
        if here is not None and there is not None and abs(here - there) > AGREEMENT:
            problem = "{model}: samples.csv gives a mean CER of {here}, metrics.json {there}"
            problems.append(words(problem, model=words(model), here=number(here), there=number(there)))
    if problems:
        LOGGER.warning("samples.csv and metrics.json disagree (%s)", "; ".join(problems))
    return "; ".join(problems)


def _page_views(inputs: ReportInputs, pages: Sequence[TestPage], words: Wording) -> Iterator[PageView]:
    for position, page in enumerate(pages):
        cer = page.metrics.get("cer", MISSING)
        reference = page.reference.strip()
        flags = tuple(
            words(f"{model} {problem}")
            for model, reading in (("base", page.base), ("tuned", page.tuned))
            for problem in ("loop", "truncated", "empty")
            if getattr(reading, problem)
        )
        yield PageView(
            anchor=f"page-{page.index}",
            page=page,
            image=page_image(inputs.working_directory, page.image, embed=position < inputs.embed_pages),
            boxes=page_boxes.overlay(page.blocks, page.tuned.blocks),
            language_tag=_language_tag(page),
            reference=reference[:SHOWN_CHARACTERS],
            reference_omitted=max(0, len(reference) - SHOWN_CHARACTERS),
            rendered_reference=rendered(reference),
            readings=tuple(
                ReadingView(model, reading, difference(reference, reading.text), rendered(reading.text), value)
                for model, reading, value in (("base", page.base, cer.base), ("tuned", page.tuned, cer.tuned))
            ),
            cer=cer,
            cer_verdict=verdict(cer, "lower"),
            table_f1=page.metrics.get("table_f1", MISSING),
            flags=flags,
            search=" ".join(
                (
                    str(page.index),
                    page.id,
                    page.category,
                    page.language,
                    page.script,
                    page.layout,
                    *flags,
                    *({words(page.script), words(page.layout)} - {page.script, page.layout}),
                )
            ).lower(),
            review=_review_command(page.id),
        )


def _language_tag(page: TestPage) -> str:
    """Return the language of a page's text for `lang`; "" where it is not known: it is not the report's."""
    if _LANGUAGE_TAG.fullmatch(page.language):
        return page.language
    return _TAG_OF_SCRIPT.get(page.script, "")


def _review_command(page_id: str) -> str:
    """Return the command that opens a page for review, as it is typed in a shell."""
    return f"scribetune review --page {shlex.quote(page_id)}"

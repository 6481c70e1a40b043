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

from scribetune.core.files import write_text
from scribetune.core.package import package_files
from scribetune.report import public_benchmarks
from scribetune.report.data import Pair, Reading, ReportInputs, TestPage, adapter_name, build_id, json_object, read
from scribetune.report.environment import Wording, environment, policy
from scribetune.report.images import PageImage, page_image
from scribetune.report.index import UNNAMED, IndexedPage, measure_behind, page_index, page_measures, pages_link
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
from scribetune.review import spot_check
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
        accepted_pages=data.accepted_pages,
        refused_pages=data.refused_pages,
        refused_count=sum(data.refused_pages.values()),
        label_quality=data.label_quality,
        label_trust=data.label_trust,
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
    )


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

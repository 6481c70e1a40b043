"""The index of the test pages in the report: what its filters and orders read of each page, and the small images.

A number in the report is a link to the pages behind it: `#pages?measure=wer&order=tuned` sets filters and order, which
templates/report.js reads; `pages_link` writes such links. The next click, on a small image there, opens the page.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from scribetune.report.data import TestPage
from scribetune.report.tables import MORE_PAGE_SCORES, PUBLISHED, Better
from scribetune.text.visible_text import visible

UNNAMED = "—"
"""How an empty category or language is written, here and in the tables by group."""

THUMBNAILS_PER_CHUNK = 50
"""Small images that are looked up together: a list in any order touches few chunks, a chunk is about 70 KB."""

DECIMALS = 9
"""Of the scores in the index: more than any two pages are told apart by."""


@dataclass(frozen=True)
class PageMeasure:
    """A score that pages can be filtered and ordered by: its column in samples.csv, its name, which is better."""

    key: str
    name: str
    better: Better


PAGE_MEASURES = (
    *(PageMeasure(key, name, better) for key, name, better, _ in PUBLISHED),
    *(PageMeasure(*row) for row in MORE_PAGE_SCORES),
)
"""The known scores of a page, in the order in which they are offered; the first is what the report opens with."""

_ALIASES = {"pages": "cer", "cer_share_above_1": "cer", "tables": "table_f1", "formulas": "formula_exact"}
"""Aggregates whose pages are told by another score."""
_AGGREGATE = re.compile(r"_(mean|median|p90|corpus|rate)$")


def page_measures(pages: Sequence[TestPage]) -> tuple[PageMeasure, ...]:
    """Return the known scores that any page has, for either model."""
    counted = {
        name for page in pages for name, pair in page.metrics.items() if not (pair.base is None and pair.tuned is None)
    }
    return tuple(measure for measure in PAGE_MEASURES if measure.key in counted)


def measure_behind(aggregate: str, measures: Iterable[PageMeasure]) -> str:
    """Return the score of pages that an aggregate sums up; "" where it is none of the measures that the pages have.

    An aggregate is a key of metrics.json ("cer_p90", "loop_rate") or of the verdict ("cer", "loops").
    """
    stem = _ALIASES.get(aggregate, _AGGREGATE.sub("", aggregate))
    return stem if stem in {measure.key for measure in measures} else ""


def pages_link(**wanted: str | float) -> str:
    """Return the link that shows the pages with these filters (`measure`, `show`, `category` …) and this `order`."""
    return "#pages?" + urlencode({key: str(value) for key, value in wanted.items()})


@dataclass(frozen=True)
class IndexedPage:
    """What the index needs of a page besides `TestPage`: flags ("tuned loop"), the text that is searched, an image."""

    page: TestPage
    flags: tuple[str, ...]
    search: str
    thumbnail: str


@dataclass(frozen=True)
class PageIndex:
    """The index as JSON for a `<script type="application/json">`, and the small images, some in a text each."""

    json: Markup
    thumbnails: tuple[str, ...]


def page_index(entries: Iterable[IndexedPage], measures: Sequence[PageMeasure]) -> PageIndex:
    """Return the index of the test pages.

    The JSON: {"measures": [[key, name, better]], "perChunk": images in a text, "pages": [{"index", "id", "document",
    "category", "language", "script", "layout", "source": of the label, "search", "scores": [[base, tuned]] as
    `measures` are, null where not counted, "flagged": true where a reading went wrong}]}. Each text of small images is
    base64 of WebP, comma separated, empty where a page has no image.
    """
    found = [(_row(entry, measures), entry.thumbnail) for entry in entries]
    rows, thumbnails = [row for row, _ in found], [thumbnail for _, thumbnail in found]
    content = {
        "measures": [[measure.key, measure.name, measure.better] for measure in measures],
        "perChunk": THUMBNAILS_PER_CHUNK,
        "pages": rows,
    }
    # Inside <script type="application/json">, "<" is all that could end the element.
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    starts = range(0, len(thumbnails), THUMBNAILS_PER_CHUNK)
    chunks = tuple(",".join(thumbnails[start : start + THUMBNAILS_PER_CHUNK]) for start in starts)
    return PageIndex(Markup(text), chunks)  # noqa: S704


def _row(entry: IndexedPage, measures: Sequence[PageMeasure]) -> dict[str, object]:
    page = entry.page
    pairs = [page.metrics.get(measure.key) for measure in measures]
    row: dict[str, object] = {
        "index": page.index,
        "id": visible(page.id),
        "document": visible(page.document),
        "category": visible(page.category) or UNNAMED,
        "language": visible(page.language) or UNNAMED,
        "script": page.script or UNNAMED,
        "layout": page.layout,
        "source": visible(page.label_source) or UNNAMED,
        "search": visible(entry.search),
        "scores": [None if pair is None else [_rounded(pair.base), _rounded(pair.tuned)] for pair in pairs],
    }
    return row | ({"flagged": True} if entry.flags else {})


def _rounded(value: float | None) -> float | None:
    if value is None:
        return None
    shown = round(value, DECIMALS)
    return int(shown) if shown.is_integer() else shown

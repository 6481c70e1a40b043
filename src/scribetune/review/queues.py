"""The order in which pages are shown to a person."""

import csv
import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scribetune.core import csv_files
from scribetune.core.errors import UserError
from scribetune.dataset import long_pages
from scribetune.record import remembered
from scribetune.review.page_views import ReviewPage

SAMPLES = Path("reports/samples.csv")


@dataclass(frozen=True)
class Queue:
    """Pages in the order in which they are shown.

    `name` is as in reviews.csv. Pages that are done stay in it (a sample is shown whole: `keeps_done`) or leave it.
    """

    name: str
    ids: tuple[str, ...]
    keeps_done: bool = False


def lowest_trust(pages: Mapping[str, ReviewPage]) -> Queue:
    """Labelled pages, the least trusted first; of equal ones those with tables first, then in an order by hash.

    By hash and not by name: an hour of it should not go to the pages of one document.
    """
    labelled = [page for page in pages.values() if page.label and page.label_source != "correction"]
    labelled.sort(key=lambda page: (page.trust, not page.tables, hashlib.sha256(page.id.encode()).digest()))
    return Queue("trust", tuple(page.id for page in labelled))


def unlabelled(pages: Mapping[str, ReviewPage]) -> Queue:
    """Pages without a usable label (scans, for example), to be typed by a person, by document and page."""
    return Queue("unlabelled", tuple(page.id for page in pages.values() if not page.label or page.trust == 0))


def worst_predictions(pages: Mapping[str, ReviewPage], samples: Path, count: int) -> Queue:
    """Test pages that the tuned model read worst (highest CER): the label may be what is wrong.

    Raises:
        UserError: There are no scores yet.
    """
    try:
        scored = [(long_pages.page_of(row["id"]), row["cer_tuned"]) for row in csv_files.read(samples)]
    except (OSError, KeyError, csv.Error) as error:
        raise UserError(
            "There are no scored predictions to review", value=str(samples), accepted="the scores of a build",
            todo=f"score them first: {remembered.command(samples.parent.parent)}; or review by trust",
        ) from error  # fmt: skip
    known = [(float(cer), id_) for id_, cer in scored if cer and id_ in pages and not math.isnan(float(cer))]
    known.sort(key=lambda entry: (-entry[0], entry[1]))
    ids = tuple(dict.fromkeys(id_ for _, id_ in known))  # a page once, by its worst part
    return Queue("worst", ids[:count], keeps_done=True)


def report_places(samples: Path) -> dict[str, str]:
    """Return page id → its place in the report ("page-7"), of the pages in samples.csv; {} without that file.

    A page that was cut is where its first part is.
    """
    try:
        places = [(long_pages.page_of(row["id"]), f"page-{int(row['index'])}") for row in csv_files.read(samples)]
        return dict(reversed(places))
    except (OSError, KeyError, ValueError, csv.Error):
        return {}


def waiting(queue: Queue, is_done: Callable[[str], bool], limit: int) -> Sequence[str]:
    """Return the ids to show: at most `limit`, without those done where the queue drops them."""
    chosen: Iterable[str] = queue.ids if queue.keeps_done else (id_ for id_ in queue.ids if not is_done(id_))
    return [id_ for _, id_ in zip(range(limit), chosen, strict=False)]

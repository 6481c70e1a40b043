"""Test pages beside the training pages nearest to them, as the report shows them (`dataset.leakage`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from scribetune.core import files
from scribetune.dataset import leakage
from scribetune.dataset.leakage import Limits, Nearest
from scribetune.report import data, images
from scribetune.text import sharegpt
from scribetune.text.text_diff import difference

SHOWN = 24
"""Pages that are shown with images and texts, the most similar first; the table has `ROWS`, leakage.json all."""
ROWS = 1_000
_CHARACTERS = 3_000


@dataclass(frozen=True)
class Side:
    """A page beside another: its id and a small image of it, as a `data:` URI; "" where there is none."""

    id: str
    image: str


@dataclass(frozen=True)
class PairView:
    """A test page, the two training pages nearest to it, and its text against the one's: what differs is marked."""

    one: Nearest
    test: Side
    by_text: Side
    by_image: Side
    difference: Markup
    is_above: bool


@dataclass(frozen=True)
class LeakageView:
    """What the report shows of leakage."""

    limits: Limits
    most_text: float
    most_image: float
    count: int  # test pages
    rows: tuple[Nearest, ...]  # the most similar first
    pairs: tuple[PairView, ...]


def view(
    path: Path, working_directory: Path, test: Sequence[Mapping[str, Any]], train: Sequence[Mapping[str, Any]]
) -> LeakageView:
    """Return what is shown of reports/leakage.json; `test` and `train` are the records of these splits.

    Raises:
        UserError: The file is missing or malformed.
    """
    known = data.json_object(path)
    limits, pages = leakage.from_report(known)
    texts = {str(record["id"]): sharegpt.label(record) or "" for record in (*test, *train)}
    return LeakageView(
        limits,
        float(known["most"]["text"]),
        float(known["most"]["image"]),
        len(pages),
        tuple(pages[:ROWS]),
        tuple(_pair(one, working_directory, texts, limits) for one in pages[:SHOWN]),
    )


def of_files(path: Path, working_directory: Path, test_jsonl: Path, train_jsonl: Path) -> LeakageView:
    """Return what is shown, of the files of a build."""
    return view(path, working_directory, files.read_jsonl(test_jsonl), files.read_jsonl(train_jsonl))


def _pair(one: Nearest, working_directory: Path, texts: Mapping[str, str], limits: Limits) -> PairView:
    return PairView(
        one,
        _side(working_directory, one.page, one.image),
        _side(working_directory, one.text_page, one.text_image),
        _side(working_directory, one.image_page, one.image_image),
        difference(texts.get(one.text_page, ""), texts.get(one.page, ""), _CHARACTERS).html,
        one.exceeds(limits),
    )


def _side(working_directory: Path, page: str, image: str) -> Side:
    return Side(page, images.small_image(working_directory, image) if image else "")

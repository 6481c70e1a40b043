"""Labels by a teacher model for pages that have none: scans, and pages whose text layer was refused.

The model reads the page images with the same generation code as the build's predictions, and its answers go where
people's labels go, each with a first line that says so: a label of a person is never overwritten, and the manifest and
the lineage show `teacher` as the source.
"""

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from scribetune.core import csv_files, files
from scribetune.core.config import Config
from scribetune.core.errors import UserError
from scribetune.dataset import unlabelled
from scribetune.labels.corrections import read_correction
from scribetune.models import families
from scribetune.models.examples import Page
from scribetune.record import remembered
from scribetune.review import decisions
from scribetune.text import markdown

logger = logging.getLogger(__name__)

SELECTION = Path("data/manifests/selection/all.csv")
READABLE = unlabelled.READABLE


@dataclass(frozen=True)
class Teaching:
    """What became of the pages."""

    written: int  # labels written
    by_people: int  # pages that a person has labelled already: left as they are
    unfinished: int  # pages whose answer did not come to its end (too long, or in a loop): no label
    empty: int  # pages for which the model wrote nothing


def refused_pages(folder: Path, reasons: Collection[str]) -> list[tuple[str, int, Path]]:
    """Return (document, page, image) of a build's pages that were refused for one of the reasons and have an image.

    Raises:
        UserError: The manifest is not there.
    """
    selection = folder / SELECTION
    if not selection.exists():
        raise UserError(
            f"{selection} does not exist: which pages have no usable label is not known yet.",
            todo=f"find out first: {remembered.command(folder, 'labels')}; or name the build's folder with --folder",
        )
    return [
        (row["document"], int(row["page"]), folder / row["image"])
        for row in csv_files.read(selection)
        if row["reason"] in reasons and row["image"] and (folder / row["image"]).exists()
    ]


def teach(
    config: Config, model: str, reasons: Sequence[str] = READABLE, limit: int | None = None, folder: Path = Path()
) -> Teaching:
    """Label a build's pages refused for these reasons with a model (a folder, or a hub id), at most `limit`.

    The next build in `folder` takes the labels up. Of the configuration, `task`, `generate`, `labels.corrections` and
    precision and threads of `train` are used.

    Raises:
        UserError: An unknown reason, no manifest, no usable model, or a folder of corrections that is a link.
    """
    unknown = sorted(set(reasons) - set(READABLE))
    if unknown:
        raise UserError(
            f"No page can be labelled for the reason {', '.join(unknown)}; accepted: {', '.join(READABLE)}.",
            todo="name some of these",
        )
    _require_usable(config, model)
    corrections = folder / config.labels.corrections
    found = refused_pages(folder, reasons)
    people = [page for page in found if _is_by_people(_target(corrections, *page[:2]))]
    waiting = [page for page in found if page not in people][:limit]
    for document in {document for document, _, _ in waiting}:
        _refuse_link(corrections, document)
    counts: Counter[str] = Counter()
    if waiting:
        counts = _write(config, model, corrections, waiting)
    return Teaching(counts["written"], len(people), counts["unfinished"], counts["empty"])


def _refuse_link(folder: Path, document: str) -> None:
    outside = decisions.leads_outside(folder, document)
    if outside is not None:
        raise UserError(
            f"{folder / document} is a link: no label is written there", value=str(outside),
            accepted=f"a folder of its own in {folder}, or none",
            todo="put a folder in its place, and call this again",
        )  # fmt: skip


def _require_usable(config: Config, model: str) -> None:
    """Look at the teacher before anything else: where no page waits, nobody would learn that its name is wrong."""
    try:
        families.resolve(config.base_model.model_copy(update={"name": model}), (Path(),))
    except UserError as error:
        raise UserError(
            error.what.replace("The base model", "The teacher"), value=error.value, accepted=error.accepted,
            todo="name another model: scribetune teach MODEL",
        ) from error  # fmt: skip


def _write(config: Config, model: str, folder: Path, waiting: Sequence[tuple[str, int, Path]]) -> Counter[str]:
    from scribetune.generation import Reader

    reader = Reader(config, model)
    pages = [
        Page(f"{document}/p{number:04d}", document, number, image, reader.prompt, "")
        for document, number, image in waiting
    ]
    counts: Counter[str] = Counter()
    for index, prediction in reader.stream(pages):
        text = markdown.normalise(prediction.text)
        outcome = "unfinished" if prediction.stop_reason != "eos" else "written" if text else "empty"
        counts[outcome] += 1
        if outcome == "written":
            document, number, _ = waiting[index]
            target = _target(folder, document, number)
            files.write_text(target, f"<!-- teacher: {model} -->\n{text}")
        else:
            logger.warning("%s: no label (%s, stopped by %s)", prediction.id, outcome, prediction.stop_reason)
    return counts


def _target(folder: Path, document: str, page: int) -> Path:
    return folder / document / f"p{page:04d}.md"


def _is_by_people(path: Path) -> bool:
    return path.exists() and read_correction(path).source != "teacher"

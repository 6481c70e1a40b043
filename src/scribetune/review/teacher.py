"""Labels by a teacher for pages that have none: scans, and pages whose text layer was refused.

The teacher is a model, or `rapidocr`: two readers of lines that need no model of one's own. A model reads the page
images with the same generation code as the build's predictions. The answers go where people's labels go, each with a
first line that says so: a label of a person is never overwritten, and the manifest and the lineage show `teacher` as
the source.
"""

import logging
import os
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from scribetune.core import csv_files, files, isolation
from scribetune.core.config import Config
from scribetune.core.errors import UserError
from scribetune.core.progress import bar
from scribetune.dataset import unlabelled
from scribetune.labels import agreement, image_models, scanned_tables, two_readings
from scribetune.labels.corrections import read_correction, with_unsure
from scribetune.labels.reader import prepare_worker
from scribetune.models import families
from scribetune.models.examples import Page
from scribetune.record import remembered
from scribetune.review import decisions
from scribetune.text import grounding, markdown

logger = logging.getLogger(__name__)

SELECTION = Path("data/manifests/selection/all.csv")
READABLE = unlabelled.READABLE
TWO_READERS = image_models.PACKAGE
"""Name of the teacher that is no model: lines that two readers agree on."""
_S_PER_PAGE = 300.0  # processor time


@dataclass(frozen=True)
class Teaching:
    """What became of the pages."""

    written: int  # labels written
    by_people: int  # pages that a person has labelled already: left as they are
    unfinished: int  # pages whose answer did not come to its end (too long, in a loop, or failed): no label
    empty: int  # pages for which the teacher wrote nothing
    lines: int = 0  # read by two readers
    agreed: int = 0  # lines that both read alike
    below: int = 0  # labels written on which they agree too little to be used (`selection.min_agreement`)


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
    """Label a build's pages refused for these reasons with a model (a folder, a hub id or `rapidocr`), at most `limit`.

    The next build in `folder` takes the labels up. Of the configuration, `task`, `generate`, `labels.corrections` and
    precision and threads of `train` are used.

    With `rapidocr` each label says on how many of its lines two readers agree (`labels.two_readings`); the gate
    `selection.min_agreement` holds for it, and what falls below waits for a person in `scribetune review`.

    Raises:
        UserError: An unknown reason, no manifest, no usable model, or a folder of corrections that is a link.
    """
    unknown = sorted(set(reasons) - set(READABLE))
    if unknown:
        raise UserError(
            f"No page can be labelled for the reason {', '.join(unknown)}; accepted: {', '.join(READABLE)}.",
            todo="name some of these",
        )
    if model == TWO_READERS:
        agreement.require(TWO_READERS, "")
        if two_readings.readers() == two_readings.BY_TWO:
            agreement.require("tesseract", config.labels.agreement_languages)
    else:
        _require_usable(config, model)
    corrections = folder / config.labels.corrections
    found = refused_pages(folder, reasons)
    people = [page for page in found if _is_by_people(_target(corrections, *page[:2]))]
    waiting = [page for page in found if page not in people][:limit]
    for document in {document for document, _, _ in waiting}:
        _refuse_link(corrections, document)
    counts: Counter[str] = Counter()
    if waiting:
        write = _write_twice_read if model == TWO_READERS else _write
        counts = write(config, model, corrections, waiting)
    return Teaching(
        counts["written"], len(people), counts["unfinished"], counts["empty"],
        counts["lines"], counts["agreed"], counts["below"],
    )  # fmt: skip


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
        text = markdown.normalise(grounding.plain(prediction.text))
        outcome = "unfinished" if prediction.stop_reason != "eos" else "written" if text else "empty"
        counts[outcome] += 1
        if outcome == "written":
            document, number, _ = waiting[index]
            target = _target(folder, document, number)
            files.write_text(target, f"<!-- teacher: {model} -->\n{text}")
        else:
            logger.warning("%s: no label (%s, stopped by %s)", prediction.id, outcome, prediction.stop_reason)
    return counts


def _write_twice_read(
    config: Config, model: str, folder: Path, waiting: Sequence[tuple[str, int, Path]]
) -> Counter[str]:
    languages, who = config.labels.agreement_languages, two_readings.readers()
    tasks = [isolation.Task(scanned_tables.of_file, (str(image), languages), _S_PER_PAGE) for _, _, image in waiting]
    counts: Counter[str] = Counter()
    with (
        isolation.Workers(min(len(tasks), os.cpu_count() or 1), prepare=prepare_worker) as workers,
        bar("Reading", len(tasks), "pages") as advance,
    ):
        for (document, number, _), outcome in zip(waiting, workers.run(tasks), strict=True):
            advance(note=document)
            if outcome.failure:
                counts["unfinished"] += 1
                logger.warning("%s page %d: no label (%s: %s)", document, number, model, outcome.message)
                continue
            scan: scanned_tables.ReadScan = outcome.value
            lines = scan.lines
            in_tables = {number for table in scan.tables for number in table.lines}
            others = [line for number, line in enumerate(lines) if number not in in_tables]
            text = markdown.normalise("\n".join(scanned_tables.rows_of(scan, two_readings.in_order(others))))
            if not text:
                counts["empty"] += 1
                continue
            unsure = [_as_unsure(line) for line in lines if not line.agrees]
            files.write_text(_target(folder, document, number), with_unsure(who, text, unsure, len(lines)))
            agreed = len(lines) - len(unsure)
            counts["below"] += agreed < config.selection.min_agreement * len(lines)
            counts += Counter(written=1, lines=len(lines), agreed=agreed)
    return counts


def _as_unsure(line: two_readings.DoublyRead) -> dict[str, str]:
    x0, y0, x1, y1 = line.box
    return {"label": line.text, "image": line.other, "place": f"{x0:.0f},{y0:.0f}–{x1:.0f},{y1:.0f} px"}


def _target(folder: Path, document: str, page: int) -> Path:
    return folder / document / f"p{page:04d}.md"


def _is_by_people(path: Path) -> bool:
    return path.exists() and read_correction(path).source != "teacher"

"""Spot check: a random sample of the labels that a build uses, judged by people, and the error rate it speaks for.

The sample is drawn once and kept in data/corrections/spot_check-n<N>-seed<S>.json, with the hashes of its labels: it
stays the same while pages are corrected and built again, and the result stays that of the labels that were drawn.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scribetune import files
from scribetune.errors import UserError
from scribetune.review.pages import ReviewPage
from scribetune.review.records import Review, Verdict

PATTERN = "spot_check-*.json"
_SCHEMA = "scribetune-spot-check/1"


@dataclass(frozen=True)
class Sampled:
    """A page of the sample: its id and the hash of the label that was drawn."""

    id: str
    label_sha256: str


@dataclass(frozen=True)
class Sample:
    """What was drawn.

    Attributes:
        wanted: Pages asked for.
        seed: Of the draw.
        frame: Pages that it was drawn from: those the build uses whose label is no person's.
        pages: Drawn, in random order, so that a check broken off is a smaller random sample.
    """

    wanted: int
    seed: int
    frame: int
    pages: tuple[Sampled, ...]

    @property
    def name(self) -> str:
        """Name of the queue and of the file."""
        return f"spot_check-n{self.wanted}-seed{self.seed}"


@dataclass(frozen=True)
class Result:
    """What people found.

    Attributes:
        name: Of the sample.
        pages: In the sample.
        reviewed: Judged so far.
        errors: Corrected or rejected.
        rate: errors / reviewed; None before any page is judged.
        low: Of the 95 % Wilson interval.
        high: Of the same.
        frame: Pages that the sample speaks for.
    """

    name: str
    pages: int
    reviewed: int
    errors: int
    rate: float | None
    low: float
    high: float
    frame: int


def wilson(errors: int, reviewed: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a share (Wilson 1927), which holds for few pages and for none wrong, too.

    centre = (p + z²/2n) / (1 + z²/n), half width = z/(1 + z²/n) · √(p(1 − p)/n + z²/4n²). (0, 1) for no page.

    Raises:
        ValueError: More errors than pages, or a negative count.
    """
    from statistics import NormalDist  # the plan of a build imports this module, and should start at once

    if not 0 <= errors <= reviewed:
        raise ValueError(f"{errors} errors in {reviewed} pages")
    if reviewed == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = errors / reviewed
    scale = 1 + z * z / reviewed
    centre = (share + z * z / (2 * reviewed)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / reviewed + z * z / (4 * reviewed * reviewed))
    # At the ends the formula gives exactly 0 and 1, and rounding does not.
    return (0.0 if errors == 0 else centre - half), (1.0 if errors == reviewed else centre + half)


def draw(pages: Iterable[ReviewPage], wanted: int, seed: int) -> Sample:
    """Draw pages without replacement, every page with the same chance; the same pages and seed give the same sample."""
    frame = [page for page in pages if page.accepted and page.label_source != "correction"]
    frame.sort(key=lambda page: hashlib.sha256(f"{seed}\n{page.id}".encode()).digest())
    drawn = tuple(Sampled(page.id, page.label_sha256) for page in frame[:wanted])
    return Sample(wanted, seed, len(frame), drawn)


def result(sample: Sample, reviews: Iterable[Review]) -> Result:
    """Count what people found; of a page judged twice the newest decision counts, of other labels of a page none."""
    verdicts = verdicts_on(sample, reviews)
    errors = sum(verdict != Verdict.ACCEPT for verdict in verdicts.values())
    low, high = wilson(errors, len(verdicts))
    rate = errors / len(verdicts) if verdicts else None
    return Result(sample.name, len(sample.pages), len(verdicts), errors, rate, low, high, sample.frame)


def verdicts_on(sample: Sample, reviews: Iterable[Review]) -> dict[str, str]:
    """Return page id → the newest verdict on the label that was drawn, for pages judged.

    Who changes a correction back to the label that was drawn has accepted it.
    """
    drawn = {(page.id, page.label_sha256) for page in sample.pages}
    verdicts: dict[str, str] = {}
    for row in reviews:
        if (row.page_id, row.label_sha256) in drawn:
            verdicts[row.page_id] = row.verdict
        elif (row.page_id, row.corrected_sha256) in drawn:
            verdicts[row.page_id] = Verdict.ACCEPT
    return verdicts


def write(path: Path, sample: Sample, reviews: Iterable[Review]) -> Result:
    """Write sample and result for the report and for git, and return the result."""
    reviews = tuple(reviews)
    verdicts, found = verdicts_on(sample, reviews), result(sample, reviews)
    listed = [{**asdict(page), "verdict": verdicts.get(page.id, "")} for page in sample.pages]
    drawn = {"wanted": sample.wanted, "seed": sample.seed, "frame": sample.frame, "pages": listed}
    files.write_json(path, {"schema": _SCHEMA, "sample": drawn, "result": asdict(found)})
    return found


def read(path: Path) -> tuple[Sample, Result]:
    """Read what `write` wrote.

    Raises:
        UserError: The file is not such a record.
    """
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        drawn = content["sample"]
        pages = tuple(Sampled(str(page["id"]), str(page["label_sha256"])) for page in drawn["pages"])
        sample = Sample(int(drawn["wanted"]), int(drawn["seed"]), int(drawn["frame"]), pages)
        found = Result(**content["result"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is no record of a spot check ({type(error).__name__}: {error})",
            accepted=f"a file that `scribetune review --spot-check N` wrote ({_SCHEMA})",
            todo="restore it with git, or remove it",
        ) from error
    return sample, found


def sentences(paths: Iterable[Path]) -> list[str]:
    """Return one sentence per spot check, for the report; none where no page is judged yet.

    Raises:
        UserError: A file is not a record of a spot check.
    """
    return [_sentence(found) for _, found in map(read, sorted(paths)) if found.reviewed]


def _sentence(found: Result) -> str:
    rest = found.pages - found.reviewed
    unfinished = f" {rest} page{'' if rest == 1 else 's'} of the sample not judged yet." if rest else ""
    rate, low, high = (100 * share for share in (found.errors / found.reviewed, found.low, found.high))
    return (
        f"{found.name}: {found.reviewed} page{'' if found.reviewed == 1 else 's'} judged by people, "
        f"{found.errors} with errors: {rate:.1f} % (95 % Wilson interval {low:.1f} to {high:.1f} %) of "
        f"{found.frame} labels in use when the sample was drawn.{unfinished}"
    )

"""Spot check: a random sample of the labels that a build uses, judged by people, and the error rate it speaks for.

The sample is drawn once and kept in data/corrections/spot_check-n<N>-seed<S>.json, with the hashes of its labels: it
stays the same while pages are corrected and built again, and the result stays that of the labels that were drawn.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scribetune.core import files
from scribetune.core.errors import UserError, counted
from scribetune.review.decisions import Review, Verdict
from scribetune.review.page_views import ReviewPage

PATTERN = "spot_check-*.json"
_SCHEMA = "scribetune-spot-check/1"


@dataclass(frozen=True)
class Sampled:
    """A page of the sample: its id and the hash of the label that was drawn."""

    id: str
    label_sha256: str


@dataclass(frozen=True)
class Sample:
    """What was drawn."""

    wanted: int  # pages asked for
    seed: int  # of the draw
    frame: int  # pages that it was drawn from: those the build uses whose label is no person's
    pages: tuple[Sampled, ...]  # drawn, in random order, so that a check broken off is a smaller random sample

    @property
    def name(self) -> str:
        """Name of the queue and of the file."""
        return f"spot_check-n{self.wanted}-seed{self.seed}"


@dataclass(frozen=True)
class Result:
    """What people found.

    `rate` is errors (corrected or rejected) / reviewed, None before any page is judged, within the 95 % Wilson
    interval; `frame` counts the pages that the sample speaks for.
    """

    name: str
    pages: int
    reviewed: int
    errors: int
    rate: float | None
    low: float
    high: float
    frame: int


@dataclass(frozen=True)
class Judgement:
    """What somebody decided on a page of a sample.

    `reviewer`, `reviewed_at` (UTC, ISO 8601) and `reason` are "" in records of an earlier version.
    """

    id: str
    verdict: str
    reviewer: str = ""
    reviewed_at: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """A spot check as it is on record: the sample, what was found, and who judged what, in the order drawn."""

    sample: Sample
    result: Result
    judgements: tuple[Judgement, ...]

    @property
    def errors(self) -> tuple[Judgement, ...]:
        """Pages that were corrected or rejected."""
        return tuple(judged for judged in self.judgements if judged.verdict != Verdict.ACCEPT)

    @property
    def reviewers(self) -> tuple[tuple[str, int], ...]:
        """Who judged, and how many pages; the most first."""
        return _counted(judged.reviewer for judged in self.judgements)

    @property
    def reasons(self) -> tuple[tuple[str, int], ...]:
        """Verdict and reason of the errors, and how often; the most first."""
        return _counted(
            f"{_VERDICTS[Verdict(error.verdict)]}{': ' if error.reason else ''}{error.reason}" for error in self.errors
        )

    @property
    def days(self) -> tuple[str, ...]:
        """The first and the last day on which a page was judged (UTC); one where they are the same, none if unknown."""
        days = sorted({judged.reviewed_at[:10] for judged in self.judgements} - {""})
        return tuple(dict.fromkeys(days[:1] + days[-1:]))


_VERDICTS = {Verdict.ACCEPT: "accepted", Verdict.CORRECT: "corrected", Verdict.REJECT: "rejected"}


def _counted(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(Counter(filter(None, names)).items(), key=lambda entry: (-entry[1], entry[0])))


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
    return {judged.id: judged.verdict for judged in judgements_on(sample, reviews)}


def judgements_on(sample: Sample, reviews: Iterable[Review]) -> tuple[Judgement, ...]:
    """Return the newest judgement on each label that was drawn, in the order drawn; see `verdicts_on`."""
    drawn = {(page.id, page.label_sha256) for page in sample.pages}
    found: dict[str, Judgement] = {}
    for row in reviews:
        if (row.page_id, row.label_sha256) in drawn:
            found[row.page_id] = Judgement(row.page_id, row.verdict, row.reviewer, row.reviewed_at, row.reason)
        elif (row.page_id, row.corrected_sha256) in drawn:
            found[row.page_id] = Judgement(row.page_id, Verdict.ACCEPT, row.reviewer, row.reviewed_at, row.reason)
    return tuple(found[page.id] for page in sample.pages if page.id in found)


def write(path: Path, sample: Sample, reviews: Iterable[Review]) -> Result:
    """Write sample and result for the report and for git, and return the result."""
    reviews = tuple(reviews)
    judged = {judgement.id: judgement for judgement in judgements_on(sample, reviews)}
    found = result(sample, reviews)
    nothing = {"verdict": "", "reviewer": "", "reviewed_at": "", "reason": ""}
    listed = [{**asdict(page), **(asdict(judged[page.id]) if page.id in judged else nothing)} for page in sample.pages]
    drawn = {"wanted": sample.wanted, "seed": sample.seed, "frame": sample.frame, "pages": listed}
    files.write_json(path, {"schema": _SCHEMA, "sample": drawn, "result": asdict(found)})
    return found


def read(path: Path) -> tuple[Sample, Result]:
    """Read what `write` wrote.

    Raises:
        UserError: The file is not such a record.
    """
    check = read_check(path)
    return check.sample, check.result


def read_check(path: Path) -> Check:
    """Read what `write` wrote, with who judged what.

    Raises:
        UserError: The file is not such a record.
    """
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        drawn = content["sample"]
        pages = tuple(Sampled(str(page["id"]), str(page["label_sha256"])) for page in drawn["pages"])
        sample = Sample(int(drawn["wanted"]), int(drawn["seed"]), int(drawn["frame"]), pages)
        found = Result(**content["result"])
        judged = tuple(
            Judgement(**{key: str(page.get(key, "")) for key in ("id", "verdict", "reviewer", "reviewed_at", "reason")})
            for page in drawn["pages"]
            if page.get("verdict") in set(Verdict)
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path} is no record of a spot check ({type(error).__name__}: {error})",
            accepted=f"a file that `scribetune review --spot-check N` wrote ({_SCHEMA})",
            todo="restore it with git, or remove it",
        ) from error
    return Check(sample, found, judged)


def checks(paths: Iterable[Path]) -> list[Check]:
    """Return the spot checks that have begun, by name of their file.

    Raises:
        UserError: A file is not a record of a spot check.
    """
    return [check for check in map(read_check, sorted(paths)) if check.result.reviewed]


def sentence(found: Result) -> str:
    """Return what was found, in words; at least one page must have been judged."""
    rest = found.pages - found.reviewed
    unfinished = f" {counted(rest, 'page')} of the sample not judged yet." if rest else ""
    rate, low, high = (100 * share for share in (found.errors / found.reviewed, found.low, found.high))
    return (
        f"{found.name}: {counted(found.reviewed, 'page')} judged by people, "
        f"{found.errors} with errors: {rate:.1f} % (95 % Wilson interval {low:.1f} to {high:.1f} %) of "
        f"{found.frame} labels in use when the sample was drawn.{unfinished}"
    )

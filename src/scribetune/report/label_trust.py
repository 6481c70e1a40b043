"""How far the labels of a build can be trusted, and where page and label read otherwise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from scribetune.dataset import trust
from scribetune.dataset.selection import Reason
from scribetune.review import both_readings
from scribetune.review.both_readings import BothReadings

_EDGES = (0.0, 0.2, 0.5, 0.7, 0.9, 1.0)
_MOST = 40  # disagreements that are shown
_OF_A_PAGE = 3
_MOST_SIDE_BY_SIDE, _OF_A_PAGE_SIDE_BY_SIDE = 24, 2  # readings that are shown beside each other
_BY_A_SECOND_READING = (Reason.TABLE_DOUBTFUL, Reason.LOW_AGREEMENT)


@dataclass(frozen=True)
class Band:
    """Machine labels whose trust is from `low` up to `high`."""

    low: float
    high: float
    pages: int
    accepted: int


@dataclass(frozen=True)
class Disagreement:
    """One place where a witness reads the page otherwise than its label."""

    id: str  # of the page
    trust: float
    accepted: bool
    reason: str  # what speaks against the label
    page_reads: str
    label_has: str
    place: str  # its left and top in points of the page


@dataclass(frozen=True)
class SideBySide:
    """One place that two readers read otherwise, and the page that it is on."""

    id: str  # of the page
    trust: float
    accepted: bool
    reason: str  # why the page is not used; "" if it is
    image: str  # of the page, relative to the working directory
    size_pt: tuple[float, float] | None  # of the page
    found: BothReadings


@dataclass(frozen=True)
class LabelTrust:
    """What the report shows of trust; no bands where no label was checked."""

    bands: tuple[Band, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()  # the least trusted pages first
    more: int = 0  # that are not among them
    side_by_side: tuple[SideBySide, ...] = ()  # pages refused for it first, then the least trusted
    more_side_by_side: int = 0


def of(selected: Sequence[Mapping[str, str]], labels: Sequence[Mapping[str, str]]) -> LabelTrust:
    """Sum up the trust in machine labels, from the rows of the manifests of selection and of labels."""
    by_page = {(row["document"], row["page"]): row for row in labels}
    beside = _side_by_side(selected, by_page)
    both: dict[str, Any] = {
        "side_by_side": beside[:_MOST_SIDE_BY_SIDE],
        "more_side_by_side": len(beside[_MOST_SIDE_BY_SIDE:]),
    }
    rows = [row for row in selected if row.get("trust") and row.get("label_source") == "machine" and row.get("label")]
    if not rows:
        return LabelTrust(**both)
    bands = []
    for low, high in pairwise(_EDGES):
        inside = [row for row in rows if low <= float(row["trust"]) < high or float(row["trust"]) == high == _EDGES[-1]]
        bands.append(Band(low, high, len(inside), sum(map(_is_accepted, inside))))
    rows.sort(key=lambda row: (float(row["trust"]), row["document"], int(row["page"])))
    told = [(row, by_page.get((row["document"], row["page"]), {}).get("findings", "")) for row in rows]
    found = [one for row, findings in told for one in _disagreements(row, findings)]
    return LabelTrust(tuple(bands), tuple(found[:_MOST]), len(found[_MOST:]), **both)


def _side_by_side(
    selected: Sequence[Mapping[str, str]], labels: Mapping[tuple[str, str], Mapping[str, str]]
) -> tuple[SideBySide, ...]:
    """Return what two readers read otherwise, of labels that no person wrote."""
    found = [
        SideBySide(
            id=_id(row),
            trust=float(row.get("trust") or 0),
            accepted=_is_accepted(row),
            reason=row.get("reason", ""),
            image=row.get("image", ""),
            size_pt=both_readings.page_size(label),
            found=one,
        )
        for row in selected
        if row.get("label_source") != "correction" and (label := labels.get((row["document"], row["page"])))
        for one in both_readings.of_row(label)[:_OF_A_PAGE_SIDE_BY_SIDE]
    ]
    return tuple(sorted(found, key=lambda one: (one.reason not in _BY_A_SECOND_READING, one.trust, one.id)))


def _id(row: Mapping[str, str]) -> str:
    return f"{row['document']}/p{int(row['page']):04d}"


def _is_accepted(row: Mapping[str, str]) -> bool:
    return row["accepted"].strip().lower() == "true"


def _disagreements(row: Mapping[str, str], findings: str) -> list[Disagreement]:
    reasons = {part.name: part.reason for part in trust.PARTS}
    told = [entry for entry in (json.loads(findings) if findings else ()) if entry[0] in reasons]
    return [
        Disagreement(
            id=_id(row),
            trust=float(row["trust"]),
            accepted=_is_accepted(row),
            reason=reasons[kind],
            page_reads=page,
            label_has=label,
            place=f"{x}, {y}",
        )
        for kind, page, label, x, y, *_ in told[:_OF_A_PAGE]
    ]

"""How far the labels of a build can be trusted, and where page and label read otherwise."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from scribetune.dataset import trust

_EDGES = (0.0, 0.2, 0.5, 0.7, 0.9, 1.0)
_MOST = 40  # disagreements that are shown
_OF_A_PAGE = 3


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
class LabelTrust:
    """What the report shows of trust; no bands where no label was checked."""

    bands: tuple[Band, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()  # the least trusted pages first
    more: int = 0  # that are not among them


def of(selected: Sequence[Mapping[str, str]], labels: Sequence[Mapping[str, str]]) -> LabelTrust:
    """Sum up the trust in machine labels, from the rows of the manifests of selection and of labels."""
    rows = [row for row in selected if row.get("trust") and row.get("label_source") == "machine" and row.get("label")]
    if not rows:
        return LabelTrust()
    bands = []
    for low, high in pairwise(_EDGES):
        inside = [row for row in rows if low <= float(row["trust"]) < high or float(row["trust"]) == high == _EDGES[-1]]
        bands.append(Band(low, high, len(inside), sum(map(_is_accepted, inside))))
    findings = {(row["document"], row["page"]): row.get("findings", "") for row in labels}
    rows.sort(key=lambda row: (float(row["trust"]), row["document"], int(row["page"])))
    found = [one for row in rows for one in _disagreements(row, findings.get((row["document"], row["page"]), ""))]
    return LabelTrust(tuple(bands), tuple(found[:_MOST]), len(found[_MOST:]))


def _is_accepted(row: Mapping[str, str]) -> bool:
    return row["accepted"].strip().lower() == "true"


def _disagreements(row: Mapping[str, str], findings: str) -> list[Disagreement]:
    reasons = {part.name: part.reason for part in trust.PARTS}
    told = [entry for entry in (json.loads(findings) if findings else ()) if entry[0] in reasons]
    return [
        Disagreement(
            id=f"{row['document']}/p{int(row['page']):04d}",
            trust=float(row["trust"]),
            accepted=_is_accepted(row),
            reason=reasons[kind],
            page_reads=page,
            label_has=label,
            place=f"{x}, {y}",
        )
        for kind, page, label, x, y, *_ in told[:_OF_A_PAGE]
    ]

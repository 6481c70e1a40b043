"""Promises about trust in the report: how many labels have how much, and both readings where they differ."""

import json

from scribetune.report import label_trust


def selected(page: int, trust: float, accepted: bool, source: str = "machine") -> dict[str, str]:
    return {
        "document": "d", "page": str(page), "trust": str(trust), "accepted": str(accepted), "label_source": source,
        "label": "x.md",
    }  # fmt: skip


def test_labels_are_counted_by_their_trust_and_disagreements_shown_side_by_side() -> None:
    rows = [
        selected(1, 0.95, True),
        selected(2, 0.1, False),
        selected(3, 1.0, True),
        selected(4, 1.0, True, "correction"),
    ]
    findings = json.dumps([["words_lost", "on the page", "in the label", 72, 310, 90, 320]])
    found = label_trust.of(rows, [{"document": "d", "page": "2", "findings": findings}])
    assert [(band.pages, band.accepted) for band in found.bands] == [(1, 0), (0, 0), (0, 0), (0, 0), (2, 2)]
    (one,) = found.disagreements
    assert (one.id, one.page_reads, one.label_has, one.place) == ("d/p0002", "on the page", "in the label", "72, 310")
    assert one.reason == "words of the page are not in the label"


def test_a_build_without_trust_shows_none() -> None:
    assert label_trust.of([{"document": "d", "page": "1", "accepted": "True"}], []) == label_trust.LabelTrust()

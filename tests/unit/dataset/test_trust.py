"""Promises about trust: everything that was checked can lower it, nothing raises it, and it says why."""

import json
from pathlib import Path
from typing import Any

import pytest

from scribetune.core.config import Selection
from scribetune.dataset import selection, trust
from scribetune.labels.doubts import Doubt
from scribetune.review import server

LOST = json.dumps(
    [{"kind": "lost", "readings": [{"label": "", "image": "a line alone", "box": [72.3, 310.2, 190, 322]}]}]
)
GOOD: dict[str, Any] = {
    "status_page": "ok", "status_label": "ok", "label_source": "machine", "word_recall": 1.0, "word_precision": 1.0,
    "unmapped_share": 0.0, "unlike_share": 0.0, "unread_share": 0.0, "formulas_lost": 0, "formulas_unicode": 0,
    "tables": 0, "characters": 200, "is_tagged": True, "agreement": -1.0, "findings": "",
    **{doubt.value: 0 for doubt in Doubt},
}  # fmt: skip
WORSE: dict[str, Any] = {
    "recall": {"word_recall": 0.96}, "precision": {"word_precision": 0.96}, "glyphs": {"unlike_share": 0.04},
    "unmapped": {"unmapped_share": 0.04}, "unread": {"unread_share": 0.2}, "formulas": {"formulas_unicode": 3},
    "formulas lost": {"formulas_lost": 1}, "tables": {"tables": 2, "is_tagged": False},
    "table agreement": {"table_trust": 0.5}, "image": {"agreement": 0.8},
    "lines lost": {"agreement": 0.99, "disagreements": LOST},
    **{doubt.value: {doubt.value: 4} for doubt in Doubt},
}  # fmt: skip


def test_a_label_that_nothing_speaks_against_is_trusted() -> None:
    found = trust.of(GOOD)
    assert found.value > Selection().min_trust
    assert found.reasons == ()


def test_every_count_of_the_witnesses_is_a_part() -> None:
    assert {doubt.value for doubt in Doubt} <= {part.name for part in trust.PARTS}


@pytest.mark.parametrize("part", trust.PARTS, ids=lambda part: str(part.name))
def test_every_part_lowers_trust_and_says_so(part: trust.Part) -> None:
    found = trust.of(GOOD | WORSE[part.name])
    if part.weight > 0:
        assert found.value < trust.of(GOOD).value
        assert found.reasons[0].startswith(f"{part.reason}: ")
    else:
        assert found == trust.of(GOOD)


@pytest.mark.parametrize("value", ["", -1, float("nan"), "never"])
def test_what_was_not_checked_speaks_neither_for_nor_against(value: Any) -> None:
    assert trust.of(GOOD | dict.fromkeys((*Doubt, "agreement", "table_trust"), value)) == trust.of(GOOD)
    bare = {name: GOOD[name] for name in ("status_label", "label_source")}
    assert trust.of(bare) == trust.of(GOOD)


def test_a_reason_names_what_page_and_label_read_and_where() -> None:
    seen = json.dumps([["phrases_torn", "on the page", "in the label", 72, 310, 90, 320]])
    (reason,) = trust.of(GOOD | {"phrases_torn": 2, "findings": seen}).reasons
    assert ": 2 (" in reason
    for part in ("“on the page”", "“in the label”", "72 pt", "310 pt"):
        assert part in reason
    assert trust.parted(trust.joined([reason, "another: 1"])) == (reason, "another: 1")


def test_one_line_that_the_image_shows_and_no_word_has_is_enough_to_refuse_a_page() -> None:
    row = GOOD | {"agreement": 0.99, "disagreements": LOST}
    assert selection.refuse(row, Selection()) == "low_trust"
    assert "(page “a line alone”, label nothing, 72 pt from the left, 310 pt from the top)" in trust.of(row).reasons[0]


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"label_source": "correction", "words_lost": 90}, 1.0),
        ({"label_source": "teacher"}, 0.5),
        ({"status_label": "timed_out"}, 0.0),
    ],
)
def test_labels_of_people_and_models_are_not_judged_by_the_text_layer(change: dict[str, Any], value: float) -> None:
    assert trust.of(GOOD | change).value == value


def test_a_page_below_the_least_trust_is_refused_unless_a_person_wrote_its_label() -> None:
    bad = GOOD | {"phrases_torn": 30, "words_lost": 30}
    assert selection.refuse(bad, Selection()) == "low_trust"
    assert selection.refuse(bad, Selection(min_trust=0.0)) == ""
    assert selection.refuse(bad | {"label_source": "correction"}, Selection()) == ""


def test_the_review_page_can_translate_every_reason() -> None:
    script = (Path(server.ASSETS) / "review.js").read_text(encoding="utf-8")
    for part in trust.PARTS:
        assert f'  "{part.reason}",\n' in script

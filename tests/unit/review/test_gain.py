"""Promises about what to correct next: what the model reads otherwise comes first, new pages before known ones."""

from pathlib import Path

import pytest

from scribetune.core import csv_files, files, manifests
from scribetune.core.errors import UserError
from scribetune.review import gain, queues, readings
from scribetune.review.decisions import Verdict
from scribetune.review.page_views import ReviewPage
from scribetune.review.readings import Reading
from scribetune.review.session import Choice, ReviewSession
from support import reviewed_build

LABEL = "# Report\n\nSales rose in every quarter since contracts were signed with four large customers.\n"
MEMO, INVOICE, TABLE = "memo/p0001", "invoice/p0001", "invoice/p0002"


def page(trust: float = 1.0) -> ReviewPage:
    return ReviewPage("d", 1, "", "label", "", "machine", "", True, "", "", 0, trust)


def wrong_words(text: str, confidence: float | None = 0.99, *, trust: float = 1.0, is_whole: bool = True) -> float:
    return gain.of_page(page(trust), LABEL, Reading(text, confidence, is_whole)).wrong_words


def test_what_a_sure_model_reads_otherwise_is_worth_most() -> None:
    other = LABEL.replace("four large", "five small")
    assert wrong_words(LABEL) == 0.0
    assert wrong_words(other) == pytest.approx(2 * 0.99**8)
    assert wrong_words(other, 0.7) < wrong_words(other, None) < wrong_words(other, 0.99)
    assert wrong_words(LABEL.replace("four", "five")) < wrong_words(other)
    assert wrong_words(LABEL, trust=0.4) > wrong_words(LABEL, trust=0.9) > 0


def test_a_reading_that_was_cut_or_went_on_says_little() -> None:
    assert wrong_words(LABEL[:30], is_whole=False) < wrong_words(LABEL.replace("four", "five"))
    assert wrong_words(LABEL + "and so on " * 500) == pytest.approx(8 * 0.99**8)


def test_pages_that_say_what_corrected_ones_say_come_later() -> None:
    other = LABEL.replace("four", "five")
    known = gain.of_page(page(), LABEL, Reading(other, 0.99, is_whole=True))
    text = "Costs fell only slightly as energy remained expensive throughout last winter here."
    new = gain.Gain("e/p0001", known.wrong_words, 1, gain.runs(text.split()))
    assert [one.page for one in gain.ordered([new, known], [], most=9)] == ["d/p0001", "e/p0001"]
    assert [one.page for one in gain.ordered([new, known], [known.runs], most=9)] == ["e/p0001", "d/p0001"]
    assert [one.page for one in gain.ordered([new, known], [known.runs], most=1)] == ["d/p0001", "e/p0001"]


def test_the_queue_is_by_the_readings_and_what_is_decided_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reviewed_build.make(tmp_path))
    files.write_jsonl(
        tmp_path / "reports/predictions/tuned_train.jsonl",
        [{"id": f"{INVOICE}-{part}", "text": text} for part, text in ((1, "# Invoice 71"), (2, "Sum owed 210.00"))],
    )
    table = csv_files.text_of(("id", "mean", "least"), ((f"{INVOICE}-1", 0.99, 0.9), (f"{INVOICE}-2", 0.98, 0.9)))
    files.write_text(tmp_path / "work/predictions/tuned_train.confidence.csv", table)
    assert readings.read(tmp_path)[INVOICE] == Reading("# Invoice 71\n\nSum owed 210.00", 0.98, is_whole=True)
    at = ReviewSession(tmp_path, Path("data/corrections"), Choice("next"))
    shown = [row["id"] for row in at.queue()["pages"]]
    assert shown[:2] == [INVOICE, MEMO]
    assert TABLE in shown
    view = at.open(INVOICE, "Ada")
    assert "<ins>" in view["reading"], "of a training page too"
    at.decide(INVOICE, "Ada", Verdict.CORRECT, "# Invoice 71\n", "", view["version"])
    assert at.queue()["pages"][0]["id"] == MEMO


def test_without_readings_the_message_says_what_makes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(reviewed_build.make(tmp_path))
    (tmp_path / "reports/predictions/tuned.jsonl").unlink()
    with pytest.raises(UserError, match="build suspects"):
        ReviewSession(tmp_path, Path("data/corrections"), Choice("next"))


def test_a_part_of_a_long_page_leads_to_its_page_and_its_page_to_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reviewed_build.make(tmp_path))
    scored = [{"id": f"{MEMO}-{part}", "index": part + 3, "cer_tuned": 0.5} for part in (1, 2)]
    manifests.write(tmp_path / queues.SAMPLES, scored, ["id", "index", "cer_tuned"])
    at = ReviewSession(tmp_path, Path("data/corrections"), Choice("next"))
    assert at.page_id(f"{MEMO}-2") == MEMO
    assert queues.report_places(tmp_path / queues.SAMPLES)[MEMO] == "page-4"

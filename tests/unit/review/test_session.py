"""Promises of the review session: what a person decides reaches the build, and nobody's work is lost or overwritten."""

import json
import threading
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import binomtest

from scribetune.core import files, layout
from scribetune.core.config import Selection
from scribetune.core.errors import UserError
from scribetune.dataset import selection
from scribetune.labels import corrections
from scribetune.review import decisions, drafts, page_views, queues, spot_check
from scribetune.review.decisions import Review, Verdict
from scribetune.review.refusals import ConflictError, RefusedError, UnknownPageError
from scribetune.review.session import Choice, ReviewSession, deceptive
from scribetune.text import placed_blocks
from scribetune.text.placed_blocks import PlacedBlock, PlacedPage
from support import reviewed_build

CORRECTIONS = Path("data/corrections")
MEMO, INVOICE = "memo/p0001", "invoice/p0001"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(reviewed_build.make(tmp_path))
    return tmp_path


def session(folder: Path, order: str = "trust", count: int = 50, seed: int = 1) -> ReviewSession:
    return ReviewSession(folder, CORRECTIONS, Choice(order, count, seed))


def decide(
    at: ReviewSession,
    page: str,
    verdict: Verdict,
    text: str = "",
    *,
    reason: str = "",
    reviewer: str = "Ada",
    version: str = "",
) -> None:
    at.decide(page, reviewer, verdict, text, reason, version or at.open(page, reviewer)["version"])


def ids(at: ReviewSession) -> list[str]:
    return [row["id"] for row in at.queue()["pages"]]


def review(page: int, verdict: str, at: int, label: str = "a", corrected: str = "") -> Review:
    return Review("d", page, verdict, "", "Ada", f"2026-01-01T00:00:{at:02d}", "trust", "pdf", label, corrected)


# ---- queues


def test_the_least_trusted_label_comes_first_and_what_is_decided_leaves_the_queue(folder: Path) -> None:
    at = session(folder)
    assert ids(at)[:2] == [MEMO, INVOICE]  # word recall 0.96 and 0.99
    assert ids(at)[2] == "invoice/p0002"  # of labels measured alike, the one with a table
    assert "scan/p0001" not in ids(at)
    decide(at, MEMO, Verdict.ACCEPT)
    assert ids(at)[0] == INVOICE
    assert ids(session(folder))[0] == INVOICE, "after a restart too"


def test_the_worst_predictions_come_first_with_what_the_model_read(folder: Path) -> None:
    at = session(folder, "worst", 2)
    assert ids(at) == [MEMO, INVOICE]
    reading = at.open(MEMO, "Ada")["reading"]
    assert "<ins>" in reading
    assert "<b>" not in reading, "escaped"


def test_scans_can_be_typed_by_a_person(folder: Path) -> None:
    at = session(folder, "unlabelled")
    assert ids(at) == ["scan/p0001"]
    with pytest.raises(RefusedError, match="no label to accept"):
        decide(at, "scan/p0001", Verdict.ACCEPT)
    decide(at, "scan/p0001", Verdict.CORRECT, "# A scan, typed")
    assert corrections.read_correction(CORRECTIONS / "scan/p0001.md").text == "# A scan, typed\n"
    assert ids(at) == []


def test_a_page_says_what_speaks_against_its_label(folder: Path) -> None:
    page = session(folder).open(MEMO, "Ada")
    assert page["trust"] < 1
    assert page["doubts"] == ("words of the page are not in the label: 2", "two readings of a table differ: 9 %")


def test_a_page_shows_where_the_blocks_of_its_label_stand(folder: Path) -> None:
    at = session(folder)
    assert at.open(MEMO, "Ada")["blocks"] == [], "nobody has asked"
    label = (folder / "data/labels" / f"{MEMO}.md").read_bytes()
    placed = PlacedPage((PlacedBlock(0, 6, "title", ((10, 20, 300, 40), (500, 20, 900, 40))),))
    record = placed_blocks.as_record("memo", 1, files.sha256_bytes(label), placed)
    files.write_jsonl(folder / "data/manifests/blocks/000-of-001.jsonl", [record])
    boxes = [{"kind": "title", "box": (10, 20, 300, 40)}, {"kind": "title", "box": (500, 20, 900, 40)}]
    assert at.open(MEMO, "Ada")["blocks"] == boxes
    files.write_jsonl(folder / "data/manifests/blocks/000-of-001.jsonl", [{**record, "label_sha256": "another"}])
    assert at.open(MEMO, "Ada")["blocks"] == []


def test_a_page_shows_both_readings_where_two_readers_differ(folder: Path) -> None:
    at = session(folder)
    (both,) = at.open("invoice/p0002", "Ada")["both"]
    assert (both["kind"], both["trust"], both["place"]) == ("table", 0.31, "80, 110 – 160, 220 pt")
    assert both["places"] == [(0.25, 0.25, 0.25, 0.25)]
    assert "<mark>0.10</mark>" in both["label"]
    assert "<mark>&lt;b&gt;0.70&lt;/b&gt;</mark>" in both["other"], "escaped"
    assert at.open(MEMO, "Ada")["both"] == []
    decide(at, "invoice/p0002", Verdict.CORRECT, "| item | price |\n|---|---|\n| nail | 0.70 |\n")
    assert at.open("invoice/p0002", "Ada")["both"] == [], "a person's label is no reading of theirs"


def test_without_a_build_the_message_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="scribetune build labels --directory"):
        session(tmp_path)
    reviewed_build.make(tmp_path)
    (tmp_path / queues.SAMPLES).unlink()
    with pytest.raises(UserError, match="no scored predictions"):
        session(tmp_path, "worst")


# ---- decisions, and what the build makes of them


def test_a_correction_is_the_label_of_the_next_build_with_its_reviewer(folder: Path) -> None:
    at = session(folder)
    decide(at, MEMO, Verdict.CORRECT, "# Memo\nMeet at *ten*.", reason="wrong text", reviewer="Ada L.")
    path = CORRECTIONS / "memo/p0001.md"
    found = corrections.read_correction(path)
    assert (found.source, found.author) == ("correction", "Ada L.")
    assert "ten" in found.text
    (row,) = reviewed_build.decisions(folder)
    assert (row["verdict"], row["reason"], row["reviewer"]) == ("correct", "wrong text", "Ada L.")
    assert row["label_sha256"] == reviewed_build.digest(reviewed_build.TEXTS["memo", 1])
    assert row["corrected_sha256"] == reviewed_build.digest(found.text), "the hash that the labels' manifest will have"


def test_accepting_a_label_in_use_changes_nothing_that_the_build_reads(folder: Path) -> None:
    decide(session(folder), MEMO, Verdict.ACCEPT)
    assert not (CORRECTIONS / "memo").exists()
    assert decisions.rejected(decisions.path_in(CORRECTIONS)) == {}


def test_accepting_a_refused_page_puts_a_name_to_its_label_so_that_the_gates_let_it_pass(folder: Path) -> None:
    decide(session(folder), "hostile/p0001", Verdict.ACCEPT)
    assert corrections.read_correction(CORRECTIONS / "hostile/p0001.md").author == "Ada"


def test_a_rejected_page_is_refused_until_somebody_decides_otherwise_or_the_pdf_changes(folder: Path) -> None:
    at = session(folder)
    with pytest.raises(RefusedError, match="reason"):
        decide(at, MEMO, Verdict.REJECT, reason="  ")
    decide(at, MEMO, Verdict.REJECT, reason="a form nobody\nuses")
    (row,) = reviewed_build.decisions(folder)
    assert row["reason"] == "a form nobody uses"
    rejected = decisions.rejected(decisions.path_in(CORRECTIONS))
    assert reasons("memo", reviewed_build.pdf_digest("memo"), rejected) == ["rejected"]
    assert reasons("memo", "another content", rejected) == [""]
    decide(at, MEMO, Verdict.ACCEPT)
    assert decisions.rejected(decisions.path_in(CORRECTIONS)) == {}


def reasons(document: str, digest: str, rejected: dict[str, str]) -> list[str]:
    """Return what selection decides on a page of good text."""
    documents = pd.DataFrame([{"document": document, "path": "", "sha256": digest, "status": "ok"}])
    page = {"document": document, "page": 1, "image": "p", "image_sha256": "", "status": "ok", "message": ""}
    label = {
        "document": document, "page": 1, "label": "l", "label_sha256": "", "label_source": "machine", "reviewer": "",
        "status": "ok", "message": "", "characters": 100, "word_recall": 1.0, "unmapped_share": 0.0, "formulas": 0,
        "formulas_lost": 0, "tables": 0,
    }  # fmt: skip
    found = selection.select(
        documents, pd.DataFrame([page]), pd.DataFrame([label]), {(document, 1): "text " * 20}, {}, Selection(),
        rejected=rejected,
    )  # fmt: skip
    return [row.reason for row in found]


@pytest.mark.parametrize(
    ("text", "message"), [("  \n ", "empty"), (reviewed_build.TEXTS["memo", 1], "accept it"), ("\x00", "empty")]
)
def test_a_correction_that_says_nothing_new_is_refused(folder: Path, text: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        decide(session(folder), MEMO, Verdict.CORRECT, text)
    assert reviewed_build.decisions(folder) == []


@pytest.mark.parametrize("name", ["", " ", "--> # x", "a\nb", "<b>", "x" * 81, "a--b", "\u202eada", " Ada"])
def test_a_name_that_could_not_stand_in_a_label_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(RefusedError, match="name"):
        session(folder).decide(MEMO, name, Verdict.ACCEPT, "", "", "")


@pytest.mark.parametrize("name", ["Ada", "李雷", "José M. O'Neil", "ada@example.org", "A-B (QA)"])
def test_names_of_people_are_accepted_and_read_back_by_the_build(folder: Path, name: str) -> None:
    decide(session(folder), MEMO, Verdict.CORRECT, "# Other", reviewer=name)
    assert corrections.read_correction(CORRECTIONS / "memo/p0001.md").author == name


@pytest.mark.parametrize("page", ["../../etc/p0001", "memo/p0002", "", "/etc/passwd", "memo/../memo/p0001", "memo/p1"])
def test_only_pages_of_the_build_can_be_named(folder: Path, page: str) -> None:
    at = session(folder)
    with pytest.raises(UnknownPageError):
        at.image(page)
    with pytest.raises(UnknownPageError):
        at.save_draft(page, "Ada", "text", "", 0)
    with pytest.raises(UnknownPageError):
        at.decide(page, "Ada", Verdict.ACCEPT, "", "", "")


def test_an_image_outside_of_the_pages_is_not_given(folder: Path) -> None:
    secret = folder / "secret.png"
    secret.write_bytes(b"secret")
    image = folder / layout.page_image("memo", 1)
    image.unlink()
    image.symlink_to(secret)
    with pytest.raises(UnknownPageError):
        session(folder).image(MEMO)


def test_a_manifest_that_names_a_document_like_a_path_is_refused(tmp_path: Path) -> None:
    reviewed_build.make(tmp_path, {("a", 1): "text"})
    path = tmp_path / page_views.SELECTION
    path.write_text(path.read_text(encoding="utf-8").replace("\na,", "\n../a,"), encoding="utf-8")
    with pytest.raises(UserError, match="no document id"):
        session(tmp_path)


def test_the_pages_are_read_again_when_a_build_has_gone_on(folder: Path) -> None:
    at = session(folder)
    assert len(at.pages()) == 5
    reviewed_build.make(folder, {("memo", 1): "# New memo\n"})
    assert list(at.pages()) == [MEMO]
    assert at.open(MEMO, "Ada")["text"] == "# New memo\n"


def test_a_label_of_five_megabytes_is_shown_in_part_and_cannot_be_cut_by_a_correction(tmp_path: Path) -> None:
    reviewed_build.make(tmp_path, {("a", 1): "x" * 5_000_000})
    at = session(tmp_path)
    opened = at.open("a/p0001", "Ada")
    assert (opened["editable"], len(opened["text"]), opened["characters"]) == (False, 20_000, 5_000_000)
    with pytest.raises(RefusedError, match="not shown whole"):
        decide(at, "a/p0001", Verdict.CORRECT, "x" * 20_000)


def test_characters_that_deceive_are_counted(folder: Path) -> None:
    assert deceptive("plain\r\ntext\twith ümlauts 中文") == 0
    assert deceptive("a\u202eb\u200bc\u200bd\x00") == 4


# ---- nothing is lost


def test_a_draft_outlives_the_server_and_goes_when_it_is_decided_on(folder: Path) -> None:
    at = session(folder)
    version = at.open(MEMO, "Ada")["version"]
    assert at.save_draft(MEMO, "Ada", "# Half a co", version, 0) == {"revision": 1, "stale": False}
    opened = session(folder).open(MEMO, "Ada")
    assert (opened["draft"]["text"], opened["draft"]["revision"]) == ("# Half a co", 1)
    assert session(folder).open(MEMO, "Bob")["draft"] is None
    assert session(folder).open(MEMO, "Bob")["others"] == ["Ada"]
    at.save_draft(MEMO, "Ada", "# Half a correction", version, 1)
    decide(at, MEMO, Verdict.CORRECT, "# Half a correction")
    assert at.open(MEMO, "Ada")["draft"] is None


def test_what_was_typed_on_a_page_that_is_then_rejected_is_kept(folder: Path) -> None:
    at = session(folder)
    at.save_draft(MEMO, "Ada", "# Half", at.open(MEMO, "Ada")["version"], 0)
    decide(at, MEMO, Verdict.REJECT, reason="no use")
    assert at.open(MEMO, "Ada")["draft"]["text"] == "# Half"


@pytest.mark.parametrize(("verdict", "text"), [(Verdict.ACCEPT, ""), (Verdict.CORRECT, "# Typed in the first tab")])
def test_a_decision_in_one_tab_keeps_what_was_typed_in_another(folder: Path, verdict: Verdict, text: str) -> None:
    at = session(folder)
    at.save_draft(MEMO, "Ada", "# Typed in the second tab", at.open(MEMO, "Ada")["version"], 0)
    decide(at, MEMO, verdict, text)
    assert at.open(MEMO, "Ada")["draft"]["text"] == "# Typed in the second tab"


def test_what_was_typed_before_a_name_was_given_goes_to_the_name(folder: Path) -> None:
    at, nobody = session(folder), "unnamed-0123abcd"
    for page in (MEMO, INVOICE):
        at.save_draft(page, nobody, f"# {page}", at.open(page, nobody)["version"], 0)
    at.save_draft(INVOICE, "Ada", "# Ada's, a week ago", at.open(INVOICE, "Ada")["version"], 0)
    assert at.open(MEMO, "Ada")["others"] == [""], "somebody, without a name"
    with pytest.raises(RefusedError, match="name is needed"):
        decide(at, MEMO, Verdict.ACCEPT, reviewer=nobody)
    with pytest.raises(RefusedError, match="name is needed"):
        at.name_reviewer(nobody, "<b>")
    at.name_reviewer(nobody, "Ada")
    assert at.open(MEMO, "Ada")["draft"]["text"] == f"# {MEMO}"
    assert at.open(MEMO, nobody)["draft"] is None
    assert at.open(INVOICE, "Ada")["draft"]["text"] == "# Ada's, a week ago"
    assert at.open(INVOICE, nobody)["draft"]["text"] == f"# {INVOICE}", "neither takes the place of the other"
    at.name_reviewer("Ada", "Bob")
    assert at.open(MEMO, "Bob")["draft"] is None, "of two people, each keeps their own"


@pytest.mark.parametrize(
    ("name", "proposed"), [("Ada Lovelace", "Ada Lovelace"), ("李雷", "李雷"), ("", ""), ("<script>", ""), ("a--b", "")]
)
def test_gits_user_name_is_proposed_where_it_can_be_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, proposed: str
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", name)
    assert session(folder).queue()["proposed_reviewer"] == proposed
    monkeypatch.setenv("PATH", str(folder))
    assert session(folder).queue()["proposed_reviewer"] == "", "without git"


def test_a_label_that_a_build_changed_meanwhile_is_told_apart_from_a_decision(folder: Path) -> None:
    at = session(folder)
    decide(at, MEMO, Verdict.ACCEPT, reviewer="Ada")
    seen = at.open(MEMO, "Bob")["version"]
    files.write_text(folder / layout.page_label("memo", 1), "# Memo, labelled anew\n")
    with pytest.raises(ConflictError, match="The label has changed") as told:
        decide(at, MEMO, Verdict.ACCEPT, reviewer="Bob", version=seen)
    assert told.value.page["text"] == "# Memo, labelled anew\n"
    assert len(reviewed_build.decisions(folder)) == 1


def test_nothing_is_written_where_a_documents_corrections_are_a_link_to_elsewhere(folder: Path) -> None:
    outside = folder / "outside"
    outside.mkdir()
    CORRECTIONS.mkdir(parents=True)
    (CORRECTIONS / "memo").symlink_to(outside)
    (CORRECTIONS / "invoice").symlink_to("memo")
    at = session(folder)
    for page in (MEMO, INVOICE):
        at.save_draft(page, "Ada", "# Corrected", at.open(page, "Ada")["version"], 0)
        with pytest.raises(RefusedError, match=f"is a link to {outside}: nothing is written there"):
            decide(at, page, Verdict.CORRECT, "# Corrected")
        assert at.open(page, "Ada")["draft"]["text"] == "# Corrected", "what was typed is kept"
    assert list(outside.iterdir()) == []
    assert reviewed_build.decisions(folder) == []
    decide(at, MEMO, Verdict.REJECT, reason="this is no label")
    (CORRECTIONS / "memo").unlink()
    decide(at, MEMO, Verdict.CORRECT, "# Corrected")
    assert corrections.read_correction(CORRECTIONS / "memo/p0001.md").text == "# Corrected\n"


def test_the_folder_of_all_corrections_may_be_a_link(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    CORRECTIONS.symlink_to(folder / "elsewhere")
    decide(session(folder), MEMO, Verdict.CORRECT, "# Corrected")
    assert (folder / "elsewhere/memo/p0001.md").is_file()


def test_the_second_of_two_reviewers_is_told_and_loses_nothing(folder: Path) -> None:
    ada, bob = session(folder), session(folder)  # two servers on one folder
    seen = bob.open(MEMO, "Bob")["version"]
    bob.save_draft(MEMO, "Bob", "# Bob's", seen, 0)
    decide(ada, MEMO, Verdict.CORRECT, "# Ada's", reviewer="Ada")
    assert bob.save_draft(MEMO, "Bob", "# Bob's text", seen, 1)["stale"]
    with pytest.raises(ConflictError, match="Ada decided on this page") as told:
        decide(bob, MEMO, Verdict.CORRECT, "# Bob's text", reviewer="Bob", version=seen)
    assert told.value.page["text"] == "# Ada's\n"
    assert told.value.page["draft"]["text"] == "# Bob's text"
    assert corrections.read_correction(CORRECTIONS / "memo/p0001.md").text == "# Ada's\n"
    decide(bob, MEMO, Verdict.CORRECT, "# Bob's text", reviewer="Bob", version=told.value.page["version"])
    assert [row["reviewer"] for row in reviewed_build.decisions(folder)] == ["Ada", "Bob"], "both are on record"


def test_of_two_tabs_of_one_reviewer_the_one_behind_is_told(folder: Path) -> None:
    at = session(folder)
    version = at.open(MEMO, "Ada")["version"]
    assert at.save_draft(MEMO, "Ada", "tab one", version, 0)["revision"] == 1
    with pytest.raises(ConflictError, match="another tab") as told:
        at.save_draft(MEMO, "Ada", "tab two", version, 0)
    assert told.value.page["draft"]["text"] == "tab one"
    assert at.save_draft(MEMO, "Ada", "tab two", version, 1)["revision"] == 2


def test_decisions_of_many_at_once_are_all_on_record(tmp_path: Path) -> None:
    reviewed_build.make(tmp_path, {(f"d{i}", 1): f"# Page {i}\n" for i in range(24)})
    desks = [session(tmp_path) for _ in range(4)]

    def work(number: int) -> None:
        for i in range(number, 24, 4):
            decide(desks[number], f"d{i}/p0001", Verdict.ACCEPT, reviewer=f"R{number}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {row["document"] for row in reviewed_build.decisions(tmp_path)} == {f"d{i}" for i in range(24)}


def test_a_draft_that_is_not_readable_is_put_aside(folder: Path) -> None:
    path = drafts.path_of(folder, "memo", 1, "Ada")
    files.write_text(path, "{")
    assert session(folder).open(MEMO, "Ada")["draft"] is None
    assert path.with_suffix(".unreadable").read_text(encoding="utf-8") == "{"


# ---- reviews.csv


def test_decisions_merged_by_git_in_any_order_hold_by_their_time(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    for row in (review(1, "reject", 2), review(1, "accept", 1), review(2, "reject", 1)):
        decisions.add(path, row)
    assert decisions.rejected(path) == {"d/p0001": "pdf", "d/p0002": "pdf"}
    decisions.add(path, review(1, "accept", 3))
    assert decisions.rejected(path) == {"d/p0002": "pdf"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("d,0,accept,,,,,,,", "a page, counted from 1"),
        ("d,1,approve,,,,,,,", "accept, correct, reject"),
        ("d,1", "10 cells"),
    ],
)
def test_a_line_that_is_no_decision_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "reviews.csv"
    decisions.add(path, review(1, "accept", 1))
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=rf"reviews.csv:3 (.|\n)*{message}"):
        decisions.read(path)


def test_reasons_with_commas_quotes_and_other_scripts_are_read_back(tmp_path: Path) -> None:
    row = Review("d", 1, "reject", '是, "no"', "Ada", "2026", "trust", "", "", "")
    decisions.add(tmp_path / "reviews.csv", row)
    assert decisions.read(tmp_path / "reviews.csv") == (row,)


# ---- spot check


@pytest.mark.parametrize(("errors", "reviewed"), [(0, 1), (0, 50), (1, 10), (3, 50), (50, 50), (7, 1000)])
def test_the_interval_is_wilsons(errors: int, reviewed: int) -> None:
    expected = binomtest(errors, reviewed).proportion_ci(method="wilson")
    assert spot_check.wilson(errors, reviewed) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_no_page_says_nothing_about_the_rate_and_impossible_counts_are_refused() -> None:
    assert spot_check.wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="2 errors in 1 pages"):
        spot_check.wilson(2, 1)


def test_the_sample_is_drawn_once_from_labels_in_use_and_another_seed_draws_another(tmp_path: Path) -> None:
    reviewed_build.make(tmp_path, {(f"d{i}", 1): f"# Page {i}\n" for i in range(40)} | {("scan", 1): ""})
    first = ids(session(tmp_path, "spot_check", 10, 1))
    assert len(first) == 10
    assert "scan/p0001" not in first
    assert ids(session(tmp_path, "spot_check", 10, 1)) == first
    assert ids(session(tmp_path, "spot_check", 10, 2)) != first
    reviewed_build.make(tmp_path, {(f"d{i}", 1): f"# Page {i}\n" for i in range(60)})
    assert ids(session(tmp_path, "spot_check", 10, 1)) == first, "what was drawn stays drawn"


def test_every_page_has_the_same_chance_to_be_drawn(tmp_path: Path) -> None:
    known = page_views.read(reviewed_build.make(tmp_path, {(f"d{i}", 1): f"# Page {i}\n" for i in range(10)}))
    counts = dict.fromkeys(known, 0)
    for seed in range(1000):
        for page in spot_check.draw(known.values(), 3, seed).pages:
            counts[page.id] += 1
    assert all(230 < count < 370 for count in counts.values()), counts  # 300 ± 5 standard deviations


def test_a_spot_check_counts_corrected_and_rejected_pages_as_errors(tmp_path: Path) -> None:
    reviewed_build.make(tmp_path, {(f"d{i}", 1): f"# Page {i}\n" for i in range(10)})
    at = session(tmp_path, "spot_check", 4)
    a, b, c, d = ids(at)
    decide(at, a, Verdict.ACCEPT)
    decide(at, b, Verdict.CORRECT, "# Corrected")
    decide(at, c, Verdict.REJECT, reason="wrong table")
    path = tmp_path / CORRECTIONS / "spot_check-n4-seed1.json"
    sample, found = spot_check.read(path)
    assert (found.pages, found.reviewed, found.errors, found.frame) == (4, 3, 2, 10)
    assert found.rate == pytest.approx(2 / 3)
    assert [page["verdict"] for page in json.loads(path.read_text())["sample"]["pages"]] == [
        "accept",
        "correct",
        "reject",
        "",
    ]
    assert "2 with errors: 66.7 %" in spot_check.sentence(spot_check.checks([path])[0].result)
    assert "1 page of the sample not judged yet" in spot_check.sentence(spot_check.checks([path])[0].result)
    # A page that was corrected by mistake and then put back was right.
    decide(at, b, Verdict.CORRECT, reviewed_build.TEXTS.get(("x", 1), f"# Page {b[1]}\n"))
    decide(session(tmp_path), d, Verdict.ACCEPT)  # in another queue
    assert (spot_check.read(path)[1].reviewed, spot_check.read(path)[1].errors) == (4, 1)
    assert at.queue()["left"] == 0
    assert sample.pages == spot_check.read(path)[0].pages


def test_a_spot_check_that_nobody_has_begun_is_not_in_the_report(tmp_path: Path) -> None:
    session(reviewed_build.make(tmp_path), "spot_check", 2)
    assert spot_check.checks([tmp_path / CORRECTIONS / "spot_check-n2-seed1.json"]) == []


def test_a_damaged_spot_check_is_named(tmp_path: Path) -> None:
    path = tmp_path / "spot_check-n2-seed1.json"
    files.write_text(path, '{"schema": "other"}')
    with pytest.raises(UserError, match=r"spot_check-n2-seed1\.json is no record of a spot check"):
        spot_check.read(path)

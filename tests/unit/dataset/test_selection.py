"""Promises about page selection: every page has a decision, near-duplicates are found, chance does not join texts."""

import random
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from scribetune.core.config import Selection
from scribetune.dataset import near_duplicates, selection
from scribetune.documents.inputs import SheetRow
from support.pdf_factory import WORDS

GOOD: dict[str, Any] = {
    "status_page": "ok", "status_label": "ok", "label_source": "machine", "unmapped_share": 0.0, "word_recall": 1.0,
    "formulas_lost": 0, "characters": 200,
}  # fmt: skip


def prose(seed: int, words: int = 120) -> str:
    source = random.Random(seed)
    return " ".join(source.choice(WORDS) + str(source.randint(0, 99)) for _ in range(words))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"status_page": "error"}, "image_failed"),
        ({"status_page": "timed_out"}, "image_failed"),
        ({"status_page": "too_large"}, "image_failed"),
        ({"status_page": "scan"}, "scan"),
        ({"status_page": "blank"}, "blank"),
        ({"status_page": "vector_only"}, "vector_only"),
        ({"status_page": "garbage_text"}, "garbage_text"),
        ({"status_page": "invisible_text"}, "invisible_text"),
        ({"status_page": "hidden_text"}, "hidden_text"),
        ({"status_label": "no_text"}, "no_text"),
        ({"status_label": "timed_out"}, "label_failed"),
        ({"unmapped_share": 0.06}, "garbage_text"),
        ({"word_recall": 0.94}, "low_recall"),
        ({"word_precision": 0.94}, "low_precision"),
        ({"formulas_lost": 1}, "formula_lost"),
        ({"agreement": 0.5}, "low_agreement"),
        ({"agreement": -1.0}, ""),
        ({"table_trust": 0.79}, "table_doubtful"),
        ({"table_trust": -1.0}, ""),
        ({"table_trust": 0.1, "label_source": "correction"}, ""),
        ({"formulas_unicode": 3}, ""),
        ({"characters": 19}, "too_short"),
        ({"characters": 12001}, "too_long"),
    ],
)
def test_each_gate_has_its_reason(change: dict[str, Any], reason: str) -> None:
    assert selection.refuse(GOOD | change, Selection()) == reason


@pytest.mark.parametrize(("choice", "reason"), [("keep", ""), ("refuse", "formula"), ("review", "review")])
def test_formulas_without_latex_are_kept_refused_or_sent_to_review(choice: str, reason: str) -> None:
    limits = Selection.model_validate({"unicode_formulas": choice})
    assert selection.refuse(GOOD | {"formulas_unicode": 1}, limits) == reason
    assert selection.refuse(GOOD | {"formulas_unicode": 1, "label_source": "teacher"}, limits) == ""


def test_a_human_label_passes_the_gates_for_machine_labels() -> None:
    row = GOOD | {"label_source": "correction", "word_recall": 0.1, "characters": 3, "unmapped_share": 1.0}
    assert selection.refuse(row, Selection()) == ""
    assert selection.refuse(row | {"status_label": "no_text"}, Selection()) == "no_text"


def test_near_duplicates_are_joined_and_others_are_not() -> None:
    text = prose(1)
    almost = text.replace(text.split()[3], "changed", 1)
    clusters = near_duplicates.near_duplicates({"b": text, "a": almost, "c": prose(2), "d": text.upper()}, 0.85)
    assert [clusters[name] for name in "abcd"] == ["a", "a", "c", "a"]


def test_two_hundred_different_texts_stay_apart() -> None:
    texts = {f"t{i:03d}": prose(i) for i in range(200)}
    clusters = near_duplicates.near_duplicates(texts, 0.85)
    assert all(clusters[name] == name for name in texts)


def frames(count: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[tuple[str, int], str]]:
    names = [f"d{i}" for i in range(count)]
    documents = pd.DataFrame(
        [
            {"document": n, "path": f"{n}.pdf", "sha256": n, "bytes": 1, "status": "ok", "pages": 1, "message": ""}
            for n in names
        ]
    )
    pages = pd.DataFrame(
        [
            {
                "document": n,
                "page": 1,
                "image": f"{n}.png",
                "image_sha256": "i",
                "mode": "L",
                "status": "ok",
                "message": "",
            }
            for n in names
        ]
    )
    label = {
        "page": 1, "label_sha256": "l", "label_source": "machine", "reviewer": "", "status": "ok", "message": "",
        "characters": 500, "word_recall": 1.0, "unmapped_share": 0.0, "tables": 0, "formulas": 0, "formulas_lost": 0,
    }  # fmt: skip
    labels = pd.DataFrame([{"document": n, "label": f"{n}.md", **label} for n in names])
    return documents, pages, labels, {(n, 1): prose(i) for i, n in enumerate(names)}


def test_the_same_file_twice_is_used_once_and_the_copy_says_so() -> None:
    documents, pages, labels, texts = frames(3)
    documents.loc[2, "sha256"] = "d0"
    selected = selection.select(documents, pages, labels, texts, {}, Selection())
    assert [page.reason for page in selected] == ["", "", "duplicate"]
    rows = selection.document_report(documents, selected, {})
    assert (rows[2]["status"], rows[2]["use"]) == ("ok", "duplicate")
    assert rows[2]["message"] == "the same file as d0"


def test_every_document_has_one_row_and_the_counts_add_up() -> None:
    documents, pages, labels, texts = frames(4)
    labels.loc[1, "status"] = "no_text"
    documents.loc[3, "status"] = "not_a_pdf"
    documents.loc[3, "pages"] = 0
    pages, labels = pages.iloc[:3], labels.iloc[:3]
    selected = selection.select(documents, pages, labels, texts, {"d0": SheetRow(category="finance")}, Selection())
    rows = selection.document_report(documents, selected, {"d0": SheetRow(category="finance")})
    assert [row["document"] for row in rows] == ["d0", "d1", "d2", "d3"]
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "not_a_pdf"]
    assert [row["use"] for row in rows] == ["used", "no_usable_page", "used", "unreadable"]
    assert rows[1]["reasons"] == "no_text 1"
    assert rows[0]["category"] == "finance"
    assert all(row["accepted"] + row["refused"] == row["pages"] for row in rows)
    assert set(rows[0]) == set(selection.DOCUMENT_REPORT_COLUMNS)


def test_a_page_that_was_never_labelled_is_refused(tmp_path: Path) -> None:
    documents, pages, labels, texts = frames(2)
    selected = selection.select(documents, pages, labels.iloc[:1], texts, {}, Selection())
    assert [page.reason for page in selected] == ["", "label_failed"]


def test_files_that_are_no_documents_have_rows_of_their_own() -> None:
    (row,) = selection.unread_rows({"letters/a.docx": "export it as PDF"})
    assert set(row) == set(selection.DOCUMENT_REPORT_COLUMNS)
    assert (row["path"], row["status"], row["message"]) == ("letters/a.docx", "not_read", "export it as PDF")
    assert (row["pages"], row["accepted"], row["refused"]) == (0, 0, 0)

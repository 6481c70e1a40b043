"""Page selection: which pages are good enough, with a reason for every one that is not, and near-duplicate clusters."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import pandas as pd

from scribetune.core import layout, manifests
from scribetune.core.config import Selection
from scribetune.dataset import trust
from scribetune.dataset.near_duplicates import near_duplicates
from scribetune.documents.inputs import DocumentStatus, DocumentUse, SheetRow, document_id
from scribetune.documents.rendering import UNREADABLE_PAGE, PageStatus
from scribetune.documents.withdrawals import Withdrawn

NOTHING_WITHDRAWN = Withdrawn()
NOTHING_REJECTED: Mapping[str, str] = MappingProxyType({})


class Reason(StrEnum):
    """Why a page is refused; "" for a page that is accepted."""

    ACCEPTED = ""
    IMAGE_FAILED = "image_failed"
    SCAN = "scan"
    BLANK = "blank"
    VECTOR_ONLY = "vector_only"
    INVISIBLE_TEXT = "invisible_text"
    HIDDEN_TEXT = "hidden_text"
    LABEL_FAILED = "label_failed"
    NO_TEXT = "no_text"
    GARBAGE_TEXT = "garbage_text"
    LOW_RECALL = "low_recall"
    LOW_PRECISION = "low_precision"
    FORMULA_LOST = "formula_lost"
    FORMULA = "formula"
    REVIEW = "review"
    LOW_AGREEMENT = "low_agreement"
    TABLE_DOUBTFUL = "table_doubtful"
    LOW_TRUST = "low_trust"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    DUPLICATE = "duplicate"
    WITHDRAWN = "withdrawn"
    REJECTED = "rejected"


PAGE_TEXT_COLUMNS = ("document", "image", "image_sha256", "mode", "status", "message")
LABEL_TEXT_COLUMNS = (
    "document", "label", "label_sha256", "label_source", "reviewer", "table_readings", "disagreements", "findings",
    "status", "message", "continues", "image_reader", "cuts",
)  # fmt: skip
DOCUMENT_TEXT_COLUMNS = ("document", "path", "sha256", "status", "message")
SELECTION_TEXT_COLUMNS = (
    "document", "image", "image_sha256", "label", "label_sha256", "label_source", "reviewer", "reason",
    "document_cluster", "page_cluster", "category", "language", "trust_reasons", "continues", "parts",
)  # fmt: skip


@dataclass(frozen=True)
class SelectedPage:
    """One page in data/manifests/selection: accepted, or refused with a reason.

    `continues` is the table of the page before that its first one goes on with ("p0002-t1"), "" where there is none.
    `document_cluster` and `page_cluster` name the smallest document (page) id of a group of near-duplicates. `trust` is
    the probability that the label is right, `trust_reasons` what speaks against it, in words (`dataset.trust`). `parts`
    is where a long page is cut (`dataset.long_pages`), "" for a page that is used whole.
    """

    document: str
    page: int
    image: str
    image_sha256: str
    label: str
    label_sha256: str
    label_source: str
    reviewer: str
    accepted: bool
    reason: str
    characters: int
    tables: int
    formulas: int
    document_cluster: str
    page_cluster: str
    category: str
    language: str
    trust: float
    trust_reasons: str
    continues: str = ""
    parts: str = ""


def refuse(row: Mapping[str, Any], limits: Selection) -> Reason:
    """Return why a page is refused, or `Reason.ACCEPTED`.

    The row is its page row and label row joined. Labels by people or a teacher model pass all gates but that for
    emptiness, and where two readers wrote one, that for their agreement.
    """
    page = PageStatus(row["status_page"])
    if page in UNREADABLE_PAGE:
        return Reason.IMAGE_FAILED
    human = row["label_source"] in ("correction", "teacher")
    if page != PageStatus.OK and not human:
        return Reason(page)  # garbage, invisible and hidden text, and pages without any, by the same names
    gates = (
        (row["status_label"] == "no_text", Reason.NO_TEXT),
        (row["status_label"] != "ok", Reason.LABEL_FAILED),
        (not human and row["unmapped_share"] > limits.max_unmapped_share, Reason.GARBAGE_TEXT),
        (not human and row["word_recall"] < limits.min_word_recall, Reason.LOW_RECALL),
        (not human and row.get("word_precision", 1) < limits.min_word_precision, Reason.LOW_PRECISION),
        (
            row["label_source"] != "correction" and 0 <= row.get("agreement", -1) < limits.min_agreement,
            Reason.LOW_AGREEMENT,
        ),
        (not human and 0 <= row.get("table_trust", -1) < limits.min_table_trust, Reason.TABLE_DOUBTFUL),
        (not human and row["formulas_lost"] > 0, Reason.FORMULA_LOST),
        (not human and trust.of(row).value < limits.min_trust, Reason.LOW_TRUST),
        (not human and row.get("formulas_unicode", 0) > 0 and limits.unicode_formulas == "refuse", Reason.FORMULA),
        (not human and row.get("formulas_unicode", 0) > 0 and limits.unicode_formulas == "review", Reason.REVIEW),
        (not human and row["characters"] < limits.min_characters, Reason.TOO_SHORT),
        (not human and row["characters"] > limits.max_characters, Reason.TOO_LONG),
    )
    return next((reason for failed, reason in gates if failed), Reason.ACCEPTED)


def select(
    documents: pd.DataFrame,
    pages: pd.DataFrame,
    labels: pd.DataFrame,
    texts: Mapping[tuple[str, int], str],
    sheet: Mapping[str, SheetRow],
    limits: Selection,
    withdrawn: Withdrawn = NOTHING_WITHDRAWN,
    rejected: Mapping[str, str] = NOTHING_REJECTED,
    cut: Callable[[Mapping[str, Any], str], str] | None = None,
) -> list[SelectedPage]:
    """Decide on every page: one row per page, sorted. Of documents with the same bytes only the first is kept.

    `documents`, `pages` and `labels` are these manifests, all shards; `texts` is (document, page) → label, of pages
    that have one; `sheet` goes by document id. `withdrawn` is refused whatever else holds of it. `rejected` is page id
    → sha256 of the PDF, of pages that people rejected; it holds while the PDF is the same. `cut` returns of
    a joined row and its text where a page that is too long is cut, "" where it cannot be; without it none is.
    """
    copies = duplicate_documents(documents)
    gone = withdrawn_documents(documents, withdrawn)
    contents = dict(zip(documents["document"], documents["sha256"], strict=True))
    keys = ["document", "page"]
    joined = pages.merge(labels, on=keys, how="left", suffixes=("_page", "_label"))
    joined = joined.fillna(
        {"status_label": "error", "label": "", "label_sha256": "", "label_source": "", "reviewer": "", "continues": ""}
    )
    numeric = ["characters", "word_recall", "unmapped_share", "formulas", "formulas_lost", "tables"]
    joined[numeric] = joined[numeric].apply(pd.to_numeric).fillna(0)
    for column, unknown in (("formulas_unicode", 0), ("agreement", -1), ("table_trust", -1), ("word_precision", 1)):
        if column in joined:
            joined[column] = pd.to_numeric(joined[column]).fillna(unknown)
    decided = []
    parts: dict[str, str] = {}
    for row in manifests.rows(joined.sort_values(keys)):
        if row["document"] in gone or row["label_sha256"] in withdrawn.labels:
            reason = Reason.WITHDRAWN
        elif row["document"] in copies:
            reason = Reason.DUPLICATE
        elif rejected.get(page_id(row["document"], int(row["page"]))) == contents.get(row["document"], ""):
            reason = Reason.REJECTED
        else:
            reason = refuse(row, limits)
        if reason == Reason.TOO_LONG and cut is not None:
            page = page_id(row["document"], int(row["page"]))
            parts[page] = cut(row, texts[row["document"], int(row["page"])])
            reason = Reason.ACCEPTED if parts[page] else reason
        decided.append((row, reason))
    accepted = {
        (row["document"], int(row["page"])): texts[row["document"], int(row["page"])]
        for row, reason in decided
        if reason == Reason.ACCEPTED
    }
    texts_of: dict[str, list[str]] = {}
    for (document, _), text in sorted(accepted.items()):
        texts_of.setdefault(document, []).append(text)
    whole = {document: "".join(pages_of) for document, pages_of in texts_of.items()}
    by_page = {page_id(document, page): text for (document, page), text in accepted.items()}
    document_clusters = near_duplicates(whole, limits.duplicate_similarity)
    page_clusters = near_duplicates(by_page, limits.duplicate_similarity)
    return [
        replace(page, parts=parts.get(page_id(page.document, page.page), ""))
        for page in (_selected(row, reason, document_clusters, page_clusters, sheet) for row, reason in decided)
    ]


def page_id(document: str, page: int) -> str:
    """Return the id of a page, as in splits and predictions: `report-2024/p0001`."""
    return f"{document}/p{page:04d}"


def _selected(
    row: Mapping[str, Any],
    reason: Reason,
    by_document: Mapping[str, str],
    by_page: Mapping[str, str],
    sheet: Mapping[str, SheetRow],
) -> SelectedPage:
    document, page = row["document"], int(row["page"])
    accepted = reason == Reason.ACCEPTED
    described = sheet.get(document, SheetRow())
    trusted = trust.of(row)
    texts = ("image", "image_sha256", "label", "label_sha256", "label_source", "reviewer")
    cells: dict[str, Any] = {column: row[column] for column in texts}
    cells |= {column: int(row[column]) for column in ("characters", "tables", "formulas")}
    return SelectedPage(
        document=document,
        page=page,
        **cells,
        accepted=accepted,
        reason=str(reason),
        document_cluster=by_document[document] if accepted else "",
        page_cluster=by_page[page_id(document, page)] if accepted else "",
        category=described.category,
        language=described.language,
        trust=trusted.value,
        trust_reasons=trust.joined(trusted.reasons),
        continues=str(row.get("continues", "")),
    )


def duplicate_documents(documents: pd.DataFrame) -> dict[str, str]:
    """Return {document: the one that is kept} for documents with the same bytes as an earlier one."""
    first: dict[str, str] = {}
    copies: dict[str, str] = {}
    for row in manifests.rows(documents.sort_values("document")):
        if row["status"] != DocumentStatus.OK:
            continue
        kept = first.setdefault(row["sha256"], row["document"])
        if kept != row["document"]:
            copies[row["document"]] = kept
    return copies


def withdrawn_documents(documents: pd.DataFrame, withdrawn: Withdrawn) -> set[str]:
    """Return the ids of documents whose content is withdrawn, under whatever name."""
    return {
        row["document"]
        for row in manifests.rows(documents)
        if row["sha256"] in withdrawn.documents or row["status"] == DocumentStatus.WITHDRAWN
    }


DOCUMENT_REPORT_COLUMNS = (
    "document", "path", "sha256", "bytes", "status", "use", "pages", "accepted", "refused", "reasons", "message",
    "category", "language", "licence",
)  # fmt: skip


def document_report(
    documents: pd.DataFrame,
    selected: Sequence[SelectedPage],
    sheet: Mapping[str, SheetRow],
    withdrawn: Withdrawn = NOTHING_WITHDRAWN,
) -> list[dict[str, Any]]:
    """Return the rows of reports/documents.csv: one per input document, saying what became of it and why."""
    copies = duplicate_documents(documents)
    gone = withdrawn_documents(documents, withdrawn)
    by_document: dict[str, list[SelectedPage]] = {}
    for page in selected:
        by_document.setdefault(page.document, []).append(page)
    rows = []
    for row in manifests.rows(documents.sort_values("document")):
        document = row["document"]
        pages = by_document.get(document, [])
        accepted = sum(page.accepted for page in pages)
        reasons = Counter(page.reason for page in pages if not page.accepted)
        status, message = row["status"], row["message"]
        use = DocumentUse.USED if accepted else DocumentUse.NO_USABLE_PAGE
        if document in gone:
            status, use, message = DocumentStatus.WITHDRAWN, DocumentUse.WITHDRAWN, f"see {layout.WITHDRAWN}"
        elif status != DocumentStatus.OK:
            use = DocumentUse.UNREADABLE
        elif pages and all(page.reason == Reason.WITHDRAWN for page in pages):
            status, use = DocumentStatus.WITHDRAWN, DocumentUse.WITHDRAWN
            message = f"all its pages are in {layout.WITHDRAWN}, saved anew"
        elif document in copies:
            use, message = DocumentUse.DUPLICATE, f"the same file as {copies[document]}"
        elif not accepted:
            message = "every page was refused: see reasons"
        described = sheet.get(document, SheetRow())
        refused = "; ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))
        cells = (
            document, row["path"], row["sha256"], int(row["bytes"]), str(status), str(use), int(row["pages"]), accepted,
            len(pages) - accepted, refused, message, described.category, described.language, described.licence,
        )  # fmt: skip
        rows.append(dict(zip(DOCUMENT_REPORT_COLUMNS, cells, strict=True)))
    return rows


def unread_rows(others: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return rows for reports/documents.csv of files that are no documents: path → what can be done about each."""
    return [
        dict.fromkeys(DOCUMENT_REPORT_COLUMNS, "")
        | dict.fromkeys(("bytes", "pages", "accepted", "refused"), 0)
        | {"document": document_id(path), "path": path, "message": todo}
        | {"status": str(DocumentStatus.NOT_READ), "use": str(DocumentUse.UNREADABLE)}
        for path, todo in others.items()
    ]


def label_texts(labels: pd.DataFrame, read: Callable[[str], str]) -> dict[tuple[str, int], str]:
    """Return (document, page) → text of the labels that a manifest names; `read` returns the text of a path."""
    rows = labels[labels["label"] != ""] if len(labels) else labels
    return {(str(row["document"]), int(row["page"])): read(row["label"]) for row in manifests.rows(rows)}

"""The rows of data/manifests/labels: one for each page that has an image, whoever or whatever labelled it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scribetune.core import files, layout
from scribetune.labels import agreement, doubts
from scribetune.labels.doubts import Finding
from scribetune.labels.tables import agreement as table_agreement


class LabelStatus(StrEnum):
    """Whether a page's label can be used."""

    OK = "ok"
    NO_TEXT = "no_text"
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    TOO_LARGE = "too_large"
    ERROR = "error"


@dataclass(frozen=True)
class LabelRow:
    """One page in data/manifests/labels.

    Attributes:
        document: Document id.
        page: Counted from 1.
        label: Path of the Markdown file.
        label_sha256: Of its content.
        label_source: "machine", "correction" (by a person) or "teacher" (by another model).
        reviewer: Who corrected it, or which model wrote it, where the correction says so.
        characters: Length of the label.
        word_recall: Share of the text layer's words that the label has (1 where the layer has none).
        word_precision: Share of the label's words that the text layer has in their place.
        unmapped_share: Share of glyphs that map to no character.
        tables: Number of tables in the label.
        formulas: Number of formulas with LaTeX in the label.
        formulas_lost: Formulas whose LaTeX found no place in the label, or that could not be read for certain.
        formulas_unicode: Lines of formulas whose LaTeX is not known: characters, in no order that means anything.
        agreement: With what was read off the page image, 0 to 1; -1 where it was not.
        disagreements: What the image clearly says otherwise, with words and places, as JSON; "" where nothing is.
        table_trust: Of the table that is trusted least, 0 to 1; -1 where there is none, or none was read twice.
        table_readings: Each table as both readings have it (JSON; `tables.agreement`).
        status: A `LabelStatus`.
        message: Why, in plain words; of a label that can be used, which of its tables are doubted.
        is_tagged: Whether tags of the PDF say what is on the page.
        words_lost: Words of the page that the label has nowhere. This and the next fourteen are counts of `witnesses`,
            which say what they mean; -1 where they were not asked.
        findings: Some of these places, as `doubts.as_text` writes them.
        image_reader: Who reads page images of the build, or a sample of them: "rapidocr", "tesseract", "none" (it is
            not asked for) or "absent" (rapidocr is not installed); "" where the machine wrote no label.
        width_pt: Of the page, in points that places are in; 0 where it is not known.
        height_pt: The same.
        cuts: Where a long page can be cut across (`labels.cuts`); "" where it was not asked, or nowhere.
        continues: The table on the page before that the first one of this page goes on with: "p0002-t1"; "" for none.
    """

    document: str
    page: int
    label: str
    label_sha256: str
    label_source: str
    reviewer: str
    characters: int
    word_recall: float
    word_precision: float
    unmapped_share: float
    tables: int
    formulas: int
    formulas_lost: int
    formulas_unicode: int
    agreement: float
    table_trust: float
    table_readings: str
    disagreements: str
    status: str
    message: str
    is_tagged: bool = False
    words_lost: int = -1
    words_surplus: int = -1
    words_cut: int = -1
    phrases_torn: int = -1
    lines_torn: int = -1
    order_breaks: int = -1
    sentences_cut: int = -1
    lines_woven: int = -1
    values_parted: int = -1
    cells_astray: int = -1
    cells_merged: int = -1
    columns_split: int = -1
    headings_in_tables: int = -1
    marks_in_words: int = -1
    figures_astray: int = -1
    drawn_apart: int = -1
    findings: str = ""
    continues: str = ""
    image_reader: str = ""
    width_pt: float = 0.0
    height_pt: float = 0.0
    cuts: str = ""


def row_of(
    document: str,
    page: int,
    text: str,
    empty: str,
    *,
    source: str = "machine",
    reviewer: str = "",
    word_recall: float = 1.0,
    word_precision: float = 1.0,
    unmapped_share: float = 0.0,
    formulas: int = 0,
    formulas_lost: int = 0,
    formulas_unicode: int = 0,
    agreement: float = agreement.UNKNOWN,
    tables_read: Sequence[table_agreement.TableReading] = (),
    disagreements: str = "",
    message: str = "",
    is_tagged: bool = False,
    findings: Sequence[Finding] | None = None,
    image_reader: str = "",
    size_pt: tuple[float, float] = (0.0, 0.0),
    cuts: str = "",
) -> LabelRow:
    """Return the row of a label, which lies, or will lie, below data/labels; `empty` says why it may have no text."""
    return LabelRow(
        document=document,
        page=page,
        label=layout.page_label(document, page).as_posix(),
        label_sha256=files.sha256_bytes(text.encode()),
        label_source=source,
        reviewer=reviewer,
        characters=len(text),
        word_recall=round(word_recall, 6),
        word_precision=round(word_precision, 6),
        unmapped_share=round(unmapped_share, 6),
        tables=count_tables(text),
        formulas=formulas,
        formulas_lost=formulas_lost,
        formulas_unicode=formulas_unicode,
        agreement=round(agreement, 6),
        table_trust=table_agreement.least(tables_read),
        table_readings=table_agreement.as_json(tables_read),
        disagreements=disagreements,
        status=LabelStatus.OK if text else LabelStatus.NO_TEXT,
        message="; ".join(filter(None, [message, *table_agreement.in_words(tables_read)])) if text else empty,
        is_tagged=is_tagged,
        **({} if findings is None else doubts.counts(findings)),
        findings=doubts.as_text(findings or ()),
        continues="",
        image_reader=image_reader,
        width_pt=round(size_pt[0], 2),
        height_pt=round(size_pt[1], 2),
        cuts=cuts,
    )


def row_without_label(document: str, page: int, status: LabelStatus, message: str) -> LabelRow:
    """Return the row of a page that could not be labelled."""
    return LabelRow(
        document=document,
        page=page,
        label="",
        label_sha256="",
        label_source="machine",
        reviewer="",
        characters=0,
        word_recall=0.0,
        word_precision=0.0,
        unmapped_share=0.0,
        tables=0,
        formulas=0,
        formulas_lost=0,
        formulas_unicode=0,
        agreement=agreement.UNKNOWN,
        table_trust=table_agreement.UNKNOWN,
        table_readings="",
        disagreements="",
        status=status,
        message=message,
    )


def count_tables(text: str) -> int:
    """Count Markdown tables (by their separator rows) and HTML tables."""
    separators = sum(line.startswith("|---") for line in text.split("\n"))
    return separators + text.lower().count("<table")

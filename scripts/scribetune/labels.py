"""Markdown labels: what each page says, from its own text layer, or from a person's correction."""

import json
import logging
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from scribetune import (
    agreement,
    files,
    formulas,
    isolation,
    layout,
    layout_analysis,
    layout_model,
    markdown,
    page_blocks,
    page_images,
    plain_pages,
    right_to_left,
    ruling_lines,
    structure,
    tag_tree,
    text_layer,
    text_layer_checks,
)
from scribetune.documents import Document, DocumentStatus
from scribetune.pages import open_pdf
from scribetune.progress import bar
from scribetune.table_cells import Box

logger = logging.getLogger(__name__)

_MIN_TAG_COVERAGE = 0.99
_CHECKED_LONG_SIDE_PX = 2304  # fine enough to see small print
_AUTHOR = re.compile(r"<!-- (reviewer|teacher):(.*)-->")
_NOTE_MARK = re.compile(r"([a-z])([A-Z]\w*)")
_FIGURES_OR_LETTERS = re.compile(r"\d+|[^\W\d_]+")
_DIVIDED_WORD = re.compile(r"(\w+)[-\u00ad\u2010] *\n\s*(\w+)")


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
        unmapped_share: Share of glyphs that map to no character.
        tables: Number of tables in the label.
        formulas: Number of formulas with LaTeX in the label.
        formulas_lost: Formulas whose LaTeX found no place in the label.
        formulas_unicode: Lines of formulas whose LaTeX is not known: characters, in no order that means anything.
        agreement: With the OCR of the page image, 0 to 1; -1 where it was not measured.
        status: A `LabelStatus`.
        message: Why, in plain words.
    """

    document: str
    page: int
    label: str
    label_sha256: str
    label_source: str
    reviewer: str
    characters: int
    word_recall: float
    unmapped_share: float
    tables: int
    formulas: int
    formulas_lost: int
    formulas_unicode: int
    agreement: float
    status: str
    message: str


@dataclass(frozen=True)
class LabelSettings:
    """What decides about labels; part of each document's key for reuse."""

    headers_footers: str
    tables: str
    formulas: str
    tags: str
    timeout_s_per_page: float
    code: str
    agreement: str = "none"
    agreement_languages: str = "eng"


@dataclass(frozen=True)
class PageText:
    """What the machine read on one page."""

    text: str
    word_recall: float
    unmapped_share: float
    formulas: int
    formulas_lost: int
    formulas_unicode: int = 0
    agreement: float = agreement.UNKNOWN
    ocr_seconds: float = 0.0


class PageReader:
    """Reads the pages of one PDF.

    The file is opened twice: layout analysis works on a copy without the structure tree, whose pages may be changed.

    Args:
        path: The PDF.
        password: Password or "".
        settings: How to read.

    Raises:
        UnreadablePdfError: It cannot be opened.
    """

    def __init__(self, path: str, password: str, settings: LabelSettings) -> None:
        self._pdf, status, message = open_pdf(path, password)
        if self._pdf is None:
            raise UnreadablePdfError(f"{status}: {message}")
        self._for_analysis, _, _ = open_pdf(path, password)
        # Without a structure tree MuPDF names no element: the page need not be read for them.
        self._is_tagged = layout_model.without_tags(self._for_analysis)
        self._tags = tag_tree.read(self._pdf)
        self._settings = settings

    @property
    def page_count(self) -> int:
        """Number of pages."""
        return int(self._pdf.page_count)

    def read(self, index: int, *, has_unseen: bool = False) -> PageText:
        """Extract one page as Markdown in normal form, with what is known about its quality.

        Args:
            index: Page, counted from 0.
            has_unseen: Whether a part of its text layer is seen by nobody: it is left out of the label.
        """
        page = self._pdf[index]
        # Tags do not say where a text stands that they name, nor whether it is seen.
        if has_unseen or not self._is_tagged:
            read = self._analysed(page, unmapped_share(page), has_unseen=has_unseen)
        else:
            read = self._read(page)
        if self._settings.agreement == "none" or not read.text:
            return read
        reading = agreement.of_page(page, read.text, self._settings.agreement_languages)
        return replace(read, agreement=reading.agreement, ocr_seconds=reading.seconds)

    def _read(self, page: Any) -> PageText:
        unmapped = unmapped_share(page)
        tagged = self._tagged(page, _words_of(page))
        if tagged is not None and tagged.marks:
            return _from_tags(page, tagged, unmapped)
        analysed = self._analysed(page, unmapped)
        # Everything tagged as paragraphs: layout analysis knows better where it sees a table.
        if tagged is not None and not count_tables(analysed.text):
            return _from_tags(page, tagged, unmapped)
        return analysed

    def _tagged(self, page: Any, layer: str) -> structure.TaggedPage | None:
        """Return the page as its tags say it, if they cover the text layer."""
        if self._settings.tags != "use":
            return None
        latex, html = self._settings.formulas == "alt", self._settings.tables == "html"
        keep = self._settings.headers_footers == "keep"
        try:
            tagged = structure.read(page, self._tags, latex=latex, html_tables=html, keep_headers=keep)
        except structure.UnusableTagsError as error:
            logger.info("page %d: tags are not used: %s", page.number + 1, error)
            return None
        if tagged is None or word_recall(layer, f"{tagged.words} {tagged.formula_words}") < _MIN_TAG_COVERAGE:
            return None
        return tagged

    def _analysed(self, page: Any, unmapped: float, *, has_unseen: bool = False) -> PageText:
        """Return the page as its fonts and white space, or layout analysis, say it, with LaTeX from tags in place."""
        held = self._tags.formulas.get(page.xref, []) if self._settings.formulas == "alt" else []
        found = formulas.on_page(page, held)
        lost = sum(tag.has_latex for tag in held) - len(found)
        changed = self._for_analysis[page.number]
        changed.remove_rotation()
        tokens = formulas.Placeholders.put(changed, found) if found else formulas.Placeholders({})
        layer = text_layer.read(changed)
        if text_layer.is_sideways(layer):
            text_layer.turn_upright(changed)
            layer = text_layer.read(changed)
        if has_unseen:
            image = page_images.render(changed, changed.get_displaylist(), _CHECKED_LONG_SIDE_PX, "auto")
            layer = text_layer.without_unseen(layer, lambda box: text_layer_checks.is_seen(box, image))
        drawings = changed.get_cdrawings()
        rules = ruling_lines.rules_of(drawings if len(drawings) <= plain_pages.HOPELESS_SHAPES else ())
        if plain_pages.is_plain(layer, rules, len(drawings)):
            blocks = plain_pages.blocks_of(layer)
        else:
            blocks = layout_analysis.blocks_of(changed, layer, rules)
        text = markdown.normalise(
            page_blocks.write(
                blocks,
                always_html=self._settings.tables == "html",
                keep_headers=self._settings.headers_footers == "keep",
            )
        )
        if not markdown.words(text.replace(markdown.FIGURE, "")):
            text = ""
        recall = word_recall(_words_of(changed), text, " ".join(word.text for word in layer.unseen))
        filled, misplaced = tokens.fill(text)
        return PageText(
            markdown.normalise(filled),
            recall,
            unmapped,
            len(found) - misplaced,
            lost + misplaced,
            page_blocks.unicode_formulas(blocks),
        )


def _words_of(page: Any) -> str:
    """Return the text layer as MuPDF reads it, right-to-left letters in order."""
    import pymupdf

    return right_to_left.text_in_order(page.get_textpage(flags=pymupdf.TEXTFLAGS_TEXT))


class UnreadablePdfError(Exception):
    """A PDF that was rendered can no longer be opened."""


def _from_tags(page: Any, tagged: structure.TaggedPage, unmapped: float) -> PageText:
    text = markdown.normalise(tagged.text)
    if not markdown.words(text.replace(markdown.FIGURE, "")):
        text = ""
    # Formulas that nobody tagged as such are told by their fonts.
    boxes = tagged.formula_boxes
    untagged = sum(
        line.is_formula and not any(_overlap(line.box, box) for box in boxes) for line in text_layer.read(page).lines
    )
    return PageText(text, 1.0, unmapped, tagged.formulas, 0, tagged.formulas_unicode + untagged)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def unmapped_share(page: Any) -> float:
    """Return the share of a page's glyphs that map to no character: a high one means a garbage text layer.

    The default flags hide this: MuPDF puts the glyph's number in place of an unknown character.
    """
    import pymupdf

    text: str = page.get_text("text", flags=pymupdf.TEXTFLAGS_TEXT & ~pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE)
    glyphs = [c for c in text if not c.isspace()]
    if not glyphs:
        return 0.0
    return sum(c == "\ufffd" or "\ue000" <= c <= "\uf8ff" for c in glyphs) / len(glyphs)


def word_recall(layer: str, label: str, unseen: str = "") -> float:
    """Return the share of the text layer's words (as a multiset) that are in the label; 1 for an empty layer.

    A word divided between two lines of the layer is one word where the label has it joined. Letters and figures without
    a blank between them in the layer (a raised mark, an exponent) are words by themselves where the label has them so.

    Args:
        layer: Text of the layer.
        label: Markdown.
        unseen: Words of the layer that nobody sees: they are not wanted.
    """
    wanted, found = Counter(right_to_left.words_apart(layer)), Counter(right_to_left.words_apart(label))
    wanted -= Counter(right_to_left.words_apart(unseen))
    for first, second in _DIVIDED_WORD.findall(layer):
        if wanted[first] > found[first] and wanted[second] > 0 and found[first + second] > wanted[first + second]:
            wanted[first] -= 1
            wanted[second] -= 1
            wanted[first + second] += 1
    for word in [word for word in wanted if wanted[word] > found[word]]:
        mark = _NOTE_MARK.fullmatch(word)
        parts = mark.groups() if mark else _FIGURES_OR_LETTERS.findall(word)
        apart = min(found[part] - wanted[part] for part in parts) if len(set(parts)) > 1 else 0
        for _ in range(min(apart, wanted[word] - found[word])):
            wanted[word] -= 1
            wanted.update(parts)
    wanted = +wanted
    return (wanted & found).total() / wanted.total() if wanted else 1.0


def count_tables(text: str) -> int:
    """Count Markdown tables (by their separator rows) and HTML tables."""
    separators = sum(line.startswith("|---") for line in text.split("\n"))
    return separators + text.lower().count("<table")


@dataclass(frozen=True)
class LabelledPage:
    """What became of one page.

    Attributes:
        row: For the manifest.
        ocr_seconds: What its OCR cost. In the log and not in the manifest: no two runs take the same time.
    """

    row: LabelRow
    ocr_seconds: float = 0.0


def label_document(
    document: str,
    path: str,
    password: str,
    settings: LabelSettings,
    pages: Sequence[int],
    unseen: Sequence[int] = (),
    first: int = 0,
) -> Iterator[str | LabelledPage]:
    """Write the machine labels of one PDF's pages below data/labels; runs in a worker process, a page a step.

    Args:
        document: Its id.
        path: The file.
        password: Password or "".
        settings: How.
        pages: Counted from 1.
        unseen: Those of them that have text which nobody sees.
        first: The step to begin with: 0 is opening it, n the n-th of its pages.

    Yields:
        Why it cannot be opened, "" if it can; then its pages. A page that fails has a row that says so.
    """
    try:
        reader = PageReader(path, password, settings)
    except UnreadablePdfError as error:
        if first:
            raise  # it could be read before: the step that was to come is lost
        yield str(error)
        return
    if first == 0:
        yield ""
    for page in pages[max(0, first - 1) :]:
        try:
            read = reader.read(page - 1, has_unseen=page in unseen)
        except Exception as error:  # the layout analysis raises whatever it meets; the page is refused with its reason
            status = LabelStatus.TOO_LARGE if isolation.is_memory_error(error) else LabelStatus.ERROR
            yield LabelledPage(_without_label(document, page, status, f"{type(error).__name__}: {error}"[:300]))
            continue
        yield LabelledPage(_write_label(document, page, read), read.ocr_seconds)


def _labelled(document: str, pages: Sequence[int], steps: Sequence[isolation.Outcome]) -> list[LabelledPage]:
    """Put a document together from the outcomes of its steps: one labelled page for each that was asked for."""
    opening = steps[0]
    if opening.failure or opening.value:
        status = LabelStatus(opening.failure) if opening.failure else LabelStatus.ERROR
        why = opening.message if opening.failure else opening.value
        return [LabelledPage(_without_label(document, page, status, why)) for page in pages]
    labelled: list[LabelledPage] = []
    for page, step in zip(pages, steps[1:], strict=False):  # fewer steps where the document was given up
        if step.failure:
            labelled.append(LabelledPage(_without_label(document, page, LabelStatus(step.failure), step.message)))
        else:
            labelled.append(step.value)
    for page in pages[len(labelled) :]:
        why = "the document was given up before it"
        labelled.append(LabelledPage(_without_label(document, page, LabelStatus(steps[-1].failure), why)))
    return labelled


def _write_label(document: str, page: int, read: PageText) -> LabelRow:
    target = layout.page_label(document, page)
    data = read.text.encode("utf-8")
    files.write_bytes(target, data, durable=False)
    status = LabelStatus.OK if read.text else LabelStatus.NO_TEXT
    return LabelRow(
        document=document,
        page=page,
        label=target.as_posix(),
        label_sha256=files.sha256_bytes(data),
        label_source="machine",
        reviewer="",
        characters=len(read.text),
        word_recall=round(read.word_recall, 6),
        unmapped_share=round(read.unmapped_share, 6),
        tables=count_tables(read.text),
        formulas=read.formulas,
        formulas_lost=read.formulas_lost,
        formulas_unicode=read.formulas_unicode,
        agreement=round(read.agreement, 6),
        status=status,
        message="" if read.text else "the page has no text layer (a scan, a drawing or a blank page)",
    )


def _without_label(document: str, page: int, status: LabelStatus, message: str) -> LabelRow:
    return LabelRow(document, page, "", "", "machine", "", 0, 0.0, 0.0, 0, 0, 0, 0, agreement.UNKNOWN, status, message)


@dataclass(frozen=True)
class Correction:
    """A label that people or another model wrote.

    Attributes:
        text: In normal form.
        source: "correction" (a person's) or "teacher" (a model's).
        author: Who or what wrote it; "" where the file does not say.
    """

    text: str
    source: str
    author: str


def read_correction(path: Path) -> Correction:
    """Read a label that overrides the machine's.

    Args:
        path: Markdown; a first line `<!-- reviewer: NAME -->` or `<!-- teacher: MODEL -->` names who or what made it
            and is not part of the label.
    """
    text = path.read_text(encoding="utf-8")
    first, _, rest = text.partition("\n")
    marker = _AUTHOR.fullmatch(first.strip())
    if marker is None:
        return Correction(markdown.normalise(text), "correction", "")
    source = "teacher" if marker.group(1) == "teacher" else "correction"
    return Correction(markdown.normalise(rest), source, marker.group(2).strip())


def corrections_by_page(paths: Iterable[Path]) -> dict[tuple[str, int], Path]:
    """Return (document, page) → file for `<folder>/<document>/p<NNNN>.md`."""
    return {(path.parent.name, int(path.stem.removeprefix("p"))): path for path in paths}


def correct(row: LabelRow, correction: Path) -> LabelRow:
    """Put the label of a person, or of a teacher model, in the place of a machine label, on disk and in its row."""
    found = read_correction(correction)
    text = found.text
    target = layout.page_label(row.document, row.page)
    data = text.encode("utf-8")
    _write_changed(target, data)
    return LabelRow(
        document=row.document,
        page=row.page,
        label=target.as_posix(),
        label_sha256=files.sha256_bytes(data),
        label_source=found.source,
        reviewer=found.author,
        characters=len(text),
        word_recall=1.0,
        unmapped_share=0.0,
        tables=count_tables(text),
        formulas=text.count("$") // 2,
        formulas_lost=0,
        formulas_unicode=0,
        agreement=agreement.UNKNOWN,
        status=LabelStatus.OK if text else LabelStatus.NO_TEXT,
        message="" if text else "the correction is empty",
    )


def label_shard(
    documents: Sequence[Document],
    rendered: Mapping[str, tuple[str, Sequence[int]]],
    passwords: Mapping[str, str],
    corrections: Mapping[tuple[str, int], Path],
    settings: LabelSettings,
    workers: int,
    unseen: Mapping[str, Sequence[int]] = MappingProxyType({}),
) -> list[LabelRow]:
    """Label a shard's pages; documents whose content, settings and code are unchanged are taken as they are.

    Args:
        documents: The shard's documents.
        rendered: Document id → (sha256 of the PDF, pages that have an image).
        passwords: Document id → password or "".
        corrections: (document id, page) → human label.
        settings: How.
        workers: Number of worker processes.
        unseen: Document id → pages that have text which nobody sees: it is left out of their labels.

    Returns:
        One row per rendered page, in order.
    """
    known: dict[str, _Record] = {}
    waiting: list[tuple[Document, str, Sequence[int]]] = []
    for document in documents:
        digest, pages = rendered.get(document.id, ("", ()))
        if not pages:
            continue
        parts = [digest, list(pages), asdict(settings), list(unseen.get(document.id, ()))]
        key = files.sha256_bytes(json.dumps(parts).encode())
        kept = _load_record(document.id, key)
        if kept is None:
            waiting.append((document, key, pages))
        else:
            known[document.id] = kept
    logger.info("%d documents unchanged, %d to label", len(known), len(waiting))
    tasks = [
        isolation.Task(
            label_document,
            (
                document.id,
                str(document.path),
                passwords.get(document.id, ""),
                settings,
                tuple(pages),
                tuple(unseen.get(document.id, ())),
            ),
            settings.timeout_s_per_page,
            weight=len(pages),
        )
        for document, _, pages in waiting
    ]
    ocr: dict[tuple[str, int], float] = {}
    with (
        isolation.Workers(min(workers, len(waiting)), prepare=prepare_worker) as started,
        bar("Labelling", len(waiting), "documents") as advance,
    ):
        for (document, key, pages), steps in zip(waiting, started.run_steps(tasks), strict=True):
            labelled = _labelled(document.id, pages, steps)
            lost = [step for step in steps if step.failure]
            # What a time limit or a crash cost may have been the machine's fault: it is tried again next time.
            known[document.id] = _Record("" if lost else key, tuple(page.row for page in labelled), {})
            if not lost:
                _store_record(document.id, known[document.id])
            for step in lost:
                logger.warning("%s: %s: %s", document.relative_path, step.failure, step.message)
            ocr.update({(document.id, page.row.page): page.ocr_seconds for page in labelled if page.ocr_seconds})
            files.keep_only(Path(layout.LABELS) / document.id, ".p*.tmp", ())  # of workers killed while they wrote
            advance(note=document.id)
    if waiting:
        os.sync()
    _log_ocr(ocr)
    return [
        row
        for document in documents
        if document.id in known
        for row in _with_corrections(document.id, known[document.id], corrections)
    ]


def prepare_worker() -> None:
    """Import PyMuPDF without its layout models, once per worker: they load with the first page that needs them.

    `import pymupdf` would load them at once, with threads for all cores, and `layout_model` once more with one: 0.7 s
    and 54 MB that pages of running text do without.
    """
    sys.modules["pymupdf.layout"] = None  # type: ignore[assignment]  # Python's own way to say that there is none
    import pymupdf  # noqa: F401

    del sys.modules["pymupdf.layout"]


def _log_ocr(seconds: Mapping[tuple[str, int], float]) -> None:
    """Say what the second opinion cost, page by page and in all."""
    for (document, page), spent in seconds.items():
        logger.info("OCR of %s page %d: %.2f s", document, page, spent)
    if seconds:
        total = sum(seconds.values())
        logger.info("OCR of %d pages: %.1f s, %.2f s a page", len(seconds), total, total / len(seconds))


def _with_corrections(document: str, record: "_Record", corrections: Mapping[tuple[str, int], Path]) -> list[LabelRow]:
    """Put a document's corrections in place, and take back those that are gone; returns the rows that result."""
    replaced: dict[int, str] = {}
    for row in record.rows:
        target = layout.page_label(document, row.page)
        if (document, row.page) in corrections:
            if row.label:
                text = record.replaced.get(row.page)
                replaced[row.page] = target.read_bytes().decode("utf-8") if text is None else text
        elif row.page in record.replaced:
            _write_changed(target, record.replaced[row.page].encode("utf-8"))
    # The record comes first: whatever is interrupted after it, the machine's text is not lost.
    if record.key and replaced != record.replaced:
        _store_record(document, _Record(record.key, record.rows, replaced))
    found = ((row, corrections.get((document, row.page))) for row in record.rows)
    rows = [row if path is None else correct(row, path) for row, path in found]
    # Of pages that the PDF no longer has, and of corrections taken back where the machine can read nothing.
    files.keep_only(Path(layout.LABELS) / document, "p*.md", {row.label for row in rows})
    return rows


def _write_changed(path: Path, data: bytes) -> None:
    """Write a file unless it has that content: what is untouched keeps its time."""
    if not (path.exists() and path.read_bytes() == data):
        files.write_bytes(path, data)


def pages_with_unseen(page_rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the pages of a document, from its rows in data/manifests/pages, of whose text a part is seen by nobody."""
    return [int(row["page"]) for row in page_rows if row["hidden_share"] > 0 or row["invisible_share"] > 0]


def usable_pages(status: str, page_rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the pages of a document that have an image and are worth reading."""
    if status != DocumentStatus.OK:
        return []
    return [int(row["page"]) for row in page_rows if row["image"]]


@dataclass(frozen=True)
class _Record:
    """data/labels/<doc>/document.json: what the machine made of a document.

    Attributes:
        key: Hash of everything that decided about the labels; "" where that is not to be kept.
        rows: One per page, as the machine labelled it.
        replaced: Page → the machine's text, where a correction stands in its place on disk. So a correction costs no
            reading of the document, neither when it comes, nor later, nor when it is taken back.
    """

    key: str
    rows: tuple[LabelRow, ...]
    replaced: Mapping[int, str]


def _record_path(document: str) -> Path:
    return Path(layout.LABELS) / document / "document.json"


def _store_record(document: str, record: _Record) -> None:
    replaced = {f"{page:04d}": text for page, text in record.replaced.items()}
    content = {"key": record.key, "pages": [asdict(row) for row in record.rows], "replaced": replaced}
    files.write_json(_record_path(document), content)


def _load_record(document: str, key: str) -> _Record | None:
    """Return the earlier machine labels if their key is the same and every file is what it was."""
    path = _record_path(document)
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["key"] != key:
            return None
        rows = tuple(LabelRow(**row) for row in content["pages"])
        replaced = {int(page): str(text) for page, text in content["replaced"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("%s is not readable (%s): the document is labelled again", path, error)
        return None
    for row in rows:
        if not row.label:
            continue
        if row.page in replaced:
            is_whole = files.sha256_bytes(replaced[row.page].encode("utf-8")) == row.label_sha256
        else:
            is_whole = Path(row.label).exists() and files.sha256_file(Path(row.label)) == row.label_sha256
        if not is_whole:
            logger.warning("%s is missing or altered: the document is labelled again", row.label)
            return None
    return _Record(key, rows, replaced)

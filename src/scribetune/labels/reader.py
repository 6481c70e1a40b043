"""Labels by the machine: a page as Markdown from its text layer, its tags or layout analysis; runs in workers."""

import logging
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scribetune.core import files, isolation, layout
from scribetune.documents import page_images, text_layer_checks
from scribetune.documents.rendering import open_pdf
from scribetune.labels import (
    agreement,
    equal_widths,
    layout_analysis,
    layout_model,
    page_blocks,
    plain_pages,
    ruling_lines,
    structure,
    tag_tree,
    text_layer,
)
from scribetune.labels.formulas import placing
from scribetune.labels.right_to_left import text_in_order, words_apart
from scribetune.labels.rows import LabelRow, LabelStatus, count_tables, row_of, row_without_label
from scribetune.labels.tables.cells import Box
from scribetune.text import markdown

logger = logging.getLogger(__name__)

_MIN_TAG_COVERAGE = 0.99
_CHECKED_LONG_SIDE_PX = 2304  # fine enough to see small print
_NOTE_MARK = re.compile(r"([a-z])([A-Z]\w*)")
_FIGURES_OR_LETTERS = re.compile(r"\d+|[^\W\d_]+")
_DIVIDED_WORD = re.compile(r"(\w+)[-\u00ad\u2010] *\n\s*(\w+)")


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
    """Reads the pages of one PDF, opened with its password or "".

    The file is opened twice: layout analysis works on a copy without the structure tree, whose pages may be changed.

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
        """Extract one page, counted from 0, as Markdown in normal form, with what is known about its quality.

        Where a part of its text layer is seen by nobody (`has_unseen`), that is left out of the label.
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
        if tagged is None:
            return None
        covered = word_recall(layer, f"{tagged.words} {tagged.formula_words}")
        if covered < _MIN_TAG_COVERAGE:
            logger.info("page %d: tags are not used: they cover %.3f of its words", page.number + 1, covered)
            return None
        return tagged

    def _analysed(self, page: Any, unmapped: float, *, has_unseen: bool = False) -> PageText:
        """Return the page as its fonts and white space, or layout analysis, say it, with LaTeX from tags in place."""
        placed = placing.on_page(page, self._tags) if self._settings.formulas == "alt" else placing.Placed()
        found = placed.formulas
        changed = self._for_analysis[page.number]
        changed.remove_rotation()
        tokens = placing.Placeholders.put(changed, found) if found else placing.Placeholders({})
        layer = text_layer.read(changed)
        if text_layer.is_sideways(layer):
            text_layer.turn_upright(changed)
            layer = text_layer.read(changed)
        if has_unseen:
            image = page_images.render(changed, changed.get_displaylist(), _CHECKED_LONG_SIDE_PX, "auto")
            layer = text_layer.without_unseen(layer, lambda box: text_layer_checks.is_seen(box, image))
        layer = replace(layer, lines=equal_widths.code_alone(layer.lines))
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
            placed.lost + misplaced,
            page_blocks.unicode_formulas(blocks),
        )


def _words_of(page: Any) -> str:
    """Return the text layer as MuPDF reads it, right-to-left letters in order."""
    import pymupdf

    return text_in_order(page.get_textpage(flags=pymupdf.TEXTFLAGS_TEXT))


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
    return sum(map(text_layer_checks.is_unmapped, glyphs)) / len(glyphs)


def word_recall(layer: str, label: str, unseen: str = "") -> float:
    """Return the share of the text layer's words (as a multiset) that are in the label; 1 for an empty layer.

    A word divided between two lines of the layer is one word where the label has it joined. Letters and figures without
    a blank between them in the layer (a raised mark, an exponent) are words by themselves where the label has them so.
    Words of the layer that nobody sees (`unseen`) are not wanted.
    """
    wanted, found = Counter(words_apart(layer)), Counter(words_apart(label))
    wanted -= Counter(words_apart(unseen))
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


@dataclass(frozen=True)
class LabelledPage:
    """What became of one page."""

    row: LabelRow  # for the manifest
    ocr_seconds: float = 0.0  # what its OCR cost. In the log and not in the manifest: no two runs take the same time.


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

    `pages` are counted from 1; those of `unseen` have text which nobody sees. `first` is the step to begin with: 0 is
    opening it, n the n-th of its pages. Yields why it cannot be opened, "" if it can; then its pages. A page that fails
    has a row that says so.
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
            yield LabelledPage(row_without_label(document, page, status, f"{type(error).__name__}: {error}"[:300]))
            continue
        yield LabelledPage(_write_label(document, page, read), read.ocr_seconds)


def _write_label(document: str, page: int, read: PageText) -> LabelRow:
    files.write_bytes(layout.page_label(document, page), read.text.encode(), durable=False)
    return row_of(
        document,
        page,
        read.text,
        "the page has no text layer (a scan, a drawing or a blank page)",
        word_recall=read.word_recall,
        unmapped_share=read.unmapped_share,
        formulas=read.formulas,
        formulas_lost=read.formulas_lost,
        formulas_unicode=read.formulas_unicode,
        agreement=read.agreement,
    )


def prepare_worker() -> None:
    """Import PyMuPDF without its layout models, once per worker: they load with the first page that needs them.

    `import pymupdf` would load them at once, with threads for all cores, and `layout_model` once more with one: 0.7 s
    and 54 MB that pages of running text do without.
    """
    sys.modules["pymupdf.layout"] = None  # type: ignore[assignment]  # Python's own way to say that there is none
    import pymupdf  # noqa: F401

    del sys.modules["pymupdf.layout"]

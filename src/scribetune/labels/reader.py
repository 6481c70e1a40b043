"""Labels by the machine: a page as Markdown from its text layer, its tags or layout analysis; runs in workers."""

import logging
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

from scribetune.core import files, isolation, layout
from scribetune.documents import drawn_page, glyph_shapes, ligatures, page_images, text_layer_checks
from scribetune.documents.inputs import is_image
from scribetune.documents.rendering import open_pdf
from scribetune.labels import (
    agreement,
    code_rows,
    continued_tables,
    coverage,
    covered_text,
    cuts,
    doubts,
    drawing_witness,
    equal_widths,
    figure_witness,
    form_fields,
    heading_levels,
    image_witness,
    layout_analysis,
    layout_model,
    line_ends,
    mended_fonts,
    outlined_text,
    page_blocks,
    page_drawings,
    pictures,
    plain_pages,
    ruling_lines,
    running_heads,
    sampled_pages,
    structure,
    tag_tree,
    text_layer,
    witnesses,
)
from scribetune.labels.characters import characters_of
from scribetune.labels.continued_tables import PageEnds
from scribetune.labels.cuts import Cut
from scribetune.labels.doubts import Finding
from scribetune.labels.formulas import drawn, on_layer, placing, unread
from scribetune.labels.rows import LabelRow, LabelStatus, count_tables, row_of, row_without_label
from scribetune.labels.tables import agreement as table_agreement
from scribetune.labels.tables import ruled
from scribetune.labels.tables.cells import Box, overlap
from scribetune.labels.text_layer import TextLayer
from scribetune.text import markdown

logger = logging.getLogger(__name__)

_MIN_TAG_COVERAGE = 0.99
_CHECKED_LONG_SIDE_PX = 2304  # fine enough to see small print
_DOUBTED_TABLE = 0.5  # trust; less by far than a build asks for


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
    table_agreement: str = "use"
    witnesses: str = "ask"
    cuts_over: int = 0  # of labels with more characters it is asked where their pages can be cut; 0: of none


@dataclass(frozen=True)
class PageText:
    """What the machine read on one page."""

    text: str
    word_recall: float
    unmapped_share: float
    formulas: int
    formulas_lost: int
    word_precision: float = 1.0
    formulas_unicode: int = 0
    agreement: float = agreement.UNKNOWN
    ocr_seconds: float = 0.0
    ends: PageEnds = field(default_factory=PageEnds)
    tables: tuple[table_agreement.TableReading, ...] = ()  # as two readings have them
    disagreements: tuple[image_witness.Disagreement, ...] = ()
    is_tagged: bool = False  # its tags say what is on it
    findings: tuple[Finding, ...] | None = None  # what the page says against its label; None: not asked
    not_said: tuple[unread.Unread, ...] = ()  # what no text layer says; among the formulas that are lost
    size_pt: tuple[float, float] = (0.0, 0.0)  # width and height of the page that places are in
    cuts: tuple[Cut, ...] = ()  # where it can be cut across
    has_outlines: bool = False  # it draws what may be letters, where it has no words
    pictures: tuple[Box, ...] = ()  # that it shows; not said of pages that are turned


class PageReader:
    """Reads the pages of one PDF, opened with its password or "".

    The file is opened twice: layout analysis works on a copy without the structure tree, whose pages may be changed.
    `readable` are the pages, from 0, that the running heads of others are compared with; all where it is not said.

    Raises:
        UnreadablePdfError: It cannot be opened.
    """

    def __init__(
        self, path: str, password: str, settings: LabelSettings, readable: Collection[int] | None = None
    ) -> None:
        self._pdf, status, message = open_pdf(path, password)
        if self._pdf is None:
            raise UnreadablePdfError(f"{status}: {message}")
        self._for_analysis, _, _ = open_pdf(path, password)
        # Without a structure tree MuPDF names no element: the page need not be read for them.
        self._is_tagged = layout_model.without_tags(self._for_analysis)
        self._tags = self._read_tags()
        self._settings = settings
        self._fonts = mended_fonts.MendedFonts((self._pdf, self._for_analysis))
        self._heads = running_heads.RunningHeads(self._pdf, readable)
        self._witness = image_witness.Witness(self._pdf, image_witness.SHORT)

    @cached_property
    def _levels(self) -> heading_levels.Levels:
        return heading_levels.of_sample(self._sample)

    @cached_property
    def _sample(self) -> list[sampled_pages.SampledPage]:
        return sampled_pages.of_document(self._pdf)

    @cached_property
    def _words(self) -> frozenset[str]:
        """What stands within the lines of the sample, of whose words some are divided on other pages."""
        return frozenset().union(*(line_ends.words_within(line.text for line in page.lines) for page in self._sample))

    @property
    def _asks(self) -> bool:
        return self._settings.witnesses == "ask"

    def _read_tags(self) -> tag_tree.TagTree:
        """Return what the structure tree says; where it is damaged, the document is one without tags from then on."""
        import pymupdf

        try:
            return tag_tree.read(self._pdf)
        except (pymupdf.mupdf.FzErrorBase, RuntimeError, ValueError) as error:
            if isolation.is_memory_error(error):
                raise
            logger.info("tags are not used: %s", error)
            layout_model.without_tags(self._pdf)
            self._is_tagged = False
            return tag_tree.read(self._pdf)

    @property
    def page_count(self) -> int:
        """Number of pages."""
        return int(self._pdf.page_count)

    def read(self, index: int, *, has_unseen: bool = False) -> PageText:
        """Extract one page, counted from 0, as Markdown in normal form, with what is known about its quality.

        Where a part of its text layer is seen by nobody (`has_unseen`), that is left out of the label.
        """
        page = self._fonts.page(index)
        # Tags do not say where a text stands that they name, nor whether it is seen.
        if has_unseen or not self._is_tagged or _has_bars(page):
            read = self._analysed(page, unmapped_share(page), has_unseen=has_unseen)
        else:
            read = self._read(page)
        if 0 < self._settings.cuts_over < len(read.text):
            read = replace(read, cuts=cuts.of_label(read.text, text_layer.read(page).words))
        if self._settings.agreement in agreement.NOBODY or not read.text:
            return read
        if self._settings.agreement == "rapidocr":
            if is_doubted(read):
                return read
            said = self._witness.of_page(
                index, has_unseen=has_unseen, has_outlines=read.has_outlines, pictures=read.pictures
            )
            if said is None:
                return read
            return replace(read, agreement=said.agreement, ocr_seconds=said.seconds, disagreements=said.disagreements)
        reading = agreement.of_page(page, read.text, self._settings.agreement_languages)
        return replace(read, agreement=reading.agreement, ocr_seconds=reading.seconds)

    def _read(self, page: Any) -> PageText:
        unmapped = unmapped_share(page)
        tagged = self._tagged(page, unmapped)
        if tagged is not None and tagged[1]:
            return tagged[0]
        analysed = self._analysed(page, unmapped)
        # Everything tagged as paragraphs: layout analysis knows better where it sees a table.
        return tagged[0] if tagged is not None and not count_tables(analysed.text) else analysed

    def _tagged(self, page: Any, unmapped: float) -> tuple[PageText, int] | None:
        """Return the page as its tags say it, if they cover the text layer, and how many of them are no paragraphs."""
        if self._settings.tags != "use":
            return None
        latex, html = self._settings.formulas == "alt", self._settings.tables == "html"
        keep = self._settings.headers_footers == "keep"
        try:
            heads = self._heads.on_page(page.number)
            tagged = structure.read(
                page,
                self._tags,
                latex=latex,
                html_tables=html,
                keep_headers=keep,
                is_running=heads.hold,
                elsewhere=self._words,
            )
        except structure.UnusableTagsError as error:
            logger.info("page %d: tags are not used: %s", page.number + 1, error)
            return None
        if tagged is None:
            return None
        read = _from_tags(page, tagged, unmapped, asks=self._asks)
        outlines = self._has_outlines(page_drawings.of_page(page), text_layer.read(page))
        read = replace(read, has_outlines=outlines)
        if self._settings.table_agreement == "use" and count_tables(read.text):
            read = replace(read, tables=_tagged_tables(page, read.text))
        if read.word_recall < _MIN_TAG_COVERAGE:
            logger.info("page %d: tags are not used: they cover %.3f of its words", page.number + 1, read.word_recall)
            return None
        return read, tagged.marks

    def _analysed(self, page: Any, unmapped: float, *, has_unseen: bool = False) -> PageText:
        """Return the page as its fonts and white space, or layout analysis, say it, with LaTeX from tags in place."""
        placed = placing.on_page(page, self._tags) if self._settings.formulas == "alt" else placing.Placed()
        found = placed.formulas
        changed = self._for_analysis[page.number]
        changed.remove_rotation()
        tokens = placing.Placeholders.put(changed, found) if found else placing.Placeholders({})
        layer = text_layer.read(changed)
        heads = self._heads.on_page(page.number)
        if is_sideways := text_layer.is_sideways(layer):
            text_layer.turn_upright(changed)
            layer = text_layer.read(changed)
            heads = running_heads.Heads()
        layer = form_fields.with_values(layer, changed)
        drawings = page_drawings.of_page(changed)
        bars = covered_text.bars_over(layer.words, covered_text.dark_boxes(drawings))
        layer = _seen(changed, layer, bars, has_unseen=has_unseen)
        layer = replace(layer, lines=equal_widths.code_alone(layer.lines))
        rules = ruling_lines.rules_of(drawings if len(drawings) <= plain_pages.HOPELESS_SHAPES else ())
        shown = pictures.of_page(changed, layer, rules, drawings)
        heads = running_heads.with_own(heads, layer, rules, shown.pictures)
        # Formulas go their page's way: the layout model knows the headings of papers.
        is_plain = plain_pages.is_plain(running_heads.apart(layer, heads)[0], rules, len(drawings))
        layer, drawn_formulas = self._with_drawn_formulas(changed, layer, rules)
        places = unread.on_page(changed, layer, rules, [formula.box for formula in drawn_formulas.formulas.values()])
        framed = ruled.tables_of(layer, rules, cache(lambda: characters_of(changed)), self._words)
        heads = running_heads.without_tables(heads, [found.table.box for found in framed], layer.lines)
        body, outside = running_heads.apart(layer, heads)
        framed = [found for found in framed if not heads.hold(found.table.box)]
        if not framed and is_plain:
            blocks = running_heads.around(plain_pages.blocks_of(body), outside)
        else:
            blocks = layout_analysis.blocks_of(changed, layer, rules, framed, heads)
        blocks, changed_figures = pictures.in_place(blocks, shown, layer.lines)
        if any(block.kind is page_blocks.Kind.HEADING for block in blocks):
            if page.number == 0:
                blocks = heading_levels.without_authors(blocks, self._levels)
            blocks = heading_levels.with_levels(blocks, self._levels)
        text = markdown.normalise(
            page_blocks.write(
                blocks,
                always_html=self._settings.tables == "html",
                keep_headers=self._settings.headers_footers == "keep",
                elsewhere=self._words,
            )
        )
        if not markdown.words(text.replace(markdown.FIGURE, "")):
            text = ""
        pieces = {word: parts for table in framed for word, parts in table.cut.items()}
        layer = replace(layer, words=tuple(part for word in layer.words for part in pieces.get(word, (word,))))
        keep = self._settings.headers_footers == "keep"
        covered = coverage.of_blocks(blocks, layer, text, keep_headers=keep)
        written = page_blocks.in_order(blocks, keep_headers=keep)
        filled, misplaced = tokens.fill(text)
        left_out = [line for block in blocks if block not in written for line in block.lines]
        filled, read, unplaced = drawn_formulas.fill(filled, left_out)
        words_drawn = [block.box for block in blocks if block.kind is page_blocks.Kind.DRAWN]
        places = [*unread.beside(places, words_drawn), *unread.in_label(filled, layer)]
        return PageText(
            markdown.normalise(filled),
            covered.recall,
            unmapped,
            len(found) - misplaced + read,
            placed.lost + misplaced + unplaced + drawn_formulas.unknown + len(places),
            covered.precision,
            page_blocks.unicode_formulas(blocks, drawn_formulas.formulas),
            tables=self._read_again(blocks, layer, rules),
            findings=(
                *_findings(text, layer, [line.box for line in left_out], shown, changed_figures),
                *figure_witness.of_words(blocks, layer, shown, rules),
                *drawing_witness.of_blocks(blocks),
            )
            if self._asks
            else None,
            ends=continued_tables.of_blocks(blocks, layer.words, layer.height),
            not_said=tuple(places),
            size_pt=(layer.width, layer.height),
            has_outlines=self._has_outlines(drawings, layer),
            pictures=() if is_sideways or page.rotation else shown.pictures,
        )

    def _has_outlines(self, drawings: Sequence[Mapping[str, Any]], layer: TextLayer) -> bool:
        """Whether a page draws what may be letters, where somebody can read its image."""
        is_asked = self._settings.agreement == "rapidocr" and len(drawings) <= plain_pages.HOPELESS_SHAPES
        return is_asked and outlined_text.is_on(drawings, layer.words)

    def _with_drawn_formulas(
        self, page: Any, layer: TextLayer, rules: ruling_lines.Rules
    ) -> tuple[TextLayer, on_layer.Stand]:
        """Return a layer with words for the formulas that a page draws, as long as it is asked for them.

        Rows of code are put together after them: none is a formula's.
        """
        stand = on_layer.Stand()
        if self._settings.formulas == "alt":
            layer, stand = on_layer.put(page, layer, drawn.on_page(page, layer, rules))
        return replace(layer, lines=code_rows.joined(layer.lines)), stand

    def _read_again(
        self, blocks: Sequence[page_blocks.PageBlock], layer: TextLayer, rules: ruling_lines.Rules
    ) -> tuple[table_agreement.TableReading, ...]:
        if self._settings.table_agreement != "use":
            return ()
        tables = [table for block in blocks for table in block.tables if block.kind is page_blocks.Kind.TABLE]
        return tuple(table_agreement.of_tables(tables, layer.words, rules))


def is_doubted(read: PageText) -> bool:
    """Whether so much speaks against a label that its page is refused, whatever its image says.

    Reading the image would cost more than all else, and change nothing. What a page of the sample says of fonts is
    asked for all the same, once a page that nothing speaks against has them.
    """
    weighty = [one for one in read.findings or () if one.doubt not in doubts.LIGHT]
    return bool(weighty) or read.formulas_lost > 0 or any(table.trust < _DOUBTED_TABLE for table in read.tables)


def _has_bars(page: Any) -> bool:
    """Whether words of a tagged page lie under dark boxes, which may hide them."""
    boxes = covered_text.dark_boxes(page_drawings.of_page(page))
    return bool(boxes) and bool(covered_text.bars_over(text_layer.read(page).words, boxes))


def _seen(page: Any, layer: TextLayer, bars: Sequence[Box], *, has_unseen: bool) -> TextLayer:
    """Return a page's text layer without what nobody sees of it; its image is made only where that is in doubt."""
    if not has_unseen and not bars:
        return layer
    image = page_images.render(page, page.get_displaylist(), _CHECKED_LONG_SIDE_PX, "auto")

    def is_seen(box: Box) -> bool:
        return text_layer_checks.is_seen(box, image)

    if has_unseen:
        layer = text_layer.without_unseen(layer, is_seen)
    return covered_text.without_covered(layer, bars, is_seen)


class UnreadablePdfError(Exception):
    """A PDF that was rendered can no longer be opened."""


def _from_tags(page: Any, tagged: structure.TaggedPage, unmapped: float, *, asks: bool) -> PageText:
    text = markdown.normalise(tagged.text)
    if not markdown.words(text.replace(markdown.FIGURE, "")):
        text = ""
    layer = text_layer.read(page)
    covered = coverage.of_pieces(tagged.pieces, layer.words, _without(tagged.latex, text))
    # Formulas that nobody tagged as such are told by their fonts.
    boxes = tagged.formula_boxes
    untagged = sum(line.is_formula and not any(overlap(line.box, box) for box in boxes) for line in layer.lines)
    rules = _rules_of(page)
    places = [*unread.on_page(page, layer, rules, tagged.formula_boxes), *unread.in_label(text, layer)]
    return PageText(
        text,
        covered.recall,
        unmapped,
        tagged.formulas,
        len(places),
        covered.precision,
        tagged.formulas_unicode + untagged,
        is_tagged=True,
        findings=_against(page, text, layer, tagged) if asks else None,
        ends=continued_tables.of_text(text, tagged.table_elements),
        not_said=tuple(places),
        size_pt=(layer.width, layer.height),
    )


def _rules_of(page: Any) -> ruling_lines.Rules:
    drawings = page_drawings.of_page(page)
    return ruling_lines.rules_of(drawings if len(drawings) <= plain_pages.HOPELESS_SHAPES else ())


def _tagged_tables(page: Any, text: str) -> tuple[table_agreement.TableReading, ...]:
    rules = _rules_of(page)
    return tuple(table_agreement.of_text(text, text_layer.read(page).words, rules))


def _against(page: Any, text: str, layer: TextLayer, tagged: structure.TaggedPage) -> tuple[Finding, ...]:
    left_out = [piece.box for piece in tagged.pieces if isinstance(piece, coverage.Piece) and not piece.is_wanted]
    shown = pictures.Shown()
    if not page.rotation:
        shown = pictures.of_page(page, layer, _rules_of(page), page_drawings.of_page(page))
    # What an author leaves out as an ornament needs no mark.
    shown = shown.at_least(plain_pages.FIGURE_SHARE * layer.width * layer.height)
    return _findings(text, layer, left_out, shown, has_latex=bool(tagged.latex))


def _findings(
    text: str,
    layer: TextLayer,
    left_out: Sequence[Box],
    shown: pictures.Shown,
    changed: Sequence[Box] = (),
    *,
    has_latex: bool = False,
) -> tuple[Finding, ...]:
    return (
        *witnesses.of_page(text, layer.words, left_out, has_latex=has_latex),
        *figure_witness.of_page(text, layer, shown, left_out, changed, has_latex=has_latex),
    )


def _without(parts: Sequence[str], text: str) -> str:
    """Take parts out of a text that has them in this order."""
    kept, at = "", 0
    for part in parts:
        found = text.find(part, at)
        if found >= 0:
            kept, at = f"{kept}{text[at:found]} ", found + len(part)
    return kept + text[at:]


def unmapped_share(page: Any) -> float:
    """Return the share of a page's glyphs that map to no character: a high one means a garbage text layer.

    The default flags hide this: MuPDF puts the glyph's number in place of an unknown character. Leaders and rules are
    no letters.
    """
    glyphs = [c for c in ligatures.text_of(page) if not c.isspace()]
    unmapped = sum(map(text_layer_checks.is_unmapped, glyphs))
    if not unmapped:
        return 0.0
    leaders = glyph_shapes.leaders(drawn_page.read(page.get_displaylist()).fonts, text_layer_checks.is_unmapped)
    return max(0, unmapped - leaders) / len(glyphs)


@dataclass(frozen=True)
class LabelledPage:
    """What became of one page."""

    row: LabelRow  # for the manifest
    ends: PageEnds = field(default_factory=PageEnds)  # the tables that it begins and ends with
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
    if is_image(path):
        yield from _without_text(document, pages, first)
        return
    try:
        reader = PageReader(path, password, settings, {page - 1 for page in pages})
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
        yield LabelledPage(_write_label(document, page, read, settings.agreement), read.ends, read.ocr_seconds)


def _without_text(document: str, pages: Sequence[int], first: int) -> Iterator[str | LabelledPage]:
    """Yield what `label_document` does, of an image file: it has no text layer."""
    if first == 0:
        yield ""
    for page in pages[max(0, first - 1) :]:
        yield LabelledPage(_write_label(document, page, PageText("", 1.0, 0.0, 0, 0)))


def _write_label(document: str, page: int, read: PageText, image_reader: str = "") -> LabelRow:
    files.write_bytes(layout.page_label(document, page), read.text.encode(), durable=False)
    return row_of(
        document,
        page,
        read.text,
        "the page has no text layer (a scan, a drawing or a blank page)",
        word_recall=read.word_recall,
        word_precision=read.word_precision,
        unmapped_share=read.unmapped_share,
        formulas=read.formulas,
        formulas_lost=read.formulas_lost,
        formulas_unicode=read.formulas_unicode,
        agreement=read.agreement,
        tables_read=read.tables,
        disagreements=image_witness.to_json(read.disagreements),
        message="; ".join(
            filter(None, [image_witness.in_words(read.disagreements, page), unread.in_words(read.not_said)])
        ),
        is_tagged=read.is_tagged,
        findings=read.findings,
        image_reader=image_reader,
        size_pt=read.size_pt,
        cuts=cuts.as_text(read.cuts),
    )


def prepare_worker() -> None:
    """Import PyMuPDF without its layout models, once per worker: they load with the first page that needs them.

    `import pymupdf` would load them at once, with threads for all cores, and `layout_model` once more with one: 0.7 s
    and 54 MB that pages of running text do without.
    """
    sys.modules["pymupdf.layout"] = None  # type: ignore[assignment]  # Python's own way to say that there is none
    import pymupdf  # noqa: F401

    del sys.modules["pymupdf.layout"]

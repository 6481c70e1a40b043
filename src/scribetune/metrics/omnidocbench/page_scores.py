"""One page, end to end: its elements with their distances, and its scores.

    text, formula:  edit distance summed over the page's elements / summed length of the longer side
    table:          mean TEDS of its annotated tables
    reading order:  edit distance of the order of the annotations of text that were answered / length of the longer

All but TEDS are distances: 0 is perfect. An annotation without an answer counts with its length; a prediction that
answers nothing costs nothing, which is why `hallucination` stands beside them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rapidfuzz.distance import Levenshtein

from scribetune.metrics import teds
from scribetune.metrics.omnidocbench import matching
from scribetune.metrics.omnidocbench.elements import Block, predicted_blocks
from scribetune.metrics.omnidocbench.ground_truth import FORMULA, TEXT, Annotation, Order, Page
from scribetune.metrics.omnidocbench.matching import Match
from scribetune.metrics.omnidocbench.normalisation import clean_string, latex_to_text, normalised_html_table

_TABLES = ("html_table", "latex_table")
_CENTRED_DOT = re.compile(r"\$\\cdot\$")


@dataclass(frozen=True)
class Element:
    """A matched element, and what it counts."""

    match: Match
    edits: int  # Levenshtein distance of what is compared
    length: int  # of the longer side
    teds: float | None = None  # of tables alone, as is the next
    teds_s: float | None = None

    @property
    def edit(self) -> float | None:
        """Edits / length; None where both sides are empty."""
        return self.edits / self.length if self.length else None


@dataclass(frozen=True)
class ReadingOrder:
    """Reading order of the annotations of text: as annotated, and as they were answered."""

    reference: tuple[Order, ...]
    prediction: tuple[Order, ...]

    @property
    def edits(self) -> int:
        """Levenshtein distance of the two orders."""
        return int(Levenshtein.distance(self.reference, self.prediction))

    @property
    def length(self) -> int:
        """Length of the longer one."""
        return max(len(self.reference), len(self.prediction))

    @property
    def edit(self) -> float:
        """Edits / length."""
        return self.edits / self.length


@dataclass(frozen=True)
class PageElements:
    """What OmniDocBench compares on one page."""

    text: tuple[Element, ...]  # elements of text
    # formulas that a block of text answers: compared as text, and counted with it
    formulas_as_text: tuple[Element, ...]
    formulas: tuple[Element, ...]  # the other display formulas
    tables: tuple[Element, ...]  # annotated tables
    order: ReadingOrder | None  # reading order; None where the page has no text
    predicted: int  # blocks predicted, inline formulas left out
    stray: int  # how many of them answer nothing


@dataclass(frozen=True)
class PageScores:
    """Scores of one page, distances but for TEDS and `hallucination`; None where there is nothing of the kind."""

    text_edit: float | None
    formula_edit: float | None
    table_teds: float | None
    table_teds_s: float | None
    table_edit: float | None  # of the tables' normalised HTML
    reading_order: float | None
    hallucination: float | None  # share of predicted blocks that answer nothing


def page_elements(page: Page, prediction: str) -> PageElements:
    """Match a prediction with a page's annotations."""
    blocks = predicted_blocks(prediction)
    tables = [block for block in blocks if block.category in _TABLES]
    # As the original collects them: by category, in the order in which categories occur.
    categories = dict.fromkeys(block.category for block in blocks if block.category not in _TABLES)
    mixed = [block for category in categories for block in blocks if block.category == category]
    table_matches, left_over = _table_matches(page.tables, tables)
    cells = [cell for table in left_over for cell in _cells(table)]
    matched = matching.match(page.elements, [*mixed, *cells])
    text = [found for found in matched.matches if found.reference_category in TEXT]
    formulas = [found for found in matched.matches if found.reference_category == FORMULA]
    as_text = [found for found in formulas if found.prediction_category not in ("equation_inline", FORMULA, "")]
    answered = sum(bool(found.predictions) for found in table_matches)
    return PageElements(
        text=tuple(_element(found) for found in text),
        formulas_as_text=tuple(_element(_as_text(found)) for found in as_text),
        formulas=tuple(_element(found) for found in formulas if found not in as_text),
        tables=tuple(_table_element(found) for found in table_matches),
        order=_reading_order(text),
        # A table that is left over is a block; its cells, which may answer something yet, are none.
        predicted=len(tables) + max(matched.lines - len(cells), 0),
        stray=len(tables) - answered + max(matched.stray_lines - len(cells), 0),
    )


def page_scores(elements: PageElements) -> PageScores:
    """Return a page's scores from its elements."""
    return PageScores(
        text_edit=_pooled([*elements.text, *elements.formulas_as_text]),
        formula_edit=_pooled(elements.formulas),
        table_teds=_mean([element.teds for element in elements.tables]),
        table_teds_s=_mean([element.teds_s for element in elements.tables]),
        table_edit=_pooled(elements.tables),
        reading_order=elements.order.edit if elements.order else None,
        hallucination=elements.stray / elements.predicted if elements.predicted else None,
    )


def overall_without_cdm(text_edit: float, table_teds: float) -> float:
    """Return "overall (no CDM)", 0 to 100: the mean of (1 - text distance) × 100 and TEDS × 100.

    The published overall value has CDM of the formulas as a third part; this one is not comparable with it. Both parts
    are means over pages, as OmniDocBench v1.5 publishes them (its `ALL_page_avg`); pages without elements of a kind are
    not counted. The original tells pages apart by the name of their image, of which it drops what follows the last "_"
    unless it ends in ".jpg". Here a page is a page.
    """
    return 50 * (1 - text_edit + table_teds)


def _pooled(elements: Sequence[Element]) -> float | None:
    length = sum(element.length for element in elements)
    return sum(element.edits for element in elements) / length if length else None


def _mean(values: Sequence[float | None]) -> float | None:
    counted = [value for value in values if value is not None]
    return sum(counted) / len(counted) if counted else None


def _element(found: Match) -> Element:
    reference = found.normalised_reference or found.reference
    prediction = found.normalised_prediction or found.prediction
    return Element(found, int(Levenshtein.distance(reference, prediction)), max(len(reference), len(prediction)))


def _as_text(found: Match) -> Match:
    try:
        shown = latex_to_text(found.reference)
    except Exception:
        shown = found.reference
    return replace(found, reference=shown, normalised_reference=clean_string(shown))


def _table_element(found: Match) -> Element:
    found = replace(
        found,
        normalised_reference=normalised_html_table(found.reference),
        normalised_prediction=normalised_html_table(found.prediction),
    )
    reference = teds.tree_from_html(found.normalised_reference or found.reference)
    prediction = teds.tree_from_html(found.normalised_prediction or found.prediction)
    return replace(
        _element(found),
        teds=teds.similarity(reference, prediction),
        teds_s=teds.similarity(reference, prediction, structure_only=True),
    )


def _table_matches(annotations: Sequence[Annotation], blocks: Sequence[Block]) -> tuple[list[Match], list[Block]]:
    """Pair annotated tables with predicted ones; return also the predicted tables that are left over.

    Where the prediction has more LaTeX tables than HTML ones they are the ones compared, and count as missing: the
    original does not read them either.
    """
    latex = [block for block in blocks if block.category == "latex_table"]
    predicted = [block for block in blocks if block.category == "html_table"]
    use_latex = len(latex) > len(predicted)
    # What has no HTML is dropped, and places are then counted by the shorter list, as for text.
    shown = [annotation for annotation in annotations if annotation.html]
    if not shown:
        return [], []
    sources = [annotation.html for annotation in shown]
    compared = [annotation.latex or annotation.html for annotation in shown] if use_latex else sources
    predicted = latex if use_latex else predicted
    pairs, left_over = matching.match_simply(compared, [block.content for block in predicted])
    found = []
    for number, (column, edit) in enumerate(pairs):
        block = None if column is None or use_latex else predicted[column]
        # The original takes the first prediction's number, 0, for none.
        placed = block if column else None
        found.append(
            Match(
                references=(number,),
                predictions=() if block is None or column is None else (column,),
                reference_orders=(annotations[number].order or None,),
                prediction_place=placed.start if placed else None,
                reference_category=annotations[number].category,
                prediction_category=placed.name if placed else "",
                reference=sources[number],
                prediction=block.content if block else "",
                normalised_reference="",
                normalised_prediction="",
                edit=1.0 if use_latex else edit,
            )
        )
    return found, [predicted[number] for number in left_over]


def _cells(table: Block) -> list[Block]:
    """Return the cells of a predicted table that no annotation answers: blocks of text, all in its place."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(table.content, "html.parser")
    texts = [_CENTRED_DOT.sub("", str(cell.string)).strip() for cell in soup.find_all("td") if cell.string]
    return [replace(table, category="text_all", content=text) for text in texts]


def _reading_order(text: Sequence[Match]) -> ReadingOrder | None:
    reference = sorted(order for found in text for order in found.reference_orders if order)
    answered = sorted(
        (found for found in text if found.prediction_place is not None), key=lambda found: found.prediction_place or 0
    )
    prediction = [order for found in answered for order in found.reference_orders if order]
    return ReadingOrder(tuple(reference), tuple(prediction)) if reference or prediction else None

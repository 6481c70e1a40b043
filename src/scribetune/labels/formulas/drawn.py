"""Formulas that a page draws and no tag describes: where they are, told by their fonts and places, and their LaTeX.

A line of the page in which words prevail is running text; what of it is set as mathematics is a formula in a line. What
stands between such lines, and is mathematics for the most part, is a displayed formula, its number at the edge of the
column.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from scribetune.labels.formulas import drawn_glyphs, layout
from scribetune.labels.formulas.drawn_glyphs import Glyph
from scribetune.labels.formulas.inline import formulas_in
from scribetune.labels.formulas.sources import with_number
from scribetune.labels.formulas.symbols import Bar, UnplacedError, symbol_of
from scribetune.labels.formulas.text_rows import Row, rows_on_baselines, with_variables, words_of
from scribetune.labels.ruling_lines import Rules
from scribetune.labels.tables.cells import Box, union
from scribetune.labels.text_layer import TextLayer

logger = logging.getLogger(__name__)

_MOSTLY_WORDS = 0.5
_APART = 0.28  # of the font's size: white space between the rows of a displayed formula
_ONE_FORMULA = 1.2  # the same, between rows that belong together
_ABOVE_BAR, _BELOW_BAR = 0.46, 0.32  # the same: where the numerator and the denominator may begin
_OVER = 0.3  # the same: how far a line over symbols may reach beyond them
_TO_LIMIT = 0.2  # the same: more room than in the rest is between an operator and its limits
_NUMBER_GAP = 0.5
_NUMBER_BELOW = 1.8
_SCRIPT_NEAR = 0.75  # the same
_COLUMN = 0.9
_CHUNK = 2.4
_MOST_CHUNKS = 3
_NUMBER = re.compile(r"[(\[]([A-Z]{0,2}\.?\d{1,3}[\d.\-–a-z′']{0,6}|[A-Z]|[ivx]{1,4}|\*{1,3}|†)[)\]]")
_BULLETS = frozenset("•●◦▪–—")
_SIGNS = re.compile("[∏∑∫-∰\u239b-\u23ae]")  # of fonts for text: pieces of large brackets, large operators
_SHORTEST_BAR = 1.5  # points
_LONG_LINE = 25  # characters
_CROSSING = 0.12
_ALIGNED = 0.3


@dataclass(frozen=True)
class DrawnFormula:
    """A formula on the page.

    Attributes:
        latex: Of it; "" where it is not known for certain.
        display: Whether it stands on lines of its own.
        glyphs: What it is made of.
    """

    latex: str
    display: bool
    glyphs: tuple[Glyph, ...] = field(repr=False)

    @property
    def box(self) -> Box:
        """Of its ink."""
        return union([glyph.box for glyph in self.glyphs])


def on_page(page: Any, layer: TextLayer, rules: Rules) -> list[DrawnFormula]:
    """Return the formulas of an upright pymupdf.Page; none where its text layer has no mathematical font, or sign."""
    if not any(span.math or _SIGNS.search(span.text) for line in layer.lines for span in line.spans):
        return []
    glyphs, thin = drawn_glyphs.read(page)
    if not any(glyph.meaning.is_strong for glyph in glyphs):
        return []
    bars = sorted(
        {Bar(rule.start, rule.end, rule.at) for rule in rules.horizontal if rule.end - rule.start > _SHORTEST_BAR}
        | {Bar(x0, x1, (y0 + y1) / 2) for x0, y0, x1, y1 in thin},
        key=lambda bar: (bar.y, bar.x0),
    )
    found: list[DrawnFormula] = []
    for column in _columns(with_variables(glyphs), layer):
        found.extend(_in_column(column, bars))
    return found


def _columns(glyphs: Sequence[Glyph], layer: TextLayer) -> list[list[Glyph]]:
    """Divide glyphs at the white space between two columns of text; lines across it are apart."""
    long = [line.box for line in layer.lines if line.horizontal and len(line.text) >= _LONG_LINE]
    gutters: list[tuple[int, float]] = []
    for step in range(int(0.3 * layer.width), int(0.7 * layer.width), 2):
        left = sum(box[2] <= step + 3 for box in long)
        right = sum(box[0] >= step - 3 for box in long)
        crossing = len(long) - left - right
        if min(left, right) >= 3 and crossing <= _CROSSING * len(long):
            gutters.append((crossing, float(step)))
    if not gutters:
        return [list(glyphs)]
    least = min(crossing for crossing, _ in gutters)
    places = [place for crossing, place in gutters if crossing == least]
    gutter = places[len(places) // 2]
    across = [box for box in long if box[0] < gutter - 3 and box[2] > gutter + 3]
    columns: list[list[Glyph]] = [[], [], []]
    for glyph in glyphs:
        over = any(box[1] <= glyph.middle[1] <= box[3] for box in across)
        columns[0 if over else 1 if glyph.middle[0] < gutter else 2].append(glyph)
    return [column for column in columns if column]


def _in_column(glyphs: Sequence[Glyph], bars: Sequence[Bar]) -> list[DrawnFormula]:
    rows = rows_on_baselines(glyphs)
    text = [row for row in rows if row.is_text]
    left = min(row.x0 for row in text or rows) if rows else 0.0
    right = max(row.x1 for row in text or rows) if rows else 0.0
    held = _owned(glyphs, rows)
    found = [formula for row, its in held for formula in _inline(row, its, bars)]
    of_text = {id(glyph) for _, its in held for glyph in its}
    rest = [glyph for glyph in glyphs if id(glyph) not in of_text]
    numbers = _numbers(rest, left, right)
    of_numbers = {id(glyph) for number in numbers for glyph in number.glyphs}
    regions: list[list[_DisplayRow]] = []
    for part in _bands([glyph for glyph in rest if id(glyph) not in of_numbers], bars):
        if not _is_display(part, bars):
            found.extend(_in_other_rows(part, bars, text))
            continue
        for shown in map(_DisplayRow, _lines_of(part, bars)):
            if regions and _goes_on(regions[-1][-1], shown, text):
                regions[-1].append(shown)
            else:
                regions.append([shown])
    for number in numbers:
        near = [one for region in regions for one in region if one.distance(number.y) < _NUMBER_BELOW * one.size]
        if near:
            min(near, key=lambda one: one.distance(number.y)).numbers.append(number)
    return [*found, *(formula for region in regions for formula in _displayed(region, bars))]


def _lines_of(glyphs: Sequence[Glyph], bars: Sequence[Bar]) -> list[tuple[Glyph, ...]]:
    """Return the glyphs of a band, those of each of its lines where it has several that nearly touch."""
    if _latex(glyphs, bars):
        return [tuple(glyphs)]
    size = max(glyph.size for glyph in glyphs)
    inside = bars_of(glyphs, bars)
    free = [g for g in glyphs if not any(bar.x0 - 1 < g.middle[0] < bar.x1 + 1 for bar in inside)]
    rows = [row for row in rows_on_baselines(free) if row.size > 0.9 * size]
    if len(rows) < 2 or any(below.y - above.y < size for above, below in pairwise(rows)):
        return [tuple(glyphs)]
    parts: list[list[Glyph]] = [[] for _ in rows]
    for glyph in glyphs:
        axes = [abs(glyph.middle[1] - row.y + drawn_glyphs.AXIS * size) for row in rows]
        parts[axes.index(min(axes))].append(glyph)
    whole = all(_latex(part, bars) for part in parts)
    return [tuple(part) for part in parts] if whole else [tuple(glyphs)]


def _in_other_rows(glyphs: Sequence[Glyph], bars: Sequence[Bar], text: Sequence[Row]) -> list[DrawnFormula]:
    """Return the formulas of lines that are neither running text nor displayed: headings, cells, captions.

    What is as small as scripts and stands that near to a line of text is of a formula that was not understood.
    """
    found: list[DrawnFormula] = []
    largest = max(glyph.size for glyph in glyphs)
    for row in rows_on_baselines(glyphs):
        if row.size <= 0.85 * largest:
            continue
        its = [g for g in glyphs if row.y - row.size < g.middle[1] < row.y + 0.42 * row.size]
        is_script = any(
            row.size < 0.85 * line.size
            and abs(line.y - row.y) < _SCRIPT_NEAR * line.size
            and line.x0 < row.x0 < line.x1 + line.size
            for line in text
        )
        found.extend(replace(formula, latex="") if is_script else formula for formula in _inline(row, its, bars))
    return found


@dataclass(frozen=True)
class _Number:
    """The number of an equation."""

    text: str
    glyphs: tuple[Glyph, ...]

    @property
    def y(self) -> float:
        return self.glyphs[0].middle[1]


def _numbers(glyphs: Sequence[Glyph], left: float, right: float) -> list[_Number]:
    """Return what stands in brackets at an edge of the column, apart from the rest of its line."""
    found = []
    for row in rows_on_baselines(glyphs):
        chunks: list[list[Glyph]] = []
        for glyph in row.glyphs:
            if not chunks or glyph.box[0] > chunks[-1][-1].box[2] + _NUMBER_GAP * row.size:
                chunks.append([])
            chunks[-1].append(glyph)
        for chunk, is_near in (
            (chunks[-1], chunks[-1][-1].box[2] > right - 2 * row.size),
            (chunks[0], chunks[0][0].box[0] < left + 2 * row.size),
        ):
            matched = _NUMBER.fullmatch("".join(glyph.meaning.text or glyph.character for glyph in chunk))
            if matched and is_near and not any(glyph.meaning.is_strong for glyph in chunk):
                found.append(_Number(matched.group(1), tuple(chunk)))
                break
    return found


def _owned(glyphs: Sequence[Glyph], rows: Sequence[Row]) -> list[tuple[Row, list[Glyph]]]:
    """Return the lines of running text with their glyphs, scripts and what else stands on their height included."""
    held: list[tuple[Row, list[Glyph]]] = [(row, list(row.glyphs)) for row in rows if row.is_text]
    on_text = {id(glyph) for _, its in held for glyph in its}
    for glyph in glyphs:
        if id(glyph) in on_text:
            continue
        its = _nearest([row for row, _ in held], glyph)
        if its is None:
            continue
        other = _nearest([row for row in rows if not row.is_text and row.size > 0.85 * its.size], glyph)
        if other is None or _distance(its, glyph) <= _distance(other, glyph):
            next(glyphs for row, glyphs in held if row is its).append(glyph)
    return held


def _distance(row: Row, glyph: Glyph) -> float:
    return abs(glyph.middle[1] - row.y + drawn_glyphs.AXIS * row.size)


def _nearest(rows: Sequence[Row], glyph: Glyph) -> Row | None:
    """Return the line on whose height a glyph stands, None where it stands on none."""
    x, y = glyph.middle
    near = [
        row
        for row in rows
        if row.y - row.size < y < row.y + (0.42 if glyph.meaning.kind != "accent" else -0.4) * row.size
        and row.size >= 0.84 * glyph.size
        and row.x0 - 2.5 * row.size < x < row.x1 + 1.5 * row.size
    ]
    return min(near, key=lambda row: _distance(row, glyph), default=None)


def _inline(row: Row, glyphs: Sequence[Glyph], bars: Sequence[Bar]) -> list[DrawnFormula]:
    found = []
    for part in formulas_in(row, glyphs, bars):
        found.append(DrawnFormula(_latex(part, bars), False, tuple(part)))
    return found


def _latex(glyphs: Sequence[Glyph], bars: Sequence[Bar]) -> str:
    """Return the LaTeX of a row, "" where that is not certain."""
    try:
        return layout.latex_of([symbol_of(glyph) for glyph in glyphs], bars_of(glyphs, bars))
    except UnplacedError as error:
        logger.debug("a formula at %s is not read: %s", union([glyph.box for glyph in glyphs]), error)
        return ""


def bars_of(glyphs: Sequence[Glyph], bars: Sequence[Bar]) -> list[Bar]:
    """Return the bars that lie among glyphs."""
    x0, y0, x1, y1 = union([glyph.box for glyph in glyphs])
    slack = _OVER * max(glyph.size for glyph in glyphs)
    return [bar for bar in bars if x0 - slack < bar.x0 and bar.x1 < x1 + slack and y0 - slack < bar.y < y1 + 1.5]


@dataclass(frozen=True)
class _DisplayRow:
    glyphs: tuple[Glyph, ...]
    numbers: list[_Number] = field(default_factory=list)

    @property
    def box(self) -> Box:
        return union([glyph.box for glyph in self.glyphs])

    @property
    def size(self) -> float:
        return max(glyph.size for glyph in self.glyphs)

    def distance(self, y: float) -> float:
        """Return how far a height is from its middle, as far as it is not on it."""
        _, top, _, bottom = self.box
        return max(top - y, y - bottom, 0.0)


def _bands(glyphs: Sequence[Glyph], bars: Sequence[Bar]) -> list[list[Glyph]]:
    """Divide glyphs at white space across them; a bar reaches to its numerator and its denominator."""
    if not glyphs:
        return []
    size = sorted(glyph.size for glyph in glyphs)[-max(1, len(glyphs) // 3)]
    extents: list[tuple[float, float, Glyph | None]] = [(g.box[1], g.box[3], g) for g in glyphs]
    extents += [
        (g.box[1] - _TO_LIMIT * g.size, g.box[3] + _TO_LIMIT * g.size, None) for g in glyphs if g.meaning.kind == "op"
    ]
    extents += [
        (bar.y - _ABOVE_BAR * size, bar.y + _BELOW_BAR * size, None) for bar in bars if _divides(bar, glyphs, size)
    ]
    found: list[list[Glyph]] = []
    bottom = float("-inf")
    for top, low, glyph in sorted(extents, key=lambda extent: (extent[0], extent[1])):
        if top > bottom + _APART * size:
            found.append([])
        if glyph is not None:
            found[-1].append(glyph)
        bottom = max(bottom, low)
    return [part for part in found if part]


def _divides(bar: Bar, glyphs: Sequence[Glyph], size: float) -> bool:
    """Whether glyphs stand right above and right below a bar."""
    near = [
        glyph.middle[1] - bar.y
        for glyph in glyphs
        if bar.x0 - 1 <= glyph.middle[0] <= bar.x1 + 1 and abs(glyph.middle[1] - bar.y) < size
    ]
    return any(place < 0 for place in near) and any(place > 0 for place in near)


def _is_display(glyphs: Sequence[Glyph], bars: Sequence[Bar]) -> bool:
    """Whether glyphs are a row of a displayed formula."""
    ordered = sorted(glyphs, key=lambda glyph: glyph.box[0])
    kinds = {glyph.meaning.kind for glyph in glyphs}
    has_scripts = min(glyph.size for glyph in glyphs) < 0.85 * max(glyph.size for glyph in glyphs)
    is_bare = not (kinds & {"rel", "op", "open", "radical", "piece"} or has_scripts or bars_of(glyphs, bars))
    if is_bare or ordered[0].character in _BULLETS or not any(glyph.meaning.is_strong for glyph in glyphs):
        return False
    size = max(glyph.size for glyph in glyphs)
    gaps, end = [], ordered[0].box[2]
    for glyph in ordered[1:]:
        gaps.append(glyph.box[0] - end)
        end = max(end, glyph.box[2])
    chunks = sum(gap > _COLUMN * size for gap in gaps)
    wide = sum(gap > _CHUNK * size for gap in gaps)
    words = sum(glyph.box[2] - glyph.box[0] for word in words_of(glyphs) for glyph in word)
    width = sum(glyph.box[2] - glyph.box[0] for glyph in glyphs)
    return wide < _MOST_CHUNKS and chunks <= _MOST_CHUNKS and words <= _MOSTLY_WORDS * width


def _goes_on(before: _DisplayRow, after: _DisplayRow, text: Sequence[Row]) -> bool:
    """Whether a row belongs to the same displayed formula as the one above it."""
    gap = after.box[1] - before.box[3]
    between = any(before.box[3] - row.size < row.y < after.box[1] + 0.5 * row.size for row in text)
    return gap < _ONE_FORMULA * max(before.size, after.size) and not between


def _displayed(region: Sequence[_DisplayRow], bars: Sequence[Bar]) -> list[DrawnFormula]:
    """Return the formulas of rows that stand below each other: each ends with its number."""
    groups: list[list[_DisplayRow]] = [[]]
    several = sum(bool(row.numbers) for row in region) > 1
    for row in region:
        groups[-1].append(row)
        if row.numbers and several:
            groups.append([])
    found = []
    for rows in filter(None, groups):
        latex = _aligned(rows, bars)
        numbers = [number for row in rows for number in row.numbers]
        glyphs = tuple(g for row in rows for g in row.glyphs) + tuple(g for number in numbers for g in number.glyphs)
        if len(numbers) > 1:
            latex = ""
        found.append(
            DrawnFormula(with_number(latex, numbers[0].text if numbers else "") if latex else "", True, glyphs)
        )
    return found


def _aligned(rows: Sequence[_DisplayRow], bars: Sequence[Bar]) -> str:
    r"""Return rows as LaTeX, in `aligned` where they are several; "" where one is not certain."""
    if len(rows) == 1:
        return _latex(rows[0].glyphs, bars)
    at = _alignment(rows)
    written = []
    for row in rows:
        cut = at if at is not None and _has_relation(row, at) else row.box[0]
        parts = [[g for g in row.glyphs if g.middle[0] < cut], [g for g in row.glyphs if g.middle[0] >= cut]]
        left, right = (_latex(part, bars) if part else "" for part in parts)
        if (parts[0] and not left) or (parts[1] and not right):
            left, right = "", _latex(row.glyphs, bars)
            if not right:
                return ""
        aligned = at is not None and row.box[2] > at
        written.append(f"{left} &{right}".strip() if aligned else f"{left}{right}")
    body = r" \\ ".join(written)
    return (
        rf"\begin{{aligned}} {body} \end{{aligned}}"
        if at is not None
        else rf"\begin{{gathered}} {body} \end{{gathered}}"
    )


def _has_relation(row: _DisplayRow, at: float) -> bool:
    return any(
        glyph.meaning.kind == "rel" and glyph.size > 0.85 * row.size and abs(glyph.box[0] - at) < _ALIGNED * row.size
        for glyph in row.glyphs
    )


def _alignment(rows: Sequence[_DisplayRow]) -> float | None:
    """Return where the relations of rows stand below each other, None where they do not."""
    places: list[tuple[float, int]] = []
    for number, row in enumerate(rows):
        for glyph in row.glyphs:
            if glyph.meaning.kind == "rel" and glyph.size > 0.85 * row.size:
                places.append((glyph.box[0], number))
    best: tuple[int, float] | None = None
    for place, _ in places:
        seen = len({number for other, number in places if abs(other - place) < _ALIGNED * rows[0].size})
        if seen >= 2 and (best is None or (seen, -place) > (best[0], -best[1])):
            best = (seen, place)
    return best[1] - 0.1 if best is not None else None

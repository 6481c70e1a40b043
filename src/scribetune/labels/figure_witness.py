"""What the pictures of a page say against its label: each has one mark, where it stands among the text around it.

The words of the label are put where the page has them (`placed_words`). A mark is that of a picture if it stands after
the text right above it and before the text right below, in the picture's column, and not far from either. Words that
were left out as a drawing's are no caption's, and those of drawings do not stand in the label as text.
"""

from collections.abc import Sequence

from scribetune.labels import drawings, paragraphs, pictures, placed_words
from scribetune.labels.doubts import Doubt, Finding
from scribetune.labels.page_blocks import Kind, PageBlock
from scribetune.labels.pictures import Shown
from scribetune.labels.placed_words import PlacedLabel
from scribetune.labels.ruling_lines import Rules
from scribetune.labels.tables.cells import Box, holds
from scribetune.labels.text_layer import TextLayer
from scribetune.text.markdown import FIGURE

_FAR = 60  # words, between a mark and the text beside its picture
_SHEET = 0.35  # of the page
_FEW = 20  # words
_WORDS = 3  # lines
_WRITTEN = (Kind.TEXT, Kind.LIST, Kind.HEADING, Kind.FORMULA, Kind.CODE)
_LINE = 0.6  # heights of a line, of which one line's words are no further apart


def of_page(
    label: str,
    layer: TextLayer,
    shown: Shown,
    left_out: Sequence[Box] = (),
    changed: Sequence[Box] = (),
    *,
    has_latex: bool = False,
) -> tuple[Finding, ...]:
    """Return the pictures without a mark in their place, and the marks without a picture.

    So is a picture that is nearly all that the page has: a photographed sheet, whose text nobody can ask for. Words in
    boxes of what settings leave out are not asked for either. `changed` are places where layout analysis saw other
    pictures than the page has: it did not understand the page.
    """
    found = [Finding(Doubt.FIGURES, "a picture that layout analysis sees otherwise", "", box) for box in changed]
    if FIGURE not in label and not shown.pictures:
        return tuple(found)
    placed = placed_words.place(label, layer.words, left_out, has_latex=has_latex)
    lines = [line.box for line in layer.lines if line.horizontal]
    marks = _marks(label, has_latex=has_latex)
    taken: list[int] = []
    for picture in shown.pictures:
        # Pictures with no text between them may be one figure.
        mine = next((mark for mark in (*marks, *taken) if _is_at(mark, picture, placed, lines)), None)
        if mine is not None and mine in marks:
            marks.remove(mine)
            taken.append(mine)
        if (mine is None and not _is_in_table(picture, placed, lines)) or _is_all(picture, layer):
            found.append(Finding(Doubt.FIGURES, "a picture", FIGURE if mine is not None else "", picture))
    for mark in marks:
        if not any(_is_at(mark, box, placed, lines) for box in shown.drawn):
            found.append(Finding(Doubt.FIGURES, "", FIGURE, _near(mark, placed)))
    return tuple(found)


def of_words(blocks: Sequence[PageBlock], layer: TextLayer, shown: Shown, rules: Rules) -> tuple[Finding, ...]:
    """Return the words that were left out as a drawing's and are none, and those of drawings that were not left out.

    None may be in a caption of the page, or outside the boxes of its figures. Short texts in a drawing of strokes that
    slope are its words, whether it has a mark or none.
    """
    figures = [block.box for block in blocks if block.kind is Kind.FIGURE]
    captions = drawings.captions([line for line in layer.lines if line.horizontal])
    known = [(line.box, line.text) for line in captions]
    found = []
    for block in blocks:
        for line in block.lines if block.kind is Kind.DRAWN else ():
            in_caption = any(holds(box, line.middle) and line.text.strip() in text for box, text in known)
            if in_caption or not any(holds(_wider(box, line.height), line.middle) for box in figures):
                found.append(Finding(Doubt.FIGURES, line.text, "", line.box))
    written = [line for block in blocks if block.kind in _WRITTEN for line in block.lines if line not in captions]
    for box in _with_strokes([*figures, *shown.pictures], rules, layer):
        inside = [line for line in written if holds(box, line.middle)]
        words = drawings.words_in(inside, paragraphs.body_size(layer.lines)) if inside else []
        if len(words) >= _WORDS:
            found.append(Finding(Doubt.FIGURES, "", words[0].text, box))
    return tuple(found)


def _with_strokes(boxes: Sequence[Box], rules: Rules, layer: TextLayer) -> list[Box]:
    """Return the boxes in which strokes slope, and those around lines that slope some way apart: trees."""
    trees = pictures.trees(rules, layer)
    return [*(box for box in dict.fromkeys(boxes) if drawings.has_strokes(box, rules)), *trees]


def _wider(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _is_all(picture: Box, layer: TextLayer) -> bool:
    """Whether a page has little more than a picture."""
    share = (picture[2] - picture[0]) * (picture[3] - picture[1]) / (layer.width * layer.height)
    return share > _SHEET and len(layer.words) < _FEW


def _is_in_table(picture: Box, placed: PlacedLabel, lines: Sequence[Box]) -> bool:
    """Whether the text right above a picture, and that right below it, are in one table."""
    tables = []
    for words in _beside(picture, placed, lines):
        slots = [placed.written[number].slot for number in words]
        tables.append({slot.table for slot in slots if slot is not None})
    return bool(tables[0] & tables[1])


def _marks(label: str, *, has_latex: bool) -> list[int]:
    """Return for each mark the number of written words before it."""
    found, at = [], label.find(FIGURE)
    while at >= 0:
        found.append(placed_words.count(label[:at], has_latex=has_latex))
        at = label.find(FIGURE, at + 1)
    return found


def _is_at(mark: int, picture: Box, placed: PlacedLabel, lines: Sequence[Box]) -> bool:
    """Whether a mark stands between the text above a picture and the text below it."""
    above, below = _beside(picture, placed, lines)
    inside = sum(holds(picture, ((w.box[0] + w.box[2]) / 2, w.middle)) for w in placed.shown)
    first = max(above, default=-1)
    last = min(below, default=len(placed.written))
    is_between = first < mark <= last
    is_near = (
        min(
            mark - first if above else len(placed.written),
            last - mark if below else len(placed.written),
        )
        <= _FAR + inside
    )
    return is_between and (is_near or not (above or below))


def _beside(picture: Box, placed: PlacedLabel, lines: Sequence[Box]) -> tuple[list[int], list[int]]:
    """Return the written words of the lines right above and right below a picture, in its column."""
    _, y0, _, y1 = picture
    x0, x1 = pictures.column_of(picture, lines)
    above: list[tuple[float, float, int]] = []
    below: list[tuple[float, float, int]] = []
    for at, number in placed.position.items():
        word = placed.shown[at]
        if word.box[2] <= x0 or word.box[0] >= x1 or word.is_turned:
            continue
        # What stands beside a picture is no line that it reaches into.
        slack = _LINE * word.height if word.box[0] < picture[2] and word.box[2] > picture[0] else 0.0
        if word.box[3] <= y0 + slack:
            above.append((-word.middle, word.height, number))
        elif word.box[1] >= y1 - slack:
            below.append((word.middle, word.height, number))
    return _first_line(above), _first_line(below)


def _first_line(words: list[tuple[float, float, int]]) -> list[int]:
    if not words:
        return []
    nearest, height, _ = min(words)
    return [number for place, _, number in words if place <= nearest + _LINE * height]


def _near(mark: int, placed: PlacedLabel) -> Box:
    for number in (*range(mark - 1, -1, -1), *range(mark, len(placed.written))):
        for at in placed.places[number][-1:]:
            box: Box = placed.shown[at].box
            return box
    return 0.0, 0.0, 0.0, 0.0

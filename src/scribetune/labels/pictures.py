"""The pictures that a page shows: images, and drawings of strokes that slope or bend, in points of the page.

No layout model is asked, so that labels can be held against them: each picture has one mark. Not counted are what is
no taller or no wider than a line and a half of text, backgrounds with text on them, and what has one colour only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from scribetune.labels.page_blocks import Kind, PageBlock
from scribetune.labels.ruling_lines import Rules
from scribetune.labels.tables.cells import Box, holds, union
from scribetune.labels.text_layer import Line, TextLayer

_LEAST_LINES = 1.5  # heights of a line, both ways
_LEAST_SHARE = 0.0015  # of the page
_LEAST_HEIGHT = 10.0  # points, of a page without text
_MANY_LINES = 8  # lines of text on an image, or
_MANY_SHARE = 0.3  # of the page's lines: a background
_TILES = 1.5  # points between images that are one
_STROKES = 10.0  # points between strokes of one drawing
_FEW_STROKES = 4
_BRANCHES = 2.5  # heights of a line
_ENDS = 1.5  # heights of a line
_MOST_STROKES = 3_000
_PAGE = 0.9  # of the page's area: a background, where text stands on it
_SEEN_LONG_SIDE = 600  # pixels
_LEAST_CONTRAST = 24  # of 255
_CELL = 6  # pixels
_DARK, _WHITE = 110, 230  # of 255
_MOSTLY = 0.6  # of a page's cells: white paper
_DRAWN_LINES = 3.0  # heights of a line
_CONTAINED = 0.8
_FRAME = 0.5  # of the page's area: what is around its text
_FEW_PATHS = 3
_SHARED = 0.3
_LINE = 0.6  # heights of a line, that a picture may reach into one
_NEAREST = 3  # lines above a picture, and below it
_TALLEST = 20.0  # points, of a line


@dataclass(frozen=True)
class Shown:
    """What a page shows that is no text."""

    pictures: tuple[Box, ...] = ()  # which have one mark each
    drawn: tuple[Box, ...] = ()  # other drawings, which may have one: diagrams of straight lines among them

    def at_least(self, area: float) -> "Shown":
        """Return it without pictures of less than an area (square points): they may have a mark."""
        large = tuple(box for box in self.pictures if (box[2] - box[0]) * (box[3] - box[1]) >= area)
        return Shown(large, (*self.drawn, *(box for box in self.pictures if box not in large)))


def of_page(page: Any, layer: TextLayer, rules: Rules, drawings: Sequence[Mapping[str, Any]]) -> Shown:
    """Return what a pymupdf.Page that is not rotated shows, from above.

    `drawings` are its paths, as PyMuPDF's `get_cdrawings` gives them, `rules` their lines.
    """
    return Shown(tuple(_pictures(page, layer, rules)), tuple(_drawn(drawings, layer)))


def _pictures(page: Any, layer: TextLayer, rules: Rules) -> list[Box]:
    height = _line_height(layer)

    def is_large(box: Box) -> bool:
        width, tall = box[2] - box[0], box[3] - box[1]
        return min(width, tall) >= _LEAST_LINES * height and width * tall >= _LEAST_SHARE * layer.width * layer.height

    edge = (0.0, 0.0, layer.width, layer.height)
    images = [box for box in (_within(image, edge) for image in layer.images) if box is not None]
    images = _joined([box for box in images if not is_background(box, layer)], _TILES)
    strokes = [box for box in (_within(stroke, edge) for stroke in rules.slanted) if box is not None]
    drawn = _clusters(strokes) if len(strokes) <= _MOST_STROKES else []
    drawn.extend(_behind_text(page, layer))
    found = [box for box in (*images, *drawn) if is_large(box) and not is_background(box, layer)]
    if not found:
        return []
    is_seen = _seen_by(page, layer)
    found = [box for box in found if is_seen(box)]
    outer = [box for box in found if not any(_is_in(box, other) for other in found if other != box)]
    return sorted(set(outer), key=lambda box: (box[1], box[0]))


def _line_height(layer: TextLayer) -> float:
    return median([line.height for line in layer.lines if line.horizontal] or [_LEAST_HEIGHT])


def _is_page(box: Box, layer: TextLayer) -> bool:
    return (box[2] - box[0]) * (box[3] - box[1]) > _FRAME * layer.width * layer.height


def is_background(box: Box, layer: TextLayer) -> bool:
    """Whether much of a page's text stands on an image: a background, a banner or a frame, and no picture."""
    over = sum(holds(box, line.middle) for line in layer.lines)
    is_all = (box[2] - box[0]) * (box[3] - box[1]) > _PAGE * layer.width * layer.height
    return over > _MANY_SHARE * len(layer.lines) or over > _MANY_LINES or (is_all and over > 0)


def _within(box: Box, other: Box) -> Box | None:
    """Return the part of a box that lies in another."""
    part = max(box[0], other[0]), max(box[1], other[1]), min(box[2], other[2]), min(box[3], other[3])
    return part if part[2] > part[0] and part[3] > part[1] else None


def _is_in(box: Box, other: Box) -> bool:
    part = _within(box, other)
    area = (box[2] - box[0]) * (box[3] - box[1])
    return part is not None and (part[2] - part[0]) * (part[3] - part[1]) >= _CONTAINED * area


def _joined(boxes: Sequence[Box], apart: float) -> list[Box]:
    """Join boxes that overlap, or are no further apart and have two edges in common: tiles and strips of one image."""
    found = sorted(set(boxes))
    merged = True
    while merged and len(found) > 1:
        merged = False
        kept: list[Box] = []
        for box in found:
            at = next((n for n, other in enumerate(kept) if _is_one(box, other, apart)), None)
            if at is None:
                kept.append(box)
            else:
                kept[at] = union([kept[at], box])
                merged = True
        found = kept
    return found


def _is_one(box: Box, other: Box, apart: float) -> bool:
    if _is_in(box, other) or _is_in(other, box):
        return True
    near_x = max(box[0], other[0]) - min(box[2], other[2]) <= apart
    near_y = max(box[1], other[1]) - min(box[3], other[3]) <= apart
    level = abs(box[1] - other[1]) <= apart and abs(box[3] - other[3]) <= apart
    upright = abs(box[0] - other[0]) <= apart and abs(box[2] - other[2]) <= apart
    return (near_x and level) or (near_y and upright)


def _clusters(strokes: Sequence[Box], least: int = _FEW_STROKES, apart: float = _STROKES) -> list[Box]:
    """Return the boxes around strokes that stand near each other, of some strokes each."""
    groups: list[tuple[Box, int]] = []
    for stroke in sorted(strokes):
        near = [group for group in groups if _is_near(group[0], stroke, apart)]
        groups = [group for group in groups if group not in near]
        groups.append((union([stroke, *(box for box, _ in near)]), 1 + sum(count for _, count in near)))
    return [box for box, count in groups if count >= least]


def _is_near(box: Box, other: Box, apart: float = _STROKES) -> bool:
    return (
        max(box[0], other[0]) - min(box[2], other[2]) <= apart
        and max(box[1], other[1]) - min(box[3], other[3]) <= apart
    )


def trees(rules: Rules, layer: TextLayer) -> list[Box]:
    """Return the boxes around straight lines that slope, a text's height or two apart, with the words at their ends."""
    height = _line_height(layer)
    lines = [box for box in rules.sloping if min(box[2] - box[0], box[3] - box[1]) > 0.5 * height]
    if len(lines) > _MOST_STROKES:
        return []
    found = _clusters(lines, _FEW_STROKES, _BRANCHES * height)
    reach = _ENDS * height
    return [(x0 - reach, y0 - reach, x1 + reach, y1 + reach) for x0, y0, x1, y1 in found]


def _behind_text(page: Any, layer: TextLayer) -> list[Box]:
    """Return what an image of the page's size shows away from the text on it, on white.

    Some PDFs keep all that a page draws in one such image, and its text beside it.
    """
    import pymupdf

    edge = (0.0, 0.0, layer.width, layer.height)
    parts = [_within(image, edge) for image in layer.images]
    if not layer.lines or not any(part and _area(part) > _PAGE * _area(edge) for part in parts):
        return []
    scale = _SEEN_LONG_SIDE / max(layer.width, layer.height)
    image = page.get_displaylist().get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csGRAY, alpha=0)
    side, height = _CELL / scale, _line_height(layer)
    texts = [line.box for line in layer.lines]
    dark: list[Box] = []
    white = cells = 0
    for top in range(0, image.height, _CELL):
        y0 = top / scale
        near = [box for box in texts if box[1] < y0 + side and box[3] > y0]
        for left in range(0, image.width, _CELL):
            x0 = left / scale
            cells += 1
            rows = range(top, min(image.height, top + _CELL))
            darkest = min(min(image.samples_mv[row * image.stride + left :][:_CELL]) for row in rows)
            white += darkest > _WHITE
            if darkest < _DARK and not any(box[0] < x0 + side and box[2] > x0 for box in near):
                dark.append((x0, y0, x0 + side, y0 + side))
    if white < _MOSTLY * cells or len(dark) > _MOST_STROKES:
        return []
    found = _clusters(dark, _FEW_STROKES, 1.5 * side)
    return [
        box
        for box in found
        if min(box[2] - box[0], box[3] - box[1]) > _DRAWN_LINES * height
        and not any(holds(box, line.middle) for line in layer.lines)
    ]


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _seen_by(page: Any, layer: TextLayer) -> Callable[[Box], bool]:
    """Return what says whether a box of the page has more than one colour; the page is drawn once, small."""
    import pymupdf

    scale = _SEEN_LONG_SIDE / max(layer.width, layer.height)
    image = page.get_displaylist().get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csGRAY, alpha=0)
    samples, width, height = image.samples, image.width, image.height

    def is_seen(box: Box) -> bool:
        x0, x1 = max(0, int(box[0] * scale)), min(width, int(box[2] * scale) + 1)
        rows = range(max(0, int(box[1] * scale)), min(height, int(box[3] * scale) + 1))
        parts = [samples[row * width + x0 : row * width + x1] for row in rows]
        parts = [part for part in parts if part]
        return bool(parts) and max(map(max, parts)) - min(map(min, parts)) >= _LEAST_CONTRAST

    return is_seen


def _drawn(drawings: Sequence[Mapping[str, Any]], layer: TextLayer) -> list[Box]:
    boxes = [path["rect"] for path in drawings if path["items"] and not _is_shading(path, layer)]
    if not boxes or len(boxes) > _MOST_STROKES:
        return []
    height = _line_height(layer)
    found = _clusters([box for box in boxes if not _is_page(box, layer)], least=_FEW_PATHS)
    return [box for box in found if min(box[2] - box[0], box[3] - box[1]) >= _LEAST_LINES * height]


def _is_shading(path: Mapping[str, Any], layer: TextLayer) -> bool:
    """Whether a path shows nothing but a colour behind text; a clipping one shows nothing."""
    if path["type"] == "f" and all(item[0] in ("re", "qu") for item in path["items"]):
        return any(holds(path["rect"], line.middle) for line in layer.lines)
    return "rect" not in path or path["type"] not in ("s", "f", "fs")


def in_place(blocks: Sequence[PageBlock], shown: Shown, lines: Sequence[Line]) -> tuple[list[PageBlock], list[Box]]:
    """Return blocks in reading order with one figure for each picture, where it stands, and none where none is.

    `lines` are the page's. Pictures that one figure covers are one; a picture in a table's box has none. Comes with the
    boxes of figures that were moved, and of those with words in them that were put in or taken out: where layout
    analysis saw the page otherwise. Whether a logo, a band or a tile of an image has a mark of its own says nothing of
    the text around it.
    """

    def has_words(box: Box) -> bool:
        return any(holds(box, line.middle) for line in lines)

    places = [line.box for line in lines if line.horizontal]
    kept: list[PageBlock] = []
    marked: list[Box] = []
    changed: list[Box] = []
    for block in blocks:
        if block.kind is Kind.FIGURE:
            its = [box for box in (*shown.pictures, *shown.drawn) if _shares(block.box, box)]
            if not any(box not in marked for box in its):
                changed.extend([block.box] if has_words(block.box) else [])
                kept.extend(PageBlock(Kind.TEXT, line.box, (line,)) for line in block.lines)
                continue
            marked.extend(its)
        kept.append(block)
    for block in [block for block in kept if block.kind is Kind.FIGURE and not block.lines]:
        number = next(n for n, other in enumerate(kept) if other is block)
        if not _stands_between(kept, number, places):
            kept = _inserted([*kept[:number], *kept[number + 1 :]], block, places)
            changed.append(block.box)
    tables = [block.box for block in kept if block.kind is Kind.TABLE]
    for picture in shown.pictures:
        if picture not in marked and not any(_is_in(picture, box) for box in tables):
            kept = _inserted(kept, PageBlock(Kind.FIGURE, picture), places)
            changed.extend([picture] if has_words(picture) else [])
    return kept, changed


def column_of(picture: Box, lines: Sequence[Box]) -> tuple[float, float]:
    """Return from where to where the column of a picture goes: as far as the lines above and below it both do."""
    x0, y0, x1, y1 = picture
    beside = [box for box in lines if box[2] > x0 and box[0] < x1]
    above = sorted((box for box in beside if box[3] <= y0 + _LINE * (box[3] - box[1])), key=lambda box: -box[3])
    below = sorted((box for box in beside if box[1] >= y1 - _LINE * (box[3] - box[1])), key=lambda box: box[1])
    left, right = x0, x1
    reaches = [union(list(some[:_NEAREST])) for some in (above, below) if some]
    if reaches:
        left = min(x0, max(reach[0] for reach in reaches))
        right = max(x1, min(reach[2] for reach in reaches))
    return left, right


def _shares(box: Box, other: Box) -> bool:
    """Whether a good part of one of two boxes lies in the other."""
    part = _within(box, other)
    if part is None:
        return False
    smaller = min((b[2] - b[0]) * (b[3] - b[1]) for b in (box, other))
    return (part[2] - part[0]) * (part[3] - part[1]) >= _SHARED * smaller


def _stands_between(blocks: Sequence[PageBlock], number: int, lines: Sequence[Box]) -> bool:
    """Whether a figure comes after the block right above it and before the one right below it."""
    above, below = _beside(blocks, blocks[number].box, lines)
    return (above is None or above < number) and (below is None or below > number)


def _inserted(blocks: Sequence[PageBlock], figure: PageBlock, lines: Sequence[Box]) -> list[PageBlock]:
    """Put a figure among blocks: after the one right above it, else before the one right below it."""
    above, below = _beside(blocks, figure.box, lines)
    if above is not None:
        at = above + 1
    elif below is not None:
        at = below
    else:
        level = [n for n, block in enumerate(blocks) if block.box[1] >= figure.box[1]]
        at = level[0] if level else len(blocks)
    return [*blocks[:at], figure, *blocks[at:]]


def _beside(blocks: Sequence[PageBlock], box: Box, lines: Sequence[Box]) -> tuple[int | None, int | None]:
    """Return which blocks have the nearest lines above and below a box, in its column."""
    _, y0, _, y1 = box
    x0, x1 = column_of(box, lines)
    above: tuple[float, int] | None = None
    below: tuple[float, int] | None = None
    for number, block in enumerate(blocks):
        if block.kind in (Kind.DRAWN, Kind.FIGURE) and not block.lines:
            continue
        if block.kind is Kind.DRAWN:
            continue
        boxes = [line.box for line in block.lines if line.horizontal] if block.lines else [block.box]
        for left, top, right, bottom in boxes:
            if right <= x0 or left >= x1:
                continue
            # What stands beside a picture is no line that it reaches into.
            slack = _LINE * min(bottom - top, _TALLEST) if left < box[2] and right > box[0] else 0.0
            if bottom <= y0 + slack and (above is None or bottom > above[0]):
                above = bottom, number
            elif bottom > y0 + slack and top >= y1 - slack and (below is None or top < below[0]):
                below = top, number
    return above and above[1], below and below[1]

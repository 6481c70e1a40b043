"""Where the blocks of a label stand on its page, whoever wrote it.

The words of the label are put where the page's text layer has them (`placed_words`); a block's box is the one around
its words. Pictures are those that the page shows (`pictures`), each at the mark whose neighbours are nearest. A formula
has the words around its own that nobody else has: signs that LaTeX spells with letters.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from scribetune.labels import form_fields, page_blocks, page_drawings, pictures, placed_words, plain_pages, ruling_lines
from scribetune.labels import text_layer as layers
from scribetune.labels.placed_words import PlacedLabel
from scribetune.labels.tables.cells import Box, Word, union
from scribetune.text import grounding
from scribetune.text.grounding import Kind
from scribetune.text.markdown import FIGURE
from scribetune.text.placed_blocks import PlacedBlock, PlacedPage

_PLACED = 0.95
"""Share of a label's words that must have a place; on other pages nobody knows what the boxes leave out."""
_APART = 2.5  # heights of a line, between lines of one text
_APART_IN_TABLES = 6.0
_FEW = 0.2  # of a block's words, far from the others: they are elsewhere on the page by mistake
_SIDE = 1.5  # heights of a line, between words of one line that are neighbours in a text
_NOT_COMPARED = re.compile(r"[\s\\*`]")
_BESIDE = 0.9  # heights of a line, between a formula and its signs


@dataclass(frozen=True)
class Seen:
    """What a page shows: its words and pictures, in points of a page of that width and height."""

    words: Sequence[Word]
    width: float
    height: float
    pictures: Sequence[Box] = field(default=())


def of_page(label: str, page: Any) -> PlacedPage:
    """Return the blocks of a pymupdf.Page's label; the page is turned upright by it, for good."""
    page.remove_rotation()
    layer = form_fields.with_values(layers.read(page), page)
    shown: tuple[Box, ...] = ()
    if FIGURE in label:
        drawings = page_drawings.of_page(page)
        rules = ruling_lines.rules_of(drawings if len(drawings) <= plain_pages.HOPELESS_SHAPES else ())
        found = pictures.of_page(page, layer, rules, drawings)
        shown = (*found.pictures, *found.drawn)
    return place(label, Seen(layer.words, layer.width, layer.height, shown))


def place(label: str, seen: Seen) -> PlacedPage:
    """Return the blocks of a label on a page that shows these words and pictures."""
    spans = grounding.split(label)
    if not spans:
        return PlacedPage(reason="its label is empty")
    placed = placed_words.place(label, seen.words)
    ranges = _ranges(label, spans)
    blocks = [_Block(span.start, span.end, span.kind, numbers) for span, numbers in zip(spans, ranges, strict=True)]
    _name_captions(blocks, label)
    for block in blocks:
        block.find(placed)
    _add_marks(blocks, label, seen.words)
    _add_signs(blocks, placed, seen.words)
    _add_pictures(blocks, seen.pictures)
    whole = tuple(block.on(seen, placed) for block in blocks)
    return PlacedPage(whole, _reason(label, whole, placed))


def _reason(label: str, blocks: Sequence[PlacedBlock], placed: PlacedLabel) -> str:
    total = len(placed.written)
    found = sum(map(bool, placed.places))
    if not placed.shown:
        return "it has no text layer"
    formulas = sum(placed_words.count(label[block.start : block.end]) for block in blocks if block.kind == "equation")
    if found < _PLACED * (total - formulas):
        return f"{total - found} of {total} words of its label have no place in its text layer"
    lost = [block for block in blocks if not block.boxes]
    if lost:
        kinds = ", ".join(sorted({block.kind for block in lost}))
        return f"{len(lost)} of {len(blocks)} blocks have no box ({kinds})"
    return ""


def _ranges(label: str, spans: Sequence[grounding.Span]) -> list[range]:
    """Return which written words belong to each block."""
    starts = [placed_words.count(label[: span.start]) for span in spans]
    ends = [*starts[1:], placed_words.count(label)]
    return [range(start, end) for start, end in zip(starts, ends, strict=True)]


@dataclass
class _Block:
    """A block under way to its boxes."""

    start: int
    end: int
    kind: Kind
    numbers: range  # of written words
    boxes: list[Box] = field(default_factory=list)
    line: float = 10.0  # height of one

    def find(self, placed: PlacedLabel) -> None:
        """Put boxes around its words, without those that are elsewhere by mistake."""
        found = [placed.shown[at].box for number in self.numbers for at in placed.places[number]]
        if not found:
            return
        self.line = max(1.0, median(min(box[3] - box[1], box[2] - box[0]) for box in found))
        apart = self.line * (_APART_IN_TABLES if self.kind == "table" else _APART)
        groups = _groups(found, apart, self.line * _SIDE if self.kind != "table" else float("inf"))
        most = max(map(len, groups))
        kept = [group for group in groups if len(group) >= _FEW * most or len(group) > _FEW * len(found)]
        self.boxes = (
            _by_column([union(group) for group in kept])
            if self.kind == "text"
            else [union([box for group in kept for box in group])]
        )

    def on(self, seen: Seen, placed: PlacedLabel) -> PlacedBlock:
        """Return it in thousandths of the page."""
        boxes = tuple(grounding.normalised(box, seen.width, seen.height) for box in self.boxes)
        cells: tuple[grounding.Box, ...] = ()
        if self.kind == "table" and self.boxes:
            around = _wider(self.boxes[0], self.line / 2)
            cells = tuple(
                grounding.normalised(box, seen.width, seen.height) for box in _cells(self.numbers, placed, around)
            )
        return PlacedBlock(self.start, self.end, self.kind, boxes, cells)


def _cells(numbers: range, placed: PlacedLabel, around: Box) -> Iterator[Box]:
    """Yield a box for each cell of a table with words within its box, row by row."""
    words: dict[tuple[int, int], list[Box]] = defaultdict(list)
    for number in numbers:
        slot = placed.written[number].slot
        for at in placed.places[number] if slot is not None else ():
            box = placed.shown[at].box
            if slot is not None and _is_within(box, around):
                words[slot.row, slot.column].append(box)
    for place_ in sorted(words):
        yield union(words[place_])


def _is_within(box: Box, other: Box) -> bool:
    return other[0] <= box[0] and other[1] <= box[1] and box[2] <= other[2] and box[3] <= other[3]


def _wider(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _groups(boxes: Sequence[Box], below: float, beside: float) -> list[list[Box]]:
    """Return boxes in groups: those of a group are no further from another of it than that, down and across."""
    groups: list[tuple[Box, list[Box]]] = []
    for box in boxes:
        joined, rest = [box], []
        around = box
        for other, members in groups:
            if _gap(box, other, 1) <= below and _gap(box, other, 0) <= beside:
                joined = members + joined
                around = union([around, other])
            else:
                rest.append((other, members))
        groups = [*rest, (around, joined)]
    return [members for _, members in groups]


def _gap(one: Box, other: Box, axis: int) -> float:
    return max(one[axis], other[axis]) - min(one[axis + 2], other[axis + 2])


def _by_column(boxes: Sequence[Box]) -> list[Box]:
    """Return one box for parts below each other, in their order: parts in other columns keep their own."""
    found: list[Box] = []
    for box in boxes:
        at = next((n for n, other in enumerate(found) if _gap(box, other, 0) < 0), None)
        if at is None:
            found.append(box)
        else:
            found[at] = union([found[at], box])
    return found


def _name_captions(blocks: Sequence[_Block], label: str) -> None:
    """Tell captions from other texts: they begin as such, right before or after a table or a picture."""
    for number, block in enumerate(blocks):
        text = label[block.start : block.end].lstrip("*_ ")
        if block.kind != "text" or not page_blocks.begins_caption(text):
            continue
        beside = [blocks[n].kind for n in (number + 1, number - 1) if 0 <= n < len(blocks)]
        if "table" in beside:
            block.kind = "table_caption"
        elif "image" in beside:
            block.kind = "image_caption"


def _add_marks(blocks: Sequence[_Block], label: str, words: Sequence[Word]) -> None:
    """Place blocks without a letter or digit, such as rules made of underscores, where the page has the same marks."""
    for number, block in enumerate(blocks):
        if block.boxes or len(block.numbers) or block.kind == "image":
            continue
        runs = list(_runs(_NOT_COMPARED.sub("", label[block.start : block.end]), words))
        if runs:
            box = min(runs, key=lambda run: _misfit(blocks, number, run))
            block.boxes, block.line = [box], max(1.0, box[3] - box[1])


def _runs(wanted: str, words: Sequence[Word]) -> Iterator[Box]:
    """Yield boxes of words in a row that make up a text without blanks."""
    texts = [_NOT_COMPARED.sub("", word.text) for word in words]
    for start, text in enumerate(texts):
        end, found = start + 1, text
        while found and end < len(words) and len(found) < len(wanted) and wanted.startswith(found):
            found += texts[end]
            end += 1
        if wanted and found == wanted:
            yield union([word.box for word in words[start:end]])


def _add_signs(blocks: Sequence[_Block], placed: PlacedLabel, words: Sequence[Word]) -> None:
    """Let formulas have the words right beside them that no block has."""
    formulas = [block for block in blocks if block.kind == "equation"]
    if not formulas:
        return
    taken = {placed.shown[at].word for at in placed.position}
    free = [word.box for number, word in enumerate(words) if number not in taken]
    for number, block in enumerate(blocks):
        if block.kind == "equation" and not block.boxes:
            before = next((other.boxes[-1] for other in reversed(blocks[:number]) if other.boxes), None)
            after = next((other.boxes[0] for other in blocks[number + 1 :] if other.boxes), None)
            between = [
                box for box in free
                if (before is None or box[1] >= before[3] - 1) and (after is None or box[3] <= after[1] + 1)
            ]  # fmt: skip
            if between and (before is not None or after is not None):
                block.boxes = [union(between)]
                block.line = max(1.0, median(box[3] - box[1] for box in between))
    for block in formulas:
        grows = bool(block.boxes)
        while grows:
            near = _BESIDE * block.line
            own = block.boxes[0]
            more = [
                box for box in free
                if not _is_within(box, own) and _gap(box, own, 0) <= 4 * near and _gap(box, own, 1) <= near / 4
            ]  # fmt: skip
            grows = bool(more)
            if more:
                block.boxes = [union([own, *more])]


def _add_pictures(blocks: Sequence[_Block], shown: Sequence[Box]) -> None:
    """Give each mark of a picture the free picture that lies best between its neighbours."""
    marks = [number for number, block in enumerate(blocks) if block.kind == "image"]
    pairs = sorted(
        (_misfit(blocks, mark, box) + 0.001 * at, mark, at) for mark in marks for at, box in enumerate(shown)
    )
    taken: set[int] = set()
    for _, mark, at in pairs:
        if at not in taken and not blocks[mark].boxes:
            blocks[mark].boxes = [shown[at]]
            taken.add(at)


def _misfit(blocks: Sequence[_Block], mark: int, box: Box) -> float:
    """Return how far a picture reaches above the block before a mark, and below the one behind it, in points."""
    before = next((b.boxes[-1] for b in reversed(blocks[:mark]) if b.boxes and b.kind != "image"), None)
    after = next((b.boxes[0] for b in blocks[mark + 1 :] if b.boxes and b.kind != "image"), None)
    away = 0.0
    if before is not None and _gap(before, box, 0) < 0:
        away += abs(box[1] - before[3]) if box[1] >= before[3] else 3 * (before[3] - box[1])
    if after is not None and _gap(after, box, 0) < 0:
        away += abs(after[1] - box[3]) if after[1] >= box[3] else 3 * (box[3] - after[1])
    return away

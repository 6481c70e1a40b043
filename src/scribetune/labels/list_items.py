"""Which blocks of a page are items of lists, once all of it is known: marks that stand alone, items without a mark.

The layout model takes paragraphs that hang, or stand near bullets, for items. A bullet that no reader sees is put on
none: bullets that are drawings have no character, but then none on the page has one, and several items stand below each
other.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from scribetune.labels.page_blocks import Kind, PageBlock, list_marker
from scribetune.labels.right_to_left import is_right_to_left
from scribetune.labels.tables.cells import union
from scribetune.labels.text_layer import Line

_SAME_START = 3.0  # points
_OWN_NUMBER = re.compile(
    r"[\[(（【〔［]|\d[\d.]*[\s．、)）]|[①-⑳]|[一二三四五六七八九十]+[、．.]|[^\W\d_][．、]|[:;,.}{<>/\\|=&%*†‡§]|\W?\d"
)
_MARK_GAP = 5.0  # sizes of the font, between a mark drawn for itself and its text
_DASHES = "-–—*"


def with_marks(lines: Sequence[Line]) -> list[Line]:
    """Put marks of lists that were drawn for themselves to the text beside them, so that they make no column."""
    marks = [line for line in lines if len(line.text) <= 6 and list_marker(f"{line.text} x") and line.horizontal]
    if not marks:
        return list(lines)
    is_mark = {id(line) for line in marks}
    others = [line for line in lines if id(line) not in is_mark]
    taken: dict[int, Line] = {}
    alone = []
    for mark in marks:
        room = _MARK_GAP * mark.size
        beside = [
            (min(abs(line.box[0] - mark.box[2]), abs(mark.box[0] - line.box[2])), number)
            for number, line in enumerate(others)
            if number not in taken and abs(line.middle[1] - mark.middle[1]) < 0.5 * max(line.height, mark.height)
        ]
        within = [
            (distance, number)
            for distance, number in beside
            if distance <= room and (others[number].box[0] >= mark.box[2] - 1) != is_right_to_left(others[number].text)
        ]
        if within:
            number = min(within)[1]
            other = others[number]
            taken[number] = replace(
                other, spans=(*mark.spans, *other.spans), box=union([mark.box, other.box]), block=other.block
            )
        else:
            alone.append(mark)
    return [*(taken.get(number, line) for number, line in enumerate(others)), *alone]


def told(blocks: Sequence[PageBlock]) -> list[PageBlock]:
    """Return blocks, text where a block is called an item of a list and nobody sees that it is one."""
    items = [block for block in blocks if block.kind is Kind.LIST and block.lines]
    marked = [block for block in items if list_marker(block.lines[0].text)]
    bare = [block for block in items if not list_marker(block.lines[0].text)]
    marks = Counter(block.lines[0].text[0] for block in marked)
    has_bullets = any(list_marker(block.lines[0].text) == "-" for block in marked)
    starts = [block.lines[0].box[0] for block in bare if _may_be_drawn(block)]
    return [
        replace(block, kind=Kind.TEXT)
        if block.kind is Kind.LIST and block.lines and not _is_item(block, marks, starts, has_bullets=has_bullets)
        else block
        for block in blocks
    ]


def _is_item(block: PageBlock, marks: Counter[str], starts: Sequence[float], *, has_bullets: bool) -> bool:
    first = block.lines[0]
    if list_marker(first.text):
        # A dash alone is one of a sentence, a star the mark of a note.
        return first.text[0] not in _DASHES or marks[first.text[0]] > 1
    beside = sum(abs(start - first.box[0]) <= _SAME_START for start in starts)
    return not has_bullets and _may_be_drawn(block) and beside > 1


def _may_be_drawn(block: PageBlock) -> bool:
    """Whether the mark of an item without one may be a drawing: it has no number, bracket or the like of its own."""
    first = block.lines[0]
    return not (first.spans[0].raised or first.mono or _OWN_NUMBER.match(first.text))

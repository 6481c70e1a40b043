"""Notes at the foot of a column that is not the last: they are read after the text of the columns, not within it.

Such a note is set smaller than the text above it; there is room above it, or it begins with a raised mark; below it is
nothing, and the text goes on higher up in another column. Captions and notes of tables and pictures are none.
"""

from collections.abc import Sequence

from scribetune.labels import paragraphs
from scribetune.labels.page_blocks import Kind, PageBlock, is_caption
from scribetune.labels.tables.cells import Box

_SMALLER = 0.95  # of the size of the text: notes are
_LIKE_TEXT = 0.97  # of it, that text has at least
_ROOM = 0.3  # sizes of the text, above a note
_SLACK = 1.0  # the same, by which a line may begin below a note
_RUNNING = (Kind.TEXT, Kind.LIST, Kind.FORMULA, Kind.CODE)
_AROUND = (Kind.HEADER, Kind.FOOTER, Kind.DRAWN)


def after_columns(blocks: Sequence[PageBlock]) -> list[PageBlock]:
    """Return the blocks of a page, in reading order, with notes of columns behind the text, before the last one's."""
    lines = [line for block in blocks if block.kind in _RUNNING for line in block.lines]
    if not lines:
        return list(blocks)
    body = paragraphs.body_size(lines)
    moved: list[int] = []
    flow = [number for number, block in enumerate(blocks) if block.kind not in _AROUND]
    for at in range(1, len(flow)):
        before, after = blocks[flow[at - 1]], blocks[flow[at]]
        if not _is_next_column(before.box, after.box):
            continue
        notes = _notes_before([blocks[number] for number in flow[:at]], body)
        if notes and _is_text(after, body) and _is_at_foot(before.box, [blocks[n] for n in flow], body):
            moved += flow[at - notes : at]
    if not moved:
        return list(blocks)
    kept = [number for number in flow if number not in moved]
    last = len(kept)
    while last and _is_note(blocks[kept[last - 1]], body):
        last -= 1
    at = kept[last - 1] + 1 if last else 0
    before_notes = [block for number, block in enumerate(blocks[:at]) if number not in moved]
    rest = [block for number, block in enumerate(blocks[at:], at) if number not in moved]
    return [*before_notes, *(blocks[number] for number in moved), *rest]


def _is_next_column(box: Box, after: Box) -> bool:
    """Whether a text stands beside another and begins above it."""
    is_beside = after[0] >= box[2] or after[2] <= box[0]
    return is_beside and after[1] < box[1]


def _notes_before(blocks: Sequence[PageBlock], body: float) -> int:
    """Return how many blocks at the end of these are notes, below running text of their column; 0 where it has none."""
    count = 0
    while count < len(blocks) and _is_note(blocks[-1 - count], body):
        count += 1
    if not count or count == len(blocks):
        return 0
    above, first = blocks[-1 - count], blocks[-count]
    is_below = above.box[0] < first.box[2] and first.box[0] < above.box[2]
    bottom = max((line.box[3] for line in above.lines), default=above.box[3])
    has_room = first.box[1] - bottom > _ROOM * body or _is_marked(first)
    return count if above.kind in _RUNNING and _is_text(above, body) and is_below and has_room else 0


def _is_note(block: PageBlock, body: float) -> bool:
    if not block.lines or is_caption(block.lines) or block.kind not in (Kind.TEXT, Kind.LIST, Kind.FOOTNOTE):
        return False
    return max(line.size for line in block.lines) < _SMALLER * body


def _is_marked(block: PageBlock) -> bool:
    return block.lines[0].spans[0].raised and len(block.lines[0].spans) > 1


def _is_text(block: PageBlock, body: float) -> bool:
    """Whether a block is as large as the text; of what has no lines nobody says that it is not."""
    return not block.lines or max(line.size for line in block.lines) >= _LIKE_TEXT * body


def _is_at_foot(box: Box, blocks: Sequence[PageBlock], body: float) -> bool:
    """Whether no line begins further down on the page than a note ends, but for other notes."""
    return not any(
        line.box[1] > box[3] + _SLACK * body for block in blocks if not _is_note(block, body) for line in block.lines
    )

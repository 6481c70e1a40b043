"""Where a page can be cut across: between which blocks of its label there is a gap from one side of it to the other.

The words of the label are put where the page has them (`placed_words`). Between two blocks a page can be cut if all
words of the blocks above stand above all words of those below; beside columns there is no such place.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scribetune.labels import placed_words
from scribetune.labels.tables.cells import Word

_PLACED = 0.98
"""Share of a label's words that must have a place: of others nobody knows on which side of a cut they are."""
_CLOSED = re.compile(r"<table\b.*?</table>|^```.*?^```$|\$\$.*?\$\$", re.DOTALL | re.MULTILINE)
"""Blocks that may have blank lines in them."""
_BLANK = re.compile(r"\n\n+")


@dataclass(frozen=True)
class Cut:
    """A place to cut: where in the label, and between which heights of the page, in points from its top."""

    offset: int
    above: float
    below: float


def of_label(label: str, words: Sequence[Word]) -> tuple[Cut, ...]:
    """Return the places where a page can be cut, from its label and the words of its text layer, in order."""
    offsets = list(_block_starts(label))
    placed = placed_words.place(label, words)
    total = len(placed.written)
    if not offsets or not total or sum(map(bool, placed.places)) < _PLACED * total:
        return ()
    tops, bottoms = [], []
    for places in placed.places:
        boxes = [placed.shown[at].box for at in places]
        tops.append(min((box[1] for box in boxes), default=float("inf")))
        bottoms.append(max((box[3] for box in boxes), default=float("-inf")))
    found = []
    for offset in offsets:
        count = placed_words.count(label[:offset])
        above, below = max(bottoms[:count], default=float("inf")), min(tops[count:], default=float("-inf"))
        if above < below:
            found.append(Cut(offset, round(above, 2), round(below, 2)))
    return tuple(found)


def _block_starts(label: str) -> Iterator[int]:
    """Yield where a block begins, but the first."""
    closed = [found.span() for found in _CLOSED.finditer(label)]
    for blank in _BLANK.finditer(label):
        if blank.end() < len(label) and not any(start < blank.start() and blank.end() < end for start, end in closed):
            yield blank.end()


def as_text(cuts: Sequence[Cut]) -> str:
    """Return places as a cell of the manifest: [[offset, above, below], …]; "" for none."""
    return json.dumps([[cut.offset, cut.above, cut.below] for cut in cuts]) if cuts else ""

"""What the order of a page says against its label: paragraphs that cannot follow each other as they do.

Asked of the words where the page has them (`placed_words`), whatever made the label. A sentence that goes on after
something else, over a column's end, was cut by it; small print at the foot of a column is none of the text that goes on
higher up in the next one; no paragraph is read after what stands below it in its column.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from scribetune.labels.doubts import MOST_QUOTED, Doubt, Finding
from scribetune.labels.placed_words import PlacedLabel, Shown, runs_leftwards
from scribetune.labels.tables.cells import Box, union

_UP = 1.5  # heights of a line: the text goes on in another column
_SHARED = 0.5  # of the narrower of two texts, that stand in one column
_SAME_SIZE = 1.12
_SMALLER = 0.95
_SENTENCE = 5  # words
_FOREIGN = 3  # words
_MOST_BETWEEN = 8  # paragraphs
_PRINT = 8  # words
_SLACK = 0.5  # heights of a line
_FAR = 8.0  # the same
_CAPTION = re.compile(r"(?:fig|abb|tab|list|chart|algo|photo|source)|[图圖図表]", re.IGNORECASE)
_FULL = 1.5  # heights of a line, that a full one may end earlier
_OPEN = ",-\u2010\u2011"


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of the label where the page has it."""

    number: int  # of what `Written.paragraph` calls it
    shown: tuple[Shown, ...]
    head: Box  # of its words in its first column
    tail: Box  # of those in its last
    height: float  # of its words, as a rule
    is_running: bool  # plain text, no heading, item or cell

    @property
    def is_caption(self) -> bool:
        """Whether it begins as the caption of a picture or a table does."""
        return bool(_CAPTION.match(self.shown[0].text))

    @property
    def begins_small(self) -> bool:
        """Whether it begins in lower case, as what goes on with a sentence."""
        return self.is_running and len(self.shown) >= _SENTENCE and self.shown[0].text[0].islower()

    @property
    def is_open(self) -> bool:
        """Whether it ends within a sentence, in a full line below another."""
        last = self.shown[-1]
        is_within = bool(last.ends) and (last.ends.islower() or last.ends in _OPEN)
        is_full = last.box[2] > self.tail[2] - _FULL * self.height and self.tail[3] - self.tail[1] > _UP * self.height
        return self.is_running and len(self.shown) >= _SENTENCE and is_within and is_full and not self.is_caption


def of_paragraphs(paragraphs: Sequence[Paragraph], placed: PlacedLabel) -> Iterator[Finding]:
    """Yield the places where paragraphs of a label do not follow each other as the page has them."""
    if any(runs_leftwards(word.text) for paragraph in paragraphs for word in paragraph.shown[:1]):
        return
    often = Counter(word.text for word in placed.shown)
    yield from _cut(paragraphs)
    yield from _upwards(paragraphs, often)


def paragraphs_of(placed: PlacedLabel) -> list[Paragraph]:
    """Return the paragraphs of a label, but for tables and code, where the page has them."""
    by_number: dict[int, list[int]] = defaultdict(list)
    for number, word in enumerate(placed.written):
        if word.slot is None and not word.is_code:
            by_number[word.paragraph].append(number)
    found = []
    for paragraph, numbers in by_number.items():
        shown = [placed.shown[at] for number in numbers for at in placed.places[number]]
        shown = [word for word in shown if not word.is_turned]
        if not shown:
            continue
        height = median(word.height for word in shown)
        parts: list[list[Shown]] = [[shown[0]]]
        for before, here in pairwise(shown):
            if here.middle < before.middle - _UP * height:
                parts.append([])
            parts[-1].append(here)
        boxes = [union([word.box for word in part]) for part in (parts[0], parts[-1])]
        is_running = placed.written[numbers[0]].is_running
        found.append(Paragraph(paragraph, tuple(shown), boxes[0], boxes[1], height, is_running))
    return found


def notes_of(paragraphs: Sequence[Paragraph]) -> frozenset[int]:
    """Return the numbers of paragraphs that are notes at the foot of a column: small print with no text below it.

    They may be read after the text of all columns.
    """
    running = [word.height for p in paragraphs if p.is_running for word in p.shown]
    body = median(running) if running else 0.0
    small = [p for p in paragraphs if p.is_running and p.height < _SMALLER * body]
    return frozenset(p.number for p in small if _is_at_foot([p], [q for q in paragraphs if q not in small]))


def _cut(paragraphs: Sequence[Paragraph]) -> Iterator[Finding]:
    """Sentences that go on after something else, and small print between two columns of text."""
    for number, first in enumerate(paragraphs):
        for last in range(number + 2, min(number + 2 + _MOST_BETWEEN, len(paragraphs))):
            between, after = paragraphs[number + 1 : last], paragraphs[last]
            if any(p.is_caption or not p.is_running for p in between):
                break
            if not _are_one_size(first, after) or not _leaves_column([first, *between, after]):
                continue
            is_sentence = first.is_open and after.begins_small and sum(len(p.shown) for p in between) >= _FOREIGN
            is_print = (
                first.is_running
                and after.is_running
                and len(first.shown) >= _SENTENCE
                and len(after.shown) >= _SENTENCE
                and all(p.height < _SMALLER * first.height for p in between)
                and sum(len(p.shown) for p in between) >= _PRINT
                and _is_at_foot(between, paragraphs)
            )
            if is_sentence or is_print:
                yield _finding(first, after, between[0])
                break


def _are_one_size(one: Paragraph, other: Paragraph) -> bool:
    return max(one.height, other.height) < _SAME_SIZE * min(one.height, other.height)


def _shares_column(one: Box, other: Box) -> bool:
    shared = min(one[2], other[2]) - max(one[0], other[0])
    return shared > _SHARED * min(one[2] - one[0], other[2] - other[0])


def _leaves_column(paragraphs: Sequence[Paragraph]) -> bool:
    """Whether paragraphs do not stand below each other in one column."""
    return any(
        not _shares_column(one.tail, other.head) or other.head[1] < one.tail[1] for one, other in pairwise(paragraphs)
    )


def _is_at_foot(some: Sequence[Paragraph], paragraphs: Sequence[Paragraph]) -> bool:
    """Whether paragraphs are the last in their column, and the page has text beside it that begins above them."""
    low = max(p.tail[3] for p in some)
    box = union([p.tail for p in some])
    return not any(
        p.tail[1] > low - _SLACK * p.height and len(p.shown) >= _SENTENCE
        for p in paragraphs
        if p not in some and _shares_column(p.tail, box)
    )


def _upwards(paragraphs: Sequence[Paragraph], often: Counter[str]) -> Iterator[Finding]:
    """Paragraphs read right after what stands far below them in their column; lines that are near, others see."""
    for one, other in pairwise([p for p in paragraphs if not _is_anywhere(p, often)]):
        if _shares_column(one.tail, other.head) and other.head[3] < one.tail[1] - _FAR * other.height:
            yield _finding(other, one, other)


def _is_anywhere(paragraph: Paragraph, often: Counter[str]) -> bool:
    return len(paragraph.shown) == 1 and (often[paragraph.shown[0].text] > 1 or paragraph.shown[0].text.isdecimal())


def _finding(first: Paragraph, after: Paragraph, written: Paragraph) -> Finding:
    ends = " ".join(word.text for word in first.shown[-3:])
    begins = " ".join(word.text for word in after.shown[:3])
    label = " ".join(word.text for word in written.shown[:6])
    return Finding(Doubt.SENTENCES, f"{ends} … {begins}", label[:MOST_QUOTED], written.head)

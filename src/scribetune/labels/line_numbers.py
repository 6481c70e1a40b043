"""Numbers of lines beside a text or a listing: they count its lines, and are no part of what these say."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from scribetune.labels.tables.cells import union
from scribetune.labels.text_layer import Line

_NUMBER = re.compile(r"\d{1,4}")
_LEAST = 3  # numbers
_SMALL = 0.87  # of the size of the text beside
_GOES_ON = 0.3
_SAME_PITCH = 0.25
_ALIGNED = 3.0  # points
_FAR = 60.0


@dataclass(frozen=True)
class _Number:
    """A number that a row begins with, and the text beside it."""

    value: int
    line: Line
    size: float
    left: float
    right: float
    rest: Line | None  # of the row; None where it is empty

    @property
    def middle(self) -> float:
        return self.line.middle[1]


def apart(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """Return lines without the numbers that count them, and these numbers.

    They count where they stand below each other, grow by one step, and the text beside them is a listing, is larger, or
    goes on from line to line in sentences: numbers of chapters and list items have none of that.
    """
    found = list(_numbers(lines))
    counting: list[_Number] = []
    for column in _columns(found):
        if _count_lines(column):
            counting.extend(column)
    if not counting:
        return list(lines), []
    gone = {id(number.line): number for number in counting}
    kept = []
    for line in lines:
        number = gone.get(id(line))
        if number is None:
            kept.append(line)
        elif len(line.spans) > 1:
            spans = line.spans[1:]
            kept.append(replace(line, spans=spans, box=union([span.box for span in spans])))
    return kept, [
        replace(number.line, spans=number.line.spans[:1], box=number.line.spans[0].box) for number in counting
    ]


def _numbers(lines: Sequence[Line]) -> Iterator[_Number]:
    alone = [line for line in lines if len(line.spans) == 1]
    for line in lines:
        first = line.spans[0]
        text = first.text.strip()
        if not line.horizontal or first.raised or not _NUMBER.fullmatch(text):
            continue
        rest: Line | None = None
        if len(line.spans) > 1:
            spans = line.spans[1:]
            rest = replace(line, spans=spans, box=union([span.box for span in spans]))
            if spans[0].box[0] - first.box[2] > _FAR:
                continue
        elif alone:
            beside = [
                other
                for other in lines
                if other is not line
                and 0 < other.box[0] - first.box[2] < _FAR
                and abs(other.middle[1] - line.middle[1]) < 0.6 * max(line.height, other.height)
            ]
            rest = min(beside, key=lambda other: other.box[0]) if beside else None
        yield _Number(int(text), line, first.size, first.box[0], first.box[2], rest)


def _columns(numbers: Sequence[_Number]) -> list[list[_Number]]:
    """Return numbers that stand below each other and grow: from one on again for each listing."""
    groups: list[list[_Number]] = []
    for number in sorted(numbers, key=lambda number: number.middle):
        for group in groups:
            last = group[-1]
            if min(abs(last.right - number.right), abs(last.left - number.left)) < _ALIGNED:
                group.append(number)
                break
        else:
            groups.append([number])
    return groups


def _count_lines(column: Sequence[_Number]) -> bool:
    steps = [after.value - before.value for before, after in pairwise(column)]
    texts = [number.rest for number in column if number.rest is not None]
    if not texts:
        return False
    listed = sum(any(span.mono for span in text.spans) for text in texts) >= 0.5 * len(texts)
    if listed:
        return all(step == 1 or after.value == 1 for step, after in zip(steps, column[1:], strict=True))
    if len(column) < _LEAST or min(steps) < 1:
        return False
    # As far below each other as they differ.
    pitches = [
        (after.middle - before.middle) / step for step, (before, after) in zip(steps, pairwise(column), strict=True)
    ]
    usual = median(pitches)
    if sum(abs(pitch - usual) < _SAME_PITCH * usual for pitch in pitches) < 0.8 * len(pitches):
        return False
    small = sum(number.size < _SMALL * text.size for number in column if (text := number.rest) is not None)
    sentences = sum(text.text[:1].islower() for text in texts)
    return small >= 0.8 * len(texts) or sentences >= _GOES_ON * len(texts)

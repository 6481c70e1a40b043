"""Names beside their values: two sides of a gutter that belong by rows, and not as columns of text.

A form's names begin at one place, its values at another, and where a name begins, a value does. What tells them from
two columns of text on one grid of lines: no sentence of the values goes on from row to row, and names differ from
values in their font, end with a colon, leave lines free where a value takes more of them, or stand so in several parts
of the page.
"""

import re
from bisect import bisect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from scribetune.labels.text_layer import Line, visual_lines
from scribetune.text.markdown import is_cjk

Sides = tuple[Sequence[Line], Sequence[Line]]

_COLONS = (":", "：")
_ENDED = re.compile(r"[.!?:;。！？：；]\W*$")
_FIGURES = re.compile(r"[\W\d]*|[\divxlcIVXLC.\-–]{1,7}")
_AT_ONE_HEIGHT = 0.4  # of the height of a line
_NEXT = 1.7  # heights of a line, from one line to the next of a text
_LEAST = 2  # pairs
_LEAST_WIDTH = 4.0  # of a name, in sizes of the body's font
_WIDE = 12.0  # the same, of a column of text
_INDENT = 0.7  # sizes of the font
_SAME_START = 0.8  # of the values
_BROKEN = 0.2  # of the values: sentences that would be cut
_BROKEN_BY_COLONS = 0.5  # the same, where names end with colons
_WITH_COLON, _OTHER_FONT = 0.3, 0.7  # of the names
_MOST_ALONE = 0.6  # of the pairs: lines on the side of names with nothing beside them
_PARTS = 3
_WIDE_GAP = 2.5  # sizes of the body's font, from a name to its value: names do not fill their column


@dataclass(frozen=True)
class _Rows:
    """Both sides of one part of a page, line by line, and where names begin."""

    names: list[Line]
    values: list[Line]
    pairs: list[tuple[int, int]]  # numbers of a name's first line and of the value's beside it

    def continued(self) -> int:
        """Count the values that take more lines than their name."""
        beside = {value for _, value in self.pairs}
        return sum(
            number not in beside and not any(_overlap(value, name) for name in self.names)
            for number, value in enumerate(self.values)
            if self.pairs and number > self.pairs[0][1]
        )


def are_beside(parts: Sequence[Sides], body: float, right_to_left: bool) -> bool:
    """Whether what stands left and right of a gutter, in parts of a page, are names and values; `body` in points."""
    texts = [(_texts(left), _texts(right)) for left, right in parts]
    rows = [_rows(left, right, body, right_to_left) for left, right in texts if left and right]
    pairs = [(some.names[name], some.values[value]) for some in rows for name, value in some.pairs]
    if len(pairs) < _LEAST:
        return False
    # Numbers of sections and marks begin the line of their text; figures end that of their name.
    colons = sum(_has_colon(name, value) for name, value in pairs)
    narrow = median(name.box[2] - name.box[0] for name, _ in pairs) < _LEAST_WIDTH * body
    figures = sum(bool(_FIGURES.fullmatch(value.text)) for _, value in pairs) > 0.5 * len(pairs)
    together = _begin_together([value for _, value in pairs], body, right_to_left)
    if (narrow or figures or not together) and colons <= 0.5 * len(pairs):
        return False
    values = [value for some in rows for value in some.values]
    end = max(_end(value, right_to_left) for value in values)
    # In a narrow column every line is about as long as the longest.
    is_wide = end - min(_start(value, right_to_left) for value in values) > _WIDE * body
    broken = is_wide * sum(
        value > 0 and _goes_on(some.values[value - 1], some.values[value], end, right_to_left)
        for some in rows
        for _, value in some.pairs
    )
    if _are_sentences(rows, body, right_to_left):
        return False
    alone = sum(_alone(some, body, right_to_left) for some in rows)
    most_broken = _BROKEN_BY_COLONS if colons > 0.5 * len(pairs) else _BROKEN
    if broken > most_broken * len(pairs) or alone > _MOST_ALONE * len(pairs):
        return False
    other = sum(name.bold != value.bold or _italic(name) != _italic(value) for name, value in pairs)
    if colons >= max(_LEAST, _WITH_COLON * len(pairs)) or other >= _OTHER_FONT * len(pairs):
        return True
    gap = median(_start(value, right_to_left) - _end(name, right_to_left) for name, value in pairs)
    continued = sum(some.continued() for some in rows)
    is_form = len(pairs) > _LEAST and continued >= max(_LEAST, 0.2 * len(pairs))
    return gap > _WIDE_GAP * body and (is_form or sum(bool(some.pairs) for some in rows) >= _PARTS)


def _are_sentences(rows: Sequence[_Rows], body: float, right_to_left: bool) -> bool:
    """Whether what would be names is a column of text, whose sentences go on beside other text."""
    names = [name for some in rows for name in some.names]
    end = max(_end(name, right_to_left) for name in names)
    if end - min(_start(name, right_to_left) for name in names) <= _WIDE * body:
        return False
    found = [(some.names[name - 1], some.names[name]) for some in rows for name, _ in some.pairs if name]
    broken = sum(_goes_on(before, name, end, right_to_left) for before, name in found)
    return broken > _BROKEN * sum(len(some.pairs) for some in rows)


def _begin_together(values: Sequence[Line], body: float, right_to_left: bool) -> bool:
    starts = Counter(round(_start(value, right_to_left) / max(body, 1.0)) for value in values)
    best, _ = max(starts.items(), key=lambda item: (item[1], -item[0]))
    return sum(starts[best + step] for step in (-1, 0, 1)) >= _SAME_START * len(values)


def pairs(left: Sequence[Line], right: Sequence[Line], body: float, right_to_left: bool) -> list[list[list[Line]]]:
    """Return names and what stands beside each, a band of one or two parts for each pair; none where there is none."""
    if not left or not right:
        return []
    rows = _rows(left, right, body, right_to_left)
    if not rows.pairs:
        return []
    height = rows.names[rows.pairs[0][0]].height
    tops = sorted(min(rows.names[name].middle[1], rows.values[value].middle[1]) for name, value in rows.pairs)
    bands: list[tuple[list[Line], list[Line]]] = [([], []) for _ in range(len(tops) + 1)]
    for side, lines in enumerate((left, right)):
        for line in lines:
            bands[bisect(tops, line.middle[1] + _AT_ONE_HEIGHT * height)][side].append(line)
    found: list[list[list[Line]]] = []
    for number, (some_left, some_right) in enumerate(bands):
        if number == 0:
            found.append([[*some_left, *some_right]])
            continue
        names, values = (some_right, some_left) if right_to_left else (some_left, some_right)
        end = _end_of_value(names, values, body, right_to_left)
        later = [line for line in values if line.middle[1] >= end]
        values = [line for line in values if line.middle[1] < end]
        above, below = _name(names, values, body, right_to_left)
        sides = (values, above) if right_to_left else (above, values)
        found += [[list(side) for side in sides if side], [[*below, *later]]]
    return [band for band in found if any(band)]


def _end_of_value(names: Sequence[Line], values: Sequence[Line], body: float, right_to_left: bool) -> float:
    """Return where the value of the first name ends: below it stands a heading, and then what that is over."""
    if not names or not values:
        return float("inf")
    edge = min(_start(line, right_to_left) for line in values) - body
    rows = [
        row
        for name, row in pairwise(visual_lines(names))
        if not row.text[:1].islower() and not _is_one_name(name, row, edge, right_to_left)
    ]
    for before, after in pairwise(visual_lines(values)):
        far = after.middle[1] - before.middle[1] > _NEXT * max(before.height, after.height)
        if far and any(before.box[3] <= row.box[1] and row.box[3] <= after.box[1] + 1 for row in rows):
            return before.box[3]
    return float("inf")


def _name(
    names: Sequence[Line], values: Sequence[Line], body: float, right_to_left: bool
) -> tuple[list[Line], list[Line]]:
    """Return the lines of a name, and those below its value that are no part of it."""
    if not values or not names:
        return list(names), []
    end = max(line.box[3] for line in values)
    edge = min(_start(line, right_to_left) for line in values) - body
    cut = float("inf")
    beyond = 0
    for before, row in pairwise(visual_lines(names)):
        is_below = row.box[1] >= end - 0.5 * row.height
        beyond += is_below
        if is_below and (beyond > 1 or not _is_one_name(before, row, edge, right_to_left)):
            cut = row.box[1]
            break
    return [line for line in names if line.middle[1] < cut], [line for line in names if line.middle[1] >= cut]


def _texts(lines: Sequence[Line]) -> list[Line]:
    """Return lines without what stands for a table or a picture."""
    return [line for line in lines if line.block >= 0]


def _rows(left: Sequence[Line], right: Sequence[Line], body: float, right_to_left: bool) -> _Rows:
    names, values = (right, left) if right_to_left else (left, right)
    named, valued = visual_lines(names), visual_lines(values)
    edge = min(_start(value, right_to_left) for value in valued) - body
    end = max(_end(value, right_to_left) for value in valued)
    found: list[tuple[int, int]] = []
    has_value = False
    for number, name in enumerate(named):
        beside = [
            at
            for at, value in enumerate(valued)
            if abs(name.middle[1] - value.middle[1]) < _AT_ONE_HEIGHT * max(name.height, value.height)
        ]
        # Values stand beside the first line of their name; beside the second they go on.
        if has_value and _is_one_name(named[number - 1], name, edge, right_to_left):
            before = [valued[at - 1] for at in beside if at]
            if not beside or (
                before
                and not _ENDED.search(before[0].text)
                and _is_full(before[0], valued[beside[0]], end, right_to_left)
            ):
                continue
        has_value = bool(beside)
        if beside:
            found.append((number, beside[0]))
    return _Rows(named, valued, found)


def _is_one_name(before: Line, line: Line, edge: float, right_to_left: bool) -> bool:
    """Whether a line goes on with the name above it, which had no room for its first word before the values."""
    is_near = line.middle[1] - before.middle[1] < _NEXT * max(line.height, before.height)
    step = abs(_start(line, right_to_left) - _start(before, right_to_left))
    if not is_near or step > _INDENT * line.size or before.text.endswith(_COLONS) or before.bold != line.bold:
        return False
    return line.text[:1].islower() or _is_full(before, line, edge, right_to_left)


def _is_full(before: Line, line: Line, edge: float, right_to_left: bool) -> bool:
    word = 1 if is_cjk(line.text[:1]) else len(line.text.split(maxsplit=1)[0]) if line.text else 0
    width = (line.box[2] - line.box[0]) * word / max(len(line.text), 1)
    return _end(before, right_to_left) + width + 0.3 * line.size > edge


def _goes_on(before: Line, line: Line, edge: float, right_to_left: bool) -> bool:
    """Whether a sentence goes on from one line of the values to the next."""
    is_near = line.middle[1] - before.middle[1] < _NEXT * max(line.height, before.height)
    small = line.text[:1].islower() or is_cjk(line.text[:1])
    return is_near and small and not _ENDED.search(before.text) and _is_full(before, line, edge, right_to_left)


def _alone(rows: _Rows, body: float, right_to_left: bool) -> int:
    """Count the lines among names that have no value and belong to no name, from the first pair to the last."""
    if not rows.pairs:
        return len(rows.names)
    named = {name for name, _ in rows.pairs}
    edge = min(_start(value, right_to_left) for value in rows.values) - body
    return sum(
        number not in named and not _is_one_name(rows.names[number - 1], rows.names[number], edge, right_to_left)
        for number in range(rows.pairs[0][0], rows.pairs[-1][0])
    )


def _has_colon(name: Line, value: Line) -> bool:
    return name.text.endswith(_COLONS) or value.text.startswith(_COLONS)


def _italic(line: Line) -> bool:
    return all(span.italic for span in line.spans if span.text.strip())


def _overlap(line: Line, other: Line) -> bool:
    return min(line.box[3], other.box[3]) - max(line.box[1], other.box[1]) > 0.5 * min(line.height, other.height)


def _start(line: Line, right_to_left: bool) -> float:
    return -line.box[2] if right_to_left else line.box[0]


def _end(line: Line, right_to_left: bool) -> float:
    return -line.box[0] if right_to_left else line.box[2]

"""The text of a cell: its words in lines from top to bottom, or as they run where they run up or down the page."""

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

from scribetune.labels import line_ends
from scribetune.labels.tables.cells import Word
from scribetune.labels.tables.lines import lines_of
from scribetune.text.markdown import is_cjk

_STRAIGHT = 0.99
_STACKED = 3
_CJK_BLANK = 0.4

Direction = Callable[[Word], tuple[float, float]]


def text_of(words: Sequence[Word], direction: Direction, broken: Collection[tuple[Word, Word]] = ()) -> str:
    """Return the text of a cell's words; `direction` says where each runs to.

    `broken` are words that two lines have parts of: the last of one and the first of the next.
    """
    upright = [word for word in words if abs(direction(word)[1]) > _STRAIGHT]
    level = [word for word in words if abs(direction(word)[1]) <= _STRAIGHT]
    lines = lines_of(level)
    rows = [_row(line.words) for line in lines]
    for number in range(len(lines) - 1, 0, -1):
        if (lines[number - 1].words[-1], lines[number].words[0]) in broken:
            rows[number - 1 : number + 1] = [rows[number - 1] + rows[number]]
    if len(rows) >= _STACKED and all(len(row) == 1 and row.isalpha() for row in rows):
        rows = ["".join(rows)]  # letters below each other
    return line_ends.joined([*rows, *_upright_rows(upright, direction)])


def _row(words: Sequence[Word]) -> str:
    """Return words of one line, which stand from left to right, in the order in which they are read."""
    ordered = sorted(words, key=lambda word: word.place)
    text = ordered[0].text
    for before, after in pairwise(ordered):
        gap = max(after.x0 - before.x1, before.x0 - after.x1)
        joined = is_cjk(text[-1]) and is_cjk(after.text[0]) and gap < _CJK_BLANK * after.height
        text += ("" if joined else " ") + after.text
    return text


def _upright_rows(words: Sequence[Word], direction: Direction) -> list[str]:
    """Return the lines of words that run up or down, in the order in which they are read with the head turned."""
    if not words:
        return []
    upwards = sum(direction(word)[1] < 0 for word in words) * 2 >= len(words)
    columns: list[list[Word]] = []
    for word in sorted(words, key=lambda word: word.centre[0]):
        if columns and abs(columns[-1][0].centre[0] - word.centre[0]) < 0.4 * (word.x1 - word.x0):
            columns[-1].append(word)
        else:
            columns.append([word])
    if not upwards:
        columns.reverse()
    return [
        " ".join(word.text for word in sorted(column, key=lambda word: -word.y1 if upwards else word.y0))
        for column in columns
    ]

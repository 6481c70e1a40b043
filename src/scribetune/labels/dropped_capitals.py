"""Dropped capitals: large letters that begin a text, beside several of its lines, put to the first of these."""

import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from scribetune.labels.tables.cells import Box, union
from scribetune.labels.text_layer import Line

_DROPPED = 1.8  # sizes of the text, the least of a dropped capital
BESIDE = 4.0
"""Sizes of the text: no further from its capital do lines stand that go on beside it."""
_WORDS_ALONE = frozenset("AIOYEUÀÉÓ")


def _without_capital(line: Line) -> list[Line]:
    """Return a line without the dropped capital at its start, and that."""
    first, *others = line.spans
    if not others or len(first.text.strip()) > 2 or first.size < _DROPPED * others[0].size:
        return [line]
    return [
        replace(line, spans=tuple(spans), box=union([span.box for span in spans])) for spans in ([first], list(others))
    ]


def joined(column: Sequence[Line]) -> tuple[list[Line], list[Box]]:
    """Put each dropped capital of a column to the line that it begins; also return their boxes, in points.

    Further lines stand beside these.
    """
    lines = [part for line in column for part in _without_capital(line)]
    sizes = [line.size for line in lines]
    usual = median(sizes) if sizes else 0.0
    found: list[Box] = []
    for capital in [line for line in lines if len(line.text) <= 2 and line.size >= _DROPPED * usual]:
        if not capital.text[-1:].isalpha():
            continue
        x0, _, x1, bottom = capital.box
        box = (x0, bottom - 1.05 * capital.size, x1, bottom - 0.1 * capital.size)
        beside = [
            line
            for line in lines
            if line.size < capital.size / _DROPPED + 0.1
            and 0 <= line.box[0] - x1 + 0.3 * line.size < BESIDE * line.size
            and box[1] < line.middle[1] < box[3]
        ]
        if not beside:
            continue
        first = min(beside, key=lambda line: line.middle[1])
        span = first.spans[0]
        text = capital.text + (" " if _is_word(capital.text, first.text, lines) else "")
        made = replace(span, text=text, box=(x0, span.box[1], span.box[0], span.box[3]))
        joined_line = replace(first, spans=(made, *first.spans), box=union([made.box, first.box]))
        lines = [joined_line if line is first else line for line in lines if line is not capital]
        found.append(box)
    return lines, found


def _is_word(capital: str, rest: str, lines: Sequence[Line]) -> bool:
    """Whether a dropped capital is a word by itself, as far as other words of the column tell."""
    first = re.match(r"\w+", rest)
    if rest[:1].isspace() or capital[-1] not in _WORDS_ALONE or first is None:
        return False
    words = {word.lower() for line in lines for word in re.findall(r"\w+", line.text)[line.text == rest :]}
    return first.group().lower() in words and (capital + first.group()).lower() not in words

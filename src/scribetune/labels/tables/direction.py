"""Tables that are read from right to left: mirrored, so that all that is known of tables holds for them too.

In the mirror the first column is the leftmost, and the words of a cell follow each other from left to right.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from scribetune.labels import line_ends
from scribetune.labels.right_to_left import has_letters, is_right_to_left
from scribetune.labels.ruling_lines import Rule, Rules, Walls
from scribetune.labels.tables.cells import Box, PageTable, Word, union
from scribetune.labels.tables.lines import TIGHT, lines_of
from scribetune.text.grids import Cell

_SIGN_LAST = re.compile(r"^(\d[\d.,]*%?) ?([-+\u2212])$")

Boxes = Sequence[Sequence[Box | None]]


def reads_leftwards(table: PageTable) -> bool:
    """Whether most letters of a table are written from right to left: its first column is the rightmost."""
    return is_right_to_left("".join(cell.text for cell in table.cells))


def mirrored(
    found: PageTable, boxes: Boxes, words: Sequence[Word], rules: Rules
) -> tuple[PageTable, Boxes, list[Word], Rules]:
    """Return a table, and all words and rules of the page around it, as a mirror at x = 0 shows them.

    The cells' texts are read again from the words. `boxes` are rows × columns; None where a cell covers the slot.
    """
    turned = [replace(word, x0=-word.x1, x1=-word.x0) for word in _runs(words, leftwards=True)]
    spans = {(cell.row, cell.column): cell for cell in found.cells}
    slots: list[list[Box | None]] = [[None] * found.columns for _ in range(found.rows)]
    cells = []
    for row, line in enumerate(boxes):
        for column, box in enumerate(line):
            cell = spans.get((row, column), Cell(row, column, ""))
            place = found.columns - column - cell.column_span
            if box is not None:
                slots[row][place] = mirrored_box(box)
            text = _text_in(mirrored_box(box), turned) if box is not None else cell.text
            if text or cell.spans:
                cells.append(replace(cell, column=place, text=text))
    table = replace(
        found,
        box=mirrored_box(found.box),
        cells=tuple(sorted(cells, key=lambda cell: (cell.row, cell.column))),
    )
    upright = tuple(replace(rule, at=-rule.at) for rule in rules.vertical)
    lines = Walls(_turned(rules.lines.across), tuple(replace(rule, at=-rule.at) for rule in rules.lines.down))
    return table, slots, turned, Rules(_turned(rules.horizontal), upright, _turned(rules.edges), lines)


def with_signs_first(cells: Iterable[Cell]) -> Iterator[Cell]:
    """Yield cells that are read from right to left; the sign of a figure, right of it on the page, is read first."""
    for cell in cells:
        yield replace(cell, text=_SIGN_LAST.sub(r"\2\1", cell.text))


def mirrored_box(box: Box) -> Box:
    """Return a box as a mirror at x = 0 shows it."""
    x0, y0, x1, y1 = box
    return -x1, y0, -x0, y1


def _turned(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    return tuple(replace(rule, start=-rule.end, end=-rule.start) for rule in rules)


def with_runs(found: PageTable, boxes: Boxes, words: Sequence[Word]) -> tuple[PageTable, Sequence[Word]]:
    """Return a table that is read from left to right, and all words, where cells are in a right-to-left script."""
    if not any(has_letters(cell.text) for cell in found.cells):
        return found, words
    runs = _runs(words, leftwards=False)
    cells = []
    for cell in found.cells:
        box = boxes[cell.row][cell.column] if cell.row < len(boxes) else None
        text = _text_in(box, runs) if box is not None and has_letters(cell.text) else ""
        cells.append(replace(cell, text=text or cell.text))
    return replace(found, cells=tuple(cells)), runs


def _runs(words: Sequence[Word], *, leftwards: bool) -> list[Word]:
    """Make one of words that stand together and are read against the direction of the table."""
    found: list[Word] = []
    for line in lines_of(words):
        run: list[list[Word]] = []
        for word in line.words:
            last = run[-1][-1] if run else None
            step = word.place - last.place if last else 0
            if last and step == (1 if leftwards else -1) and word.x0 - last.x1 < TIGHT * word.height:
                run[-1].append(word)
            else:
                run.append([word])
        found.extend(_one(part if leftwards else part[::-1]) for part in run)
    return found


def _one(words: Sequence[Word]) -> Word:
    """Return words, in the order in which they are read, as one."""
    x0, y0, x1, y1 = union([word.box for word in words])
    return Word(x0, y0, x1, y1, " ".join(word.text for word in words), words[0].place)


def _text_in(box: Box, words: Sequence[Word]) -> str:
    x0, y0, x1, y1 = box
    inside = [w for w in words if x0 <= w.centre[0] <= x1 and y0 <= w.centre[1] <= y1]
    return line_ends.joined([" ".join(word.text for word in line.words) for line in lines_of(inside)])

"""Tables that are read from right to left: mirrored, so that all that is known of tables holds for them too.

In the mirror the first column is the leftmost, and the words of a cell follow each other from left to right.
"""

from collections.abc import Sequence
from dataclasses import replace

from scribetune.labels import line_ends
from scribetune.labels.right_to_left import is_right_to_left
from scribetune.labels.ruling_lines import Rule, Rules
from scribetune.labels.tables.cells import Box, PageTable, Word
from scribetune.labels.tables.lines import TIGHT, lines_of
from scribetune.text.grids import Cell

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
    turned = [replace(word, x0=-word.x1, x1=-word.x0) for word in _runs(words)]
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
    return table, slots, turned, Rules(_turned(rules.horizontal), upright, _turned(rules.edges))


def mirrored_box(box: Box) -> Box:
    """Return a box as a mirror at x = 0 shows it."""
    x0, y0, x1, y1 = box
    return -x1, y0, -x0, y1


def _turned(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    return tuple(replace(rule, start=-rule.end, end=-rule.start) for rule in rules)


def _runs(words: Sequence[Word]) -> list[Word]:
    """Make one of words that stand together and are read from left to right also here: a name, an amount in groups."""
    found: list[Word] = []
    for line in lines_of(words):
        run: list[Word] = []
        for word in line.words:
            last = run[-1] if run else None
            if last and word.x0 - last.x1 < TIGHT * word.height and not (_leftwards(last) or _leftwards(word)):
                top, bottom = min(last.y0, word.y0), max(last.y1, word.y1)
                run[-1] = Word(last.x0, top, word.x1, bottom, f"{last.text} {word.text}")
            else:
                run.append(word)
        found.extend(run)
    return found


def _leftwards(word: Word) -> bool:
    return is_right_to_left(word.text)


def _text_in(box: Box, words: Sequence[Word]) -> str:
    x0, y0, x1, y1 = box
    inside = [w for w in words if x0 <= w.centre[0] <= x1 and y0 <= w.centre[1] <= y1]
    return line_ends.joined([" ".join(word.text for word in line.words) for line in lines_of(inside)])

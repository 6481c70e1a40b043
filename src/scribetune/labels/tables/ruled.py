"""Ruled tables: the cells are the faces of the lattice that is drawn, whatever their words look like.

A lattice is a table where it explains the words in it: each has its cell, few lie across a line, and no face holds
several rows or columns of words. Lines that only frame or group what white space divides are left to `repair`.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from statistics import median

from scribetune.labels.characters import Characters
from scribetune.labels.page_blocks import begins_caption, begins_section, tells_of_pages
from scribetune.labels.right_to_left import is_right_to_left
from scribetune.labels.ruling_lines import Rules, Walls
from scribetune.labels.tables.broken_words import broken_in
from scribetune.labels.tables.cell_text import text_of
from scribetune.labels.tables.cells import PageTable, Word, holds, overlap
from scribetune.labels.tables.direction import with_signs_first
from scribetune.labels.tables.lattice import Face, Lattice, lattices_of
from scribetune.labels.tables.lines import is_figure, lines_of
from scribetune.labels.tables.ruled_checks import explains, has_strips, runs_on
from scribetune.labels.tables.ruled_edges import Columns, beside, columns_under, with_rows_around
from scribetune.labels.tables.ruled_rows import divided
from scribetune.labels.text_layer import TextLayer
from scribetune.text.grids import Cell

_STRAIGHT = 0.99
_LARGE = 2.0  # times the height of most words
_CORE = 0.25  # of a word's height to each side of its middle
_LENGTH = 0.4
_LOST = 0.1
_CLOSED = 0.85
_PIECES = 0.3
_LEAST_WORDS = 3
_NESTED = 0.5  # of the page's height: the most of a cell that holds a table
_SPREAD = 0.34  # of the rows
_THIN_ROW = 0.75  # of the height of most words
_THIN_COLUMN = 0.6
_NOTE = re.compile(
    r"(?:Notes?|Sources?|Anmerkung(?:en)?|Quellen?|Hinweise?|Remarques?|Nota|Notas|Fuentes?|Fonte|注|资料来源|資料來源|出典)\s*[:：]"
    r"|[*†‡§]\s?\w",
    re.IGNORECASE,
)
_NOTE_WORDS = 15


@dataclass(frozen=True)
class RuledTable:
    """A table whose cells are framed by lines."""

    table: PageTable  # its cells, headings above the lines included
    left_out: tuple[Word, ...]  # words in its box that are in no cell: a watermark's
    cut: Mapping[Word, tuple[Word, ...]] = field(default_factory=dict)  # words over lines, in pieces


@dataclass(frozen=True)
class Filled:
    """A lattice with its words; words by the number of their face."""

    lattice: Lattice
    words: tuple[tuple[Word, ...], ...]  # for each face
    height: float  # of most words
    left_out: tuple[Word, ...]
    cut: Mapping[Word, tuple[Word, ...]] = field(default_factory=dict)  # words over lines, in pieces
    is_part: bool = False


def tables_of(
    layer: TextLayer, rules: Rules, characters: Callable[[], Characters], elsewhere: Collection[str] = frozenset()
) -> list[RuledTable]:
    """Return the ruled tables of a page; `characters` are read where there may be one.

    `elsewhere` are words of the document's other pages, in small letters: cells break some of them.
    """
    found = _tables(layer, rules.lines, characters, elsewhere, is_shaded=False)
    if rules.shading.across and rules.shading.down:
        # Shaded cells are framed by their edges, where lines do not say it all.
        both = Walls((*rules.lines.across, *rules.shading.across), (*rules.lines.down, *rules.shading.down))
        for other in _tables(layer, both, characters, elsewhere, is_shaded=True):
            if not any(overlap(other.table.box, one.table.box) for one in found):
                found.append(other)
    found = [one for one in found if not rules.is_drawing(one.table.box, len(one.table.cells))]
    return sorted(found, key=lambda one: (one.table.box[1], one.table.box[0]))


def _tables(
    layer: TextLayer,
    walls: Walls,
    characters: Callable[[], Characters],
    elsewhere: Collection[str],
    *,
    is_shaded: bool,
) -> list[RuledTable]:
    found: list[RuledTable] = []
    for lattice in lattices_of(walls.across, walls.down, _NESTED * layer.height):
        pieces = sum(not face.is_whole for face in lattice.faces)
        if len(lattice.xs) < 3 or len(lattice.ys) < 3 or pieces > (0 if is_shaded else _PIECES * len(lattice.faces)):
            continue
        near = [word for word in layer.words if holds(lattice.box, word.centre)]
        if len(near) < _LEAST_WORDS:
            continue
        filled = _filled(lattice, near, characters())
        if filled is None or (is_shaded and has_strips(filled.lattice, filled.words)):
            continue
        if runs_on(filled.lattice, layer.words, filled.height):
            continue
        if explains(filled.lattice, filled.words, filled.height, is_shaded=is_shaded):
            found.extend(_table(_divided(part), layer.words, characters(), elsewhere) for part in _parts(filled))
    return found


def _filled(lattice: Lattice, words: Sequence[Word], characters: Characters) -> Filled | None:
    """Put words into the faces around them, cut at walls; None where too many have no face of their own."""
    height = median(_size(word, characters) for word in words)
    slots = {
        (row, column): index
        for index, face in enumerate(lattice.faces)
        for row in range(face.row, face.row + face.row_span)
        for column in range(face.column, face.column + face.column_span)
    }
    held: list[list[Word]] = [[] for _ in lattice.faces]
    left_out: list[Word] = []
    cut: dict[Word, tuple[Word, ...]] = {}
    lost = 0
    for word in words:
        if characters.slopes(word):
            left_out.append(word)
            continue
        across = abs(characters.direction(word)[0]) > _STRAIGHT
        # Of a word that runs up the page most lies in one face, of one along it the middle.
        crosses = _crosses(lattice, slots, word, _CORE if across else _LENGTH)
        if crosses and (not across or word.height > _LARGE * height):
            left_out.append(word)
            continue
        parts = _cut(lattice, slots, word, characters) if across else [word]
        if len(parts) > 1:
            cut[word] = tuple(parts)
        for piece in parts:
            index = _face(lattice, slots, piece)
            if index is None or not (lattice.faces[index].is_whole or lattice.faces[index].is_closed):
                lost += 1
                left_out.append(piece)
            else:
                lost += crosses
                held[index].append(piece)
    within = sum(len(part) for part, face in zip(held, lattice.faces, strict=True) if face.is_closed)
    if within < _CLOSED * sum(map(len, held)):
        return None
    if lost > _LOST * (len(words) - len(left_out) + lost):
        return None
    filled = _with_spread(Filled(lattice, tuple(map(tuple, held)), height, tuple(left_out)))
    return replace(_without_gaps(filled), cut=cut) if filled is not None else None


def _with_spread(filled: Filled) -> Filled | None:
    """Divide faces over several columns whose words stand in these one by one, as totals do.

    The lines between columns often leave out a row, or end below the headings of groups. None where many rows are so.
    """
    faces: list[Face] = []
    held: list[tuple[Word, ...]] = []
    rows: set[int] = set()
    for face, words in zip(filled.lattice.faces, filled.words, strict=True):
        parts = _spread(filled.lattice, face, words, filled.height) if face.column_span > 1 and words else {}
        if not parts:
            faces.append(face)
            held.append(words)
            continue
        rows.update(range(face.row, face.row + face.row_span))
        for (first, last), inside in sorted(parts.items()):
            faces.append(replace(face, column=first, column_span=last - first + 1))
            held.append(tuple(inside))
    if len(rows) > max(1, _SPREAD * (len(filled.lattice.ys) - 1)):
        return None
    order = sorted(range(len(faces)), key=lambda n: (faces[n].row, faces[n].column))
    lattice = replace(filled.lattice, faces=tuple(faces[n] for n in order))
    return replace(filled, lattice=lattice, words=tuple(held[n] for n in order))


def _spread(lattice: Lattice, face: Face, words: Sequence[Word], height: float) -> dict[Columns, list[Word]]:
    """Return the words of a face by the columns that they stand in; nothing where they are one text."""
    end = face.column + face.column_span
    parts: dict[Columns, list[Word]] = {}
    figures = 0
    for line in lines_of(words):
        for before, after in pairwise(line.segments):
            if after.x0 - before.x1 < height and not (is_figure(before.text) and is_figure(after.text)):
                return {}
        for segment in line.segments:
            found = columns_under(lattice.xs[face.column : end + 1], segment, height)
            if found is None:
                return {}
            parts.setdefault((face.column + found[0], face.column + found[1]), []).extend(segment.words)
            figures += is_figure(segment.text)
    taken = [column for first, last in parts for column in range(first, last + 1)]
    if len(set(taken)) < len(taken) or not (len(parts) > 2 or (len(parts) == 2 and figures)):
        return {}
    parts.update({(column, column): [] for column in range(face.column, end) if column not in taken})
    return parts


def _parts(filled: Filled) -> list[Filled]:
    """Cut a lattice where a row is the heading of a section, or blank before a title or other columns.

    Forms frame page by page, and a lattice is whatever touches. What is in no part is text.
    """
    lattice = filled.lattice
    rows = range(len(lattice.ys) - 1)
    texts: list[str] = [""] * len(rows)
    counts = [0] * len(rows)
    for face, words in zip(lattice.faces, filled.words, strict=True):
        for row in range(face.row, face.row + face.row_span):
            counts[row] += 1 if face.row_span == 1 else 2
            texts[row] += " " + " ".join(word.text for word in words)
    least = 1 if len(lattice.xs) == 3 else 2
    full = [count <= least for count in counts]
    walls = [frozenset(f.column for f in lattice.faces if f.row <= row < f.row + f.row_span) for row in rows]

    def ends(row: int) -> bool:
        if not full[row]:
            return False
        if texts[row].strip():
            return begins_section(texts[row].strip()) or tells_of_pages(texts[row].strip())
        after = next((other for other in rows[row + 1 :] if texts[other].strip()), row)
        before = next((other for other in rows[:row][::-1] if not full[other]), row)
        return full[after] or walls[after] != walls[before]

    runs: list[list[int]] = [[]]
    for row in rows:
        if ends(row):
            runs.append([])
        elif runs[-1] or not full[row] or not texts[row].rstrip().endswith("."):
            runs[-1].append(row)
    if len(runs) == 1:
        return [filled]
    parts = (_part(filled, run[0], run[-1] + 1) for run in runs if not all(full[row] for row in run))
    return [_without_gaps(part) for part in parts]


def _part(filled: Filled, first: int, last: int) -> Filled:
    """Return some rows of a lattice, with the columns that they have."""
    lattice = filled.lattice
    held = [(face, words) for face, words in zip(lattice.faces, filled.words, strict=True) if first <= face.row < last]
    columns = sorted({side for face, _ in held for side in (face.column, face.column + face.column_span)})
    faces = tuple(
        replace(
            face,
            row=face.row - first,
            column=columns.index(face.column),
            column_span=columns.index(face.column + face.column_span) - columns.index(face.column),
        )
        for face, _ in held
    )
    words = tuple(words for _, words in held)
    faces, words = _titled(faces, words)
    pieces = {word for some in words for word in some}
    return replace(
        filled,
        lattice=Lattice(tuple(lattice.xs[column] for column in columns), lattice.ys[first : last + 1], faces),
        words=words,
        left_out=tuple(word for word in filled.left_out if lattice.ys[first] <= word.centre[1] <= lattice.ys[last]),
        cut={word: parts for word, parts in filled.cut.items() if pieces.intersection(parts)},
        is_part=True,
    )


def _titled(
    faces: tuple[Face, ...], words: tuple[tuple[Word, ...], ...]
) -> tuple[tuple[Face, ...], tuple[tuple[Word, ...], ...]]:
    """Let the title of a part reach over what is blank beside it."""
    top = [number for number, face in enumerate(faces) if face.row == 0]
    if len(top) != 2 or not words[0] or words[1] or any(faces[number].row_span > 1 for number in top):
        return faces, words
    title = replace(faces[0], column_span=faces[0].column_span + faces[1].column_span)
    return (title, *faces[2:]), (words[0], *words[2:])


def _divided(filled: Filled) -> Filled:
    """Divide rows of the lattice where white space makes two of one."""
    lattice, words = divided(filled.lattice, filled.words, filled.height)
    return replace(filled, lattice=lattice, words=words)


def _size(word: Word, characters: Characters) -> float:
    """Return the height of a word, across the direction that it runs in."""
    return word.x1 - word.x0 if abs(characters.direction(word)[1]) > _STRAIGHT else word.height


def _slot(lattice: Lattice, x: float, y: float) -> tuple[int, int]:
    return bisect_right(lattice.ys, y) - 1, bisect_right(lattice.xs, x) - 1


Slots = dict[tuple[int, int], int]


def _face(lattice: Lattice, slots: Slots, word: Word) -> int | None:
    x, y = word.centre
    return slots.get(_slot(lattice, x, y))


def _crosses(lattice: Lattice, slots: Slots, word: Word, share: float) -> bool:
    """Whether a line across runs through a word, within a share of its height to each side of its middle."""
    x, y = word.centre
    reach = share * word.height
    return slots.get(_slot(lattice, x, y - reach)) != slots.get(_slot(lattice, x, y + reach))


def _cut(lattice: Lattice, slots: Slots, word: Word, characters: Characters) -> list[Word]:
    """Cut a word at the walls that it reaches over."""
    y = word.centre[1]
    first, last = _slot(lattice, word.x0, y), _slot(lattice, word.x1, y)
    if first[1] == last[1]:
        return [word]
    walls = [
        lattice.xs[column + 1]
        for column in range(max(first[1], 0), min(last[1], len(lattice.xs) - 2))
        if slots.get((first[0], column)) != slots.get((first[0], column + 1))
    ]
    return characters.cut(word, walls) if walls else [word]


def _without_gaps(filled: Filled) -> Filled:
    """Leave out rows and columns without words that are none: between two strokes, or around a table in a cell."""
    lattice, faces = filled.lattice, list(zip(filled.lattice.faces, filled.words, strict=True))
    thin_rows = _thin(lattice.ys, _THIN_ROW * filled.height) | lattice.strips
    thin_columns = _thin(lattice.xs, _THIN_COLUMN * filled.height)
    rows, columns = set(), set()
    for row in range(len(lattice.ys) - 1):
        alone = [(face, words) for face, words in faces if face.row == row and face.row_span == 1]
        if _is_gap(alone, is_thin=row in thin_rows):
            rows.add(row)
    for column in range(len(lattice.xs) - 1):
        alone = [(face, words) for face, words in faces if face.column == column and face.column_span == 1]
        if _is_gap(alone, is_thin=column in thin_columns):
            columns.add(column)
    return _without(filled, rows, columns) if rows or columns else filled


def _is_gap(alone: Sequence[tuple[Face, Sequence[Word]]], *, is_thin: bool) -> bool:
    """Whether faces of one row, or one column, have no words and are thin, or pieces of what is around them."""
    if any(words for _, words in alone):
        return False
    return is_thin or (bool(alone) and not any(face.is_whole for face, _ in alone))


def _without(filled: Filled, rows: set[int], columns: set[int]) -> Filled:
    lattice = filled.lattice
    kept_rows = [row for row in range(len(lattice.ys) - 1) if row not in rows]
    kept_columns = [column for column in range(len(lattice.xs) - 1) if column not in columns]
    faces: list[Face] = []
    held: list[tuple[Word, ...]] = []
    for face, words in zip(lattice.faces, filled.words, strict=True):
        its_rows = [kept_rows.index(r) for r in range(face.row, face.row + face.row_span) if r in kept_rows]
        its_columns = [
            kept_columns.index(c) for c in range(face.column, face.column + face.column_span) if c in kept_columns
        ]
        if its_rows and its_columns:
            faces.append(
                replace(
                    face,
                    row=its_rows[0],
                    column=its_columns[0],
                    row_span=len(its_rows),
                    column_span=len(its_columns),
                )
            )
            held.append(words)
    xs = (*(lattice.xs[column] for column in kept_columns), lattice.xs[-1])
    ys = (*(lattice.ys[row] for row in kept_rows), lattice.ys[-1])
    return replace(filled, lattice=Lattice(xs, ys, tuple(faces)), words=tuple(held))


def _thin(places: Sequence[float], least: float) -> set[int]:
    return {index for index, (before, after) in enumerate(pairwise(places)) if after - before < least}


def _table(filled: Filled, words: Sequence[Word], characters: Characters, elsewhere: Collection[str]) -> RuledTable:
    """Write the cells down, with headings above the lines and totals below and beside them."""
    lattice = filled.lattice
    cells = []
    framed = [(lattice.box_of(face), held) for face, held in zip(lattice.faces, filled.words, strict=True)]
    broken = broken_in(framed, words, elsewhere)
    for face, held in zip(lattice.faces, filled.words, strict=True):
        text = text_of(held, characters.direction, broken) if held else ""
        if text or face.row_span > 1 or face.column_span > 1:
            cells.append(Cell(face.row, face.column, text, face.row_span, face.column_span))
    if not any(cell.spans and cell.text for cell in cells):
        # An empty cell over several slots alone makes no table one that Markdown cannot hold.
        cells = [cell for cell in cells if cell.text]
    columns, rows = len(lattice.xs) - 1, len(lattice.ys) - 1
    table = PageTable(lattice.box, rows, columns, tuple(cells))
    level = [word for word in words if characters.direction(word)[0] > _STRAIGHT]
    table = with_rows_around(table, lattice, filled.words, level, filled.height)
    table = beside(table, lattice, level, filled.height)
    if is_right_to_left("".join(cell.text for cell in cells)):
        turned = (
            replace(cell, column=table.columns - cell.column - cell.column_span)
            for cell in with_signs_first(table.cells)
        )
        table = replace(table, cells=tuple(sorted(turned, key=lambda cell: (cell.row, cell.column))))
    return RuledTable(replace(_without_captions(table), may_have_one_row=filled.is_part), filled.left_out, filled.cut)


def _without_captions(table: PageTable) -> PageTable:
    """Take a caption out of the top row, and notes out of the last rows, where one cell fills the row."""
    cells = {cell.row: cell for cell in table.cells if cell.column_span == table.columns and cell.row_span == 1}
    first, last = 0, table.rows
    above: list[str] = []
    below: list[str] = []
    if table.rows > 2 and 0 in cells and begins_caption(cells[0].text):
        above.append(cells[0].text)
        first = 1
    while last - first > 2 and last - 1 in cells and _is_note(cells[last - 1].text):
        last -= 1
        below.insert(0, cells[last].text)
    kept = tuple(replace(cell, row=cell.row - first) for cell in table.cells if first <= cell.row < last)
    return replace(table, rows=last - first, cells=kept, above=tuple(above), below=tuple(below))


def _is_note(text: str) -> bool:
    return bool(_NOTE.match(text)) or len(text.split()) >= _NOTE_WORDS

"""Rows within the lines of a ruled table: a heading above its own two, and a name with values below another.

Lines are drawn around a heading and those below it, or around all limits of one substance. White space tells them
apart, where each of the parts stands under its column, or a name stands at the height of its value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from scribetune.labels.tables.cells import Word
from scribetune.labels.tables.lattice import Face, Lattice
from scribetune.labels.tables.lines import TableLine, lines_of
from scribetune.labels.tables.ruled_edges import columns_under

_CENTRED = 1.0  # of the height of words: a heading over its columns
_ALIGNED = 0.3  # of a line's height
_WIDER = 1.12  # times the leading within a text
_BLANK_LINE = 1.5  # times the leading: more is no line of one name
_GOES_ON = "-‐\u00ad,/&("

Words = tuple[Word, ...]
Part = tuple[Face, Words]


def divided(lattice: Lattice, held: Sequence[Words], height: float) -> tuple[Lattice, tuple[Words, ...]]:
    """Return a lattice and the words of its faces, with the rows that white space makes of one.

    Args:
        lattice: The lines of a table.
        held: The words of each of its faces, all along the page.
        height: That of most words, in points.
    """
    parts = list(zip(lattice.faces, held, strict=True))
    ys = list(lattice.ys)
    rows = {row: found for row in range(len(ys) - 1) if (found := _row(parts, row))}
    leading = _leading(held)
    # Where one name surely stands below another, less room is enough for others of the table.
    is_sure = any(_second_name(found, leading, _BLANK_LINE) is not None for found in rows.values())
    for row, found in reversed(rows.items()):
        there = found
        while is_sure and (cut := _second_name(there, leading, _WIDER)) is not None:
            parts = _cut(parts, row, {face: _at(face, words, cut) for face, words in there})
            ys.insert(row + 1, cut)
            there = _row(parts, row)
        if row == 0 and (cuts := _levels(lattice, there, height)):
            parts = _cut(parts, row, cuts)
            ys.insert(1, min(word.y0 for part in cuts.values() for face, words in part if face.row for word in words))
    if len(ys) == len(lattice.ys):
        return lattice, tuple(held)
    parts.sort(key=lambda part: (part[0].row, part[0].column))
    return replace(lattice, ys=tuple(ys), faces=tuple(f for f, _ in parts)), tuple(words for _, words in parts)


def _row(parts: Sequence[Part], row: int) -> list[Part]:
    """Return the faces of a row; none where some are of other rows too."""
    there = [part for part in parts if part[0].row <= row < part[0].row + part[0].row_span]
    return there if all(face.row_span == 1 for face, _ in there) else []


def _cut(parts: Sequence[Part], row: int, cuts: Mapping[Face, Sequence[Part]]) -> list[Part]:
    """Make two rows of one; faces of it that are not cut are in both."""
    made: list[Part] = []
    for face, words in parts:
        if face in cuts:
            made.extend(cuts[face])
        elif face.row > row:
            made.append((replace(face, row=face.row + 1), words))
        elif face.row + face.row_span > row:
            made.append((replace(face, row_span=face.row_span + 1), words))
        else:
            made.append((face, words))
    return made


def _at(face: Face, words: Words, cut: float) -> list[Part]:
    """Cut a face at a height."""
    upper = tuple(word for word in words if word.centre[1] < cut)
    lower = tuple(word for word in words if word.centre[1] >= cut)
    return [(face, upper), (replace(face, row=face.row + 1), lower)]


def _levels(lattice: Lattice, top: Sequence[Part], height: float) -> dict[Face, list[Part]]:
    """Cut faces over several columns of the first row that hold a heading, and below it one for each column."""
    cuts = {}
    for face, words in top:
        if face.column_span > 1 and words and (parts := _level(lattice, face, words, height)):
            cuts[face] = parts
    return cuts


def _level(lattice: Lattice, face: Face, words: Words, height: float) -> list[Part]:
    xs = lattice.xs[face.column : face.column + face.column_span + 1]
    lines = lines_of(words)
    first = next((number for number, line in enumerate(lines) if len(line.segments) > 1), 0)
    if first == 0:
        return []
    middle = (xs[0] + xs[-1]) / 2
    if any(abs(line.segments[0].middle - middle) > _CENTRED * height for line in lines[:first]):
        return []
    below: dict[int, list[Word]] = {}
    for line in lines[first:]:
        for segment in line.segments:
            columns = columns_under(xs, segment, height)
            if columns is None or columns[0] != columns[1]:
                return []
            below.setdefault(columns[0], []).extend(segment.words)
    if len(below) < face.column_span:
        return []
    upper = tuple(word for line in lines[:first] for word in line.words)
    lower = [
        (replace(face, row=face.row + 1, column=face.column + column, column_span=1), tuple(held))
        for column, held in sorted(below.items())
    ]
    return [(face, upper), *lower]


def _second_name(row: Sequence[Part], leading: float, apart: float) -> float | None:
    """Return the height above the last name of a row that has several, each beside the first line of its values.

    Names are `apart`, times the `leading` of texts in points.
    """
    lines = {face: lines_of(words) for face, words in row if words}
    names = next((lines[face] for face in lines if face.column == 0 and face.column_span == 1), [])
    others = [found for face, found in lines.items() if face.column > 0]
    if len(names) < 2 or not others:
        return None
    for before, name in reversed(list(pairwise(names))):
        if name.middle - before.middle < apart * leading or not _begins(before, name):
            continue
        if not all(_begins_beside(found, names[0], name, leading) for found in others):
            continue
        beside = [line for found in (names, *others) for line in found if _level_with(line, name)]
        return min(word.y0 for line in beside for word in line.words)
    return None


def _leading(held: Sequence[Words]) -> float:
    """Return the least distance between lines of one text, in points."""
    pitches = [below.middle - above.middle for words in held if words for above, below in pairwise(lines_of(words))]
    return min((pitch for pitch in pitches), default=0.0)


def _begins(before: TableLine, name: TableLine) -> bool:
    """Whether a line of names is none that the one before goes on with."""
    ended, text = before.words[-1].text, name.words[0].text
    said = " ".join(word.text for word in before.words)
    return ended[-1] not in _GOES_ON and said.count("(") <= said.count(")") and (text[0].isupper() or text[0].isdigit())


def _begins_beside(found: Sequence[TableLine], first: TableLine, name: TableLine, leading: float) -> bool:
    """Whether values begin at the height of a name, below more room than their lines have between them."""
    if not _level_with(found[0], first):
        return False
    return any(
        _level_with(below, name) and below.middle - above.middle > _WIDER * leading for above, below in pairwise(found)
    )


def _level_with(line: TableLine, other: TableLine) -> bool:
    return abs(line.middle - other.middle) < _ALIGNED * line.height

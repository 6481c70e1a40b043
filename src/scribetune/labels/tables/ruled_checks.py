"""Whether a lattice is a table: that its faces are cells, and not a frame, a form's box or a band of several rows."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from scribetune.labels.page_blocks import list_marker
from scribetune.labels.tables.cells import Box, Word
from scribetune.labels.tables.columns import corridors
from scribetune.labels.tables.lattice import Lattice
from scribetune.labels.tables.lines import TableLine, is_figure, lines_of

_LEAST_CELLS = 3
_LEAST_SHARE = 0.15
_LEAST_SPANNING = 0.4  # where cells span, or are shaded: the bars of a chart do
_PLAIN = 0.9
_COLUMN_ROWS = 4
_COLUMN_GAP = 1.5  # times the height of words
_ROWS_IN_FACE = 3
_ALIGNED = 0.3
_IN_ROWS = 0.6
_HALF = 0.5
_MANY_BREAKS = 8  # from line to line, of all faces of a row
_MOST = 0.5
_REGULAR = 0.25
_SECTION = 150  # words
_BLANK = 0.4  # of the height
_RUNNING = 0.3  # of the rows

Held = Sequence[Sequence[Word]]


def explains(lattice: Lattice, held: Held, height: float, *, is_shaded: bool) -> bool:
    """Whether a lattice with its words, for each face, is a table, with no more rows and columns than it has walls.

    Where they are edges of shading (`is_shaded`), most faces have words: bars of a chart have none.
    """
    rows, columns = len(lattice.ys) - 1, len(lattice.xs) - 1
    if rows < 2 or columns < 2:
        return False
    filled = [face for face, words in zip(lattice.faces, held, strict=True) if words]
    is_plain = len(lattice.faces) > _PLAIN * rows * columns and not is_shaded
    if len(filled) < max(_LEAST_CELLS, (_LEAST_SHARE if is_plain else _LEAST_SPANNING) * len(lattice.faces)):
        return False
    if len({face.row for face in filled}) < 2 or len({face.column for face in filled}) < 2:
        return False
    if len(lattice.faces) < _REGULAR * rows * columns:
        return False
    lines = [lines_of(words) if words else [] for words in held]
    return not _is_layout(held) and not _has_columns(lattice, lines, height) and not _has_rows(lattice, lines)


def runs_on(lattice: Lattice, words: Sequence[Word], height: float) -> bool:
    """Whether the words of a page go on beside a lattice: it frames words of running text, as links have it."""
    x0, y0, x1, y1 = lattice.box
    rows = len(lattice.ys) - 1
    beside = {
        bisect_right(lattice.ys, word.centre[1])
        for word in words
        if y0 < word.centre[1] < y1
        and min(abs(word.x0 - x1), abs(x0 - word.x1)) < _BLANK * height
        # Figures may be totals.
        and not is_figure(word.text)
    }
    return len(beside) > _RUNNING * rows


def has_strips(lattice: Lattice, held: Held) -> bool:
    """Whether a row has no words but those of cells that reach beyond it: shading that is drawn line by line."""
    rows = {
        row
        for face, words in zip(lattice.faces, held, strict=True)
        if words and face.row_span == 1
        for row in range(face.row, face.row + face.row_span)
    }
    return len(rows) < len(lattice.ys) - 1


def _has_columns(lattice: Lattice, lines: Sequence[Sequence[TableLine]], height: float) -> bool:
    """Whether words of one column, or of one cell over several, stand in two."""
    groups: dict[tuple[int, int], list[Sequence[TableLine]]] = {}
    for face, found in zip(lattice.faces, lines, strict=True):
        groups.setdefault((face.column, face.column_span), []).append(found)
    alone = [[found] for found in lines if len(found) >= _COLUMN_ROWS]
    for group in (*groups.values(), *alone):
        rows = [
            inside
            for found in group
            for line in found
            if (inside := [word for word in line.words if any(map(str.isalnum, word.text))])
        ]
        if len(rows) >= _COLUMN_ROWS and corridors(rows, _COLUMN_GAP * height):
            return True
    return False


def _has_rows(lattice: Lattice, lines: Sequence[Sequence[TableLine]]) -> bool:
    """Whether most lines of words stand in faces that hold several rows of them, as those beside them do."""
    least = _ROWS_IN_FACE if len(lattice.ys) > 3 else 2
    several: set[int] = set()
    for row in range(len(lattice.ys) - 1):
        beside = [
            index
            for index, face in enumerate(lattice.faces)
            if face.row <= row < face.row + face.row_span and len(lines[index]) >= least
        ]
        faces = [(lattice.box_of(lattice.faces[index]), lines[index]) for index in beside]
        most = max((len(found) for _, found in faces), default=0)
        # One long text beside short ones is a row; of several, two cells or more have half of the lines.
        full = sum(len(found) >= _HALF * most for _, found in faces)
        if full > 1 and _are_aligned(faces) and (_are_broken(faces) or _are_as_many(faces)):
            several.update(beside)
    return sum(len(lines[index]) for index in several) > _MOST * sum(map(len, lines))


def _is_layout(held: Held) -> bool:
    """Whether most words are in faces with as much text as a section has: boxes that a page is laid out in."""
    long = sum(len(words) for words in held if len(words) > _SECTION)
    return long > _MOST * sum(map(len, held))


def _are_aligned(faces: Sequence[tuple[Box, Sequence[TableLine]]]) -> bool:
    """Whether lines of faces beside each other stand at the same heights."""
    faces = sorted(faces, key=lambda face: -len(face[1]))
    first = faces[0][1]
    matched = total = 0
    for _, other in faces[1:]:
        total += len(other)
        matched += sum(any(abs(line.middle - one.middle) < _ALIGNED * line.height for one in first) for line in other)
    return matched >= 0.7 * total


def _are_as_many(faces: Sequence[tuple[Box, Sequence[TableLine]]]) -> bool:
    """Whether three faces or more have as many lines each, and many: wrapped texts are of different lengths."""
    counts = {len(lines) for _, lines in faces}
    return len(faces) > 2 and len(counts) == 1 and len(faces) * (counts.pop() - 1) >= _MANY_BREAKS


def _are_broken(faces: Sequence[tuple[Box, Sequence[TableLine]]]) -> bool:
    """Whether most lines end where the next word had had room: they were ended, not wrapped."""
    ended = breaks = 0
    for (x0, _, x1, _), lines in faces:
        inset = min(min(line.words[0].x0 - x0, x1 - line.words[-1].x1) for line in lines)
        inset = min(max(inset, 0.0), lines[0].height)
        room = x1 - x0 - 2 * inset
        for line, after in pairwise(lines):
            breaks += 1
            first = after.words[0]
            if is_figure(line.words[-1].text) and is_figure(first.text):
                ended += 1
                continue
            if list_marker(f"{first.text} x"):
                continue
            wanted = line.words[-1].x1 - line.words[0].x0 + 0.25 * line.height + first.x1 - first.x0
            ended += wanted < 0.97 * room
    return breaks > 0 and ended >= _IN_ROWS * breaks

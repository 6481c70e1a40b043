"""Which lines of a table's body are one row: the division into rows that explains most of what stands on the page.

Lines follow each other from top to bottom, and rows are runs of them. Every run is scored, and the division with the
highest sum is taken (dynamic programming). What counts, in the manner of log odds:

- in a column: whether the first word of the lower line would have had room in the upper one (then nobody would have
  broken the line), how far the lines are apart, how the upper one ends and the lower one begins, and figures, which are
  never continued;
- of the run: rules and edges of bands through it, and whether it has a name in the first column.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from scribetune.labels.page_blocks import list_marker
from scribetune.labels.tables.grid import Grid
from scribetune.labels.tables.lines import Segment, TableLine, is_figure

_MOST_LINES = 14  # of a row
_WORST = -1e9
_NOUNS = 0.35  # of the words within lines
_LEAST_MARKS = 2  # colons before the values of a form: each begins a row
_NUMBER = re.compile(r"(?:\d{1,2}\.){2,4}")  # of a section
_NUMBERED = re.compile(r"\d{1,2}(?:\.\d{1,2})+\.?\s+[^\W\d]")
_CJK = ("\u3040", "\u9fff")


@dataclass(frozen=True)
class _Piece:
    """What a line has in one column; lengths and places in points."""

    x0: float
    x1: float
    middle: float  # its height on the page
    text: str
    first: float  # the width of its first word
    is_figure: bool
    is_wide: bool  # whether it stands over other columns too
    item: float | None  # where its text begins, if a list's mark stands before it


@dataclass(frozen=True)
class _Column:
    """How far a column's text reaches, and on which side it is flush."""

    left: float
    right: float
    flush: str  # "left", "right" or "centre"
    wraps: bool  # whether some of its lines have several words
    capitals: float  # the share of its lines that begin with a capital, of those that begin with a letter

    def room(self, piece: _Piece) -> float:
        """Return the space that a line of it leaves."""
        if self.flush == "left":
            return self.right - piece.x1
        if self.flush == "right":
            return piece.x0 - self.left
        return self.right - self.left - (piece.x1 - piece.x0)


class RowDivision:
    """Divides the lines of a body into rows."""

    def __init__(self, grid: Grid, body: Sequence[TableLine]) -> None:
        self._grid = grid
        self._body = body
        self._pieces = [_pieces(grid, line) for line in body]
        self._columns = _columns(self._pieces)
        near = sorted(pitch for pitch in _pitches(self._pieces, 0.75 * grid.height) if pitch >= 0.7 * grid.height)
        self._tight = near[len(near) // 10] if near else grid.height
        rows = sorted(pitch for pitch in _pitches(self._pieces, 0.0, figures=True) if pitch >= 0.7 * grid.height)
        self._pitch = rows[len(rows) // 10] if len(rows) > 2 else 0.0  # from a row of figures to the next
        wide = sum(pitch > 1.15 * self._tight for pitch in near)
        self._has_gaps = wide >= max(1, len(near) // 10)
        self._rules = [rule for rule in grid.wide_rules() if body[0].middle < rule < body[-1].middle]

        words = [word for line in self._pieces for piece in line.values() for word in piece.text.split()[1:]]
        letters = [word[0] for word in words if len(word) > 1 and word[0].isalpha()]
        # German writes all nouns with a capital: it says nothing there.
        self._capital = 0.0 if sum(map(str.isupper, letters)) > _NOUNS * len(letters) else -0.7
        self._is_banded = len(self._rules) >= 2 and len(self._rules) >= 0.3 * (len(body) - 1)
        marks = [any(piece.text.startswith(":") for piece in line.values()) for line in self._pieces]
        self._marks = marks if marks[0] and sum(marks) >= _LEAST_MARKS else []

    def rows(self) -> list[list[TableLine]]:
        """Return the lines of each row."""
        ends = _best_division(self._scores())
        return [list(self._body[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    def _scores(self) -> list[list[float]]:
        """Return the scores of rows by first line and number of lines less 1."""
        found = []
        for start in range(len(self._body)):
            runs: list[float] = []
            joined = 0.0
            columns: dict[int, list[_Piece]] = {}
            for index in range(start, min(len(self._body), start + _MOST_LINES)):
                if index > start:
                    joined += self._joined(index, columns)
                for column, piece in self._pieces[index].items():
                    columns.setdefault(column, []).append(piece)
                runs.append(joined + self._named(columns, start))
                if joined < -40:
                    break
            found.append(runs)
        return found

    def _joined(self, index: int, columns: Mapping[int, Sequence[_Piece]]) -> float:
        """Score a line as part of the row above it."""
        upper, lower = self._body[index - 1], self._body[index]
        gap = lower.middle - upper.middle
        score = -9.0 * any(upper.middle < rule < lower.middle for rule in self._rules)
        shared = [column for column in self._pieces[index] if column in columns]
        if not set(self._pieces[index]) & set(self._pieces[index - 1]):
            beside = gap < 0.75 * self._grid.height
            score += 4.0 if beside else -1.0 - 2.0 * (gap > 1.15 * self._tight)
        if self._marks and (self._marks[index] or gap < 1.5 * self._tight):
            score += -6.0 if self._marks[index] else 5.0
        if len(shared) > 1 and len(shared) == len(columns):
            score -= 1.0 * len(shared)  # that all cells of a row are broken is rare
        return score + sum(
            self._continues(columns[column][-1], self._pieces[index][column], column) for column in shared
        )

    def _continues(self, upper: _Piece, lower: _Piece, column: int) -> float:
        """Score that the lower of two lines of one column goes on with the upper one."""
        if (upper.is_figure and lower.is_figure) or upper.is_wide != lower.is_wide:
            return -6.0
        score = -0.5 - 1.5 * (upper.is_figure or lower.is_figure)
        its = self._columns[column]
        if its.room(upper) > lower.first + 0.25 * self._grid.height + 1.0:
            score -= 3.0
        else:
            score += 0.7 if its.wraps else -0.7
        pitch = lower.middle - upper.middle
        if pitch > 1.15 * self._tight:
            score -= 2.5 + 2.0 * (pitch > 1.5 * self._tight)
        elif pitch < 0.93 * self._pitch:
            score += 3.0
        elif self._has_gaps:
            score += 1.5
        if its.flush == "left" and lower.x0 < upper.x0 - 0.25 * self._grid.height:
            score -= 2.5  # a paragraph may hang, but not the other way round
        if upper.item is not None and its.flush == "left":
            # What goes on with an item stands below its text; what stands further right is of a row of its own.
            score += 4.0 if abs(lower.x0 - upper.item) < 0.15 * self._grid.height else -2.5
        return score + self._worded(upper.text, lower.text, its.capitals)

    def _worded(self, upper: str, lower: str, capitals: float) -> float:
        """Score the same by how the upper text ends and the lower begins; `capitals` is the column's share of them."""
        score = -4.0 * bool(_NUMBERED.match(lower))
        start, end = lower[0], upper[-1]
        if start.islower():
            score += 2.0 * min(1.0, 2 * capitals)
        elif start.isupper():
            score += self._capital
        elif start.isdigit():
            score -= 0.7
        if end in "-‐\u00ad" or upper.count("(") > upper.count(")"):
            score += 2.5
        elif end in ",/&–" or upper.endswith((" and", " of", " or", " the")):
            score += 1.5
        elif end in ":.;" and not _NUMBER.fullmatch(upper):
            score -= 1.0
        return score

    def _named(self, columns: Mapping[int, Sequence[_Piece]], start: int) -> float:
        """Score a row by its cells: one has a name in the first column, and more than a name.

        Where rules divide rows, one without a name begins below a rule.
        """
        if 0 in columns or all(piece.is_wide for pieces in columns.values() for piece in pieces):
            return 0.0
        upper, lower = self._body[max(0, start - 1)].middle, self._body[start].middle
        is_cut = self._is_banded and not any(upper < rule < lower for rule in self._rules)
        return -1.5 - 1.0 * (len(columns) == 1) - 4.0 * (start > 0 and is_cut)


def _best_division(scores: Sequence[Sequence[float]]) -> list[int]:
    """Return the ends of the runs whose scores have the highest sum."""
    best = [0.0] + [_WORST] * len(scores)
    before = [0] * (len(scores) + 1)
    for start, runs in enumerate(scores):
        for length, run in enumerate(runs, 1):
            if best[start] + run > best[start + length]:
                best[start + length] = best[start] + run
                before[start + length] = start
    ends = [len(scores)]
    while before[ends[0]]:
        ends.insert(0, before[ends[0]])
    return ends


def _pieces(grid: Grid, line: TableLine) -> dict[int, _Piece]:
    held: dict[int, list[Segment]] = {}
    for segment in line.segments:
        held.setdefault(grid.column_at(segment.middle), []).append(segment)
    found = {}
    for column, segments in held.items():
        text = " ".join(segment.text for segment in segments)
        word = segments[0].words[0]
        first = word.height if _CJK[0] <= text[0] <= _CJK[1] else word.x1 - word.x0
        x0, x1 = segments[0].x0, segments[-1].x1
        reach = 0.5 * grid.height
        is_wide = grid.column_at(x0 + reach) != grid.column_at(max(x0, x1 - reach))
        if is_wide and column == 0 and grid.cores:
            # A name may reach up to where the words of the next column begin.
            is_wide = x1 - reach > grid.cores[1][0]
        rest = segments[0].words[1:]
        item = rest[0].x0 if rest and list_marker(f"{word.text} x") == "-" else None
        is_word = bool(_NUMBER.fullmatch(text)) or not is_figure(text)
        found[column] = _Piece(x0, x1, line.middle, text, first, not is_word, is_wide, item)
    return found


def _columns(lines: Sequence[Mapping[int, _Piece]]) -> dict[int, _Column]:
    """Return the reach of each column that has text."""
    found = {}
    for column in {column for line in lines for column in line}:
        pieces = [line[column] for line in lines if column in line]
        pieces = [piece for piece in pieces if not piece.is_wide] or pieces
        spread = {
            flush: _spread(values)
            for flush, values in (
                ("left", [piece.x0 for piece in pieces]),
                ("right", [piece.x1 for piece in pieces]),
                ("centre", [(piece.x0 + piece.x1) / 2 for piece in pieces]),
            )
        }
        flush = min(spread, key=lambda side: spread[side])
        wraps = sum(" " in piece.text for piece in pieces) > 0.2 * len(pieces)
        begins = [piece.text[0] for piece in pieces if piece.text[0].islower() or piece.text[0].isupper()]
        capitals = sum(letter.isupper() for letter in begins) / max(1, len(begins))
        reach = min(piece.x0 for piece in pieces), max(piece.x1 for piece in pieces)
        found[column] = _Column(*reach, flush, wraps, capitals)
    return found


def _spread(values: Sequence[float]) -> float:
    middle = median(values)
    return sum(abs(value - middle) for value in values)


def _pitches(lines: Sequence[Mapping[int, _Piece]], beside: float, *, figures: bool = False) -> list[float]:
    """Return how far lines, or figures alone, that follow each other in a column are apart.

    A line at most `beside` below another is none of its own.
    """
    last: dict[int, tuple[int, float]] = {}
    found = []
    for number, line in enumerate(lines):
        for column, piece in line.items():
            if column in last:
                before, at = last[column]
                between = [next(iter(other.values())).middle for other in lines[before + 1 : number]]
                is_asked = not figures or (piece.is_figure and lines[before][column].is_figure)
                if is_asked and all(middle - at < beside or piece.middle - middle < beside for middle in between):
                    found.append(piece.middle - at)
            last[column] = (number, piece.middle)
    return found

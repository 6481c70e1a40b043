"""A second reading of a table, from its words alone and from the bottom up: what the first one is compared with.

The first reading (`ruled`, `repair`) starts from the lattice or from the layout model's columns and asks which division
of the table explains most. This one knows neither: neighbours are put together by the gaps between them, lines that
stand over each other make columns (after Kieninger, "Table Structure Recognition Based on Robust Block Segmentation",
1998), and white space, rules and names at the left make rows. It is the weaker reader of the two. What counts is that
it goes wrong elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt
from statistics import median

from scribetune.labels.ruling_lines import Rule, Rules, covered
from scribetune.labels.tables.cells import Box, Word
from scribetune.labels.tables.lines import is_figure
from scribetune.text.markdown import is_cjk

_ONE_LINE = 0.5  # of the smaller height: words that overlap so much stand on one line
_LEAST_GAP, _MOST_GAP = 0.35, 0.9  # of the height: a gap between columns is one from the first, surely from the second
_PARTED_GAP = 1.2  # of the height
_SHARED = 0.25  # of the height: segments that overlap less are not below each other
_RULE_WIDTH = 0.6  # of the table's width
_WALL_HEIGHT = 0.6  # of a line's height
_WIDER = 1.2  # times the least pitch: lines so far apart are two rows, where others are closer
_TOUCH = 1.5  # points
_NEAR_LINES = 6
_SEVERAL = 3  # words
_HALF = 0.75  # of the height: lines closer than this stand beside each other, in the middle of a row

Place = tuple[int, int]
"""Row and column, from 0."""


@dataclass(frozen=True)
class SecondReading:
    """What the second reader made of the words of a table."""

    rows: int
    columns: int
    places: Mapping[int, Place]  # number of a word → the row and the first column that it is in
    spanning: frozenset[int]  # numbers of words that stand over several columns

    def text(self, place: Place, words: Sequence[Word]) -> str:
        """Return what stands in a cell."""
        return " ".join(words[number].text for number, where in self.places.items() if where == place)

    def grid(self, words: Sequence[Word]) -> tuple[tuple[str, ...], ...]:
        """Return the texts of all cells, row by row."""
        texts: dict[Place, list[str]] = {}
        for number, place in self.places.items():
            texts.setdefault(place, []).append(words[number].text)
        return tuple(
            tuple(" ".join(texts.get((row, column), ())) for column in range(self.columns)) for row in range(self.rows)
        )


@dataclass
class _Segment:
    """Words of one line that stand close to each other."""

    numbers: list[int]
    x0: float
    x1: float
    line: int
    column: int = -1
    last: int = -1


def read(words: Sequence[Word], rules: Rules) -> SecondReading:
    """Read the words of a table, which are all horizontal; `rules` are those of the page."""
    lines = _lines(words)
    if not lines:
        return SecondReading(0, 0, {}, frozenset())
    height = median(word.height for word in words)
    box = (
        min(word.x0 for word in words),
        min(word.y0 for word in words),
        max(word.x1 for word in words),
        max(word.y1 for word in words),
    )
    walls = [rule for rule in rules.lines.down if box[0] < rule.at < box[2]]
    # Where lines down the table part its columns, wide blanks are those of justified text.
    is_parted = any(min(wall.end, box[3]) - max(wall.start, box[1]) > _RULE_WIDTH * (box[3] - box[1]) for wall in walls)
    limit = _PARTED_GAP * height if is_parted else _gap_limit(words, lines, height)
    segments = [
        segment for number, line in enumerate(lines) for segment in _segments(words, line, number, limit, walls)
    ]
    columns = _columns(segments, height)
    segments = [part for segment in segments for part in _cut(words, segment, columns, height)]
    rows = _rows(words, lines, _Held(segments, columns, words), _Drawn(rules, box))
    places: dict[int, Place] = {}
    spanning: set[int] = set()
    for segment in segments:
        for number in segment.numbers:
            places[number] = rows[segment.line], segment.column
        if segment.last > segment.column:
            spanning.update(segment.numbers)
    ordered = dict(sorted(places.items(), key=lambda item: (item[1], words[item[0]].y0, words[item[0]].x0)))
    return SecondReading(max(rows) + 1, len(columns), ordered, frozenset(spanning))


def _lines(words: Sequence[Word]) -> list[list[int]]:
    """Put words that overlap in height into lines, from top to bottom, each from left to right."""
    lines: list[list[int]] = []
    reach: list[tuple[float, float]] = []
    for number in sorted(range(len(words)), key=lambda n: words[n].centre[1]):
        word = words[number]
        at = -1
        for index in range(len(lines) - 1, max(len(lines) - 4, -1), -1):
            y0, y1 = reach[index]
            shared = min(y1, word.y1) - max(y0, word.y0)
            if shared > _ONE_LINE * min(word.height, y1 - y0):
                at = index
                break
        if at < 0:
            lines.append([number])
            reach.append((word.y0, word.y1))
        else:
            lines[at].append(number)
    return [sorted(line, key=lambda n: words[n].x0) for line in lines]


def _gap_limit(words: Sequence[Word], lines: Sequence[Sequence[int]], height: float) -> float:
    """Return the gap from which neighbours are in two columns: in the widest step between the gaps there are."""
    gaps = sorted(
        gap
        for line in lines
        for first, second in pairwise(line)
        if (gap := words[second].x0 - words[first].x1) > 0.02 * height
    )
    low, high = _LEAST_GAP * height, _MOST_GAP * height
    between = [low, *(gap for gap in gaps if low < gap < high), high]
    step = max(pairwise(between), key=lambda pair: log(pair[1] / pair[0]))
    return sqrt(step[0] * step[1])


def _segments(
    words: Sequence[Word], line: Sequence[int], number: int, limit: float, walls: Sequence[Rule]
) -> list[_Segment]:
    found: list[_Segment] = []
    for index in line:
        word = words[index]
        y0, y1 = word.y0, word.y1
        last = found[-1] if found else None
        is_cut = last is not None and any(
            last.x1 - _TOUCH <= wall.at <= word.x0 + _TOUCH
            and min(wall.end, y1) - max(wall.start, y0) > _WALL_HEIGHT * (y1 - y0)
            for wall in walls
        )
        if last is None or is_cut or word.x0 - last.x1 >= limit:
            found.append(_Segment([index], word.x0, word.x1, number))
        else:
            last.numbers.append(index)
            last.x1 = max(last.x1, word.x1)
    return found


def _columns(segments: Sequence[_Segment], height: float) -> list[tuple[float, float]]:
    """Return where the words of each column begin and end, most of them.

    What stands over the middles of several groups of segments is no column: a heading of these.
    """
    kept: list[_Group] = []
    for group in sorted(_grouped(segments, height), key=lambda one: -len(one.members)):
        x0, x1 = group.core()
        if sum(x0 < sum(other.core()) / 2 < x1 for other in kept) > 1:
            continue
        near = max(kept, key=lambda other: other.shared(x0, x1), default=None)
        if near is not None and near.shared(x0, x1) > 0.5 * min(x1 - x0, near.core()[1] - near.core()[0]):
            near.take(group)
        else:
            kept.append(group)
    columns: list[tuple[float, float]] = []
    lines: set[int] = set()
    for group in sorted(kept, key=_Group.core):
        x0, x1 = group.core()
        if columns and lines.isdisjoint(group.lines):
            # No line has a text in both: one column, some of it at its left and some at its right.
            columns[-1] = columns[-1][0], max(columns[-1][1], x1)
            lines = lines | group.lines
        else:
            columns.append((x0, x1))
            lines = group.lines
    return columns


def _grouped(segments: Sequence[_Segment], height: float) -> list["_Group"]:
    """Put segments over each other together, those first that begin and end alike; never two of one line."""
    of = {id(segment): _Group([segment]) for segment in segments}
    by_line: dict[int, list[_Segment]] = {}
    for segment in segments:
        by_line.setdefault(segment.line, []).append(segment)
    pairs = []
    for segment in segments:
        for line in range(segment.line + 1, segment.line + 1 + _NEAR_LINES):
            for other in by_line.get(line, ()):
                shared = min(segment.x1, other.x1) - max(segment.x0, other.x0)
                if shared > _SHARED * height:
                    pairs.append((shared / max(segment.x1 - segment.x0, other.x1 - other.x0), segment, other))
    for _, first, second in sorted(pairs, key=lambda pair: -pair[0]):
        one, two = of[id(first)], of[id(second)]
        if one is not two and one.lines.isdisjoint(two.lines):
            one.take(two)
            of.update((id(member), one) for member in two.members)
    return list({id(group): group for group in of.values()}.values())


class _Group:
    """Segments below each other."""

    def __init__(self, members: list[_Segment]) -> None:
        self.members = members
        self.lines = {member.line for member in members}

    def take(self, other: "_Group") -> None:
        self.members.extend(other.members)
        self.lines |= other.lines

    def core(self) -> tuple[float, float]:
        """Where most of them begin and end."""
        return median(member.x0 for member in self.members), median(member.x1 for member in self.members)

    def shared(self, x0: float, x1: float) -> float:
        start, end = self.core()
        return min(end, x1) - max(start, x0)


def _cut(
    words: Sequence[Word], segment: _Segment, columns: Sequence[tuple[float, float]], height: float
) -> list[_Segment]:
    """Return a segment with its columns, cut where it has a gap and the words beside that stand in two of these."""
    parts: list[_Segment] = []
    for number in segment.numbers:
        word = words[number]
        gap = word.x0 - parts[-1].x1 if parts else 0.0
        if parts and (gap < _LEAST_GAP * height or _nearest(columns, parts[-1]) == _nearest(columns, word)):
            parts[-1].numbers.append(number)
            parts[-1].x1 = max(parts[-1].x1, word.x1)
        else:
            parts.append(_Segment([number], word.x0, word.x1, segment.line))
    for part in parts:
        under = [column for column, (x0, x1) in enumerate(columns) if part.x0 < (x0 + x1) / 2 < part.x1]
        under = under or [_nearest(columns, part)]
        part.column, part.last = under[0], under[-1]
    return parts


def _nearest(columns: Sequence[tuple[float, float]], one: _Segment | Word) -> int:
    """Return the column that a text shares most of its width with, or stands nearest to."""
    return max(range(len(columns)), key=lambda n: min(columns[n][1], one.x1) - max(columns[n][0], one.x0))


class _Held:
    """The segments of each line, by their columns."""

    def __init__(self, segments: Sequence[_Segment], columns: Sequence[tuple[float, float]], words: Sequence[Word]):
        self.words = words
        self.ends = [x1 for _, x1 in columns]
        for segment in segments:
            if segment.column == segment.last:
                self.ends[segment.column] = max(self.ends[segment.column], segment.x1)
        self.by_line: dict[int, dict[int, _Segment]] = {}
        for segment in segments:
            held = self.by_line.setdefault(segment.line, {})
            held.update(dict.fromkeys(range(segment.column, segment.last + 1), segment))

    def goes_on(self, line: int, row: dict[int, _Segment], *, is_close: bool = False) -> bool:
        """Whether a line can be the next one of a row: below texts of it that had no room for its words."""
        here = self.by_line[line]
        if not set(here) <= set(row):
            return False
        # As many texts as above are words of one row, where they are several, and else the next row.
        is_next = len(here) == len(row) and 0 in here and max(len(row[n].numbers) for n in here) < _SEVERAL
        if is_next and not is_close:
            return False
        return all(self._is_full(row[column], segment) for column, segment in here.items())

    def is_named_anew(self, line: int) -> bool:
        """Whether a line has a name beside values, below a line with values and no name."""
        here, above = self.by_line[line], self.by_line[line - 1]
        start = self.words[here[0].numbers[0]].text[0] if 0 in here else ""
        return 0 not in above and set(above) < set(here) and (start.isupper() or start.isdigit())

    def _is_full(self, above: _Segment, segment: _Segment) -> bool:
        first, last = self.words[segment.numbers[0]], self.words[above.numbers[-1]]
        if is_figure(first.text) and is_figure(last.text):
            return False
        wanted = first.height if is_cjk(first.text[0]) else first.x1 - first.x0 + 0.2 * first.height
        return above.x1 + wanted > self.ends[max(above.last, segment.last)]


def _rows(words: Sequence[Word], lines: Sequence[Sequence[int]], held: _Held, drawn: "_Drawn") -> list[int]:
    """Return the row of each line: told by rules, by white space, or by texts that had no room to go on."""
    height = median(word.height for word in words)
    middles = [median(words[n].centre[1] for n in line) for line in lines]
    pitches = [after - before for before, after in pairwise(middles)]
    divided = [drawn.divides(before, after) for before, after in pairwise(middles)]
    least = min(pitches, default=0.0)
    # Rows of several lines stand apart by more than their lines do; where all are even, white space says nothing.
    wide = [pitch > _WIDER * least for pitch in pitches]
    tells = sum(wide) >= max(2, 0.25 * len(pitches)) and not all(wide)
    by_rules = sum(divided) >= max(2, 0.4 * len(pitches))
    named = any(held.is_named_anew(n) for n in range(1, len(lines)) if wide[n - 1] and not divided[n - 1])
    rows = [0]
    row = dict(held.by_line[0])
    for line in range(1, len(lines)):
        here = held.by_line[line]
        if divided[line - 1]:
            begins = True
        elif pitches[line - 1] < _HALF * height:
            begins = False
        elif by_rules:
            is_next = named and wide[line - 1] and set(here) == set(row)
            begins = 0 in here and len(here) > 0.5 * len(held.ends)
            begins = begins and (is_next if drawn.is_grid else not held.goes_on(line, row))
        elif tells:
            begins = wide[line - 1] or not held.goes_on(line, row, is_close=True)
        else:
            begins = not held.goes_on(line, row)
        rows.append(rows[-1] + begins)
        row = dict(here) if begins else row | here
    return rows


class _Drawn:
    """What is drawn in the box of a table."""

    def __init__(self, rules: Rules, box: Box) -> None:
        self.box = box
        self.across = [rule for rule in (*rules.lines.across, *rules.shading.across) if box[1] < rule.at < box[3]]
        self.is_grid = any(
            box[0] < rule.at < box[2] and rule.start < box[3] and rule.end > box[1] for rule in rules.lines.down
        )

    def divides(self, above: float, below: float) -> bool:
        """Whether a line, or edges of shading, across most of the table stand between two heights."""
        pieces = [(rule.start, rule.end) for rule in self.across if above < rule.at < below]
        x0, _, x1, _ = self.box
        return bool(pieces) and covered(pieces, x0, x1) >= _RULE_WIDTH * (x1 - x0)

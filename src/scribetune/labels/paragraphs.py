"""Paragraphs of running text: lines of a column that belong together, told by what is measured on the page.

A line begins a paragraph where the one before it ends early although the next word had found room, where it stands
further in (or, where entries hang, further out) than the others, where there is more room above it than between the
lines of a sentence that goes on, where it bears the mark of a list, or where the font changes. What is usual is
measured in the column itself, at lines that surely go on: the next one begins with a small letter.

Right-to-left columns are measured from their right edge: "start" is where lines begin, "end" where they end.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile
from statistics import median

from scribetune.labels import dropped_capitals
from scribetune.labels.line_room import LineRoom
from scribetune.labels.page_blocks import list_marker, marker_length
from scribetune.labels.right_to_left import is_right_to_left
from scribetune.labels.tables.cells import Box, union
from scribetune.labels.text_layer import Line, visual_lines
from scribetune.text.markdown import is_cjk

_SAME_SIZE = 0.12
_GUESSED = 0.4
_EXACT = 0.003
_EXACT_SIZE = 0.03
_FEW_LINES = 3
_MANY_LINES = 8
_MANY_SIZES = 6
_INDENT = 0.7  # sizes of the font, the least by which a line stands further in
_DEEPEST = 7.0  # the same, beyond which it is something else
_NAME = re.compile(r"[A-ZÀ-Þ][\w./&-]*(?: [\w./&-]+){0,2}:(?=\s|$)")
_ADDRESS = re.compile(r"\S+@\S|(?:www\.|https?:)\S")
_FORMULA = re.compile(r"qz\d+x")  # a word that stands for one, which may be displayed
_NAMED_WORDS = 6  # in bold at the head of a paragraph, or of a name below the heading of a section
_WIDER = 1.25  # times the usual pitch is white space between paragraphs
_A_LITTLE_WIDER = 1.15  # the same, where a sentence ends
_STRETCHED = 1.6  # the same, where a sentence goes on: a formula takes more room
_MOST = 0.6  # of a column's width, that a line has which ends where the next word found no room
_UNENDED = re.compile(r"[a-zß-öø-ÿ,]$")
_NEAR_PAIRS = 8
_NEAR_ROWS = 12
_SCRIPT = 0.75
_ENDED = re.compile(r"""[.!?:;。！？：；…؟۔]["'”’»)\]）」』]*$""")
_HYPHEN = re.compile(r"\w[-\u00ad\u2010\u2011]$")
_LEADERS = re.compile(r"(?:[.·•…_]\s?){4,}\s*[\divxlcIVXLC\-–.]{0,9}$")
_VALUE = re.compile(r"(?:[.·•…]\s?){8,}\s*[^\s.·•…].{0,40}$")
_PAGE_NUMBER = re.compile(r"\d{1,4}|[ivxlc]{1,6}")
_ENTRY_GAP = 2.5
_BRACKETED = re.compile(r"^\[[\w+\-.]{1,12}\]\s*\S")
_NARROW, _NARROW_LINE = 0.65, 0.75  # of the room that there is: of lines, of one alone
_MANY_FILLED = 4


@dataclass(frozen=True)
class Paragraph:
    """Lines of a column that belong together.

    Attributes:
        lines: From top to bottom, each as it is read.
        indent: How far its first line starts from where lines of the column start, in points.
        is_item: Whether it begins with the mark of a list.
        goes_on: Its last line is full, and no sentence ends there.
        continues: Its first line can be the rest of what another column ended with.
        number: Of the column, from 0.
    """

    lines: tuple[Line, ...]
    indent: float
    is_item: bool
    goes_on: bool
    continues: bool
    number: int = 0

    @property
    def box(self) -> Box:
        """The box around its lines."""
        return union([line.box for line in self.lines])


@dataclass(frozen=True)
class _Row:
    """A line of a column, measured in the direction of reading."""

    line: Line
    start: float
    end: float
    bottom: float  # of its main font
    size: float
    word: float  # width of its first word
    text: str
    mark: str

    @property
    def ends_sentence(self) -> bool:
        return bool(_ENDED.search(self.text))

    @property
    def goes_on_small(self) -> bool:
        """Whether it begins with a small letter, or with a mark that nothing begins with; addresses begin so."""
        return (self.text[:1].islower() or self.text[:1] in ",;)]%") and not _ADDRESS.match(self.text)

    @property
    def is_caseless(self) -> bool:
        """Whether its first character is of a script without small letters."""
        first = self.text[:1]
        return first.isalpha() and not first.islower() and not first.isupper()


def body_size(lines: Sequence[Line]) -> float:
    """Return the size of the font that most characters have, in points."""
    sizes: Counter[float] = Counter()
    for line in lines:
        for span in line.spans:
            sizes[round(span.size * 2) / 2] += len(span.text)
    return sizes.most_common(1)[0][0]


def is_entry(line: Line) -> bool:
    """Whether a line is an entry: dots lead from a title to the number of a page, from a name to its value.

    To the number of a page there may be room alone.
    """
    if _LEADERS.search(line.text) or _VALUE.search(line.text):
        return True
    if len(line.spans) < 2 or not _PAGE_NUMBER.fullmatch(line.spans[-1].text.strip()):
        return False
    before, number = line.spans[-2:]
    gap = max(number.box[0] - before.box[2], before.box[0] - number.box[2])
    return gap > _ENTRY_GAP * number.size


def has_guessed_sizes(lines: Sequence[Line]) -> bool:
    """Whether sizes of fonts differ from line to line: a program that reads scans guessed them."""
    if len(lines) < _MANY_LINES:
        return False
    sizes = [line.size for line in lines]
    differ = sum(abs(first - second) > _EXACT * first for first, second in pairwise(sizes))
    return differ > 0.5 * len(sizes) and len({round(size, 1) for size in sizes}) >= max(_MANY_SIZES, 0.2 * len(sizes))


def of_columns(
    columns: Sequence[Sequence[Line]], starts: Sequence[Sequence[Line]] = (), room: LineRoom | None = None
) -> list[Paragraph]:
    """Divide the lines of columns (in reading order) into paragraphs.

    `starts` are lines of each column with which, somebody else says, something new begins: believed unless the sentence
    before surely goes on. `room` is that on the page, where there is more than these columns.
    """
    page = [_rows(column) for column in columns]
    room = room or LineRoom([line for column in columns for line in column])
    heights = [[line.middle[1] for line in some] for some in starts] or [[] for _ in page]
    return [
        replace(paragraph, number=number)
        for number, rows in enumerate(page)
        for paragraph in (_Column(rows, page, heights[number], room).paragraphs() if rows else ())
    ]


def _rows(lines: Sequence[Line]) -> list[_Row]:
    """Return the rows of a column downwards, a dropped capital at the head of its first."""
    right_to_left = is_right_to_left("".join(line.text for line in lines))
    whole, beside = dropped_capitals.joined(lines)
    rows = []
    for line in _with_scripts(visual_lines(whole)):
        main = max(line.spans, key=lambda span: len(span.text))
        x0, _, x1, _ = line.box
        for capital in beside:
            if (
                line.box[1] < capital[3]
                and capital[1] < line.middle[1]
                and 0 <= x0 - capital[2] + 0.3 * main.size < dropped_capitals.BESIDE * main.size
            ):
                x0 = capital[0]
        text = line.text
        start, end = (-x1, -x0) if right_to_left else (x0, x1)
        word = 1 if is_cjk(text[:1]) else len(text.split(maxsplit=1)[0]) if text else 0
        width = (x1 - x0) * word / max(len(text), 1)
        rows.append(_Row(line, start, end, main.box[3], line.size, width, text, list_marker(text)))
    return rows


def _with_scripts(lines: Sequence[Line]) -> list[Line]:
    """Put raised and lowered characters that came as lines of their own where they stand in their line."""
    made: list[Line] = []
    for line in lines:
        before = made[-1] if made else None
        if (
            before is not None
            and line.size <= _SCRIPT * before.size
            and line.box[0] > before.box[0]
            and line.box[2] < before.box[2] + before.size
            and line.middle[1] < before.box[3]
            and not is_right_to_left(before.text)
        ):
            spans = sorted((*before.spans, *line.spans), key=lambda span: span.box[0])
            made[-1] = replace(before, spans=tuple(spans))
        else:
            made.append(line)
    return made


class _Column:
    """A column, with what is usual in it."""

    def __init__(
        self, rows: list[_Row], page: Sequence[Sequence[_Row]], starts: Sequence[float], room: LineRoom
    ) -> None:
        self._rows = rows
        self._room = room
        self._starts = {
            next((n for n, row in enumerate(rows) if row.line.box[1] <= y <= row.line.box[3]), 0) for y in starts
        }
        self._page = page
        self._same_size = _GUESSED if has_guessed_sizes([row.line for row in rows]) else _SAME_SIZE
        self._exact_size = _GUESSED if self._same_size == _GUESSED else _EXACT_SIZE
        self._pitches: dict[int, float] = {}
        self._end = self._usual_end(rows)
        self._start = self._usual_start(rows)
        self._going_on = self._pairs_that_go_on(rows)
        self._listed: set[int] = set()
        self._edges = self._edges_of_runs()

    def paragraphs(self) -> list[Paragraph]:
        """Divide the column."""
        parts: list[list[int]] = []
        for number in range(len(self._rows)):
            if parts and not self._begins(parts, number):
                parts[-1].append(number)
            else:
                parts.append([number])
        return [self._paragraph(part) for part in parts]

    def _paragraph(self, part: Sequence[int]) -> Paragraph:
        rows = [self._rows[number] for number in part]
        first, last = rows[0], rows[-1]
        hyphen = bool(_HYPHEN.search(last.text))
        full = last.end > self._end - 1.5 * last.size or (len(rows) == 1 and last.end > self._end - 4 * last.size)
        is_ragged = last.end - self._start > _MOST * (self._end - self._start) and _UNENDED.search(last.text)
        in_line = abs(first.start - self._start) < _INDENT * first.size
        return Paragraph(
            tuple(row.line for row in rows),
            max(first.start - min(row.start for row in self._rows), 0.0),
            bool(first.mark),
            hyphen or bool((full or is_ragged) and not last.ends_sentence),
            not first.mark and (first.goes_on_small or (in_line and first.is_caseless)),
        )

    # What is usual

    def _usual_end(self, rows: Sequence[_Row]) -> float:
        ends = sorted(row.end for row in rows)
        return ends[int(0.95 * (len(ends) - 1))] if len(ends) > 20 else ends[-1]

    def _usual_start(self, rows: Sequence[_Row]) -> float:
        starts: Counter[int] = Counter()
        for row in rows:
            starts[round(row.start / 2)] += 1
        best = max(starts, key=lambda place: (starts[place] + starts[place - 1] + starts[place + 1], -place))
        near = [row.start for row in rows if abs(round(row.start / 2) - best) <= 1]
        return median(near)

    def _pairs_that_go_on(self, rows: Sequence[_Row]) -> list[tuple[int, float, float]]:
        """Return (row, size, pitch) of rows after which a sentence surely goes on."""
        found = []
        for number, (row, after) in enumerate(pairwise(rows)):
            pitch = after.bottom - row.bottom
            if abs(row.size - after.size) > self._exact_size * row.size or pitch < 0.5 * row.size or after.mark:
                continue
            if row.line.mono or after.line.mono:
                continue
            full = row.end > self._end - 2 * row.size
            if not row.ends_sentence and (after.goes_on_small or (full and after.is_caseless)):
                found.append((number, row.size, pitch))
        return found

    def _usual_pitch(self, number: int) -> float:
        """Return the pitch of lines that go on, near a row, in its size."""
        if number not in self._pitches:
            self._pitches[number] = self._measured_pitch(number)
        return self._pitches[number]

    def _measured_pitch(self, number: int) -> float:
        size = self._rows[number].size
        alike = [
            (abs(at - number), pitch)
            for at, other, pitch in self._going_on
            if abs(other - size) <= self._exact_size * size
        ]
        if alike:
            return median(pitch for _, pitch in sorted(alike)[:_NEAR_PAIRS])
        full = [
            after.bottom - row.bottom
            for row, after in pairwise(self._rows)
            if not row.ends_sentence
            and row.end > self._end - 4 * size
            and max(abs(row.size - size), abs(after.size - size)) <= self._exact_size * size
        ]
        if full:
            return median(full)
        pitches = [
            after.bottom - row.bottom
            for rows in self._page
            for row, after in pairwise(rows)
            if abs(row.size - size) <= self._exact_size * size and abs(after.size - size) <= self._exact_size * size
        ]
        usual = [pitch for pitch in pitches if 0.9 * size <= pitch <= 2.6 * size]
        return min(usual) if usual and min(usual) < 1.6 * size else 1.45 * size

    def _edges_of_runs(self) -> list[float]:
        """Return for each row where its line could have ended, told by the rows around it."""
        edges = [self._end] * len(self._rows)
        run: list[int] = []
        for number in range(len(self._rows) + 1):
            if run and (number == len(self._rows) or self._is_other(number)):
                edge = self._edge(run)
                for at in run:
                    edges[at] = self._edge([at]) if len(run) < _FEW_LINES else edge
                run = []
            run.append(number)
        return edges

    def _is_other(self, number: int) -> bool:
        before, row = self._rows[number - 1], self._rows[number]
        return (
            abs(before.size - row.size) > self._same_size * row.size
            or before.line.bold != row.line.bold
            or row.bottom - before.bottom > _WIDER * self._usual_pitch(number)
        )

    def _edge(self, run: Sequence[int]) -> float:
        rows = [self._rows[number] for number in run]
        size, most = rows[0].size, max(row.end for row in rows)
        end, room = self._end, self._end
        if rows[0].start >= 0 and not any(row.mark for row in rows):
            room = min(self._room.of(row.line) for row in rows)
            end, room = min(end, room), max(end, room)
        is_narrow = most - rows[0].start < (_NARROW if len(rows) > 1 else _NARROW_LINE) * (room - rows[0].start)
        if len(rows) < _FEW_LINES:
            return room if is_narrow else end
        ends: Counter[int] = Counter(round(row.end) for row in rows)
        place = max(ends, key=lambda end: (ends[end] + ends[end + 1] + ends[end - 1], end))
        if ends[place] + ends[place + 1] + ends[place - 1] >= max(3, 0.4 * len(rows)):
            return float(place)  # justified
        filled = [row.end + 0.3 * size + after.word > most for row, after in pairwise(rows)]
        flows = sum(after.goes_on_small and not row.ends_sentence for row, after in pairwise(rows)) > 0.5 * len(filled)
        if sum(filled) >= 0.7 * len(filled) and (len(filled) >= _MANY_FILLED or flows or not is_narrow):
            return most
        if sum(filled) >= 0.4 * len(filled) and not is_narrow:
            return end
        self._listed.update(run)  # names, addresses, verses: no line ends because it is full
        return max(room, most + 4 * size)

    # Where paragraphs begin

    def _is_short(self, number: int, after: _Row) -> bool:
        """Whether a line ends early although the next word had found room on it."""
        row = self._rows[number]
        blank = 0.0 if is_cjk(row.text[-1:]) and is_cjk(after.text[:1]) else 0.3 * row.size
        return row.end + blank + after.word + 0.5 * row.size < self._edges[number]

    def _is_wide(self, number: int) -> bool:
        """Whether there is more room above a row than between the lines of a paragraph."""
        before, row = self._rows[number - 1], self._rows[number]
        wide = _WIDER
        if before.ends_sentence and not row.goes_on_small:
            wide = _A_LITTLE_WIDER
        elif not before.ends_sentence and row.goes_on_small and not self._is_short(number - 1, row):
            wide = _STRETCHED
        return row.bottom - before.bottom > wide * self._usual_pitch(number)

    def _hangs(self, number: int) -> float:
        """Return how much, around a row, first lines stand out (above 0) or in (below 0), counted in paragraphs."""
        votes = 0.0
        rows = self._rows
        for at in self._near(number):
            row, after = rows[at], rows[at + 1]
            if row.mark or row.line.mono or self._is_wide(at + 1):
                continue
            if max(abs(row.size - after.size), abs(row.size - rows[number].size)) > self._exact_size * row.size:
                continue
            begins = self._is_wide(at) or self._is_short(at - 1, row)
            if not begins or self._is_short(at, after):
                continue
            step = (after.start - row.start) / row.size
            votes += (step >= _INDENT) - (step <= -_INDENT)
        return votes

    def _near(self, number: int) -> range:
        """Return rows around one, as far as no heading stands between."""
        low = high = number
        while low > 1 and low > number - _NEAR_ROWS and not self._is_other_kind(low):
            low -= 1
        last = min(len(self._rows) - 1, number + _NEAR_ROWS)
        while high < last and not (high > number and self._is_other_kind(high)):
            high += 1
        return range(max(low, 1), high)

    def _is_other_kind(self, number: int) -> bool:
        before, row = self._rows[number - 1], self._rows[number]
        return abs(before.size - row.size) > self._same_size * row.size or before.line.bold != row.line.bold

    def _begins(self, parts: Sequence[Sequence[int]], number: int) -> bool:
        """Whether a row begins a paragraph, and does not go on with the last of `parts`."""
        part = parts[-1]
        rows = self._rows
        before, row = rows[number - 1], rows[number]
        pitch = row.bottom - before.bottom
        if before.line.mono and row.line.mono and rows[part[0]].line.mono:
            return pitch > 3 * row.size
        if pitch < 0.4 * row.size and not self._is_other_font(part, number):
            return False
        is_apart = (
            self._is_other_font(part, number)
            or self._is_wide(number)
            or is_entry(before.line)
            or (number in self._starts and not (row.goes_on_small and not before.ends_sentence))
            or (bool(row.mark or _BRACKETED.match(row.text)) and self._is_mark(parts, number))
        )
        if is_apart or self._goes_on(number):
            return is_apart
        if rows[part[0]].mark:
            return self._leaves_item(part, number)
        if self._is_short(number - 1, row):
            goes_on = row.goes_on_small and not before.ends_sentence
            end = self._edges[number - 1] if number - 1 in self._listed else self._end
            return not goes_on or end - before.end > 0.4 * (self._end - self._start)
        return self._is_named(part, number) or self._is_stepped(part, number)

    def _goes_on(self, number: int) -> bool:
        """Whether a row goes on, wherever it stands, with the sentence of a full one."""
        before, row = self._rows[number - 1], self._rows[number]
        is_small = row.goes_on_small and not _FORMULA.match(row.text)
        return is_small and not before.ends_sentence and not self._is_short(number - 1, row)

    def _is_stepped(self, part: Sequence[int], number: int) -> bool:
        """Whether a row after a full one begins a paragraph, told by where both stand."""
        before, row = self._rows[number - 1], self._rows[number]
        step = (row.start - before.start) / row.size
        if step >= _INDENT:
            return self._is_stepped_in(part, number)
        return self._is_stepped_out(part, number) if step <= -_INDENT else self._is_one_line(part, number)

    def _is_named(self, part: Sequence[int], number: int) -> bool:
        """Whether a row, below a full one, bears a name of its own: bold at the head of a text, or before a colon."""
        before, row = self._rows[number - 1], self._rows[number]
        bold = "".join(span.text for span in takewhile(lambda span: span.bold, row.line.spans)).strip()
        if not bold[:1].isupper() or len(bold.split()) > _NAMED_WORDS:
            bold = ""
        if bold.endswith((".", ":")) and before.ends_sentence and not before.line.spans[-1].bold:
            return True
        is_listed = len(part) == 1 and not before.ends_sentence and before.text[-1:] not in ",-"
        return is_listed and bool(_NAME.match(before.text) and _NAME.match(row.text))

    def _is_other_font(self, part: Sequence[int], number: int) -> bool:
        before, row = self._rows[number - 1].line, self._rows[number].line
        first = self._rows[part[0]].line
        if abs(before.size - row.size) > self._same_size * before.size and not (
            before.spans[-1].raised or row.spans[0].raised
        ):
            return not (self._goes_on(number) and self._have_one_size(before, row))
        if before.bold != row.bold and (len(part) == 1 or first.bold != row.bold) and (row.bold or before.bold):
            return not (self._rows[number].goes_on_small and not self._is_short(number - 1, self._rows[number]))
        if row.mono not in (before.mono, first.mono):
            return first.mono or self._is_short(number - 1, self._rows[number])
        return False

    def _have_one_size(self, before: Line, row: Line) -> bool:
        """Whether some words of a line are as large as most of the other: names of code, say, are smaller."""
        return any(
            abs(span.size - size) <= self._exact_size * size and len(span.text.strip()) > 1
            for line, size in ((before, row.size), (row, before.size))
            for span in line.spans
        )

    def _is_mark(self, parts: Sequence[Sequence[int]], number: int) -> bool:
        """Whether what looks like the mark of a list is one, and no word that came to stand at the start of a row."""
        rows = self._rows
        before, row, first = rows[number - 1], rows[number], rows[parts[-1][0]]
        after = rows[number + 1] if number + 1 < len(rows) else None
        follows = (
            bool(first.mark) and abs(first.start - row.start) < 0.5 * row.size and first.mark[-1:] == row.mark[-1:]
        )
        hangs = (
            after is not None
            and not after.mark
            and after.start - row.start > _INDENT * row.size
            and abs(after.start - _text_start(row)) < row.size
        )
        if row.text[0] in "-–—" and not (follows or before.ends_sentence or self._is_short(number - 1, row)):
            # A dash within a sentence.
            return any(other.text[:2] == row.text[:2] for other in rows[number + 1 : number + _NEAR_ROWS])
        return (
            (row.mark == "-" and row.text[0] not in "-–—*o")
            or before.ends_sentence
            or self._is_short(number - 1, row)
            or follows
            or hangs
            or (not first.mark and abs(row.start - before.start) > _INDENT * row.size)
        )

    def _leaves_item(self, part: Sequence[int], number: int) -> bool:
        """Whether a row without a mark does not belong to the list item before it."""
        rows = self._rows
        first, before, row = rows[part[0]], rows[number - 1], rows[number]
        step = (row.start - first.start) / row.size
        ends_early = self._is_short(number - 1, row)
        if step > 0.5:
            is_deep = len(part) > 1 and row.start - rows[part[1]].start > _DEEPEST * row.size
            return is_deep or (ends_early and not row.goes_on_small)
        return (
            (len(part) > 1 and before.start - row.start > 0.5 * row.size)
            or (step > -_INDENT and self._has_hanging_items())
            or ends_early
        )

    def _has_hanging_items(self) -> bool:
        """Whether the text of the column's list items stands below itself, right of their marks."""
        return any(
            row.mark
            and not after.mark
            and abs(after.start - _text_start(row)) < row.size
            and after.start - row.start > 0.5 * row.size
            for row, after in pairwise(self._rows)
        )

    def _after(self, number: int) -> _Row | None:
        is_last = number + 1 >= len(self._rows) or self._is_wide(number + 1)
        return None if is_last else self._rows[number + 1]

    def _is_stepped_in(self, part: Sequence[int], number: int) -> bool:
        """Whether a row after a full one begins a paragraph since it stands further in."""
        before, row, after = self._rows[number - 1], self._rows[number], self._after(number)
        hangs = self._hangs(number)
        if hangs > 0 and len(part) == 1:
            return False
        if after is not None and abs(after.start - before.start) < 0.3 * row.size and not after.mark:
            return len(part) > 1 or hangs < 0 or before.ends_sentence
        if len(part) == 1 and after is not None and abs(after.start - row.start) < 0.3 * row.size:
            return False  # the first line hangs
        return hangs < 0 or before.ends_sentence

    def _is_stepped_out(self, part: Sequence[int], number: int) -> bool:
        """The same of a row that stands further out."""
        rows = self._rows
        before, row = rows[number - 1], rows[number]
        hangs = self._hangs(number) > 0
        if len(part) == 1:
            return hangs
        return hangs or rows[part[1]].start - rows[part[0]].start > _INDENT * row.size or before.ends_sentence

    def _is_one_line(self, part: Sequence[int], number: int) -> bool:
        """Whether a row, below a full one that begins a paragraph, begins the next, as the one after it tells."""
        before, row, after = self._rows[number - 1], self._rows[number], self._after(number)
        if len(part) > 1 or before.text.endswith(","):
            return False
        hangs = self._hangs(number)
        if hangs < 0:
            outer = after.start if after is not None else min(other.start for other in self._rows)
            return row.start - outer > _INDENT * row.size
        return hangs > 1 or (hangs > 0 and before.ends_sentence)


def _text_start(row: _Row) -> float:
    """Return where the text of a list item starts, behind its mark."""
    length = marker_length(row.text)
    spans = row.line.spans
    mark = spans[0].text.strip()
    forwards = row.start == row.line.box[0]
    if len(spans) > 1 and len(mark) <= length:
        return spans[1].box[0] if forwards else -spans[1].box[2]
    width = (row.end - row.start) / max(len(row.text), 1)
    return row.start + width * length

"""What a page says against its label: places where the label cannot be what is read there.

The words of the label are put where the page has them (`placed_words`), and what everybody reads alike is asked of
them, whatever made the label: words close together on a line follow each other; a line that begins in lower case goes
on with the one above it; what stands above is read before what stands below, and left before right; a value follows the
name beside it; a column of a table is a column on the page, a row a row. Every word is there once.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from scribetune.labels import blocks_witness, drawing_order, edge_bands, order_witness, table_witness
from scribetune.labels.doubts import MOST_QUOTED, Doubt, Finding
from scribetune.labels.placed_words import PlacedLabel, place, runs_leftwards
from scribetune.labels.tables.cells import Box, Word, union

_TIGHT = 0.42  # of a line's height: no gap between columns is as narrow
_PHRASE = 1.0  # of a line's height: words this near are one segment of a line
_FEW = 10  # words, one of which runs leftwards: a page of such a script
_GUTTER = 1.5  # of a line's height: a gap that running text has not
_GUTTER_LINES = 10
_WIDE = 1.5  # of a usual blank of the page
_CROSSED = 0.2  # of the gaps of a gutter: lines over both columns
_BIN = 2.0  # points
_PITCH = 2.1  # of a line's height, from a line to the next one of its text
_NEXT_LINE = 1.8  # of a line's height, to the next line of one text
_FLUSH = 0.3  # of a line's height
_FAR = 8.0  # of a line's height: from a paragraph to the next
_SAME_SIZE = 1.15
_OVERLAPS = 0.5  # of the narrower of two segments
_LEVEL = 0.5  # of a line's height
_LIKE_SLOT = 1.0  # of a line's height that a cell may stand off its row
_MANY = 4  # rows of names without colons: fewer may be two texts side by side
_SHORT = 0.7  # of the way to the value beside it, that a name fills at most
_MOSTLY = 0.7
_MARK_IN_WORD = re.compile(
    r"^[^\W\d_]*[a-z][!\"#$%}{\u21b5][a-z]{2}|^[\"!#$][a-z]{2,}$|[a-z]\u21b5|\w\u2032?¿\w|\d[à-ž]\d|^ğ\d"
)
_CLOSES = re.compile(r'^[^"]+"[^\w"]*$')
_QUOTED = 30  # words
_PRIVATE = re.compile("[\ue000-\uf8ff]")
_PIECE = re.compile("[\u239b-\u23b3\u0338]")  # of a bracket over lines; a stroke through the sign beside it
_GUESS = 3.0  # heights of a line: how far the place of a word within text without blanks may be off
_CAPTION = re.compile(r"(?:fig|abb|tab|list|chart|algo)|[图圖図表]\d?$", re.IGNORECASE)
_AGAINST = 2  # segments: one may be a mark of a list, a label of a picture
_SIZES = 1.8  # times as high: no line of the same text
_MOST_BETWEEN = 8  # written words: what stands between two close words on the page is short
_SENTENCE_ENDS = ".:;!?。：；！？"


def of_page(
    label: str, words: Sequence[Word], left_out: Sequence[Box] = (), *, has_latex: bool = False
) -> tuple[Finding, ...]:
    """Return all that the words of a page say against its label.

    Words in boxes of what settings leave out are not asked for; with `has_latex`, neither are formulas of the label.
    """
    placed = place(label, words, left_out, has_latex=has_latex)
    if not placed.shown or not placed.written:
        return ()
    paragraphs = order_witness.paragraphs_of(placed)
    witness = _Witness(placed, order_witness.notes_of(paragraphs))
    found = [
        *(finding for finding in (*witness.lost(), *witness.surplus()) if not _touches(finding.box, left_out)),
        *witness.cut(),
        *witness.torn(),
        *witness.lines_torn(),
        *witness.order_breaks(),
        *witness.bands_torn(),
        *witness.woven(),
        *witness.parted(),
        *order_witness.of_paragraphs(paragraphs, placed),
        *drawing_order.of_placed(placed),
    ]
    return (*found, *table_witness.of_tables(placed), *_marks_in(words, label))


def _marks_in(words: Sequence[Word], label: str) -> Iterator[Finding]:
    """Yield words with marks among their letters that no writing has there, and those with private characters.

    These come of fonts that call ligatures and symbols something else. A private character that the label lacks was a
    bullet. Pieces of brackets, and strokes through signs, are left of formulas that were not read. A quotation that is
    closed some words later begins with a mark rightly.
    """
    for number, word in enumerate(words):
        if word.text.startswith('"') and any(map(_CLOSES.search, (w.text for w in words[number + 1 :][:_QUOTED]))):
            continue
        private = _PRIVATE.search(word.text) or _PIECE.search(word.text)
        if _MARK_IN_WORD.search(word.text) or (private and private.group() in label):
            yield Finding(Doubt.MARKS, word.text, word.text, word.box)


def _touches(box: Box, others: Sequence[Box]) -> bool:
    """Whether a word stands at one of the boxes: where no blanks are, its own place is a guess."""
    near = _GUESS * (box[3] - box[1])
    return any(box[0] - near < b[2] and b[0] < box[2] + near and box[1] < b[3] and b[1] < box[3] for b in others)


@dataclass(frozen=True)
class _Segment:
    """Words that stand close together on one line."""

    words: tuple[int, ...]
    box: Box
    table: int  # of the label, that most of them are in; 0 for none
    at: float  # where the label has them: the middle of their positions

    @property
    def height(self) -> float:
        return self.box[3] - self.box[1]

    @property
    def middle(self) -> float:
        return (self.box[1] + self.box[3]) / 2


class _Witness:
    def __init__(self, placed: PlacedLabel, notes: Container[int] = ()) -> None:
        self._placed = placed
        self._notes = notes  # paragraphs that may come after the text of all columns
        self._shown, self._written, self._at = placed.shown, placed.written, placed.position
        self._is_leftwards = _FEW * sum(runs_leftwards(word.text) for word in self._shown) > len(self._shown)
        self._often = Counter(word.text for word in self._shown)
        self._gutters = self._narrow_gutters()
        self._segments = list(self._made())
        self._below = self._next_below(_PITCH)
        self._beside = self._next_beside()

    # ---- words

    def lost(self) -> Iterator[Finding]:
        """Words of the page that the label has nowhere."""
        for number, word in enumerate(self._shown):
            if number not in self._at:
                yield Finding(Doubt.LOST, word.text, "", word.box)

    def surplus(self) -> Iterator[Finding]:
        """Words of the label that the page has not, or not so often."""
        for number, places in enumerate(self._placed.places):
            if not places:
                yield Finding(Doubt.SURPLUS, "", self._written[number].text, self._near(number))

    def cut(self) -> Iterator[Finding]:
        """Words that the label joins or divides, and the page does not."""
        for number in (*self._placed.joined, *self._placed.cut):
            boxes = [self._shown[at].box for at in self._placed.places[number]]
            page = " ".join(self._shown[at].text for at in self._placed.places[number])
            yield Finding(Doubt.CUT, page, self._written[number].text, union(boxes))

    def _near(self, number: int) -> Box:
        for step in range(1, len(self._written)):
            for other in (number - step, number + step):
                if 0 <= other < len(self._written) and self._placed.places[other]:
                    return self._shown[self._placed.places[other][0]].box
        return 0.0, 0.0, 0.0, 0.0

    # ---- lines

    def torn(self) -> Iterator[Finding]:
        """Words close together on a line that do not follow each other in the label."""
        for before, after in self._placed.right.items():
            left, right = self._shown[before], self._shown[after]
            gap = right.box[0] - left.box[2]
            height = min(left.height, right.height)
            if gap > _TIGHT * height or max(left.height, right.height) > _SAME_SIZE * height:
                continue
            if abs(left.middle - right.middle) > 0.25 * height:
                continue
            first, last = self._at.get(before), self._at.get(after)
            if first is None or last is None:
                continue
            slots = self._written[first].slot, self._written[last].slot
            if slots[0] != slots[1] and all(slots):
                continue  # columns may stand close
            is_onwards = first <= last or self._is_leftwards
            if slots[0] == slots[1] and is_onwards and self._follows(first, last, union([left.box, right.box])):
                continue
            yield self._finding(Doubt.TORN, before, after, first, last)

    def _follows(self, first: int, last: int, around: Box) -> bool:
        """Whether a written word comes next to another, but for what stands between them on the page."""
        low, high = min(first, last), max(first, last)
        if high - low <= 1:
            return True
        if any(word.after_gap for word in self._written[low + 1 : high + 1]):
            return True
        if high - low > _MOST_BETWEEN:
            return False
        height = around[3] - around[1]
        for number in range(low + 1, high):
            for at in self._placed.places[number]:
                box = self._shown[at].box
                if not (
                    around[0] - height <= box[0]
                    and box[2] <= around[2] + height
                    and around[1] <= self._shown[at].middle <= around[3]
                ):
                    return False
        return True

    def lines_torn(self) -> Iterator[Finding]:
        """Lines that begin in lower case and do not follow the line above them."""
        for number, below in self._below.items():
            above, under = self._segments[number], self._segments[below]
            last, first = above.words[-1], under.words[0]
            goes_on = self._shown[first].text[0].islower()
            is_flush = abs(above.box[0] - under.box[0]) < _FLUSH * above.height and (
                under.middle - above.middle < _NEXT_LINE * above.height
            )
            if above.table or under.table or not (goes_on or is_flush):
                continue
            if goes_on and self._shown[last].ends in _SENTENCE_ENDS and self._shown[last].ends:
                continue
            if max(above.height, under.height) > _SAME_SIZE * min(above.height, under.height):
                continue
            if goes_on and (number in self._beside or self._is_value(below)):
                continue
            ends, begins = self._at.get(last), self._at.get(first)
            if ends is None or begins is None or self._written[ends].is_code:
                continue
            around = union([above.box, under.box])
            is_apart = not self._follows(ends, begins, around) if goes_on else self._is_left(ends, begins, around)
            if is_apart:
                yield self._finding(Doubt.FLOW, last, first, ends, begins)

    def _is_left(self, first: int, last: int, around: Box) -> bool:
        """Whether the label leaves two lines for what stands above or below both, before it comes to the second."""
        height = (around[3] - around[1]) / 2
        return last > first and any(
            not around[1] - height < self._shown[at].middle < around[3] + height
            for number in range(first + 1, last)
            for at in self._placed.places[number]
        )

    def _is_value(self, number: int) -> bool:
        """Whether a segment stands beside a name, or close to what is to its left."""
        segment = self._segments[number]
        before = self._placed.left.get(segment.words[0])
        if before is None:
            return False
        names = (other for other, beside in self._beside.items() if beside == number)
        return segment.box[0] - self._shown[before].box[2] < 3 * segment.height or any(map(self._is_name, names))

    def order_breaks(self) -> Iterator[Finding]:
        """Pieces of lines that the label has before what stands right above them, or to their left.

        So are those of two texts side by side that it reads row by row.
        """
        if not self._is_leftwards:
            below = self._next_below(_NEXT_LINE)
            for left, right in blocks_witness.read_across(self._segments, below, self._text):
                first, second = self._segments[left].words[0], self._segments[right].words[0]
                yield self._finding(Doubt.ORDER, first, second, self._at[first], self._at[second])
        for pairs, is_column in ((self._next_below(_FAR), True), (self._beside, False)):
            if not is_column and self._is_leftwards:
                continue
            for first, second in pairs.items():
                one, other = self._segments[first], self._segments[second]
                if self._is_anywhere(one) or self._is_anywhere(other):
                    continue
                if not is_column and self._written[self._at[one.words[0]]].paragraph in self._notes:
                    continue
                if other.at < one.at and (is_column or one.table == other.table):
                    a, b = self._at[one.words[0]], self._at[other.words[0]]
                    yield self._finding(Doubt.ORDER, one.words[0], other.words[0], a, b)

    def bands_torn(self) -> Iterator[Finding]:
        """Lines of a band at the upper or lower edge of the text that the label has within what it is apart from."""
        boxes = [segment.box for segment in self._segments]
        for is_head in () if self._is_leftwards else (True, False):
            count, order = edge_bands.first_band(boxes, is_head=is_head)
            band = [self._segments[number] for number in order[:count]]
            if any(_CAPTION.match(self._shown[segment.words[0]].text) for segment in band):
                continue  # columns that begin with pictures
            others = [
                self._segments[number] for number in order[count:] if not self._is_anywhere(self._segments[number])
            ]
            for one in (segment for segment in band if not self._is_anywhere(segment)):
                # A column may begin beside a picture, or end with a note.
                has_beside = is_head and any(other.box[2] < one.box[0] for other in band)
                against = [
                    other
                    for other in others
                    if (other.at < one.at if is_head else one.at < other.at)
                    and (has_beside or (other.box[2] > one.box[0] if is_head else other.box[0] < one.box[2]))
                ]
                if len(against) >= _AGAINST:
                    first, second = (one, against[0]) if is_head else (against[0], one)
                    a, b = self._at[first.words[0]], self._at[second.words[0]]
                    yield self._finding(Doubt.ORDER, first.words[0], second.words[0], a, b)

    def _text(self, number: int) -> str:
        return " ".join(self._shown[at].text for at in self._segments[number].words)

    def _is_anywhere(self, segment: _Segment) -> bool:
        """Whether a segment is a number, of the page or the line, or one word that the page has elsewhere too."""
        text = self._shown[segment.words[0]].text
        return len(segment.words) == 1 and (self._often[text] > 1 or text.isdecimal())

    def woven(self) -> Iterator[Finding]:
        """Paragraphs that go over a gap between columns, and over it again on another line."""
        crossed: dict[int, list[tuple[int, int, Box]]] = defaultdict(list)
        for number in range(1, len(self._written)):
            before, after = self._written[number - 1], self._written[number]
            if before.paragraph != after.paragraph or after.slot is not None or after.is_code or after.after_gap:
                continue
            places = self._placed.places[number - 1], self._placed.places[number]
            if not all(places):
                continue
            left, right = self._shown[places[0][-1]], self._shown[places[1][0]]
            height = min(left.height, right.height)
            if abs(left.middle - right.middle) < _LEVEL * height and right.box[0] - left.box[2] > _GUTTER * height:
                gap = left.box[2], left.middle - height / 2, right.box[0], left.middle + height / 2
                crossed[after.paragraph].append((number - 1, number, gap))
        for crossings in crossed.values():
            for first, last, gap in crossings:
                if not any(table_witness.is_gutter(gap, other) for _, _, other in crossings):
                    continue
                at = self._placed.places[first][-1], self._placed.places[last][0]
                yield self._finding(Doubt.WOVEN, *at, first, last)

    def parted(self) -> Iterator[Finding]:
        """Names whose values the label has not beside them but after other names: with colons, or many of them."""
        bare: list[Finding] = []
        for number, beside in self._beside.items():
            name, value = self._segments[number], self._segments[beside]
            if name.table or value.table or value.at < name.at:
                continue
            below = self._below.get(number)
            first, last = self._at[name.words[-1]], self._at[value.words[0]]
            if abs(first - last) <= 1 or self._follows(first, last, union([name.box, value.box])):
                continue
            has_colon = self._shown[name.words[-1]].ends == ":" and not self._has_text_below(number)
            if has_colon and (below is None or self._segments[below].at < value.at):
                yield self._finding(Doubt.PARTED, name.words[-1], value.words[0], first, last)
            elif (
                below is not None
                and name.at < self._segments[below].at < value.at
                and self._is_name(number)
                and self._is_name(below)
                and self._has_names(number)
            ):
                bare.append(self._finding(Doubt.PARTED, name.words[-1], value.words[0], first, last))
        if len(bare) >= _MANY:
            yield from bare

    def _has_text_below(self, number: int) -> bool:
        """Whether what stands below is no name itself: the colon announces it."""
        below = self._below.get(number)
        if (
            below is None
            or self._segments[below].middle - self._segments[number].middle > 1.5 * self._segments[number].height
        ):
            return False
        return below not in self._beside and self._shown[self._segments[below].words[-1]].ends != ":"

    def _has_names(self, number: int) -> bool:
        """Whether most texts of the page that begin where a segment does, and have one beside them, are short."""
        segment = self._segments[number]
        column = [
            other for other in self._beside
            if abs(self._segments[other].box[0] - segment.box[0]) < _LEVEL * segment.height
        ]  # fmt: skip
        return sum(map(self._is_name, column)) > _MOSTLY * len(column)

    def _is_name(self, number: int) -> bool:
        """Whether a segment ends far before the one beside it, and is no sentence that goes on below."""
        below = self._below.get(number)
        goes_on = below is not None and self._shown[self._segments[below].words[0]].text[0].islower()
        if number not in self._beside or goes_on:
            return False
        name, value = self._segments[number], self._segments[self._beside[number]]
        return name.box[2] - name.box[0] < _SHORT * (value.box[0] - name.box[0])

    # ---- segments

    def _made(self) -> Iterator[_Segment]:
        """Yield chains of close words that the label has."""
        right = self._placed.right
        for start, word in enumerate(self._shown):
            before = self._placed.left.get(start)
            if word.is_turned or (before is not None and self._is_close(before, start)):
                continue
            chain = [start]
            while chain[-1] in right and self._is_close(chain[-1], right[chain[-1]]):
                chain.append(right[chain[-1]])
            known = [self._at[at] for at in chain if at in self._at]
            if self._at.get(chain[0]) is None or self._at.get(chain[-1]) is None:
                continue
            slots = [slot.table for number in known if (slot := self._written[number].slot) is not None]
            table = slots[0] if 2 * len(slots) > len(known) else 0
            yield _Segment(tuple(chain), union([self._shown[at].box for at in chain]), table, median(known))

    def _is_close(self, before: int, after: int) -> bool:
        left, right = self._shown[before], self._shown[after]
        is_near = right.box[0] - left.box[2] <= _PHRASE * min(left.height, right.height)
        return is_near and self._gutters.isdisjoint(_bins(left.box[2], right.box[0]))

    def _narrow_gutters(self) -> frozenset[int]:
        """Return where columns stand as close as words may: many lines have a wide gap there, hardly one a word.

        Wide beside the blanks of the page: lines of the same words have those one below the other too.
        """
        beside = [(self._shown[before], self._shown[after]) for before, after in self._placed.right.items()]
        found = [(right.box[0] - left.box[2], left, right) for left, right in beside]
        blanks = [gap for gap, left, right in found if 0.0 < gap <= _PHRASE * min(left.height, right.height)]
        blank = median(blanks) if blanks else 0.0
        gaps: Counter[int] = Counter()
        for gap, left, right in found:
            if gap > max(_TIGHT * min(left.height, right.height), _WIDE * blank):
                gaps.update(_bins(left.box[2], right.box[0]))
        many = {at for at, count in gaps.items() if count >= _GUTTER_LINES}
        across: Counter[int] = Counter()
        for word in self._shown if many else ():
            across.update(many.intersection(_bins(word.box[0], word.box[2])))
        return frozenset(at for at in many if across[at] <= _CROSSED * gaps[at])

    def _next_below(self, pitch: float) -> dict[int, int]:
        """Return segment → the nearest below it that shares most of its width, so many heights away at most."""
        by_height = sorted(range(len(self._segments)), key=lambda n: self._segments[n].middle)
        found: dict[int, int] = {}
        for at, number in enumerate(by_height):
            one = self._segments[number]
            for other in by_height[at + 1 :]:
                two = self._segments[other]
                down = two.middle - one.middle
                if max(one.height, two.height) > _SIZES * min(one.height, two.height):
                    continue
                if down > pitch * one.height:
                    break
                if down < _LEVEL * min(one.height, two.height):
                    continue
                shared = min(one.box[2], two.box[2]) - max(one.box[0], two.box[0])
                if shared >= _OVERLAPS * min(one.box[2] - one.box[0], two.box[2] - two.box[0]):
                    found[number] = other
                    break
        return found

    def _next_beside(self) -> dict[int, int]:
        starts = {segment.words[0]: number for number, segment in enumerate(self._segments)}
        found = {}
        for number, segment in enumerate(self._segments):
            after = self._placed.right.get(segment.words[-1])
            if (
                after is not None
                and after in starts
                and abs(self._shown[after].middle - segment.middle) < (_LEVEL * segment.height)
            ):
                found[number] = starts[after]
        return found

    def _finding(self, doubt: Doubt, before: int, after: int, first: int, last: int) -> Finding:
        page = f"{self._phrase(before, -1)} {self._phrase(after, 1)}"
        low = min(first, last)
        context = " ".join(word.text for word in self._written[low : low + 4])
        return Finding(doubt, page, context[:MOST_QUOTED], union([self._shown[before].box, self._shown[after].box]))

    def _phrase(self, at: int, step: int) -> str:
        beside = self._placed.right if step > 0 else self._placed.left
        other = beside.get(at)
        texts = [self._shown[at].text]
        if other is not None and self._is_close(*((at, other) if step > 0 else (other, at))):
            texts.append(self._shown[other].text)
        return " ".join(texts[::step])


def _bins(start: float, end: float) -> range:
    """Return the numbers of the places, a point or two wide, that lie between two."""
    return range(math.ceil(start / _BIN), math.floor(end / _BIN) + 1)

"""A label's words, each put where the page has it, without knowing how the label was made.

Only the label's Markdown and the words of the page with their boxes are looked at: no blocks, no lines, no reading
order, no tables of the reader's. Texts that both have once are anchors; from each the label is followed to both sides
as long as the page has the next word beside the last. What is left goes to the nearest word of its text, in tables the
nearest to its row and column. A page's word is taken once, so that a text written twice finds its place once.
"""

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from statistics import median

from scribetune.labels.tables.cells import Box, Word
from scribetune.text import markdown_view
from scribetune.text.markdown import FIGURE

_ALONE = "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3400-\u9fff\uf900-\ufaff"  # kana and Han
_UNIT = re.compile(rf"[{_ALONE}]|[^\W_{_ALONE}]+")
_NOT_COMPARED = str.maketrans("", "", "*`\\\u00ad")  # marks of Markdown that may stand within a word
_MARKS_ALONE = str.maketrans("", "", "¨´`ˆ^˜¸˚ˇ˝˛")  # of letters: some fonts draw them beside
_FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.DOTALL)
_NOTE = re.compile(r"\[\^([^\]\s]+)\]:?")
_RAISED = re.compile(r"</?su[pb]>")
_DELIMITER = re.compile(r"\|(?:---\|)+")
_HTML_TABLE = re.compile(r"<table\b.*?</table>", re.DOTALL)
_MARKED = re.compile(r"\s*(?:#{1,6}\s|[-+>]\s|\(?\w{1,3}[.)]\s|\x00|\[)")  # begins a heading, an item, a picture
_BAND = 12.0  # points
_LEVEL = 0.5  # of the lower one's height, that two words on one line share
_TURNED = 1.6  # times as high as wide
_EXPECTED = 0.8  # cost of a place: heights of the line from where the word is expected
_GAIN = 0.5  # of cost, for which words exchange their places
_SIZES = 2.0  # a word that many times as high is no neighbour: a watermark, a dropped capital
_OTHER_TABLE = 50.0  # cost of a place on the wrong side of all rows that are known
_MOST_ALIKE = 300  # words of one text that are compared with each other: a page of numbers has thousands
_NOBODY = -1
_MOST_PARTS = 3  # of a word that stands divided on the page, or in the label


@dataclass(frozen=True)
class Slot:
    """A cell of a table of the label: which table, row and column (from 0), and how many of them it spans."""

    table: int
    row: int
    column: int
    rows: int = 1
    columns: int = 1


@dataclass(frozen=True)
class Written:
    """A word of the label."""

    text: str
    paragraph: int  # words of one line of Markdown, or one cell, have one number
    slot: Slot | None = None
    is_code: bool = False
    after_gap: bool = False  # a formula, or a picture, stands before it
    is_running: bool = False  # of plain text: no heading, item, note with its mark, cell or code


@dataclass(frozen=True)
class Shown:
    """A word of the page, or one of its parts between marks."""

    text: str
    box: Box
    word: int
    is_turned: bool  # it runs up or down the page
    ends: str  # the last character of its word, where it is that word's last part

    @property
    def height(self) -> float:
        """Of its box, in points."""
        return self.box[3] - self.box[1]

    @property
    def middle(self) -> float:
        """Height of its middle on the page."""
        return (self.box[1] + self.box[3]) / 2


@dataclass
class PlacedLabel:
    """What of a label stands where: `places[i]` are the shown words that written word i is, if it has a place."""

    written: Sequence[Written]
    shown: Sequence[Shown]
    right: Mapping[int, int]  # shown word → the next to its right on its line
    places: list[tuple[int, ...]] = field(default_factory=list)
    joined: list[int] = field(default_factory=list)  # written words that the page has apart on one line
    cut: list[int] = field(default_factory=list)  # written words that the page has as one

    @cached_property
    def position(self) -> dict[int, int]:
        """Shown word → the written word that it is."""
        return {shown: number for number, places in enumerate(self.places) for shown in places}

    @cached_property
    def left(self) -> dict[int, int]:
        """Shown word → the next to its left on its line."""
        return {after: before for before, after in self.right.items()}


def place(label: str, words: Sequence[Word], left_out: Sequence[Box] = (), *, has_latex: bool = False) -> PlacedLabel:
    """Put each word of a label where the page has it.

    What the page has in the boxes that are left out is no word of it; with `has_latex`, formulas between dollars are
    none of the label.
    """
    written = list(_written(label, has_latex=has_latex))
    shown = [word for word in _shown(words) if not any(_is_in(word, box) for box in left_out)]
    turned = {(round(word.box[0]), round(word.box[2])) for word in shown if word.is_turned}
    if turned:  # short words of a turned line are about as wide as high
        shown = [replace(word, is_turned=(round(word.box[0]), round(word.box[2])) in turned) for word in shown]
    return _Placing(written, shown).done()


def count(label: str, *, has_latex: bool = False) -> int:
    """Return how many words a label, or the beginning of one, has."""
    return sum(1 for _ in _written(label, has_latex=has_latex))


def _written(label: str, *, has_latex: bool) -> Iterator[Written]:
    text = _RAISED.sub("", _NOTE.sub(r"\1", label.replace(FIGURE, " \x00 ")))
    if has_latex:
        text = _FORMULA.sub(" \x00 ", text)
    paragraph = table = 0
    at = 0
    pieces: list[tuple[str, bool]] = []
    for found in _HTML_TABLE.finditer(text):
        pieces += [(text[at : found.start()], False), (found.group(), True)]
        at = found.end()
    pieces.append((text[at:], False))
    for piece, is_table in pieces:
        if is_table:
            table += 1
            for slot, cell in _html_cells(piece, table):
                paragraph += 1
                yield from _units(cell, paragraph, slot)
            continue
        is_code, row = False, -1
        for line in piece.split("\n"):
            if line.startswith("```"):
                is_code = not is_code
            elif line.startswith("|") and not is_code:
                if _DELIMITER.fullmatch(line.strip()):
                    continue
                table, row = (table + 1, 0) if row < 0 else (table, row + 1)
                for column, cell in enumerate(re.split(r"(?<!\\)\|", line)[1:-1]):
                    paragraph += 1
                    yield from _units(cell.replace("<br>", " "), paragraph, Slot(table, row, column))
                continue
            row = -1
            paragraph += 1
            is_running = not is_code and not _MARKED.match(line)
            yield from _units(line, paragraph, None, is_code=is_code, is_running=is_running)


def _html_cells(source: str, table: int) -> Iterator[tuple[Slot, str]]:
    taken: set[tuple[int, int]] = set()
    for row, cells in enumerate(markdown_view.table_rows(source) or ()):
        column = 0
        for cell in cells:
            while (row, column) in taken:
                column += 1
            taken.update((row + r, column + c) for r in range(cell.rows) for c in range(cell.columns))
            yield Slot(table, row, column, cell.rows, cell.columns), html.unescape(cell.text)


def _units(
    text: str, paragraph: int, slot: Slot | None, *, is_code: bool = False, is_running: bool = False
) -> Iterator[Written]:
    for number, part in enumerate(text.split("\x00")):
        is_first = number > 0
        for unit in _UNIT.findall(_bare(part)):
            yield Written(unit, paragraph, slot, is_code, after_gap=is_first, is_running=is_running)
            is_first = False


def _bare(text: str) -> str:
    """Return text as it is compared: without marks of Markdown within words, and without those on letters."""
    text = text.translate(_NOT_COMPARED)
    if text.isascii():
        return text
    split = unicodedata.normalize("NFKD", text.translate(_MARKS_ALONE))
    return "".join(character for character in split if not "\u0300" <= character <= "\u036f")


def _shown(words: Sequence[Word]) -> Iterator[Shown]:
    last: Shown | None = None
    for number, word in enumerate(words):
        width, height = word.x1 - word.x0, word.y1 - word.y0
        text = _bare(word.text)
        is_turned = height > _TURNED * width and len(text) > 2
        found = list(_UNIT.finditer(text))
        if last is not None and not found and 0 <= word.x0 - last.box[2] < height and _is_level(word, last):
            # A mark alone is no word, and no gap either.
            last = replace(last, box=(*last.box[:2], word.x1, last.box[3]))
        for unit in found:
            if last is not None:
                yield last
            ends = (at / len(text) for at in unit.span())
            x0, x1 = sorted(word.x1 - width * at if runs_leftwards(text) else word.x0 + width * at for at in ends)
            end = text[-1] if unit is found[-1] else ""
            last = Shown(unit.group(), (x0, word.y0, x1, word.y1), number, is_turned, end)
    if last is not None:
        yield last


def _is_level(word: Word, shown: Shown) -> bool:
    return shown.box[1] <= word.centre[1] <= shown.box[3]


def _is_in(word: Shown, box: Box) -> bool:
    return box[1] <= word.middle <= box[3] and box[0] <= (word.box[0] + word.box[2]) / 2 <= box[2]


def neighbours(shown: Sequence[Shown]) -> dict[int, int]:
    """Return shown word → the next to its right on its line, each the right one of at most one."""
    bands: dict[int, list[int]] = defaultdict(list)
    for number, word in enumerate(shown):
        for band in range(int(word.box[1] // _BAND), int(word.box[3] // _BAND) + 1):
            bands[band].append(number)
    right: dict[int, int] = {}
    nearest: dict[int, tuple[float, int]] = {}
    for number, word in enumerate(shown):
        if word.is_turned:
            continue
        x0, y0, x1, y1 = word.box
        best: tuple[float, int] | None = None
        for other in bands[int(word.middle // _BAND)]:
            a0, b0, a1, b1 = shown[other].box
            if a0 + a1 <= x0 + x1 or other == number or shown[other].is_turned or a0 < x1 - 0.3 * (a1 - a0):
                continue
            shared = min(y1, b1) - max(y0, b0)
            if shared < _LEVEL * min(y1 - y0, b1 - b0) or (best is not None and a0 >= best[0]):
                continue
            if max(y1 - y0, b1 - b0) > _SIZES * min(y1 - y0, b1 - b0):
                continue
            best = a0, other
        if best is not None and (best[1] not in nearest or nearest[best[1]][0] < x1):
            if best[1] in nearest:
                right.pop(nearest[best[1]][1], None)
            nearest[best[1]] = x1, number
            right[number] = best[1]
    return right


def _is_long(text: str) -> bool:
    """Whether a text is no mark of a note, no index and no number."""
    return len(text) > 1 and text.isalpha()


def runs_leftwards(text: str) -> bool:
    """Whether a word is of a script that is read from right to left."""
    return unicodedata.bidirectional(text[0]) in ("R", "AL")


class _Placing:
    """Written words under way to their places."""

    def __init__(self, written: Sequence[Written], shown: Sequence[Shown]) -> None:
        self._written, self._shown = written, shown
        self._right = neighbours(shown)
        self._left = {after: before for before, after in self._right.items()}
        self._at: list[int | None] = [None] * len(written)
        self._more: dict[int, tuple[int, ...]] = {}
        self._free: dict[str, set[int]] = defaultdict(set)
        for number, word in enumerate(shown):
            self._free[word.text].add(number)
        self._joined: list[int] = []
        self._cut: list[int] = []

    def done(self) -> PlacedLabel:
        for length in (1, 2, 3):
            self._anchor(length)
        self._go_on_below()
        self._nearest()
        self._exchange()
        self._put_together()
        places = [self._more.get(number, () if at is None else (at,)) for number, at in enumerate(self._at)]
        return PlacedLabel(self._written, self._shown, self._right, places, self._joined, self._cut)

    def _put(self, number: int, at: int) -> None:
        self._at[number] = at
        self._free[self._shown[at].text].discard(at)

    def _is_free(self, number: int, at: int | None) -> bool:
        return at is not None and self._is_open(number) and at in self._free[self._written[number].text]

    def _grow(self, number: int) -> None:
        """Follow the label to both sides as long as the page has the next word beside the last."""
        for step in (1, -1):
            here = number
            while 0 <= here + step < len(self._written):
                at = self._beside(here, step)
                if at is None or not self._is_free(here + step, at):
                    break
                self._put(here + step, at)
                here += step

    def _beside(self, number: int, step: int) -> int | None:
        """Return the shown word that is read after (1) or before (-1) a written one's."""
        known = self._more[number][0 if step < 0 else -1] if number in self._more else self._at[number]
        is_leftwards = runs_leftwards(self._written[number].text)
        return None if known is None else (self._right if (step > 0) != is_leftwards else self._left).get(known)

    def _anchor(self, length: int) -> None:
        """Place what label and page have once: single words, then words in a row."""
        label: dict[tuple[str, ...], list[int]] = defaultdict(list)
        texts = [word.text for word in self._written]
        for number in range(len(texts) - length + 1):
            if self._at[number] is None:
                label[tuple(texts[number : number + length])].append(number)
        page: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for at in range(len(self._shown)):
            chain = [at]
            onwards = self._left if runs_leftwards(self._shown[at].text) else self._right
            while len(chain) < length and chain[-1] in onwards:
                chain.append(onwards[chain[-1]])
            if len(chain) == length and at in self._free[self._shown[at].text]:
                page[tuple(self._shown[link].text for link in chain)].append(at)
        for key, numbers in label.items():
            if len(numbers) == 1 and len(page.get(key, ())) == 1 and self._is_free(numbers[0], page[key][0]):
                self._put(numbers[0], page[key][0])
                self._grow(numbers[0])

    def _nearest(self) -> None:
        """Place what is left at the nearest word of its text."""
        columns, rows = self._table_lines()
        for number, word in enumerate(self._written):
            free = self._free.get(word.text)
            if not self._is_open(number) or not free:
                continue
            if len(free) == 1:
                best = next(iter(free))
            else:
                best = min(sorted(free)[:_MOST_ALIKE], key=lambda at: self._cost(number, at, columns, rows))
            self._put(number, best)
            if word.slot is not None:
                rows.setdefault((word.slot.table, word.slot.row), self._shown[best].middle)
            self._grow(number)

    def _table_lines(self) -> tuple[dict[tuple[int, int], float], dict[tuple[int, int], float]]:
        """Return where columns and rows of the label's tables are, by the words placed already."""
        xs: dict[tuple[int, int], list[float]] = defaultdict(list)
        ys: dict[tuple[int, int], list[float]] = defaultdict(list)
        for word, at in zip(self._written, self._at, strict=True):
            if word.slot is not None and at is not None:
                box = self._shown[at].box
                if word.slot.columns == 1:
                    xs[word.slot.table, word.slot.column].append((box[0] + box[2]) / 2)
                if word.slot.rows == 1:
                    ys[word.slot.table, word.slot.row].append(self._shown[at].middle)
        return {key: median(found) for key, found in xs.items()}, {key: median(found) for key, found in ys.items()}

    def _cost(
        self, number: int, at: int, columns: Mapping[tuple[int, int], float], rows: Mapping[tuple[int, int], float]
    ) -> float:
        """Return how far a shown word is from where a written one is expected, in heights of it."""
        here = self._shown[at]
        height = max(here.height, 1.0)
        slot = self._written[number].slot
        cost = 0.0
        beside = [
            (step, known)
            for step in (-1, 1)
            if 0 <= number + step < len(self._at)
            and (known := self._at[number + step]) is not None
            and self._written[number + step].slot == slot
        ]
        if slot is not None:
            column, row = columns.get((slot.table, slot.column)), rows.get((slot.table, slot.row))
            if column is not None:
                cost += abs((here.box[0] + here.box[2]) / 2 - column) / height
            if row is not None and not beside:
                return cost + 4 * abs(here.middle - row) / height
            if row is None:  # as near to the rows around it as it can be
                near = [
                    abs(known[1] - slot.row) + abs(here.middle - y) / height
                    for known, y in rows.items()
                    if known[0] == slot.table and (here.middle - y) * (slot.row - known[1]) > 0
                ]
                cost += 0.5 * min(near) if near else _OTHER_TABLE * (slot.table in {known[0] for known in rows})
            else:
                cost += 0.5 * abs(here.middle - row) / height
        for step, known in beside:
            there = self._shown[known]
            down = (here.middle - there.middle) * -step / height
            is_leftwards = runs_leftwards(here.text)
            before, after = (here, there) if (step < 0) == is_leftwards else (there, here)
            away = abs(after.box[0] - before.box[2]) / height
            starts = (at if step < 0 else known) not in (self._right if is_leftwards else self._left) or away > 2
            if abs(down) < _LEVEL:
                cost += 0.1 * away
            else:
                cost += (down if down > 0 else 3 - 2 * down) + (0 if starts else 2)
        return cost

    def _exchange(self) -> None:
        """Let words of one text exchange their places where both, or one of them, come nearer to their neighbours."""
        columns, rows = self._table_lines()
        same: dict[str, list[int]] = defaultdict(list)
        for number, at in enumerate(self._at):
            if at is not None:
                same[self._written[number].text].append(number)
        for number, at in enumerate(self._at):
            others = same[self._written[number].text]
            if at is None or len(others) + len(self._free.get(self._written[number].text, ())) < 2:
                continue
            cost = self._cost(number, at, columns, rows)
            if cost < _EXPECTED:
                continue
            best: tuple[float, int, int] = (-_GAIN, _NOBODY, at)
            for other in others[:_MOST_ALIKE]:
                there = self._at[other]
                if other == number or there is None:
                    continue
                gain = self._cost(number, there, columns, rows) - cost
                if gain < best[0]:
                    gain += self._cost(other, at, columns, rows) - self._cost(other, there, columns, rows)
                    best = min(best, (gain, other, there), key=lambda found: found[0])
            for there in sorted(self._free.get(self._written[number].text, ()))[:_MOST_ALIKE]:
                best = min(best, (self._cost(number, there, columns, rows) - cost, _NOBODY, there), key=lambda f: f[0])
            _, other, there = best
            if there == at:
                continue
            self._at[number] = there
            self._free[self._shown[at].text].add(at)
            self._free[self._shown[at].text].discard(there)
            if other != _NOBODY:
                self._put(other, at)

    def _go_on_below(self) -> None:
        """Place words that the page divides right after the one before them: the whole word may stand elsewhere too."""
        for number, word in enumerate(self._written):
            expected = self._beside(number - 1, 1) if number and self._is_open(number) else None
            start = self._text_of(expected)
            if start and start != word.text and word.text.startswith(start) and expected in self._free[start]:
                parts = self._parts(word.text, _MOST_PARTS, expected)
                if parts and parts[0] == expected:
                    self._put_parts(number, parts)
                    self._grow(number)

    def _is_open(self, number: int) -> bool:
        return self._at[number] is None and number not in self._more

    def _put_parts(self, number: int, parts: tuple[int, ...]) -> None:
        self._more[number] = parts
        for at in parts:
            self._free[self._shown[at].text].discard(at)
        on_line = [after for before, after in pairwise(parts) if self._right.get(before) == after]
        if self._are_words(parts) and any(self._is_apart(self._left[at], at) for at in on_line):
            self._joined.append(number)

    def _put_together(self) -> None:
        """Place words that the page has divided at a line's end, or that one of the two has in pieces."""
        for number, word in enumerate(self._written):
            if self._is_open(number):
                parts = self._parts(word.text, _MOST_PARTS, self._beside(number - 1, 1) if number else None)
                if parts:
                    self._put_parts(number, parts)
        for number in range(len(self._written)):
            for length in range(2, _MOST_PARTS + 1):
                run = range(number, min(number + length, len(self._written)))
                if not all(map(self._is_open, run)) or len(run) < length:
                    break
                free = self._free.get("".join(self._written[n].text for n in run))
                if free:
                    at = min(free)
                    for n in run:
                        self._more[n] = (at,)
                    free.discard(at)
                    if all(_is_long(self._written[n].text) for n in run):
                        self._cut.append(number)
                    break

    def _are_words(self, parts: Sequence[int]) -> bool:
        return all(_is_long(self._shown[at].text) for at in parts)

    def _is_apart(self, before: int, after: int) -> bool:
        left, right = self._shown[before], self._shown[after]
        return left.word != right.word and right.box[0] - left.box[2] > 0.12 * left.height

    def _parts(self, text: str, most: int, expected: int | None) -> tuple[int, ...]:
        """Return free shown words that make up a text, the first of them at a line's end or beside the next."""
        for end in sorted(range(1, len(text)), key=lambda end: (self._text_of(expected) != text[:end], -end)):
            for at in sorted(self._free.get(text[:end], ()), key=lambda at: (at != expected, at)):
                rest = text[end:]
                beside = self._right.get(at)
                if beside is not None and beside in self._free.get(rest, ()):
                    return at, beside
                below = [
                    other for other in self._free.get(rest, ())
                    if other not in self._left or self._is_new_line(other)
                ]  # fmt: skip
                near = [
                    o for o in below if 0 < self._shown[o].middle - self._shown[at].middle < 3 * self._shown[at].height
                ]
                if near or below:
                    return at, min(near or below, key=lambda o: abs(self._shown[o].middle - self._shown[at].middle))
                if most > 2 and beside is not None and rest.startswith(self._shown[beside].text):
                    more = self._parts(rest, most - 1, beside)
                    if more and more[0] == beside:
                        return (at, *more)
        return ()

    def _text_of(self, at: int | None) -> str:
        return "" if at is None else self._shown[at].text

    def _is_new_line(self, at: int) -> bool:
        before = self._shown[self._left[at]]
        return self._shown[at].box[0] - before.box[2] > before.height

"""Which words of the page each cell of a table took: by what the cell says, and where the cell must stand."""

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from scribetune.labels.tables.cells import PageTable, Word
from scribetune.text.characters import dense

_FAR = 1e6
_BESIDE = 3.0  # times as far: a word beside its column
_LINE = 0.5  # of a word's height: what lies less apart is on one line


@dataclass
class _Text:
    """A text of a table under way: a cell, or a line above or below the grid."""

    tokens: list[str]  # its words, without blanks
    row: int  # -1 above the grid, the number of rows below it
    column: int
    row_span: int = 1
    column_span: int = 1
    taken: list[int] = field(default_factory=list)  # words, in the order in which it has them
    left: str = ""  # characters that no word explains


@dataclass(frozen=True)
class CellWords:
    """Words that a table's texts took, as places in the list that was asked about."""

    in_order: tuple[int, ...]  # as the table is read: lines above it, cells row by row, lines below it
    left: tuple[int, ...]  # words that no text took
    by_cell: tuple[tuple[int, ...], ...] = ()  # those of each cell, in the order of the table's cells


def of_table(table: PageTable, words: Sequence[Word]) -> CellWords:
    """Give each word to one text of a table at most, where the texts say it, and nearest to where they stand."""
    texts = [_Text(_tokens(line), -1, 0) for line in table.above]
    texts += [_Text(_tokens(cell.text), cell.row, cell.column, cell.row_span, cell.column_span) for cell in table.cells]
    texts += [_Text(_tokens(line), table.rows, 0) for line in table.below]
    giving = _Giving(words)
    giving.anchor(texts)
    for text in texts:
        giving.give(text)
    left = [place for place in range(len(words)) if not giving.is_taken[place]]
    left = [place for place in left if not _is_divided(giving.texts[place], place, texts)]
    by_cell = tuple(tuple(text.taken) for text in texts[len(table.above) : len(table.above) + len(table.cells)])
    return CellWords(tuple(place for text in texts for place in text.taken), tuple(left), by_cell)


def _is_divided(word: str, place: int, texts: Sequence[_Text]) -> bool:
    """Give a word to the texts that have a part of it each: it stands over a rule between two cells."""
    with_rest = [text for text in texts if text.left]
    rest = "".join(text.left for text in with_rest)
    at = rest.find(word) if word else -1
    if at < 0:
        return False
    end = at + len(word)
    start, first = 0, True
    for text in with_rest:
        own, length = text.left, len(text.left)
        begin, stop = max(at - start, 0), min(end - start, length)
        if begin < stop:
            text.left = own[:begin] + own[stop:]
            if first:
                text.taken.append(place)
            first = False
        start += length
    return True


def _tokens(text: str) -> list[str]:
    return [token for part in text.split() if (token := dense(part))]


def _between(known: dict[int, float], texts: Sequence[_Text], *, by_row: bool) -> dict[int, float]:
    """Add rows, or columns, that have no word of their own: evenly between those that have, and on beyond them."""
    if len(known) < 2:
        return known
    numbers = sorted(known)
    found = dict(known)
    for text in texts:
        number = text.row if by_row else text.column
        at = min(max(bisect(numbers, number), 1), len(numbers) - 1)
        first, last = numbers[at - 1], numbers[at]
        step = (known[last] - known[first]) / (last - first)
        found.setdefault(number, known[first] + (number - first) * step)
    return found


class _Giving:
    def __init__(self, words: Sequence[Word]) -> None:
        self.words = words
        self.texts = [dense(word.text) for word in words]
        self.centres = [word.centre for word in words]
        self.is_taken = [not text for text in self.texts]
        self._by_text: dict[str, list[int]] = defaultdict(list)
        self._by_start: dict[str, list[int]] = defaultdict(list)
        for place, text in enumerate(self.texts):
            if text:
                self._by_text[text].append(place)
                self._by_start[text[0]].append(place)
        self._rows: dict[int, float] = {}
        self._columns: dict[int, float] = {}

    def anchor(self, texts: Sequence[_Text]) -> None:
        """Find rows and columns by the words that the page and the table have once."""
        seen: dict[str, list[_Text]] = defaultdict(list)
        for text in texts:
            for token in text.tokens:
                seen[token].append(text)
        rows: dict[int, list[float]] = defaultdict(list)
        columns: dict[int, list[float]] = defaultdict(list)
        for token, found in seen.items():
            places = self._by_text.get(token, ())
            if len(found) == len(places) == 1:
                x, y = self.centres[places[0]]
                # What stands in the middle of several says where none of them is.
                if found[0].row_span == 1:
                    rows[found[0].row].append(y)
                if found[0].column_span == 1:
                    columns[found[0].column].append(x)
        self._rows = _between({row: median(found) for row, found in rows.items()}, texts, by_row=True)
        self._columns = _between({column: median(found) for column, found in columns.items()}, texts, by_row=False)

    def give(self, text: _Text) -> None:
        """Give a text the words that it consists of; a hyphen at a line's end may be gone from it."""
        whole = "".join(text.tokens)
        starts: dict[int, str] = {}
        at = 0
        for token in text.tokens:
            starts[at] = token
            at += len(token)
        at = 0
        while at < len(whole):
            exact = [p for p in self._by_text.get(starts.get(at, ""), ()) if not self.is_taken[p]]
            best = self._nearest(text, exact) if exact else self._nearest(text, list(self._beginning(whole, at)))
            if best is None:
                text.left += whole[at]
                at += 1
                continue
            text.taken.append(best)
            self.is_taken[best] = True
            at += self._length(whole, at, best)

    def _beginning(self, whole: str, at: int) -> Iterator[int]:
        for place in self._by_start.get(whole[at], ()):
            if not self.is_taken[place] and self._length(whole, at, place):
                yield place

    def _length(self, whole: str, at: int, place: int) -> int:
        """Return how many characters of a text a word is, 0 where it is none of it."""
        word = self.texts[place]
        if whole.startswith(word, at):
            return len(word)
        return len(word) - 1 if len(word) > 2 and word[-1] == "-" and whole.startswith(word[:-1], at) else 0

    def _nearest(self, text: _Text, places: Sequence[int]) -> int | None:
        if len(places) < 2:
            return places[0] if places else None
        if text.taken:
            return min(
                places,
                key=lambda place: (self._distance(text.taken[-1], place) + _BESIDE * self._beside(text, place), place),
            )
        row, column = self._rows.get(text.row), self._columns.get(text.column)
        return min(
            places,
            key=lambda place: (
                (3 * abs(self.centres[place][1] - row) if row is not None else 0)
                + (abs(self.centres[place][0] - column) if column is not None else 0),
                place,
            ),
        )

    def _beside(self, text: _Text, place: int) -> float:
        """Return how far a word is from where the columns of its text are, halfway to those beside."""
        if text.column not in self._columns:
            return 0.0
        last = text.column + text.column_span - 1
        start, end = self._columns[text.column], self._columns.get(last, self._columns[text.column])
        low = (self._columns.get(text.column - 1, start - _FAR) + start) / 2
        high = (self._columns.get(last + 1, end + _FAR) + end) / 2
        return max(low - self.centres[place][0], self.centres[place][0] - high, 0.0)

    def _distance(self, before: int, place: int) -> float:
        """Return how far a word is from where the one that follows another in a cell would stand."""
        (x, y), (last_x, last_y) = self.centres[place], self.centres[before]
        off = y - last_y
        if abs(off) < _LINE * self.words[before].height:
            return abs(self.words[place].x0 - self.words[before].x1)
        # The next line of a cell is near; what stands above it is none of it.
        return abs(x - last_x) + (5 * off if off > 0 else _FAR)

"""What the page says about a table: a second reading of its words, and how they stand in their cells."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from statistics import median

from scribetune.labels.right_to_left import is_right_to_left
from scribetune.labels.ruling_lines import Rules, covered
from scribetune.labels.tables import cell_words, second_reading
from scribetune.labels.tables.cells import Box, PageTable, Word, union
from scribetune.labels.tables.lines import is_figure, is_leader, lines_of
from scribetune.labels.tables.second_reading import Place, SecondReading
from scribetune.text.grids import Cell
from scribetune.text.markdown import is_cjk

_BLANK = 0.35  # of a word's height: less between two cells is a blank within a text
_APART = 1.5  # of a word's height: more within a line of a cell is a gap between columns
_PART_GAP = 0.4  # of a word's height: between the parts of one that two cells have
_MOST_HEADER = 5  # rows
_SHOWN = 60  # characters of a cell


@dataclass(frozen=True)
class Witness:
    """What speaks for a table, each within 0 and 1; 1 where nothing speaks against it.

    Where cells are counted that something is wrong with, it is 1 / (1 + their number): one is one too many.
    """

    columns: float  # both readings have as many: the smaller number by the larger
    body: float  # cells below the headings that the second reading has too, in that place
    ruled: float  # share of the borders between rows and columns that are drawn
    walls: float  # cells that no line runs through
    whole: float  # cells without a gap as wide as one between columns, and without lines far apart
    apart: float  # neighbours in a row that stand apart, or have a line between them
    order: float  # cells whose words stand in their row and column
    named: float  # share of rows whose first column is filled
    filled: float  # share of slots that are filled
    head: float  # share of columns that the first row fills
    kinds: float  # share of cells of the body that are figures, or text, as most of their column
    held: float  # share of the words in its box that the table has


@dataclass(frozen=True)
class Compared:
    """A table and its second reading."""

    witness: Witness
    box: Box  # around its words
    rows: int  # of the second reading
    columns: int
    differs: str  # the first cell that differs, in words; "" where none does
    second: tuple[tuple[str, ...], ...]  # the second reading, row by row


def compare(table: PageTable, words: Sequence[Word], rules: Rules) -> Compared | None:
    """Compare a table with a second reading of its words; None where it has no words that could be read again.

    `words` and `rules` are those of its page.
    """
    x0, y0, x1, y1 = table.box
    near = [w for w in words if x0 - 2 <= w.centre[0] <= x1 + 2 and y0 - 2 <= w.centre[1] <= y1 + 2]
    inside = _parted(near, table)
    taken = cell_words.of_table(table, inside)
    numbers = [n for part in taken.by_cell for n in part if not is_leader(inside[n].text)]
    if len(numbers) < 2:
        return None
    at = {number: index for index, number in enumerate(numbers)}
    its = [inside[number] for number in numbers]
    held = [[at[n] for n in part if n in at] for part in taken.by_cell]
    if is_right_to_left("".join(cell.text for cell in table.cells)):
        turned = (replace(c, column=table.columns - c.column - c.column_span) for c in table.cells)
        table = replace(table, cells=tuple(turned))
    second = second_reading.read(its, rules)
    view = _View(table, its, held, rules)
    wrong, differs = _differing(view, second)
    witness = Witness(
        columns=min(table.columns, second.columns) / max(table.columns, second.columns, 1),
        body=1 / (1 + wrong),
        ruled=view.ruled(),
        walls=view.walls(),
        whole=view.whole(),
        apart=view.apart(),
        order=view.order(),
        named=view.named(),
        filled=view.filled(),
        head=view.head(),
        kinds=view.kinds(),
        held=1 - len(taken.left) / len(inside),
    )
    return Compared(witness, view.box, second.rows, second.columns, differs, second.grid(its))


def _parted(words: Sequence[Word], table: PageTable) -> list[Word]:
    """Cut words that two cells have a part of each: they stand so close that the text layer has them as one."""
    known = {token for cell in table.cells for token in cell.text.split()}
    parted: list[Word] = []
    for word in words:
        text = word.text
        at = (
            0 if text in known else next((n for n in range(1, len(text)) if text[:n] in known and text[n:] in known), 0)
        )
        if not at:
            parted.append(word)
            continue
        widths = [2 if is_cjk(character) else 1 for character in text]
        x = word.x0 + (word.x1 - word.x0) * sum(widths[:at]) / sum(widths)
        gap = min(_PART_GAP * word.height, (word.x1 - word.x0) / 4)
        parted.append(replace(word, x1=x - gap / 2, text=text[:at]))
        parted.append(replace(word, x0=x + gap / 2, text=text[at:]))
    return parted


def _differing(view: "_View", second: SecondReading) -> tuple[int, str]:
    """Return how many cells below the headings the second reading has not in that place, and the first that differs.

    Rows and columns are the same where most of their words say so; those out of order are none.
    """
    theirs: dict[Place, set[int]] = defaultdict(set)
    for number, place in second.places.items():
        theirs[place].add(number)
    filled = view.filled_cells()
    rows = _matched([(cell.row, second.places[n][0]) for cell, part in filled for n in part if cell.row_span == 1])
    columns = _matched(
        [(cell.column, second.places[n][1]) for cell, part in filled for n in part if cell.column_span == 1]
    )
    wrong = 0
    differs = ""
    for cell, numbers in filled:
        place = second.places[numbers[0]]
        its_rows = {place[0], *(rows.get(cell.row + down, place[0]) for down in range(cell.row_span))}
        is_same = (
            set(numbers) in (theirs[place], {n for row in its_rows for n in theirs[row, place[1]]})
            and (cell.row == 0 or any(rows.get(cell.row + down) == place[0] for down in range(cell.row_span)))
            and (cell.column_span > 1 or columns.get(cell.column) == place[1])
        )
        wrong += not is_same and (cell.row >= view.header_rows or view.table.columns == 2)
        if not is_same and not differs:
            other = second.text(place, view.words)
            where = f"row {place[0] + 1}, column {place[1] + 1}"
            differs = f"{cell.text[:_SHOWN]!r} in row {cell.row + 1}, column {cell.column + 1}, or "
            differs += f"in {where}" if cell.text == other else f"{other[:_SHOWN]!r} in {where}"
    return wrong, differs


def _matched(pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Return for each row (or column) of the first reading that of the second that most words say, in order."""
    counts: dict[int, Counter[int]] = defaultdict(Counter)
    for first, second in pairs:
        counts[first][second] += 1
    most = {first: count.most_common(1)[0][0] for first, count in sorted(counts.items())}
    # The longest run of places that grow: what is out of order breaks it.
    best: dict[int, list[int]] = {}
    for first, place in most.items():
        before = max((run for end, run in best.items() if end < place), key=len, default=[])
        if len(before) + 1 > len(best.get(place, [])):
            best[place] = [*before, first]
    return {first: most[first] for first in max(best.values(), key=len, default=[])}


class _View:
    """A table with the words of its cells, to be looked at."""

    def __init__(self, table: PageTable, words: Sequence[Word], held: Sequence[Sequence[int]], rules: Rules) -> None:
        self.table, self.words, self.held = table, words, held
        self.height = median(word.height for word in words)
        self.rules = rules
        self.box = union([word.box for word in words])
        self.boxes = [union([words[n].box for n in numbers]) if numbers else None for numbers in held]
        self.across = [r for r in (*rules.lines.across, *rules.shading.across) if self.box[1] < r.at < self.box[3]]
        self.down = [r for r in (*rules.lines.down, *rules.shading.down) if self.box[0] < r.at < self.box[2]]

    @cached_property
    def header_rows(self) -> int:
        """Rows above the first that has figures in it, a few at most; at least those of headings with others below."""
        top = [cell for cell in self.table.cells if cell.row == 0]
        has_levels = any(cell.column_span > 1 and cell.row_span == 1 for cell in top)
        least = min(_MOST_HEADER, max((cell.row_span for cell in top), default=1)) if has_levels else 1
        for row in range(min(self.table.rows, _MOST_HEADER)):
            cells = [c for c in self.table.cells if c.row == row and c.column > 0 and c.text]
            if sum(is_figure(c.text) for c in cells) > len(cells) / 3:
                return max(row, least)
        return least

    def filled_cells(self) -> list[tuple[Cell, Sequence[int]]]:
        """Return the cells that have words, with the numbers of these."""
        return [(cell, part) for cell, part in zip(self.table.cells, self.held, strict=True) if part]

    @cached_property
    def _cells(self) -> list[tuple[Cell, Box, list[Word]]]:
        """The cells that have words, with the box around these."""
        return [
            (cell, box, [self.words[n] for n in numbers])
            for cell, box, numbers in zip(self.table.cells, self.boxes, self.held, strict=True)
            if box is not None
        ]

    def _extents(self, *, rows: bool) -> dict[int, tuple[float, float]]:
        """Return where the words of each row, or column, begin and end: of cells that lie in it alone."""
        starts: dict[int, list[float]] = defaultdict(list)
        ends: dict[int, list[float]] = defaultdict(list)
        for cell, box, _ in self._cells:
            if (cell.row_span if rows else cell.column_span) == 1:
                at = cell.row if rows else cell.column
                starts[at].append(box[1 if rows else 0])
                ends[at].append(box[3 if rows else 2])
        return {at: (min(starts[at]), max(ends[at])) for at in starts}

    def ruled(self) -> float:
        drawn = total = 0
        for is_row, rules in ((True, self.across), (False, self.down)):
            extents = sorted(self._extents(rows=is_row).items())
            low, high = (self.box[0], self.box[2]) if is_row else (self.box[1], self.box[3])
            for (_, (start, end)), (_, (begin, stop)) in pairwise(extents):
                first, last = min((start + end) / 2, end), max((begin + stop) / 2, begin)
                pieces = [(r.start, r.end) for r in rules if first <= r.at <= last]
                total += 1
                drawn += covered(pieces, low, high) >= 0.8 * (high - low)
        return drawn / total if total else 0.0

    def walls(self) -> float:
        crossed = 0
        cells = self._cells
        for _, box, _ in cells:
            x0, y0, x1, y1 = box
            pad = 0.3 * self.height
            across = [(r.start, r.end) for r in self.rules.lines.across if y0 + pad < r.at < y1 - pad]
            down = [(r.start, r.end) for r in self.rules.lines.down if x0 + pad < r.at < x1 - pad]
            crossed += covered(across, x0, x1) >= 0.9 * (x1 - x0) or covered(down, y0, y1) >= 0.9 * (y1 - y0)
        return 1 / (1 + crossed)

    def whole(self) -> float:
        torn = 0
        cells = self._cells
        for _, _, words in cells:
            lines = lines_of(words)
            gaps = [b.x0 - a.x1 for line in lines for a, b in pairwise(line.words)]
            steps = [b.y0 - a.y1 for a, b in pairwise(lines)]
            torn += max(gaps, default=0.0) >= _APART * self.height or max(steps, default=0.0) >= self.height
        return 1 / (1 + torn)

    def apart(self) -> float:
        """Neighbours: the next word to the right on one line, in another cell."""
        close = 0
        owner = {n: index for index, numbers in enumerate(self.held) for n in numbers}
        number = {word: n for n, word in enumerate(self.words)}
        for line in lines_of(self.words):
            for a, b in pairwise(line.words):
                if owner.get(number[a]) == owner.get(number[b]):
                    continue
                middle = line.middle
                is_divided = any(r.start <= middle <= r.end and a.x1 - 2 <= r.at <= b.x0 + 2 for r in self.down)
                close += b.x0 - a.x1 < _BLANK * self.height and not is_divided
        return 1 / (1 + close)

    def order(self) -> float:
        """A cell is out of place where it stands beside its own row or column, and in another."""
        wrong = 0
        cells = self._cells
        ways: tuple[tuple[int, Callable[[Cell], int], Callable[[Cell], int]], ...] = (
            (1, lambda cell: cell.row_span, lambda cell: cell.row),
            (0, lambda cell: cell.column_span, lambda cell: cell.column),
        )
        for low, span_of, place_of in ways:
            by_place: dict[int, list[Box]] = defaultdict(list)
            for cell, box, _ in cells:
                if span_of(cell) == 1:
                    by_place[place_of(cell)].append(box)
            cores = {
                place: (median(box[low] for box in found), median(box[low + 2] for box in found))
                for place, found in by_place.items()
            }
            for cell, box, _ in cells:
                if span_of(cell) > 1:
                    continue
                inside = {place for place, (start, end) in cores.items() if start < box[low + 2] and box[low] < end}
                wrong += place_of(cell) not in inside and bool(inside)
            middles = [sum(cores[place]) for place in sorted(cores)]
            wrong += sum(after <= before for before, after in pairwise(middles))
        return 1 / (1 + wrong)

    def named(self) -> float:
        rows = {cell.row for cell, _, _ in self._cells}
        named = {
            row
            for cell in self.table.cells
            if cell.column == 0 and cell.text
            for row in range(cell.row, cell.row + cell.row_span)
        }
        body = rows - {0}
        return len(body & named) / len(body) if body else 1.0

    def filled(self) -> float:
        slots = {slot for cell in self.table.cells if cell.text for slot in cell.slots}
        return len(slots) / max(self.table.rows * self.table.columns, 1)

    def head(self) -> float:
        columns = {
            column
            for cell in self.table.cells
            if cell.text and cell.row == 0
            for column in range(cell.column, cell.column + cell.column_span)
        }
        # The corner above the names is often empty.
        return min(1.0, (len(columns) + (0 not in columns)) / max(self.table.columns, 1))

    def kinds(self) -> float:
        columns: dict[int, Counter[bool]] = defaultdict(Counter)
        for cell, _, _ in self._cells:
            if cell.row > 0 and cell.column_span == 1:
                columns[cell.column][is_figure(cell.text)] += 1
        total = sum(count.total() for count in columns.values())
        return sum(max(count.values()) for count in columns.values()) / total if total else 1.0

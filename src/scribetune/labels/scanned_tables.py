"""Tables of scans: where two readers' words stand in the same rows, columns and cells; all others stay lines.

The lines that are drawn are found as long dark runs of pixels. The words of each reader, with these, are a page as any
other (`retyped_pages`): tables are found on it by lines and by white space alone, and `agreement` says how far each can
be trusted. Neither reader knows what the other found.

Where there is one reader, only tables whose cells are framed by lines are: `ruled` puts its words into the faces
between the lines, and a second reading of the same words must agree.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from scribetune.core import isolation
from scribetune.labels import image_reading, retyped_pages, scanned_words, two_readings
from scribetune.labels.characters import Characters
from scribetune.labels.ruling_lines import Rule, Rules, Walls
from scribetune.labels.tables import agreement, ruled
from scribetune.labels.tables.cells import Box, PageTable, Word, holds, overlap
from scribetune.labels.tables.lattice import lattices_of
from scribetune.labels.text_layer import TextLayer
from scribetune.labels.two_readings import DoublyRead

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    Pixels = NDArray[np.uint8]

LEAST_TRUST = 0.8
"""Of a table: that of `selection.min_table_trust`, below which tables of text layers are refused."""
_POINTS = 12.0  # height of a line of text, once pixels are points
_AROUND_PX, _DARKER = 51, 24  # than the mean of the pixels around
_LEAST_RUN = 3.0  # heights of a line of text: letters have no longer strokes
_LEAST_RUN_PX = 40
_THICKEST, _SLOPE = 0.5, 0.03  # of a line's height; of a rule's length
_LEAST_FACES = 4


def of_file(path: str, languages: str) -> "ReadScan":
    """Read an image file, with its tables; runs in a worker process.

    Raises:
        TooLargeError: It has more pixels than are decoded.
    """
    from PIL import Image

    try:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
    except Image.DecompressionBombError as error:
        raise isolation.TooLargeError(str(error)) from error
    image = image_reading.levelled(image)
    lines = two_readings.lines_of(image, languages)
    if two_readings.readers() == two_readings.BY_ONE:
        return of_lines(image, lines)
    return of_lines(image, lines, partial(scanned_words.of_page, image, languages))


@dataclass(frozen=True)
class ScannedTable:
    """A table that two readings agree on."""

    text: str  # as a label has it
    box: Box  # pixels of the image
    lines: tuple[int, ...]  # of the page that are in it


@dataclass(frozen=True)
class ReadScan:
    """Lines of a scan, and which of them are tables."""

    lines: tuple[DoublyRead, ...]
    tables: tuple[ScannedTable, ...] = ()


def of_lines(
    image: "Image", lines: Sequence[DoublyRead], words_again: Callable[[float], Sequence[Word]] | None = None
) -> ReadScan:
    """Return the lines of an image with the tables among them.

    `words_again` finds the second reader's words in the whole image, in pixels, given the usual height of a line; it is
    asked where the first reader's make a table. A line in a table that the readings do not agree on agrees no more:
    where it belongs is not known.
    """
    if not lines:
        return ReadScan(())
    height = median(line.box[3] - line.box[1] for line in lines)
    scale = _POINTS / max(1.0, height)
    walls = _walls(image, height, scale)
    size = image.width * scale, image.height * scale
    owners, words = _words_of(lines, scale)
    framed = [
        lattice.box for lattice in lattices_of(walls.across, walls.down, size[1]) if len(lattice.faces) >= _LEAST_FACES
    ]
    doubted: list[Box] = []
    if words_again is None:
        found = _framed(words, walls, size)
    else:

        def again() -> list[Word]:
            own = [word for line in lines for word in line.others]
            return _scaled_words(scanned_words.together(words_again(height), own), scale)

        found, doubted = _twice_read(words, walls, size, again)
    tables = []
    middles = [_middle(_scaled(line.box, scale)) for line in lines]
    for table in found:
        inside = {owner for owner, word in zip(owners, words, strict=True) if holds(table.box, word.centre)}
        inside |= {number for number, middle in enumerate(middles) if holds(table.box, middle)}
        places = [word.centre for owner, word in zip(owners, words, strict=True) if owner in inside]
        if inside <= set(owners) and all(holds(table.box, place) for place in places):
            tables.append(ScannedTable(table.markdown(), _scaled(table.box, 1 / scale), tuple(sorted(inside))))
        else:
            doubted.append(table.box)
    taken = {number for table in tables for number in table.lines}
    unplaced = {
        owner
        for owner, word in zip(owners, words, strict=True)
        if owner not in taken and any(holds(box, word.centre) for box in (*framed, *doubted))
    }
    marked = (replace(line, agrees=line.agrees and at not in unplaced) for at, line in enumerate(lines))
    return ReadScan(tuple(marked), tuple(tables))


def _framed(words: Sequence[Word], walls: Walls, size: tuple[float, float]) -> list[PageTable]:
    """Return the tables that lines frame and a second reading of the words trusts."""
    if len(walls.across) < 2 or len(walls.down) < 2:
        return []
    layer, rules = TextLayer((), tuple(words), (), *size), Rules(walls.across, walls.down, (), walls)
    tables = [one.table for one in ruled.tables_of(layer, rules, _no_characters)]
    return [
        table
        for table in tables
        if (read := agreement.of_tables([table], words, rules)) and read[0].trust >= LEAST_TRUST
    ]


def _twice_read(
    words: Sequence[Word],
    walls: Walls,
    size: tuple[float, float],
    words_again: Callable[[], Sequence[Word]],
) -> tuple[list[PageTable], list[Box]]:
    """Return the tables that two readers' words make alike, and the boxes of those that they make differently."""
    tables = retyped_pages.tables_of(words, walls, *size)
    if not tables:
        return [], []
    others = list(words_again())
    again = retyped_pages.tables_of(others, walls, *size)
    trusted: list[PageTable] = []
    doubted: list[Box] = []
    for table in tables:
        beside = [other for other in again if overlap(table.table.box, other.table.box)]
        trust = min([table.trust, *(other.trust for other in beside)])
        if len(beside) == 1 and trust >= LEAST_TRUST and retyped_pages.same_cells(table, beside[0], words, others):
            trusted.append(table.table)
        elif beside:
            doubted.append(table.table.box)
    return trusted, doubted


def rows_of(scan: ReadScan, rows: Sequence[Sequence[DoublyRead]]) -> list[str]:
    """Return the text of a scan, row by row, each table before the first row that stands below it.

    `rows` are those of the lines that are in no table.
    """
    texts = [(min(line.box[1] for line in row), " ".join(line.text for line in row)) for row in rows]
    for table in sorted(scan.tables, key=lambda table: table.box[1]):
        at = next((n for n, (top, _) in enumerate(texts) if top > table.box[1]), len(texts))
        texts.insert(at, (table.box[1], f"\n{table.text}\n"))
    return [text for _, text in texts if text.strip()]


def _words_of(lines: Sequence[DoublyRead], scale: float) -> tuple[list[int], list[Word]]:
    """Return words with the numbers of their lines, in points."""
    owners: list[int] = []
    words: list[Word] = []
    for number, line in enumerate(lines):
        own = line.words or _evenly_divided(line)
        owners += [number] * len(own)
        words += _scaled_words(own, scale)
    return owners, words


def _evenly_divided(line: DoublyRead) -> list[Word]:
    """Return the words of a line that is as wide as its letters, each alike."""
    x0, y0, x1, y1 = line.box
    each = (x1 - x0) / max(1, len(line.text))
    words: list[Word] = []
    at = 0
    for part in line.text.split():
        at = line.text.index(part, at)
        words.append(Word(x0 + at * each, y0, x0 + (at + len(part)) * each, y1, part))
        at += len(part)
    return words


def _scaled_words(words: Sequence[Word], scale: float) -> list[Word]:
    return [Word(*_scaled(word.box, scale), word.text) for word in words]


def _middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _scaled(box: Box, scale: float) -> Box:
    return (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)


def _walls(image: "Image", height: float, scale: float) -> Walls:
    """Return the lines that are drawn on an image, in points; `height` is that of its text, in pixels."""
    import numpy as np
    from scipy import ndimage

    pixels = np.asarray(image.convert("L"), np.float32)
    dark = (pixels < ndimage.uniform_filter(pixels, _AROUND_PX) - _DARKER).astype(np.uint8)
    least = max(_LEAST_RUN_PX, round(_LEAST_RUN * height))
    across = [Rule(x0 * scale, x1 * scale, (y0 + y1) / 2 * scale) for x0, y0, x1, y1 in _runs(dark, least, height)]
    down = [Rule(y0 * scale, y1 * scale, (x0 + x1) / 2 * scale) for y0, x0, y1, x1 in _runs(dark.T, least, height)]
    return Walls(tuple(across), tuple(down))


def _runs(dark: "Pixels", least: int, height: float) -> Iterator[Box]:
    """Yield the boxes of dark runs along the rows of an image, as long as `least` or longer, and thin."""
    import numpy as np
    from scipy import ndimage

    # Opening (erosion, then dilation) by a run of that length: what is shorter goes.
    opened = ndimage.maximum_filter1d(ndimage.minimum_filter1d(dark, least, axis=1), least, axis=1)
    labels, _ = ndimage.label(opened, np.ones((3, 3)))
    for rows, columns in ndimage.find_objects(labels):
        wide, high = columns.stop - columns.start, rows.stop - rows.start
        if high <= _THICKEST * height + _SLOPE * wide:
            yield columns.start, rows.start, columns.stop, rows.stop


class _NoText:
    """A text page without characters: words of scans are cut nowhere, and run to the right."""

    def extractRAWDICT(self) -> dict[str, list[Any]]:  # noqa: N802  MuPDF's name
        return {"blocks": []}


def _no_characters() -> Characters:
    return Characters(_NoText())

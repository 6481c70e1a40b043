"""What a label has of its page's text layer, word by word and by place: every word once, and nothing that is not there.

A bag of words cannot tell a lost word from one that stands elsewhere twice. So each word of the layer goes, by its box,
to the piece of text or the table that the label took it from, and the words, in the order of those pieces, are aligned
with the label: first as words, then, between words that agree, by their characters. A word that its label has with
other blanks, with a mark of Markdown in it or without the hyphen of a line's end is found; one whose letters are
gathered from other words is not. What is left on both sides may still be one where it stands at one height: pieces of a
line need not be in the order of the page.
"""

import html
import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rapidfuzz.distance import LCSseq

from scribetune.labels.page_blocks import Kind, PageBlock, in_order
from scribetune.labels.tables import cell_words
from scribetune.labels.tables.cells import Box, PageTable, Word
from scribetune.labels.text_layer import TextLayer
from scribetune.text.characters import dense
from scribetune.text.markdown import FIGURE

_HYPHENS = "-\u2010\u2011"
_GLYPHS = frozenset("•‣▪●○◦■□❑➢✓·∙⁃►▶◆◇★☆")
_BULLETS = _GLYPHS | set("-–—*")
_MARKS = frozenset("*`|#[]^\\-_>~")  # of Markdown's: a label may have more of them than its page
_WITHOUT_MARKS = str.maketrans(dict.fromkeys(_MARKS))
_LINE_MARKS = "*`|#"
_ALONE = re.compile(
    "[\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff]|[\u0590-\u08ff]+|[^\u0590-\u08ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
_TAG = re.compile(r"</?(?:sup|sub)>")
_CELL_TAG = re.compile(r"</?(?:table|tr|td)\b[^<>\n]{0,60}>|<br>")
_NOTE = re.compile(r"^(\[\^[^\]\s]+\]):", re.MULTILINE)
_DELIMITERS = re.compile(r"^\|(?:---\|)+$|^```$", re.MULTILINE)
LEADER = re.compile(r"(?:\s*[.·_…\u2024\u2025]){4,}\s*|\s*…{2,}\s*")
"""What leads from a title to its page number in a table of contents."""
_BAND = 12.0  # points: pieces are looked up by bands of the page of this height
_SAME_PLACE = 0.3  # of a word's height: the same word this near is drawn twice
_SLOPING = 2.0  # times the font's size, both ways
_REACH = 2.0  # lines
_SAME_LINE = 0.5  # of a word's height
_CHANCE = 3  # words in a row that two texts may share by chance
_MOST_CHARACTERS = 20_000_000  # product of two texts that are compared by characters


@dataclass(frozen=True)
class Piece:
    """Text that a label took from one place, in the order in which it has it."""

    text: str
    box: Box
    line: int  # pieces of one line have one number
    is_listed: bool = False  # a line of a list
    is_wanted: bool = True  # False for what settings, or a rule, leave out: a running header, a formula as characters
    is_entry: bool = False  # of a table of contents: without the leaders before its page number
    is_needed: bool = True  # False for what a label may have or not: the words of a sloping stamp


@dataclass(frozen=True)
class Coverage:
    """How a label's words and those of its text layer agree."""

    recall: float  # share of the layer's words that the label has
    precision: float  # share of the label's words that the layer has in that place
    lost: tuple[Word, ...] = ()
    surplus: tuple[str, ...] = ()


@dataclass
class _Wanted:
    """A word of the layer, or one of its characters where these stand alone."""

    text: str
    key: str  # the same, or the hyphen that a list has for any bullet
    word: Word
    is_needed: bool
    is_found: bool = False


@dataclass
class _Written:
    """A word of the label."""

    text: str
    key: str  # without marks around it
    weight: int  # number of characters that the layer must have
    at: float | None = None  # the height of the word of the layer that it is
    matched: int = 0  # characters of it that the layer has


def of_blocks(blocks: Sequence[PageBlock], layer: TextLayer, label: str, *, keep_headers: bool) -> Coverage:
    """Compare the label that blocks were written as with the words of their layer."""
    parts: list[Piece | PageTable] = []
    shown = in_order(blocks, keep_headers=keep_headers)
    number = 0
    unwritten = [block for block in blocks if block not in shown]
    for number_of_block, block in enumerate([*shown, *unwritten]):
        parts.extend(block.tables)
        for line in block.lines:
            number += 1
            for span in line.spans:
                sloping = min(span.box[2] - span.box[0], span.box[3] - span.box[1]) > _SLOPING * span.size
                parts.append(
                    Piece(
                        span.text,
                        span.box,
                        number,
                        is_listed=block.kind is Kind.LIST,
                        is_wanted=number_of_block < len(shown),
                        is_needed=not sloping or len(span.text) < 3,
                    )
                )
    return of_pieces(parts, layer.words, label)


def of_pieces(parts: Sequence[Piece | PageTable], words: Sequence[Word], label: str) -> Coverage:
    """Compare a label with words of the page: `parts` are what it took, in its order."""
    wanted, strays = _in_order(parts, _once(words))
    written = _words_of(label)
    _align(wanted, written)
    _match_near([*wanted, *strays], written)
    needed = [unit for unit in (*wanted, *strays) if unit.is_needed]
    counted = [word for word in written if word.weight]
    surplus = tuple(word.text for word in counted if word.matched < word.weight)
    lost = tuple(replace(unit.word, text=unit.text) for unit in needed if not unit.is_found)
    return Coverage(
        1 - len(lost) / len(needed) if needed else 1.0,
        1 - len(surplus) / len(counted) if counted else 1.0,
        lost,
        surplus,
    )


def _once(words: Sequence[Word]) -> list[Word]:
    """Return words without those drawn again where they stand already: bold by hand, shadows."""
    seen: dict[str, dict[int, list[Word]]] = {}
    kept = []
    for word in words:
        row = int(word.y0 // _BAND)
        bands = seen.get(word.text)
        if bands is None:
            seen[word.text] = {row: [word]}
        elif _is_drawn_again(word, row, bands):
            continue
        else:
            bands.setdefault(row, []).append(word)
        kept.append(word)
    return kept


def _is_drawn_again(word: Word, row: int, bands: Mapping[int, Sequence[Word]]) -> bool:
    near = _SAME_PLACE * (word.y1 - word.y0)
    x, y = word.x0, word.y0
    for band in (row - 1, row, row + 1):
        for other in bands.get(band, ()):
            if -near < other.x0 - x < near and -near < other.y0 - y < near:
                return True
    return False


def _units_of(words: Iterable[Word], *, is_needed: bool = True) -> list[_Wanted]:
    return [_Wanted(unit, unit, word, is_needed) for word in words for unit in _units(word.text)]


def _units(text: str) -> list[str]:
    """Return what a word without blanks is compared as: Han and kana one by one, changes of direction apart."""
    found = dense(text)
    return [found] if found.isascii() and found else _ALONE.findall(found)


def _words_of(label: str) -> list[_Written]:
    """Return the words of Markdown; marks stay with the words that they stand at."""
    text = _DELIMITERS.sub("", label.replace(FIGURE, " ").replace("\\|", "|"))
    text = _NOTE.sub(r"\1", text)
    if "<" in text:
        text = _CELL_TAG.sub(" ", _TAG.sub("", text))
        text = html.unescape(text) if "<table" in label else text
    found: list[_Written] = []
    for line in text.split("\n"):
        start = len(found)
        for part in line.split():
            for unit in _units(part):
                if unit.isalnum():
                    found.append(_Written(unit, unit, len(unit)))
                else:
                    weight = len(unit.translate(_WITHOUT_MARKS))
                    found.append(_Written(unit, unit.strip(_LINE_MARKS) or unit, weight))
        if len(found) > start and found[start].text in _BULLETS:
            found[start].key = "-"
    return found


class _Places:
    """Pieces and tables by place."""

    def __init__(self, parts: Sequence[Piece | PageTable]) -> None:
        self._bands: dict[int, list[tuple[float, float, float, float, str, int]]] = defaultdict(list)
        self._tables: list[tuple[float, int, Box]] = []
        for number, part in enumerate(parts):
            x0, y0, x1, y1 = part.box
            if isinstance(part, PageTable):
                self._tables.append(((x1 - x0) * (y1 - y0), number, part.box))
                continue
            if part.text.isspace():
                continue
            entry = (x0 - 1, y0 - 1, x1 + 1, y1 + 1, part.text, number)
            for band in range(int((y0 - 1) // _BAND), int((y1 + 1) // _BAND) + 1):
                self._bands[band].append(entry)

    def of(self, word: Word) -> int:
        """Return the piece that a word's box is in, best one that says it; else the smallest table; -1 for none."""
        x0, x1 = word.x0, word.x1
        y = word.centre[1]
        found = self._bands.get(int(y // _BAND), ())
        near = [entry for entry in found if entry[0] < x1 and x0 < entry[2] and _is_level(word, entry[1], entry[3])]
        if len(near) == 1:
            return near[0][5]
        if near:
            # A Chinese sentence is one word, with all that stands in it: it belongs to what has most of it.
            return min(
                near,
                key=lambda e: (word.text not in e[4], max(e[0], x0) - min(e[2], x1), abs(e[1] + e[3] - 2 * y), e[5]),
            )[5]
        return min(((size, number) for size, number, box in self._tables if _is_in(word, box)), default=(0.0, -1))[1]


def _is_level(word: Word, y0: float, y1: float) -> bool:
    """Whether a word is on the line of a piece; fonts of formulas have tall boxes."""
    top, bottom = word.y0, word.y1
    shared = (bottom if bottom < y1 else y1) - (top if top > y0 else y0)
    return shared >= _SAME_LINE * (bottom - top) or shared >= _SAME_LINE * (y1 - y0)


def _is_in(word: Word, box: Box) -> bool:
    x, y = word.centre
    return box[0] - 2 <= x <= box[2] + 2 and box[1] - 2 <= y <= box[3] + 2


def _in_order(parts: Sequence[Piece | PageTable], words: Sequence[Word]) -> tuple[list[_Wanted], list[_Wanted]]:
    """Return words in the order of the parts that hold them, and those that are in none."""
    places = _Places(parts)
    held: dict[int, list[Word]] = defaultdict(list)
    for word in _without_what_is_left_out(words, parts):
        held[places.of(word)].append(word)
    strays = held.pop(-1, [])
    ordered: list[_Wanted] = []
    line = -1
    for number, part in enumerate(parts):
        inside = held.get(number, [])
        if isinstance(part, PageTable):
            taken = cell_words.of_table(part, inside)
            ordered.extend(_units_of(inside[place] for place in taken.in_order))
            left = [inside[place] for place in taken.left]
            beside = next((n for n in range(number + 1, len(parts)) if _is_beside(part, parts[n])), None)
            if beside is None:
                strays.extend(left)
            else:
                held[beside].extend(left)
            continue
        if part.is_entry:
            inside = [replace(word, text=LEADER.sub("", f"{word.text} ").strip()) for word in inside]
            inside = [word for word in inside if word.text.strip("._·…")]
        if part.is_wanted:
            units = _units_of(_as_said(part.text, inside), is_needed=part.is_needed)
            ordered.extend(_with_marker(units, part) if units and part.line != line else units)
            line = part.line if inside else line
    return ordered, _units_of(strays)


def _without_what_is_left_out(words: Sequence[Word], parts: Sequence[Piece | PageTable]) -> Iterator[Word]:
    """Yield words without the pieces in them that are not wanted: a formula in Chinese text, which has no blanks."""
    pieces = [part for part in parts if isinstance(part, Piece) and not part.is_wanted and part.text.strip()]
    for word in words:
        text, width = word.text, word.x1 - word.x0
        for piece in pieces:
            x0, y0, x1, y1 = piece.box
            is_part = word.x0 - 1 <= x0 and x1 <= word.x1 + 1 and x1 - x0 < width - 1 and _is_level(word, y0, y1)
            own = piece.text.strip()
            if is_part and own in text:
                expected = (x0 - word.x0) / width * len(text)
                places = [at for at in range(len(text)) if text.startswith(own, at)]
                at = min(places, key=lambda at: abs(at - expected))
                text = text[:at] + text[at + len(own) :]
        yield word if text == word.text else replace(word, text=text)


def _is_beside(table: PageTable, other: Piece | PageTable) -> bool:
    """Whether two tables stand side by side in one box."""
    return isinstance(other, PageTable) and other.box == table.box


def _as_said(text: str, words: Sequence[Word]) -> list[Word]:
    """Return the words of a piece in the order in which its text has them."""
    if len(words) < 2:
        return list(words)
    places: list[tuple[int, int]] = []
    end = 0
    for number, word in enumerate(words):
        at = text.find(word.text, end)
        if at < 0:
            at = text.find(word.text)
        end = at + len(word.text) if at >= 0 else end
        places.append((at if at >= 0 else end, number))
    return [words[number] for _, number in sorted(places)]


def _with_marker(units: list[_Wanted], piece: Piece) -> list[_Wanted]:
    """Return the words of a line; the bullet that it begins with is written as a hyphen, whatever its glyph."""
    text = units[0].text
    is_bullet = text[0] in _GLYPHS or unicodedata.category(text[0]) == "Co"
    if len(text) > 1 and is_bullet:
        return [replace(units[0], text=text[0], key="-"), replace(units[0], text=text[1:], key=text[1:]), *units[1:]]
    if is_bullet or text in _BULLETS or (text == "o" and piece.is_listed):
        units[0].key = "-"
    return units


def _align(wanted: Sequence[_Wanted], written: Sequence[_Written]) -> None:
    """Mark what agrees in the order of both: words, then characters between words that do."""
    runs: list[tuple[int, int, list[tuple[_Wanted, _Written]]]] = []  # words lost and surplus before each that agrees
    lost = surplus = 0
    for tag, start, end, first, last in _opcodes([unit.key for unit in wanted], [word.key for word in written]):
        units, words = wanted[start:end], written[first:last]
        if tag == "equal":
            for unit, word in zip(units, words, strict=True):
                _settle(unit, word)
            runs.append((lost, surplus, list(zip(units, words, strict=True))))
            lost = surplus = 0
            continue
        _align_characters(units, words)
        lost = sum(not unit.is_found for unit in units if unit.is_needed)
        surplus = sum(word.matched < word.weight for word in words)
        # A few words between others that do not agree: "the" and "of" are in any two sentences.
        while runs and lost + surplus:
            lost_before, surplus_before, run = runs[-1]
            least = min(_CHANCE, lost + lost_before, surplus + surplus_before)
            if len(run) > least or not lost_before + surplus_before:
                break
            for unit, word in run:
                unit.is_found, word.matched, word.at = False, 0, None
            lost, surplus = lost + lost_before + len(run), surplus + surplus_before + len(run)
            runs.pop()


def _opcodes(before: Sequence[str] | str, after: Sequence[str] | str) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield the runs of an alignment; what is deleted and what is inserted between two equal runs is one "replace"."""
    start = first = 0
    for found in LCSseq.opcodes(before, after):
        if found.tag == "equal":
            if start < found.src_start or first < found.dest_start:
                yield "replace", start, found.src_start, first, found.dest_start
            yield "equal", found.src_start, found.src_end, found.dest_start, found.dest_end
            start, first = found.src_end, found.dest_end
    if start < len(before) or first < len(after):
        yield "replace", start, len(before), first, len(after)


def _settle(unit: _Wanted, word: _Written) -> None:
    unit.is_found = True
    word.matched = word.weight
    word.at = unit.word.centre[1]


def _align_characters(wanted: Sequence[_Wanted], written: Sequence[_Written]) -> None:
    """Find words that the label has in other pieces: joined, divided, or with marks in them."""
    before, after = "".join(unit.text for unit in wanted), "".join(word.text for word in written)
    if not before or not after or len(before) * len(after) > _MOST_CHARACTERS:
        return
    places = [-1] * len(before)
    for tag, start, end, first, _ in _opcodes(before, after):
        if tag == "equal":
            places[start:end] = range(first, first + end - start)
    ends = []
    length = 0
    for word in written:
        length += len(word.text)
        ends.append(length)
    at = 0
    for unit in wanted:
        own = places[at : at + len(unit.text)]
        at += len(unit.text)
        if len(own) > 1 and unit.text[-1] in _HYPHENS and own[-1] < 0:
            own.pop()  # the hyphen of a line's end
        if own[0] < 0 or not _is_one_word(own, after):
            continue
        unit.is_found = True
        for place in own:
            word = written[bisect_left(ends, place + 1)]
            word.at = unit.word.centre[1]
            word.matched += after[place] not in _MARKS


def _is_one_word(places: Sequence[int], text: str) -> bool:
    """Whether characters follow each other in a text, with nothing but marks between them."""
    before = places[0] - 1
    for place in places:
        if place < 0 or (place > before + 1 and any(c not in _MARKS for c in text[before + 1 : place])):
            return False
        before = place
    return True


def _match_near(wanted: Sequence[_Wanted], written: Sequence[_Written]) -> None:
    """Match words that are left on both sides: those of one line, in whatever order, if the label has all of them.

    They stand in one piece of the label, between words that are about as high on the page, or it has them one by one
    beside other words of their line.
    """
    lines = list(_lines_of([unit for unit in wanted if not unit.is_found and unit.is_needed]))
    if not lines:
        return
    for run, before, after in _runs_left(written):
        around = [height for height in (before, after) if height is not None]
        for line in lines:
            y, height = line[0].word.centre[1], line[0].word.height
            if around and not min(around) - _REACH * height <= y <= max(around) + _REACH * height:
                continue
            is_beside = any(abs(other - y) <= _SAME_LINE * height for other in around)
            left = {id(word): word for word in run if not word.matched}
            pairs = []
            for unit in line:
                found = None if unit.is_found else next((w for w in left.values() if w.key == unit.key), None)
                if found is not None:
                    pairs.append((unit, left.pop(id(found))))
            if is_beside or len(pairs) == len(line):
                for unit, word in pairs:
                    _settle(unit, word)


def _lines_of(units: Sequence[_Wanted]) -> Iterator[list[_Wanted]]:
    line: list[_Wanted] = []
    for unit in units:
        if line and abs(unit.word.centre[1] - line[0].word.centre[1]) > _SAME_LINE * unit.word.height:
            yield line
            line = []
        line.append(unit)
    if line:
        yield line


def _runs_left(written: Sequence[_Written]) -> Iterator[tuple[list[_Written], float | None, float | None]]:
    """Yield words of a label that follow each other and that the layer has not, with the heights around them."""
    run: list[_Written] = []
    before: float | None = None
    for word in written:
        if word.at is None:
            run.append(word)
            continue
        if run:
            yield run, before, word.at
        run, before = [], word.at
    if run:
        yield run, before, None

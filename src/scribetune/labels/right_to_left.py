"""Right-to-left text in logical order, from the places of its glyphs.

PDFs hold such text as it was drawn: in chunks of any order, each from either end. MuPDF turns letters around run by run
and leaves stops, blanks and figures where it met them. Here every line of the page that has such letters is read again:
its glyphs from left to right, then turned around by the bidirectional algorithm (`text.bidirectional`).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, groupby
from statistics import median
from typing import Any

from scribetune.labels.tables.cells import Box, Word
from scribetune.text import bidirectional, markdown

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]")
_LEFTWARDS = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe"
_DIRECTION_CHANGE = re.compile(f"(?<=[{_LEFTWARDS}])(?=[0-9A-Za-z])|(?<=[0-9A-Za-z])(?=[{_LEFTWARDS}])")
_SHAPED = re.compile("[\ufb1d-\ufdff\ufe70-\ufefc]")
_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_BEGINS_WITH_STOP = re.compile(r"[.,:;!?](?=[^\s.,:;!?])")
_HORIZONTAL = 0.99
_NO_WIDTH = 0.02  # of the font's size, as what follows
_ONE_PLACE = 0.05
_HOLE = (0.2, 1.2)
_BESIDE = 0.3
_ONE_LINE = 0.3
_BLANK = 0.18
_APART = 1.0
_NEXT_LINE = 1.9
_MOSTLY = 3  # times as many letters


def is_right_to_left(text: str) -> bool:
    """Whether most letters of a text are written from right to left."""
    return _balance(text) > 0


def has_letters(text: str) -> bool:
    """Whether any character of a text is written from right to left."""
    return bool(_RIGHT_TO_LEFT.search(text))


def words_apart(text: str) -> list[str]:
    """Return the words of a text; a table's cell may lack the blank between right-to-left text and figures."""
    return markdown.words(_DIRECTION_CHANGE.sub(" ", text))


def _balance(text: str) -> int:
    kinds = [bidirectional.kind_of(character) for character in text]
    return sum(map(bidirectional.is_leftwards, kinds)) - kinds.count("L")


@dataclass(slots=True)
class _Glyph:
    """A letter with its marks, or a blank."""

    text: str
    x0: float
    x1: float
    y0: float
    y1: float
    size: float
    number: int  # in MuPDF's order
    span: dict[str, Any]  # of MuPDF
    line: "_Source"

    @property
    def middle(self) -> float:
        return (self.x0 + self.x1) / 2

    @property
    def box(self) -> Box:
        return self.x0, self.y0, self.x1, self.y1


@dataclass(slots=True)
class _Source:
    """A line as MuPDF has it."""

    line: dict[str, Any]
    block: dict[str, Any]
    context: int  # lines of different ones are no text together: cells, paragraphs
    base: float  # of its letters
    size: float
    text: str


@dataclass
class OrderedText:
    """The text of a page whose right-to-left lines are in logical order."""

    blocks: list[dict[str, Any]]  # as in PyMuPDF's "dict"
    words: list[Word] = field(default_factory=list)


def in_order(textpage: Any) -> OrderedText | None:
    """Return the text of a pymupdf.TextPage in logical order; None where nothing in it is written from right to left.

    With structure elements (TEXT_COLLECT_STRUCTURE) each keeps its own text.
    """
    if not has_letters(textpage.extractText()):
        return None
    blocks: list[dict[str, Any]] = textpage.extractRAWDICT()["blocks"]
    sources = list(_sources(blocks))
    page = _Page(sources)
    for row in _rows(sources):
        page.put_in_order(row)
    page.write()
    _arrange(blocks)
    return OrderedText(blocks, page.words)


def text_in_order(textpage: Any) -> str:
    """Return the plain text of a pymupdf.TextPage, right-to-left lines in logical order."""
    ordered = in_order(textpage)
    if ordered is None:
        text: str = textpage.extractText()
        return text
    return "\n".join(_texts(ordered.blocks))


def _texts(blocks: Sequence[dict[str, Any]]) -> Iterator[str]:
    for block in blocks:
        for line in block.get("lines", ()):
            yield "".join(span["text"] for span in line["spans"])
        yield from _texts(block.get("blocks", ()))
        yield ""


_LAM, _ALEFS = "\u0644", frozenset("\u0622\u0623\u0625\u0627\u0671")
_RUNNING = frozenset({"Span", "Link", "Em", "Strong", "Quote", "Reference", "Annot", "Sub", "Note", ""})


def _sources(blocks: Sequence[dict[str, Any]], context: int = 0) -> Iterator[_Source]:
    for block in blocks:
        kind = block.get("std") or ""
        for line in block.get("lines", ()):
            chars = [char for span in line["spans"] for char in span["chars"]]
            if chars:
                yield _Source(
                    line,
                    block,
                    context,
                    median(char["origin"][1] for char in chars),
                    max(span["size"] for span in line["spans"]),
                    "".join(char["c"] for char in chars),
                )
        yield from _sources(block.get("blocks", ()), context if kind in _RUNNING else id(block))


def _rows(sources: Sequence[_Source]) -> list[list[_Source]]:
    """Put MuPDF's lines that stand on one line of the page together."""
    rows: list[list[_Source]] = []
    across = [source for source in sources if source.line["dir"][0] > _HORIZONTAL]
    for source in sorted(across, key=lambda source: source.base):
        first = rows[-1][0] if rows else None
        if first is not None and source.base - first.base <= _ONE_LINE * min(source.size, first.size):
            rows[-1].append(source)
        else:
            rows.append([source])
    return rows


def _glyphs(row: Sequence[_Source]) -> list[_Glyph]:
    """Return the letters and blanks of a line; marks, and further letters of a ligature, are with their letter."""
    wide: list[_Glyph] = []
    clusters: list[list[_Glyph]] = []
    number = 0
    for source in row:
        for span in source.line["spans"]:
            for char in span["chars"]:
                text = _unshaped(_CONTROLS.sub("", char["c"]))
                if not text or char.get("synthetic"):
                    continue
                x0, y0, x1, y1 = char["bbox"]
                number += 1
                glyph = _Glyph(text, x0, x1, y0, y1, span["size"], number, span, source)
                if x1 - x0 > _NO_WIDTH * glyph.size and not _is_mark(text):
                    wide.append(glyph)
                elif text.isspace():
                    continue
                elif clusters and clusters[-1][0].box == glyph.box and clusters[-1][-1].number == number - 1:
                    clusters[-1].append(glyph)
                else:
                    clusters.append([glyph])
    _Clusters(wide).add(clusters)
    for glyph in wide:
        glyph.text = unicodedata.normalize("NFC", glyph.text)
    return [glyph for glyph in wide if not (glyph.text.isspace() and _is_covered(glyph, wide))]


def _is_mark(text: str) -> bool:
    return unicodedata.bidirectional(text[0]) == "NSM"


def _unshaped(text: str) -> str:
    """Return letters instead of the shapes that they take in a word; a mark alone comes with a blank that it is on."""
    return unicodedata.normalize("NFKC", text).lstrip(" ") or text if _SHAPED.search(text) else text


class _Clusters:
    """Letters and marks without a width of their own, and the letters of the line that they belong to."""

    def __init__(self, letters: list[_Glyph]) -> None:
        self._letters = letters  # grows by those that turn out to stand alone
        self._seen = [glyph for glyph in letters if not glyph.text.isspace()]
        self._standing: list[tuple[float, _Glyph]] = []  # without a width, and where

    def add(self, clusters: Sequence[Sequence[_Glyph]]) -> None:
        """Give each cluster to its letter. What stands in one place is a cluster, in MuPDF's order."""
        marks: list[_Glyph] = []
        ligatures: list[Sequence[_Glyph]] = []
        is_doubled = False
        for cluster in clusters:
            letters = [glyph for glyph in cluster if not _is_mark(glyph.text)]
            on_it = [glyph for glyph in cluster if _is_mark(glyph.text)]
            same = self._same_beside(letters[0]) if letters and on_it else None
            if same is not None:
                # The glyph of a mark that stands for its letter too, which has a glyph of its own.
                is_doubled = True
                _mark(same, on_it)
            elif letters and (on_it or self._is_before_hole(letters[0]) or _repeats(letters)):
                _mark(self._alone(letters), on_it)
            elif letters:
                ligatures.append(cluster)
            else:
                marks.extend(on_it)
        self._join(ligatures)
        for mark in marks:
            left, right = self._ending_at(mark), self._beginning_at(mark)
            beside = (left or right) if is_doubled else (right or left)
            letter = self._standing_at(mark) or self._around(mark) or beside or self._nearest(mark)
            if letter is not None:
                _mark(letter, [mark])

    def _join(self, ligatures: Sequence[Sequence[_Glyph]]) -> None:
        """Add the further letters of ligatures to the first, which has the width; they stand where it ends.

        But some fonts draw lam-alef as two glyphs, the alef first and where the lam begins.
        """
        placed = [(cluster, self._ending_at(cluster[0]), self._beginning_at(cluster[0])) for cluster in ligatures]
        sides = [
            (right.text[0] == _LAM) - (left.text[0] == _LAM)
            for cluster, left, right in placed
            if cluster[0].text in _ALEFS and left and right
        ]
        for cluster, left, right in placed:
            is_second = cluster[0].text in _ALEFS and right is not None and right.text[0] == _LAM
            prefers_right = is_second and (sum(sides) > 0 or left is None or left.text[0] != _LAM)
            owner = right if prefers_right else left or right
            if owner is None:
                around = self._around(cluster[0])
                if around is None or cluster[0].text not in around.text:
                    self._alone(cluster)
                continue
            # MuPDF has turned around what comes before.
            ordered = cluster[::-1] if cluster[0].number < owner.number else cluster
            owner.text += "".join(glyph.text for glyph in ordered)

    def _alone(self, letters: Sequence[_Glyph]) -> _Glyph:
        """Let a letter be one of the line; it fills the place that its glyph has left empty."""
        letter = letters[0]
        letter.text = "".join(dict.fromkeys(glyph.text for glyph in letters))
        x = letter.middle
        self._standing.append((x, letter))
        before = max((glyph.x1 for glyph in self._letters if glyph.middle < x), default=x)
        after = min((glyph.x0 for glyph in self._letters if glyph.middle > x), default=x)
        if x - letter.size < before < x:
            letter.x0 = before
        if x < after < x + letter.size:
            letter.x1 = after
        self._letters.append(letter)
        self._seen.append(letter)
        return letter

    def _is_before_hole(self, glyph: _Glyph) -> bool:
        """Whether nothing stands on the right of a place, though more comes."""
        starts = [letter.x0 - glyph.middle for letter in self._letters if letter.x1 > glyph.middle + 0.1 * glyph.size]
        return bool(starts) and _HOLE[0] * glyph.size < min(starts) < _HOLE[1] * glyph.size

    def _same_beside(self, glyph: _Glyph) -> _Glyph | None:
        reach = _BESIDE * glyph.size
        near = (
            letter
            for letter in self._seen
            if letter.x0 - reach < glyph.middle < letter.x1 + reach and glyph.text in letter.text
        )
        return min(near, key=lambda letter: abs(letter.middle - glyph.middle), default=None)

    def _standing_at(self, glyph: _Glyph) -> _Glyph | None:
        """Return a letter that has no width of its own either."""
        margin = _ONE_PLACE * glyph.size
        return next((letter for x, letter in self._standing if abs(x - glyph.middle) < margin), None)

    def _around(self, glyph: _Glyph) -> _Glyph | None:
        margin = _ONE_PLACE * glyph.size
        inside = (letter for letter in self._seen if letter.x0 + margin < glyph.middle < letter.x1 - margin)
        return min(inside, key=lambda letter: letter.x1 - letter.x0, default=None)

    def _ending_at(self, glyph: _Glyph) -> _Glyph | None:
        return self._closest(glyph, lambda letter: letter.x1)

    def _beginning_at(self, glyph: _Glyph) -> _Glyph | None:
        return self._closest(glyph, lambda letter: letter.x0)

    def _closest(self, glyph: _Glyph, edge: Callable[[_Glyph], float]) -> _Glyph | None:
        near = [letter for letter in self._seen if abs(edge(letter) - glyph.middle) <= _ONE_PLACE * glyph.size]
        return min(near, key=lambda letter: abs(edge(letter) - glyph.middle), default=None)

    def _nearest(self, glyph: _Glyph) -> _Glyph | None:
        return min(self._seen, key=lambda letter: abs(letter.middle - glyph.middle), default=None)


def _repeats(letters: Sequence[_Glyph]) -> bool:
    """Whether letters in one place are the same: two glyphs of one letter. A ligature repeats none but the lam."""
    return len(letters) > 1 and {glyph.text for glyph in letters} == {letters[0].text} != {_LAM}


def _mark(letter: _Glyph, marks: Sequence[_Glyph]) -> None:
    """Add combining marks to a letter, each once: some layers have them with the letter's glyph and with their own."""
    for mark in marks:
        if mark.text not in letter.text:
            letter.text += mark.text


def _is_covered(blank: _Glyph, glyphs: Sequence[_Glyph]) -> bool:
    """Whether letters stand where a blank should be: the one at the end of a line that was cut."""
    return any(
        min(blank.x1, glyph.x1) - max(blank.x0, glyph.x0) > 0.5 * (blank.x1 - blank.x0)
        for glyph in glyphs
        if not glyph.text.isspace()
    )


class _Page:
    """The right-to-left lines of a page, and what becomes of MuPDF's."""

    def __init__(self, sources: Sequence[_Source]) -> None:
        self.words: list[Word] = []
        self._sources = sources
        self._leftwards = is_right_to_left("".join(source.text for source in sources))
        self._balances: dict[int, list[str]] = {}
        for source in sources:
            self._balances.setdefault(self._paragraph(source), []).append(source.text)
        self._segments: list[_Segment] = []

    @staticmethod
    def _paragraph(source: _Source) -> int:
        return source.context or id(source.block)

    def put_in_order(self, row: Sequence[_Source]) -> None:
        """Read a line of the page, where right-to-left text is on it; on such a page also figures drawn in parts."""
        if not self._leftwards and not any(has_letters(source.text) for source in row):
            return
        segments = _segments(_glyphs(row))
        concerned = {id(glyph.line) for segment in segments if self._concerns(segment) for glyph in segment}
        for segment in segments:
            if any(id(glyph.line) in concerned for glyph in segment):
                leftwards, after_arabic = self._is_leftwards(segment), self._follows_arabic(segment)
                self._segments.append(_Segment(segment, leftwards=leftwards, after_arabic=after_arabic))

    def _concerns(self, segment: Sequence[_Glyph]) -> bool:
        if self._leftwards and any(glyph.line is not segment[0].line for glyph in segment):
            return True
        text = "".join(glyph.text for glyph in segment)
        return has_letters(text) or (self._leftwards and _BEGINS_WITH_STOP.match(text.lstrip()) is not None)

    def _follows_arabic(self, segment: Sequence[_Glyph]) -> bool:
        """Whether a line goes on with one that ends with an Arabic letter: a full one, right above."""
        x0, x1, base, size = segment[0].x0, segment[-1].x1, segment[0].line.base, segment[0].size
        for above in reversed(self._segments):
            if base - above.base > _NEXT_LINE * size:
                return False
            if above.base < base and above.x0 < x1 and x0 < above.x1:
                column = [line.line["bbox"][0] for line in self._sources if line.line["bbox"][2] > max(x0, above.x0)]
                is_full = above.x0 - min(column, default=above.x0) < _first_word(segment) + size
                return is_full and above.ends_arabic
        return False

    def _is_leftwards(self, segment: Sequence[_Glyph]) -> bool:
        """Return the direction of a line's paragraph: that of most letters, unless the ends of the line differ."""
        text = "".join(glyph.text for glyph in segment)
        kinds = [bidirectional.kind_of(character) for character in text]
        strong = [kind for kind in kinds if kind == "L" or bidirectional.is_leftwards(kind)]
        begins_with_stop = bool(_BEGINS_WITH_STOP.match(text))
        if not any(map(bidirectional.is_leftwards, strong)):
            return self._leftwards and begins_with_stop
        around = "".join(self._balances[self._paragraph(_most(segment))])
        letters = [bidirectional.kind_of(character) for character in around]
        leftwards, rightwards = sum(map(bidirectional.is_leftwards, letters)), letters.count("L")
        ends_leftwards = bidirectional.is_leftwards(strong[-1])
        if self._leftwards:
            is_latin = strong[0] == strong[-1] == "L" and rightwards > _MOSTLY * leftwards
            return begins_with_stop or not is_latin
        return leftwards > rightwards or (begins_with_stop and ends_leftwards)

    def write(self) -> None:
        """Put the lines that were read into the blocks, and all words of the page into `words`."""
        as_written = sum(segment.matching for segment in self._segments) >= 0
        lines: dict[int, list[dict[str, Any]]] = {}
        gone = {id(glyph.line.line) for segment in self._segments for glyph in segment.glyphs}
        for number, segment in enumerate(self._segments):
            glyphs = segment.in_order(as_written=as_written)
            for at, piece in _pieces(glyphs):
                lines.setdefault(id(_most(piece).line), []).append(_line(piece, (number, at)))
            self.words.extend(_words(glyphs))
        for block in {id(source.block): source.block for source in self._sources}.values():
            written: list[dict[str, Any]] = []
            for line in block["lines"]:
                written.extend(lines.get(id(line), ()))
                if id(line) not in gone:
                    self.words.extend(_words_of_line(line))
                    written.append(line)
                    for span in line["spans"]:
                        span["text"] = "".join(char["c"] for char in span["chars"])
            block["lines"] = written


class _Segment:
    """Glyphs that stand together on a line of the page, from left to right, and the order in which they are read."""

    def __init__(self, glyphs: Sequence[_Glyph], *, leftwards: bool, after_arabic: bool) -> None:
        self.glyphs = glyphs
        self._visual = _with_gaps(glyphs)
        items = [glyph.text for glyph in self._visual]
        self._order = bidirectional.logical_order(items, right_to_left=leftwards, after_arabic=after_arabic)
        self.matching = bidirectional.brackets_that_match(
            [self._visual[place.index].text for place in self._order if place.turned]
        )
        """How many more brackets open and close as the layer has them than as their mirror shows them."""
        self.x0, self.x1, self.base = glyphs[0].x0, max(glyph.x1 for glyph in glyphs), glyphs[0].line.base
        kinds = [bidirectional.kind_of(self._visual[place.index].text[0]) for place in self._order]
        strong = [kind for kind in kinds if kind == "L" or bidirectional.is_leftwards(kind)]
        self.ends_arabic = strong[-1:] == ["AL"]

    def in_order(self, *, as_written: bool) -> list[_Glyph]:
        """Return the glyphs in logical order; brackets by their meaning, which some layers have and some have not."""
        as_written = self.matching > 0 or (self.matching == 0 and as_written)
        ordered = []
        for place in self._order:
            glyph = self._visual[place.index]
            if place.turned and not as_written:
                glyph = replace(glyph, text=bidirectional.mirrored(glyph.text))
            ordered.append(glyph)
        return ordered


def _with_gaps(glyphs: Sequence[_Glyph]) -> list[_Glyph]:
    """Return the glyphs of a line with one blank wherever one is seen, none at the ends."""
    visual: list[_Glyph] = []
    end = glyphs[0].x0
    for glyph in glyphs:
        if glyph.text.isspace():
            if visual and not visual[-1].text.isspace():
                visual.append(glyph)
            continue
        if visual and not visual[-1].text.isspace() and glyph.x0 - end > _BLANK * glyph.size:
            visual.append(replace(visual[-1], text=" ", x0=end, x1=glyph.x0))
        visual.append(glyph)
        end = max(end, glyph.x1)
    return visual[:-1] if visual and visual[-1].text.isspace() else visual


def _segments(glyphs: Sequence[_Glyph]) -> list[list[_Glyph]]:
    """Cut a line of the page where a gap or another context divides it; glyphs are sorted from left to right."""
    segments: list[list[_Glyph]] = []
    end = 0.0
    for glyph in sorted(glyphs, key=lambda glyph: glyph.middle):
        last = segments[-1][-1] if segments else None
        if last is None or glyph.line.context != last.line.context or glyph.x0 - end > _APART * glyph.size:
            segments.append([glyph])
            end = glyph.x1
        else:
            segments[-1].append(glyph)
            end = max(end, glyph.x1)
    return [segment for segment in segments if not all(glyph.text.isspace() for glyph in segment)]


def _first_word(glyphs: Sequence[_Glyph]) -> float:
    """Return the width of the word that a line, given from left to right, begins with on the right."""
    start = glyphs[-1].x0
    for before in reversed(glyphs):
        if before.text.isspace() or start - before.x1 > _BLANK * before.size:
            break
        start = before.x0
    return max(glyph.x1 for glyph in glyphs) - start


def _most(glyphs: Sequence[_Glyph]) -> _Source:
    """Return the line of MuPDF's that most glyphs come from, of its block the first."""
    blocks = Counter(id(glyph.line.block) for glyph in glyphs)
    most = max(blocks, key=lambda block: blocks[block])
    return next(glyph.line for glyph in glyphs if id(glyph.line.block) == most)


def _pieces(glyphs: Sequence[_Glyph]) -> Iterator[tuple[int, list[_Glyph]]]:
    """Yield the runs of glyphs that one element of the structure holds, with their places; all where there is none."""
    start = 0
    for at in range(1, len(glyphs) + 1):
        if at == len(glyphs) or (glyphs[at].line.context and glyphs[at].line.block is not glyphs[at - 1].line.block):
            yield start, list(glyphs[start:at])
            start = at


def _line(glyphs: Sequence[_Glyph], place: tuple[int, int]) -> dict[str, Any]:
    """Return glyphs as a line of PyMuPDF's "dict"; `place` is the number of their segment, and that of the first."""
    runs: list[list[_Glyph]] = []
    for glyph in glyphs:
        if runs and (glyph.text.isspace() or _style(runs[-1][0]) == _style(glyph)):
            runs[-1].append(glyph)
        else:
            runs.append([glyph])
    spans: list[dict[str, Any]] = []
    for run in runs:
        box = _union([glyph.box for glyph in run])
        if spans and not spans[-1]["text"][-1].isspace():
            # What follows at the other end of a run that is read from left to right follows without a blank.
            before = spans[-1]["bbox"]
            box = box if max(box[0] - before[2], before[0] - box[2]) < _BLANK * run[0].size else _union([before, box])
        spans.append({**run[0].span, "text": "".join(glyph.text for glyph in run), "bbox": box})
    first = glyphs[0].line.line
    return {
        "spans": spans,
        "bbox": _union([span["bbox"] for span in spans]),
        "dir": first["dir"],
        "wmode": first["wmode"],
        "place": place,
    }


def _style(glyph: _Glyph) -> tuple[Any, ...]:
    span = glyph.span
    return span["flags"], round(span["size"], 1), span.get("alpha")


def _union(boxes: Sequence[Box]) -> Box:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _words(glyphs: Sequence[_Glyph]) -> Iterator[Word]:
    """Yield words of a line, in its order: what blanks divide, and what is read together and stands apart."""
    word: list[_Glyph] = []
    for glyph in glyphs:
        if word and (glyph.text.isspace() or _stands_apart(word[-1], glyph)):
            yield Word(*_union([part.box for part in word]), "".join(part.text for part in word))
            word = []
        if not glyph.text.isspace():
            word.append(glyph)
    if word:
        yield Word(*_union([part.box for part in word]), "".join(part.text for part in word))


def _stands_apart(before: _Glyph, after: _Glyph) -> bool:
    return max(after.x0 - before.x1, before.x0 - after.x1) > _BLANK * after.size


def _words_of_line(line: dict[str, Any]) -> Iterator[Word]:
    chars = [char for span in line["spans"] for char in span["chars"]]
    for is_blank, group in groupby(chars, key=lambda char: char["c"].isspace()):
        word = list(group)
        if not is_blank:
            yield Word(*_union([char["bbox"] for char in word]), "".join(char["c"] for char in word))


def _arrange(blocks: list[dict[str, Any]]) -> None:
    """Put parts of one element that share a line of the page into the order of that line, all the way down."""
    for block in blocks:
        if block.get("blocks"):
            _arrange(block["blocks"])
    places = [_places(block) for block in blocks]
    shared = {segment for one, other in combinations(places, 2) for segment in one.keys() & other.keys()}
    if not shared:
        return
    parts: list[dict[str, Any]] = []
    for block, held in zip(blocks, places, strict=True):
        if held.keys() & shared and block.get("lines"):
            parts.extend({**block, "lines": [line], "bbox": line["bbox"]} for line in block["lines"])
        else:
            parts.append(block)
    blocks.clear()
    for part in parts:
        at = len(blocks)
        held = _places(part)
        while at and any(held[n] < place for n, place in _places(blocks[at - 1]).items() if n in held):
            at -= 1
        blocks.insert(at, part)


def _places(block: dict[str, Any]) -> dict[int, int]:
    """Return where on which right-to-left lines a block's text begins."""
    found: dict[int, int] = {}
    for line in block.get("lines", ()):
        if "place" in line:
            segment, at = line["place"]
            found[segment] = min(at, found.get(segment, at))
    for child in block.get("blocks", ()):
        for segment, at in _places(child).items():
            found[segment] = min(at, found.get(segment, at))
    return found

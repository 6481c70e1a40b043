"""Right-to-left text in logical order, from the places of its glyphs.

PDFs hold such text as it was drawn: in chunks of any order, each from either end. MuPDF turns letters around run by run
and leaves stops, blanks and figures where it met them. Here every line of the page that has such letters is read again:
its glyphs from left to right, then turned around by the bidirectional algorithm (`text.bidirectional`).
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, groupby
from typing import Any

from scribetune.labels.line_glyphs import Glyph, Source, glyphs_of, rows_of, sources_of
from scribetune.labels.tables.cells import Word, union
from scribetune.text import bidirectional

_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]")
_BEGINS_WITH_STOP = re.compile(r"[.,:;!?](?=[^\s.,:;!?])")
_ENDS_WITH_STOP = re.compile(r"[^\s.,:;!?][.,:;!?]\s*$")
_SIGNS_LEFTWARDS = re.compile(r"[.,:;!?][^\s.,:;!?]|[)\]}].*[(\[{]$|[₪€£$]\s+\d|\S*\d[-+\u2212]$")
_RANGE = re.compile(r"(\d+(?:\.\d+)?)\s*\u2013\s*(\d+(?:\.\d+)?)")
_BLANK = 0.18  # of the font's size, as what follows
_APART = 1.0
_CHUNKS_APART = 0.7  # no more: cells of a table may be as near as a letter is high
_NEXT_LINE = 1.9
_SAME_PLACE = 0.1
_LAYERS = 4
_PARAGRAPH = 30  # letters; of a shorter text the page says how it runs
_MOSTLY = 3  # times as many letters


def is_right_to_left(text: str) -> bool:
    """Whether most letters of a text are written from right to left."""
    return _balance(text) > 0


def has_letters(text: str) -> bool:
    """Whether any character of a text is written from right to left."""
    return bool(_RIGHT_TO_LEFT.search(text))


def _balance(text: str) -> int:
    kinds = [bidirectional.kind_of(character) for character in text]
    return sum(map(bidirectional.is_leftwards, kinds)) - kinds.count("L")


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
    sources = list(sources_of(blocks))
    page = _Page(sources)
    for row in rows_of(sources):
        page.put_in_order(row)
    page.write()
    _arrange(blocks)
    return OrderedText(blocks, page.words)


class _Page:
    """The right-to-left lines of a page, and what becomes of MuPDF's."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.words: list[Word] = []
        self._sources = sources
        self._leftwards = is_right_to_left("".join(source.text for source in sources))
        self._balances: dict[int, list[str]] = {}
        for source in sources:
            self._balances.setdefault(self._paragraph(source), []).append(source.text)
        self._segments: list[_Segment] = []
        self._gone: set[int] = set()  # MuPDF's lines that were read

    @staticmethod
    def _paragraph(source: Source) -> int:
        return source.context or id(source.block)

    def put_in_order(self, row: Sequence[Source]) -> None:
        """Read a line of the page, where right-to-left text is on it, or most of the page is."""
        if not self._leftwards and not any(has_letters(source.text) for source in row):
            return
        self._gone.update(id(source.line) for source in row)
        for segment in _segments(glyphs_of(row))[:: -1 if self._leftwards else 1]:
            leftwards, after_arabic = self._is_leftwards(segment), self._follows_arabic(segment)
            self._segments.append(_Segment(segment, leftwards=leftwards, after_arabic=after_arabic))

    def _follows_arabic(self, segment: Sequence[Glyph]) -> bool:
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

    def _is_leftwards(self, segment: Sequence[Glyph]) -> bool:
        """Return the direction of a line's paragraph: that of most letters, unless the ends of the line differ."""
        text = "".join(glyph.text for glyph in segment)
        kinds = [bidirectional.kind_of(character) for character in text]
        strong = [kind for kind in kinds if kind == "L" or bidirectional.is_leftwards(kind)]
        begins_with_stop = bool(_BEGINS_WITH_STOP.match(text))
        if not strong:
            return self._leftwards and ("AN" in kinds or _are_figures_leftwards(text.strip()))
        if not any(map(bidirectional.is_leftwards, strong)):
            return self._leftwards and begins_with_stop
        if _ENDS_WITH_STOP.search(text) and bidirectional.is_leftwards(kinds[len(text.rstrip()) - 2]):
            return False  # no right-to-left line begins with a stop
        around = "".join(self._balances[self._paragraph(_most(segment))])
        letters = [bidirectional.kind_of(character) for character in around]
        leftwards, rightwards = sum(map(bidirectional.is_leftwards, letters)), letters.count("L")
        ends_leftwards = bidirectional.is_leftwards(strong[-1])
        if self._leftwards:
            is_latin = strong[0] == strong[-1] == "L" and rightwards > max(_PARAGRAPH, _MOSTLY * leftwards)
            return begins_with_stop or not is_latin
        return leftwards > rightwards or (begins_with_stop and ends_leftwards)

    def write(self) -> None:
        """Put the lines that were read into the blocks, and all words of the page into `words`, with their places."""
        as_written = sum(segment.as_written for segment in self._segments) >= 0
        lines: dict[int, list[dict[str, Any]]] = {}
        for number, segment in enumerate(self._segments):
            glyphs = segment.in_order(as_written=as_written)
            for at, piece in _pieces(glyphs):
                lines.setdefault(id(_most(piece).line), []).append(_line(piece, (number, at)))
            before = len(self.words)
            self.words.extend(replace(word, place=before + at) for at, word in enumerate(_words(glyphs), 1))
        for block in {id(source.block): source.block for source in self._sources}.values():
            written: list[dict[str, Any]] = []
            for line in block["lines"]:
                written.extend(lines.get(id(line), ()))
                if id(line) not in self._gone:
                    self.words.extend(_words_of_line(line))
                    written.append(line)
                    for span in line["spans"]:
                        span["text"] = "".join(char["c"] for char in span["chars"])
            block["lines"] = written


class _Segment:
    """Glyphs that stand together on a line of the page, from left to right, and the order in which they are read."""

    def __init__(self, glyphs: Sequence[Glyph], *, leftwards: bool, after_arabic: bool) -> None:
        self._visual = _with_gaps(glyphs)
        items = [glyph.text for glyph in self._visual]
        self._order = bidirectional.logical_order(items, right_to_left=leftwards, after_arabic=after_arabic)
        self.as_written = bidirectional.brackets_as_written(
            [items[place.index] for place in self._order], [place.turned for place in self._order]
        )
        """How much better its brackets fit as the layer has them than as their mirror shows them."""
        self.x0, self.x1, self.base = glyphs[0].x0, max(glyph.x1 for glyph in glyphs), glyphs[0].line.base
        kinds = [bidirectional.kind_of(self._visual[place.index].text[0]) for place in self._order]
        strong = [kind for kind in kinds if kind == "L" or bidirectional.is_leftwards(kind)]
        self.ends_arabic = strong[-1:] == ["AL"]

    def in_order(self, *, as_written: bool) -> list[Glyph]:
        """Return the glyphs in logical order; brackets by their meaning, which some layers have and some have not."""
        as_written = self.as_written > 0 or (self.as_written == 0 and as_written)
        ordered = []
        for place in self._order:
            glyph = self._visual[place.index]
            if place.turned and not as_written:
                glyph = replace(glyph, text=bidirectional.mirrored(glyph.text))
            ordered.append(glyph)
        return ordered


def _are_figures_leftwards(text: str) -> bool:
    """Whether figures alone, as drawn from left to right, were set from right to left: their signs tell."""
    ends = _RANGE.fullmatch(text)
    return bool(_SIGNS_LEFTWARDS.match(text)) or (ends is not None and float(ends.group(1)) > float(ends.group(2)))


def _with_gaps(glyphs: Sequence[Glyph]) -> list[Glyph]:
    """Return the glyphs of a line with one blank wherever one is seen, none at the ends."""
    visual: list[Glyph] = []
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


def _segments(glyphs: Sequence[Glyph]) -> list[list[Glyph]]:
    """Cut a line of the page where a gap or another context divides it; glyphs are sorted from left to right."""
    segments: list[list[Glyph]] = []
    end = 0.0
    for glyph in glyphs:
        if segments and _is_again(glyph, segments[-1][-_LAYERS:]):
            continue
        last = segments[-1][-1] if segments else None
        apart = glyph.size * (_APART if last is not None and glyph.line is last.line else _CHUNKS_APART)
        if last is None or glyph.line.context != last.line.context or glyph.x0 - end > apart:
            segments.append([glyph])
            end = glyph.x1
        else:
            segments[-1].append(glyph)
            end = max(end, glyph.x1)
    return [segment for segment in segments if not all(glyph.text.isspace() for glyph in segment)]


def _is_again(glyph: Glyph, before: Sequence[Glyph]) -> bool:
    """Whether a letter was drawn before in the same place, to make it bold."""
    reach = glyph.middle - _SAME_PLACE * glyph.size
    return before[-1].middle > reach and any(other.text == glyph.text and other.middle > reach for other in before)


def _first_word(glyphs: Sequence[Glyph]) -> float:
    """Return the width of the word that a line, given from left to right, begins with on the right."""
    start = glyphs[-1].x0
    for before in reversed(glyphs):
        if before.text.isspace() or start - before.x1 > _BLANK * before.size:
            break
        start = before.x0
    return max(glyph.x1 for glyph in glyphs) - start


def _most(glyphs: Sequence[Glyph]) -> Source:
    """Return the line of MuPDF's that most glyphs come from, of its block the first."""
    blocks = Counter(id(glyph.line.block) for glyph in glyphs)
    most = max(blocks, key=lambda block: blocks[block])
    return next(glyph.line for glyph in glyphs if id(glyph.line.block) == most)


def _pieces(glyphs: Sequence[Glyph]) -> Iterator[tuple[int, list[Glyph]]]:
    """Yield the runs of glyphs that one element of the structure holds, with their places; all where there is none."""
    start = 0
    for at in range(1, len(glyphs) + 1):
        if at == len(glyphs) or (glyphs[at].line.context and glyphs[at].line.block is not glyphs[at - 1].line.block):
            yield start, list(glyphs[start:at])
            start = at


def _line(glyphs: Sequence[Glyph], place: tuple[int, int]) -> dict[str, Any]:
    """Return glyphs as a line of PyMuPDF's "dict"; `place` is the number of their segment, and that of the first."""
    runs: list[list[Glyph]] = []
    for glyph in glyphs:
        if runs and (glyph.text.isspace() or _style(runs[-1][0]) == _style(glyph)):
            runs[-1].append(glyph)
        else:
            runs.append([glyph])
    spans: list[dict[str, Any]] = []
    for run in runs:
        box = union([glyph.box for glyph in run])
        if spans and not spans[-1]["text"][-1].isspace():
            # What follows at the other end of a run that is read from left to right follows without a blank.
            before = spans[-1]["bbox"]
            box = box if max(box[0] - before[2], before[0] - box[2]) < _BLANK * run[0].size else union([before, box])
        spans.append({**run[0].span, "text": "".join(glyph.text for glyph in run), "bbox": box})
    first = glyphs[0].line.line
    return {
        "spans": spans,
        "bbox": union([span["bbox"] for span in spans]),
        "dir": first["dir"],
        "wmode": first["wmode"],
        "place": place,
    }


def _style(glyph: Glyph) -> tuple[Any, ...]:
    span = glyph.span
    return span["flags"], round(span["size"], 1), span.get("alpha")


def _words(glyphs: Sequence[Glyph]) -> Iterator[Word]:
    """Yield words of a line, in its order: what blanks divide, and what is read together and stands apart.

    A stop that stands at the other end of a run goes with its word, which is where its letters are.
    """
    text, box = "", glyphs[0].box
    for glyph in glyphs:
        if glyph.text.isspace():
            if text:
                yield Word(*box, text)
            text = ""
            continue
        is_apart = bool(text) and max(glyph.x0 - box[2], box[0] - glyph.x1) > _BLANK * glyph.size
        if is_apart and _has_content(text) and _has_content(glyph.text):
            yield Word(*box, text)
            text, is_apart = "", False
        if not text or (is_apart and _has_content(glyph.text)):
            box = glyph.box
        elif not is_apart:
            box = union([box, glyph.box])
        text += glyph.text
    if text:
        yield Word(*box, text)


def _has_content(text: str) -> bool:
    return any(map(str.isalnum, text))


def _words_of_line(line: dict[str, Any]) -> Iterator[Word]:
    chars = [char for span in line["spans"] for char in span["chars"]]
    for is_blank, group in groupby(chars, key=lambda char: char["c"].isspace()):
        word = list(group)
        if not is_blank:
            yield Word(*union([char["bbox"] for char in word]), "".join(char["c"] for char in word))


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

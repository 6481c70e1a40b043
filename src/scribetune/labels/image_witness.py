"""What the page image says against the text layer: a second reader that shares no code and no mistakes with the first.

Reading whole pages would cost more than labelling them. What is wrong with a text layer is wrong with a font, so a
sample is enough: of a document the pages on which fonts come up, and there words of these fonts, chosen so that they
have as many different letters as can be, and a few more with a letter that was read as another. Besides, lines are
looked for where no word stands.

Networks that read images err too. So only what is clear counts: words in one font of which most are read otherwise,
a letter that is read as one other again and again, lines of text without a word beneath, words where nothing is drawn.
"""

import json
import logging
import time
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from scribetune.core.errors import counted
from scribetune.documents import drawn_page, page_images
from scribetune.documents.text_layer_checks import is_seen
from scribetune.labels import image_models, image_reading
from scribetune.labels.tables.cells import Box, union
from scribetune.text.markdown import is_cjk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

logger = logging.getLogger(__name__)

_PAGES_SHARE = 0.05  # of a document's pages, and one more: so many are read at most
SHORT = 8
"""Of documents with fewer pages only some are looked at: the more pages they have, the more of them."""
_WORDS = 16  # of a page are read, more or fewer as it has fonts
_LEAST_OF_FONT, _ENOUGH_OF_FONT, _MOST_OF_FONT = 2, 8, 12  # enough, if they have all its letters
_NARROWED = 0.7  # of its width: what a PDF draws is read as well, in less time
_LEAST_LETTERS, _MOST_LETTERS = 3, 14
_LEAST_SIZE = 5.0  # points
_ACROSS = 0.999  # of its direction: the text runs to the right
_CERTAIN = 0.85  # what is read with less certainty is no evidence
_ALIKE, _LEAST_EVIDENCE = 0.6, 12  # likeness of a font's words to what is read; characters
_ALWAYS, _OFTEN = 2, 3  # times a letter is read as another: never as itself, or no oftener
_WORTH = {0: 1.0, 1: 0.3}  # of seeing a letter that was seen so often
_MOST_DOUBTFUL, _ASKED_AGAIN = 4, 3  # letters of a font, and words with each that are read besides
_SEARCHED_PX = 704  # long side of the image in which lines without words are looked for
_COVERED = 0.15  # of a line, by words
_LOST_LETTERS, _LOST_LINES, _MOST_LOST = 12, 2, 6
_MOSTLY_LINES = 0.5  # of a picture
_BESIDE = 1.5  # heights of a lost line: text above it, or below, that it is one with
_SIZES = 1.8  # times larger or smaller than that
_WORDS_BESIDE = 2
_LEAST_UNDRAWN, _UNDRAWN_SHARE = 3, 0.02
_LONG_SIDE_PX = 1728
_ALIKE_LETTERS = ("o0", "l|ı1!i", "s5$", "z2", ",‚", "'‘’`´", '"“”„', "-–—−‐‑", ".·•∙")
_LOOK_ALIKE = {ord(other): letters[0] for letters in _ALIKE_LETTERS for other in letters[1:]}


@dataclass(frozen=True)
class Reading:
    """A place where the image was read, in points of the page as it is shown."""

    label: str  # what the text layer says; "" where it says nothing
    image: str  # what the image says; "" where nothing is drawn
    box: Box


@dataclass(frozen=True)
class Disagreement:
    """Something that text layer and image clearly differ in."""

    kind: str  # "font", "letter", "lost" or "undrawn"
    what: str  # in plain words
    agreement: float  # 0–1: how much of it agrees
    readings: tuple[Reading, ...]
    font: str = ""  # whose words they are


@dataclass(frozen=True)
class Testimony:
    """What the image of a page says against its text layer."""

    agreement: float  # the least of what was looked at, 0–1
    disagreements: tuple[Disagreement, ...]
    seconds: float  # on the clock, rendering included


@dataclass(frozen=True)
class _FontWord:
    """A word, or a few characters of a script without blanks, in one font."""

    text: str
    font: str
    box: Box


@dataclass(frozen=True)
class _PageReading:
    """What was read on one page: what is said of its fonts and words, and the lines that it has without words."""

    against: tuple[Disagreement, ...]
    lost: tuple[Reading, ...]
    words: tuple[Box, ...]


class Witness:
    """Reads a sample of the pages of one PDF: a pymupdf.Document, which is left as it is.

    Of documents with fewer than `short` pages, n of `short` are looked at that have n pages, chosen by what their first
    page draws: a folder of one-page forms has the same fonts again and again.
    """

    def __init__(self, pdf: Any, short: int = 1) -> None:
        self._pdf, self._short = pdf, short
        self._found: dict[int, _PageReading] = {}

    @cached_property
    def _fonts(self) -> list[frozenset[int]]:
        """Of each page the fonts, by their numbers in the file."""
        return [
            frozenset(int(font[0]) for font in self._pdf.get_page_fonts(index)) for index in range(self._pdf.page_count)
        ]

    @cached_property
    def sample(self) -> dict[int, frozenset[int]]:
        """Pages to read, counted from 0, each with the fonts that come up there (numbers in the file)."""
        most = 1 + int(_PAGES_SHARE * len(self._fonts))
        if 0 < len(self._fonts) < self._short:
            lot = zlib.crc32(self._pdf[0].read_contents()) % self._short
            most = most if lot < len(self._fonts) else 0
        chosen: dict[int, frozenset[int]] = {}
        known: set[int] = set()
        for index, fonts in enumerate(self._fonts):
            new = fonts - known
            if new and len(chosen) < most:
                chosen[index] = new
                known |= new
        return chosen

    def of_page(
        self, index: int, *, has_unseen: bool = False, has_outlines: bool = False, pictures: Sequence[Box] = ()
    ) -> Testimony | None:
        """Return what speaks against a page, counted from 0; None where nothing was read and nothing is known.

        It is read if it is in the sample, or if it has text that nobody sees (which its label has not), or draws what
        may be letters (`outlined_text`; outside the sample none of its words are read then). Lines in `pictures` are
        not asked for. What was found out about its fonts on other pages counts here too.
        """
        began = time.perf_counter()
        is_read = index in self.sample or has_unseen or has_outlines
        against: list[Disagreement] = []
        if is_read:
            read = self._read(index, asks_fonts=index in self.sample or has_unseen)
            against = [one for one in read.against if not (has_unseen and one.kind == "undrawn")]
            against += _lost(read, pictures)
        elsewhere = [one for one in self._elsewhere(index) if one.font not in {known.font for known in against}]
        if elsewhere:
            words, _ = _words_of(self._pdf[index].get_displaylist())
            drawn = {word.font for word in words}
            against += [one for one in elsewhere if one.font in drawn]
        if not is_read and not against:
            return None
        agreement = min([1.0, *(one.agreement for one in against)])
        return Testimony(agreement, tuple(against), time.perf_counter() - began)

    def _elsewhere(self, index: int) -> Iterator[Disagreement]:
        """Yield what was found out about fonts on the pages of the sample that share some with a page."""
        for other, fonts in self.sample.items():
            if other == index or not fonts & self._fonts[index]:
                continue
            try:
                yield from (one for one in self._read(other).against if one.font)
            except (RuntimeError, ValueError) as error:  # page `other` is refused for it, and this one is not
                logger.info("page %d: its image says nothing about fonts: %s", other + 1, error)

    def _read(self, index: int, *, asks_fonts: bool = True) -> _PageReading:
        if index not in self._found:
            self._found[index] = _read_all(self._pdf[index], asks_fonts=asks_fonts)
        return self._found[index]


def to_json(disagreements: Sequence[Disagreement]) -> str:
    """Return disagreements as the manifest has them; "" for none."""
    return json.dumps([asdict(one) for one in disagreements], ensure_ascii=False) if disagreements else ""


def in_words(disagreements: Sequence[Disagreement], page: int) -> str:
    """Return what the image of a page, counted from 1, says otherwise; "" where nothing is."""
    said = "; ".join(one.what for one in disagreements)
    return f"the image of page {page} says otherwise: {said}" if said else ""


def read_page(page: Any) -> tuple[Disagreement, ...]:
    """Read words of each font of a pymupdf.Page, and lines where it has no words; return what clearly differs."""
    read = _read_all(page)
    return (*read.against, *_lost(read))


def _read_all(page: Any, *, asks_fonts: bool = True) -> _PageReading:
    from PIL import Image

    shown = page.get_displaylist()
    rendered = page_images.render(page, shown, _LONG_SIDE_PX, "gray")
    image = Image.fromarray(rendered.pixels).convert("RGB")
    words, images = _words_of(shown)
    found = list(_unlike_fonts(words, image, rendered.scale)) if asks_fonts else []
    found += _undrawn([word for word in words if not is_seen(word.box, rendered)], len(words))
    boxes = tuple(word.box for word in words)
    return _PageReading(tuple(found), tuple(_without_words(boxes, images, image, rendered.scale)), boxes)


def _words_of(shown: Any) -> tuple[list[_FontWord], list[Box]]:
    """Return the words of a pymupdf.DisplayList that run to the right and are painted, and the boxes of images."""
    import pymupdf

    flags = pymupdf.TEXTFLAGS_RAWDICT & ~(pymupdf.TEXT_PRESERVE_IMAGES | pymupdf.TEXT_PRESERVE_LIGATURES)
    tags = pymupdf.TOOLS.set_subset_fontnames()
    pymupdf.TOOLS.set_subset_fontnames(True)  # two subsets of one typeface are two fonts
    try:
        blocks = pymupdf.TextPage(shown.get_textpage(flags)).extractRAWDICT()["blocks"]
    finally:
        pymupdf.TOOLS.set_subset_fontnames(tags)
    words = [
        word
        for block in blocks
        for line in block.get("lines", ())
        for span in line["spans"]
        for word in _cut(span, is_read=line["dir"][0] > _ACROSS and span["size"] >= _LEAST_SIZE)
    ]
    return words, [drawn.box for drawn in drawn_page.read(shown).images]


def _cut(span: Mapping[str, Any], *, is_read: bool) -> Iterator[_FontWord]:
    """Cut a span into words; those that cannot be read have no font."""
    letters: list[Any] = []
    for character in (*span["chars"], None):
        ends = character is None or character["c"].isspace()
        if letters and (ends or len(letters) == _MOST_LETTERS):
            text = "".join(letter["c"] for letter in letters)
            box = union([letter["bbox"] for letter in letters])
            yield _FontWord(text, span["font"] if is_read and span.get("alpha", 255) else "", box)
            letters = []
        if not ends:
            letters.append(character)


def _sampled(words: Sequence[_FontWord]) -> list[_FontWord]:
    """Choose words, font by font, so that each letter and figure of a font is seen, in as few as can be."""
    by_font = _readable(words)
    chosen: list[_FontWord] = []
    for font in sorted(by_font):
        most = min(_MOST_OF_FONT, max(_LEAST_OF_FONT, _WORDS // len(by_font)))
        waiting = {word.text: word for word in reversed(by_font[font])}
        seen: Counter[str] = Counter()
        for number in range(most):
            # As many letters that are not seen yet as can be, for what it costs to read them.
            best = max(waiting, key=lambda text: _unseen(text, seen) / (len(text) + 3), default="")
            if not best or (number >= _ENOUGH_OF_FONT and _unseen(best, seen) < 1):
                break
            seen.update(set(best))
            chosen.append(waiting.pop(best))
    return chosen


def _unseen(text: str, seen: Mapping[str, int]) -> float:
    """Return how many letters and figures of a text are not among those seen; those seen once count a little."""
    return sum(_WORTH.get(seen.get(letter, 0), 0.0) for letter in set(text) if letter.isalnum())


def _readable(words: Sequence[_FontWord]) -> dict[str, list[_FontWord]]:
    """Return the words that can be read, by their fonts."""
    known = set(image_models.alphabet())
    by_font: dict[str, list[_FontWord]] = defaultdict(list)
    for word in words:
        if word.font and sum(map(str.isalnum, word.text)) >= _LEAST_LETTERS and known.issuperset(word.text):
            by_font[word.font].append(word)
    return by_font


def _unlike_fonts(words: Sequence[_FontWord], image: "Image", scale: float) -> Iterator[Disagreement]:
    """Read some of the words; yield the fonts most of which is read otherwise, or letters of which always are.

    Where a letter is read as another one, more words with it are read: once may be the reader's mistake.
    """
    by_font = _readable(words)
    for font, own in groupby(_sampled(words), key=lambda word: word.font):
        asked = list(own)
        readings = [one for word in asked if (one := _reading(word, image, scale))]
        pairs = [(_plain(reading.label), _plain(reading.image)) for reading in readings]
        letters = sum(max(len(said), len(seen)) for said, seen in pairs)
        if letters < _LEAST_EVIDENCE:
            continue
        alike = 1 - sum(_distance(said, seen) for said, seen in pairs) / letters
        if alike < _ALIKE:
            worst = [one for one, (said, seen) in zip(readings, pairs, strict=True) if said != seen]
            what = f"the letters of the font {font} are read as others: {_shown(worst)}"
            yield Disagreement("font", what, round(alike, 6), tuple(worst), font)
            continue
        more = _with_letters(_exchanged(readings, 1), by_font[font], asked)
        readings += [one for word in more if (one := _reading(word, image, scale))]
        for letter, other in _exchanged(readings, _ALWAYS):
            shown = [one for one in readings if letter in one.label]
            what = f"“{letter}” of the font {font} is read as “{other}”: {_shown(shown)}"
            yield Disagreement("letter", what, 0.5, tuple(shown), font)


def _reading(word: _FontWord, image: "Image", scale: float) -> Reading | None:
    """Read a word off the image; None where that is not certain."""
    cut = image_reading.cut_out(image, _corners(word.box, scale))
    read = image_reading.text_of(cut.resize((max(1, round(_NARROWED * cut.width)), cut.height)))
    return Reading(word.text, read.text, word.box) if read.score >= _CERTAIN else None


def _with_letters(
    doubtful: Sequence[tuple[str, str]], words: Sequence[_FontWord], asked: Sequence[_FontWord]
) -> list[_FontWord]:
    """Return a few words of a font, the shortest first, that were not asked for and have letters in doubt."""
    waiting = {word.text: word for word in reversed(words)}
    for word in asked:
        waiting.pop(word.text, None)
    chosen: list[_FontWord] = []
    for letter, _ in doubtful[:_MOST_DOUBTFUL]:
        own = sorted((text for text in waiting if letter in text), key=len)[:_ASKED_AGAIN]
        chosen += [waiting.pop(text) for text in own]
    return chosen


def _corners(box: Box, scale: float) -> tuple[tuple[float, float], ...]:
    """Return the corners of a word on the image, with a little around it."""
    x0, y0, x1, y1 = (value * scale for value in box)
    by = 0.06 * (y1 - y0)
    return ((x0 - 2 * by, y0 - by), (x1 + 2 * by, y0 - by), (x1 + 2 * by, y1 + by), (x0 - 2 * by, y1 + by))


def _plain(text: str) -> str:
    """Return a text as it is compared: without blanks and accents, letters that look alike as one."""
    parts = unicodedata.normalize("NFKD", text).casefold().translate(_LOOK_ALIKE)
    return "".join(part for part in parts if not part.isspace() and not unicodedata.combining(part))


def _distance(one: str, other: str) -> int:
    from rapidfuzz.distance import Levenshtein

    return Levenshtein.distance(one, other)


def _exchanged(readings: Sequence[Reading], least: int) -> list[tuple[str, str]]:
    """Return letters that are read as one other each time, in so many words, and never, or seldom, as themselves.

    Two that are read as each other count together. Capitals count for themselves: fonts have them apart. Where a font
    says one letter for two, it is read as itself besides.
    """
    read_as: dict[str, Counter[str]] = defaultdict(Counter)
    for reading in readings:
        said = [(letter, part) for letter in reading.label for part in _plain(letter)]
        plain, seen = "".join(part for _, part in said), _plain(reading.image)
        as_read = {(said[at][0], seen[to]) for at, to in _aligned(plain, seen)}
        for letter, other in as_read:
            read_as[letter][other] += 1
    wrong: dict[str, tuple[str, int]] = {}
    for letter, seen_as in sorted(read_as.items()):
        itself = sum(times for other, times in seen_as.items() if other in _plain(letter))
        others = [(times, other) for other, times in sorted(seen_as.items()) if other not in _plain(letter)]
        times, other = max(others, default=(0, ""))
        # Chinese characters have forms (資, 资), of which the models know one better.
        is_one = len(others) == 1 and letter.isalnum() and other.isalnum() and not is_cjk(letter)
        if is_one and (not itself or least < _ALWAYS or times >= max(_OFTEN, itself)):
            wrong[letter] = other, times
    return [
        (letter, other)
        for letter, (other, times) in wrong.items()
        if times + (wrong[other][1] if wrong.get(other, ("", 0))[0] == letter else 0) >= least
    ]


def _aligned(said: str, seen: str) -> Iterator[tuple[int, int]]:
    """Yield which character of one text is which of the other; those left out or put in are none."""
    from rapidfuzz.distance import Levenshtein

    unlike = sum(one != other for one, other in zip(said, seen, strict=False))
    if len(said) == len(seen) and unlike == Levenshtein.distance(said, seen):
        # One by one: “38” read as “83” is two exchanged, and no 3 put in with a 3 left out.
        yield from ((at, at) for at in range(len(said)))
        return
    for code in Levenshtein.opcodes(said, seen):
        if code.tag in ("equal", "replace"):
            yield from zip(range(code.src_start, code.src_end), range(code.dest_start, code.dest_end), strict=True)


def _shown(readings: Sequence[Reading]) -> str:
    """Return readings in words, with their places."""
    first = readings[:3]
    more = f", and {len(readings) - 3} more" if len(readings) > 3 else ""
    return ", ".join(f"“{one.label}” is read “{one.image}” at {_place(one.box)}" for one in first) + more


def _place(box: Box) -> str:
    return f"{box[0]:.0f},{box[1]:.0f}–{box[2]:.0f},{box[3]:.0f} pt"


def _undrawn(words: Sequence[_FontWord], of: int) -> list[Disagreement]:
    """Return words where nothing is seen, if there are many."""
    undrawn = [Reading(word.text, "", word.box) for word in words if any(map(str.isalnum, word.text))]
    if len(undrawn) < _LEAST_UNDRAWN or len(undrawn) < _UNDRAWN_SHARE * of:
        return []
    shown = ", ".join(f"“{one.label}” at {_place(one.box)}" for one in undrawn[:3])
    what = f"nothing is seen where {len(undrawn)} of {of} words stand: {shown}"
    return [Disagreement("undrawn", what, round(1 - len(undrawn) / of, 6), tuple(undrawn))]


def _without_words(words: Sequence[Box], images: Sequence[Box], image: "Image", scale: float) -> Iterator[Reading]:
    """Read lines where no word stands, nor an image; yield those that say something."""
    import numpy as np

    small = image.resize([max(1, round(side * _SEARCHED_PX / max(image.size))) for side in image.size])
    by = max(image.size) / _SEARCHED_PX
    covering = np.array([*words, *images], float).reshape(-1, 4)
    tried = 0
    for corners in image_reading.find(small, 1):
        x0, y0, x1, y1 = (value * by / scale for value in image_reading.around(corners))
        box = x0, y0, x1, y1
        if _covered(box, covering) > _COVERED or tried == _MOST_LOST:
            continue
        tried += 1
        read = image_reading.text_of(image_reading.cut_out(image, [(x * by, y * by) for x, y in corners]))
        letters = sum(map(str.isalnum, read.text))
        if read.score >= _CERTAIN and (
            letters >= _LOST_LETTERS or (letters >= _LOST_LETTERS / 3 and is_cjk(read.text))
        ):
            yield Reading("", read.text, box)


def _lost(read: _PageReading, pictures: Sequence[Box] = ()) -> list[Disagreement]:
    """Return lines without words that lie in no picture, if they are several, or one with the text beside it."""
    import numpy as np

    drawn = np.array([box for box in pictures if not _is_of_lines(box, read.lost)], float).reshape(-1, 4)
    lost = [one for one in read.lost if _covered(one.box, drawn) <= _COVERED]
    if len(lost) < _LOST_LINES and not any(_is_in_text(one.box, read.words) for one in lost):
        return []
    shown = ", ".join(f"“{one.image}” at {_place(one.box)}" for one in lost[:3])
    share = len(lost) / (len(lost) + max(1, len(read.words) / 10))
    what = f"{counted(len(lost), 'line', 'is', 'are')} seen where the text layer has no words: {shown}"
    return [Disagreement("lost", what, round(1 - share, 6), tuple(lost))]


def _is_of_lines(picture: Box, lines: Sequence[Reading]) -> bool:
    """Whether a picture is nothing but lines of text that are drawn."""
    x0, y0, x1, y1 = picture
    inside = [
        max(0.0, min(x1, line.box[2]) - max(x0, line.box[0])) * max(0.0, min(y1, line.box[3]) - max(y0, line.box[1]))
        for line in lines
    ]
    is_several = sum(area > 0 for area in inside) >= _LOST_LINES
    return is_several and sum(inside) >= _MOSTLY_LINES * (x1 - x0) * (y1 - y0)


def _is_in_text(box: Box, words: Sequence[Box]) -> bool:
    """Whether words of a line's size stand right above it, or below: no title of a drawing, nor a trade mark."""
    x0, y0, x1, y1 = box
    height = y1 - y0
    beside = [
        word
        for word in words
        if min(x1, word[2]) > max(x0, word[0])
        and height / _SIZES <= word[3] - word[1] <= height * _SIZES
        and min(abs(word[3] - y0), abs(word[1] - y1)) <= _BESIDE * height
    ]
    return len(beside) >= _WORDS_BESIDE


def _covered(box: Box, words: "NDArray[np.float64]") -> float:
    """Return which share of a box words (n × 4) cover, which do not lie upon each other."""
    import numpy as np

    across = np.minimum(box[2], words[:, 2]) - np.maximum(box[0], words[:, 0])
    down = np.minimum(box[3], words[:, 3]) - np.maximum(box[1], words[:, 1])
    area = max(1e-6, (box[2] - box[0]) * (box[3] - box[1]))
    return float((across.clip(0) * down.clip(0)).sum() / area)

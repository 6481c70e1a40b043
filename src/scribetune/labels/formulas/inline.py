"""Formulas within a line of running text: runs of glyphs around letters of mathematical fonts."""

from collections.abc import Collection, Sequence

from scribetune.labels.formulas.drawn_glyphs import Glyph
from scribetune.labels.formulas.symbols import Bar
from scribetune.labels.formulas.text_rows import Row, is_word_part, words_of

_BLANK = 0.2  # of the font's size: wider is a blank between words
_FUNCTION = 0.24  # the same, beside the name of a function and before brackets
_WIDEST = 1.0
_TIGHT = 0.12
_PUNCTUATION = frozenset(".,;:!?-–—'\"‘’“”`*†‡§¶")
_DASHES = frozenset("-\u2010\u2011\u2212")
_QUOTES = frozenset("'\"‘’“”")


def formulas_in(row: Row, glyphs: Sequence[Glyph], bars: Sequence[Bar]) -> list[list[Glyph]]:
    """Return the glyphs of each formula in a line; `glyphs` are all of it, with scripts and what is in fractions."""
    words = words_of([g for g in glyphs if _is_on(g, row)])
    text = {id(glyph) for word in words for glyph in word} - _bases(words, glyphs, row)
    barred = [
        bar
        for bar in bars
        if row.y - 0.8 * row.size < bar.y < row.y + 0.3 * row.size and bar.x1 - bar.x0 < 12 * row.size
    ]
    runs: list[list[Glyph]] = []
    end = float("-inf")
    last: Glyph | None = None
    after_text = True
    for glyph in sorted(glyphs, key=lambda g: g.box[0]):
        if id(glyph) in text or _is_cjk(glyph) or (glyph.character in _QUOTES and _is_on(glyph, row)):
            after_text, last = True, glyph
            continue
        is_raised = not _is_on(glyph, row) and after_text and glyph.meaning.kind != "accent"
        if is_raised and not glyph.meaning.is_strong and not _in_bar(glyph, barred):
            continue  # the mark of a note, an ordinal: raised text
        is_new = after_text or last is None or _is_apart(last, glyph, end, row.size)
        if is_new and not (runs and not after_text and _in_same_bar(runs[-1], glyph, barred)):
            runs.append([])
            end = float("-inf")
        runs[-1].append(glyph)
        end = max(end, glyph.end)
        if _is_on(glyph, row) or glyph.meaning.kind == "op" or last is None or after_text:
            last = glyph
        after_text = False
    letters = [glyph for word in words for glyph in word if id(glyph) in text and glyph.character[-1:].isalpha()]
    trimmed = [_trimmed(_without_hyphens(run, letters, row), row) for run in runs]
    trimmed = [run for run in trimmed if any(_is_evidence(glyph) for glyph in run)]
    return [_completed(run, glyphs, text) for run in trimmed]


def _bases(words: Sequence[Sequence[Glyph]], glyphs: Sequence[Glyph], row: Row) -> set[int]:
    """Return the letters of words that have a mathematical script: names of operators."""
    scripts = [
        g for g in glyphs if not _is_on(g, row) and g.meaning.is_strong and g.size < 0.85 * row.size and g.meaning.text
    ]
    return {
        id(glyph)
        for word in words
        for script in scripts
        if abs(script.x - word[-1].end) < _TIGHT * row.size
        for glyph in word
    }


def _completed(run: Sequence[Glyph], glyphs: Sequence[Glyph], text: Collection[int]) -> list[Glyph]:
    """Return a run with what else stands above or below it."""
    x0, x1 = min(glyph.box[0] for glyph in run), max(glyph.box[2] for glyph in run)
    known = {id(glyph) for glyph in run} | set(text)
    return [*run, *(glyph for glyph in glyphs if x0 < glyph.middle[0] < x1 and id(glyph) not in known)]


def _is_evidence(glyph: Glyph) -> bool:
    return glyph.meaning.is_strong and glyph.meaning.kind != "piece"


def _is_on(glyph: Glyph, row: Row) -> bool:
    return abs(glyph.y - row.y) < _TIGHT * row.size and glyph.size > 0.85 * row.size


def _is_cjk(glyph: Glyph) -> bool:
    return "\u3000" <= glyph.character[:1] <= "\u9fff" or "\uff00" <= glyph.character[:1] <= "\uffef"


def _in_bar(glyph: Glyph, bars: Sequence[Bar]) -> bool:
    return any(bar.x0 - 1 < glyph.middle[0] < bar.x1 + 1 for bar in bars)


def _in_same_bar(run: Sequence[Glyph], glyph: Glyph, bars: Sequence[Bar]) -> bool:
    return any(_in_bar(glyph, [bar]) and any(_in_bar(other, [bar]) for other in run) for bar in bars)


def _is_apart(last: Glyph, glyph: Glyph, end: float, size: float) -> bool:
    """Whether a blank between words, and not one of a formula, stands before a glyph."""
    gap = glyph.x - end
    if gap > _WIDEST * size:
        return True
    is_tight = is_word_part(last) or is_word_part(glyph) or (glyph.meaning.kind == "open" and last.meaning.is_math)
    if gap <= (_FUNCTION if is_tight else _BLANK) * size:
        return False
    return not (_is_spaced(last) or _is_spaced(glyph) or (last.meaning.kind == "punct" and last.meaning.is_math))


def _is_spaced(glyph: Glyph) -> bool:
    """Whether a symbol has blanks beside it in formulas."""
    is_sign = glyph.meaning.kind in ("bin", "rel", "op") or glyph.meaning.latex == "|"
    return is_sign or (glyph.character == "." and glyph.meaning.is_math)


def _without_hyphens(run: Sequence[Glyph], letters: Sequence[Glyph], row: Row) -> list[Glyph]:
    """Return a run without what looks like a minus at its ends, and joins it with a word: n-way, the i-th."""
    part = list(run)
    if len(part) > 1 and _is_dash(part[-1]):
        end = part[-1].end
        if any(_is_on(other, row) and abs(other.x - end) < _TIGHT * row.size for other in letters):
            part.pop()
    if len(part) > 1 and _is_dash(part[0]):
        start = part[0].x
        if any(_is_on(other, row) and abs(start - other.end) < _TIGHT * row.size for other in letters):
            part.pop(0)
    return part


def _is_dash(glyph: Glyph) -> bool:
    return glyph.character in _DASHES or glyph.meaning.latex == "-"


def _trimmed(run: Sequence[Glyph], row: Row) -> list[Glyph]:
    """Return a run without the marks of the sentence around it, and brackets that have no other one in it."""
    part = list(run)
    while part:
        size = len(part)
        for at in (-1, 0):
            if part and (_is_mark(part[at], row) or _is_unmatched(part, at)):
                part.pop(at)
        if part and part[0].meaning.kind == "open" and part[-1].meaning.kind == "close" and _is_bracketed(part):
            part = part[1:-1]
        if len(part) == size:
            break
    return part


def _is_mark(glyph: Glyph, row: Row) -> bool:
    return _is_on(glyph, row) and glyph.character in _PUNCTUATION and (
        not glyph.meaning.is_math or glyph.character in ".,;:"
    )  # fmt: skip


def _is_unmatched(part: Sequence[Glyph], at: int) -> bool:
    kind = part[at].meaning.kind
    if kind not in ("open", "close"):
        return False
    depth, opened = 0, []
    matched: set[int] = set()
    for number, glyph in enumerate(part):
        if glyph.meaning.kind == "open":
            opened.append(number)
            depth += 1
        elif glyph.meaning.kind == "close" and opened:
            matched |= {opened.pop(), number}
    place = len(part) - 1 if at == -1 else 0
    return place not in matched


def _is_bracketed(part: Sequence[Glyph]) -> bool:
    """Whether the first bracket of text is closed by the last, with letters and no comma or operator in between."""
    depth = 0
    for number, glyph in enumerate(part):
        depth += (glyph.meaning.kind == "open") - (glyph.meaning.kind == "close")
        if depth == 0 and number < len(part) - 1:
            return False
    return part[0].meaning.latex == "(" and not any(glyph.meaning.kind == "punct" for glyph in part)

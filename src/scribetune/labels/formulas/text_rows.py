"""Glyphs on the baselines of a column: which lines are running text, and which of their glyphs are words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from scribetune.labels.formulas.drawn_glyphs import AXIS, Glyph
from scribetune.labels.formulas.latex_characters import NAMES

_ONE_LINE = 0.1  # of the font's size
_LETTERS_APART = 0.12  # the same
_WORDY = 0.35
_MANY = 2
_TALL = 1.6  # the same
_OFF_AXIS = 0.35  # the same
_BEHIND = 3.0  # the same
_WORDS = frozenset("aAIOoyàyeÀèé")
_PITCH = 1.45  # the same
_NEAR = 20.0  # the same
_AT_EDGE = 0.35  # the same
_CHINESE = 1.2  # the same: a stop may hang there
_FULL = 20.0  # the same: a line that reaches from edge to edge


@dataclass(frozen=True)
class Row:
    """Glyphs on one baseline, from left to right."""

    glyphs: tuple[Glyph, ...]
    y: float  # of the baseline
    size: float  # of the font of most glyphs
    is_text: bool  # whether words prevail

    @property
    def x0(self) -> float:
        """Where its ink begins."""
        return self.glyphs[0].box[0]

    @property
    def x1(self) -> float:
        """Where its ink ends."""
        return max(glyph.box[2] for glyph in self.glyphs)


def is_word_part(glyph: Glyph) -> bool:
    """Whether a glyph is a letter of a font for text."""
    return bool(glyph.meaning.text) and glyph.meaning.text.isalpha() and bool(glyph.meaning.style)


def with_variables(glyphs: Sequence[Glyph]) -> list[Glyph]:
    """Return glyphs, slanted and Greek letters of text that stand alone as letters of formulas; words of one stay."""
    ordered = sorted(glyphs, key=lambda glyph: (round(glyph.y), glyph.box[0]))
    made = []
    for number, glyph in enumerate(ordered):
        near = (ordered[at] for at in (number - 1, number + 1) if 0 <= at < len(ordered))
        is_letter = glyph.meaning.style == "it" and len(glyph.meaning.text) == 1 and glyph.meaning.text not in _WORDS
        is_greek = "\u0391" <= glyph.character <= "\u03c9" and not glyph.meaning.is_strong
        if (is_letter or is_greek) and not any(_is_letter(other) and _touches(glyph, other) for other in near):
            meaning = replace(glyph.meaning, style="", is_strong=True, is_math=True)
            made.append(replace(glyph, meaning=meaning))
        else:
            made.append(glyph)
    return made


def _is_letter(glyph: Glyph) -> bool:
    return is_word_part(glyph) or ("\u0391" <= glyph.character <= "\u03c9" and not glyph.meaning.is_math)


def _touches(glyph: Glyph, other: Glyph) -> bool:
    gap = max(other.x - glyph.end, glyph.x - other.end)
    return abs(glyph.y - other.y) < _ONE_LINE * glyph.size and gap < _LETTERS_APART * glyph.size


def words_of(glyphs: Sequence[Glyph]) -> list[list[Glyph]]:
    """Return the words among glyphs: two letters or more of text, no names of functions."""
    found: list[list[Glyph]] = []
    letters = sorted((g for g in glyphs if is_word_part(g)), key=lambda g: (round(g.y), g.box[0]))
    for glyph in letters:
        before = found[-1][-1] if found else None
        if (
            before is not None
            and abs(before.y - glyph.y) < _ONE_LINE * glyph.size
            and -0.3 * glyph.size < glyph.box[0] - before.box[2] < _LETTERS_APART * glyph.size
        ):
            found[-1].append(glyph)
        else:
            found.append([glyph])
    return [word for word in found if _is_word("".join(g.meaning.text for g in word), word)]


def _is_word(text: str, word: Sequence[Glyph]) -> bool:
    return (len(text) > 1 or _is_ideographic(text)) and not (
        text in NAMES["functions"] and word[0].meaning.style == "rm"
    )


def _is_ideographic(text: str) -> bool:
    return any("\u3000" <= letter <= "\u9fff" for letter in text)


def rows_on_baselines(glyphs: Sequence[Glyph]) -> list[Row]:
    """Put glyphs on baselines; what is drawn between two of them belongs to none."""
    rows: list[list[Glyph]] = []
    level = (g for g in glyphs if not g.is_centred and g.meaning.kind != "accent")
    for glyph in sorted(level, key=lambda g: g.y):
        if rows and abs(rows[-1][0].y - glyph.y) < _ONE_LINE * max(glyph.size, rows[-1][0].size):
            rows[-1].append(glyph)
        else:
            rows.append([glyph])
    tall = [g for g in glyphs if g.is_centred and g.meaning.kind != "op" and g.box[3] - g.box[1] > _TALL * g.size]
    made = [_row(row) for row in rows]
    made = [replace(row, is_text=row.is_text and not any(_is_beside(row, bracket) for bracket in tall)) for row in made]
    for number, row in enumerate(made):
        if _is_first_line(row, made) or _is_chinese_line(row, made):
            made[number] = replace(row, is_text=True)
        above = next(
            (other for other in reversed(made[:number]) if other.is_text and other.size < 1.2 * row.size), None
        )
        if above is not None and not made[number].is_text and _is_last_line(row, above, made):
            made[number] = replace(row, is_text=True)
    return made


def _is_beside(row: Row, bracket: Glyph) -> bool:
    """Whether a line is one of several behind a bracket that is higher than it."""
    _, top, right, bottom = bracket.box
    axis = row.y - AXIS * row.size
    is_other = abs((top + bottom) / 2 - axis) > _OFF_AXIS * row.size
    return is_other and top < axis < bottom and -0.5 * row.size < row.x0 - right < _BEHIND * row.size


def _is_first_line(row: Row, rows: Sequence[Row]) -> bool:
    """Whether a line goes on with what another column ended with: at the left edge, words in it, nothing above it."""
    text = [other for other in rows if other.is_text]
    return (
        not row.is_text
        and bool(text)
        and abs(min(other.x0 for other in text) - row.x0) < _AT_EDGE * row.size
        and not any(other.y < row.y for other in text)
        and len(words_of(row.glyphs)) > 1
    )


def _is_chinese_line(row: Row, rows: Sequence[Row]) -> bool:
    """Whether a line with Chinese words in it begins or ends at an edge of the text: no formula does."""
    near = [other for other in rows if other.is_text and abs(other.y - row.y) < _NEAR * row.size]
    return (
        not row.is_text
        and any(_is_ideographic(glyph.meaning.text) for glyph in row.glyphs)
        and any(
            abs(other.x0 - row.x0) < _AT_EDGE * row.size
            or (abs(other.x1 - row.x1) < _CHINESE * row.size and other.x1 - other.x0 > _FULL * row.size)
            for other in near
        )
    )


def _is_last_line(row: Row, above: Row, rows: Sequence[Row]) -> bool:
    """Whether a line of few words goes on with the paragraph above it: at its left edge, as near as its lines are."""
    lefts = [other.x0 for other in rows if other.is_text and abs(other.y - row.y) < _NEAR * row.size]
    return (
        row.size > 0.9 * above.size
        and row.y - above.y < _PITCH * row.size
        and any(abs(left - row.x0) < _AT_EDGE * row.size for left in lefts)
    )


def _row(glyphs: Sequence[Glyph]) -> Row:
    ordered = sorted(glyphs, key=lambda glyph: glyph.box[0])
    size = sorted(glyph.size for glyph in ordered)[len(ordered) // 2]
    words = words_of(ordered)
    wordy = sum(word[-1].box[2] - word[0].box[0] for word in words)
    gaps = sum(max(after.box[0] - before.box[2] - size, 0.0) for before, after in pairwise(ordered))
    width = ordered[-1].box[2] - ordered[0].box[0] - gaps
    begins = bool(words) and ordered[0] is words[0][0]
    is_text = bool(words) and (
        (wordy > _WORDY * width and len(words) >= _MANY) or (begins and wordy > 0.12 * width) or wordy > 0.7 * width
    )
    return Row(tuple(ordered), sorted(g.y for g in ordered)[len(ordered) // 2], size, is_text)

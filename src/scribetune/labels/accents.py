"""Accents that a PDF draws as characters of their own, made one character with the letter that they stand on.

TeX's older fonts have no `ö`: it draws `¨` and `o` in one place, in either order, and `ı` under an accent where an `i`
would have its dot. Whether an accent belongs to a letter is told by where both are drawn; one that is beside letters
(`x^2`, a quotation mark, `20 ˚C`) stays. The characters of MuPDF's text page itself are changed, so that all that is
made of it (lines, words, the library's tables) says the same.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

_COMBINING = MappingProxyType(
    {
        "´": "\u0301",
        "ˊ": "\u0301",
        "`": "\u0300",
        "ˋ": "\u0300",
        "¨": "\u0308",
        "ˆ": "\u0302",
        "^": "\u0302",
        "˜": "\u0303",
        "~": "\u0303",
        "˚": "\u030a",
        "°": "\u030a",
        "¸": "\u0327",
        "ˇ": "\u030c",
        "¯": "\u0304",
        "ˉ": "\u0304",
        "˘": "\u0306",
        "˙": "\u0307",
        "˝": "\u030b",
        "˛": "\u0328",
    }
)
_WITHOUT_DOT = MappingProxyType({"ı": "i", "ȷ": "j"})
_MAYBE = re.compile("[´ˊˋ¨ˆ˜˚¸ˇ¯ˉ˘˙˝˛ıȷ]|[`^~°][^\\W\\d_]|[^\\W\\d_][`^~°]")
_SYNTHETIC = 4  # MuPDF's FZ_STEXT_SYNTHETIC: a blank that it has put there
_TEXT = 0  # FZ_STEXT_BLOCK_TEXT
_OVER = 0.5  # of the narrower of an accent and its letter
_ASIDE = 0.3  # of the letter's size: from the accent's middle to the letter's
_RAISED = 0.5  # of the letter's size: how far an accent may stand above or below the line of its letter
_SIZES = (0.6, 1.7)
_CLOSED = 0.1  # of the size: so near are letters of one word


def compose(textpage: Any) -> None:
    """Change a pymupdf.TextPage: one character for each accent that stands on a letter, and that letter.

    Where no such character exists, a letter that is a symbol by itself has a combining mark behind it (`x̂`); in a word
    the accent stays: the tilde of an address is drawn so.
    """
    from pymupdf import mupdf

    if not _MAYBE.search(textpage.extractText()):
        return
    at = mupdf.ll_fz_stext_page_block_iterator_begin_dfs(textpage.this.m_internal)
    while not mupdf.ll_fz_stext_page_block_iterator_eod_dfs(at):
        if at.block.type == _TEXT:
            for line in mupdf.FzStextBlock(at.block):
                _compose_line(line.m_internal)
        at = mupdf.ll_fz_stext_page_block_iterator_next_dfs(at)


def _compose_line(line: Any) -> None:
    from pymupdf import mupdf

    chars = []
    char = line.first_char
    while char:
        chars.append(char)
        char = char.next
    marks = [char for char in chars if chr(char.c) in _COMBINING]
    if len(chars) < 2 or not marks:
        return
    left = list(chars)
    for mark in marks:
        _join(left, left.index(mark), (line.dir.x, line.dir.y))
    if len(left) < len(chars):
        kept = {int(char.this) for char in left}
        for char in chars:
            if int(char.this) not in kept:
                mupdf.ll_fz_drop_font(char.font)  # each character holds its font until its page goes
    if left != chars:
        for before, after in pairwise(left):
            before.next = after
        left[-1].next = None
        line.first_char, line.last_char = left[0], left[-1]


def _join(chars: list[Any], at: int, along: tuple[float, float]) -> None:
    """Join the accent at a place among a line's characters with the letter that it stands on, if there is one."""
    mark = chars[at]
    sides = [side for side in (_beside(chars, at, -1), _beside(chars, at, 1)) if side is not None]
    fits = [(fit, side) for side in sides if (fit := _fit(mark, chars[side], along)) is not None]
    if not fits:
        return
    base = min(fits)[1]
    letter = chars[base]
    plain = chr(letter.c)
    written = unicodedata.normalize("NFC", _WITHOUT_DOT.get(plain, plain) + _COMBINING[chr(mark.c)])
    first, last = min(at, base), max(at, base)
    around = (*chars[:first][-1:], *chars[last + 1 :][:1])
    if len(written) > 1 and _font(mark) == _font(letter) and any(_is_one_word(letter, near) for near in around):
        return
    letter.c = ord(written[0])
    joined = [letter]
    if len(written) > 1:
        mark.c = ord(written[1])
        joined.append(mark)
    outer = _beside(chars, at, 1 if at > base else -1)
    if outer is not None and abs(outer - at) > 1 and _gap(letter, chars[outer], along) < _CLOSED * letter.size:
        first, last = min(first, outer + 1), max(last, outer - 1)
    chars[first : last + 1] = joined


def _font(char: Any) -> str:
    from pymupdf import mupdf

    name: str = mupdf.ll_fz_font_name(char.font)
    return name


def _is_one_word(letter: Any, near: Any) -> bool:
    return chr(near.c).isalpha() and abs(near.size - letter.size) < _CLOSED * letter.size


def _beside(chars: Sequence[Any], at: int, step: int) -> int | None:
    """Return the place of the next character before or behind one, blanks of MuPDF's own left out."""
    at += step
    while 0 <= at < len(chars) and chars[at].flags & _SYNTHETIC:
        at += step
    return at if 0 <= at < len(chars) else None


def _fit(mark: Any, letter: Any, along: tuple[float, float]) -> float | None:
    """Return how far the middles of an accent and a letter are apart; None where it does not stand on it."""
    if not chr(letter.c).isalpha() or not _SIZES[0] * letter.size <= mark.size <= _SIZES[1] * letter.size:
        return None
    across, down = along
    raised = (mark.origin.y - letter.origin.y) * across - (mark.origin.x - letter.origin.x) * down
    (start, end), (first, last) = _extent(mark, along), _extent(letter, along)
    aside = abs(start + end - first - last) / 2
    over = min(end, last) - max(start, first)
    is_on = over > _OVER * min(end - start, last - first) and aside < _ASIDE * letter.size
    return aside if is_on and abs(raised) < _RAISED * letter.size else None


def _extent(char: Any, along: tuple[float, float]) -> tuple[float, float]:
    """Return from where to where a character reaches along its line."""
    across, down = along
    ends = char.quad.ll.x * across + char.quad.ll.y * down, char.quad.lr.x * across + char.quad.lr.y * down
    return min(ends), max(ends)


def _gap(one: Any, other: Any, along: tuple[float, float]) -> float:
    """Return how far two characters of a line are apart."""
    (start, end), (first, last) = _extent(one, along), _extent(other, along)
    return max(start, first) - min(end, last)

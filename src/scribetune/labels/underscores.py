"""Underscores that a PDF draws as rules, made characters of the words that they join.

TeX's older fonts have no `_`: `next_freq` is two words with a short thin rule between them, on their line. MuPDF reads
a blank there, which becomes the character, so that all that is made of its text page (lines, words, the library's
tables, formulas) says the same. Rules under letters, at another height, or that leave much of the gap open are none.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from scribetune.labels import page_drawings
from scribetune.labels.tables.cells import Box

_SYNTHETIC = 4  # MuPDF's FZ_STEXT_SYNTHETIC: a blank that it has put there
_TEXT = 0  # FZ_STEXT_BLOCK_TEXT
_WIDEST, _THICKEST = 24.0, 2.0  # points: longer, or thicker, are no underscores of any text
_NEAR = 0.5  # the same: lines that touch
_HORIZONTAL = 0.99
# As shares of the size of the letters:
_SHORTEST, _LONGEST = 0.2, 1.2
_THICK = 0.08
_HIGHEST, _LOWEST = 0.06, 0.2  # above and below the foot of the letters
_OPEN = 0.12  # on each side, between the rule and a letter
_OVER = 0.06  # under a letter


def compose(textpage: Any, page: Any) -> None:
    """Change the pymupdf.TextPage of a page: `_` for each blank that a drawn rule fills, from letter to letter."""
    rules = _short_rules_on(page)
    if not rules.along:
        return
    for line in _lines_of(textpage):
        near = rules.within(line.bbox)
        if near:
            _compose_line(line, near, rules)


@dataclass(frozen=True)
class ShortRules:
    """Boxes of the short thin lines that a page draws."""

    along: tuple[Box, ...]  # the page, from top to bottom
    upright: tuple[Box, ...]

    def within(self, box: Any) -> list[Box]:
        """Return those along the page in a box, one of MuPDF's."""
        first = bisect_right(self.along, box.y0, key=lambda rule: rule[1])
        last = bisect_left(self.along, box.y1, key=lambda rule: rule[1])
        return [rule for rule in self.along[first:last] if box.x0 < rule[0] and rule[2] < box.x1 and rule[3] < box.y1]

    def has_upright_at(self, rule: Box) -> bool:
        """Whether a rule is part of a figure, as that of a blank that is seen (`␣`)."""
        x0, y0, x1, y1 = rule
        return any(
            left < x1 + _NEAR and right > x0 - _NEAR and top < y1 + _NEAR and bottom > y0 - _NEAR
            for left, top, right, bottom in self.upright
        )


def short_rules(drawings: Iterable[Mapping[str, Any]]) -> ShortRules:
    """Return the short rules of a page, `drawings` as PyMuPDF's `get_cdrawings` gives them."""
    along: list[Box] = []
    upright: list[Box] = []
    for drawing in drawings:
        x0, y0, x1, y1 = drawing["rect"]
        if x1 - x0 > _WIDEST or y1 - y0 > _WIDEST or len(drawing["items"]) != 1:
            continue
        half = (drawing.get("width") or 0.0) / 2 if drawing["type"] == "s" else 0.0
        if y1 - y0 + 2 * half <= _THICKEST and x1 - x0 > y1 - y0 + 2 * half:
            along.append((x0, y0 - half, x1, y1 + half))
        elif x1 - x0 + 2 * half <= _THICKEST:
            upright.append((x0 - half, y0, x1 + half, y1))
    return ShortRules(tuple(sorted(along, key=lambda rule: rule[1])), tuple(upright))


_found: WeakKeyDictionary[Any, tuple[object, ShortRules]] = WeakKeyDictionary()


def _short_rules_on(page: Any) -> ShortRules:
    """Return a page's short rules, asked for once until it is turned: its text is read several times."""
    state = page_drawings.state_of(page)
    known = _found.get(page)
    if known is None or known[0] != state:
        known = _found[page] = (state, short_rules(page_drawings.of_page(page)))
    return known[1]


def _lines_of(textpage: Any) -> Iterator[Any]:
    """Yield the lines across the page of a text page, as MuPDF's fz_stext_line."""
    from pymupdf import mupdf

    at = mupdf.ll_fz_stext_page_block_iterator_begin_dfs(textpage.this.m_internal)
    while not mupdf.ll_fz_stext_page_block_iterator_eod_dfs(at):
        if at.block.type == _TEXT:
            for line in mupdf.FzStextBlock(at.block):
                if line.m_internal.dir.x > _HORIZONTAL:
                    yield line.m_internal
        at = mupdf.ll_fz_stext_page_block_iterator_next_dfs(at)


def _compose_line(line: Any, near: Sequence[Box], rules: ShortRules) -> None:
    before, char = None, line.first_char
    while char:
        after = char.next
        if before and after and char.flags & _SYNTHETIC:
            within = [rule for rule in near if before.quad.ll.x < rule[0] and rule[2] < after.quad.lr.x]
            if len(within) == 1 and _is_underscore(before, after, within[0]) and not rules.has_upright_at(within[0]):
                # Seen as its neighbour is, or it would be a span of its own.
                char.c, char.flags, char.argb = ord("_"), before.flags, before.argb
        before, char = char, after


def _is_underscore(before: Any, after: Any, rule: Box) -> bool:
    """Whether a rule fills the gap between two letters, at their foot."""
    size = min(before.size, after.size)
    x0, y0, x1, y1 = rule
    above, foot = before.origin.y - y1, after.origin.y
    return bool(
        _SHORTEST * size <= x1 - x0 <= _LONGEST * size
        and y1 - y0 <= _THICK * size
        and abs(before.origin.y - foot) <= _HIGHEST * size
        and -_LOWEST * size <= above <= _HIGHEST * size
        and -_OVER * size <= x0 - before.quad.lr.x <= _OPEN * size
        and -_OVER * size <= after.quad.ll.x - x1 <= _OPEN * size
    )

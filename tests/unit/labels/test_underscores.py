"""Promises about underscores that are drawn as rules, as TeX's older fonts have them."""

from collections.abc import Mapping, Sequence
from typing import Any

import pymupdf
import pytest

from scribetune.labels import text_layer, text_pages, underscores

SIZE = 10.0
FONT = pymupdf.Font("tiro")
FOOT = 100.0


def page_of(
    before: str, after: str, gap: float, rule: tuple[float, float, float, float], *, stroked: bool = False
) -> pymupdf.Page:
    """Two words with a gap, and a rule: from where behind the first, how long, how far above the foot, how thick."""
    page = pymupdf.open().new_page(width=400, height=200)
    end = 50 + FONT.text_length(before, SIZE)
    writer = pymupdf.TextWriter(page.rect)
    writer.append((50, FOOT), before, font=FONT, fontsize=SIZE)
    writer.append((end + gap, FOOT), after, font=FONT, fontsize=SIZE)
    writer.write_text(page)
    start, length, above, thick = rule
    x0, y1 = end + start, FOOT - above
    if stroked:
        middle = y1 - thick / 2
        page.draw_line((x0, middle), (x0 + length, middle), width=thick)
    else:
        page.draw_rect(pymupdf.Rect(x0, y1 - thick, x0 + length, y1), color=None, fill=(0, 0, 0))
    return page


def read(page: pymupdf.Page) -> tuple[list[str], list[str]]:
    """The lines of a page, and its words."""
    layer = text_layer.read(page)
    return [line.text for line in layer.lines], [word.text for word in layer.words]


@pytest.mark.parametrize("stroked", [False, True])
@pytest.mark.parametrize("above", [0.0, -1.0])
def test_a_rule_that_fills_the_gap_between_two_words_is_an_underscore(above: float, *, stroked: bool) -> None:
    page = page_of("next", "freq", 3.6, (0.3, 3.0, above, 0.4), stroked=stroked)
    assert read(page) == (["next_freq"], ["next_freq"])


@pytest.mark.parametrize(
    ("gap", "rule"),
    [
        (3.6, (0.3, 3.0, 2.5, 0.4)),  # a dash, at half the height of letters
        (3.6, (0.3, 3.0, -4.0, 0.4)),  # far below: of another line
        (3.6, (-6.0, 5.5, -1.0, 0.4)),  # under the last letters of a word
        (3.6, (-6.0, 16.0, -1.0, 0.4)),  # under both words
        (3.6, (0.3, 3.0, 0.0, 1.6)),  # a box
        (3.6, (1.3, 1.0, 0.0, 0.4)),  # a dot
        (9.0, (3.0, 3.0, 0.0, 0.4)),  # alone in a wide gap
        (20.0, (0.3, 19.4, 0.0, 0.4)),  # a blank to fill in
    ],
)
def test_other_rules_are_none(gap: float, rule: tuple[float, float, float, float]) -> None:
    page = page_of("next", "freq", gap, rule)
    assert read(page)[1] == ["next", "freq"]


def test_signs_may_stand_on_both_sides() -> None:
    assert read(page_of("Cons(", ")", 5.4, (0.0, 5.4, 0.0, 0.65)))[1] == ["Cons(_)"]


def test_a_word_with_an_underscore_is_one_span() -> None:
    [line] = text_layer.read(page_of("next", "freq", 3.6, (0.3, 3.0, 0.0, 0.4))).lines
    assert [span.text for span in line.spans] == ["next_freq"]


def test_a_blank_that_is_drawn_is_none() -> None:
    page = page_of("next", "freq", 3.6, (0.3, 3.0, 0.0, 0.4))
    left = 50 + FONT.text_length("next", SIZE) + 0.3
    for x in (left, left + 2.6):
        page.draw_rect(pymupdf.Rect(x, FOOT - 2, x + 0.4, FOOT), color=None, fill=(0, 0, 0))
    assert read(page)[1] == ["next", "freq"]


def test_a_page_that_is_turned_has_its_rules_where_they_are_then() -> None:
    page = page_of("next", "freq", 3.6, (0.3, 3.0, 0.0, 0.4))
    page.set_rotation(90)
    text_pages.text_page(page, pymupdf.TEXTFLAGS_DICT)
    page.set_rotation(0)
    assert read(page)[1] == ["next_freq"]


def test_drawings_are_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    page = page_of("next", "freq", 3.6, (0.3, 3.0, 0.0, 0.4))
    asked: list[int] = []
    short_rules = underscores.short_rules

    def counted(drawings: Sequence[Mapping[str, Any]]) -> underscores.ShortRules:
        asked.append(len(drawings))
        return short_rules(drawings)

    monkeypatch.setattr(underscores, "short_rules", counted)
    for _ in range(3):
        text_pages.text_page(page, pymupdf.TEXTFLAGS_DICT)
    assert asked == [1]

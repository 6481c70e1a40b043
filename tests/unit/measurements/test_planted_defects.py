"""Promises about planted defects: each makes a right label wrong, trust falls below the default for it, and the fit."""

import random

import pymupdf
import pytest
from planted import defects, fitting

from scribetune.core.config import Selection
from scribetune.dataset import trust
from scribetune.labels import doubts, witnesses
from scribetune.labels.tables.cells import Word
from support.font_claims import with_claims

LABEL = """# Report

Sales rose in every quarter because new contracts were signed with four large customers abroad.

Costs fell only slightly since energy remained expensive throughout the whole of last winter here.

## Figures of 2031

| Name | Mass | Price |
|---|---|---|
| Iron | 17 | 121 |
| Lead | 29 | 343 |
| Zinc | 38 | 565 |

Total mass = 17 + 29 + 38
"""
ROW = {
    "status_page": "ok", "status_label": "ok", "label_source": "machine", "is_tagged": True, "tables": 1,
    "word_recall": 1.0, "word_precision": 1.0,
}  # fmt: skip


def shown() -> list[Word]:
    """Return the words of a page that has the label, line by line; cells in columns."""
    words: list[Word] = []
    y = 0.0
    for line in LABEL.split("\n"):
        if line.startswith("|---") or not line:
            y += 8
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else [line.lstrip("# ")]
        for column, cell in enumerate(cells):
            x = column * 120.0
            for part in cell.split():
                if x > 260 and column == 0:
                    x, y = 0.0, y + 12
                words.append(Word(x, y, x + 5 * len(part), y + (15 if line[0] == "#" else 10), part))
                x += 5 * len(part) + 2.5
        y += 19 if line[0] == "#" else 14
    return words


def test_nothing_speaks_against_the_right_label() -> None:
    assert witnesses.of_page(LABEL, shown()) == ()


@pytest.mark.parametrize("name", defects.IN_LABELS)
def test_every_defect_makes_a_right_label_wrong_and_trust_falls(name: str) -> None:
    wrong = defects.IN_LABELS[name](LABEL, random.Random(5))
    assert wrong not in (None, LABEL)
    assert wrong is not None
    found = witnesses.of_page(wrong, shown())
    assert trust.of(ROW | doubts.counts(found)).value < Selection().min_trust


def test_a_defect_that_a_label_cannot_have_is_not_planted() -> None:
    bare = "# One line\n"
    assert {plant(bare, random.Random(5)) for plant in defects.IN_LABELS.values()} == {None}


def test_letters_that_a_font_says_are_exchanged() -> None:
    made = pymupdf.open()
    made.new_page().insert_font("F0", fontbuffer=pymupdf.Font("helv").buffer)
    page = made[0]
    page.insert_text((72, 72), "abcdefgh", fontname="F0")
    claimed = with_claims(made, {glyph: chr(glyph + 29) for glyph in range(68, 76)})
    before = claimed[0].get_text()
    assert defects.letters_exchanged(claimed, random.Random(5))
    after = pymupdf.open(stream=claimed.tobytes(), filetype="pdf")[0].get_text()
    assert before != after
    assert len(before) == len(after)


def test_lines_as_outlines_are_seen_and_no_text() -> None:
    made = pymupdf.open()
    page = made.new_page()
    for number in range(8):
        page.insert_text((72, 72 + 20 * number), f"Line {number} of a text that says very little indeed")
    before, text = page.get_pixmap(), page.get_text()
    assert defects.lines_as_outlines(made, random.Random(5))
    lost = set(text.splitlines()) - set(page.get_text().splitlines())
    assert len(lost) == 3
    after = page.get_pixmap()
    off = sum(abs(a - b) > 128 for a, b in zip(before.samples, after.samples, strict=True))
    assert off < 0.01 * sum(value < 128 for value in before.samples)


def test_two_letters_that_a_font_says_are_exchanged() -> None:
    made = pymupdf.open()
    made.new_page().insert_font("F0", fontbuffer=pymupdf.Font("helv").buffer)
    made[0].insert_text((72, 72), "aeontuf38", fontname="F0")
    claimed = with_claims(made, {glyph: chr(glyph + 31) for glyph in range(17, 92)})
    before = claimed[0].get_text()
    assert defects.two_letters_exchanged(claimed, random.Random(5))
    after = pymupdf.open(stream=claimed.tobytes(), filetype="pdf")[0].get_text()
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 2


def test_the_fit_finds_what_speaks_against_labels_and_lets_nothing_raise_trust() -> None:
    rows = [{"words_lost": n % 2 * 9, "formulas_unicode": 5} for n in range(40)]
    base, weights = fitting.fit(rows, [not n % 2 for n in range(40)], [1.0] * 40)
    right, wrong = fitting.trusts(rows[:2], base, weights)
    assert right > 0.8
    assert wrong < 0.2
    assert min(weights.values()) > 0

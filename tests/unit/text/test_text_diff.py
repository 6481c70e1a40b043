"""Differences of two texts: exact, and as HTML that shows what cannot be seen."""

import random
import re
from html import unescape

import pytest
from rapidfuzz.distance import Levenshtein

from scribetune.text.text_diff import difference


def side(marked: str, dropped: str) -> str:
    """What is left of a difference without one kind of mark: the reference (no ins) or the reading (no del)."""
    text = re.sub(rf"<{dropped}>.*?</{dropped}>", "", marked, flags=re.DOTALL)
    # In <del> a line end is ↵ alone, in <ins> it is ↵ and a line feed.
    text = re.sub(r'<span class="nl">↵</span>\n?', "\n", text)
    return unescape(re.sub("</?(ins|del)>", "", text))


@pytest.mark.parametrize(
    ("reference", "hypothesis"),
    [
        ("kitten", "sitting"),
        ("", "added only"),
        ("missing only", ""),
        ("a\nb\n\nc", "a b\nc\nd"),
        ("季度财务报告,收入增长", "季度财务报吿 收入增长了"),
        ("<b>&amp;</b>", "<script>alert(1)</script>"),
        ("👩‍👩‍👧 é", "👩‍👧 e\u0301"),
    ],
)
def test_a_difference_spells_both_texts_and_counts_what_cer_counts(reference: str, hypothesis: str) -> None:
    found = difference(reference, hypothesis)
    joiner = "⟦U+200D⟧"
    assert side(found.html, "ins").replace(joiner, "\u200d") == reference
    assert side(found.html, "del").replace(joiner, "\u200d") == hypothesis
    assert found.edits == Levenshtein.distance(reference, hypothesis)
    assert found.omitted == 0


def test_random_differences_are_exact() -> None:
    generator = random.Random(7)
    for _ in range(200):
        reference, hypothesis = ("".join(generator.choices("ab<&\n", k=generator.randrange(40))).strip() for _ in "12")
        found = difference(reference, hypothesis)
        assert side(found.html, "ins") == reference
        assert side(found.html, "del") == hypothesis
        assert found.edits == Levenshtein.distance(reference, hypothesis)


def test_surrounding_space_is_no_difference_as_in_cer() -> None:
    assert difference("text\n", "\n  text").edits == 0


def test_a_long_text_is_compared_to_the_limit_and_the_rest_is_counted() -> None:
    found = difference("a" * 30, "a" * 10 + "b" * 40, limit=20)
    assert (found.edits, found.reference_characters, found.omitted) == (10, 20, 30)


def test_invisible_changes_are_visible() -> None:
    html = difference("می‌خواهم", "میخواهم").html
    assert "<del>⟦U+200C⟧</del>" in html

"""Compiled loops give what the libraries' plain functions give."""

import random
from difflib import SequenceMatcher

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from scribetune.metrics import kernels, teds


@pytest.fixture(params=[False, True], ids=["plain", "compiled"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run a test once with Python's loops and once with numba's."""
    patience = 0 if request.param else 10**15
    monkeypatch.setattr(kernels, "_PATIENCE", patience)
    for name, function in (
        ("_TREE", kernels._tree_distance),
        ("_MATCHING", kernels._matching_characters),
        ("_OCCURS", kernels._occurs),
    ):
        monkeypatch.setattr(kernels, name, kernels._Kernel(function))
    return bool(request.param)


def texts(draw: random.Random, longest: int) -> list[str]:
    alphabet = draw.choice(["ab", "abcd efg数"])
    return ["".join(draw.choices(alphabet, k=draw.randrange(longest))) for _ in range(4)]


def test_matching_characters_are_those_of_difflib(compiled: bool) -> None:
    draw = random.Random(3)
    for longest in (3, 20, 60, 320):
        first, second = texts(draw, longest), texts(draw, longest)
        second.append(first[0] + "x" + first[-1])
        found = kernels.matching_characters(first, second)
        wanted = [
            [sum(block.size for block in SequenceMatcher(None, a, b).get_matching_blocks()) for b in second]
            for a in first
        ]
        assert found.tolist() == wanted


def test_frequent_characters_of_long_texts_are_left_out_as_difflib_leaves_them_out(compiled: bool) -> None:
    long, other = "ab" * 150 + "xyz", "zab" * 70
    wanted = sum(block.size for block in SequenceMatcher(None, other, long).get_matching_blocks())
    assert kernels.matching_characters([other], [long]).tolist() == [[wanted]]


def test_a_pattern_occurs_where_some_window_of_its_length_is_near_enough(compiled: bool) -> None:
    draw = random.Random(4)
    for longest in (3, 12, 40, 90):
        for pattern in texts(draw, longest):
            for text in texts(draw, 2 * longest):
                edits = draw.randrange(len(pattern) + 1)
                windows = [text[start : start + len(pattern)] for start in range(len(text) - len(pattern) + 1)]
                wanted = bool(pattern) and any(Levenshtein.distance(pattern, window) <= edits for window in windows)
                assert kernels.occurs(pattern, text, edits) == wanted


def test_the_distance_of_trees_is_the_least_over_all_edit_scripts(compiled: bool) -> None:
    def nested(source: str) -> tuple[teds.Indices, teds.Indices, teds.Indices, teds.Indices]:
        tree = teds.tree_from_html(f"<html><body><table>{source}</table></body></html>")
        assert tree is not None
        labels = {"table": 0, "tr": 1, "td": 2}
        numbers = np.array([labels[str(label[0])] for label in tree.labels], dtype=np.int64)
        return np.array(tree.leftmost, dtype=np.int64), numbers, np.full(len(numbers), -1), tree.key_roots

    row = "<tr><td></td><td></td></tr>"
    nothing = np.zeros((1, 1))
    assert kernels.tree_distance(nested(row), nested(row), nothing) == 0
    assert kernels.tree_distance(nested(row), nested(row * 2), nothing) == 3
    assert kernels.tree_distance(nested("<tr><td></td></tr>" * 2), nested(row), nothing) == 3
    assert kernels.tree_distance(nested(""), nested(row), nothing) == 3


def test_near_parts_begin_where_they_are_nearest() -> None:
    text = "one two three, one tvo three"
    assert kernels.near_starts("two", text, 0) == [4]
    assert kernels.near_starts("two", text, 1)[:1] == [4]
    assert 19 in kernels.near_starts("two", text, 1)
    assert kernels.near_starts("", text, 1) == []
    assert kernels.near_starts("quite other words", text, 2) == []

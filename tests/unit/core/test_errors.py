"""Counts in messages."""

import pytest

from scribetune.core.errors import counted


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (1, ("tensor",), "1 tensor"),
        (0, ("page",), "0 pages"),
        (2345, ("entry",), "2,345 entries"),
        (1, ("line", "is", "are"), "1 line is"),
        (2, ("line", "is", "are"), "2 lines are"),
    ],
)
def test_a_number_goes_with_its_noun(number: int, words: tuple[str, ...], said: str) -> None:
    assert counted(number, *words) == said

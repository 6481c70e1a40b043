"""The windowed n-gram guard against the rule it stands for, written out with loops."""

import random

import pytest
import torch

from scribetune.generation.guard import NOTHING, WindowedNgramGuard

VOCABULARY = 6


def forbidden_by_the_rule(written: list[int], ngram: int, window: int, exempt: set[int]) -> set[int]:
    """DeepSeek-OCR's recommended decoding rule, one row at a time."""
    if len(written) < ngram:
        return set()
    prefix = written[len(written) - ngram + 1 :]
    start = max(0, len(written) - window)
    found = set()
    for begin in range(start, len(written) - ngram + 1):
        if written[begin : begin + ngram - 1] == prefix:
            found.add(written[begin + ngram - 1])
    return found - exempt


def forbidden_by_the_guard(rows: list[list[int]], guard: WindowedNgramGuard) -> list[set[int]]:
    scores = guard(torch.tensor(rows), torch.zeros(len(rows), VOCABULARY))  # type: ignore[arg-type]
    return [set(torch.isinf(row).nonzero().flatten().tolist()) for row in scores]


@pytest.mark.parametrize(("ngram", "window"), [(1, 3), (2, 4), (2, 90), (3, 9), (4, 4), (5, 12)])
def test_guard_forbids_what_the_rule_forbids(ngram: int, window: int) -> None:
    rng = random.Random(ngram * 100 + window)
    seen = 0
    for length in (1, 2, 3, 5, 8, 13, 40):
        rows = [[rng.randrange(3) for _ in range(length)] for _ in range(16)]
        prompt = [[rng.randrange(VOCABULARY) for _ in range(7)] for _ in rows]
        guard = WindowedNgramGuard(ngram, window, prompt_length=7, exempt=[1])
        found = forbidden_by_the_guard([a + b for a, b in zip(prompt, rows, strict=True)], guard)
        assert found == [forbidden_by_the_rule(row, ngram, window, {1}) for row in rows]
        seen += sum(map(len, found))
    assert seen, "the case forbids nothing and so shows nothing"


@pytest.mark.parametrize(("ngram", "window"), [(1, 3), (2, 4), (3, 9), (4, 4), (5, 12), (3, 2), (30, 90)])
def test_rows_of_different_lengths_are_guarded_each_by_itself(ngram: int, window: int) -> None:
    rng = random.Random(ngram + window)
    seen = 0
    for _ in range(20):
        # Two symbols with a long period: long n-grams repeat too.
        unit = [rng.randrange(3) for _ in range(rng.randrange(1, 2 * ngram))]
        rows = [(unit * 100)[: rng.randrange(0, 3 * window)] for _ in range(8)]
        rows += [[rng.randrange(3) for _ in range(rng.randrange(0, 40))] for _ in range(8)]
        recent = [[NOTHING] * (window - len(row[-window:])) + row[-window:] for row in rows]
        guard = WindowedNgramGuard(ngram, window, exempt=[1])
        scores = guard.forbid(torch.tensor(recent), torch.zeros(len(rows), VOCABULARY))
        found = [set(torch.isinf(row).nonzero().flatten().tolist()) for row in scores]
        assert found == [forbidden_by_the_rule(row, ngram, window, {1}) for row in rows]
        seen += sum(map(len, found))
    assert seen or window < ngram, "the case forbids nothing and so shows nothing"


def test_the_prompt_is_not_searched_and_exempt_tokens_may_repeat() -> None:
    row = [0, 1, 0, 1, 0]
    assert forbidden_by_the_guard([row], WindowedNgramGuard(2, 90, 0)) == [{1}]
    assert forbidden_by_the_guard([row], WindowedNgramGuard(2, 90, 0, exempt=[1])) == [set()]
    assert forbidden_by_the_guard([row], WindowedNgramGuard(2, 90, 4)) == [set()]


def test_an_ngram_behind_the_window_may_come_again() -> None:
    row = [0, 1, 2, 2, 2, 0]
    assert forbidden_by_the_guard([row], WindowedNgramGuard(2, 6, 0)) == [{1}]
    assert forbidden_by_the_guard([row], WindowedNgramGuard(2, 5, 0)) == [set()]


def test_a_guard_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        WindowedNgramGuard(0, 90, 0)

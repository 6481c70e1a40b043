"""Batches hold pages of like length, in an order that seed and epoch decide alone."""

import random
from itertools import pairwise

from scribetune.training.order import LengthBuckets


def lengths(count: int) -> list[int]:
    chance = random.Random(1)
    return [chance.randint(100, 2000) for _ in range(count)]


def test_every_page_comes_once_in_every_epoch() -> None:
    order = LengthBuckets(lengths(101), 8, seed=3)
    for epoch in range(3):
        order.set_epoch(epoch)
        assert sorted(order) == list(range(101))
        assert [len(batch) for batch in order.batches(epoch)] == [8] * 12 + [5]


def test_the_order_is_the_same_for_the_same_seed_and_epoch_alone() -> None:
    tokens = lengths(50)
    assert LengthBuckets(tokens, 4, 3).batches(1) == LengthBuckets(tokens, 4, 3).batches(1)
    assert LengthBuckets(tokens, 4, 3).batches(1) != LengthBuckets(tokens, 4, 3).batches(2)
    assert LengthBuckets(tokens, 4, 3).batches(1) != LengthBuckets(tokens, 4, 4).batches(1)


def test_batches_of_like_length_save_most_of_the_padding() -> None:
    tokens = lengths(400)

    def padding(batches: list[list[int]]) -> float:
        padded = sum(len(batch) * max(tokens[index] for index in batch) for batch in batches)
        return padded / sum(tokens) - 1

    plain = list(range(400))
    random.Random(2).shuffle(plain)
    unsorted = [plain[start : start + 8] for start in range(0, 400, 8)]
    assert padding(LengthBuckets(tokens, 8, 3).batches(1)) < 0.25 * padding(unsorted)


def test_the_longest_page_comes_first_so_that_what_does_not_fit_shows_at_once() -> None:
    tokens = lengths(100)
    first = LengthBuckets(tokens, 8, seed=3).batches(0)[0]
    assert tokens[first[0]] == max(tokens)


def test_single_pages_are_shuffled_not_sorted() -> None:
    tokens = sorted(lengths(64))
    order = [batch[0] for batch in LengthBuckets(tokens, 1, seed=3).batches(1)]
    falls = sum(tokens[before] > tokens[after] for before, after in pairwise(order))
    assert 20 < falls < 44

"""Batches hold pages of like length, in an order that seed and epoch decide alone."""

import random
from itertools import pairwise

import pytest

from scribetune.training.order import LengthBuckets, SharedBatches


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


@pytest.mark.parametrize(("pages", "processes", "micro"), [(40, 2, 2), (41, 2, 2), (43, 4, 1), (3, 4, 2), (15, 2, 4)])
def test_processes_share_every_effective_batch_and_take_as_many_steps(pages: int, processes: int, micro: int) -> None:
    order = LengthBuckets(lengths(pages), 8, seed=3)
    shares = [SharedBatches(order, rank, processes, micro) for rank in range(processes)]
    for epoch in range(2):
        order.set_epoch(epoch)
        for batch in order.batches(epoch):
            parts = [share.part(batch) for share in shares]
            learned = [page for part in parts for pages_at_once in part for page in pages_at_once if page >= 0]
            assert sorted(learned) == sorted(batch)
            assert len({len(part) for part in parts}) == 1
            # As in one process: what is not full is the last step of an epoch, and has no more rounds than the others.
            assert len(parts[0]) <= 8 // (micro * processes)
            assert all(0 < len(pages_at_once) <= micro for part in parts for pages_at_once in part)
            repeated = {-1 - page for part in parts for pages_at_once in part for page in pages_at_once if page < 0}
            assert repeated <= set(batch)
        assert [len(list(share)) for share in shares] == [len(share) for share in shares]
        assert len({len(share) for share in shares}) == 1

"""The order of pages: shuffled anew in every epoch, batches of pages of like length, the same for the same seed.

An effective batch holds the same pages whatever the micro batch and the number of processes, so that accumulation
changes nothing but memory, and more GPUs nothing but time.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

_POOL_BATCHES = 8
"""Effective batches that are sorted by length together: enough to save padding, few enough to keep batches mixed."""


class LengthBuckets(torch.utils.data.Sampler[int]):
    """Yields every index once per epoch.

    Pages are shuffled, cut into pools of eight effective batches, sorted by length within a pool and cut into effective
    batches, whose order is shuffled again. Within one the longest come first. The one that is not full comes last. The
    very first batch of a training is the one with the longest page: what does not fit in memory shows at once. Seed and
    epoch decide about everything.
    """

    def __init__(self, tokens: Sequence[int], effective_batch: int, seed: int) -> None:
        self._tokens, self._batch, self._seed, self._epoch = tuple(tokens), effective_batch, seed, 0
        self._known: tuple[int, list[list[int]]] = (-1, [])

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, counted from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._tokens)

    def __iter__(self) -> Iterator[int]:
        for batch in self.batches(self._epoch):
            yield from batch

    def batches(self, epoch: int) -> list[list[int]]:
        """Return the effective batches of an epoch in order."""
        if self._known[0] == epoch:
            return self._known[1]
        self._known = (epoch, self._batches(epoch))
        return self._known[1]

    @property
    def current(self) -> list[list[int]]:
        """The effective batches of the epoch that was chosen."""
        return self.batches(self._epoch)

    def _batches(self, epoch: int) -> list[list[int]]:
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        shuffled = torch.randperm(len(self._tokens), generator=generator).tolist()
        pool = self._batch * _POOL_BATCHES
        full: list[list[int]] = []
        partial: list[list[int]] = []
        for start in range(0, len(shuffled), pool):
            ordered = sorted(shuffled[start : start + pool], key=lambda index: (-self._tokens[index], index))
            for first in range(0, len(ordered), self._batch):
                batch = ordered[first : first + self._batch]
                (full if len(batch) == self._batch else partial).append(batch)
        order = torch.randperm(len(full), generator=generator).tolist()
        batches = [full[place] for place in order]
        if epoch == 0 and batches:
            longest = max(range(len(batches)), key=lambda place: (self._tokens[batches[place][0]], -place))
            batches.insert(0, batches.pop(longest))
        return batches + partial


class SharedBatches(torch.utils.data.Sampler[list[int]]):
    """Yields one process's part of every effective batch, in micro batches; every process gets as many of them.

    The pages of an effective batch are dealt out in turn, so that each process gets long and short ones. Where there
    are too few for all, in the batch that is not full, a process that lacks one repeats a page from which nothing is
    learned: an index below 0 is such a page, `-1 - index` the page's own.
    """

    def __init__(self, order: LengthBuckets, rank: int, processes: int, micro_batch: int) -> None:
        self._order, self._rank, self._processes, self._micro = order, rank, processes, micro_batch

    def __iter__(self) -> Iterator[list[int]]:
        for batch in self._order.current:
            yield from self.part(batch)

    def __len__(self) -> int:
        return sum(self._rounds(batch) for batch in self._order.current)

    def part(self, batch: Sequence[int]) -> list[list[int]]:
        """Return the micro batches of this process in an effective batch."""
        own = list(batch[self._rank :: self._processes])
        parts = [own[start : start + self._micro] for start in range(0, len(own), self._micro)]
        return parts + [[-1 - batch[-1]]] * (self._rounds(batch) - len(parts))

    def _rounds(self, batch: Sequence[int]) -> int:
        most = -(-len(batch) // self._processes)
        return -(-most // self._micro)


class PageRows(torch.utils.data.Dataset[dict[str, Any]]):
    """What a `Collator` takes, by the indices of `SharedBatches`."""

    def __init__(self, pages: int) -> None:
        self._pages = pages

    def __len__(self) -> int:
        return self._pages

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"index": index} if index >= 0 else {"index": -1 - index, "dummy": True}

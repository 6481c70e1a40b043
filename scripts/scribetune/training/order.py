"""The order of pages: shuffled anew in every epoch, batches of pages of like length, the same for the same seed.

An effective batch holds the same pages whatever the micro batch, so that accumulation changes nothing but memory.
"""

from collections.abc import Iterator, Sequence

import torch

_POOL_BATCHES = 8
"""Effective batches that are sorted by length together: enough to save padding, few enough to keep batches mixed."""


class LengthBuckets(torch.utils.data.Sampler[int]):
    """Yields every index once per epoch.

    Pages are shuffled, cut into pools of eight effective batches, sorted by length within a pool and cut into effective
    batches, whose order is shuffled again. Within one the longest come first. The one that is not full comes last. The
    very first batch of a training is the one with the longest page: what does not fit in memory shows at once.

    Args:
        tokens: Length of each page's sequence, known beforehand.
        effective_batch: Pages per optimiser step.
        seed: Together with the epoch it decides about everything.
    """

    def __init__(self, tokens: Sequence[int], effective_batch: int, seed: int) -> None:
        self._tokens, self._batch, self._seed, self._epoch = tuple(tokens), effective_batch, seed, 0

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

"""Pages made ready ahead of their turn: images and prompts by processes, vision features before a row is free."""

import contextlib
import gc
import itertools
import os
import shutil
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from scribetune.models.collation import joined
from scribetune.models.examples import Page, load_image
from scribetune.models.families import Family
from scribetune.models.families.interface import EncodedPages

_MOST_WORKERS = 12
_SHARED_MEMORY = "/dev/shm"  # noqa: S108  where processes hand over tensors: nothing is written there by name
_PAGE_BYTES = 60e6
"""Of an encoded page at most: 14 MB for DeepSeek-OCR-2, whose views are bytes; others hand over float32."""


@dataclass(frozen=True)
class Ready:
    """A page whose vision features are there."""

    index: int  # its place among the pages asked for
    prompt_ids: tuple[int, ...]  # token ids of its prompt, image tokens included
    features: torch.Tensor  # (image tokens, width) on the model's device


class _Pages(torch.utils.data.Dataset[EncodedPages | Exception]):
    """Pages, by their number in an order, as what the processor makes of each alone."""

    def __init__(self, family: Family, processor: Any, prompt: str, pages: Sequence[Page]) -> None:
        self._family, self._processor, self._prompt, self._pages = family, processor, prompt, pages

    def __len__(self) -> int:
        return len(self._pages)

    def __getitem__(self, number: int) -> EncodedPages | Exception:
        try:
            return self._family.encode(self._processor, [load_image(self._pages[number].image)], self._prompt)
        except Exception as error:
            return error


def _workers(device: str, group: int) -> int:
    """Return how many processes encode images: as many as cores are idle and shared memory has room for.

    Threads under one interpreter lock encode some 20 pages a second, and keep the one that launches the steps waiting.
    """
    if not device.startswith("cuda"):  # the cores compute
        return 0
    try:
        room = shutil.disk_usage(_SHARED_MEMORY).free
    except OSError:  # another system, which has no such folder
        return 0
    # Each has a group of pages that wait at most, and the next in the making.
    return max(0, min(_MOST_WORKERS, (os.cpu_count() or 2) - 2, int(room // (2 * group * _PAGE_BYTES))))


def _encoded(pages: _Pages, group: int, device: str, workers: int) -> Generator[EncodedPages | Exception]:
    """Yield what comes of groups of pages, in order, ready to be copied; processes end with the generator."""
    if workers:
        gc.collect()  # what is on a device and waits to be collected must not be collected in a fork
    loader = torch.utils.data.DataLoader(
        pages,
        batch_size=None,  # a page at a time: the first group is there as soon as several processes have a page of it
        num_workers=workers,
        prefetch_factor=group if workers else None,
        generator=torch.Generator(),  # reading draws nothing from the program's random numbers
    )
    one_by_one = iter(loader)
    while alike := list(itertools.islice(one_by_one, group)):
        failed = next((page for page in alike if isinstance(page, Exception)), None)
        if failed is not None:
            yield failed
            continue
        pixels = joined([page.pixels for page in alike])
        if device.startswith("cuda"):
            pixels = {key: value.pin_memory() if torch.is_tensor(value) else value for key, value in pixels.items()}
        yield EncodedPages(tuple(row for page in alike for row in page.prompt_ids), pixels)


class Feed:
    """Yields pages in an order of places, made ready in groups; a context manager, which ends the processes."""

    def __init__(
        self,
        family: Family,
        processor: Any,
        model: Any,
        prompt: str,
        pages: Sequence[Page],
        order: Sequence[int],
        group: int,
        device: str,
    ) -> None:
        self._family, self._model = family, model
        self._group = group
        self._waiting = deque(order[begin : begin + group] for begin in range(0, len(order), group))
        self._ready: deque[Ready] = deque()
        self._encoding: deque[tuple[Sequence[int], Future[EncodedPages | Exception]]] = deque()
        # One thread waits for the processes, or does their work where there are none.
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="encode")
        one_by_one = _Pages(family, processor, prompt, [pages[index] for index in order])
        self._encoded = _encoded(one_by_one, group, device, _workers(device, group))
        self._encoding_lasts = contextlib.ExitStack()

    def __enter__(self) -> "Feed":
        self._encoding_lasts.enter_context(self._family.encoding(self._model))
        self._encode_ahead()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._encoded.close()  # ends the processes
        self._encoding_lasts.close()

    @property
    def left(self) -> int:
        """Pages not handed out yet."""
        encoding = (indices for indices, _ in self._encoding)
        return sum(map(len, (*self._waiting, *encoding))) + len(self._ready)

    def prepare(self, wait: bool) -> None:
        """Compute the features of the next group, where fewer than a group of pages are ready and its images encoded.

        With `wait` their encoding is waited for.
        """
        self._encode_ahead()
        if len(self._ready) >= self._group or not self._encoding:
            return
        indices, encoding = self._encoding[0]
        if not (wait or encoding.done()):
            return
        encoded = encoding.result()
        if isinstance(encoded, Exception):
            raise encoded
        with torch.inference_mode():
            features = self._family.vision_features(self._model, encoded.pixels)
        self._encoding.popleft()
        self._ready.extend(map(Ready, indices, encoded.prompt_ids, features))
        self._encode_ahead()

    def peek(self) -> Ready:
        """Return the next page, made ready now if need be; it stays the next one.

        Raises:
            IndexError: No page is left.
        """
        if not self._ready:
            self.prepare(wait=True)
        return self._ready[0]

    def take(self, most: int) -> list[Ready]:
        """Hand out up to `most` pages with prompts of one length that are ready; [] where none is left."""
        if not self.left:
            return []
        length = len(self.peek().prompt_ids)
        taken: list[Ready] = []
        while len(taken) < most and self._ready and len(self._ready[0].prompt_ids) == length:
            taken.append(self._ready.popleft())
        return taken

    def _encode_ahead(self) -> None:
        while self._waiting and len(self._encoding) <= 1:
            self._encoding.append((self._waiting.popleft(), self._pool.submit(next, self._encoded)))

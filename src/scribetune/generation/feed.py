"""Pages made ready ahead of their turn: images and prompts by worker threads, vision features before a row is free."""

import contextlib
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

from scribetune.models.examples import Page, load_image
from scribetune.models.families import Family
from scribetune.models.families.interface import EncodedPages

_MOST_WORKERS = 8
"""Encoded pages wait in main memory, a full-size page with 14 MB."""


@dataclass(frozen=True)
class Ready:
    """A page whose vision features are there."""

    index: int  # its place among the pages asked for
    prompt_ids: tuple[int, ...]  # token ids of its prompt, image tokens included
    features: torch.Tensor  # (image tokens, width) on the model's device


class Feed:
    """Yields pages in an order of places, made ready in groups; a context manager, which ends the threads."""

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
        self._family, self._processor, self._model, self._prompt, self._pages = family, processor, model, prompt, pages
        self._group = group
        self._waiting = deque(order)
        self._ready: deque[Ready] = deque()
        self._encoding: deque[tuple[list[int], Future[EncodedPages]]] = deque()
        cuda = device.startswith("cuda")
        self._workers = max(1, min(_MOST_WORKERS, (os.cpu_count() or 2) // 2)) if cuda else 1
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="encode")
        self._encoding_lasts = contextlib.ExitStack()

    def __enter__(self) -> "Feed":
        self._encoding_lasts.enter_context(self._family.encoding(self._model))
        self._encode_ahead()
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._encoding_lasts.close()

    @property
    def left(self) -> int:
        """Pages not handed out yet."""
        return len(self._waiting) + sum(len(indices) for indices, _ in self._encoding) + len(self._ready)

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
        while self._waiting and len(self._encoding) <= self._workers:
            indices = [self._waiting.popleft() for _ in range(min(self._group, len(self._waiting)))]
            self._encoding.append((indices, self._pool.submit(self._encode, indices)))

    def _encode(self, indices: Sequence[int]) -> EncodedPages:
        images = [load_image(self._pages[index].image) for index in indices]
        return self._family.encode(self._processor, images, self._prompt)

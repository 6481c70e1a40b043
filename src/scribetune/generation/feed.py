"""Pages made ready ahead of their turn: images and prompts by processes, vision features before a row is free.

On a GPU the encoder has a stream of its own: it computes while steps of few rows leave most of the device idle.
"""

import contextlib
import dataclasses
import gc
import os
import shutil
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch

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
    computed: Any = None  # the event on the encoder's stream that they are there after; None on a CPU


class _Groups(torch.utils.data.Dataset[EncodedPages | Exception]):
    """Groups of places in pages as what the processor makes of them."""

    def __init__(
        self, family: Family, processor: Any, prompt: str, pages: Sequence[Page], groups: Sequence[Sequence[int]]
    ) -> None:
        self._family, self._processor, self._prompt, self._pages, self._groups = (
            family, processor, prompt, pages, groups
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, number: int) -> EncodedPages | Exception:
        try:
            images = [load_image(self._pages[index].image) for index in self._groups[number]]
            return self._family.encode(self._processor, images, self._prompt)
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
    # Each has a group that waits, and one in the making.
    return max(0, min(_MOST_WORKERS, (os.cpu_count() or 2) - 2, int(room // (2 * group * _PAGE_BYTES))))


def _encoded(groups: _Groups, device: str, workers: int) -> Generator[EncodedPages | Exception]:
    """Yield what comes of the groups, in order, ready to be copied to the device; processes end with the generator."""
    if workers:
        gc.collect()  # what is on a device and waits to be collected must not be collected in a fork
    loader = torch.utils.data.DataLoader(
        groups,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=1 if workers else None,
        generator=torch.Generator(),  # reading draws nothing from the program's random numbers
    )
    for encoded in loader:
        if device.startswith("cuda") and isinstance(encoded, EncodedPages):
            pinned = {
                key: value.pin_memory() if torch.is_tensor(value) else value for key, value in encoded.pixels.items()
            }
            yield dataclasses.replace(encoded, pixels=pinned)
        else:
            yield encoded


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
        groups = _Groups(family, processor, prompt, pages, tuple(self._waiting))
        self._encoded = _encoded(groups, device, _workers(device, group))
        self._encoding_lasts = contextlib.ExitStack()
        self._stream: Any = None
        if device.startswith("cuda"):
            self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            self._stream.wait_stream(torch.cuda.current_stream())  # where the model was made

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
        """Begin to compute the features of the next group, where its images are encoded and few pages are ready.

        With `wait` their encoding is waited for.
        """
        self._encode_ahead()
        ahead = self._group if self._stream is None else 2 * self._group
        if len(self._ready) >= ahead or not self._encoding:
            return
        indices, encoding = self._encoding[0]
        if not (wait or encoding.done()):
            return
        encoded = encoding.result()
        if isinstance(encoded, Exception):
            raise encoded
        with torch.inference_mode(), self._beside():
            features = self._family.vision_features(self._model, encoded.pixels)
            computed = None if self._stream is None else self._stream.record_event()
        self._encoding.popleft()
        pages = zip(indices, encoded.prompt_ids, features, strict=True)
        self._ready.extend(Ready(*page, computed) for page in pages)
        self._encode_ahead()

    def has(self, count: int) -> bool:
        """Tell whether the next `count` pages, or all that are left, can be taken without waiting."""
        if self._stream is None:
            return bool(self.left)
        self.prepare(wait=False)
        ready = list(self._ready)[: min(count, self.left)]
        return len(ready) == min(count, self.left) > 0 and all(page.computed.query() for page in ready)

    def peek(self) -> Ready:
        """Return the next page, made ready now if need be; it stays the next one.

        Raises:
            IndexError: No page is left.
        """
        if not self._ready:
            self.prepare(wait=True)
        return self._ready[0]

    def take(self, most: int) -> list[Ready]:
        """Hand out up to `most` pages with prompts of one length, waited for if need be; [] where none is left."""
        if not self.left:
            return []
        length = len(self.peek().prompt_ids)
        taken: list[Ready] = []
        while len(taken) < most and self._ready and len(self._ready[0].prompt_ids) == length:
            taken.append(self._ready.popleft())
        if self._stream is not None:
            steps = torch.cuda.current_stream()
            for page in taken:
                steps.wait_event(page.computed)
                page.features.record_stream(steps)  # its memory is not the encoder's again before it was read
        return taken

    def _beside(self) -> contextlib.AbstractContextManager[Any]:
        return contextlib.nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def _encode_ahead(self) -> None:
        while self._waiting and len(self._encoding) <= 1:
            self._encoding.append((self._waiting.popleft(), self._pool.submit(next, self._encoded)))

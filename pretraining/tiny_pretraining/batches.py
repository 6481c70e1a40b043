"""Batches for pre-training: pages by index, drawn in worker processes, as the tensors the model and its heads need."""

import itertools
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from scribetune.models.families import FAMILIES
from tiny_pretraining.corruption import corrupt
from tiny_pretraining.drawing import Limits, draw_page
from tiny_pretraining.examples import PAD_GRAY, Example
from tiny_pretraining.fonts import Font
from tiny_pretraining.tiny_model import MODEL_TYPE, PAGE_PX, page_processor
from tiny_pretraining.typeset import draw_entry, entries

IGNORED = -100
_LENGTH_STEP = 32
"""Sequences are padded to a multiple of it, so that few shapes occur."""
TYPESET_FROM = 8
"""Typeset pages have as many lines as they have: they come in once the curriculum is here."""
TYPESET_ROUGH = 0.4
REPLAY_BATCHES = 16


@dataclass(frozen=True)
class Prompt:
    """The question as token ids, with what is needed to write and read answers.

    Attributes:
        ids: Start token, image tokens, text.
        end: End token.
        pad: Padding token.
        tokenizer: Of the processor.
    """

    ids: tuple[int, ...]
    end: int
    pad: int
    tokenizer: Any

    @staticmethod
    def of_family() -> "Prompt":
        """Return the family's own prompt for plain text, encoded by its own processor."""
        family = FAMILIES[MODEL_TYPE]
        processor = page_processor()
        encoded = family.encode(processor, [Image.new("RGB", (PAGE_PX, PAGE_PX))], family.prompts["free_ocr"])
        words = processor.tokenizer
        return Prompt(encoded.prompt_ids[0], words.eos_token_id, words.pad_token_id, words)


@dataclass(frozen=True)
class Batch:
    """Pages as tensors.

    Attributes:
        pixels: (pages, 768, 768) uint8.
        box: (pages, 4) left, top, right, bottom of the page in the square.
        tint: (pages, 2, 3) what black and white become.
        grid: (pages, 48, 48) class of each patch.
        ids: (pages, length).
        labels: (pages, length), what is to be said there; `IGNORED` but for answer and end token.
    """

    pixels: torch.Tensor
    box: torch.Tensor
    tint: torch.Tensor
    grid: torch.Tensor
    ids: torch.Tensor
    labels: torch.Tensor

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on another device."""
        return Batch(*(getattr(self, field.name).to(device, non_blocking=True) for field in fields(self)))

    def pin_memory(self) -> "Batch":
        """Return the batch in page-locked memory; the loader calls it."""
        return Batch(*(getattr(self, field.name).pin_memory() for field in fields(self)))


def _answer(sample: Example, prompt: Prompt) -> tuple[list[int], list[int]]:
    """Return an answer's tokens as shown, and what is to be said at each of them (one more: the first)."""
    true = [*prompt.tokenizer(sample.text, add_special_tokens=False)["input_ids"], prompt.end]
    if sample.shown is None:
        return true, true
    vocabulary = _vocabulary(prompt)
    shown = [vocabulary[piece] for piece in sample.shown.pieces]
    return [*shown, prompt.end], [true[0], *(true[following] for following in sample.shown.following)]


@lru_cache(maxsize=1)
def _vocabulary(prompt: Prompt) -> dict[str, int]:
    found: dict[str, int] = prompt.tokenizer.get_vocab()
    return found


def collate(samples: Sequence[Example], prompt: Prompt) -> Batch:
    """Put pages together; answers are padded on the right.

    Where an answer is shown corrupted, `labels` still says what is printed: it is no copy of `ids` then.
    """
    rows, targets = [], []
    for sample in samples:
        shown, said = _answer(sample, prompt)
        rows.append([*prompt.ids, *shown])
        targets.append(said)
    length = -(-max(map(len, rows)) // _LENGTH_STEP) * _LENGTH_STEP
    ids = torch.full((len(rows), length), prompt.pad, dtype=torch.long)
    labels = torch.full((len(rows), length), IGNORED, dtype=torch.long)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row)
        labels[number, len(prompt.ids) : len(row)] = torch.tensor(targets[number])
    return Batch(
        pixels=torch.from_numpy(np.stack([sample.pixels for sample in samples])),
        box=torch.tensor([sample.box for sample in samples]),
        tint=torch.tensor([[sample.tint.ink, sample.tint.paper] for sample in samples]),
        grid=torch.from_numpy(np.stack([sample.grid for sample in samples])),
        ids=ids,
        labels=labels,
    )


def model_pixels(batch: Batch) -> torch.Tensor:
    """Return (pages, 3, 768, 768) as the processor makes them: coloured, padding gray, normalised to -1 … 1."""
    gray = batch.pixels.unsqueeze(1).float() / 255
    ink, paper = batch.tint[:, 0, :, None, None], batch.tint[:, 1, :, None, None]
    color = ink + (paper - ink) * gray
    places = torch.arange(PAGE_PX, device=gray.device)
    left, top, right, bottom = (batch.box[:, number, None] for number in range(4))
    across = (places >= left) & (places < right)
    down = (places >= top) & (places < bottom)
    inside = (down[:, :, None] & across[:, None, :]).unsqueeze(1)
    return (torch.where(inside, color, torch.full_like(color, PAD_GRAY / 255)) - 0.5) / 0.5


@dataclass(frozen=True)
class Mixture:
    """What training pages are made of.

    Attributes:
        seed: Of the sequence of pages.
        fonts: All fonts.
        pack: Typeset pages; None for none.
        typeset: Their share, once pages have `TYPESET_FROM` lines.
        corrupted: Share of pages whose answer is shown corrupted (half of it before that).
        chinese: Share of drawn pages in Chinese (half of it before that).
    """

    seed: int
    fonts: tuple[Font, ...]
    pack: Path | None
    typeset: float = 0.3
    corrupted: float = 0.5
    chinese: float = 0.35

    def page(self, index: int, lines: int) -> Example:
        """Return a page of the sequence, with up to that many lines; the same arguments give the same page."""
        rng = random.Random(f"{self.seed}/kind/{index}")  # noqa: S311 (content, no secret)
        early = 0.5 if lines < TYPESET_FROM else 1.0
        if self.pack is not None and lines >= TYPESET_FROM and rng.random() < self.typeset:
            sample = draw_entry(rng.choice(entries(self.pack, "train")), rng, TYPESET_ROUGH)
        else:
            limits = Limits(lines=lines, chinese=self.chinese * early)
            sample = draw_page(self.seed, index, self.fonts, limits)
        if rng.random() < self.corrupted * early:
            sample = replace(sample, shown=corrupt(sample.text, rng))
        return sample


class Pages(torch.utils.data.Dataset[Example]):
    """The sequence of pages; a key is (index, lines)."""

    def __init__(self, mixture: Mixture) -> None:
        self._mixture = mixture

    def __getitem__(self, key: tuple[int, int]) -> Example:
        return self._mixture.page(*key)


class Curriculum:
    """Yields the keys of each batch, from a number on; `lines` may be raised meanwhile.

    Batches already asked for keep their number of lines: with workers a raise takes effect some steps later.
    """

    def __init__(self, first: int, batch: int, lines: int) -> None:
        self._first, self._batch, self.lines = first, batch, lines

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        for number in itertools.count(self._first):
            yield [(index, self.lines) for index in range(number * self._batch, (number + 1) * self._batch)]


class Replay:
    """Yields fresh batches, two of three times, and once an earlier one: training is faster than drawing.

    Args:
        fresh: Batches; number `fresh_batches(first_step)` comes first.
        first_step: The step that the first batch yielded is for.
        device: Where they are kept.
    """

    def __init__(self, fresh: Iterator[Batch], first_step: int, device: str) -> None:
        self._fresh, self._step, self._device = fresh, first_step, device
        self._kept: deque[Batch] = deque(maxlen=REPLAY_BATCHES)

    def __iter__(self) -> "Replay":
        return self

    def __next__(self) -> Batch:
        """Return the batch of the next step, on the device."""
        again = self._step % 3 == 2 and bool(self._kept)
        self._step += 1
        if again:
            return self._kept.popleft()
        batch = next(self._fresh).to(self._device)
        self._kept.append(batch)
        return batch


def fresh_batches(steps: int) -> int:
    """Return how many batches so many steps draw."""
    return steps - steps // 3


class _Collate:
    """`collate` with its prompt, for worker processes."""

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt

    def __call__(self, samples: Sequence[Example]) -> Batch:
        return collate(samples, self._prompt)


def loader(mixture: Mixture, curriculum: Curriculum, prompt: Prompt, workers: int, *, pinned: bool) -> Iterator[Batch]:
    """Return an endless iterator of batches, drawn ahead by worker processes (0: in this one)."""
    return iter(
        torch.utils.data.DataLoader(
            Pages(mixture),
            batch_sampler=curriculum,
            num_workers=workers,
            collate_fn=_Collate(prompt),
            prefetch_factor=2 if workers else None,
            pin_memory=pinned,
            worker_init_fn=_single_thread,
        )
    )


def _single_thread(_: int) -> None:
    torch.set_num_threads(1)

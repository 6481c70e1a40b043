"""A model that reads pages: many at once, each as if it were alone, with a stop reason for every page."""

import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import torch

from scribetune.core import progress
from scribetune.core.config import Config, Generate
from scribetune.core.errors import UserError, counted
from scribetune.core.files import sha256_file
from scribetune.generation.capacity import Rows, choose_rows, out_of_memory
from scribetune.generation.decoding import Decoder, StepMode
from scribetune.generation.feed import Feed, Ready
from scribetune.generation.guard import WindowedNgramGuard
from scribetune.generation.slots import kv_bytes_per_token
from scribetune.metrics.loops import find_loop
from scribetune.models import backends, families
from scribetune.models.examples import Page
from scribetune.models.families.native import end_tokens, native

logger = logging.getLogger(__name__)

StopReason = Literal["eos", "length", "loop"]

LOOP_CHECK_TOKENS = 256
"""With `generate.stop_loops`, a text is looked at whenever it has grown by so many tokens."""
_GPU_STEPS = 8
"""Steps on a GPU between two looks at the tokens: launching never waits; a row that ended wastes four on average."""
_GPU_GROUP = 8
"""Pages on a GPU that go through the encoder together. On a CPU one: nothing is gained by more."""


@dataclass(frozen=True)
class Confidence:
    """How sure a model was of the tokens of an answer, the end token included."""

    mean: float  # probability of a token: geometric mean over the answer
    least: float  # probability of the token that it was least sure of


@dataclass(frozen=True)
class Prediction:
    """What a model read on a page."""

    id: str  # `<document>/p0001`
    document: str
    page: int  # number, counted from 1
    image: str  # path of the page image, as in the split
    prompt: str  # what was asked
    text: str
    tokens: int  # tokens it wrote, the end token included
    stop_reason: StopReason
    """What stopped it: eos (it ended by itself), length (it reached `generate.max_new_tokens` or the longest sequence
    of the model), or loop (`generate.stop_loops` found that the text repeats itself)."""


@dataclass
class Tally:
    """What a reading took; nothing of it is part of a prediction."""

    pages: int = 0
    tokens: int = 0
    steps: int = 0
    row_steps: int = 0
    rows: int = 0
    seconds: float = 0.0
    seconds_by_page: dict[str, float] = field(default_factory=dict)
    confidence_by_page: dict[str, Confidence] = field(default_factory=dict)
    """No part of a prediction either: how pages share a device moves its last digits."""

    def __str__(self) -> str:
        seconds = max(self.seconds, 1e-9)
        return (
            f"{counted(self.pages, 'page')}, {counted(self.tokens, 'token')} in {self.seconds:.1f} s: "
            f"{self.pages / seconds:.2f} pages/s, "
            f"{self.tokens / seconds:.0f} tokens/s, {self.steps} steps, up to {self.rows} pages at once, "
            f"{self.tokens / max(1, self.row_steps):.0%} of the computed tokens used"
        )


@dataclass(eq=False)
class _Row:
    """A page that is being written."""

    index: int
    limit: int
    ids: list[int]
    log_probabilities: list[float]
    started: float

    @property
    def confidence(self) -> Confidence:
        """How sure the model was."""
        logs = self.log_probabilities
        return Confidence(math.exp(sum(logs) / len(logs)), math.exp(min(logs)))


class _NoMemoryError(Exception):
    """The device has no memory left; everything that is being written is given up."""


class Reader:
    """A loaded model that reads pages."""

    def __init__(self, config: Config, model_path: str) -> None:
        placement = backends.place(config.train.machine.precision, config.train.machine.cpu_threads)
        folder = families.local_folder(model_path, config.base_model.revision)
        family = families.family_of(folder, config.base_model.family)
        processor = families.load_processor(family, folder, config.base_model.mode)
        model = family.load_model(folder, dtype=placement.dtype, device=placement.device)
        self._set_up(config, family, processor, model, placement.device)
        self.folder = folder
        logger.info("Model %s, precision %s", folder, placement.reason)

    @classmethod
    def around(cls, config: Config, family: families.Family, processor: Any, model: Any, device: str) -> Self:
        """Return a reader over a model that is in memory already, an adapter around it included.

        The model is used as it is: put it in evaluation mode before reading (dropout would be read along), and back
        afterwards.
        """
        reader = cls.__new__(cls)
        reader._set_up(config, family, processor, model, device)
        return reader

    def _set_up(self, config: Config, family: families.Family, processor: Any, model: Any, device: str) -> None:
        self.family, self.processor, self.model, self.device = family, processor, model, device
        self.prompt = families.prompt_of(family, config.task.prompt, config.task.term)
        self.tally = Tally()
        self.step_mode: StepMode = "graphs"
        """How steps are launched on a GPU; on a CPU always as they are."""
        self._settings: Generate = config.generate
        tokenizer = processor.tokenizer
        vocabulary = tokenizer.get_vocab()
        self._exempt = [vocabulary[token] for token in family.guard_exempt_tokens if token in vocabulary]
        self._ends = frozenset(end_tokens(model, tokenizer))
        self._text_config = model.config.get_text_config()
        self._longest = int(self._text_config.max_position_embeddings)
        self._on_gpu = device.startswith("cuda")

    @property
    def dtype(self) -> torch.dtype:
        """Number format of the weights."""
        dtype: torch.dtype = self.model.get_input_embeddings().weight.dtype
        return dtype

    def image_tokens(self, page: Page) -> int:
        """Return how many image tokens a page costs."""
        from PIL import Image

        with Image.open(page.image) as image:
            return self.family.page_cost(self.processor, *image.size).tokens

    def guard(self, prompt_length: int = 0) -> WindowedNgramGuard | None:
        """Return the n-gram guard as configured, or None where it is switched off."""
        if not self._settings.ngram_guard:
            return None
        return WindowedNgramGuard(self._settings.ngram_guard, self._settings.ngram_window, prompt_length, self._exempt)

    def read(self, pages: Sequence[Page]) -> list[Prediction]:
        """Read pages; predictions in the same order."""
        found = dict(self.stream(pages))
        return [found[index] for index in range(len(pages))]

    def stream(
        self, pages: Sequence[Page], limits: Sequence[int] | None = None, *, shows_progress: bool = True
    ) -> Iterator[tuple[int, Prediction]]:
        """Yield (place in `pages`, prediction) as pages come to their end; `limits` may shorten answers further.

        Pages with as many image tokens go together, those with the largest image files (the most text) first: the long
        answers then never come last, alone. As a page ends, the next takes its place. Where memory runs out, what is
        being written is given up and read again, fewer pages at once: no page's text depends on the others.

        Raises:
            UserError: Not even one page fits into memory.
        """
        self.tally = Tally()
        costs = [(self.image_tokens(page), page.image.stat().st_size) for page in pages]
        order = sorted(range(len(pages)), key=lambda index: (-costs[index][0], -costs[index][1], index))
        waiting = dict.fromkeys(order)
        most = len(pages)
        began = time.perf_counter()
        shown = progress.bar("Reading", len(pages), "pages") if shows_progress else nullcontext(_unseen)
        with shown as advance, _attention_that_takes_masks(self.model):
            while waiting:
                run = _Run(self, pages, [tokens for tokens, _ in costs], list(waiting), limits, most, advance)
                try:
                    for index, prediction in run:
                        del waiting[index]
                        self.tally.seconds = time.perf_counter() - began
                        yield index, prediction
                        advance()
                except _NoMemoryError:
                    rows = run.rows
                    if rows == 1:
                        raise UserError(
                            "The device has no memory to read even one page at a time; generate.max_new_tokens is",
                            value=self._settings.max_new_tokens,
                            accepted="as much as the cache of one page's answer has memory for",
                            todo="lower generate.max_new_tokens or pages.long_side_px, or take a larger device",
                        ) from None
                    most = rows // 2
                    logger.warning(
                        "Out of memory with %d pages at once: %d pages are read on with %d at once. "
                        "To start with that many, set generate.batch to %d",
                        rows,
                        len(waiting),
                        most,
                        most,
                    )
                finally:
                    run.close()
                    del run
                    if self._on_gpu:
                        torch.cuda.empty_cache()

    def limit(self, prompt_length: int, wanted: int | None = None) -> int:
        """Return the most tokens of an answer after a prompt of so many tokens."""
        allowed = min(self._settings.max_new_tokens, max(1, self._longest - prompt_length))
        return allowed if wanted is None else max(1, min(allowed, wanted))

    def _rows(self, pages: int, capacity: int) -> Rows:
        row_bytes = capacity * kv_bytes_per_token(self._text_config, self.dtype)
        return choose_rows(self._settings.batch, pages, row_bytes, self.device)

    def _stopped(self, row: _Row) -> StopReason | None:
        """Tell what stops a page after its last token, or None."""
        if row.ids[-1] in self._ends:
            return "eos"
        if len(row.ids) >= row.limit:
            return "length"
        # At lengths that are the page's own: what else is being read makes no difference.
        if self._settings.stop_loops and len(row.ids) % LOOP_CHECK_TOKENS == 0:
            return "loop" if find_loop(self.family.decode(self.processor, row.ids)) else None
        return None

    def _prediction(self, page: Page, ids: Sequence[int], stopped: StopReason) -> Prediction:
        return Prediction(
            id=page.id,
            document=page.document,
            page=page.page,
            image=page.image.as_posix(),
            prompt=page.prompt,
            text=self.family.decode(self.processor, ids[:-1] if stopped == "eos" else ids),
            tokens=len(ids),
            stop_reason=stopped,
        )


class _Run:
    """One pass over pages with a fixed number of rows; iterate once."""

    def __init__(
        self,
        reader: Reader,
        pages: Sequence[Page],
        image_tokens: Sequence[int],
        waiting: Sequence[int],
        limits: Sequence[int] | None,
        most: int,
        advance: progress.Advance,
    ) -> None:
        self._reader, self._pages, self._limits, self._advance = reader, pages, limits, advance
        self._group = min(most, _GPU_GROUP if reader._on_gpu else 1)
        self._steps = _GPU_STEPS if reader._on_gpu and reader._settings.temperature == 0 else 1
        self._image_tokens, self._waiting, self._most = image_tokens, waiting, most
        self.rows = self._group  # until there are rows, so many pages are in the encoder at once
        self._active: list[_Row] = []
        self._decoder: Decoder | None = None
        self._feed: Feed | None = None

    def close(self) -> None:
        """Give memory and threads back."""
        if self._feed is not None:
            self._feed.__exit__()
        self._feed = self._decoder = None
        self._active = []

    def __iter__(self) -> Iterator[tuple[int, Prediction]]:
        while True:
            try:
                finished = self._turn()
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                finished = None
            # Outside of the handler: the error holds on to what filled the memory.
            if finished is None:
                raise _NoMemoryError
            for row, stopped in finished:
                page = self._pages[row.index]
                tally = self._reader.tally
                tally.pages += 1
                tally.tokens += len(row.ids)
                tally.seconds_by_page[page.id] = time.perf_counter() - row.started
                tally.confidence_by_page[page.id] = row.confidence
                yield row.index, self._reader._prediction(page, row.ids, stopped)
            if not self._active and (self._feed is None or not self._feed.left):
                return

    @torch.inference_mode()
    def _turn(self) -> list[tuple[_Row, StopReason]]:
        """Fill free rows, write some tokens in every row, and return the rows that ended."""
        if self._feed is None:
            self._feed = Feed(
                self._reader.family,
                self._reader.processor,
                self._reader.model,
                self._reader.prompt,
                self._pages,
                self._waiting,
                self._group,
                self._reader.device,
            )
            self._feed.__enter__()
        finished = self._admit(self._feed)
        if not self._active or self._decoder is None:
            return finished
        written = self._decoder.advance(len(self._active), self._steps)
        # The device encodes the next pages while the tokens are looked at here. On a stream of its own, beside the
        # steps, the encoder was slower than in turn with them: either fills the device.
        self._feed.prepare(wait=False)
        told = list(zip(written.tokens.tolist(), written.log_probabilities.tolist(), strict=True))
        self._reader.tally.steps += self._steps
        self._reader.tally.row_steps += self._steps * len(self._active)
        self._advance(0)  # pages that are read together end late: it goes on
        for row, answers in zip(list(self._active), told, strict=True):
            for token, log_probability in zip(*answers, strict=True):
                row.ids.append(token)
                row.log_probabilities.append(log_probability)
                stopped = self._reader._stopped(row)
                if stopped:
                    finished.append((row, stopped))
                    self._leave(self._active.index(row))
                    break
        return finished

    def _admit(self, feed: Feed) -> list[tuple[_Row, StopReason]]:
        """Put the next pages into free rows; return those that end with their first token."""
        finished: list[tuple[_Row, StopReason]] = []
        while feed.left:
            if self._decoder is None:
                self._decoder = self._make_decoder(feed.peek())
            free = self._decoder.slots - len(self._active)
            # Rows are filled a group at a time, so that prompts are read together; the last rows as they come.
            if free < min(self._group, feed.left, self._decoder.slots):
                break
            taken = feed.take(min(free, self._group))
            slots = range(len(self._active), len(self._active) + len(taken))
            first = self._decoder.prefill(slots, self._inputs(taken), self._seeds(taken))
            feed.prepare(wait=False)  # the device goes on while the first tokens are looked at
            now = time.perf_counter()
            told = zip(first.tokens.tolist(), first.log_probabilities.tolist(), strict=True)
            for page, (tokens, log_probabilities) in zip(taken, told, strict=True):
                wanted = None if self._limits is None else self._limits[page.index]
                limit = self._reader.limit(len(page.prompt_ids), wanted)
                self._active.append(_Row(page.index, limit, tokens, log_probabilities, now))
            self._reader.tally.row_steps += len(taken)
            self._reader.tally.rows = max(self._reader.tally.rows, len(self._active))
            for slot in reversed(slots):
                stopped = self._reader._stopped(self._active[slot])
                if stopped:
                    finished.append((self._active[slot], stopped))
                    self._leave(slot)
        return finished

    def _leave(self, slot: int) -> None:
        """Take a row out; the last one moves into its place."""
        if self._decoder is None:
            raise RuntimeError("no row is being written")
        last = len(self._active) - 1
        if slot != last:
            self._decoder.move(last, slot)
            self._active[slot] = self._active[last]
        self._active.pop()
        self._decoder.free(last)

    def _make_decoder(self, first: Ready) -> Decoder:
        """Take memory for as many rows as fit, each for the longest prompt and answer."""
        reader = self._reader
        text_tokens = len(first.prompt_ids) - self._image_tokens[first.index]
        capacity = 0
        for index in self._waiting:
            prompt = self._image_tokens[index] + text_tokens
            wanted = None if self._limits is None else self._limits[index]
            capacity = max(capacity, prompt + reader.limit(prompt, wanted) + self._steps)
        if reader._on_gpu:
            capacity = -(-capacity // 64) * 64
        rows = reader._rows(len(self._waiting), capacity)
        self.rows = min(rows.count, self._most)
        logger.info("%d pages at once (%s), %d tokens each", self.rows, rows.reason, capacity)
        return Decoder(
            reader.model,
            slots=self.rows,
            capacity=capacity,
            guard=reader.guard(),
            temperature=reader._settings.temperature,
            mode=reader.step_mode,
        )

    def _inputs(self, taken: Sequence[Ready]) -> Mapping[str, torch.Tensor]:
        """Return what the model takes for pages with prompts of one length: no padding, no mask."""
        reader = self._reader
        ids = torch.tensor([page.prompt_ids for page in taken], device=reader.device)
        features = torch.cat([page.features for page in taken])
        return reader.family.model_inputs(reader.model, ids, torch.ones_like(ids), features)

    def _seeds(self, taken: Sequence[Ready]) -> list[int] | None:
        """Return the seeds of draws, of the page image's content: the same whatever else is read."""
        if self._reader._settings.temperature == 0:
            return None
        return [int(sha256_file(self._pages[page.index].image)[:15], 16) for page in taken]


def _unseen(steps: int = 1, note: str = "") -> None:
    """Advance nothing: who reads shows progress of its own."""


@contextmanager
def _attention_that_takes_masks(model: Any) -> Iterator[None]:
    """Put a model on an attention that takes any mask while pages are read, and back afterwards."""
    inner = native(model)
    before = inner.config.get_text_config()._attn_implementation
    if before in ("sdpa", "eager"):
        yield
        return
    inner.set_attn_implementation("sdpa")
    try:
        yield
    finally:
        inner.set_attn_implementation(before)

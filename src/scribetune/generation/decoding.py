"""Writing answers for many pages at once, one token per page and step, each page at a length of its own.

transformers' own continuous batching (5.17) takes token ids only, no embeddings, so that pages cannot be given to it;
its `generate` keeps a finished row until the longest of its batch ends. Here a finished page's place is taken by the
next one. Rows start at position 0 without padding, so that a page is computed as if it were alone.

On a GPU the step is recorded once per number of rows and look-back as a CUDA graph and then replayed: one launch
instead of some thousand, of layers that compute in fewer operations: see `recorded_layers`.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import torch
from transformers import DynamicCache

from scribetune.generation.guard import NOTHING, WindowedNgramGuard
from scribetune.generation.recorded_layers import recordable
from scribetune.generation.slots import SlotCache, contents

logger = logging.getLogger(__name__)

StepMode = Literal["eager", "graphs", "compiled"]
"""How a step is launched: as it is, as a recorded CUDA graph, or compiled by inductor and then recorded."""

_VIEW_STEP = 512
"""On a GPU the look-back grows by so many tokens: a graph each."""
_ROW_BUCKETS = (1, 4, 16, 32, 64, 96, 128, 192, 256)
"""Rows that a step is recorded for. A recording takes as long as fifty steps of many rows: as few as do."""


class Written(NamedTuple):
    """Tokens (rows, steps), and the natural logarithm of the probability that the model gave each, in float32.

    The probability is the model's own: the guard and the temperature, which may choose another token than the most
    probable one, are not in it.
    """

    tokens: torch.Tensor
    log_probabilities: torch.Tensor


class Decoder:
    """The rows being written: their cache, their last tokens, and the step that gives each its next token.

    Rows 0 to n-1 are in use; whoever calls keeps them without gaps (`move`).

    Args:
        model: The model, with or without an adapter around it, in evaluation mode.
        slots: Most rows.
        capacity: Most tokens of a row: prompt, answer, and the steps of one `advance` beyond its end.
        guard: The n-gram guard, or None.
        temperature: 0: the most probable token; else a draw from the row's own random numbers.
        mode: How a step is launched.
    """

    def __init__(
        self,
        model: Any,
        *,
        slots: int,
        capacity: int,
        guard: WindowedNgramGuard | None,
        temperature: float = 0.0,
        mode: StepMode = "eager",
    ) -> None:
        device = model.get_input_embeddings().weight.device
        self._model, self._guard, self._temperature = model, guard, temperature
        self.slots, self.capacity = slots, capacity
        self.mode: StepMode = mode if temperature == 0 and device.type == "cuda" else "eager"
        self._forward: Any = self._logits
        if self.mode == "compiled":
            self._forward = torch.compile(self._logits, dynamic=True)
        self._attention = model.config.get_text_config()._attn_implementation
        self._dtype = model.get_input_embeddings().weight.dtype
        self._cache: SlotCache | None = None
        self._axes = 0  # leading axes of the model's positions: 0 for a line of text, 3 for time, height and width
        window = guard.window if guard else 1
        self._rows = torch.arange(slots, device=device)
        self._columns = torch.arange(capacity, device=device)
        self._tokens = torch.zeros(slots, dtype=torch.long, device=device)
        self._log_probabilities = torch.zeros(slots, device=device)
        self._lengths = torch.zeros(slots, dtype=torch.long, device=device)
        self._positions = torch.zeros(slots, dtype=torch.long, device=device)
        self._recent = torch.full((slots, window), NOTHING, dtype=torch.long, device=device)
        self._longest = [0] * slots  # the lengths once more, known without asking the device
        self._draws: list[torch.Generator | None] = [None] * slots
        self._graphs: dict[tuple[int, int], Any] = {}
        self._pool: Any = None

    def prefill(
        self, slots: Sequence[int], inputs: Mapping[str, torch.Tensor], seeds: Sequence[int] | None = None
    ) -> Written:
        """Read prompts of one length into free rows and return the first token of each answer: (rows, 1).

        The inputs are `inputs_embeds` (rows, length, hidden size), perhaps `position_ids` (…, rows, length); seeds, one
        per row, are for draws.
        """
        length = int(inputs["inputs_embeds"].shape[1])
        if length >= self.capacity:
            raise ValueError(f"a prompt of {length} tokens in rows of {self.capacity}")
        prefilled = DynamicCache()
        output = self._model(**inputs, past_key_values=prefilled, use_cache=True, logits_to_keep=1)
        if self._cache is None:
            self._cache = SlotCache([keys for keys, _ in contents(prefilled)], self.slots, self.capacity)
        where = torch.tensor(slots, device=self._rows.device)
        self._cache.fill(where, prefilled)
        del prefilled
        positions = inputs.get("position_ids")
        if positions is not None and positions.ndim == 3:
            self._axes = int(positions.shape[0])
            positions = positions.amax(0)
        for row, slot in enumerate(slots):
            self._longest[slot] = length
            self._draws[slot] = torch.Generator().manual_seed(seeds[row]) if seeds else None
        self._lengths[where] = length
        self._positions[where] = length if positions is None else positions[:, -1] + 1
        self._recent[where] = NOTHING
        scores = output.logits[:, -1].float()
        tokens = self._choose(scores, self._recent[where], slots)
        self._tokens[where] = tokens
        self._log_probabilities[where] = _log_probabilities(scores, tokens)
        self._recent[where, -1] = tokens
        return Written(tokens[:, None], self._log_probabilities[where][:, None])

    def advance(self, count: int, steps: int) -> Written:
        """Write `steps` tokens in each of the first `count` rows; return them (count, steps), on the model's device.

        Nothing is waited for: the tokens are there when they are asked for. Rows that have ended write on, and are cut
        by the caller.
        """
        written = Written(
            torch.empty((count, steps), dtype=torch.long, device=self._rows.device),
            torch.empty((count, steps), device=self._rows.device),
        )
        for step in range(steps):
            rows, view = self._shape(count)
            self._step(rows, view)
            for slot in range(rows):
                self._longest[slot] = min(self._longest[slot] + 1, self.capacity - 1)
            written.tokens[:, step].copy_(self._tokens[:count])
            written.log_probabilities[:, step].copy_(self._log_probabilities[:count])
        return written

    def move(self, source: int, target: int) -> None:
        """Give a row's place to another row, which is written on there."""
        if self._cache is None:
            raise RuntimeError("move before prefill")
        self._cache.move(source, target, self._longest[source])
        for state in (self._tokens, self._log_probabilities, self._lengths, self._positions, self._recent):
            state[target] = state[source].clone()
        self._longest[target] = self._longest[source]
        self._draws[target] = self._draws[source]

    def free(self, slot: int) -> None:
        """Say that a row is no longer used: it looks back on nothing, should a step still include it."""
        self._lengths[slot] = 0
        self._longest[slot] = 0

    def _shape(self, count: int) -> tuple[int, int]:
        """Return how many rows a step computes, and how far it looks back."""
        view = max(self._longest[:count]) + 1
        if self.mode == "eager":
            return count, view
        rows = min([bucket for bucket in _ROW_BUCKETS if bucket >= count] + [self.slots])
        return min(max(rows, count), self.slots), min(-(-view // _VIEW_STEP) * _VIEW_STEP, self.capacity)

    def _step(self, rows: int, view: int) -> None:
        if self.mode == "eager":
            self._compute(rows, view)
            return
        key = (rows, view)
        if key not in self._graphs:
            try:
                with recordable(self._model, rows):
                    self._graphs[key] = self._record(rows, view)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:  # an operation that cannot be recorded
                logger.warning("The step cannot be recorded as a CUDA graph, and is launched as it is: %s", error)
                self.mode, self._graphs, self._forward = "eager", {}, self._logits
                torch.cuda.synchronize()
                self._compute(rows, view)
                return
        self._graphs[key].replay()

    def _record(self, rows: int, view: int) -> Any:
        """Record the step; what its rehearsal wrote is taken back (the cache gets the same values again)."""
        state = (self._tokens, self._log_probabilities, self._lengths, self._positions, self._recent)
        before = [tensor.clone() for tensor in state]
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        try:
            if not self._graphs:  # what is set up at its first use must not be set up while recording
                with torch.cuda.stream(stream):
                    self._compute(rows, view)
            torch.cuda.current_stream().wait_stream(stream)
            for tensor, value in zip(state, before, strict=True):
                tensor.copy_(value)
            torch.cuda.synchronize()
            if self._pool is None:
                self._pool = torch.cuda.graph_pool_handle()
            graph = torch.cuda.CUDAGraph()
            # Other threads prepare pages meanwhile; what they do on the CPU must not end the recording.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
                self._compute(rows, view)
        except RuntimeError:
            for tensor, value in zip(state, before, strict=True):
                tensor.copy_(value)
            raise
        return graph

    def _compute(self, rows: int, view: int) -> None:
        """Give each of the first rows its next token; all in place, all on the device."""
        scores = self._forward(rows, view)
        tokens = self._choose(scores, self._recent[:rows], range(rows))
        self._recent[:rows] = torch.cat((self._recent[:rows, 1:], tokens[:, None]), dim=1)
        self._tokens[:rows] = tokens
        self._log_probabilities[:rows] = _log_probabilities(scores, tokens)
        self._lengths[:rows] = (self._lengths[:rows] + 1).clamp(max=self.capacity - 1)
        self._positions[:rows] += 1

    def _logits(self, rows: int, view: int) -> torch.Tensor:
        """Return the scores (rows, vocabulary) of each row's next token, in float32."""
        if self._cache is None:
            raise RuntimeError("advance before prefill")
        lengths = self._lengths[:rows]
        self._cache.write_at(self._rows[:rows], lengths, view)
        seen = (self._columns[:view] <= lengths[:, None])[:, None, None, :]
        if self._attention != "sdpa" or self.mode != "eager":  # added to the scores; sdpa would do this in each layer
            seen = torch.zeros(seen.shape, dtype=self._dtype, device=seen.device).masked_fill(
                ~seen, torch.finfo(self._dtype).min
            )
        positions = self._positions[:rows, None]
        if self._axes:
            positions = positions.expand(self._axes, rows, 1)
        output = self._model(
            input_ids=self._tokens[:rows, None],
            attention_mask=seen,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        scores: torch.Tensor = output.logits[:, -1].float()
        return scores

    def _choose(self, scores: torch.Tensor, recent: torch.Tensor, slots: Sequence[int]) -> torch.Tensor:
        """Return the next tokens (rows): the most probable ones, or draws (Gumbel's trick) from each row's numbers."""
        if self._guard:
            scores = self._guard.forbid(recent, scores)
        if self._temperature > 0:
            uniform = torch.stack(
                [torch.rand(scores.shape[1], generator=self._draws[slot], dtype=torch.float64) for slot in slots]
            )
            noise = -torch.log(-torch.log(uniform.clamp_(min=1e-300)))
            scores = scores.double() / self._temperature + noise.to(scores.device)
        return scores.argmax(dim=-1)


def _log_probabilities(scores: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of each token's probability (rows) under scores (rows, vocabulary)."""
    chosen = scores.gather(1, tokens[:, None])[:, 0]
    return chosen - scores.logsumexp(dim=-1)

"""Validation during training: the loss, and the CER of pages that are really read with the adapter as it is now."""

import contextlib
import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import LogitsProcessorList

from scribetune.core.config import Generate
from scribetune.core.errors import UserError
from scribetune.generation import WindowedNgramGuard
from scribetune.metrics.text_scores import cer
from scribetune.models import families
from scribetune.models.collation import Collator, assemble, pad_rows, target_tokens
from scribetune.models.examples import Example
from scribetune.models.families.native import native
from scribetune.models.processes import ALONE, Group
from scribetune.text import grounding
from scribetune.training import drafting, memory
from scribetune.training.log import Validation
from scribetune.training.loss import token_loss, without
from scribetune.training.sharding import InStep
from scribetune.training.trial import READ_AT_ONCE, Trial, less_to_validate

logger = logging.getLogger(__name__)

_LOSS_PAGES_PER_READ_PAGE = 16
_LEAST_LOSS_PAGES = 512
_LONGER_BY = 1.25
_SPARE_TOKENS = 16


class Validator:
    """Measures a model in training, always on the same pages, and leaves everything about the training as it was.

    Args:
        family: The model's family.
        processor: Its processor.
        examples: Validation pages.
        collator: Gives page `offset + i` of the training for `examples[i]`.
        ends: Tokens that end an answer; see `native.end_tokens`.
        offset: See `collator`.
        read_pages: Up to this many pages are read for the CER.
        read_tokens: Up to this many tokens of each: a model that does not read yet writes token by token.
        batch: Pages per forward pass of the loss.
        seed: Chooses the pages, by a hash of each page's id: a page stays chosen as the split grows, mostly.
        group: The processes that divide the pages among them; each gets the measurement of all.
        sharded: What keeps the processes of a sharded model together, and what it tries at once; None: the model is
            whole in each.
    """

    def __init__(
        self,
        family: families.Family,
        processor: Any,
        examples: Sequence[Example],
        collator: Collator,
        *,
        ends: Sequence[int],
        offset: int,
        read_pages: int,
        read_tokens: int,
        batch: int,
        seed: int,
        group: Group = ALONE,
        sharded: tuple[InStep, Trial] | None = None,
    ) -> None:
        def chance(index: int) -> str:
            return hashlib.sha256(f"{seed} {examples[index].page.id}".encode()).hexdigest()

        shuffled = sorted(range(len(examples)), key=chance)
        most = max(_LEAST_LOSS_PAGES, _LOSS_PAGES_PER_READ_PAGE * read_pages)
        self._family, self._processor, self._examples, self._collator = family, processor, examples, collator
        self._offset, self._batch, self._group, self._sharded = offset, batch, group, sharded
        self._read_tokens = read_tokens
        self._read_batch = sharded[1].read_batch if sharded else READ_AT_ONCE
        # Pages of like length together: less padding, and a batch takes as long as its longest answer.
        self._measured = sorted(shuffled[:most], key=lambda index: (-examples[index].tokens, index))
        self._read = sorted(shuffled[:read_pages], key=lambda index: (-len(examples[index].answer_ids), index))
        tokenizer = processor.tokenizer
        vocabulary = tokenizer.get_vocab()
        self._exempt = [vocabulary[token] for token in family.guard_exempt_tokens if token in vocabulary]
        self._end: int = tokenizer.eos_token_id
        self._ends = tuple(ends)
        self._pad: int = tokenizer.pad_token_id
        self._guard = Generate()
        self._goes_on: Callable[[], None] = lambda: None

    @property
    def page_ids(self) -> tuple[str, ...]:
        """Ids of the pages that are read, sorted."""
        return tuple(sorted(self._examples[index].page.id for index in self._read))

    @property
    def loss_pages(self) -> int:
        """Pages that the loss is measured on."""
        return len(self._measured)

    def measure(self, model: Any, step: int, goes_on: Callable[[], None] | None = None) -> Validation:
        """Validate a PEFT model (unwrapped); random numbers, mode and gradients of the training stay as they were.

        `goes_on` is called after each batch of pages.

        Raises:
            UserError: A single page does not fit into memory; or, of a sharded model, as many as were tried.
        """
        self._goes_on = goes_on or self._goes_on
        training = model.training
        devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
        with torch.random.fork_rng(devices=devices), torch.no_grad():
            model.eval()
            try:
                loss, accuracy = self._loss(model, step)
                error_rate = self._error_rate(model, step)
            finally:
                model.train(training)
        return Validation(step, loss, accuracy, error_rate)

    def _pages(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        return [self._collator.page(self._offset + index) for index in indices]

    def _passes(self) -> contextlib.AbstractContextManager[None]:
        """Keep the processes of a sharded model together while each does its part."""
        return self._sharded[0].passes() if self._sharded else contextlib.nullcontext()

    def _loss(self, model: Any, step: int) -> tuple[float, float]:
        with self._passes():
            sums = self._own_loss(model, step)
        losses, rights, counts = zip(*self._group.gather(sums), strict=True)
        if not sum(counts):
            return float("nan"), float("nan")
        return sum(losses) / sum(counts), sum(rights) / sum(counts)

    def _own_loss(self, model: Any, step: int) -> tuple[float, float, int]:
        """Return summed loss, likeliest targets and targets of this process's pages."""
        summed, correct, targets = [], [], 0
        place = 0
        mine = self._mine(self._measured)
        while place < len(mine):
            pages = self._pages(mine[place : place + self._batch])
            try:
                inputs = on_device(assemble(pages, self._pad), model.device)
                total, right = page_loss(self._family, model, inputs, model)
            except torch.OutOfMemoryError:
                too_large = True
            else:
                too_large = False
                summed.append(total)
                correct.append(right)
                targets += target_tokens(pages)
                place += len(pages)
                self._goes_on()
            if too_large:
                self._batch = self._smaller(len(pages), step, reading=False)
        sums = [float(torch.stack(part).sum()) if part else 0.0 for part in (summed, correct)]
        return sums[0], sums[1], targets

    def _error_rate(self, model: Any, step: int) -> float | None:
        if not self._read:
            return None
        with self._passes():
            rates = self._own_error_rates(model, step)
        for others in self._group.gather(rates):
            rates |= others
        # In one order, so that the mean is the same to the last bit however many processes there are.
        return sum(rates[index] for index in self._read) / len(rates)

    def _own_error_rates(self, model: Any, step: int) -> dict[int, float]:
        """Return the CER of this process's pages."""
        rates: dict[int, float] = {}
        place = 0
        mine = self._mine(self._read)
        while place < len(mine):
            part = mine[place : place + self._read_batch]
            try:
                texts = self._texts(model, part)
            except torch.OutOfMemoryError:
                texts = None
            if texts is None:
                self._read_batch = self._smaller(len(part), step, reading=True)
                continue
            rates |= {i: cer(self._compared(i), grounding.plain(text)) for i, text in zip(part, texts, strict=True)}
            place += len(part)
            self._goes_on()
        return rates

    def _compared(self, index: int) -> str:
        """Return what a page's text is compared with: its label, or as much of it as is read."""
        example = self._examples[index]
        if len(example.answer_ids) <= self._read_tokens:
            return grounding.plain(example.page.answer)
        return grounding.plain(self._family.decode(self._processor, example.answer_ids[: self._read_tokens]))

    def _mine(self, pages: Sequence[int]) -> Sequence[int]:
        """Return this process's part of pages that are sorted by length: long and short ones for each."""
        return pages[self._group.rank :: self._group.size]

    def _smaller(self, batch: int, step: int, *, reading: bool) -> int:
        """Return how many pages are tried after so many did not fit.

        Raises:
            UserError: It was one page; or the model is sharded, and all processes must start again.
        """
        doing = "reading validation pages" if reading else "the validation loss"
        memory.release()
        if batch == 1:
            raise UserError(
                f"Memory ran out at step {step} in {doing}, one page at a time",
                todo="set train.validation.pages to 0, lower train.max_tokens, or use a GPU with more memory",
            )
        if self._sharded:
            raise less_to_validate(self._sharded[1], step, doing, batch, reading=reading)
        logger.warning(
            "Memory ran out at step %d in %s: %d pages at once instead of %d", step, doing, batch // 2, batch
        )
        return batch // 2

    def _texts(self, model: Any, part: Sequence[int]) -> list[str]:
        """Read pages greedily with the n-gram guard, up to a quarter more tokens than their labels have, or the limit.

        A page that goes on for longer is wrong by then, and its CER bounded.
        """
        base = native(model)
        pages = self._pages(part)
        if drafting.has_plain_positions(base):
            rows = [self._read_page(base, page, index) for page, index in zip(pages, part, strict=True)]
        else:
            rows = self._generate(base, pages, part)
        return [self._text(row) for row in rows]

    def _limit(self, base: Any, length: int, answer_tokens: int) -> int:
        room = int(base.config.get_text_config().max_position_embeddings) - length
        return max(1, min(int(answer_tokens * _LONGER_BY) + _SPARE_TOKENS, self._read_tokens, room))

    def _prompt(
        self, base: Any, pages: Sequence[dict[str, Any]]
    ) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
        """Return ids and attention mask of the prompts of pages, padded on the left, and what the model takes."""
        prompts = [page["input_ids"][: page["prompt_tokens"]].tolist() for page in pages]
        ids = pad_rows(prompts, self._pad, left=True).to(base.device)  # (pages, longest prompt)
        mask = pad_rows([[1] * len(prompt) for prompt in prompts], 0, left=True).to(base.device)
        # Of the whole batch only pixels or features are used here: the answers in it are what is to be read.
        batch = on_device(assemble(pages, self._pad), base.device)
        for name in ("input_ids", "attention_mask", "labels", "logits_to_keep"):
            batch.pop(name)
        features = batch.get("image_features")
        if features is None:
            features = torch.cat(self._family.vision_features(base, batch))  # (all image tokens, width)
        return ids, mask, self._family.model_inputs(base, ids, mask, features)

    def _read_page(self, base: Any, page: dict[str, Any], index: int) -> list[int]:
        answer = self._examples[index].answer_ids
        _, _, inputs = self._prompt(base, [page])
        embedded = inputs["inputs_embeds"]  # (1, tokens, width)
        limit = self._limit(base, embedded.shape[1], len(answer))
        return drafting.read(
            base,
            embedded,
            (*answer, self._end),
            ends=self._ends,
            limit=limit,
            guard=self._without_loops,
        )

    def _without_loops(self, written: Sequence[int], scores: torch.Tensor) -> torch.Tensor:
        """Apply the n-gram guard to the scores (vocabulary) of one position."""
        size, window = self._guard.ngram_guard, self._guard.ngram_window
        tail = list(written[len(written) - size + 1 :])
        starts = range(max(0, len(written) - window), len(written) - size + 1)
        # Hardly ever: looked up here, so that the device is not asked about every token.
        if not any(list(written[start : start + size - 1]) == tail for start in starts):
            return scores
        ids: Any = torch.tensor([list(written)], device=scores.device)
        row: Any = scores.unsqueeze(0)  # (1, vocabulary)
        return WindowedNgramGuard(size, window, 0, self._exempt)(ids, row)[0]

    def _generate(self, base: Any, pages: Sequence[dict[str, Any]], part: Sequence[int]) -> list[list[int]]:
        ids, mask, inputs = self._prompt(base, pages)
        length = ids.shape[1]
        guard = WindowedNgramGuard(self._guard.ngram_guard, self._guard.ngram_window, length, self._exempt)
        output = base.generate(
            input_ids=ids,
            **inputs,
            attention_mask=mask,
            max_new_tokens=self._limit(base, length, max(len(self._examples[index].answer_ids) for index in part)),
            eos_token_id=list(self._ends),
            pad_token_id=self._pad,
            logits_processor=LogitsProcessorList([guard]),
            do_sample=False,
            use_cache=True,
            # Not generate's own way to keep processes together, which ends with the first batch of each.
            synced_gpus=False,
        )
        rows: list[list[int]] = output[:, length:].tolist()
        return rows

    def _text(self, row: list[int]) -> str:
        ended = next((place for place, token in enumerate(row) if token in self._ends), len(row))
        return self._family.decode(self._processor, row[:ended])


def on_device(inputs: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Move the tensors of a batch to a device."""
    return {
        name: value.to(device, non_blocking=True) if torch.is_tensor(value) else value for name, value in inputs.items()
    }


def page_loss(
    family: families.Family, model: Any, inputs: dict[str, Any], called: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return summed cross-entropy of a batch's targets, and how many of them are the likeliest token.

    `called` is what the forward pass is asked of: the model itself, or what several processes wrap around it.
    """
    labels, keep = inputs["labels"], inputs["logits_to_keep"]
    inputs = with_features(family, model, {name: value for name, value in inputs.items() if name != "labels"})
    # Padding comes last, and every position looks back only: no answer sees it. Without a mask attention is faster,
    # and nobody has to ask the device whether the mask is needed.
    inputs["attention_mask"] = None
    head = native(model).get_output_embeddings()
    with without(head):
        hidden = called(**inputs, use_cache=False).logits[:, -keep:]  # (pages, keep, width)
    return token_loss(hidden[:, :-1], labels[:, -keep + 1 :], head, int(head.weight.shape[0]))


def with_features(family: families.Family, model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return what a model's forward takes, with vision features (cached or made now) in the image tokens' places."""
    kept = {name: inputs[name] for name in ("attention_mask", "logits_to_keep") if name in inputs}
    features = inputs.get("image_features")
    if features is None:
        features = torch.cat(family.vision_features(model, inputs))  # (all image tokens, width)
    return kept | family.model_inputs(model, inputs["input_ids"], inputs["attention_mask"], features)

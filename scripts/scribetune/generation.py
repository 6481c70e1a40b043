"""Reading pages with a model: batched, greedy by default, guarded against loops, with a stop reason for every page."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from scribetune import backends, families, progress
from scribetune.collation import Page, load_image, pad_rows, read_pages
from scribetune.config import Config, Generate
from scribetune.files import write_jsonl

logger = logging.getLogger(__name__)

_SAMPLING_SEED = 0  # only used with a temperature above zero


@dataclass(frozen=True)
class Prediction:
    """What a model read on a page.

    Attributes:
        id: `<document>/p0001`.
        document: Id of the document.
        page: Number, counted from 1.
        image: Path of the page image, as in the split.
        prompt: What was asked.
        text: What the model wrote.
        tokens: Tokens it wrote, the end token included.
        stop_reason: eos (it ended by itself) or length (it reached `generate.max_new_tokens`).
    """

    id: str
    document: str
    page: int
    image: str
    prompt: str
    text: str
    tokens: int
    stop_reason: Literal["eos", "length"]


class WindowedNgramGuard(LogitsProcessor):
    """Forbids the token that would repeat an n-gram begun within the last tokens written, on the whole batch at once.

    The rule is the one DeepSeek-OCR recommends for decoding (n-grams of 30 in a window of 90, table cells exempt): with
    the last n-1 tokens as prefix, every token that followed the same prefix inside the window is forbidden. Only
    written tokens count, not the prompt.

    Args:
        ngram: Length n of the n-grams; at least 1.
        window: How many of the last written tokens are searched.
        prompt_length: Tokens of the (padded) prompt, which are not searched.
        exempt: Token ids that are never forbidden.
    """

    def __init__(self, ngram: int, window: int, prompt_length: int, exempt: Sequence[int] = ()) -> None:
        if ngram < 1 or window < 1:
            raise ValueError(f"ngram and window must be at least 1, found {ngram} and {window}")
        self._ngram, self._window, self._prompt_length, self._exempt = ngram, window, prompt_length, list(exempt)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Set the scores (batch, vocabulary) of forbidden tokens to -inf, given all ids so far (batch, length)."""
        written = input_ids[:, self._prompt_length :]
        length = written.shape[1]
        # The n-grams must begin inside the window, as in the reference rule.
        searched = written[:, max(0, length - self._window) :]
        if searched.shape[1] < self._ngram:
            return scores
        ngrams = searched.unfold(1, self._ngram, 1)  # (batch, n-grams, n)
        prefix = written[:, length - self._ngram + 1 :]  # (batch, n-1)
        repeats = (ngrams[..., :-1] == prefix.unsqueeze(1)).all(-1)  # (batch, n-grams)
        forbidden = torch.zeros_like(scores, dtype=torch.int32)
        # Counted rather than written: several n-grams may end in the same token, only some of them forbidden.
        forbidden.scatter_add_(1, ngrams[..., -1], repeats.to(torch.int32))
        if self._exempt:
            forbidden[:, self._exempt] = 0
        guarded: torch.FloatTensor = scores.masked_fill(forbidden > 0, -torch.inf)  # type: ignore[assignment]
        return guarded


class Reader:
    """A loaded model that reads pages."""

    def __init__(self, config: Config, model_path: str) -> None:
        placement = backends.place(config.train.precision, config.train.cpu_threads)
        folder = families.local_folder(model_path, config.base_model.revision)
        self.family = families.family_of(folder, config.base_model.family)
        self.prompt = families.prompt_of(self.family, config.task.prompt)
        self.processor = self.family.load_processor(folder)
        self.model = self.family.load_model(folder, dtype=placement.dtype, device=placement.device)
        self._device = placement.device
        self._settings: Generate = config.generate
        tokenizer = self.processor.tokenizer
        vocabulary = tokenizer.get_vocab()
        self._exempt = [vocabulary[token] for token in self.family.guard_exempt_tokens if token in vocabulary]
        self._end: int = tokenizer.eos_token_id
        self._pad: int = tokenizer.pad_token_id
        self._longest = int(self.model.config.get_text_config().max_position_embeddings)
        logger.info("Model %s, precision %s", folder, placement.reason)

    def image_tokens(self, page: Page) -> int:
        """Return how many image tokens a page costs."""
        from PIL import Image

        with Image.open(page.image) as image:
            return self.family.page_cost(self.processor, *image.size).tokens

    def read(self, pages: Sequence[Page]) -> list[Prediction]:
        """Read a batch of pages; predictions in the same order."""
        encoded = self.family.encode(self.processor, [load_image(page.image) for page in pages], self.prompt)
        ids = pad_rows(encoded.prompt_ids, self._pad, left=True)
        mask = pad_rows([[1] * len(row) for row in encoded.prompt_ids], 0, left=True)
        prompt_length = ids.shape[1]
        allowed = min(self._settings.max_new_tokens, max(1, self._longest - prompt_length))
        guard = LogitsProcessorList()
        if self._settings.ngram_guard:
            guard.append(
                WindowedNgramGuard(self._settings.ngram_guard, self._settings.ngram_window, prompt_length, self._exempt)
            )
        sampling: dict[str, Any] = {"do_sample": False}
        if self._settings.temperature > 0:
            sampling = {"do_sample": True, "temperature": self._settings.temperature, "top_k": 0, "top_p": 1.0}
        with torch.inference_mode():
            features = torch.cat(self.family.vision_features(self.model, encoded.pixels))
            ids, mask = ids.to(self._device), mask.to(self._device)
            output = self.model.generate(
                input_ids=ids,
                **self.family.model_inputs(self.model, ids, mask, features),
                attention_mask=mask,
                max_new_tokens=allowed,
                eos_token_id=self._end,
                pad_token_id=self._pad,
                logits_processor=guard,
                use_cache=True,
                **sampling,
            )
        return [
            self._prediction(page, row) for page, row in zip(pages, output[:, prompt_length:].tolist(), strict=True)
        ]

    def _prediction(self, page: Page, row: list[int]) -> Prediction:
        ended = self._end in row
        ids = row[: row.index(self._end)] if ended else row
        return Prediction(
            id=page.id,
            document=page.document,
            page=page.page,
            image=page.image.as_posix(),
            prompt=page.prompt,
            text=self.family.decode(self.processor, ids),
            tokens=len(ids) + ended,
            stop_reason="eos" if ended else "length",
        )


def predict(config: Config, model_path: str, sets: Mapping[Path, Path]) -> None:
    """Read every page of each set and write one record per page, in the set's order; the model is loaded once.

    Args:
        config: The configuration (`task`, `generate`, and precision and threads of `train` are used).
        model_path: Folder of a base or merged model, or the base model's hub id.
        sets: File of ShareGPT records → where the predictions go.

    Raises:
        UserError: No usable model there, or records that do not carry its prompt.
    """
    reader = Reader(config, model_path)
    by_set = {records: read_pages(records, reader.prompt) for records in sets}
    # All sets in one go: the last batch of a set is seldom full, and a batch takes as long as its longest page.
    found = dict(read_all(reader, [page for pages in by_set.values() for page in pages], config.generate.batch))
    start = 0
    for records, predictions in sets.items():
        rows = [found[index] for index in range(start, start + len(by_set[records]))]
        start += len(rows)
        write_jsonl(predictions, [asdict(prediction) for prediction in rows])
        cut = sum(prediction.stop_reason == "length" for prediction in rows)
        logger.info("%s: %d pages read, %d of them up to the token limit", records, len(rows), cut)


def read_all(reader: Reader, pages: Sequence[Page], batch: int) -> Iterator[tuple[int, Prediction]]:
    """Yield (position in `pages`, prediction) batch by batch; pages with as many image tokens are read together.

    Among those, pages whose image files are of a size: a batch takes as long as its longest answer, and more text makes
    a larger file.
    """
    torch.manual_seed(_SAMPLING_SEED)
    costs = [(reader.image_tokens(page), page.image.stat().st_size) for page in pages]
    order = sorted(range(len(pages)), key=lambda index: (costs[index], index))
    with progress.bar("Reading pages", len(pages), "pages") as advance:
        for start in range(0, len(order), batch):
            part = order[start : start + batch]
            yield from zip(part, reader.read([pages[index] for index in part]), strict=True)
            advance(len(part))

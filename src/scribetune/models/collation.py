"""Training batches: records become prompts, answers and labels with the model's own processor; nothing is ever cut."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from scribetune.models import augmentation
from scribetune.models.examples import Example, load_image
from scribetune.models.families import Family
from scribetune.models.vision_cache import FeatureStore

logger = logging.getLogger(__name__)

IGNORED = -100
"""Label of positions that are not learned (cross-entropy's own convention)."""


def pad_rows(rows: Sequence[Sequence[int]], value: int, *, left: bool = False) -> torch.Tensor:
    """Pad rows to the longest: a (rows, longest) tensor of int64.

    Args:
        rows: Token ids or labels.
        value: What fills the gaps.
        left: Whether the gap comes before the row (generation) instead of behind it (training).
    """
    longest = max(len(row) for row in rows)
    filled = torch.full((len(rows), longest), value, dtype=torch.long)  # (rows, longest)
    for index, row in enumerate(rows):
        where = slice(longest - len(row), longest) if left else slice(0, len(row))
        filled[index, where] = torch.as_tensor(row, dtype=torch.long)
    return filled


class Collator:
    """Makes the pages of a batch from dataset rows `{"index": i}`; `assemble` makes a forward pass of any of them.

    A page is a dict of `index` and `prompt_tokens` (numbers), `input_ids` (one row of int64), and either
    `image_features` (image tokens, width) or `pixels` (the image tensors of this page alone). Pages stay apart
    until they are computed, so that a batch can be divided where memory runs out. Nothing is learned from a `dummy`: a
    process that has no page of its own in a step takes part with it.

    Args:
        family: The model's family.
        processor: Its processor.
        examples: The pages, by index.
        features: What is known of them already; None: pixels are prepared.
        scanned_seed: Let pages in batches look scanned, differently in every epoch; None: as they are. Needs pixels.
    """

    def __init__(
        self,
        family: Family,
        processor: Any,
        examples: Sequence[Example],
        features: "FeatureStore | None" = None,
        scanned_seed: int | None = None,
    ) -> None:
        if features is not None and scanned_seed is not None:
            raise ValueError("pages that look different in every epoch have no features to keep")
        self._family, self._processor, self._examples, self._features = family, processor, examples, features
        self._end: int = processor.tokenizer.eos_token_id
        self._scanned_seed = scanned_seed
        self.epoch = 0

    def __call__(self, rows: Sequence[Mapping[str, int]]) -> dict[str, list[dict[str, Any]]]:
        """Return {"pages": one dict per row}; of a row with "dummy" nothing will be learned."""
        pages = []
        for row in rows:
            index, seed = row["index"], None
            if self._scanned_seed is not None:
                seed = f"{self._scanned_seed} {self._examples[index].page.id} {self.epoch}"
            pages.append(self.page(index, seed) | ({"dummy": True} if "dummy" in row else {}))
        return {"pages": pages}

    def page(self, index: int, scanned: str | None = None) -> dict[str, Any]:
        """Return one page.

        Args:
            index: Which one.
            scanned: Seed of how it looks scanned; None: as it is.

        Raises:
            RuntimeError: The sequence is not as long as `make_examples` said.
        """
        example = self._examples[index]
        vision: dict[str, Any]
        if self._features is None:
            image = load_image(example.page.image)
            if scanned is not None:
                image = augmentation.scanned(image, scanned)
            encoded = self._family.encode(self._processor, [image], example.page.prompt)
            prompt, vision = encoded.prompt_ids[0], {"pixels": dict(encoded.pixels)}
        else:
            seen = self._features.get(index)
            prompt = seen.prompt_ids
            if self._features.of_front:
                vision = {"pixels": self._family.front_pixels(seen.features)}
            else:
                vision = {"image_features": seen.features}
        sequence = (*prompt, *example.answer_ids, self._end)
        if len(sequence) != example.tokens:
            raise RuntimeError(f"{example.page.id}: {len(sequence)} tokens, where {example.tokens} were announced")
        return {
            "index": index,
            "prompt_tokens": len(prompt),
            "input_ids": torch.tensor(sequence, dtype=torch.long),  # (tokens)
            # Not a tensor: Trainer's loader would send it to the device.
            "ids_in_main_memory": np.array(sequence, dtype=np.int64),  # (tokens)
            **vision,
        }


def target_tokens(pages: Sequence[Mapping[str, Any]]) -> int:
    """Return how many tokens of these pages are learned: their answers and end tokens."""
    return sum(len(page["input_ids"]) - page["prompt_tokens"] for page in pages)


def assemble(pages: Sequence[Mapping[str, Any]], pad: int) -> dict[str, Any]:
    """Make one forward pass of pages: only the answers and their end tokens carry labels.

    Args:
        pages: Pages of a `Collator`, all with features or all with pixels, on any device.
        pad: Token id of the padding, which comes behind the shorter rows.

    Returns:
        input_ids, attention_mask and labels (pages, longest); `image_features` (all image tokens in order, hidden
        size) or the pixel tensors; and `logits_to_keep`, the number of positions at the end that any label needs.
    """
    rows = [page["input_ids"] for page in pages]
    longest = max(len(row) for row in rows)
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=pad)  # (pages, longest)
    labels, mask = torch.full_like(ids, IGNORED), torch.zeros_like(ids)  # (pages, longest) each
    for number, (page, row) in enumerate(zip(pages, rows, strict=True)):
        mask[number, : len(row)] = 1
        if not page.get("dummy"):
            labels[number, page["prompt_tokens"] : len(row)] = row[page["prompt_tokens"] :]
    vision: dict[str, Any]
    if "pixels" in pages[0]:
        vision = joined([page["pixels"] for page in pages])
    else:
        vision = {"image_features": torch.cat([page["image_features"] for page in pages])}
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "labels": labels,
        # The logits of a position are about the next token: the position before the first answer counts.
        "logits_to_keep": longest - min(page["prompt_tokens"] for page in pages) + 1,
        **vision,
    }


def joined(pixels: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Join the image tensors of single pages along their first dimension; a page may lack one (it has no tiles)."""
    joined: dict[str, Any] = {}
    for name in dict.fromkeys(name for one in pixels for name in one):
        found = [one[name] for one in pixels if name in one]
        joined[name] = torch.cat(found) if torch.is_tensor(found[0]) else [value for part in found for value in part]
    return joined

"""Training batches: records become prompts, answers and labels with the model's own processor; nothing is ever cut."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import Image

from scribetune.errors import UserError
from scribetune.families import Family
from scribetune.files import read_jsonl

if TYPE_CHECKING:
    from scribetune.vision_cache import VisionCache

logger = logging.getLogger(__name__)

IGNORED = -100
"""Label of positions that are not learned (cross-entropy's own convention)."""


@dataclass(frozen=True)
class Page:
    """One record of a split.

    Attributes:
        id: `<document>/p0001`.
        document: Id of the document.
        page: Number, counted from 1.
        image: Path of the page image, relative to the working directory.
        prompt: What the person says, image placeholder included.
        answer: The Markdown to be written.
    """

    id: str
    document: str
    page: int
    image: Path
    prompt: str
    answer: str


@dataclass(frozen=True)
class Example:
    """A page with its answer as token ids, and the length of the whole sequence in tokens."""

    page: Page
    answer_ids: tuple[int, ...]
    tokens: int


@dataclass(frozen=True)
class SkippedPage:
    """A page that was left out because its sequence is longer than `train.max_tokens`."""

    id: str
    tokens: int


def read_pages(path: Path, prompt: str) -> list[Page]:
    """Read a split (ShareGPT records, one per line).

    Args:
        path: data/splits/*.jsonl.
        prompt: The family's prompt for the task, which every record must carry.

    Raises:
        UserError: A record with another prompt, or one whose page image does not exist.
        ValueError: A line that is no ShareGPT record with one question, one answer and one image.
    """
    pages: list[Page] = []
    for number, row in enumerate(read_jsonl(path), start=1):
        try:
            question, answer = row["conversations"]
            (image,) = row["images"]
            page = Page(
                str(row["id"]), str(row["document"]), int(row["page"]), Path(image), question["value"], answer["value"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path}: record {number} is not one question, one answer and one image ({error!r})"
            ) from error
        if page.prompt != prompt:
            raise UserError(
                f"{path}: the prompt of {page.id} is not the one of the task and model family",
                value=page.prompt,
                accepted=repr(prompt),
                todo="build the splits again with the same task.prompt and base_model",
            )
        if not page.image.is_file():
            raise UserError(
                f"{path}: the page image of {page.id} does not exist",
                value=str(page.image),
                accepted="a file, relative to the working directory",
                todo="run the build from its own directory, or render the pages again",
            )
        pages.append(page)
    return pages


def load_image(path: Path) -> Image.Image:
    """Load a page image as RGB."""
    with Image.open(path) as image:
        return image.convert("RGB")


def make_examples(
    family: Family, processor: Any, pages: Sequence[Page], max_tokens: int
) -> tuple[list[Example], list[SkippedPage]]:
    """Tokenize the answers and leave out the pages that are too long, by their exact length and without pixels.

    Args:
        family: The model's family.
        processor: The model's processor.
        pages: Records of a split.
        max_tokens: Longest sequence: prompt, image tokens, answer and end token.

    Returns:
        Examples in the order of `pages`, and the pages left out.
    """
    examples: list[Example] = []
    skipped: list[SkippedPage] = []
    around: dict[str, int] = {}
    shrunk = 0
    for page in pages:
        with Image.open(page.image) as image:
            width, height = image.size
        cost = family.page_cost(processor, width, height)
        shrunk += max(width, height) > cost.long_side_px
        answer = family.answer_ids(processor, page.answer)
        if page.prompt not in around:
            around[page.prompt] = family.text_tokens(processor, page.prompt)
        tokens = around[page.prompt] + cost.tokens + len(answer) + 1  # one end token follows the answer
        if tokens > max_tokens:
            skipped.append(SkippedPage(page.id, tokens))
        else:
            examples.append(Example(page, answer, tokens))
    if shrunk:
        logger.warning(
            "%d of %d pages have more pixels than the model looks at, and are scaled down by its processor; "
            "pages.long_side_px can be lowered without loss",
            shrunk,
            len(pages),
        )
    return examples, skipped


def pad_rows(rows: Sequence[Sequence[int]], value: int, *, left: bool = False) -> torch.Tensor:
    """Pad rows to the longest: a (rows, longest) tensor of int64.

    Args:
        rows: Token ids or labels.
        value: What fills the gaps.
        left: Whether the gap comes before the row (generation) instead of behind it (training).
    """
    longest = max(len(row) for row in rows)
    filled = torch.full((len(rows), longest), value, dtype=torch.long)
    for index, row in enumerate(rows):
        where = slice(longest - len(row), longest) if left else slice(0, len(row))
        filled[index, where] = torch.tensor(row, dtype=torch.long)
    return filled


class Collator:
    """Makes a batch from dataset rows `{"index": i}`: only the answer and its end token carry labels.

    With a vision cache the batch holds `image_features` (all image tokens of the batch in order, hidden size) in place
    of the pixels.
    """

    def __init__(
        self, family: Family, processor: Any, examples: Sequence[Example], cache: "VisionCache | None" = None
    ) -> None:
        self._family, self._processor, self._examples, self._cache = family, processor, examples, cache
        self._pad: int = processor.tokenizer.pad_token_id
        self._end: int = processor.tokenizer.eos_token_id

    def __call__(self, rows: Sequence[Mapping[str, int]]) -> dict[str, torch.Tensor]:
        """Build input_ids, attention_mask, labels (batch, longest) and the pixels or features."""
        indices = [row["index"] for row in rows]
        examples = [self._examples[index] for index in indices]
        vision: dict[str, torch.Tensor]
        if self._cache is None:
            encoded = self._family.encode(
                self._processor, [load_image(example.page.image) for example in examples], examples[0].page.prompt
            )
            prompts, vision = encoded.prompt_ids, dict(encoded.pixels)
        else:
            prompts = tuple(self._cache.prompt_ids[index] for index in indices)
            vision = {"image_features": torch.cat([self._cache.features[index] for index in indices])}
        sequences, labels = [], []
        for prompt, example in zip(prompts, examples, strict=True):
            answer = (*example.answer_ids, self._end)
            if len(prompt) + len(answer) != example.tokens:
                raise RuntimeError(
                    f"{example.page.id}: {len(prompt) + len(answer)} tokens, where {example.tokens} were announced"
                )
            sequences.append((*prompt, *answer))
            labels.append((*[IGNORED] * len(prompt), *answer))
        mask = pad_rows([[1] * len(sequence) for sequence in sequences], 0)
        return {
            "input_ids": pad_rows(sequences, self._pad),
            "attention_mask": mask,
            "labels": pad_rows(labels, IGNORED),
            **vision,
        }

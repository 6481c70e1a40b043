"""Records of a split as examples: page image, prompt and answer in tokens; pages that are too long are left out."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from scribetune.core.errors import UserError
from scribetune.core.files import read_jsonl
from scribetune.models.families import TERM, Family
from scribetune.text import sharegpt

logger = logging.getLogger(__name__)


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
    """A page with its answer as token ids, the length of the whole sequence, and the image tokens in it."""

    page: Page
    answer_ids: tuple[int, ...]
    tokens: int
    image_tokens: int


@dataclass(frozen=True)
class SkippedPage:
    """A page that was left out because its sequence is longer than `train.max_tokens`."""

    id: str
    tokens: int


def read_pages(path: Path, prompt: str, others: Collection[str] = ()) -> list[Page]:
    """Read a split (ShareGPT records, one per line).

    Args:
        path: data/splits/*.jsonl.
        prompt: The family's prompt for the task, which every record must carry,
        others: or one of these; `families.TERM` in one stands for any words.

    Raises:
        UserError: A record with another prompt, or one whose page image does not exist.
        ValueError: A line that is no ShareGPT record with one question, one answer and one image.
    """
    pages: list[Page] = []
    for number, row in enumerate(read_jsonl(path), start=1):
        try:
            (image,) = row["images"]
            question, answer = (sharegpt.said(row, speaker) for speaker in ("human", "gpt"))
            if question is None or answer is None or len(row["conversations"]) != len((question, answer)):
                raise ValueError(row["conversations"])  # noqa: TRY301  as below
            page = Page(str(row["id"]), str(row["document"]), int(row["page"]), Path(image), question, answer)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{path}: record {number} is not one question, one answer and one image ({error!r})"
            ) from error
        if page.prompt != prompt and not any(_is_of(page.prompt, other) for other in others):
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


def _is_of(prompt: str, pattern: str) -> bool:
    before, found, after = pattern.partition(TERM)
    return prompt.startswith(before) and prompt.endswith(after) if found else prompt == pattern


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
            examples.append(Example(page, answer, tokens, cost.tokens))
    if shrunk:
        logger.warning(
            "%d of %d pages have more pixels than the model looks at, and are scaled down by its processor; "
            "pages.long_side_px can be lowered without loss",
            shrunk,
            len(pages),
        )
    return examples, skipped

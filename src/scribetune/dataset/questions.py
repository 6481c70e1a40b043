"""What a page is asked, and what it answers: its label, the label with the boxes of its blocks, or a part of either.

All pages are asked with the prompt of the task, unless `task.mix` says that training pages are asked otherwise too:
each then draws one of the prompts that it has an answer for, by a hash of its image and the seed. So a page draws the
same whatever else there is, and others draw on as they did when it goes. Validation and test keep the task's prompt.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scribetune.core import files
from scribetune.core.config_task import Task
from scribetune.dataset.long_pages import Part
from scribetune.text import grounding, placed_blocks, sharegpt
from scribetune.text.grounding import Block
from scribetune.text.markdown import FIGURE, plain_text
from scribetune.text.placed_blocks import PlacedPage

logger = logging.getLogger(__name__)

TERM = "{term}"
"""Stands for what is looked for in the prompt of `locate`."""
WHOLE = frozenset({"free_ocr", "markdown", "grounding"})
"""Prompts whose answer is the whole label."""
WITH_BOXES = frozenset({"grounding", "ocr", "locate"})
"""Prompts whose answer needs the places of blocks."""
_LONGEST_TERM, _SHORTEST_TERM = 60, 3


@dataclass(frozen=True)
class AskedPage:
    """A page, or a part of one, that is asked something.

    Attributes:
        id: `<document>/p0001`.
        image_sha256: Of its image: what it draws by.
        label_sha256: Of the page's label.
        label: Its label, without the final line end.
        is_learned: Whether it is trained on.
        is_tested: Whether it is of the test split: it stays there though it has no boxes.
    """

    id: str
    image_sha256: str
    label_sha256: str
    label: str
    is_learned: bool
    is_tested: bool = False


@dataclass(frozen=True)
class Questions:
    """What pages are asked.

    Attributes:
        prompts: Name of a prompt → its text, with the image placeholder: that of the task, and those of the mix.
        task: Name of the task's prompt.
        places: Page → (sha256 of the label, its blocks with their places), for prompts whose answers have boxes.
        with_cells: Whether tables have a box for each cell.
        mix: Name of a prompt → its weight; {} asks all pages alike.
        seed: Of the draws.
        own: (name of a prompt, page) → people's answer.
        left_out: Counts, by reason, the pages that have no answer.
    """

    prompts: Mapping[str, str]
    task: str
    places: Mapping[str, tuple[str, PlacedPage]] = field(default_factory=dict)
    with_cells: bool = False
    mix: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    own: Mapping[tuple[str, str], str] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)

    def of_page(self, page: AskedPage) -> dict[str, Any]:
        """Return what is said in a page's record; {} where it has no answer, and is left out."""
        return self._said(page, self._placed(page))

    def of_part(self, page: AskedPage, part: Part, height_px: int, image_sha256: str) -> dict[str, Any]:
        """Return what is said in the record of a part of a page; see `long_pages.records`."""
        whole = self._placed(page)
        end = part.start + len(part.text)
        found = placed_blocks.in_part(whole, part.start, end, part.top_px / height_px, part.bottom_px / height_px)
        own = AskedPage(page.id, image_sha256, page.label_sha256, part.text, page.is_learned, page.is_tested)
        return self._said(own, found)

    def left_out_in_words(self) -> str:
        """Return how many pages have no answer, as the end of a sentence; "" where all have."""
        if not self.left_out:
            return ""
        return ", or have no boxes: " + ", ".join(f"{why} ({count})" for why, count in self.left_out.most_common(3))

    def _placed(self, page: AskedPage) -> PlacedPage:
        digest, found = self.places.get(page.id, ("", PlacedPage(reason="nobody asked where its blocks are")))
        if digest and digest != page.label_sha256:
            return PlacedPage(reason="its label is another one than its blocks are of")
        return found

    def _said(self, page: AskedPage, found: PlacedPage) -> dict[str, Any]:
        name = self._drawn(page, found) if page.is_learned and self.mix else self.task
        answer = self._answer(name, page, found)
        if answer is None and page.is_tested:
            answer = self._prompt_and_answer(name, page.label)
        if answer is None:
            why = found.reason or f"it has no answer for {name}"
            self.left_out[why] += 1
            logger.info("%s is left out: %s", page.id, why)
            return {}
        said = sharegpt.answered(*answer)
        return said if name in WHOLE else {**said, sharegpt.LABEL: page.label}

    def _prompt_and_answer(self, name: str, answer: str) -> tuple[str, str]:
        return self.prompts[name], answer

    def _drawn(self, page: AskedPage, found: PlacedPage) -> str:
        """Return the name of the prompt that a page draws, among those that it has an answer for."""
        there = {
            name: weight for name, weight in sorted(self.mix.items())
            if weight > 0 and self._answer(name, page, found) is not None
        }  # fmt: skip
        left = self._chance(page, "prompt") * sum(there.values())
        for name, weight in there.items():
            left -= weight
            if left < 0:
                return name
        return self.task

    def _chance(self, page: AskedPage, what: str) -> float:
        """Return a number in [0, 1) that depends on the page's image, the seed and what is drawn alone."""
        digest = hashlib.sha256(f"{self.seed}:{what}:{page.image_sha256}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    def _answer(self, name: str, page: AskedPage, found: PlacedPage) -> tuple[str, str] | None:
        """Return the question of a prompt and the page's answer to it; None where it has none."""
        own = self.own.get((name, page.id))
        if own is not None:
            return self.prompts[name], own
        is_asked_besides = name != self.task
        if name == "grounding":
            answer = self._grounded(page, found)
        elif name in WHOLE or not is_asked_besides:
            answer = page.label
        elif name == "locate":
            return self._located(page, found)
        elif name == "ocr":
            answer = None if found.reason else _line_by_line(placed_blocks.grounded(page.label, found))
        elif name == "table":
            answer = _tables(page.label)
        else:
            answer = None  # nobody but people can say what a figure shows
        return None if answer is None else (self.prompts[name], answer)

    def _grounded(self, page: AskedPage, found: PlacedPage) -> str | None:
        if found.reason:
            return None
        answer = grounding.write(placed_blocks.grounded(page.label, found), with_cells=self.with_cells)
        return answer if grounding.plain(answer) == page.label else None

    def _located(self, page: AskedPage, found: PlacedPage) -> tuple[str, str] | None:
        """Return a question after one short text of the page, and its box."""
        terms = [] if found.reason else _terms(placed_blocks.grounded(page.label, found))
        if not terms:
            return None
        term, block = terms[int(self._chance(page, "term") * len(terms))]
        return self.prompts["locate"].replace(TERM, term), grounding.mark(term, block.boxes)


def _terms(blocks: Sequence[Block]) -> list[tuple[str, Block]]:
    """Return short texts that stand once on a page, each with its block."""
    texts = [plain_text(block.text) for block in blocks]
    return [
        (text, block)
        for text, block in zip(texts, blocks, strict=True)
        if _SHORTEST_TERM <= len(text) <= _LONGEST_TERM and "\n" not in block.text and len(block.boxes) == 1
        and block.kind not in ("table", "image", "equation")
        and not any(mark in block.text for mark in ("<|", "|>", "<image>", "{"))
        and sum(text in other for other in texts) == 1
    ]  # fmt: skip


def _line_by_line(blocks: Sequence[Block]) -> str | None:
    """Return the texts of blocks, each in the place of a kind before its boxes, as `OCR this image.` is answered."""
    texts = ((plain_text(block.text.replace(FIGURE, "")), block.boxes) for block in blocks)
    lines = [grounding.mark(text, boxes) for text, boxes in texts if text and "<|" not in text]
    return "\n".join(lines) or None


def _tables(label: str) -> str | None:
    """Return the tables of a label; None where it has none."""
    found = [label[span.start : span.end] for span in grounding.split(label) if span.kind == "table"]
    return "\n\n".join(found) or None


def of_build(
    prompts: Mapping[str, str], task: Task | None, seed: int, blocks: Iterable[Path], answers: Iterable[Path]
) -> Questions:
    """Return what the pages of a build are asked.

    Args:
        prompts: Name of a prompt → its text, that of the task first.
        task: What is asked besides the labels; None where nothing is.
        seed: Of the draws.
        blocks: The files of data/manifests/blocks.
        answers: People's answers, in files .../<prompt>/<document>/p0001.md.
    """
    name = next(iter(prompts))
    if task is None:
        return Questions(prompts, name)
    rows = (row for path in blocks for row in files.read_jsonl(path))
    places = {str(row["id"]): (str(row["label_sha256"]), placed_blocks.of_record(row)) for row in rows}
    own = {
        (path.parent.parent.name, f"{path.parent.name}/{path.stem}"): path.read_text(encoding="utf-8").rstrip("\n")
        for path in answers
    }
    return Questions(prompts, name, places, task.grounding_cells, task.mix.weights, seed, own)


def tell(asked: Questions, records: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Log how many pages are asked what, and how many have no answer."""
    for split, rows in records.items():
        questions = Counter(sharegpt.said(row, "human") or "" for row in rows)
        for name, prompt in asked.prompts.items():
            before, found, after = prompt.partition(TERM)
            count = sum(
                number for text, number in questions.items()
                if (text.startswith(before) and text.endswith(after) if found else text == prompt)
            )  # fmt: skip
            logger.info("%s: %d of %d records are asked for %s", split, count, len(rows), name)
    for why, count in asked.left_out.most_common():
        logger.warning("%d pages are left out: %s", count, why)

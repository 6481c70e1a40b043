"""Promises of corrupted teacher forcing: what is shown may be anything, what is to be said is the printed text."""

import random
from itertools import pairwise

import numpy as np
import pytest

from tiny_pretraining.batches import IGNORED, Prompt, collate
from tiny_pretraining.corruption import _split, corrupt
from tiny_pretraining.examples import Example, Tint
from tiny_pretraining.tiny_model import MARKUP_TOKENS, PAGE_PX, characters


@pytest.fixture(scope="module")
def prompt() -> Prompt:
    return Prompt.of_family()


TEXT = "Quarterly report\nRegion Revenue Change\nNorth 12.5 +3.1%\n季度财务报告\n营收（万元） 9,120 (a + b)/c"


def test_the_next_character_is_the_one_after_the_last_one_shown() -> None:
    """Read in order, the targets go through the printed text without a jump back."""
    for seed in range(300):
        shown = corrupt(TEXT, random.Random(seed))
        assert len(shown.pieces) == len(shown.following)
        assert all(later >= earlier for earlier, later in pairwise([0, *shown.following])), seed
        assert shown.following[-1] > len(TEXT) - 4, "characters are left out one by one, not the end of the page"


def test_pages_are_shown_in_every_shape_and_some_as_they_are() -> None:
    shapes = ["".join(corrupt(TEXT, random.Random(seed)).pieces) for seed in range(400)]
    assert len(set(shapes)) > 300
    assert any("reportRegion" in shape for shape in shapes), "lines joined"
    assert any("\n\n" in shape for shape in shapes), "lines set apart"
    assert any("| Region" in shape for shape in shapes), "marks before lines"
    assert any("---|" in shape for shape in shapes), "rows of marks"
    assert max(map(len, shapes)) <= 1.6 * len(TEXT) + 60


def test_every_piece_has_a_token(prompt: Prompt) -> None:
    vocabulary = prompt.tokenizer.get_vocab()
    pieces = {piece for seed in range(400) for piece in corrupt(TEXT, random.Random(seed)).pieces}
    assert pieces <= set(vocabulary)
    assert pieces & set(MARKUP_TOKENS)
    assert _split("| <td>x</td>") == ["|", " ", "<td>", "x", "</td>"]
    assert set(characters()) <= set(vocabulary)


def test_labels_say_what_is_printed(prompt: Prompt) -> None:
    blank = np.zeros((PAGE_PX, PAGE_PX), np.uint8)
    grid = np.zeros((48, 48), np.int16)
    for seed in range(20):
        shown = corrupt(TEXT, random.Random(seed))
        sample = Example(blank, TEXT, grid, (0, 0, PAGE_PX, PAGE_PX), Tint(), shown)
        clean = Example(blank, TEXT, grid, (0, 0, PAGE_PX, PAGE_PX), Tint())
        batch = collate([sample, clean], prompt)
        start = len(prompt.ids)
        said = [label for label in batch.labels[0, start:].tolist() if label != IGNORED]
        true = [*prompt.tokenizer(TEXT, add_special_tokens=False)["input_ids"], prompt.end]
        # One target for the first character, one more after each piece shown.
        assert said == [true[0], *(true[index] for index in shown.following)]
        assert batch.ids[0, start : start + len(said) - 1].tolist() == [
            prompt.tokenizer.get_vocab()[piece] for piece in shown.pieces
        ]
        plain = batch.labels[1, start:]
        assert plain[plain != IGNORED].tolist() == true
        assert (batch.labels[:, :start] == IGNORED).all()

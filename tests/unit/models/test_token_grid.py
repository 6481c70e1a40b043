"""Pages as grids of tokens: prompts as published, tokens of pages by hand, and the parts of one page put together."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from scribetune.models.families import FAMILIES
from scribetune.models.families.lighton_ocr import LightOnOcr, whole
from scribetune.models.families.token_grid import positions


@pytest.mark.parametrize(
    ("family", "task", "prompt"),
    [
        ("paddleocr_vl", "free_ocr", "OCR:"),
        ("paddleocr_vl", "table", "Table Recognition:"),
        ("paddleocr_vl", "formula", "Formula Recognition:"),
        ("paddleocr_vl", "chart", "Chart Recognition:"),
        ("glm_ocr", "free_ocr", "Text Recognition:"),
        ("glm_ocr", "table", "Table Recognition:"),
        ("glm_ocr", "formula", "Formula Recognition:"),
        ("lighton_ocr", "free_ocr", ""),
        ("lighton_ocr", "markdown", ""),
    ],
)
def test_the_prompts_are_those_that_the_models_were_published_with(family: str, task: Any, prompt: str) -> None:
    assert FAMILIES[family].prompts[task] == f"<image>{prompt}"


def processor(patch_px: int = 14, merge: int = 2, **images: Any) -> Any:
    """What a page's size is worked out from."""
    return SimpleNamespace(
        image_processor=SimpleNamespace(**images), token_px=patch_px * merge, patch_px=patch_px, merge=merge
    )


PADDLE = processor(size={"shortest_edge": 147_384, "longest_edge": 2_822_400})
PADDLE_1_5 = processor(size={"shortest_edge": 112_896, "longest_edge": 1_003_520})
GLM = processor(temporal_patch_size=2, size={"shortest_edge": 12_544, "longest_edge": 9_633_792})
LIGHTON = processor(size={"longest_edge": 1540})
"""The settings that the models were published with."""


@pytest.mark.parametrize(
    ("family", "settings", "size", "grid"),
    [
        # 1629 × 2304 = 3,753,216 px, more than 2,822,400: both sides divided by √1.3298 = 1.15317, rounded down to 28.
        ("paddleocr_vl", PADDLE, (1629, 2304), (1412.6 // 28, 1997.9 // 28)),
        # √(3,753,216 / 1,003,520) = 1.93392.
        ("paddleocr_vl", PADDLE_1_5, (1629, 2304), (842.3 // 28, 1191.3 // 28)),
        # 300 × 200 = 60,000 px, less than 147,384: multiplied by √2.4564 = 1.56729, rounded up.
        ("paddleocr_vl", PADDLE, (300, 200), (-(-470.2 // 28), -(-313.5 // 28))),
        # Neither too few nor too many pixels: 800 / 28 = 28.57 and 600 / 28 = 21.43, rounded.
        ("paddleocr_vl", PADDLE, (800, 600), (29, 21)),
        # The limits hold for two frames: 2 × 3,753,216 px are fewer than 9,633,792; 58.18 and 82.29, rounded.
        ("glm_ocr", GLM, (1629, 2304), (58, 82)),
        # 2 × 9,000,000 px are more: divided by √1.86842 = 1.36690.
        ("glm_ocr", GLM, (3000, 3000), (2194.7 // 28, 2194.7 // 28)),
        # The longer side to 1540 (÷ 1.4961, rounded down), both to whole patches of 14 px: 1088 → 1092; halves drop.
        ("lighton_ocr", LIGHTON, (1629, 2304), (1092 // 28, 1540 // 28)),
        # Not made larger: 105 → 8 patches, 50 → 4.
        ("lighton_ocr", LIGHTON, (105, 50), (4, 2)),
        # A strip gets white beside it: a token is 28 of 1540 px, of 3000 px 55.
        ("lighton_ocr", LIGHTON, (3000, 4), (55, 1)),
    ],
)
def test_a_page_costs_the_squares_of_its_scaled_size(
    family: str, settings: Any, size: tuple[int, int], grid: tuple[float, float]
) -> None:
    assert FAMILIES[family].page_cost(settings, *size).tokens == int(grid[0]) * int(grid[1])


def test_a_page_of_an_odd_number_of_patches_loses_the_last() -> None:
    assert LightOnOcr().scaled(LIGHTON, 90, 300) == (98, 308)  # 7 × 22 patches
    assert LightOnOcr().page_cost(LIGHTON, 90, 300).tokens == 3 * 11


def test_positions_count_rows_and_columns_of_a_page_and_go_on_from_the_longer_side() -> None:
    # Two tokens of text, a page of two rows and three columns, text; a row with padding on the left.
    image = torch.tensor([[0, 0, 1, 1, 1, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 1, 0, 0, 0, 0]]).bool()
    mask = torch.tensor([[1] * 10, [0, 0, 1, 1, 1, 1, 1, 1, 1, 1]])
    begins = torch.tensor([1, 0, 0, 1, 0, 0, 1, 1, 1])  # the second page: three rows of one column
    time, row, column = positions(image, mask, begins).tolist()
    assert time == [[0, 1, 2, 2, 2, 2, 2, 2, 5, 6], [0, 0, 0, 1, 1, 1, 4, 5, 6, 7]]
    assert row == [[0, 1, 2, 2, 2, 3, 3, 3, 5, 6], [0, 0, 0, 1, 2, 3, 4, 5, 6, 7]]
    assert column == [[0, 1, 2, 3, 4, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1, 4, 5, 6, 7]]


def test_patches_become_the_page_that_they_were_cut_from() -> None:
    page = torch.arange(3 * 4 * 6).reshape(3, 4, 6)
    patches = [page[:, top : top + 2, left : left + 2] for top in (0, 2) for left in (0, 2, 4)]
    assert torch.equal(whole(torch.stack(patches), 2, 3), page)

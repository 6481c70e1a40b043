"""DeepSeek-OCR-2's quicker ways give what the native classes give."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.models.deepseek_ocr2.configuration_deepseek_ocr2 import DeepseekOcr2SamVisionConfig
from transformers.models.deepseek_ocr2.modeling_deepseek_ocr2 import DeepseekOcr2SamVisionEncoder

from scribetune.models import families
from scribetune.models.families.deepseek_ocr2 import at_levels, numbers_of
from scribetune.models.families.sam_encoder import Front, Recorded
from scribetune.models.families.view_attention import attend
from support import stand_in


@pytest.mark.parametrize("size", [(543, 768), (1632, 2304), (300, 200)])
def test_pixels_are_those_of_the_processor_to_the_last_bit(size: tuple[int, int]) -> None:
    folder = stand_in.folder()
    family: Any = families.family_of(folder)
    processor = family.load_processor(folder)
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    prompt = families.prompt_of(family, "free_ocr")
    settings = processor.image_processor
    cropping = {key: getattr(settings, key) for key in ("crop_to_patches", "min_patches", "max_patches")}
    expected = processor(images=[image], text=[prompt], return_tensors="pt", **cropping)
    found = family.encode(processor, [image], prompt).pixels
    levels = found["pixel_levels"]
    assert levels.shape == (1, 3, 256)
    for key in expected:
        if key == "num_local_patches":
            assert torch.equal(found[key], expected[key])
        elif "pixel" in key:
            assert found[key].dtype == torch.uint8
            assert torch.equal(at_levels(found[key], levels[0]), expected[key])
            assert torch.equal(at_levels(found[key], levels[0].bfloat16()), expected[key].bfloat16())


def test_bytes_and_numbers_of_a_page_give_the_same_features() -> None:
    folder = stand_in.folder()
    family: Any = families.family_of(folder)
    processor = family.load_processor(folder)
    model = family.load_model(folder, dtype=torch.float32, device="cpu").eval()
    noise = np.random.default_rng(0).integers(0, 256, (900, 700, 3), dtype=np.uint8)
    pixels = dict(family.encode(processor, [Image.fromarray(noise)], families.prompt_of(family, "free_ocr")).pixels)
    numbers = numbers_of(pixels)
    assert "pixel_levels" not in numbers
    with torch.no_grad():
        (of_bytes,), (of_numbers,) = family.vision_features(model, pixels), family.vision_features(model, numbers)
    assert torch.equal(of_bytes, of_numbers)


@pytest.mark.parametrize("side", [256, 192])  # the encoder's own grid, and one whose tables are interpolated
def test_sam_without_its_bias_gives_what_the_native_class_gives(side: int) -> None:
    torch.manual_seed(0)
    settings = DeepseekOcr2SamVisionConfig(
        hidden_size=48, num_hidden_layers=3, num_attention_heads=3, image_size=256, mlp_dim=96, window_size=5,
        global_attn_indexes=[1], output_channels=32, downsample_channels=[16, 24],
    )  # fmt: skip
    settings._attn_implementation = "sdpa"
    native = DeepseekOcr2SamVisionEncoder(settings).eval()
    for weight in native.parameters():
        weight.data.normal_(0.0, 0.3)  # the bias is of the size of the scores
    front = Front(native)
    with torch.no_grad():
        for _ in range(2):  # the second time with the tables that were kept
            views = torch.randn(2, 3, side, side)
            expected = native(views).last_hidden_state
            assert torch.allclose(front(views), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


def test_a_function_is_called_as_it_is_where_nothing_can_be_recorded() -> None:
    calls = []

    def add_one(given: torch.Tensor) -> torch.Tensor:
        calls.append(given)
        return given + 1

    recorded = Recorded(add_one)
    with torch.no_grad():
        assert [recorded(torch.ones(1)).item() for _ in range(3)] == [2.0] * 3
    assert len(calls) == 3


@pytest.mark.parametrize("views", [(4, 4, 4, 9), (9,), (4, 9, 4)])
def test_attention_by_views_is_attention_under_one_mask_over_the_page(views: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    module = SimpleNamespace(num_key_value_groups=2, is_causal=True, training=True)
    length = 2 * sum(views)
    query, key, value = (torch.randn(3, heads, length, 8, requires_grad=True) for heads in (4, 2, 2))
    seen = torch.zeros(length, length, dtype=torch.bool)
    begin = 0
    for size in views:
        middle, end = begin + size, begin + 2 * size
        seen[begin:end, begin:middle] = True  # patches and queries see the patches
        seen[middle:end, middle:end] = torch.ones(size, size).tril().bool()  # a query, those up to itself
        begin = end
    by_views, _ = attend(module, query, key, value, None, 8**-0.5, views=views)
    under_mask, _ = attend(module, query, key, value, seen[None, None], 8**-0.5)
    assert torch.allclose(by_views, under_mask, atol=1e-5)
    by = torch.randn_like(by_views)
    for one, other in zip(
        *(torch.autograd.grad(made, (query, key, value), by) for made in (by_views, under_mask)), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-5)

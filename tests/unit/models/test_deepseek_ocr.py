"""DeepSeek-OCR: views and tokens by hand, the authors' names of its tensors, and pages put together line by line."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from scribetune.core.errors import UserError
from scribetune.models import backends
from scribetune.models.families.deepseek_ocr import MODES, DeepseekOcr, Views
from scribetune.models.families.deepseek_ocr2 import DeepseekOcr2
from scribetune.models.families.deepseek_ocr_processor import Processor
from scribetune.models.processes import ALONE
from scribetune.training import prepare
from support import stand_in, tiny_deepseek_ocr


@pytest.fixture(scope="module")
def processor() -> Processor:
    found: Processor = DeepseekOcr().load_processor(stand_in.folder())
    return found


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_deepseek_ocr.model()


@pytest.mark.parametrize(
    ("mode", "tokens"),
    [("tiny", 8 * 9 + 1), ("small", 10 * 11 + 1), ("base", 16 * 17 + 1), ("large", 20 * 21 + 1)],
)
def test_a_page_in_one_view_costs_its_square_a_mark_for_each_line_and_one_more(
    processor: Processor, mode: str, tokens: int
) -> None:
    one = Processor(processor.tokenizer, MODES[mode])
    assert DeepseekOcr().page_cost(one, 1632, 2304).tokens == tokens


@pytest.mark.parametrize(
    ("size", "grid"),
    [((1632, 2304), (2, 3)), ((2304, 1632), (3, 2)), ((700, 700), (2, 2)), ((640, 640), (0, 0)), ((900, 5000), (1, 6))],
)
def test_tiles_come_nearest_to_the_shape_of_the_page(size: tuple[int, int], grid: tuple[int, int]) -> None:
    assert MODES["gundam"].grid(*size) == grid


def test_lines_of_all_tiles_together_end_with_one_mark(processor: Processor) -> None:
    cost = DeepseekOcr().page_cost(processor, 1632, 2304)
    assert cost.tokens == 16 * 17 + 1 + 30 * (20 + 1) == 903
    assert cost.tiles == 6


def test_what_is_encoded_has_as_many_tokens_as_it_costs_and_begins_with_the_begin_token(processor: Processor) -> None:
    family, image = DeepseekOcr(), Image.new("RGB", (800, 1000), "white")
    encoded = family.encode(processor, [image, Image.new("RGB", (300, 300))], family.prompts["free_ocr"])
    costs = [family.page_cost(processor, *size).tokens for size in ((800, 1000), (300, 300))]
    assert [ids.count(processor.image_token_id) for ids in encoded.prompt_ids] == costs
    assert all(ids[0] == processor.tokenizer.bos_token_id for ids in encoded.prompt_ids)
    text = family.text_tokens(processor, family.prompts["free_ocr"])
    assert [len(ids) - cost for ids, cost in zip(encoded.prompt_ids, costs, strict=True)] == [text, text]


def test_small_views_are_squeezed_and_large_ones_padded_with_grey() -> None:
    tall = Image.new("RGB", (100, 400), "black")
    assert np.asarray(Views(640).whole(tall)).max() == 0
    padded = np.asarray(Views(1024).whole(tall))
    assert (padded[:, 0] == 127).all()
    assert (padded[:, 512] == 0).all()


def test_a_page_is_put_together_line_by_line(model: Any) -> None:
    inner, width = model.model, 24
    whole = torch.arange(4.0).repeat_interleave(width).view(4, width)
    tiles = torch.arange(10.0, 18.0).repeat_interleave(width).view(2, 4, width)  # two beside each other, 2 × 2 each
    line, end = inner.image_newline, inner.view_separator
    found = inner.page_features(whole, tiles, (2, 1))
    expected = [10, 11, 14, 15, line, 12, 13, 16, 17, line, 0, 1, line, 2, 3, line, end]
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected, strict=True):
        assert torch.equal(row, wanted if torch.is_tensor(wanted) else torch.full((width,), float(wanted)))


def test_features_of_pages_together_are_those_of_each_alone(processor: Processor, model: Any) -> None:
    family, rng = DeepseekOcr(), np.random.default_rng(0)
    sizes = [(700, 500), (320, 320)]
    images = [Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)) for width, height in sizes]
    prompt = family.prompts["free_ocr"]
    with torch.no_grad():
        together = family.vision_features(model, family.encode(processor, images, prompt).pixels)
        for image, features in zip(images, together, strict=True):
            (alone,) = family.vision_features(model, family.encode(processor, [image], prompt).pixels)
            assert len(features) == family.page_cost(processor, *image.size).tokens
            assert torch.allclose(alone, features, atol=1e-5)


def test_tensors_have_the_authors_names_on_disk_and_come_back(model: Any, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        names = set(file.keys())
    assert {
        "model.sam_model.blocks.0.attn.qkv.weight",
        "model.sam_model.net_3.weight",
        "model.vision_model.embeddings.class_embedding",
        "model.vision_model.pre_layrnorm.weight",
        "model.vision_model.transformer.layers.1.self_attn.qkv_proj.bias",
        "model.projector.layers.weight",
        "model.image_newline",
        "model.view_seperator",
        "model.layers.1.mlp.experts.3.gate_proj.weight",
        "model.embed_tokens.weight",
        "lm_head.weight",
    } <= names
    assert not [name for name in names if "clip_encoder" in name or "sam_encoder" in name or "language_model" in name]
    loaded = DeepseekOcr().load_model(tmp_path, dtype=torch.float32, device="cpu")
    state = model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())


def test_a_backend_that_knows_classes_of_transformers_alone_is_refused() -> None:
    placement = backends.Placement("cuda", torch.bfloat16, "")
    hardware = prepare.Hardware(ALONE, backends.BackendChoice("unsloth", ""), placement)
    prepare.refuse_foreign_class(hardware, DeepseekOcr2())
    prepare.refuse_foreign_class(prepare.Hardware(ALONE, backends.BackendChoice("peft", ""), placement), DeepseekOcr())
    with pytest.raises(UserError, match=r"has none for DeepSeek-OCR;(?s:.*)set train\.machine\.backend to auto"):
        prepare.refuse_foreign_class(hardware, DeepseekOcr())

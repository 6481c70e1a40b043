"""DeepSeek-VL2: tiles and tokens by hand, its turn of a conversation, its authors' config.json and names of tensors."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch.nn import functional

from scribetune.core.errors import UserError
from scribetune.models import families
from scribetune.models.families import authors_config, deepseek_vl2_model, native
from scribetune.models.families.deepseek_ocr_processor import Processor
from scribetune.models.families.deepseek_vl2 import DeepseekVl2, Tiling, rendered
from scribetune.models.families.deepseek_vl2_config import RELEASED_RESOLUTIONS
from support import stand_in, tiny_deepseek_vl2

RELEASED: dict[str, Any] = {
    # What the released config.json of the tiny size says; its authors' classes fill in the rest.
    "architectures": ["DeepseekVLV2ForCausalLM"],
    "candidate_resolutions": [list(size) for size in RELEASED_RESOLUTIONS],
    "global_view_pos": "head",
    "model_type": "deepseek_vl_v2",
    "tile_tag": "2D",
    "torch_dtype": "bfloat16",
    "projector_config": {"model_type": "mlp_projector", "n_embed": 1280},
    "vision_config": {
        "layers": 27, "mlp_ratio": 3.7362, "model_name": "siglip_so400m_patch14_384", "model_type": "vision",
        "patch_size": 14, "width": 1152,
    },
    "language_config": {
        "bos_token_id": 0, "eos_token_id": 1, "first_k_dense_replace": 1, "hidden_size": 1280,
        "intermediate_size": 6848, "kv_lora_rank": None, "max_position_embeddings": 4096, "moe_intermediate_size": 896,
        "n_group": 1, "n_routed_experts": 64, "n_shared_experts": 2, "num_attention_heads": 10,
        "num_experts_per_tok": 6, "num_hidden_layers": 12, "num_key_value_heads": 10, "q_lora_rank": None,
        "topk_group": 1, "topk_method": "greedy", "use_mla": False, "vocab_size": 129_280,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def processor() -> Processor:
    found: Processor = DeepseekVl2().load_processor(tiny_deepseek_vl2.folder())
    return found


@pytest.fixture(scope="module")
def model() -> Any:
    return tiny_deepseek_vl2.model()


def with_config(folder: Path, settings: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def test_the_released_canvases_are_all_shapes_of_up_to_nine_tiles_the_smallest_first() -> None:
    shapes = [(width // 384, height // 384) for width, height in RELEASED_RESOLUTIONS]
    assert shapes[:8] == [(1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (1, 4), (4, 1), (2, 2)]
    assert shapes[-3:] == [(1, 9), (9, 1), (3, 3)]
    assert len(shapes) == len(set(shapes)) == 23


@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((2480, 3508), (3, 3)),  # 814 × 1152 of it are seen there; 768 × 1086 on two columns and three rows
        ((200, 200), (1, 1)),  # seen whole on every canvas: the least margin
        ((300, 600), (1, 2)),
        ((500, 500), (2, 2)),  # whole on 768 × 768, and with less margin than on 1152 × 1152
        ((200, 3000), (1, 8)),  # whole on 384 × 3072
        ((5000, 200), (9, 1)),
        ((1000, 600), (3, 2)),
    ],
)
def test_the_canvas_is_the_one_that_keeps_the_most_of_a_page(size: tuple[int, int], grid: tuple[int, int]) -> None:
    assert Tiling(RELEASED_RESOLUTIONS).grid(*size) == grid


def test_of_equal_canvases_the_first_is_taken() -> None:
    assert Tiling(((10, 20), (20, 10))).canvas(30, 30) == (10, 20)
    assert Tiling(((20, 10), (10, 20))).canvas(30, 30) == (20, 10)


@pytest.mark.parametrize(
    ("size", "tokens", "tiles"),
    [
        ((2480, 3508), 14 * 15 + 1 + 42 * (42 + 1), 9),
        ((200, 200), 14 * 15 + 1 + 14 * (14 + 1), 1),
        ((300, 600), 14 * 15 + 1 + 28 * (14 + 1), 2),
        ((5000, 200), 14 * 15 + 1 + 14 * (126 + 1), 9),
    ],
)
def test_a_page_costs_its_view_a_mark_and_its_tiles_each_line_with_an_end(
    processor: Processor, size: tuple[int, int], tokens: int, tiles: int
) -> None:
    cost = DeepseekVl2().page_cost(Processor(processor.tokenizer, Tiling(RELEASED_RESOLUTIONS)), *size)
    assert (cost.tokens, cost.tiles) == (tokens, tiles)


def test_the_longer_side_is_told_as_the_model_sees_it(processor: Processor) -> None:
    released = Processor(processor.tokenizer, Tiling(RELEASED_RESOLUTIONS))
    sizes = [(2480, 3508), (200, 200), (5000, 200)]
    assert [DeepseekVl2().page_cost(released, *size).long_side_px for size in sizes] == [1152, 384, 3456]


def test_margins_are_grey_on_both_sides_of_the_page() -> None:
    tiling = Tiling(RELEASED_RESOLUTIONS)
    tall = Image.new("RGB", (100, 400), "black")
    whole = np.asarray(tiling.whole(tall))
    assert whole.shape == (384, 384, 3)
    assert (whole[:, [0, -1]] == 127).all()
    assert (whole[:, 192] == 0).all()
    assert tiling.grid(*tall.size) == (1, 2)
    first, second = (np.asarray(tile) for tile in tiling.tiles(tall))
    assert (first[:, 0] == 127).all() and (first[:, 192] == 0).all() and (second[:, 192] == 0).all()


def test_tiles_come_line_by_line() -> None:
    colours = [["red", "lime"], ["blue", "white"]]
    page = Image.new("RGB", (768, 768))
    for row, line in enumerate(colours):
        for column, colour in enumerate(line):
            page.paste(colour, (384 * column, 384 * row, 384 * column + 384, 384 * row + 384))
    tiles = Tiling(RELEASED_RESOLUTIONS).tiles(page)
    assert [tile.getpixel((200, 200)) for tile in tiles] == [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]


def test_bytes_stand_for_numbers_between_minus_one_and_one() -> None:
    levels = Tiling(RELEASED_RESOLUTIONS).levels()
    assert levels.shape == (3, 256)
    assert levels[:, [0, 255]].tolist() == [[-1.0, 1.0]] * 3
    assert Tiling(RELEASED_RESOLUTIONS, normalized=False).levels()[0, [0, 255]].tolist() == [0.0, 1.0]


def test_a_prompt_is_a_turn_of_a_conversation() -> None:
    assert rendered("<image>\nRead it. ") == "<|User|>: <image>\nRead it.\n\n<|Assistant|>:"


def test_what_is_encoded_has_as_many_tokens_as_it_costs_between_the_roles(processor: Processor) -> None:
    family = DeepseekVl2()
    sizes = [(90, 120), (40, 40)]
    prompt = family.prompts["markdown"]
    encoded = family.encode(processor, [Image.new("RGB", size) for size in sizes], prompt)
    costs = [family.page_cost(processor, *size).tokens for size in sizes]
    words = processor.tokenizer
    user, assistant = words.convert_tokens_to_ids(["<|User|>", "<|Assistant|>"])
    for ids, cost in zip(encoded.prompt_ids, costs, strict=True):
        assert ids[:2] == (words.bos_token_id, user)
        assert ids.count(processor.image_token_id) == cost
        assert ids.count(user) == ids.count(assistant) == 1
        assert words.decode([token for token in ids if token != processor.image_token_id]) == (
            f"{words.bos_token}<|User|>: {prompt.removeprefix('<image>')}\n\n<|Assistant|>:"
        )
        assert len(ids) - cost == family.text_tokens(processor, prompt)


def test_tokens_that_a_tokenizer_lacks_get_the_ids_behind_it(processor: Processor) -> None:
    # The stand-in has all but the roles.
    words = processor.tokenizer
    assert words.convert_tokens_to_ids(["<|grounding|>", "<|User|>", "<|Assistant|>"]) == [4, 1439, 1440]
    assert len(words) == 1441


def test_a_label_that_spells_a_role_is_read_as_text(processor: Processor) -> None:
    family = DeepseekVl2()
    ids = family.answer_ids(processor, "a <|Assistant|>: b <image>")
    assert not {1440, processor.image_token_id} & set(ids)
    assert family.decode(processor, ids) == "a <|Assistant|>: b <image>"


@pytest.mark.parametrize("position", ["head", "tail"])
def test_a_page_is_put_together_line_by_line(model: Any, position: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inner, width = model.model, 24
    monkeypatch.setattr(inner.config, "global_view_pos", position)
    whole = torch.arange(4.0).repeat_interleave(width).view(4, width)
    tiles = torch.arange(10.0, 18.0).repeat_interleave(width).view(2, 4, width)  # two beside each other, 2 × 2 each
    end = inner.image_newline
    parts = [[0, 1, end, 2, 3, end], [10, 11, 14, 15, end, 12, 13, 16, 17, end]]
    first, second = parts if position == "head" else reversed(parts)
    expected = [*first, inner.view_separator, *second]
    found = inner.page_features(whole, tiles, (2, 1))
    assert len(found) == len(expected)
    for row, wanted in zip(found, expected, strict=True):
        assert torch.equal(row, wanted if torch.is_tensor(wanted) else torch.full((width,), float(wanted)))


@pytest.mark.parametrize(("side", "depth"), [(3, 2), (4, 2), (4, 3)])
def test_the_projector_joins_squares_of_patches_and_fills_an_odd_side_with_zeros(side: int, depth: int) -> None:
    torch.manual_seed(0)
    made = deepseek_vl2_model.Projector(deepseek_vl2_model.ProjectorConfig(depth=depth), 5, 7)
    assert len([layer for layer in made.layers if isinstance(layer, torch.nn.Linear)]) == depth
    patches = torch.randn(2, side * side, 5)
    grid = functional.pad(patches.view(2, side, side, 5).permute(0, 3, 1, 2), (0, side % 2, 0, side % 2))
    expected = made.layers(functional.unfold(grid, kernel_size=2, stride=2).transpose(1, 2))
    assert torch.allclose(made(patches), expected, atol=1e-6)


def test_features_of_pages_together_are_those_of_each_alone(processor: Processor, model: Any) -> None:
    family, rng = DeepseekVl2(), np.random.default_rng(0)
    sizes = [(120, 80), (40, 40), (60, 90)]
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
        "vision.patch_embed.proj.weight",
        "vision.pos_embed",
        "vision.blocks.1.norm1.bias",
        "vision.blocks.1.attn.qkv.weight",
        "vision.blocks.1.attn.proj.weight",
        "vision.blocks.1.mlp.fc2.bias",
        "vision.norm.weight",
        "vision.attn_pool.latent",
        "vision.attn_pool.kv.weight",
        "projector.layers.0.weight",
        "projector.layers.2.bias",
        "image_newline",
        "view_seperator",
        "language.model.embed_tokens.weight",
        "language.model.layers.0.mlp.gate_proj.weight",
        "language.model.layers.1.mlp.gate.weight",
        "language.model.layers.1.mlp.experts.3.up_proj.weight",
        "language.model.layers.1.mlp.shared_experts.down_proj.weight",
        "language.model.layers.1.self_attn.q_proj.weight",
        "language.model.norm.weight",
        "language.lm_head.weight",
    } <= names
    assert not [name for name in names if name.startswith(("model.", "lm_head"))]
    loaded = DeepseekVl2().load_model(tmp_path, dtype=torch.float32, device="cpu")
    state = model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())


def test_the_released_configuration_makes_a_model_of_the_released_size(tmp_path: Path) -> None:
    folder = with_config(tmp_path, RELEASED)
    assert families.family_of(folder).title == "DeepSeek-VL2"
    made = native.skeleton(folder)
    # 3.37 billion, as published; 27 layers of 1152 with an inner width of 4304, and a projector from 4 × 1152.
    assert sum(weight.numel() for weight in made.parameters()) == 3_370_501_440
    assert made.model.vision_tower.blocks[26].mlp.fc1.out_features == 4304
    assert made.model.vision_tower.pos_embed.shape == (1, 27 * 27, 1152)
    assert [tuple(made.model.multi_modal_projector.layers[at].weight.shape) for at in (0, 2)] == [
        (1280, 4608),
        (1280, 1280),
    ]
    assert made.config.image_token_id == 128_815
    assert made.config.text_config.mlp_layer_types == ["dense"] + ["sparse"] * 11


def test_the_authors_form_comes_back_from_the_native_one(tmp_path: Path) -> None:
    there = native.configuration(with_config(tmp_path / "authors", RELEASED))
    again = authors_config.of_native(there.to_dict(), "bfloat16")
    assert again is not None
    for part in ("candidate_resolutions", "global_view_pos", "model_type", "tile_tag", "torch_dtype", "architectures"):
        assert again[part] == RELEASED[part]
    for part in ("vision_config", "projector_config", "language_config"):
        assert {key: again[part][key] for key in RELEASED[part]} == RELEASED[part]
    back = native.configuration(with_config(tmp_path / "again", again))
    assert back.to_dict() == there.to_dict()


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("", "tile_tag", "1D"),
        ("", "global_view_pos", "middle"),
        ("vision_config", "global_pool", "avg"),
        ("vision_config", "class_token", True),
        ("projector_config", "input_dim", 1024),
        ("projector_config", "projector_type", "linear"),
        ("projector_config", "token_pooling", True),
        ("projector_config", "n_embed", 2048),
        ("language_config", "topk_method", "noaux_tc"),
        ("language_config", "scoring_func", "sigmoid"),
        ("language_config", "norm_topk_prob", True),
        ("language_config", "n_shared_experts", None),
        ("language_config", "rope_scaling", {"type": "yarn"}),
    ],
)
def test_what_would_be_computed_otherwise_than_by_its_authors_is_refused_by_its_key(
    part: str, key: str, value: Any, tmp_path: Path
) -> None:
    settings = json.loads(json.dumps(RELEASED))
    (settings[part] if part else settings)[key] = value
    with pytest.raises(UserError, match=rf"none that can be read here(?s:.*){part}\.?{key}(?s:.*)Accepted"):
        families.family_of(with_config(tmp_path, settings))


@pytest.mark.parametrize("language", [{"use_mla": True, "kv_lora_rank": 512}, {}])
def test_the_larger_sizes_are_refused_for_their_attention(language: dict[str, Any], tmp_path: Path) -> None:
    settings = json.loads(json.dumps(RELEASED))
    del settings["language_config"]["use_mla"]  # the authors' class has it where a file says nothing
    settings["language_config"] |= language
    with pytest.raises(UserError, match=r"compressed cache \(MLA\), as the small and the base size(?s:.*)vl2-tiny"):
        families.family_of(with_config(tmp_path, settings))


def test_another_place_for_the_page_in_the_tokenizer_than_in_the_model_is_refused(tmp_path: Path) -> None:
    folder = with_config(tmp_path, RELEASED)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(stand_in.folder() / name, folder / name)
    with pytest.raises(UserError, match=r"<image> has the id 3(?s:.*)128815"):
        DeepseekVl2().load_processor(folder)


def test_how_pages_are_cut_is_read_off_the_processors_file_where_it_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(tiny_deepseek_vl2.folder(), folder)
    path = folder / "processor_config.json"
    path.write_text(json.dumps({"candidate_resolutions": [[42, 42], [84, 42]], "image_mean": [0.25, 0.5, 1]}))
    tiling = DeepseekVl2().load_processor(folder).views
    assert tiling.resolutions == ((42, 42), (84, 42))
    assert tiling.whole(Image.new("RGB", (10, 30))).getpixel((0, 0)) == (63, 127, 255)
    path.write_text(json.dumps({"candidate_resolutions": [[42, 42], [80, 42]]}))
    with pytest.raises(UserError, match=r"not made of whole views(?s:.*)multiples of 42"):
        DeepseekVl2().load_processor(folder)


def test_no_adapter_is_said_to_be_servable_beside_the_base() -> None:
    scopes = DeepseekVl2().scopes
    assert set(scopes) == {"attention", "language", "experts", "vision"}
    assert not any(scope.servable_as_lora for scope in scopes.values())

"""The authors' config.json says what the native one says, or there is none."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import transformers

from scribetune.models import families
from scribetune.models.families import authors_config, deepseek_ocr_model, native
from support import stand_in

ENCODER = {
    "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
    "intermediate_size": 4864, "rope_parameters": {"rope_theta": 1_000_000.0, "rope_type": "default"},
}  # fmt: skip
TEXT = {
    "vocab_size": 129_280, "hidden_size": 1280, "intermediate_size": 6848, "num_hidden_layers": 12,
    "num_attention_heads": 10, "num_key_value_heads": 10, "moe_intermediate_size": 896, "n_routed_experts": 64,
    "n_shared_experts": 2, "num_experts_per_tok": 6, "max_position_embeddings": 8192, "bos_token_id": 0,
    "eos_token_id": 1, "pad_token_id": 2, "mlp_layer_types": ["dense"] + ["sparse"] * 11,
    "rope_parameters": {"rope_theta": 10_000.0, "rope_type": "default"},
}  # fmt: skip


def full_size(**text: Any) -> Any:
    made: Any = transformers.DeepseekOcr2Config  # its annotations know fewer keys than it takes
    return made(
        text_config={**TEXT, **text}, vision_config={"encoder_config": ENCODER}, bos_token_id=0, eos_token_id=1,
        pad_token_id=2, image_token_id=128_815,
    )  # fmt: skip


def told(config: Any) -> dict[str, Any]:
    """Return what decides about shapes and arithmetic, in plain values."""
    found: dict[str, Any] = json.loads(json.dumps(config.to_dict()))
    text, vision = found["text_config"], found["vision_config"]
    for part in (found, text, *vision.values()):
        if isinstance(part, dict):
            for key in ("initializer_range", "n_group", "topk_group", "dtype", "architectures", "_name_or_path"):
                part.pop(key, None)
    return found


def test_the_way_there_and_back_changes_nothing(tmp_path: Path) -> None:
    config = full_size()
    made = authors_config.of_native(config.to_dict(), "bfloat16")
    assert made is not None
    (tmp_path / "config.json").write_text(json.dumps(made), encoding="utf-8")
    (tmp_path / "processor_config.json").write_text('{"processor_class": "DeepseekOcr2Processor"}', encoding="utf-8")
    assert families.family_of(tmp_path).model_type == "deepseek_ocr2"
    back = native.configuration(tmp_path)
    assert told(back) == told(config)
    again = authors_config.of_native(back.to_dict(), "bfloat16")
    assert again == made


def test_it_says_what_servers_look_for() -> None:
    made = authors_config.of_native(full_size().to_dict(), "bfloat16")
    assert made is not None
    assert made["architectures"] == ["DeepseekOCR2ForCausalLM"] and made["model_type"] == "deepseek_vl_v2"
    assert made["auto_map"]["AutoModel"] == "modeling_deepseekocr2.DeepseekOCR2ForCausalLM"  # SGLang knows it by this
    assert made["tile_tag"] == "2D" and made["vision_config"]["image_size"] == 1024
    assert made["projector_config"] == {
        "model_type": "mlp_projector", "projector_type": "linear", "input_dim": 896, "n_embed": 1280,
    }  # fmt: skip
    language = made["language_config"]
    assert (language["first_k_dense_replace"], language["n_group"], language["use_mla"]) == (1, 1, False)
    assert made["vision_config"]["width"]["qwen2-0-5b"] == {"dim": 896}


@pytest.mark.parametrize(
    "other",
    [
        {"attention_bias": True},
        {"mlp_layer_types": ["sparse", "dense"] * 6},
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 2.0}},
    ],
)
def test_what_it_cannot_say_stays_native(other: dict[str, Any]) -> None:
    assert authors_config.of_native(full_size(**other).to_dict(), "bfloat16") is None


def test_another_encoder_has_no_such_form() -> None:
    config = full_size().to_dict()
    config["vision_config"]["encoder_config"]["rope_parameters"]["rope_theta"] = 10_000.0
    assert authors_config.of_native(config, "bfloat16") is None


def test_beside_the_authors_files_the_processor_is_the_released_one(tmp_path: Path) -> None:
    made = authors_config.of_native(full_size().to_dict(), "bfloat16")
    (tmp_path / "config.json").write_text(json.dumps(made), encoding="utf-8")
    (tmp_path / "processor_config.json").write_text('{"processor_class": "DeepseekVLV2Processor"}', encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(stand_in.folder() / name, tmp_path / name)
    family = families.family_of(tmp_path)
    processor = family.load_processor(tmp_path)
    assert processor.image_processor.tile_size == 768
    assert family.page_cost(processor, 1632, 2304).tokens == 6 * 144 + 256 + 1


FIRST_TEXT = {**TEXT, "hidden_size": 48, "num_attention_heads": 4, "num_key_value_heads": 4}
FIRST_ENCODER = {
    "sam_config": {
        "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "global_attn_indexes": [1],
        "downsample_channels": [8, 32], "mlp_dim": 96,
    },
    "clip_config": {
        "hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4,
    },
}  # fmt: skip


def test_the_first_model_says_the_sizes_of_its_encoder(tmp_path: Path) -> None:
    made_of: Any = deepseek_ocr_model.DeepseekOcrConfig  # its own keys are not all that it takes
    config = made_of(
        text_config=FIRST_TEXT, vision_config=FIRST_ENCODER, bos_token_id=0, eos_token_id=1, pad_token_id=2
    )
    made = authors_config.of_native(config.to_dict(), "bfloat16")
    assert made is not None
    assert made["architectures"] == ["DeepseekOCRForCausalLM"]
    assert made["projector_config"]["input_dim"] == 64
    assert made["vision_config"]["width"]["clip-l-14-224"] == {
        "width": 32, "layers": 3, "heads": 4, "image_size": 224, "patch_size": 14,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(made), encoding="utf-8")
    assert families.family_of(tmp_path).model_type == "deepseek_ocr"
    assert told(native.configuration(tmp_path)) == told(config)


def test_the_authors_name_for_the_type_is_known_too(tmp_path: Path) -> None:
    config = deepseek_ocr_model.DeepseekOcrConfig(text_config=FIRST_TEXT, vision_config=FIRST_ENCODER)
    made = authors_config.of_native(config.to_dict(), "bfloat16")
    assert made is not None
    published = {**made, "model_type": "DeepseekOCR"}
    for key in ("image_token_id", "pad_token_id"):
        published.pop(key)
    for key in ("n_group", "topk_group", "rms_norm_eps", "rope_theta", "hidden_act", "tie_word_embeddings"):
        published["language_config"].pop(key)
    (tmp_path / "config.json").write_text(json.dumps(published), encoding="utf-8")
    back = native.configuration(tmp_path)
    assert back.image_token_id == 128_815
    assert (back.text_config.rms_norm_eps, back.text_config.n_group) == (1e-6, 1)

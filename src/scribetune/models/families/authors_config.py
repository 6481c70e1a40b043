"""config.json of the DeepSeek models in their authors' form, which vLLM and others read; and back.

Of DeepSeek-OCR-2 the form says little of the encoder, since its sizes are written into the code that reads it: a model
with any other encoder has no such form. `auto_map` in it names the authors' code, by which SGLang knows the model;
nothing here loads that code, and nobody has to.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from scribetune.models.families import deepseek_vl2_config as vl2

MODEL_TYPE = "deepseek_vl_v2"
_TYPES = (MODEL_TYPE, "DeepseekOCR")
"""What `model_type` is called; `architectures` tells the models apart."""
ARCHITECTURE, NATIVE_TYPE = "DeepseekOCR2ForCausalLM", "deepseek_ocr2"
FIRST_ARCHITECTURE, FIRST_NATIVE_TYPE = "DeepseekOCRForCausalLM", "deepseek_ocr"

_SAM: Mapping[str, Any] = MappingProxyType(
    {
        "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "output_channels": 256,
        "image_size": 1024, "patch_size": 16, "num_channels": 3, "mlp_dim": 3072, "hidden_act": "gelu",
        "layer_norm_eps": 1e-6, "qkv_bias": True, "use_abs_pos": True, "use_rel_pos": True, "window_size": 14,
        "global_attn_indexes": [2, 5, 8, 11], "downsample_channels": [512, 896],
    }
)  # fmt: skip
_ENCODER: Mapping[str, Any] = MappingProxyType(
    {
        "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
        "intermediate_size": 4864, "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 1_000_000.0,
    }
)  # fmt: skip
"""The encoder that is written into the authors' code, and into vLLM's."""
_SAME = (
    "vocab_size", "hidden_size", "intermediate_size", "moe_intermediate_size", "num_hidden_layers",
    "num_attention_heads", "num_key_value_heads", "n_routed_experts", "n_shared_experts", "num_experts_per_tok",
    "max_position_embeddings", "rms_norm_eps", "hidden_act", "topk_method", "routed_scaling_factor", "bos_token_id",
    "eos_token_id", "tie_word_embeddings",
)  # fmt: skip
"""Keys of the language model that both forms have under one name."""
_FIXED: Mapping[str, Any] = MappingProxyType(
    {
        # Attention without a compressed cache: what vLLM and SGLang choose their classes by.
        "use_mla": False, "kv_lora_rank": None, "q_lora_rank": None, "qk_nope_head_dim": 0, "qk_rope_head_dim": 0,
        "v_head_dim": 0, "n_group": 1, "topk_group": 1, "moe_layer_freq": 1, "scoring_func": "softmax",
        "norm_topk_prob": False, "attention_bias": False, "rope_scaling": None, "lm_head": True, "rm_head": False,
    }
)  # fmt: skip
_IDS = ("image_token_id", "pad_token_id")
_SIZES_OF_SAM: Mapping[str, str] = MappingProxyType(
    {
        "width": "hidden_size", "layers": "num_hidden_layers", "heads": "num_attention_heads",
        "global_attn_indexes": "global_attn_indexes", "downsample_channels": "downsample_channels",
    }
)  # fmt: skip
_SIZES_OF_CLIP: Mapping[str, str] = MappingProxyType(
    {
        "width": "hidden_size", "layers": "num_hidden_layers", "heads": "num_attention_heads",
        "image_size": "image_size", "patch_size": "patch_size",
    }
)  # fmt: skip
"""What DeepSeek-OCR's form says of its encoder: the authors' key → the native one."""
_CLIP_EPSILON = 1e-5


def native_type(settings: Mapping[str, Any]) -> str | None:
    """Return the `model_type` of the native class that a config.json in the authors' form stands for, else None.

    Raises:
        UserError: A DeepSeek-VL2 of another kind than is read here.
    """
    if settings.get("model_type") not in _TYPES or not isinstance(settings.get("language_config"), Mapping):
        return None
    known = {ARCHITECTURE: NATIVE_TYPE, FIRST_ARCHITECTURE: FIRST_NATIVE_TYPE, vl2.ARCHITECTURE: vl2.NATIVE_TYPE}
    found = known.get(" ".join(map(str, settings.get("architectures") or ())))
    if found == vl2.NATIVE_TYPE:
        vl2.refuse_others(settings)
    return found


def of_native(settings: Mapping[str, Any], dtype: str) -> dict[str, Any] | None:
    """Return the authors' form of a native configuration (all its keys, as `to_dict` gives them); None: it has none.

    `dtype` is the weights' number format, such as bfloat16.
    """
    language = _language_of(settings["text_config"], dtype)
    if language is None:
        return None
    if settings["model_type"] == vl2.NATIVE_TYPE:
        made = {"model_type": MODEL_TYPE, "torch_dtype": dtype, "language_config": language, **vl2.of_native(settings)}
        return made | {key: settings.get(key) for key in _IDS}
    first = settings["model_type"] == FIRST_NATIVE_TYPE
    parts = _first_encoder_of(settings) if first else _encoder_of(settings)
    if parts is None:
        return None
    architecture, code = (
        (FIRST_ARCHITECTURE, "modeling_deepseekocr") if first else (ARCHITECTURE, "modeling_deepseekocr2")
    )
    return {
        "architectures": [architecture],
        "model_type": MODEL_TYPE,
        "auto_map": {
            "AutoConfig": f"{code}.{architecture.removesuffix('ForCausalLM')}Config",
            "AutoModel": f"{code}.{architecture}",
        },
        "candidate_resolutions": [[1024, 1024]],
        "global_view_pos": "head",
        "tile_tag": "2D",
        "torch_dtype": dtype,
        **{key: settings.get(key) for key in _IDS},
        "language_config": language,
        # The authors' own code looks for the language model's keys at the top as well.
        **{key: value for key, value in language.items() if key not in ("architectures", "torch_dtype")},
        **parts,
    }


def _language_of(text: Mapping[str, Any], dtype: str) -> dict[str, Any] | None:
    kinds = text["mlp_layer_types"]
    dense = kinds.index("sparse") if "sparse" in kinds else len(kinds)
    rope = text["rope_parameters"]
    told = (
        kinds == ["dense"] * dense + ["sparse"] * (len(kinds) - dense)
        and rope.get("rope_type", "default") == "default"
        and text["topk_method"] == "greedy"
        and not (text["attention_bias"] or text["mlp_bias"])
    )
    if not told:
        return None
    return {
        **{key: text[key] for key in _SAME}, **_FIXED, "first_k_dense_replace": dense,
        "rope_theta": float(rope["rope_theta"]), "torch_dtype": dtype, "architectures": ["DeepseekV2ForCausalLM"],
    }  # fmt: skip


def _encoder_of(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    text, vision = settings["text_config"], settings["vision_config"]
    if not (_has(vision["sam_config"], _SAM) and _has(_with_theta(vision["encoder_config"]), _ENCODER)):
        return None
    return {
        "projector_config": {
            "model_type": "mlp_projector", "projector_type": "linear",
            "input_dim": _ENCODER["hidden_size"], "n_embed": text["hidden_size"],
        },
        "vision_config": {
            "model_type": "vision",
            "model_name": "deepencoderv2",
            "image_size": _SAM["image_size"],
            "mlp_ratio": 3.7362,
            "width": {
                "sam_vit_b": {
                    "width": _SAM["hidden_size"], "layers": _SAM["num_hidden_layers"],
                    "heads": _SAM["num_attention_heads"], "global_attn_indexes": _SAM["global_attn_indexes"],
                    "downsample_channels": _SAM["downsample_channels"],
                },
                "qwen2-0-5b": {"dim": _ENCODER["hidden_size"]},
            },
        },
    }  # fmt: skip


def _first_encoder_of(settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return projector and encoder of DeepSeek-OCR: their sizes are said, the rest must be as it is released."""
    sam, clip = settings["vision_config"]["sam_config"], settings["vision_config"]["clip_config"]
    said = {*_SIZES_OF_SAM.values(), "image_size", "mlp_dim", "downsample_channels"}
    if not (
        _has(sam, {key: value for key, value in _SAM.items() if key not in said})
        and sam["mlp_dim"] == 4 * sam["hidden_size"]
        and clip["intermediate_size"] == 4 * clip["hidden_size"]
        and clip["layer_norm_eps"] == _CLIP_EPSILON
    ):
        return None
    return {
        "projector_config": {
            "model_type": "mlp_projector", "projector_type": "linear",
            "n_embed": settings["text_config"]["hidden_size"],
            "input_dim": clip["hidden_size"] + sam["downsample_channels"][-1],
        },
        "vision_config": {
            "model_type": "vision",
            "model_name": "deeplip_b_l",
            "image_size": sam["image_size"],
            "mlp_ratio": 3.7362,
            "width": {
                "sam_vit_b": {theirs: _plain(sam[ours]) for theirs, ours in _SIZES_OF_SAM.items()},
                "clip-l-14-224": {theirs: clip[ours] for theirs, ours in _SIZES_OF_CLIP.items()},
            },
        },
    }  # fmt: skip


def to_native(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the native configuration that a config.json in the authors' form stands for."""
    language = settings["language_config"]
    kind = native_type(settings)
    first = kind == FIRST_NATIVE_TYPE
    dense = int(language["first_k_dense_replace"])
    layers = int(language["num_hidden_layers"])
    text = {
        **{key: language[key] for key in _SAME if key in language},
        "mlp_layer_types": ["dense"] * dense + ["sparse"] * (layers - dense),
        "rope_parameters": _rope(language.get("rope_theta", 10_000.0)),
        "n_group": language.get("n_group", 1),
        "topk_group": language.get("topk_group", 1),
        "pad_token_id": settings.get("pad_token_id"),
    }
    common = {
        "dtype": settings["torch_dtype"],
        **{key: settings[key] for key in _IDS if settings.get(key) is not None},
        **{key: language[key] for key in ("bos_token_id", "eos_token_id", "tie_word_embeddings") if key in language},
        "text_config": text,
    }
    if kind == vl2.NATIVE_TYPE:
        named = {"architectures": ["DeepseekVl2ForConditionalGeneration"], "model_type": kind}
        return named | common | vl2.to_native(settings)
    return {
        "architectures": [f"DeepseekOcr{'' if first else '2'}ForConditionalGeneration"],
        "model_type": FIRST_NATIVE_TYPE if first else NATIVE_TYPE,
        **common,
        "vision_config": _first_encoder(settings["vision_config"]) if first else _encoder(),
    }


def _encoder() -> dict[str, Any]:
    encoder = {key: value for key, value in _ENCODER.items() if key != "rope_theta"}
    return {
        "sam_config": dict(_SAM),
        "encoder_config": {**encoder, "rope_parameters": _rope(_ENCODER["rope_theta"])},
    }


def _first_encoder(vision: Mapping[str, Any]) -> dict[str, Any]:
    sam, clip = vision["width"]["sam_vit_b"], vision["width"]["clip-l-14-224"]
    return {
        "sam_config": {
            **_SAM, **{ours: sam[theirs] for theirs, ours in _SIZES_OF_SAM.items()},
            "image_size": vision["image_size"], "mlp_dim": 4 * sam["width"],
        },
        "clip_config": {
            **{ours: clip[theirs] for theirs, ours in _SIZES_OF_CLIP.items()}, "intermediate_size": 4 * clip["width"],
            "layer_norm_eps": _CLIP_EPSILON,
        },
    }  # fmt: skip


def _rope(theta: float) -> dict[str, Any]:
    return {"rope_theta": float(theta), "rope_type": "default"}


def _with_theta(encoder: Mapping[str, Any]) -> dict[str, Any]:
    return {**encoder, "rope_theta": float((encoder.get("rope_parameters") or {}).get("rope_theta", 0.0))}


def _has(settings: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(_plain(settings.get(key)) == value for key, value in wanted.items())


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value

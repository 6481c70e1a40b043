"""What a config.json of DeepSeek-VL2 says in its authors' form, and which of it this project's class computes.

The released files leave out what the authors' configuration classes have for a default; so these stand here.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from scribetune.core.errors import UserError

ARCHITECTURE, NATIVE_TYPE = "DeepseekVLV2ForCausalLM", "deepseek_vl2"
IMAGE_TOKEN_ID = 128_815
"""Of the released tokenizers: the authors' config.json does not say it."""
_MOST_TILES = 9
_TILE_PX = 384

RELEASED_RESOLUTIONS = tuple(
    sorted(
        (
            (_TILE_PX * columns, _TILE_PX * rows)
            for columns in range(1, _MOST_TILES + 1)
            for rows in range(1, _MOST_TILES + 1)
            if columns * rows <= _MOST_TILES
        ),
        key=lambda size: (size[0] * size[1], -max(size), size),
    )
)
"""Canvases (width, height) in pixels of the released models: up to nine tiles."""

_VISION: Mapping[str, tuple[str, Any]] = MappingProxyType(
    {
        "image_size": ("image_size", 384), "patch_size": ("patch_size", 16), "width": ("hidden_size", 1024),
        "layers": ("num_hidden_layers", 24), "heads": ("num_attention_heads", 16), "mlp_ratio": ("mlp_ratio", 4),
    }
)  # fmt: skip
"""The encoder: the authors' key → ours, and what a file without it means."""
_PROJECTOR: Mapping[str, tuple[str, Any]] = MappingProxyType(
    {"depth": ("depth", 2), "mlp_ratio": ("mlp_ratio", 1), "downsample_ratio": ("downsample_ratio", 2)}
)
_ONLY: Mapping[str, Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {
        "": {"tile_tag": ("2D",), "global_view_pos": ("head", "tail")},
        "vision_config": {
            "global_pool": ("map",), "ignore_head": (True,), "class_token": (False,), "num_classes": (0,),
        },
        "projector_config": {"projector_type": ("downsample_mlp_gelu",), "token_pooling": (False,)},
        "language_config": {
            "topk_method": ("greedy",), "scoring_func": ("softmax",), "norm_topk_prob": (False,),
            "moe_layer_freq": (1,), "n_group": (1, None), "topk_group": (1, None), "rope_scaling": (None,),
            "attention_bias": (False,), "hidden_act": ("silu",),
        },
    }
)  # fmt: skip
"""Keys of which this project's class computes these values alone; a file without one means the first."""
_NEEDED = ("num_hidden_layers", "n_routed_experts", "n_shared_experts", "num_experts_per_tok")


def refuse_others(settings: Mapping[str, Any]) -> None:
    """Refuse a DeepSeek-VL2 that this project's class would compute otherwise than its authors' code.

    Raises:
        UserError: Attention with a compressed cache (the small and the base size), or another key's value.
    """
    language = settings["language_config"]
    if language.get("use_mla", True):
        raise UserError(
            "This DeepSeek-VL2 has attention with a compressed cache (MLA), as the small and the base size have; only "
            "the tiny size is read here. Its config.json has language_config.use_mla",
            value=language.get("use_mla", True),
            accepted="a DeepSeek-VL2 with use_mla: false (deepseek-ai/deepseek-vl2-tiny)",
            todo="choose deepseek-ai/deepseek-vl2-tiny or another base_model.name",
        )
    for part, keys in _ONLY.items():
        said = settings.get(part) or {} if part else settings
        for key, accepted in keys.items():
            if said.get(key, accepted[0]) not in accepted:
                raise _unread(part, key, said[key], " or ".join(repr(value) for value in accepted))
    for key in _NEEDED:
        if not isinstance(language.get(key), int):
            raise _unread("language_config", key, language.get(key), "a whole number")
    wide = (settings.get("vision_config") or {}).get("width", _VISION["width"][1])
    projector = settings.get("projector_config") or {}
    if projector.get("input_dim", 1152) != wide:
        raise _unread("projector_config", "input_dim", projector.get("input_dim", 1152), f"vision_config.width, {wide}")
    if projector.get("n_embed", 2048) != language.get("hidden_size"):
        hidden = language.get("hidden_size")
        raise _unread(
            "projector_config", "n_embed", projector.get("n_embed", 2048), f"language_config.hidden_size, {hidden}"
        )


def _unread(part: str, key: str, value: object, accepted: str) -> UserError:
    return UserError(
        f"This DeepSeek-VL2 is none that can be read here: its config.json has {f'{part}.{key}'.removeprefix('.')}",
        value=value,
        accepted=accepted,
        todo="choose another base_model.name",
    )


def to_native(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the native configuration has beside the language model, of a config.json in the authors' form."""
    vision, projector = settings.get("vision_config") or {}, settings.get("projector_config") or {}
    return {
        "vision_config": {ours: vision.get(theirs, default) for theirs, (ours, default) in _VISION.items()},
        "projector_config": {ours: projector.get(theirs, default) for theirs, (ours, default) in _PROJECTOR.items()},
        "candidate_resolutions": [list(size) for size in settings.get("candidate_resolutions") or [[384, 384]]],
        "global_view_pos": settings.get("global_view_pos", "head"),
        "image_token_id": settings.get("image_token_id", IMAGE_TOKEN_ID),
    }


def of_native(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the authors' form has beside the language model, of a native configuration."""
    vision, projector = settings["vision_config"], settings["projector_config"]
    return {
        "architectures": [ARCHITECTURE],
        "candidate_resolutions": [list(size) for size in settings["candidate_resolutions"]],
        "global_view_pos": settings["global_view_pos"],
        "tile_tag": "2D",
        "vision_config": {
            "model_type": "vision", "model_name": "siglip_so400m_patch14_384", "global_pool": "map",
            "ignore_head": True, "class_token": False, "num_classes": 0,
            **{theirs: vision[ours] for theirs, (ours, _) in _VISION.items()},
        },
        "projector_config": {
            "model_type": "mlp_projector", "projector_type": "downsample_mlp_gelu", "token_pooling": False,
            "input_dim": vision["hidden_size"], "n_embed": settings["text_config"]["hidden_size"],
            **{theirs: projector[ours] for theirs, (ours, _) in _PROJECTOR.items()},
        },
    }  # fmt: skip

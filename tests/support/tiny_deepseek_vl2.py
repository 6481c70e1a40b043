"""A small DeepSeek-VL2 with random weights, as its authors lay it out: their config.json, their names of tensors."""

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from scribetune.models.families import FAMILIES, authors_config, deepseek_vl2_config, deepseek_vl2_model
from scribetune.models.families.interface import Family
from support import stand_in, tiny_qwen

_KEPT: list[tempfile.TemporaryDirectory[str]] = []
IMAGE_TOKEN_ID = 3
"""Of the stand-in's tokenizer."""
_VOCABULARY = 1441
"""The stand-in's, and the two roles that the processor adds."""


def family() -> Family:
    """Return its family."""
    return FAMILIES["deepseek_vl2"]


def configuration(*, served: bool = False) -> Any:
    """Return its sizes: views of 42 px are 3 × 3 patches and 2 × 2 tokens.

    `served`: those that vLLM's class can have, the released encoder and tiles, and heads of 32 numbers.
    """
    text = {
        "vocab_size": _VOCABULARY, "hidden_size": 64 if served else 24, "intermediate_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 2, "moe_intermediate_size": 8, "n_routed_experts": 4,
        "n_shared_experts": 1, "num_experts_per_tok": 2, "mlp_layer_types": ["dense", "sparse"], "bos_token_id": 0,
        "eos_token_id": 1, "pad_token_id": 2, "initializer_range": 0.2, "max_position_embeddings": 4096,
    }  # fmt: skip
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 42,
             "initializer_range": 0.05}  # fmt: skip
    tiles = [[42, 42], [42, 84], [84, 42], [84, 84], [84, 126], [126, 84], [126, 126]]
    if served:
        tiles = [list(size) for size in deepseek_vl2_config.RELEASED_RESOLUTIONS]
    made_of: Any = deepseek_vl2_model.DeepseekVl2Config  # its own keys are not all that it takes
    return made_of(
        vision_config={} if served else small,
        text_config=text, image_token_id=IMAGE_TOKEN_ID, bos_token_id=0, eos_token_id=1, pad_token_id=2,
        candidate_resolutions=tiles,
    )  # fmt: skip


@cache
def model(*, served: bool = False) -> Any:
    """Return the model, the same for all that ask."""
    import torch

    deepseek_vl2_model.register()
    torch.manual_seed(0)
    made: Any = deepseek_vl2_model.DeepseekVl2ForConditionalGeneration(configuration(served=served))
    if served:
        words = FAMILIES["deepseek_ocr2"].load_processor(stand_in.folder()).tokenizer
        tiny_qwen.say_whole_letters(made, words)
    return made.eval()


@cache
def folder(*, served: bool = False) -> Path:
    """Return its folder."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix="tiny-deepseek-vl2-"))
    made = Path(_KEPT[-1].name) / "model"
    model(served=served).save_pretrained(made)
    settings = authors_config.of_native(configuration(served=served).to_dict(), "float32")
    (made / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    if served:  # as released: vLLM finds its processor by it
        cut = {"candidate_resolutions": deepseek_vl2_config.RELEASED_RESOLUTIONS, "patch_size": 14}
        form = {"processor_class": "DeepseekVLV2Processor", "downsample_ratio": 2, "sft_format": "deepseek"}
        processor = {**cut, **form, "image_token": "<image>", "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
        (made / "processor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(stand_in.folder() / name, made / name)
    return made

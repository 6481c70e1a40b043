"""A small DeepSeek-OCR with random weights, as its authors lay it out: their config.json, their names of tensors."""

import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from scribetune.models.families import FAMILIES, authors_config, deepseek_ocr_model
from scribetune.models.families.interface import Family
from support import stand_in, tiny_qwen

_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def family() -> Family:
    """Return its family."""
    return FAMILIES["deepseek_ocr"]


def configuration(*, served: bool = False) -> Any:
    """Return its sizes; `served`: those that vLLM's class can have, the released encoder and heads of 32 numbers."""
    processor: Any = family().load_processor(stand_in.folder())
    small = {
        "sam_config": {
            "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "downsample_channels": [8, 16],
            "global_attn_indexes": [1], "mlp_dim": 64, "initializer_range": 0.05,
        },
        "clip_config": {"hidden_size": 16, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
    }  # fmt: skip
    text = {
        "vocab_size": len(processor.tokenizer), "hidden_size": 64 if served else 24, "intermediate_size": 32,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "moe_intermediate_size": 8,
        "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 2, "mlp_layer_types": ["dense", "sparse"],
        "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2, "initializer_range": 0.2,
    }  # fmt: skip
    made_of: Any = deepseek_ocr_model.DeepseekOcrConfig  # its own keys are not all that it takes
    released = {"sam_config": {"initializer_range": 0.02}}  # its default of 1e-10 would make all pages alike
    return made_of(
        vision_config=released if served else small, text_config=text, image_token_id=processor.image_token_id,
        bos_token_id=0, eos_token_id=1, pad_token_id=2,
    )  # fmt: skip


@cache
def model(*, served: bool = False) -> Any:
    """Return the model, the same for all that ask."""
    import torch

    deepseek_ocr_model.register()
    torch.manual_seed(0)
    made: Any = deepseek_ocr_model.DeepseekOcrForConditionalGeneration(configuration(served=served))
    if served:
        tiny_qwen.say_whole_letters(made, family().load_processor(stand_in.folder()).tokenizer)
        with torch.no_grad():  # with larger ones 24 layers make one in two hundred of what float32 rounds
            for name, weight in made.named_parameters():
                if weight.ndim > 1 and "clip_encoder.layers" in name:
                    weight.normal_(0.0, 0.02)
    return made.eval()


@cache
def folder(*, served: bool = False) -> Path:
    """Return its folder."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix="tiny-deepseek-ocr-"))
    made = Path(_KEPT[-1].name) / "model"
    model(served=served).save_pretrained(made)
    settings = authors_config.of_native(configuration(served=served).to_dict(), "float32")
    (made / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(stand_in.folder() / name, made / name)
    return made

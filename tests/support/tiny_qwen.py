"""Small Qwen models with random weights, tokenizer and processor included, made by hand once a process."""

import json
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from scribetune.models.families import FAMILIES
from scribetune.models.families.interface import Family

KINDS = ("qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe")
SIDE_PX = {"qwen2_5_vl": 28, "qwen3_vl": 32, "qwen3_vl_moe": 32}
"""Side of the square that one token stands for."""
LEAST_PX, MOST_PX = 4 * 32 * 32, 40_000
"""Least and greatest area of a scaled page."""

CONTROL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
_SYSTEM = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
_TEMPLATE = (
    "SYSTEM{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer() -> Any:
    """One token per byte, and the control tokens, as the full-size tokenizers have them."""
    return byte_tokenizer(CONTROL, end="<|im_end|>", padding="<|endoftext|>")


def byte_tokenizer(control: Sequence[str], *, end: str, padding: str) -> Any:
    """One token per byte, and control tokens."""
    from tokenizers import AddedToken
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import Qwen2Tokenizer

    letters = sorted(ByteLevel.alphabet())
    made = Qwen2Tokenizer(
        vocab={letter: number for number, letter in enumerate(letters)}, merges=[], eos_token=end, pad_token=padding
    )
    made.add_tokens([AddedToken(token, special=True, normalized=False) for token in control], special_tokens=True)
    return made


def say_whole_letters(made: Any, words: Any) -> None:
    """Keep a model from saying single bytes of a letter: servers leave out what a text ends with of one."""
    halves = [number for number in range(len(words)) if "\ufffd" in words.decode([number])]
    made.lm_head.weight.data[halves] = 0.0


def model(kind: str, seed: int = 5, *, served: bool = False) -> Any:
    """A model with random weights, large enough that pages differ in what they make it say."""
    import torch
    import transformers

    words = tokenizer()
    ids = {token: words.convert_tokens_to_ids(token) for token in CONTROL}
    text: dict[str, Any] = {
        "vocab_size": 320,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 4,
        "num_attention_heads": 2 if served else 4,
        "num_key_value_heads": 1 if served else 2,
        "max_position_embeddings": 4096,
        "initializer_range": 0.1,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 10_000.0,
            "mrope_section": [4, 6, 6] if served else [2, 3, 3],
        },
        "tie_word_embeddings": True,
        "pad_token_id": ids["<|endoftext|>"],
        "bos_token_id": None,
        "eos_token_id": ids["<|im_end|>"],
    }
    vision: dict[str, Any] = {
        "depth": 4,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_heads": 2,
        "out_hidden_size": 64,
        "initializer_range": 0.2,
    }
    if kind == "qwen2_5_vl":
        vision |= {"fullatt_block_indexes": [1, 3]}
    else:
        vision |= {"num_position_embeddings": 144, "deepstack_visual_indexes": [0, 1, 2]}
        text |= {"head_dim": 32 if served else 16}
        text["rope_parameters"]["mrope_interleaved"] = True
    if kind == "qwen3_vl_moe":
        text |= {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24}
        text |= {"norm_topk_prob": True}  # as released: transformers knows nothing else, vLLM asks for it
    names = {"qwen2_5_vl": "Qwen2_5_VL", "qwen3_vl": "Qwen3VL", "qwen3_vl_moe": "Qwen3VLMoe"}
    config = getattr(transformers, f"{names[kind]}Config")(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    torch.manual_seed(seed)
    made = getattr(transformers, f"{names[kind]}ForConditionalGeneration")(config)
    if served:
        say_whole_letters(made, words)
    made.generation_config = transformers.GenerationConfig(
        eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"], do_sample=False
    )
    return made


def make(kind: str, folder: Path, *, served: bool = False) -> Path:
    """Write model, tokenizer, chat template and image processor settings as the hub's repositories hold them."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    words = tokenizer()
    words.chat_template = _TEMPLATE.replace("SYSTEM", _SYSTEM if kind == "qwen2_5_vl" else "")
    model(kind, served=served).save_pretrained(folder)
    words.save_pretrained(folder)
    if kind == "qwen3_vl_moe":
        _turn_experts(folder / "model.safetensors")
    images = Qwen2VLImageProcessorPil(
        patch_size=SIDE_PX[kind] // 2, size={"shortest_edge": LEAST_PX, "longest_edge": MOST_PX}
    )
    images.save_pretrained(folder)
    # As published; without it AutoProcessor, and vLLM by it, takes the tokenizer alone.
    described = folder / "preprocessor_config.json"
    processor = "Qwen2_5_VLProcessor" if kind == "qwen2_5_vl" else "Qwen3VLProcessor"
    settings = json.loads(described.read_text(encoding="utf-8")) | {"processor_class": processor}
    described.write_text(json.dumps(settings), encoding="utf-8")
    return folder


def _turn_experts(path: Path) -> None:
    """Write experts as the published files have them, (experts, in, out): transformers saves (experts, out, in)."""
    from safetensors.torch import load_file, save_file

    weights = load_file(path)
    turned = {name: weight.transpose(1, 2).contiguous() for name, weight in weights.items() if ".mlp.experts." in name}
    save_file({**weights, **turned}, path, metadata={"format": "pt"})


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


@cache
def folder(kind: str, *, served: bool = False) -> Path:
    """Return the folder of the small model of that model_type."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix=f"tiny-{kind}-"))
    return make(kind, Path(_KEPT[-1].name) / "model", served=served)


def family(kind: str) -> Family:
    """Return its family."""
    assert json.loads((folder(kind) / "config.json").read_text(encoding="utf-8"))["model_type"] == kind
    return FAMILIES[kind]


def pixel_inputs(model: Any, input_ids: Any) -> dict[str, Any]:
    """Return what the native forward takes beside token ids and pixels: which tokens are a page's."""
    return {"mm_token_type_ids": (input_ids == model.config.image_token_id).int()}

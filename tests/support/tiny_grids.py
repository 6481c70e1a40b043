"""Small models that see a page as a grid of tokens, with random weights, tokenizer and processor, made once a process.

Each folder is as the hub's repositories are: the names of the tensors, the form of config.json, where the chat template
and the settings of images stand, and the tensors that the class in transformers has no place for.
"""

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file

from scribetune.models.families import FAMILIES
from scribetune.models.families.interface import Family
from scribetune.models.families.lighton_ocr import whole
from support import tiny_qwen

KINDS = ("paddleocr_vl", "glm_ocr", "lighton_ocr")
LAYERS, WIDTH, MLP, HEADS, KEY_HEADS, HEAD = 2, 64, 96, 4, 2, 16
"""Sizes of the language models."""
_SERVED_HEAD = 32
"""The least that vLLM takes on a CPU."""

CONTROL = {
    "paddleocr_vl": ("<|begin_of_sentence|>", "</s>", "<|IMAGE_START|>", "<|IMAGE_PLACEHOLDER|>", "<|IMAGE_END|>"),
    "glm_ocr": (
        *("<|endoftext|>", "[gMASK]", "<sop>", "<|user|>", "<|assistant|>"),
        *("<|begin_of_image|>", "<|image|>", "<|end_of_image|>"),
        *("<|begin_of_video|>", "<|video|>", "<|end_of_video|>"),  # vLLM's class asks for them
    ),
    "lighton_ocr": (
        *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|vision_pad|>", "<|vision_end|>"),
    ),
}
_ASKED_FOR = {
    "paddleocr_vl": {"image_token": "<|IMAGE_PLACEHOLDER|>"},
    "lighton_ocr": {
        "image_token": "<|image_pad|>", "image_break_token": "<|vision_pad|>", "image_end_token": "<|vision_end|>"
    },
}  # fmt: skip
"""What the processors of transformers ask the tokenizer for."""
END = {"paddleocr_vl": "</s>", "glm_ocr": "<|endoftext|>", "lighton_ocr": "<|im_end|>"}
"""The tokenizer's end token."""

_MARKS = {
    "paddleocr_vl": (
        *("{{ cls_token }}", "User: ", "<|IMAGE_START|><|IMAGE_PLACEHOLDER|><|IMAGE_END|>"),
        *("\n", "Assistant:\n"),
    ),
    "glm_ocr": ("[gMASK]<sop>", "<|user|>\n", "<|begin_of_image|><|image|><|end_of_image|>", "", "<|assistant|>\n"),
    "lighton_ocr": ("", "<|im_start|>user\n", "<|image_pad|>", "<|im_end|>\n", "<|im_start|>assistant\n"),
}
ASKED = {
    "paddleocr_vl": "<|begin_of_sentence|>User: <|IMAGE_START|><|IMAGE_END|>OCR:\nAssistant:\n",
    "glm_ocr": "[gMASK]<sop><|user|>\n<|begin_of_image|><|end_of_image|>Text Recognition:<|assistant|>\n",
    "lighton_ocr": "<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n",
}
"""What the prompt for text comes to, without the page's tokens."""


def template(kind: str) -> str:
    """Return a chat template that writes what the published one does for a page and a prompt."""
    first, user, image, end, assistant = _MARKS[kind]
    part = f"{{% if part['type'] == 'image' %}}{image}{{% else %}}{{{{ part['text'] }}}}{{% endif %}}"
    parts = f"{{% for part in message['content'] %}}{part}{{% endfor %}}"
    # Written by an expression: Jinja drops a newline after a mark of its own, and one at the end.
    end, assistant = (f"{{{{ {text!r} }}}}" for text in (end, assistant))
    return f"{first}{{% for message in messages %}}{user}{parts}{end}{{% endfor %}}{assistant}"


def tokenizer(kind: str) -> Any:
    """One token per byte, and the control tokens."""
    made = tiny_qwen.byte_tokenizer(CONTROL[kind], end=END[kind], padding=CONTROL[kind][0])
    made._set_model_specific_special_tokens(_ASKED_FOR.get(kind, {}))
    if kind == "paddleocr_vl":
        made.add_special_tokens({"cls_token": "<|begin_of_sentence|>"})
    return made


def _text(kind: str, ids: dict[str, int], head: int) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "vocab_size": 320,
        "hidden_size": WIDTH,
        "intermediate_size": MLP,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "head_dim": head,
        "max_position_embeddings": 4096,
        "initializer_range": 0.1,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0},
        "pad_token_id": ids[CONTROL[kind][0]],
        "eos_token_id": ids[END[kind]],
        "tie_word_embeddings": False,
    }
    if kind != "lighton_ocr":
        settings["rope_parameters"]["mrope_section"] = [head // 8, head * 3 // 16, head * 3 // 16]
    if kind == "glm_ocr":
        settings["rope_parameters"]["partial_rotary_factor"] = 1.0  # vLLM's class takes half without it
        settings["num_nextn_predict_layers"] = 1
        if (
            head == _SERVED_HEAD
        ):  # as released: vLLM's class makes the merger as wide as this, and cuts another's weights
            settings["intermediate_size"] = 3 * WIDTH
    return settings


def configuration(kind: str, *, served: bool = False) -> Any:
    """Return its sizes."""
    words = tokenizer(kind)
    ids = {token: words.convert_tokens_to_ids(token) for token in CONTROL[kind]}
    vision: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 48, "patch_size": 14, "initializer_range": 0.2}
    text = _text(kind, ids, _SERVED_HEAD if served else HEAD)
    common: dict[str, Any] = {"image_token_id": words.convert_tokens_to_ids(FAMILIES[kind].image_token)}  # type: ignore[attr-defined]
    common["tie_word_embeddings"] = False
    if kind == "paddleocr_vl":
        vision |= {"num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 56}
        return transformers.PaddleOCRVLConfig(text_config=text, vision_config=vision, **common)
    if kind == "glm_ocr":
        vision |= {"depth": 2, "num_heads": 2, "out_hidden_size": WIDTH}
        return transformers.GlmOcrConfig(text_config=text, vision_config=vision, **common)
    vision |= {
        "model_type": "pixtral",
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "head_dim": 16,
        "image_size": 280,
    }
    return transformers.LightOnOcrConfig(text_config={"model_type": "qwen3", **text}, vision_config=vision, **common)


def model(kind: str, seed: int = 8, *, served: bool = False) -> Any:
    """A model with random weights, large enough that pages differ in what they make it say."""
    torch.manual_seed(seed)
    architecture = {"paddleocr_vl": "PaddleOCRVL", "glm_ocr": "GlmOcr", "lighton_ocr": "LightOnOcr"}[kind]
    made = getattr(transformers, f"{architecture}ForConditionalGeneration")(configuration(kind, served=served))
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if weight.ndim > 1 and ("visual" in name or "vision" in name or "projector" in name):
                weight.normal_(0.0, 0.2)
    words = tokenizer(kind)
    if served:
        tiny_qwen.say_whole_letters(made, words)
    ends = [words.eos_token_id]
    if kind == "glm_ocr":
        ends.append(words.convert_tokens_to_ids("<|user|>"))
    made.generation_config = transformers.GenerationConfig(
        eos_token_id=ends, pad_token_id=words.pad_token_id, do_sample=False
    )
    return made


def make(kind: str, folder: Path, *, served: bool = False) -> Path:
    """Write model, tokenizer, chat template and settings of images."""
    words = tokenizer(kind)
    words.chat_template = template(kind)
    model(kind, served=served).save_pretrained(folder)
    words.save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    if kind == "paddleocr_vl":
        _flatten(folder / "config.json")
        weights["visual.vision_model.head.probe"] = torch.ones(1, 1, 32)
        images: dict[str, Any] = {
            "processor_class": "PaddleOCRVLProcessor", "image_processor_type": "PaddleOCRVLImageProcessor",
            "min_pixels": 4_000, "max_pixels": 40_000, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
        }  # fmt: skip
    elif kind == "glm_ocr":
        weights[f"model.language_model.layers.{LAYERS}.eh_proj.weight"] = torch.ones(WIDTH, 2 * WIDTH)
        images = {
            "processor_class": "Glm46VProcessor",
            "image_processor_type": "Glm46VImageProcessor",
            "size": {"shortest_edge": 8_000, "longest_edge": 80_000},
            "do_rescale": True,
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711],
        }
    else:
        words = {"processor_class": "LightOnOcrProcessor", "patch_size": 14, "spatial_merge_size": 2}
        (folder / "processor_config.json").write_text(json.dumps(words), encoding="utf-8")
        images = {"image_processor_type": "PixtralImageProcessor", "patch_size": 14, "size": {"longest_edge": 280}}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "preprocessor_config.json").write_text(json.dumps(images), encoding="utf-8")
    return folder


def _flatten(path: Path) -> None:
    """Put the language model's settings where the published config.json has them: beside all others."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    text = settings.pop("text_config")
    text["rope_scaling"] = {
        "rope_type": "default",
        "type": "default",
        "mrope_section": text["rope_parameters"]["mrope_section"],
    }
    text["rope_theta"] = text.pop("rope_parameters")["rope_theta"]
    auto_map = {"AutoConfig": "configuration_paddleocr_vl.PaddleOCRVLConfig"}
    path.write_text(json.dumps({**text, **settings, "auto_map": auto_map}), encoding="utf-8")


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


@cache
def folder(kind: str, *, served: bool = False) -> Path:
    """Return the folder of the small model of that model_type."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix=f"tiny-{kind}-"))
    return make(kind, Path(_KEPT[-1].name) / "model", served=served)


def family(kind: str) -> Family:
    """Return its family."""
    return FAMILIES[kind]


def native_inputs(kind: str, model: Any, input_ids: Any, pixels: Any) -> dict[str, Any]:
    """Return what the native forward takes beside token ids: pixels in its own form."""
    if kind != "lighton_ocr":
        return {**pixels, "mm_token_type_ids": (input_ids == model.config.image_token_id).int()}
    grids = [(rows, columns) for _, rows, columns in pixels["image_grid_thw"].tolist()]
    parts = pixels["pixel_values"].split([rows * columns for rows, columns in grids])
    images = [whole(part, *grid) for part, grid in zip(parts, grids, strict=True)]
    height, width = (max(image.shape[axis] for image in images) for axis in (1, 2))
    batch = torch.zeros(len(images), 3, height, width)
    for number, image in enumerate(images):
        batch[number, :, : image.shape[1], : image.shape[2]] = image
    return {"pixel_values": batch, "image_sizes": torch.tensor([image.shape[1:] for image in images])}

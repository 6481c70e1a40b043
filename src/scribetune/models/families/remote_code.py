"""Models that come with Python code of their own: known by name, and refused in words. None of it is ever run here.

The families that transformers has a class for need no such code: whatever lies in their folders is left alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from types import MappingProxyType

from scribetune.core.errors import UserError


@dataclass(frozen=True)
class Foreign:
    """A model that is known by name, but has no class in transformers."""

    title: str
    environment: str  # the versions that its code was published for
    advice: str  # what to use instead


FOREIGN: Mapping[str, Foreign] = MappingProxyType(
    {
        "DeepseekOCRForCausalLM": Foreign(
            "DeepSeek-OCR",
            "transformers 4.46.3, tokenizers 0.20.3, torch 2.6.0 and flash-attn 2.7.3",
            "use its successor DeepSeek-OCR-2 (deepseek-community/DeepSeek-OCR-2)",
        ),
        "DeepseekVLV2ForCausalLM": Foreign(
            "DeepSeek-VL2",
            "the package deepseek_vl2 with transformers 4.38.2 and torch 2.0.1; vLLM cannot load a LoRA adapter of it, "
            "so it would have to be merged",
            "use DeepSeek-OCR-2 (deepseek-community/DeepSeek-OCR-2) or a Qwen-VL model",
        ),
        "DeepseekOCR2ForCausalLM": Foreign(
            "DeepSeek-OCR-2 in its original layout",
            "transformers 4.46.3 and torch 2.6.0",
            "use the same weights for the class in transformers (deepseek-community/DeepSeek-OCR-2)",
        ),
    }
)
"""By the class that config.json names in `architectures`."""

_TYPES = MappingProxyType({"deepseek_vl_v2": "DeepseekVLV2ForCausalLM"})  # where `architectures` is missing


def refuse(where: str, settings: Mapping[str, object], supported: Sequence[str]) -> UserError:
    """Return the error for a model that no family handles: its folder, its config.json, and the families as shown."""
    found = settings.get("architectures")
    architectures = [str(item) for item in found] if isinstance(found, list) else []
    model_type = settings.get("model_type")
    names = [*architectures, _TYPES.get(str(model_type), "")]
    foreign = next((FOREIGN[name] for name in names if name in FOREIGN), None)
    todo = "choose another base_model.name"
    if foreign:
        what = (
            f"{foreign.title} (in {where}) has no class in transformers {version('transformers')}: its weights come "
            f"with Python code of their own, published for {foreign.environment}, which is not run"
        )
        todo = f"{foreign.advice}; an environment for that code is not part of this version"
    else:
        what = f"The base model in {where} is of no supported family"
        if settings.get("auto_map"):
            what += (
                ", and the Python code that it brings along is not run: how it is asked, trained and merged would not "
                "be known either"
            )
    return UserError(
        f"{what}; its model_type is",
        value=f"{model_type} ({', '.join(architectures)})" if architectures else model_type,
        accepted=", ".join(supported),
        todo=todo,
    )

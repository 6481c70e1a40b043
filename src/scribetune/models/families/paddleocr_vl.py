"""PaddleOCR-VL (0.9B, 1.5 and of any size): a SigLIP encoder for any size of page, and ERNIE-4.5 as language model.

It was trained on elements of pages (paragraphs, tables, formulas, charts) that a layout model cuts out; asked `OCR:` it
reads whole pages too. Its published answer to a table is a table of its own tokens (`<fcel>`, `<nl>`, …): a model that
is fine-tuned here writes tables as the labels have them.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from scribetune.models.families.interface import PLACEHOLDER, Scopes, TaskName
from scribetune.models.families.token_grid import TokenGridFamily, dense_scopes

_ENCODER = (
    r".*visual\.vision_model\.encoder\.layers\.\d+\.(?:self_attn\.(?:q|k|v|out)_proj|mlp\.fc[12])"
    r"|.*model\.projector\.linear_[12]"
)


class PaddleOcrVL(TokenGridFamily):
    """PaddleOCR-VL: 28 px per token side, at most 3,600 tokens a page (version 1.5: 1,280)."""

    model_type: ClassVar[str] = "paddleocr_vl"
    title: ClassVar[str] = "PaddleOCR-VL"
    prompts: ClassVar[Mapping[TaskName, str]] = MappingProxyType(
        {
            "free_ocr": f"{PLACEHOLDER}OCR:",
            "table": f"{PLACEHOLDER}Table Recognition:",
            "formula": f"{PLACEHOLDER}Formula Recognition:",
            "chart": f"{PLACEHOLDER}Chart Recognition:",
        }
    )
    # vLLM's class has no LoRA.
    scopes: ClassVar[Scopes] = dense_scopes(title, _ENCODER, served=False)
    encoder: ClassVar[tuple[str, ...]] = ("visual.", "model.projector.")
    guard_exempt_tokens: ClassVar[tuple[str, ...]] = (
        "<td>",
        "</td>",
        "<fcel>",
        "<ecel>",
        "<lcel>",
        "<ucel>",
        "<xcel>",
        "<nl>",
    )
    image_token: ClassVar[str] = "<|IMAGE_PLACEHOLDER|>"  # noqa: S105 (a token of text)
    image_processor: ClassVar[str] = "PaddleOCRVLImageProcessorPil"

    def image_processing(self) -> Any:
        """Return the module of its image processor; see `TokenGridFamily.image_processing`."""
        from transformers.models.paddleocr_vl import image_processing_pil_paddleocr_vl

        return image_processing_pil_paddleocr_vl

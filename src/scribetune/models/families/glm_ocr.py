"""GLM-OCR: the CogViT encoder, a projector that joins 2×2 patches, and a GLM of 0.5 billion weights.

Its checkpoint also holds a layer that guesses several tokens at once (`num_nextn_predict_layers`), which the class in
transformers leaves out: a merge keeps it as it is.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from scribetune.models.families.interface import PLACEHOLDER, Scopes, TaskName
from scribetune.models.families.token_grid import TokenGridFamily, dense_scopes

_ENCODER = (
    r".*visual\.blocks\.\d+\.(?:attn\.(?:qkv|proj)|mlp\.(?:gate|up|down)_proj)"
    r"|.*visual\.merger\.(?:proj|(?:gate|up|down)_proj)"
)


class GlmOcr(TokenGridFamily):
    """GLM-OCR: 28 px per token side, at most about 6,100 tokens a page."""

    model_type: ClassVar[str] = "glm_ocr"
    title: ClassVar[str] = "GLM-OCR"
    prompts: ClassVar[Mapping[TaskName, str]] = MappingProxyType(
        {
            "free_ocr": f"{PLACEHOLDER}Text Recognition:",
            "table": f"{PLACEHOLDER}Table Recognition:",
            "formula": f"{PLACEHOLDER}Formula Recognition:",
        }
    )
    # Gate and up are one layer in this class.
    scopes: ClassVar[Scopes] = dense_scopes(title, _ENCODER, mlp="gate_up|down")
    encoder: ClassVar[tuple[str, ...]] = ("visual.",)
    image_token: ClassVar[str] = "<|image|>"  # noqa: S105 (a token of text)
    image_processor: ClassVar[str] = "Glm46VImageProcessorPil"

    def misread(self, settings: Mapping[str, Any]) -> tuple[str, str] | None:
        """Return a merger or a rotation that vLLM's class would cut; see `Family.misread`.

        It makes the merger as wide as the language model's MLP, and of another's weights takes the first rows and
        columns; it turns half of each head where no factor is said. The released model fits.
        """
        text, vision = (settings.get(part) or {} for part in ("text_config", "vision_config"))
        width, merged = text.get("intermediate_size"), vision.get("out_hidden_size")
        due = merged * vision.get("in_channels", 3) if merged else width
        if width != due:
            return f"text_config.intermediate_size: {width}", f"{due}, as wide as the merger"
        if "partial_rotary_factor" not in (text.get("rope_parameters") or {"partial_rotary_factor": 1.0}):
            return "rope_parameters without partial_rotary_factor", "partial_rotary_factor: 1.0 among them"
        return None

    def image_processing(self) -> Any:
        """Return the module of its image processor; see `TokenGridFamily.image_processing`."""
        from transformers.models.glm46v import image_processing_pil_glm46v

        return image_processing_pil_glm46v

    def scaled(self, processor: Any, width_px: int, height_px: int) -> tuple[int, int]:
        """Return the scaled size; see `TokenGridFamily.scaled`. Limits hold for the frames of a patch together."""
        images = processor.image_processor
        frames = int(images.temporal_patch_size)
        height, width = self.image_processing().smart_resize(
            num_frames=frames,
            height=height_px,
            width=width_px,
            temporal_factor=frames,
            factor=processor.token_px,
            min_pixels=int(images.size["shortest_edge"]),
            max_pixels=int(images.size["longest_edge"]),
        )
        return width, height

"""DeepSeek-OCR-2 through its native transformers class (model_type `deepseek_ocr2`).

A page is one square global view and, where the processor crops, up to six 768 px tiles; every view costs one token per
64 px square, plus one separator per page. Prompts are plain text, without a chat template.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from scribetune.families.interface import (
    EncodedPages,
    ImageTokenError,
    PageCost,
    Scope,
    Scopes,
    TaskName,
)
from scribetune.families.native import NativeFamily, native, scatter

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

_ATTENTION = r"self_attn\.(?:q|k|v|o)_proj"
_MLP = r"mlp\.(?:shared_experts\.)?(?:gate|up|down)_proj"
_LAYER = r".*language_model\.layers\.\d+\."
_ENCODER = (
    r".*vision_tower\.sam_encoder\.layers\.\d+\.(?:attn\.(?:qkv|proj)|mlp\.lin[12])"
    r"|.*vision_tower\.vision_encoder\.layers\.\d+\.(?:self_attn\.(?:q|k|v|o)_proj|mlp\.(?:gate|up|down)_proj)"
    r"|.*multi_modal_projector"
)
_EXPERTS = ("mlp.experts.gate_up_proj", "mlp.experts.down_proj")
_PIXELS_PER_TOKEN_SIDE = 64  # 16 px patches, downsampled by 4


class DeepseekOcr2(NativeFamily):
    """DeepSeek-OCR-2, of any size."""

    model_type: ClassVar[str] = "deepseek_ocr2"
    title: ClassVar[str] = "DeepSeek-OCR-2"
    prompts: ClassVar[Mapping[TaskName, str]] = MappingProxyType(
        {
            "free_ocr": "<image>\nFree OCR. ",
            "markdown": "<image>\n<|grounding|>Convert the document to markdown. ",
        }
    )
    scopes: ClassVar[Scopes] = Scopes(
        title,
        {
            "attention": Scope(_LAYER + _ATTENTION, (), frozenset({"attention"}), True, True),
            "language": Scope(f"{_LAYER}(?:{_ATTENTION}|{_MLP})", (), frozenset({"attention", "mlp"}), True, True),
            "experts": Scope(
                f"{_LAYER}(?:{_ATTENTION}|{_MLP})", _EXPERTS, frozenset({"attention", "mlp", "experts"}), True, False
            ),
            "vision": Scope(
                f"{_LAYER}(?:{_ATTENTION}|{_MLP})|{_ENCODER}",
                _EXPERTS,
                frozenset({"attention", "mlp", "experts", "vision"}),
                False,
                False,
            ),
        },
    )
    guard_exempt_tokens: ClassVar[tuple[str, ...]] = ("<td>", "</td>")

    def load_processor(self, folder: Path) -> Any:
        """Load the native processor; the image processor falls back to its Pillow form where torchvision is absent."""
        from transformers import AutoProcessor

        return AutoProcessor.from_pretrained(folder, trust_remote_code=False, local_files_only=True)

    def page_cost(self, processor: Any, width_px: int, height_px: int) -> PageCost:
        """Count views and tokens as the processor's settings imply; see `Family.page_cost`.

        One view of S px costs ceil(S / 64)² tokens; one more separates the views from the text.
        """
        from transformers.models.deepseek_ocr2.image_processing_pil_deepseek_ocr2 import get_optimal_tiled_canvas

        settings = processor.image_processor
        tile = int(settings.tile_size)
        cropping = bool(settings.crop_to_patches)
        # Without cropping the image processor scales the only view to the tile size, whatever `size` says.
        view = int(settings.size["height"]) if cropping else tile
        columns, rows = 0, 0
        if cropping and max(width_px, height_px) > tile:
            columns, rows = get_optimal_tiled_canvas(
                (height_px, width_px), (tile, tile), int(settings.min_patches), int(settings.max_patches)
            )
        tokens = math.ceil(view / _PIXELS_PER_TOKEN_SIDE) ** 2 + 1
        tokens += columns * rows * math.ceil(tile / _PIXELS_PER_TOKEN_SIDE) ** 2
        return PageCost(tokens, columns * rows, max(view, tile * max(columns, rows)))

    def encode(self, processor: Any, images: "Sequence[Image]", prompt: str) -> EncodedPages:
        """Call the processor and check every count; see `Family.encode`."""
        settings = processor.image_processor
        # Named explicitly: called without them, the processor crops whatever its own saved settings say.
        cropping = {key: getattr(settings, key) for key in ("crop_to_patches", "min_patches", "max_patches")}
        batch = processor(
            images=list(images), text=[prompt] * len(images), return_tensors="pt", padding=True, **cropping
        )
        ids, mask = batch.pop("input_ids"), batch.pop("attention_mask")
        pixels = {
            key: batch[key] for key in ("pixel_values", "pixel_values_local", "num_local_patches") if key in batch
        }
        rows = tuple(tuple(row[kept.bool()].tolist()) for row, kept in zip(ids, mask, strict=True))
        local = pixels.get("pixel_values_local")
        tiles_made = 0 if local is None else len(local)
        tiles_due = 0
        for index, (image, row) in enumerate(zip(images, rows, strict=True)):
            due = self.page_cost(processor, image.width, image.height)
            found = row.count(processor.image_token_id)
            tiles = int(pixels["num_local_patches"][index])
            side = int(pixels["pixel_values"].shape[-1])
            tokens_seen = math.ceil(side / _PIXELS_PER_TOKEN_SIDE) ** 2 + 1
            if tiles:
                tokens_seen += tiles * math.ceil(int(settings.tile_size) / _PIXELS_PER_TOKEN_SIDE) ** 2
            if not due.tokens == found == tokens_seen or tiles != due.tiles:
                raise ImageTokenError(
                    f"A page of {image.width}×{image.height} px calls for {due.tokens} image tokens in {due.tiles} "
                    f"tiles, but the processor wrote {found} tokens for {tokens_seen} features in {tiles} tiles. "
                    f"Check size, tile_size and crop_to_patches in the model's processor configuration."
                )
            tiles_due += due.tiles
        if tiles_made != tiles_due:
            raise ImageTokenError(f"{tiles_due} tiles are called for, the processor made {tiles_made}.")
        return EncodedPages(rows, pixels)

    def text_tokens(self, processor: Any, prompt: str) -> int:
        """Count the tokens of the prompt but its one image token; see `Family.text_tokens`."""
        return len(processor.tokenizer(prompt)["input_ids"]) - 1

    def control_tokens(self, processor: Any) -> Sequence[str]:
        """Return placeholder, begin, end and padding; markup is written like text."""
        tokenizer = processor.tokenizer
        named = (processor.image_token, tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token)
        return [token for token in named if token]

    def vision_features(self, model: Any, pixels: "Mapping[str, torch.Tensor]") -> "list[torch.Tensor]":
        """Run SAM, the query encoder and the projector; see `Family.vision_features`."""
        weights = native(model).model
        dtype, device = weights.view_separator.dtype, weights.view_separator.device
        local = pixels.get("pixel_values_local")
        output = weights.get_image_features(
            pixel_values=pixels["pixel_values"].to(device, dtype),
            pixel_values_local=None if local is None else local.to(device, dtype),
            num_local_patches=pixels["num_local_patches"],
        )
        return list(output.pooler_output)

    def embed(self, model: Any, input_ids: "torch.Tensor", features: "torch.Tensor") -> "torch.Tensor":
        """Scatter features over the image tokens' embeddings; see `Family.embed`."""
        base = native(model)
        return scatter(base.get_input_embeddings()(input_ids), input_ids == base.config.image_token_id, features)

    def group_of(self, parameter: str) -> str:
        """Group a parameter by its name; see `Family.group_of`."""
        if "vision_tower." in parameter or "multi_modal_projector." in parameter:
            return "vision"
        if ".mlp.experts." in parameter:
            return "experts"
        if ".self_attn." in parameter:
            return "attention"
        return "mlp" if ".mlp." in parameter else "other"

"""LightOnOCR (1B-1025, and 2-1B where it is published for this class): Pixtral's encoder and Qwen3.

It is asked nothing: the page alone is the question, and the answer is Markdown with tables as HTML. Positions are those
of a line of text.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from scribetune.models.families.interface import PLACEHOLDER, Scopes, TaskName
from scribetune.models.families.token_grid import GRID, TokenGridFamily, dense_scopes

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

_ENCODER = (
    r".*vision_encoder\.transformer\.layers\.\d+\."
    r"(?:attention\.(?:q|k|v|o)_proj|feed_forward\.(?:gate|up|down)_proj)"
    r"|.*vision_projection\.(?:patch_merger\.merging_layer|linear_[12])"
)


class LightOnOcr(TokenGridFamily):
    """LightOnOCR: 28 px per token side, at most 3,025 tokens a page (1540×1540 px)."""

    model_type: ClassVar[str] = "lighton_ocr"
    title: ClassVar[str] = "LightOnOCR"
    prompts: ClassVar[Mapping[TaskName, str]] = MappingProxyType({"free_ocr": PLACEHOLDER, "markdown": PLACEHOLDER})
    scopes: ClassVar[Scopes] = dense_scopes(title, _ENCODER)
    encoder: ClassVar[tuple[str, ...]] = ("vision_encoder.", "vision_projection.")
    image_token: ClassVar[str] = "<|image_pad|>"  # noqa: S105 (a token of text)
    image_processor: ClassVar[str] = "PixtralImageProcessorPil"
    has_axes: ClassVar[bool] = False

    def image_processing(self) -> Any:
        """Return the module of its image processor; see `TokenGridFamily.image_processing`."""
        from transformers.models.pixtral import image_processing_pil_pixtral

        return image_processing_pil_pixtral

    def patches(self, images: Any, saved: Mapping[str, Any]) -> tuple[int, int]:
        """Read the number of joined patches off the processor's settings; see `TokenGridFamily.patches`."""
        size = images.patch_size
        side = size["height"] if isinstance(size, Mapping) or hasattr(size, "height") else size
        return int(side), int(saved.get("spatial_merge_size", 2))

    def scaled(self, processor: Any, width_px: int, height_px: int) -> tuple[int, int]:
        """Return the scaled size, in whole patches: small pages stay small. See `TokenGridFamily.scaled`."""
        longest, patch = int(processor.image_processor.size["longest_edge"]), processor.patch_px
        ratio = max(1.0, max(width_px, height_px) / longest)
        width, height = (math.ceil(math.floor(px / ratio) / patch) * patch for px in (width_px, height_px))
        return width, height

    def padded(self, processor: Any, width_px: int, height_px: int) -> tuple[int, int]:
        """Return the size with a shorter side of one token at least, once it is scaled."""
        longest, least = int(processor.image_processor.size["longest_edge"]), processor.token_px
        least = max(least, math.ceil(max(width_px, height_px) * least / longest))
        return max(width_px, least), max(height_px, least)

    def pixels(self, processor: Any, pages: "Sequence[Image]") -> "dict[str, torch.Tensor]":
        """Return patches (channels, side, side) page by page: the processor's own batch is as large as its largest."""
        import torch

        side, patches, grid = processor.patch_px, [], []
        for page in pages:
            image = processor.image_processor([page], return_tensors="pt")["pixel_values"][0]
            rows, columns = (px // side for px in image.shape[1:])
            # (channels, rows, side, columns, side) → (rows × columns, channels, side, side)
            cut = image.reshape(-1, rows, side, columns, side).permute(1, 3, 0, 2, 4)
            patches.append(cut.reshape(rows * columns, -1, side, side))
            grid.append((1, rows, columns))
        return {"pixel_values": torch.cat(patches), GRID: torch.tensor(grid)}

    def page_features(self, base: Any, pixels: "Mapping[str, torch.Tensor]") -> "list[torch.Tensor]":
        """Run the encoder page by page: together they would look at a mask of all their patches by all others."""
        import torch

        weight = base.model.vision_encoder.patch_conv.weight
        grids = [(rows, columns) for _, rows, columns in pixels[GRID].tolist()]
        features = []
        parted = torch.split(pixels["pixel_values"], [rows * columns for rows, columns in grids])
        for patches, (rows, columns) in zip(parted, grids, strict=True):
            image = whole(patches, rows, columns)
            found = base.model.get_image_features(
                pixel_values=image[None].to(weight.device, weight.dtype), image_sizes=[image.shape[1:]]
            )
            features.append(found.pooler_output[0])
        return features


def whole(patches: "torch.Tensor", rows: int, columns: int) -> "torch.Tensor":
    """Put a page's patches (rows × columns, channels, side, side) together: (channels, height, width)."""
    _, channels, side, _ = patches.shape
    grid = patches.reshape(rows, columns, channels, side, side).permute(2, 0, 3, 1, 4)
    return grid.reshape(channels, rows * side, columns * side)

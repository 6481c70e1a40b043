"""DeepSeek-OCR (1), through a class of this project over parts that transformers has (`deepseek_ocr_model`).

A page is one square view and, in mode gundam, two to nine tiles. Every view is a square of tokens, one for 64 px, each
line of it (of all tiles together) with one more at its end; one token closes the page.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from scribetune.models.families.deepseek_ocr2 import LEVELS, DeepseekOcr2, scopes_of
from scribetune.models.families.interface import EncodedPages, PageCost, Scopes
from scribetune.models.families.modes import Mode, said_in
from scribetune.models.families.native import native

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

_CLIP = r".*vision_tower\.clip_encoder\.layers\.\d+\.(?:self_attn\.(?:qkv|out)_proj|mlp\.fc[12])"
_GRID = "patches_grid"
_PADDING = (127, 127, 127)
_SQUEEZED_UP_TO = 640
"""Without tiles, a view of up to so many pixels is the page squeezed into a square; a larger one is padded."""


@dataclass(frozen=True)
class Views:
    """How a page is cut into views."""

    side_px: int  # of the view of the whole page
    tile_px: int = 640
    least_tiles: int = 2
    most_tiles: int = 0  # 0: no tiles

    def grid(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Return how many columns and rows of tiles a page of this size has; (0, 0): none."""
        from transformers.models.deepseek_ocr2.image_processing_pil_deepseek_ocr2 import get_optimal_tiled_canvas

        if not self.most_tiles or max(width_px, height_px) <= self.tile_px:
            return 0, 0
        tile = (self.tile_px, self.tile_px)
        columns, rows = get_optimal_tiled_canvas((height_px, width_px), tile, self.least_tiles, self.most_tiles)
        return columns, rows

    def whole(self, image: "Image") -> "Image":
        """Return the view of the whole page."""
        from PIL import ImageOps

        if not self.most_tiles and self.side_px <= _SQUEEZED_UP_TO:
            return image.resize((self.side_px, self.side_px))
        return ImageOps.pad(image, (self.side_px, self.side_px), color=_PADDING)

    def tiles(self, image: "Image") -> "list[Image]":
        """Return the tiles of a page, line by line."""
        columns, rows = self.grid(*image.size)
        side = self.tile_px
        if not columns:
            return []
        scaled = image.resize((columns * side, rows * side))
        corners = [(column * side, row * side) for row in range(rows) for column in range(columns)]
        return [scaled.crop((left, top, left + side, top + side)) for left, top in corners]


MODES: Mapping[str, Views] = MappingProxyType(
    {
        "tiny": Views(512),
        "small": Views(640),
        "base": Views(1024),
        "large": Views(1280),
        "gundam": Views(1024, most_tiles=9),
    }
)
"""The authors' modes."""


class DeepseekOcr(DeepseekOcr2):
    """DeepSeek-OCR, of any size."""

    model_type: ClassVar[str] = "deepseek_ocr"
    title: ClassVar[str] = "DeepSeek-OCR"
    is_in_transformers: ClassVar[bool] = False
    served_architecture: ClassVar[str] = "DeepseekOCRForCausalLM"
    served_encoder: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "sam_config": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12},
            "clip_config": {
                "hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "image_size": 224,
                "patch_size": 14,
            },
        }
    )  # fmt: skip
    modes: ClassVar[Mapping[str, Mode]] = MappingProxyType(
        {
            name: Mode(views.side_px, views.tile_px if views.most_tiles else views.side_px, bool(views.most_tiles))
            for name, views in MODES.items()
        }
    )
    scopes: ClassVar[Scopes] = scopes_of(title, _CLIP, experts_beside_base=False)
    front: ClassVar[str | None] = None

    def load_processor(self, folder: Path) -> Any:
        """Load the tokenizer; views are those of the mode that the folder says, else of gundam."""
        from transformers import PreTrainedTokenizerFast

        from scribetune.models.families.deepseek_ocr_processor import Processor

        views = MODES[said_in(folder, self.modes) or "gundam"]
        return Processor(PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True), views)

    def in_mode(self, processor: Any, mode: Mode) -> Any:
        """Return a processor of the same tokenizer with the mode's views."""
        name = next(name for name, known in self.modes.items() if known == mode)
        return type(processor)(processor.tokenizer, MODES[name])

    def views_of(self, mode: Mode) -> dict[str, Any]:  # noqa: ARG002
        """Return nothing: transformers has no image processor for it; see `Family.views_of`."""
        return {}

    def page_cost(self, processor: Any, width_px: int, height_px: int) -> PageCost:
        """Count views and tokens; see `Family.page_cost`.

        A view of S px costs s · (s + 1) tokens, s = ceil(S / 64); c × r tiles of T px together r · t · (c · t + 1).
        """
        views: Views = processor.views
        side, tile = (math.ceil(px // 16 / 4) for px in (views.side_px, views.tile_px))
        columns, rows = views.grid(width_px, height_px)
        tokens = side * (side + 1) + 1 + rows * tile * (columns * tile + 1)
        return PageCost(tokens, columns * rows, max(views.side_px, views.tile_px * max(columns, rows)))

    def encode(self, processor: Any, images: "Sequence[Image]", prompt: str) -> EncodedPages:
        """Cut pages into views, and put a token for each row of features in the prompt's place for them."""
        import torch

        views: Views = processor.views
        tokenizer = processor.tokenizer
        before, after = (
            tokenizer(part, add_special_tokens=False)["input_ids"] for part in prompt.split(processor.image_token)
        )
        rows, whole, tiles, counts, grids = [], [], [], [], []
        for image in images:
            tokens = self.page_cost(processor, *image.size).tokens
            rows.append((tokenizer.bos_token_id, *before, *[processor.image_token_id] * tokens, *after))
            whole.append(views.whole(image))
            cut = views.tiles(image)
            tiles += cut
            counts.append(len(cut))
            grids.append(views.grid(*image.size))
        pixels = {
            "pixel_values": as_bytes(whole),
            "num_local_patches": torch.tensor(counts),
            _GRID: torch.tensor(grids),
            LEVELS: _levels().expand(1, 3, 256).contiguous(),
        }
        if tiles:
            pixels["pixel_values_local"] = as_bytes(tiles)
        return EncodedPages(tuple(rows), pixels)

    def text_tokens(self, processor: Any, prompt: str) -> int:
        """Count the tokens of the prompt, and the one that begins it; see `Family.text_tokens`."""
        parts = prompt.split(processor.image_token)
        return 1 + sum(len(processor.tokenizer(part, add_special_tokens=False)["input_ids"]) for part in parts)

    def vision_features(self, model: Any, pixels: "Mapping[str, torch.Tensor]") -> "list[torch.Tensor]":
        """Run SAM, CLIP and the projector over all views, and put a page's together; see `Family`."""
        import torch

        weights = native(model).model
        whole = self.features_of(model, self.seen_by_sam(model, pixels, "pixel_values"))
        counts = [int(number) for number in pixels["num_local_patches"]]
        tiles = whole.new_empty(0, 1, whole.shape[-1])
        if "pixel_values_local" in pixels:
            tiles = self.features_of(model, self.seen_by_sam(model, pixels, "pixel_values_local"))
        grids = [(int(columns), int(rows)) for columns, rows in pixels[_GRID]]
        parted = torch.split(tiles, counts)
        return [weights.page_features(*of_page) for of_page in zip(whole, parted, grids, strict=True)]

    def front_features(self, model: Any, pixels: "Mapping[str, torch.Tensor]") -> "list[torch.Tensor]":
        """Say that there is none: what SAM alone makes of a page does not tell how its tiles stood."""
        raise NotImplementedError(f"{self.title} has no front")

    def run_behind_sam(self, weights: Any, patches: "torch.Tensor") -> "torch.Tensor":
        """Run CLIP and the projector."""
        found: torch.Tensor = weights.features_of(patches)
        return found


def as_bytes(views: "Sequence[Image]") -> "torch.Tensor":
    """Return RGB images of one size as (number, channels, height, width)."""
    import numpy as np
    import torch

    return torch.from_numpy(np.stack([np.asarray(view) for view in views])).permute(0, 3, 1, 2).contiguous()


def _levels() -> "torch.Tensor":
    """Return the number that each value of a byte stands for, (256)."""
    import torch

    return (torch.arange(256, dtype=torch.uint8).float() / 255 - 0.5) / 0.5

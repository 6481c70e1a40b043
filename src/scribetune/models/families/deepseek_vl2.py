"""DeepSeek-VL2 (tiny), through a class of this project over parts that transformers has (`deepseek_vl2_model`).

A page is one square view and one to nine tiles of the same size, which together are the canvas that fits it best. Every
view is a square of tokens, each line of it (of all tiles together) with one more at its end; one token stands between
the page and its tiles. A prompt is a turn of a conversation.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from scribetune.core.errors import UserError
from scribetune.models.families import authors_config, deepseek_vl2_config
from scribetune.models.families.deepseek_ocr import as_bytes
from scribetune.models.families.deepseek_ocr2 import LEVELS, at_levels, scopes_of
from scribetune.models.families.interface import TERM, EncodedPages, PageCost, Scopes, TaskName
from scribetune.models.families.native import NativeFamily, configuration, native

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

_SIGLIP = r".*vision_tower\.blocks\.\d+\.(?:attn\.(?:qkv|proj)|mlp\.fc[12])"
_TITLE = "DeepSeek-VL2"
_PROCESSOR = "processor_config.json"
_USER, _ASSISTANT = "<|User|>", "<|Assistant|>"
_PAD = "<｜▁pad▁｜>"
ADDED = ("<image>", "<|ref|>", "<|/ref|>", "<|det|>", "<|/det|>", "<|grounding|>", _USER, _ASSISTANT)
"""Tokens that the authors' processor adds to a tokenizer without them, in this order: it decides about their ids."""
_GRID = "tiles_grid"
_VIEWS_AT_ONCE = 8


@dataclass(frozen=True)
class Tiling:
    """How a page is cut into views, and what pixels stand for."""

    resolutions: tuple[tuple[int, int], ...]  # canvases (width, height) in pixels, multiples of a view's side
    patch_px: int = 14
    joined: int = 2  # patches along a token's side
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    deviation: tuple[float, ...] = (0.5, 0.5, 0.5)
    normalized: bool = True

    @property
    def side_px(self) -> int:
        """The side of a view."""
        return self.resolutions[0][0]

    @property
    def side_tokens(self) -> int:
        """Tokens along the side of a view."""
        return math.ceil(self.side_px // self.patch_px / self.joined)

    def canvas(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Return the canvas (width, height) in pixels on which a page of this size keeps the most of its pixels.

        Of several, the one with the least margin; then the first.
        """
        best, most, least_margin = self.resolutions[0], 0, 0
        for width, height in self.resolutions:
            scale = min(width / width_px, height / height_px)
            kept = min(int(width_px * scale) * int(height_px * scale), width_px * height_px)
            margin = width * height - kept
            if kept > most or (kept == most and margin < least_margin):
                best, most, least_margin = (width, height), kept, margin
        return best

    def grid(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Return how many columns and rows of tiles a page of this size has."""
        width, height = self.canvas(width_px, height_px)
        return width // self.side_px, height // self.side_px

    def whole(self, image: "Image") -> "Image":
        """Return the view of the whole page."""
        return self._padded(image, (self.side_px, self.side_px))

    def tiles(self, image: "Image") -> "list[Image]":
        """Return the tiles of a page, line by line."""
        width, height = self.canvas(*image.size)
        side = self.side_px
        laid = self._padded(image, (width, height))
        corners = [(left, top) for top in range(0, height, side) for left in range(0, width, side)]
        return [laid.crop((left, top, left + side, top + side)) for left, top in corners]

    def _padded(self, image: "Image", size: tuple[int, int]) -> "Image":
        from PIL import ImageOps

        return ImageOps.pad(image, size, color=tuple(int(part * 255) for part in self.mean))

    def levels(self) -> "torch.Tensor":
        """Return the number that each value of a byte stands for, (channels, 256)."""
        import torch

        ramp = (torch.arange(256, dtype=torch.uint8).float() / 255).expand(3, 256)
        if not self.normalized:
            return ramp.contiguous()
        mean, deviation = (torch.tensor(numbers).unsqueeze(1) for numbers in (self.mean, self.deviation))
        return (ramp - mean) / deviation


class DeepseekVl2(NativeFamily):
    """DeepSeek-VL2 whose language model has no compressed cache: the tiny size."""

    model_type: ClassVar[str] = deepseek_vl2_config.NATIVE_TYPE
    title: ClassVar[str] = _TITLE
    served_architecture: ClassVar[str] = deepseek_vl2_config.ARCHITECTURE
    served_encoder: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            "hidden_size": 1152, "num_hidden_layers": 27, "num_attention_heads": 16, "mlp_ratio": 3.7362,
            "image_size": 384, "patch_size": 14,
        }
    )  # fmt: skip
    served_needs: ClassVar[tuple[str, ...]] = ("timm",)
    turn: ClassVar[tuple[str, str]] = (f"{_USER}: ", f"\n\n{_ASSISTANT}:")
    is_in_transformers: ClassVar[bool] = False
    encoder: ClassVar[tuple[str, ...]] = ("vision_tower.", "multi_modal_projector.")
    prompts: ClassVar[Mapping[TaskName, str]] = MappingProxyType(
        {
            "free_ocr": "<image>\n请识别图片中的全部文字。",
            "markdown": "<image>\n请将图片中的文档转换为 Markdown 格式。",
            "locate": f"<image>\n<|ref|>{TERM}<|/ref|>.",
        }
    )
    """A model for conversation: no wording is baked in by pre-training but that of `locate`, its authors' own."""
    scopes: ClassVar[Scopes] = scopes_of(_TITLE, _SIGLIP, experts_beside_base=False)
    for _name, _scope in tuple(scopes.items()):
        # vLLM's class for this model takes no adapters.
        scopes[_name] = replace(_scope, servable_as_lora=False)
    del _name, _scope

    def authors_config(self, settings: Mapping[str, Any], dtype: str) -> dict[str, Any] | None:
        """Return the form that the authors' code and vLLM read; see `Family.authors_config`."""
        return authors_config.of_native(settings, dtype)

    def load_processor(self, folder: Path) -> Any:
        """Load the tokenizer, with the tokens that the authors' processor adds, and how pages are cut.

        Raises:
            UserError: The tokenizer has another id for the image's place than the model.
        """
        from transformers import AddedToken, PreTrainedTokenizerFast

        from scribetune.models.families.deepseek_ocr_processor import Processor

        words = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
        if words.pad_token is None:
            words.add_special_tokens({"pad_token": _PAD})
        for token in ADDED:
            words.add_tokens([AddedToken(token, special=True, normalized=False)], special_tokens=True)
        settings = configuration(folder)
        made = Processor(words, _tiling(folder, settings))
        if made.image_token_id != settings.image_token_id:
            raise UserError(
                f"In the tokenizer of {folder} the token {made.image_token} has the id {made.image_token_id}; "
                "config.json says (image_token_id; the released models' where it says none)",
                value=settings.image_token_id,
                accepted=str(made.image_token_id),
                todo="take tokenizer and config.json from the same model, or write image_token_id into config.json",
            )
        return made

    def page_cost(self, processor: Any, width_px: int, height_px: int) -> PageCost:
        """Count views and tokens; see `Family.page_cost`.

        A view is s · (s + 1) tokens, s = ceil(patches along its side / 2); c × r tiles together r · s · (c · s + 1).
        """
        tiling: Tiling = processor.views
        side = tiling.side_tokens
        columns, rows = tiling.grid(width_px, height_px)
        tokens = side * (side + 1) + 1 + rows * side * (columns * side + 1)
        scale = min(columns * tiling.side_px / width_px, rows * tiling.side_px / height_px)
        return PageCost(tokens, columns * rows, round(max(width_px, height_px) * scale))

    def encode(self, processor: Any, images: "Sequence[Image]", prompt: str) -> EncodedPages:
        """Cut pages into views, and put a token for each row of features in the place of the prompt's `<image>`."""
        import torch

        tiling: Tiling = processor.views
        before, after = self._said(processor, prompt)
        rows, whole, tiles, grids = [], [], [], []
        for image in images:
            tokens = self.page_cost(processor, *image.size).tokens
            rows.append((*before, *[processor.image_token_id] * tokens, *after))
            whole.append(tiling.whole(image))
            tiles += tiling.tiles(image)
            grids.append(tiling.grid(*image.size))
        pixels = {
            "pixel_values": as_bytes(whole),
            "pixel_values_local": as_bytes(tiles),
            _GRID: torch.tensor(grids),
            LEVELS: tiling.levels()[None],
        }
        return EncodedPages(tuple(rows), pixels)

    def text_tokens(self, processor: Any, prompt: str) -> int:
        """Count the tokens of begin, roles and prompt; see `Family.text_tokens`."""
        return sum(len(part) for part in self._said(processor, prompt))

    @staticmethod
    def _said(processor: Any, prompt: str) -> tuple[list[int], list[int]]:
        """Return the tokens before and behind the page."""
        tokenizer = processor.tokenizer
        before, after = rendered(prompt).split(processor.image_token)
        ids = [tokenizer(part, add_special_tokens=False)["input_ids"] for part in (before, after)]
        return [tokenizer.bos_token_id, *ids[0]], ids[1]

    def control_tokens(self, processor: Any) -> Sequence[str]:
        """Return placeholder, begin, end, padding and roles; markup is written like text."""
        tokenizer = processor.tokenizer
        named = (processor.image_token, tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token)
        return [token for token in (*named, _USER, _ASSISTANT) if token]

    def vision_features(self, model: Any, pixels: "Mapping[str, torch.Tensor]") -> "list[torch.Tensor]":
        """Run SigLIP and the projector over all views, and put a page's together; see `Family`."""
        import torch

        weights = native(model).model
        dtype, device = weights.view_separator.dtype, weights.view_separator.device
        levels = pixels[LEVELS][0].to(device, dtype)
        whole, tiles = (
            torch.cat(
                [
                    weights.features_of(at_levels(part.to(device, non_blocking=True), levels))
                    for part in torch.split(pixels[name], _VIEWS_AT_ONCE)
                ]
            )
            for name in ("pixel_values", "pixel_values_local")
        )
        grids = [(int(columns), int(rows)) for columns, rows in pixels[_GRID]]
        parted = torch.split(tiles, [columns * rows for columns, rows in grids])
        return [weights.page_features(*of_page) for of_page in zip(whole, parted, grids, strict=True)]


def rendered(prompt: str) -> str:
    """Return a prompt as the turn of a conversation that it is, up to where the answer begins."""
    before, behind = DeepseekVl2.turn
    return f"{before}{prompt.strip()}{behind}"


def _tiling(folder: Path, settings: Any) -> Tiling:
    """Return how pages are cut: as processor_config.json says, where it does, else as the model's configuration."""
    path = folder / _PROCESSOR
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if "candidate_resolutions" not in told:
        told = {}
    resolutions = told.get("candidate_resolutions", settings.candidate_resolutions)
    made = Tiling(
        resolutions=tuple((int(width), int(height)) for width, height in resolutions),
        patch_px=int(told.get("patch_size", settings.vision_config.patch_size)),
        joined=int(told.get("downsample_ratio", settings.projector_config.downsample_ratio)),
        mean=tuple(told.get("image_mean", Tiling.mean)),
        deviation=tuple(told.get("image_std", Tiling.deviation)),
        normalized=bool(told.get("normalize", True)),
    )
    if made.side_px != settings.vision_config.image_size or any(
        part % made.side_px for size in made.resolutions for part in size
    ):
        raise UserError(
            f"The canvases for pages of the model in {folder} (candidate_resolutions) are not made of whole views",
            value=[list(size) for size in made.resolutions],
            accepted=f"multiples of {settings.vision_config.image_size}, the first of them one view",
            todo="fetch the model again, as one whole folder",
        )
    return made

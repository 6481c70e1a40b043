"""DeepSeek-VL2 (tiny) as a class for transformers 5.17, which has its language model but not the whole.

The language model is that of DeepSeek-OCR-2 (`deepseek_ocr2` in transformers); before it stand SigLIP's encoder and a
projector that joins 2 × 2 patches. The parts of the encoder are named as its authors name them (after timm), so that
the names on disk differ by what stands before them alone. What the authors' code does was read, none of it is here;
docs/log.md says how far both agree.
"""

import itertools
import math
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedConfig
from transformers.conversion_mapping import get_checkpoint_conversion_mapping, register_checkpoint_conversion_mapping
from transformers.core_model_loading import WeightConverter, WeightRenaming
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.models.deepseek_ocr2.configuration_deepseek_ocr2 import DeepseekOcr2TextConfig

from scribetune.models.families import deepseek_vl2_config
from scribetune.models.families.deepseek_ocr_model import (
    DeepseekOcrForConditionalGeneration,
    DeepseekOcrModel,
    DeepseekOcrPreTrainedModel,
    joined_lines,
)

MODEL_TYPE = deepseek_vl2_config.NATIVE_TYPE
_EPSILON = 1e-6


@strict
class SiglipEncoderConfig(PreTrainedConfig):
    """Sizes of SigLIP's encoder; the defaults are those of the released models (so400m, 14 px patches)."""

    model_type = "deepseek_vl2_siglip"
    base_config_key = "vision_config"

    hidden_size: int = 1152
    num_hidden_layers: int = 27
    num_attention_heads: int = 16
    mlp_ratio: float | int = 3.7362
    num_channels: int = 3
    image_size: int = 384
    patch_size: int = 14
    initializer_range: float = 0.02


@strict
class ProjectorConfig(PreTrainedConfig):
    """Sizes of the projector."""

    model_type = "deepseek_vl2_projector"
    base_config_key = "projector_config"

    depth: int = 2
    mlp_ratio: int = 1
    downsample_ratio: int = 2


@strict
class DeepseekVl2Config(PreTrainedConfig):
    """Sizes of the whole model, and how pages are cut."""

    model_type = MODEL_TYPE
    sub_configs = {  # noqa: RUF012
        "vision_config": SiglipEncoderConfig,
        "projector_config": ProjectorConfig,
        "text_config": DeepseekOcr2TextConfig,
    }

    vision_config: dict[str, Any] | PreTrainedConfig | None = None
    projector_config: dict[str, Any] | PreTrainedConfig | None = None
    text_config: dict[str, Any] | PreTrainedConfig | None = None
    candidate_resolutions: list[Any] | tuple[Any, ...] | None = None
    global_view_pos: str = "head"
    image_token_id: int = deepseek_vl2_config.IMAGE_TOKEN_ID
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        if not isinstance(self.vision_config, PreTrainedConfig):
            self.vision_config = SiglipEncoderConfig(**(self.vision_config or {}))
        if not isinstance(self.projector_config, PreTrainedConfig):
            self.projector_config = ProjectorConfig(**(self.projector_config or {}))
        if not isinstance(self.text_config, PreTrainedConfig):
            self.text_config = DeepseekOcr2TextConfig(**(self.text_config or {}))
        if self.candidate_resolutions is None:
            self.candidate_resolutions = [list(size) for size in deepseek_vl2_config.RELEASED_RESOLUTIONS]
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]


class SiglipMlp(nn.Module):
    """Two layers with a GELU between them: by `tanh` in the layers, exact in the pooling."""

    def __init__(self, config: SiglipEncoderConfig, *, approximate: str) -> None:
        super().__init__()
        inner = int(config.hidden_size * config.mlp_ratio)
        self.fc1 = nn.Linear(config.hidden_size, inner)
        self.fc2 = nn.Linear(inner, config.hidden_size)
        self.approximate = approximate

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return (views, patches, width) for the same."""
        found: torch.Tensor = self.fc2(functional.gelu(self.fc1(hidden), approximate=self.approximate))
        return found


class SiglipAttention(nn.Module):
    """Attention of all patches of a view to each other; queries, keys and values are one product."""

    def __init__(self, config: SiglipEncoderConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return (views, patches, width) for the same."""
        views, patches, width = hidden.shape
        parts = self.qkv(hidden).view(views, patches, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*parts.unbind(0))
        found: torch.Tensor = self.proj(attended.transpose(1, 2).reshape(views, patches, width))
        return found


class SiglipLayer(GradientCheckpointingLayer):
    """A layer of the encoder."""

    def __init__(self, config: SiglipEncoderConfig) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(config.hidden_size, eps=_EPSILON)
        self.attn = SiglipAttention(config)
        self.norm2 = nn.LayerNorm(config.hidden_size, eps=_EPSILON)
        self.mlp = SiglipMlp(config, approximate="tanh")

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return (views, patches, width) for the same."""
        hidden = hidden + self.attn(self.norm1(hidden))
        found: torch.Tensor = hidden + self.mlp(self.norm2(hidden))
        return found


class SiglipPatches(nn.Module):
    """Patches of pixels."""

    def __init__(self, config: SiglipEncoderConfig) -> None:
        super().__init__()
        side = config.patch_size
        self.proj = nn.Conv2d(config.num_channels, config.hidden_size, side, stride=side)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return (views, patches, width) of (views, channels, height, width)."""
        found: torch.Tensor = self.proj(pixels).flatten(2).transpose(1, 2)
        return found


class SiglipPooling(nn.Module):
    """Weights of the pooling behind the encoder: checkpoints have them, and no page goes through them."""

    def __init__(self, config: SiglipEncoderConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.latent = nn.Parameter(torch.empty(1, 1, width))
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = SiglipMlp(config, approximate="none")


class SiglipEncoder(nn.Module):
    """SigLIP's encoder over square views."""

    def __init__(self, config: SiglipEncoderConfig) -> None:
        super().__init__()
        self.patch_embed = SiglipPatches(config)
        side = config.image_size // config.patch_size
        self.pos_embed = nn.Parameter(torch.empty(1, side * side, config.hidden_size))
        self.blocks = nn.ModuleList(SiglipLayer(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size, eps=_EPSILON)
        self.attn_pool = SiglipPooling(config)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return (views, patches, width) of (views, channels, height, width)."""
        hidden = self.patch_embed(pixels) + self.pos_embed
        for layer in self.blocks:
            hidden = layer(hidden)
        found: torch.Tensor = self.norm(hidden)
        return found


class Projector(nn.Module):
    """Squares of neighbouring patches, joined and brought to the language model's width."""

    def __init__(self, config: ProjectorConfig, width: int, hidden_size: int) -> None:
        super().__init__()
        self.joined = config.downsample_ratio
        inner = hidden_size * config.mlp_ratio
        sizes = [width * self.joined**2, *[inner] * (config.depth - 1), hidden_size]
        layers: list[nn.Module] = []
        for before, behind in itertools.pairwise(sizes):
            layers += [*([nn.GELU()] if layers else []), nn.Linear(before, behind)]
        self.layers = nn.Sequential(*layers)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return (views, tokens, hidden size) of (views, patches, width); an odd side is filled up with zeros."""
        views, number, width = patches.shape
        side = math.isqrt(number)
        missing = -side % self.joined
        grid = functional.pad(patches.view(views, side, side, width), (0, 0, 0, missing, 0, missing))
        tokens = (side + missing) // self.joined
        # Of each square all of a channel's numbers lie beside each other: (…, width, line, column).
        squares = grid.view(views, tokens, self.joined, tokens, self.joined, width).permute(0, 1, 3, 5, 2, 4)
        found: torch.Tensor = self.layers(squares.reshape(views, tokens * tokens, width * self.joined**2))
        return found


class DeepseekVl2PreTrainedModel(DeepseekOcrPreTrainedModel):
    """What all parts have in common."""

    config: DeepseekVl2Config  # type: ignore[assignment]
    _no_split_modules = ["SiglipLayer", "DeepseekOcr2TextDecoderLayer"]  # noqa: RUF012

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, SiglipEncoder):
            nn.init.normal_(module.pos_embed, std=module.pos_embed.shape[1] ** -0.5)
        elif isinstance(module, SiglipPooling):
            nn.init.normal_(module.latent, std=module.latent.shape[2] ** -0.5)


class DeepseekVl2Model(DeepseekOcrModel, DeepseekVl2PreTrainedModel):
    """Encoder, projector and language model without its head."""

    config: DeepseekVl2Config

    def encoder_of(self, config: Any) -> tuple[Any, nn.Module]:
        """Return encoder and projector."""
        wide = config.vision_config.hidden_size
        projector = Projector(config.projector_config, wide, config.text_config.hidden_size)
        return SiglipEncoder(config.vision_config), projector

    def features_of(self, views: torch.Tensor) -> torch.Tensor:
        """Return (views, tokens, hidden size) of views (number, channels, height, width)."""
        found: torch.Tensor = self.multi_modal_projector(self.vision_tower(views))
        return found

    def page_features(self, whole: torch.Tensor, tiles: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        """Return the rows (image tokens, hidden size) of a page, as the language model reads them.

        `whole` (tokens, hidden size) is the page as one view, `tiles` (columns · rows, tokens, hidden size) its tiles
        from top left on, `grid` how many columns and rows of them there are. `view_separator` lies between both; which
        comes first, the configuration says (`global_view_pos`).
        """
        parts = [joined_lines(whole[None], 1, 1, self.image_newline), joined_lines(tiles, *grid, self.image_newline)]
        if self.config.global_view_pos == "tail":
            parts.reverse()
        return torch.cat([parts[0], self.view_separator[None], parts[1]])


class DeepseekVl2ForConditionalGeneration(DeepseekOcrForConditionalGeneration, DeepseekVl2PreTrainedModel):
    """DeepSeek-VL2; pages enter by `inputs_embeds` (`Family.embed`)."""

    config: DeepseekVl2Config
    _no_split_modules = DeepseekVl2PreTrainedModel._no_split_modules
    inner = DeepseekVl2Model


def register() -> None:
    """Make the class known to transformers' Auto classes, and the authors' names of its tensors to its loader."""
    AutoConfig.register(MODEL_TYPE, DeepseekVl2Config, exist_ok=True)
    AutoModelForImageTextToText.register(DeepseekVl2Config, DeepseekVl2ForConditionalGeneration, exist_ok=True)
    of_parts = get_checkpoint_conversion_mapping("deepseek_ocr2") or []
    names = [
        WeightRenaming(source_patterns=theirs, target_patterns=ours)
        for theirs, ours in (
            (r"^vision\.", "model.vision_tower."),
            (r"^projector\.", "model.multi_modal_projector."),
            (r"^image_newline", "model.image_newline"),
            (r"^view_seperator", "model.view_separator"),
            (r"^language\.model\.", "model.language_model."),
            (r"^language\.lm_head\.", "lm_head."),
        )
    ]
    stacked = [one for one in of_parts if isinstance(one, WeightConverter)]
    register_checkpoint_conversion_mapping(MODEL_TYPE, [*names, *stacked], overwrite=True)

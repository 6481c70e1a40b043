"""DeepSeek-OCR (1) as a class for transformers 5.17, which has its parts but not the whole.

SAM and the language model are those of DeepSeek-OCR-2 (`deepseek_ocr2` in transformers) with other sizes; between them
stands CLIP's encoder, which takes SAM's output for its patches. What the authors' code does was read, none of it is
here; docs/log.md says how far both agree. Tensors have the authors' names on disk, or the class's own.
"""

import math
from typing import Any

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForImageTextToText, GenerationMixin, PreTrainedConfig
from transformers.conversion_mapping import get_checkpoint_conversion_mapping, register_checkpoint_conversion_mapping
from transformers.core_model_loading import WeightRenaming
from transformers.modeling_outputs import CausalLMOutputWithPast
from transformers.models.deepseek_ocr2.configuration_deepseek_ocr2 import (
    DeepseekOcr2SamVisionConfig,
    DeepseekOcr2TextConfig,
)
from transformers.models.deepseek_ocr2.modeling_deepseek_ocr2 import (
    DeepseekOcr2PreTrainedModel,
    DeepseekOcr2SamVisionEncoder,
    DeepseekOcr2TextModel,
)

MODEL_TYPE = "deepseek_ocr"


@strict
class ClipEncoderConfig(PreTrainedConfig):
    """Sizes of CLIP's encoder; the defaults are those of the released model (CLIP-L/14)."""

    model_type = "deepseek_ocr_clip"
    base_config_key = "clip_config"

    hidden_size: int = 1024
    intermediate_size: int = 4096
    num_hidden_layers: int = 24
    num_attention_heads: int = 16
    num_channels: int = 3
    image_size: int = 224
    patch_size: int = 14
    layer_norm_eps: float = 1e-5
    initializer_range: float = 0.02


@strict
class DeepseekOcrVisionConfig(PreTrainedConfig):
    """Sizes of the encoder: SAM, and CLIP behind it."""

    model_type = "deepseek_ocr_vision"
    base_config_key = "vision_config"
    sub_configs = {"sam_config": DeepseekOcr2SamVisionConfig, "clip_config": ClipEncoderConfig}  # noqa: RUF012

    sam_config: dict[str, Any] | PreTrainedConfig | None = None
    clip_config: dict[str, Any] | PreTrainedConfig | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        if not isinstance(self.sam_config, PreTrainedConfig):
            self.sam_config = DeepseekOcr2SamVisionConfig(
                **({"downsample_channels": [512, 1024]} | (self.sam_config or {}))
            )
        if not isinstance(self.clip_config, PreTrainedConfig):
            self.clip_config = ClipEncoderConfig(**(self.clip_config or {}))
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]


@strict
class DeepseekOcrConfig(PreTrainedConfig):
    """Sizes of the whole model."""

    model_type = MODEL_TYPE
    sub_configs = {"vision_config": DeepseekOcrVisionConfig, "text_config": DeepseekOcr2TextConfig}  # noqa: RUF012

    vision_config: dict[str, Any] | PreTrainedConfig | None = None
    text_config: dict[str, Any] | PreTrainedConfig | None = None
    image_token_id: int = 128815
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        if not isinstance(self.vision_config, PreTrainedConfig):
            self.vision_config = DeepseekOcrVisionConfig(**(self.vision_config or {}))
        if not isinstance(self.text_config, PreTrainedConfig):
            self.text_config = DeepseekOcr2TextConfig(**(self.text_config or {}))
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]


class ClipAttention(nn.Module):
    """Attention of all patches of a view to each other; queries, keys and values are one product."""

    def __init__(self, config: ClipEncoderConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.qkv_proj = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.out_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return (views, patches, width) for the same."""
        views, patches, width = hidden.shape
        parts = self.qkv_proj(hidden).view(views, patches, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*parts.unbind(0))
        found: torch.Tensor = self.out_proj(attended.transpose(1, 2).reshape(views, patches, width))
        return found


class ClipMlp(nn.Module):
    """Two layers with CLIP's approximation of GELU between them."""

    def __init__(self, config: ClipEncoderConfig) -> None:
        super().__init__()
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return (views, patches, width) for the same."""
        inner = self.fc1(hidden)
        found: torch.Tensor = self.fc2(inner * torch.sigmoid(1.702 * inner))
        return found


class ClipLayer(nn.Module):
    """A layer of CLIP's encoder."""

    def __init__(self, config: ClipEncoderConfig) -> None:
        super().__init__()
        self.self_attn = ClipAttention(config)
        self.mlp = ClipMlp(config)
        self.layer_norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.layer_norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return (views, patches, width) for the same."""
        hidden = hidden + self.self_attn(self.layer_norm1(hidden))
        found: torch.Tensor = hidden + self.mlp(self.layer_norm2(hidden))
        return found


class ClipEmbeddings(nn.Module):
    """Class token and positions. The weights that would make patches of pixels are in checkpoints, and not used."""

    def __init__(self, config: ClipEncoderConfig) -> None:
        super().__init__()
        self.class_embedding = nn.Parameter(torch.empty(config.hidden_size))
        side = config.patch_size
        self.patch_embedding = nn.Conv2d(config.num_channels, config.hidden_size, side, stride=side, bias=False)
        self.position_embedding = nn.Embedding((config.image_size // side) ** 2 + 1, config.hidden_size)

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return (views, 1 + rows · columns, width) for patches (views, width, rows, columns), rows = columns."""
        views, _, rows, _ = patches.shape
        first = self.class_embedding.expand(views, 1, -1)
        found: torch.Tensor = torch.cat([first, patches.flatten(2).transpose(1, 2)], dim=1)
        return found + self._positions(rows)

    def _positions(self, side: int) -> torch.Tensor:
        known = self.position_embedding.weight
        first, grid = known[:1], known[1:]
        learned = math.isqrt(len(grid))
        if learned != side:
            square = grid.float().view(1, learned, learned, -1).permute(0, 3, 1, 2)
            square = functional.interpolate(square, size=(side, side), mode="bicubic", antialias=True)
            grid = square.permute(0, 2, 3, 1).reshape(side * side, -1).to(known.dtype)
        return torch.cat([first, grid])


class ClipEncoder(nn.Module):
    """CLIP's encoder over what SAM makes of a view."""

    def __init__(self, config: ClipEncoderConfig) -> None:
        super().__init__()
        self.embeddings = ClipEmbeddings(config)
        self.pre_layrnorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.layers = nn.ModuleList(ClipLayer(config) for _ in range(config.num_hidden_layers))

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """Return (views, rows · columns, width), without the class token, for patches (views, width, rows, columns)."""
        hidden = self.pre_layrnorm(self.embeddings(patches))
        for layer in self.layers:
            hidden = layer(hidden)
        found: torch.Tensor = hidden[:, 1:]
        return found


class DeepseekOcrPreTrainedModel(DeepseekOcr2PreTrainedModel):
    """What all parts have in common."""

    config: DeepseekOcrConfig  # type: ignore[assignment]
    _no_split_modules = ["DeepseekOcr2SamVisionLayer", "ClipLayer", "DeepseekOcr2TextDecoderLayer"]  # noqa: RUF012

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)  # type: ignore[no-untyped-call]
        if isinstance(module, ClipEmbeddings):
            nn.init.normal_(module.class_embedding, std=module.position_embedding.embedding_dim**-0.5)
        elif isinstance(module, DeepseekOcrModel):
            for marker in (module.image_newline, module.view_separator):
                nn.init.normal_(marker, std=len(marker) ** -0.5)


class DeepseekOcrVisionTower(nn.Module):
    """SAM, and CLIP behind it: both see a view, and what they make of it is joined patch by patch."""

    def __init__(self, config: DeepseekOcrVisionConfig) -> None:
        super().__init__()
        self.sam_encoder = DeepseekOcr2SamVisionEncoder(config.sam_config)  # type: ignore[arg-type]
        self.clip_encoder = ClipEncoder(config.clip_config)  # type: ignore[arg-type]

    def joined(self, patches: torch.Tensor) -> torch.Tensor:
        """Return (views, rows · columns, CLIP's width + SAM's) of SAM's output (views, width, rows, columns)."""
        return torch.cat([self.clip_encoder(patches), patches.flatten(2).transpose(1, 2)], dim=-1)


class DeepseekOcrModel(DeepseekOcrPreTrainedModel):
    """Encoder, projector and language model without its head."""

    base_model_prefix = "model"

    def __init__(self, config: DeepseekOcrConfig) -> None:
        super().__init__(config)
        text: Any = config.text_config
        self.vision_tower, self.multi_modal_projector = self.encoder_of(config)
        self.language_model = DeepseekOcr2TextModel(text)
        self.image_newline = nn.Parameter(torch.empty(text.hidden_size))
        self.view_separator = nn.Parameter(torch.empty(text.hidden_size))
        self.post_init()  # type: ignore[no-untyped-call]

    def encoder_of(self, config: Any) -> tuple[Any, nn.Module]:
        """Return encoder and projector."""
        vision = config.vision_config
        width = vision.clip_config.hidden_size + vision.sam_config.downsample_channels[-1]
        return DeepseekOcrVisionTower(vision), nn.Linear(width, config.text_config.hidden_size)

    def features_of(self, patches: torch.Tensor) -> torch.Tensor:
        """Return (views, rows · columns, hidden size) of SAM's output (views, width, rows, columns)."""
        found: torch.Tensor = self.multi_modal_projector(self.vision_tower.joined(patches))
        return found

    def page_features(self, whole: torch.Tensor, tiles: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        """Return the rows (image tokens, hidden size) of a page, as the language model reads them.

        `whole` (patches, hidden size) is the page as one view, `tiles` (columns · rows, patches, hidden size) its tiles
        from top left on, `grid` how many columns and rows of them there are. Tiles come first, put together line by
        line; a line ends with `image_newline`; `view_separator` is the last row.
        """
        parts = [] if not len(tiles) else [joined_lines(tiles, *grid, self.image_newline)]
        return torch.cat([*parts, joined_lines(whole[None], 1, 1, self.image_newline), self.view_separator[None]])

    def forward(self, inputs_embeds: torch.Tensor, **kwargs: Any) -> Any:
        """Run the language model over embedded tokens (batch, length, hidden size)."""
        return self.language_model(inputs_embeds=inputs_embeds, **kwargs)


def joined_lines(views: torch.Tensor, columns: int, rows: int, end: torch.Tensor) -> torch.Tensor:
    """Return views (columns · rows, tokens, width) put together line by line: (tokens and ends, width).

    Views are squares of tokens, from top left on; each line of them all together has `end` (width) behind it.
    """
    side, width = math.isqrt(views.shape[1]), views.shape[2]
    lines = views.view(rows, columns, side, side, width).transpose(1, 2).reshape(rows * side, columns * side, width)
    return torch.cat([lines, end.expand(rows * side, 1, width)], dim=1).flatten(0, 1)


class DeepseekOcrForConditionalGeneration(DeepseekOcrPreTrainedModel, GenerationMixin):
    """DeepSeek-OCR; pages enter by `inputs_embeds` (`Family.embed`)."""

    _tied_weights_keys = {"lm_head.weight": "model.language_model.embed_tokens.weight"}  # noqa: RUF012
    inner: type[nn.Module] = DeepseekOcrModel
    """Class of all but the head."""

    def __init__(self, config: DeepseekOcrConfig) -> None:
        super().__init__(config)
        text: Any = config.text_config
        self.model: Any = self.inner(config)
        self.lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
        self.post_init()  # type: ignore[no-untyped-call]

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding table of the language model."""
        found: nn.Module = self.model.language_model.embed_tokens
        return found

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace it."""
        self.model.language_model.embed_tokens = value

    def get_output_embeddings(self) -> nn.Module:
        """Return the head."""
        found: nn.Module = self.lm_head
        return found

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        **kwargs: Any,
    ) -> CausalLMOutputWithPast:
        """Return scores (batch, kept positions, vocabulary), and the loss where labels are given."""
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        outputs = self.model(inputs_embeds=inputs_embeds, **kwargs)
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.lm_head(outputs[0][:, kept])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=logits.shape[-1], **kwargs)
        return CausalLMOutputWithPast(
            loss=loss, logits=logits, past_key_values=outputs.past_key_values, hidden_states=outputs.hidden_states
        )


def register() -> None:
    """Make the class known to transformers' Auto classes, and the authors' names of its tensors to its loader."""
    AutoConfig.register(MODEL_TYPE, DeepseekOcrConfig, exist_ok=True)
    AutoModelForImageTextToText.register(DeepseekOcrConfig, DeepseekOcrForConditionalGeneration, exist_ok=True)
    of_parts = get_checkpoint_conversion_mapping("deepseek_ocr2") or []
    known = [one for one in of_parts if not any("qwen2_model" in str(name) for name in one.source_patterns)]
    clip = [
        WeightRenaming(
            source_patterns=rf"vision_model\.{theirs}\.", target_patterns=f"vision_tower.clip_encoder.{ours}."
        )
        for theirs, ours in (
            (r"transformer\.layers", "layers"),
            ("embeddings", "embeddings"),
            ("pre_layrnorm", "pre_layrnorm"),
        )
    ]
    register_checkpoint_conversion_mapping(MODEL_TYPE, [*clip, *known], overwrite=True)

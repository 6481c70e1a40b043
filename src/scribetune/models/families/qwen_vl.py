"""Qwen2.5-VL and Qwen3-VL (dense, and mixture of experts) through their native transformers classes.

They see a page as a grid of tokens (`token_grid`). Qwen3-VL adds features of several encoder depths to the first layers
of the language model (DeepStack). They lie beside the usual ones in the features' columns, and `embed` hands them to
the language model as wider embeddings.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from scribetune.models.families.interface import PLACEHOLDER, Scope, Scopes, TaskName
from scribetune.models.families.native import native, scatter
from scribetune.models.families.token_grid import ATTENTION, GRID, TokenGridFamily, dense_scopes

if TYPE_CHECKING:
    import torch

_EXPERTS = ("mlp.experts.gate_up_proj", "mlp.experts.down_proj")
_ENCODER_2_5 = r".*visual\.blocks\.\d+\.(?:attn\.(?:qkv|proj)|mlp\.(?:gate|up|down)_proj)|.*visual\.merger\.mlp\.[02]"
_ENCODER_3 = (
    r".*visual\.blocks\.\d+\.(?:attn\.(?:qkv|proj)|mlp\.linear_fc[12])"
    r"|.*visual\.(?:merger|deepstack_merger_list\.\d+)\.linear_fc[12]"
)


def _mixture_scopes(title: str, encoder: str) -> Scopes:
    groups = frozenset({"attention", "experts"})
    return Scopes(
        title,
        {
            "attention": Scope(ATTENTION, (), frozenset({"attention"}), True, True),
            "experts": Scope(ATTENTION, _EXPERTS, groups, True, False),
            "vision": Scope(f"{ATTENTION}|{encoder}", _EXPERTS, groups | {"vision"}, False, False),
        },
        {"language": "every MLP of it is a routed expert: there are no dense or shared ones"},
    )


class QwenVL(TokenGridFamily):
    """What the Qwen families have in common."""

    encoder: ClassVar[tuple[str, ...]] = ("visual.",)
    image_token: ClassVar[str] = "<|image_pad|>"  # noqa: S105 (a token of text)
    image_processor: ClassVar[str] = "Qwen2VLImageProcessorPil"

    def image_processing(self) -> Any:
        """Return the module of its image processor; see `TokenGridFamily.image_processing`."""
        from transformers.models.qwen2_vl import image_processing_pil_qwen2_vl

        return image_processing_pil_qwen2_vl

    def page_features(self, base: Any, pixels: "Mapping[str, torch.Tensor]") -> "list[torch.Tensor]":
        """Run the encoder; see `TokenGridFamily.page_features`.

        Columns: what takes the tokens' places, and what DeepStack adds (once the hidden size per layer).
        """
        import torch

        visual = base.model.visual
        output = base.model.get_image_features(
            pixel_values=pixels["pixel_values"].to(visual.device, visual.dtype),
            image_grid_thw=pixels[GRID].to(visual.device),
        )
        pages = list(output.pooler_output)
        lengths = [len(page) for page in pages]
        deep = [level.split(lengths) for level in getattr(output, "deepstack_features", None) or ()]
        return [torch.cat([page, *deeper], dim=-1) for page, *deeper in zip(pages, *deep, strict=True)]

    def embed(self, model: Any, input_ids: "torch.Tensor", features: "torch.Tensor") -> "torch.Tensor":
        """Scatter features over the image tokens' embeddings; see `Family.embed`.

        With DeepStack the result is wider than the hidden size: beside each embedding lies what the first layers add,
        which is nothing for text. The language model takes it apart.
        """
        import torch

        base = native(model)
        embedded = base.get_input_embeddings()(input_ids)
        hidden, width = embedded.shape[-1], features.shape[-1] - 1
        if width > hidden:
            _accept_wide_embeddings(base.model.language_model)
            embedded = torch.cat([embedded, embedded.new_zeros(*embedded.shape[:2], width - hidden)], dim=-1)
        return scatter(embedded, input_ids == base.config.image_token_id, features[:, :-1])

    def feature_width(self, config: Any) -> int:
        """Add what DeepStack's layers take; see `Family.feature_width`."""
        deep = getattr(config.vision_config, "deepstack_visual_indexes", None) or ()
        return super().feature_width(config) + int(config.get_text_config().hidden_size) * len(deep)


class Qwen25VL(QwenVL):
    """Qwen2.5-VL, of any size: 28 px per token side."""

    model_type: ClassVar[str] = "qwen2_5_vl"
    title: ClassVar[str] = "Qwen2.5-VL"
    prompts: ClassVar[Mapping[TaskName, str]] = MappingProxyType(
        {
            "free_ocr": f"{PLACEHOLDER}Read all the text in the image.",
            "markdown": f"{PLACEHOLDER}Convert the document to Markdown.",
        }
    )
    scopes: ClassVar[Scopes] = dense_scopes(title, _ENCODER_2_5)


class Qwen3VL(QwenVL):
    """Qwen3-VL, of any dense size: 32 px per token side."""

    model_type: ClassVar[str] = "qwen3_vl"
    title: ClassVar[str] = "Qwen3-VL"
    prompts: ClassVar[Mapping[TaskName, str]] = MappingProxyType(
        {"free_ocr": f"{PLACEHOLDER}Read all the text in the image.", "markdown": f"{PLACEHOLDER}qwenvl markdown"}
    )
    scopes: ClassVar[Scopes] = dense_scopes(title, _ENCODER_3)


class Qwen3VLMoe(Qwen3VL):
    """Qwen3-VL with routed experts (30B-A3B, 235B-A22B)."""

    model_type: ClassVar[str] = "qwen3_vl_moe"
    title: ClassVar[str] = "Qwen3-VL (mixture of experts)"
    scopes: ClassVar[Scopes] = _mixture_scopes(title, _ENCODER_3)


def _accept_wide_embeddings(language_model: Any) -> None:
    """Let a language model with DeepStack take embeddings with the added features beside them; twice does no harm."""
    if _take_apart not in language_model._forward_pre_hooks.values():
        language_model.register_forward_pre_hook(_take_apart, with_kwargs=True)


def _take_apart(
    language_model: Any, arguments: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    """Turn wide embeddings (batch, length, (1 + layers) × hidden) into the arguments of the forward."""
    wide, hidden = named.get("inputs_embeds"), int(language_model.config.hidden_size)
    if wide is None or wide.shape[-1] == hidden:
        return None
    embedded, *added = wide.split(hidden, dim=-1)
    everywhere = wide.new_ones(wide.shape[:2]).bool()
    deep = [level.reshape(-1, hidden) for level in added]
    return arguments, {
        **named,
        "inputs_embeds": embedded.contiguous(),
        "visual_pos_masks": everywhere,
        "deepstack_visual_embeds": deep,
    }

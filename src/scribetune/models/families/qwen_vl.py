"""Qwen2.5-VL and Qwen3-VL (dense, and mixture of experts) through their native transformers classes.

A page keeps its proportions: it is scaled so that both sides are multiples of the token size and its area lies between
the processor's least and greatest number of pixels; each token square is one token. Prompts go through the model's own
chat template. Two things differ from a plain vision-language model, and both travel inside the vision features:

- Positions have three axes (M-RoPE): a page's tokens count rows and columns, and the text behind it goes on from the
  longer side. The last column of the features marks the tokens that begin a row, from which the grid follows.
- Qwen3-VL adds features of several encoder depths to the first layers of the language model (DeepStack). They lie
  beside the usual ones in the features' columns, and `embed` hands them to the language model as wider embeddings.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from scribetune.core.errors import UserError
from scribetune.models.families.interface import (
    EncodedPages,
    ImageTokenError,
    LayoutName,
    PageCost,
    Scope,
    Scopes,
    TaskName,
)
from scribetune.models.families.native import NativeFamily, native, scatter

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

PLACEHOLDER = "<image>"
"""Stands for the page in a prompt; the chat template's own marks take its place."""

_MOST_OBLONG = 200  # longer / shorter side; the processor refuses more
_LAYER = r".*language_model\.layers\.\d+\."
_ATTENTION = _LAYER + r"self_attn\.(?:q|k|v|o)_proj"
_MLP = _LAYER + r"mlp\.(?:gate|up|down)_proj"
_EXPERTS = ("mlp.experts.gate_up_proj", "mlp.experts.down_proj")
_ENCODER_2_5 = r".*visual\.blocks\.\d+\.(?:attn\.(?:qkv|proj)|mlp\.(?:gate|up|down)_proj)|.*visual\.merger\.mlp\.[02]"
_ENCODER_3 = (
    r".*visual\.blocks\.\d+\.(?:attn\.(?:qkv|proj)|mlp\.linear_fc[12])"
    r"|.*visual\.(?:merger|deepstack_merger_list\.\d+)\.linear_fc[12]"
)


def _dense_scopes(title: str, encoder: str) -> Scopes:
    language = f"{_ATTENTION}|{_MLP}"
    return Scopes(
        title,
        {
            "attention": Scope(_ATTENTION, (), frozenset({"attention"}), True, True),
            "language": Scope(language, (), frozenset({"attention", "mlp"}), True, True),
            "vision": Scope(f"{language}|{encoder}", (), frozenset({"attention", "mlp", "vision"}), False, False),
        },
        {"experts": "it is a dense model, without routed experts"},
    )


def _mixture_scopes(title: str, encoder: str) -> Scopes:
    groups = frozenset({"attention", "experts"})
    return Scopes(
        title,
        {
            "attention": Scope(_ATTENTION, (), frozenset({"attention"}), True, True),
            "experts": Scope(_ATTENTION, _EXPERTS, groups, True, False),
            "vision": Scope(f"{_ATTENTION}|{encoder}", _EXPERTS, groups | {"vision"}, False, False),
        },
        {"language": "every MLP of it is a routed expert: there are no dense or shared ones"},
    )


class QwenVL(NativeFamily):
    """What the Qwen families have in common."""

    encoder: ClassVar[tuple[str, ...]] = ("visual.",)

    def load_processor(self, folder: Path) -> Any:
        """Load tokenizer, chat template and the Pillow image processor; see `Family.load_processor`.

        Not through AutoProcessor, which wants torchvision for videos, and would then scale pages otherwise than where
        there is none: the same page must be the same pixels on every machine.

        Raises:
            UserError: The folder holds no chat template.
        """
        from transformers import AutoTokenizer
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        from scribetune.models.families.qwen_processor import PageProcessor

        images = Qwen2VLImageProcessorPil.from_pretrained(folder, local_files_only=True)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        saved, _ = PageProcessor.get_processor_dict(folder, local_files_only=True)
        template = saved.get("chat_template") or tokenizer.chat_template
        if not template:
            raise UserError(
                f"The {self.title} model has no chat template",
                value=str(folder),
                accepted="a folder with chat_template.jinja, chat_template.json or one in tokenizer_config.json",
                todo="copy the file from the model that it was made from",
            )
        return PageProcessor(image_processor=images, tokenizer=tokenizer, chat_template=template)

    def page_cost(self, processor: Any, width_px: int, height_px: int) -> PageCost:
        """Count tokens from the scaled size; see `Family.page_cost`. There are no tiles."""
        width, height = self._scaled(processor, *_padded(width_px, height_px))
        side = _token_side(processor)
        return PageCost((width // side) * (height // side), 0, max(width, height))

    def encode(self, processor: Any, images: "Sequence[Image]", prompt: str) -> EncodedPages:
        """Render the chat template, call the processor and check every count; see `Family.encode`."""
        text = self._rendered(processor, prompt)
        pages = [_with_padding(image) for image in images]
        batch = processor(images=pages, text=[text] * len(pages), return_tensors="pt", padding=True)
        rows = tuple(
            tuple(row[kept.bool()].tolist())
            for row, kept in zip(batch["input_ids"], batch["attention_mask"], strict=True)
        )
        pixels = {key: batch[key] for key in ("pixel_values", "image_grid_thw")}
        merged = int(processor.image_processor.merge_size) ** 2
        patches_due = 0
        for image, row, grid in zip(images, rows, pixels["image_grid_thw"].tolist(), strict=True):
            due = self.page_cost(processor, image.width, image.height)
            found, seen = row.count(processor.image_token_id), math.prod(grid) // merged
            if not due.tokens == found == seen:
                raise ImageTokenError(
                    f"A page of {image.width}×{image.height} px calls for {due.tokens} image tokens, but the processor "
                    f"wrote {found} tokens for {seen} features. Check size (its shortest_edge and longest_edge, in "
                    "square pixels), patch_size and merge_size in the model's processor configuration."
                )
            patches_due += due.tokens * merged
        if len(pixels["pixel_values"]) != patches_due:
            raise ImageTokenError(
                f"{patches_due} patches are called for, the processor made {len(pixels['pixel_values'])}."
            )
        return EncodedPages(rows, pixels)

    def text_tokens(self, processor: Any, prompt: str) -> int:
        """Count the template's tokens but its one image token; see `Family.text_tokens`."""
        return len(processor.tokenizer(self._rendered(processor, prompt))["input_ids"]) - 1

    def control_tokens(self, processor: Any) -> Sequence[str]:
        """Return every token that the tokenizer marks as special."""
        return [token.content for token in processor.tokenizer.added_tokens_decoder.values() if token.special]

    def vision_features(self, model: Any, pixels: "Mapping[str, torch.Tensor]") -> "list[torch.Tensor]":
        """Run the encoder; see `Family.vision_features`.

        Columns: what takes the tokens' places, what DeepStack adds (once the hidden size per layer), and a last one
        that is 1 at the first token of each row of the page and 0 elsewhere, which every number format holds exactly.
        """
        import torch

        visual = native(model).model.visual
        grids = pixels["image_grid_thw"].to(visual.device)
        output = native(model).model.get_image_features(
            pixel_values=pixels["pixel_values"].to(visual.device, visual.dtype), image_grid_thw=grids
        )
        deep = list(getattr(output, "deepstack_features", None) or ())
        merge = int(visual.spatial_merge_size)
        sizes = [(height // merge, width // merge) for _, height, width in pixels["image_grid_thw"].tolist()]
        lengths = [rows * columns for rows, columns in sizes]
        features = []
        for (_, columns), page, *deeper in zip(
            sizes, output.pooler_output, *(level.split(lengths) for level in deep), strict=True
        ):
            begins = (torch.arange(len(page), device=page.device) % columns == 0).to(page.dtype).unsqueeze(-1)
            features.append(torch.cat([page, *deeper, begins], dim=-1))
        return features

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

    def model_inputs(
        self, model: Any, input_ids: "torch.Tensor", attention_mask: "torch.Tensor", features: "torch.Tensor"
    ) -> "dict[str, torch.Tensor]":
        """Add the three-axis positions to the embeddings; see `Family.model_inputs`."""
        image = input_ids == native(model).config.image_token_id
        return {
            "inputs_embeds": self.embed(model, input_ids, features),
            "position_ids": positions(image, attention_mask, features[:, -1]),
        }

    def names_on_disk(self, layout: LayoutName) -> LayoutName:  # noqa: ARG002 (one set of names serves both)
        """Return the names that the models on the hub have, which vLLM and transformers both read, in any layout."""
        return "original"

    def feature_width(self, config: Any) -> int:
        """Count the columns that `vision_features` describes; see `Family.feature_width`."""
        deep = getattr(config.vision_config, "deepstack_visual_indexes", None) or ()
        return int(config.get_text_config().hidden_size) * (1 + len(deep)) + 1

    @staticmethod
    def _scaled(processor: Any, width_px: int, height_px: int) -> tuple[int, int]:
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

        settings = processor.image_processor
        height, width = smart_resize(
            height_px,
            width_px,
            factor=_token_side(processor),
            min_pixels=int(settings.size["shortest_edge"]),
            max_pixels=int(settings.size["longest_edge"]),
        )
        return width, height

    @staticmethod
    def _rendered(processor: Any, prompt: str) -> str:
        before, found, after = prompt.partition(PLACEHOLDER)
        if not found or PLACEHOLDER in after:
            raise ValueError(f"a prompt has exactly one {PLACEHOLDER}, found {prompt!r}")
        said = [{"type": "text", "text": part} if part else None for part in (before, after)]
        content = [part for part in (said[0], {"type": "image"}, said[1]) if part]
        text: str = processor.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        return text


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
    scopes: ClassVar[Scopes] = _dense_scopes(title, _ENCODER_2_5)


class Qwen3VL(QwenVL):
    """Qwen3-VL, of any dense size: 32 px per token side."""

    model_type: ClassVar[str] = "qwen3_vl"
    title: ClassVar[str] = "Qwen3-VL"
    prompts: ClassVar[Mapping[TaskName, str]] = MappingProxyType(
        {"free_ocr": f"{PLACEHOLDER}Read all the text in the image.", "markdown": f"{PLACEHOLDER}qwenvl markdown"}
    )
    scopes: ClassVar[Scopes] = _dense_scopes(title, _ENCODER_3)


class Qwen3VLMoe(Qwen3VL):
    """Qwen3-VL with routed experts (30B-A3B, 235B-A22B)."""

    model_type: ClassVar[str] = "qwen3_vl_moe"
    title: ClassVar[str] = "Qwen3-VL (mixture of experts)"
    scopes: ClassVar[Scopes] = _mixture_scopes(title, _ENCODER_3)


def positions(image: "torch.Tensor", attention_mask: "torch.Tensor", begins: "torch.Tensor") -> "torch.Tensor":
    """Return M-RoPE positions, without asking the GPU for a number.

    Text before the page counts 0 … b-1 on all three axes. The page's tokens have b on the first, b + row on the second
    and b + column on the third. Text behind it goes on from b + the longer of the numbers of rows and columns. (The
    rule of the models' own `get_rope_index`, for one page per sequence.)

    Args:
        image: (batch, length), true at image tokens.
        attention_mask: (batch, length), 0 at padding on either side.
        begins: (image tokens of the batch), 1 at the first token of each row of a page.

    Returns:
        (3, batch, length); 0 at padding.
    """
    import torch

    kept = attention_mask.bool()
    count = image.sum(1, keepdim=True)
    begun = torch.zeros(image.shape, dtype=torch.long, device=image.device).masked_scatter(image, begins.long())
    rows = begun.sum(1, keepdim=True).clamp(min=1)
    columns = count // rows
    nth = image.cumsum(1) - 1
    row = begun.cumsum(1) - 1
    column = nth - row * columns
    text = (kept & ~image).cumsum(1) - 1
    # Only tokens behind the page have all of its tokens before them; a page itself is overwritten below.
    behind = (nth + 1 == count) & (count > 0)
    plain = text + behind * torch.maximum(rows, columns)
    first = text + 1
    axes = (torch.where(image, first + step, plain) for step in (torch.zeros_like(row), row, column))
    return torch.stack([axis.masked_fill(~kept, 0) for axis in axes])


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


def _token_side(processor: Any) -> int:
    """Return the side, in pixels, of the square that one token stands for."""
    return int(processor.image_processor.patch_size) * int(processor.image_processor.merge_size)


def _padded(width_px: int, height_px: int) -> tuple[int, int]:
    """Return the size with the shorter side long enough for the processor, which refuses strips."""
    least = math.ceil(max(width_px, height_px) / _MOST_OBLONG)
    return max(width_px, least), max(height_px, least)


def _with_padding(image: "Image") -> "Image":
    from PIL import Image

    size = _padded(*image.size)
    if size == image.size:
        return image
    page = Image.new("RGB", size, "white")
    page.paste(image)
    return page

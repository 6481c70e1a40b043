"""Families that see a page as one grid of tokens and are asked through a chat template: what they have in common.

A page keeps its proportions: it is scaled so that each square of so many pixels is one token. Vision features go in by
`inputs_embeds`. Most of these models have positions of three axes (M-RoPE): a page's tokens count rows and columns, and
the text behind it goes on from the longer side. That travels inside the vision features: their last column marks the
tokens that begin a row, from which the grid follows.

A new family says its `model_type`, prompts, scopes, encoder, image token and image processor; where its processor
scales otherwise, or its encoder is called otherwise, it overrides `scaled` or `page_features`.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from scribetune.core.errors import UserError
from scribetune.models.families.interface import (
    EncodedPages,
    ImageTokenError,
    LayoutName,
    PageCost,
    Scope,
    Scopes,
)
from scribetune.models.families.native import NativeFamily, native

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

GRID = "image_grid_thw"
"""Among a page's pixels: its patches in time (1), height and width."""
_MOST_OBLONG = 200  # longer / shorter side; the processors refuse more
_LAYER = r".*language_model\.layers\.\d+\."
ATTENTION = _LAYER + r"self_attn\.(?:q|k|v|o)_proj"
"""Attention of the language model."""


class TokenGridFamily(NativeFamily):
    """A family of models that see a page as one grid of tokens."""

    image_token: ClassVar[str]
    """Text of the token that stands for a piece of a page."""
    image_processor: ClassVar[str]
    """Class of the Pillow image processor."""
    has_axes: ClassVar[bool] = True
    """Whether positions have three axes."""

    def load_processor(self, folder: Path) -> Any:
        """Load tokenizer, chat template and the Pillow image processor; see `Family.load_processor`.

        Not through AutoProcessor, which wants torchvision for videos, and would then scale pages otherwise than where
        there is none: the same page must be the same pixels on every machine.

        Raises:
            UserError: The folder holds no chat template.
        """
        from transformers import AutoTokenizer

        from scribetune.models.families.page_processor import PageProcessor

        loader = getattr(self.image_processing(), self.image_processor)
        images = loader.from_pretrained(folder, local_files_only=True)
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
        patch_px, merge = self.patches(images, saved)
        return PageProcessor(images, tokenizer, template, self.image_token, patch_px, merge)

    def patches(self, images: Any, saved: Mapping[str, Any]) -> tuple[int, int]:  # noqa: ARG002 (a family's own may)
        """Return a patch's side in pixels, and how many patches along a token's: of image processor and settings."""
        return int(images.patch_size), int(images.merge_size)

    def page_cost(self, processor: Any, width_px: int, height_px: int) -> PageCost:
        """Count tokens from the scaled size; see `Family.page_cost`. There are no tiles."""
        width, height = self.scaled(processor, *self.padded(processor, width_px, height_px))
        side = processor.token_px
        return PageCost((width // side) * (height // side), 0, max(width, height))

    def encode(self, processor: Any, images: "Sequence[Image]", prompt: str) -> EncodedPages:
        """Render the chat template, call the image processor and check every count; see `Family.encode`."""
        pages = [_on_white(image, self.padded(processor, *image.size)) for image in images]
        pixels = self.pixels(processor, pages)
        patches, rows = 0, []
        for image, (_, height, width) in zip(images, pixels[GRID].tolist(), strict=True):
            due = self.page_cost(processor, image.width, image.height)
            found = (height // processor.merge) * (width // processor.merge)
            if due.tokens != found:
                raise ImageTokenError(
                    f"A page of {image.width}×{image.height} px calls for {due.tokens} image tokens, but the processor "
                    f"made patches for {found}. Check size, patch_size and merge_size in the model's processor "
                    "configuration."
                )
            patches += height * width
            rows.append(processor.prompt_ids(prompt, due.tokens))
        if len(pixels["pixel_values"]) != patches:
            raise ImageTokenError(
                f"{patches} patches are called for, the processor made {len(pixels['pixel_values'])}."
            )
        return EncodedPages(tuple(rows), pixels)

    def pixels(self, processor: Any, pages: "Sequence[Image]") -> "dict[str, torch.Tensor]":
        """Return the patches of pages, one behind the other, as `pixel_values`, and `image_grid_thw` (pages, 3)."""
        made = processor.image_processor(list(pages), return_tensors="pt")
        return {key: made[key] for key in ("pixel_values", GRID)}

    def text_tokens(self, processor: Any, prompt: str) -> int:
        """Count the template's tokens but its one image token; see `Family.text_tokens`."""
        return len(processor.prompt_ids(prompt, 0))

    def control_tokens(self, processor: Any) -> Sequence[str]:
        """Return every token that the tokenizer marks as special."""
        return [token.content for token in processor.tokenizer.added_tokens_decoder.values() if token.special]

    def vision_features(self, model: Any, pixels: "Mapping[str, torch.Tensor]") -> "list[torch.Tensor]":
        """Run the encoder; see `Family.vision_features`.

        Columns: what `page_features` has, and with three axes a last one that is 1 at the first token of each row of
        the page and 0 elsewhere, which every number format holds exactly.
        """
        import torch

        base = native(model)
        pages = self.page_features(base, pixels)
        if not self.has_axes:
            return pages
        merge = int(base.config.vision_config.spatial_merge_size)
        features = []
        for page, (_, _, width) in zip(pages, pixels[GRID].tolist(), strict=True):
            begins = torch.arange(len(page), device=page.device) % (width // merge) == 0
            features.append(torch.cat([page, begins.to(page.dtype).unsqueeze(-1)], dim=-1))
        return features

    def page_features(self, base: Any, pixels: "Mapping[str, torch.Tensor]") -> "list[torch.Tensor]":
        """Run encoder and projector of the native model: (image tokens, columns) of each page."""
        visual = base.model.visual
        return list(
            base.model.get_image_features(
                pixel_values=pixels["pixel_values"].to(visual.device, visual.dtype),
                image_grid_thw=pixels[GRID].to(visual.device),
            ).pooler_output
        )

    def embed(self, model: Any, input_ids: "torch.Tensor", features: "torch.Tensor") -> "torch.Tensor":
        """Scatter features over the image tokens' embeddings; see `Family.embed`."""
        return super().embed(model, input_ids, features[:, :-1] if self.has_axes else features)

    def model_inputs(
        self, model: Any, input_ids: "torch.Tensor", attention_mask: "torch.Tensor", features: "torch.Tensor"
    ) -> "dict[str, torch.Tensor]":
        """Add the three-axis positions to the embeddings, where the model has such; see `Family.model_inputs`."""
        inputs = {"inputs_embeds": self.embed(model, input_ids, features)}
        if self.has_axes:
            image = input_ids == native(model).config.image_token_id
            inputs["position_ids"] = positions(image, attention_mask, features[:, -1])
        return inputs

    @abstractmethod
    def image_processing(self) -> Any:
        """Return the module of transformers that has the image processor, and `smart_resize` where it scales so."""

    def names_on_disk(self, layout: LayoutName) -> LayoutName:  # noqa: ARG002 (one set of names serves both)
        """Return the names that the models on the hub have, which vLLM and transformers both read, in any layout."""
        return "original"

    def feature_width(self, config: Any) -> int:
        """Count the columns that `vision_features` describes; see `Family.feature_width`."""
        return int(config.get_text_config().hidden_size) + self.has_axes

    def scaled(self, processor: Any, width_px: int, height_px: int) -> tuple[int, int]:
        """Return width and height that the image processor scales a page to."""
        resize = self.image_processing().smart_resize
        limits = processor.image_processor.size
        height, width = resize(
            height=height_px,
            width=width_px,
            factor=processor.token_px,
            min_pixels=int(limits["shortest_edge"]),
            max_pixels=int(limits["longest_edge"]),
        )
        return width, height

    def padded(self, processor: Any, width_px: int, height_px: int) -> tuple[int, int]:  # noqa: ARG002 (as above)
        """Return the size with the shorter side long enough for the processor, which refuses strips."""
        least = math.ceil(max(width_px, height_px) / _MOST_OBLONG)
        return max(width_px, least), max(height_px, least)


def dense_scopes(title: str, encoder: str, *, mlp: str = "gate|up|down", served: bool = True) -> Scopes:
    """Return the scopes of a model without routed experts.

    Args:
        title: The family's.
        encoder: Regular expression of the encoder's linear layers, projector included.
        mlp: Alternatives of what stands before `_proj` in the names of an MLP's layers.
        served: Whether vLLM has LoRA for the model's class.
    """
    language = rf"{ATTENTION}|{_LAYER}mlp\.(?:{mlp})_proj"
    return Scopes(
        title,
        {
            "attention": Scope(ATTENTION, (), frozenset({"attention"}), True, served),
            "language": Scope(language, (), frozenset({"attention", "mlp"}), True, served),
            "vision": Scope(f"{language}|{encoder}", (), frozenset({"attention", "mlp", "vision"}), False, False),
        },
        {"experts": "it is a dense model, without routed experts"},
    )


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


def _on_white(image: "Image", size: tuple[int, int]) -> "Image":
    from PIL import Image

    if size == image.size:
        return image
    page = Image.new("RGB", size, "white")
    page.paste(image)
    return page

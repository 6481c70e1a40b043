"""DeepSeek-OCR-2 through its native transformers class (model_type `deepseek_ocr2`).

A page is one square global view and, where the processor crops, up to six 768 px tiles; every view costs one token per
64 px square, plus one separator per page. Prompts are plain text, without a chat template.
"""

import functools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from scribetune.models.families import authors_config
from scribetune.models.families.interface import TERM, EncodedPages, ImageTokenError, PageCost, Scope, Scopes, TaskName
from scribetune.models.families.modes import Mode, said_in
from scribetune.models.families.native import NativeFamily, native

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

_ATTENTION = r"self_attn\.(?:q|k|v|o)_proj"
_MLP = r"mlp\.(?:shared_experts\.)?(?:gate|up|down)_proj"
_LAYER = r".*language_model\.layers\.\d+\."
_ENCODER = r".*vision_tower\.vision_encoder\.layers\.\d+\.(?:self_attn\.(?:q|k|v|o)_proj|mlp\.(?:gate|up|down)_proj)"
"""The query encoder. The usual recipes' list (q, k, v, o, gate, up, down) never reaches SAM before it: its layers have
other names; it stays as it is here too, which lets its output be kept."""
_EXPERTS = ("mlp.experts.gate_up_proj", "mlp.experts.down_proj")
_PROCESSOR = "DeepseekOcr2Processor"
_FRONT, _FRONT_ROWS = "front", "front_rows"
"""What SAM made of pages, and how many rows each has, in the place of pixels."""
LEVELS = "pixel_levels"
"""Beside views of bytes: the number that each stands for, (pages, channels, 256), the same for all pages."""
_VIEWS_AT_ONCE = 3
_VIEWS_AT_ONCE_QUICKLY = 9
_PIXELS_PER_TOKEN_SIDE = 64  # 16 px patches, downsampled by 4


@dataclass(frozen=True)
class _Quick:
    """How parts of the encoder are run while `DeepseekOcr2.encoding` lasts."""

    front: "Callable[[torch.Tensor], torch.Tensor]"  # SAM: views to features
    behind: "Callable[[torch.Tensor], torch.Tensor]"  # what stands behind SAM: its output to image tokens


def scopes_of(title: str, encoder: str, *, experts_beside_base: bool) -> Scopes:
    """Return the scopes of a model with this language model; `encoder` matches what of its encoder `vision` trains."""
    linear = f"{_LAYER}(?:{_ATTENTION}|{_MLP})"
    language, experts = frozenset({"attention", "mlp"}), frozenset({"attention", "mlp", "experts"})
    return Scopes(
        title,
        {
            "attention": Scope(_LAYER + _ATTENTION, (), frozenset({"attention"}), True, True),
            "language": Scope(linear, (), language, True, True),
            "experts": Scope(linear, _EXPERTS, experts, True, experts_beside_base),
            "vision": Scope(f"{linear}|{encoder}", _EXPERTS, experts | {"vision"}, False, False),
        },
    )


class DeepseekOcr2(NativeFamily):
    """DeepSeek-OCR-2, of any size."""

    def __init__(self) -> None:
        self._quick: WeakKeyDictionary[Any, _Quick] = WeakKeyDictionary()

    model_type: ClassVar[str] = "deepseek_ocr2"
    title: ClassVar[str] = "DeepSeek-OCR-2"
    reads_plain_prompts: ClassVar[bool] = True
    served_architecture: ClassVar[str] = "DeepseekOCR2ForCausalLM"
    prompts: ClassVar[Mapping[TaskName, str]] = MappingProxyType(
        {
            "free_ocr": "<image>\nFree OCR. ",
            "markdown": "<image>\n<|grounding|>Convert the document to markdown. ",
            "grounding": "<image>\n<|grounding|>Convert the document to markdown. ",
            "ocr": "<image>\n<|grounding|>OCR this image. ",
            "figure": "<image>\nParse the figure. ",
            "describe": "<image>\nDescribe this image in detail. ",
            "locate": f"<image>\nLocate <|ref|>{TERM}<|/ref|> in the image. ",
        }
    )
    modes: ClassVar[Mapping[str, Mode]] = MappingProxyType(
        # The encoder has queries for views of these two sizes alone.
        {"small": Mode(768, 768, False), "base": Mode(1024, 1024, False), "gundam": Mode(1024, 768, True)}
    )
    served_mode: ClassVar[str] = "gundam"
    scopes: ClassVar[Scopes] = scopes_of(title, _ENCODER, experts_beside_base=True)
    front: ClassVar[str | None] = "model.vision_tower.sam_encoder"
    encoder: ClassVar[tuple[str, ...]] = ("vision_tower.", "multi_modal_projector.")

    def authors_config(self, settings: Mapping[str, Any], dtype: str) -> dict[str, Any] | None:
        """Return the form that vLLM's own class reads, where its encoder is this one; see `Family.authors_config`."""
        return authors_config.of_native(settings, dtype)

    def load_processor(self, folder: Path) -> Any:
        """Load the native processor; the image processor falls back to its Pillow form where torchvision is absent.

        Beside the authors' own files, which describe a processor of their code, it is the released one.
        """
        from transformers import AutoProcessor, DeepseekOcr2Processor, PreTrainedTokenizerFast
        from transformers.models.deepseek_ocr2.image_processing_pil_deepseek_ocr2 import DeepseekOcr2ImageProcessorPil

        described = folder / "processor_config.json"
        if not described.is_file() or json.loads(described.read_bytes()).get("processor_class") != _PROCESSOR:
            words = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
            made = DeepseekOcr2Processor(image_processor=DeepseekOcr2ImageProcessorPil(), tokenizer=words)
            said = said_in(folder, self.modes)
            return made if said is None else self.in_mode(made, self.modes[said])
        return AutoProcessor.from_pretrained(folder, trust_remote_code=False, local_files_only=True)

    def in_mode(self, processor: Any, mode: Mode) -> Any:
        """Set the native image processor's views; without tiles a page is padded to a square, never squeezed."""
        for key, value in self.views_of(mode).items():
            setattr(processor.image_processor, key, value)
        return processor

    def views_of(self, mode: Mode) -> dict[str, Any]:
        """Return the native settings; without tiles the only view is as large as a tile; see `Family.views_of`."""
        return {
            "size": {"height": mode.base_size, "width": mode.base_size}, "tile_size": mode.image_size,
            "crop_to_patches": mode.crop_mode, "min_patches": 2, "max_patches": 6,
        }  # fmt: skip

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
        levels = _levels(settings)
        as_bytes = {} if levels is None else {"do_rescale": False, "do_normalize": False}
        batch = processor(
            images=list(images), text=[prompt] * len(images), return_tensors="pt", padding=True, **cropping, **as_bytes
        )
        ids, mask = batch.pop("input_ids"), batch.pop("attention_mask")
        pixels = {
            key: batch[key] for key in ("pixel_values", "pixel_values_local", "num_local_patches") if key in batch
        }
        if levels is not None:
            pixels[LEVELS] = levels[None]
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
        """Run SAM (unless the pixels are what it made of them), the query encoder and the projector; see `Family`.

        All views of a page go through the query encoder as one sequence in which no view sees another: the native class
        runs it once for the page and once more for its tiles.
        """
        import torch

        weights = native(model).model
        if _FRONT in pixels:
            given = pixels[_FRONT].to(weights.view_separator.device, weights.view_separator.dtype)
            rows = list(torch.split(given, list(pixels[_FRONT_ROWS])))
        else:
            rows = self.front_features(model, pixels)
        made: dict[int, torch.Tensor] = {}
        for length in dict.fromkeys(len(page) for page in rows):
            alike = [number for number, page in enumerate(rows) if len(page) == length]
            found = self.features_of(model, torch.stack([rows[number] for number in alike]))
            made |= dict(zip(alike, found, strict=True))
        return [made[number] for number in range(len(rows))]

    def features_of(self, model: Any, seen: "torch.Tensor") -> "torch.Tensor":
        """Run what stands behind SAM, recorded where there are graphs."""
        weights = native(model).model
        quick = self._quick.get(weights)
        return quick.behind(seen) if quick else self.run_behind_sam(weights, seen)

    def run_behind_sam(self, weights: Any, rows: "torch.Tensor") -> "torch.Tensor":
        """Run query encoder and projector over pages with equally many views; see `_query`."""
        return _query(weights, rows)

    def seen_by_sam(self, model: Any, pixels: "Mapping[str, torch.Tensor]", name: str) -> "torch.Tensor":
        """Return what SAM makes of the views of that name: (views, channels, rows, columns)."""
        import torch

        weights = native(model).model
        dtype, device = weights.view_separator.dtype, weights.view_separator.device
        quick = self._quick.get(weights)
        levels = pixels[LEVELS][0].to(device, dtype, non_blocking=True) if LEVELS in pixels else None
        # Without graphs a few views at a time: the position bias of a global layer takes 0.13 GB for 768 px.
        front = quick.front if quick else lambda part: weights.vision_tower.sam_encoder(part).last_hidden_state
        seen = []
        for part in torch.split(pixels[name], _VIEWS_AT_ONCE_QUICKLY if quick else _VIEWS_AT_ONCE):
            sent = part.to(device, non_blocking=True)
            seen.append(front(sent.to(dtype) if levels is None else at_levels(sent, levels)))
        return torch.cat(seen)

    def front_features(self, model: Any, pixels: "Mapping[str, torch.Tensor]") -> "list[torch.Tensor]":
        """Run SAM; see `Family.front_features`. The tiles' rows come first, as in `vision_features`."""
        import torch

        whole = self.seen_by_sam(model, pixels, "pixel_values").flatten(2).transpose(1, 2)
        counts = [int(number) for number in pixels["num_local_patches"]]
        tiles = whole.new_empty(0, 1, whole.shape[-1])
        if "pixel_values_local" in pixels:
            tiles = self.seen_by_sam(model, pixels, "pixel_values_local").flatten(2).transpose(1, 2)
        return [
            torch.cat([part.flatten(0, 1), page]) for part, page in zip(torch.split(tiles, counts), whole, strict=True)
        ]

    @contextmanager
    def encoding(self, model: Any) -> "Iterator[None]":
        """On a GPU, run SAM without its bias in memory and the whole encoder as recorded graphs; see `Family`."""
        from scribetune.models import quick_layers
        from scribetune.models.families.sam_encoder import Front, Recorded

        weights = native(model).model
        if weights.view_separator.device.type != "cuda":
            yield
            return
        front = Front(weights.vision_tower.sam_encoder)
        self._quick[weights] = _Quick(Recorded(front), Recorded(functools.partial(self.run_behind_sam, weights)))
        try:
            with quick_layers.without_gradients(weights.vision_tower):
                yield
        finally:
            self._quick.pop(weights, None)

    def front_pixels(self, features: "torch.Tensor") -> "dict[str, Any]":
        """Mark SAM's output as such; see `Family.front_pixels`."""
        return {_FRONT: features, _FRONT_ROWS: [len(features)]}

    def front_tokens(self, image_tokens: int) -> int:
        """Leave out the separator; see `Family.front_tokens`."""
        return image_tokens - 1

    def front_width(self, config: Any) -> int:
        """Return what SAM's last layer before the query encoder gives; see `Family.front_width`."""
        return int(config.vision_config.sam_config.downsample_channels[-1])


def _levels(settings: Any) -> "torch.Tensor | None":
    """Return what an image processor makes of each value of a byte, (channels, 256); None where it works otherwise.

    Its own rescaling and normalising of whole views, in float64, take most of the time of preparing a page; a byte has
    256 values. Views stay bytes until they are where the model is: a quarter to hand over. The processor for
    torchvision works on tensors, and is quick.
    """
    import numpy as np
    import torch

    if not type(settings).__name__.endswith("Pil"):
        return None
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, None], len(settings.image_mean), axis=0)
    if settings.do_rescale:
        ramp = settings.rescale(ramp, settings.rescale_factor)
    if settings.do_normalize:
        ramp = settings.normalize(ramp, settings.image_mean, settings.image_std)
    return torch.from_numpy(np.ascontiguousarray(ramp[:, 0], np.float32))


def numbers_of(pixels: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """Return pixels as the native class takes them: views of bytes as the numbers that these stand for."""
    given = dict(pixels)
    if LEVELS not in given:
        return given
    levels = given.pop(LEVELS)[0]
    return {key: at_levels(value, levels) if value.ndim == 4 else value for key, value in given.items()}


def at_levels(views: "torch.Tensor", levels: "torch.Tensor") -> "torch.Tensor":
    """Return views (number, channels, height, width) of bytes as the numbers of a table (channels, 256)."""
    import torch

    made = torch.empty(views.shape, dtype=levels.dtype, device=views.device)
    for channel, table in enumerate(levels):
        bytes_ = views[:, channel]
        made[:, channel] = table.index_select(0, bytes_.flatten().int()).view(bytes_.shape)
    return made


def _query(weights: Any, rows: "torch.Tensor") -> "torch.Tensor":
    """Run query encoder and projector (of the native class's inner model) over pages with equally many views.

    `rows` are (pages, front tokens, width) from SAM, tiles first; returned are (pages, image tokens, hidden size):
    tiles, page, separator.
    """
    import torch

    from scribetune.models.families import view_attention

    tower = weights.vision_tower
    small, large = tower.query_768_resolution.weight, tower.query_1024_resolution.weight
    # A tile has as many patches as the small set has queries; the page itself as many as either.
    tiles, rest = divmod(rows.shape[1], len(small))
    sizes = [len(small)] * tiles if not rest else [len(small)] * ((rows.shape[1] - len(large)) // len(small))
    sizes += [len(large)] if rest else []
    pages, _, width = rows.shape
    parts = []
    for view in torch.split(rows, sizes, dim=1):
        queries = small if view.shape[1] == len(small) else large
        parts += [view, queries.unsqueeze(0).expand(pages, -1, width)]
    hidden = torch.cat(parts, dim=1)
    encoder = tower.vision_encoder
    # Said again for every page: whoever sets the whole model's attention sets the encoder's too.
    encoder.config._attn_implementation = view_attention.NAME
    positions = _places(tuple(sizes), hidden.device)
    rotary = encoder.rotary_emb(hidden, positions)
    for layer in encoder.layers:
        hidden = layer(hidden, position_embeddings=rotary, position_ids=positions, views=tuple(sizes))
    hidden = encoder.norm(hidden)
    ends = [2 * sum(sizes[: number + 1]) for number in range(len(sizes))]
    answers = torch.cat([hidden[:, end - size : end] for end, size in zip(ends, sizes, strict=True)], dim=1)
    features = weights.multi_modal_projector(answers)
    separator = weights.view_separator.to(features.dtype).expand(pages, 1, -1)
    return torch.cat([features, separator], dim=1)


@functools.lru_cache(maxsize=8)
def _places(sizes: tuple[int, ...], device: "torch.device") -> "torch.Tensor":
    """Return positions (1, length) of views behind one another: each its patches (`sizes`) and as many queries."""
    import torch

    # What is kept may be used in a training later: tensors of inference mode may not.
    with torch.inference_mode(mode=False):
        return torch.cat([torch.arange(2 * size, device=device) for size in sizes])[None]

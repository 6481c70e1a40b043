"""What a training will cost, said before any GPU work: parameters, tokens, memory, time; refused where it cannot fit.

The memory forecast, in bytes (s: bytes of a weight; T: tokens of the longest forward pass, pages × longest page; A: its
answer tokens; h: hidden size; w: width of the MLP that a token passes, that is the routed experts it is sent to and the
shared ones; V: vocabulary):

    weights      parameters of the base × s, without the encoder where its output is kept; quantised ones × 9/16; of
                 decoder layers a share alone, where N processes divide them
    gathered     then three times the largest decoder layer: what is whole for a moment
    adapter      trainable × 4, and as much for gradients, and twice as much for AdamW (half as much with 8 bits)
    activations  T · Σ over layers (16 h + 3 w) · s; with gradient checkpointing T · (layers · h + 16 h + 3 w) · s;
                 10 h instead of 16 h on a GPU, unless the base is quantised (`models.quick_layers`)
    logits       of one piece at most: 16.8 million × (2 s + 12)
    encoder      the same sum with 3 h more over its own layers and its own tokens, where the scope trains it
    workspace    an eighth of activations and logits, and 1 GB on a GPU (context, kernels, fragmentation)

The time is the arithmetic (2 FLOP per weight and token forward, 2 backward, 2 more with checkpointing) over a rate,
plus a constant for each forward pass and one for each adapted module in it; they belong to a kind of device and are no
measurement of this one. Both forecasts were compared with full-size DeepSeek-OCR-2 on an H200: docs/benchmarks.md.
"""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from scribetune.core import progress
from scribetune.core.config import Train
from scribetune.core.errors import UserError
from scribetune.models import adapters
from scribetune.models.backends import Placement
from scribetune.models.examples import Example
from scribetune.models.families import Family
from scribetune.models.families.native import skeleton
from scribetune.training import loss, quantized, sharding
from scribetune.training.memory import GIGABYTE

logger = logging.getLogger(__name__)

_ATTENTION_WIDTHS, _QUICK_ATTENTION_WIDTHS, _MLP_WIDTHS = 16, 10, 3
_VIEW_WIDTHS = 3
"""What an encoder's layer keeps more where views attend by themselves: what both attentions gave, and both as one."""
_ADAPTER_BYTES = {"adamw": 4 + 4 + 8, "adamw_8bit": 4 + 4 + 2}
_QUANTISED_BYTES = 9 / 16
"""Of a weight in NF4: half a byte, and a float32 for 64 of them."""
_SHARDS_TRIED = (2, 4, 8)
"""Numbers of GPUs that are named where a model does not fit."""
_ROOMY = 0.75
"""Share of a device's memory up to which a forecast without checkpointing is believed."""
_MOST_AT_ONCE = 8
"""Pages of a forward pass beyond which a GPU computes no faster."""
_ENCODER_PASSES_PER_TOKEN = 4.0


@dataclass(frozen=True)
class _Pace:
    """How fast a kind of device is."""

    flop_per_s: float  # arithmetic of the language model and of what is trained
    encoder_flop_per_s: float  # arithmetic of the encoder alone, preparing of pixels included
    pass_s: float  # seconds of a forward pass and its backward pass, whatever is in them
    module_s: float  # the same, for each adapted module: on a GPU they are small products that the host launches


_PACES = {
    "H200": _Pace(2.8e14, 1.1e14, 0.01, 0.00086),
    "H100": _Pace(2.5e14, 1.1e14, 0.01, 0.00086),
    "A100": _Pace(1e14, 8e13, 0.015, 0.00086),
    "cuda": _Pace(6e13, 6.5e13, 0.02, 0.00086),
    "cpu": _Pace(4e10, 4e10, 0.02, 0.0),
}
"""H200 from docs/benchmarks.md, cpu (per thread) from the default build, others guessed."""


@dataclass(frozen=True)
class MemoryForecast:
    """Bytes that the training will hold at its peak; see the module's text for the formula."""

    weights: int
    gathered: int
    adapter: int
    activations: int
    logits: int
    encoder: int
    workspace: int

    @property
    def total(self) -> int:
        """All of them."""
        held = self.weights + self.gathered + self.adapter
        return held + self.activations + self.logits + self.encoder + self.workspace


@dataclass(frozen=True)
class Preflight:
    """What is known before the training begins."""

    trainable: Mapping[str, int]  # trainable parameters by group
    base_parameters: int
    longest_tokens: int  # tokens of the longest page learned from
    p95_tokens: int  # 95 % of these pages have no more
    longest_image_tokens: int  # most image tokens of a page
    servable_as_lora: bool  # whether vLLM applies the exported adapter beside the base; otherwise it must be merged
    shards: int  # processes that divide the base's decoder layers among them; 1: each holds all
    micro_batch: int  # pages of a forward pass: as configured, or as many as fit by forecast
    memory: MemoryForecast  # forecast of memory with them, of one process
    checkpointing: bool  # whether activations are computed again to save memory
    cached_features_bytes: int  # vision features to be kept in main memory or on disk; 0 where they are not cached
    device_bytes: int
    steps: int  # optimiser steps of the whole training
    estimated_seconds: float  # time without validations
    estimated_vision_seconds: float  # of these: for vision features that are computed before the first step
    estimate_basis: str  # what the estimate rests on

    def lines(self) -> list[str]:
        """Return it for people, one line each."""
        parts = ", ".join(f"{group} {count:,}" for group, count in self.trainable.items())
        memory = ", ".join(
            f"{name} {getattr(self.memory, name) / GIGABYTE:.2f}"
            for name in ("weights", "gathered", "adapter", "activations", "logits", "encoder", "workspace")
            if getattr(self.memory, name)
        )
        each = f" of each of {self.shards} processes, which share the base" if self.shards > 1 else ""
        first = f", {progress.words(self.estimated_vision_seconds)} of them for vision features at the beginning"
        served = "merge it before serving"
        if self.servable_as_lora:
            served = "vLLM applies it beside the base model after `scribetune export-adapter`"
        return [
            f"Trainable parameters: {sum(self.trainable.values()):,} ({parts}) of {self.base_parameters:,}; {served}",
            f"Tokens per page: at most {self.longest_tokens:,} ({self.longest_image_tokens:,} of them image), "
            f"95 % have no more than {self.p95_tokens:,}",
            f"Memory forecast{each}: {self.memory.total / GIGABYTE:.2f} of {self.device_bytes / GIGABYTE:.1f} GB "
            f"({memory}); cached vision features {self.cached_features_bytes / GIGABYTE:.2f} GB; activations "
            + ("computed again in the backward pass" if self.checkpointing else "kept")
            + f"; {self.micro_batch} page{'s' * (self.micro_batch > 1)} in a forward pass",
            f"Time: about {progress.words(self.estimated_seconds)} for {self.steps:,} steps, without validations"
            + (first if self.cached_features_bytes else "")
            + f" ({self.estimate_basis})",
        ]

    def steps_in_words(self) -> str:
        """Return how many steps there are, and about how long they take."""
        return f"{self.steps:,} steps, about {progress.words(self.estimated_seconds - self.estimated_vision_seconds)}"


def check(
    *,
    family: Family,
    folder: Path,
    settings: Train,
    placement: Placement,
    learned: Sequence[Example],
    steps: int,
    cached_features_bytes: int,
    device_bytes: int,
    features_of_front: bool = False,
    processes: int = 1,
    recomputing: bool = False,
) -> Preflight:
    """Work out what a training will cost, in so many steps over the pages learned from, on devices of so much memory.

    No vision features are kept where their size is 0; they may be those of the encoder's frozen front alone. With
    `recomputing` activations are computed again whatever the forecast says: an earlier trial failed.

    Raises:
        UserError: It cannot fit into the device's memory, even one page at a time.
    """
    cached = cached_features_bytes > 0
    sizes = _sizes(family, folder, settings, placement, processes, cached=cached, features_of_front=features_of_front)
    longest = max(learned, key=lambda example: (example.tokens, len(example.answer_ids)))
    machine = settings.machine

    def memory(pages: int, shards: int, *, checkpointing: bool) -> MemoryForecast:
        return _memory(sizes, settings, placement, longest, pages, shards, checkpointing=checkpointing)

    def least(shards: int) -> int:
        """Return what one page takes where memory is saved as far as the configuration allows."""
        return memory(1, shards, checkpointing=machine.gradient_checkpointing is not False).total

    shards = _shards(settings, processes, device_bytes, least)
    checkpointing = machine.gradient_checkpointing
    room = _ROOMY * device_bytes
    micro_batch = _micro_batch(
        settings,
        settings.effective_batch // processes,
        lambda pages, again: memory(min(pages, len(learned)), shards, checkpointing=again).total <= room,
        lambda pages, again: _time(sizes, settings, placement, learned, pages, cached=cached, checkpointing=again)[0],
        on_cpu=placement.device == "cpu",
        recomputing=recomputing,
    )
    pages = min(micro_batch, len(learned))
    if checkpointing == "auto":
        kept = memory(pages, shards, checkpointing=False)
        checkpointing = recomputing or kept.total > room > 0
    seconds, vision_seconds, basis = _time(
        sizes, settings, placement, learned, micro_batch, cached=cached, checkpointing=checkpointing
    )
    tokens = sorted(example.tokens for example in learned)
    forecast = Preflight(
        trainable=dict(sizes.trainable),
        base_parameters=sizes.base_parameters,
        longest_tokens=longest.tokens,
        p95_tokens=tokens[max(0, math.ceil(0.95 * len(tokens)) - 1)],
        longest_image_tokens=max(example.image_tokens for example in learned),
        servable_as_lora=family.scopes[settings.lora.scope].servable_as_lora,
        shards=shards,
        micro_batch=micro_batch,
        memory=memory(pages, shards, checkpointing=checkpointing),
        checkpointing=checkpointing,
        cached_features_bytes=cached_features_bytes,
        device_bytes=device_bytes,
        steps=steps,
        estimated_seconds=seconds + vision_seconds,
        estimated_vision_seconds=vision_seconds,
        estimate_basis=basis,
    )
    for line in forecast.lines():
        logger.info("%s", line)
    _refuse_or_warn(
        forecast,
        memory(1, shards, checkpointing=checkpointing),
        _enough_gpus(settings, shards, device_bytes, least),
    )
    return forecast


@dataclass(frozen=True)
class _Sizes:
    """What a training's memory and time depend on, counted on a model without weights."""

    text: Any  # configuration of the language model
    encoders: tuple[tuple[float, int, int, int], ...]  # see `_encoders`; none where the scope leaves the encoder frozen
    base_parameters: int
    vision_parameters: int  # those of them in the encoder
    weights: int  # bytes of the base's weights as they are held, by one process alone
    divided: Mapping[int, tuple[int, int]]
    """Number of processes that share the base → parameters that each lacks, and that are gathered at once."""
    trainable: Mapping[str, int]  # trainable parameters by group
    modules: int  # adapted modules


def _sizes(
    family: Family,
    folder: Path,
    settings: Train,
    placement: Placement,
    processes: int,
    *,
    cached: bool,
    features_of_front: bool,
) -> _Sizes:
    scope, itemsize = settings.lora.scope, placement.dtype.itemsize
    model = skeleton(folder, placement.dtype)
    base_parameters = sum(weight.numel() for weight in model.parameters())
    vision = {name: weight.numel() for name, weight in model.named_parameters() if family.group_of(name) == "vision"}
    let_go = sum(count for name, count in vision.items() if family.needless(name, of_front=features_of_front))
    encoders = () if family.scopes[scope].freezes_encoder else tuple(_encoders(model.config, features_of_front))
    weights = (base_parameters - (let_go if cached else 0)) * itemsize
    if settings.machine.quantization == "4bit":
        weights -= int(quantized.parameters(model) * (itemsize - _QUANTISED_BYTES))
    divided = {number: sharding.forecast_parameters(model, number) for number in {1, processes, *_SHARDS_TRIED}}
    with torch.device("meta"):
        adapted = adapters.attach(family, model, settings)
        trainable = adapters.count_trainable(family, adapted, scope)
    # Each adapted module has two trainable weights, A and B.
    modules = sum(weight.requires_grad for weight in adapted.parameters()) // 2
    return _Sizes(
        text=model.config.get_text_config(),
        encoders=encoders,
        base_parameters=base_parameters,
        vision_parameters=sum(vision.values()),
        weights=weights,
        divided=divided,
        trainable=trainable,
        modules=modules,
    )


def _enough_gpus(settings: Train, shards: int, device_bytes: int, least: Callable[[int], int]) -> str:
    """Return in words with how many more GPUs the training would fit; empty where no number is known to do."""
    if settings.machine.backend == "unsloth" or settings.machine.quantization != "none":
        return ""
    enough = next((number for number in _SHARDS_TRIED if number > shards and least(number) <= device_bytes), 0)
    if not enough:
        return ""
    return (
        f"train on {enough} GPUs that share the base (--resources gpu={enough}, train.machine.sharding auto), "
        f"with about {least(enough) / GIGABYTE:.1f} GB on each"
    )


def _shards(settings: Train, processes: int, device_bytes: int, least: Callable[[int], int]) -> int:
    """Return how many processes divide the base among them: all, or 1 where each holds the whole; say why.

    The memory of a device is 0 where it is unknown; `least` gives the bytes that a process takes with so many shards.
    """
    if settings.machine.sharding == "full":
        if processes == 1:
            logger.warning("train.machine.sharding full has nothing to do: one process has the whole base")
        else:
            logger.info("The base is shared by %d processes, as configured", processes)
        return processes
    if settings.machine.sharding == "none" or processes == 1 or settings.machine.quantization != "none":
        return 1
    if not least(processes) <= device_bytes < least(1):
        return 1
    logger.info(
        "The base is shared by %d processes: one page takes %.2f GB with the whole base on one, %.2f GB with a share "
        "of it; there are %.2f GB",
        processes,
        least(1) / GIGABYTE,
        least(processes) / GIGABYTE,
        device_bytes / GIGABYTE,
    )
    return processes


def _micro_batch(
    settings: Train,
    of_process: int,
    fits: Callable[[int, bool], bool],
    seconds: Callable[[int, bool], float],
    *,
    on_cpu: bool,
    recomputing: bool,
) -> int:
    """Return how many of the pages that a process has in a step go through the model at once, in equal parts.

    As configured, or one on a CPU, which computes one page as fast as several; else what is quickest by forecast of all
    that fits. `fits` and `seconds` are told whether activations are computed again.
    """
    configured, asked = settings.machine.micro_batch, settings.machine.gradient_checkpointing
    if configured != "auto":
        return configured
    if on_cpu:
        return 1
    ways = (True,) if asked is True or recomputing else (False, True) if asked else (False,)
    divisors = [n for n in range(min(_MOST_AT_ONCE, of_process), 0, -1) if of_process % n == 0]
    possible = [(pages, again) for again in ways for pages in divisors if fits(pages, again)]
    return min(possible, key=lambda way: seconds(*way), default=(1, True))[0]


def _refuse_or_warn(forecast: Preflight, smallest: MemoryForecast, way_out: str) -> None:
    """Stop what cannot fit one page at a time; warn where the micro batch will have to be made smaller.

    `smallest` is the forecast of one page at a time; `way_out` names a number of GPUs that would do, where one is
    known.
    """
    if smallest.total > forecast.device_bytes > 0:
        advice = [] if forecast.checkpointing else ["set train.machine.gradient_checkpointing to auto"]
        advice += [way_out] if way_out else []
        advice += [
            f"lower train.max_tokens (the longest page has {forecast.longest_tokens:,} tokens)",
            "choose a smaller train.lora.scope or train.lora.rank, or a device with more memory",
        ]
        raise UserError(
            f"The training needs about {smallest.total / GIGABYTE:.1f} GB even with one page at a time; the device has",
            value=f"{forecast.device_bytes / GIGABYTE:.1f} GB",
            accepted="a training that fits into the device's memory",
            todo="; ".join(advice),
        )
    if forecast.memory.total > forecast.device_bytes > 0:
        logger.warning(
            "%d pages in a forward pass probably do not fit; they will be halved where memory runs out, which "
            "changes no result",
            forecast.micro_batch,
        )


def _widths(text: Any) -> list[int]:
    """Return for each layer of the language model the width of the MLP that a token passes."""
    layers = int(text.num_hidden_layers)
    dense = int(getattr(text, "intermediate_size", 4 * text.hidden_size))
    sent_to = int(getattr(text, "num_experts_per_tok", 0) or 0)
    if not sent_to:
        return [dense] * layers
    expert = int(getattr(text, "moe_intermediate_size", dense) or dense)
    sparse = expert * (sent_to + int(getattr(text, "n_shared_experts", 0) or 0))
    kinds = getattr(text, "mlp_layer_types", None) or ["sparse"] * layers
    return [sparse if kind == "sparse" else dense for kind in kinds]


def _memory(
    sizes: _Sizes,
    settings: Train,
    placement: Placement,
    longest: Example,
    pages: int,
    shards: int,
    *,
    checkpointing: bool,
) -> MemoryForecast:
    text = sizes.text
    lacking, gathered = sizes.divided[shards]
    bytes_each, hidden = placement.dtype.itemsize, int(text.hidden_size)
    is_quick = placement.device == "cuda" and settings.machine.quantization == "none"
    widths = _QUICK_ATTENTION_WIDTHS if is_quick else _ATTENTION_WIDTHS
    layers = [widths * hidden + _MLP_WIDTHS * width for width in _widths(text)]
    kept = len(layers) * hidden + max(layers) if checkpointing else sum(layers)
    answers = pages * (len(longest.answer_ids) + 1)
    activations = pages * longest.tokens * kept * bytes_each
    logits = min(loss.PIECE_LOGITS, answers * text.vocab_size) * (2 * bytes_each + 12)
    encoder = 0
    for per_token, width, mlp, depth in sizes.encoders:
        one = (widths + _VIEW_WIDTHS) * width + _MLP_WIDTHS * mlp
        held = depth * width + one if checkpointing else depth * one
        encoder += int(pages * longest.image_tokens * per_token * held * bytes_each)
    spare = (activations + logits + encoder) // 8 + (GIGABYTE if placement.device == "cuda" else 0)
    return MemoryForecast(
        weights=sizes.weights - lacking * bytes_each,
        gathered=gathered * bytes_each if shards > 1 else 0,
        adapter=sum(sizes.trainable.values()) * _ADAPTER_BYTES[settings.optimization.optimizer],
        activations=activations,
        logits=logits,
        encoder=encoder,
        workspace=spare,
    )


def _encoders(settings: Any, without_front: bool) -> Iterator[tuple[float, int, int, int]]:
    """Yield for each stack of the encoder (its tokens per image token, width, width of its MLP, layers)."""
    vision = getattr(settings, "vision_config", None)
    if vision is None:
        return
    parts = [getattr(vision, name) for name in ("sam_config", "encoder_config") if hasattr(vision, name)] or [vision]
    for part in parts[1:] if without_front else parts:
        width = getattr(part, "hidden_size", None)
        depth = getattr(part, "num_hidden_layers", None) or getattr(part, "depth", None)
        if width is None or depth is None:
            continue
        mlp = getattr(part, "intermediate_size", None) or getattr(part, "mlp_dim", None) or 4 * width
        # SAM sees 16 patches, and the query encoder a patch and a query, for each token it gives; others merge four.
        per_token = 16.0 if hasattr(part, "global_attn_indexes") else 2.0 if len(parts) > 1 else 4.0
        yield per_token, int(width), int(mlp), int(depth)


def _time(
    sizes: _Sizes,
    settings: Train,
    placement: Placement,
    learned: Sequence[Example],
    micro_batch: int,
    *,
    cached: bool,
    checkpointing: bool,
) -> tuple[float, float, str]:
    """Return seconds for all steps, for vision features before them, and on which constants they rest."""
    name = "cpu" if placement.device == "cpu" else torch.cuda.get_device_name()
    kind = next((known for known in _PACES if known in name), "cuda")
    pace, threads = _PACES[kind], settings.machine.cpu_threads if kind == "cpu" else 1
    text = sizes.text
    hidden = int(text.hidden_size)
    per_token = sum(4 * hidden * hidden + 3 * hidden * width for width in _widths(text))
    passes = 6 if checkpointing else 4
    language = sum(
        passes * (example.tokens * per_token + (len(example.answer_ids) + 1) * hidden * text.vocab_size)
        for example in learned
    )
    encoder = 2 * _ENCODER_PASSES_PER_TOKEN * sizes.vision_parameters * sum(example.image_tokens for example in learned)
    epochs = settings.epochs
    seen_s = encoder / pace.encoder_flop_per_s / threads  # every page once
    language_s = epochs * language / pace.flop_per_s / threads
    forward_passes = epochs * math.ceil(len(learned) / micro_batch)
    # Computed again, activations are launched three times instead of twice.
    launched = pace.pass_s + sizes.modules * pace.module_s * (1.5 if checkpointing else 1.0)
    steps_s = language_s + forward_passes * launched + (0.0 if cached else epochs * seen_s)
    return steps_s, seen_s if cached else 0.0, f"constants for {kind}, not measured here"

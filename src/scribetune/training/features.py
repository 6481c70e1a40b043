"""The model in memory with its adapter, and the vision features of its pages, where they are computed once."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scribetune.models import adapters, backends, vision_cache
from scribetune.models.families.native import native
from scribetune.training import determinism, memory, quantized, sharding
from scribetune.training.prepare import Prepared

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loaded:
    """A model that can be trained."""

    model: Any  # a PEFT model; its adapter weights are the only trainable ones
    trainable: Mapping[str, int]  # trainable parameters by group
    features: vision_cache.FeatureStore | None
    """Vision features of its pages; None where they are computed in every step."""


def load(prepared: Prepared) -> Loaded:
    """Load the base with a fresh adapter, compute the features that are kept, and seed the training.

    Raises:
        AdapterError: The scope did not get the weights it names.
    """
    settings, hardware, base = prepared.settings, prepared.hardware, prepared.base
    device, group, deterministic = hardware.placement.device, hardware.group, settings.machine.deterministic
    determinism.seed(settings.seed, device, deterministic=deterministic)
    if prepared.forecast.shards > 1:
        model = sharding.load(base.family, base.folder, settings, hardware.placement, group)
    else:
        checkpointing = prepared.forecast.checkpointing
        model = backends.load(
            hardware.backend, base.family, base.folder, settings, hardware.placement, checkpointing=checkpointing
        )
    trainable = adapters.count_trainable(base.family, model, settings.lora.scope)
    if settings.machine.quantization == "4bit" and hardware.is_peft:
        quantized.quantize(model)
    features = vision_features(prepared, model)
    # With dropout, processes that draw the same numbers would leave out the same weights.
    determinism.seed(settings.seed + group.rank, device, deterministic=deterministic)
    return Loaded(model, trainable, features)


def vision_features(prepared: Prepared, model: Any) -> vision_cache.FeatureStore | None:
    """Get vision features where they can be kept; say why where they cannot."""
    kept, base, hardware = prepared.features, prepared.base, prepared.hardware
    if kept.why_none:
        logger.info("Vision features are computed in every step: %s", kept.why_none)
        return None
    model.eval()
    placement, examples = hardware.placement, prepared.data.examples
    store = vision_cache.compute(
        base.family,
        model,
        base.processor,
        examples,
        limits=kept.limits,
        key=vision_cache.model_key(
            base.folder,
            base.digest,
            placement.dtype,
            placement.device,
            mode=prepared.config.base_model.mode,
            of_front=kept.of_front,
        ),
        needed_bytes=kept.bytes,
        dtype=placement.dtype,
        workers=hardware.workers,
        group=hardware.group,
        of_front=kept.of_front,
        note=f"then {prepared.forecast.steps_in_words()}",
    )
    freed = _empty_needless_weights(prepared, model)
    logger.info(
        "%s of %d pages, computed once: %.1f MB in %s; %d were computed now, %d were there; %.2f GB of weights that "
        "nothing needs any more were let go",
        f"What {base.family.front} makes" if kept.of_front else "Vision features",
        len(examples),
        store.bytes / 1e6,
        "memory" if store.in_memory else kept.limits.folder,
        store.computed,
        len(examples) - store.computed,
        freed / 1e9,
    )
    return store


def _empty_needless_weights(prepared: Prepared, model: Any) -> int:
    """Empty the weights of the encoder, or of its front, whose output is kept; return their bytes.

    The adapter alone is saved at the end, and validation reads pages by the same features.
    """
    freed = 0
    for name, weight in native(model).named_parameters():
        if prepared.base.family.needless(name, of_front=prepared.features.of_front):
            freed += weight.numel() * weight.element_size()
            weight.data = weight.new_empty(0)
    memory.release()
    return freed

"""4-bit QLoRA: the frozen matrices of the language model in NF4, routed experts included; the adapter stays as it is.

NF4 and QLoRA are from Dettmers et al. 2023 (arXiv 2305.14314); bitsandbytes computes with it. Linear layers become its
`Linear4bit`; stacks of experts are kept in 4 bits and turned into numbers when they are used, which is why activations
must be computed again in the backward pass for this to save memory.
"""

import logging
from collections.abc import Iterator
from typing import Any

import torch

from scribetune.core.config import Train
from scribetune.core.errors import UserError

logger = logging.getLogger(__name__)

_LANGUAGE_LAYERS = "language_model.layers."


def refuse_without_device(settings: Train, device: str) -> None:
    """Refuse what bitsandbytes does where there is no GPU, or no bitsandbytes.

    Raises:
        UserError: 4-bit weights or an 8-bit optimiser are asked for there.
    """
    for key, value, plain in (
        ("machine.quantization", settings.machine.quantization, "none"),
        ("optimization.optimizer", settings.optimization.optimizer, "adamw"),
    ):
        if value == plain:
            continue
        if device == "cpu":
            raise UserError(
                f"train.{key} needs a CUDA GPU, and there is none here; it is",
                value=value,
                accepted=plain,
                todo=f"set train.{key} to {plain}, or run on a machine with a GPU",
            )
        try:
            from bitsandbytes.nn.parametrize import replace_parameter_4bit  # noqa: F401  the newest part that is used
        except ImportError as error:
            raise UserError(
                f"train.{key} needs bitsandbytes, which cannot be imported here ({error}); it is",
                value=value,
                accepted=plain,
                todo=f"set train.{key} to {plain}, or install envs/gpu.txt (make env on a machine with a GPU)",
            ) from error


def parameters(model: Any) -> int:
    """Return how many weights are quantised: the matrices of the language model's layers, experts included."""
    return sum(getattr(holder, name).numel() for holder, name in _frozen_matrices(model))


def quantize(model: Any) -> None:
    """Quantise the frozen matrices of a PEFT model in place, one at a time."""
    import bitsandbytes
    from bitsandbytes.nn.parametrize import replace_parameter_4bit

    parents = {id(child): (parent, name) for parent in model.modules() for name, child in parent.named_children()}
    before = after = 0
    for holder, name in list(_frozen_matrices(model)):
        weight = getattr(holder, name)
        before += weight.numel() * weight.element_size()
        after += weight.numel() * 9 // 16
        if isinstance(holder, torch.nn.Linear):
            parent, place = parents[id(holder)]
            made = bitsandbytes.nn.Linear4bit(
                holder.in_features,
                holder.out_features,
                bias=holder.bias is not None,
                compute_dtype=weight.dtype,
                quant_type="nf4",
                device="meta",
            )
            made.weight = bitsandbytes.nn.Params4bit(
                weight.data.cpu(), requires_grad=False, quant_type="nf4", compress_statistics=False
            )
            if holder.bias is not None:
                made.bias = holder.bias
            setattr(parent, place, made.to(weight.device))
        else:
            replace_parameter_4bit(holder, name, quant_type="nf4")
    logger.info(
        "The language model's frozen matrices are kept in 4 bits: %.2f instead of %.2f GB", after / 1e9, before / 1e9
    )


def _frozen_matrices(model: Any) -> Iterator[tuple[Any, str]]:
    for name, module in model.named_modules():
        if _LANGUAGE_LAYERS not in name or ".lora_" in name:
            continue
        if type(module) is torch.nn.Linear:
            yield module, "weight"
        else:
            for own, weight in module.named_parameters(recurse=False):
                if weight.ndim == 3 and not weight.requires_grad:
                    yield module, own

"""Compiled layers: where pages are trained on one or a few at a time, a GPU waits for its host to launch operations.

Each kind of layer is compiled once, for all of its instances, and only where it holds adapter weights; validation and
generation run the layers as they are, since their caches would be compiled anew at every length.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

import torch
from transformers.modeling_layers import GradientCheckpointingLayer

logger = logging.getLogger(__name__)

WORTH_PASSES = 1500
"""Forward passes from which on a compilation of 12 to 60 s pays: it saves some hundredths of a second in each."""

_MOST_VARIANTS = 32


def compile_layers(model: Any) -> None:
    """Compile the layers (slim ones) of a PEFT model that hold adapter weights."""
    torch._dynamo.config.recompile_limit = max(_MOST_VARIANTS, torch._dynamo.config.recompile_limit)
    compiled: dict[type[torch.nn.Module], Callable[..., Any]] = {}
    for layer in model.modules():
        if not isinstance(layer, GradientCheckpointingLayer):
            continue
        if not any(weight.requires_grad for weight in layer.parameters()):
            continue
        kind = type(layer)
        if kind not in compiled:
            compiled[kind] = torch.compile(kind.forward)
        layer.forward = functools.partial(_run, layer, kind.forward, compiled[kind])
    names = ", ".join(sorted(kind.__name__ for kind in compiled))
    logger.info("Compiling %s; the first steps take longer", names)


def _run(
    layer: torch.nn.Module, eager: Callable[..., Any], compiled: Callable[..., Any], *arguments: Any, **named: Any
) -> Any:
    return (compiled if layer.training else eager)(layer, *arguments, **named)

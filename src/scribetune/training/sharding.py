"""The frozen base divided among GPUs, for models that do not fit one: PyTorch's FSDP2 on the language model's layers.

Each process keeps its share of every decoder layer. Before a layer is run, forward or backward, its weights are
gathered from all processes, and afterwards let go (Zhao et al. 2023, arXiv 2304.11277;
torch.distributed.fsdp.fully_shard). What is small or needed elsewhere stays whole in every process: adapters,
embedding, head, last norm and encoder. Adapters' gradients are averaged as they are without sharding, and so the
arithmetic is the same.

All processes must run the same number of forward passes: one that ran one more would wait for the others' weights for
ever. In training they do (`order.SharedBatches`); in validation `InStep` sees to it. One that runs out of memory within
a pass cannot do it again alone: the whole group starts again, see `training.trial`.
"""

import contextlib
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from scribetune.core.config import Train
from scribetune.core.errors import UserError
from scribetune.models import adapters, lora_layers
from scribetune.models.backends import Placement
from scribetune.models.families import Family
from scribetune.models.families.native import configuration, native
from scribetune.models.processes import Group

logger = logging.getLogger(__name__)

_LAYER = re.compile(r".*language_model\.layers\.\d+")
_GATHERED_LAYERS = 3
"""Layers that are whole at once: the one in use twice (as it arrived, and taken apart), and the next on its way."""


def check_possible(settings: Train) -> None:
    """Refuse sharding of what cannot be sharded.

    Raises:
        UserError: The base is to be quantised: its packed weights cannot be divided among processes.
    """
    if settings.machine.sharding == "full" and settings.machine.quantization != "none":
        raise UserError(
            f"Weights of train.machine.quantization {settings.machine.quantization} cannot be divided among GPUs; "
            "train.machine.sharding is",
            value=settings.machine.sharding,
            accepted="auto or none with quantised weights",
            todo="set train.machine.sharding to none, or train.machine.quantization to none",
        )


def forecast_parameters(model: Any, shards: int) -> tuple[int, int]:
    """Return how many of a model's parameters a process lacks when it is sharded, and how many it gathers for a moment.

    The model may lie on the meta device.
    """
    lacking = 0
    largest = 0
    for layer in layers(model):
        weights = list(layer.parameters())
        for weight in weights:
            # Divided along its first axis, in equal parts: the last may be smaller or empty.
            rows = weight.shape[0]
            lacking += (rows - -(-rows // shards)) * (weight.numel() // rows)
        largest = max(largest, sum(weight.numel() for weight in weights))
    return lacking, _GATHERED_LAYERS * largest


def layers(model: Any) -> list[torch.nn.Module]:
    """Return the decoder layers of a model's language model, in order; it may have an adapter around it."""
    return [module for name, module in native(model).named_modules() if _LAYER.fullmatch(name)]


def load(family: Family, folder: Path, settings: Train, placement: Placement, group: Group) -> Any:
    """Load the base model, put a fresh adapter around it, and divide it; all processes must call it.

    The first process reads the weights into main memory, once for all; the others know their shapes alone. They are
    then handed out layer by layer, so that a device never holds more than its share, what stays whole, and one layer.
    Returned is a PEFT model as `backends.load` returns it, whose decoder layers are FSDP modules.
    """
    if group.is_first:
        model = family.load_model(folder, dtype=placement.dtype, device="cpu")
    else:
        model = _without_weights(folder, placement.dtype)
    # Generation reads settings that lie beside the weights.
    model.generation_config = group.from_first(lambda: model.generation_config)
    adapted = adapters.attach(family, model, settings)
    _divide(adapted, torch.device(placement.device), group)
    lora_layers.slim(adapted)
    return adapted


def _without_weights(folder: Path, dtype: torch.dtype) -> Any:
    """Return the base model with parameters on the meta device; its buffers are computed, as they are on loading."""
    from accelerate import init_empty_weights
    from transformers import AutoModelForImageTextToText

    with init_empty_weights():
        model = AutoModelForImageTextToText.from_config(configuration(folder), dtype=dtype, trust_remote_code=False)
    # What makes the parameters empty makes one of its own wherever one is used.
    model.tie_weights()
    return model.eval()


def _divide(adapted: Any, device: torch.device, group: Group) -> None:
    """Bring the first process's weights to all devices, and leave each its share of the decoder layers."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    hand_out = _handing_out(adapted, device, group)
    mesh = init_device_mesh(device.type, (group.size,))
    divided = layers(adapted)
    for layer in divided:
        hand_out(layer)
        trained = {weight for weight in layer.parameters() if weight.requires_grad}
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=trained)
    hand_out(adapted)
    # The root has no share of its own: it makes one sequence of its layers, in which the next is fetched ahead.
    language_model = _language_model(adapted)
    fully_shard(language_model, mesh=mesh, ignored_params=set(language_model.parameters()))
    own, whole = held_parameters(adapted)
    logger.info(
        "The base is divided: each of %d processes holds %s of its %s weights, and gathers one layer after another",
        group.size,
        f"{own:,}",
        f"{whole:,}",
    )


def _handing_out(adapted: Any, device: torch.device, group: Group) -> Callable[[torch.nn.Module], None]:
    """Return what gives a module's parameters and buffers, below it too, the first process's values on a device."""
    facts = {name: (weight.shape, weight.dtype) for name, weight in adapted.named_parameters()}
    of_first = group.from_first(lambda: facts)
    if of_first.keys() != facts.keys():
        raise RuntimeError(f"processes made different models: {sorted(of_first.keys() ^ facts.keys())[:4]}")
    dtypes = {id(weight): of_first[name][1] for name, weight in adapted.named_parameters()}
    # Tied weights stay one: those that are found in several places.
    places = Counter(id(weight) for module in adapted.modules() for weight in module._parameters.values())
    kept: dict[int, tuple[torch.nn.Parameter, torch.nn.Parameter]] = {}
    done: set[int] = set()

    def sent(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        if group.is_first:
            there = tensor.detach().to(device).contiguous()
        else:
            there = torch.empty(tensor.shape, dtype=dtype, device=device)
        torch.distributed.broadcast(there, src=0)
        return there

    def hand_out(top: torch.nn.Module) -> None:
        for module in top.modules():
            if id(module) in done:
                continue
            done.add(id(module))
            for name, weight in module._parameters.items():
                if weight is None:
                    continue
                if id(weight) in kept:
                    module._parameters[name] = kept[id(weight)][1]
                    continue
                made = torch.nn.Parameter(sent(weight, dtypes[id(weight)]), requires_grad=weight.requires_grad)
                module._parameters[name] = made
                if places[id(weight)] > 1:
                    # The old one is kept as well: another object could get its id.
                    kept[id(weight)] = (weight, made)
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = sent(buffer, buffer.dtype)

    return hand_out


def _language_model(model: Any) -> Any:
    return native(model).model.language_model


def held_parameters(model: Any) -> tuple[int, int]:
    """Return how many weights of the base this process holds, and how many the base has."""
    from torch.distributed.tensor import DTensor

    own = whole = 0
    for name, weight in native(model).named_parameters():
        if ".lora_" not in name:
            whole += weight.numel()
            own += weight.to_local().numel() if isinstance(weight, DTensor) else weight.numel()
    return own, whole


class InStep:
    """Lets every process run as many forward passes of a sharded model as the one that needs most."""

    def __init__(self, model: Any, group: Group) -> None:
        self._language_model, self._group = _language_model(model), group

    @contextlib.contextmanager
    def passes(self) -> Iterator[None]:
        """Run any number of forward passes, without gradients; all processes enter and leave together.

        Before each pass the processes ask each other whether any of them still works; one that is done joins with an
        empty pass of one position until all are.
        """
        announcing = self._language_model.register_forward_pre_hook(self._announce, prepend=True)
        try:
            yield
        finally:
            announcing.remove()
        model = self._language_model
        # (1, 1, width)
        empty = torch.zeros(1, 1, int(model.config.hidden_size), dtype=model.dtype, device=model.device)
        while self._group.any(False):
            model(inputs_embeds=empty, use_cache=False)

    def _announce(self, *_: Any) -> None:
        self._group.any(True)

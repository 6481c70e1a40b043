"""What a LoRA adapter adds to which tensors of its base model, and the sum, computed in float32 and rounded once."""

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from scribetune.core.errors import UserError
from scribetune.models import adapters

_ADAPTER = "default"
_NOT_MERGED: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "bias": (None, "none"),
        "modules_to_save": (None, []),
        "use_dora": (None, False),
        "use_qalora": (None, False),
        "lora_bias": (None, False),
        "fan_in_fan_out": (None, False),
        "layer_replication": (None, []),
        "trainable_token_indices": (None,),
        "alora_invocation_tokens": (None,),
        "megatron_config": (None,),
        "arrow_config": (None,),
        # Others (pissa, olora, corda, loftq, …) change the base's weights when training begins.
        "init_lora_weights": (None, True, False, "gaussian", "orthogonal", "eva"),
    }
)
"""Settings of adapter_config.json under which merged = base + B·A·scaling holds, with their values."""


@dataclass(frozen=True)
class Delta:
    """What an adapter adds to one tensor of its base model, by names: nothing is computed here.

    The sum is scaling · B·A for a matrix (outputs, inputs). For a stack of E matrices, whose LoRA is stacked too
    (A: (E·r, inputs), B: (outputs, r·E) with the expert running fastest), it is scaling · (B_e·A_e)ᵀ for each expert e,
    since PEFT counts the second axis of such a parameter as its inputs.
    """

    parameter: str  # the base model's tensor, by its name in the native class
    down: str  # LoRA A, by its name in the adapter's file
    up: str  # LoRA B, likewise
    scaling: float  # alpha / r, or alpha / √r with rslora, patterns taken into account
    experts: int  # number of stacked matrices; 0 where the tensor is one matrix
    layer: Any  # PEFT's own layer on the meta device, which can compute the delta too


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter that was found whole."""

    deltas: Mapping[str, Delta]  # name of the base model's tensor → what is added to it, in the model's order
    weights: Mapping[str, torch.Tensor]  # the adapter's tensors by their names in its file


@dataclass(frozen=True)
class Change:
    """What became of one adapted tensor W + Δ; norms are Frobenius norms."""

    delta_norm: float  # of Δ
    base_norm: float  # of W
    relative: float | None  # delta_norm / base_norm; None where W is zero
    survived: float
    """Share of Δ that is left after rounding to the number format on disk: the projection of what was really added on
    Δ, ⟨Δ', Δ⟩ / ⟨Δ, Δ⟩ with Δ' = round(W + Δ) - W. Rounding is unbiased, so it is near 1 even for a small Δ; `rounding`
    says how much noise comes with it."""
    rounding: float  # norm of the rounding error Δ' - Δ, as a share of delta_norm
    moved: float  # share of the tensor's elements that are not the base's any more
    experts_moved: int | None  # stacked experts of which at least one element moved; None where there are none


def outline(skeleton: Any, folder: Path) -> Adapter:
    """Read what an adapter adds to which tensors, and refuse one that is not whole, without loading any model.

    PEFT itself is asked what the adapter's settings stand for, on a model without memory (`skeleton`, of no other use
    afterwards); the file must then hold exactly those tensors, in those shapes, finite and not zero.

    Raises:
        UserError: No adapter there, of another architecture, of a kind that cannot be merged, or with a tensor that is
            missing, not called for, of another shape, not finite, or zero.
    """
    settings = adapters.read_settings(folder)
    _check_kind(settings, folder)
    adapters.check_names({*dict(skeleton.named_modules()), *dict(skeleton.named_parameters())}, folder, settings)
    deltas = {delta.parameter: delta for delta in _deltas(_wrap(skeleton, folder))}
    expected = {
        name: tuple(weight.shape)
        for delta in deltas.values()
        for name, weight in (
            (delta.down, delta.layer.lora_A[_ADAPTER].weight),
            (delta.up, delta.layer.lora_B[_ADAPTER].weight),
        )
    }
    weights = _read_tensors(folder / adapters.WEIGHTS, expected, deltas)
    return Adapter(MappingProxyType(deltas), MappingProxyType(weights))


def add(
    weight: torch.Tensor, delta: Delta, adapter: Adapter, dtype: torch.dtype, device: str
) -> tuple[torch.Tensor, Change]:
    """Return round(W + Δ) in the number format `dtype` and what became of it.

    The sum is computed in float32, one expert at a time, and rounded once. W is on the CPU.

    Raises:
        UserError: The sum is not finite in that number format.
    """
    down, up = (adapter.weights[name].to(device, torch.float32) for name in (delta.down, delta.up))
    merged = torch.empty_like(weight, dtype=dtype)
    # One matrix is a stack of one; so memory holds one expert in float32, not the layer.
    old, new = (part if delta.experts else part.unsqueeze(0) for part in (weight, merged))
    sums = torch.zeros(4, dtype=torch.float64)
    moved, experts_moved = 0, 0
    for number, part in enumerate(old):
        change = _product(delta, down, up, number)
        base = part.to(device, torch.float32)
        rounded = (base + change).to(dtype)
        if not bool(torch.isfinite(rounded).all()):
            raise UserError(
                f"base + adapter is not finite in {str(dtype).removeprefix('torch.')}",
                value=delta.parameter,
                accepted="finite weights",
                todo="set merge.precision to float32; if that fails too, train again with a lower "
                "train.optimization.learning_rate",
            )
        added = rounded.to(torch.float32) - base
        pairs = ((change, change), (base, base), (added, change), (added - change, added - change))
        sums += torch.stack([_dot(one, other) for one, other in pairs]).cpu()
        count = int(torch.count_nonzero(added))
        moved, experts_moved = moved + count, experts_moved + bool(count)
        new[number] = rounded.cpu()
    squared, base_squared, along, error = (float(value) for value in sums)
    norm, base_norm = math.sqrt(squared), math.sqrt(base_squared)
    return merged, Change(
        delta_norm=norm,
        base_norm=base_norm,
        relative=norm / base_norm if base_norm else None,
        survived=along / squared if squared else 0.0,
        rounding=math.sqrt(error) / norm if norm else 0.0,
        moved=moved / weight.numel(),
        experts_moved=experts_moved if delta.experts else None,
    )


def by_peft(delta: Delta, adapter: Adapter) -> torch.Tensor:
    """Return Δ as PEFT itself computes it, in float32 on the CPU: a second opinion on `add`."""
    layer = delta.layer
    for held, name in ((layer.lora_A, delta.down), (layer.lora_B, delta.up)):
        held[_ADAPTER].weight = torch.nn.Parameter(adapter.weights[name].to(torch.float32), requires_grad=False)
    if hasattr(layer, "parameter_name"):
        # PEFT asks the parameter for device and number format, which a model without memory cannot answer.
        answering = torch.nn.Parameter(torch.empty(0), requires_grad=False)
        setattr(layer.get_base_layer(), layer.parameter_name, answering)
    with torch.no_grad():
        found: torch.Tensor = layer.get_delta_weight(_ADAPTER).detach()
    for held in (layer.lora_A, layer.lora_B):
        held[_ADAPTER].weight = torch.nn.Parameter(torch.empty(0, device="meta"), requires_grad=False)
    return found


def _product(delta: Delta, down: torch.Tensor, up: torch.Tensor, number: int) -> torch.Tensor:
    if not delta.experts:
        return (up @ down) * delta.scaling
    rank = len(down) // delta.experts
    # A's rows run expert by expert, B's columns with the expert running fastest (PEFT's ParamWrapper).
    mine_down, mine_up = down[number * rank : (number + 1) * rank], up[:, number :: delta.experts]
    return (mine_up @ mine_down).T * delta.scaling


def _dot(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    # In float64: float32 would lose small norms in large tensors.
    return torch.dot(one.reshape(-1).to(torch.float64), other.reshape(-1).to(torch.float64))


def _check_kind(settings: Mapping[str, Any], folder: Path) -> None:
    if settings.get("peft_type") != "LORA":
        raise UserError(
            f"The adapter in {folder} cannot be merged; its peft_type is",
            value=settings.get("peft_type"),
            accepted="LORA",
            todo="train a LoRA adapter (target: adapter)",
        )
    for key, accepted in _NOT_MERGED.items():
        if settings.get(key) not in accepted:
            raise UserError(
                f"The adapter in {folder} cannot be merged as base + B·A; {adapters.CONFIG} says {key} =",
                value=settings[key],
                accepted=" or ".join(repr(value) for value in accepted if value is not None) or "null",
                todo="train without it, or let the tool that trained the adapter merge it",
            )


def _wrap(skeleton: Any, folder: Path) -> Any:
    from peft import LoraConfig, get_peft_model

    with warnings.catch_warnings():
        # PEFT warns about every stacked parameter's module; whether it does them right is proved later.
        warnings.simplefilter("ignore")
        try:
            settings = LoraConfig.from_pretrained(str(folder))
            settings.init_lora_weights = False
            return get_peft_model(skeleton, settings, adapter_name=_ADAPTER, low_cpu_mem_usage=True)
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"The settings of the adapter do not fit the base model ({error})",
                value=str(folder / adapters.CONFIG),
                accepted="an adapter of this base model",
                todo="train again on this base model",
            ) from error


def _deltas(wrapped: Any) -> Iterator[Delta]:
    for name, layer in wrapped.named_modules():
        if not hasattr(layer, "lora_A") or not hasattr(layer, "get_base_layer"):
            continue
        # Several stacked parameters of one module are wrappers around wrappers; the module itself lies innermost.
        module = name.removeprefix("base_model.model.").replace(".base_layer", "")
        stacked = getattr(layer, "parameter_name", None)
        parameter = f"{module}.{stacked or 'weight'}"
        base = layer.get_base_layer()
        shape = getattr(base, stacked or "weight").shape
        if not stacked and not isinstance(base, torch.nn.Linear):
            raise UserError(
                f"The adapter adapts {parameter}, which is no linear layer's weight but a",
                value=type(base).__name__,
                accepted="linear layers and stacked experts",
                todo="train with one of the family's scopes (train.lora.scope)",
            )
        yield Delta(
            parameter,
            f"{name}.lora_A.weight",
            f"{name}.lora_B.weight",
            float(layer.scaling[_ADAPTER]),
            shape[0] if len(shape) == 3 else 0,
            layer,
        )


def _read_tensors(
    path: Path, expected: Mapping[str, tuple[int, ...]], deltas: Mapping[str, Delta]
) -> dict[str, torch.Tensor]:
    try:
        stored = load_file(path)
    except (OSError, SafetensorError) as error:
        raise adapters.unreadable(path, error) from error
    adapted = {name: delta.parameter for delta in deltas.values() for name in (delta.down, delta.up)}
    named = ((name, f" (it adapts {adapted[name]})") if name in adapted else (name, "") for name in sorted(stored))
    findings = {
        "are missing, though the adapter's settings call for them": sorted(set(expected) - set(stored)),
        "are there, though the adapter's settings do not call for them": sorted(set(stored) - set(expected)),
        "have another shape than the base model calls for": [
            f"{name}: {tuple(stored[name].shape)} instead of {shape}"
            for name, shape in expected.items()
            if name in stored and tuple(stored[name].shape) != shape
        ],
        "hold values that are not finite": [
            name + note for name, note in named if not bool(torch.isfinite(stored[name]).all())
        ],
    }
    for what, names in findings.items():
        if names:
            raise UserError(
                f"{path}: {len(names)} of {len(expected)} tensors {what}",
                value=names[0],
                accepted="an adapter as it was trained, whole",
                todo="train or fetch the adapter again",
            )
    idle = [
        delta.parameter
        for delta in deltas.values()
        if not (bool(stored[delta.down].any()) and bool(stored[delta.up].any()))
    ]
    if idle:
        raise UserError(
            f"{path} leaves {len(idle)} of the {len(deltas)} tensors it adapts as they were: it was not trained, or "
            "did not load whole",
            value=idle[0],
            accepted="an adapter that changes every tensor it adapts",
            todo="train the adapter (again)",
        )
    return stored

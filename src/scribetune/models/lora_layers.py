"""LoRA layers of PEFT, computed with fewer operations and less memory; names, weights and results stay PEFT's.

`slim` turns the layers that PEFT put into a model into subclasses of themselves:

- a linear layer computes `base(x) + (x Aᵀ) Bᵀ · scaling`, without PEFT's questions to the Python interpreter, so that
  a whole transformer layer compiles into one graph;
- stacked experts compute the same low-rank product for each token's experts (two thin grouped matrix products),
  where PEFT makes the whole updated stack in every forward pass and its whole gradient in every backward pass:
  0.9 GB a layer of DeepSeek-OCR-2 in bfloat16.

LoRA is from Hu et al. 2021 (arXiv 2106.09685); grouped products are torch.nn.functional.grouped_mm.
"""

from typing import Any

import torch
from peft.tuners.lora.layer import Linear, ParamWrapper
from torch.nn import functional

from scribetune.models import quick_layers
from scribetune.models.grouped_products import grouped_product, sorted_by_group

_ADAPTER = "default"
_ROW_BYTES = 16
"""Rows of a grouped product's matrices must be multiples of this."""


class SlimLinear(Linear):
    """A linear layer with one LoRA adapter."""

    @property
    def quick(self) -> bool:
        """Whether the product and its gradients are made by `quick_layers.low_rank`: on a GPU, without dropout."""
        a: Any = self.lora_A[_ADAPTER]
        drops = self.training and not isinstance(self.lora_dropout[_ADAPTER], torch.nn.Identity)
        return quick_layers.used_on(a.weight) and not drops

    def forward(self, x: torch.Tensor, *arguments: Any, **named: Any) -> torch.Tensor:
        """Return (…, out) for x (…, in)."""
        if self.disable_adapters or self.merged:
            result: torch.Tensor = super().forward(x, *arguments, **named)
            return result
        down, up = _weights(self)
        base_layer: Any = self.base_layer
        if self.quick and type(base_layer) is torch.nn.Linear and base_layer.weight.dtype == x.dtype:
            scale = self.scaling[_ADAPTER]
            return quick_layers.low_rank(x, base_layer.weight, base_layer.bias, down, up, scale)
        base: torch.Tensor = base_layer(x, *arguments, **named)
        # Under autocast the product chooses its number format itself; otherwise it is that of the adapter, as in PEFT.
        inputs = x if torch.is_autocast_enabled(x.device.type) else x.to(down.dtype)
        low = functional.linear(self.lora_dropout[_ADAPTER](inputs), down)
        updated: torch.Tensor = base + functional.linear(low, up) * self.scaling[_ADAPTER]
        return updated.to(base.dtype)


class SlimExperts(ParamWrapper):
    """Stacked experts with LoRA on both of their stacks; takes the place of the outer of PEFT's two wrappers."""

    def forward(self, x: torch.Tensor, *arguments: Any, **named: Any) -> torch.Tensor:
        """Return what the experts make of tokens (tokens, hidden).

        Given with them, by place or by name, are `top_k_index` and `top_k_weights` (tokens, k).
        """
        wrappers = _wrappers(self)
        experts: Any = self.get_base_layer()
        if self.disable_adapters or any(wrapper.merged for wrapper in wrappers.values()):
            result: torch.Tensor = super().forward(x, *arguments, **named)
            return result
        given = dict(zip(("top_k_index", "top_k_weights"), arguments, strict=False)) | named
        chosen, shares = given["top_k_index"], given["top_k_weights"]
        if quick_layers.used_on(x) and not experts.is_transposed:
            return quick_layers.by_experts(
                experts, x, chosen, shares,
                lambda rows, name, ends: _grouped(rows, getattr(experts, name), wrappers[name], ends, False),
            )  # fmt: skip
        tokens, each = chosen.shape
        # (tokens · k) each, (experts)
        order, inverse, ends = sorted_by_group(chosen.reshape(-1), experts.num_experts)
        rows = _rows(x, order, inverse, each)  # (tokens · k, hidden)
        # wide: (tokens · k, 2 · mlp), narrow: (tokens · k, hidden)
        wide = _grouped(rows, experts.gate_up_proj, wrappers["gate_up_proj"], ends, experts.is_transposed)
        narrow = _grouped(
            experts._apply_gate(wide), experts.down_proj, wrappers["down_proj"], ends, experts.is_transposed
        )
        by_token = _rows(narrow, inverse, order, 1).view(tokens, each, -1)  # (tokens, k, hidden)
        summed: torch.Tensor = (by_token * shares.unsqueeze(-1).to(by_token.dtype)).sum(dim=1)  # (tokens, hidden)
        return summed.to(x.dtype)


def _rows(x: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor, each: int) -> torch.Tensor:
    made: torch.Tensor = _Rows.apply(x, order, inverse, each)  # type: ignore[no-untyped-call]
    return made


def _weights(layer: Linear | ParamWrapper) -> tuple[torch.Tensor, torch.Tensor]:
    """Return A and B of a layer's adapter."""
    a: Any = layer.lora_A[_ADAPTER]
    b: Any = layer.lora_B[_ADAPTER]
    return a.weight, b.weight


class _Rows(torch.autograd.Function):
    """x[order // each]: each row of x `each` times, in another order.

    Its gradient is a gather as well, where that of an index is a sum over addresses that may be equal: slow, and on a
    GPU in an order of its own in every run.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor, each: int) -> torch.Tensor:
        ctx.save_for_backward(inverse)
        ctx.each = each
        return x[order // each if each > 1 else order]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        (inverse,) = ctx.saved_tensors
        ordered = gradient[inverse]
        if ctx.each > 1:
            ordered = ordered.view(-1, ctx.each, ordered.shape[-1]).sum(dim=1)
        return ordered, None, None, None


def _grouped(
    rows: torch.Tensor, stack: torch.Tensor, wrapper: ParamWrapper, ends: torch.Tensor, transposed: bool
) -> torch.Tensor:
    """Return rows (rows, in), sorted by expert, times their expert's matrix and its low-rank update: (rows, out)."""
    kind = stack.dtype
    rows = rows.to(kind)
    base = grouped_product(rows, stack if transposed else stack.transpose(1, 2), ends)  # (rows, out)
    number, first, second = stack.shape
    # PEFT keeps A as (experts · rank, first) and B as (second, rank · experts); an expert's update is (B A)ᵀ.
    a, b = _weights(wrapper)
    a = a.to(kind).view(number, -1, first)  # (experts, rank, first)
    b = b.to(kind).view(second, -1, number).permute(2, 0, 1)  # (experts, second, rank)
    down, up = (a.transpose(1, 2), b.transpose(1, 2)) if transposed else (b, a)
    low = grouped_product(rows, down, ends)  # (rows, rank)
    updated: torch.Tensor = base + grouped_product(low, up, ends) * wrapper.scaling[_ADAPTER]
    return updated


def _wrappers(outer: ParamWrapper) -> dict[str, ParamWrapper]:
    """Return PEFT's nested wrappers of a module by the parameter that each adapts."""
    found: dict[str, ParamWrapper] = {}
    layer: Any = outer
    while isinstance(layer, ParamWrapper):
        found[layer.parameter_name] = layer
        layer = layer.base_layer
    return found


def slim(model: Any) -> int:
    """Let LoRA layers of a PEFT model compute with fewer operations (see the module's text); return their number.

    Layers that this cannot be done for (a rank whose rows grouped products cannot take, experts with biases) stay as
    PEFT has them.
    """
    changed = 0
    inner = {id(module.base_layer) for module in model.modules() if isinstance(module, ParamWrapper)}
    for module in list(model.modules()):
        if type(module) is Linear and not module.lora_variant and _ADAPTER in module.lora_A:
            module.__class__ = SlimLinear
            changed += 1
        elif type(module) is ParamWrapper and id(module) not in inner and _can_group(module):
            module.__class__ = SlimExperts
            changed += 1
    return changed


def _can_group(outer: ParamWrapper) -> bool:
    experts, wrappers = outer.get_base_layer(), _wrappers(outer)
    if set(wrappers) != {"gate_up_proj", "down_proj"} or getattr(experts, "has_bias", True):
        return False
    if any(_ADAPTER not in wrapper.lora_A for wrapper in wrappers.values()):
        return False
    stack = experts.gate_up_proj
    if stack.device.type == "cuda" and torch.cuda.get_device_capability(stack.device) < (8, 0):
        return False
    # The configured precision may be lower than that of the weights: bfloat16 has the shortest rows.
    return all(wrapper.r[_ADAPTER] * torch.bfloat16.itemsize % _ROW_BYTES == 0 for wrapper in wrappers.values())

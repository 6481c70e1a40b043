"""Layers of a model that is trained on a GPU, in fewer operations over less memory than the native classes'.

A native layer is many small operations, each of which reads and writes all tokens once more, often in float32; the
backward pass has twice as many, and the gradient of a gather is a sum over addresses that may be equal, which sorts
first to be the same twice. Here each step is a few fused operations with a gradient of its own. What is computed is the
same up to rounding; `quicken` compares each kind of module with its native form on random numbers before it is used.

Norms are RMSNorm (Zhang and Sennrich 2019, arXiv 1910.07467), gates SwiGLU (Shazeer 2020, arXiv 2002.05202), positions
rotary (Su et al. 2021, arXiv 2104.09864).
"""

import contextlib
import functools
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn import functional

from scribetune.models.grouped_products import frozen_product, sorted_by_group

logger = logging.getLogger(__name__)

WANTED = True
"""Whether they are used at all: measurements compare them with the native form."""

_TOLERANCE = 1e-4
"""Largest difference from the native form in float32, of numbers that are about 1."""


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        made: torch.Tensor
        made, scale = torch.ops.aten._fused_rms_norm(x, [x.shape[-1]], weight, eps)
        ctx.save_for_backward(x, scale, weight)
        return made

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        x, scale, weight = ctx.saved_tensors
        shape = [x.shape[-1]]
        found = torch.ops.aten._fused_rms_norm_backward(gradient.contiguous(), x, shape, scale, weight, [True, False])
        return found[0], None, None


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        return functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gate, up = ctx.saved_tensors
        of_up = functional.silu(gate).mul_(gradient)
        return torch.ops.aten.silu_backward(gradient * up, gate), of_up


class _GatedHalves(torch.autograd.Function):
    """Of gate and up beside each other, (rows, 2 · width): their gradients are written beside each other at once."""

    @staticmethod
    def forward(ctx: Any, both: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(both)
        gate, up = both.chunk(2, dim=-1)
        return functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        (both,) = ctx.saved_tensors
        gate, up = both.chunk(2, dim=-1)
        made = torch.empty_like(both)
        of_gate, of_up = made.chunk(2, dim=-1)
        torch.mul(functional.silu(gate), gradient, out=of_up)
        torch.ops.aten.silu_backward.grad_input(gradient * up, gate, grad_input=of_gate)
        return made


class _Rotated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        half = x.shape[-1] // 2
        made = x * cos
        made[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-1)
        made[..., half:].addcmul_(x[..., :half], sin[..., half:])
        return made

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        half = gradient.shape[-1] // 2
        made = gradient * cos
        made[..., :half].addcmul_(gradient[..., half:], sin[..., half:])
        made[..., half:].addcmul_(gradient[..., :half], sin[..., :half], value=-1)
        return made, None, None


class _LowRank(torch.autograd.Function):
    """x Wᵀ + (x Aᵀ) Bᵀ · scale for x (…, in), in the number format of x; A and B (float32) learn, W does not."""

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1])
        down, up = a.to(x.dtype), b.to(x.dtype)
        low = functional.linear(rows, down)  # (rows, rank)
        made = functional.linear(rows, weight, bias).addmm_(low, up.t(), alpha=scale)
        ctx.save_for_backward(rows, weight, down, up, low)
        ctx.scale, ctx.formats = scale, (a.dtype, b.dtype)
        return made.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, weight, down, up, low = ctx.saved_tensors
        shape = (*gradient.shape[:-1], rows.shape[-1])
        gradient = gradient.reshape(-1, gradient.shape[-1])
        of_low = (gradient @ up).mul_(ctx.scale)  # (rows, rank)
        of_a = (of_low.t() @ rows).to(ctx.formats[0])
        of_b = (gradient.t() @ low).mul_(ctx.scale).to(ctx.formats[1])
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (gradient @ weight).addmm_(of_low, down).view(shape)
        return of_x, None, None, of_a, of_b, None


class _Spread(torch.autograd.Function):
    """x[order // each]: each row of x `each` times, in another order; see `spread`."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(inverse)
        return x[order // inverse.shape[1]]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (inverse,) = ctx.saved_tensors
        return functional.embedding_bag(inverse, gradient, mode="sum"), None, None


class _Gathered(torch.autograd.Function):
    """For each token the sum of its rows times their shares; see `gathered`."""

    @staticmethod
    def forward(
        ctx: Any, rows: torch.Tensor, shares: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor
    ) -> torch.Tensor:
        given = shares.to(rows.dtype)
        ctx.save_for_backward(rows, given, order, inverse)
        ctx.kind = shares.dtype
        return functional.embedding_bag(inverse, rows, mode="sum", per_sample_weights=given)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None]:
        rows, shares, order, inverse = ctx.saved_tensors
        by_row = gradient[order // inverse.shape[1]]  # (tokens · k, width)
        of_shares = (by_row * rows).sum(-1)[inverse].to(ctx.kind)
        return by_row.mul_(shares.reshape(-1)[order][:, None]), of_shares, None, None


def _applied(function: Any, *arguments: Any) -> torch.Tensor:
    made: torch.Tensor = function.apply(*arguments)
    return made


def gated(both: torch.Tensor) -> torch.Tensor:
    """Return silu(gate) · up (rows, width) of both beside each other (rows, 2 · width)."""
    return _applied(_GatedHalves, both)


def rotated(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Turn the halves of the last axis of x by angles whose cosines and sines, of its shape or wider, are given."""
    return _applied(_Rotated, x, cos, sin)


def both_rotated(
    q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, unsqueeze_dim: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn queries and keys; what transformers calls `apply_rotary_pos_emb`."""
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    return rotated(q, cos, sin), rotated(k, cos, sin)


def low_rank(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, a: torch.Tensor, b: torch.Tensor, scale: float
) -> torch.Tensor:
    """Return x Wᵀ + bias + (x Aᵀ) Bᵀ · scale, (…, out) for x (…, in), in the number format of x."""
    return _applied(_LowRank, x, weight, bias, a, b, scale)


def spread(x: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    """Return each row of x (tokens, width) k times, in the order (tokens · k); inverse (tokens, k) undoes it."""
    return _applied(_Spread, x, order, inverse)


def gathered(rows: torch.Tensor, shares: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
    """Return the sums (tokens, width) of each token's k rows (tokens · k, width) times their shares (tokens, k)."""
    return _applied(_Gathered, rows, shares, order, inverse)


def used_on(tensor: torch.Tensor) -> bool:
    """Tell whether these are used: on a GPU, and not where layers are compiled, which fuses more."""
    return WANTED and tensor.device.type == "cuda" and not torch.compiler.is_compiling()


# ---- In the place of modules' own ----


def quicken(model: Any) -> int:
    """Let norms, gates, rotary positions and frozen experts of a model compute as above while gradients are wanted.

    Without gradients (reading, validation) every module computes as it did. Returns the number of modules changed; what
    was changed before stays so.
    """
    made: dict[type[Any], Callable[..., Any] | None] = {}
    changed = 0
    for module in model.modules():
        kind = type(module)
        if kind not in made:
            made[kind] = form_of(module)
            if hasattr(sys.modules[kind.__module__], "apply_rotary_pos_emb"):
                _turn_quickly(sys.modules[kind.__module__])
        form = made[kind]
        if "forward" in module.__dict__:
            continue
        if form is not None and not any(weight.requires_grad for weight in module.parameters(recurse=False)):
            module.forward = functools.partial(_run, module, module.forward, form)
            changed += 1
    logger.debug("%d modules compute in fewer operations", changed)
    return changed


def _run(module: Any, own: Callable[..., Any], form: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    if not torch.is_grad_enabled():
        return own(*arguments, **named)
    return form(own, module, *arguments, **named)


def form_of(module: Any) -> Callable[..., Any] | None:
    """Return what a module of this kind computes with, where there is something and it gives the same.

    It is given the module's own forward pass, the module, and what that is called with.
    """
    kind = type(module)
    if kind.__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
        return _norm if _same_norm(module) else None
    if {"gate_proj", "up_proj", "down_proj", "act_fn"} <= set(dir(module)) and _is_silu(module.act_fn):
        return _gate if _same_gate(module) else None
    if has_plain_experts(module) and _is_silu(module.act_fn):
        return _experts
    return None


def _norm(own: Callable[..., Any], module: Any, x: torch.Tensor) -> Any:
    if x.dtype != module.weight.dtype or x.device.type == "cpu":
        return own(x)
    return _applied(_Norm, x, module.weight, module.variance_epsilon)


def _gate(_: Callable[..., Any], module: Any, x: torch.Tensor) -> Any:
    return module.down_proj(_applied(_Gated, module.gate_proj(x), module.up_proj(x)))


def _experts(_: Callable[..., Any], module: Any, x: torch.Tensor, chosen: torch.Tensor, shares: torch.Tensor) -> Any:
    return by_experts(
        module, x, chosen, shares, lambda rows, name, ends: frozen_product(rows, getattr(module, name), ends)
    )


def by_experts(
    experts: Any,
    x: torch.Tensor,
    chosen: torch.Tensor,
    shares: torch.Tensor,
    product: Callable[[torch.Tensor, str, torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Return what a stack of experts makes of tokens x (tokens, hidden): (tokens, hidden).

    Args:
        experts: The native module.
        x: Tokens.
        chosen: Their experts (tokens, k).
        shares: The weights of these (tokens, k).
        product: Multiplies rows, sorted by expert, by the stack of that name; ends (experts) say where rows end.
    """
    order, inverse, ends = sorted_by_group(chosen.reshape(-1), experts.num_experts)  # (tokens · k) each, (experts)
    inverse = inverse.view(chosen.shape)
    rows = spread(x.to(experts.gate_up_proj.dtype), order, inverse)  # (tokens · k, hidden)
    narrow = product(gated(product(rows, "gate_up_proj", ends)), "down_proj", ends)  # (tokens · k, hidden)
    return gathered(narrow, shares, order, inverse).to(x.dtype)


def _turn_quickly(source: Any) -> None:
    """Let a module's function of rotary positions be the quick one where gradients are wanted, and it is the same."""
    own = source.apply_rotary_pos_emb
    if hasattr(own, "quick") or not is_same_turn(own):
        return

    def apply_rotary_pos_emb(
        q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, unsqueeze_dim: int = 1
    ) -> tuple[torch.Tensor, torch.Tensor]:
        turn = both_rotated if torch.is_grad_enabled() else own
        found: tuple[torch.Tensor, torch.Tensor] = turn(q, k, cos, sin, unsqueeze_dim=unsqueeze_dim)
        return found

    apply_rotary_pos_emb.quick = True  # type: ignore[attr-defined]
    source.apply_rotary_pos_emb = apply_rotary_pos_emb


def _rounded_norm(own: Callable[..., Any], module: Any, x: torch.Tensor) -> Any:
    if x.dtype != module.weight.dtype or x.device.type == "cpu":
        return own(x)
    normal, _ = torch.ops.aten._fused_rms_norm(x, [x.shape[-1]], None, module.variance_epsilon)
    return module.weight * normal


_READING: dict[Any, Callable[..., Any]] = {_norm: _rounded_norm, _gate: _gate}


def both_turned(
    q: torch.Tensor, k: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, unsqueeze_dim: int = 1
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn queries and keys at once; what transformers calls `apply_rotary_pos_emb`, rounded as there."""
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    both = torch.cat((q, k), dim=unsqueeze_dim)
    half = both.shape[-1] // 2
    made = both * cos
    made[..., :half] -= both[..., half:] * sin[..., :half]
    made[..., half:] += both[..., :half] * sin[..., half:]
    heads = q.shape[unsqueeze_dim]
    return made.narrow(unsqueeze_dim, 0, heads), made.narrow(unsqueeze_dim, heads, k.shape[unsqueeze_dim])


@contextlib.contextmanager
def without_gradients(model: Any) -> Iterator[None]:
    """Let norms, gates and rotary positions of a model compute in fewer operations meanwhile, without gradients.

    They round where the native ones do, which those for training do not: what is read stays the same.
    """
    forms: dict[type[Any], Callable[..., Any] | None] = {}
    changed: list[tuple[Any, Callable[..., Any], Any]] = []
    turns: dict[Any, Any] = {}
    for module in model.modules():
        kind = type(module)
        if kind not in forms:
            forms[kind] = form_of(module)
            source = sys.modules[kind.__module__]
            turn = getattr(source, "apply_rotary_pos_emb", None)
            if turn is not None and source not in turns and is_same_turn(turn):
                turns[source] = turn
        form = _READING.get(forms[kind])
        if form is not None:
            changed.append((module, form, module.__dict__.get("forward")))
    try:
        for module, form, _ in changed:
            module.forward = functools.partial(form, module.forward, module)
        for source in turns:
            source.apply_rotary_pos_emb = both_turned
        yield
    finally:
        for module, _, before in changed:
            if before is None:
                del module.forward
            else:
                module.forward = before
        for source, turn in turns.items():
            source.apply_rotary_pos_emb = turn


# ---- Is it the same? ----


def _random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool(torch.allclose(one, other, atol=_TOLERANCE, rtol=_TOLERANCE))


@torch.no_grad()
def _same_norm(module: Any) -> bool:
    width = int(module.weight.shape[0])
    x = _random(3, width).to(module.weight.device, torch.float32)
    expected = type(module).forward(module, x)
    plain = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + module.variance_epsilon) * module.weight.float()
    return _close(expected.float(), plain)


def _is_silu(function: Any) -> bool:
    x = _random(8)
    try:
        return _close(function(x), functional.silu(x))
    except (TypeError, RuntimeError):
        return False


def _same_gate(module: Any) -> bool:
    """Tell whether a module is down(silu(gate(x)) · up(x)), by its forward pass with other matrices."""
    stub = torch.nn.Module()
    stub.gate_proj, stub.up_proj, stub.down_proj = (torch.nn.Linear(4, 4) for _ in range(3))
    stub.act_fn = module.act_fn
    x = _random(3, 4)
    try:
        found = type(module).forward(stub, x)
    except (AttributeError, TypeError):
        return False
    return _close(found, stub.down_proj(functional.silu(stub.gate_proj(x)) * stub.up_proj(x)))


def has_plain_experts(module: Any) -> bool:
    """Tell whether a module is a stack of experts that `by_experts` computes."""
    stack = getattr(module, "gate_up_proj", None)
    return (
        isinstance(stack, torch.Tensor) and isinstance(getattr(module, "down_proj", None), torch.Tensor)
        and getattr(module, "has_gate", False) and not getattr(module, "has_bias", True)
        and getattr(module, "is_concatenated", False) and not module.is_transposed
        and stack.dtype == torch.bfloat16 and stack.device.type == "cuda"
    )  # fmt: skip


def is_same_turn(function: Callable[..., Any]) -> bool:
    """Tell whether a function turns queries and keys as `both_rotated` does."""
    x, angle = _random(1, 2, 3, 8), _random(1, 3, 4)
    cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
    try:
        found = function(x, x, cos, sin)
        expected = rotated(x, cos.unsqueeze(1), sin.unsqueeze(1))
    except (TypeError, RuntimeError, ValueError):
        return False
    return isinstance(found, tuple) and _close(found[0], expected) and _close(found[1], expected)

"""Fused operations give what the native form gives, and the same gradients."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers.models.deepseek_ocr2 import modeling_deepseek_ocr2 as native

from scribetune.models import quick_layers
from scribetune.models.collation import IGNORED
from scribetune.models.grouped_products import frozen_product
from scribetune.training.loss import quick_loss, token_loss
from support.training_pages import FAMILY, TINY


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def same_with_gradients(found: torch.Tensor, expected: torch.Tensor, *learned: torch.Tensor) -> None:
    """Both results, and both gradients of a loss that weighs each number otherwise."""
    weights = numbers(*expected.shape, seed=9).detach().to(expected.dtype)
    assert torch.allclose(found, expected, atol=1e-5)
    ours = torch.autograd.grad((found * weights).sum(), learned)
    theirs = torch.autograd.grad((expected * weights).sum(), learned)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype and torch.allclose(one, other, atol=1e-5), float((one - other).abs().max())


def test_gates() -> None:
    both = numbers(5, 12)
    gate, up = both.chunk(2, dim=-1)
    same_with_gradients(quick_layers.gated(both), functional.silu(gate) * up, both)
    gate, up = numbers(3, 5, 4), numbers(3, 5, 4, seed=1)
    same_with_gradients(quick_layers._applied(quick_layers._Gated, gate, up), functional.silu(gate) * up, gate, up)


def test_positions() -> None:
    x, angle = numbers(2, 3, 7, 8), numbers(2, 7, 8, seed=1).detach()
    cos, sin = angle.cos(), angle.sin()
    expected, _ = native.apply_rotary_pos_emb(x, x, cos, sin)
    same_with_gradients(quick_layers.rotated(x, cos.unsqueeze(1), sin.unsqueeze(1)), expected, x)


@pytest.mark.parametrize("bias", [None, numbers(6, seed=4).detach()])
def test_low_rank_products(bias: torch.Tensor | None) -> None:
    x, a, b = numbers(2, 5, 8), numbers(3, 8, seed=1), numbers(6, 3, seed=2)
    weight = numbers(6, 8, seed=3).detach()
    expected = functional.linear(x, weight, bias) + functional.linear(functional.linear(x, a), b) * 0.5
    same_with_gradients(quick_layers.low_rank(x, weight, bias, a, b, 0.5), expected, x, a, b)
    still = x.detach()
    again = functional.linear(still, weight, bias) + functional.linear(functional.linear(still, a), b) * 0.5
    same_with_gradients(quick_layers.low_rank(still, weight, bias, a, b, 0.5), again, a, b)


def test_frozen_experts() -> None:
    config: Any = SimpleNamespace(
        num_experts=4, hidden_size=16, moe_intermediate_size=8, hidden_act="silu", _experts_implementation="eager"
    )
    experts: Any = native.DeepseekOcr2TextExperts(config)
    for seed, stack in enumerate((experts.gate_up_proj, experts.down_proj)):
        stack.data = numbers(*stack.shape, seed=seed).detach().float() * 0.3
        stack.requires_grad_(False)
    x = numbers(10, 16).detach().float().requires_grad_()
    chosen = torch.stack([torch.randperm(4, generator=torch.Generator().manual_seed(row))[:2] for row in range(10)])
    shares = numbers(10, 2, seed=5).detach().float().requires_grad_()

    def product(rows: torch.Tensor, name: str, ends: torch.Tensor) -> torch.Tensor:
        return frozen_product(rows, getattr(experts, name), ends)

    found = quick_layers.by_experts(experts, x, chosen, shares, product)
    same_with_gradients(found, experts(x, chosen, shares), x, shares)


def test_loss_with_its_gradient() -> None:
    head = torch.nn.Linear(8, 1000, bias=False)
    head.weight.requires_grad_(False)
    hidden = numbers(1, 600, 8).detach().float().requires_grad_()
    targets = torch.randint(1000, (1, 600), generator=torch.Generator().manual_seed(1))
    targets[0, 100:140] = IGNORED
    expected, right = token_loss(hidden, targets, head, 1000)
    found, correct = quick_loss(hidden.reshape(-1, 8), targets.reshape(-1), head.weight)
    assert int(correct) == int(right)
    assert abs(float(found) - float(expected)) < 1e-2
    ours, theirs = (torch.autograd.grad(total / 7, hidden)[0] for total in (found, expected))
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_a_model_computes_the_same_and_without_gradients_as_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "apply_rotary_pos_emb", native.apply_rotary_pos_emb)  # put back afterwards
    model = FAMILY.load_model(TINY, dtype=torch.float32, device="cpu")
    model.requires_grad_(False)
    ids = torch.arange(80).reshape(2, 40) + 100
    rows = model.get_input_embeddings()(ids).requires_grad_()
    expected = model(inputs_embeds=rows).logits
    with torch.no_grad():
        read = model(inputs_embeds=rows).logits
    assert quick_layers.quicken(model) > 0 and hasattr(native.apply_rotary_pos_emb, "quick")
    found = model(inputs_embeds=rows).logits
    assert torch.allclose(found, expected, atol=1e-4)
    ours, theirs = (torch.autograd.grad(logits.square().mean(), rows)[0] for logits in (found, expected))
    assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()))
    with torch.no_grad():
        assert torch.equal(model(inputs_embeds=rows).logits, read)


def test_other_norms_and_gates_stay_as_they_are() -> None:
    class ShiftedRMSNorm(torch.nn.Module):
        variance_epsilon = 1e-6

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(8), requires_grad=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.variance_epsilon) * (1 + self.weight)

    assert quick_layers.quicken(ShiftedRMSNorm()) == 0

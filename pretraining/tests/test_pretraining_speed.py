"""Promises of what makes pre-training faster: the same results as the libraries' own, slower ways."""

import pytest
import torch
from torch import nn

from tiny_pretraining.speed import StackedMuon, prepare
from tiny_pretraining.tiny_model import random_model


def test_stacked_muon_takes_the_steps_of_torch_muon() -> None:
    torch.manual_seed(0)
    mine = [nn.Parameter(torch.randn(shape)) for shape in ((8, 12), (8, 12), (20, 6), (12, 8))]
    theirs = [nn.Parameter(weight.detach().clone()) for weight in mine]
    unused = nn.Parameter(torch.ones(4, 4))
    first = StackedMuon([*mine, unused], lr=0.01, weight_decay=0.1)
    second = torch.optim.Muon(theirs, lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        for weight, other in zip(mine, theirs, strict=True):
            weight.grad = torch.randn_like(weight)
            other.grad = weight.grad.clone()
        first.step()
        second.step()  # type: ignore[no-untyped-call]
    for weight, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(weight, other, rtol=0, atol=1e-4)
    assert torch.equal(unused, torch.ones(4, 4))
    with pytest.raises(ValueError, match="closure"):
        first.step(lambda: 0.0)


def test_stacked_experts_are_several_matrices() -> None:
    torch.manual_seed(0)
    stacked = nn.Parameter(torch.randn(3, 6, 10))
    single = [nn.Parameter(matrix.clone()) for matrix in stacked.detach()]
    stacked.grad = torch.randn_like(stacked)
    for weight, gradient in zip(single, stacked.grad, strict=True):
        weight.grad = gradient.clone()
    StackedMuon([stacked], lr=0.1).step()
    StackedMuon(single, lr=0.1).step()
    torch.testing.assert_close(stacked.detach(), torch.stack([weight.detach() for weight in single]))


def test_dense_experts_compute_what_routed_ones_do() -> None:
    model = random_model(1)
    experts = next(
        module for module in model.modules() if isinstance(getattr(module, "gate_up_proj", None), nn.Parameter)
    )
    torch.manual_seed(0)
    hidden = torch.randn(50, experts.gate_up_proj.shape[-1])
    chosen = torch.stack([torch.randperm(4)[:2] for _ in range(50)])
    weights = torch.rand(50, 2)
    expected = experts(hidden, chosen, weights)
    prepare(model, compiled=False)
    torch.testing.assert_close(experts(hidden, chosen, weights), expected, rtol=1e-4, atol=1e-5)

"""Routed experts in a recorded step: the same sums as transformers', without asking the host for anything."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from scribetune.generation import experts
from scribetune.models import families
from support import stand_in, tiny_qwen


def deepseek() -> Any:
    folder = stand_in.folder()
    return families.family_of(folder).load_model(folder, dtype=torch.float32, device="cpu")


def qwen() -> Any:
    return tiny_qwen.model("qwen3_vl_moe").eval()


def routed(model: Any) -> Any:
    return next(part for part in model.modules() if getattr(part, "has_gate", False))


@pytest.mark.parametrize("make", [deepseek, qwen])
def test_every_expert_computes_what_the_chosen_ones_do(make: Callable[[], Any]) -> None:
    model = make()
    layer = routed(model)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.normal_(0.0, 0.2)  # random weights of a small model lie near 0, and so would every difference
        width = model.config.get_text_config().hidden_size
        generator = torch.Generator().manual_seed(3)
        rows = torch.randn(7, width, generator=generator)
        scores = torch.rand(7, layer.num_experts, generator=generator).softmax(-1)
        shares, chosen = scores.topk(2)
        expected = layer(rows, chosen, shares)
        with experts.recordable(model):
            assert layer.config._experts_implementation == experts.NAME
            found = layer(rows, chosen, shares)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_is_left_as_it_was(dtype: torch.dtype) -> None:
    model = qwen().to(dtype)
    config = routed(model).config
    before = config._experts_implementation
    with pytest.raises(KeyboardInterrupt), experts.recordable(model):
        # In bfloat16 the grouped product is one kernel, and better.
        assert (config._experts_implementation == experts.NAME) == (dtype == torch.float32)
        raise KeyboardInterrupt
    assert config._experts_implementation == before != experts.NAME


def test_a_model_without_experts_is_none_of_its_business() -> None:
    model = tiny_qwen.model("qwen3_vl")
    with experts.recordable(model):
        assert model.config.get_text_config()._experts_implementation != experts.NAME

"""Layers in a recorded step: the same as transformers', in fewer operations, without asking the host for anything."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from scribetune.generation import recorded_layers
from scribetune.models import families, quick_layers
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
        with recorded_layers.recordable(model, 7):
            assert layer.config._experts_implementation == recorded_layers.EVERY
            found = layer(rows, chosen, shares)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_sorted_experts_compute_what_transformers_do() -> None:
    layer = routed(deepseek().to(torch.bfloat16))
    with torch.no_grad():
        for weight in layer.parameters():
            weight.normal_(0.0, 0.2)
        generator = torch.Generator().manual_seed(4)
        rows = torch.randn(150, layer.hidden_dim, generator=generator).bfloat16()
        shares, chosen = torch.rand(150, layer.num_experts, generator=generator).softmax(-1).topk(2)
        expected = layer(rows, chosen, shares)
        found = recorded_layers.sorted_experts(layer, rows, chosen, shares)
        every = recorded_layers.every_expert(layer, rows, chosen, shares)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=2e-2, atol=2e-2)
    torch.testing.assert_close(every, expected, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_positions_and_gates_round_as_transformers_do(dtype: torch.dtype) -> None:
    model = deepseek().to(dtype)
    source = sys.modules[type(routed(model)).__module__]
    generator = torch.Generator().manual_seed(2)
    q, k = (torch.randn(3, heads, 5, 8, generator=generator).to(dtype) for heads in (4, 2))
    angle = torch.rand(3, 5, 4, generator=generator)
    cos, sin = (torch.cat([found, found], -1).to(dtype) for found in (angle.cos(), angle.sin()))
    for found, expected in zip(
        quick_layers.both_turned(q, k, cos, sin), source.apply_rotary_pos_emb(q, k, cos, sin), strict=True
    ):
        assert torch.equal(found, expected)
    gate = next(part for part in model.modules() if hasattr(part, "gate_proj"))
    x = torch.randn(3, gate.gate_proj.in_features, generator=generator).to(dtype)
    with torch.no_grad():
        expected = gate(x)
        with quick_layers.without_gradients(model):
            assert torch.equal(gate(x), expected)


@pytest.mark.parametrize("rows", [1, 40, 100])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("make", [deepseek, qwen])
def test_a_model_is_left_as_it_was(make: Callable[[], Any], dtype: torch.dtype, rows: int) -> None:
    model = make().to(dtype)
    own, source = forwards(model), sys.modules[type(routed(model)).__module__]
    before = routed(model).config._experts_implementation, source.apply_rotary_pos_emb
    with pytest.raises(KeyboardInterrupt), recorded_layers.recordable(model, rows):
        assert source.apply_rotary_pos_emb is quick_layers.both_turned
        assert forwards(model) != own
        raise KeyboardInterrupt
    assert (routed(model).config._experts_implementation, source.apply_rotary_pos_emb) == before
    assert forwards(model) == own


def forwards(model: Any) -> list[Any]:
    """What modules were given as their forward pass beside their class's."""
    return [part.__dict__.get("forward") for part in model.modules()]


def test_a_step_of_a_model_gives_the_same_scores() -> None:
    model = deepseek()
    ids = torch.randint(5, 90, (2, 1), generator=torch.Generator().manual_seed(1))
    seen = torch.zeros(2, 1, 1, 1)
    with torch.no_grad():
        expected = model(input_ids=ids, attention_mask=seen, position_ids=torch.full((2, 1), 7)).logits
        with recorded_layers.recordable(model, 2):
            found = model(input_ids=ids, attention_mask=seen, position_ids=torch.full((2, 1), 7)).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_model_without_experts_has_its_norms_and_gates_recorded() -> None:
    model = tiny_qwen.model("qwen3_vl")
    own = forwards(model)
    with recorded_layers.recordable(model, 7):
        assert model.config.get_text_config()._experts_implementation != recorded_layers.EVERY
        assert forwards(model) != own

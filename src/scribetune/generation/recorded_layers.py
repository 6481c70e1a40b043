"""What a model's layers compute with while a decoding step is recorded: few operations, none of which asks the host.

A recorded step of few rows takes as long as its operations are many, since each lasts two microseconds however small
it is; of some 75 of transformers' a layer, most are norms, rotary positions and routed experts. Here they are fewer,
and round where transformers' do, so that a text stays the same. Nothing of a model is changed beyond the recording.

Of experts every one computes every row where rows are few, and the router's weights choose: most of their weights are
read anyway, and the time goes into that. torch's grouped product, of many rows, is one kernel in bfloat16 alone; in
other number formats it asks the host how many rows each expert has, so that it cannot be recorded.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS

from scribetune.models import quick_layers
from scribetune.models.families.native import native
from scribetune.models.grouped_products import frozen_product, sorted_by_group

EVERY, SORTED = "every_expert", "sorted_experts"
"""What a model's configuration calls its experts by, meanwhile."""

FEW_EXPERT_ROWS = range(5, 129)
"""With so many rows every expert computes all: fewer need few experts, more take longer than sorting rows."""


def every_expert(
    self: Any, hidden_states: torch.Tensor, top_k_index: torch.Tensor, top_k_weights: torch.Tensor
) -> torch.Tensor:
    """Return (rows, hidden size); transformers' interface of an experts module without biases.

    Given are hidden states (rows, hidden size), and for each row the chosen experts and their weights (rows, k).
    """
    up, down = self.gate_up_proj, self.down_proj
    if not self.is_transposed:
        up, down = up.transpose(1, 2), down.transpose(1, 2)
    rows = hidden_states.expand(self.num_experts, *hidden_states.shape)
    made = torch.bmm(self._apply_gate(torch.bmm(rows, up)), down)  # (experts, rows, hidden size)
    own = torch.arange(len(hidden_states), device=made.device)[:, None]
    return _weighted(made[top_k_index, own], top_k_weights)


def sorted_experts(
    self: Any, hidden_states: torch.Tensor, top_k_index: torch.Tensor, top_k_weights: torch.Tensor
) -> torch.Tensor:
    """Return the same by a product for the rows of each expert; for stacks that `has_plain_experts` takes."""
    order, inverse, ends = sorted_by_group(top_k_index.reshape(-1), self.num_experts)
    rows = hidden_states[order // top_k_index.shape[1]]
    wide = self._apply_gate(frozen_product(rows, self.gate_up_proj, ends))
    return _weighted(frozen_product(wide, self.down_proj, ends)[inverse.view(top_k_index.shape)], top_k_weights)


def _weighted(made: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Sum what a row's experts made, (rows, k, hidden size), as transformers does: in the number format of shares."""
    summed: torch.Tensor = (made * shares[..., None]).sum(1)
    return summed.to(made.dtype)


ALL_EXPERTS_FUNCTIONS.register(EVERY, every_expert)
ALL_EXPERTS_FUNCTIONS.register(SORTED, sorted_experts)


@contextlib.contextmanager
def recordable(model: Any, rows: int) -> Iterator[None]:
    """Let a model compute a step of so many rows, without gradients, as above; as it did afterwards."""
    own = native(model)
    half = own.get_input_embeddings().weight.dtype == torch.bfloat16
    with contextlib.ExitStack() as until_recorded:
        for part in own.modules():
            if getattr(part, "has_gate", False) and not part.has_bias:
                if not half or rows in FEW_EXPERT_ROWS:
                    until_recorded.enter_context(_said(part.config, "_experts_implementation", EVERY))
                elif quick_layers.has_plain_experts(part):
                    until_recorded.enter_context(_said(part.config, "_experts_implementation", SORTED))
        if quick_layers.WANTED:
            until_recorded.enter_context(quick_layers.without_gradients(own))
        yield


@contextlib.contextmanager
def _said(config: Any, name: str, value: str) -> Iterator[None]:
    before = getattr(config, name)
    setattr(config, name, value)
    try:
        yield
    finally:
        setattr(config, name, before)

"""A mixture of experts in a decoding step: every expert computes every row, and the router's weights choose.

torch's grouped product, which transformers uses for routed experts, is one kernel in bfloat16 alone; in other number
formats it asks the host how many rows each expert has, so that no CUDA graph can be recorded of it. With the few rows
of a decoding step the time goes into reading the experts' weights, and most of them are read anyway.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS

from scribetune.models.families.native import native

NAME = "every_expert"


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
    shares = made.new_zeros(len(hidden_states), self.num_experts)
    shares.scatter_add_(1, top_k_index, top_k_weights.to(shares.dtype))
    return (shares.t().unsqueeze(-1) * made).sum(0).to(hidden_states.dtype)


ALL_EXPERTS_FUNCTIONS.register(NAME, every_expert)


@contextlib.contextmanager
def recordable(model: Any) -> Iterator[None]:
    """Let routed experts compute in a way that a CUDA graph can be recorded of, whatever the number format."""
    own = native(model)
    if own.get_input_embeddings().weight.dtype == torch.bfloat16:
        yield
        return
    experts = [part for part in own.modules() if getattr(part, "has_gate", False) and not part.has_bias]
    configs = {id(part.config): part.config for part in experts}
    before = {key: config._experts_implementation for key, config in configs.items()}
    try:
        for config in configs.values():
            config._experts_implementation = NAME
        yield
    finally:
        for key, config in configs.items():
            config._experts_implementation = before[key]

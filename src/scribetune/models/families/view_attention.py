"""Attention over the views of a page that stand behind one another in one sequence: each view by itself.

DeepSeek-OCR-2's query encoder gets a view's patches and as many queries. Patches see all patches of their view, a query
sees them too, and the queries up to itself. As one mask over the whole page that is a matrix that is zero nearly
everywhere, and that only slow kernels take. By view it is two attentions without a mask in memory: of the patches among
each other, and a causal one over patches and queries, of which the queries' half is kept.
"""

from itertools import groupby
from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "views"
"""What an encoder's configuration says of its attention (`_attn_implementation`) to have this one."""


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    views: tuple[int, ...] | None = None,
    **named: Any,
) -> tuple[torch.Tensor, None]:
    """Return what each place of a sequence gathers, (pages, length, heads, channels); see transformers' interface.

    Args:
        module: The attention layer.
        query: (pages, heads, length, channels).
        key: The same with the heads of keys.
        value: The same.
        attention_mask: None with `views`.
        scaling: What products of queries and keys are multiplied by.
        dropout: Share of weights left out.
        views: Patches of each view; the length is twice their sum. None where the sequence is not made of views.
        named: Passed on where there are no views.
    """
    if views is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **named)
    pages, heads, _, channels = query.shape
    given = [query, *(repeat_kv(part, module.num_key_value_groups) for part in (key, value))]
    made, begin = [], 0
    for size, alike in groupby(views):
        count = len(list(alike))
        end = begin + 2 * size * count
        # (pages · views, heads, patches and queries, channels)
        q, k, v = (
            part[:, :, begin:end].reshape(pages, heads, count, 2 * size, channels).transpose(1, 2).flatten(0, 1)
            for part in given
        )
        named_alike: dict[str, Any] = {"dropout_p": dropout, "scale": scaling}
        among = functional.scaled_dot_product_attention(q[:, :, :size], k[:, :, :size], v[:, :, :size], **named_alike)
        causal = functional.scaled_dot_product_attention(q, k, v, is_causal=True, **named_alike)
        seen = torch.cat([among, causal[:, :, size:]], dim=2).transpose(1, 2)  # (…, patches and queries, heads, …)
        made.append(seen.reshape(pages, end - begin, heads, channels))
        begin = end
    return torch.cat(made, dim=1), None


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)

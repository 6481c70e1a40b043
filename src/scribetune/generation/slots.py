"""The key-value cache of many pages at once: one slot per page, each filled from its start to a length of its own."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer


def kv_bytes_per_token(text_config: Any, dtype: torch.dtype) -> int:
    """Return the bytes that one token of one page takes in the cache: keys and values of all layers."""
    heads = getattr(text_config, "num_key_value_heads", None) or text_config.num_attention_heads
    width = getattr(text_config, "head_dim", None) or text_config.hidden_size // text_config.num_attention_heads
    return int(2 * text_config.num_hidden_layers * heads * width * dtype.itemsize)


def contents(cache: Cache) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return keys and values (rows, heads, length, width) of each layer of a cache.

    Raises:
        TypeError: A layer that keeps something else, for example a state of fixed size.
    """
    found = []
    for layer in cache.layers:
        if not isinstance(layer, DynamicLayer) or layer.keys is None or layer.values is None:
            raise TypeError(f"a cache of keys and values is needed, found {type(layer).__name__}")
        found.append((layer.keys, layer.values))
    return found


class _SlotLayer(CacheLayerMixin):
    """Keys and values of one layer: (slots, heads, capacity, width) each."""

    is_sliding = False
    keys: torch.Tensor
    values: torch.Tensor

    def __init__(self, like: torch.Tensor, slots: int, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        shape = (slots, like.shape[1], capacity, like.shape[3])
        # Zeros: what is masked has no weight, but 0 times an uninitialised NaN would be NaN.
        self.keys = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.values = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.is_initialized = True
        self.aim: tuple[torch.Tensor, torch.Tensor, int] | None = None

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Do nothing: the memory is taken at once."""

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        *args: Any,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one token per row where the row ends; return the first rows' first positions."""
        if self.aim is None:
            raise RuntimeError("SlotCache.write_at must be called before the model")
        rows, lengths, view = self.aim
        self.keys[rows, :, lengths] = key_states[:, :, 0]
        self.values[rows, :, lengths] = value_states[:, :, 0]
        count = len(rows)
        return self.keys[:count, :, :view], self.values[:count, :, :view]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Return (positions seen, offset); the masks are made by the decoder, nobody asks."""
        return (0 if self.aim is None else self.aim[2]) + 0 * query_length, 0

    def get_seq_length(self) -> int:
        """Return the positions seen at most: rows have lengths of their own, and positions are given to the model."""
        return 0 if self.aim is None else self.aim[2]

    def get_max_length(self) -> int:
        """Return the capacity in tokens."""
        return int(self.keys.shape[2])


class SlotCache(Cache):
    """A cache of `slots` rows with room for `capacity` tokens each, in memory that never moves.

    `like` has for each layer keys of any page (pages, heads, length, width): shapes, format and device.
    """

    def __init__(self, like: Sequence[torch.Tensor], slots: int, capacity: int) -> None:
        self._slots = [_SlotLayer(keys, slots, capacity) for keys in like]
        super().__init__(layers=list(self._slots))

    def write_at(self, rows: torch.Tensor, lengths: torch.Tensor, view: int) -> None:
        """Say where the next token of each row goes, and how many positions the attention sees: more than any length.

        The rows are 0, 1, …, n-1 (the model is given the first n), the lengths (n,) the tokens in each so far.
        """
        for layer in self._slots:
            layer.aim = (rows, lengths, view)

    def fill(self, slots: torch.Tensor, prefilled: Cache) -> None:
        """Copy what a prefill without padding left, one row for each of `slots`."""
        for layer, (keys, values) in zip(self._slots, contents(prefilled), strict=True):
            layer.keys[slots, :, : keys.shape[2]] = keys
            layer.values[slots, :, : values.shape[2]] = values

    def move(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` tokens of a row over another row."""
        for layer in self._slots:
            layer.keys[target, :, :length] = layer.keys[source, :, :length]
            layer.values[target, :, :length] = layer.values[source, :, :length]

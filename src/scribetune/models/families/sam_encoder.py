"""SAM's encoder without gradients, on a GPU in a fraction of the native class's launches and memory traffic.

The native attention adds relative positions as a bias: a matrix of (heads, patches, patches) per view and layer, made
of small tables that are interpolated, indexed by coordinates from the host and expanded in every call. That bias is
query · table, row by row and column by column; so it can be part of the product of queries and keys: a query gets its
products with the tables as further components, a key gets ones where its row and its column are. What is left is plain
attention, without a bias in memory, by the quickest kernel that there is.

Figures are in docs/evidence/training.md; `measurements/vision_pass.py` takes them.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

_MULTIPLE = 8
"""Attention kernels take head sizes that are multiples of it."""


class Front:
    """The encoder (a native `…SamVisionEncoder`) for views of any size; it keeps tables that depend on sizes alone.

    Weights are those of the encoder while it is used; it is made anew where they change.
    """

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self._tables: dict[tuple[int, int, int], torch.Tensor] = {}
        self._rooms: dict[tuple[int, ...], tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = {}
        self._positions: dict[tuple[int, int], torch.Tensor] = {}

    def __call__(self, views: torch.Tensor) -> torch.Tensor:
        """Return features (views, channels, rows, columns) of views (views, 3, height, width)."""
        encoder = self._encoder
        hidden = encoder.patch_embed(views)
        if encoder.pos_embed is not None:
            rows, columns = hidden.shape[1:3]
            if (rows, columns) not in self._positions:
                self._positions[rows, columns] = encoder.interpolate_pos_encoding(rows, columns)
            hidden = hidden + self._positions[rows, columns]
        for number, layer in enumerate(encoder.layers):
            hidden = self._layer(number, layer, hidden)
        features: torch.Tensor = encoder.proj(encoder.neck(hidden))
        return features

    def _layer(self, number: int, layer: Any, hidden: torch.Tensor) -> torch.Tensor:
        seen = layer.layer_norm1(hidden)
        if layer.window_size > 0:
            rows, columns = seen.shape[1:3]
            windows, padded = layer.window_partition(seen, layer.window_size)
            attended = self._attention(number, layer.attn, windows)
            attended = layer.window_unpartition(attended, layer.window_size, padded, (rows, columns))
        else:
            attended = self._attention(number, layer.attn, seen)
        hidden = hidden + attended
        added: torch.Tensor = hidden + layer.mlp(layer.layer_norm2(hidden))
        return added

    def _attention(self, number: int, attention: Any, hidden: torch.Tensor) -> torch.Tensor:
        views, rows, columns, _ = hidden.shape
        heads, patches = attention.num_attention_heads, rows * columns
        projected = attention.qkv(hidden).view(views, patches, 3, heads, -1)
        queries, keys, values = projected.unbind(2)  # each (views, patches, heads, channels)
        channels = queries.shape[-1]
        if attention.use_rel_pos:
            queries, keys, values = self._widened(number, attention, (rows, columns), (queries, keys, values))
        attended = functional.scaled_dot_product_attention(
            queries.transpose(1, 2), keys.transpose(1, 2), values.transpose(1, 2), scale=attention.scale
        ).transpose(1, 2)
        attended = attended[..., :channels].reshape(views, rows, columns, heads * channels)
        out: torch.Tensor = attention.proj(attended)
        return out

    def _widened(
        self, number: int, attention: Any, grid: tuple[int, int], given: tuple[torch.Tensor, torch.Tensor, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return queries, keys and values (views, patches, heads, wider) that contain the bias of positions."""
        queries, keys, values = self._room(grid, given[0])
        views, patches, heads, channels = given[0].shape
        for room, part in zip((queries, keys, values), given, strict=True):
            room[..., :channels] = part
        # A query's product with the table for each distance, (views, patches, heads, distances): row i finds the
        # distances to rows 0, 1, … from place `rows - 1 - i` on.
        products = queries[..., :channels].view(-1, channels) @ self._table(number, attention, *grid).t()
        products = products.view(views, *grid, heads, -1)
        place = channels
        for axis, count in enumerate(grid, start=1):
            strides = list(products.stride())
            strides[axis] -= 1
            first = (2 * grid[0] - 1 if axis == 2 else 0) + count - 1
            seen = products.as_strided((views, *grid, heads, count), strides, products.storage_offset() + first)
            queries[..., place : place + count] = seen.reshape(views, patches, heads, count)
            place += count
        return queries, keys, values

    def _room(self, grid: tuple[int, int], like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return memory for queries, keys and values of a shape; keys have ones already where each of them is."""
        key = (*grid, *like.shape)
        if key not in self._rooms:
            views, patches, heads, channels = like.shape
            rows, columns = grid
            width = -(-(channels + rows + columns) // _MULTIPLE) * _MULTIPLE
            of: dict[str, Any] = {"dtype": like.dtype, "device": like.device}
            with torch.inference_mode(mode=False):  # written to wherever the encoder is run
                shape = (views, patches, heads, width)
                made = (torch.zeros(shape, **of), torch.zeros(shape, **of), torch.zeros(shape, **of))
            row, column = torch.eye(rows, **of), torch.eye(columns, **of)
            places = torch.cat([row.repeat_interleave(columns, 0), column.repeat(rows, 1)], dim=1)
            made[1][..., channels : channels + rows + columns] = places[:, None]
            self._rooms[key] = made
        return self._rooms[key]

    def _table(self, number: int, attention: Any, rows: int, columns: int) -> torch.Tensor:
        """Return a layer's tables of distances (2 · rows - 1 + 2 · columns - 1, channels), the farthest before first.

        The product of queries and keys is scaled as a whole afterwards, the native class's bias is not.
        """
        key = (number, rows, columns)
        if key not in self._tables:
            parts = []
            for count, table in ((rows, attention.rel_pos_h), (columns, attention.rel_pos_w)):
                placed = attention.get_rel_pos(count, count, table)  # (queries, keys, channels)
                parts += [placed[-1], placed[0, 1:]]
            self._tables[key] = torch.cat(parts) / attention.scale
        return self._tables[key]


class Recorded:
    """A function of one tensor, recorded on a GPU as a CUDA graph for each shape, and replayed: one launch for all.

    A shape is recorded when it comes for the second time. What the function reads beside its argument must stay where
    it is. On a CPU, and where gradients are wanted, the function is called as it is.
    """

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self._function = function
        self._seen: set[tuple[torch.Size, torch.dtype]] = set()
        self._graphs: dict[tuple[torch.Size, torch.dtype], tuple[Any, torch.Tensor, torch.Tensor]] = {}

    def __call__(self, given: torch.Tensor) -> torch.Tensor:
        """Return what the function returns; the tensor is the caller's own."""
        if given.device.type != "cuda" or torch.is_grad_enabled():
            return self._function(given)
        key = (given.shape, given.dtype)
        if key not in self._graphs:
            if key not in self._seen:
                self._seen.add(key)
                return self._function(given)
            self._graphs[key] = self._record(given)
        graph, read, written = self._graphs[key]
        read.copy_(given)
        graph.replay()
        return written.clone()

    def _record(self, given: torch.Tensor) -> tuple[Any, torch.Tensor, torch.Tensor]:
        with torch.inference_mode(mode=False), torch.no_grad():
            read = torch.empty(given.shape, dtype=given.dtype, device=given.device)
            read.copy_(given)
            beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            beside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(beside):
                self._function(read)
            torch.cuda.current_stream().wait_stream(beside)
            torch.cuda.synchronize()
            graph = torch.cuda.CUDAGraph()
            # On a stream of its own: what is recorded on one stream shares its working memory, and this may be replayed
            # while something else is. Other threads prepare pages meanwhile; what they do must not end the recording.
            with torch.cuda.graph(graph, stream=beside, capture_error_mode="thread_local"):
                written = self._function(read)
        return graph, read, written

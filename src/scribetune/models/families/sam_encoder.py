"""SAM's encoder without gradients, on a GPU in a fraction of the native class's launches and memory traffic.

The native attention adds relative positions as a bias: a matrix of (heads, patches, patches) per view and layer, made
of small tables that are interpolated, indexed by coordinates from the host and expanded in every call. That bias is
query · table, row by row and column by column; so it can be part of the product of queries and keys: a query gets its
products with the tables as further components, a key gets ones where its row and its column are. What is left is plain
attention, without a bias in memory, by the quickest kernel that there is.

Figures are in docs/evidence/training.md; `measurements/vision_pass.py` takes them.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn import functional

_MULTIPLE = 8
"""Attention kernels take head sizes that are multiples of it."""


_Slices = tuple[slice, slice]


def _blocks(size: tuple[int, int], window: tuple[int, int]) -> Iterator[tuple[tuple[_Slices, _Slices], _Slices]]:
    """Divide a grid of patches into blocks of windows that are alike: whole ones, and those cut at an edge.

    Yields ((windows down and across, rows and columns within them), rows and columns of the grid).
    """
    parts = []
    for count, side in zip(size, window, strict=True):
        whole, rest = divmod(count, side)
        found = [(slice(0, whole), slice(0, side), slice(0, whole * side))] if whole else []
        if rest:
            found.append((slice(whole, whole + 1), slice(0, rest), slice(whole * side, count)))
        parts.append(found)
    for down, rows, place in parts[0]:
        for across, columns, beside in parts[1]:
            yield ((down, across), (rows, columns)), (place, beside)


def _divided(patches: torch.Tensor, windows: _Slices, inside: _Slices, axis: int) -> torch.Tensor:
    """Return a block of patches whose rows and columns, from that axis on, are windows and places within them."""
    (down, across), (rows, columns) = (tuple(part.stop - part.start for part in parts) for parts in (windows, inside))
    return torch.unflatten(torch.unflatten(patches, axis + 1, (across, columns)), axis, (down, rows))


class Front:
    """The encoder (a native `…SamVisionEncoder`) for views of any size; it keeps tables that depend on sizes alone.

    Weights are those of the encoder while it is used; it is made anew where they change.
    """

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self._tables: dict[tuple[int, int, int], torch.Tensor] = {}
        self._rooms: dict[tuple[int, ...], torch.Tensor] = {}
        self._positions: dict[tuple[int, int], torch.Tensor] = {}

    def __call__(self, views: torch.Tensor) -> torch.Tensor:
        """Return features (views, channels, rows, columns) of views (views, 3, height, width)."""
        encoder = self._encoder
        # Patches side by side in memory: as the convolution leaves them, every layer would copy them first.
        hidden = encoder.patch_embed(views).contiguous()
        if encoder.pos_embed is not None:
            rows, columns = hidden.shape[1:3]
            if (rows, columns) not in self._positions:
                self._positions[rows, columns] = encoder.interpolate_pos_encoding(rows, columns).contiguous()
            hidden = hidden + self._positions[rows, columns]
        for number, layer in enumerate(encoder.layers):
            hidden = hidden + self._attention(number, layer.attn, layer.layer_norm1(hidden), layer.window_size)
            hidden = hidden + layer.mlp(layer.layer_norm2(hidden))
        features: torch.Tensor = encoder.proj(encoder.neck(hidden))
        return features

    def _attention(self, number: int, attention: Any, hidden: torch.Tensor, window: int) -> torch.Tensor:
        """Return what patches (views, rows, columns, width) gather; `window` 0: of all patches of the view."""
        views, rows, columns, _ = hidden.shape
        heads = attention.num_attention_heads
        projected = attention.qkv(hidden).view(views, rows, columns, 3, heads, -1).permute(3, 0, 1, 2, 4, 5)
        channels = projected.shape[-1]
        grid = (window, window) if window else (rows, columns)
        down, across = -(-rows // grid[0]), -(-columns // grid[1])
        room = self._room(grid, (views, down, across), heads, channels, like=hidden)
        # (3, views, windows down, across, rows, columns, heads, wider): queries, keys and values
        by_window = room.view(3, views, down, across, *grid, heads, -1)
        for (there, inside), block in _blocks((rows, columns), grid):
            part = projected[:, :, block[0], block[1]]
            part = _divided(part, there, inside, 2).transpose(3, 4)
            by_window[:, :, there[0], there[1], inside[0], inside[1], :, :channels] = part
        if attention.qkv.bias is not None and (rows % grid[0] or columns % grid[1]):
            # What lies outside of the view is zero before queries, keys and values are made of it.
            outside = attention.qkv.bias.view(3, 1, 1, 1, 1, 1, heads, channels)
            by_window[:, :, down - 1 :, :, rows % grid[0] or grid[0] :, :, :, :channels] = outside
            by_window[:, :, :, across - 1 :, :, columns % grid[1] or grid[1] :, :, :channels] = outside
        if attention.use_rel_pos:
            self._place(number, attention, grid, room, channels)
        queries, keys, values = room.transpose(2, 3)  # each (windows, heads, patches, wider)
        attended = functional.scaled_dot_product_attention(queries, keys, values, scale=attention.scale)
        attended = attended.transpose(1, 2)[..., :channels]
        attended = torch.unflatten(torch.unflatten(attended, 1, grid), 0, (views, down, across))
        if (down, across) == (1, 1):
            gathered = attended.reshape(views, rows, columns, heads * channels)
        else:
            gathered = hidden.new_empty(views, rows, columns, heads, channels)
            for (there, inside), block in _blocks((rows, columns), grid):
                part = attended[:, there[0], there[1], inside[0], inside[1]].transpose(2, 3)
                _divided(gathered[:, block[0], block[1]], there, inside, 1).copy_(part)
            gathered = gathered.flatten(3)
        out: torch.Tensor = attention.proj(gathered)
        return out

    def _place(self, number: int, attention: Any, grid: tuple[int, int], room: torch.Tensor, channels: int) -> None:
        """Write the bias of positions into queries, behind their channels; see the module's text."""
        _, windows, _, heads, width = room.shape
        # A query's product with the table for each distance, (windows, patches, heads, distances): row i finds the
        # distances to rows 0, 1, … from place `rows - 1 - i` on.
        queries = room[0]
        products = queries.view(-1, width)[:, :channels] @ self._table(number, attention, *grid).t()
        products = products.view(windows, *grid, heads, -1)
        by_place = queries.view(windows, *grid, heads, width)
        place = channels
        for axis, count in enumerate(grid, start=1):
            strides = list(products.stride())
            strides[axis] -= 1
            first = (2 * grid[0] - 1 if axis == 2 else 0) + count - 1
            seen = products.as_strided((windows, *grid, heads, count), strides, products.storage_offset() + first)
            by_place[..., place : place + count] = seen
            place += count

    def _room(
        self, grid: tuple[int, int], windows: tuple[int, int, int], heads: int, channels: int, *, like: torch.Tensor
    ) -> torch.Tensor:
        """Return memory for queries, keys and values, (3, windows, patches, heads, wider).

        Keys have ones already where each of them is; what nobody writes to is zero.
        """
        key = (*grid, *windows, heads, channels)
        if key not in self._rooms:
            rows, columns = grid
            width = -(-(channels + rows + columns) // _MULTIPLE) * _MULTIPLE
            of: dict[str, Any] = {"dtype": like.dtype, "device": like.device}
            with torch.inference_mode(mode=False):  # written to wherever the encoder is run
                made = torch.zeros((3, math.prod(windows), rows * columns, heads, width), **of)
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
